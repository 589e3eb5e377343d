/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block: up to 256 kept pages on their way from the old memory to the file: the unit of work
 * of a worker and of a writer. One lock operation a block, none a page.
 */
#ifndef COLLECTOR_BLOCK_H
#define COLLECTOR_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

enum {
	BLOCK_PAGES = 256,
};

/* What became of one page. */
struct block_page {
	pfn_t pfn;
	uint64_t index; /* among the descriptors: its rank in PFN order */
	uint32_t offset; /* of its bytes in data */
	uint32_t size; /* 0: a page of zeros, which has no bytes of its own */
	uint32_t flags; /* enum codec_flag */
};

struct block {
	struct block *next; /* in a queue of the pipeline */
	uint64_t turn; /* how many blocks were taken before */
	unsigned int rung; /* of the ladder: what its pages are packed with */
	size_t npages;
	struct block_page pages[BLOCK_PAGES];
	uint8_t *data; /* room bytes: BLOCK_PAGES pages and slack for the codec; owned */
	size_t room;
	size_t used;
};

#endif
