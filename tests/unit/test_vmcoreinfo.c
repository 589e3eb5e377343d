// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"

static struct vmcoreinfo *table_of(const char *text)
{
	struct vmcoreinfo *vi = NULL;
	struct err err = {0};

	if (vmcoreinfo_create(text, strlen(text), &vi, &err))
		fail_msg("%s", err.msg);
	return vi;
}

static void test_keys(void **state)
{
	(void)state;
	struct vmcoreinfo *vi = table_of("OSRELEASE=6.1.0\nSYMBOL(mem_section)=ffff888000000000\n"
					 "SIZE(page)=64\nOFFSET(page.flags)=0\nLENGTH(m)=2048\n"
					 "NUMBER(n)=-129\nPAGESIZE=4096\nKERNELOFFSET=1c000000");
	uint64_t v;
	int64_t n;

	assert_int_equal(vmcoreinfo_count(vi), 8);
	assert_int_equal(vmcoreinfo_bad_lines(vi), 0);
	assert_string_equal(vmcoreinfo_get(vi, "OSRELEASE"), "6.1.0");
	assert_string_equal(vmcoreinfo_get(vi, "SIZE(page)"), "64");
	assert_true(vmcoreinfo_symbol(vi, "mem_section", &v) && v == 0xffff888000000000ULL);
	assert_true(vmcoreinfo_sizeof(vi, "page", &v) && v == 64);
	assert_true(vmcoreinfo_offset(vi, "page.flags", &v) && v == 0);
	assert_true(vmcoreinfo_length(vi, "m", &v) && v == 2048);
	assert_true(vmcoreinfo_number(vi, "n", &n) && n == -129);
	assert_true(vmcoreinfo_plain(vi, "PAGESIZE", &v) && v == 4096);
	assert_true(vmcoreinfo_kerneloffset(vi, &v) && v == 0x1c000000);
	vmcoreinfo_destroy(vi);
	vmcoreinfo_destroy(NULL);
}

static void test_absent(void **state)
{
	(void)state;
	struct vmcoreinfo *vi = table_of("SIZE(page)=64\n");
	uint64_t v = 42;
	int64_t n = 42;

	assert_null(vmcoreinfo_get(vi, "SIZE(pag"));
	assert_null(vmcoreinfo_get(vi, "SIZE(page)="));
	assert_null(vmcoreinfo_get(vi, ""));
	assert_false(vmcoreinfo_sizeof(vi, "pag", &v));
	assert_false(vmcoreinfo_sizeof(vi, "pages", &v));
	assert_false(vmcoreinfo_offset(vi, "page", &v));
	assert_false(vmcoreinfo_symbol(vi, "page", &v));
	assert_false(vmcoreinfo_length(vi, "page", &v));
	assert_false(vmcoreinfo_number(vi, "page", &n));
	assert_false(vmcoreinfo_plain(vi, "PAGESIZE", &v));
	assert_false(vmcoreinfo_kerneloffset(vi, &v));
	assert_true(v == 42 && n == 42);
	vmcoreinfo_destroy(vi);
}

/* The value @text as each kind of number; NULL in place of what it must be given as. */
static void check_number(const char *text, const uint64_t *hex, const uint64_t *dec,
			 const int64_t *num)
{
	char lines[400];
	struct vmcoreinfo *vi;
	uint64_t v = 42;
	int64_t n = 42;

	snprintf(lines, sizeof(lines), "SYMBOL(x)=%s\nSIZE(x)=%s\nNUMBER(x)=%s\nKERNELOFFSET=%s",
		 text, text, text, text);
	vi = table_of(lines);
	if (vmcoreinfo_symbol(vi, "x", &v) != !!hex || v != (hex ? *hex : 42))
		fail_msg("SYMBOL(x)=%s gives %llx", text, (unsigned long long)v);
	if (vmcoreinfo_kerneloffset(vi, &v) != !!hex || v != (hex ? *hex : 42))
		fail_msg("KERNELOFFSET=%s gives %llx", text, (unsigned long long)v);
	v = 42;
	if (vmcoreinfo_sizeof(vi, "x", &v) != !!dec || v != (dec ? *dec : 42))
		fail_msg("SIZE(x)=%s gives %llu", text, (unsigned long long)v);
	if (vmcoreinfo_number(vi, "x", &n) != !!num || n != (num ? *num : 42))
		fail_msg("NUMBER(x)=%s gives %lld", text, (long long)n);
	vmcoreinfo_destroy(vi);
}

#define U(v) (&(const uint64_t){v})
#define I(v) (&(const int64_t){v})

static void test_numbers(void **state)
{
	(void)state;
	check_number("10", U(16), U(10), I(10));
	check_number("000", U(0), U(0), I(0));
	check_number("0x10", NULL, NULL, I(16));
	check_number("0xffffffffffffffff", NULL, NULL, I(-1));
	check_number("0x8000000000000000", NULL, NULL, I(INT64_MIN));
	check_number("0x10000000000000000", NULL, NULL, NULL);
	check_number("ffffffffffffffff", U(UINT64_MAX), NULL, NULL);
	check_number("ABCDEF", U(0xabcdef), NULL, NULL);
	check_number("10000000000000000", NULL, U(10000000000000000), I(10000000000000000));
	check_number("18446744073709551615", NULL, U(UINT64_MAX), NULL);
	check_number("18446744073709551616", NULL, NULL, NULL);
	check_number("9223372036854775807", NULL, U(INT64_MAX), I(INT64_MAX));
	check_number("9223372036854775808", NULL, U(1ULL << 63), NULL);
	check_number("-9223372036854775808", NULL, NULL, I(INT64_MIN));
	check_number("-9223372036854775809", NULL, NULL, NULL);
	check_number("-1", NULL, NULL, I(-1));
}

static void test_no_numbers(void **state)
{
	(void)state;
	static const char *const texts[] = {"",	   "-",	   "--1", "+1", " 1",  "1 ",  "1.5", "0x",
					    "0X1", "-0x1", "1g",  "x",	"\t1", "1\r", "0x 1"};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		check_number(texts[i], NULL, NULL, NULL);
}

static void test_last_one_counts(void **state)
{
	(void)state;
	struct vmcoreinfo *vi = table_of("B=1\nA=1\nC=1\nA=2\nB=2\nA=3\n");

	assert_int_equal(vmcoreinfo_count(vi), 3);
	assert_string_equal(vmcoreinfo_get(vi, "A"), "3");
	assert_string_equal(vmcoreinfo_get(vi, "B"), "2");
	assert_string_equal(vmcoreinfo_get(vi, "C"), "1");
	vmcoreinfo_destroy(vi);
}

static void test_bad_lines(void **state)
{
	(void)state;
	struct vmcoreinfo *vi = table_of("no key\n\n=value\nA=\nB==x\n");

	assert_int_equal(vmcoreinfo_count(vi), 2);
	assert_int_equal(vmcoreinfo_bad_lines(vi), 3);
	assert_string_equal(vmcoreinfo_get(vi, "A"), "");
	assert_string_equal(vmcoreinfo_get(vi, "B"), "=x");
	vmcoreinfo_destroy(vi);
}

static void test_ends_at_zero(void **state)
{
	(void)state;
	struct vmcoreinfo *vi = NULL;

	assert_int_equal(vmcoreinfo_create("A=1\nB=2\0\nC=3\n", 13, &vi, NULL), 0);
	assert_int_equal(vmcoreinfo_count(vi), 2);
	assert_string_equal(vmcoreinfo_get(vi, "B"), "2");
	vmcoreinfo_destroy(vi);
}

/* Cut at every byte, each time in a buffer of just that size. */
static void test_truncated_at_every_byte(void **state)
{
	(void)state;
	static const char text[] = "OSRELEASE=6.1\nSIZE(page)=64\n";

	for (size_t cut = 1; cut < sizeof(text); cut++) {
		CLEANUP_FREE char *copy = malloc(cut);
		struct vmcoreinfo *vi = NULL;
		const char *size;

		assert_non_null(copy);
		memcpy(copy, text, cut);
		assert_int_equal(vmcoreinfo_create(copy, cut, &vi, NULL), 0);
		assert_int_equal(vmcoreinfo_count(vi), (cut >= 10) + (cut >= 25));
		size = vmcoreinfo_get(vi, "SIZE(page)");
		if (cut >= 27)
			assert_string_equal(size, "64");
		else if (cut < 25)
			assert_null(size);
		vmcoreinfo_destroy(vi);
	}
}

static void check_refused(const char *text, size_t size, int code)
{
	struct vmcoreinfo *vi = NULL;
	struct err err = {0};

	assert_int_equal(vmcoreinfo_create(text, size, &vi, &err), code);
	assert_int_equal(err.code, code);
	assert_null(vi);
}

static void test_limits(void **state)
{
	(void)state;
	CLEANUP_FREE char *text = calloc(1, VMCOREINFO_SIZE_MAX + 1);
	struct vmcoreinfo *vi = NULL;
	char key[16];
	size_t used = 0;

	assert_non_null(text);
	check_refused("", 0, ERR_NODATA);
	check_refused(NULL, 0, ERR_NODATA);
	check_refused(text, VMCOREINFO_SIZE_MAX + 1, ERR_NODATA);
	memset(text, 'a', VMCOREINFO_SIZE_MAX + 1);
	check_refused(text, VMCOREINFO_SIZE_MAX + 1, ERR_LIMIT);
	assert_int_equal(vmcoreinfo_create(text, VMCOREINFO_SIZE_MAX, &vi, NULL), 0);
	assert_int_equal(vmcoreinfo_bad_lines(vi), 1);
	vmcoreinfo_destroy(vi);
	for (int i = 0; i <= VMCOREINFO_KEYS_MAX; i++)
		used += sprintf(text + used, "K%d=%d\n", i, i * 3);
	check_refused(text, used, ERR_LIMIT);
	*strrchr(text, 'K') = '\0';
	assert_int_equal(vmcoreinfo_create(text, used, &vi, NULL), 0);
	assert_int_equal(vmcoreinfo_count(vi), VMCOREINFO_KEYS_MAX);
	for (int i = 0; i < VMCOREINFO_KEYS_MAX; i++) {
		uint64_t v;

		sprintf(key, "K%d", i);
		assert_true(vmcoreinfo_plain(vi, key, &v) && v == (uint64_t)i * 3);
	}
	vmcoreinfo_destroy(vi);
}

/* A name too long to look up is not there, even where it is. */
static void test_long_name(void **state)
{
	(void)state;
	char text[600], name[400];
	struct vmcoreinfo *vi;
	uint64_t v;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text), "SIZE(%s)=1\n", name);
	vi = table_of(text);
	assert_int_equal(vmcoreinfo_count(vi), 1);
	assert_false(vmcoreinfo_sizeof(vi, name, &v));
	vmcoreinfo_destroy(vi);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_no_numbers),
		cmocka_unit_test(test_last_one_counts),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_ends_at_zero),
		cmocka_unit_test(test_truncated_at_every_byte),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
