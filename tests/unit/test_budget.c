// SPDX-License-Identifier: GPL-2.0-or-later
/* How memory is shared out. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "collector/block.h"
#include "collector/budget.h"
#include "collector/ladder.h"
#include "collector/pipeline.h"
#include "collector/sink.h"

#define MIB (1ULL << 20)

static struct ladder lzo;
static const struct budget_need tib = {
	.threads = 2,
	.page_size = 4096,
	.bitmap = 32 * MIB,
	.ladder = &lzo,
	.nsinks = 1,
};

static struct budget make(struct budget_need need, uint64_t memory)
{
	struct budget b;

	need.memory = memory;
	budget_make(&b, &need);
	return b;
}

static void test_plenty(void **state)
{
	struct budget b = make(tib, 44 * MIB);

	(void)state;
	assert_true(b.held);
	assert_int_equal(b.threads, 2);
	assert_true(b.used <= 44 * MIB);
	b = make(tib, 1 << 30);
	assert_true(b.held);
	assert_int_equal(b.block_pages, BLOCK_PAGES);
	// What is free is enough for that on any machine that builds this.
	b = make((struct budget_need){.threads = 2,
				      .page_size = 4096,
				      .bitmap = MIB / 8,
				      .ladder = &lzo,
				      .nsinks = 1},
		 0);
	assert_true(b.held);
	assert_true(b.free > 0);
	assert_true(b.total < b.free);
	assert_int_equal(b.block_pages, BLOCK_PAGES);
	assert_true(b.used <= 12 * MIB);
}

static void test_short(void **state)
{
	struct budget_need need = tib;
	struct budget b = make(tib, 8 * MIB);

	(void)state;
	assert_false(b.held);
	assert_int_equal(b.threads, 2);
	assert_int_equal(b.block_pages, 64);
	assert_true(b.used <= 8 * MIB);
	need.threads = 8;
	b = make(need, 8 * MIB);
	assert_int_equal(b.threads, 8);
	assert_true(b.block_pages < 64);
	assert_true(b.used <= 8 * MIB);
	need.threads = 64;
	b = make(need, 8 * MIB);
	assert_true(b.threads < 64 && b.threads >= 8);
	assert_true(b.used <= 8 * MIB);
}

/* Less memory never gets more of anything. */
static void test_monotone(void **state)
{
	struct budget before = make(tib, 64 * MIB);

	(void)state;
	for (uint64_t memory = 63 * MIB; memory >= 4 * MIB; memory -= MIB / 2) {
		struct budget b = make(tib, memory);

		assert_true(b.threads <= before.threads);
		assert_true(b.held <= before.held);
		assert_true(b.used <= memory || b.threads == 1);
		before = b;
	}
}

/* The least there is, and it says so. */
static void test_least(void **state)
{
	struct budget_need dense = tib;
	char text[BUDGET_TEXT_MAX];
	struct budget b = make(tib, 1);

	(void)state;
	assert_int_equal(b.threads, 1);
	assert_int_equal(b.block_pages, BUDGET_BLOCK_MIN);
	assert_int_equal(b.sink, sink_memory(1));
	assert_true(b.used > b.total);
	budget_text(&b, text);
	assert_non_null(strstr(text, "too little"));
	// What must be held is held.
	dense.dense = true;
	b = make(dense, 8 * MIB);
	assert_true(b.held);
	assert_int_equal(b.bitmap, 32 * MIB);
	budget_text(&b, text);
	assert_non_null(strstr(text, "too little"));
	// An input with no memory at all, and a thread count of none.
	b = make((struct budget_need){.page_size = 4096, .ladder = &lzo}, 8 * MIB);
	assert_int_equal(b.threads, 1);
	assert_true(b.held);
	budget_text(&b, text);
	assert_null(strstr(text, "too little"));
}

/* Buffers of the target and contexts of codecs are in it. */
static void test_counted(void **state)
{
	struct budget_need need = tib;
	struct budget one = make(need, 1 << 30), b;
	struct ladder zstd;

	(void)state;
	assert_int_equal(one.sink, sink_memory(0));
	need.nsinks = 3;
	b = make(need, 1 << 30);
	assert_int_equal(b.used, one.used + 2 * one.sink);
	need.nsinks = 1;
	assert_int_equal(ladder_make(&zstd, "zstd", 19, false, NULL), 0);
	need.ladder = &zstd;
	b = make(need, 1 << 30);
	assert_int_equal(b.used - one.used, pipeline_memory(&zstd, 2, 4096, BLOCK_PAGES) -
						    pipeline_memory(&lzo, 2, 4096, BLOCK_PAGES));
	assert_true(b.used > one.used);
	b = make(tib, 8 * MIB);
	assert_true(b.sink < one.sink);
}

/* What turns out later is taken from blocks and workers. */
static void test_more(void **state)
{
	struct budget_need need = tib;
	struct budget b, before;
	char text[BUDGET_TEXT_MAX];

	(void)state;
	need.memory = 64 * MIB;
	need.threads = 8;
	budget_make(&b, &need);
	before = b;
	assert_true(b.held);
	budget_more(&b, &need, 0);
	assert_memory_equal(&b, &before, sizeof(b));
	budget_more(&b, &need, 20 * MIB);
	assert_true(b.used <= 64 * MIB);
	assert_true(b.block_pages < before.block_pages || b.threads < before.threads);
	assert_true(b.held);
	assert_int_equal(b.bitmap, before.bitmap);
	budget_text(&b, text);
	assert_non_null(strstr(text, "descriptors 20480 KiB"));
	// The bitmap's blocks are there already, and are not taken back.
	budget_make(&b, &(struct budget_need){.memory = 16 * MIB,
					      .threads = 2,
					      .page_size = 4096,
					      .bitmap = 32 * MIB,
					      .ladder = &lzo,
					      .nsinks = 1});
	assert_false(b.held);
	before = b;
	need.memory = 16 * MIB;
	budget_more(&b, &need, 4 * MIB);
	assert_int_equal(b.bitmap, before.bitmap);
	assert_int_equal(b.scan_window, before.scan_window);
	assert_true(b.used > before.used);
	// Too much of it is told.
	budget_more(&b, &need, 1 << 30);
	assert_int_equal(b.threads, 1);
	assert_int_equal(b.block_pages, BUDGET_BLOCK_MIN);
	budget_text(&b, text);
	assert_non_null(strstr(text, "too little"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plenty),	 cmocka_unit_test(test_short),
		cmocka_unit_test(test_monotone), cmocka_unit_test(test_least),
		cmocka_unit_test(test_counted),	 cmocka_unit_test(test_more),
	};

	if (ladder_make(&lzo, "lzo", 0, false, NULL))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
