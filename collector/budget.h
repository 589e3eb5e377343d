/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * budget: how much memory the collector may take, and what gets which part of it. Decided once
 * for a dump, before the plan: from what the options say, or else from what is free.
 *
 * When it is short, in this order: smaller blocks, down to 64 pages; no bitmap of all memory
 * (collector/keep.h), which costs more scans; yet smaller blocks; fewer workers. One worker
 * with the smallest blocks works whatever the budget is.
 */
#ifndef COLLECTOR_BUDGET_H
#define COLLECTOR_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ladder;

enum {
	BUDGET_PROGRAM = 3 << 20, /* code, stacks, what the libraries take, lists of ranges */
	BUDGET_WORKER = 64 << 10, /* of each: stack, names of slabs; buffers and contexts apart */
	BUDGET_SECTION = 32, /* of each block of the bitmap: its section, and counts */
	BUDGET_RESERVE = 16 << 20, /* left for others of what is free, at least */
	BUDGET_BLOCK_MIN = 16, /* pages of a block */
	BUDGET_WINDOW = 512 << 10, /* bytes mapped at once by a worker, at most */
};

struct budget_need {
	uint64_t memory; /* --memory; 0: from what is free */
	unsigned int threads; /* wanted */
	uint64_t page_size;
	uint64_t bitmap; /* bytes that a bitmap of all memory takes */
	bool dense; /* it has to be held */
	const struct ladder *ladder; /* the codecs that each worker has a context of */
	size_t nsinks; /* that get buffers */
	uint64_t other; /* bytes that are taken whatever is decided here */
};

struct budget {
	uint64_t total; /* bytes */
	uint64_t free; /* of which it was taken, 0: the options said so */
	unsigned int threads;
	size_t block_pages; /* of a block of the pipeline */
	size_t window; /* bytes mapped at once by a worker ... */
	size_t scan_window; /* ... and by a thread that scans */
	uint64_t sink; /* bytes of buffers for each sink: sink_buffer() */
	uint64_t bitmap; /* bytes for the bitmap, or for the blocks of it that are kept */
	bool held; /* all of it is held */
	uint64_t more; /* bytes that budget_more() was told of */
	uint64_t used; /* what all of it comes to, at most; more than total: it is too little */
};

/* What the collector takes at most where @free bytes are free: the rest is the kernel's. */
uint64_t budget_of_free(uint64_t free);

void budget_make(struct budget *b, const struct budget_need *need);

/*
 * The same when it has turned out that @more bytes are taken besides what @need says: smaller blocks
 * and fewer workers make room for them. The bitmap, which is there by now, stays as it is.
 */
void budget_more(struct budget *b, const struct budget_need *need, uint64_t more);

enum {
	BUDGET_TEXT_MAX = 400,
};

/* What goes where, in a line for the log. */
void budget_text(const struct budget *b, char buf[static BUDGET_TEXT_MAX]);

#endif
