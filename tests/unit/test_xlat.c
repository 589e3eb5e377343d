// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Translation: page tables as x86_64 kernels make them, and as no kernel would.
 */
#include <elf.h>
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
#include "tests/lib/mkpgt.h"
#include "vmcore/xlat.h"

#define KMAP MKPGT_START_KERNEL_MAP
#define KIB4 4096ULL
#define MIB2 (2ULL << 20)
#define GIB1 (1ULL << 30)

enum {
	TABLES = 64,
};

/* A kernel: where it is, and its tables. */
struct world {
	struct mkpgt pg;
	struct xlat *x;
};

/* Direct map, 4 and 5 levels, and vmemmap of 4 levels (Documentation/arch/x86/x86_64/mm.rst). */
#define DIRECT_4 0xffff888000000000ULL
#define DIRECT_5 0xff11000000000000ULL
#define VMEMMAP	 0xffffea0000000000ULL

static struct vmcoreinfo *info(const char *text)
{
	struct vmcoreinfo *vi = NULL;
	struct err err = {0};

	if (vmcoreinfo_create(text, strlen(text), &vi, &err))
		fail_msg("%s", err.msg);
	return vi;
}

static int create(struct world *w, const char *text, const struct xlat_hint *hint, struct err *err)
{
	struct vmcoreinfo *vi = info(text);
	int rc = xlat_create(EM_X86_64, vi, hint, mkpgt_read, &w->pg, &w->x, err);

	vmcoreinfo_destroy(vi);
	return rc;
}

static void world_init(struct world *w, unsigned int levels, uint64_t enc, paddr_t base,
		       const char *text)
{
	struct err err = {0};

	w->x = NULL;
	mkpgt_init(&w->pg, base, TABLES, levels, enc);
	if (create(w, text, NULL, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(xlat_levels(w->x), levels);
}

static void world_deinit(struct world *w)
{
	xlat_destroy(w->x);
	mkpgt_deinit(&w->pg);
}

static void expect_leaf(struct world *w, vaddr_t va, vaddr_t vaddr, paddr_t paddr, uint64_t size)
{
	struct xlat_leaf leaf = {0};
	struct err err = {0};
	paddr_t pa = 0;

	w->pg.reads = 0;
	if (xlat_walk(w->x, va, &leaf, &err))
		fail_msg("%s", err.msg);
	assert_true(w->pg.reads <= xlat_levels(w->x));
	assert_int_equal(leaf.vaddr, vaddr);
	assert_int_equal(leaf.paddr, paddr);
	assert_int_equal(leaf.size, size);
	assert_int_equal(xlat_paddr(w->x, va, &pa, &err), 0);
	assert_int_equal(pa, paddr + (va - vaddr));
}

/* The walk of @va fails with @code, says so, leaves @ret alone and does not read for ever. */
static void expect_fail(struct world *w, vaddr_t va, int code, const char *says)
{
	struct xlat_leaf leaf = {1, 2, 3, false};
	struct err err = {0};
	paddr_t pa = 77;

	w->pg.reads = 0;
	assert_int_equal(xlat_walk(w->x, va, &leaf, &err), code);
	assert_true(w->pg.reads <= xlat_levels(w->x));
	assert_int_equal(err.code, code);
	if (!strstr(err.msg, says))
		fail_msg("\"%s\" lacks \"%s\"", err.msg, says);
	assert_true(leaf.vaddr == 1 && leaf.paddr == 2 && leaf.size == 3);
	assert_int_equal(xlat_paddr(w->x, va, &pa, &err), code);
	assert_int_equal(pa, 77);
	// Without a place for words the code is the same.
	assert_int_equal(xlat_walk(w->x, va, &leaf, NULL), code);
}

#define PLAIN_4 "SYMBOL(init_top_pgt)=ffffffff82a10000\nNUMBER(phys_base)=0\n"
#define PLAIN_5 PLAIN_4 "NUMBER(pgtable_l5_enabled)=1\n"

static void test_leaves(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 0, 0x2a10000, PLAIN_4);
	mkpgt_map(&w.pg, DIRECT_4, 0, KIB4, KIB4);
	mkpgt_map(&w.pg, DIRECT_4 + MIB2, MIB2, 2 * MIB2, MIB2);
	mkpgt_map(&w.pg, DIRECT_4 + GIB1, GIB1, GIB1, GIB1);
	mkpgt_map(&w.pg, DIRECT_4 + (1ULL << 46), 1ULL << 46, GIB1, GIB1);
	mkpgt_map(&w.pg, VMEMMAP, 0x13f600000, MIB2, MIB2);
	mkpgt_map(&w.pg, 0x400000, 0x5000, KIB4, KIB4);
	expect_leaf(&w, DIRECT_4, DIRECT_4, 0, KIB4);
	expect_leaf(&w, DIRECT_4 + 0xfff, DIRECT_4, 0, KIB4);
	expect_leaf(&w, DIRECT_4 + MIB2 + 0x12345, DIRECT_4 + MIB2, MIB2, MIB2);
	expect_leaf(&w, DIRECT_4 + 2 * MIB2, DIRECT_4 + 2 * MIB2, 2 * MIB2, MIB2);
	expect_leaf(&w, DIRECT_4 + 2 * GIB1 - 1, DIRECT_4 + GIB1, GIB1, GIB1);
	expect_leaf(&w, DIRECT_4 + (1ULL << 46) + 5, DIRECT_4 + (1ULL << 46), 1ULL << 46, GIB1);
	expect_leaf(&w, VMEMMAP + 64, VMEMMAP, 0x13f600000, MIB2);
	expect_leaf(&w, 0x400123, 0x400000, 0x5000, KIB4);
	world_deinit(&w);
}

static void test_five_levels(void **state)
{
	const vaddr_t low = DIRECT_5 - (1ULL << 48); /* another PGD entry */
	struct world w;

	(void)state;
	world_init(&w, 5, 0, 0x2a10000, PLAIN_5);
	mkpgt_map(&w.pg, DIRECT_5, 0, KIB4, KIB4);
	mkpgt_map(&w.pg, DIRECT_5 + GIB1, GIB1, GIB1, GIB1);
	mkpgt_map(&w.pg, low, 0x7000, KIB4, KIB4);
	mkpgt_map(&w.pg, KMAP, 0, MIB2, MIB2);
	expect_leaf(&w, DIRECT_5 + 8, DIRECT_5, 0, KIB4);
	expect_leaf(&w, DIRECT_5 + GIB1 + 8, DIRECT_5 + GIB1, GIB1, GIB1);
	expect_leaf(&w, low, low, 0x7000, KIB4);
	expect_leaf(&w, KMAP + 0x1000, KMAP, 0, MIB2);
	// The same address with 4 levels is none at all.
	expect_fail(&w, 1ULL << 56, ERR_NOTFOUND, "not an address");
	expect_fail(&w, DIRECT_5 ^ (1ULL << 60), ERR_NOTFOUND, "not an address");
	world_deinit(&w);
	world_init(&w, 4, 0, 0x2a10000, PLAIN_4 "NUMBER(pgtable_l5_enabled)=0\n");
	expect_fail(&w, DIRECT_5, ERR_NOTFOUND, "not an address");
	expect_fail(&w, 1ULL << 47, ERR_NOTFOUND, "not an address");
	expect_fail(&w, DIRECT_4 & ~(1ULL << 63), ERR_NOTFOUND, "not an address");
	expect_fail(&w, (1ULL << 47) - 1, ERR_NOTFOUND, "not mapped");
	expect_fail(&w, -(1ULL << 47), ERR_NOTFOUND, "not mapped");
	world_deinit(&w);
}

/* Virtual and physical KASLR move apart; phys_base is signed. */
static void test_kaslr(void **state)
{
	struct world w;

	(void)state;
	// Linked at 16 MiB, run at virtual +0x1e000000, physical 0x5000000.
	world_init(&w, 4, 0, 0x5000000 + 0x1a10000,
		   "SYMBOL(init_top_pgt)=ffffffffa0a10000\nNUMBER(phys_base)=-436207616\n"
		   "KERNELOFFSET=1e000000\n");
	mkpgt_map(&w.pg, KMAP + 0x1f000000, 0x5000000, 16 * MIB2, MIB2);
	expect_leaf(&w, 0xffffffffa0a10000, 0xffffffffa0a00000, 0x6a00000, MIB2);
	world_deinit(&w);
	world_init(&w, 4, 0, 0x123a10000,
		   "SYMBOL(init_top_pgt)=ffffffff82a10000\nNUMBER(phys_base)=4848615424\n");
	mkpgt_map(&w.pg, DIRECT_4, 0, GIB1, GIB1);
	expect_leaf(&w, DIRECT_4 + 1, DIRECT_4, 0, GIB1);
	world_deinit(&w);
}

static void test_sme(void **state)
{
	const uint64_t enc = 1ULL << 47;
	struct world w;

	(void)state;
	world_init(&w, 4, enc, 0x2a10000, PLAIN_4 "NUMBER(sme_mask)=140737488355328\n");
	mkpgt_map(&w.pg, DIRECT_4, 0x1000, KIB4, KIB4);
	mkpgt_map(&w.pg, DIRECT_4 + MIB2, MIB2, MIB2, MIB2);
	mkpgt_map(&w.pg, DIRECT_4 + GIB1, GIB1, GIB1, GIB1);
	expect_leaf(&w, DIRECT_4 + 9, DIRECT_4, 0x1000, KIB4);
	expect_leaf(&w, DIRECT_4 + MIB2 + 9, DIRECT_4 + MIB2, MIB2, MIB2);
	expect_leaf(&w, DIRECT_4 + GIB1 + 9, DIRECT_4 + GIB1, GIB1, GIB1);
	xlat_destroy(w.x);
	// Without the key the tables lie beyond memory: told, not guessed.
	struct err err = {0};

	assert_int_equal(create(&w, PLAIN_4, NULL, &err), 0);
	expect_fail(&w, DIRECT_4, ERR_NOTFOUND, "no memory at");
	world_deinit(&w);
}

static void test_not_present(void **state)
{
	static const char *const names[] = {"PTE", "PMD", "PUD", "P4D", "PGD"};
	struct world w;

	(void)state;
	world_init(&w, 5, 0, 0x2a10000, PLAIN_5);
	mkpgt_map(&w.pg, DIRECT_5, 0, KIB4, KIB4);
	for (unsigned int level = 0; level < 5; level++) {
		uint64_t *e = mkpgt_entry(&w.pg, DIRECT_5, level);
		uint64_t old = *e;

		// All bits but the one that counts, as of a swapped or protected page.
		*e &= ~(uint64_t)MKPGT_PRESENT;
		expect_fail(&w, DIRECT_5, ERR_NOTFOUND, names[level]);
		*e = 0;
		expect_fail(&w, DIRECT_5, ERR_NOTFOUND, names[level]);
		*e = old;
		expect_leaf(&w, DIRECT_5, DIRECT_5, 0, KIB4);
	}
	world_deinit(&w);
}

static void test_bad_entries(void **state)
{
	struct world w;
	uint64_t *e;

	(void)state;
	world_init(&w, 5, 0, 0x2a10000, PLAIN_5);
	mkpgt_map(&w.pg, DIRECT_5, MIB2, MIB2, MIB2);
	mkpgt_map(&w.pg, DIRECT_5 + GIB1, GIB1, GIB1, GIB1);
	e = mkpgt_entry(&w.pg, DIRECT_5, MKPGT_PMD);
	*e |= 1 << 12; // PAT: belongs there
	expect_leaf(&w, DIRECT_5 + 5, DIRECT_5, MIB2, MIB2);
	*e |= 1 << 13;
	expect_fail(&w, DIRECT_5, ERR_CORRUPT, "aligned to 2048 KiB");
	e = mkpgt_entry(&w.pg, DIRECT_5 + GIB1, MKPGT_PUD);
	*e |= 1 << 21;
	expect_fail(&w, DIRECT_5 + GIB1, ERR_CORRUPT, "aligned to 1048576 KiB");
	for (unsigned int level = MKPGT_P4D; level <= MKPGT_PGD; level++) {
		e = mkpgt_entry(&w.pg, DIRECT_5, level);
		*e |= MKPGT_LARGE;
		expect_fail(&w, DIRECT_5, ERR_CORRUPT, "bit 7");
		*e &= ~(uint64_t)MKPGT_LARGE;
	}
	// Bits above the address are software's or protection keys.
	e = mkpgt_entry(&w.pg, DIRECT_5, MKPGT_PGD);
	*e |= 0xfff0000000000000ULL;
	mkpgt_map(&w.pg, DIRECT_5, 0, KIB4 * 512, MIB2);
	expect_leaf(&w, DIRECT_5, DIRECT_5, 0, MIB2);
	world_deinit(&w);
}

static void test_beyond_memory(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 4, 0, 0x2a10000, PLAIN_4);
	for (unsigned int level = 1; level < 4; level++) {
		vaddr_t va = DIRECT_4 + ((uint64_t)level << 40);

		*mkpgt_entry(&w.pg, va, level) = 0x000ffffffffff000ULL | MKPGT_PRESENT;
		expect_fail(&w, va, ERR_NOTFOUND, "no memory at 0xffffffffff");
		*mkpgt_entry(&w.pg, va, level) = MKPGT_PRESENT;
		expect_fail(&w, va, ERR_NOTFOUND, "no memory at 0");
	}
	world_deinit(&w);
}

/* A root in which every entry is the root: the whole address space out of one page. */
static void test_self_reference(void **state)
{
	struct xlat_leaf leaf;
	struct world w;
	vaddr_t start, end;
	struct err err = {0};
	uint64_t n = 0;

	(void)state;
	world_init(&w, 5, 0, 0x2a10000, PLAIN_5 "SYMBOL(_stext)=ffffffff81000000\n");
	for (uint64_t i = 0; i < 512; i++)
		*mkpgt_entry(&w.pg, i << 48, MKPGT_PGD) = 0x2a10000 | MKPGT_PRESENT;
	expect_leaf(&w, DIRECT_5 + 3, DIRECT_5, 0x2a10000, KIB4);
	w.pg.reads = 0;
	for (vaddr_t va = KMAP; xlat_next(w.x, va, KMAP + MIB2, &leaf); va += leaf.size)
		n++;
	assert_int_equal(n, 512);
	assert_int_equal(w.pg.reads, 512 * 5);
	assert_int_equal(xlat_kernel_image(w.x, &start, &end, &err), 0);
	assert_int_equal(end, KMAP + GIB1);
	// One that refers to itself as a large page is caught by where it stands.
	*mkpgt_entry(&w.pg, DIRECT_5, MKPGT_PGD) |= MKPGT_LARGE;
	expect_fail(&w, DIRECT_5, ERR_CORRUPT, "bit 7");
	world_deinit(&w);
}

static void test_next(void **state)
{
	struct xlat_leaf leaf;
	struct world w;

	(void)state;
	world_init(&w, 4, 0, 0x2a10000, PLAIN_4);
	assert_false(xlat_next(w.x, 0, UINT64_MAX, &leaf));
	mkpgt_map(&w.pg, DIRECT_4 + MIB2, MIB2, MIB2, MIB2);
	mkpgt_map(&w.pg, DIRECT_4 + GIB1 + 5 * KIB4, 0, KIB4, KIB4);
	// Over the hole in the address space, and over all tables that are not there.
	assert_true(xlat_next(w.x, 0, UINT64_MAX, &leaf));
	assert_int_equal(leaf.vaddr, DIRECT_4 + MIB2);
	assert_true(w.pg.reads < 4096);
	assert_true(xlat_next(w.x, DIRECT_4 + 2 * MIB2 - 1, UINT64_MAX, &leaf));
	assert_int_equal(leaf.vaddr, DIRECT_4 + MIB2);
	assert_true(xlat_next(w.x, DIRECT_4 + 2 * MIB2, UINT64_MAX, &leaf));
	assert_int_equal(leaf.vaddr, DIRECT_4 + GIB1 + 5 * KIB4);
	assert_false(xlat_next(w.x, DIRECT_4 + GIB1 + 6 * KIB4, UINT64_MAX, &leaf));
	// An end before the leaf, in it, and an empty range.
	assert_false(xlat_next(w.x, DIRECT_4, DIRECT_4 + MIB2, &leaf));
	assert_true(xlat_next(w.x, DIRECT_4, DIRECT_4 + MIB2 + 1, &leaf));
	assert_false(xlat_next(w.x, DIRECT_4 + MIB2, DIRECT_4 + MIB2, &leaf));
	// A bad entry hides what is under it and nothing else.
	*mkpgt_entry(&w.pg, DIRECT_4 + MIB2, MKPGT_PMD) |= 1 << 13;
	assert_true(xlat_next(w.x, DIRECT_4, UINT64_MAX, &leaf));
	assert_int_equal(leaf.vaddr, DIRECT_4 + GIB1 + 5 * KIB4);
	// The last page of all.
	mkpgt_map(&w.pg, -KIB4, 0x9000, KIB4, KIB4);
	assert_true(xlat_next(w.x, -MIB2, UINT64_MAX, &leaf));
	assert_int_equal(leaf.vaddr + leaf.size, 0);
	world_deinit(&w);
}

struct trip {
	struct mkpgt *pg;
	size_t tables, leaves, written;
	vaddr_t first, end;
};

static int on_table(void *ctx, paddr_t table, size_t size, const uint8_t **words)
{
	struct trip *t = ctx;

	if (table < t->pg->base || table - t->pg->base > (t->pg->npages - 1) * KIB4)
		return ERR_NOTFOUND;
	assert_int_equal(size, KIB4);
	t->tables++;
	*words = t->pg->mem + (table - t->pg->base);
	return 0;
}

static void on_leaf(void *ctx, const struct xlat_leaf *leaf)
{
	struct trip *t = ctx;

	// They ascend.
	assert_true(!t->leaves || leaf->vaddr >= t->end);
	if (!t->leaves)
		t->first = leaf->vaddr;
	t->end = leaf->vaddr + leaf->size;
	t->leaves++;
	t->written += leaf->writable;
}

static struct trip travel(struct world *w, vaddr_t start, vaddr_t last, size_t max)
{
	struct trip t = {.pg = &w->pg};
	struct xlat_tour tour = {on_table, on_leaf, &t};
	size_t n = xlat_tour(w->x, start, last, max, &tour);

	assert_int_equal(n, t.tables);
	return t;
}

static void test_tour(void **state)
{
	static const struct {
		const char *text;
		unsigned int levels;
		vaddr_t direct;
	} deep[] = {{PLAIN_4, 4, DIRECT_4}, {PLAIN_5, 5, DIRECT_5}};
	struct trip t;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(deep); i++) {
		vaddr_t direct = deep[i].direct;
		unsigned int more = deep[i].levels - 4;
		struct xlat_leaf leaf;
		struct world w;

		world_init(&w, deep[i].levels, 0, 0x2a10000, deep[i].text);
		t = travel(&w, 0, UINT64_MAX, 100);
		assert_int_equal(t.tables, 1);
		// Of the lower half nothing is told.
		mkpgt_map(&w.pg, MIB2, MIB2, MIB2, MIB2);
		mkpgt_map(&w.pg, direct + MIB2, MIB2, 2 * MIB2, MIB2);
		mkpgt_map(&w.pg, direct + GIB1 + 5 * KIB4, 0, 2 * KIB4, KIB4);
		mkpgt_map(&w.pg, -KIB4, 0x9000, KIB4, KIB4);
		*mkpgt_entry(&w.pg, direct + GIB1 + 6 * KIB4, MKPGT_PTE) &= ~2ULL;
		t = travel(&w, 0, UINT64_MAX, 100);
		assert_int_equal(t.leaves, 5);
		assert_int_equal(t.first, direct + MIB2);
		assert_int_equal(t.end, 0);
		// root, PUD, 2 PMDs, PTEs; PUD, PMD, PTEs at the end
		assert_int_equal(t.tables, 8 + 2 * more);
		// It takes the right on all levels to write.
		assert_int_equal(t.written, 4);
		assert_int_equal(xlat_walk(w.x, direct + GIB1 + 5 * KIB4, &leaf, NULL), 0);
		assert_true(leaf.writable);
		assert_int_equal(xlat_walk(w.x, direct + GIB1 + 6 * KIB4, &leaf, NULL), 0);
		assert_false(leaf.writable);
		*mkpgt_entry(&w.pg, direct + GIB1, MKPGT_PMD) &= ~2ULL;
		assert_int_equal(travel(&w, 0, UINT64_MAX, 100).written, 3);
		assert_int_equal(xlat_walk(w.x, direct + GIB1 + 5 * KIB4, &leaf, NULL), 0);
		assert_false(leaf.writable);
		// Parts of it: borders count.
		assert_int_equal(travel(&w, direct + 2 * MIB2 - 1, UINT64_MAX, 100).leaves, 5);
		assert_int_equal(travel(&w, direct + 2 * MIB2, UINT64_MAX, 100).leaves, 4);
		assert_int_equal(travel(&w, direct, direct + 2 * MIB2 - 1, 100).leaves, 1);
		assert_int_equal(travel(&w, direct, direct + 2 * MIB2, 100).leaves, 2);
		assert_int_equal(travel(&w, 5, 4, 100).tables, 0);
		assert_int_equal(travel(&w, 0, KIB4, 100).tables, 0);
		// No more tables than are wanted, whatever they say.
		assert_int_equal(travel(&w, 0, UINT64_MAX, 3).tables, 3);
		*mkpgt_entry(&w.pg, -KIB4, deep[i].levels - 1) = w.pg.base | MKPGT_PRESENT;
		assert_true(travel(&w, 0, UINT64_MAX, 50).tables <= 50);
		world_deinit(&w);
	}
}

/* A root that is its own table 512 times over is gone through once a level, not 512^5 times. */
static void test_tour_of_itself(void **state)
{
	struct world w;

	(void)state;
	world_init(&w, 5, 0, 0x2a10000, PLAIN_5);
	for (uint64_t i = 0; i < 512; i++)
		*mkpgt_entry(&w.pg, i << 48, MKPGT_PGD) = 0x2a10000 | MKPGT_PRESENT;
	assert_int_equal(travel(&w, 0, UINT64_MAX, SIZE_MAX).tables, 1 + 4);
	world_deinit(&w);
}

static void expect_image(struct world *w, vaddr_t want_start, vaddr_t want_end)
{
	vaddr_t start = 0, end = 0;
	struct err err = {0};

	if (xlat_kernel_image(w->x, &start, &end, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(start, want_start);
	assert_int_equal(end, want_end);
}

static void test_kernel_image(void **state)
{
	const vaddr_t text = 0xffffffffa1000000;
	vaddr_t start = 1, end = 2;
	struct err err = {0};
	struct world w;

	(void)state;
	world_init(&w, 4, 0, 0x2a10000,
		   "SYMBOL(init_top_pgt)=ffffffff82a10000\nNUMBER(phys_base)=0\n"
		   "SYMBOL(_stext)=ffffffffa1000040\nNUMBER(KERNEL_IMAGE_SIZE)=1073741824\n");
	assert_int_equal(xlat_kernel_image(w.x, &start, &end, &err), ERR_NOTFOUND);
	assert_true(start == 1 && end == 2);
	// Text, a hole where init memory was unmapped, data to which 4K pages belong.
	mkpgt_map(&w.pg, text, 0x5000000, 4 * MIB2, MIB2);
	mkpgt_map(&w.pg, text + 6 * MIB2, 0x5c00000, MIB2, MIB2);
	mkpgt_map(&w.pg, text + 7 * MIB2, 0x5e00000, 3 * KIB4, KIB4);
	expect_image(&w, text, text + 7 * MIB2 + 3 * KIB4);
	// Modules are not the image, and are not looked at.
	mkpgt_map(&w.pg, KMAP + GIB1, 0x9000000, KIB4, KIB4);
	expect_image(&w, text, text + 7 * MIB2 + 3 * KIB4);
	// A leaf that reaches beyond the window is cut.
	mkpgt_map(&w.pg, KMAP + GIB1 - MIB2, 0, 2 * MIB2, MIB2);
	expect_image(&w, text, KMAP + GIB1);
	// A damaged entry in the middle does not lose what is behind it.
	*mkpgt_entry(&w.pg, text + 6 * MIB2, MKPGT_PMD) |= 1 << 14;
	expect_image(&w, text, KMAP + GIB1);
	world_deinit(&w);
}

static void test_image_window(void **state)
{
	static const char *const unknown[] = {
		"", "SYMBOL(_stext)=0\n", "SYMBOL(_stext)=ffffffffc0000000\n",
		"SYMBOL(_stext)=ffffffffa0000000\nNUMBER(KERNEL_IMAGE_SIZE)=536870912\n"};
	static const struct {
		const char *size;
		vaddr_t end;
	} windows[] = {
		{"536870912", KMAP + GIB1 / 2},
		{"-1", KMAP + GIB1},
		{"0", KMAP + GIB1},
		{"9223372036854775807", KMAP + GIB1},
	};
	vaddr_t start, end;
	struct err err = {0};
	char text[512];
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		snprintf(text, sizeof(text), "%s%s", PLAIN_4, unknown[i]);
		world_init(&w, 4, 0, 0x2a10000, text);
		mkpgt_map(&w.pg, KMAP, 0, 2 * GIB1, GIB1);
		assert_int_equal(xlat_kernel_image(w.x, &start, &end, &err), ERR_NOTFOUND);
		assert_non_null(strstr(err.msg, "_stext"));
		world_deinit(&w);
	}
	for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
		snprintf(text, sizeof(text),
			 "%sSYMBOL(_stext)=ffffffff81000000\nNUMBER(KERNEL_IMAGE_SIZE)=%s\n",
			 PLAIN_4, windows[i].size);
		world_init(&w, 4, 0, 0x2a10000, text);
		mkpgt_map(&w.pg, KMAP, 0, 2 * GIB1, GIB1);
		expect_image(&w, 0xffffffff81000000, windows[i].end);
		world_deinit(&w);
	}
}

static void test_root_names(void **state)
{
	static const char *const texts[] = {
		"SYMBOL(init_level4_pgt)=ffffffff82a10000\nNUMBER(phys_base)=0\n",
		"SYMBOL(swapper_pg_dir)=ffffffff82a10000\nNUMBER(phys_base)=0\n",
		("SYMBOL(swapper_pg_dir)=ffffffff80000000\n" PLAIN_4),
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		world_init(&w, 4, 0, 0x2a10000, texts[i]);
		mkpgt_map(&w.pg, DIRECT_4, 0, GIB1, GIB1);
		expect_leaf(&w, DIRECT_4, DIRECT_4, 0, GIB1);
		world_deinit(&w);
	}
}

static void test_bad_info(void **state)
{
	static const struct {
		const char *text, *says;
		int code;
	} bad[] = {
		{"OSRELEASE=6.1\n", "SYMBOL(init_top_pgt)", ERR_NOTFOUND},
		{"SYMBOL(init_top_pgt)=ffffffff82a10000\n", "NUMBER(phys_base)", ERR_NOTFOUND},
		{"SYMBOL(init_top_pgt)=2a10000\nNUMBER(phys_base)=0\n", "kernel image",
		 ERR_CORRUPT},
		{"SYMBOL(init_top_pgt)=ffffffff82a10008\nNUMBER(phys_base)=0\n", "a page",
		 ERR_CORRUPT},
		{"SYMBOL(init_top_pgt)=ffffffff82a10000\nNUMBER(phys_base)=1\n", "phys_base puts",
		 ERR_CORRUPT},
		{"SYMBOL(init_top_pgt)=ffffffff82a10000\nNUMBER(phys_base)=-268435456\n",
		 "phys_base puts", ERR_CORRUPT},
		{PLAIN_4 "NUMBER(sme_mask)=1\n", "sme_mask", ERR_CORRUPT},
		{PLAIN_4 "NUMBER(sme_mask)=-1\n", "sme_mask", ERR_CORRUPT},
	};
	struct world w = {0};
	struct err err = {0};
	struct vmcoreinfo *vi = info(PLAIN_4);

	(void)state;
	mkpgt_init(&w.pg, 0x2a10000, 1, 4, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(create(&w, bad[i].text, NULL, &err), bad[i].code);
		if (!strstr(err.msg, bad[i].says) || !strstr(err.msg, "x86_64"))
			fail_msg("\"%s\" lacks \"%s\"", err.msg, bad[i].says);
		assert_null(w.x);
	}
	assert_int_equal(xlat_create(EM_S390, vi, NULL, mkpgt_read, &w.pg, &w.x, &err),
			 ERR_UNSUPPORTED);
	assert_null(w.x);
	vmcoreinfo_destroy(vi);
	mkpgt_deinit(&w.pg);
}

static void test_hint_add(void **state)
{
	struct xlat_hint h = {0};

	(void)state;
	xlat_hint_add(EM_S390, &h, KMAP, 0);
	xlat_hint_add(EM_X86_64, &h, 0, 0);
	xlat_hint_add(EM_X86_64, &h, DIRECT_4, 0);
	xlat_hint_add(EM_X86_64, &h, KMAP - 1, 0);
	xlat_hint_add(EM_X86_64, &h, KMAP + GIB1, 0);
	// What kexec-tools writes where it knows no better.
	xlat_hint_add(EM_X86_64, &h, UINT64_MAX, 0);
	assert_false(h.has_phys_base);
	xlat_hint_add(EM_X86_64, &h, KMAP + 0x1f000000, 0x5000000);
	assert_true(h.has_phys_base);
	assert_int_equal(h.phys_base, -0x1a000000);
	// The first one counts.
	xlat_hint_add(EM_X86_64, &h, KMAP, 0);
	assert_int_equal(h.phys_base, -0x1a000000);
}

static void test_hint(void **state)
{
	const struct xlat_hint right = {true, 0x1000000}, wrong = {true, 0x40000000};
	struct world w = {0};
	struct err err = {0};

	(void)state;
	mkpgt_init(&w.pg, 0x3a10000, TABLES, 4, 0);
	mkpgt_map(&w.pg, KMAP + 0x2a00000, 0x3a00000, MIB2, MIB2);
	// Only the hint; a right key and a wrong hint; a wrong key and a right hint.
	assert_int_equal(create(&w, "SYMBOL(init_top_pgt)=ffffffff82a10000\n", &right, &err), 0);
	expect_leaf(&w, KMAP + 0x2a10000, KMAP + 0x2a00000, 0x3a00000, MIB2);
	xlat_destroy(w.x);
	assert_int_equal(create(&w,
				"SYMBOL(init_top_pgt)=ffffffff82a10000\n"
				"NUMBER(phys_base)=16777216\n",
				&wrong, &err),
			 0);
	expect_leaf(&w, KMAP + 0x2a10000, KMAP + 0x2a00000, 0x3a00000, MIB2);
	xlat_destroy(w.x);
	assert_int_equal(create(&w, PLAIN_4, &right, &err), 0);
	expect_leaf(&w, KMAP + 0x2a10000, KMAP + 0x2a00000, 0x3a00000, MIB2);
	xlat_destroy(w.x);
	// Neither makes sense: the kernel's own word stands, and walks say what is wrong.
	assert_int_equal(create(&w, PLAIN_4, &wrong, &err), 0);
	expect_fail(&w, KMAP + 0x2a10000, ERR_NOTFOUND, "no memory at 0x2a1");
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaves),	       cmocka_unit_test(test_five_levels),
		cmocka_unit_test(test_kaslr),	       cmocka_unit_test(test_sme),
		cmocka_unit_test(test_not_present),    cmocka_unit_test(test_bad_entries),
		cmocka_unit_test(test_beyond_memory),  cmocka_unit_test(test_self_reference),
		cmocka_unit_test(test_next),	       cmocka_unit_test(test_tour),
		cmocka_unit_test(test_tour_of_itself), cmocka_unit_test(test_kernel_image),
		cmocka_unit_test(test_image_window),   cmocka_unit_test(test_root_names),
		cmocka_unit_test(test_bad_info),       cmocka_unit_test(test_hint_add),
		cmocka_unit_test(test_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
