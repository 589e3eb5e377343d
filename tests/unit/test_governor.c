// SPDX-License-Identifier: GPL-2.0-or-later
/* Crashes of one kind, one after the other: how much of each is kept, and what is remembered. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/governor.h"

enum {
	NOON = 1795262400,
};

static const struct governor_limits three_an_hour = {.count = 3, .seconds = 3600};

static char base[] = "/tmp/test_governor.XXXXXX";
static int at;

static int prepare(void **state)
{
	(void)state;
	strcpy(base, "/tmp/test_governor.XXXXXX");
	if (!mkdtemp(base))
		return -1;
	at = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return at < 0 ? -1 : 0;
}

static int clean_up(void **state)
{
	char command[64];

	(void)state;
	close(at);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

static enum governor_verdict crash(uint64_t time, uint64_t signature)
{
	struct governor_crash c = {.time = time, .signature = signature};
	struct governor_result r;
	struct err err = {0};

	assert_int_equal(governor_run(at, NULL, &three_an_hour, &c, &r, &err), 0);
	assert_int_equal(r.why[0] == '\0', r.verdict == GOVERNOR_FULL);
	return r.verdict;
}

static void test_loop(void **state)
{
	(void)state;
	assert_int_equal(crash(NOON, 7), GOVERNOR_FULL);
	assert_int_equal(crash(NOON + 60, 7), GOVERNOR_FULL);
	// The same crash again, for another target: it is still one.
	assert_int_equal(crash(NOON + 60, 7), GOVERNOR_FULL);
	assert_int_equal(crash(NOON + 120, 7), GOVERNOR_SMALL);
	// Another kind in between.
	assert_int_equal(crash(NOON + 130, UINT64_MAX), GOVERNOR_FULL);
	assert_int_equal(crash(NOON + 180, 7), GOVERNOR_SMALL);
	assert_int_equal(crash(NOON + 240, 7), GOVERNOR_SMALL);
	assert_int_equal(crash(NOON + 300, 7), GOVERNOR_NONE);
	assert_int_equal(crash(NOON + 360, 7), GOVERNOR_NONE);
	// The clock was set back by a minute.
	assert_int_equal(crash(NOON - 60, 7), GOVERNOR_NONE);
	// After an hour of peace the first ones have left the window.
	assert_int_equal(crash(NOON + 360 + 3601, 7), GOVERNOR_FULL);
	assert_int_equal(crash(0, 7), GOVERNOR_FULL);
	assert_int_equal(crash(UINT64_MAX, 7), GOVERNOR_FULL);
}

static void test_limits(void **state)
{
	struct governor_history h = {0};
	struct governor_crash c = {.signature = 1};
	struct governor_limits off = {.count = 0, .seconds = 3600};
	struct governor_limits many = {.count = UINT32_MAX, .seconds = UINT64_MAX};
	struct governor_result r;

	(void)state;
	for (c.time = 0; c.time < 2 * GOVERNOR_CRASHES_MAX; c.time++)
		governor_add(&h, &c);
	assert_int_equal(h.n, GOVERNOR_CRASHES_MAX);
	assert_int_equal(h.crashes[0].time, GOVERNOR_CRASHES_MAX);
	governor_judge(&h, &off, &c, &r);
	assert_int_equal(r.verdict, GOVERNOR_FULL);
	governor_judge(&h, &many, &c, &r);
	assert_int_equal(r.verdict, GOVERNOR_FULL);
	assert_int_equal(r.seen, GOVERNOR_CRASHES_MAX + 1);
	governor_judge(&h, &three_an_hour, &c, &r);
	assert_int_equal(r.verdict, GOVERNOR_NONE);
	assert_non_null(strstr(r.why, "crash_loop 3 3600"));
}

/* Machines that keep their dumps in one directory: what befalls one is nothing of the others'. */
static void test_shared(void **state)
{
	static const char *const hosts[] = {"10.0.0.1", "10.0.0.2", "fe80::1%eth0", NULL};
	struct governor_crash c = {.time = NOON, .signature = 7};
	struct governor_result r;
	struct err err = {0};

	(void)state;
	for (size_t n = 1; n <= three_an_hour.count; n++, c.time++) {
		for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
			assert_int_equal(governor_run(at, hosts[i], &three_an_hour, &c, &r, &err),
					 0);
			assert_int_equal(r.seen, n);
		}
	}
	assert_int_equal(faccessat(at, GOVERNOR_FILE "-10.0.0.2", F_OK, 0), 0);
	assert_int_equal(faccessat(at, GOVERNOR_FILE, F_OK, 0), 0);
}

static void put(const char *text)
{
	CLEANUP_CLOSE int fd = openat(at, GOVERNOR_FILE, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, strlen(text), NULL), 0);
}

/* A file that somebody else wrote costs a line in the log, and is whole again afterwards. */
static void test_hostile(void **state)
{
	struct governor_crash c = {.time = NOON, .signature = 0xab};
	struct governor_result r;
	struct governor_history h;
	struct err err = {0};
	char text[GOVERNOR_TEXT_MAX];
	CLEANUP_FREE char *found = NULL;
	char path[64];

	(void)state;
	put("lifeboat-history 1\n1795262399 00000000000000ab\n99999999999999999999 "
	    "00000000000000ab\n-1 00000000000000ab\n1795262398 00000000000000AB\n\n1795262397 "
	    "00000000000000ab");
	assert_int_equal(governor_run(at, NULL, &three_an_hour, &c, &r, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "line 3"));
	assert_int_equal(r.seen, 3);
	assert_int_equal(r.verdict, GOVERNOR_SMALL);
	snprintf(path, sizeof(path), "%s/" GOVERNOR_FILE, base);
	assert_int_equal(io_read_file(path, GOVERNOR_TEXT_MAX, &found, NULL, NULL), 0);
	assert_string_equal(found, "lifeboat-history 1\n1795262399 00000000000000ab\n"
				   "1795262397 00000000000000ab\n1795262400 00000000000000ab\n");

	memset(text, '1', sizeof(text));
	assert_int_equal(governor_parse(&h, text, sizeof(text), &err), ERR_LIMIT);
	assert_int_equal(h.n, 0);
	assert_int_equal(governor_parse(&h, "", 0, &err), 0);

	// Where it leads is not read, and not written.
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(governor_run(at, NULL, &three_an_hour, &c, &r, &err), ERR_SYS);
	assert_int_equal(r.verdict, GOVERNOR_FULL);
	snprintf(path, sizeof(path), "%s/elsewhere", base);
	assert_int_equal(access(path, F_OK), -1);
}

/* The whole of what can be remembered fits. */
static void test_text(void **state)
{
	struct governor_history h = {.n = GOVERNOR_CRASHES_MAX}, again;
	char text[GOVERNOR_TEXT_MAX];
	size_t n;

	(void)state;
	for (size_t i = 0; i < h.n; i++)
		h.crashes[i] = (struct governor_crash){UINT64_MAX - i, UINT64_MAX};
	n = governor_text(&h, text);
	assert_true(n < sizeof(text));
	assert_int_equal(governor_parse(&again, text, n, NULL), 0);
	assert_int_equal(again.n, h.n);
	assert_memory_equal(again.crashes, h.crashes, sizeof(h.crashes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loop, prepare, clean_up),
		cmocka_unit_test_setup_teardown(test_shared, prepare, clean_up),
		cmocka_unit_test(test_limits),
		cmocka_unit_test_setup_teardown(test_hostile, prepare, clean_up),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
