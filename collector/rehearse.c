// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/rehearse.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "collector/log.h"
#include "collector/trial.h"
#include "collector/watch.h"
#include "vmcore/config.h"

enum {
	POLL_MS = 50,
	LEFT_MS = 5000, // for one that was killed to be gone
	SAMPLE_MS = 10000, // of the dump ...
	SAMPLE_BYTES = 256 << 20, // ... or so much memory, what comes first
	SPARE_MS = 120000, // for all that has no limit of its own
	TEXT_MAX = 128 << 10,
	MS = 1000,
};

/* What the processes share. */
struct shared {
	struct watch watch;
	struct trial_report report;
};

struct rehearsal {
	const struct config *config;
	const char *input;
	uint64_t memory;
	struct log *log;
	struct shared *shared;
	struct trial_report reports[CONFIG_TARGETS_MAX];
	size_t n;
};

/* The longest that a target may take that is as it should be. */
static uint64_t limit_of(const struct config *c)
{
	return ((uint64_t)c->device_timeout + c->network_timeout + 3 * c->tier_limit) * MS +
	       SAMPLE_MS + SPARE_MS;
}

static void __attribute__((noreturn))
work(struct rehearsal *h, unsigned int target, uint64_t end_ms, pid_t parent)
{
	const struct trial_job job = {
		.config = h->config,
		.target = target,
		.input = h->input,
		.log = h->log,
		.watch = &h->shared->watch,
		.memory = h->memory,
		.end_ms = end_ms,
		.report = &h->shared->report,
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	// What is mounted here is nobody else's; a process that may not do this may not mount either.
	if (!unshare(CLONE_NEWNS))
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	trial_run(&job);
	_exit(0);
}

/* Asks once for the end of the sample, when it is large enough. */
static void limit_sample(struct rehearsal *h, uint64_t *since, bool *asked)
{
	struct watch *w = &h->shared->watch;

	if (w->stage != STAGE_PAGES || *asked) {
		*since = 0;
		return;
	}
	if (!*since)
		*since = log_now_ms();
	*asked = log_now_ms() - *since >= SAMPLE_MS || w->saved >= SAMPLE_BYTES;
	if (*asked)
		watch_ask(w, w->turn, WATCH_STOP_ALL, WHY_ASKED);
}

static void end_it(pid_t pid, int *status)
{
	uint64_t end = log_now_ms() + LEFT_MS;

	kill(pid, SIGKILL);
	while (waitpid(pid, status, WNOHANG) == 0 && log_now_ms() < end)
		poll(NULL, 0, POLL_MS);
}

/* Of one that did not say how it ended. */
static void judge_death(struct trial_report *r, int status, bool late, uint64_t limit_ms)
{
	const char *where = manifest_stage_name(r->stage);

	r->result = TRIAL_FAILED;
	if (late)
		snprintf(r->reason, sizeof(r->reason),
			 "no end of stage '%s' within %llu seconds: the target hangs", where,
			 (unsigned long long)limit_ms / MS);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		snprintf(r->reason, sizeof(r->reason),
			 "out of memory in stage '%s': the reservation is too small", where);
	else
		snprintf(r->reason, sizeof(r->reason), "crashed in stage '%s': %s", where,
			 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "without a word");
}

static int try_target(struct rehearsal *h, unsigned int target, struct err *err)
{
	const struct config_target *t = &h->config->targets[target];
	struct trial_report *r = &h->shared->report;
	uint64_t limit_ms = limit_of(h->config), since = 0;
	uint64_t end = log_now_ms() + limit_ms;
	pid_t parent = getpid(), pid;
	bool late = false, asked = false;
	int status = 0;

	memset(h->shared, 0, sizeof(*h->shared));
	snprintf(r->target, sizeof(r->target), "%s %.100s", config_target_name(t),
		 t->kind == CONFIG_TARGET_LOCAL ? t->path : t->where);
	pid = fork();
	if (pid < 0)
		return err_sys(err, "no process for a target");
	if (pid == 0)
		work(h, target, end, parent);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		late = log_now_ms() > end;
		if (late) {
			end_it(pid, &status);
			break;
		}
		limit_sample(h, &since, &asked);
		poll(NULL, 0, POLL_MS);
	}
	if (!r->ended)
		judge_death(r, status, late, limit_ms);
	h->reports[h->n++] = *r;
	return 0;
}

/* ---- what came of it, as text ---- */

static const char *result_name(enum trial_result result)
{
	return result == TRIAL_OK ? "ok" : result == TRIAL_WARN ? "warn" : "failed";
}

static void put_levels(struct json *j, const struct trial_report *r)
{
	json_array(j, "levels");
	for (size_t i = 0; i < r->nlevels; i++) {
		json_object(j, NULL);
		json_u64(j, "level", r->levels[i].level);
		json_u64(j, "pages", r->levels[i].pages);
		json_u64(j, "bytes", r->levels[i].bytes);
		json_ms(j, "seconds", r->levels[i].ms);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_report(struct json *j, const struct trial_report *r)
{
	json_object(j, NULL);
	json_string(j, "target", r->target);
	json_string(j, "result", result_name(r->result));
	json_string(j, "stage", manifest_stage_name(r->stage));
	json_string(j, "reason", r->reason);
	json_array(j, "notes");
	for (size_t i = 0; i < r->nnotes; i++)
		json_string(j, NULL, r->notes[i]);
	json_array_end(j);
	json_object(j, "seconds");
	for (int s = 0; s < STAGES; s++)
		json_ms(j, manifest_stage_name(s), r->ms[s]);
	json_object_end(j);
	if (r->has_space)
		json_u64(j, "free_bytes", r->free);
	json_u64(j, "sample_bytes", r->sample_bytes);
	json_u64(j, "sample_written_bytes", r->sample_written);
	json_ms(j, "sample_seconds", r->sample_ms);
	json_u64(j, "read_back_bytes", r->read_back);
	put_levels(j, r);
	json_u64(j, "budget_bytes", r->budget);
	json_u64(j, "peak_memory_kib", r->peak_kib);
	json_object_end(j);
}

static int put_all(const struct rehearsal *h, int fd, struct err *err)
{
	CLEANUP_FREE char *text = malloc(TEXT_MAX);
	enum trial_result worst = TRIAL_OK;
	struct json j;

	if (!text)
		return err_set(err, ERR_NOMEM, "no memory for the answer");
	for (size_t i = 0; i < h->n; i++)
		if (h->reports[i].result > worst)
			worst = h->reports[i].result;
	json_init(&j, text, TEXT_MAX);
	json_object(&j, NULL);
	json_u64(&j, "rehearsal_version", 1);
	json_string(&j, "tool", "lifeboat-collect " LIFEBOAT_VERSION);
	json_string(&j, "result", result_name(worst));
	json_u64(&j, "memory_bytes", h->memory);
	json_array(&j, "targets");
	for (size_t i = 0; i < h->n; i++)
		put_report(&j, &h->reports[i]);
	json_array_end(&j);
	json_object_end(&j);
	if (j.overflow)
		return err_set(err, ERR_LIMIT, "the answer is too long");
	return io_write(fd, text, j.used, err);
}

int rehearse_run(const struct config *config, const char *input, uint64_t memory, int fd,
		 struct log *log, struct err *err)
{
	CLEANUP_FREE struct rehearsal *h = calloc(1, sizeof(*h));
	int rc = 0;

	if (!h)
		return err_set(err, ERR_NOMEM, "no memory to begin with");
	// Its memory and what it writes are for nobody once who asked is gone.
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	h->config = config;
	h->input = input;
	h->memory = memory;
	h->log = log;
	h->shared = watch_share(sizeof(*h->shared));
	if (!h->shared)
		return err_set(err, ERR_NOMEM, "no memory to begin with");
	for (unsigned int t = 0; t < config->ntargets && !rc; t++)
		rc = try_target(h, t, err);
	if (!rc)
		rc = put_all(h, fd, err);
	watch_unshare(h->shared, sizeof(*h->shared));
	return rc;
}
