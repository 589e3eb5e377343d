// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/idle.h"
#include "collector/log.h"

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

/* A /proc/stat of our own; the account at the beginning of a window that is over. */
static struct idle window(FILE *stat, const char *now)
{
	assert_non_null(stat);
	fputs(now, stat);
	fflush(stat);
	return (struct idle){.fd = fileno(stat), .idle = 1000, .all = 2000, .scarce = true};
}

static void test_window(void **state)
{
	FILE *stat = tmpfile();
	struct idle i = window(stat, "cpu  1100 0 0 1100 0 0 0 0 0 0\n");

	(void)state;
	assert_false(idle_is_scarce(&i));
	assert_int_equal(i.idle, 1100);
	// Within the window nobody looks.
	rewind(stat);
	fputs("cpu  2100 0 0 1101 0 0 0 0 0 0\n", stat);
	fflush(stat);
	assert_false(idle_is_scarce(&i));
	i.next_ms = 0;
	assert_true(idle_is_scarce(&i));
	// The next one has begun.
	assert_true(i.next_ms > log_now_ms());
	fclose(stat);
}

/* Waiting for a disk is as good as idle. */
static void test_waiting(void **state)
{
	FILE *stat = tmpfile();
	struct idle i = window(stat, "cpu  1080 0 0 1000 20 0 0 0 0 0\n");

	(void)state;
	assert_false(idle_is_scarce(&i));
	fclose(stat);
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
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
