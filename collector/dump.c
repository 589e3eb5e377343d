// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/block.h"
#include "collector/log.h"
#include "collector/pageclass.h"
#include "collector/pipeline.h"
#include "collector/plan.h"
#include "collector/progress.h"
#include "collector/sink.h"
#include "collector/writer.h"
#include "vmcore/codec.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

/* Context of the pipeline's callbacks. */
struct flow {
	struct writer *writer;
	struct progress progress;
};

unsigned int dump_threads(const struct dumpopts *o, uint64_t page_size)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int n = o->threads ? o->threads : cpus > 0 ? cpus : 1;

	if (n > DUMP_THREADS_MAX)
		n = DUMP_THREADS_MAX;
	while (o->memory && n > 1 && pipeline_memory(n, page_size) > o->memory)
		n--;
	return n;
}

static int choose_codec(struct dump *d, struct err *err)
{
	bool automatic = !strcmp(d->opts->codec, "auto");

	// Of all codecs LZO costs least a page and still halves most dumps: right for disks, which
	// are the targets there are. docs/dump-format.md has the figures.
	d->m->codec = codec_by_name(automatic ? "lzo" : d->opts->codec);
	if (!d->m->codec)
		return err_set(err, ERR_USAGE, "no codec is called %s", d->opts->codec);
	d->m->codec_level = automatic ? d->m->codec->level_default : d->opts->codec_level;
	return 0;
}

static int write_block(void *ctx, const struct block *block, struct err *err)
{
	struct flow *f = ctx;

	return writer_kdump.write_block(f->writer, block, err);
}

static void tick(void *ctx, const struct pipeline_stats *stats)
{
	struct flow *f = ctx;

	progress_show(&f->progress, stats->pages);
}

static int make_plan(struct dump *d, unsigned int level, struct err *err)
{
	uint64_t start = log_now_ms();
	unsigned int threads = dump_threads(d->opts, d->km->page_size);
	int rc;

	if (d->planned)
		plan_deinit(d->plan);
	d->planned = false;
	log_line(d->log, LOG_COMMON, "planning: dump level %u, %u thread%s", level, threads,
		 threads == 1 ? "" : "s");
	rc = plan_init(d->plan, d->km, level, threads, err);
	d->m->stage_ms[STAGE_PLAN] += log_now_ms() - start;
	if (rc) {
		err_prepend(err, "plan");
		return rc;
	}
	d->planned = true;
	d->m->plan = d->plan;
	for (size_t i = 0; i < d->plan->nnotes; i++)
		log_line(d->log, LOG_ERROR, "warning: %s", d->plan->notes[i]);
	return 0;
}

static int move_pages(struct dump *d, struct flow *f, struct err *err)
{
	struct pipeline_conf conf = {
		.km = d->km,
		.plan = d->plan,
		.codec = d->m->codec,
		.codec_level = d->m->codec_level,
		.drop_zeros = d->plan->level & DUMP_LEVEL_ZERO,
		.workers = dump_threads(d->opts, d->km->page_size),
	};
	struct pipeline_out out = {.write = write_block, .tick = tick, .ctx = f};

	log_line(d->log, LOG_COMMON,
		 "saving %" PRIu64 " of %" PRIu64 " pages (%" PRIu64 " MiB) with %s to %s",
		 d->plan->kept_pages, d->plan->ram_pages,
		 d->plan->kept_pages * d->plan->page_size >> 20, conf.codec->name, d->sink->temp);
	progress_init(&f->progress, d->log, d->plan->kept_pages, d->plan->page_size);
	return pipeline_run(&conf, &out, &d->m->pages, err);
}

static int commit(struct dump *d, struct flow *f, struct err *err)
{
	uint64_t start = log_now_ms();
	int rc;

	if (d->m->pages.pages != d->plan->kept_pages)
		return err_set(err, ERR_CORRUPT,
			       "%" PRIu64 " pages were written, %" PRIu64 " were planned",
			       d->m->pages.pages, d->plan->kept_pages);
	rc = writer_kdump.finish(f->writer, true, &d->m->result, err);
	if (!rc)
		rc = sink_commit(d->sink, err);
	d->m->stage_ms[STAGE_COMMIT] += log_now_ms() - start;
	if (!rc) {
		d->m->status = MANIFEST_COMPLETE;
		d->m->commit_time = time(NULL);
	}
	return rc;
}

/* A dump of part of the memory is never called complete, however well it was written. */
static int check_whole(const struct dump *d, struct err *err)
{
	if (!vmcore_info(d->km->vc)->truncated)
		return 0;
	return err_set(err, ERR_NODATA, "the input is not whole: only what is there was saved");
}

/* Ends a dump that cannot be whole: its index is valid, lost pages are marked as lost. */
static void keep_incomplete(struct dump *d, struct flow *f)
{
	struct err why = {0};

	if (!d->m->pages.pages)
		return;
	if (writer_kdump.finish(f->writer, false, &d->m->result, &why) ||
	    sink_keep(d->sink, &why)) {
		log_line(d->log, LOG_ERROR, "the incomplete dump cannot be kept: %s", why.msg);
		return;
	}
	d->m->status = MANIFEST_INCOMPLETE;
	d->m->commit_time = time(NULL);
}

/* One try at one level. */
static int try_level(struct dump *d, unsigned int level, bool last, struct err *err)
{
	struct writer_conf conf = {.km = d->km, .plan = d->plan, .sink = d->sink};
	struct flow f = {0};
	uint64_t start;
	int rc = make_plan(d, level, err);

	if (rc || d->opts->dry_run)
		return rc;
	conf.codec = d->m->codec;
	start = log_now_ms();
	d->m->format = writer_kdump.name;
	rc = writer_kdump.create(&conf, &f.writer, err);
	if (!rc)
		rc = move_pages(d, &f, err);
	d->m->stage_ms[STAGE_PAGES] += log_now_ms() - start;
	if (!rc)
		rc = check_whole(d, err);
	if (!rc)
		rc = commit(d, &f, err);
	// Only lack of space can be helped by another level.
	if (rc && f.writer && (last || rc != ERR_NOSPC))
		keep_incomplete(d, &f);
	writer_kdump.destroy(f.writer);
	return rc;
}

int dump_run(struct dump *d, struct err *err)
{
	int rc = choose_codec(d, err);

	for (size_t i = 0; i < d->opts->nlevels && !rc; i++) {
		bool last = i + 1 == d->opts->nlevels;

		rc = try_level(d, d->opts->levels[i], last, err);
		if (rc != ERR_NOSPC || last)
			break;
		log_line(d->log, LOG_ERROR, "%s; trying dump level %u", err->msg,
			 d->opts->levels[i + 1]);
		rc = sink_restart(d->sink, err);
	}
	d->m->read_errors = vmcore_read_errors(d->km->vc);
	if (d->m->read_errors)
		log_line(d->log, LOG_ERROR,
			 "warning: %" PRIu64 " pages of old memory could not be read and are zeros",
			 d->m->read_errors);
	return rc;
}

void dump_report(const struct dump *d)
{
	const struct plan *p = d->plan;
	const struct manifest *m = d->m;

	if (!d->planned)
		return;
	log_line(d->log, LOG_COMMON,
		 "memory %" PRIu64 " pages, kept %" PRIu64 " (zero %" PRIu64 ")", p->ram_pages,
		 p->kept_pages, m->pages.zero_pages);
	for (int c = PAGE_KEPT + 1; c < PAGE_CLASSES; c++)
		if (p->counts.excluded[c])
			log_line(d->log, LOG_COMMON, "excluded %s: %" PRIu64 " pages",
				 page_class_name(c), p->counts.excluded[c]);
	if (d->opts->dry_run || !m->result.size)
		return;
	log_line(d->log, LOG_COMMON,
		 "%" PRIu64 " bytes in %" PRIu64 ".%03" PRIu64 " s, peak memory %" PRIu64 " KiB",
		 m->result.size, m->stage_ms[STAGE_PAGES] / 1000, m->stage_ms[STAGE_PAGES] % 1000,
		 manifest_peak_kib());
}
