// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/rehearse.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "collector/log.h"
#include "collector/remains.h"
#include "collector/trial.h"
#include "collector/watch.h"
#include "vmcore/config.h"

enum {
	POLL_MS = 50,
	LEFT_MS = 5000, // for one that was killed to be gone
	SAMPLE_MS = 10000, // of the dump ...
	SAMPLE_BYTES = 256 << 20, // ... or so much memory, what comes first
	SPARE_MS = 120000, // for all that has no limit of its own
	CLEAN_MS = 60000, // for what one left behind that was ended
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
	sigset_t ends; /* signals that want an end; they are taken only between two looks */
	sigset_t usual; /* what was blocked before */
	int ended_by; /* the one that came; 0: none */
};

/* Ignored ones stay so, as nohup(1) wants it. */
static void hold_signals(struct rehearsal *h)
{
	static const int all[] = {SIGHUP, SIGINT, SIGTERM};

	sigemptyset(&h->ends);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct sigaction was;

		if (!sigaction(all[i], NULL, &was) && was.sa_handler != SIG_IGN)
			sigaddset(&h->ends, all[i]);
	}
	sigprocmask(SIG_BLOCK, &h->ends, &h->usual);
}

/* Until the next look; a signal that comes meanwhile is kept in @h. */
static void rest(struct rehearsal *h)
{
	const struct timespec step = {.tv_nsec = POLL_MS * 1000000L};
	int n = sigtimedwait(&h->ends, NULL, &step);

	if (n > 0)
		h->ended_by = n;
}

/* The longest that a target may take that is as it should be. */
static uint64_t limit_of(const struct config *c)
{
	return ((uint64_t)c->device_timeout + c->network_timeout + 3 * c->tier_limit) * MS +
	       SAMPLE_MS + SPARE_MS;
}

/* What is mounted here is nobody else's; a process that may not do this may not mount either. */
static void leave_mounts(void)
{
	if (!unshare(CLONE_NEWNS))
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static void __attribute__((noreturn)) work(struct rehearsal *h, const struct trial_job *job)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != job->owner)
		_exit(1);
	sigprocmask(SIG_SETMASK, &h->usual, NULL);
	leave_mounts();
	trial_run(job);
	_exit(0);
}

/* Asks once for the end of the sample, when it is large enough. */
static void limit_sample(struct rehearsal *h, uint64_t *since, bool *asked)
{
	struct watch *w = &h->shared->watch;
	uint64_t most = h->shared->report.sample_max;

	if (w->stage != STAGE_PAGES || *asked) {
		*since = 0;
		return;
	}
	if (!*since)
		*since = log_now_ms();
	*asked = log_now_ms() - *since >= SAMPLE_MS || w->saved >= SAMPLE_BYTES ||
		 (most && w->saved >= most);
	if (*asked)
		watch_ask(w, w->turn, WATCH_STOP_ALL, WHY_ASKED);
}

static void end_it(struct rehearsal *h, pid_t pid, int *status)
{
	uint64_t end = log_now_ms() + LEFT_MS;

	kill(pid, SIGKILL);
	while (waitpid(pid, status, WNOHANG) == 0 && log_now_ms() < end)
		rest(h);
}

/*
 * By a process of its own: what was mounted went with who mounted it, and any of this may hang. It
 * ends in time whatever becomes of this one.
 */
static void clean(struct rehearsal *h, struct trial_job job)
{
	struct trial_report *r = job.report;
	int status = 0;
	pid_t pid;

	job.end_ms = log_now_ms() + CLEAN_MS;
	pid = fork();
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm((CLEAN_MS + LEFT_MS) / MS);
		leave_mounts();
		trial_clean(&job);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
		if (log_now_ms() > job.end_ms) {
			end_it(h, pid, &status);
			break;
		}
		rest(h);
	}
	if (r->left && r->nnotes < TRIAL_NOTES_MAX)
		snprintf(r->notes[r->nnotes++], sizeof(r->notes[0]),
			 "what it had written is left there, in a directory " REMAINS_PREFIX
			 "...: the next rehearsal removes it");
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
			 "killed in stage '%s': by somebody, or by the kernel for want of memory",
			 where);
	else
		snprintf(r->reason, sizeof(r->reason), "crashed in stage '%s': %s", where,
			 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "without a word");
}

/* Until it has ended, its time is over or an end is wanted; then it is gone in any case. */
static void attend(struct rehearsal *h, pid_t pid, uint64_t end_ms, uint64_t limit_ms)
{
	struct trial_report *r = &h->shared->report;
	uint64_t since = 0;
	bool late = false, asked = false;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		late = log_now_ms() > end_ms;
		if (late || h->ended_by) {
			end_it(h, pid, &status);
			break;
		}
		limit_sample(h, &since, &asked);
		rest(h);
	}
	if (!r->ended)
		judge_death(r, status, late, limit_ms);
}

static int try_target(struct rehearsal *h, unsigned int target, struct err *err)
{
	const struct config_target *t = &h->config->targets[target];
	struct trial_report *r = &h->shared->report;
	uint64_t limit_ms = limit_of(h->config);
	const struct trial_job job = {
		.config = h->config,
		.target = target,
		.input = h->input,
		.log = h->log,
		.watch = &h->shared->watch,
		.memory = h->memory,
		.end_ms = log_now_ms() + limit_ms,
		.owner = getpid(),
		.report = r,
	};
	pid_t pid;

	memset(h->shared, 0, sizeof(*h->shared));
	snprintf(r->target, sizeof(r->target), "%s %.100s", config_target_name(t),
		 t->kind == CONFIG_TARGET_LOCAL ? t->path : t->where);
	pid = fork();
	if (pid < 0)
		return err_sys(err, "no process for a target");
	if (pid == 0)
		work(h, &job);
	attend(h, pid, job.end_ms, limit_ms);
	if (!r->ended && r->left)
		clean(h, job);
	if (h->ended_by)
		return err_set(err, ERR_STOPPED, "ended by signal %d (%s)%s", h->ended_by,
			       strsignal(h->ended_by),
			       r->left ? "; a directory " REMAINS_PREFIX "... is left on the target"
				       : "");
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
	json_array(j, "took");
	for (int i = 0; i < STAGES; i++)
		if (r->done[i])
			json_string(j, NULL, manifest_stage_name(i));
	json_array_end(j);
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
	// What it tries is for nobody once who asked is gone, but what it wrote is to go.
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	h->config = config;
	h->input = input;
	h->memory = memory;
	h->log = log;
	hold_signals(h);
	h->shared = watch_share(sizeof(*h->shared));
	if (!h->shared) {
		sigprocmask(SIG_SETMASK, &h->usual, NULL);
		return err_set(err, ERR_NOMEM, "no memory to begin with");
	}
	for (unsigned int t = 0; t < config->ntargets && !rc; t++)
		rc = try_target(h, t, err);
	if (!rc)
		rc = put_all(h, fd, err);
	watch_unshare(h->shared, sizeof(*h->shared));
	sigprocmask(SIG_SETMASK, &h->usual, NULL);
	return rc;
}
