/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan: which pages go into the dump, in what order, and what was left out and why. Made
 * once; from then on nothing more is allocated and the plan is only read.
 */
#ifndef COLLECTOR_PLAN_H
#define COLLECTOR_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/bitmap.h"
#include "collector/order.h"
#include "collector/scan.h"

struct err;
struct keep;
struct kmem;

enum {
	PLAN_NOTES_MAX = 12,
	PLAN_NOTE_MAX = 240,
};

/* Page frames taken at most: 2^36 of 4 KiB are 256 TiB, whose two bitmaps are 16 GiB of file. */
#define PLAN_PFN_MAX (1ULL << 36)

struct plan {
	unsigned int level; /* as asked for, and what the input was filtered at already */
	unsigned int effective_level; /* less the classes that had to be switched off */
	uint64_t page_size;
	unsigned int page_shift;
	pfn_t max_pfn; /* one above the last frame of memory */
	struct bitmap kept; /* for one thread at a time where there is a keep */
	struct keep *keep; /* makes the blocks of kept, NULL where they are all held; owned */
	uint64_t ram_pages; /* frames of which a byte is memory: bits set in bitmap1 */
	uint64_t absent_pages; /* would be kept, but the input was filtered or is incomplete */
	uint64_t kept_pages; /* bits set in kept */
	struct scan_counts counts;
	uint64_t image_pages; /* pages of the kernel image that were kept against their class */
	uint64_t bad_sections;
	/* Of a plan for an ELF core: */
	uint64_t zero_pages; /* pages of zeros, cleared from kept */
	uint64_t filled_pages; /* pages that are left out elsewhere and stand in for small gaps */
	const char *model; /* memory model, "" when the struct pages were not needed or found */
	struct pfn_list order;
	/* Of its ranges, the first ones: what backtraces, tasks and the log take, with which a
	 * reader opens the dump. 0 where the struct pages were not looked at. */
	size_t essential;
	struct rank rank;
	/* What is not as it should be: classes not excluded, and why. In words, for the log,
	 * the manifest and the report. */
	char notes[PLAN_NOTES_MAX][PLAN_NOTE_MAX];
	size_t nnotes;
};

/*
 * Plans a dump of @km at @level with @threads threads. Struct pages that cannot be found or
 * understood are no error: what they would have excluded is kept, and a note says so.
 * ERR_NOMEM, ERR_LIMIT, ERR_NODATA when there is no memory to dump at all.
 * The caller deinits.
 */
int plan_init(struct plan *plan, const struct kmem *km, unsigned int level, unsigned int threads,
	      struct err *err);

/*
 * The same for an ELF core, which can leave out only what is worth a program header of its
 * own: pages of zeros are really cleared, at a @level that says so, and gaps of less than
 * DENSE_GAP pages between kept ones are filled, as far as their pages may be read.
 */
int plan_init_dense(struct plan *plan, const struct kmem *km, unsigned int level,
		    unsigned int threads, struct err *err);

/* What is asked of a plan. */
struct plan_wish {
	unsigned int level, threads;
	bool dense; /* as plan_init_dense() makes it */
	bool compat; /* with the pages that makedumpfile would take: pageclass_imitate() */
	/* Bytes that the bitmap may take; with less than it wants its blocks are made when they
	 * are asked for: collector/keep.h. 0: as many as it wants. Not looked at when dense. */
	uint64_t bitmap;
	size_t scan_window; /* bytes of struct pages mapped at once, a thread; 0: SCAN_WINDOW */
};

/* Bytes that a bitmap of all memory behind @km takes. */
uint64_t plan_bitmap_bytes(const struct kmem *km);

/* How many times a block was made that was not as planned: keep_changed(). */
uint64_t plan_changed(const struct plan *plan);

int plan_init_wish(struct plan *plan, const struct kmem *km, const struct plan_wish *wish,
		   struct err *err);
void plan_deinit(struct plan *plan);

/* Sets or clears in @words the bits of frames [@start, @start + 64 * @nwords) that are memory:
 * bitmap1 of the dump file. @start is a multiple of 64. */
void plan_ram_words(const struct plan *plan, const struct kmem *km, pfn_t start, uint64_t *words,
		    size_t nwords);

#endif
