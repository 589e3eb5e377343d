// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/captain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/action.h"
#include "collector/capture.h"
#include "collector/course.h"
#include "collector/deadline.h"
#include "collector/hooks.h"
#include "collector/log.h"
#include "collector/lowwater.h"
#include "collector/manifest.h"
#include "collector/oom.h"
#include "collector/orphans.h"
#include "collector/pstore.h"
#include "collector/watch.h"
#include "collector/watchdog.h"
#include "vmcore/config.h"

enum {
	POLL_MS = 100,
	LEFT_MS = 5000, // for one that was killed to be gone
	WATCHDOG_SPARE_S = 15, // that the hardware waits beyond the longest silence
	WATCHDOG_DOWN_S = 120, // for the final action: sync, devices, /init's own way
	WATCHDOG_HOOKS_S = 600, // and where hooks come before it
	LEVEL_LEAST = 31,
	NO_MEMORY_KNOWN = 1 << 30, // MiB: a budget above that stands for none
};

/* What all processes see. */
struct shared {
	struct log log;
	struct lowwater low; // of the whole machine
	struct watch report; // of who writes the last manifests
	struct watch watches[COURSE_ATTEMPTS_MAX]; // one for each attempt
};

struct captain {
	const struct config *config;
	const char *input;
	bool appliance;
	struct log *log; // in shared memory
	struct shared *shared;
	struct limits limits;
	uint64_t end; // limits.end, as configured
	uint64_t run; // random: whose the crash directories are that workers leave
	uint64_t time; // seconds since 1970, when all of it began
	const char *refused; // why no dump is wanted, or NULL
	struct course course;
	struct watchdog dog;
	struct attempt attempts[COURSE_ATTEMPTS_MAX];
	size_t n;
};

/* A worker and how it ended. */
struct worker {
	pid_t pid;
	int pidfd; // -1: this kernel has none
	struct watch *watch;
	struct deadline deadline;
	bool killed; // by us
	bool gone; // it could be reaped
	bool counts; // the kernel says how many it has killed for lack of memory:
	uint64_t oom_kills; // so many before this one
	int status; // of waitpid()
	enum verdict_why why; // it was killed, or asked to end
};

static uint64_t cpu_ms(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void take_pulse(const struct worker *w, struct pulse *p)
{
	*p = (struct pulse){
		.now = log_now_ms(),
		.turn = w->watch->turn,
		.stage = w->watch->stage,
		.written = w->watch->written,
		.saved = w->watch->saved,
		.beats = w->watch->beats,
		.cpu = cpu_ms(w->pid),
	};
}

/* Waits for its end, @ms at most. */
static bool has_ended(struct worker *w, int ms)
{
	struct pollfd p = {.fd = w->pidfd, .events = POLLIN};

	// Without a descriptor it is a nap: poll() passes over negative ones.
	if (waitpid(w->pid, &w->status, WNOHANG) != w->pid) {
		poll(&p, 1, ms);
		if (waitpid(w->pid, &w->status, WNOHANG) != w->pid)
			return false;
	}
	w->gone = true;
	return true;
}

static void end_it(struct captain *c, struct worker *w, enum verdict_why why)
{
	uint64_t end = log_now_ms() + LEFT_MS;

	if (why != WHY_ASKED)
		w->why = why;
	log_line(c->log, LOG_ERROR, "%s, in stage %s: the worker is killed", verdict_why_name(why),
		 manifest_stage_name(w->watch->stage));
	w->killed = true;
	kill(w->pid, SIGKILL);
	while (!has_ended(w, POLL_MS) && log_now_ms() < end)
		;
	if (!w->gone)
		log_line(c->log, LOG_ERROR, "it hangs in the kernel and is left behind");
}

static void ask_it(struct captain *c, struct worker *w, enum watch_stop stop, enum verdict_why why)
{
	w->why = why;
	log_line(c->log, LOG_ERROR, "%s, in stage %s: %s", verdict_why_name(why),
		 manifest_stage_name(w->watch->stage),
		 stop == WATCH_STOP_TIER ? "it is to be left out"
					 : "what is there is to be made an incomplete dump");
	watch_ask(w->watch, w->deadline.last.turn, stop, why);
}

static void watch_over(struct captain *c, struct worker *w)
{
	enum verdict_why why;
	struct pulse p;
	bool progress;

	take_pulse(w, &p);
	deadline_begin(&w->deadline, &c->limits, &p);
	while (!has_ended(w, POLL_MS)) {
		take_pulse(w, &p);
		lowwater_sample(&c->shared->low);
		switch (deadline_check(&w->deadline, &p, &why, &progress)) {
		case VERDICT_GO_ON:
			break;
		case VERDICT_STOP_TIER:
			ask_it(c, w, WATCH_STOP_TIER, why);
			break;
		case VERDICT_STOP_ALL:
			ask_it(c, w, WATCH_STOP_ALL, why);
			break;
		case VERDICT_KILL:
			end_it(c, w, why);
			return;
		}
		if (progress)
			watchdog_feed(&c->dog);
	}
}

/*
 * A worker that hangs in mount(2) and is left behind may end that at any time, on top of what
 * another has mounted by then. Nobody else sees what it mounts; a process that may not do this may
 * not mount either.
 */
static void mount_apart(void)
{
	if (!unshare(CLONE_NEWNS))
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* In the worker. */
static void __attribute__((noreturn))
work(struct captain *c, pid_t parent, int (*run)(struct captain *c, void *ctx), void *ctx)
{
	// Nobody watches one whose supervisor is gone, and /init goes on to the final action.
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILED);
	mount_apart();
	// One that is left behind must not hold it open when it is to be stopped.
	if (c->dog.fd >= 0)
		close(steal_fd(&c->dog.fd));
	if (c->appliance)
		oom_set_score(OOM_LAST);
	_exit(run(c, ctx) ? EXIT_FAILED : EXIT_COMPLETE);
}

/* Runs it in a process of its own, until that has ended or is left behind. */
static int run_worker(struct captain *c, struct worker *w, int (*run)(struct captain *c, void *ctx),
		      void *ctx, struct err *err)
{
	pid_t parent = getpid();

	// To move on is progress, too, and there is an end to it.
	watchdog_feed(&c->dog);
	w->counts = oom_kills("", &w->oom_kills);
	w->pid = fork();
	if (w->pid < 0)
		return err_sys(err, "no process for a worker");
	if (w->pid == 0)
		work(c, parent, run, ctx);
	w->pidfd = syscall(SYS_pidfd_open, w->pid, 0);
	watch_over(c, w);
	if (w->pidfd >= 0)
		close(w->pidfd);
	if (w->gone)
		orphans_end();
	return 0;
}

static void __attribute__((format(printf, 2, 3)))
set_reason(struct attempt *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->reason, sizeof(a->reason), fmt, ap);
	va_end(ap);
}

/* Has the kernel killed somebody for that since @w began? Where it does not say, it may have. */
static bool memory_ran_out(const struct worker *w)
{
	uint64_t now;

	return !w->counts || !oom_kills("", &now) || now != w->oom_kills;
}

/* Of one that is gone without having told all. */
static void judge_death(struct attempt *a, const struct worker *w)
{
	int sig = w->gone && WIFSIGNALED(w->status) ? WTERMSIG(w->status) : 0;
	const char *stage = manifest_stage_name(a->stage);

	if (w->killed) {
		a->outcome = w->gone ? OUTCOME_STUCK : OUTCOME_LEFT;
		a->busy = deadline_busy(&w->deadline);
		set_reason(a, "%s, in stage %s; the worker was killed%s", verdict_why_name(w->why),
			   stage, w->gone ? "" : ", but hangs in the kernel");
	} else if (sig == SIGKILL && !memory_ran_out(w)) {
		a->outcome = OUTCOME_SHOT;
		set_reason(a, "killed in stage %s, neither from here nor for lack of memory",
			   stage);
	} else if (sig == SIGKILL) {
		a->outcome = OUTCOME_NOMEM;
		set_reason(a, "killed in stage %s: out of memory, as it seems", stage);
	} else if (sig) {
		a->outcome = OUTCOME_CRASHED;
		set_reason(a, "crashed in stage %s: %s", stage, strsignal(sig));
	} else {
		a->outcome = OUTCOME_CRASHED;
		set_reason(a, "ended in stage %s without a word, status %d", stage,
			   WEXITSTATUS(w->status));
	}
}

static void judge(struct attempt *a, const struct worker *w)
{
	const struct watch *watch = w->watch;

	a->stage = watch->ended ? watch->ended_in : watch->stage;
	a->status = watch->status;
	a->bytes = watch->written;
	for (int t = 0; t < TIERS; t++)
		a->tiers[t] = watch->tiers[t];
	if (watch->dir[0])
		snprintf(a->dir, sizeof(a->dir), "%.*s", (int)sizeof(watch->dir) - 1, watch->dir);
	// It may have ended just behind that, or in what is done to a dump that is safe.
	if (a->tiers[TIER_DUMP] == TIER_COMMITTED)
		a->status = MANIFEST_COMPLETE;
	if (a->status != MANIFEST_COMPLETE && (!watch->ended || !w->gone)) {
		judge_death(a, w);
		return;
	}
	a->outcome = course_outcome(watch->code, a->status, a->stage);
	set_reason(a, "%.*s", MANIFEST_REASON_MAX - 1, watch->reason);
}

static const struct attempt *last_on(const struct captain *c, unsigned int target, size_t n)
{
	while (n--)
		if (c->attempts[n].target == target && c->attempts[n].rung != COURSE_CONSOLE)
			return &c->attempts[n];
	return NULL;
}

static struct watch *watch_of(struct captain *c, const struct attempt *a)
{
	return &c->shared->watches[a - c->attempts];
}

static void name_target(const struct captain *c, unsigned int target, char *buf, size_t room)
{
	const struct config_target *t = &c->config->targets[target];

	snprintf(buf, room, "%s %s", config_target_name(t),
		 t->kind == CONFIG_TARGET_LOCAL ? t->path : t->where);
}

/* What the last one had, halved as often as the step says beyond it. */
static uint64_t choose_memory(struct captain *c, const struct step *step)
{
	const struct attempt *last = c->n ? &c->attempts[c->n - 1] : NULL;
	uint64_t memory = last ? watch_of(c, last)->memory : 0;

	if (!step->memory_step || !memory || memory >> 20 >= NO_MEMORY_KNOWN)
		return 0;
	return step->memory_step > last->memory_step ? memory / 2 : memory;
}

/* Begins the row of an attempt, with what an earlier one left on the target. */
static struct attempt *add_attempt(struct captain *c, const struct step *step)
{
	const struct attempt *before = last_on(c, step->target, c->n);
	struct attempt *a = &c->attempts[c->n++];
	struct watch *w = watch_of(c, a);

	*a = (struct attempt){
		.target = step->target,
		.rung = step->rung,
		.memory_step = step->memory_step,
	};
	if (step->rung == COURSE_CONSOLE) {
		snprintf(a->name, sizeof(a->name), "console");
		return a;
	}
	name_target(c, step->target, a->name, sizeof(a->name));
	if (!before)
		return a;
	a->status = before->status;
	memcpy(a->tiers, before->tiers, sizeof(a->tiers));
	memcpy(a->dir, before->dir, sizeof(a->dir));
	w->status = a->status;
	for (int t = 0; t < TIERS; t++)
		w->tiers[t] = a->tiers[t];
	return a;
}

static uint64_t end_of_target(const struct captain *c)
{
	const struct limits *l = &c->limits;
	uint64_t end = l->end ? l->end - 2 * l->grace : 0;
	uint64_t own = l->target ? log_now_ms() + l->target : 0;

	return own && (!end || own < end) ? own : end;
}

/* The strictest that the governor said on any target. What is none was written by a worker gone mad. */
static enum governor_verdict verdict_so_far(struct captain *c)
{
	enum governor_verdict verdict = GOVERNOR_FULL;

	for (size_t i = 0; i < c->n; i++) {
		uint32_t said = c->shared->watches[i].verdict;

		if (said > verdict && said <= GOVERNOR_NONE)
			verdict = said;
	}
	return verdict;
}

/* Is there a worker that has begun what is done once? Where one hung, no other is to hang. */
static bool cpus_were_tried(const struct captain *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->shared->watches[i].cpus)
			return true;
	return false;
}

/* Workers that pay, as the first attempt that got so far has found; 0: none has. */
static unsigned int workers_known(const struct captain *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->shared->watches[i].workers)
			return c->shared->watches[i].workers;
	return 0;
}

static bool record_was_told(const struct captain *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->shared->watches[i].record)
			return true;
	return false;
}

static int run_capture(struct captain *c, void *ctx)
{
	(void)c;
	return capture_run(ctx);
}

static void try_step(struct captain *c, const struct step *step)
{
	const struct attempt *before =
		step->rung == COURSE_CONSOLE ? NULL : last_on(c, step->target, c->n);
	uint64_t memory = choose_memory(c, step), start = log_now_ms();
	struct attempt *a = add_attempt(c, step);
	struct worker w = {.watch = watch_of(c, a)};
	struct err err = {0};
	struct capture_job job = {
		.config = c->config,
		.input = c->input,
		.log = c->log,
		.watch = w.watch,
		.low = &c->shared->low,
		.step = *step,
		.run = c->run,
		.time = c->time,
		.refused = c->refused,
		.memory = memory,
		.before = before ? watch_of(c, before) : NULL,
		.verdict = verdict_so_far(c),
		.appliance = c->appliance,
		.bring_up_cpus = !cpus_were_tried(c),
		.workers = workers_known(c),
		.tell_record = !record_was_told(c),
		.attempts = c->attempts,
		.nattempts = c->n,
	};

	if (c->n > 1)
		log_line(c->log, LOG_COMMON, "next: %s (%s)%s", a->name, course_rung_name(a->rung),
			 step->memory_step ? ", with half the memory" : "");
	c->limits.target = c->config->targets[step->target].limit * 1000ULL;
	job.end_ms = end_of_target(c);
	if (run_worker(c, &w, run_capture, &job, &err)) {
		a->outcome = OUTCOME_NOMEM;
		a->stage = STAGE_OPEN;
		set_reason(a, "%s", err.msg);
	} else {
		judge(a, &w);
	}
	a->ms = log_now_ms() - start;
	c->course.no_dump = verdict_so_far(c) != GOVERNOR_FULL;
	c->course.nothing = verdict_so_far(c) == GOVERNOR_NONE;
	if (!w.watch->ended && a->outcome != OUTCOME_COMPLETE)
		log_line(c->log, LOG_ERROR, "%s: %s", a->name, a->reason);
}

struct report {
	struct capture_job job;
	struct manifest_head head;
	const struct attempt *attempt;
	const char *body;
};

static int run_report(struct captain *c, void *ctx)
{
	struct report *r = ctx;

	(void)c;
	return capture_report(&r->job, &r->head, r->body, r->attempt->dir);
}

/* A try with less of a dump may have gone into a directory of its own. */
static bool same_dir(const struct attempt *a, const struct attempt *b)
{
	return a->target == b->target && a->rung != COURSE_CONSOLE && b->rung != COURSE_CONSOLE &&
	       strcmp(a->dir, b->dir) == 0;
}

static bool is_last_there(const struct captain *c, const struct attempt *a)
{
	for (const struct attempt *b = a + 1; b < c->attempts + c->n; b++)
		if (same_dir(a, b))
			return false;
	return a->dir[0];
}

/* The latest text that a worker left of the directory that @of went into. */
static const char *body_of(struct captain *c, const struct attempt *of)
{
	for (size_t i = c->n; i--;) {
		const struct attempt *a = &c->attempts[i];

		if (same_dir(a, of) && watch_of(c, a)->body_size)
			return watch_of(c, a)->body;
	}
	return "";
}

/*
 * What a directory does not know yet, @a being the last attempt that went into it: of attempts
 * that came after, and of this one if the worker was killed before it could tell.
 */
static void report_to(struct captain *c, const struct attempt *a)
{
	struct worker w = {.watch = &c->shared->report};
	struct report r;
	struct err err = {0};

	if (a->outcome == OUTCOME_LEFT || last_on(c, a->target, c->n)->outcome == OUTCOME_LEFT)
		return;
	if (a == &c->attempts[c->n - 1] && watch_of(c, a)->told)
		return;
	memset(w.watch, 0, sizeof(*w.watch));
	r = (struct report){
		.job = {.config = c->config,
			.log = c->log,
			.watch = w.watch,
			.low = &c->shared->low,
			.step = {.target = a->target},
			.run = c->run,
			.time = c->time,
			.end_ms = c->end,
			.attempts = c->attempts,
			.nattempts = c->n},
		.head = {.status = a->status,
			 .reason = a->reason,
			 .tiers = a->tiers,
			 .attempts = c->attempts,
			 .nattempts = c->n},
		.attempt = a,
		.body = body_of(c, a),
	};
	if (run_worker(c, &w, run_report, &r, &err))
		log_line(c->log, LOG_ERROR, "warning: %s", err.msg);
}

/* The last directory first: it has the most. */
static void report_target(struct captain *c, unsigned int t)
{
	for (size_t i = c->n; i--;) {
		const struct attempt *a = &c->attempts[i];

		if (a->target != t || a->rung == COURSE_CONSOLE || !is_last_there(c, a))
			continue;
		if (c->end && log_now_ms() >= c->end)
			return;
		report_to(c, a);
	}
}

static void report_all(struct captain *c)
{
	// The grace that is left of the deadline is for this; a target that was slow gets little of it.
	if (c->end)
		c->limits.end = c->end + 2 * c->limits.grace;
	if (c->limits.grace && (!c->limits.tier || c->limits.tier > c->limits.grace))
		c->limits.tier = c->limits.grace;
	c->limits.open = c->limits.tier;
	c->limits.stall_time = c->limits.tier;
	c->limits.target = 0;
	for (unsigned int t = 0; t < c->course.ntargets; t++)
		report_target(c, t);
}

static void say_attempts(const struct captain *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct attempt *a = &c->attempts[i];
		bool done = a->outcome == OUTCOME_COMPLETE;

		log_line(c->log, done ? LOG_COMMON : LOG_ERROR,
			 "attempt %zu: %s (%s): %s, %s, %" PRIu64 " bytes in %" PRIu64 ".%" PRIu64
			 " s%s%s",
			 i + 1, a->name, course_rung_name(a->rung), outcome_name(a->outcome),
			 manifest_status_name(a->status), a->bytes, a->ms / 1000, a->ms / 100 % 10,
			 a->reason[0] ? ": " : "", a->reason);
	}
}

/* The next boot may not see the target that has the dump. */
static void tell_next_boot(const struct captain *c)
{
	char line[ERR_MSG_MAX];
	struct pstore pstore;
	struct err err = {0};
	size_t len = c->appliance ? course_tell(c->attempts, c->n, line, sizeof(line)) : 0;

	if (len && pstore_put("", line, len, &pstore, &err) && err.code != ERR_NOTFOUND)
		log_line(c->log, LOG_ERROR, "warning: %s", err.msg);
}

static bool needs_network(const struct config *f)
{
	for (size_t t = 0; t < f->ntargets; t++)
		if (f->targets[t].kind == CONFIG_TARGET_NFS ||
		    f->targets[t].kind == CONFIG_TARGET_SSH)
			return true;
	return false;
}

static void set_limits(struct captain *c)
{
	const struct config *f = c->config;
	struct deadline_conf conf = {
		.start = c->log->start_ms,
		.capture_deadline = f->capture_deadline,
		.target_limit = f->target_limit,
		.tier_limit = f->tier_limit,
		.stall_time = f->stall_time,
		.stall_rate = f->stall_rate,
		.open_timeout = f->device_timeout,
	};

	if (needs_network(f))
		conf.open_timeout += f->network_timeout;

	limits_make(&c->limits, &conf);
	c->end = c->limits.end;
}

static void set_course(struct captain *c)
{
	const struct config *f = c->config;
	const struct dumpopts *o = &f->collect;

	c->course = (struct course){
		.ntargets = f->ntargets,
		.wanted = f->targets_wanted < f->ntargets ? f->targets_wanted : f->ntargets,
		.smaller = o->format != DUMP_FORMAT_RAW && o->nlevels &&
			   (o->levels[o->nlevels - 1] & LEVEL_LEAST) != LEVEL_LEAST,
	};
	if (!c->course.wanted)
		c->course.wanted = 1;
	for (size_t t = 0; t < f->ntargets; t++)
		if (f->targets[t].kind == CONFIG_TARGET_RAW)
			c->course.bare |= 1U << t;
}

static void take_watchdog(struct captain *c)
{
	unsigned int wish = (limits_silence(&c->limits) + 999) / 1000 + WATCHDOG_SPARE_S;
	unsigned int spare; // that it waits when we do not any more
	struct err err = {0};

	if (watchdog_open(&c->dog, c->config->watchdog, wish, &err)) {
		log_line(c->log, LOG_ERROR, "warning: %s", err.msg);
		return;
	}
	if (c->dog.fd < 0)
		return;
	log_line(c->log, LOG_COMMON, "watchdog '%s' armed: %u s", c->dog.name, c->dog.seconds);
	if (!c->dog.seconds)
		return;
	spare = c->dog.seconds / 2 < WATCHDOG_SPARE_S ? c->dog.seconds / 2 : WATCHDOG_SPARE_S;
	if (limits_clamp(&c->limits, (c->dog.seconds - spare) * 1000ULL))
		log_line(c->log, LOG_ERROR,
			 "warning: it does not wait longer, so neither does "
			 "the collector: limits are shortened");
}

/*
 * A reset beats a machine that hangs on its way down. But whoever wants it halted, or types at
 * it, does not want it reset.
 */
static void leave_watchdog(struct captain *c, int code)
{
	bool failed = code != EXIT_COMPLETE && code != EXIT_REFUSED;
	const struct config *f = c->config;
	enum config_action action = failed ? f->failure_action : f->final_action;
	bool hooks = f->kdump_post[0] || f->kdump_emergency[0] || !access(HOOKS_DIR, F_OK);

	if (action == CONFIG_ACTION_DUMP_TO_ROOTFS)
		action = f->final_action;
	if (action == CONFIG_ACTION_REBOOT)
		watchdog_leave(&c->dog, hooks ? WATCHDOG_HOOKS_S : WATCHDOG_DOWN_S);
	else
		watchdog_disarm(&c->dog);
}

static void try_all(struct captain *c)
{
	struct step step;

	while (course_next(&c->course, c->attempts, c->n, &step)) {
		if (!c->course.over && !deadline_time_left(&c->limits, log_now_ms())) {
			log_line(c->log, LOG_ERROR,
				 "capture_deadline is over: no other target is tried");
			c->course.over = true;
			// Of the two graces before the end, the first is for the console.
			c->limits.end = c->end + c->limits.grace;
			continue;
		}
		try_step(c, &step);
	}
}

/* NULL, which is logged, when there is no memory. captain_end() is to be called. */
static struct captain *captain_begin(const struct config *config, const char *input, bool appliance,
				     struct log *log)
{
	struct captain *c = calloc(1, sizeof(*c));
	struct shared *s = watch_share(sizeof(*s));

	if (!c || !s) {
		log_line(log, LOG_ERROR, "no memory to begin with");
		watch_unshare(s, sizeof(*s));
		free(c);
		return NULL;
	}
	s->log = *log;
	c->config = config;
	c->input = input;
	c->appliance = appliance;
	c->log = &s->log;
	c->shared = s;
	c->dog.fd = -1;
	c->time = time(NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	// Without one, each worker is on its own there.
	if (getrandom(&c->run, sizeof(c->run), GRND_NONBLOCK) != sizeof(c->run))
		c->run = 0;
	if (appliance)
		oom_set_score(OOM_NEVER);
	set_limits(c);
	set_course(c);
	if (appliance)
		take_watchdog(c);
	return c;
}

static int captain_end(struct captain *c, int code, struct log *log)
{
	leave_watchdog(c, code);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	*log = c->shared->log;
	watch_unshare(c->shared, sizeof(*c->shared));
	free(c);
	return code;
}

int captain_run(const struct config *config, const char *input, bool appliance, struct log *log)
{
	struct captain *c = captain_begin(config, input, appliance, log);

	if (!c)
		return EXIT_FAILED;
	try_all(c);
	report_all(c);
	say_attempts(c);
	tell_next_boot(c);
	return captain_end(c, course_exit_code(&c->course, c->attempts, c->n), log);
}

int captain_refuse(const struct config *config, const char *input, const char *why, struct log *log)
{
	static const struct step console = {.rung = COURSE_CONSOLE};
	struct captain *c = captain_begin(config, input, true, log);

	if (!c)
		return EXIT_REFUSED;
	c->refused = why;
	try_step(c, &console);
	return captain_end(c, EXIT_REFUSED, log);
}
