// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat test: crashes this machine, to see that a dump comes of it. */
#include "loader/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/armed.h"
#include "loader/facts.h"

#define SYSRQ_TRIGGER "/proc/sysrq-trigger"

enum {
	ALIVE_S = 30, /* a crash does not take as long to begin */
};

static int check_armed(const struct context *ctx, struct facts *f, struct err *err)
{
	int rc = facts_gather(f, ctx->root, err);

	if (rc)
		return rc;
	if (f->crash_loaded != 1)
		return err_set(err, ERR_NOTFOUND,
			       "no capture kernel is in place, so a crash would leave nothing: run "
			       "`lifeboat load` first");
	return 0;
}

static bool confirmed(const struct context *ctx)
{
	char answer[16] = "";

	if (ctx->yes)
		return true;
	fprintf(ctx->out, "This crashes the machine NOW. Programs end without being asked, what "
			  "they did not save is lost; the\nmachine comes back when the dump is "
			  "made. `lifeboat rehearse` tries all but the crash.\nCrash it? "
			  "[yes/no] ");
	fflush(ctx->out);
	return fgets(answer, sizeof(answer), stdin) && strcmp(answer, "yes\n") == 0;
}

/* For the receipt. One that another program loaded has no mark yet. */
static int mark(const struct context *ctx, const struct facts *f, bool test, struct err *err)
{
	CLEANUP_FREE struct armed *a = calloc(1, sizeof(*a));
	char boot_id[ARMED_BOOT_ID_MAX];
	int rc = a ? armed_boot_id(ctx->root, boot_id, err) : ERR_NOMEM;

	if (rc)
		return rc;
	if (armed_read(a, ctx->root, boot_id, NULL)) {
		a->time = time(NULL);
		memcpy(a->boot_id, boot_id, sizeof(a->boot_id));
		memcpy(a->release, f->release, sizeof(a->release));
		a->reserved = f->crash_size > 0 ? f->crash_size : 0;
	}
	a->test = test;
	return armed_write(a, ctx->root, err);
}

static int crash(const struct context *ctx, struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), ctx->root, SYSRQ_TRIGGER, err);

	if (rc)
		return rc;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, SYSRQ_TRIGGER);
	sync();
	rc = io_write(fd, "c", 1, err);
	if (rc || ctx->root[0])
		return rc;
	sleep(ALIVE_S);
	return err_set(err, ERR_SYS,
		       "the machine is still alive %d seconds after it was to crash; does the log "
		       "say why?",
		       ALIVE_S);
}

int command_test(const struct context *ctx, struct err *err)
{
	struct facts f;
	int rc = check_armed(ctx, &f, err);

	if (rc)
		return rc;
	if (!confirmed(ctx))
		return err_set(err, ERR_USAGE, "not confirmed: nothing was done");
	rc = mark(ctx, &f, true, err);
	if (!rc) {
		fprintf(ctx->out, "crashing; `lifeboat receipts` tells after the reboot what came "
				  "of it\n");
		fflush(ctx->out);
		rc = crash(ctx, err);
	}
	// A later crash is not this one.
	if (rc)
		mark(ctx, &f, false, NULL);
	return rc;
}
