// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/trial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/budget.h"
#include "collector/dmesg.h"
#include "collector/dump.h"
#include "collector/input.h"
#include "collector/log.h"
#include "collector/mini.h"
#include "collector/plan.h"
#include "collector/predict.h"
#include "collector/record.h"
#include "collector/remains.h"
#include "collector/sink.h"
#include "collector/target.h"
#include "collector/watch.h"
#include "vmcore/codec.h"
#include "vmcore/config.h"
#include "vmcore/crashdir.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	READ_PAGES = 4096, // pages of the sample that are read back at most
	RAW_BLOCK = 4096,
	ENTRIES_MAX = 1 << 16,
	STALE_S = 24 * 3600, // longer than a trial takes; it may be another machine's
	TIGHT_PERCENT = 80, // of what is free: a prediction may be off by as much
	NAMES_MAX = 4096,
	CLEAN_TRIES = 5, // as who wrote over there may not yet know that it is over
	CLEAN_STEP_US = 500 * 1000,
	// The end of a sample is asked for while it is written: what may come until then.
	SAMPLE_SPARE = 64 << 20,
	SAMPLE_LEAST = 16 << 20, // less tells nothing
};

/* All that a trial writes; those of a small file that was not committed as well. */
static const char *const written[] = {
	CRASHDIR_PANIC,
	CRASHDIR_DMESG,
	CRASHDIR_MINI,
	CRASHDIR_DUMP,
	CRASHDIR_TEMP,
	CRASHDIR_PANIC CRASHDIR_INCOMPLETE,
	CRASHDIR_DMESG CRASHDIR_INCOMPLETE,
	CRASHDIR_MINI CRASHDIR_INCOMPLETE,
};

struct trial {
	const struct trial_job *job;
	struct trial_report *r;
	struct input in;
	bool in_open;
	struct target target;
	struct record record;
	struct dumpopts opts;
	struct plan plan;
	struct manifest m;
	struct mini mini;
	struct dump dump;
	uint64_t stage_start;
};

static void stage(struct trial *t, enum manifest_stage next)
{
	uint64_t now = log_now_ms();

	t->r->ms[t->r->stage] += now - t->stage_start;
	t->stage_start = now;
	t->r->stage = next;
	watch_stage(t->job->watch, next);
}

static void __attribute__((format(printf, 2, 3))) note(struct trial *t, const char *fmt, ...)
{
	struct trial_report *r = t->r;
	va_list ap;

	if (r->nnotes == TRIAL_NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(r->notes[r->nnotes], sizeof(r->notes[0]), fmt, ap);
	va_end(ap);
	r->nnotes++;
}

/* ---- before the dump ---- */

static int open_input(struct trial *t, struct err *err)
{
	const char *path = t->job->input;
	int rc = input_open(&t->in, &path, 1, t->job->log, err);

	if (rc)
		return rc;
	t->in_open = true;
	t->m.km = &t->in.km;
	if (!t->in.km.xlat)
		return err_set(err, ERR_UNSUPPORTED,
			       "%s: the memory of this kernel cannot be understood, so a dump "
			       "would have all of it",
			       path);
	return 0;
}

static int open_target(struct trial *t, struct err *err)
{
	const struct config *c = t->job->config;
	struct target_space space;
	int rc = target_init(&t->target, c, &c->targets[t->job->target], t->job->log, err);

	if (rc)
		return rc;
	t->target.end_ms = t->job->end_ms;
	t->target.watch = t->job->watch;
	rc = target_open(&t->target, err);
	if (rc || !t->target.ops->space)
		return rc;
	// That a target cannot tell is no failure.
	if (t->target.ops->space(&t->target, &space, NULL))
		return 0;
	t->r->has_space = true;
	t->r->free = space.free;
	return 0;
}

/* Of whom nobody here can tell whether he is still at it. */
static void remove_one_old(int base, const char *name)
{
	CLEANUP_CLOSE int dir = openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (dir < 0 || fstat(dir, &st) || st.st_mtime + STALE_S > time(NULL))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(written); i++)
		unlinkat(dir, written[i], 0);
	unlinkat(base, name, AT_REMOVEDIR);
}

static void remove_old(struct trial *t)
{
	struct target *target = &t->target;
	struct dirent *e;
	int base = -1;
	DIR *d;

	if (!target->ops->open_base || target->ops->open_base(target, &base, NULL))
		return;
	d = fdopendir(base);
	if (!d) {
		close(base);
		return;
	}
	for (int i = 0; i < ENTRIES_MAX && (e = readdir(d)); i++)
		if (strncmp(e->d_name, REMAINS_PREFIX, strlen(REMAINS_PREFIX)) == 0)
			remove_one_old(base, e->d_name);
	closedir(d);
}

/* What a trial wrote to the directory that the target has now, and that itself. */
static int remove_dir(struct trial *t, struct err *err)
{
	struct target *target = &t->target;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(written); i++)
		target->ops->small_remove(target, written[i]);
	rc = target->ops->remove_dir(target, err);
	if (!rc)
		target->dir[0] = '\0';
	return rc;
}

/* 0: there is none any more that is stale; another's file in one keeps it. */
static int remove_stale(struct trial *t, struct err *err)
{
	struct target *target = &t->target;
	char prefix[REMAINS_NAME_MAX], names[NAMES_MAX];
	char *save = NULL;
	int rc;

	if (!target->ops->list_dirs || !target->ops->use_dir)
		return 0;
	remains_prefix(prefix);
	rc = target->ops->list_dirs(target, prefix, names, sizeof(names), err);
	for (char *name = rc ? NULL : strtok_r(names, " ", &save); name;
	     name = strtok_r(NULL, " ", &save)) {
		// Another machine may say any name.
		if (strchr(name, '/') || !remains_are_stale(name, t->job->owner))
			continue;
		if (target->ops->use_dir(target, name, err) || remove_dir(t, err))
			rc = ERR_SYS;
		target->dir[0] = '\0';
	}
	return rc;
}

/* By its name no directory of a crash, for all who look for such. */
static int make_dir(struct trial *t, struct err *err)
{
	char name[REMAINS_NAME_MAX];

	remains_name(name, t->job->owner, time(NULL));
	t->r->left = true;
	return t->target.ops->make_dir(&t->target, name, err);
}

static int save_dmesg(struct trial *t, struct err *err)
{
	struct target *target = &t->target;
	struct dmesg dmesg = {0};
	int fd, rc;

	rc = target->ops->small_create(target, CRASHDIR_DMESG, &fd, err);
	if (rc)
		return rc;
	rc = dmesg_write(&t->in.km, fd, &dmesg, err);
	if (!rc)
		return target->ops->small_commit(target, CRASHDIR_DMESG, fd, err);
	close(fd);
	return rc;
}

static int save_mini(struct trial *t, struct err *err)
{
	struct target *target = &t->target;
	struct sink sink;
	int rc = target->ops->open_sink(target, CRASHDIR_MINI, CRASHDIR_MINI CRASHDIR_INCOMPLETE,
					&sink, err);

	if (rc)
		return rc;
	sink.watch = t->job->watch;
	rc = mini_run(&t->dump, &sink, &t->mini, err);
	sink_close(&sink);
	return rc;
}

/* Without one of these the dump is taken all the same. */
static void try_tier(struct trial *t, enum manifest_stage next, const char *what,
		     int (*save)(struct trial *t, struct err *err))
{
	struct err err = {0};

	stage(t, next);
	if (!save(t, &err)) {
		t->r->done[next] = true;
		return;
	}
	note(t, "%s cannot be saved: %.300s", what, err.msg);
	t->r->result = TRIAL_WARN;
}

static void choose_options(struct trial *t)
{
	t->opts = t->job->config->collect;
	if (t->job->memory && !t->opts.memory)
		t->opts.memory = budget_of_free(t->job->memory);
	// A copy has no pages that could be told apart, and a sample of it no end.
	if (t->opts.format == DUMP_FORMAT_RAW || t->opts.format == DUMP_FORMAT_FLATTENED)
		t->opts.format = DUMP_FORMAT_KDUMP;
	t->dump = (struct dump){
		.km = &t->in.km,
		.opts = &t->opts,
		.log = t->job->log,
		.plan = &t->plan,
		.m = &t->m,
		.watch = t->job->watch,
		.sink_kept = t->target.ops->sink_kept,
	};
}

/* ---- what a dump would be ---- */

/* Of a plan that was made. */
static int predict_plan(struct trial *t, const struct plan *plan, struct trial_level *l,
			struct err *err)
{
	const struct rung *rung = ladder_start(&t->m.ladder);
	struct predict p = {
		.km = &t->in.km,
		.plan = plan,
		.codec = rung->codec,
		.codec_level = rung->level,
	};
	uint64_t sampled;
	int rc = predict_pages(&p, &l->bytes, &sampled, err);

	l->pages = plan->kept_pages;
	// A descriptor for each, and two bits for each frame there is.
	l->bytes += l->pages * 24 + plan->max_pfn / 4;
	return rc;
}

static int predict_other(struct trial *t, unsigned int level, struct err *err)
{
	CLEANUP_FREE struct plan *plan = calloc(1, sizeof(*plan));
	struct trial_level *l = &t->r->levels[t->r->nlevels];
	struct plan_wish wish = {
		.level = level,
		.threads = t->dump.budget.threads,
		.bitmap = t->dump.budget.held ? 0 : t->dump.budget.bitmap,
		.scan_window = t->dump.budget.scan_window,
	};
	int rc;

	if (!plan)
		return err_set(err, ERR_NOMEM, "no memory for a plan");
	rc = plan_init_wish(plan, &t->in.km, &wish, err);
	if (rc)
		return rc;
	l->level = level;
	rc = predict_plan(t, plan, l, err);
	plan_deinit(plan);
	if (!rc)
		t->r->nlevels++;
	return rc;
}

/* The configured level first, then those that people choose between. */
static int predict(struct trial *t, struct err *err)
{
	static const unsigned int others[] = {31, 17, 1, 0};
	unsigned int level = t->opts.levels[0];
	int rc = 0;

	if (!t->dump.planned)
		rc = dump_plan(&t->dump, err);
	if (rc)
		return rc;
	t->r->budget = t->dump.budget.used;
	t->r->levels[0].level = level;
	rc = predict_plan(t, &t->plan, &t->r->levels[0], err);
	if (!rc)
		t->r->nlevels = 1;
	for (size_t i = 0; i < ARRAY_SIZE(others) && !rc; i++)
		if (others[i] != level && t->r->nlevels < TRIAL_LEVELS)
			rc = predict_other(t, others[i], err);
	return rc;
}

/* Over there older dumps are not ours to remove. */
static bool frees_room(const struct trial *t)
{
	const struct config *c = t->job->config;

	if (!t->target.ops->open_base)
		return false;
	return c->keep_dumps || c->keep_bytes || c->keep_days || c->min_free;
}

/* Known before the sample: a target that is too small needs none. */
static int check_room(struct trial *t, struct err *err)
{
	uint64_t need = t->r->nlevels ? t->r->levels[0].bytes : 0;
	uint64_t least = need;

	if (!t->r->has_space || !need)
		return 0;
	for (size_t i = 1; i < t->opts.nlevels; i++)
		for (size_t k = 0; k < t->r->nlevels; k++)
			if (t->r->levels[k].level == t->opts.levels[i] &&
			    t->r->levels[k].bytes < least)
				least = t->r->levels[k].bytes;
	if (least > t->r->free && !frees_room(t))
		return err_set(err, ERR_NOSPC,
			       "%" PRIu64 " MiB are free there, and the dump is to take %" PRIu64
			       " MiB: make room, let older dumps go (keep_dumps, keep_bytes), or "
			       "name a further target (fallback)",
			       t->r->free >> 20, (least >> 20) + 1);
	if (least > t->r->free)
		note(t,
		     "%" PRIu64 " MiB are free and the dump is to take %" PRIu64
		     " MiB: older dumps will have to go first, as configured",
		     t->r->free >> 20, (least >> 20) + 1);
	else if (need > t->r->free / 100 * TIGHT_PERCENT)
		note(t, "%" PRIu64 " MiB are free and the dump is to take %" PRIu64 " MiB: tight",
		     t->r->free >> 20, (need >> 20) + 1);
	else
		return 0;
	t->r->result = TRIAL_WARN;
	return 0;
}

/* ---- the sample ---- */

/*
 * A capture lets older dumps go before it writes; a trial does not, and must not take what min_free
 * keeps for others, such as a root file system that is in use. False: there is no room for a sample.
 */
static bool limit_sample(struct trial *t)
{
	uint64_t whole = t->r->nlevels ? t->r->levels[0].bytes : 0;
	uint64_t kept = t->job->config->min_free;
	struct target_space space;

	if (!t->r->has_space || t->target.ops->space(&t->target, &space, NULL))
		return true;
	space.free = space.free > kept ? space.free - kept : 0;
	if (whole && whole < space.free / 100 * TIGHT_PERCENT)
		return true;
	if (space.free >= SAMPLE_SPARE + SAMPLE_LEAST) {
		t->r->sample_max = space.free - SAMPLE_SPARE;
		return true;
	}
	note(t,
	     "no sample of the dump was written, for there is no room for one now: %" PRIu64
	     " MiB, without what min_free keeps",
	     space.free >> 20);
	t->r->result = TRIAL_WARN;
	return false;
}

/* Who started this asks for an end after some time or bytes: then what is there is a valid dump. */
static int save_sample(struct trial *t, struct err *err)
{
	struct sink sink;
	uint64_t start = log_now_ms();
	int rc = t->target.ops->open_sink(&t->target, CRASHDIR_DUMP, CRASHDIR_TEMP, &sink, err);

	if (rc)
		return rc;
	sink.watch = t->job->watch;
	t->dump.sink = &sink;
	rc = dump_run(&t->dump, err);
	t->r->sample_ms = log_now_ms() - start;
	t->r->sample_bytes = t->m.pages.pages * t->in.km.page_size;
	t->r->sample_written = t->m.result.size;
	sink_close(&sink);
	t->r->stage = STAGE_PAGES;
	t->stage_start = start;
	if (rc == ERR_STOPPED && t->m.status == MANIFEST_INCOMPLETE)
		return 0;
	return rc;
}

/* As long as all of it would take, by the time that the sample took and what came before it. */
static void predict_time(struct trial *t)
{
	struct trial_report *r = t->r;
	uint64_t before = 0;

	if (!r->sample_bytes)
		return;
	// That of the plan has the predictions in it as well.
	for (int s = 0; s < STAGE_PLAN; s++)
		before += r->ms[s];
	before += t->m.stage_ms[STAGE_PLAN];
	for (size_t i = 0; i < r->nlevels; i++)
		r->levels[i].ms = before + (double)r->sample_ms * r->levels[i].pages *
						   t->in.km.page_size / r->sample_bytes;
}

/* ---- reading back ---- */

/* From the medium, as far as the kernel lets go of what it holds. */
static void drop_cache(const char *path)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int read_record(struct trial *t, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	char path[TARGET_PATH_MAX + 32];
	size_t size;
	int rc;

	snprintf(path, sizeof(path), "%s/" CRASHDIR_PANIC, t->target.dir);
	drop_cache(path);
	rc = io_read_file(path, RECORD_SIZE_MAX, &text, &size, err);
	if (rc)
		return rc;
	if (size != t->record.size || memcmp(text, t->record.text, size) != 0)
		return err_set(err, ERR_CORRUPT, "%s: is not what was written", path);
	t->r->read_back += size;
	return 0;
}

/* Each page must unpack to a page: a dump with a lie in its index would not. */
static int read_pages(struct trial *t, struct vmcore *vc, const char *path, struct err *err)
{
	uint64_t page = t->in.km.page_size, done = 0;
	CLEANUP_FREE uint8_t *buf = malloc(page);
	struct vmcore_span span;

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory for a page");
	for (paddr_t at = 0; done < READ_PAGES && vmcore_next_span(vc, at, &span); at = span.end)
		for (paddr_t p = span.start; p + page <= span.end && done < READ_PAGES;
		     p += page, done++) {
			int rc = vmcore_read(vc, p, buf, page, err);

			if (rc) {
				err_prepend(err, "%s", path);
				return rc;
			}
		}
	if (!done || vmcore_read_errors(vc))
		return err_set(err, ERR_CORRUPT,
			       "%s: %" PRIu64 " pages of %" PRIu64 " cannot be read back", path,
			       vmcore_read_errors(vc), done);
	t->r->read_back += done * page;
	return 0;
}

static int read_sample(struct trial *t, struct err *err)
{
	bool whole = t->m.status == MANIFEST_COMPLETE;
	char path[TARGET_PATH_MAX + 32];
	struct vmcore *vc = NULL;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", t->target.dir, whole ? CRASHDIR_DUMP : CRASHDIR_TEMP);
	drop_cache(path);
	rc = vmcore_open(path, &vc, err);
	if (rc)
		return rc;
	rc = read_pages(t, vc, path, err);
	vmcore_close(vc);
	return rc;
}

/* Another machine has read it back itself, and told its length and sum. */
static int read_back(struct trial *t, bool sample, struct err *err)
{
	int rc;

	if (!t->target.ops->open_base) {
		note(t, "read back over there, and told by length and sum");
		t->r->read_back = t->r->sample_written + t->record.size;
		return 0;
	}
	rc = read_record(t, err);
	return rc || !sample ? rc : read_sample(t, err);
}

static void remove_all(struct trial *t)
{
	struct err err = {0};

	if (!t->target.dir[0]) {
		t->r->left = false;
		return;
	}
	t->r->left = remove_dir(t, &err) != 0;
	if (t->r->left) {
		note(t, "%s could not be removed: %.200s", t->target.dir, err.msg);
		t->r->result = t->r->result == TRIAL_OK ? TRIAL_WARN : t->r->result;
	}
}

/* ---- targets that are not given anything ---- */

/* The device is written with what it holds: a dump that nobody has taken yet may lie there. */
static int write_device(struct trial *t, struct err *err)
{
	CLEANUP_CLOSE int fd = open(t->target.device, O_RDWR | O_EXCL | O_SYNC | O_CLOEXEC);
	uint8_t was[RAW_BLOCK], is[RAW_BLOCK];
	uint64_t size = 0;
	int rc;

	if (fd < 0)
		return err_sys(err, "%s", t->target.device);
	if (ioctl(fd, BLKGETSIZE64, &size) || size < RAW_BLOCK)
		return err_sys(err, "%s: its size", t->target.device);
	t->r->has_space = true;
	t->r->free = size;
	if (io_pread(fd, was, sizeof(was), size - RAW_BLOCK, err) != RAW_BLOCK)
		return err_set(err, ERR_SYS, "%s: its last block cannot be read", t->target.device);
	rc = io_pwrite(fd, was, sizeof(was), size - RAW_BLOCK, err);
	if (!rc && fsync(fd))
		rc = err_sys(err, "fsync");
	if (!rc)
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	if (!rc && (io_pread(fd, is, sizeof(is), size - RAW_BLOCK, err) != RAW_BLOCK ||
		    memcmp(was, is, sizeof(is)) != 0))
		rc = err_set(err, ERR_CORRUPT, "its last block is not what was written");
	if (rc) {
		err_prepend(err, "%s", t->target.device);
		return rc;
	}
	t->r->read_back = RAW_BLOCK;
	note(t, "its last block was read, written and read again; a dump was not, for it would "
		"overwrite what lies there");
	return 0;
}

static int try_without_writing(struct trial *t, struct err *err)
{
	int rc = 0;

	choose_options(t);
	// That a dump can be written there is not known after this.
	t->r->result = TRIAL_WARN;
	stage(t, STAGE_PLAN);
	if (t->target.device[0])
		rc = write_device(t, err);
	else
		note(t, "logged in; nothing was sent, for lifeboat-receive gives nothing back");
	if (!rc)
		rc = predict(t, err);
	return rc ? rc : check_room(t, err);
}

/* ---- all of it ---- */

/* Without one what is there of the others is looked at all the same. */
static int try_sample(struct trial *t, struct err *err)
{
	bool wanted = limit_sample(t);
	int rc = 0;

	if (wanted) {
		stage(t, STAGE_PAGES);
		rc = save_sample(t, err);
	}
	if (rc)
		return rc;
	stage(t, STAGE_COMMIT);
	// What asked for the end of the sample is not meant for what follows.
	t->job->watch->request = WATCH_GO_ON;
	predict_time(t);
	rc = read_back(t, wanted, err);
	t->r->done[STAGE_PAGES] = wanted && !rc;
	return rc;
}

static int try_with_files(struct trial *t, struct err *err)
{
	int rc;

	// That of others is no failure of this one.
	remove_stale(t, NULL);
	remove_old(t);
	rc = make_dir(t, err);
	if (rc)
		return rc;
	choose_options(t);
	stage(t, STAGE_RECORD);
	rc = target_put(&t->target, CRASHDIR_PANIC, t->record.text, t->record.size, err);
	if (!rc) {
		t->r->done[STAGE_RECORD] = true;
		try_tier(t, STAGE_DMESG, "the log", save_dmesg);
		try_tier(t, STAGE_MINI, "the mini-core", save_mini);
		stage(t, STAGE_PLAN);
		rc = predict(t, err);
	}
	if (!rc)
		rc = check_room(t, err);
	return rc ? rc : try_sample(t, err);
}

static int try_all(struct trial *t, struct err *err)
{
	struct err late = {0};
	int rc;

	stage(t, STAGE_OPEN);
	rc = open_input(t, err);
	if (rc)
		return rc;
	stage(t, STAGE_TARGET);
	record_make(&t->record, &t->in.km, NULL);
	rc = open_target(t, err);
	if (rc)
		return rc;
	if (t->target.ops->make_dir && t->target.ops->remove_dir)
		rc = try_with_files(t, err);
	else
		rc = try_without_writing(t, err);
	remove_all(t);
	if (target_close(&t->target, rc ? &late : err) && !rc)
		rc = ERR_SYS;
	return rc;
}

void trial_run(const struct trial_job *job)
{
	struct trial *t = calloc(1, sizeof(*t));
	struct trial_report *r = job->report;
	enum manifest_stage ended_in;
	struct err err = {0};
	int rc;

	if (!t) {
		r->result = TRIAL_FAILED;
		snprintf(r->reason, sizeof(r->reason), "no memory to begin with");
		r->ended = true;
		return;
	}
	t->job = job;
	t->r = r;
	t->stage_start = log_now_ms();
	rc = try_all(t, &err);
	ended_in = r->stage;
	stage(t, ended_in);
	if (rc) {
		r->result = TRIAL_FAILED;
		snprintf(r->reason, sizeof(r->reason), "%.380s", err.msg);
	}
	r->peak_kib = manifest_peak_kib();
	if (t->dump.planned)
		plan_deinit(&t->plan);
	if (t->in_open)
		input_close(&t->in);
	free(t);
	r->ended = true;
}

void trial_clean(const struct trial_job *job)
{
	CLEANUP_FREE struct trial *t = calloc(1, sizeof(*t));
	const struct config *c = job->config;
	int rc;

	if (!t)
		return;
	t->job = job;
	t->r = job->report;
	if (target_init(&t->target, c, &c->targets[job->target], job->log, NULL))
		return;
	t->target.end_ms = job->end_ms;
	if (target_open(&t->target, NULL))
		return;
	rc = remove_stale(t, NULL);
	for (int i = 1; rc && i < CLEAN_TRIES && log_now_ms() < job->end_ms; i++) {
		usleep(CLEAN_STEP_US);
		rc = remove_stale(t, NULL);
	}
	if (!target_close(&t->target, NULL) && !rc)
		t->r->left = false;
}
