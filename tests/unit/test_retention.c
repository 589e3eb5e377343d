// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of crash directories, which of them go, and what is never touched. */
#include <errno.h>
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
#include "collector/retention.h"

#define NOON 1795262400 /* 2026-11-21 12:00:00 */

static void test_names(void **state)
{
	static const char *const good[] = {
		"127.0.0.1-2026-11-21-03:44:59",
		"127.0.0.1-2026-11-21-03:44:59.1",
		"fe80::1%eth0-2024-02-29-00:00:00",
		"db-7.example.org-1970-01-01-00:00:00.99",
		"a-9999-12-31-23:59:59",
	};
	static const char *const bad[] = {
		"",
		"2026-11-21-03:44:59",
		"-2026-11-21-03:44:59",
		".-2026-11-21-03:44:59",
		"..-2026-11-21-03:44:59",
		"a/b-2026-11-21-03:44:59",
		"127.0.0.1-2026-11-21-03:44:60",
		"127.0.0.1-2026-02-29-03:44:59",
		"127.0.0.1-2026-13-21-03:44:59",
		"127.0.0.1-2026-00-21-03:44:59",
		"127.0.0.1-1969-12-31-23:59:59",
		"127.0.0.1-2026-11-21-03:44:59.",
		"127.0.0.1-2026-11-21-03:44:59.0",
		"127.0.0.1-2026-11-21-03:44:59.01",
		"127.0.0.1-2026-11-21-03:44:59.100",
		"127.0.0.1-2026-11-21-03:44:59x",
		"127.0.0.1-2026-11-21-3:44:59",
		"127.0.0.1_2026-11-21-03:44:59",
		"127.0.0.1-2026-11-21-03:44-59",
		"127.0.0.1-2026-11-21-03-44:59",
		"127.0.0.1-2026-11-21 03:44:59",
		".1",
		"lost+found",
	};
	char name[CRASHDIR_NAME_MAX], longest[200];
	struct crashdir d;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char host[CRASHDIR_NAME_MAX] = "";

		assert_true(crashdir_parse(good[i], &d));
		memcpy(host, good[i], d.host_len);
		assert_int_equal(crashdir_name(name, sizeof(name), host, d.time, d.nth, NULL), 0);
		assert_string_equal(name, good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(crashdir_parse(bad[i], &d));
	assert_int_equal(crashdir_name(name, sizeof(name), "127.0.0.1", NOON, 3, NULL), 0);
	crashdir_plain(name);
	assert_string_equal(name, "127.0.0.1-2026-11-21-12-00-00.3");
	assert_true(crashdir_parse(name, &d));
	assert_int_equal(d.time, NOON);
	assert_int_equal(d.nth, 3);
	assert_int_equal(d.host_len, strlen("127.0.0.1"));
	assert_int_equal(crashdir_name(name, sizeof(name), "127.0.0.1", NOON, 0, NULL), 0);
	assert_string_equal(name, "127.0.0.1-2026-11-21-12:00:00");
	assert_int_equal(crashdir_name(name, sizeof(name), "../x", NOON, 0, NULL), ERR_USAGE);
	assert_int_equal(crashdir_name(name, sizeof(name), "", NOON, 0, NULL), ERR_USAGE);
	assert_int_equal(crashdir_name(name, sizeof(name), "a", NOON, 100, NULL), ERR_LIMIT);
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(crashdir_name(name, sizeof(name), longest, NOON, 0, NULL), ERR_LIMIT);
	assert_false(crashdir_parse(longest, &d));
	assert_true(crashdir_is_file("vmcore-incomplete"));
	assert_true(crashdir_is_file("vmcore-mini-incomplete"));
	assert_true(crashdir_is_file("panic.txt"));
	assert_false(crashdir_is_file("vmcore2"));
	assert_false(crashdir_is_file("-incomplete"));
	assert_false(crashdir_is_file("notes-incomplete"));
}

/* A list, newest first: 'c' a complete dump and '-' another, of 10 bytes, a day apart. */
struct list {
	size_t n;
	struct retention_dump dumps[16];
};

static struct list list_of(const char *kinds)
{
	struct list l = {.n = strlen(kinds)};

	for (size_t i = 0; i < l.n; i++) {
		l.dumps[i].time = NOON - 86400 * (i + 1);
		l.dumps[i].bytes = 10;
		l.dumps[i].complete = kinds[i] == 'c';
		crashdir_name(l.dumps[i].name, sizeof(l.dumps[i].name), "a", l.dumps[i].time, 0,
			      NULL);
	}
	return l;
}

/* What is left of @kinds, newest first, as a string of verdicts: 'k' kept, '.' gone. */
static void expect(const char *kinds, struct retention_limits limits, struct retention_ask ask,
		   const char *verdicts)
{
	struct list l = list_of(kinds);
	struct retention_dump swap = l.dumps[0];
	char found[17] = "";
	size_t gone = 0;

	// The order in which a directory is read is no order.
	l.dumps[0] = l.dumps[l.n - 1];
	l.dumps[l.n - 1] = swap;
	ask.now = NOON;
	gone = retention_decide(l.dumps, l.n, &limits, &ask);
	for (size_t i = 0; i < l.n; i++) {
		found[i] = l.dumps[i].remove ? '.' : 'k';
		gone -= l.dumps[i].remove;
	}
	assert_string_equal(found, verdicts);
	assert_int_equal(gone, 0);
}

#define LIMITS(...) ((struct retention_limits){__VA_ARGS__})
#define ASK(...)    ((struct retention_ask){__VA_ARGS__})

static void test_decide(void **state)
{
	(void)state;
	expect("cc-c", LIMITS(0), ASK(.incoming = true, .need = 1 << 20), "kkkk");
	// With the new one there are three.
	expect("cccc", LIMITS(.keep_dumps = 3), ASK(.incoming = true), "kk..");
	expect("cccc", LIMITS(.keep_dumps = 3), ASK(.incoming = false), "kkk.");
	// Until the new one is complete, the newest complete one is all there is.
	expect("cccc", LIMITS(.keep_dumps = 1), ASK(.incoming = true), "k...");
	expect("--c-", LIMITS(.keep_dumps = 1), ASK(.incoming = true), "..k.");
	expect("--c-", LIMITS(.keep_dumps = 2), ASK(.incoming = true), "..k.");
	expect("---", LIMITS(.keep_dumps = 1), ASK(.incoming = true), "...");
	expect("cccc", LIMITS(.keep_bytes = 40), ASK(.incoming = false), "kkkk");
	expect("cccc", LIMITS(.keep_bytes = 39), ASK(.incoming = false), "kkk.");
	expect("cccc", LIMITS(.keep_bytes = 40), ASK(.incoming = true, .need = 15), "kk..");
	expect("cccc", LIMITS(.keep_bytes = 40), ASK(.incoming = true, .need = 30), "k...");
	// What is asked for cannot be had: nothing goes for it, and nothing wraps.
	expect("cccc", LIMITS(.keep_bytes = 40), ASK(.incoming = true, .need = 31), "kkkk");
	expect("cccc", LIMITS(.keep_bytes = 40), ASK(.incoming = true, .need = UINT64_MAX), "kkkk");
	expect("cccc", LIMITS(.keep_bytes = 30), ASK(.incoming = true, .need = UINT64_MAX), "kkk.");
	expect("cccc", LIMITS(.keep_bytes = 40, .keep_dumps = 3),
	       ASK(.incoming = true, .need = UINT64_MAX), "kk..");
	expect("cccc", LIMITS(.min_free = 50), ASK(.incoming = true, .need = 31, .free = 50),
	       "kkkk");
	expect("cccc", LIMITS(.min_free = 50), ASK(.incoming = true, .need = 30, .free = 50),
	       "k...");
	// What is no longer in the list takes its part.
	expect("cccc", LIMITS(.keep_bytes = 55), ASK(.incoming = true, .need = 5, .held = 15),
	       "kkk.");
	expect("cccc", LIMITS(.keep_bytes = 55), ASK(.incoming = true, .need = 31, .held = 15),
	       "kkkk");
	expect("cccc", LIMITS(.keep_bytes = 50),
	       ASK(.incoming = true, .need = UINT64_MAX, .held = UINT64_MAX), "k...");
	expect("-ccc", LIMITS(.keep_days = 3), ASK(.incoming = true), "kk..");
	expect("---c", LIMITS(.keep_days = 2), ASK(.incoming = true), "k..k");
	expect("cccc", LIMITS(.min_free = 100), ASK(.free = 100), "kkkk");
	expect("cccc", LIMITS(.min_free = 100), ASK(.free = 99), "kkk.");
	expect("cccc", LIMITS(.min_free = 100), ASK(.incoming = true, .need = 5, .free = 90),
	       "kk..");
	expect("cccc", LIMITS(.min_free = UINT64_MAX), ASK(.free = 5), "k...");
}

static void test_clock(void **state)
{
	struct list l = list_of("cccc");
	struct retention_limits limits = {.keep_days = 1};
	struct retention_ask ask = {.now = 0};

	(void)state;
	// A clock that was never set makes nothing old.
	assert_int_equal(retention_decide(l.dumps, l.n, &limits, &ask), 0);
	assert_int_equal(retention_decide(l.dumps, 0, &limits, &ask), 0);
}

static char base[] = "/tmp/test_retention.XXXXXX";

static void make_file(const char *name, size_t size)
{
	CLEANUP_FREE char *data = calloc(1, size + 1);
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	for (char *p = path + strlen(base) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
		*p = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, data, size, NULL), 0);
	close(fd);
}

static bool there(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	return lstat(path, &st) == 0;
}

static void make_link(const char *to, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	assert_int_equal(symlink(to, path), 0);
}

static int prepare(void **state)
{
	(void)state;
	strcpy(base, "/tmp/test_retention.XXXXXX");
	return mkdtemp(base) ? 0 : -1;
}

static int clean_up(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

static void test_run(void **state)
{
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_FREE struct retention *r = malloc(sizeof(*r));
	struct retention_limits limits = {.keep_dumps = 3};
	struct retention_ask ask = {.now = NOON, .incoming = true};
	struct err err = {0};

	(void)state;
	assert_non_null(r);
	make_file("127.0.0.1-2026-11-20-00:00:00/vmcore", 8192);
	make_file("127.0.0.1-2026-11-20-00:00:00/manifest.json", 10);
	make_file("127.0.0.1-2026-11-20-00:00:00.1/vmcore-incomplete", 10);
	make_file("127.0.0.1-2026-11-19-00:00:00/vmcore", 10);
	make_file("10.0.0.7-2026-11-18-00:00:00/vmcore-dmesg.txt", 10);
	// Not ours: a note of somebody's, a directory in it, another name, a link, a plain file.
	make_file("127.0.0.1-2026-11-17-00:00:00/vmcore", 10);
	make_file("127.0.0.1-2026-11-17-00:00:00/READ-ME", 10);
	make_file("127.0.0.1-2026-11-16-00:00:00/vmcore/inside", 10);
	make_file("photographs/vmcore", 10);
	make_file("elsewhere/vmcore", 10);
	make_file("127.0.0.1-2026-11-14-00:00:00", 10);
	make_link("elsewhere", "127.0.0.1-2026-11-15-00:00:00");
	make_file("127.0.0.1-2026-11-13-00:00:00/panic.txt", 10);
	make_link("../elsewhere/vmcore", "127.0.0.1-2026-11-13-00:00:00/vmcore");
	// The one that is being written.
	make_file("127.0.0.1-2026-11-21-00:00:00/panic.txt", 10);
	fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);

	assert_int_equal(retention_scan(r, fd, "127.0.0.1-2026-11-21-00:00:00", &err), 0);
	assert_int_equal(r->n, 4);
	assert_int_equal(retention_run(r, fd, "127.0.0.1-2026-11-21-00:00:00", &limits, &ask, &err),
			 2);
	assert_true(ask.free > 0);
	assert_true(there("127.0.0.1-2026-11-21-00:00:00/panic.txt"));
	assert_true(there("127.0.0.1-2026-11-20-00:00:00/vmcore"));
	assert_true(there("127.0.0.1-2026-11-20-00:00:00.1"));
	assert_false(there("127.0.0.1-2026-11-19-00:00:00"));
	assert_false(there("10.0.0.7-2026-11-18-00:00:00"));
	assert_true(there("127.0.0.1-2026-11-17-00:00:00/vmcore"));
	assert_true(there("127.0.0.1-2026-11-16-00:00:00/vmcore/inside"));
	assert_true(there("photographs/vmcore"));
	assert_true(there("elsewhere/vmcore"));
	assert_true(there("127.0.0.1-2026-11-15-00:00:00"));
	assert_true(there("127.0.0.1-2026-11-14-00:00:00"));
	assert_true(there("127.0.0.1-2026-11-13-00:00:00/panic.txt"));

	assert_int_equal(retention_remove(fd, "photographs", &err), ERR_USAGE);
	assert_int_equal(retention_remove(fd, "127.0.0.1-2026-11-15-00:00:00", &err), ERR_USAGE);
	assert_int_equal(retention_remove(fd, "127.0.0.1-2026-11-17-00:00:00", &err), ERR_USAGE);
	assert_true(there("127.0.0.1-2026-11-17-00:00:00/vmcore"));
	assert_true(there("127.0.0.1-2026-11-17-00:00:00/READ-ME"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_clock),
		cmocka_unit_test_setup_teardown(test_run, prepare, clean_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
