/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slabs: which slabs a reader of a dump looks into first: those of tasks, and those that it goes
 * through to find them. A machine may have gigabytes of others: names of files and inodes.
 *
 * The struct page of a slab points to its kmem_cache, and that to its name. vmcoreinfo tells
 * neither place. So every place is tried at which kernels have had the pointer, and every
 * word of what it points to; only what comes out as a name that is known is believed. A
 * mistake costs order only.
 */
#ifndef COLLECTOR_SLABS_H
#define COLLECTOR_SLABS_H

#include <stdint.h>

#include "crashnotes/addr.h"

struct kmem;
struct memmap;

enum {
	SLABS_KNOWN = 1024, /* pointers remembered */
	SLABS_LOOKS_MAX = 1 << 16, /* looked into at most: a machine has some hundred caches */
};

/* By falling worth. */
enum slabs_worth {
	SLABS_TASKS, /* of tasks and what leads to them */
	SLABS_GENERAL, /* kmalloc(): much hangs in there that is there once, and much else */
	SLABS_OTHER,
};

/* One thread's memory of what it looked at; 16 KiB. */
struct slabs {
	const struct kmem *km; /* borrowed */
	uint32_t page_size; /* of struct page */
	vaddr_t memmap, memmap_end; /* what points in there is a link of a list */
	unsigned int looks; /* made so far */
	struct slabs_known {
		vaddr_t cache;
		enum slabs_worth worth;
	} known[SLABS_KNOWN];
};

void slabs_init(struct slabs *s, const struct kmem *km, const struct memmap *mm,
		uint32_t page_size);

/* What the slab is worth of which @page is the (first) struct page. */
enum slabs_worth slabs_worth(struct slabs *s, const uint8_t *page);

#endif
