/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * controls: pages whose use is known without asking their struct page - the kernel's text, its
 * page tables, the struct pages themselves. If the rules claim such a page for a class that
 * would be left out, the rules do not fit this kernel, and the class is not to be believed.
 *
 * So a new kernel that changes what struct page means costs a larger dump, not a page that
 * somebody needs; on the kernels that are understood no control is ever claimed.
 */
#ifndef COLLECTOR_CONTROLS_H
#define COLLECTOR_CONTROLS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmcore/pageclass.h"

struct kmem;
struct landmarks;
struct memmap;

enum {
	CONTROLS_MAX = 1024, /* pages of each of the three kinds looked at */
	CONTROLS_PERCENT = 1, /* of them that a class may claim: memory was in motion */
	CONTROLS_BLANK_PERCENT = 50, /* text pages whose struct page may have no flag at all */
};

struct controls {
	uint64_t checked; /* whose struct page could be read */
	uint64_t claimed[PAGE_CLASSES]; /* by class */
	uint64_t text, blank; /* pages of text, and those of them without any flag */
};

/* Looks at the controls that @lm knows. */
void controls_check(struct controls *ret, const struct kmem *km, const struct memmap *mm,
		    const struct pageclass *pc, const struct landmarks *lm);

/*
 * Whether the struct pages are where we believe: the text is reserved memory, whose struct
 * pages have a flag set. True also when there was no text to look at.
 */
bool controls_memmap_sound(const struct controls *c);

/* Whether @class may be left out. */
bool controls_class_sound(const struct controls *c, enum page_class class);

#endif
