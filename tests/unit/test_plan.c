// SPDX-License-Identifier: GPL-2.0-or-later
/* Which pages a plan keeps, on small dead kernels made from text, against answers by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/plan.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkernel.h"
#include "tests/unit/dead.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	TEXT_MAX = 4096,
	ANY = 32, /* beside the bits of a level: excluded at all of them */
};

/* A stretch of pages that is left out at levels with any of @bits; the first that fits counts. */
struct area {
	pfn_t start, end;
	unsigned int bits;
};

/* Is any byte of the page in the file? Looked for the simple way. */
static bool captured(const struct dead *d, pfn_t pfn)
{
	const struct vmcore_info *info = vmcore_info(d->vc);

	for (size_t i = 0; i < info->nranges; i++) {
		const struct vmcore_range *r = &info->ranges[i];

		if (r->filesz && r->paddr < (pfn + 1) << 12 && r->paddr + r->filesz > pfn << 12)
			return true;
	}
	return false;
}

static void expect(const struct dead *d, unsigned int level, const struct area *areas, size_t n)
{
	const struct plan *plan = &d->plan;
	uint64_t kept = 0, excluded = 0;

	for (pfn_t pfn = 0; pfn < plan->max_pfn + 64; pfn++) {
		bool want = captured(d, pfn);

		for (size_t i = 0; i < n; i++) {
			if (pfn < areas[i].start || pfn >= areas[i].end)
				continue;
			want = want && !(areas[i].bits & (level | ANY));
			break;
		}
		if (bitmap_test(&plan->kept, pfn) != want)
			fail_msg("level %u: page 0x%llx is %s", level, (unsigned long long)pfn,
				 want ? "missing" : "kept");
		kept += want;
	}
	assert_int_equal(plan->kept_pages, kept);
	for (int c = PAGE_KEPT; c < PAGE_CLASSES; c++)
		excluded += plan->counts.excluded[c];
	assert_int_equal(plan->ram_pages - plan->kept_pages - plan->absent_pages,
			 excluded - plan->image_pages);
}

#define RAM "ram 1M 39M\n"
#define SOME_OF_ALL                                                                              \
	"anon 0x200 100\ncache 0x300 50\nprivate 0x340 7\nswapcache 0x350 3\nreserved 0x360 9\n" \
	"hwpoison 0x370 2\nfree 0x400 10\nslab 0x800 3\nthp 0xa00 9\nfolio 0xc00 4\n"            \
	"hugetlb 0xe00 9\nfree 0x381 0\ntext 0x1f0 200\n"

static const struct area some_of_all[] = {
	{0x200, 0x264, 8},   {0x300, 0x332, 2 | 4}, {0x340, 0x347, 4},	 {0x350, 0x353, 2 | 4},
	{0x370, 0x372, ANY}, {0x400, 0x800, 16},    {0xa00, 0xc00, 8},	 {0xc00, 0xc10, 2 | 4},
	{0xe00, 0x1000, 8},  {0x381, 0x382, 16},    {0x390, 0x395, ANY}, {0x2400, 0x2800, 16},
};

/* All eras at all levels, with both depths of page tables and both kinds of leaves. */
static void test_eras(void **state)
{
	(void)state;
	for (size_t e = 0; mkkernel_era(e); e++) {
		char text[TEXT_MAX];
		struct dead d;
		bool offline = e >= 2, unaccepted = e >= 9;

		snprintf(text, sizeof(text),
			 "era %s\nlevels %d\nleaves %s\n" RAM SOME_OF_ALL "%s%s", mkkernel_era(e),
			 e % 2 ? 4 : 5, e % 3 ? "2M" : "4K", offline ? "offline 0x390 5\n" : "",
			 unaccepted ? "unaccepted 0x2400\n" : "");
		dead_open(&d, text);
		for (unsigned int level = 0; level < 32; level++) {
			size_t n = ARRAY_SIZE(some_of_all) - !unaccepted;
			struct area areas[ARRAY_SIZE(some_of_all)];

			memcpy(areas, some_of_all, sizeof(areas));
			if (!offline)
				areas[10].bits = 0;
			dead_plan(&d, level, 1 + level % 3);
			assert_int_equal(d.plan.nnotes, 0);
			assert_string_equal(d.plan.model, "sparsemem_extreme");
			assert_int_equal(d.plan.effective_level, level);
			expect(&d, level, areas, n);
		}
		dead_close(&d);
	}
}

/* The same pages by 1, 2 and 8 threads, also where a range passes the end of its section. */
static void test_spill(void **state)
{
	static const struct area areas[] = {
		{0x5f0, 0x9f0, 16}, {0x2700, 0x2800, 16}, {0x400, 0x402, 16}};
	static const unsigned int threads[] = {1, 2, 8};
	struct dead d;

	(void)state;
	// Misaligned, so they must be forged; sections are of 512 pages here. The first begins in
	// one section, swallows the next and ends in a third; the second passes the end of memory.
	dead_open(&d, "section-bits 21\n" RAM "free 0x5f0 10\nfree 0x2700 10\nfree 0x400 1\n");
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		dead_plan(&d, 31, threads[i]);
		expect(&d, 31, areas, ARRAY_SIZE(areas));
		assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 0x400 + 0x100 + 2);
	}
	dead_close(&d);
}

/* Memory that ends inside a section and inside a page; what is there in part is kept. */
static void test_edges(void **state)
{
	static const struct area areas[] = {{0x3000, 0x3002, 8}, {0x5000, 0x5001, 8}};
	struct dead d;
	uint64_t words[8];

	(void)state;
	dead_open(&d, "ram 16M 8M\nram 0x3000000 5000\nram 0x3802100 100\nram 0x5000080 0x100000 "
		      "0x1080\nanon 0x3000 2\nanon 0x3803 1\nanon 0x5000 1\n");
	dead_plan(&d, 0, 1);
	assert_int_equal(d.plan.max_pfn, 0x5101);
	// The last range is memory to its end, though only two pages of it are in the file.
	assert_int_equal(d.plan.ram_pages, 2048 + 2 + 1 + 0x101);
	dead_plan(&d, 31, 2);
	expect(&d, 31, areas, 2);
	assert_true(bitmap_test(&d.plan.kept, 0x3802));
	assert_true(bitmap_test(&d.plan.kept, 0x5001));
	assert_false(bitmap_test(&d.plan.kept, 0x5002));
	// The first bitmap says what memory there is, whatever is kept of it.
	plan_ram_words(&d.plan, &d.km, 0x3000 - 64, words, 8);
	assert_int_equal(words[0], 0);
	assert_int_equal(words[1], 3);
	assert_int_equal(words[2], 0);
	plan_ram_words(&d.plan, &d.km, 0x3800, words, 1);
	assert_int_equal(words[0], 4);
	plan_ram_words(&d.plan, &d.km, 0x5000, words, 8);
	// What a core describes and does not have is memory that is left out.
	for (int i = 0; i < 4; i++)
		assert_int_equal(words[i], ~0ULL);
	assert_int_equal(words[4], 1);
	assert_int_equal(words[5], 0);
	plan_ram_words(&d.plan, &d.km, 0x10000, words, 8);
	assert_int_equal(words[0] | words[7], 0);
	dead_close(&d);
}

/* Sections that mem_section does not have, or has wrong: their pages are kept. */
static void test_sections(void **state)
{
	struct dead d;

	(void)state;
	dead_open(&d, RAM "free 0x100 8\nfree 0x800 10\nfree 0xc00 10\nsection 1 0\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 256);
	assert_int_equal(d.plan.bad_sections, 0);
	assert_true(bitmap_test(&d.plan.kept, 0x800));
	dead_close(&d);
	// Present, without a map; and a map that no other section has.
	dead_open(&d,
		  RAM "free 0x100 8\nfree 0x800 10\nfree 0xc00 10\nsection 1 0xffffea0000000001\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 256);
	assert_int_equal(d.plan.bad_sections, 0);
	dead_close(&d);
	dead_open(&d, RAM "free 0x100 8\nfree 0x800 10\nsection 1 0xffffea000000800f\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 256);
	assert_int_equal(d.plan.bad_sections, 1);
	assert_true(noted(&d.plan, "1 sections"));
	dead_close(&d);
	// Flags that later kernels set are no part of the address.
	dead_open(&d, RAM "free 0x800 10\nsection 1 0xffffea000000003f\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 1024);
	dead_close(&d);
}

/*
 * Huge pages with an optimised vmemmap: all their struct pages are the first 64, so that heads
 * show up in their midst, also where a section begins. One of 2 MB, and one of 1 GB over 8 blocks.
 */
static void test_folded(void **state)
{
	static const struct area areas[] = {{0x800, 0xa00, 8},
					    {0xa00, 0xa04, 8},
					    {0x40000, 0x80000, 8},
					    {0x80000, 0x80400, 16}};
	static const unsigned int levels[] = {0, 1, 2, 4, 8, 16, 23, 31};
	static const unsigned int threads[] = {1, 2, 8};

	(void)state;
	for (size_t e = 0; mkkernel_era(e); e++) {
		char text[TEXT_MAX];
		struct dead d;

		snprintf(text, sizeof(text),
			 "era %s\nleaves 4K\nchunks 4\nsection-bits %d\n" RAM
			 "ram 1G 1G\nram 2G 16M\n"
			 "folded 0x800 9\nanon 0xa00 4\nfolded 0x40000 18\nfree 0x80000 10\n",
			 mkkernel_era(e), e % 2 ? 23 : 27);
		dead_open(&d, text);
		for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
			dead_plan(&d, levels[i], threads[i % ARRAY_SIZE(threads)]);
			assert_int_equal(d.plan.nnotes, 0);
			expect(&d, levels[i], areas, ARRAY_SIZE(areas));
		}
		dead_close(&d);
	}
}

static const char *const models[][2] = {
	{"extreme", "sparsemem_extreme"},
	{"sparse", "sparsemem"},
	{"flat", "flatmem"},
};

/* The same pages by all memory models; memory in two pieces, far from each other. */
static void test_models(void **state)
{
	static const struct area far[] = {{0x100200, 0x100240, 8}, {0x100400, 0x100800, 16}};
	struct area areas[ARRAY_SIZE(some_of_all) + ARRAY_SIZE(far)];
	size_t n = ARRAY_SIZE(some_of_all) - 1;

	(void)state;
	memcpy(areas, some_of_all, sizeof(some_of_all));
	memcpy(areas + n, far, sizeof(far));
	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		char text[TEXT_MAX];
		struct dead d;

		snprintf(text, sizeof(text),
			 "model %s\n" RAM "ram 4G 16M\n" SOME_OF_ALL
			 "offline 0x390 5\nanon 0x100200 64\nfree 0x100400 10\n",
			 models[i][0]);
		dead_open(&d, text);
		for (unsigned int level = 0; level < 32; level++) {
			dead_plan(&d, level, 1 + level % 3);
			assert_int_equal(d.plan.nnotes, 0);
			assert_string_equal(d.plan.model, models[i][1]);
			expect(&d, level, areas, n + ARRAY_SIZE(far));
		}
		dead_close(&d);
	}
}

/* Which keys count: a kernel without NUMA exports mem_map beside mem_section, and does not set it. */
static void test_model_keys(void **state)
{
	struct dead d;

	(void)state;
	dead_open(&d, RAM "free 0x400 10\nkey SYMBOL(mem_map)=ffffffff8116f000\n");
	dead_plan(&d, 31, 1);
	assert_string_equal(d.plan.model, "sparsemem_extreme");
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 1024);
	dead_close(&d);
	// A LENGTH that is neither of the two, and none: roots.
	dead_open(&d, RAM "free 0x400 10\nkey LENGTH(mem_section)=7\n");
	dead_plan(&d, 31, 1);
	assert_string_equal(d.plan.model, "sparsemem_extreme");
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 1024);
	dead_close(&d);
	// One table of all: a section that it does not have.
	dead_open(&d, "model sparse\n" RAM "free 0x400 10\nsection 1 0\nfree 0x800 10\n");
	dead_plan(&d, 31, 1);
	assert_string_equal(d.plan.model, "sparsemem");
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 1024);
	dead_close(&d);
}

/* mem_map that is missing, not mapped, not set, or points to anything: no page is left out. */
static void test_flat_damage(void **state)
{
	static const struct {
		const char *key, *words;
	} cases[] = {
		{"key SYMBOL(mem_map)=x\n", "neither mem_section nor mem_map"},
		{"key SYMBOL(mem_map)=ffffffff00000000\n", "mem_map"},
		{"root 0 0\n", "is not set"},
		// Mapped, and no struct pages: those of the kernel's text have no flag.
		{"root 0 0xffff888001800000\n", "not where they are expected"},
		{"key NUMBER(PHYS_OFFSET)=0x100000000\n", "behind all memory"},
		// None that can be read.
		{"root 0 0xffffffffffffffc0\n", "cannot be read"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[TEXT_MAX];
		struct dead d;

		snprintf(text, sizeof(text), "model flat\n" RAM "free 0x400 10\nanon 0x900 20\n%s",
			 cases[i].key);
		dead_open(&d, text);
		dead_plan(&d, 31, 2);
		assert_int_equal(d.plan.kept_pages, d.plan.ram_pages);
		if (!noted(&d.plan, cases[i].words))
			fail_msg("case %zu: %s", i, d.plan.nnotes ? d.plan.notes[0] : "no note");
		dead_close(&d);
	}
}

/* The array may begin with the first frame of memory: here each page is judged by another's. */
static void test_flat_offset(void **state)
{
	struct dead d;

	(void)state;
	// Struct pages are read 0x100 frames further down; the text's must have flags there, too.
	dead_open(&d, "model flat\n" RAM "free 0x400 10\nreserved 0xf00 256\n"
		      "key NUMBER(PHYS_OFFSET)=0x100000\n");
	dead_plan(&d, 31, 1);
	assert_true(bitmap_test(&d.plan.kept, 0x4ff));
	assert_false(bitmap_test(&d.plan.kept, 0x500));
	assert_false(bitmap_test(&d.plan.kept, 0x8ff));
	assert_true(bitmap_test(&d.plan.kept, 0x900));
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 1024);
	dead_close(&d);
}

/*
 * makedumpfile takes bit 5 of section_mem_map for a part of the address: what is 32 bytes off
 * looks free at 0xd00 and like nothing at 0x800. The other sections are read as they are.
 */
static void test_compat_sections(void **state)
{
	static const char *const words[] = {"0xffffea000000003f", "0xffffea000000001f"};
	struct plan_wish wish = {.level = 31, .threads = 1, .compat = true};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		bool off = i == 0;
		char text[TEXT_MAX];
		struct dead d;

		snprintf(text, sizeof(text),
			 RAM "free 0x800 10\nfree 0x400 10\npoke 0xd01 16 4 0xffffff7f\n"
			     "section 1 %s\n",
			 words[i]);
		dead_open(&d, text);
		if (plan_init_wish(&d.plan, &d.km, &wish, &d.err))
			fail_msg("%s", d.err.msg);
		assert_int_equal(d.plan.bad_sections, 0);
		assert_false(bitmap_test(&d.plan.kept, 0x400));
		assert_int_equal(bitmap_test(&d.plan.kept, 0x800), off);
		assert_int_equal(bitmap_test(&d.plan.kept, 0xd00), !off);
		assert_int_equal(d.plan.counts.excluded[PAGE_FREE], off ? 1025 : 2048);
		dead_plan(&d, 31, 1);
		assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 2048);
		dead_close(&d);
	}
}

static void test_roots(void **state)
{
	struct dead d;

	(void)state;
	// Memory of two roots; the second cannot be read.
	dead_open(&d, "section-bits 20\nram 1M 39M\nram 256M 2M\nfree 0x400 10\nfree 0x10000 8\n"
		      "root 1 0xffffffff00000000\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 1024);
	assert_int_equal(d.plan.bad_sections, 2);
	dead_close(&d);
	dead_open(&d, "section-bits 20\nram 1M 39M\nram 256M 2M\nfree 0x400 10\nfree 0x10000 8\n"
		      "root 1 0\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 1024);
	assert_int_equal(d.plan.bad_sections, 0);
	dead_close(&d);
	dead_open(&d, RAM "free 0x400 10\nkey SYMBOL(mem_section)=ffffffff00000000\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.kept_pages, d.plan.ram_pages);
	assert_int_equal(d.plan.effective_level, 1);
	assert_true(noted(&d.plan, "mem_section"));
	assert_string_equal(d.plan.model, "");
	dead_close(&d);
}

/* Struct pages that are not mapped: kept and counted. */
static void test_unmapped(void **state)
{
	static const struct area areas[] = {{0x440, 0x480, 0}, {0x400, 0x500, 8}};
	struct dead d;

	(void)state;
	dead_open(&d, "leaves 4K\n" RAM "anon 0x400 0x100\nunmap 0x440\n");
	dead_plan(&d, 31, 2);
	expect(&d, 31, areas, 2);
	assert_int_equal(d.plan.counts.unreadable, 64);
	assert_true(noted(&d.plan, "64 struct pages"));
	dead_close(&d);
	// A head whose second struct page is gone is excluded alone.
	dead_open(&d, "leaves 4K\n" RAM "unmap 0x440\nthp 0x400 9\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.counts.excluded[PAGE_USER], 512);
	assert_int_equal(d.plan.counts.unreadable, 0);
	dead_close(&d);
	dead_open(&d, RAM "unmap 0x440\nanon 0x400 4\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.kept_pages, d.plan.ram_pages);
	assert_int_equal(d.plan.counts.unreadable, d.plan.ram_pages);
	dead_close(&d);
}

/* The image stays, whatever its struct pages say, except for what the kernel gave away. */
static void test_image(void **state)
{
	struct dead d;

	(void)state;
	// The page of uts (0x11f0): free by its type, but still with the flag of the image.
	dead_open(&d, RAM "poke 0x11f0 48 4 0xffffff7f\nfree 0x1100 0\nanon 0x1120 4\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.image_pages, 1);
	assert_true(bitmap_test(&d.plan.kept, 0x11f0));
	assert_false(bitmap_test(&d.plan.kept, 0x1100));
	assert_false(bitmap_test(&d.plan.kept, 0x1123));
	assert_true(noted(&d.plan, "1 pages of the kernel image"));
	dead_close(&d);
	// When the first page of the text is not what it should be, all of the image stays.
	dead_open(&d, RAM "free 0x1000 9\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.image_pages, 512);
	assert_int_equal(d.plan.kept_pages, d.plan.ram_pages);
	dead_close(&d);
}

static void test_missing_keys(void **state)
{
	struct dead d;

	(void)state;
	dead_open(&d, RAM SOME_OF_ALL "key SIZE(page)=0\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.kept_pages, d.plan.ram_pages);
	assert_int_equal(d.plan.effective_level, 1);
	assert_true(noted(&d.plan, "SIZE(page)"));
	dead_close(&d);
	dead_open(&d, RAM SOME_OF_ALL "key LENGTH(zone.free_area)=0\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.counts.excluded[PAGE_FREE], 0);
	assert_int_equal(d.plan.counts.excluded[PAGE_USER], 100 + 512 + 512);
	assert_int_equal(d.plan.effective_level, 15);
	assert_true(noted(&d.plan, "bits 16"));
	dead_close(&d);
	dead_open(&d,
		  RAM SOME_OF_ALL "key SECTION_SIZE_BITS=1\nkey NUMBER(SECTION_SIZE_BITS)=99\n");
	dead_plan(&d, 31, 1);
	assert_int_equal(d.plan.kept_pages, d.plan.ram_pages);
	dead_close(&d);
}

/* No note: vmcoreinfo is found in memory, and the plan is the same. */
static void test_hidden(void **state)
{
	struct dead d;

	(void)state;
	dead_open(&d, "hidden\n" RAM SOME_OF_ALL);
	assert_int_equal(d.km.source, KMEM_FROM_SCAN);
	dead_plan(&d, 31, 2);
	expect(&d, 31, some_of_all, ARRAY_SIZE(some_of_all) - 2);
	dead_close(&d);
}

/* Memory far away costs neither memory nor minutes; too far away is an error. */
static void test_far(void **state)
{
	struct rusage before, after;
	struct dead d;

	(void)state;
	dead_open(&d, "ram 16M 8M\nram 0xfffffffff000 4K\nfree 0x1800 8\n");
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	dead_plan(&d, 31, 2);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_int_equal(d.plan.max_pfn, 1ULL << 36);
	assert_int_equal(d.plan.kept_pages, 2048 + 1);
	assert_true(after.ru_maxrss - before.ru_maxrss < 64 << 10);
	dead_close(&d);
	dead_open(&d, "ram 16M 8M\nram 0x1000000000000 4K\n");
	assert_int_equal(plan_init(&d.plan, &d.km, 31, 1, &d.err), ERR_LIMIT);
	dead_close(&d);
}

static void test_no_memory(void **state)
{
	char path[MKCORE_PATH_MAX];
	struct dead d = {0};

	(void)state;
	d.fd = mkcore_memfd("load paddr=16M size=1M filesz=0\nvmcoreinfo <<E\nOSRELEASE=1\n"
			    "PAGESIZE=4096\nE\n",
			    &d.err);
	assert_true(d.fd >= 0);
	mkcore_path(d.fd, path);
	assert_int_equal(vmcore_open(path, &d.vc, &d.err), 0);
	assert_int_equal(kmem_init(&d.km, d.vc, NULL, &d.err), 0);
	assert_int_equal(plan_init(&d.plan, &d.km, 31, 1, &d.err), ERR_NODATA);
	dead_close(&d);
}

/* Stretches of pages in the order in which they are to be written. */
struct turn {
	pfn_t start, n;
};

/*
 * The order takes every kept page once, with its index; first those of @turns, of each what is
 * kept and not taken before, and the @nlast last ones behind all others.
 */
static void expect_order(const struct dead *d, const struct turn *turns, size_t n, size_t nlast)
{
	struct order_walk walk = {.order = &d->plan.order, .rank = &d->plan.rank};
	uint64_t index, out = 0, others;
	struct bitmap left = {0};
	pfn_t pfn;

	assert_int_equal(bitmap_init(&left, d->plan.max_pfn, NULL), 0);
	for (pfn_t p = 0; p < d->plan.max_pfn; p++)
		if (bitmap_test(&d->plan.kept, p))
			bitmap_set_range(&left, p, p + 1);
	others = d->plan.kept_pages;
	for (size_t i = 0; i < n; i++)
		others -= bitmap_count(&left, turns[i].start, turns[i].start + turns[i].n);
	for (size_t i = 0; i <= n; i++) {
		uint64_t want = 0;

		if (i == n - nlast)
			for (; others; others--, out++) {
				assert_int_equal(order_next(&walk, 1, &pfn, &index), 1);
				for (size_t k = 0; k < n; k++)
					assert_false(pfn - turns[k].start < turns[k].n);
				assert_int_equal(bitmap_clear_range(&left, pfn, pfn + 1), 1);
			}
		if (i < n)
			want = bitmap_count(&left, turns[i].start, turns[i].start + turns[i].n);
		for (; want; want--, out++) {
			assert_int_equal(order_next(&walk, 1, &pfn, &index), 1);
			assert_int_equal(index, rank_of(&d->plan.rank, pfn));
			if (pfn - turns[i].start >= turns[i].n)
				fail_msg("page 0x%llx comes in turn %zu", (unsigned long long)pfn,
					 i);
			assert_int_equal(bitmap_clear_range(&left, pfn, pfn + 1), 1);
		}
	}
	assert_int_equal(order_next(&walk, 1, &pfn, &index), 0);
	assert_int_equal(out, d->plan.kept_pages);
	bitmap_deinit(&left);
}

/* The frames behind the image hold the struct pages, 64 in each. */
#define MEMMAP_PFN (MKKERNEL_IMAGE_PFN + MKKERNEL_IMAGE_PAGES)
/* They are mapped by a leaf of 2 MiB; what of it holds none passes for an area of vmalloc. */
#define BEHIND_MEMMAP                                         \
	{                                                     \
		MEMMAP_PFN + 0x2800 / 64, 0x200 - 0x2800 / 64 \
	}

/* The image is written first, all of which is writable here; the lower levels know more. */
static void test_order(void **state)
{
	static const struct turn at_31[] = {
		{MKKERNEL_IMAGE_PFN, MKKERNEL_IMAGE_PAGES},
		{0x360, 9},
		BEHIND_MEMMAP,
		{0x800, 8},
		{MEMMAP_PFN, 0x2800 / 64},
	};
	// All pages that are none of the others are the kernel's, as far as can be told.
	static const struct turn at_1[] = {
		{MKKERNEL_IMAGE_PFN, MKKERNEL_IMAGE_PAGES},
		{0x360, 9},
		BEHIND_MEMMAP,
		{0x800, 8},
		{MEMMAP_PFN, 0x2800 / 64},
		{0x100, 0x100}, // kernel
		{0x264, 0x9c},
		{0x332, 0xe},
		{0x347, 9},
		{0x353, 0xd},
		{0x369, 7},
		{0x372, 0xf},
		{0x382, 0x7e},
		{0x808, 0x1f8},
		{0xc10, 0x1f0},
		{MEMMAP_PFN + 0x200, 0x2800 - MEMMAP_PFN - 0x200},
		{0x381, 1}, // free
		{0x400, 0x400},
	};
	struct dead d;

	(void)state;
	dead_open(&d, RAM SOME_OF_ALL);
	for (unsigned int threads = 1; threads < 4; threads++) {
		dead_plan(&d, 31, threads);
		expect_order(&d, at_31, ARRAY_SIZE(at_31), 0);
		dead_plan(&d, 30, threads);
		expect_order(&d, at_31, ARRAY_SIZE(at_31), 0);
		dead_plan(&d, 1, threads);
		expect_order(&d, at_1, ARRAY_SIZE(at_1), 2);
	}
	dead_close(&d);
}

/*
 * A kernel with everything that has a place of its own: a log of 4 pages at 0x300; read-only
 * pages of the image, with types in 0x1004 to 0x1009 and symbols in 0x100b to 0x100e; areas, of
 * which one is too large; slabs of two caches that lie in page 0x701, their names in page 0x700.
 */
#define LOG                                                                                \
	"key SYMBOL(log_buf)=ffff888000702000\nkey SYMBOL(log_buf_len)=ffff888000702008\n" \
	"key SYMBOL(log_first_idx)=ffff88800070200c\n"                                     \
	"key SYMBOL(log_next_idx)=ffff888000702010\nkey SIZE(printk_log)=16\n"             \
	"key OFFSET(printk_log.ts_nsec)=0\nkey OFFSET(printk_log.len)=8\n"                 \
	"key OFFSET(printk_log.text_len)=10\n"                                             \
	"word 0x702000 0xffff888000300000\nword 0x702008 0x4000\n"
#define SYMTAB                                                                 \
	"word 0x1004010 0x180001eb9f\nword 0x1004018 0x500000000000\n"         \
	"word 0x1004020 0x5000\nkey SYMBOL(kallsyms_names)=ffffffff8100b800\n" \
	"key SYMBOL(kallsyms_token_index)=ffffffff8100e100\n"
#define AREAS                                                              \
	"map 0xffffc90000000000 0x600 4\nmap 0xffffc90000005000 0x640 2\n" \
	"map 0xffffc90010000000 0x1400 2100\nmap 0xffffffffc0000000 0x680 3\n"
#define CACHES                                                                         \
	"word 0x700000 0x7274735f6b736174\nword 0x700008 0x746375\n" /* task_struct */ \
	"word 0x700010 0x7972746e6564\n" /* dentry */                                  \
	"word 0x701060 0xffff888000700000\nword 0x701160 0xffff888000700010\n"
#define SLABS(at)                                                \
	"slab 0x800 3\npoke 0x800 " at " 8 0xffff888000701000\n" \
	"slab 0x810 2\npoke 0x810 " at " 8 0xffff888000701100\n"
#define WITH_ALL RAM "reserved 0x360 9\nreadonly 0x1000 16\n" LOG SYMTAB AREAS CACHES

static void test_worth(void **state)
{
	static const char *const texts[] = {
		WITH_ALL SLABS("24"), // slab_cache in 6.1
		WITH_ALL SLABS("8"), // in 6.2 and later
		"levels 5\n" RAM "slab 0x800 3\n", // nothing of all that
	};
	static const struct turn turns[] = {
		{0x300, 4}, // log
		{0x1010, 0x1f0}, // writable image, tables in it
		{0x360, 9}, // set aside at boot
		{0x600, 4}, // areas
		{0x640, 2},
		{0x680, 3},
		BEHIND_MEMMAP,
		{0x1000, 5}, // read-only image
		{0x1009, 3},
		{0x100e, 2},
		{0x800, 8}, // slab of tasks
		{0x1005, 4}, // types and symbols
		{0x100c, 2},
		{0x810, 4}, // other slab
		{MEMMAP_PFN, 0x2800 / 64},
	};
	static const struct turn plain[] = {
		{MKKERNEL_IMAGE_PFN, MKKERNEL_IMAGE_PAGES},
		BEHIND_MEMMAP,
		{0x800, 8},
		{MEMMAP_PFN, 0x2800 / 64},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct dead d;

		dead_open(&d, texts[i]);
		for (unsigned int threads = 1; threads < 4; threads++) {
			dead_plan(&d, 31, threads);
			if (i < 2)
				expect_order(&d, turns, ARRAY_SIZE(turns), 0);
			else
				expect_order(&d, plain, ARRAY_SIZE(plain), 0);
		}
		dead_close(&d);
	}
}

/* Tables and pointers that are forged cost order, and no more. */
static void test_forged_worth(void **state)
{
	static const char *const lies[] = {
		// Types beyond the image, without end, and symbols that are none of it.
		"word 0x1004018 0xffffffff00000000\nword 0x1004020 0xffffffff\n",
		"word 0x1004018 0x200000000000000\nword 0x1004020 0x2000000\n",
		"key SYMBOL(kallsyms_names)=0\n",
		"key SYMBOL(kallsyms_token_index)=ffffffffffffffff\n",
		// A log as large as may be, of which nothing is there.
		"word 0x702000 0xffffffff90000000\nword 0x702008 0x10000000\n",
		"word 0x702000 0xfffffffffffff000\n",
		// A cache that is not mapped, and a name that is not.
		"poke 0x800 24 8 0xffff8f0000000000\n",
		"word 0x701060 0xfffffffffffffff0\nword 0x701068 0xff00000000000001\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct order_walk walk = {0};
		uint64_t index, n = 0;
		char text[TEXT_MAX];
		struct dead d;
		pfn_t pfn;

		snprintf(text, sizeof(text), "%s%s%s", WITH_ALL, SLABS("24"), lies[i]);
		dead_open(&d, text);
		dead_plan(&d, 31, 2);
		walk.order = &d.plan.order;
		walk.rank = &d.plan.rank;
		while (order_next(&walk, 1, &pfn, &index))
			n++;
		assert_int_equal(n, d.plan.kept_pages);
		dead_close(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_eras),	    cmocka_unit_test(test_spill),
		cmocka_unit_test(test_edges),	    cmocka_unit_test(test_sections),
		cmocka_unit_test(test_folded),	    cmocka_unit_test(test_models),
		cmocka_unit_test(test_model_keys),  cmocka_unit_test(test_flat_damage),
		cmocka_unit_test(test_flat_offset), cmocka_unit_test(test_compat_sections),
		cmocka_unit_test(test_roots),	    cmocka_unit_test(test_unmapped),
		cmocka_unit_test(test_image),	    cmocka_unit_test(test_missing_keys),
		cmocka_unit_test(test_hidden),	    cmocka_unit_test(test_far),
		cmocka_unit_test(test_no_memory),   cmocka_unit_test(test_order),
		cmocka_unit_test(test_worth),	    cmocka_unit_test(test_forged_worth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
