/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pageclass: what a page is used for, told from its struct page.
 *
 * The layout of struct page and the values to compare with come from vmcoreinfo; what differs
 * between kernels is told by which keys are there. The rules, and the order in which they are
 * tried, are those of makedumpfile's __exclude_unnecessary_pages(), but for what
 * docs/page-classes.md says; the comments in the source name the kernel commits behind them.
 * No I/O and no state: bytes in, verdict out.
 */
#ifndef VMCORE_PAGECLASS_H
#define VMCORE_PAGECLASS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cursor.h"
#include "crashnotes/addr.h"

struct err;
struct vmcoreinfo;

enum page_class {
	PAGE_KEPT, /* to be dumped */
	PAGE_FREE, /* in the buddy allocator, or not yet accepted: level bit 16 */
	PAGE_CACHE, /* page cache: bit 2 */
	PAGE_CACHE_PRIVATE, /* page cache with private data (buffers): bit 4 */
	PAGE_USER, /* anonymous and hugetlb: bit 8 */
	PAGE_HWPOISON, /* must never be touched: excluded at every level */
	PAGE_OFFLINE, /* logically offline, ballooned: excluded at every level */
	PAGE_CLASSES,
};

/* How a hugetlb page and the order of a compound page are told. */
enum pageclass_compound {
	COMPOUND_NONE, /* the keys are missing: no order, no hugetlb */
	COMPOUND_DTOR, /* 4.4 to 6.5: ids in bytes of page[1] */
	COMPOUND_FLAG, /* 6.6 to 6.8: PG_hugetlb and the order in page[1].flags */
	COMPOUND_MAPCOUNT, /* 6.9 on: a type in page[0]._mapcount, the order in page[1].flags */
};

enum {
	PAGECLASS_SIZE_MIN = 32, /* sizes of struct page taken, bytes */
	PAGECLASS_SIZE_MAX = 256,
	PAGECLASS_LOW_FLAGS = 24, /* no kernel has more page flags; zone and node come from above */
	PAGECLASS_ORDERS_MAX = 64, /* LENGTH(zone.free_area) taken */
};

struct pageclass {
	uint32_t size; /* of struct page */
	/* Offsets in it; all checked to leave room for the field. */
	uint32_t flags, mapping, mapcount, private, compound_head;
	/* Of the compound order and destructor id, inside page[1]. */
	uint32_t order, dtor;
	enum pageclass_compound compound;
	/* Masks of flags; 0 when the kernel has no such flag or does not say. */
	uint64_t lru, private_flag, swapcache, swapbacked, slab, hwpoison, head, hugetlb_flag;
	uint64_t tail; /* mask of compound_head; 0: tail pages are taken for any others */
	int32_t buddy_value, slab_value, hugetlb_value, offline_value, unaccepted_value;
	bool has_buddy, has_slab_value, has_offline, has_unaccepted;
	int64_t hugetlb_dtor;
	uint32_t orders; /* LENGTH(zone.free_area) */
	bool scan_needed_at_any_level; /* pages that must not be touched are to be looked for */
	bool compat; /* pageclass_imitate() was called */
	/* Level bits that cannot be trusted for want of a key: such pages are kept. */
	unsigned int off;
	char off_why[128]; /* the missing key, for the log */
};

/*
 * Fills @pc from @vi. ERR_NOTFOUND when a key is missing without which no page can be
 * classified at all (named in the text), ERR_CORRUPT when an offset is beyond the struct.
 */
int pageclass_init(struct pageclass *pc, const struct vmcoreinfo *vi, struct err *err);

/*
 * Makes @pc, which is of @vi, do what makedumpfile 1.7.8 does where that is not right, for dumps
 * with the same pages: docs/page-classes.md lists it.
 */
void pageclass_imitate(struct pageclass *pc, const struct vmcoreinfo *vi);

/* Whether a dump at @level needs the struct pages at all. */
bool pageclass_needed(const struct pageclass *pc, unsigned int level);

/* True when page[1] must be at hand for pageclass_of(): the page is a compound head. */
static inline bool pageclass_is_head(const struct pageclass *pc, const uint8_t *page)
{
	return load_le64(page + pc->flags) & pc->head;
}

/*
 * The class of page @pfn at dump level @level, from its struct page @page and, for a compound
 * head, the one behind it, @next (NULL when it cannot be read). *@npages is how many pages
 * from @pfn on share the verdict (>= 1, possibly far more than there are). A tail page is
 * PAGE_KEPT, since its head decides for it, or PAGE_HWPOISON.
 */
enum page_class pageclass_of(const struct pageclass *pc, unsigned int level, pfn_t pfn,
			     const uint8_t *page, const uint8_t *next, uint64_t *npages);

/*
 * How many pages from @pfn on are a slab, told as pageclass_of() tells it, from the same struct
 * pages; 0 for what is none, and for a tail.
 */
uint64_t pageclass_slab_pages(const struct pageclass *pc, pfn_t pfn, const uint8_t *page,
			      const uint8_t *next);

/* The flags word without the zone, node and section numbers in its upper part. */
static inline uint64_t pageclass_low_flags(const struct pageclass *pc, const uint8_t *page)
{
	return load_le64(page + pc->flags) & ((1ULL << PAGECLASS_LOW_FLAGS) - 1);
}

/* "free", "cache", "cache_private", "user", "hwpoison", "offline", "kept". */
const char *page_class_name(enum page_class c);

#endif
