/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pageverdict: the rules of pageclass, to be inlined where a verdict is given for every page of
 * a machine. All others call pageclass_of(), which is these rules and nothing else.
 */
#ifndef VMCORE_PAGEVERDICT_H
#define VMCORE_PAGEVERDICT_H

#include "base/cursor.h"
#include "vmcore/dumpopts.h"
#include "vmcore/pageclass.h"

/* Order and hugetlb of a compound head; order 0 for what cannot be. */
static inline unsigned int compound_order(const struct pageclass *pc, pfn_t pfn, int32_t mapcount,
					  const uint8_t *next, bool *hugetlb)
{
	unsigned int order = 0;

	*hugetlb = false;
	switch (pc->compound) {
	case COMPOUND_MAPCOUNT:
		order = load_le64(next + pc->flags) & 0xff;
		*hugetlb = mapcount == pc->hugetlb_value;
		break;
	case COMPOUND_FLAG:
		order = load_le64(next + pc->flags) & 0xff;
		*hugetlb = load_le64(next + pc->flags) & pc->hugetlb_flag;
		break;
	case COMPOUND_DTOR:
		order = next[pc->order];
		*hugetlb = next[pc->dtor] == pc->hugetlb_dtor;
		break;
	case COMPOUND_NONE:
		break;
	}
	if (order >= 64 || (pfn & ((1ULL << order) - 1)))
		return 0;
	return order;
}

/* Slab is a flag before 6.10 and a type since (46df8e73a4a3, "mm: free up PG_slab"). */
static inline bool pageclass_is_slab(const struct pageclass *pc, const uint8_t *page)
{
	return (pc->has_slab_value && (int32_t)load_le32(page + pc->mapcount) == pc->slab_value) ||
	       (load_le64(page + pc->flags) & pc->slab);
}

static inline bool pageclass_is_tail(const struct pageclass *pc, const uint8_t *page)
{
	return load_le64(page + pc->compound_head) & pc->tail;
}

/*
 * Whether the verdict on a page alone that is left out, and is not free, holds for this other
 * one, too: all that it was made of is the same. Pages lie in runs, and this is told sooner
 * than a verdict.
 */
static inline bool pageclass_alike(const struct pageclass *pc, const uint8_t *page,
				   const uint8_t *other)
{
	uint64_t flags = load_le64(page + pc->flags);

	return flags == load_le64(other + pc->flags) && !(flags & pc->head) &&
	       load_le32(page + pc->mapcount) == load_le32(other + pc->mapcount) &&
	       !((load_le64(page + pc->mapping) ^ load_le64(other + pc->mapping)) & 1) &&
	       !((load_le64(page + pc->compound_head) ^ load_le64(other + pc->compound_head)) &
		 pc->tail);
}

static inline __attribute__((always_inline)) enum page_class
pageclass_verdict(const struct pageclass *pc, unsigned int level, pfn_t pfn, const uint8_t *page,
		  const uint8_t *next, uint64_t *npages)
{
	uint64_t flags = load_le64(page + pc->flags);
	int32_t mapcount = (int32_t)load_le32(page + pc->mapcount);
	bool slab = pageclass_is_slab(pc, page);
	// Slab overlays mapping since 6.2, so its low bit says nothing there.
	bool anon = (load_le64(page + pc->mapping) & 1) && !slab;
	bool cache = (flags & pc->lru) ||
		     ((!pc->swapbacked || (flags & pc->swapbacked)) && (flags & pc->swapcache));
	bool priv = flags & pc->private_flag;
	bool hugetlb = false;

	*npages = 1;
	// Poison is told of each page, and stays where a huge page could not be split.
	if (pageclass_is_tail(pc, page))
		return (flags & pc->hwpoison) && !pc->compat ? PAGE_HWPOISON : PAGE_KEPT;
	if ((flags & pc->head) && next)
		*npages = 1ULL << compound_order(pc, pfn, mapcount, next, &hugetlb);

	if ((level & DUMP_LEVEL_FREE) && pc->has_buddy && !slab && mapcount == pc->buddy_value) {
		uint64_t order = load_le64(page + pc->private);

		if (order >= pc->orders) {
			*npages = 1;
			return PAGE_KEPT;
		}
		*npages = 1ULL << order;
		return PAGE_FREE;
	}
	if ((level & DUMP_LEVEL_FREE) && pc->has_unaccepted && mapcount == pc->unaccepted_value) {
		*npages = 1ULL << (pc->orders - 1);
		return PAGE_FREE;
	}
	if ((level & DUMP_LEVEL_CACHE) && cache && !priv && !anon)
		return PAGE_CACHE;
	if ((level & DUMP_LEVEL_PRIVATE) && cache && !anon)
		return priv ? PAGE_CACHE_PRIVATE : PAGE_CACHE;
	if ((level & DUMP_LEVEL_USER) && (anon || hugetlb))
		return PAGE_USER;
	if (flags & pc->hwpoison)
		return PAGE_HWPOISON;
	if (pc->has_offline && !slab && mapcount == pc->offline_value)
		return PAGE_OFFLINE;
	*npages = 1;
	return PAGE_KEPT;
}

#endif
