// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/newc.h"
#include "collector/action.h"
#include "collector/captain.h"
#include "collector/log.h"
#include "collector/unpack.h"
#include "vmcore/config.h"

#define REST "/" NEWC_REST
#define INIT "/init"

enum {
	UNPACK_LIMIT_S = 120,
	RECORD_LIMIT_S = 120,
	ACTION_LIMIT_S =
		60, // of the configuration's action, of which the rest of the initrd is missing
	RECORD_MEMORY = 2 << 20, // bytes: without any the first process could not go on either
	RESET_LIMIT_S = 30,
	DESCRIPTORS = 8, // of a walk through the tree
};

struct boot {
	struct log *log;
	const char *why; // there is no dump
};

bool boot_is_due(void)
{
	return getpid() == 1 && !access(REST, F_OK);
}

/* Its exit code: 0, ENOMEM when there was no room, EIO. */
static int unpack_rest(const struct boot *b)
{
	CLEANUP_CLOSE int fd = open(REST, O_RDWR | O_CLOEXEC);
	CLEANUP_CLOSE int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = {0};
	int rc;

	// The kernel allows a tmpfs half of what memory there was before it gave back the packed initrd
	// and its own initialisation. Of a ramfs, which it makes with root=, it is no option.
	(void)mount(NULL, "/", NULL, MS_REMOUNT, "size=100%");
	rc = fd < 0 || root < 0 ? err_sys(&err, "opening it")
				: unpack(fd, root, RECORD_MEMORY, &err);
	if (rc)
		log_line(b->log, LOG_ERROR, "unpacking the initrd: %s", err.msg);
	unlink(REST);
	return rc == ERR_NOSPC || rc == ERR_NOMEM ? ENOMEM : rc ? EIO : 0;
}

/*
 * Runs @work in a process of its own, which memory may run out for: the first one cannot be killed, and
 * the kernel panics when there is no other. Its status as of wait(2); -1: there was none, or it took
 * too long.
 */
static int in_child(int (*work)(const struct boot *b), const struct boot *b, unsigned int seconds)
{
	struct timespec limit = {.tv_sec = seconds};
	int status = -1;
	sigset_t child;
	pid_t pid;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	pid = fork();
	if (!pid) {
		sigprocmask(SIG_UNBLOCK, &child, NULL);
		_exit(work(b));
	}
	// Other processes than this one may end, too.
	while (pid > 0 && waitpid(pid, &status, WNOHANG) != pid) {
		status = -1;
		if (sigtimedwait(&child, NULL, &limit) < 0 && errno == EAGAIN) {
			kill(pid, SIGKILL);
			break;
		}
	}
	sigprocmask(SIG_UNBLOCK, &child, NULL);
	return status;
}

/* All but what the panic record takes: this program and the configuration. */
static int remove_file(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	static const char *const kept[] = {"/bin/lifeboat-collect", "/etc/lifeboat"};

	(void)st;
	(void)where;
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (strncmp(path, kept[i], strlen(kept[i])) == 0)
			return 0;
	if (kind == FTW_F)
		unlink(path);
	return 0;
}

/* Why there is no dump, to the panic record's places, and the record before it. */
static int tell_record(const struct boot *b)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	struct err err = {0};

	if (!c)
		return ENOMEM;
	config_default(c);
	// A bad line costs that line only, and what it says of targets does not matter here.
	if (config_load(c, CONFIG_FILE, false, &err))
		log_line(b->log, LOG_ERROR, "warning: %s", err.msg);
	captain_refuse(c, "/proc/vmcore", b->why, b->log);
	return 0;
}

static int act(const struct boot *b)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	struct err err = {0};

	if (!c)
		return ENOMEM;
	config_default(c);
	config_load(c, CONFIG_FILE, false, NULL);
	// A shell, and the programs of the user, were in what is missing.
	c->kdump_post[0] = c->kdump_emergency[0] = '\0';
	if (c->failure_action == CONFIG_ACTION_SHELL)
		c->failure_action = c->final_action;
	action_run(c, EXIT_FAILED, b->log, &err);
	log_line(b->log, LOG_ERROR, "%s", err.msg);
	return EIO;
}

/* Devices that are told to go down may hang, as they may have in act(). */
static int reset(const struct boot *b)
{
	(void)b;
	return reboot(RB_AUTOBOOT);
}

static void force_reset(void)
{
	CLEANUP_CLOSE int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "b", 1) != 1)
		reboot(RB_AUTOBOOT);
}

static void mount_all(void)
{
	static const char *const mounts[][2] = {
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i][1], 0755);
		mount(mounts[i][0], mounts[i][1], mounts[i][0], MS_NOSUID, NULL);
	}
}

/* @status: as in_child() has it, of unpack_rest(). */
static const char *why_not(int status)
{
	if (status > 0 && WIFEXITED(status) && WEXITSTATUS(status) == ENOMEM)
		return BOOT_NO_MEMORY "the initrd has no room when it is unpacked";
	// Nobody else kills there.
	if (status > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return BOOT_NO_MEMORY "who unpacked the initrd was killed";
	return "the initrd could not be unpacked";
}

void boot_run(struct log *log)
{
	struct boot b = {.log = log};
	int status = in_child(unpack_rest, &b, UNPACK_LIMIT_S);

	if (!status) {
		execl(INIT, INIT, NULL);
		log_line(log, LOG_ERROR, INIT ": %s", strerror(errno));
	}
	b.why = why_not(status);
	log_line(log, LOG_ERROR, "%s", b.why);
	nftw("/", remove_file, DESCRIPTORS, FTW_PHYS | FTW_MOUNT);
	mount_all();
	// Where the kernel found no console there was no /dev/null before, either.
	io_hold_standard_fds();
	in_child(tell_record, &b, RECORD_LIMIT_S);
	in_child(act, &b, ACTION_LIMIT_S);
	for (;;) {
		in_child(reset, &b, RESET_LIMIT_S);
		force_reset();
		sleep(1);
	}
}
