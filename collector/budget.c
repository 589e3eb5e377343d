// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/budget.h"

#include <inttypes.h>
#include <stdio.h>

#include "collector/block.h"
#include "collector/keep.h"
#include "collector/pipeline.h"
#include "collector/sink.h"

enum {
	BLOCK_SHORT = 64, // pages of a block that cost no speed worth a scan
	SLOTS = 256, // blocks of the bitmap that serve as well as any more
	SCAN_WINDOW_MIN = 256 << 10,
	SCAN_SHARE = 16, // part of the budget that all windows of the scan take
	SINK_SHARE = 8, // part of it that buffers of all sinks take
};

#define NO_LIMIT (UINT64_MAX / 2)

/* MemAvailable, bytes; 0 when the kernel does not say. */
static uint64_t memory_available(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	uint64_t kib = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib << 10;
}

uint64_t budget_of_free(uint64_t free)
{
	// The kernel needs some for what is on its way to the disk.
	uint64_t reserve = free / 4 > BUDGET_RESERVE ? free / 4 : BUDGET_RESERVE;

	return free > reserve ? free - reserve : 1;
}

static void set_total(struct budget *b, uint64_t told)
{
	b->total = told;
	if (told)
		return;
	b->free = memory_available();
	b->total = b->free ? budget_of_free(b->free) : NO_LIMIT;
}

/* Fills in all that follows from threads, block_pages and held; true when it fits. */
static bool fits(struct budget *b, const struct budget_need *need)
{
	uint64_t blocks = need->bitmap / (BITMAP_BLOCK / 8);
	uint64_t share = need->nsinks ? b->total / SINK_SHARE / need->nsinks : 0;
	uint64_t least = KEEP_SLOTS_MIN * sizeof(uint64_t) * (BITMAP_BLOCK / 64);
	uint64_t most = SLOTS * sizeof(uint64_t) * (BITMAP_BLOCK / 64);

	b->window = b->block_pages * need->page_size;
	if (b->window > BUDGET_WINDOW)
		b->window = BUDGET_WINDOW;
	b->scan_window = b->total / SCAN_SHARE / b->threads;
	if (b->scan_window < SCAN_WINDOW_MIN)
		b->scan_window = SCAN_WINDOW_MIN;
	if (b->scan_window > SCAN_WINDOW)
		b->scan_window = SCAN_WINDOW;
	// 0 would mean no limit.
	b->sink = need->nsinks ? sink_memory(share ? share : 1) : 0;
	b->bitmap = b->held ? need->bitmap : least;
	b->used = BUDGET_PROGRAM + need->other + blocks * BUDGET_SECTION + b->bitmap +
		  need->nsinks * b->sink +
		  pipeline_memory(need->ladder, b->threads, need->page_size, b->block_pages) +
		  b->threads * (uint64_t)(BUDGET_WORKER + b->window);
	if (!b->held && b->used < b->total) {
		uint64_t more = b->total - b->used;

		b->bitmap = more < most - least ? least + more : most;
		b->used += b->bitmap - least;
	}
	return b->used <= b->total;
}

/* The same with the bitmap, and what is mapped for a scan, as they were decided before. */
static bool fits_again(struct budget *b, const struct budget_need *need, const struct budget *was)
{
	fits(b, need);
	b->used = b->used - b->bitmap + was->bitmap;
	b->bitmap = was->bitmap;
	b->scan_window = was->scan_window;
	return b->used <= b->total;
}

static bool try_blocks(struct budget *b, const struct budget_need *need, size_t most, size_t least,
		       bool held)
{
	b->held = held;
	for (b->block_pages = most; b->block_pages >= least; b->block_pages /= 2)
		if (fits(b, need))
			return true;
	return false;
}

void budget_make(struct budget *b, const struct budget_need *need)
{
	*b = (struct budget){.threads = need->threads ? need->threads : 1};
	set_total(b, need->memory);
	for (;; b->threads--) {
		if (try_blocks(b, need, BLOCK_PAGES, BLOCK_SHORT, true) ||
		    (!need->dense && try_blocks(b, need, BLOCK_SHORT, BUDGET_BLOCK_MIN, false)) ||
		    (need->dense && try_blocks(b, need, BLOCK_SHORT / 2, BUDGET_BLOCK_MIN, true)))
			return;
		if (b->threads == 1)
			break;
	}
	b->block_pages = BUDGET_BLOCK_MIN;
	b->held = need->dense;
	fits(b, need);
}

void budget_more(struct budget *b, const struct budget_need *need, uint64_t more)
{
	struct budget_need all = *need;
	struct budget was = *b;

	all.other += more;
	b->more = more;
	for (;; b->threads--) {
		for (b->block_pages = was.block_pages; b->block_pages >= BUDGET_BLOCK_MIN;
		     b->block_pages /= 2)
			if (fits_again(b, &all, &was))
				return;
		if (b->threads == 1)
			break;
	}
	b->block_pages = BUDGET_BLOCK_MIN;
	fits_again(b, &all, &was);
}

void budget_text(const struct budget *b, char buf[static BUDGET_TEXT_MAX])
{
	char from[64] = "as told", more[48] = "";

	if (b->free)
		snprintf(from, sizeof(from), "of %" PRIu64 " KiB free", b->free >> 10);
	if (b->more)
		snprintf(more, sizeof(more), ", descriptors %" PRIu64 " KiB", b->more >> 10);
	snprintf(buf, BUDGET_TEXT_MAX,
		 "memory: at most %" PRIu64 " KiB, %s; %" PRIu64 " KiB needed: bitmap %" PRIu64
		 " KiB%s%s, %u worker%s, blocks of %zu pages, write buffers %" PRIu64 " KiB%s",
		 b->total >> 10, from, b->used >> 10, b->bitmap >> 10,
		 b->held ? "" : " (made anew by the block: more scans)", more, b->threads,
		 b->threads == 1 ? "" : "s", b->block_pages, b->sink >> 10,
		 b->used > b->total ? "; that is too little, the least is taken" : "");
}
