// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "base/err.h"

static const uint8_t bytes[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
				  0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};

static void test_integers(void **state)
{
	(void)state;
	struct cursor c = cursor_init(bytes, sizeof(bytes), 0);
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;
	uint8_t v8;

	assert_int_equal(cursor_u8(&c, &v8, NULL), 0);
	assert_int_equal(v8, 0x01);
	assert_int_equal(cursor_u16(&c, &v16, NULL), 0);
	assert_int_equal(v16, 0x4523);
	assert_int_equal(cursor_u32(&c, &v32, NULL), 0);
	assert_int_equal(v32, 0xcdab8967);
	assert_int_equal(cursor_u64(&c, &v64, NULL), 0);
	assert_true(v64 == 0x32547698badcfeefULL);
	assert_int_equal(cursor_left(&c), 1);

	c = cursor_init(bytes, sizeof(bytes), 0);
	c.big_endian = true;
	assert_int_equal(cursor_u16(&c, &v16, NULL), 0);
	assert_int_equal(v16, 0x0123);
	assert_int_equal(cursor_u32(&c, &v32, NULL), 0);
	assert_int_equal(v32, 0x456789ab);
	assert_int_equal(cursor_u64(&c, &v64, NULL), 0);
	assert_true(v64 == 0xcdeffedcba987654ULL);
}

/* At each length too short: ERR_NODATA, the cursor and the result as they were. */
static void test_short_reads(void **state)
{
	(void)state;
	for (size_t size = 0; size < 8; size++) {
		struct cursor c = cursor_init(bytes, size, 0);
		uint64_t v64 = 42;
		uint32_t v32 = 42;
		uint16_t v16 = 42;
		uint8_t v8 = 42;

		assert_int_equal(cursor_u64(&c, &v64, NULL), ERR_NODATA);
		if (size < 4)
			assert_int_equal(cursor_u32(&c, &v32, NULL), ERR_NODATA);
		if (size < 2)
			assert_int_equal(cursor_u16(&c, &v16, NULL), ERR_NODATA);
		if (size < 1)
			assert_int_equal(cursor_u8(&c, &v8, NULL), ERR_NODATA);
		assert_true(v64 == 42 && v32 == 42 && v16 == 42 && v8 == 42);
		assert_int_equal(c.pos, 0);
	}
}

static void test_wrapping_sizes(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {9,	    0xffffffff,	    0x100000000,
					 INT64_MAX, UINT64_MAX - 7, UINT64_MAX};
	const uint8_t *p = NULL;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct cursor c = cursor_init(bytes, sizeof(bytes), 0);

		assert_int_equal(cursor_skip(&c, 8, NULL), 0);
		assert_int_equal(cursor_bytes(&c, sizes[i], &p, NULL), ERR_NODATA);
		assert_int_equal(cursor_skip(&c, sizes[i], NULL), ERR_NODATA);
		assert_int_equal(cursor_seek(&c, sizes[i] + 8, NULL),
				 sizes[i] + 8 <= sizeof(bytes) ? 0 : ERR_NODATA);
		assert_true(c.pos <= c.size);
		assert_null(p);
	}
}

static void test_bytes_and_seek(void **state)
{
	(void)state;
	struct cursor c = cursor_init(bytes, sizeof(bytes), 0);
	const uint8_t *p;

	assert_int_equal(cursor_bytes(&c, 3, &p, NULL), 0);
	assert_ptr_equal(p, bytes);
	assert_int_equal(cursor_bytes(&c, 13, &p, NULL), 0);
	assert_ptr_equal(p, bytes + 3);
	assert_int_equal(cursor_bytes(&c, 0, &p, NULL), 0);
	assert_int_equal(cursor_seek(&c, 16, NULL), 0);
	assert_int_equal(cursor_left(&c), 0);
	assert_int_equal(cursor_seek(&c, 17, NULL), ERR_NODATA);
	assert_int_equal(cursor_seek(&c, 0, NULL), 0);
	assert_int_equal(cursor_left(&c), 16);
}

static void test_align(void **state)
{
	(void)state;
	static const struct {
		size_t size, pos, align, want;
	} rows[] = {
		{16, 0, 4, 0}, {16, 1, 4, 4},  {16, 4, 4, 4},	{16, 5, 8, 8},
		{16, 9, 1, 9}, {10, 9, 4, 10}, {10, 10, 4, 10}, {0, 0, 8, 0},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cursor c = cursor_init(bytes, rows[i].size, 0);

		assert_int_equal(cursor_seek(&c, rows[i].pos, NULL), 0);
		cursor_align(&c, rows[i].align);
		assert_int_equal(c.pos, rows[i].want);
	}
}

static void test_message_names_the_offset(void **state)
{
	(void)state;
	struct cursor c = cursor_init(bytes, 6, 0x1000);
	struct err err = {0};
	uint32_t v;

	assert_int_equal(cursor_skip(&c, 4, &err), 0);
	assert_int_equal(cursor_u32(&c, &v, &err), ERR_NODATA);
	assert_int_equal(err.code, ERR_NODATA);
	assert_string_equal(err.msg, "offset 4100: 4 bytes wanted, 2 left");
}

static void test_load_store(void **state)
{
	(void)state;
	uint8_t buf[17] = {0};

	// Odd places: nothing is aligned in foreign data.
	store_le16(buf + 1, 0x0102);
	store_le32(buf + 3, 0x03040506);
	store_le64(buf + 7, 0x0708090a0b0c0d0eULL);
	assert_memory_equal(buf, "\0\x02\x01\x06\x05\x04\x03\x0e\x0d\x0c\x0b\x0a\x09\x08\x07\0\0",
			    17);
	assert_int_equal(load_le16(buf + 1), 0x0102);
	assert_int_equal(load_le32(buf + 3), 0x03040506);
	assert_true(load_le64(buf + 7) == 0x0708090a0b0c0d0eULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_short_reads),
		cmocka_unit_test(test_wrapping_sizes),
		cmocka_unit_test(test_bytes_and_seek),
		cmocka_unit_test(test_align),
		cmocka_unit_test(test_message_names_the_offset),
		cmocka_unit_test(test_load_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
