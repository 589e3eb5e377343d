// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/capture.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/cpus.h"
#include "collector/dmesg.h"
#include "collector/dump.h"
#include "collector/input.h"
#include "collector/log.h"
#include "collector/lowwater.h"
#include "collector/manifest.h"
#include "collector/mini.h"
#include "collector/plan.h"
#include "collector/pstore.h"
#include "collector/record.h"
#include "collector/sink.h"
#include "collector/target.h"
#include "collector/upkeep.h"
#include "collector/watch.h"
#include "vmcore/config.h"
#include "vmcore/crashdir.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

/* The codec of a second try: of those that any reader knows it costs least. */
#define CHEAP_CODEC "lzo"

enum {
	SPARE_SIZE = MANIFEST_SIZE_MAX + LOG_KEPT_MAX,
	LEVEL_LEAST = 31,
};

struct capture {
	const struct capture_job *job;
	struct log *log;
	struct watch *watch;
	struct input in;
	struct target target;
	struct attempt *now; // this attempt, in the job
	int spare; // holds room for manifest and log where the dump fills the target, or -1
	struct dumpopts opts; // as configured, or less
	struct cpus cpus;
	struct record record;
	struct mini mini; // of this attempt
	struct governor_result verdict;
	struct plan plan;
	struct dump dump;
	struct manifest m;
	char manifest_text[MANIFEST_TEXT_MAX];
	uint64_t start_ms, stage_start_ms;
	enum manifest_stage stage;
};

/* Ends a stage, and begins the next. */
static void stage(struct capture *c, enum manifest_stage next)
{
	uint64_t now = log_now_ms();

	c->m.stage_ms[c->stage] += now - c->stage_start_ms;
	c->stage_start_ms = now;
	c->stage = next;
	watch_stage(c->watch, next);
}

/* What is safe on the target is told to who watches before anything else is begun. */
static void set_tier(struct capture *c, enum tier tier, enum tier_state state)
{
	c->now->tiers[tier] = state;
	watch_tier(c->watch, tier, state);
}

static enum manifest_status status_of(const enum tier_state *tiers)
{
	if (tiers[TIER_DUMP] == TIER_COMMITTED)
		return MANIFEST_COMPLETE;
	if (tiers[TIER_DUMP] == TIER_INCOMPLETE)
		return MANIFEST_INCOMPLETE;
	if (tiers[TIER_MINI] == TIER_COMMITTED)
		return MANIFEST_MINI;
	return tiers[TIER_DMESG] == TIER_COMMITTED ? MANIFEST_DMESG : MANIFEST_FAILED;
}

static void set_status(struct capture *c)
{
	c->now->status = c->m.status = status_of(c->now->tiers);
	if (c->watch)
		c->watch->status = c->m.status;
}

/* The first failure is the reason; those that follow from it are only logged. */
static void failed(struct capture *c, const struct err *err)
{
	log_line(c->log, LOG_ERROR, "%s", err->msg);
	if (!c->m.reason[0])
		snprintf(c->m.reason, sizeof(c->m.reason), "%s", err->msg);
}

/*
 * The manifest as far as it is known, for who comes after this process. Its size is 0 while it
 * is being written.
 */
static void leave_body(struct capture *c)
{
	size_t len;

	c->m.total_ms = log_now_ms() - c->start_ms;
	lowwater_sample(c->job->low);
	c->m.low_kib = c->job->low ? c->job->low->kib : 0;
	c->m.budget_kib = c->watch->memory >> 10;
	c->watch->body_size = 0;
	len = manifest_body(&c->m, c->watch->body, sizeof(c->watch->body));
	c->watch->body_size = len;
}

static int open_core(struct capture *c, struct err *err)
{
	const struct kmem *km = &c->in.km;
	const char *path = c->job->input;
	int rc = input_open(&c->in, &path, 1, c->log, err);

	if (rc)
		return rc;
	c->m.km = km;
	log_line(c->log, LOG_COMMON, "%s of Linux %s, %u CPUs, %zu ranges of memory", path,
		 km->uts.release, km->ncpus, vmcore_info(c->in.vc)->nranges);
	return 0;
}

/* Somebody died of it before, or it is to be done. */
static bool is_skipped(const struct capture *c, enum tier tier)
{
	return c->job->step.skip & 1U << tier;
}

/*
 * The panic record, before any target is touched. The first attempt that has it puts it where no
 * target is needed: on the console, and in pstore. @trouble: why the vmcore cannot be opened.
 */
static void make_record(struct capture *c, const char *trouble)
{
	struct pstore pstore;
	struct err err = {0};

	if (is_skipped(c, TIER_RECORD))
		return;
	stage(c, STAGE_RECORD);
	record_make(&c->record, trouble ? NULL : &c->in.km, trouble);
	snprintf(c->m.panic, sizeof(c->m.panic), "%s", c->record.panic);
	if (!c->job->tell_record || !c->job->appliance)
		return;
	c->watch->record = true;
	record_print(&c->record, c->log);
	if (!pstore_put("", c->record.text, c->record.size, &pstore, &err))
		log_line(c->log, LOG_COMMON, "panic record: pstore (%s) keeps it%s", pstore.backend,
			 pstore.now ? "" : " when the machine goes down in order");
	else if (err.code != ERR_NOTFOUND)
		log_line(c->log, LOG_ERROR, "warning: panic record: %s", err.msg);
}

static uint64_t crash_time(const struct capture *c)
{
	uint64_t said = c->in.km.crashtime;

	return said && said <= CRASHDIR_TIME_LAST ? said : (uint64_t)c->job->time;
}

/* Tells what the directory of this crash is called; what was in another one does not count. */
static void name_dir(struct capture *c)
{
	const char *slash = strrchr(c->target.dir, '/');

	snprintf(c->now->dir, sizeof(c->now->dir), "%.*s", (int)sizeof(c->now->dir) - 1,
		 slash ? slash + 1 : c->target.dir);
	snprintf(c->watch->dir, sizeof(c->watch->dir), "%s", c->now->dir);
	for (int t = 0; t < TIERS; t++)
		set_tier(c, t, TIER_NONE);
	set_status(c);
}

/* 127.0.0.1-2026-11-21-03:44:59: made anew for each crash. */
static int make_crash_dir(struct capture *c, struct err *err)
{
	struct target *t = &c->target;
	time_t when = crash_time(c);
	char stamp[CRASHDIR_STAMP_LEN + 1], name[TARGET_HOST_MAX + 40];
	int rc;

	// Of a second try: what is there is added to. A larger dump that is not whole stays where it
	// is until there is a smaller one that is, if there is room for both.
	if (c->now->dir[0] && t->ops->use_dir &&
	    !(c->job->step.rung == COURSE_LESS && t->ops->less_apart))
		return t->ops->use_dir(t, c->now->dir, err);
	crashdir_stamp(stamp, when > 0 ? when : 0);
	snprintf(name, sizeof(name), "%s-%s", t->host[0] ? t->host : CRASHDIR_LOCAL_HOST, stamp);
	rc = t->ops->make_dir(t, name, err);
	if (rc)
		return rc;
	name_dir(c);
	return 0;
}

/*
 * A dump that ends for lack of space must not take away the room of the two small files that
 * say so. The room is held by a file without a name, which no crash leaves behind. A file
 * system that has no such files does without, and so does a directory of another machine.
 */
static void hold_spare(struct capture *c)
{
	if (!c->target.dir[0] || !c->target.ops->open_base)
		return;
	c->spare = open(c->target.dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (c->spare >= 0 && fallocate(c->spare, 0, 0, SPARE_SIZE)) {
		close(c->spare);
		c->spare = -1;
	}
}

static void release_spare(struct capture *c)
{
	if (c->spare >= 0)
		close(c->spare);
	c->spare = -1;
}

static int save_record(struct capture *c, struct err *err)
{
	return target_put(&c->target, CRASHDIR_PANIC, c->record.text, c->record.size, err);
}

static int save_dmesg(struct capture *c, struct err *err)
{
	struct target *t = &c->target;
	struct dmesg dmesg = {0};
	struct err late = {0};
	int fd, rc, done;

	rc = t->ops->small_create(t, CRASHDIR_DMESG, &fd, err);
	if (rc)
		return rc;
	rc = dmesg_write(&c->in.km, fd, &dmesg, err);
	if (rc)
		err_prepend(err, "%s/" CRASHDIR_DMESG, t->dir);
	done = t->ops->small_commit(t, CRASHDIR_DMESG, fd, rc ? &late : err);
	if (rc && !dmesg.stats.bytes)
		t->ops->small_remove(t, CRASHDIR_DMESG);
	c->m.dmesg = dmesg.stats;
	if (dmesg.panic[0])
		snprintf(c->m.panic, sizeof(c->m.panic), "%s", dmesg.panic);
	if (rc || done)
		return rc ? rc : done;
	log_line(c->log, LOG_COMMON,
		 "log saved: %" PRIu64 " records, %" PRIu64 " bytes, %" PRIu64 " lost; %s",
		 dmesg.stats.records, dmesg.stats.bytes, dmesg.stats.lost,
		 dmesg.panic[0] ? dmesg.panic : "no panic line in it");
	return 0;
}

/* The last place for the log: whoever watches the console or the serial line has it. */
static void dmesg_to_console(struct capture *c)
{
	struct dmesg dmesg = {0};
	struct err err = {0};

	// Where it cannot be found, it cannot be printed either, and that has been said.
	if (!c->in.km.vi || !c->in.km.xlat)
		return;
	log_line(c->log, LOG_ERROR, "the log could not be saved; it follows");
	if (dmesg_write_tail(&c->in.km, c->log->fd, &dmesg, &err))
		log_line(c->log, LOG_ERROR, "warning: %s", err.msg);
	log_line(c->log, LOG_ERROR, "end of the log");
	if (!c->m.panic[0])
		snprintf(c->m.panic, sizeof(c->m.panic), "%s", dmesg.panic);
}

/*
 * One of the small tiers, unless it is safe already, or somebody died of it. Without it the dump
 * is taken all the same, which holds all of them.
 */
static void save_tier(struct capture *c, enum tier tier, enum manifest_stage next,
		      int (*save)(struct capture *c, struct err *err))
{
	struct err err = {0};
	int rc;

	if (c->now->tiers[tier] == TIER_COMMITTED || c->now->tiers[tier] == TIER_REMOVED)
		return;
	if (is_skipped(c, tier)) {
		log_line(c->log, LOG_ERROR, "warning: %s is left out: an earlier try ended in it",
			 manifest_tier_name(tier));
		return;
	}
	stage(c, next);
	set_tier(c, tier, TIER_BEGUN);
	rc = save(c, &err);
	if (rc)
		log_line(c->log, LOG_ERROR, "warning: %s", err.msg);
	c->watch->dmesg = c->m.dmesg;
	snprintf(c->watch->panic, sizeof(c->watch->panic), "%s", c->m.panic);
	set_tier(c, tier, rc ? TIER_FAILED : TIER_COMMITTED);
	if (!rc)
		watch_acknowledged_all(c->watch);
	set_status(c);
	leave_body(c);
}

static const char *dump_name(const struct dumpopts *o)
{
	return o->format == DUMP_FORMAT_FLATTENED ? CRASHDIR_FLAT : CRASHDIR_DUMP;
}

static int save_mini(struct capture *c, struct err *err)
{
	struct target *t = &c->target;
	struct sink sink;
	int rc = t->ops->open_sink(t, CRASHDIR_MINI, CRASHDIR_MINI CRASHDIR_INCOMPLETE, &sink, err);

	if (rc)
		return rc;
	sink.watch = c->watch;
	rc = mini_run(&c->dump, &sink, &c->mini, err);
	sink_close(&sink);
	if (rc)
		return rc;
	log_line(c->log, LOG_COMMON, "mini-core saved: %" PRIu64 " pages, %" PRIu64 " bytes",
		 c->mini.pages, c->mini.bytes);
	return 0;
}

/* All that is in it is in the dump, too. */
static void remove_mini(struct capture *c)
{
	if (c->now->tiers[TIER_MINI] != TIER_COMMITTED)
		return;
	c->target.ops->small_remove(&c->target, CRASHDIR_MINI);
	set_tier(c, TIER_MINI, TIER_REMOVED);
}

static int open_sink(struct capture *c, const struct dumpopts *o, struct sink *sink,
		     struct err *err)
{
	int rc = c->target.ops->open_sink(&c->target, dump_name(o), CRASHDIR_TEMP, sink, err);

	if (rc)
		return rc;
	sink->watch = c->watch;
	if (o->format != DUMP_FORMAT_FLATTENED)
		return 0;
	rc = sink_flatten(sink, err);
	if (rc)
		sink_close(sink);
	return rc;
}

/*
 * A format that the target cannot hold was told when it was loaded; now a dump in another one beats
 * none. Over ssh a plain dump needs no -F, which is there because makedumpfile needs it.
 */
static void choose_format(struct capture *c, struct dumpopts *o)
{
	enum config_target_kind kind = c->target.conf->kind;
	struct err why = {0};

	if (kind == CONFIG_TARGET_SSH && o->format != DUMP_FORMAT_KDUMP)
		err_set(&why, ERR_UNSUPPORTED, "over ssh a dump is a plain file at once");
	else if (!dumpopts_check(o, kind == CONFIG_TARGET_RAW, &why))
		return;
	log_line(c->log, LOG_ERROR, "warning: %s; writing kdump-compressed", why.msg);
	o->format = DUMP_FORMAT_KDUMP;
}

/* What the configuration wants, or what is left of it on this rung of the ladder. */
static void choose_options(struct capture *c)
{
	const struct step *step = &c->job->step;
	struct dumpopts *o = &c->opts;

	*o = c->job->config->collect;
	if (c->job->memory)
		o->memory = c->job->memory;
	choose_format(c, o);
	if (step->rung == COURSE_LESS) {
		o->levels[0] = LEVEL_LEAST;
		o->nlevels = 1;
		snprintf(o->codec, sizeof(o->codec), CHEAP_CODEC);
		o->codec_level = 0;
	}
	if (step->rung == COURSE_LESS || step->memory_step)
		o->threads = 1;
}

static int try_dump(struct capture *c, struct err *err)
{
	struct sink sink;
	int rc = open_sink(c, &c->opts, &sink, err);

	if (rc)
		return rc;
	set_tier(c, TIER_DUMP, TIER_BEGUN);
	set_status(c);
	c->dump.sink = &sink;
	rc = dump_run(&c->dump, err);
	c->stage = c->watch->stage;
	c->stage_start_ms = log_now_ms();
	sink_close(&sink);
	if (!c->dump.planned)
		c->m.plan = NULL;
	set_tier(c, TIER_DUMP,
		 c->m.status == MANIFEST_COMPLETE     ? TIER_COMMITTED
		 : c->m.status == MANIFEST_INCOMPLETE ? TIER_INCOMPLETE
						      : TIER_FAILED);
	c->m.file = c->m.status == MANIFEST_COMPLETE	 ? dump_name(&c->opts)
		    : c->m.status == MANIFEST_INCOMPLETE ? CRASHDIR_TEMP
							 : "";
	if (!rc)
		remove_mini(c);
	set_status(c);
	dump_report(&c->dump);
	return rc;
}

/*
 * A full target: would what is missing have room in the place of the mini-core? Only then may it go,
 * for beside a dump that is not whole it stays.
 */
static bool mini_is_in_the_way(const struct capture *c)
{
	return c->now->tiers[TIER_MINI] == TIER_COMMITTED && c->mini.bytes &&
	       dump_missing(&c->dump) < c->mini.bytes;
}

static int save_dump(struct capture *c, struct err *err)
{
	int rc = try_dump(c, err);

	if (rc != ERR_NOSPC || !mini_is_in_the_way(c))
		return rc;
	log_line(c->log, LOG_ERROR, "%s; once more, without the mini-core", err->msg);
	remove_mini(c);
	c->opts.levels[0] = c->opts.levels[c->opts.nlevels - 1];
	c->opts.nlevels = 1;
	return try_dump(c, err);
}

static void save_text(struct capture *c, const char *name, const char *text, size_t len)
{
	struct err err = {0};

	if (target_put(&c->target, name, text, len, &err))
		log_line(c->log, LOG_ERROR, "%s/%s: %s", c->target.dir, name, err.msg);
}

static void save_manifest(struct capture *c, const struct manifest_head *head, const char *body)
{
	size_t len = manifest_text(head, body, c->manifest_text, sizeof(c->manifest_text));

	if (len)
		save_text(c, CRASHDIR_MANIFEST, c->manifest_text, len);
}

/*
 * Not before the target is mounted and the log is safe: a CPU that hangs on its way up holds the
 * kernel's lock of CPU hotplug, and a file system that wants a workqueue waits for that for ever.
 * And not when a file is open there: who waits for the CPU has it open too, and the target could
 * not be unmounted.
 *
 * How many workers pay is asked of the kernel only where all CPUs came or failed: membarrier(2), too,
 * wants that lock, and whoever waits for it cannot be killed.
 */
static void bring_up_cpus(struct capture *c)
{
	unsigned int workers = c->job->workers ? c->job->workers : 1;

	if (c->job->bring_up_cpus) {
		c->watch->cpus = true;
		cpus_start(&c->cpus, "");
		cpus_wait(&c->cpus);
		log_line(c->log, LOG_COMMON, "%s", c->cpus.text);
	}
	stage(c, STAGE_PLAN);
	if (c->opts.threads)
		return;
	if (c->job->bring_up_cpus)
		workers = c->cpus.stuck ? c->cpus.online : dump_workers(c->log, c->cpus.online);
	c->opts.threads = workers;
	c->watch->workers = workers;
}

/* The target, and the directory of this crash on it. */
static int open_target(struct capture *c, struct err *err)
{
	const struct config *config = c->job->config;
	int rc =
		target_init(&c->target, config, &config->targets[c->job->step.target], c->log, err);

	if (rc)
		return rc;
	c->target.watch = c->watch;
	c->target.end_ms = c->job->end_ms;
	c->target.run = c->job->run;
	return target_open(&c->target, err);
}

/* Where no target gets anything this alone tells the next boot that it was not a failure. */
static void why_to_pstore(struct capture *c, const char *why)
{
	char line[ERR_MSG_MAX + 1];
	struct pstore pstore;
	struct err err = {0};
	size_t len = snprintf(line, sizeof(line), "%.*s\n", ERR_MSG_MAX - 1, why);

	if (pstore_put("", line, len, &pstore, &err) && err.code != ERR_NOTFOUND)
		log_line(c->log, LOG_ERROR, "warning: %s", err.msg);
}

/* How much of it is wanted, by what happened before. */
static void judge(struct capture *c)
{
	upkeep_judge(&c->target, &c->record, crash_time(c), c->job->verdict, &c->verdict);
	c->watch->verdict = c->verdict.verdict;
	if (!c->verdict.why[0])
		return;
	log_line(c->log, LOG_ERROR, "warning: %s", c->verdict.why);
	snprintf(c->m.reason, sizeof(c->m.reason), "%s", c->verdict.why);
	if (c->verdict.verdict == GOVERNOR_NONE && c->job->appliance)
		why_to_pstore(c, c->verdict.why);
}

/* The directory of this crash on the open target, where it has such a thing. */
static int prepare_dir(struct capture *c, struct err *err)
{
	if (!c->target.ops->make_dir)
		return 0;
	// Once for each crash; of a second try, its own directory is there already.
	if (!c->now->dir[0]) {
		// It is open: from here on what is removed counts, however long all of it takes.
		stage(c, STAGE_PLAN);
		upkeep_make_room(&c->target, crash_time(c));
		stage(c, STAGE_TARGET);
	}
	return make_crash_dir(c, err);
}

/* Where they are all that is wanted, one with the log in it must be there. */
static int check_small(struct capture *c, struct err *err)
{
	if (status_of(c->now->tiers) != MANIFEST_FAILED)
		return 0;
	// That no dump was wanted is not why there is nothing.
	c->m.reason[0] = '\0';
	return err_set(err, ERR_SYS, "neither the log nor the mini-core could be saved");
}

/* Stops at what makes the rest impossible. */
static int save_all(struct capture *c, struct err *err)
{
	int rc;

	stage(c, STAGE_TARGET);
	rc = open_target(c, err);
	if (rc)
		return rc;
	judge(c);
	if (c->verdict.verdict == GOVERNOR_NONE)
		return 0;
	rc = prepare_dir(c, err);
	if (rc)
		return rc;
	leave_body(c);
	choose_options(c);
	if (c->target.ops->make_dir) {
		save_tier(c, TIER_RECORD, STAGE_RECORD, save_record);
		save_tier(c, TIER_DMESG, STAGE_DMESG, save_dmesg);
	}
	stage(c, STAGE_PLAN);
	bring_up_cpus(c);
	c->dump = (struct dump){
		.km = &c->in.km,
		.opts = &c->opts,
		.log = c->log,
		.plan = &c->plan,
		.m = &c->m,
		.watch = c->watch,
		.sink_kept = c->target.ops->sink_kept,
	};
	if (c->target.ops->make_dir)
		save_tier(c, TIER_MINI, STAGE_MINI, save_mini);
	stage(c, STAGE_PLAN);
	if (c->job->step.rung == COURSE_TIERS || c->verdict.verdict == GOVERNOR_SMALL)
		return check_small(c, err);
	hold_spare(c);
	rc = save_dump(c, err);
	if (c->m.status == MANIFEST_COMPLETE && c->target.dir[0])
		upkeep_trim(&c->target, crash_time(c), c->now->dir);
	return rc;
}

/* Everything is told here, and nothing of it is touched again. */
static void leave_result(struct capture *c, int rc)
{
	struct watch *w = c->watch;

	snprintf(w->reason, sizeof(w->reason), "%s", c->m.reason);
	leave_body(c);
	w->code = rc;
	w->ended_in = c->stage;
	w->ended = true;
}

static void say_result(struct capture *c)
{
	const char *what = c->verdict.verdict != GOVERNOR_FULL ? "no dump was wanted"
							       : "no dump was saved";

	if (c->m.status == MANIFEST_COMPLETE) {
		log_line(c->log, LOG_COMMON, "committed %s",
			 c->target.dir[0] ? c->target.dir : c->target.device);
		return;
	}
	if (c->m.status == MANIFEST_INCOMPLETE)
		what = "what was saved is in " CRASHDIR_TEMP;
	else if (c->m.status == MANIFEST_MINI)
		what = c->verdict.verdict != GOVERNOR_FULL ? "no dump was wanted"
							   : "no dump but the mini-core was saved";
	log_line(c->log, LOG_ERROR, "%s: %s", manifest_status_name(c->m.status), what);
}

static void let_go(struct capture *c, int rc)
{
	struct attempt *now = c->now;
	struct manifest_head head = {
		.status = c->m.status,
		.reason = c->m.reason,
		.tiers = now->tiers,
		.attempts = c->job->attempts,
		.nattempts = c->job->nattempts,
	};
	struct err err = {0};

	release_spare(c);
	leave_result(c, rc);
	stage(c, STAGE_COMMIT);
	now->outcome = course_outcome(rc, now->status, c->watch->ended_in);
	now->stage = c->watch->ended_in;
	now->ms = log_now_ms() - c->start_ms;
	now->bytes = c->watch->written;
	snprintf(now->reason, sizeof(now->reason), "%s", c->m.reason);
	if (c->target.dir[0]) {
		save_manifest(c, &head, c->watch->body_size ? c->watch->body : "");
		save_text(c, CRASHDIR_LOG, c->log->kept, log_used(c->log));
	}
	c->watch->told = true;
	// Everything was fsynced by name. What of the file system itself is still dirty is synced on
	// the way down, where there is a limit to waiting (action_run()).
	if (target_close(&c->target, &err)) {
		failed(c, &err);
		snprintf(c->watch->reason, sizeof(c->watch->reason), "%s", c->m.reason);
	}
}

static struct capture *begin(const struct capture_job *job)
{
	struct capture *c = calloc(1, sizeof(*c));

	if (!c) {
		log_line(job->log, LOG_ERROR, "no memory to begin with");
		return NULL;
	}
	c->job = job;
	c->log = job->log;
	c->watch = job->watch;
	c->now = &job->attempts[job->nattempts - 1];
	c->cpus.online = sysconf(_SC_NPROCESSORS_ONLN);
	c->spare = -1;
	c->start_ms = c->stage_start_ms = log_now_ms();
	c->m.status = c->now->status;
	if (job->before) {
		c->m.dmesg = job->before->dmesg;
		snprintf(c->m.panic, sizeof(c->m.panic), "%s", job->before->panic);
	}
	return c;
}

int capture_run(const struct capture_job *job)
{
	struct capture *c = begin(job);
	struct err err = {0};
	int rc;

	if (!c)
		return ERR_NOMEM;
	rc = open_core(c, &err);
	make_record(c, rc ? err.msg : NULL);
	if (rc)
		stage(c, STAGE_OPEN);
	if (job->refused) {
		why_to_pstore(c, job->refused);
	} else if (!rc && job->step.rung == COURSE_CONSOLE) {
		stage(c, STAGE_DMESG);
		dmesg_to_console(c);
	} else if (!rc) {
		rc = save_all(c, &err);
	}
	if (rc)
		failed(c, &err);
	if (job->step.rung != COURSE_CONSOLE)
		say_result(c);
	let_go(c, rc);
	if (c->dump.planned)
		plan_deinit(&c->plan);
	input_close(&c->in);
	free(c);
	return rc;
}

int capture_report(const struct capture_job *job, const struct manifest_head *head,
		   const char *body, const char *dir)
{
	struct capture *c = begin(job);
	struct err err = {0};
	int rc;

	if (!c)
		return ERR_NOMEM;
	stage(c, STAGE_TARGET);
	rc = open_target(c, &err);
	stage(c, STAGE_COMMIT);
	if (!rc && c->target.ops->use_dir)
		rc = c->target.ops->use_dir(&c->target, dir, &err);
	if (!rc && c->target.dir[0]) {
		save_manifest(c, head, body);
		save_text(c, CRASHDIR_LOG, c->log->kept, log_used(c->log));
	}
	if (!rc)
		rc = target_close(&c->target, &err);
	if (rc)
		log_line(c->log, LOG_ERROR, "warning: the last manifest: %s", err.msg);
	free(c);
	return rc;
}
