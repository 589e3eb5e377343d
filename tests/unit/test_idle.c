// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/idle.h"

/* As Linux has it: user nice system idle iowait irq softirq steal guest guest_nice. */
static void test_parse(void **state)
{
	uint64_t idle = 0, all = 0;

	(void)state;
	assert_true(idle_parse("cpu  100 20 30 4000 500 6 7 8 90 10\ncpu0 1 2 3\n", &idle, &all));
	assert_int_equal(idle, 4500);
	assert_int_equal(all, 4671);
	// Of an old kernel, or cut off.
	assert_false(idle_parse("cpu  100 20 30 4000", &idle, &all));
	assert_false(idle_parse("cpu0 100 20 30 4000 500 6 7 8", &idle, &all));
	assert_false(idle_parse("cpu  100 20 x 4000 500 6 7 8", &idle, &all));
	assert_false(idle_parse("cpu  99999999999999999999 1 1 1 1 1 1 1", &idle, &all));
	assert_false(idle_parse("", &idle, &all));
	assert_int_equal(idle, 4500);
}

/*
 * What a window tells in which all CPUs together had 100 ticks, so many of them idle and waiting, and
 * this process so many milliseconds.
 */
static bool window(unsigned int idle, unsigned int waiting, int64_t own)
{
	FILE *stat = tmpfile();
	struct idle i = {.idle = 1000, .all = 2000};
	struct timespec t;

	assert_non_null(stat);
	fprintf(stat, "cpu  %u 0 0 %u %u 0 0 0 0 0\n", 1100 - idle - waiting, 1000 + idle, waiting);
	fflush(stat);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	i.own_ms = t.tv_sec * 1000 + t.tv_nsec / 1000000 - own;
	i.fd = fileno(stat);
	i.scarce = idle_is_scarce(&i);
	assert_int_equal(i.all, 2100);
	assert_int_equal(i.idle, 1000 + idle + waiting);
	assert_true(i.next_ms);
	fclose(stat);
	return i.scarce;
}

static void test_window(void **state)
{
	(void)state;
	assert_true(window(0, 0, 600));
	assert_true(window(5, 5, 600));
	assert_false(window(30, 0, 600));
	// Waiting for a disk is as good as idle.
	assert_false(window(0, 30, 600));
	// Others are at work, not we.
	assert_false(window(0, 0, 100));
}

static void test_begin(void **state)
{
	struct idle i;

	(void)state;
	idle_begin(&i);
	assert_true(i.fd >= 0 && i.all >= i.idle && i.all);
	assert_true(idle_is_scarce(&i));
	idle_end(&i);
	assert_int_equal(i.fd, -1);
	// Nobody tells.
	i.scarce = false;
	assert_false(idle_is_scarce(&i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
