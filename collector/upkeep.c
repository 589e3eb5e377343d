// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/upkeep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/log.h"
#include "collector/record.h"
#include "collector/retention.h"
#include "collector/target.h"
#include "vmcore/config.h"
#include "vmcore/crashdir.h"

/* The directory of all crashes; -1 where there is none that could be looked into. */
static int open_base(struct target *t)
{
	struct err err = {0};
	int fd = -1;

	if (t->ops->open_base && t->ops->open_base(t, &fd, &err)) {
		log_line(t->log, LOG_ERROR, "warning: %s", err.msg);
		return -1;
	}
	return fd;
}

/* By what name it is this machine's in a directory that others use, too; NULL: nobody else does. */
static const char *shared_as(const struct target *t)
{
	const struct config_target *c = t->conf;

	if (c->kind != CONFIG_TARGET_NFS &&
	    (c->kind != CONFIG_TARGET_FS || strcmp(c->fstype, "virtiofs") != 0))
		return NULL;
	return t->host[0] ? t->host : CRASHDIR_LOCAL_HOST;
}

void upkeep_judge(struct target *t, const struct record *r, uint64_t time,
		  enum governor_verdict verdict_before, struct governor_result *ret)
{
	const struct config *c = t->config;
	struct governor_limits limits = {c->crash_loop_count, c->crash_loop_seconds};
	struct governor_crash crash = {
		.time = time,
		.signature = strtoull(record_signature(r), NULL, 16),
	};
	CLEANUP_CLOSE int fd = -1;
	struct err err = {0};

	*ret = (struct governor_result){.verdict = GOVERNOR_FULL};
	if (limits.count)
		fd = open_base(t);
	if (fd >= 0 && governor_run(fd, shared_as(t), &limits, &crash, ret, &err))
		log_line(t->log, LOG_ERROR, "warning: %s", err.msg);
	if (ret->verdict < verdict_before)
		ret->verdict = verdict_before;
}

static void remove_older(struct target *t, struct retention_ask *ask)
{
	const struct config *c = t->config;
	struct retention_limits limits = {
		.keep_dumps = c->keep_dumps,
		.keep_bytes = c->keep_bytes,
		.keep_days = c->keep_days,
		.min_free = c->min_free,
	};
	CLEANUP_FREE struct retention *r = NULL;
	CLEANUP_CLOSE int fd = -1;
	struct err err = {0};
	int n;

	if (!limits.keep_dumps && !limits.keep_bytes && !limits.keep_days && !limits.min_free)
		return;
	ask->host = shared_as(t);
	ask->watch = t->watch;
	retention_heed_clock(&limits, ask, time(NULL));
	r = calloc(1, sizeof(*r));
	fd = r ? open_base(t) : -1;
	if (fd < 0)
		return;
	n = retention_run(r, fd, NULL, &limits, ask, &err);
	if (n < 0)
		log_line(t->log, LOG_ERROR, "warning: older dumps: %s", err.msg);
	else if (n)
		log_line(t->log, LOG_COMMON, "%d older dump%s removed", n, n == 1 ? "" : "s");
}

void upkeep_make_room(struct target *t, uint64_t now)
{
	struct retention_ask ask = {.now = now, .incoming = true};

	remove_older(t, &ask);
}

void upkeep_trim(struct target *t, uint64_t now, const char *dir)
{
	struct retention_ask ask = {.now = now, .stays = dir};

	remove_older(t, &ask);
}
