// SPDX-License-Identifier: GPL-2.0-or-later
/* Which CPUs of the capture kernel are brought up, on a /sys laid out in a directory. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/numlist.h"
#include "collector/cpus.h"
#include "tests/lib/tree.h"

#define CPU_DIR "/sys/devices/system/cpu"

enum {
	FULL_MAX = 256,
};

/* Of the test that runs. */
static char root[64];

static const char *full(char *buf, const char *path)
{
	snprintf(buf, FULL_MAX, "%s%s", root, path);
	return buf;
}

static const char *online_of(char *buf, int cpu)
{
	char path[64];

	snprintf(path, sizeof(path), CPU_DIR "/cpu%d/online", cpu);
	return full(buf, path);
}

static void put_text(const char *path, const char *text)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, strlen(text), NULL), 0);
}

static void make_dir(const char *path)
{
	char buf[FULL_MAX];

	assert_int_equal(mkdir(full(buf, path), 0755), 0);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, TREE_ROOT);
	if (!tree_make(root))
		return -1;
	make_dir("/proc");
	make_dir("/sys");
	make_dir("/sys/devices");
	make_dir("/sys/devices/system");
	make_dir(CPU_DIR);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(root);
}

/* A machine of @n CPUs, the first of them online. */
static void lay_out(const char *cmdline, const char *present, int n)
{
	char buf[FULL_MAX], path[64];

	put_text(full(buf, "/proc/cmdline"), cmdline);
	put_text(full(buf, CPU_DIR "/present"), present);
	put_text(full(buf, CPU_DIR "/online"), "0\n");
	for (int cpu = 1; cpu < n; cpu++) {
		snprintf(path, sizeof(path), CPU_DIR "/cpu%d", cpu);
		make_dir(path);
		put_text(online_of(buf, cpu), "0");
	}
}

static bool brought_up(int cpu)
{
	CLEANUP_FREE char *text = NULL;
	char buf[FULL_MAX];

	assert_int_equal(io_read_file(online_of(buf, cpu), 16, &text, NULL, NULL), 0);
	return strcmp(text, "1") == 0;
}

static bool stuck; // in the last run one did not come in time

static void run(unsigned int online, const char *text)
{
	struct cpus c;

	cpus_start(&c, root);
	cpus_wait(&c);
	assert_string_equal(c.text, text);
	assert_int_equal(c.online, online);
	stuck = c.stuck;
}

static void test_all_come(void **state)
{
	(void)state;
	lay_out("a lifeboat.cpus=9 b lifeboat.cpus=4\n", "0-3\n", 4);
	run(4, "4 CPUs at work, as many as asked for");
	assert_false(stuck);
	assert_true(brought_up(1) && brought_up(2) && brought_up(3));
}

static void test_no_more_than_asked_for(void **state)
{
	(void)state;
	lay_out("lifeboat.cpus=2\n", "0-3\n", 4);
	run(2, "2 CPUs at work, as many as asked for");
	assert_true(brought_up(1) && !brought_up(2) && !brought_up(3));
}

static void test_not_asked_for(void **state)
{
	(void)state;
	lay_out("nr_cpus=4 maxcpus=1 xlifeboat.cpus=4 lifeboat.cpus=z\n", "0-3\n", 4);
	run(1, "1 CPU at work");
	assert_true(!brought_up(1) && !brought_up(2) && !brought_up(3));
}

static void test_fewer_present(void **state)
{
	(void)state;
	lay_out("lifeboat.cpus=4\n", "0,2\n", 4);
	run(2, "2 CPUs at work of 4 asked for: this kernel finds no more; the boot CPU stays out "
	       "when another one panicked");
	assert_true(!brought_up(1) && brought_up(2) && !brought_up(3));
}

/* The one after it comes all the same, in its place where fewer are asked for than there are. */
static void test_one_fails(void **state)
{
	char buf[FULL_MAX];

	(void)state;
	lay_out("lifeboat.cpus=3\n", "0-3\n", 4);
	assert_int_equal(unlink(online_of(buf, 1)), 0);
	run(3, "3 CPUs at work, as many as asked for");
	assert_true(brought_up(2) && brought_up(3));
	put_text(full(buf, "/proc/cmdline"), "lifeboat.cpus=4");
	run(3, "3 CPUs at work of 4 asked for: CPU 1: No such file or directory");
}

/* What nobody reads hangs as a CPU does, and is not waited for longer than the limit says. */
static void test_one_hangs(void **state)
{
	char buf[FULL_MAX];

	(void)state;
	lay_out("lifeboat.cpus=4\n", "0-3\n", 4);
	assert_int_equal(unlink(online_of(buf, 2)), 0);
	assert_int_equal(mkfifo(online_of(buf, 2), 0600), 0);
	run(2, "2 CPUs at work of 4 asked for: the next one did not come within 10 s");
	assert_true(stuck);
	assert_true(brought_up(1) && !brought_up(3));
}

static void test_no_sysfs(void **state)
{
	char buf[FULL_MAX];
	struct cpus c;

	(void)state;
	put_text(full(buf, "/proc/cmdline"), "lifeboat.cpus=4");
	cpus_start(&c, root);
	cpus_wait(&c);
	assert_true(c.online >= 1);
	assert_int_equal(c.pid, 0);
}

static void test_lists(void **state)
{
	(void)state;
	assert_int_equal(numlist_count("0-3,8\n"), 5);
	assert_int_equal(numlist_count("0"), 1);
	assert_int_equal(numlist_count("\n"), 0);
	assert_int_equal(numlist_count(""), 0);
	assert_int_equal(numlist_count(",1"), 0);
	assert_int_equal(numlist_count("5-3"), 1);
	assert_int_equal(numlist_count("-1"), 0);
	assert_int_equal(numlist_count("3,99999999999"), 1);
	assert_int_equal(numlist_next("1,4-6", -1), 1);
	assert_int_equal(numlist_next("1,4-6", 1), 4);
	assert_int_equal(numlist_next("1,4-6", 4), 5);
	assert_int_equal(numlist_next("1,4-6", 6), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_come),	  TEST(test_no_more_than_asked_for),
		TEST(test_not_asked_for), TEST(test_fewer_present),
		TEST(test_one_fails),	  TEST(test_one_hangs),
		TEST(test_no_sysfs),	  cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
