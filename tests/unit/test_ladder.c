// SPDX-License-Identifier: GPL-2.0-or-later
/* The choice of the codec, from what the queue looks like to what a block is packed with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "collector/ladder.h"
#include "vmcore/codec.h"

/* Chooses @n times under @load; the last choice. */
static unsigned int choose(struct ladder_state *s, const struct ladder *l, enum ladder_load load,
			   int n)
{
	unsigned int rung = 0;

	while (n--)
		rung = ladder_choose(s, l, load);
	return rung;
}

static void make(struct ladder *l, const char *name, int level, bool fixed)
{
	struct err err = {0};

	assert_int_equal(ladder_make(l, name, level, fixed, &err), 0);
}

static void test_make(void **state)
{
	static const char *const rungs[] = {"none", "lzo", "zstd:-1", "zstd:1"};
	struct err err = {0};
	struct ladder l;
	char name[LADDER_NAME_MAX];

	(void)state;
	make(&l, "auto:none", 0, false);
	assert_int_equal(l.n, 4);
	for (unsigned int i = 0; i < l.n; i++) {
		ladder_name(&l.rungs[i], name);
		assert_string_equal(name, rungs[i]);
	}
	// Nobody who said nothing shall find a dump three times as large on the disk.
	make(&l, "auto", 0, false);
	assert_int_equal(l.n, 3);
	assert_string_equal(l.rungs[0].codec->name, "lzo");
	assert_string_equal(ladder_start(&l)->codec->name, "lzo");
	assert_string_equal(ladder_said(&l), "auto");
	make(&l, "auto", 0, true);
	assert_int_equal(l.n, 1);
	assert_string_equal(ladder_said(&l), "lzo");
	make(&l, "zstd", 3, false);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.rungs[0].level, 3);
	assert_int_equal(ladder_make(&l, "lz4", 0, false, &err), ERR_USAGE);
}

/* A slow target: up to the strongest. */
static void test_up(void **state)
{
	struct ladder_state s;
	struct ladder l;

	(void)state;
	make(&l, "auto", 0, false);
	ladder_begin(&s, &l);
	assert_int_equal(choose(&s, &l, LADDER_EVEN, 1), 0);
	// At once one above, and the base follows.
	assert_int_equal(choose(&s, &l, LADDER_PRESSED, 1), 1);
	assert_int_equal(choose(&s, &l, LADDER_PRESSED, LADDER_PERIOD), 2);
	assert_int_equal(choose(&s, &l, LADDER_PRESSED, 10 * LADDER_PERIOD), 2);
	assert_int_equal(s.base, 2);
}

/* A fast one: down to the weakest there is, and no further. */
static void test_down(void **state)
{
	struct ladder_state s;
	struct ladder l;

	(void)state;
	make(&l, "auto", 0, false);
	ladder_begin(&s, &l);
	choose(&s, &l, LADDER_PRESSED, 2 * LADDER_PERIOD);
	assert_int_equal(s.base, 2);
	assert_int_equal(choose(&s, &l, LADDER_STARVED, 1), 1);
	assert_int_equal(choose(&s, &l, LADDER_STARVED, 3 * LADDER_PERIOD), 0);
	assert_int_equal(s.base, 0);
	make(&l, "auto:none", 0, false);
	ladder_begin(&s, &l);
	assert_int_equal(s.base, 1);
	assert_int_equal(choose(&s, &l, LADDER_STARVED, 2 * LADDER_PERIOD), 0);
}

/* A target in between: blocks alternate, the base stays. */
static void test_balance(void **state)
{
	struct ladder_state s;
	struct ladder l;

	(void)state;
	make(&l, "auto:none", 0, false);
	ladder_begin(&s, &l);
	for (int i = 0; i < 10 * LADDER_PERIOD; i++) {
		assert_int_equal(ladder_choose(&s, &l, LADDER_PRESSED), 2);
		assert_int_equal(ladder_choose(&s, &l, LADDER_STARVED), 0);
		assert_int_equal(ladder_choose(&s, &l, LADDER_EVEN), 1);
		assert_int_equal(s.base, 1);
	}
}

static void test_single(void **state)
{
	static const enum ladder_load loads[] = {LADDER_EVEN, LADDER_PRESSED, LADDER_STARVED};
	struct ladder_state s;
	struct ladder l;

	(void)state;
	make(&l, "zlib", 1, false);
	ladder_begin(&s, &l);
	for (int i = 0; i < 10 * LADDER_PERIOD; i++)
		assert_int_equal(choose(&s, &l, loads[i / LADDER_PERIOD % 3], 1), 0);
}

/* All rungs' contexts are counted. */
static void test_memory(void **state)
{
	struct ladder l, one;
	uint64_t sum = 0;

	(void)state;
	make(&l, "auto", 0, false);
	for (unsigned int i = 0; i < l.n; i++) {
		make(&one, l.rungs[i].codec->name, l.rungs[i].level, false);
		sum += ladder_memory(&one, 4096);
		assert_true(ladder_room(&one, 4096) <= ladder_room(&l, 4096));
	}
	assert_int_equal(ladder_memory(&l, 4096), sum);
	assert_true(sum > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),   cmocka_unit_test(test_up),
		cmocka_unit_test(test_down),   cmocka_unit_test(test_balance),
		cmocka_unit_test(test_single), cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
