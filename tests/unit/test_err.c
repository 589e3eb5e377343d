// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

static void test_set(void **state)
{
	(void)state;
	struct err err = {.sys = 5};

	assert_int_equal(err_set(&err, ERR_CORRUPT, "note %d: %s", 7, "odd"), ERR_CORRUPT);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.msg, "note 7: odd");
	err_set(&err, ERR_LIMIT, "again");
	assert_string_equal(err.msg, "again");
}

static void test_null_keeps_the_code(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_LIMIT, "x"), ERR_LIMIT);
	errno = ENOSPC;
	assert_int_equal(err_sys(NULL, "x"), ERR_NOSPC);
	err_prepend(NULL, "x");
}

static void test_sys(void **state)
{
	(void)state;
	static const struct {
		int sys, code;
	} rows[] = {
		{ENOSPC, ERR_NOSPC}, {EDQUOT, ERR_NOSPC}, {EFBIG, ERR_NOSPC},
		{ENOMEM, ERR_NOMEM}, {EIO, ERR_SYS},	  {EROFS, ERR_SYS},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char want[200];
		struct err err;

		snprintf(want, sizeof(want), "/a/b: %s", strerror(rows[i].sys));
		errno = rows[i].sys;
		assert_int_equal(err_sys(&err, "%s", "/a/b"), rows[i].code);
		assert_int_equal(err.code, rows[i].code);
		assert_int_equal(err.sys, rows[i].sys);
		assert_string_equal(err.msg, want);
	}
}

static void test_prepend(void **state)
{
	(void)state;
	struct err err;

	err_set(&err, ERR_NODATA, "4 bytes wanted");
	err_prepend(&err, "note %d", 3);
	err_prepend(&err, "vmcore");
	assert_int_equal(err.code, ERR_NODATA);
	assert_string_equal(err.msg, "vmcore: note 3: 4 bytes wanted");
}

/* Texts of every length about the limit: always terminated, the front kept, the tail cut. */
static void test_long_texts(void **state)
{
	(void)state;
	char text[ERR_MSG_MAX + 10];

	for (size_t len = ERR_MSG_MAX - 8; len < sizeof(text); len++) {
		size_t kept = len < ERR_MSG_MAX - 1 ? len : ERR_MSG_MAX - 1;
		struct {
			struct err err;
			char guard[8];
		} s;

		memset(s.guard, 'g', sizeof(s.guard));
		memset(text, 'x', len);
		text[len] = '\0';
		err_set(&s.err, ERR_CORRUPT, "%s", text);
		assert_int_equal(strlen(s.err.msg), kept);
		err_prepend(&s.err, "front");
		assert_int_equal(strlen(s.err.msg), ERR_MSG_MAX - 1);
		assert_memory_equal(s.err.msg, "front: xxx", 10);
		err_prepend(&s.err, "%s", text);
		assert_true(strlen(s.err.msg) < ERR_MSG_MAX);
		assert_memory_equal(s.err.msg, text, ERR_MSG_MAX - 8);
		errno = EIO;
		err_sys(&s.err, "%s", text);
		assert_true(strlen(s.err.msg) < ERR_MSG_MAX);
		assert_memory_equal(s.guard, "gggggggg", 8);
	}
}

/* Each code has a name of its own, and no value is without one. */
static void test_names(void **state)
{
	(void)state;
	for (int a = -20; a <= 20; a++) {
		assert_non_null(err_name(a));
		for (int b = ERR_BROKEN; a >= ERR_BROKEN && a <= 0 && b < a; b++)
			assert_string_not_equal(err_name(a), err_name(b));
	}
	assert_string_equal(err_name(0), "ok");
	assert_string_equal(err_name(ERR_NODATA), "truncated");
	assert_string_equal(err_name(1), err_name(-20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),	   cmocka_unit_test(test_null_keeps_the_code),
		cmocka_unit_test(test_sys),	   cmocka_unit_test(test_prepend),
		cmocka_unit_test(test_long_texts), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
