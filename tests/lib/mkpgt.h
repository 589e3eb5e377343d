/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkpgt: page tables of x86_64 made in memory, for tests of what walks them. The tables lie in
 * one stretch of physical memory that a test may also put into a synthetic core.
 */
#ifndef TESTS_LIB_MKPGT_H
#define TESTS_LIB_MKPGT_H

#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;

#define MKPGT_START_KERNEL_MAP 0xffffffff80000000ULL

enum {
	MKPGT_PAGE = 4096,
	MKPGT_PTE = 0, /* levels of entries, as numbers for mkpgt_entry() */
	MKPGT_PMD = 1,
	MKPGT_PUD = 2,
	MKPGT_P4D = 3, /* the PGD with 4 levels */
	MKPGT_PGD = 4, /* only with 5 levels */
	MKPGT_PRESENT = 1 << 0,
	MKPGT_LARGE = 1 << 7,
};

struct mkpgt {
	paddr_t base; /* of mem; the root is its first page */
	uint8_t *mem; /* owned */
	size_t npages, used; /* pages of mem, and those that are tables by now */
	unsigned int levels; /* 4 or 5 */
	uint64_t enc; /* memory encryption bit that goes into every entry, or 0 */
	uint64_t reads; /* words read by mkpgt_read(), counted */
};

/* Room for @npages tables at @base. Running out of room or of memory aborts the test. */
void mkpgt_init(struct mkpgt *pg, paddr_t base, size_t npages, unsigned int levels, uint64_t enc);
void mkpgt_deinit(struct mkpgt *pg);

/* Maps [va, va + size) to pa by leaves of @leaf bytes: 4096, 2 MiB or 1 GiB. */
void mkpgt_map(struct mkpgt *pg, vaddr_t va, paddr_t pa, uint64_t size, uint64_t leaf);

/* The entry for @va at @level, with the tables on the way to it made where they are missing. */
uint64_t *mkpgt_entry(struct mkpgt *pg, vaddr_t va, unsigned int level);

/* An xlat_read_fn; @ctx is the struct mkpgt. ERR_NOTFOUND outside of the tables' memory. */
int mkpgt_read(void *ctx, paddr_t paddr, uint64_t *ret, struct err *err);

#endif
