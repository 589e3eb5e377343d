// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/order.h"

#include <stdlib.h>

#include "base/err.h"

static int append(struct pfn_list *list, pfn_t start, pfn_t end, struct err *err)
{
	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		struct pfn_range *grown = realloc(list->ranges, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ERR_NOMEM, "no memory for %zu ranges of pages", room);
		list->ranges = grown;
		list->room = room;
	}
	list->ranges[list->n++] = (struct pfn_range){start, end};
	return 0;
}

/* Adds without a limit: for lists made of lists that had one. */
static int add(struct pfn_list *list, pfn_t start, pfn_t end, struct err *err)
{
	if (start >= end)
		return 0;
	if (!list->n || list->ranges[list->n - 1].end != start)
		return append(list, start, end, err);
	list->ranges[list->n - 1].end = end;
	return 0;
}

static int full(struct err *err)
{
	return err_set(err, ERR_LIMIT, "more than %d ranges of pages", PFN_LIST_MAX);
}

int pfn_list_add(struct pfn_list *list, pfn_t start, pfn_t end, struct err *err)
{
	// One more is no more where it only lengthens the last.
	if (list->n >= PFN_LIST_MAX && start < end && list->ranges[list->n - 1].end != start)
		return full(err);
	return add(list, start, end, err);
}

void pfn_list_deinit(struct pfn_list *list)
{
	free(list->ranges);
	*list = (struct pfn_list){0};
}

static int by_start(const void *a, const void *b)
{
	const struct pfn_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

void pfn_list_normalise(struct pfn_list *list)
{
	size_t out = 0;

	if (!list->n)
		return;
	qsort(list->ranges, list->n, sizeof(*list->ranges), by_start);
	for (size_t i = 1; i < list->n; i++) {
		struct pfn_range *last = &list->ranges[out];

		if (list->ranges[i].start > last->end)
			list->ranges[++out] = list->ranges[i];
		else if (list->ranges[i].end > last->end)
			last->end = list->ranges[i].end;
	}
	list->n = out + 1;
}

size_t pfn_list_behind(const struct pfn_list *list, pfn_t pfn)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (list->ranges[mid].end <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Adds [start, end) less all that @taken (normalised) covers. */
static int add_less(struct pfn_list *ret, pfn_t start, pfn_t end, const struct pfn_list *taken,
		    struct err *err)
{
	int rc = 0;

	for (size_t i = pfn_list_behind(taken, start); i < taken->n && start < end && !rc; i++) {
		const struct pfn_range *t = &taken->ranges[i];

		if (t->start >= end)
			break;
		if (t->start > start)
			rc = add(ret, start, t->start, err);
		start = t->end;
	}
	return rc ? rc : add(ret, start, end, err);
}

int pfn_list_add_near(struct pfn_list *list, pfn_t start, pfn_t end, pfn_t gap, pfn_t floor,
		      struct err *err)
{
	struct pfn_range *last = list->n ? &list->ranges[list->n - 1] : NULL;

	if (start >= end)
		return 0;
	// Not even where it ends at @start: gaps behind it would not be bridged then.
	if (!last || last->start < floor || start < last->start ||
	    (start > last->end && start - last->end > gap))
		return list->n < PFN_LIST_MAX ? append(list, start, end, err) : full(err);
	if (end > last->end)
		last->end = end;
	return 0;
}

void pfn_list_squeeze(struct pfn_list *list, size_t max)
{
	pfn_list_normalise(list);
	for (pfn_t gap = 1; list->n > max; gap *= 2) {
		size_t out = 0;

		for (size_t i = 1; i < list->n; i++) {
			struct pfn_range *last = &list->ranges[out], r = list->ranges[i];

			// A gap that has doubled to nothing bridges all that is left.
			if (gap && r.start - last->end > gap)
				list->ranges[++out] = r;
			else
				last->end = r.end;
		}
		list->n = out + 1;
	}
}

int pfn_list_copy(struct pfn_list *list, const struct pfn_list *from, size_t n, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = add(list, from->ranges[i].start, from->ranges[i].end, err);
	return rc;
}

void pfn_list_append(struct pfn_list *list, const struct pfn_list *more)
{
	for (size_t i = 0; i < more->n; i++)
		if (pfn_list_add(list, more->ranges[i].start, more->ranges[i].end, NULL))
			break;
}

int pfn_list_subtract(struct pfn_list *list, struct pfn_list *less, struct err *err)
{
	struct pfn_list ret = {0};
	int rc = 0;

	pfn_list_normalise(list);
	pfn_list_normalise(less);
	for (size_t i = 0; i < list->n && !rc; i++)
		rc = add_less(&ret, list->ranges[i].start, list->ranges[i].end, less, err);
	if (rc) {
		pfn_list_deinit(&ret);
		return rc;
	}
	pfn_list_deinit(list);
	*list = ret;
	return 0;
}

/* Adds to @taken all of @list, and to @ret what of it was not there before. */
static int take(struct pfn_list *ret, const struct pfn_list *list, struct pfn_list *taken,
		pfn_t max_pfn, struct err *err)
{
	size_t n = taken->n;
	int rc = 0;

	for (size_t i = 0; i < list->n && !rc; i++) {
		struct pfn_range r = list->ranges[i];

		if (ret)
			rc = add_less(ret, r.start, r.end < max_pfn ? r.end : max_pfn, taken, err);
	}
	for (size_t i = 0; i < list->n && !rc; i++)
		rc = add(taken, list->ranges[i].start, list->ranges[i].end, err);
	// What came in is sorted already, and often nothing did.
	if (!rc && taken->n > n)
		pfn_list_normalise(taken);
	return rc;
}

/* What is in none of the lists. */
static int take_others(struct pfn_list *ret, struct pfn_list *const lists[], size_t n,
		       pfn_t max_pfn, struct err *err)
{
	struct pfn_list all = {0};
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = take(NULL, lists[i], &all, max_pfn, err);
	if (!rc)
		rc = add_less(ret, 0, max_pfn, &all, err);
	pfn_list_deinit(&all);
	return rc;
}

int order_make_marked(struct pfn_list *const lists[], size_t n, size_t before, pfn_t max_pfn,
		      size_t mark, size_t *marked, struct pfn_list *ret, struct err *err)
{
	struct pfn_list taken = {0};
	int rc = 0;

	*ret = (struct pfn_list){0};
	for (size_t i = 0; i < n; i++)
		pfn_list_normalise(lists[i]);
	for (size_t i = 0; i <= n && !rc; i++) {
		if (i == mark)
			*marked = ret->n;
		if (i == before)
			rc = take_others(ret, lists, n, max_pfn, err);
		if (i < n && !rc)
			rc = take(ret, lists[i], &taken, max_pfn, err);
	}
	pfn_list_deinit(&taken);
	if (rc)
		pfn_list_deinit(ret);
	return rc;
}

int order_make(struct pfn_list *const lists[], size_t n, size_t before, pfn_t max_pfn,
	       struct pfn_list *ret, struct err *err)
{
	size_t marked;

	return order_make_marked(lists, n, before, max_pfn, 0, &marked, ret, err);
}

int rank_init(struct rank *r, const struct bitmap *kept, struct err *err)
{
	uint64_t sum = 0;

	r->kept = kept;
	r->nchunks = kept->nbits / RANK_CHUNK + 1;
	r->before = calloc(r->nchunks, sizeof(*r->before));
	if (!r->before)
		return err_set(err, ERR_NOMEM, "no memory to index %llu pages",
			       (unsigned long long)kept->nbits);
	for (uint64_t c = 0; c < r->nchunks; c++) {
		r->before[c] = sum;
		sum += bitmap_count(kept, c * RANK_CHUNK, (c + 1) * RANK_CHUNK);
	}
	return 0;
}

void rank_deinit(struct rank *r)
{
	free(r->before);
	r->before = NULL;
}

uint64_t rank_of(const struct rank *r, pfn_t pfn)
{
	uint64_t chunk = pfn / RANK_CHUNK;

	if (chunk >= r->nchunks)
		chunk = r->nchunks - 1;
	return r->before[chunk] + bitmap_count(r->kept, chunk * RANK_CHUNK, pfn);
}

pfn_t rank_select(const struct rank *r, uint64_t index)
{
	uint64_t low = 0, high = r->nchunks;
	pfn_t pfn, end = r->kept->nbits;

	// The last chunk that no more than @index kept pages stand before.
	while (high - low > 1) {
		uint64_t mid = low + (high - low) / 2;

		if (r->before[mid] <= index)
			low = mid;
		else
			high = mid;
	}
	pfn = bitmap_next(r->kept, low * RANK_CHUNK, end);
	for (uint64_t left = index - r->before[low]; left && pfn < end; left--)
		pfn = bitmap_next(r->kept, pfn + 1, end);
	return pfn;
}

int order_cut(const struct pfn_list *list, pfn_t start, pfn_t end, struct pfn_list *ret,
	      struct err *err)
{
	int rc = 0;

	*ret = (struct pfn_list){0};
	for (size_t i = 0; i < list->n && !rc; i++) {
		pfn_t from = list->ranges[i].start > start ? list->ranges[i].start : start;
		pfn_t to = list->ranges[i].end < end ? list->ranges[i].end : end;

		rc = add(ret, from, to, err);
	}
	if (rc)
		pfn_list_deinit(ret);
	return rc;
}

/*
 * rank_of(), counted from where the last range ended if that is nearer than the beginning of the
 * chunk: ranges are many and short, and mostly stand one behind the other.
 */
static uint64_t rank_from(const struct order_walk *w, pfn_t pfn)
{
	if (w->known > pfn || w->known / RANK_CHUNK != pfn / RANK_CHUNK)
		return rank_of(w->rank, pfn);
	return w->known_rank + bitmap_count(w->rank->kept, w->known, pfn);
}

size_t order_next(struct order_walk *w, size_t max, pfn_t *pfns, uint64_t *indices)
{
	size_t n = 0;

	while (n < max && w->range < w->order->n) {
		const struct pfn_range *r = &w->order->ranges[w->range];

		w->pfn = bitmap_next(w->rank->kept, w->started ? w->pfn : r->start, r->end);
		if (w->pfn >= r->end) {
			if (w->started) {
				w->known = r->end;
				w->known_rank = w->index;
			}
			w->range++;
			w->started = 0;
			continue;
		}
		// Most ranges have no kept page at all: only the others are worth a rank.
		if (!w->started)
			w->index = rank_from(w, w->pfn);
		w->started = 1;
		pfns[n] = w->pfn++;
		indices[n++] = w->index++;
	}
	return n;
}
