// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/block.h"
#include "collector/copy.h"
#include "collector/crosscall.h"
#include "collector/log.h"
#include "collector/pipeline.h"
#include "collector/plan.h"
#include "collector/predict.h"
#include "collector/progress.h"
#include "collector/sink.h"
#include "collector/watch.h"
#include "collector/writer.h"
#include "vmcore/codec.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"
#include "vmcore/pageclass.h"
#include "vmcore/vmcore.h"

/* How a format of the options is written. */
struct format {
	const char *name;
	const struct writer_ops *writer; /* NULL: the input is copied as it is */
};

static const struct format formats[] = {
	[DUMP_FORMAT_KDUMP] = {"kdump", &writer_kdump},
	[DUMP_FORMAT_ELF] = {"elf", &writer_elf},
	[DUMP_FORMAT_FLATTENED] = {"flattened", &writer_kdump},
	[DUMP_FORMAT_RAW] = {"raw", NULL},
};

/* One file of the dump, with the pages of [start, end). */
struct part {
	struct writer *writer;
	struct sink *sink;
	pfn_t start, end;
	struct pfn_list order; /* empty when there is only one: the plan's serves */
};

/* One try, and the context of the pipeline's callbacks. */
struct flow {
	const struct format *format;
	struct part *parts;
	size_t nparts;
	struct part *now; /* whose pages are on their way */
	struct progress progress;
	struct watch *watch;
	uint64_t before; /* pages of the parts before */
};

enum {
	PART_ALIGN = 4096, /* readers count in words of the bitmap: crash wants 64 pages */
	MISSING_SPARE = 32, /* part of what a sample says that it may be wrong by */
};

unsigned int dump_threads(const struct dumpopts *o)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int n = o->threads ? o->threads : cpus > 0 ? cpus : 1;

	return n < DUMP_THREADS_MAX ? n : DUMP_THREADS_MAX;
}

unsigned int dump_workers(struct log *log, unsigned int cpus)
{
	uint64_t ns;
	unsigned int n = crosscall_workers(cpus, crosscall_ns, &ns);

	if (n < cpus)
		log_line(log, LOG_COMMON,
			 "%u workers would wait for each other: their CPUs take %.1f ms to answer "
			 "a call, as where a host has fewer; %u instead",
			 cpus, ns / 1e6, n);
	return n;
}

static const struct format *format_of(const struct dumpopts *o)
{
	// A flattened dump is one of another format, cut in records.
	if (o->format == DUMP_FORMAT_FLATTENED && o->flattened_elf)
		return &formats[DUMP_FORMAT_ELF];
	return &formats[o->format];
}

static bool is_dense(const struct format *f)
{
	return f->writer && f->writer->dense;
}

static int choose_codec(struct dump *d, struct err *err)
{
	const struct format *f = format_of(d->opts);
	bool plain = is_dense(f) || !f->writer;

	return ladder_make(&d->m->ladder, plain ? "none" : d->opts->codec, d->opts->codec_level,
			   d->opts->ordered, err);
}

static int write_block(void *ctx, const struct block *block, struct err *err)
{
	struct flow *f = ctx;
	int rc = watch_check(f->watch, err);

	if (rc)
		return rc;
	return f->format->writer->write_block(f->now->writer, block, err);
}

static void tick(void *ctx, const struct pipeline_stats *stats)
{
	struct flow *f = ctx;

	watch_saved(f->watch, (f->before + stats->pages) * f->progress.page_size);
	progress_show(&f->progress, f->before + stats->pages);
}

static void enter(const struct dump *d, enum manifest_stage stage)
{
	if (!d->within)
		watch_stage(d->watch, stage);
}

static int make_plan(struct dump *d, unsigned int level, struct err *err)
{
	uint64_t start = log_now_ms();
	enum manifest_stage before = watch_stage_now(d->watch);
	unsigned int threads = d->budget.threads;
	struct plan_wish wish = {
		.level = level,
		.threads = threads,
		.dense = is_dense(format_of(d->opts)),
		.compat = d->opts->compat,
		.bitmap = d->budget.held ? 0 : d->budget.bitmap,
		.scan_window = d->budget.scan_window,
	};
	int rc;

	enter(d, STAGE_PLAN);
	if (d->planned)
		plan_deinit(d->plan);
	d->planned = false;
	log_line(d->log, LOG_COMMON, "planning: dump level %u, %u thread%s", level, threads,
		 threads == 1 ? "" : "s");
	rc = plan_init_wish(d->plan, d->km, &wish, err);
	d->m->stage_ms[STAGE_PLAN] += log_now_ms() - start;
	// It may have been made for a mini-core.
	enter(d, before);
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

/* Where each part begins: with the same number of kept pages, at a boundary of PART_ALIGN. */
static int make_parts(struct dump *d, struct flow *f, struct err *err)
{
	const struct plan *plan = d->plan;
	pfn_t start = 0;

	f->nparts = d->nsinks ? d->nsinks : 1;
	f->parts = calloc(f->nparts, sizeof(*f->parts));
	if (!f->parts)
		return err_set(err, ERR_NOMEM, "no memory for %zu parts", f->nparts);
	for (size_t i = 0; i < f->nparts; i++) {
		struct part *p = &f->parts[i];
		uint64_t share = plan->kept_pages / f->nparts * (i + 1);
		int rc = 0;

		p->sink = &d->sink[i];
		p->start = start;
		p->end = i + 1 == f->nparts
				 ? plan->max_pfn
				 : rank_select(&plan->rank, share) & ~(pfn_t)(PART_ALIGN - 1);
		if (p->end <= p->start)
			return err_set(err, ERR_USAGE, "memory is too small for %zu parts",
				       f->nparts);
		start = p->end;
		if (f->nparts > 1)
			rc = order_cut(&plan->order, p->start, p->end, &p->order, err);
		if (rc)
			return rc;
	}
	return 0;
}

static void free_parts(struct flow *f)
{
	for (size_t i = 0; i < f->nparts && f->parts; i++) {
		if (f->format->writer)
			f->format->writer->destroy(f->parts[i].writer);
		pfn_list_deinit(&f->parts[i].order);
	}
	free(f->parts);
}

static int create_writers(struct dump *d, struct flow *f, struct err *err)
{
	struct writer_conf conf = {.km = d->km, .plan = d->plan};
	int rc = 0;

	conf.codec = ladder_start(&d->m->ladder)->codec;
	conf.split = f->nparts > 1;
	for (size_t i = 0; i < f->nparts && !rc; i++) {
		conf.sink = f->parts[i].sink;
		conf.start_pfn = f->parts[i].start;
		conf.end_pfn = f->parts[i].end;
		rc = f->format->writer->create(&conf, &f->parts[i].writer, err);
	}
	return rc;
}

static void add_stats(struct pipeline_stats *sum, const struct pipeline_stats *part)
{
	sum->pages += part->pages;
	sum->zero_pages += part->zero_pages;
	sum->raw_pages += part->raw_pages;
	for (size_t i = 0; i < LADDER_RUNGS_MAX; i++)
		sum->rung_pages[i] += part->rung_pages[i];
	sum->bytes += part->bytes;
	sum->workers = part->workers;
}

/* The parts one after the other, each with all workers. */
static int move_pages(struct dump *d, struct flow *f, struct err *err)
{
	struct pipeline_conf conf = {
		.km = d->km,
		.plan = d->plan,
		.ladder = &d->m->ladder,
		.ordered = d->opts->ordered,
		.drop_zeros = (d->plan->level & DUMP_LEVEL_ZERO) && !is_dense(f->format),
		.workers = d->budget.threads,
		.block_pages = d->budget.block_pages,
		.window = d->budget.window,
		.shares_cpus = d->sink->ops->shares_cpus,
	};
	struct pipeline_out out = {.write = write_block, .tick = tick, .ctx = f};
	int rc = 0;

	log_line(d->log, LOG_COMMON,
		 "saving %" PRIu64 " of %" PRIu64 " pages (%" PRIu64 " MiB) with %s to %s",
		 d->plan->kept_pages, d->plan->ram_pages,
		 d->plan->kept_pages * d->plan->page_size >> 20, ladder_said(&d->m->ladder),
		 d->sink->temp);
	progress_init(&f->progress, d->log, d->plan->kept_pages, d->plan->page_size);
	d->m->pages = (struct pipeline_stats){0};
	for (size_t i = 0; i < f->nparts && !rc; i++) {
		struct pipeline_stats stats = {0};

		f->now = &f->parts[i];
		f->before = d->m->pages.pages;
		conf.order = f->nparts > 1 ? &f->now->order : NULL;
		rc = pipeline_run(&conf, &out, &stats, err);
		add_stats(&d->m->pages, &stats);
	}
	return rc;
}

/* Ends all files; the sizes are summed up, the digests are those of a dump in one file. */
static int finish_parts(struct dump *d, struct flow *f, bool complete, struct err *err)
{
	struct writer_result *sum = &d->m->result;
	int rc = 0;

	*sum = (struct writer_result){0};
	for (size_t i = 0; i < f->nparts && !rc; i++) {
		struct writer_result r = {0};

		rc = f->format->writer->finish(f->parts[i].writer, complete, &r, err);
		r.size += sum->size;
		r.pages += sum->pages;
		r.arrived += sum->arrived;
		*sum = r;
	}
	if (f->nparts > 1)
		sum->has_digests = false;
	return rc;
}

/* None gets its name before all of them are whole. */
static int commit_sinks(struct dump *d, struct flow *f, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < f->nparts && !rc; i++)
		rc = sink_commit(f->parts[i].sink, err);
	if (!rc && d->sink->ops->append_only)
		d->m->result.size = d->sink->sent;
	return rc;
}

static int commit(struct dump *d, struct flow *f, struct err *err)
{
	uint64_t start = log_now_ms();
	int rc;

	enter(d, STAGE_COMMIT);
	if (f->format->writer && d->m->pages.pages != d->plan->kept_pages)
		return err_set(err, ERR_CORRUPT,
			       "%" PRIu64 " pages were written, %" PRIu64 " were planned",
			       d->m->pages.pages, d->plan->kept_pages);
	rc = f->format->writer ? finish_parts(d, f, true, err) : 0;
	if (!rc)
		rc = commit_sinks(d, f, err);
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

/* All of them, for what one medium does says nothing of another. The first failure is returned. */
static int keep_sinks(struct dump *d, struct flow *f)
{
	int first = 0;

	for (size_t i = 0; i < f->nparts; i++) {
		struct err why = {0};
		int rc = sink_keep(f->parts[i].sink, &why);

		if (rc)
			log_line(
				d->log, LOG_ERROR,
				"what was saved is left in %s, but is not surely on its medium: %s",
				f->parts[i].sink->temp, why.msg);
		if (!first)
			first = rc;
	}
	return first;
}

/* Ends a dump that cannot be whole: its index is valid, lost pages are marked as lost. */
static void keep_incomplete(struct dump *d, struct flow *f)
{
	struct err why = {0};
	int rc = 0;

	if (!d->m->pages.pages)
		return;
	enter(d, STAGE_COMMIT);
	if (f->format->writer)
		rc = finish_parts(d, f, false, &why);
	// Blocks were handed over, but the sink lost all of them.
	if (!rc && f->format->writer && !d->m->result.pages) {
		d->m->result = (struct writer_result){0};
		return;
	}
	if (rc) {
		log_line(d->log, LOG_ERROR, "the incomplete dump cannot be kept: %s", why.msg);
		return;
	}
	if (keep_sinks(d, f))
		return;
	d->m->status = MANIFEST_INCOMPLETE;
	d->m->commit_time = time(NULL);
}

static void copy_tick(void *ctx, uint64_t bytes)
{
	struct flow *f = ctx;

	watch_saved(f->watch, bytes);
	progress_show(&f->progress, bytes / f->progress.page_size);
}

static int copy_check(void *ctx, struct err *err)
{
	const struct flow *f = ctx;

	return watch_check(f->watch, err);
}

/* The file as it is: what a page is does not matter. */
static int copy_input(struct dump *d, struct flow *f, struct err *err)
{
	uint64_t size = vmcore_info(d->km->vc)->file_size;
	struct copy copy = {
		.vc = d->km->vc,
		.sink = d->sink,
		.workers = d->budget.threads,
		.tick = copy_tick,
		.check = copy_check,
		.ctx = f,
	};
	int rc;

	log_line(d->log, LOG_COMMON, "copying %" PRIu64 " MiB to %s", size >> 20, d->sink->temp);
	progress_init(&f->progress, d->log, size / d->km->page_size, d->km->page_size);
	rc = copy_run(&copy, err);
	d->m->result = (struct writer_result){.size = copy.done};
	d->m->pages.pages = copy.done / d->km->page_size;
	return rc;
}

static int write_all(struct dump *d, struct flow *f, struct err *err)
{
	int rc;

	if (!f->format->writer)
		return copy_input(d, f, err);
	rc = create_writers(d, f, err);
	return rc ? rc : move_pages(d, f, err);
}

/* What all of it would come to, and how many pages tell so. */
static int predict(const struct dump *d, uint64_t *size, uint64_t *sampled, struct err *err)
{
	const struct format *f = format_of(d->opts);
	struct predict p = {
		.km = d->km,
		.plan = d->plan,
		.codec = ladder_start(&d->m->ladder)->codec,
		.codec_level = ladder_start(&d->m->ladder)->level,
	};
	int rc = 0;

	*size = vmcore_info(d->km->vc)->file_size;
	*sampled = 0;
	if (!f->writer)
		return 0;
	if (f->writer->dense)
		*size = d->plan->kept_pages * d->plan->page_size;
	else
		rc = predict_pages(&p, size, sampled, err);
	*size += f->writer->overhead(d->km, d->plan);
	return rc;
}

uint64_t dump_missing(const struct dump *d)
{
	uint64_t size, sampled, done;

	if (!d->planned || !format_of(d->opts)->writer || predict(d, &size, &sampled, NULL))
		return UINT64_MAX;
	done = format_of(d->opts)->writer->overhead(d->km, d->plan) + d->m->result.arrived;
	size += size / MISSING_SPARE;
	return size > done ? size - done : 0;
}

static struct budget_need budget_need(const struct dump *d)
{
	return (struct budget_need){
		.memory = d->opts->memory,
		.threads = d->workers,
		.page_size = d->km->page_size,
		.bitmap = plan_bitmap_bytes(d->km),
		.dense = is_dense(format_of(d->opts)),
		.ladder = &d->m->ladder,
		.nsinks = d->opts->dry_run ? 0
			  : d->nsinks	   ? d->nsinks
					   : 1,
		.other = d->opts->dry_run ? 0
			 : d->sink	  ? d->sink->ops->kept
					  : d->sink_kept,
	};
}

static void tell_budget(struct dump *d)
{
	char text[BUDGET_TEXT_MAX];

	watch_memory(d->watch, d->budget.used < d->budget.total ? d->budget.used : d->budget.total);
	budget_text(&d->budget, text);
	log_line(d->log, LOG_COMMON, "%s", text);
}

/* Once for all levels: what they plan is of the same size. */
static void make_budget(struct dump *d)
{
	unsigned int threads = dump_threads(d->opts);
	struct budget_need need;

	d->workers = d->opts->threads ? threads : dump_workers(d->log, threads);
	need = budget_need(d);
	budget_make(&d->budget, &need);
	tell_budget(d);
}

/* The plan says how many descriptors there will be, where they are held until the end. */
static void add_held(struct dump *d)
{
	const struct writer_ops *writer = format_of(d->opts)->writer;
	struct budget_need need = budget_need(d);
	uint64_t held = 0;

	if (writer && writer->held)
		held = writer->held(d->sink, d->plan);
	if (held == d->budget.more)
		return;
	budget_more(&d->budget, &need, held);
	tell_budget(d);
}

/* One try at one level; @planned: for which the plan was made before. */
static int try_level(struct dump *d, unsigned int level, bool planned, bool last, struct err *err)
{
	struct flow f = {.format = format_of(d->opts), .watch = d->watch};
	uint64_t start;
	int rc = planned ? 0 : make_plan(d, level, err);

	if (!rc && d->opts->dry_run) {
		d->m->result = (struct writer_result){0};
		return predict(d, &d->m->result.size, &d->m->result.pages, err);
	}
	if (rc)
		return rc;
	add_held(d);
	start = log_now_ms();
	watch_saved(d->watch, 0);
	enter(d, STAGE_PAGES);
	d->m->format = formats[d->opts->format].name;
	rc = make_parts(d, &f, err);
	if (!rc)
		rc = write_all(d, &f, err);
	d->m->stage_ms[STAGE_PAGES] += log_now_ms() - start;
	if (!rc)
		rc = check_whole(d, err);
	if (!rc)
		rc = commit(d, &f, err);
	// Nothing can be ended that was not begun, and only lack of space can be helped by another
	// level.
	if (rc && d->m->pages.pages && (last || rc != ERR_NOSPC))
		keep_incomplete(d, &f);
	free_parts(&f);
	return rc;
}

static int restart(struct dump *d, struct err *err)
{
	int rc = 0;

	d->m->pages = (struct pipeline_stats){0};
	d->m->result = (struct writer_result){0};
	for (size_t i = 0; i < (d->nsinks ? d->nsinks : 1) && !rc; i++)
		rc = sink_restart(&d->sink[i], err);
	return rc;
}

/*
 * An ELF core tells where memory is in the kernel's addresses, which a kdump-compressed dump has
 * lost: crash and gdb could not open it. makedumpfile does not do it either.
 */
static int check_input(const struct dump *d, struct err *err)
{
	if (format_of(d->opts)->writer != &writer_elf ||
	    strcmp(vmcore_info(d->km->vc)->format, "kdump") != 0)
		return 0;
	return err_set(
		err, ERR_UNSUPPORTED,
		"a kdump-compressed input has no virtual addresses, which an ELF core needs; "
		"leave out -E");
}

bool dump_is_kdump(const struct dumpopts *o)
{
	return format_of(o)->writer == &writer_kdump;
}

/* The file as it is has all pages in it. */
static unsigned int level_of(const struct dump *d, size_t i)
{
	return format_of(d->opts)->writer ? d->opts->levels[i] : 0;
}

int dump_plan(struct dump *d, struct err *err)
{
	int rc = check_input(d, err);

	if (!rc)
		rc = choose_codec(d, err);
	if (rc)
		return rc;
	make_budget(d);
	return make_plan(d, level_of(d, 0), err);
}

int dump_run(struct dump *d, struct err *err)
{
	size_t nlevels = format_of(d->opts)->writer ? d->opts->nlevels : 1;
	size_t nsinks = d->nsinks ? d->nsinks : 1;
	int rc = d->planned ? choose_codec(d, err) : dump_plan(d, err);

	for (size_t i = 0; i < nsinks && !rc && !d->opts->dry_run; i++)
		sink_buffer(&d->sink[i], d->budget.sink);
	for (size_t i = 0; i < nlevels && !rc; i++) {
		bool last = i + 1 == nlevels;
		struct err why = {0};

		rc = try_level(d, level_of(d, i), i == 0, last, err);
		if (rc != ERR_NOSPC || last)
			break;
		if (restart(d, &why)) {
			log_line(d->log, LOG_ERROR, "no other level is tried: %s", why.msg);
			break;
		}
		log_line(d->log, LOG_ERROR, "%s; trying dump level %u", err->msg,
			 d->opts->levels[i + 1]);
		rc = 0;
	}
	if (d->planned && plan_changed(d->plan))
		log_line(d->log, LOG_ERROR,
			 "warning: memory changed while it was dumped: %" PRIu64
			 " times a section came out otherwise than when it was planned",
			 plan_changed(d->plan));
	d->m->read_errors = vmcore_read_errors(d->km->vc);
	if (d->m->read_errors)
		log_line(d->log, LOG_ERROR,
			 "warning: %" PRIu64 " pages of old memory could not be read and are zeros",
			 d->m->read_errors);
	return rc;
}

/* With --show-stats the report is printed whatever --message-level says. */
static enum log_kind report_kind(const struct dump *d)
{
	return d->opts->show_stats ? LOG_REPORT : LOG_COMMON;
}

static void report_classes(const struct dump *d)
{
	enum log_kind kind = report_kind(d);
	const struct plan *p = d->plan;

	log_line(d->log, kind, "memory %" PRIu64 " pages, kept %" PRIu64 " (zero %" PRIu64 ")",
		 p->ram_pages, p->kept_pages, d->m->pages.zero_pages);
	for (int c = PAGE_KEPT + 1; c < PAGE_CLASSES; c++)
		if (p->counts.excluded[c] || d->opts->show_stats)
			log_line(d->log, kind, "excluded %s: %" PRIu64 " pages", page_class_name(c),
				 p->counts.excluded[c]);
	if (p->absent_pages)
		log_line(d->log, kind, "not in the input: %" PRIu64 " pages", p->absent_pages);
	if (p->zero_pages)
		log_line(d->log, kind, "excluded zero: %" PRIu64 " pages", p->zero_pages);
	if (p->filled_pages)
		log_line(d->log, kind, "kept to fill small gaps: %" PRIu64 " pages",
			 p->filled_pages);
}

/* How many pages went with which codec, where that was not said beforehand. */
static void report_codecs(const struct dump *d)
{
	const struct manifest *m = d->m;
	char name[LADDER_NAME_MAX];

	for (unsigned int i = 0; i < m->ladder.n && m->ladder.n > 1; i++) {
		ladder_name(&m->ladder.rungs[i], name);
		if (m->pages.rung_pages[i])
			log_line(d->log, report_kind(d), "packed with %s: %" PRIu64 " pages", name,
				 m->pages.rung_pages[i]);
	}
	if (m->ladder.n > 1 && m->pages.raw_pages)
		log_line(d->log, report_kind(d), "not packed: %" PRIu64 " pages",
			 m->pages.raw_pages);
}

void dump_report(const struct dump *d)
{
	const struct manifest *m = d->m;

	if (!d->planned)
		return;
	if (format_of(d->opts)->writer)
		report_classes(d);
	report_codecs(d);
	if (d->opts->dry_run)
		log_line(d->log, report_kind(d),
			 "predicted size: %" PRIu64 " bytes, from %" PRIu64 " pages looked at",
			 m->result.size, m->result.pages);
	else if (m->result.size)
		log_line(d->log, report_kind(d),
			 "%" PRIu64 " bytes in %" PRIu64 ".%03" PRIu64 " s, peak memory %" PRIu64
			 " KiB",
			 m->result.size, m->stage_ms[STAGE_PAGES] / 1000,
			 m->stage_ms[STAGE_PAGES] % 1000, manifest_peak_kib());
}
