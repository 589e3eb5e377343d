/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pipeline: reads the kept pages, tests for zeros, compresses, and hands filled blocks to the
 * writer. Workers take blocks of pages in the plan's order and finish them in any order: the
 * descriptors' places are known from the plan, so nobody waits for a neighbour.
 *
 * A fixed ring of blocks (workers + 3) is all the memory there is; when the writer is slower
 * than the workers they wait for a free block. All of it is allocated before the first page,
 * a context of every codec that may be chosen included.
 */
#ifndef COLLECTOR_PIPELINE_H
#define COLLECTOR_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/constant.h"
#include "collector/ladder.h"

struct block;
struct err;
struct kmem;
struct pfn_list;
struct plan;

struct pipeline_conf {
	const struct kmem *km;
	const struct plan *plan;
	const struct ladder *ladder;
	const struct pfn_list *order; /* NULL: the plan's, which is all pages */
	bool drop_zeros; /* a page of zeros becomes size 0 (dump level bit 1) */
	/* Blocks reach the writer in the order in which their pages were taken, so that the same
	 * bytes come out whatever the number of workers, unless the ladder has more than a rung. */
	bool ordered;
	unsigned int workers;
	size_t block_pages; /* pages in a block, at most BLOCK_PAGES; 0: so many */
	size_t window; /* bytes mapped at once, a worker; 0: PIPELINE_WINDOW */
	/* What the writer writes goes through another program here, which wants the CPUs as well. */
	bool shares_cpus;
	bool map; /* maps the input even where reading it is the quicker way: as /proc/vmcore */
};

struct pipeline_stats {
	uint64_t pages; /* handed to the writer */
	uint64_t zero_pages; /* of those, zero */
	uint64_t raw_pages; /* of those, stored as they are: most do not shrink */
	uint64_t rung_pages[LADDER_RUNGS_MAX]; /* of those, packed by each rung of the ladder */
	uint64_t bytes; /* of page data handed over */
	unsigned int workers; /* that really ran */
};

/* Where blocks go: called from the thread that called pipeline_run(), one at a time. */
typedef int (*pipeline_write_fn)(void *ctx, const struct block *block, struct err *err);

/*
 * Called from that thread too, after each block, when it finds none to write, and then at least
 * once a second.
 */
typedef void (*pipeline_tick_fn)(void *ctx, const struct pipeline_stats *stats);

struct pipeline_out {
	pipeline_write_fn write;
	pipeline_tick_fn tick; /* may be NULL */
	void *ctx;
};

enum {
	PIPELINE_LEAD = 16, /* blocks, and one a worker: so far one that is late may fall behind */
	PIPELINE_SPARE_BLOCKS = 3,
	PIPELINE_WINDOW = 4 << 20, /* bytes mapped at once, a worker */
	PIPELINE_GAP = 32, /* pages not wanted that are mapped rather than jumped over ... */
	PIPELINE_GAP_COPY = 4, /* ... or read, where that takes a copy of each */
};

/* Bytes that @workers need with blocks of @block_pages pages of @page_size: for the budget. */
uint64_t pipeline_memory(const struct ladder *ladder, unsigned int workers, uint64_t page_size,
			 size_t block_pages);

/*
 * Runs it to the end. The first failure of write() stops it and is returned; @ret is filled
 * even then. ERR_NOMEM when the ring cannot be had even for one worker (fewer workers than
 * asked for are no error).
 */
int pipeline_run(const struct pipeline_conf *conf, const struct pipeline_out *out,
		 struct pipeline_stats *ret, struct err *err);

#endif
