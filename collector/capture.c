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
#include "base/io.h"
#include "collector/action.h"
#include "collector/cpus.h"
#include "collector/dmesg.h"
#include "collector/dump.h"
#include "collector/input.h"
#include "collector/log.h"
#include "collector/manifest.h"
#include "collector/plan.h"
#include "collector/sink.h"
#include "collector/target.h"
#include "vmcore/config.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

#define DUMP_NAME      "vmcore"
#define DUMP_TEMP_NAME "vmcore-incomplete"
#define FLAT_NAME      "vmcore.flat"
#define DMESG_NAME     "vmcore-dmesg.txt"
#define MANIFEST_NAME  "manifest.json"
#define LOG_NAME       "collect.log"
/* Users' scripts know a dump on a local disk by this name. */
#define LOCAL_HOST "127.0.0.1"

enum {
	SPARE_SIZE = MANIFEST_SIZE_MAX + LOG_KEPT_MAX,
};

struct capture {
	const struct config *config;
	struct log *log;
	struct input in;
	struct target target;
	int spare; // holds room for manifest and log where the dump fills the target, or -1
	bool dmesg_saved;
	struct cpus cpus;
	struct plan plan;
	struct manifest m;
	uint64_t start_ms, stage_start_ms;
};

static void stage(struct capture *c, enum manifest_stage s)
{
	uint64_t now = log_now_ms();

	c->m.stage_ms[s] += now - c->stage_start_ms;
	c->stage_start_ms = now;
}

/* The first failure is the reason; those that follow from it are only logged. */
static void failed(struct capture *c, const struct err *err)
{
	log_line(c->log, LOG_ERROR, "%s", err->msg);
	if (!c->m.reason[0])
		snprintf(c->m.reason, sizeof(c->m.reason), "%s", err->msg);
}

static int open_core(struct capture *c, const char *path, struct err *err)
{
	const struct kmem *km = &c->in.km;
	int rc = input_open(&c->in, &path, 1, c->log, err);

	if (rc)
		return rc;
	c->m.km = km;
	log_line(c->log, LOG_COMMON, "%s of Linux %s, %u CPUs, %zu ranges of memory", path,
		 km->uts.release, km->ncpus, vmcore_info(c->in.vc)->nranges);
	return 0;
}

/* 127.0.0.1-2026-11-21-03:44:59: made anew for each crash. */
static int make_crash_dir(struct capture *c, struct err *err)
{
	time_t when = c->in.km.crashtime ? (time_t)c->in.km.crashtime : time(NULL);
	char stamp[32], name[TARGET_HOST_MAX + 40];
	struct tm tm;

	if (!gmtime_r(&when, &tm) || !strftime(stamp, sizeof(stamp), "%Y-%m-%d-%H:%M:%S", &tm))
		snprintf(stamp, sizeof(stamp), "%" PRIu64, c->in.km.crashtime);
	snprintf(name, sizeof(name), "%s-%s", c->target.host[0] ? c->target.host : LOCAL_HOST,
		 stamp);
	return c->target.ops->make_dir(&c->target, name, err);
}

/*
 * A dump that ends for lack of space must not take away the room of the two small files that
 * say so. The room is held by a file without a name, which no crash leaves behind. A file
 * system that has no such files does without.
 */
static void hold_spare(struct capture *c)
{
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

static int save_dmesg(struct capture *c, struct err *err)
{
	struct target *t = &c->target;
	struct dmesg dmesg = {0};
	struct err late = {0};
	int fd, rc, done;

	rc = t->ops->small_create(t, DMESG_NAME, &fd, err);
	if (rc)
		return rc;
	rc = dmesg_write(&c->in.km, fd, &dmesg, err);
	if (rc)
		err_prepend(err, "%s/" DMESG_NAME, t->dir);
	done = t->ops->small_commit(t, DMESG_NAME, fd, rc ? &late : err);
	if (rc && !dmesg.stats.bytes)
		t->ops->small_remove(t, DMESG_NAME);
	c->m.dmesg = dmesg.stats;
	snprintf(c->m.panic, sizeof(c->m.panic), "%s", dmesg.panic);
	if (rc || done)
		return rc ? rc : done;
	c->dmesg_saved = true;
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
	if (c->dmesg_saved || !c->in.km.vi || !c->in.km.xlat)
		return;
	log_line(c->log, LOG_ERROR, "the log could not be saved; it follows");
	if (dmesg_write_tail(&c->in.km, c->log->fd, &dmesg, &err))
		log_line(c->log, LOG_ERROR, "warning: %s", err.msg);
	log_line(c->log, LOG_ERROR, "end of the log");
	if (!c->m.panic[0])
		snprintf(c->m.panic, sizeof(c->m.panic), "%s", dmesg.panic);
}

static const char *dump_name(const struct dumpopts *o)
{
	return o->format == DUMP_FORMAT_FLATTENED ? FLAT_NAME : DUMP_NAME;
}

static int open_sink(struct capture *c, const struct dumpopts *o, struct sink *sink,
		     struct err *err)
{
	int rc = c->target.ops->open_sink(&c->target, dump_name(o), DUMP_TEMP_NAME, sink, err);

	if (rc || o->format != DUMP_FORMAT_FLATTENED)
		return rc;
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

static int save_dump(struct capture *c, struct err *err)
{
	struct dumpopts opts = c->config->collect;
	struct sink sink;
	struct dump d = {
		.km = &c->in.km,
		.opts = &opts,
		.log = c->log,
		.sink = &sink,
		.plan = &c->plan,
		.m = &c->m,
	};
	int rc;

	if (!opts.threads)
		opts.threads = c->cpus.online;
	choose_format(c, &opts);
	rc = open_sink(c, &opts, &sink, err);
	if (rc)
		return rc;
	rc = dump_run(&d, err);
	sink_close(&sink);
	c->m.file = c->m.status == MANIFEST_COMPLETE	 ? dump_name(&opts)
		    : c->m.status == MANIFEST_INCOMPLETE ? DUMP_TEMP_NAME
							 : "";
	dump_report(&d);
	if (!d.planned)
		c->m.plan = NULL;
	return rc;
}

static void save_text(struct capture *c, const char *name, const char *text, size_t len)
{
	struct err err = {0};

	if (target_put(&c->target, name, text, len, &err))
		log_line(c->log, LOG_ERROR, "%s/%s: %s", c->target.dir, name, err.msg);
}

static void save_manifest(struct capture *c)
{
	CLEANUP_FREE char *buf = malloc(MANIFEST_SIZE_MAX);
	size_t len;

	if (!buf)
		return;
	c->m.total_ms = log_now_ms() - c->start_ms;
	len = manifest_text(&c->m, buf, MANIFEST_SIZE_MAX);
	if (len && c->target.dir[0])
		save_text(c, MANIFEST_NAME, buf, len);
}

/*
 * Not before the target is mounted and the log is safe: a CPU that hangs on its way up holds the
 * kernel's lock of CPU hotplug, and a file system that wants a workqueue waits for that for ever.
 * And not when a file is open there: who waits for the CPU has it open too, and the target could
 * not be unmounted.
 */
static void bring_up_cpus(struct capture *c)
{
	cpus_start(&c->cpus, "");
	cpus_wait(&c->cpus);
	log_line(c->log, LOG_COMMON, "%s", c->cpus.text);
	stage(c, STAGE_PLAN);
}

/* Target, log, dump: stops at what makes the rest impossible. */
static int save_all(struct capture *c, struct err *err)
{
	int rc = target_init(&c->target, c->config, &c->config->targets[0], c->log, err);

	if (!rc)
		rc = target_open(&c->target, err);
	stage(c, STAGE_TARGET);
	if (rc)
		return rc;
	if (c->target.ops->make_dir) {
		rc = make_crash_dir(c, err);
		if (rc)
			return rc;
		// No log is no reason not to take the dump, which holds it too.
		if (save_dmesg(c, err))
			log_line(c->log, LOG_ERROR, "warning: %s", err->msg);
		else
			c->m.status = MANIFEST_DMESG;
		stage(c, STAGE_DMESG);
	}
	bring_up_cpus(c);
	if (c->target.dir[0])
		hold_spare(c);
	return save_dump(c, err);
}

static void let_go(struct capture *c)
{
	struct err err = {0};

	release_spare(c);
	if (c->target.dir[0]) {
		save_manifest(c);
		save_text(c, LOG_NAME, c->log->kept, c->log->used);
	}
	// Everything was fsynced by name. What of the file system itself is still dirty is synced on
	// the way down, where there is a limit to waiting (action_run()).
	if (target_close(&c->target, &err))
		failed(c, &err);
}

static int exit_code(const struct capture *c)
{
	switch (c->m.status) {
	case MANIFEST_COMPLETE:
		return EXIT_COMPLETE;
	case MANIFEST_INCOMPLETE:
		return EXIT_INCOMPLETE;
	case MANIFEST_DMESG:
	case MANIFEST_FAILED:
		break;
	}
	return EXIT_FAILED;
}

int capture_run(const struct config *config, const char *input, struct log *log)
{
	CLEANUP_FREE struct capture *c = calloc(1, sizeof(*c));
	struct err err = {0};
	int rc;

	if (!c) {
		log_line(log, LOG_ERROR, "no memory to begin with");
		return EXIT_FAILED;
	}
	c->config = config;
	c->log = log;
	c->spare = -1;
	c->start_ms = c->stage_start_ms = log_now_ms();
	rc = open_core(c, input, &err);
	stage(c, STAGE_OPEN);
	if (!rc)
		rc = save_all(c, &err);
	if (rc)
		failed(c, &err);
	dmesg_to_console(c);
	if (c->m.status == MANIFEST_COMPLETE)
		log_line(log, LOG_COMMON, "committed %s",
			 c->target.dir[0] ? c->target.dir : c->target.device);
	else
		log_line(log, LOG_ERROR, "%s: %s", manifest_status_name(c->m.status),
			 c->m.status == MANIFEST_INCOMPLETE ? "what was saved is in " DUMP_TEMP_NAME
							    : "no dump was saved");
	let_go(c);
	rc = exit_code(c);
	if (c->m.plan)
		plan_deinit(&c->plan);
	input_close(&c->in);
	return rc;
}
