/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * xlat: virtual to physical addresses of the dead kernel, by walking its page tables.
 *
 * It does no I/O: words of physical memory come by callback, symbols and numbers from the
 * vmcoreinfo table. An architecture is a row of a const table (struct xlat_arch), a file
 * each: xlat_x86_64.c now, arm64 next; docs/new-architecture.md lists what a row must do.
 */
#ifndef VMCORE_XLAT_H
#define VMCORE_XLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;
struct vmcoreinfo;

/* Reads one 64-bit little-endian word at @paddr; 0 or a negative code with @err filled. */
typedef int (*xlat_read_fn)(void *ctx, paddr_t paddr, uint64_t *ret, struct err *err);

/* Facts about the memory that only the file knows. */
struct xlat_hint {
	bool has_phys_base; /* a PT_LOAD maps the kernel text: paddr - (vaddr - text base) */
	int64_t phys_base;
};

struct xlat; /* set up once, then only read: one may serve all threads */

/* One leaf of the tables: all of [vaddr, vaddr + size) is at paddr. size is 4K, 2M or 1G. */
struct xlat_leaf {
	vaddr_t vaddr;
	paddr_t paddr;
	uint64_t size;
};

/*
 * Sets up translation for ELF @machine from @vi (borrowed for the call). @read and @ctx must
 * outlive it; @hint may be NULL. ERR_UNSUPPORTED for a machine without a row, ERR_NOTFOUND
 * when a key that it needs is missing (named in the text).
 */
int xlat_create(uint16_t machine, const struct vmcoreinfo *vi, const struct xlat_hint *hint,
		xlat_read_fn read, void *ctx, struct xlat **ret, struct err *err);
void xlat_destroy(struct xlat *x);

/* The leaf that holds @va. ERR_NOTFOUND when it is not mapped, ERR_CORRUPT for a bad entry. */
int xlat_walk(const struct xlat *x, vaddr_t va, struct xlat_leaf *ret, struct err *err);

/* The physical address of @va; errors as above. */
int xlat_paddr(const struct xlat *x, vaddr_t va, paddr_t *ret, struct err *err);

/* Levels of the page tables (4 or 5 on x86_64), for logs. */
unsigned int xlat_levels(const struct xlat *x);

/*
 * The kernel image [_stext or _text .. end): never to be excluded from a dump. *@end is from
 * the best the row knows (KERNEL_IMAGE_SIZE when nothing else). ERR_NOTFOUND when unknown.
 */
int xlat_kernel_image(const struct xlat *x, vaddr_t *start, vaddr_t *end, struct err *err);

#endif
