/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scan: goes through the struct pages, section by section, and clears from the bitmap what
 * the dump level leaves out. Sections are shared out to threads; the result does not depend
 * on who does which, since bits are only ever cleared. Tails of free blocks, huge and
 * compound pages are stepped over without being touched.
 */
#ifndef COLLECTOR_SCAN_H
#define COLLECTOR_SCAN_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/bitmap.h"
#include "collector/order.h"
#include "collector/slabs.h"
#include "vmcore/pageclass.h"
#include "vmcore/vmcore.h"

struct err;
struct kmem;
struct memmap;
struct memmap_section;

/* What is told of kept pages for the order of writing: docs/dump-format.md. */
enum scan_note {
	NOTE_RESERVED, /* set aside at boot: they never went through the allocator */
	NOTE_TASKS, /* slabs of tasks and what leads to them: collector/slabs.h */
	NOTE_GENERAL, /* those of kmalloc() */
	NOTE_SLAB, /* other slabs */
	/* Of a dump level that keeps pages which another one leaves out: */
	NOTE_KERNEL, /* kept at any level, and none of the above */
	NOTE_FREE,
	SCAN_NOTES,
};

struct scan {
	const struct kmem *km;
	const struct memmap *mm;
	const struct pageclass *pc;
	unsigned int level;
	unsigned int threads;
	struct bitmap *kept; /* in: every page of memory; out: those to dump */
	/* Low flags of a page that never went through the allocator, 0 when not known. */
	uint64_t reserved_flags;
	struct pfn_list *notes; /* SCAN_NOTES lists, in no order; NULL: not asked for */
	/*
	 * Gaps of so many pages within a section may be swallowed by a list. It bounds the lists
	 * whatever the memory looks like, and makes them the same with any number of threads, on
	 * machines of less than 8 TiB; on larger ones wider gaps are swallowed as lists are joined.
	 */
	pfn_t note_gap;
	size_t window; /* bytes of struct pages mapped at once, a thread; 0: SCAN_WINDOW */
};

struct scan_counts {
	uint64_t excluded[PAGE_CLASSES]; /* pages really cleared, by class */
	uint64_t unreadable; /* pages kept because their struct page could not be read */
	uint64_t scanned; /* struct pages looked at */
};

enum {
	SCAN_WINDOW = 4 << 20,
};

/* Does it. ERR_NOMEM, or what setting up a window said; never for a page that is unreadable. */
int scan_run(const struct scan *scan, struct scan_counts *ret, struct err *err);

/*
 * The same a section at a time, for who holds only a block of the bitmap.
 *
 * What a section's last pages say may reach behind its end: a huge page begins in one section
 * and ends in another. Every section is scanned as if there were no other, and such ranges,
 * at most one a section, are put down here and cleared when all is scanned: so the result does
 * not depend on who scans what, and when.
 */
struct scan_spill {
	pfn_t start, end;
	enum page_class class;
};

struct scan_spills {
	struct scan_spill *list; /* owned */
	size_t room;
	atomic_size_t n; /* more than room never */
};

int scan_spills_init(struct scan_spills *spills, size_t nsections, struct err *err);
void scan_spills_deinit(struct scan_spills *spills);

/* Brings them in the order of memory, the same whoever found them first. */
void scan_spills_sort(struct scan_spills *spills);

/* What one thread scans with. */
struct scanner {
	const struct scan *scan; /* kept and threads are not looked at */
	struct scan_spills *spills; /* NULL: they are known already */
	struct vmcore_window window;
	struct scan_counts counts;
	struct pfn_list notes[SCAN_NOTES]; /* owned; filled where the scan asks for notes */
	struct slabs slabs;
	/* Private: struct pages at hand, those of frames [pfn, end) from data on. */
	pfn_t pfn, end;
	const uint8_t *data;
};

int scanner_init(struct scanner *s, const struct scan *scan, struct scan_spills *spills,
		 struct err *err);
void scanner_deinit(struct scanner *s);

/* Clears in @words, the BITMAP_BLOCK bits of the block that @sec lies in, what is left out of
 * the pages of @sec. What is clear on entry is no memory. */
void scanner_section(struct scanner *s, const struct memmap_section *sec, uint64_t *words);

/* Adds what @s noted to the lists of @scan, if it wants them. */
void scan_notes_add(const struct scan *scan, const struct scanner *s);

void scan_counts_add(struct scan_counts *sum, const struct scan_counts *part);

#endif
