/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * landmarks: where in physical memory the dead kernel has what can be found without a look at
 * any struct page: its log, its image, its page tables, what it maps besides all of memory, its
 * struct pages. The image must never be excluded; all of them serve the order of writing.
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
	LANDMARKS_LOG_MAX = 1 << 30, /* bytes of a part of the log looked for */
	LANDMARKS_LEAVES_MAX = 1 << 18, /* mappings of struct pages followed at most */
	/*
	 * What is mapped in one piece and is larger is no area: the mapping of all of memory, the
	 * struct pages, tables made at boot. Bytes.
	 */
	LANDMARKS_AREA_MAX = 8 << 20,
	/* Times that the list of areas is sorted to make room; then no more are taken. A kernel
	 * needs none or a few, forged tables would have it sorted a thousand times. */
	LANDMARKS_SQUEEZES_MAX = 16,
};

struct landmarks {
	struct pfn_list log; /* frames of the log: the ring, or log_buf */
	struct pfn_list image; /* frames mapped as the kernel image */
	struct pfn_list data; /* of those, what the kernel may write to */
	struct pfn_list symtab; /* of the image too, kallsyms and BTF: collector/symtab.h */
	struct pfn_list tables; /* frames of page tables of the kernel's address space */
	/*
	 * Frames of the areas of vmalloc and of modules: stacks of tasks (VMAP_STACK, 4.9), stacks
	 * of exceptions, modules, later chunks of the per-CPU areas.
	 */
	struct pfn_list areas;
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
