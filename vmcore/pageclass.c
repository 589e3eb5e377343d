// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/pageclass.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/dumpopts.h"
#include "vmcore/pageverdict.h"

/* Flag numbers that kernels without the key use; the same in all of them. */
enum {
	PG_LRU_DEFAULT = 5,
	PG_SLAB_DEFAULT = 7,
	PG_PRIVATE_DEFAULT = 11,
	PG_SWAPCACHE_DEFAULT = 15,
	PG_HEAD_MASK_DEFAULT = 1 << 14,
	BUDDY_VALUE_DEFAULT = -128, // PAGE_BUDDY_MAPCOUNT_VALUE since 2.6.39
};

static uint64_t flag_mask(const struct vmcoreinfo *vi, const char *name, int missing)
{
	int64_t bit;

	if (!vmcoreinfo_number(vi, name, &bit))
		bit = missing;
	return bit >= 0 && bit < 64 ? 1ULL << bit : 0;
}

static bool type_value(const struct vmcoreinfo *vi, const char *name, int32_t *ret)
{
	int64_t v;

	// Since 6.12 a type is the top byte of _mapcount and is exported as an unsigned word; the
	// whole word is compared, as the kernel's macros do (4ffca5a96678, 6.12).
	if (!vmcoreinfo_number(vi, name, &v))
		return false;
	*ret = (int32_t)(uint32_t)v;
	return true;
}

static int field(const struct vmcoreinfo *vi, const char *name, const char *newer, uint32_t size,
		 uint32_t width, uint32_t *ret, struct err *err)
{
	uint64_t off;

	if (!vmcoreinfo_offset(vi, name, &off) && !(newer && vmcoreinfo_offset(vi, newer, &off)))
		return err_set(err, ERR_NOTFOUND, "vmcoreinfo has no OFFSET(%s)", name);
	if (off > size || size - off < width)
		return err_set(err, ERR_CORRUPT,
			       "vmcoreinfo: OFFSET(%s)=%" PRIu64
			       " is beyond struct page of %" PRIu32 " bytes",
			       name, off, size);
	*ret = off;
	return 0;
}

static int init_fields(struct pageclass *pc, const struct vmcoreinfo *vi, struct err *err)
{
	int rc;

	rc = field(vi, "page.flags", NULL, pc->size, 8, &pc->flags, err);
	if (!rc)
		rc = field(vi, "page.mapping", NULL, pc->size, 8, &pc->mapping, err);
	if (!rc)
		rc = field(vi, "page._mapcount", NULL, pc->size, 4, &pc->mapcount, err);
	if (!rc)
		// compound_head became compound_info in 7.1.
		rc = field(vi, "page.compound_head", "page.compound_info", pc->size, 8,
			   &pc->compound_head, err);
	return rc;
}

static void switch_off(struct pageclass *pc, unsigned int bits, const char *why)
{
	pc->off |= bits;
	if (!pc->off_why[0])
		snprintf(pc->off_why, sizeof(pc->off_why), "%s", why);
}

/* An offset in page[1] that the 6.3 to 6.5 kernels give as one in struct folio. */
static bool second_page_byte(const struct pageclass *pc, const struct vmcoreinfo *vi,
			     const char *in_page, const char *in_folio, uint32_t *ret)
{
	uint64_t off;

	if (vmcoreinfo_offset(vi, in_folio, &off)) {
		if (off < pc->size)
			return false;
		off -= pc->size;
	} else if (!vmcoreinfo_offset(vi, in_page, &off)) {
		return false;
	}
	if (off >= pc->size)
		return false;
	*ret = off;
	return true;
}

/*
 * The destructor id moved into a flag of page[1] in 6.6 (9c5ccf2db04b, "mm: remove
 * HUGETLB_PAGE_DTOR") and into the type of page[0] in 6.9 (d99e3140a4d3, "mm: turn
 * folio_test_hugetlb into a PageType").
 */
static void init_compound(struct pageclass *pc, const struct vmcoreinfo *vi)
{
	int64_t number;

	pc->head = PG_HEAD_MASK_DEFAULT;
	if (vmcoreinfo_number(vi, "PG_head_mask", &number))
		pc->head = number;
	if (type_value(vi, "PAGE_HUGETLB_MAPCOUNT_VALUE", &pc->hugetlb_value)) {
		pc->compound = COMPOUND_MAPCOUNT;
		return;
	}
	pc->hugetlb_flag = flag_mask(vi, "PG_hugetlb", -1);
	if (pc->hugetlb_flag) {
		pc->compound = COMPOUND_FLAG;
		return;
	}
	// A kernel without CONFIG_HUGETLB_PAGE has no such id, but orders all the same.
	if (!vmcoreinfo_number(vi, "HUGETLB_PAGE_DTOR", &pc->hugetlb_dtor))
		pc->hugetlb_dtor = -1;
	if (second_page_byte(pc, vi, "page.compound_order", "folio._folio_order", &pc->order) &&
	    second_page_byte(pc, vi, "page.compound_dtor", "folio._folio_dtor", &pc->dtor))
		pc->compound = COMPOUND_DTOR;
	else
		switch_off(pc, DUMP_LEVEL_USER, "no key tells compound pages");
}

static void init_flags(struct pageclass *pc, const struct vmcoreinfo *vi)
{
	pc->lru = flag_mask(vi, "PG_lru", PG_LRU_DEFAULT);
	pc->private_flag = flag_mask(vi, "PG_private", PG_PRIVATE_DEFAULT);
	pc->swapcache = flag_mask(vi, "PG_swapcache", PG_SWAPCACHE_DEFAULT);
	pc->swapbacked = flag_mask(vi, "PG_swapbacked", -1);
	pc->hwpoison = flag_mask(vi, "PG_hwpoison", -1);
	pc->has_slab_value = type_value(vi, "PAGE_SLAB_MAPCOUNT_VALUE", &pc->slab_value);
	// Slab became a page type in 6.10 (46df8e73a4a3) and PG_slab went; bit 7 is PG_waiters.
	pc->slab = flag_mask(vi, "PG_slab", pc->has_slab_value ? -1 : PG_SLAB_DEFAULT);
}

static void init_free(struct pageclass *pc, const struct vmcoreinfo *vi)
{
	uint64_t orders;

	pc->has_buddy = true;
	if (!type_value(vi, "PAGE_BUDDY_MAPCOUNT_VALUE", &pc->buddy_value))
		pc->buddy_value = BUDDY_VALUE_DEFAULT;
	pc->has_unaccepted =
		type_value(vi, "PAGE_UNACCEPTED_MAPCOUNT_VALUE", &pc->unaccepted_value);
	pc->has_offline = type_value(vi, "PAGE_OFFLINE_MAPCOUNT_VALUE", &pc->offline_value);
	if (field(vi, "page.private", NULL, pc->size, 8, &pc->private, NULL)) {
		pc->has_buddy = false;
		switch_off(pc, DUMP_LEVEL_FREE, "no OFFSET(page.private)");
	}
	if (vmcoreinfo_length(vi, "zone.free_area", &orders) && orders &&
	    orders <= PAGECLASS_ORDERS_MAX) {
		pc->orders = orders;
		return;
	}
	pc->has_buddy = pc->has_unaccepted = false;
	switch_off(pc, DUMP_LEVEL_FREE, "no usable LENGTH(zone.free_area)");
}

int pageclass_init(struct pageclass *pc, const struct vmcoreinfo *vi, struct err *err)
{
	uint64_t size;
	int rc;

	memset(pc, 0, sizeof(*pc));
	if (!vmcoreinfo_sizeof(vi, "page", &size))
		return err_set(err, ERR_NOTFOUND, "vmcoreinfo has no SIZE(page)");
	if (size < PAGECLASS_SIZE_MIN || size > PAGECLASS_SIZE_MAX || size % 8)
		return err_set(err, ERR_CORRUPT,
			       "vmcoreinfo: SIZE(page)=%" PRIu64 " makes no sense", size);
	pc->size = size;
	rc = init_fields(pc, vi, err);
	if (rc)
		return rc;
	pc->tail = 1;
	init_flags(pc, vi);
	init_compound(pc, vi);
	init_free(pc, vi);
	pc->scan_needed_at_any_level = pc->hwpoison || pc->has_offline;
	return 0;
}

void pageclass_imitate(struct pageclass *pc, const struct vmcoreinfo *vi)
{
	uint64_t off;

	pc->compat = true;
	// The new name, of 7.1, is not known to it, and then it asks no page whether it is a tail.
	if (!vmcoreinfo_offset(vi, "page.compound_head", &off))
		pc->tail = 0;
	// An anonymous page that is waited for is taken for slab then.
	pc->slab = flag_mask(vi, "PG_slab", PG_SLAB_DEFAULT);
	pc->scan_needed_at_any_level = pc->hwpoison != 0;
}

bool pageclass_needed(const struct pageclass *pc, unsigned int level)
{
	unsigned int by_struct_page = DUMP_LEVEL_CACHE | DUMP_LEVEL_PRIVATE | DUMP_LEVEL_USER;

	if (pc->scan_needed_at_any_level || (level & by_struct_page))
		return true;
	return (level & DUMP_LEVEL_FREE) && pc->has_buddy;
}

enum page_class pageclass_of(const struct pageclass *pc, unsigned int level, pfn_t pfn,
			     const uint8_t *page, const uint8_t *next, uint64_t *npages)
{
	return pageclass_verdict(pc, level, pfn, page, next, npages);
}

uint64_t pageclass_slab_pages(const struct pageclass *pc, pfn_t pfn, const uint8_t *page,
			      const uint8_t *next)
{
	int32_t mapcount = (int32_t)load_le32(page + pc->mapcount);
	bool hugetlb;

	if (!pageclass_is_slab(pc, page) || pageclass_is_tail(pc, page))
		return 0;
	if (!pageclass_is_head(pc, page) || !next)
		return 1;
	return 1ULL << compound_order(pc, pfn, mapcount, next, &hugetlb);
}

const char *page_class_name(enum page_class c)
{
	static const char *const names[PAGE_CLASSES] = {
		[PAGE_KEPT] = "kept",	    [PAGE_FREE] = "free",
		[PAGE_CACHE] = "cache",	    [PAGE_CACHE_PRIVATE] = "cache_private",
		[PAGE_USER] = "user",	    [PAGE_HWPOISON] = "hwpoison",
		[PAGE_OFFLINE] = "offline",
	};

	return (unsigned int)c < PAGE_CLASSES ? names[c] : "?";
}
