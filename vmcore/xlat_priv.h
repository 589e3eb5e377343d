/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xlat_priv: what the files of the architectures share. docs/new-architecture.md says what a
 * row must do.
 */
#ifndef VMCORE_XLAT_PRIV_H
#define VMCORE_XLAT_PRIV_H

#include "vmcore/xlat.h"

enum {
	XLAT_PAGE_SHIFT_MIN = 12, /* no row has smaller leaves; xlat_next() steps by them */
};

/* A row of the table. All but machine and name are functions; they neither allocate nor keep. */
struct xlat_arch {
	const char *name; /* utsname's machine: "x86_64" */
	uint16_t machine; /* ELF e_machine */

	/* Fills root, levels, addr_mask, image_start and image_limit of @x. */
	int (*setup)(struct xlat *x, const struct vmcoreinfo *vi, const struct xlat_hint *hint,
		     struct err *err);

	/*
	 * xlat_walk(). On failure *@hole is the first address behind @va that another entry may
	 * map, or 0 when there is none: behind the entry that failed, or at the upper end of the
	 * address space.
	 */
	int (*walk)(const struct xlat *x, vaddr_t va, struct xlat_leaf *ret, vaddr_t *hole,
		    struct err *err);

	/* xlat_tour(), with @start no higher than @last */
	size_t (*tour)(const struct xlat *x, vaddr_t start, vaddr_t last, size_t max,
		       const struct xlat_tour *tour);

	/* xlat_hint_add() */
	void (*hint_add)(struct xlat_hint *hint, vaddr_t vaddr, paddr_t paddr);
};

struct xlat {
	const struct xlat_arch *arch;
	xlat_read_fn read;
	void *ctx;
	paddr_t root; /* table of the highest level */
	unsigned int levels;
	uint64_t addr_mask; /* bits of an entry that are address */
	/* Where the kernel image begins, and where it ends at the latest; 0 when unknown. */
	vaddr_t image_start, image_limit;
};

extern const struct xlat_arch xlat_x86_64;

#endif
