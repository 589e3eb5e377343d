/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkkernel_priv: between the statements (mkkernel.c) and the eras of struct page
 * (mkkernel_era.c).
 */
#ifndef TESTS_LIB_MKKERNEL_PRIV_H
#define TESTS_LIB_MKKERNEL_PRIV_H

#include <stdint.h>

enum {
	MK_PAGE_SIZE = 64, /* of struct page, in all eras */
	MK_ORDERS = 11, /* LENGTH(zone.free_area) */
};

/* How the order of a compound page, and that it is hugetlb, is told. */
enum mk_compound {
	MK_DTOR32, /* two words of page[1] */
	MK_DTOR8, /* two bytes of it */
	MK_FOLIO, /* the same bytes, as offsets in struct folio */
	MK_FLAG, /* the first byte of page[1].flags, and a flag in it */
	MK_TYPE, /* the first byte of page[1].flags, and a type in page[0] */
};

/* Numbers of flags are -1, and types 0, where the era does not export them. */
struct mk_era {
	const char *name, *release;
	uint32_t mapping, mapcount, private, head; /* offsets; flags is at 0 */
	const char *head_key; /* name of the field at head */
	enum mk_compound compound;
	uint32_t dtor, order; /* offsets in page[1] */
	int pg_lru, pg_private, pg_swapcache, pg_swapbacked, pg_slab, pg_hwpoison, pg_head;
	int pg_reserved; /* never exported */
	int hugetlb_id; /* dtor or flag */
	int32_t buddy, slab, hugetlb, offline, unaccepted;
};

const struct mk_era *mk_era_by_name(const char *name);

/* Kinds of pages that are single. */
enum mk_kind {
	MK_PLAIN,
	MK_ANON,
	MK_CACHE,
	MK_PRIVATE,
	MK_SWAPCACHE,
	MK_RESERVED,
	MK_HWPOISON,
	MK_OFFLINE,
	MK_UNACCEPTED,
};

/* Fills the struct page at @page. */
void mk_page(const struct mk_era *era, uint8_t *page, enum mk_kind kind);

/* The struct page of a free block. */
void mk_free(const struct mk_era *era, uint8_t *page, unsigned int order);

/* Kinds of compound pages. */
enum mk_compound_kind {
	MK_SLAB,
	MK_THP,
	MK_CACHE_FOLIO,
	MK_HUGETLB,
	MK_HUGETLB_FOLDED, /* only the first 64 struct pages: a page of the vmemmap */
};

/* The struct pages of a compound page from @page on; @va is the address of the first. */
void mk_compound_page(const struct mk_era *era, uint8_t *page, uint64_t va,
		      enum mk_compound_kind kind, unsigned int order);

#endif
