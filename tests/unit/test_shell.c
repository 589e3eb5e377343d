// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A directory behind ssh, whose client is a script here that runs what it is told on this machine, or
 * does not: a second try, leftovers of a power cut, and ends that are wanted meanwhile.
 */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
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
#include "collector/log.h"
#include "collector/shell.h"
#include "collector/sink.h"
#include "collector/target.h"
#include "collector/watch.h"
#include "vmcore/config.h"

enum {
	ROOM = 256,
	FILE_MAX = 4096,
	SOON_MS = 200,
	FOREVER_S = 600,
};

#define HOST  "192.0.2.7"
#define CRASH HOST "-2026-11-21-03:44:59"

struct place {
	char dir[64];
	char *old_path;
	struct config config;
	struct log log;
	struct watch *watch;
	struct target t;
};

static void put(const struct place *p, const char *name, const char *text, mode_t mode)
{
	char path[ROOM];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, strlen(text), NULL), 0);
	close(fd);
}

static bool is_there(const struct place *p, const char *name)
{
	char path[ROOM];

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return !access(path, F_OK);
}

/* What the client does: the last word is the command. */
#define OBEYS                                                                 \
	"#!/bin/sh\nSSH_CONNECTION='" HOST " 1 2 3'; export SSH_CONNECTION\n" \
	"for last; do :; done\ncase $last in exec*) eval \"$last\";; esac\n"
#define READS_NOTHING "#!/bin/sh\nexec sleep 600\n"
#define BREAKS	      "#!/bin/sh\nexit 255\n"

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	char path[4096];

	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/test_shell.XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->old_path = strdup(getenv("PATH"));
	snprintf(path, sizeof(path), "%s:%s", p->dir, p->old_path);
	setenv("PATH", path, 1);
	p->watch = watch_share(sizeof(*p->watch));
	config_default(&p->config);
	p->config.network_timeout = FOREVER_S;
	p->config.stall_time = FOREVER_S;
	log_init(&p->log, -1, LOG_COMMON | LOG_ERROR);
	p->config.targets[0].kind = CONFIG_TARGET_SSH;
	strcpy(p->config.targets[0].where, "nobody@vault");
	snprintf(p->config.targets[0].path, CONFIG_VALUE_MAX, "%s/crash", p->dir);
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

	setenv("PATH", p->old_path, 1);
	free(p->old_path);
	watch_unshare(p->watch, sizeof(*p->watch));
	nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(p);
	return 0;
}

static void open_target(struct place *p)
{
	struct err err = {0};

	put(p, "ssh", OBEYS, 0700);
	assert_int_equal(target_init(&p->t, &p->config, &p->config.targets[0], &p->log, &err), 0);
	p->t.watch = p->watch;
	if (target_open(&p->t, &err))
		fail_msg("%s", err.msg);
}

static void check_text(const struct place *p, const char *name, const char *want)
{
	CLEANUP_FREE char *text = NULL;
	char path[ROOM];

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	assert_int_equal(io_read_file(path, FILE_MAX, &text, NULL, NULL), 0);
	assert_string_equal(text, want);
}

/* A later process goes on where an earlier one has begun. */
static void test_use_dir(void **state)
{
	struct place *p = *state;
	struct err err = {0};

	open_target(p);
	assert_string_equal(p->t.host, HOST);
	assert_int_equal(p->t.ops->make_dir(&p->t, CRASH, &err), 0);
	assert_int_equal(target_put(&p->t, "panic.txt", "first", 5, &err), 0);
	assert_int_equal(target_close(&p->t, &err), 0);

	open_target(p);
	assert_int_equal(p->t.ops->use_dir(&p->t, CRASH, &err), 0);
	assert_non_null(strstr(p->t.dir, "/crash/" CRASH));
	assert_int_equal(target_put(&p->t, "manifest.json", "second", 6, &err), 0);
	assert_int_equal(p->t.ops->use_dir(&p->t, "gone", &err), ERR_SYS);
	assert_int_equal(target_close(&p->t, &err), 0);
	check_text(p, "crash/" CRASH "/panic.txt", "first");
	check_text(p, "crash/" CRASH "/manifest.json", "second");
	assert_false(is_there(p, "crash/" CRASH ".1"));
}

/* What nobody writes any more is taken away, and nothing else. */
static void test_leftovers(void **state)
{
	struct place *p = *state;
	char alive[ROOM / 2];

	open_target(p);
	assert_int_equal(p->t.ops->make_dir(&p->t, CRASH, NULL), 0);
	assert_int_equal(p->t.ops->make_dir(&p->t, "192.0.2.8-2026-11-21-03:44:59", NULL), 0);
	assert_int_equal(target_close(&p->t, NULL), 0);
	// No process has a number above 4194304.
	put(p, "crash/" CRASH "/panic.txt.part.2147483647", "half", 0600);
	put(p, "crash/" CRASH "/vmcore-incomplete.room", "zeros", 0600);
	put(p, "crash/" CRASH "/vmcore-incomplete", "dump", 0600);
	put(p, "crash/" CRASH "/notes.part.two", "mine", 0600);
	put(p, "crash/192.0.2.8-2026-11-21-03:44:59/panic.txt.part.2147483647", "half", 0600);
	snprintf(alive, sizeof(alive), "crash/" CRASH "/panic.txt.part.%d", getpid());
	put(p, alive, "half", 0600);
	open_target(p);
	assert_int_equal(target_close(&p->t, NULL), 0);
	assert_false(is_there(p, "crash/" CRASH "/panic.txt.part.2147483647"));
	assert_false(is_there(p, "crash/" CRASH "/vmcore-incomplete.room"));
	assert_true(is_there(p, alive));
	assert_true(is_there(p, "crash/" CRASH "/vmcore-incomplete"));
	assert_true(is_there(p, "crash/" CRASH "/notes.part.two"));
	assert_true(is_there(p, "crash/192.0.2.8-2026-11-21-03:44:59/panic.txt.part.2147483647"));
}

/* ---- an end that is wanted ---- */

static void *want_an_end(void *arg)
{
	struct watch *w = arg;

	usleep(SOON_MS * 1000);
	watch_ask(w, w->turn, WATCH_STOP_ALL, WHY_STALL);
	return NULL;
}

static void init_shell(struct place *p, struct shell *sh, const uint64_t *end)
{
	struct ssh_conf conf = {0};

	assert_int_equal(ssh_fill(&conf, "nobody@vault", "", "", NULL), 0);
	shell_init(sh, &conf, end, &p->log);
	sh->watch = p->watch;
	sh->stall_s = sh->retry_s = FOREVER_S;
}

/* It takes no byte, and would be waited for for ten minutes. */
static void test_stop_write(void **state)
{
	struct place *p = *state;
	struct shell_step step = {.what = "dump", .script = "cat"};
	CLEANUP_FREE char *bytes = calloc(1, 4 << 20);
	const uint64_t end = 0;
	struct err err = {0};
	struct shell sh;
	struct child c;
	pthread_t id;
	int rc;

	assert_non_null(bytes);
	put(p, "ssh", READS_NOTHING, 0700);
	init_shell(p, &sh, &end);
	watch_stage(p->watch, STAGE_PAGES);
	assert_int_equal(shell_start(&sh, &c, &step, &err), 0);
	assert_int_equal(pthread_create(&id, NULL, want_an_end, p->watch), 0);
	rc = shell_write(&sh, &c, bytes, 4 << 20, &err);
	assert_int_equal(rc, ERR_STOPPED);
	assert_int_equal(shell_failed(&sh, &c, rc, &err), ERR_STOPPED);
	assert_non_null(strstr(err.msg, "stall_rate"));
	assert_int_equal(pthread_join(id, NULL), 0);
	// An answer is not waited for, either.
	assert_int_equal(shell_start(&sh, &c, &step, &err), 0);
	assert_int_equal(shell_finish(&sh, &c, &step, (char[SHELL_REPLY_MAX]){0}, &err),
			 ERR_STOPPED);
	// The end that was wanted is made all the same: it is given up for its own time only.
	watch_stage(p->watch, STAGE_COMMIT);
	sh.stall_s = 1;
	assert_int_equal(shell_start(&sh, &c, &step, &err), 0);
	rc = shell_write(&sh, &c, bytes, 4 << 20, &err);
	assert_int_equal(rc, ERR_LIMIT);
	shell_failed(&sh, &c, rc, &err);
	shell_deinit(&sh);
}

/* To who wants an end it is no sign of life that a client still tries to connect. */
static void test_beats(void **state)
{
	struct place *p = *state;
	struct shell_step step = {.what = "sync", .script = "sleep 3; ok done", .seconds = 2};
	char reply[SHELL_REPLY_MAX];
	const uint64_t end = 0;
	struct err err = {0};
	struct shell sh;
	uint64_t beats;

	put(p, "ssh", READS_NOTHING, 0700);
	init_shell(p, &sh, &end);
	watch_stage(p->watch, STAGE_COMMIT);
	assert_int_not_equal(shell_run(&sh, &step, reply, &err), 0);
	beats = p->watch->beats;
	assert_true(beats > 0);
	watch_ask(p->watch, p->watch->turn, WATCH_STOP_ALL, WHY_STALL);
	assert_int_not_equal(shell_run(&sh, &step, reply, &err), 0);
	assert_int_equal(p->watch->beats, beats);
	// One that is there, and at work.
	put(p, "ssh", OBEYS, 0700);
	step.seconds = FOREVER_S;
	assert_int_equal(shell_run(&sh, &step, reply, &err), 0);
	assert_true(p->watch->beats > beats);
	shell_deinit(&sh);
}

static void test_stop_pause(void **state)
{
	struct place *p = *state;
	struct err why = {0};
	const uint64_t end = 0;
	struct shell sh;
	pthread_t id;

	put(p, "ssh", BREAKS, 0700);
	init_shell(p, &sh, &end);
	watch_stage(p->watch, STAGE_PAGES);
	assert_int_equal(pthread_create(&id, NULL, want_an_end, p->watch), 0);
	// 16 seconds.
	assert_false(shell_again(&sh, 6, FOREVER_S, ERR_BROKEN, &why));
	assert_int_equal(pthread_join(id, NULL), 0);
	assert_int_equal(sh.lost, 0);
	shell_deinit(&sh);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_use_dir),    TEST(test_leftovers), TEST(test_stop_write),
		TEST(test_stop_pause), TEST(test_beats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
