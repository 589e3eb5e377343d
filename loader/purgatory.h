/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * purgatory: what the loader tells the purgatory, in the purgatory's own image: the first bytes of it are
 * code, this structure follows at PURGATORY_INFO_AT.
 */
#ifndef LOADER_PURGATORY_H
#define LOADER_PURGATORY_H

#include <stdint.h>

#include "base/sha256.h"

enum {
	PURGATORY_INFO_AT = 16,
	PURGATORY_REGIONS_MAX = 16, /* KEXEC_SEGMENT_MAX of linux/kexec.h */
	PURGATORY_NAME_MAX = 16,
};

#define PURGATORY_MAGIC 0x5452414642454c31ULL

/* A segment as it was handed to the kernel; what the kernel fills with zeros is part of it. */
struct purgatory_region {
	uint64_t start, size;
	uint8_t digest[SHA256_SIZE];
	char name[PURGATORY_NAME_MAX];
};

struct purgatory_info {
	uint64_t magic;
	uint64_t entry; /* of the kernel, 64-bit boot protocol */
	uint64_t boot_params;
	uint32_t serial; /* I/O port of a UART like the 16550; 0: there is none */
	uint32_t nregions;
	struct purgatory_region regions[PURGATORY_REGIONS_MAX];
};

#endif
