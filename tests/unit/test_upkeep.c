// SPDX-License-Identifier: GPL-2.0-or-later
/* Crashes one after the other on one target: what is kept of them, by the configuration's words. */
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

#include "base/err.h"
#include "collector/log.h"
#include "collector/target.h"
#include "collector/upkeep.h"
#include "vmcore/config.h"
#include "vmcore/crashdir.h"

enum {
	NOON = 1795262400,
};

static char base[] = "/tmp/test_upkeep.XXXXXX";
static struct config config;
static struct log log_;
static struct target target;

static int prepare(void **state)
{
	static const char text[] = "crash_loop 3 3600\nkeep_dumps 2\n";
	char path[128];

	(void)state;
	strcpy(base, "/tmp/test_upkeep.XXXXXX");
	if (!mkdtemp(base) || config_parse(&config, "c", text, strlen(text), true, NULL))
		return -1;
	snprintf(path, sizeof(path), "%s/new/crash", base);
	strcpy(config.targets[0].path, path);
	log_init(&log_, open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_COMMON);
	return target_init(&target, &config, &config.targets[0], &log_, NULL) ||
	       target_open(&target, NULL);
}

static int clean_up(void **state)
{
	char command[64];

	(void)state;
	target_close(&target, NULL);
	close(log_.fd);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

/* A crash: the verdict, and what it leaves. */
static enum governor_verdict crash(uint64_t time, const char *signature)
{
	struct governor_result r;
	struct err err = {0};
	char name[CRASHDIR_NAME_MAX];

	if (upkeep_judge(&target, time, signature, &r, &err))
		fail_msg("%s", err.msg);
	if (r.verdict == GOVERNOR_NONE)
		return r.verdict;
	if (upkeep_make_room(&target, true, 0, &err))
		fail_msg("%s", err.msg);
	crashdir_name(name, sizeof(name), CRASHDIR_LOCAL_HOST, time, 0, NULL);
	assert_int_equal(target.ops->make_dir(&target, name, &err), 0);
	assert_int_equal(target_put(&target, CRASHDIR_DMESG, "x", 1, &err), 0);
	if (r.verdict == GOVERNOR_FULL)
		assert_int_equal(target_put(&target, CRASHDIR_DUMP, "x", 1, &err), 0);
	assert_int_equal(upkeep_make_room(&target, false, 0, &err), 0);
	return r.verdict;
}

static bool there(uint64_t time)
{
	char name[CRASHDIR_NAME_MAX], path[TARGET_PATH_MAX + CRASHDIR_NAME_MAX];

	crashdir_name(name, sizeof(name), CRASHDIR_LOCAL_HOST, time, 0, NULL);
	snprintf(path, sizeof(path), "%s/%s", target.base, name);
	return access(path, F_OK) == 0;
}

static void test_loop(void **state)
{
	(void)state;
	assert_int_equal(crash(NOON, "00000000000000aa"), GOVERNOR_FULL);
	assert_int_equal(crash(NOON + 60, "00000000000000aa"), GOVERNOR_FULL);
	assert_int_equal(crash(NOON + 120, "00000000000000aa"), GOVERNOR_SMALL);
	// Two are kept: this one, and the newest that is a dump.
	assert_false(there(NOON));
	assert_true(there(NOON + 60));
	assert_true(there(NOON + 120));
	assert_int_equal(crash(NOON + 180, "00000000000000aa"), GOVERNOR_SMALL);
	assert_true(there(NOON + 60));
	assert_false(there(NOON + 120));
	assert_int_equal(crash(NOON + 240, "00000000000000aa"), GOVERNOR_SMALL);
	assert_int_equal(crash(NOON + 300, "00000000000000aa"), GOVERNOR_NONE);
	assert_false(there(NOON + 300));
	// Another kind of crash.
	assert_int_equal(crash(NOON + 360, ""), GOVERNOR_FULL);
	assert_true(there(NOON + 360));
	log_.kept[log_.used] = '\0';
	assert_non_null(strstr(log_.kept, "crash loop: 3 crashes of this kind"));
	assert_non_null(strstr(log_.kept, "1 older dump removed from "));
}

static void test_nothing_to_keep(void **state)
{
	struct governor_result r;

	(void)state;
	config.crash_loop_count = 0;
	config.keep_dumps = 0;
	assert_int_equal(upkeep_judge(&target, NOON, "", &r, NULL), 0);
	assert_int_equal(upkeep_make_room(&target, true, 0, NULL), 0);
	// Where nobody wants anything, nothing is touched.
	assert_int_equal(access(target.base, F_OK), -1);
	config.crash_loop_count = 1;
	target.ops = &target_raw;
	assert_int_equal(upkeep_judge(&target, NOON, "", &r, NULL), 0);
	assert_int_equal(r.verdict, GOVERNOR_FULL);
	target.ops = &target_dir;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loop, prepare, clean_up),
		cmocka_unit_test_setup_teardown(test_nothing_to_keep, prepare, clean_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
