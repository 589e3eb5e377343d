/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * newc: the headers of a cpio archive as the kernel takes it for an initrd:
 * Documentation/driver-api/early-userspace/buffer-format.rst. A header, the name with its zero, fill
 * to a multiple of NEWC_ALIGN, the content, fill again; the last file is called NEWC_TRAILER.
 */
#ifndef BASE_NEWC_H
#define BASE_NEWC_H

#include <stdbool.h>
#include <stdint.h>

enum {
	NEWC_SIZE = 110, /* bytes of a header */
	NEWC_ALIGN = 4,
	NEWC_NAME_MAX = 4096, /* bytes of a name with its zero: the kernel takes no longer one */
};

#define NEWC_TRAILER "TRAILER!!!"

/*
 * Of an initrd in two parts, the file in the first one that holds the second, packed by zstd: the first
 * part is what the kernel unpacks, when its memory is shortest, the second one is unpacked by
 * lifeboat-collect as the first process (collector/boot.h). Made by lifeboat-mkinitrd.
 */
#define NEWC_REST "rest.cpio.zst"

struct newc {
	uint32_t mode; /* as of stat(2) */
	uint32_t links;
	uint32_t size; /* bytes of content */
	uint32_t name_size; /* bytes, with its zero: 1 to NEWC_NAME_MAX */
};

/* Takes a header apart; false: it is none. */
bool newc_read(const uint8_t header[NEWC_SIZE], struct newc *ret);

/* Bytes of fill behind @at bytes of the archive. */
static inline uint32_t newc_fill(uint64_t at)
{
	return -at & (NEWC_ALIGN - 1);
}

#endif
