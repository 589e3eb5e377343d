// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages whose use is known beforehand, against the rules for struct pages: on kernels that
 * are understood none is claimed; where the rules claim too many, the class is switched off, and
 * said to be. A kernel that the rules misread is made by giving the struct pages of the kernel's
 * own text the looks of another class.
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
#include "collector/bitmap.h"
#include "collector/controls.h"
#include "collector/landmarks.h"
#include "collector/memmap.h"
#include "tests/unit/dead.h"
#include "vmcore/pageclass.h"

enum {
	TEXT_MAX = 1 << 16,
	LEVEL = 31,
};

/* Memory with the image, and some of every class outside of it. */
#define MACHINE                                                                        \
	"ram 1M 39M\nanon 0x200 100\ncache 0x300 50\nprivate 0x340 7\nfree 0x400 10\n" \
	"hwpoison 0x370 2\noffline 0x380 2\nslab 0x800 3\ntext 0x1000 512\nthp 0xa00 9\n"

static const char text_start[] = "0x1000";

/* What controls_check() finds in the dead kernel of @text. */
static void look(const char *text, bool landmarks, struct controls *ret)
{
	struct bitmap ram;
	struct landmarks lm = {0};
	struct memmap mm;
	struct pageclass pc;
	struct dead d;

	dead_open(&d, text);
	assert_int_equal(bitmap_init(&ram, 0x2800, &d.err), 0);
	bitmap_set_range(&ram, 0x100, 0x2800);
	if (pageclass_init(&pc, d.km.vi, &d.err) ||
	    memmap_init(&mm, &d.km, pc.size, &ram, &d.err) ||
	    (landmarks && landmarks_init(&lm, &d.km, &mm, pc.size, &d.err)))
		fail_msg("%s", d.err.msg);
	controls_check(ret, &d.km, &mm, &pc, &lm);
	landmarks_deinit(&lm);
	memmap_deinit(&mm);
	bitmap_deinit(&ram);
	dead_close(&d);
}

/* All eras: the controls are there, and nobody claims one. */
static void test_understood(void **state)
{
	(void)state;
	for (size_t e = 0; mkkernel_era(e); e++) {
		char text[TEXT_MAX];
		struct controls c;

		snprintf(text, sizeof(text), "era %s\n" MACHINE, mkkernel_era(e));
		look(text, true, &c);
		assert_int_equal(c.text, MKKERNEL_IMAGE_PAGES);
		assert_int_equal(c.blank, 0);
		assert_true(c.checked > c.text); // there are page tables and struct pages, too
		assert_int_equal(c.claimed[PAGE_KEPT], c.checked);
		for (enum page_class class = PAGE_FREE; class < PAGE_CLASSES; class ++)
			assert_true(controls_class_sound(&c, class));
		assert_true(controls_memmap_sound(&c));
	}
}

/* What is not known speaks against nothing. */
static void test_nothing_known(void **state)
{
	struct controls c;

	(void)state;
	look(MACHINE, false, &c);
	assert_int_equal(c.checked, 0);
	assert_int_equal(c.text, 0);
	assert_true(controls_memmap_sound(&c));
	for (enum page_class class = PAGE_KEPT; class < PAGE_CLASSES; class ++)
		assert_true(controls_class_sound(&c, class));
}

/* One in a hundred may be claimed, and half of the text be blank; not one more. */
static void test_limits(void **state)
{
	struct controls c = {
		.checked = 1000,
		.claimed = {[PAGE_FREE] = 10, [PAGE_USER] = 11},
		.text = 512,
		.blank = 256,
	};

	(void)state;
	assert_true(controls_class_sound(&c, PAGE_FREE));
	assert_false(controls_class_sound(&c, PAGE_USER));
	assert_true(controls_memmap_sound(&c));
	c.blank++;
	assert_false(controls_memmap_sound(&c));
}

/* Each class that claims the kernel's own pages, and that one alone. */
static void test_claims(void **state)
{
	static const struct {
		const char *looks; // of @n pages of the text, a statement each
		enum page_class class;
		unsigned int off; // level bits that are not honoured
		const char *note;
	} rows[] = {
		{"anon %s %u\n", PAGE_USER, 8, "bits 8 are not honoured"},
		{"cache %s %u\n", PAGE_CACHE, 2 | 4, "bits 6 are not honoured"},
		{"private %s %u\n", PAGE_CACHE_PRIVATE, 4, "bits 4 are not honoured"},
		{"hwpoison %s %u\n", PAGE_HWPOISON, 0, "offline or poisoned are kept"},
		{"offline %s %u\n", PAGE_OFFLINE, 0, "offline or poisoned are kept"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[TEXT_MAX];
		int len = snprintf(text, sizeof(text), MACHINE);
		struct dead d;

		snprintf(text + len, sizeof(text) - len, rows[i].looks, text_start, 100);
		dead_open(&d, text);
		dead_plan(&d, LEVEL, 2);
		if (!noted(&d.plan, rows[i].note))
			fail_msg("%s: %zu notes, first: %s", text + len, d.plan.nnotes,
				 d.plan.nnotes ? d.plan.notes[0] : "");
		assert_int_equal(d.plan.level, LEVEL);
		assert_int_equal(d.plan.effective_level, LEVEL & ~rows[i].off);
		// Not one page of the class is left out, wherever it is; of another, some are.
		assert_int_equal(d.plan.counts.excluded[rows[i].class], 0);
		assert_true(d.plan.counts.excluded[PAGE_FREE] >= 1 << 10);
		dead_close(&d);
	}
}

/* Free pages are in blocks, whose heads alone are marked: many blocks of one page. */
static void test_free_claims(void **state)
{
	char text[TEXT_MAX];
	int len = snprintf(text, sizeof(text), MACHINE);
	struct dead d;

	(void)state;
	for (unsigned int i = 0; i < 100; i++)
		len += snprintf(text + len, sizeof(text) - len, "free %u 0\n",
				MKKERNEL_IMAGE_PFN + 2 * i);
	dead_open(&d, text);
	dead_plan(&d, LEVEL, 2);
	assert_true(noted(&d.plan, "bits 16 are not honoured"));
	assert_true(noted(&d.plan, "pass for class free"));
	assert_int_equal(d.plan.effective_level, LEVEL & ~16U);
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 0);
	assert_true(d.plan.counts.excluded[PAGE_USER] >= 100);
	// Where nobody asked for that class there is nothing to say.
	dead_plan(&d, 8, 2);
	assert_int_equal(d.plan.effective_level, 8);
	assert_false(noted(&d.plan, "not honoured"));
	dead_close(&d);
}

/*
 * Memory was in motion: a few claims change nothing. Pages that are still marked as those of the
 * image are kept all the same; those without the mark were given away after boot.
 */
static void test_few(void **state)
{
	struct dead d;

	(void)state;
	// At 24 is page.mapping, whose lowest bit makes a page anonymous.
	dead_open(&d, MACHINE "poke 0x1001 24 8 1\npoke 0x1003 24 8 1\nanon 0x1005 3\n");
	dead_plan(&d, LEVEL, 2);
	assert_int_equal(d.plan.effective_level, LEVEL);
	assert_true(d.plan.counts.excluded[PAGE_USER] >= 100);
	assert_true(noted(&d.plan, "2 pages of the kernel image are kept"));
	for (pfn_t pfn = 0x1000; pfn < 0x1010; pfn++)
		assert_int_equal(bitmap_test(&d.plan.kept, pfn), pfn < 0x1005 || pfn >= 0x1008);
	dead_close(&d);
}

/* Struct pages that are not where they are looked for: the text's have no flag at all. */
static void test_memmap(void **state)
{
	static const struct {
		unsigned int blank;
		unsigned int level;
	} rows[] = {{MKKERNEL_IMAGE_PAGES / 2, LEVEL}, {MKKERNEL_IMAGE_PAGES / 2 + 1, 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[TEXT_MAX];
		int len = snprintf(text, sizeof(text), MACHINE);
		struct dead d;

		for (unsigned int p = 0; p < rows[i].blank; p++)
			len += snprintf(text + len, sizeof(text) - len, "poke %u 0 8 0\n",
					MKKERNEL_IMAGE_PFN + MKKERNEL_IMAGE_PAGES - 1 - p);
		dead_open(&d, text);
		dead_plan(&d, LEVEL, 2);
		assert_int_equal(d.plan.effective_level, rows[i].level);
		assert_int_equal(noted(&d.plan, "not where they are expected (257 of 512"),
				 rows[i].level == 1);
		if (rows[i].level == 1)
			assert_int_equal(d.plan.kept_pages, d.plan.ram_pages);
		dead_close(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_understood),    cmocka_unit_test(test_limits),
		cmocka_unit_test(test_nothing_known), cmocka_unit_test(test_claims),
		cmocka_unit_test(test_free_claims),   cmocka_unit_test(test_few),
		cmocka_unit_test(test_memmap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
