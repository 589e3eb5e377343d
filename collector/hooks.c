// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/hooks.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/err.h"
#include "collector/log.h"
#include "vmcore/config.h"

enum {
	PATH_ROOM = 1024,
	LINE_ROOM = 256,
	STEP_MS = 100, /* how often one that says nothing is asked whether it has ended */
};

/* What a hook says, cut into lines. */
struct output {
	struct log *log;
	const char *name; /* of the hook */
	size_t left; /* bytes that may still be logged */
	size_t used;
	char line[LINE_ROOM];
};

static const char *const names[] = {
	[HOOKS_PRE] = "kdump_pre",
	[HOOKS_POST] = "kdump_post",
	[HOOKS_EMERGENCY] = "kdump_emergency",
};

static void put_line(struct output *o)
{
	if (o->used)
		log_line(o->log, LOG_COMMON, "%s: %.*s", o->name, (int)o->used, o->line);
	o->used = 0;
}

static void put(struct output *o, const char *text, size_t len)
{
	for (size_t i = 0; i < len && o->left; i++, o->left--) {
		if (text[i] != '\n')
			o->line[o->used++] = text[i];
		if (text[i] == '\n' || o->used == sizeof(o->line))
			put_line(o);
		if (o->left == 1) {
			put_line(o);
			log_line(o->log, LOG_COMMON, "%s: (it says more, which is not kept)",
				 o->name);
		}
	}
}

/* It may leave somebody behind who holds its output open; that it has ended is enough. */
static bool has_ended(const struct child *c)
{
	siginfo_t si = {0};

	return waitid(P_PID, c->pid, &si, WEXITED | WNOHANG | WNOWAIT) || si.si_pid;
}

static int listen_to(struct child *c, struct output *o, uint64_t end, struct err *err)
{
	char buf[512];

	for (;;) {
		uint64_t now = log_now_ms();
		struct err why = {0};
		bool ended = has_ended(c);
		ssize_t n = child_read(c, buf, sizeof(buf), ended ? 1 : STEP_MS, &why);

		if (n > 0)
			put(o, buf, n);
		if (n == 0 || (n < 0 && (ended || n != ERR_LIMIT)))
			return 0;
		if (now >= end)
			return err_set(err, ERR_LIMIT, "it did not end in time");
	}
}

static int run_one(const struct hooks *h, enum hooks_when when, const char *path, int status,
		   struct err *err)
{
	struct output o = {.log = h->log, .name = path, .left = HOOKS_OUTPUT_MAX};
	const char *argv[] = {path, NULL, NULL};
	uint64_t end = log_now_ms() + h->limit_ms, now;
	struct child c;
	char code[16];
	int rc;

	if (when != HOOKS_PRE) {
		snprintf(code, sizeof(code), "%d", status);
		argv[1] = code;
	}
	log_line(h->log, LOG_COMMON, "%s: running %s", names[when], path);
	rc = child_start(&c, argv, err);
	if (rc)
		return rc;
	child_close_in(&c);
	rc = listen_to(&c, &o, end, err);
	now = log_now_ms();
	if (!rc)
		rc = child_wait(&c, now < end ? end - now : 0, err);
	child_end(&c);
	put_line(&o);
	put(&o, c.said, c.nsaid);
	put_line(&o);
	if (rc)
		err_set(err, rc, "%s: it did not end within %u s and was killed", path,
			h->limit_ms / 1000);
	else if (child_code(&c))
		rc = err_set(err, child_code(&c) < 0 ? ERR_SYS : ERR_STOPPED,
			     "%s: it ended with %s%d", path,
			     child_code(&c) < 0 ? "signal " : "exit code ",
			     child_code(&c) < 0 ? WTERMSIG(c.status) : child_code(&c));
	return rc;
}

/* What a hook must not stop, its failure does not. */
static int run_and_tell(const struct hooks *h, enum hooks_when when, const char *path, int status,
			struct err *err)
{
	struct err why = {0};
	int rc = run_one(h, when, path, status, &why);

	if (!rc)
		return 0;
	// Only its own word refuses the dump, not that it has none to say.
	if (when == HOOKS_PRE && rc == ERR_STOPPED)
		return err_set(err, ERR_STOPPED, "kdump_pre: no dump is wanted: %s", why.msg);
	log_line(h->log, LOG_ERROR, "warning: %s: %s", names[when], why.msg);
	return 0;
}

/* Hidden files are not meant, as nowhere in such directories. */
static int is_name(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

static int run_dir(const struct hooks *h, enum hooks_when when, int status, struct err *err)
{
	static const char *const dirs[] = {
		[HOOKS_PRE] = "pre.d",
		[HOOKS_POST] = "post.d",
		[HOOKS_EMERGENCY] = "emergency.d",
	};
	struct dirent **entries;
	char path[PATH_ROOM];
	int n, rc = 0;

	snprintf(path, sizeof(path), "%s/%s", h->dir, dirs[when]);
	n = scandir(path, &entries, is_name, alphasort);
	if (n < 0)
		return 0;
	for (int i = 0; i < n; i++) {
		int len = snprintf(path, sizeof(path), "%s/%s/%s", h->dir, dirs[when],
				   entries[i]->d_name);

		if (!rc && i < HOOKS_MAX && len < (int)sizeof(path) && is_program(path))
			rc = run_and_tell(h, when, path, status, err);
		free(entries[i]);
	}
	free(entries);
	if (n > HOOKS_MAX)
		log_line(h->log, LOG_ERROR, "warning: %s/%s: %d files, only %d were looked at",
			 h->dir, dirs[when], n, HOOKS_MAX);
	return rc;
}

int hooks_run(const struct hooks *h, enum hooks_when when, int status, struct err *err)
{
	const char *const paths[] = {
		[HOOKS_PRE] = h->config->kdump_pre,
		[HOOKS_POST] = h->config->kdump_post,
		[HOOKS_EMERGENCY] = h->config->kdump_emergency,
	};
	int rc = run_dir(h, when, status, err);

	if (!rc && paths[when][0])
		rc = run_and_tell(h, when, paths[when], status, err);
	return rc;
}
