/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keep: which pages are kept, without the bitmap that says so.
 *
 * The bitmap of 1 TiB is 32 MiB, and a capture kernel may have less. So a block of it, 128 MiB
 * of memory mostly, is made when it is asked for, by scanning its section once more: what is
 * memory, less what the struct pages say is left out, less what ranges say that began in an
 * earlier section, and with the kernel image that is kept against them. All sections are
 * scanned once at the start, by all threads, which counts what is kept in each; a few blocks
 * stay in a cache, for whoever goes through memory in order needs each only once.
 *
 * Memory: 2 bytes a block, the cache, and 16 bytes a range that passes the end of its section.
 * Time: scanning once more for the bitmap of the file, and to find the pages to be saved once for
 * each list of the order that reaches into a block which the cache has lost meanwhile.
 */
#ifndef COLLECTOR_KEEP_H
#define COLLECTOR_KEEP_H

#include "collector/bitmap.h"
#include "collector/order.h"
#include "collector/scan.h"

struct err;
struct keep;
struct kmem;

enum {
	KEEP_SLOTS_MIN = 16, /* blocks in the cache: what a writer takes at once */
};

/*
 * For the frames of @km below @max_pfn; with a cache of @slots blocks. To begin with all memory is
 * kept, so that keep_source() says what is memory. ERR_NOMEM. The caller destroys it, which
 * NULL is fine for; @km must outlive it.
 */
int keep_create(const struct kmem *km, pfn_t max_pfn, size_t slots, struct keep **ret,
		struct err *err);
void keep_destroy(struct keep *k);

/* The bitmap: of memory, and after keep_settle() of the pages that are kept. To be looked at by
 * one thread at a time. */
const struct bitmap_source *keep_source(const struct keep *k);

/* Low flags of the struct page of @pfn; false when it cannot be read. */
bool keep_low_flags(const struct kmem *km, const struct memmap *mm, const struct pageclass *pc,
		    pfn_t pfn, uint64_t *ret);

/*
 * Whether @pfn, a frame that is mapped as the kernel image, still is image: it is unless its struct
 * page lacks one of @image_flags, and it is in the input.
 */
bool keep_is_image(const struct kmem *km, const struct memmap *mm, const struct pageclass *pc,
		   uint64_t image_flags, pfn_t pfn);

/* What is kept against its struct page. */
struct keep_image {
	const struct pfn_list *frames; /* of the kernel image */
	uint64_t flags; /* low flags of a page of it that was never given away, 0: not known */
};

struct keep_counts {
	struct scan_counts scan;
	uint64_t image; /* pages of the kernel image kept against their class */
	uint64_t absent; /* pages that would be kept, but are not in the input */
};

/*
 * Decides what is kept: by @scan, whose kept is not looked at and which NULL stands for none. The
 * keep takes scan->mm over, as memmap_deinit() would have it, and copies *scan->pc and @image. The
 * counts are those of a bitmap that is held; where ranges of two classes reach into a block
 * from others, all of them count for one.
 */
int keep_settle(struct keep *k, const struct scan *scan, const struct keep_image *image,
		struct keep_counts *ret, struct err *err);

/*
 * Blocks that came out otherwise than the first time, for memory was in motion or could not be
 * read again: as many pages as were counted are kept of them, but perhaps not the same.
 */
uint64_t keep_changed(const struct keep *k);

#endif
