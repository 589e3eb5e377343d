// SPDX-License-Identifier: GPL-2.0-or-later
/* Segments: where they are placed, and every rule that a forged list can break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/segment.h"

#define START 0x10000000ULL
#define END   0x18000000ULL

static struct segments area(void)
{
	return (struct segments){.area_start = START, .area_end = END, .page_size = 4096};
}

static int place(struct segments *s, uint64_t memsz, uint64_t align, enum segment_end from,
		 uint64_t *at)
{
	struct segment what = {.name = "x", .data = "x", .size = 1, .memsz = memsz};

	return segments_place(s, &what, align, from, at, NULL);
}

static void test_place(void **state)
{
	struct segments s = area();
	uint64_t at;

	(void)state;
	assert_int_equal(place(&s, 5000, 4096, SEGMENT_HIGH, &at), 0);
	assert_int_equal(at, END - 8192);
	assert_int_equal(place(&s, 4096, 1 << 21, SEGMENT_HIGH, &at), 0);
	assert_int_equal(at, END - (1 << 21));
	assert_int_equal(place(&s, 4096, 4096, SEGMENT_HIGH, &at), 0);
	assert_int_equal(at, END - 3 * 4096);
	assert_int_equal(place(&s, 1 << 24, 1 << 24, SEGMENT_LOW, &at), 0);
	assert_int_equal(at, START);
	assert_int_equal(place(&s, 1 << 24, 1 << 24, SEGMENT_LOW, &at), 0);
	assert_int_equal(at, START + (1 << 24));
	s.entry = START;
	assert_int_equal(segments_check(&s, NULL), 0);
	assert_int_equal(segments_free(&s), END - START - 2 * (1 << 24) - 4 * 4096);
}

static void test_no_place(void **state)
{
	static const uint64_t sizes[] = {0, END - START + 1, UINT64_MAX, UINT64_MAX - 4095,
					 1ULL << 63};
	struct segments s = area();
	struct err err = {0};
	uint64_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(place(&s, sizes[i], 4096, SEGMENT_LOW, &at), ERR_LIMIT);
		assert_int_equal(place(&s, sizes[i], 4096, SEGMENT_HIGH, &at), ERR_LIMIT);
	}
	assert_int_equal(place(&s, END - START, 4096, SEGMENT_HIGH, &at), 0);
	assert_int_equal(place(&s, 1, 4096, SEGMENT_HIGH, &at), ERR_LIMIT);
	assert_int_equal(place(&s, 1, 4096, SEGMENT_LOW, &at), ERR_LIMIT);
	struct segment what = {.name = "initrd", .memsz = 5 << 10, .size = 1};

	assert_int_equal(segments_place(&s, &what, 4096, SEGMENT_LOW, &at, &err), ERR_LIMIT);
	assert_non_null(strstr(err.msg, "initrd: no place for 5 KiB in the reserved memory "
					"0x10000000-0x18000000, 0 KiB of which are free"));
	s = area();
	for (size_t i = 0; i < SEGMENTS_MAX; i++)
		assert_int_equal(place(&s, 1, 4096, SEGMENT_LOW, &at), 0);
	assert_int_equal(place(&s, 1, 4096, SEGMENT_LOW, &at), ERR_LIMIT);
}

/* An area at the end of the address space must not make sums wrap. */
static void test_place_at_the_end(void **state)
{
	struct segments s = {.area_start = UINT64_MAX - 0xffff,
			     .area_end = UINT64_MAX - 0xfff,
			     .page_size = 4096};
	uint64_t at;

	(void)state;
	assert_int_equal(place(&s, 4096, 1 << 21, SEGMENT_LOW, &at), ERR_LIMIT);
	assert_int_equal(place(&s, 4096, 1 << 21, SEGMENT_HIGH, &at), ERR_LIMIT);
	assert_int_equal(place(&s, 0xf000, 4096, SEGMENT_LOW, &at), 0);
	assert_int_equal(at, UINT64_MAX - 0xffff);
}

static const struct forged {
	struct segment a, b;
	uint64_t entry;
	const char *says;
} forged[] = {
	{{"k", "", 1, START, 4096}, {"i", "", 1, START + 4096, 4096}, START, NULL},
	{{"k", "", 1, START, 8192},
	 {"i", "", 1, START + 4096, 4096},
	 START,
	 "segments k (0x10000000-0x10002000) and i (0x10001000-0x10002000) overlap"},
	{{"k", "", 1, START, 4096},
	 {"i", "", 1, START, 4096},
	 START,
	 "segments k (0x10000000-0x10001000) and i (0x10000000-0x10001000) overlap"},
	{{"k", "", 1, START - 4096, 8192},
	 {"i", "", 1, START + 4096, 4096},
	 START,
	 "segment k: 0xffff000-0x10001000 is not inside the reserved memory "
	 "0x10000000-0x18000000"},
	{{"k", "", 1, START, 4096},
	 {"i", "", 1, END - 4096, 8192},
	 START,
	 "segment i: 0x17fff000-0x18001000 is not inside"},
	{{"k", "", 1, START, 4096},
	 {"i", "", 1, END, 4096},
	 START,
	 "segment i: 0x18000000-0x18001000 is not inside"},
	{{"k", "", 1, START, 4096},
	 {"i", "", 1, START + 4096, UINT64_MAX & ~4095ULL},
	 START,
	 "segment i: 0x10001000 and 0xfffffffffffff000 bytes wrap around the end of memory"},
	{{"k", "", 1, START, 4096},
	 {"i", "", 1, START + 4100, 4096},
	 START,
	 "segment i: 0x10001004-0x10002004 is not on pages of 0x1000"},
	{{"k", "", 1, START, 4096},
	 {"i", "", 1, START + 4096, 100},
	 START,
	 "segment i: 0x10001000-0x10001064 is not on pages"},
	{{"k", "", 4097, START, 4096},
	 {"i", "", 1, START + 4096, 4096},
	 START,
	 "segment k: 0x1001 bytes of data for 0x1000 bytes of memory"},
	{{"k", "", 1, START, 4096},
	 {"i", "", 1, START + 4096, 4096},
	 START + 8192,
	 "the entry 0x10002000 is in none of the 2 segments"},
	{{"k", "", 1, START, 4096},
	 {"i", "", 1, START + 4096, 4096},
	 START - 1,
	 "the entry 0xfffffff is in none of the 2 segments"},
	// Behind what was loaded there are only zeros.
	{{"k", "", 1, START, 4096},
	 {"i", "", 1, START + 4096, 4096},
	 START + 1,
	 "the entry 0x10000001 is in none of the 2 segments"},
};

static void test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		const struct forged *f = &forged[i];
		struct segments s = area();
		struct err err = {0};
		int rc;

		s.list[s.n++] = f->a;
		s.list[s.n++] = f->b;
		s.entry = f->entry;
		rc = segments_check(&s, &err);
		if (!f->says)
			assert_int_equal(rc, 0);
		else if (rc != ERR_CORRUPT || !strstr(err.msg, f->says))
			fail_msg("expected '%s', found %d '%s'", f->says, rc, err.msg);
	}
}

static void test_check_the_number(void **state)
{
	struct segments s = area();

	(void)state;
	assert_int_equal(segments_check(&s, NULL), ERR_CORRUPT);
	s.n = SEGMENTS_MAX + 1;
	assert_int_equal(segments_check(&s, NULL), ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_no_place),
		cmocka_unit_test(test_place_at_the_end),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_check_the_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
