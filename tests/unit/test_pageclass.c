// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a struct page is taken for, in every era of vmcoreinfo, at every dump level: the bytes
 * of the struct pages are written here by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "tests/lib/mkkernel.h"
#include "vmcore/pageclass.h"
#include "vmcore/pageverdict.h"

enum {
	PAGE = 64,
	POKES = 4,
	FREE = 16, /* dump level bits */
	CACHE = 2,
	PRIV = 4,
	USER = 8,
	ANY = 32, /* ... and "at every level" */
};

struct poke {
	unsigned int offset, width;
	uint64_t value;
};

/* A page in an era, and what becomes of it: @class at levels with a bit of @bits, else it is kept;
 * expected() knows the exceptions. */
struct row {
	const char *era, *what;
	uint64_t pfn;
	struct poke page[POKES], next[POKES];
	unsigned int bits;
	enum page_class class;
	uint64_t n; /* pages that share the verdict; 1 for PAGE_KEPT */
};

#define MAPPING 0xffff888012345600ULL
#define TAIL	0xffffea0000000001ULL

// clang-format off
/* Fields at their offsets before (O) and since (N) 4.18. */
#define F(v)	  {0, 8, v}
#define MAP_O(v)  {8, 8, v}
#define MC_O(v)	  {24, 4, (uint32_t)(v)}
#define PRIV_O(v) {48, 8, v}
#define HEAD_O(v) {32, 8, v}
#define MAP_N(v)  {24, 8, v}
#define MC_N(v)	  {48, 4, (uint32_t)(v)}
#define PRIV_N(v) {40, 8, v}
#define HEAD_N(v) {8, 8, v}
#define B(n)	  (1ULL << (n))

/* What is the same in all eras but for the numbers. swb 0: not exported. */
#define SINGLE(era, L, lru, prv, swc, swb, hwp, head, buddy)                                      \
	{era, "plain", 8, {F(0), MC_##L(-1)}, {{0}}, 0, PAGE_KEPT, 1},                            \
	{era, "anon", 8, {F(lru | swb), MAP_##L(MAPPING | 1), MC_##L(0)}, {{0}},                  \
	 USER, PAGE_USER, 1},                                                                     \
	{era, "anon, ksm", 8, {F(lru | swb), MAP_##L(MAPPING | 3), MC_##L(5)}, {{0}},             \
	 USER, PAGE_USER, 1},                                                                     \
	{era, "movable", 8, {F(0), MAP_##L(MAPPING | 2), MC_##L(-1)}, {{0}}, 0, PAGE_KEPT, 1},    \
	{era, "cache", 8, {F(lru), MAP_##L(MAPPING), MC_##L(-1)}, {{0}},                          \
	 CACHE | PRIV, PAGE_CACHE, 1},                                                            \
	{era, "private", 8, {F(lru | prv), MAP_##L(MAPPING), MC_##L(-1)}, {{0}},                  \
	 PRIV, PAGE_CACHE_PRIVATE, 1},                                                            \
	{era, "private, no list", 8, {F(prv), MC_##L(-1)}, {{0}}, 0, PAGE_KEPT, 1},               \
	{era, "swap cache", 8, {F(swc | swb), MC_##L(-1)}, {{0}}, CACHE | PRIV, PAGE_CACHE, 1},   \
	{era, "swap cache bit alone", 8, {F(swc), MC_##L(-1)}, {{0}},                             \
	 (swb) ? 0 : CACHE | PRIV, (swb) ? PAGE_KEPT : PAGE_CACHE, 1},                            \
	{era, "free", 8, {F(0), MC_##L(buddy), PRIV_##L(3)}, {{0}}, FREE, PAGE_FREE, 8},          \
	{era, "free, largest", 1024, {F(0), MC_##L(buddy), PRIV_##L(10)}, {{0}},                  \
	 FREE, PAGE_FREE, 1024},                                                                  \
	{era, "free, misaligned", 9, {F(0), MC_##L(buddy), PRIV_##L(3)}, {{0}},                   \
	 FREE, PAGE_FREE, 8},                                                                     \
	{era, "free, order too large", 0, {F(0), MC_##L(buddy), PRIV_##L(11)}, {{0}},             \
	 0, PAGE_KEPT, 1},                                                                        \
	{era, "free, order absurd", 0, {F(0), MC_##L(buddy), PRIV_##L(~0ULL)}, {{0}},             \
	 0, PAGE_KEPT, 1},                                                                        \
	{era, "free beats cache", 8, {F(lru), MC_##L(buddy), PRIV_##L(1)}, {{0}},                 \
	 FREE, PAGE_FREE, 2},                                                                     \
	{era, "poisoned", 8, {F(hwp), MC_##L(-1)}, {{0}}, ANY, PAGE_HWPOISON, 1},                 \
	{era, "poisoned anon", 8, {F(hwp | lru | swb), MAP_##L(MAPPING | 1), MC_##L(0)}, {{0}},   \
	 USER, PAGE_USER, 1},                                                                     \
	{era, "poisoned tail", 9, {F(hwp), HEAD_##L(TAIL), MC_##L(-1)}, {{0}},                    \
	 ANY, PAGE_HWPOISON, 1},                                                                  \
	{era, "tail of anon", 9, {F(0), HEAD_##L(TAIL), MAP_##L(MAPPING | 1), MC_##L(-1)}, {{0}}, \
	 0, PAGE_KEPT, 1},                                                                        \
	{era, "free tail", 9, {F(0), HEAD_##L(TAIL), MC_##L(buddy), PRIV_##L(0)}, {{0}},          \
	 0, PAGE_KEPT, 1},                                                                        \
	{era, "head without the next", 9, {F(head | lru), MAP_##L(MAPPING), MC_##L(-1)}, {{0}},   \
	 CACHE | PRIV, PAGE_CACHE, 1}

/* Compound pages: ORD(n) is the next struct page of a page of that order that is not hugetlb,
 * HUG(n) of one that is; hmc is what hugetlb has in _mapcount. */
#define COMPOUND(era, L, lru, swb, head, hmc, ORD, HUG)                                           \
	{era, "thp", 512, {F(head | lru | swb), MAP_##L(MAPPING | 1), MC_##L(-1)}, {ORD(9)},      \
	 USER, PAGE_USER, 512},                                                                   \
	{era, "large folio", 16, {F(head | lru), MAP_##L(MAPPING), MC_##L(-1)}, {ORD(4)},         \
	 CACHE | PRIV, PAGE_CACHE, 16},                                                           \
	{era, "driver's", 16, {F(head), MC_##L(-1)}, {ORD(4)}, 0, PAGE_KEPT, 1},                  \
	{era, "hugetlb", 512, {F(head), MC_##L(hmc)}, {HUG(9)}, USER, PAGE_USER, 512},            \
	{era, "hugetlb 1G", 1 << 18, {F(head), MC_##L(hmc)}, {HUG(18)},                           \
	 USER, PAGE_USER, 1 << 18},                                                               \
	{era, "fake head inside 1G", 1 << 15, {F(head), MC_##L(hmc)}, {HUG(18)},                  \
	 USER, PAGE_USER, 1},                                                                     \
	{era, "thp, misaligned", 514, {F(head | lru | swb), MAP_##L(MAPPING | 1), MC_##L(-1)},    \
	 {ORD(9)}, USER, PAGE_USER, 1},                                                           \
	{era, "thp, odd frame", 513, {F(head | lru | swb), MAP_##L(MAPPING | 1), MC_##L(-1)},     \
	 {ORD(9)}, USER, PAGE_USER, 1},                                                           \
	{era, "order 63 of frame 0", 0, {F(head | lru), MAP_##L(MAPPING), MC_##L(-1)}, {ORD(63)}, \
	 CACHE | PRIV, PAGE_CACHE, 1ULL << 63},                                                   \
	{era, "order 64", 0, {F(head | lru), MAP_##L(MAPPING), MC_##L(-1)}, {ORD(64)},            \
	 CACHE | PRIV, PAGE_CACHE, 1},                                                            \
	{era, "order 255", 0, {F(head | lru), MAP_##L(MAPPING), MC_##L(-1)}, {ORD(255)},          \
	 CACHE | PRIV, PAGE_CACHE, 1}

/* Two words of page[1], or two bytes: destructor and order. */
#define ORD_44(n)  {40, 4, 1}, {44, 4, n}
#define HUG_44(n)  {40, 4, 2}, {44, 4, n}
#define ORD_416(n) {40, 1, 1}, {41, 1, n}
#define HUG_416(n) {40, 1, 2}, {41, 1, n}
#define ORD_5(n)   {16, 1, 1}, {17, 1, n}
#define HUG_5(n)   {16, 1, 2}, {17, 1, n}
/* The first byte of flags; hugetlb is flag 8. What stands above the byte is no order. */
#define ORD_66(n)  {0, 8, 0xfe00 | (n)}
#define HUG_66(n)  {0, 8, 0xfe00 | 1 << 8 | (n)}
#define ORD_69(n)  {0, 8, 0xff00 | (n)}
#define HUG_69(n)  {0, 8, n}

/* 5.10 to 6.5. */
#define FLAGS_5(era)                                                                              \
	SINGLE(era, N, B(4), B(13), B(10), B(19), B(23), B(16), -129),                            \
	COMPOUND(era, N, B(4), B(19), B(16), -1, ORD_5, HUG_5),                                   \
	{era, "slab that looks anonymous", 8, {F(B(9)), MAP_N(0x15001), MC_N(-1)}, {{0}},         \
	 0, PAGE_KEPT, 1},                                                                        \
	{era, "slab whose type looks free", 8, {F(B(9)), MC_N(-129), PRIV_N(2)}, {{0}},           \
	 0, PAGE_KEPT, 1},                                                                        \
	{era, "slab whose type looks offline", 8, {F(B(9)), MC_N(-257)}, {{0}}, 0, PAGE_KEPT, 1}, \
	{era, "offline", 8, {F(0), MC_N(-257)}, {{0}}, ANY, PAGE_OFFLINE, 1}

#define SINCE_6_10(era, buddy, offline, hugetlb, slab)                                            \
	SINGLE(era, N, B(5), B(13), B(10), B(17), B(20), B(6), buddy),                            \
	COMPOUND(era, N, B(5), B(17), B(6), hugetlb, ORD_69, HUG_69),                             \
	{era, "slab", 8, {F(B(6)), MAP_N(0x15001), MC_N(slab)}, {ORD_69(3)}, 0, PAGE_KEPT, 1},    \
	{era, "anon with waiters", 8, {F(B(5) | B(7) | B(17)), MAP_N(MAPPING | 1), MC_N(0)},      \
	 {{0}}, USER, PAGE_USER, 1},                                                              \
	{era, "offline", 8, {F(0), MC_N(offline)}, {{0}}, ANY, PAGE_OFFLINE, 1}

static const struct row rows[] = {
	SINGLE("4.4", O, B(5), B(11), B(15), 0, B(22), B(14), -128),
	COMPOUND("4.4", O, B(5), 0, B(14), -1, ORD_44, HUG_44),
	{"4.4", "slab whose counters look free", 8, {F(B(7)), MC_O(-128), PRIV_O(2)}, {{0}},
	 0, PAGE_KEPT, 1},

	SINGLE("4.16", O, B(5), B(12), B(9), B(18), B(22), B(15), -128),
	COMPOUND("4.16", O, B(5), B(18), B(15), -1, ORD_416, HUG_416),
	{"4.16", "slab whose counters look free", 8, {F(B(8)), MC_O(-128), PRIV_O(2)}, {{0}},
	 0, PAGE_KEPT, 1},

	FLAGS_5("5.10"),
	FLAGS_5("6.1"),
	FLAGS_5("6.3"),

	SINGLE("6.6", N, B(5), B(15), B(12), B(19), B(22), B(6), -129),
	COMPOUND("6.6", N, B(5), B(19), B(6), -1, ORD_66, HUG_66),
	{"6.6", "slab that looks anonymous", 8, {F(B(11)), MAP_N(0x15001), MC_N(-1)}, {{0}},
	 0, PAGE_KEPT, 1},
	{"6.6", "offline", 8, {F(0), MC_N(-257)}, {{0}}, ANY, PAGE_OFFLINE, 1},

	SINGLE("6.9", N, B(5), B(15), B(12), B(19), B(22), B(6), -129),
	COMPOUND("6.9", N, B(5), B(19), B(6), -2049, ORD_69, HUG_69),
	{"6.9", "hugetlb on a list", 512, {F(B(6) | B(5)), MC_N(-2049)}, {HUG_69(9)},
	 CACHE | PRIV, PAGE_CACHE, 512},
	{"6.9", "offline", 8, {F(0), MC_N(-257)}, {{0}}, ANY, PAGE_OFFLINE, 1},

	SINCE_6_10("6.10", -129, -257, -2049, -4097),
	SINCE_6_10("6.12", 0xf0000000, 0xf1000000, 0xf4000000, 0xf5000000),
	SINCE_6_10("6.16", 0xf0000000, 0xf1000000, 0xf4000000, 0xf5000000),
	SINCE_6_10("7.1", 0xf0000000, 0xf1000000, 0xf4000000, 0xf5000000),
	{"6.12", "only the whole word is a type", 8, {F(0), MC_N(0xf0000001)}, {{0}},
	 0, PAGE_KEPT, 1},
	{"6.12", "unaccepted is not known", 1024, {F(0), MC_N(0xf8000000)}, {{0}},
	 0, PAGE_KEPT, 1},
	{"6.16", "unaccepted", 1024, {F(0), MC_N(0xf8000000)}, {{0}}, FREE, PAGE_FREE, 1024},
	{"7.1", "unaccepted", 1024, {F(0), MC_N(0xf8000000)}, {{0}}, FREE, PAGE_FREE, 1024},
};
// clang-format on

static void fill(uint8_t *page, const struct poke *pokes)
{
	memset(page, 0, PAGE);
	for (size_t i = 0; i < POKES; i++)
		for (unsigned int b = 0; b < pokes[i].width; b++)
			page[pokes[i].offset + b] = pokes[i].value >> 8 * b;
}

static int init_of(const char *text, struct pageclass *pc, struct err *err)
{
	struct vmcoreinfo *vi = NULL;
	int rc;

	assert_int_equal(vmcoreinfo_create(text, strlen(text), &vi, NULL), 0);
	rc = pageclass_init(pc, vi, err);
	vmcoreinfo_destroy(vi);
	return rc;
}

static void init_era(const char *era, struct pageclass *pc)
{
	char info[MKKERNEL_INFO_MAX];
	struct err err = {0};

	assert_non_null(mkkernel_info(era, info));
	if (init_of(info, pc, &err))
		fail_msg("%s: %s", era, err.msg);
	assert_int_equal(pc->off, 0);
}

/* What is to come of a row at a level, by the order in which the rules are tried. */
static enum page_class expected(const struct row *r, unsigned int level, uint64_t *n)
{
	*n = r->n;
	if (r->bits & (level | ANY))
		return r->class;
	// Hugetlb on a list is cache before it is the user's.
	if (!strcmp(r->what, "hugetlb on a list") && (level & USER))
		return PAGE_USER;
	*n = 1;
	if (!strcmp(r->what, "free beats cache") && (level & (CACHE | PRIV)))
		return PAGE_CACHE;
	if (!strcmp(r->what, "poisoned anon"))
		return PAGE_HWPOISON;
	return PAGE_KEPT;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];
		uint8_t page[PAGE], next[PAGE];
		struct pageclass pc;

		init_era(r->era, &pc);
		fill(page, r->page);
		fill(next, r->next);
		for (unsigned int level = 0; level < 32; level++) {
			bool lonely = !strcmp(r->what, "head without the next");
			uint64_t n = 0, want_n;
			enum page_class want = expected(r, level, &want_n);
			enum page_class got =
				pageclass_of(&pc, level, r->pfn, page, lonely ? NULL : next, &n);

			if (got != want || n != want_n)
				fail_msg("%s %s at level %u: %s of %llu, wanted %s of %llu", r->era,
					 r->what, level, page_class_name(got),
					 (unsigned long long)n, page_class_name(want),
					 (unsigned long long)want_n);
		}
	}
}

/* Holds the shortcut of @b behind @a to the verdicts on both. Returns whether it is one. */
static bool check_alike(const struct pageclass *pc, const struct row *r, const uint8_t *a,
			const uint8_t *b)
{
	if (!pageclass_alike(pc, a, b))
		return false;
	for (unsigned int level = 0; level < 32; level++) {
		uint64_t n = 0, other_n = 0;
		enum page_class class = pageclass_of(pc, level, r->pfn, a, NULL, &n);

		if (class == PAGE_KEPT || class == PAGE_FREE || n != 1)
			continue;
		if (pageclass_of(pc, level, r->pfn + 1, b, NULL, &other_n) != class || other_n != 1)
			fail_msg("%s %s at level %u: no longer %s", r->era, r->what, level,
				 page_class_name(class));
	}
	return true;
}

/* A page that is taken for one like the page before it would have the same verdict. */
static void test_alike(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t page[PAGE], other[PAGE];
		struct pageclass pc;
		unsigned int alike = 0;
		bool head;

		init_era(rows[i].era, &pc);
		fill(page, rows[i].page);
		head = pageclass_is_head(&pc, page);
		// Whichever bit differs; most of those in a struct page are of no interest.
		for (unsigned int bit = 0; bit < 8 * PAGE; bit++) {
			memcpy(other, page, PAGE);
			other[bit / 8] ^= 1 << bit % 8;
			alike += check_alike(&pc, &rows[i], page, other);
		}
		// The words of flags and of the count; a bit of mapping and one of compound_head.
		assert_int_equal(alike, head ? 0 : 8 * PAGE - 64 - 32 - 2);
		for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
			fill(other, rows[k].page);
			if (!strcmp(rows[k].era, rows[i].era))
				check_alike(&pc, &rows[i], page, other);
		}
	}
}

/* What makedumpfile does else, and where. */
static void test_compat(void **state)
{
	static const struct {
		const char *era, *what;
		unsigned int level;
		enum page_class theirs, ours;
	} cases[] = {
		{"6.12", "poisoned tail", 31, PAGE_KEPT, PAGE_HWPOISON},
		{"6.1", "poisoned tail", 0, PAGE_KEPT, PAGE_HWPOISON},
		{"6.12", "anon with waiters", 2, PAGE_CACHE, PAGE_KEPT},
		{"6.12", "anon with waiters", 8, PAGE_KEPT, PAGE_USER},
		{"6.12", "anon", 8, PAGE_USER, PAGE_USER},
		{"6.6", "slab that looks anonymous", 8, PAGE_KEPT, PAGE_KEPT},
		{"6.16", "tail of anon", 8, PAGE_KEPT, PAGE_KEPT},
		{"7.1", "tail of anon", 8, PAGE_USER, PAGE_KEPT},
		{"7.1", "free tail", 16, PAGE_FREE, PAGE_KEPT},
		{"7.1", "poisoned tail", 0, PAGE_HWPOISON, PAGE_HWPOISON},
	};
	unsigned int found = 0;

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			const struct row *r = &rows[i];
			char info[MKKERNEL_INFO_MAX];
			struct vmcoreinfo *vi = NULL;
			uint8_t page[PAGE], next[PAGE];
			struct pageclass pc;
			uint64_t n;

			if (strcmp(r->era, cases[c].era) || strcmp(r->what, cases[c].what))
				continue;
			found++;
			init_era(r->era, &pc);
			fill(page, r->page);
			fill(next, r->next);
			assert_int_equal(pageclass_of(&pc, cases[c].level, r->pfn, page, next, &n),
					 cases[c].ours);
			assert_non_null(mkkernel_info(r->era, info));
			assert_int_equal(vmcoreinfo_create(info, strlen(info), &vi, NULL), 0);
			pageclass_imitate(&pc, vi);
			vmcoreinfo_destroy(vi);
			assert_int_equal(pageclass_of(&pc, cases[c].level, r->pfn, page, next, &n),
					 cases[c].theirs);
		}
	}
	assert_int_equal(found, ARRAY_SIZE(cases));
}

/* Every era is in the table, with every class that it can tell. */
static void test_rows_are_complete(void **state)
{
	(void)state;
	for (size_t e = 0; mkkernel_era(e); e++) {
		unsigned int seen = 0;

		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			if (!strcmp(rows[i].era, mkkernel_era(e)))
				seen |= 1U << rows[i].class;
		// Offline came with 5.1.
		if (e < 2)
			seen |= 1U << PAGE_OFFLINE;
		assert_int_equal(seen, (1U << PAGE_CLASSES) - 1);
	}
}

static void test_heads(void **state)
{
	struct pageclass pc;
	uint8_t page[PAGE] = {0};

	(void)state;
	init_era("6.1", &pc);
	assert_false(pageclass_is_head(&pc, page));
	page[2] = 1;
	assert_true(pageclass_is_head(&pc, page));
	page[7] = 0xff;
	assert_int_equal(pageclass_low_flags(&pc, page), 1 << 16);
}

static void test_needed(void **state)
{
	struct pageclass pc;

	(void)state;
	init_era("6.1", &pc);
	for (unsigned int level = 0; level < 32; level++)
		assert_true(pageclass_needed(&pc, level));
	pc.scan_needed_at_any_level = false;
	for (unsigned int level = 0; level < 32; level++)
		assert_int_equal(pageclass_needed(&pc, level), level > 1);
	pc.has_buddy = false;
	assert_false(pageclass_needed(&pc, 17));
}

#define MUST                                                             \
	"SIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\n" \
	"OFFSET(page._mapcount)=48\nOFFSET(page.compound_head)=8\n"

/* Keys that must be there, or that make no sense. */
static void test_bad_keys(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *says;
	} cases[] = {
		{"A=1\n", ERR_NOTFOUND, "SIZE(page)"},
		{"SIZE(page)=0\n", ERR_CORRUPT, "SIZE(page)=0"},
		{"SIZE(page)=24\n", ERR_CORRUPT, "24"},
		{"SIZE(page)=60\n", ERR_CORRUPT, "60"},
		{"SIZE(page)=264\n", ERR_CORRUPT, "264"},
		{"SIZE(page)=18446744073709551608\n", ERR_CORRUPT, "18446744073709551608"},
		{"SIZE(page)=64\n", ERR_NOTFOUND, "page.flags"},
		{MUST "OFFSET(page.flags)=57\n", ERR_CORRUPT, "page.flags"},
		{MUST "OFFSET(page.flags)=64\n", ERR_CORRUPT, "page.flags"},
		{MUST "OFFSET(page.flags)=18446744073709551615\n", ERR_CORRUPT, "page.flags"},
		{MUST "OFFSET(page._mapcount)=61\n", ERR_CORRUPT, "page._mapcount"},
		{MUST "OFFSET(page.mapping)=4294967296\n", ERR_CORRUPT, "page.mapping"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pageclass pc;
		struct err err = {0};

		assert_int_equal(init_of(cases[i].text, &pc, &err), cases[i].rc);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("%s: %s", cases[i].says, err.msg);
	}
}

/* Fields at the very end of the struct are inside. */
static void test_last_offsets(void **state)
{
	struct pageclass pc;
	uint8_t page[PAGE] = {0};
	uint64_t n;

	(void)state;
	assert_int_equal(init_of(MUST "OFFSET(page.flags)=56\nOFFSET(page._mapcount)=60\n"
				      "OFFSET(page.mapping)=56\nOFFSET(page.compound_head)=56\n",
				 &pc, NULL),
			 0);
	assert_int_equal(pageclass_of(&pc, 31, 0, page, page, &n), PAGE_KEPT);
}

static void expect_off(const char *text, unsigned int off, const char *why)
{
	struct pageclass pc;

	assert_int_equal(init_of(text, &pc, NULL), 0);
	assert_int_equal(pc.off, off);
	if (!strstr(pc.off_why, why))
		fail_msg("%s: %s", why, pc.off_why);
}

/* Keys that some classes need: without them those are kept. */
static void test_missing_keys(void **state)
{
	static const char order[] =
		"OFFSET(page.compound_order)=17\nOFFSET(page.compound_dtor)=16\n";
	char text[1024];

	(void)state;
	expect_off(MUST, USER | FREE, "compound");
	snprintf(text, sizeof(text), MUST "%s", order);
	expect_off(text, FREE, "page.private");
	snprintf(text, sizeof(text), MUST "%sOFFSET(page.private)=40\n", order);
	expect_off(text, FREE, "zone.free_area");
	snprintf(text, sizeof(text), MUST "%sOFFSET(page.private)=40\nLENGTH(zone.free_area)=0\n",
		 order);
	expect_off(text, FREE, "zone.free_area");
	snprintf(text, sizeof(text), MUST "%sOFFSET(page.private)=40\nLENGTH(zone.free_area)=65\n",
		 order);
	expect_off(text, FREE, "zone.free_area");
	snprintf(text, sizeof(text), MUST "%sOFFSET(page.private)=40\nLENGTH(zone.free_area)=64\n",
		 order);
	expect_off(text, 0, "");
	// Offsets of the folio that lie in its first page, or beyond its second.
	expect_off(MUST "OFFSET(folio._folio_order)=63\nOFFSET(folio._folio_dtor)=64\n",
		   USER | FREE, "compound");
	expect_off(MUST "OFFSET(folio._folio_order)=128\nOFFSET(folio._folio_dtor)=64\n",
		   USER | FREE, "compound");
	expect_off(MUST "OFFSET(page.compound_order)=64\nOFFSET(page.compound_dtor)=16\n",
		   USER | FREE, "compound");
}

/* A kernel without CONFIG_HUGETLB_PAGE exports no id of hugetlb: THP is told all the same. */
static void test_no_hugetlb(void **state)
{
	struct pageclass pc;
	uint8_t page[PAGE] = {[2] = 1, [24] = 1}, next[PAGE] = {[16] = 255, [17] = 9};
	uint64_t n;

	(void)state;
	assert_int_equal(init_of(MUST "OFFSET(page.compound_order)=17\nNUMBER(PG_head_mask)=65536\n"
				      "OFFSET(page.compound_dtor)=16\n",
				 &pc, NULL),
			 0);
	assert_int_equal(pageclass_of(&pc, USER, 512, page, next, &n), PAGE_USER);
	assert_int_equal(n, 512);
	page[24] = 0;
	assert_int_equal(pageclass_of(&pc, USER, 512, page, next, &n), PAGE_KEPT);
}

/* Numbers of flags that are none: no such flag, rather than a shift too far. */
static void test_absurd_flags(void **state)
{
	static const char *const numbers[] = {"64", "-1", "9223372036854775807",
					      "-9223372036854775808"};
	uint8_t page[PAGE];
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct pageclass pc;
		char text[2048];

		snprintf(text, sizeof(text),
			 MUST
			 "NUMBER(PG_lru)=%s\nNUMBER(PG_private)=%s\nNUMBER(PG_swapcache)=%s\n"
			 "NUMBER(PG_swapbacked)=%s\nNUMBER(PG_slab)=%s\nNUMBER(PG_hwpoison)=%s\n"
			 "NUMBER(PG_hugetlb)=%s\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=%s\n",
			 numbers[i], numbers[i], numbers[i], numbers[i], numbers[i], numbers[i],
			 numbers[i], numbers[i]);
		assert_int_equal(init_of(text, &pc, NULL), 0);
		memset(page, 0xff, sizeof(page));
		memset(page + 8, 0, 24); // neither tail nor anonymous
		memset(page + 48, 0x11, 4);
		assert_int_equal(pageclass_of(&pc, 31, 0, page, page, &n), PAGE_KEPT);
	}
}

/* A type may be exported as the unsigned word that it is. */
static void test_unsigned_type(void **state)
{
	struct pageclass pc;
	uint8_t page[PAGE] = {[51] = 0xf0, [40] = 2};
	uint64_t n;

	(void)state;
	assert_int_equal(init_of(MUST "OFFSET(page.private)=40\nLENGTH(zone.free_area)=11\n"
				      "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=4026531840\n",
				 &pc, NULL),
			 0);
	assert_int_equal(pageclass_of(&pc, FREE, 4, page, NULL, &n), PAGE_FREE);
	assert_int_equal(n, 4);
}

static void test_largest_free(void **state)
{
	struct pageclass pc;
	uint8_t page[PAGE] = {[48] = 0x7f, 0xff, 0xff, 0xff, [40] = 63};
	uint64_t n;

	(void)state;
	assert_int_equal(init_of(MUST "OFFSET(page.private)=40\nLENGTH(zone.free_area)=64\n"
				      "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\n"
				      "NUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=-2\n",
				 &pc, NULL),
			 0);
	assert_int_equal(pageclass_of(&pc, FREE, 4, page, NULL, &n), PAGE_FREE);
	assert_true(n == 1ULL << 63);
	page[48] = 0xfe;
	assert_int_equal(pageclass_of(&pc, FREE, 4, page, NULL, &n), PAGE_FREE);
	assert_true(n == 1ULL << 63);
}

static void test_names(void **state)
{
	(void)state;
	for (unsigned int c = 0; c < PAGE_CLASSES; c++)
		assert_string_not_equal(page_class_name(c), "?");
	assert_string_equal(page_class_name(PAGE_CLASSES), "?");
	assert_string_equal(page_class_name(-1), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	     cmocka_unit_test(test_compat),
		cmocka_unit_test(test_alike),	     cmocka_unit_test(test_rows_are_complete),
		cmocka_unit_test(test_heads),	     cmocka_unit_test(test_needed),
		cmocka_unit_test(test_bad_keys),     cmocka_unit_test(test_last_offsets),
		cmocka_unit_test(test_missing_keys), cmocka_unit_test(test_no_hugetlb),
		cmocka_unit_test(test_absurd_flags), cmocka_unit_test(test_unsigned_type),
		cmocka_unit_test(test_largest_free), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
