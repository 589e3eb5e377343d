// SPDX-License-Identifier: GPL-2.0-or-later
/* Captures to a directory, and the file sink by itself: names, modes, and what is left behind. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "collector/action.h"
#include "collector/captain.h"
#include "collector/log.h"
#include "collector/sink.h"
#include "collector/target.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkernel.h"
#include "vmcore/config.h"

enum {
	PATH_MAX_ = 512,
};

#define KERNEL "ram 16M 8M\ntext 0x1400 64\n"

struct place {
	char dir[PATH_MAX_];
	mode_t mask;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/test_capture.XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->mask = umask(0); // modes are to be right without its help
	*state = p;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct place *p = *state;

	umask(p->mask);
	nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(p);
	return 0;
}

static int capture(const struct place *p, const char *kernel, const char *path)
{
	struct config *config = calloc(1, sizeof(*config));
	struct log *log = calloc(1, sizeof(*log));
	char core[MKCORE_PATH_MAX];
	struct err err = {0};
	int fd = mkkernel_memfd(kernel, &err), rc;

	assert_true(config && log);
	if (fd < 0)
		fail_msg("%s", err.msg);
	mkcore_path(fd, core);
	config_default(config);
	snprintf(config->targets[0].path, sizeof(config->targets[0].path), "%s%s", p->dir, path);
	log_init(log, -1, LOG_COMMON | LOG_ERROR);
	rc = captain_run(config, core, false, log);
	close(fd);
	free(log);
	free(config);
	return rc;
}

static mode_t mode_of(const struct place *p, const char *path)
{
	char whole[2 * PATH_MAX_];
	struct stat st;

	snprintf(whole, sizeof(whole), "%s%s", p->dir, path);
	return stat(whole, &st) ? 0 : st.st_mode;
}

#define CRASH_NAME "/127.0.0.1-2023-11-14-22:13:20"
#define CRASH	   "/var/crash" CRASH_NAME

static void test_capture(void **state)
{
	const struct place *p = *state;

	assert_int_equal(capture(p, KERNEL, "/var/crash"), EXIT_COMPLETE);
	assert_int_equal(mode_of(p, "/var"), S_IFDIR | 0700);
	assert_int_equal(mode_of(p, "/var/crash"), S_IFDIR | 0700);
	assert_int_equal(mode_of(p, CRASH), S_IFDIR | 0700);
	assert_int_equal(mode_of(p, CRASH "/vmcore"), S_IFREG | 0600);
	assert_int_equal(mode_of(p, CRASH "/manifest.json"), S_IFREG | 0600);
	assert_int_equal(mode_of(p, CRASH "/collect.log"), S_IFREG | 0600);
	assert_int_equal(mode_of(p, CRASH "/vmcore-incomplete"), 0);
	// The same crash again has a directory of its own.
	assert_int_equal(capture(p, KERNEL, "/var/crash"), EXIT_COMPLETE);
	assert_int_equal(mode_of(p, CRASH ".1"), S_IFDIR | 0700);
	assert_int_equal(mode_of(p, CRASH ".1/vmcore"), S_IFREG | 0600);
}

/* Whether the file has these words. */
static bool file_says(const struct place *p, const char *path, const char *words)
{
	static char text[1 << 16];
	char whole[2 * PATH_MAX_];
	ssize_t len;
	int fd;

	snprintf(whole, sizeof(whole), "%s%s", p->dir, path);
	fd = open(whole, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len < 0)
		return false;
	close(fd);
	text[len] = '\0';
	return strstr(text, words);
}

/* A class that was switched off: the manifest and the log say which and why. */
static void test_unsure(void **state)
{
	static const struct {
		const char *damage, *level, *why;
	} rows[] = {
		{"key LENGTH(zone.free_area)=0\n", "\"effective_level\": 15",
		 "dump level bits 16 are not honoured"},
		{"key SIZE(page)=0\n", "\"effective_level\": 1",
		 "nothing but zero pages is excluded"},
		{"anon 0x1000 100\n", "\"effective_level\": 23",
		 "pages of the kernel itself pass for class user"},
		{"ram 0x8000000 64M\n", "\"effective_level\": 31", "not one free page was found"},
	};
	const struct place *p = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char kernel[512], base[32], path[PATH_MAX_];

		snprintf(kernel, sizeof(kernel), "%s%s", KERNEL, rows[i].damage);
		snprintf(base, sizeof(base), "/unsure%zu", i);
		assert_int_equal(capture(p, kernel, base), EXIT_COMPLETE);
		snprintf(path, sizeof(path), "%s%s/manifest.json", base, CRASH_NAME);
		assert_true(file_says(p, path, rows[i].level));
		assert_true(file_says(p, path, rows[i].why));
		snprintf(path, sizeof(path), "%s%s/collect.log", base, CRASH_NAME);
		assert_true(file_says(p, path, rows[i].why));
	}
}

/* Whether a directory under @base has the name of a second in [@from, @to]. */
static bool is_named(const struct place *p, const char *base, time_t from, time_t to)
{
	for (time_t t = from; t <= to; t++) {
		char format[PATH_MAX_], name[PATH_MAX_];
		struct tm tm;

		snprintf(format, sizeof(format), "%s/127.0.0.1-%%Y-%%m-%%d-%%H:%%M:%%S", base);
		strftime(name, sizeof(name), format, gmtime_r(&t, &tm));
		if (mode_of(p, name) == (S_IFDIR | 0700))
			return true;
	}
	return false;
}

/* A kernel that does not say when it crashed, or a time that no directory can be named by: now. */
static void test_crash_time(void **state)
{
	static const char *const said[] = {"0", "253402300800", "9223372036854775807"};
	const struct place *p = *state;

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		char kernel[512], base[32];
		time_t before = time(NULL);

		snprintf(kernel, sizeof(kernel), "%skey CRASHTIME=%s\n", KERNEL, said[i]);
		snprintf(base, sizeof(base), "/now%zu", i);
		assert_int_equal(capture(p, kernel, base), EXIT_COMPLETE);
		assert_true(is_named(p, base, before, time(NULL)));
	}
	assert_int_equal(capture(p, KERNEL "key CRASHTIME=253402300799\n", "/last"), EXIT_COMPLETE);
	assert_true(is_named(p, "/last", 253402300799, 253402300799));
}

/* When all names of a second are taken, nothing that is there is touched. */
static void test_all_names_taken(void **state)
{
	const struct place *p = *state;

	for (int i = 0; i < 100; i++) {
		char path[PATH_MAX_ + 100], suffix[8] = "";

		if (i)
			snprintf(suffix, sizeof(suffix), ".%d", i);
		snprintf(path, sizeof(path), "%s" CRASH "%s", p->dir, suffix);
		assert_int_equal(target_make_dir(path, NULL), 0);
	}
	assert_int_equal(capture(p, KERNEL, "/var/crash"), EXIT_FAILED);
	assert_int_equal(mode_of(p, CRASH ".99"), S_IFDIR | 0700);
	assert_int_equal(mode_of(p, CRASH ".99/vmcore"), 0);
	assert_int_equal(mode_of(p, CRASH ".99/manifest.json"), 0);
	assert_int_equal(mode_of(p, CRASH ".100"), 0);
}

static void test_no_target(void **state)
{
	const struct place *p = *state;
	char file[PATH_MAX_ + 16];
	int fd;

	snprintf(file, sizeof(file), "%s/file", p->dir);
	fd = open(file, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(capture(p, KERNEL, "/file/crash"), EXIT_FAILED);
}

struct names {
	char path[PATH_MAX_ + 16], temp[PATH_MAX_ + 32];
};

static void open_sink(const struct place *p, struct names *n, struct sink *s)
{
	struct err err = {0};

	snprintf(n->path, sizeof(n->path), "%s/dump", p->dir);
	snprintf(n->temp, sizeof(n->temp), "%s/dump-incomplete", p->dir);
	if (sink_file_open(s, n->path, n->temp, false, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(sink_reserve(s, 5000, 10000, NULL), 0);
	assert_int_equal(sink_write_at(s, "words", 5, 20000, NULL), 0);
}

static bool is_there(const char *path)
{
	return !access(path, F_OK);
}

static void test_sink_commit(void **state)
{
	uint8_t got[20005];
	struct sink s;
	struct names n;

	open_sink(*state, &n, &s);
	assert_true(is_there(n.temp) && !is_there(n.path));
	assert_int_equal(sink_read_at(&s, got, sizeof(got), 0, NULL), 0);
	for (size_t i = 0; i < 20000; i++)
		assert_int_equal(got[i], 0);
	assert_memory_equal(got + 20000, "words", 5);
	assert_int_equal(sink_read_at(&s, got, 2, 20004, NULL), ERR_NODATA);
	assert_int_equal(sink_commit(&s, NULL), 0);
	assert_true(!is_there(n.temp) && is_there(n.path));
	sink_close(&s);
	sink_close(&s);
	assert_true(is_there(n.path));
	// What is there already is not replaced without a word.
	assert_int_equal(sink_file_open(&s, n.path, n.temp, false, NULL), ERR_USAGE);
	assert_int_equal(sink_file_open(&s, n.path, n.temp, true, NULL), 0);
	sink_close(&s);
	assert_true(!is_there(n.temp) && is_there(n.path));
}

static void test_sink_keep(void **state)
{
	struct sink s;
	struct names n;

	open_sink(*state, &n, &s);
	assert_int_equal(sink_keep(&s, NULL), 0);
	sink_close(&s);
	assert_true(is_there(n.temp) && !is_there(n.path));
}

/* The medium does not say that it has it: told, and yet not thrown away. */
static void test_sink_keep_unsynced(void **state)
{
	struct err err = {0};
	struct sink s;
	struct names n;
	int ends[2];

	open_sink(*state, &n, &s);
	assert_int_equal(pipe(ends), 0);
	// fsync() of a pipe fails.
	assert_int_equal(dup2(ends[1], s.fd), s.fd);
	assert_int_equal(sink_keep(&s, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "fsync"));
	sink_close(&s);
	close(ends[0]);
	close(ends[1]);
	assert_true(is_there(n.temp) && !is_there(n.path));
}

static void test_sink_close(void **state)
{
	struct sink s;
	struct names n;

	open_sink(*state, &n, &s);
	assert_int_equal(sink_restart(&s, NULL), 0);
	assert_int_equal(sink_read_at(&s, n.temp, 1, 0, NULL), ERR_NODATA);
	sink_close(&s);
	assert_true(!is_there(n.temp) && !is_there(n.path));
}

/* Somebody else's file got the name meanwhile: theirs stays, ours is not complete. */
static void test_sink_taken(void **state)
{
	struct sink s;
	struct names n;
	int fd;

	open_sink(*state, &n, &s);
	fd = open(n.path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0 && write(fd, "theirs", 6) == 6);
	close(fd);
	assert_int_equal(sink_commit(&s, NULL), ERR_SYS);
	assert_int_equal(sink_keep(&s, NULL), 0);
	sink_close(&s);
	assert_true(is_there(n.temp));
}

/* A small file is replaced whole or not at all. */
static void test_small(void **state)
{
	const struct place *p = *state;
	struct target t = {.ops = &target_dir};
	struct rlimit old, small;
	struct err err = {0};
	int fd;

	snprintf(t.dir, sizeof(t.dir), "%s", p->dir);
	assert_int_equal(target_put(&t, "manifest.json", "first", 5, &err), 0);
	assert_int_equal(mode_of(p, "/manifest.json"), S_IFREG | 0600);
	assert_int_equal(mode_of(p, "/manifest.json-incomplete"), 0);
	// Killed while it writes.
	assert_int_equal(target_dir.small_create(&t, "manifest.json", &fd, &err), 0);
	assert_int_equal(write(fd, "second", 6), 6);
	assert_true(file_says(p, "/manifest.json", "first"));
	close(fd);
	// No room.
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = (struct rlimit){.rlim_cur = 3, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	fd = target_put(&t, "manifest.json", "third", 5, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(fd < 0);
	assert_true(file_says(p, "/manifest.json", "first"));
	assert_int_equal(target_put(&t, "manifest.json", "fourth", 6, &err), 0);
	assert_true(file_says(p, "/manifest.json", "fourth"));
	assert_int_equal(mode_of(p, "/manifest.json-incomplete"), 0);
}

static void test_make_dir(void **state)
{
	const struct place *p = *state;
	char path[TARGET_PATH_MAX + 10];

	snprintf(path, sizeof(path), "%s//a///b/", p->dir);
	assert_int_equal(target_make_dir(path, NULL), 0);
	assert_int_equal(mode_of(p, "/a/b"), S_IFDIR | 0700);
	assert_int_equal(target_make_dir(path, NULL), 0);
	assert_int_equal(target_make_dir("/", NULL), 0);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(target_make_dir(path, NULL), ERR_LIMIT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_capture),    TEST(test_unsure),
		TEST(test_crash_time), TEST(test_all_names_taken),
		TEST(test_no_target),  TEST(test_sink_commit),
		TEST(test_sink_keep),  TEST(test_sink_keep_unsynced),
		TEST(test_sink_close), TEST(test_sink_taken),
		TEST(test_small),      TEST(test_make_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
