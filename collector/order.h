/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * order: in which order the kept pages are written. Descriptors stand in PFN order in the
 * file, page data may stand anywhere: so what a reader cannot do without goes first and a
 * dump that is cut off keeps it. What goes where is the planner's affair (make_order() in
 * plan.c, docs/dump-format.md); here are the lists that it is made of.
 */
#ifndef COLLECTOR_ORDER_H
#define COLLECTOR_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "collector/bitmap.h"
#include "crashnotes/addr.h"

struct err;

struct pfn_range {
	pfn_t start, end; /* [start, end) */
};

/* A growing list of ranges; adjoining ones that are added in order are merged. */
struct pfn_list {
	struct pfn_range *ranges; /* owned */
	size_t n, room;
};

enum {
	PFN_LIST_MAX = 1 << 16, /* ranges taken at most: the list only serves the order */
};

/* ERR_NOMEM, or ERR_LIMIT when the list is full. An empty range is passed over. */
int pfn_list_add(struct pfn_list *list, pfn_t start, pfn_t end, struct err *err);
void pfn_list_deinit(struct pfn_list *list);

/*
 * The same, but over a gap of at most @gap pages to the last range, if that begins at @floor
 * or above, the last range is only lengthened: for what is found in ascending order and may
 * be listed coarsely. One that begins below @floor stays as it is, whatever follows: what is
 * listed from @floor on does not depend on whether the same list has what lies below.
 */
int pfn_list_add_near(struct pfn_list *list, pfn_t start, pfn_t end, pfn_t gap, pfn_t floor,
		      struct err *err);

/*
 * Normalises, and merges over gaps, small ones first, till no more than @max (at least 1)
 * ranges are left.
 */
void pfn_list_squeeze(struct pfn_list *list, size_t max);

/* Adds the first @n ranges of @from to @list, which may then be longer than PFN_LIST_MAX. */
int pfn_list_copy(struct pfn_list *list, const struct pfn_list *from, size_t n, struct err *err);

/* Adds all of @more, as far as there is room. */
void pfn_list_append(struct pfn_list *list, const struct pfn_list *more);

/* Takes out of @list what is in @less; both are normalised on the way. */
int pfn_list_subtract(struct pfn_list *list, struct pfn_list *less, struct err *err);

/* Sorts by start and merges what overlaps. */
void pfn_list_normalise(struct pfn_list *list);

/* Index of the first range of @list, which is normalised, that ends behind @pfn; n: none does. */
size_t pfn_list_behind(const struct pfn_list *list, pfn_t pfn);

/*
 * Fills @ret with ranges that cover [0, @max_pfn) exactly once: those of the @n lists, one
 * list after the other, and what is in none of them behind the first @before lists. Of a page
 * in several lists the first one counts. They are normalised on the way.
 */
int order_make(struct pfn_list *const lists[], size_t n, size_t before, pfn_t max_pfn,
	       struct pfn_list *ret, struct err *err);

/* The same; *@marked is how many of the ranges, the first ones, are of the first @mark lists. */
int order_make_marked(struct pfn_list *const lists[], size_t n, size_t before, pfn_t max_pfn,
		      size_t mark, size_t *marked, struct pfn_list *ret, struct err *err);

/* Rank of a page among the kept ones, in PFN order: its index among the descriptors. */
struct rank {
	const struct bitmap *kept; /* borrowed; must not change any more */
	uint64_t *before; /* kept pages before each chunk */
	uint64_t nchunks;
};

enum {
	RANK_CHUNK = 1 << 18, /* pages */
};

int rank_init(struct rank *r, const struct bitmap *kept, struct err *err);
void rank_deinit(struct rank *r);

/* How many kept pages stand before @pfn. */
uint64_t rank_of(const struct rank *r, pfn_t pfn);

/* The kept page that @index others stand before; one above the last frame when there is none. */
pfn_t rank_select(const struct rank *r, uint64_t index);

/* Fills @ret with what of @list lies in [@start, @end), in the order of @list. */
int order_cut(const struct pfn_list *list, pfn_t start, pfn_t end, struct pfn_list *ret,
	      struct err *err);

/* Walks the kept pages in the order of the ranges. */
struct order_walk {
	const struct pfn_list *order;
	const struct rank *rank;
	size_t range; /* the one it stands in */
	pfn_t pfn; /* next frame to look at; meaningful once started */
	uint64_t index; /* descriptor index of the next kept page from pfn on */
	pfn_t known; /* where the range before that had pages ended ... */
	uint64_t known_rank; /* ... and the kept pages that stand before that */
	int started;
};

/*
 * Hands out the next kept pages: up to @max of them into @pfns with their descriptor indices
 * in @indices. Returns how many; 0 when all are out.
 */
size_t order_next(struct order_walk *w, size_t max, pfn_t *pfns, uint64_t *indices);

#endif
