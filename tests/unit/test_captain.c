// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The supervisor on targets in a directory: workers that are stopped, killed, out of memory or
 * out of time, and what is said of that everywhere. No time is asserted: limits only have to be
 * met at some time.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/action.h"
#include "collector/captain.h"
#include "collector/log.h"
#include "collector/oom.h"
#include "collector/watch.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkernel.h"
#include "vmcore/config.h"

enum {
	PATH_MAX_ = 512,
	TEXT_MAX = 1 << 18,
	WAIT_MS = 10,
	BEGUN_MS = 6000,
	LATER_MS = 120000,
};

/* Small; and with so many pages that there is time to see the dump grow. */
#define KERNEL "ram 16M 8M\ntext 0x1400 64\n"
#define LARGE  "ram 16M 64M\nnoise 0x1800 5000\n"

struct place {
	char dir[PATH_MAX_];
	struct config config;
	struct log log;
	char text[TEXT_MAX];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	strcpy(p->dir, "/tmp/test_captain.XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	config_default(&p->config);
	log_init(&p->log, -1, LOG_COMMON | LOG_ERROR);
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

	nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(p);
	return 0;
}

/* Targets are directories below the place, @n of them: "0", "1" ... */
static void add_targets(struct place *p, size_t n)
{
	p->config.ntargets = n;
	for (size_t i = 0; i < n; i++) {
		p->config.targets[i] = p->config.targets[0];
		snprintf(p->config.targets[i].path, CONFIG_VALUE_MAX, "%s/%zu", p->dir, i);
	}
}

/* That one cannot be opened: its path is a file. */
static void spoil_target(struct place *p, size_t i)
{
	int fd = open(p->config.targets[i].path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void make_slow(struct place *p)
{
	snprintf(p->config.collect.codec, sizeof(p->config.collect.codec), "zstd");
	p->config.collect.codec_level = 19;
	p->config.collect.threads = 1;
	p->config.collect.ordered = true;
}

static int make_core(const char *kernel, char core[static MKCORE_PATH_MAX])
{
	struct err err = {0};
	int fd = mkkernel_memfd(kernel, &err);

	if (fd < 0)
		fail_msg("%s", err.msg);
	mkcore_path(fd, core);
	return fd;
}

static int run(struct place *p, const char *kernel)
{
	char core[MKCORE_PATH_MAX];
	int fd = make_core(kernel, core);
	int code = captain_run(&p->config, core, false, &p->log);

	close(fd);
	return code;
}

#define CRASH "127.0.0.1-2023-11-14-22:13:20"

/* A file of the crash on target @i, as text; "" when it is not there. */
static const char *text_of(struct place *p, size_t i, const char *name)
{
	CLEANUP_FREE char *text = NULL;
	char path[2 * PATH_MAX_];

	snprintf(path, sizeof(path), "%s/%zu/" CRASH "/%s", p->dir, i, name);
	p->text[0] = '\0';
	if (!io_read_file(path, TEXT_MAX - 1, &text, NULL, NULL))
		snprintf(p->text, sizeof(p->text), "%s", text);
	return p->text;
}

static bool is_there(const struct place *p, size_t i, const char *name)
{
	char path[2 * PATH_MAX_];

	snprintf(path, sizeof(path), "%s/%zu/" CRASH "/%s", p->dir, i, name);
	return !access(path, F_OK);
}

/* How often @what stands in the text. */
static unsigned int count(const char *text, const char *what)
{
	unsigned int n = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		n++;
	return n;
}

static void check_says(struct place *p, size_t i, const char *name, const char *what)
{
	if (!strstr(text_of(p, i, name), what))
		fail_msg("%s of target %zu does not say '%s':\n%s", name, i, what, p->text);
}

static void test_first(void **state)
{
	struct place *p = *state;

	add_targets(p, 2);
	assert_int_equal(run(p, KERNEL), EXIT_COMPLETE);
	check_says(p, 0, "manifest.json", "\"status\": \"complete\"");
	check_says(p, 0, "manifest.json", "\"dump\": \"committed\"");
	assert_int_equal(count(p->text, "\"outcome\""), 1);
	assert_false(is_there(p, 1, ""));
	// What the workers said has come back.
	assert_non_null(memmem(p->log.kept, p->log.used, "committed ", 10));
}

static void test_second(void **state)
{
	struct place *p = *state;

	add_targets(p, 2);
	spoil_target(p, 0);
	assert_int_equal(run(p, KERNEL), EXIT_COMPLETE);
	check_says(p, 1, "manifest.json", "\"status\": \"complete\"");
	check_says(p, 1, "manifest.json", "\"outcome\": \"unreachable\"");
	check_says(p, 1, "manifest.json", "Not a directory");
	check_says(p, 1, "collect.log", "Not a directory");
	// They are brought up by the first that comes so far, and by no other.
	check_says(p, 1, "collect.log", " at work");
	assert_int_equal(count(p->text, " at work"), 1);
}

/* Each target knows of the others, also of those that came after it. */
static void test_wanted(void **state)
{
	struct place *p = *state;

	add_targets(p, 3);
	spoil_target(p, 1);
	p->config.targets_wanted = 2;
	assert_int_equal(run(p, KERNEL), EXIT_COMPLETE);
	for (size_t i = 0; i < 3; i += 2) {
		check_says(p, i, "manifest.json", "\"outcome\": \"unreachable\"");
		assert_int_equal(count(p->text, "\"outcome\": \"done\""), 2);
		assert_true(is_there(p, i, "vmcore"));
	}
	p->config.targets_wanted = 3;
	assert_int_equal(run(p, KERNEL), EXIT_INCOMPLETE);
}

static void test_none(void **state)
{
	struct place *p = *state;

	add_targets(p, 2);
	spoil_target(p, 0);
	spoil_target(p, 1);
	assert_int_equal(run(p, KERNEL), EXIT_FAILED);
	assert_non_null(memmem(p->log.kept, p->log.used, "it follows", 10));
	assert_non_null(memmem(p->log.kept, p->log.used, "attempt 3: console", 18));
}

static void test_no_input(void **state)
{
	struct place *p = *state;

	add_targets(p, 2);
	assert_int_equal(captain_run(&p->config, "/dev/null", false, &p->log), EXIT_FAILED);
	assert_non_null(memmem(p->log.kept, p->log.used, "attempt 1: ", 11));
	assert_null(memmem(p->log.kept, p->log.used, "attempt 2: ", 11));
}

/* ---- a worker that something happens to ---- */

/* The only child of @pid, 0 while it has none. */
static pid_t child_of(pid_t pid)
{
	CLEANUP_FREE char *text = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (io_read_file(path, 4096, &text, NULL, NULL))
		return 0;
	return atoi(text);
}

/* Waits until the log of the supervisor in @pid says it. */
static void wait_for_words(struct place *p, pid_t pid, const char *words)
{
	CLEANUP_FREE char *text = NULL;
	char path[2 * PATH_MAX_];
	int status;

	snprintf(path, sizeof(path), "%s/said", p->dir);
	for (;;) {
		if (io_read_file(path, TEXT_MAX, &text, NULL, NULL))
			fail_msg("no log");
		if (strstr(text, words))
			return;
		if (waitpid(pid, &status, WNOHANG))
			fail_msg("it ended without '%s':\n%s", words, text);
		free(STEAL_PTR(text));
		usleep(WAIT_MS * 1000);
	}
}

/* In a process of its own, with the log in the file "said". */
static pid_t start(struct place *p, const char *core)
{
	char path[2 * PATH_MAX_];
	pid_t pid;
	int fd;

	snprintf(path, sizeof(path), "%s/said", p->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	pid = fork();
	assert_true(pid >= 0);
	p->log.fd = fd;
	if (pid == 0)
		_exit(captain_run(&p->config, core, false, &p->log));
	close(fd);
	return pid;
}

/* Whether anybody here may have a view of what is mounted that is its own. */
static bool may_unshare(void)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(unshare(CLONE_NEWNS) != 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* What is mounted by one that was left behind is nothing that others see. */
static void check_mounts_apart(pid_t pid)
{
	struct stat own, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
	assert_int_equal(stat("/proc/self/ns/mnt", &own), 0);
	assert_int_equal(stat(path, &its), 0);
	assert_int_equal(own.st_ino != its.st_ino, may_unshare());
}

/*
 * Runs the supervisor and sends @sig to the worker once its dump has grown. With @words, it goes
 * on when they have been said. Returns the exit code.
 */
static int run_and_hit(struct place *p, int sig, const char *words)
{
	char core[MKCORE_PATH_MAX], dump[2 * PATH_MAX_];
	int fd = make_core(LARGE, core), status;
	pid_t pid = start(p, core), worker;
	struct stat st;

	snprintf(dump, sizeof(dump), "%s/0/" CRASH "/vmcore-incomplete", p->dir);
	while (stat(dump, &st) || st.st_blocks < 1024) {
		if (waitpid(pid, &status, WNOHANG))
			fail_msg("it ended before its dump had grown");
		usleep(WAIT_MS * 1000);
	}
	worker = child_of(pid);
	assert_true(worker > 0);
	check_mounts_apart(worker);
	assert_int_equal(kill(worker, sig), 0);
	if (words) {
		wait_for_words(p, pid, words);
		assert_int_equal(kill(worker, SIGCONT), 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The header's status of a kdump-compressed dump: 8 says that it is not whole. */
static void check_incomplete(struct place *p, size_t i)
{
	char path[2 * PATH_MAX_];
	uint8_t header[1024];
	int fd;

	snprintf(path, sizeof(path), "%s/%zu/" CRASH "/vmcore-incomplete", p->dir, i);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, header, sizeof(header)), sizeof(header));
	close(fd);
	assert_memory_equal(header, "KDUMP   ", 8);
	assert_int_equal(header[424] & 8, 8);
}

static uint64_t oom_kills_now(void)
{
	uint64_t n = 0;

	oom_kills("", &n);
	return n;
}

/* What a SIGKILL is taken for: on a machine that runs out of memory just now, also for that. */
static void check_shot(struct place *p, size_t i, uint64_t kills_before)
{
	if (oom_kills_now() == kills_before) {
		check_says(p, i, "manifest.json", "\"outcome\": \"shot\"");
		check_says(p, i, "manifest.json", "neither from here nor for lack of memory");
	}
}

static void test_killed(void **state)
{
	struct place *p = *state;
	uint64_t kills = oom_kills_now();

	add_targets(p, 1);
	make_slow(p);
	assert_int_equal(run_and_hit(p, SIGKILL, NULL), EXIT_COMPLETE);
	check_shot(p, 0, kills);
	check_says(p, 0, "manifest.json", "\"outcome\": \"done\"");
	check_says(p, 0, "manifest.json", "\"status\": \"complete\"");
	// The second try went on in the same directory, with a single worker.
	assert_false(is_there(p, 0, "vmcore-incomplete"));
	check_says(p, 0, "manifest.json", "\"workers\": 1");
	check_says(p, 0, "collect.log", "with half the memory");
	check_says(p, 0, "collect.log", " KiB free; ");
	check_says(p, 0, "collect.log", " KiB, as told; ");
}

static void test_crashed(void **state)
{
	struct place *p = *state;

	add_targets(p, 2);
	make_slow(p);
	assert_int_equal(run_and_hit(p, SIGABRT, NULL), EXIT_COMPLETE);
	// The first has no complete dump, and knows who has.
	check_says(p, 0, "manifest.json", "\"dump\": \"begun\"");
	check_says(p, 0, "manifest.json", "\"reason\": \"crashed in stage pages");
	check_says(p, 0, "manifest.json", "\"outcome\": \"crashed\"");
	check_says(p, 0, "manifest.json", "\"outcome\": \"done\"");
	check_says(p, 0, "manifest.json", "\"panic\": ");
	check_says(p, 0, "collect.log", "committed ");
	assert_false(is_there(p, 0, "vmcore"));
	check_says(p, 1, "manifest.json", "\"status\": \"complete\"");
}

static void test_stopped(void **state)
{
	struct place *p = *state;

	add_targets(p, 2);
	make_slow(p);
	p->config.stall_time = 2;
	// A short grace, without a short time for all of it.
	p->config.capture_deadline = 16;
	p->log.start_ms += LATER_MS;
	assert_int_equal(run_and_hit(p, SIGSTOP, NULL), EXIT_COMPLETE);
	check_says(p, 0, "manifest.json", "\"outcome\": \"killed\"");
	check_says(p, 0, "manifest.json", "slower than stall_rate");
	assert_false(is_there(p, 0, "vmcore"));
	check_says(p, 1, "manifest.json", "\"status\": \"complete\"");
}

/* The state of @pid as /proc tells it: 'S' is one that waits. */
static char state_of(pid_t pid)
{
	CLEANUP_FREE char *text = NULL;
	const char *name;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (io_read_file(path, 4096, &text, NULL, NULL))
		return '?';
	name = strrchr(text, ')');
	return name && name[1] ? name[2] : '?';
}

/* Killed when the dump is safe and its manifest is not: somebody else writes that. */
static void test_untold(void **state)
{
	struct place *p = *state;
	char core[MKCORE_PATH_MAX], dir[2 * PATH_MAX_], path[3 * PATH_MAX_];
	int fd = make_core(LARGE, core), status;
	pid_t pid, worker;

	add_targets(p, 1);
	make_slow(p);
	snprintf(dir, sizeof(dir), "%s/0/" CRASH, p->dir);
	snprintf(path, sizeof(path), "%s/manifest.json-incomplete", dir);
	// Whoever opens that for writing waits for a reader.
	pid = start(p, core);
	while (access(dir, F_OK)) {
		if (waitpid(pid, &status, WNOHANG))
			fail_msg("it ended without a directory");
		usleep(1000);
	}
	worker = child_of(pid);
	assert_true(worker > 0);
	assert_int_equal(kill(worker, SIGSTOP), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(kill(worker, SIGCONT), 0);
	wait_for_words(p, pid, "committed ");
	for (int waits = 0; waits < 10;) {
		usleep(WAIT_MS * 1000);
		waits = state_of(worker) == 'S' ? waits + 1 : 0;
		if (waitpid(pid, &status, WNOHANG))
			fail_msg("it ended with its manifest");
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(kill(worker, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	assert_int_equal(WEXITSTATUS(status), EXIT_COMPLETE);
	assert_true(is_there(p, 0, "vmcore"));
	check_says(p, 0, "manifest.json", "\"status\": \"complete\"");
	check_says(p, 0, "collect.log", "committed ");
}

/* ---- out of time ---- */

/* A worker that was stopped, and comes round when its time is over, which is @why. */
static void run_out_of_time(struct place *p, enum exit_code code, const char *why)
{
	make_slow(p);
	assert_int_equal(run_and_hit(p, SIGSTOP, "to be made an incomplete dump"), code);
	check_says(p, 0, "manifest.json", "\"status\": \"incomplete\"");
	check_says(p, 0, "manifest.json", "\"dump\": \"incomplete\"");
	check_says(p, 0, "manifest.json", why);
	check_incomplete(p, 0);
}

static void test_deadline(void **state)
{
	struct place *p = *state;

	add_targets(p, 2);
	// Some of it is over when it begins; the grace is as long as before.
	p->config.capture_deadline = 16;
	p->log.start_ms -= BEGUN_MS;
	run_out_of_time(p, EXIT_INCOMPLETE, "\"reason\": \"capture_deadline is over\"");
	// No time was left for another.
	assert_false(is_there(p, 1, ""));
}

/* A worker that comes round when it is asked. */
static void test_stall(void **state)
{
	struct place *p = *state;

	add_targets(p, 1);
	p->config.stall_time = 3;
	run_out_of_time(p, EXIT_INCOMPLETE, "\"reason\": \"no progress: slower than stall_rate");
}

static void test_target_limit(void **state)
{
	struct place *p = *state;

	add_targets(p, 2);
	p->config.targets[0].limit = 3;
	run_out_of_time(p, EXIT_COMPLETE, "the limit of this target is over");
	check_says(p, 1, "manifest.json", "\"status\": \"complete\"");
}

/* ---- out of room, and of memory ---- */

/* Files may not grow beyond @size; like a full target. */
static void limit_files(rlim_t size)
{
	struct rlimit l = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};

	signal(SIGXFSZ, size == RLIM_INFINITY ? SIG_DFL : SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void test_full(void **state)
{
	struct place *p = *state;
	char core[MKCORE_PATH_MAX];
	int fd = make_core("ram 16M 64M\nnoise 0x1800 14000\nanon 0x1800 14000\n", core), code;

	// All pages do not fit; without those of users they do.
	add_targets(p, 1);
	p->config.collect.levels[0] = 1;
	p->config.collect.nlevels = 1;
	limit_files(16 << 20);
	code = captain_run(&p->config, core, false, &p->log);
	limit_files(RLIM_INFINITY);
	close(fd);
	assert_int_equal(code, EXIT_COMPLETE);
	check_says(p, 0, "manifest.json", "\"outcome\": \"no-room\"");
	check_says(p, 0, "manifest.json", "\"what\": \"less\"");
	check_says(p, 0, "manifest.json", "\"level\": 31");
	check_says(p, 0, "manifest.json", "\"status\": \"complete\"");
	assert_false(is_there(p, 0, "vmcore-incomplete"));
}

/* ---- what was there before ---- */

/* From the first of a kind on crashes are kept small. */
static void test_loop(void **state)
{
	struct place *p = *state;

	add_targets(p, 2);
	p->config.crash_loop_count = 1;
	p->config.crash_loop_seconds = 3600;
	assert_int_equal(run(p, KERNEL), EXIT_REFUSED);
	assert_true(is_there(p, 0, "panic.txt"));
	assert_false(is_there(p, 0, "vmcore"));
	check_says(p, 0, "manifest.json", "\"dump\": \"none\"");
	check_says(p, 0, "manifest.json", "\"reason\": \"crash loop: ");
	assert_false(is_there(p, 1, ""));
}

/* Small files were all that was wanted, and not even those are there: that is no success. */
static void test_loop_lost(void **state)
{
	struct place *p = *state;
	char core[MKCORE_PATH_MAX];
	int fd = make_core(KERNEL, core), code;

	add_targets(p, 2);
	p->config.crash_loop_count = 1;
	p->config.crash_loop_seconds = 3600;
	// So much has the history of crashes.
	limit_files(64);
	code = captain_run(&p->config, core, false, &p->log);
	limit_files(RLIM_INFINITY);
	close(fd);
	assert_int_equal(code, EXIT_FAILED);
	assert_non_null(memmem(p->log.kept, p->log.used, "neither the log nor the mini-core", 33));
	assert_non_null(memmem(p->log.kept, p->log.used, "attempt 3: console", 18));
}

/* Of a kernel that does not say when it died all tries are one crash, however long they take. */
static void test_one_crash(void **state)
{
	struct place *p = *state;
	CLEANUP_FREE char *text = NULL;
	char core[MKCORE_PATH_MAX], path[2 * PATH_MAX_];
	int fd = make_core(LARGE "key CRASHTIME=0\n", core), status;
	pid_t pid, worker;
	struct stat st;

	add_targets(p, 1);
	make_slow(p);
	p->config.crash_loop_count = 2;
	p->config.crash_loop_seconds = 3600;
	snprintf(path, sizeof(path), "%s/0/.lifeboat-history", p->dir);
	pid = start(p, core);
	while (stat(path, &st)) {
		if (waitpid(pid, &status, WNOHANG))
			fail_msg("it ended without a history");
		usleep(1000);
	}
	worker = child_of(pid);
	assert_true(worker > 0);
	assert_int_equal(kill(worker, SIGSTOP), 0);
	while (time(NULL) <= st.st_mtime + 1)
		usleep(WAIT_MS * 1000);
	assert_int_equal(kill(worker, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(fd);
	assert_int_equal(WEXITSTATUS(status), EXIT_COMPLETE);
	assert_int_equal(io_read_file(path, TEXT_MAX, &text, NULL, NULL), 0);
	// Its title, and one of a crash.
	assert_int_equal(count(text, "\n"), 2);
}

static void test_retention(void **state)
{
	struct place *p = *state;

	add_targets(p, 1);
	p->config.keep_dumps = 2;
	for (int i = 0; i < 3; i++)
		assert_int_equal(run(p, KERNEL), EXIT_COMPLETE);
	// The oldest made room for the third, which took its name.
	check_says(p, 0, "collect.log", "1 older dump removed");
	assert_true(is_there(p, 0, "vmcore"));
	assert_true(is_there(p, 0, "../" CRASH ".1/vmcore"));
	assert_false(is_there(p, 0, "../" CRASH ".2/vmcore"));
	// The newest complete dump goes when there is another, though that has an older name.
	p->config.keep_dumps = 1;
	assert_int_equal(run(p, KERNEL), EXIT_COMPLETE);
	assert_true(is_there(p, 0, "vmcore"));
	assert_false(is_there(p, 0, "../" CRASH ".1/vmcore"));
}

/* ---- programs of a worker ---- */

/* One that answers nothing, in the place of ssh; it tells its id in the file "id". */
static void make_silent_ssh(struct place *p)
{
	char path[2 * PATH_MAX_], text[4 * PATH_MAX_];
	const char *old = getenv("PATH");
	int fd;

	snprintf(path, sizeof(path), "%s/ssh", p->dir);
	snprintf(text, sizeof(text), "#!/bin/sh\necho $$ > %s/id\nexec sleep 600\n", p->dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, strlen(text), NULL), 0);
	close(fd);
	snprintf(text, sizeof(text), "%s:%s", p->dir, old ? old : "/usr/bin:/bin");
	setenv("PATH", text, 1);
}

static void test_orphans(void **state)
{
	struct place *p = *state;
	struct config_target *t = &p->config.targets[0];
	CLEANUP_FREE char *path = strdup(getenv("PATH"));
	CLEANUP_FREE char *text = NULL;
	char id[2 * PATH_MAX_], core[MKCORE_PATH_MAX];
	uint64_t kills = oom_kills_now();
	int fd, status;
	pid_t pid;

	make_silent_ssh(p);
	add_targets(p, 2);
	t->kind = CONFIG_TARGET_SSH;
	strcpy(t->where, "nobody@localhost");
	t->limit = 3;
	fd = make_core(KERNEL, core);
	pid = start(p, core);
	snprintf(id, sizeof(id), "%s/id", p->dir);
	while (io_read_file(id, 64, &text, NULL, NULL) || !atoi(text)) {
		free(STEAL_PTR(text));
		usleep(WAIT_MS * 1000);
	}
	assert_int_equal(kill(child_of(pid), SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	setenv("PATH", path, 1);
	close(fd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_COMPLETE);
	check_shot(p, 1, kills);
	// What the killed worker had started is gone, too.
	assert_int_equal(kill(atoi(text), 0), -1);
}

/* An ssh that does here what it is told to do there, but hangs when the mini-core is to be removed. */
static void make_hanging_ssh(struct place *p, char *id, size_t room)
{
	char path[2 * PATH_MAX_], text[6 * PATH_MAX_];
	int fd;

	snprintf(id, room, "%s/id", p->dir);
	snprintf(path, sizeof(path), "%s/ssh", p->dir);
	snprintf(text, sizeof(text),
		 "#!/bin/sh\nfor last; do :; done\n"
		 "case $last in *\"ok gone\"*\"vmcore-mini'\") echo $$ > %s; exec sleep 600;;\n"
		 "exec*) eval \"$last\";; esac\n",
		 id);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, strlen(text), NULL), 0);
	close(fd);
	snprintf(text, sizeof(text), "%s:%s", p->dir, getenv("PATH"));
	setenv("PATH", text, 1);
}

/* A dump that is safe is not made once more because its worker died in what comes behind. */
static void test_safe(void **state)
{
	struct place *p = *state;
	struct config_target *t = &p->config.targets[0];
	CLEANUP_FREE char *old = strdup(getenv("PATH"));
	CLEANUP_FREE char *text = NULL;
	char core[MKCORE_PATH_MAX], id[2 * PATH_MAX_];
	int fd = make_core(KERNEL, core), status;
	pid_t pid;

	add_targets(p, 1);
	make_hanging_ssh(p, id, sizeof(id));
	t->kind = CONFIG_TARGET_SSH;
	strcpy(t->where, "nobody@localhost");
	pid = start(p, core);
	while (io_read_file(id, 64, &text, NULL, NULL) || !atoi(text)) {
		free(STEAL_PTR(text));
		if (waitpid(pid, &status, WNOHANG))
			fail_msg("it ended before the mini-core was to be removed");
		usleep(WAIT_MS * 1000);
	}
	assert_int_equal(kill(child_of(pid), SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	setenv("PATH", old, 1);
	close(fd);
	assert_int_equal(WEXITSTATUS(status), EXIT_COMPLETE);
	check_says(p, 0, "manifest.json", "\"status\": \"complete\"");
	assert_int_equal(count(p->text, "\"outcome\""), 1);
	assert_true(is_there(p, 0, "vmcore"));
}

/* A target's own limit counts, also when it is none. */
static void test_no_limit(void **state)
{
	struct place *p = *state;
	char core[MKCORE_PATH_MAX];
	int fd = make_core(LARGE, core);

	add_targets(p, 1);
	make_slow(p);
	p->config.target_limit = 1;
	assert_int_equal(captain_run(&p->config, core, false, &p->log), EXIT_COMPLETE);
	close(fd);
}

/* ---- the shared page by itself ---- */

static void test_watch(void **state)
{
	struct watch *w = watch_share(sizeof(*w));
	struct err err = {0};
	uint32_t turn;
	int status;
	pid_t pid;

	(void)state;
	assert_non_null(w);
	pid = fork();
	if (pid == 0) {
		watch_written(w, 10);
		watch_written(w, 5);
		watch_acknowledged_all(w);
		watch_written(w, 1);
		watch_saved(w, 4096);
		watch_stage(w, STAGE_PAGES);
		watch_tier(w, TIER_DMESG, TIER_COMMITTED);
		watch_beat(w);
		watch_memory(w, 77);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(w->written, 16);
	assert_int_equal(w->acknowledged, 15);
	assert_int_equal(w->saved, 4096);
	assert_int_equal(w->stage, STAGE_PAGES);
	assert_int_equal(w->tiers[TIER_DMESG], TIER_COMMITTED);
	assert_int_equal(w->beats, 1);
	assert_int_equal(w->memory, 77);

	assert_int_equal(watch_check(w, &err), 0);
	turn = w->turn;
	watch_ask(w, turn, WATCH_STOP_TIER, WHY_TIER);
	assert_int_equal(watch_check(w, &err), ERR_STOPPED);
	assert_non_null(strstr(err.msg, "tier_limit"));
	// It was meant for that stage, not for the next one.
	watch_stage(w, STAGE_PLAN);
	assert_int_equal(watch_check(w, &err), 0);
	// The stage ended just when it was asked, also where the next one has the same name.
	watch_ask(w, turn, WATCH_STOP_TIER, WHY_TIER);
	assert_int_equal(watch_check(w, &err), 0);
	turn = w->turn;
	watch_stage(w, STAGE_PLAN);
	watch_ask(w, turn, WATCH_STOP_TIER, WHY_TIER);
	assert_int_equal(watch_check(w, &err), 0);
	// What ends all of it holds for all that follows.
	watch_ask(w, turn, WATCH_STOP_ALL, WHY_STALL);
	assert_int_equal(watch_check(w, &err), ERR_STOPPED);
	assert_non_null(strstr(err.msg, "stall_rate"));
	watch_stage(w, STAGE_COMMIT);
	assert_int_equal(watch_check(w, &err), ERR_STOPPED);
	assert_int_equal(watch_check(NULL, &err), 0);
	watch_unshare(w, sizeof(*w));
}

/* A pattern of names runs those only. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watch),
		cmocka_unit_test_setup_teardown(test_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_second, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wanted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_input, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crashed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stall, setup, teardown),
		cmocka_unit_test_setup_teardown(test_target_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),
		cmocka_unit_test_setup_teardown(test_untold, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loop_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
		cmocka_unit_test_setup_teardown(test_orphans, setup, teardown),
		cmocka_unit_test_setup_teardown(test_safe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_limit, setup, teardown),
	};

	umask(077);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
