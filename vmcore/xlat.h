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

/* Facts about the memory that only the file knows; all zero when it knows none. */
struct xlat_hint {
	bool has_phys_base; /* a PT_LOAD maps the kernel text: paddr - (vaddr - text base) */
	int64_t phys_base;
};

/* Takes from one PT_LOAD what it tells; nothing for a machine without a row. */
void xlat_hint_add(uint16_t machine, struct xlat_hint *hint, vaddr_t vaddr, paddr_t paddr);

struct xlat; /* set up once, then only read: one may serve all threads */

/* One leaf of the tables: all of [vaddr, vaddr + size) is at paddr. size is 4K, 2M or 1G. */
struct xlat_leaf {
	vaddr_t vaddr;
	paddr_t paddr;
	uint64_t size;
	bool writable; /* as the entries on all levels have it */
};

/*
 * Sets up translation for ELF @machine from @vi (borrowed for the call). @read and @ctx must
 * outlive it; @hint may be NULL. ERR_UNSUPPORTED for a machine without a row, ERR_NOTFOUND
 * when a key that it needs is missing (named in the text), ERR_CORRUPT when one cannot be true.
 * It reads memory only to choose between a phys_base of @vi and another one of @hint.
 */
int xlat_create(uint16_t machine, const struct vmcoreinfo *vi, const struct xlat_hint *hint,
		xlat_read_fn read, void *ctx, struct xlat **ret, struct err *err);
void xlat_destroy(struct xlat *x);

/*
 * The leaf that holds @va. ERR_NOTFOUND when it is not mapped, ERR_CORRUPT for a bad entry, or
 * the code of @read: ERR_NOTFOUND too when a table lies outside of memory. At most
 * xlat_levels() words are read.
 */
int xlat_walk(const struct xlat *x, vaddr_t va, struct xlat_leaf *ret, struct err *err);

/* The physical address of @va; errors as above. */
int xlat_paddr(const struct xlat *x, vaddr_t va, paddr_t *ret, struct err *err);

/*
 * The leaf with the lowest address that reaches into [@va, @end): true with @ret filled, or
 * false when there is none. It may begin before @va and end behind @end. What is not mapped,
 * and what hangs on an entry that cannot be read or believed, is passed over. For going
 * through a range: continue with @va = ret->vaddr + ret->size, and stop if that wraps to 0. The
 * work is bounded by the range, so keep it to a few GiB.
 */
bool xlat_next(const struct xlat *x, vaddr_t va, vaddr_t end, struct xlat_leaf *ret);

/* What is called on a tour through the tables; both get @ctx. */
struct xlat_tour {
	/*
	 * A table: lends its @size bytes at *@words, which need hold only until the next call of
	 * either. A negative code passes over what hangs on the table.
	 */
	int (*table)(void *ctx, paddr_t table, size_t size, const uint8_t **words);
	/* A leaf; may be NULL. */
	void (*leaf)(void *ctx, const struct xlat_leaf *leaf);
	void *ctx;
};

/*
 * Goes through the kernel's own address space from @start to @last (both inside): the root and
 * every table that hangs on it there, each at least once, at most @max in all, and what they
 * map, by ascending address. The tables are the pages without which nothing else of the dead
 * kernel can be found. Returns how many were visited, so that ranges may share a @max.
 */
size_t xlat_tour(const struct xlat *x, vaddr_t start, vaddr_t last, size_t max,
		 const struct xlat_tour *tour);

/* Levels of the page tables (4 or 5 on x86_64), for logs. */
unsigned int xlat_levels(const struct xlat *x);

/*
 * The kernel image [start, end) in virtual memory: what is mapped in it, found by xlat_next(),
 * is never to be excluded from a dump. It begins at or a little before _text and ends behind
 * the last leaf mapped in the window of the image: the kernel itself unmaps what it does not
 * use there (x86_64: cleanup_highmap()). So memory inside that was freed after boot but is
 * still mapped counts as image. ERR_NOTFOUND when unknown, or when nothing is mapped there.
 */
int xlat_kernel_image(const struct xlat *x, vaddr_t *start, vaddr_t *end, struct err *err);

#endif
