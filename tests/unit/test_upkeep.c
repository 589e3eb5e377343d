// SPDX-License-Identifier: GPL-2.0-or-later
/* Whose dumps make room, in a directory that many machines use, and by which clock they are old. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "collector/log.h"
#include "collector/record.h"
#include "collector/target.h"
#include "collector/upkeep.h"
#include "collector/watch.h"
#include "vmcore/config.h"
#include "vmcore/crashdir.h"

enum {
	DAY = 24 * 60 * 60,
};

#define OWN   "10.0.0.7"
#define OTHER "10.0.0.8"

struct place {
	struct config config;
	struct log log;
	struct target target;
	struct record record;
};

/* A target of that kind which is open already. */
static void open_target(struct place *p, enum config_target_kind kind, const char *host)
{
	struct config_target *conf = &p->config.targets[0];
	struct err err = {0};

	conf->kind = kind;
	assert_int_equal(target_init(&p->target, &p->config, conf, &p->log, &err), 0);
	snprintf(p->target.base, sizeof(p->target.base), "%s", conf->path);
	snprintf(p->target.host, sizeof(p->target.host), "%s", host);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	config_default(&p->config);
	p->config.keep_dumps = p->config.keep_bytes = p->config.keep_days = p->config.min_free = 0;
	log_init(&p->log, -1, LOG_ERROR);
	strcpy(p->config.targets[0].path, "/tmp/test_upkeep.XXXXXX");
	*state = p;
	return mkdtemp(p->config.targets[0].path) ? 0 : -1;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[CONFIG_VALUE_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf %s", p->config.targets[0].path);
	free(p);
	return system(command);
}

static void path_of(struct place *p, const char *host, uint64_t crash, const char *file,
		    char path[static TARGET_PATH_MAX])
{
	char name[CRASHDIR_NAME_MAX];

	assert_int_equal(crashdir_name(name, sizeof(name), host, crash, 0, NULL), 0);
	snprintf(path, TARGET_PATH_MAX, "%s/%s%s%s", p->config.targets[0].path, name,
		 file[0] ? "/" : "", file);
}

/* A dump that @host made of its crash, last written to @age seconds ago. */
static void put(struct place *p, const char *host, uint64_t crash, const char *file, time_t age)
{
	const struct timespec when[2] = {{.tv_sec = time(NULL) - age},
					 {.tv_sec = time(NULL) - age}};
	char path[TARGET_PATH_MAX];
	int fd;

	path_of(p, host, crash, "", path);
	assert_int_equal(mkdir(path, 0700), 0);
	path_of(p, host, crash, file, path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, when), 0);
	close(fd);
}

static bool there(struct place *p, const char *host, uint64_t crash)
{
	char path[TARGET_PATH_MAX];

	path_of(p, host, crash, "", path);
	return access(path, F_OK) == 0;
}

static void test_others(void **state)
{
	struct place *p = *state;
	uint64_t now = time(NULL);

	for (int i = 1; i <= 3; i++) {
		put(p, OWN, now - i * DAY, CRASHDIR_DUMP, i * DAY);
		put(p, OTHER, now - i * DAY - 1, CRASHDIR_DUMP, i * DAY);
	}
	// By somebody who has the same address, or left a while ago by nobody who is still there.
	put(p, OWN, now - 5 * DAY, CRASHDIR_TEMP, 60);
	put(p, OWN, now - 6 * DAY, CRASHDIR_TEMP, DAY);
	p->config.keep_dumps = 2;
	open_target(p, CONFIG_TARGET_NFS, OWN);
	upkeep_make_room(&p->target, now);
	assert_true(there(p, OWN, now - DAY));
	assert_false(there(p, OWN, now - 2 * DAY));
	assert_false(there(p, OWN, now - 3 * DAY));
	assert_true(there(p, OWN, now - 5 * DAY));
	assert_false(there(p, OWN, now - 6 * DAY));
	for (int i = 1; i <= 3; i++)
		assert_true(there(p, OTHER, now - i * DAY - 1));

	// The host's directory: what others have there came by another way.
	strcpy(p->config.targets[0].fstype, "virtiofs");
	open_target(p, CONFIG_TARGET_FS, "");
	upkeep_make_room(&p->target, now);
	assert_true(there(p, OTHER, now - 3 * DAY - 1));

	// On a disk of its own all are its own, whatever they are called.
	open_target(p, CONFIG_TARGET_LOCAL, "");
	upkeep_make_room(&p->target, now);
	assert_true(there(p, OWN, now - DAY));
	assert_false(there(p, OTHER, now - DAY - 1));
	assert_false(there(p, OWN, now - 5 * DAY));
}

static void test_fleet(void **state)
{
	struct place *p = *state;
	struct governor_result r;
	uint64_t now = time(NULL);
	char host[TARGET_HOST_MAX];

	p->config.crash_loop_count = 3;
	p->config.crash_loop_seconds = 3600;
	for (int i = 0; i < 6; i++) {
		snprintf(host, sizeof(host), "10.0.0.%d", i);
		open_target(p, CONFIG_TARGET_NFS, host);
		upkeep_judge(&p->target, &p->record, now + i, GOVERNOR_FULL, &r);
		assert_int_equal(r.verdict, GOVERNOR_FULL);
		assert_int_equal(r.seen, 1);
	}
	for (int i = 1; i < 3; i++)
		upkeep_judge(&p->target, &p->record, now + 5 + i, GOVERNOR_FULL, &r);
	assert_int_equal(r.verdict, GOVERNOR_SMALL);
}

/* Many and large ones take long: each of them is told to who watches. */
static void test_watched(void **state)
{
	struct place *p = *state;
	struct watch *w = watch_share(sizeof(*w));
	uint64_t now = time(NULL);

	assert_non_null(w);
	for (int i = 1; i <= 5; i++)
		put(p, OWN, now - i * DAY, CRASHDIR_DUMP, i * DAY);
	p->config.keep_dumps = 1;
	open_target(p, CONFIG_TARGET_LOCAL, "");
	p->target.watch = w;
	upkeep_make_room(&p->target, now);
	assert_false(there(p, OWN, now - 2 * DAY));
	assert_int_equal(w->beats, 4);
	watch_unshare(w, sizeof(*w));
}

/* The time of the crash is a word in memory that the dead kernel wrote to. */
static void test_clock(void **state)
{
	struct place *p = *state;
	uint64_t now = time(NULL);

	for (int i = 1; i <= 3; i++)
		put(p, OWN, now - i * 10 * DAY, CRASHDIR_DUMP, i * 10 * DAY);
	p->config.keep_days = 15;
	open_target(p, CONFIG_TARGET_LOCAL, "");
	upkeep_make_room(&p->target, now + 3650 * (uint64_t)DAY);
	upkeep_make_room(&p->target, UINT64_MAX);
	upkeep_make_room(&p->target, 0);
	for (int i = 1; i <= 3; i++)
		assert_true(there(p, OWN, now - i * 10 * DAY));
	upkeep_make_room(&p->target, now - 60);
	assert_true(there(p, OWN, now - 10 * DAY));
	assert_false(there(p, OWN, now - 20 * DAY));
	assert_false(there(p, OWN, now - 30 * DAY));
}

/* What a dump's file system is mounted with. */
static void test_mount_options(void **state)
{
	(void)state;
	assert_string_equal(target_mount_options("vfat"), "umask=0077");
	assert_string_equal(target_mount_options("btrfs"), "subvolid=5");
	assert_string_equal(target_mount_options("ext4"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fleet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
		cmocka_unit_test(test_mount_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
