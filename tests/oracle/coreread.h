/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coreread: the tests' own reader of an ELF64 vmcore: physical memory through its PT_LOADs.
 */
#ifndef ORACLE_COREREAD_H
#define ORACLE_COREREAD_H

#include <stdint.h>

#define CORE_WHY_MAX 256

struct core_load {
	uint64_t paddr, len, offset; /* len: bytes that are in the file */
};

struct core {
	const uint8_t *map;
	uint64_t size;
	struct core_load *load;
	uint64_t nload;
};

/* 0, or -1 with a sentence in why. */
int core_open(struct core *core, const char *path, char why[CORE_WHY_MAX]);
void core_close(struct core *core);

/*
 * Physical memory at [paddr, paddr + len): the number of its bytes that the core holds. Where
 * PT_LOADs overlap, the first in the file speaks. A byte that is held is stored in out, and its
 * place in held is 1; the others are 0 in both.
 */
uint64_t core_read(const struct core *core, uint64_t paddr, uint64_t len, uint8_t *out,
		   uint8_t *held);

#endif
