/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memmap: where the dead kernel keeps its struct pages.
 *
 * A memory model is a row of a const table, chosen by which keys vmcoreinfo has. All of them
 * come down to the same thing: sections of consecutive page frames, each with the virtual
 * address of its first struct page.
 */
#ifndef COLLECTOR_MEMMAP_H
#define COLLECTOR_MEMMAP_H

#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct bitmap;
struct err;
struct kmem;

enum {
	MEMMAP_SECTIONS_MAX = 1 << 24, /* 2^24 of 128 MiB are 2 PiB */
	MEMMAP_SECTION_BITS_MIN = 20, /* SECTION_SIZE_BITS taken: 1 MiB ... */
	MEMMAP_SECTION_BITS_MAX = 36, /* ... to 64 GiB */
};

/* One of the kernel, or a piece of it: all of it lies in one block of a bitmap. */
struct memmap_section {
	pfn_t pfn; /* its first page frame */
	uint64_t npages;
	vaddr_t vaddr; /* of the struct page of that frame */
};

struct memmap {
	const char *model; /* "sparsemem_extreme", "sparsemem", "flatmem" */
	struct memmap_section *sections; /* ascending by pfn; owned */
	size_t nsections;
	uint64_t bad_sections; /* of which the table cannot be read, or not believed: pages kept */
};

/*
 * Finds the sections of the kernel behind @km that hold any of the page frames set in @ram; a
 * struct page takes @page_size bytes. ERR_NOTFOUND when no model's keys are there, ERR_CORRUPT
 * or the reader's error when the tables make no sense. The caller deinits.
 */
int memmap_init(struct memmap *mm, const struct kmem *km, uint32_t page_size,
		const struct bitmap *ram, struct err *err);

/*
 * The same, but finds them where makedumpfile 1.7.8 does: 32 bytes off in the sections that have
 * the flag VMEMMAP_PREINIT (6.15), which it takes for a part of the address.
 */
int memmap_init_compat(struct memmap *mm, const struct kmem *km, uint32_t page_size,
		       const struct bitmap *ram, struct err *err);

void memmap_deinit(struct memmap *mm);

/* Index of the first section that ends behind @pfn; nsections when none does. */
size_t memmap_first(const struct memmap *mm, pfn_t pfn);

/* Where the struct page of @pfn is, 0 when no section holds it. */
vaddr_t memmap_page(const struct memmap *mm, pfn_t pfn, uint32_t page_size);

#endif
