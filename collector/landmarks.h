/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * landmarks: where in physical memory the dead kernel has its own image, its page tables and
 * its struct pages. The image must never be excluded; all three serve the order of writing.
 */
#ifndef COLLECTOR_LANDMARKS_H
#define COLLECTOR_LANDMARKS_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/order.h"

struct err;
struct kmem;
struct memmap;

enum {
	LANDMARKS_TABLES_MAX = 1 << 16, /* page tables visited at most */
	LANDMARKS_LEAVES_MAX = 1 << 18, /* mappings of struct pages followed at most */
};

struct landmarks {
	struct pfn_list image; /* frames mapped as the kernel image */
	struct pfn_list tables; /* frames of page tables of the kernel's address space */
	struct pfn_list memmap; /* frames that hold struct pages */
	bool image_known;
};

/*
 * Finds them as far as they can be found; what cannot leaves its list empty. @mm may have no
 * sections; a struct page takes @page_size bytes. ERR_NOMEM only. The caller deinits.
 */
int landmarks_init(struct landmarks *lm, const struct kmem *km, const struct memmap *mm,
		   uint32_t page_size, struct err *err);
void landmarks_deinit(struct landmarks *lm);

#endif
