// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "tests/lib/blob.h"

static void check_bytes(const char *text, const char *want, size_t want_size)
{
	CLEANUP_FREE uint8_t *got = NULL;
	struct err err = {0};
	size_t size;

	if (blob_compile(text, strlen(text), &got, &size, &err))
		fail_msg("%s: %s", text, err.msg);
	assert_int_equal(size, want_size);
	assert_memory_equal(got, want, want_size);
}

#define CHECK(text, want) check_bytes(text, want, sizeof(want) - 1)

static void check_refused(const char *text, size_t size, int code, const char *says)
{
	uint8_t *got = NULL;
	struct err err = {0};
	size_t unused;

	assert_int_equal(blob_compile(text, size, &got, &unused, &err), code);
	assert_null(got);
	if (!strstr(err.msg, says))
		fail_msg("'%s' does not say '%s'", err.msg, says);
}

#define REFUSED(text, code, says) check_refused(text, strlen(text), code, says)

static void test_items(void **state)
{
	(void)state;
	CHECK("", "");
	CHECK("# only a comment", "");
	CHECK("7f 454C # then\n46", "\x7f"
				    "ELF");
	CHECK("\"a#b\\n\\r\\t\\0\\\\\\\"\\x7F\"", "a#b\n\r\t\0\\\"\x7f");
	CHECK("u8 255 u8 -128", "\xff\x80");
	CHECK("le16 0x102 be16 0x102", "\x02\x01\x01\x02");
	CHECK("le32 -1 be32 1", "\xff\xff\xff\xff\0\0\0\1");
	CHECK("le64 0xffffffffffffffff be64 2", "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\2");
	CHECK("be 16", "\xbe\x16");
}

static void test_marks(void **state)
{
	(void)state;
	CHECK("ab *3", "\xab\xab\xab");
	CHECK("11 abcd *2", "\x11\xab\xcd\xab\xcd");
	CHECK("11 22 *0 33", "\x11\x33");
	CHECK("( 01 ( le16 2 *2 ) 03 ) *2", "\1\2\0\2\0\3\1\2\0\2\0\3");
	CHECK("01 @4 02", "\1\0\0\0\2");
	CHECK("01 %4 %4 02", "\1\0\0\0\2");
	CHECK("\"\" *1000000000000", "");
}

static void test_refused(void **state)
{
	(void)state;
	REFUSED("00\n\n0g", ERR_CORRUPT, "line 3: '0g'");
	REFUSED("123", ERR_CORRUPT, "'123'");
	REFUSED("le24 1", ERR_CORRUPT, "'le24'");
	REFUSED("le16", ERR_CORRUPT, "number");
	REFUSED("le16 65536", ERR_CORRUPT, "16 bits");
	REFUSED("le16 -32769", ERR_CORRUPT, "16 bits");
	REFUSED("le64 0x10000000000000000", ERR_CORRUPT, "not a number");
	REFUSED("u8 +1", ERR_CORRUPT, "not a number");
	REFUSED("u8 1x", ERR_CORRUPT, "not a number");
	REFUSED("\"abc", ERR_CORRUPT, "does not end");
	REFUSED("\"abc\n\"", ERR_CORRUPT, "line 1: a string does not end");
	REFUSED("\"\\q\"", ERR_CORRUPT, "escape");
	REFUSED("\"\\x1", ERR_CORRUPT, "hex digits");
	REFUSED("\"\\", ERR_CORRUPT, "escape");
	REFUSED("*2", ERR_CORRUPT, "nothing before");
	REFUSED("00 *2 *2", ERR_CORRUPT, "nothing before");
	REFUSED("( *2 )", ERR_CORRUPT, "nothing before");
	REFUSED("00 *-2", ERR_CORRUPT, "negative");
	REFUSED("00 00 @1", ERR_CORRUPT, "2 bytes already");
	REFUSED("%0", ERR_CORRUPT, "multiple");
	REFUSED("( 00", ERR_CORRUPT, "still open");
	REFUSED("00 )", ERR_CORRUPT, "without '('");
	REFUSED("@ 1", ERR_CORRUPT, "number");
	check_refused("00 \0 11", 7, ERR_CORRUPT, "zero byte");
}

static void test_limits(void **state)
{
	(void)state;
	REFUSED("00 @100000000", ERR_LIMIT, "grows beyond");
	REFUSED("00 *100000000", ERR_LIMIT, "grows beyond");
	REFUSED("0000 *9223372036854775807", ERR_LIMIT, "grows beyond");
	REFUSED("00000000 *9223372036854775807", ERR_LIMIT, "grows beyond");
	REFUSED("((((((((((((((((( 00", ERR_LIMIT, "deep");
	check_refused("", (size_t)BLOB_TEXT_MAX + 1, ERR_LIMIT, "text");
}

/* Whatever the bytes: the text that the dump makes of them gives them back. */
static void test_dump(void **state)
{
	(void)state;
	uint8_t data[600];
	size_t size = 0;

	for (int i = 0; i < 256; i++)
		data[size++] = i;
	memset(data + size, 0, 100);
	size += 100;
	memcpy(data + size, "say \"\\n\"\nand\ttab", 17);
	size += 17;
	memset(data + size, 'x', 100);
	size += 100;
	for (size_t cut = 0; cut <= size; cut++) {
		CLEANUP_FREE char *text = NULL;
		CLEANUP_FREE uint8_t *back = NULL;
		size_t text_size, back_size;
		FILE *f = open_memstream(&text, &text_size);

		assert_non_null(f);
		blob_dump(data, cut, f);
		fclose(f);
		assert_int_equal(blob_compile(text, text_size, &back, &back_size, NULL), 0);
		assert_int_equal(back_size, cut);
		assert_memory_equal(back, data, cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items),	cmocka_unit_test(test_marks),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
