// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/log.h"
#include "collector/retention.h"
#include "collector/target.h"
#include "vmcore/config.h"

/* The directory with the crash directories: 1 and *@fd, or 0 where the target shows none. */
static int open_base(const struct target *t, int *fd, struct err *err)
{
	int rc;

	if (t->ops != &target_dir || !t->base[0])
		return 0;
	rc = target_make_dir(t->base, err);
	if (rc)
		return rc;
	*fd = open(t->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_sys(err, "%s", t->base) : 1;
}

int upkeep_judge(struct target *t, uint64_t time_, const char *signature,
		 struct governor_result *ret, struct err *err)
{
	const struct governor_limits limits = {.count = t->config->crash_loop_count,
					       .seconds = t->config->crash_loop_seconds};
	const struct governor_crash crash = {.time = time_ ? time_ : (uint64_t)time(NULL),
					     .signature = strtoull(signature, NULL, 16)};
	CLEANUP_CLOSE int fd = -1;
	int rc;

	*ret = (struct governor_result){.seen = 1};
	if (!limits.count)
		return 0;
	rc = open_base(t, &fd, err);
	if (rc <= 0)
		return rc;
	rc = governor_run(fd, &limits, &crash, ret, err);
	if (ret->verdict != GOVERNOR_FULL)
		log_line(t->log, LOG_ERROR, "%s", ret->why);
	return rc;
}

int upkeep_make_room(struct target *t, bool incoming, uint64_t need, struct err *err)
{
	const struct retention_limits limits = {.keep_dumps = t->config->keep_dumps,
						.keep_bytes = t->config->keep_bytes,
						.keep_days = t->config->keep_days,
						.min_free = t->config->min_free};
	struct retention_ask ask = {
		.now = time(NULL), .incoming = incoming, .need = incoming ? need : 0};
	CLEANUP_FREE struct retention *r = NULL;
	CLEANUP_CLOSE int fd = -1;
	int rc;

	if (!limits.keep_dumps && !limits.keep_bytes && !limits.keep_days && !limits.min_free)
		return 0;
	rc = open_base(t, &fd, err);
	if (rc <= 0)
		return rc;
	r = malloc(sizeof(*r));
	if (!r)
		return err_set(err, ERR_NOMEM, "no memory for the list of older dumps");
	rc = retention_run(r, fd, NULL, &limits, &ask, err);
	if (rc > 0)
		log_line(t->log, LOG_COMMON, "%d older dump%s removed from %s", rc,
			 rc > 1 ? "s" : "", t->base);
	return rc < 0 ? rc : 0;
}
