/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan: goes through the struct pages, section by section, and clears from the bitmap what
 * the dump level leaves out. Sections are shared out to threads; the result does not depend
 * on who does which, since bits are only ever cleared. Tails of free blocks, huge and
 * compound pages are stepped over without being touched.
 */
#ifndef COLLECTOR_SCAN_H
#define COLLECTOR_SCAN_H

#include <stdint.h>

#include "collector/bitmap.h"
#include "collector/pageclass.h"

struct err;
struct kmem;
struct memmap;
struct pfn_list;

struct scan {
	const struct kmem *km;
	const struct memmap *mm;
	const struct pageclass *pc;
	unsigned int level;
	unsigned int threads;
	struct bitmap *kept; /* in: every page of memory; out: those to dump */
	/* Low flags of a page that never went through the allocator, 0 when not known ... */
	uint64_t reserved_flags;
	/* ... and where such pages are listed; in no order. Serves the order of writing only. */
	struct pfn_list *reserved;
};

struct scan_counts {
	uint64_t excluded[PAGE_CLASSES]; /* pages really cleared, by class */
	uint64_t unreadable; /* pages kept because their struct page could not be read */
	uint64_t scanned; /* struct pages looked at */
};

enum {
	SCAN_WINDOW = 4 << 20, /* bytes of struct pages mapped at once, a thread */
};

/* Does it. ERR_NOMEM, or what setting up a window said; never for a page that is unreadable. */
int scan_run(const struct scan *scan, struct scan_counts *ret, struct err *err);

#endif
