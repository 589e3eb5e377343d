// SPDX-License-Identifier: GPL-2.0-or-later
/* A plan whose bitmap is made by the block says what one says that holds it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/keep.h"
#include "collector/plan.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkernel.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

/* Blocks of the bitmap that are used, changed by ranges from others, empty, and in part. */
static const char sound[] = "section-bits 27\n"
			    "chunks 5\n"
			    "ram 64K 576K\n"
			    "ram 1M 511M\n"
			    "ram 0x40000000 120M 100M\n"
			    "free 0x2000 10\n"
			    "free 0x7800 10\n"
			    "anon 0x3000 1000\n"
			    "cache 0x3800 77\n"
			    "private 0x3900 33\n"
			    "free 0x7ff0 10\n" // into the next block
			    "thp 0x8200 9\n"
			    "anon 0x8ff0 16\n"
			    "anon 0x1fff0 16\n"
			    "thp 0x10000 9\n"
			    "poke 0x10001 17 1 16\n" // a huge page of two blocks
			    "anon 0x18100 100\n"
			    "hwpoison 0x18000 2\n"
			    "offline 0x18010 2\n"
			    "free 0x40000 10\n"
			    "anon 0x46000 0x800\n" // of which the input has none from 0x46400 on
			    "unmap 0x9800\n";

/* Struct pages of the image that say it is something else. */
static const char forged[] = "chunks 2\n"
			     "ram 1M 200M\n"
			     "anon 0x1010 4\n"
			     "poke 0x1010 1 1 0x10\n"
			     "free 0x1100 4\n"
			     "free 0x0ff0 10\n"
			     "free 0x8000 10\n";

struct pair {
	int fd;
	struct vmcore *vc;
	struct kmem km;
	struct plan held, made;
};

static void pair_open(struct pair *p, const char *text, unsigned int level, unsigned int threads)
{
	struct plan_wish wish = {.level = level, .threads = threads};
	char path[MKCORE_PATH_MAX];
	struct err err = {0}, why;

	*p = (struct pair){0};
	p->fd = mkkernel_memfd(text, &err);
	if (p->fd < 0)
		fail_msg("%s", err.msg);
	mkcore_path(p->fd, path);
	if (vmcore_open(path, &p->vc, &err) || kmem_init(&p->km, p->vc, &why, &err) ||
	    plan_init_wish(&p->held, &p->km, &wish, &err))
		fail_msg("%s", err.msg);
	wish.bitmap = 1;
	if (plan_init_wish(&p->made, &p->km, &wish, &err))
		fail_msg("%s", err.msg);
	assert_null(p->held.keep);
	assert_non_null(p->made.keep);
}

static void pair_close(struct pair *p)
{
	plan_deinit(&p->held);
	plan_deinit(&p->made);
	kmem_deinit(&p->km);
	vmcore_close(p->vc);
	close(p->fd);
}

static void same_bits(const struct plan *a, const struct plan *b)
{
	for (pfn_t pfn = 0; pfn < a->max_pfn + 64; pfn++)
		if (bitmap_test(&a->kept, pfn) != bitmap_test(&b->kept, pfn))
			fail_msg("page 0x%llx is %s", (unsigned long long)pfn,
				 bitmap_test(&a->kept, pfn) ? "not kept" : "kept");
	for (pfn_t pfn = 0; pfn < a->max_pfn; pfn += 1777) {
		assert_int_equal(bitmap_next(&a->kept, pfn, a->max_pfn),
				 bitmap_next(&b->kept, pfn, a->max_pfn));
		assert_int_equal(bitmap_next_clear(&a->kept, pfn, a->max_pfn),
				 bitmap_next_clear(&b->kept, pfn, a->max_pfn));
		assert_int_equal(bitmap_count(&a->kept, pfn, a->max_pfn),
				 bitmap_count(&b->kept, pfn, a->max_pfn));
		assert_int_equal(rank_of(&a->rank, pfn), rank_of(&b->rank, pfn));
	}
	for (uint64_t i = 0; i < a->kept_pages; i += 997)
		assert_int_equal(rank_select(&a->rank, i), rank_select(&b->rank, i));
}

static void same_words(const struct plan *a, const struct plan *b)
{
	uint64_t x[700], y[700];

	assert_int_equal(a->kept.nwords, b->kept.nwords);
	for (uint64_t w = 0; w < a->kept.nwords; w += 700) {
		size_t n = a->kept.nwords - w < 700 ? a->kept.nwords - w : 700;

		bitmap_words(&a->kept, w, n, x);
		bitmap_words(&b->kept, w, n, y);
		assert_memory_equal(x, y, n * sizeof(*x));
		for (size_t i = 0; i < n && bitmap_untouched(&b->kept, w, n); i++)
			assert_int_equal(y[i], 0);
	}
}

static void same_walk(const struct plan *a, const struct plan *b)
{
	struct order_walk wa = {.order = &a->order, .rank = &a->rank};
	struct order_walk wb = {.order = &b->order, .rank = &b->rank};
	pfn_t pa[100], pb[100];
	uint64_t ia[100], ib[100];
	size_t n;

	do {
		n = order_next(&wa, 100, pa, ia);
		assert_int_equal(order_next(&wb, 100, pb, ib), n);
		assert_memory_equal(pa, pb, n * sizeof(*pa));
		assert_memory_equal(ia, ib, n * sizeof(*ia));
	} while (n);
}

static void same_plan(const char *text, unsigned int level, unsigned int threads)
{
	struct pair p;

	pair_open(&p, text, level, threads);
	assert_int_equal(p.held.max_pfn, p.made.max_pfn);
	assert_int_equal(p.held.ram_pages, p.made.ram_pages);
	assert_int_equal(p.held.kept_pages, p.made.kept_pages);
	assert_int_equal(p.held.absent_pages, p.made.absent_pages);
	assert_int_equal(p.held.image_pages, p.made.image_pages);
	assert_memory_equal(&p.held.counts, &p.made.counts, sizeof(p.held.counts));
	assert_int_equal(p.held.nnotes, p.made.nnotes);
	for (size_t i = 0; i < p.held.nnotes; i++)
		assert_string_equal(p.held.notes[i], p.made.notes[i]);
	same_bits(&p.held, &p.made);
	same_words(&p.held, &p.made);
	same_walk(&p.held, &p.made);
	assert_int_equal(keep_changed(p.made.keep), 0);
	pair_close(&p);
}

static void test_sound(void **state)
{
	static const unsigned int levels[] = {0, 1, 2, 8, 16, 31};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		same_plan(sound, levels[i], 1);
		same_plan(sound, levels[i], 3);
	}
}

/* That the text above has what it is to have. */
static void test_spills(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, sound, 31, 2);
	for (pfn_t pfn = 0x7ff0; pfn < 0x8200; pfn++)
		assert_false(bitmap_test(&p.made.kept, pfn));
	assert_true(bitmap_test(&p.made.kept, 0x8400));
	for (pfn_t pfn = 0x10000; pfn < 0x20000; pfn++)
		assert_false(bitmap_test(&p.made.kept, pfn));
	assert_true(p.made.absent_pages > 0);
	assert_true(p.made.counts.unreadable > 0);
	pair_close(&p);
}

static void test_image(void **state)
{
	struct pair p;

	(void)state;
	same_plan(forged, 31, 2);
	pair_open(&p, forged, 31, 2);
	assert_true(p.made.image_pages > 0);
	assert_true(bitmap_test(&p.made.kept, 0x1010));
	pair_close(&p);
}

static void test_far(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, "ram 1M 39M\nram 0x100000000000 16M\nfree 0x400 10\n", 31, 2);
	assert_int_equal(p.held.kept_pages, p.made.kept_pages);
	assert_int_equal(bitmap_next(&p.made.kept, 0x100000, p.made.max_pfn), 0x100000000);
	same_walk(&p.held, &p.made);
	pair_close(&p);
}

/* Memory that changes after it was counted: the number of pages stays. */
static void test_changed(void **state)
{
	uint64_t words[BITMAP_BLOCK / 64], count = 0;
	uint8_t zero[64] = {0};
	struct pair p;
	// Struct pages follow the image: those of block 1 are the second 2 MiB of them.
	paddr_t page = ((MKKERNEL_IMAGE_PFN + MKKERNEL_IMAGE_PAGES) << 12) + 0x9000 * sizeof(zero);
	const struct vmcore_range *r;

	(void)state;
	pair_open(&p, "chunks 2\nram 1M 200M\nfree 0x1400 10\nfree 0x9000 10\n", 31, 1);
	// The struct page of the free block in block 1 becomes one of a page in use.
	r = vmcore_find(p.vc, page);
	assert_int_equal(pwrite(p.fd, zero, sizeof(zero), r->offset + (page - r->paddr)),
			 sizeof(zero));
	bitmap_words(&p.made.kept, BITMAP_BLOCK / 64, 0x4000 / 64, words);
	for (size_t i = 0; i < 0x4000 / 64; i++)
		count += __builtin_popcountll(words[i]);
	assert_int_equal(count, bitmap_count(&p.made.kept, 0x8000, 0xc000));
	assert_int_equal(keep_changed(p.made.keep), 1);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),	cmocka_unit_test(test_spills),
		cmocka_unit_test(test_image),	cmocka_unit_test(test_far),
		cmocka_unit_test(test_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
