// SPDX-License-Identifier: GPL-2.0-or-later
/* What the files of a memory cgroup say, of either version, and of kernels that say less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "loader/memcg.h"
#include "tests/lib/tree.h"

struct fixture {
	char root[sizeof(TREE_ROOT)];
	struct memcg m;
};

static struct fixture f;

static int setup(void **state)
{
	(void)state;
	f = (struct fixture){.root = TREE_ROOT};
	assert_true(tree_make(f.root));
	snprintf(f.m.dir, sizeof(f.m.dir), "%s", f.root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(f.root);
}

static void put(const char *path, const char *text)
{
	assert_true(tree_put(f.root, path, text, strlen(text)));
}

static void test_second_version(void **state)
{
	uint64_t peak;

	(void)state;
	put("/memory.peak", "12345678\n");
	put("/memory.events", "low 0\nhigh 0\nmax 17\noom 1\noom_kill 0\noom_group_kill 3\n");
	assert_true(memcg_peak(&f.m, &peak));
	assert_int_equal(peak, 12345678);
	assert_false(memcg_killed(&f.m));
	put("/memory.events", "low 0\nhigh 0\nmax 17\noom 1\noom_kill 1\noom_group_kill 0\n");
	assert_true(memcg_killed(&f.m));
}

/* Before 5.19: that is not known, which is not "none". */
static void test_no_peak(void **state)
{
	uint64_t peak = 1;

	(void)state;
	put("/memory.current", "4096\n");
	assert_false(memcg_peak(&f.m, &peak));
	assert_int_equal(peak, 0);
	assert_false(memcg_killed(&f.m));
}

static void test_first_version(void **state)
{
	uint64_t peak;

	(void)state;
	f.m.v1 = true;
	put("/memory.max_usage_in_bytes", "7340032\n");
	put("/memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n");
	assert_true(memcg_peak(&f.m, &peak));
	assert_int_equal(peak, 7340032);
	assert_false(memcg_killed(&f.m));
	put("/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
	assert_true(memcg_killed(&f.m));
}

static void test_none(void **state)
{
	struct memcg none = {.v1 = false};
	uint64_t peak;

	(void)state;
	assert_false(memcg_peak(&none, &peak));
	assert_false(memcg_killed(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_second_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_peak, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_version, setup, teardown),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
