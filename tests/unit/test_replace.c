// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/replace.h"
#include "tests/lib/tree.h"

static char root[] = TREE_ROOT, file[64], left[128];

static int setup(void **state)
{
	(void)state;
	memcpy(root, TREE_ROOT, sizeof(TREE_ROOT));
	if (!tree_make(root))
		return -1;
	snprintf(file, sizeof(file), "%s/file", root);
	snprintf(left, sizeof(left), "%s" REPLACE_SUFFIX, file);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(root);
}

static void holds(const char *want, mode_t mode)
{
	CLEANUP_FREE char *text = NULL;
	struct stat st;

	assert_int_equal(io_read_file(file, 64, &text, NULL, NULL), 0);
	assert_string_equal(text, want);
	assert_true(lstat(file, &st) == 0 && S_ISREG(st.st_mode));
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(access(left, F_OK), -1);
}

static void test_modes(void **state)
{
	mode_t mask = umask(077);

	(void)state;
	assert_int_equal(replace_file(file, "one", 3, REPLACE_KEEP, NULL), 0);
	holds("one", 0644);
	assert_int_equal(replace_file(file, "two", 3, 0600, NULL), 0);
	holds("two", 0600);
	assert_int_equal(chmod(file, 0464), 0);
	assert_int_equal(replace_file(file, "three", 5, REPLACE_KEEP, NULL), 0);
	holds("three", 0464);
	umask(mask);
}

/* A run that was cut off, and a link in its place. */
static void test_left(void **state)
{
	(void)state;
	assert_true(tree_put(root, "/file" REPLACE_SUFFIX, "half", 4));
	assert_int_equal(symlink("/nowhere", file), 0);
	assert_int_equal(replace_file(file, "one", 3, 0640, NULL), 0);
	holds("one", 0640);
}

static void test_fails(void **state)
{
	struct err err = {0};
	char path[128];

	(void)state;
	// A directory is not replaced, and nothing is left of the attempt.
	assert_true(tree_put(root, "/file/x", "", 0));
	assert_int_equal(replace_file(file, "one", 3, 0640, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, file));
	assert_int_equal(access(left, F_OK), -1);
	snprintf(path, sizeof(path), "%s/no/file", root);
	assert_int_equal(replace_file(path, "one", 3, 0640, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_left, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fails, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
