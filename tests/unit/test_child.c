// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/child.h"
#include "base/err.h"

enum {
	LONG_MS = 20000,
	SHORT_MS = 50,
};

static void start(struct child *c, const char *script)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct err err;

	assert_int_equal(child_start(c, argv, &err), 0);
}

static size_t read_all(struct child *c, char *buf, size_t room)
{
	size_t n = 0;
	ssize_t got;

	while (n < room && (got = child_read(c, buf + n, room - n, LONG_MS, NULL)) > 0)
		n += got;
	return n;
}

static void test_through_and_back(void **state)
{
	static char out[100000], back[100001];
	struct child c;

	(void)state;
	memset(out, 'x', sizeof(out));
	start(&c, "cat > /dev/null; echo done; echo why >&2; exit 7");
	for (int i = 0; i < 30; i++)
		assert_int_equal(child_write(&c, out, sizeof(out), LONG_MS, NULL), 0);
	child_close_in(&c);
	assert_int_equal(read_all(&c, back, sizeof(back)), 5);
	assert_memory_equal(back, "done\n", 5);
	assert_int_equal(child_wait(&c, LONG_MS, NULL), 0);
	assert_int_equal(child_code(&c), 7);
	assert_string_equal(c.said, "why\n");
	child_end(&c);
}

static void test_no_such_program(void **state)
{
	const char *argv[] = {"no-such-program-here", NULL};
	struct child c;
	struct err err;

	(void)state;
	assert_int_equal(child_start(&c, argv, &err), ERR_NOTFOUND);
	child_end(&c);
}

static void test_who_does_not_read(void **state)
{
	static char out[4 << 20];
	struct child c;
	struct err err;

	(void)state;
	start(&c, "exec sleep 1000");
	assert_int_equal(child_write(&c, out, sizeof(out), SHORT_MS, &err), ERR_LIMIT);
	child_end(&c);
	start(&c, "exit 3");
	assert_int_equal(child_write(&c, out, sizeof(out), LONG_MS, &err), ERR_NODATA);
	assert_int_equal(child_wait(&c, LONG_MS, NULL), 0);
	assert_int_equal(child_code(&c), 3);
}

/* Dead, though whoever adopted it may not have asked yet. */
static bool is_dead(int pid)
{
	char path[32], state = 'Z';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f) {
		assert_int_equal(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
		fclose(f);
	}
	return state == 'Z' || state == 'X';
}

static void test_who_says_nothing(void **state)
{
	struct child c;
	struct err err;
	char text[32] = "", byte;
	int grandchild;

	(void)state;
	start(&c, "sleep 1000 & echo $!; wait");
	assert_true(child_read(&c, text, sizeof(text) - 1, LONG_MS, NULL) > 0);
	grandchild = atoi(text);
	assert_true(grandchild > 1 && !is_dead(grandchild));
	assert_int_equal(child_read(&c, &byte, 1, SHORT_MS, &err), ERR_LIMIT);
	assert_int_equal(child_wait(&c, SHORT_MS, &err), ERR_LIMIT);
	assert_int_equal(child_code(&c), -1);
	// With all that it started.
	for (int i = 0; i < 2000 && !is_dead(grandchild); i++)
		usleep(10000);
	assert_true(is_dead(grandchild));
}

/* Talk without end neither stops it nor takes memory. */
static void test_who_talks(void **state)
{
	char buf[16];
	struct child c;

	(void)state;
	start(&c,
	      "i=0; while [ $i -lt 20000 ]; do echo 0123456789 >&2; i=$((i + 1)); done; echo x");
	assert_int_equal(read_all(&c, buf, sizeof(buf)), 2);
	assert_int_equal(child_wait(&c, LONG_MS, NULL), 0);
	assert_int_equal(strlen(c.said), CHILD_SAID_MAX - 1);
	assert_memory_equal(c.said, "0123456789\n", 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_through_and_back),  cmocka_unit_test(test_no_such_program),
		cmocka_unit_test(test_who_does_not_read), cmocka_unit_test(test_who_says_nothing),
		cmocka_unit_test(test_who_talks),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
