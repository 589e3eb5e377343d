// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How struct page looked, and what vmcoreinfo says of it: include/linux/mm_types.h,
 * include/linux/page-flags.h and crash_save_vmcoreinfo_init() of the release that a row names.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "tests/lib/mkkernel.h"
#include "tests/lib/mkkernel_priv.h"

#define BYTE_TYPE(n) ((int32_t)((uint32_t)(n) << 24))

/* 4.18 moved all fields (4da1984edbbe, "mm: combine LRU and main union in struct page"). */
#define BEFORE_4_18 .mapping = 8, .mapcount = 24, .private = 48, .head = 32
#define SINCE_4_18  .mapping = 24, .mapcount = 48, .private = 40, .head = 8

#define FLAGS_5_TO_6_5                                                                        \
	.pg_lru = 4, .pg_private = 13, .pg_swapcache = 10, .pg_swapbacked = 19, .pg_slab = 9, \
	.pg_hwpoison = 23, .pg_head = 16, .pg_reserved = 12
#define FLAGS_6_6                                                                              \
	.pg_lru = 5, .pg_private = 15, .pg_swapcache = 12, .pg_swapbacked = 19, .pg_slab = 11, \
	.pg_hwpoison = 22, .pg_head = 6, .pg_reserved = 14
#define FLAGS_6_10                                                                             \
	.pg_lru = 5, .pg_private = 13, .pg_swapcache = 10, .pg_swapbacked = 17, .pg_slab = -1, \
	.pg_hwpoison = 20, .pg_head = 6, .pg_reserved = 12

static const struct mk_era eras[] = {
	{"4.4", "4.4.0-test", BEFORE_4_18, "compound_head", MK_DTOR32, .dtor = 40, .order = 44,
	 .pg_lru = 5, .pg_private = 11, .pg_swapcache = 15, .pg_swapbacked = -1, .pg_slab = 7,
	 .pg_hwpoison = 22, .pg_head = 14, .pg_reserved = 10, .hugetlb_id = 2, .buddy = -128},
	{"4.16", "4.16.0-test", BEFORE_4_18, "compound_head", MK_DTOR8, .dtor = 40, .order = 41,
	 .pg_lru = 5, .pg_private = 12, .pg_swapcache = 9, .pg_swapbacked = 18, .pg_slab = 8,
	 .pg_hwpoison = 22, .pg_head = 15, .pg_reserved = 11, .hugetlb_id = 2, .buddy = -128},
	{"5.10", "5.10.0-test", SINCE_4_18, "compound_head", MK_DTOR8, .dtor = 16, .order = 17,
	 FLAGS_5_TO_6_5, .hugetlb_id = 2, .buddy = -129, .offline = -257},
	{"6.1", "6.1.0-test", SINCE_4_18, "compound_head", MK_DTOR8, .dtor = 16, .order = 17,
	 FLAGS_5_TO_6_5, .hugetlb_id = 2, .buddy = -129, .offline = -257},
	{"6.3", "6.3.0-test", SINCE_4_18, "compound_head", MK_FOLIO, .dtor = 16, .order = 17,
	 FLAGS_5_TO_6_5, .hugetlb_id = 2, .buddy = -129, .offline = -257},
	{"6.6", "6.6.0-test", SINCE_4_18, "compound_head", MK_FLAG, FLAGS_6_6, .hugetlb_id = 8,
	 .buddy = -129, .offline = -257},
	{"6.9", "6.9.0-test", SINCE_4_18, "compound_head", MK_TYPE, FLAGS_6_6, .hugetlb = -2049,
	 .buddy = -129, .offline = -257},
	{"6.10", "6.10.0-test", SINCE_4_18, "compound_head", MK_TYPE, FLAGS_6_10, .slab = -4097,
	 .hugetlb = -2049, .buddy = -129, .offline = -257},
	{"6.12", "6.12.0-test", SINCE_4_18, "compound_head", MK_TYPE, FLAGS_6_10,
	 .buddy = BYTE_TYPE(0xf0), .offline = BYTE_TYPE(0xf1), .hugetlb = BYTE_TYPE(0xf4),
	 .slab = BYTE_TYPE(0xf5)},
	{"6.16", "6.16.0-test", SINCE_4_18, "compound_head", MK_TYPE, FLAGS_6_10,
	 .buddy = BYTE_TYPE(0xf0), .offline = BYTE_TYPE(0xf1), .hugetlb = BYTE_TYPE(0xf4),
	 .slab = BYTE_TYPE(0xf5), .unaccepted = BYTE_TYPE(0xf8)},
	{"7.1", "7.1.0-test", SINCE_4_18, "compound_info", MK_TYPE, FLAGS_6_10,
	 .buddy = BYTE_TYPE(0xf0), .offline = BYTE_TYPE(0xf1), .hugetlb = BYTE_TYPE(0xf4),
	 .slab = BYTE_TYPE(0xf5), .unaccepted = BYTE_TYPE(0xf8)},
};

const struct mk_era *mk_era_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(eras); i++)
		if (!strcmp(eras[i].name, name))
			return &eras[i];
	return NULL;
}

const char *mkkernel_era(size_t i)
{
	return i < ARRAY_SIZE(eras) ? eras[i].name : NULL;
}

struct text {
	char *buf;
	size_t used;
};

static void line(struct text *t, const char *kind, const char *name, long long value)
{
	t->used += snprintf(t->buf + t->used, MKKERNEL_INFO_MAX - t->used, "%s(%s)=%lld\n", kind,
			    name, value);
}

static void flag(struct text *t, const char *name, int bit)
{
	if (bit >= 0)
		line(t, "NUMBER", name, bit);
}

static void type(struct text *t, const char *name, int32_t value)
{
	if (value)
		line(t, "NUMBER", name, value);
}

static void compound_lines(struct text *t, const struct mk_era *e)
{
	switch (e->compound) {
	case MK_DTOR32:
	case MK_DTOR8:
		line(t, "OFFSET", "page.compound_dtor", e->dtor);
		line(t, "OFFSET", "page.compound_order", e->order);
		line(t, "NUMBER", "HUGETLB_PAGE_DTOR", e->hugetlb_id);
		break;
	case MK_FOLIO:
		line(t, "OFFSET", "folio._folio_dtor", MK_PAGE_SIZE + e->dtor);
		line(t, "OFFSET", "folio._folio_order", MK_PAGE_SIZE + e->order);
		line(t, "NUMBER", "HUGETLB_PAGE_DTOR", e->hugetlb_id);
		break;
	case MK_FLAG:
		line(t, "NUMBER", "PG_hugetlb", e->hugetlb_id);
		break;
	case MK_TYPE:
		type(t, "PAGE_HUGETLB_MAPCOUNT_VALUE", e->hugetlb);
		break;
	}
}

const char *mkkernel_info(const char *era, char buf[static MKKERNEL_INFO_MAX])
{
	const struct mk_era *e = mk_era_by_name(era);
	struct text t = {.buf = buf};
	char key[64];

	if (!e)
		return NULL;
	line(&t, "SIZE", "page", MK_PAGE_SIZE);
	line(&t, "OFFSET", "page.flags", 0);
	line(&t, "OFFSET", !strcmp(era, "4.4") ? "page._count" : "page._refcount", e->mapcount + 4);
	line(&t, "OFFSET", "page.mapping", e->mapping);
	line(&t, "OFFSET", "page.lru", e->head);
	line(&t, "OFFSET", "page._mapcount", e->mapcount);
	line(&t, "OFFSET", "page.private", e->private);
	snprintf(key, sizeof(key), "page.%s", e->head_key);
	line(&t, "OFFSET", key, e->head);
	compound_lines(&t, e);
	flag(&t, "PG_lru", e->pg_lru);
	flag(&t, "PG_private", e->pg_private);
	flag(&t, "PG_swapcache", e->pg_swapcache);
	flag(&t, "PG_swapbacked", e->pg_swapbacked);
	flag(&t, "PG_slab", e->pg_slab);
	flag(&t, "PG_hwpoison", e->pg_hwpoison);
	line(&t, "NUMBER", "PG_head_mask", 1LL << e->pg_head);
	type(&t, "PAGE_BUDDY_MAPCOUNT_VALUE", e->buddy);
	type(&t, "PAGE_SLAB_MAPCOUNT_VALUE", e->slab);
	type(&t, "PAGE_OFFLINE_MAPCOUNT_VALUE", e->offline);
	type(&t, "PAGE_UNACCEPTED_MAPCOUNT_VALUE", e->unaccepted);
	line(&t, "LENGTH", "zone.free_area", MK_ORDERS);
	return buf;
}

static uint64_t bit(int n)
{
	return n < 0 ? 0 : 1ULL << n;
}

/* An address in the linear mapping, of an anon_vma or an address_space. */
#define SOME_MAPPING 0xffff888000345680ULL

void mk_page(const struct mk_era *e, uint8_t *page, enum mk_kind kind)
{
	uint64_t flags = 0, mapping = 0;
	int32_t mapcount = -1;

	switch (kind) {
	case MK_PLAIN:
		break;
	case MK_ANON:
		flags = bit(e->pg_lru) | bit(e->pg_swapbacked);
		mapping = SOME_MAPPING | 1;
		mapcount = 0;
		break;
	case MK_CACHE:
		flags = bit(e->pg_lru);
		mapping = SOME_MAPPING;
		break;
	case MK_PRIVATE:
		flags = bit(e->pg_lru) | bit(e->pg_private);
		mapping = SOME_MAPPING;
		break;
	case MK_SWAPCACHE: // on its way to the LRU lists, its owner gone
		flags = bit(e->pg_swapcache) | bit(e->pg_swapbacked);
		break;
	case MK_RESERVED:
		flags = bit(e->pg_reserved);
		break;
	case MK_HWPOISON:
		flags = bit(e->pg_hwpoison);
		break;
	case MK_OFFLINE:
		mapcount = e->offline;
		break;
	case MK_UNACCEPTED:
		mapcount = e->unaccepted;
		break;
	}
	memset(page, 0, MK_PAGE_SIZE);
	// Zone and node stand above the flags.
	store_le64(page, flags | 0x0100000000000000ULL);
	store_le64(page + e->mapping, mapping);
	store_le32(page + e->mapcount, mapcount);
	store_le32(page + e->mapcount + 4, 1);
}

void mk_free(const struct mk_era *e, uint8_t *page, unsigned int order)
{
	mk_page(e, page, MK_PLAIN);
	store_le32(page + e->mapcount, e->buddy);
	store_le32(page + e->mapcount + 4, 0);
	store_le64(page + e->private, order);
}

static void put_order(const struct mk_era *e, uint8_t *second, bool hugetlb, unsigned int order)
{
	switch (e->compound) {
	case MK_DTOR32:
		store_le32(second + e->dtor, hugetlb ? e->hugetlb_id : 1);
		store_le32(second + e->order, order);
		break;
	case MK_DTOR8:
	case MK_FOLIO:
		second[e->dtor] = hugetlb ? e->hugetlb_id : 1;
		second[e->order] = order;
		break;
	case MK_FLAG:
		store_le64(second, load_le64(second) | order | (hugetlb ? bit(e->hugetlb_id) : 0));
		break;
	case MK_TYPE:
		store_le64(second, load_le64(second) | order);
		break;
	}
}

void mk_compound_page(const struct mk_era *e, uint8_t *page, uint64_t va,
		      enum mk_compound_kind kind, unsigned int order)
{
	static const enum mk_kind kinds[] = {
		[MK_SLAB] = MK_PLAIN,		[MK_THP] = MK_ANON,
		[MK_CACHE_FOLIO] = MK_CACHE,	[MK_HUGETLB] = MK_PLAIN,
		[MK_HUGETLB_FOLDED] = MK_PLAIN,
	};
	bool hugetlb = kind == MK_HUGETLB || kind == MK_HUGETLB_FOLDED;
	uint64_t n = kind == MK_HUGETLB_FOLDED ? 64 : 1ULL << order;

	mk_page(e, page, kinds[kind]);
	if (kind == MK_SLAB && e->pg_slab >= 0)
		store_le64(page, load_le64(page) | bit(e->pg_slab));
	if (kind == MK_SLAB && e->slab)
		store_le32(page + e->mapcount, e->slab);
	// Since 6.2 the slab's freelist counters lie on mapping, and may look like anything.
	if (kind == MK_SLAB && e->compound >= MK_FOLIO)
		store_le64(page + e->mapping, 0x00150011);
	if (hugetlb && e->hugetlb)
		store_le32(page + e->mapcount, e->hugetlb);
	if (!order)
		return;
	store_le64(page, load_le64(page) | bit(e->pg_head));
	for (uint64_t i = 1; i < n; i++) {
		mk_page(e, page + i * MK_PAGE_SIZE, MK_PLAIN);
		store_le64(page + i * MK_PAGE_SIZE + e->head, va | 1);
	}
	put_order(e, page + MK_PAGE_SIZE, hugetlb, order);
}
