/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dense: makes a set of pages fit for an ELF core, where a page that is left out costs a
 * program header, and is not worth it alone. The rules are those of makedumpfile -E.
 */
#ifndef COLLECTOR_DENSE_H
#define COLLECTOR_DENSE_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/bitmap.h"

struct err;
struct kmem;

enum {
	DENSE_GAP = 256, /* pages; a run of so many is left out, a shorter one is not */
};

/*
 * Clears in @kept the pages of zeros, with @threads threads; a page that is memory only in
 * part stays. *@ret is how many were cleared. ERR_NOMEM, or what setting up a window said.
 */
int dense_drop_zeros(const struct kmem *km, struct bitmap *kept, unsigned int threads,
		     uint64_t *ret, struct err *err);

/* Whether the page, which is not in the set, may be read at all. */
typedef bool (*dense_may_read_fn)(void *ctx, pfn_t pfn);

/*
 * Sets in @kept the gaps of less than DENSE_GAP pages, within one range of memory and before
 * a kept page of it. A gap with a page that may not be read stays. Returns how many were set.
 */
uint64_t dense_fill(const struct kmem *km, struct bitmap *kept, dense_may_read_fn may_read,
		    void *ctx);

#endif
