// SPDX-License-Identifier: GPL-2.0-or-later
/* Pages of one value: every way of telling says the same, about any page at any alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "collector/constant.h"

static const uint64_t values[] = {0, 1, 1ULL << 63, ~0ULL, 0x6b6b6b6b6b6b6b6b, 0x8000000000000067};

static _Alignas(64) uint64_t space[8192 + 8];

static void fill(uint64_t *w, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		w[i] = value;
}

/* All ways agree with @want about the @n words at @w. */
static void check(const uint64_t *w, size_t n, uint64_t value, bool want)
{
	constant_fn way;

	for (size_t i = 0; (way = constant_way(i)); i++)
		assert_int_equal(way(w, n, value), want);
	if (w[0] == value)
		assert_int_equal(page_is_constant(w, n * 8), want);
	if (!value)
		assert_int_equal(page_is_zero(w, n * 8), want);
}

static void test_ways(void **state)
{
	static const size_t sizes[] = {8, 16, 512, 2048, 8192};

	(void)state;
	assert_non_null(constant_way(0));
	for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
			for (size_t off = 0; off < 8; off++) {
				uint64_t *w = space + off;

				fill(w, sizes[s], values[v]);
				check(w, sizes[s], values[v], true);
				check(w, sizes[s], values[v] ^ 1, false);
			}
		}
	}
}

/* Every single bit counts. */
static void test_bits(void **state)
{
	const size_t n = 512;

	(void)state;
	for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
		fill(space + 1, n, values[v]);
		for (size_t bit = 0; bit < n * 64; bit += v ? 61 : 1) {
			space[1 + bit / 64] ^= 1ULL << bit % 64;
			check(space + 1, n, values[v], false);
			space[1 + bit / 64] ^= 1ULL << bit % 64;
		}
		check(space + 1, n, values[v], true);
	}
}

/* A page whose words differ only from the first, or whose halves do. */
static void test_not_constant(void **state)
{
	const size_t n = 512;

	(void)state;
	fill(space, n, 7);
	space[0] = 8;
	assert_false(page_is_constant(space, n * 8));
	fill(space + n / 2, n / 2, 8);
	assert_false(page_is_constant(space, n * 8));
	assert_false(page_is_zero(space, n * 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_not_constant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
