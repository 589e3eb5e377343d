// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel says of those that it killed for lack of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/oom.h"

static void put(const char *root, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/proc", root);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/proc/vmstat", root);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void test_kills(void **state)
{
	char root[] = "/tmp/test_oom.XXXXXX", command[64];
	uint64_t n = 7;

	(void)state;
	assert_non_null(mkdtemp(root));
	assert_false(oom_kills(root, &n));
	// 4.12 and earlier.
	put(root, "nr_free_pages 1\npgpgin 2\n");
	assert_false(oom_kills(root, &n));
	assert_int_equal(n, 7);
	put(root, "nr_free_pages 1\nfoom_kill 5\noom_kill 3\nnuma_hit 4\n");
	assert_true(oom_kills(root, &n));
	assert_int_equal(n, 3);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

/* The machine's own. */
static void test_here(void **state)
{
	uint64_t first, second;

	(void)state;
	assert_true(oom_kills("", &first));
	assert_true(oom_kills("", &second));
	assert_true(second >= first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kills),
		cmocka_unit_test(test_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
