// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/mini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/dump.h"
#include "collector/log.h"
#include "collector/plan.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"

enum {
	BLOCK_WORDS = BITMAP_BLOCK / 64,
};

#define MINI_CODEC "zstd" /* where the dump itself is not packed page by page */

/*
 * Of the kept pages those in some ranges, as a bitmap whose blocks are made when they are asked
 * for: where the whole bitmap has no room, neither has this one.
 */
struct subset {
	const struct bitmap *kept; /* of the whole dump */
	struct pfn_list ranges; /* by PFN; owned */
	uint16_t *counts; /* a block each; owned */
	struct bitmap_source source;
	uint64_t words[BLOCK_WORDS];
};

static const uint64_t *make_block(void *ctx, uint64_t nr)
{
	struct subset *s = ctx;
	pfn_t base = nr * BITMAP_BLOCK, end = base + BITMAP_BLOCK, at = base;
	uint64_t first = nr * BLOCK_WORDS, n = s->kept->nwords - first;
	size_t i = pfn_list_behind(&s->ranges, base);

	memset(s->words, 0, sizeof(s->words));
	// The block of the whole dump may cost a scan.
	if (i == s->ranges.n || s->ranges.ranges[i].start >= end)
		return s->words;
	bitmap_words(s->kept, first, n < BLOCK_WORDS ? n : BLOCK_WORDS, s->words);
	for (; i < s->ranges.n && s->ranges.ranges[i].start < end; i++) {
		const struct pfn_range *r = &s->ranges.ranges[i];

		if (r->start > at)
			words_clear(s->words, at - base, r->start - base);
		at = r->end < end ? r->end : end;
	}
	words_clear(s->words, at - base, BITMAP_BLOCK);
	return s->words;
}

static int subset_init(struct subset *s, const struct plan *whole, struct err *err)
{
	uint64_t nblocks = (whole->max_pfn + BITMAP_BLOCK - 1) / BITMAP_BLOCK;
	int rc = 0;

	*s = (struct subset){.kept = &whole->kept};
	s->source = (struct bitmap_source){.get = make_block, .ctx = s};
	s->counts = calloc(nblocks ? nblocks : 1, sizeof(*s->counts));
	if (!s->counts)
		return err_set(err, ERR_NOMEM, "no memory for the mini-core's pages");
	s->source.counts = s->counts;
	rc = pfn_list_copy(&s->ranges, &whole->order, whole->essential, err);
	pfn_list_normalise(&s->ranges);
	// A block has 2^15 pages, which is not too much for 16 bits.
	for (uint64_t i = 0; i < nblocks && !rc; i++)
		s->counts[i] = words_count(make_block(s, i), 0, BITMAP_BLOCK);
	return rc;
}

static void subset_deinit(struct subset *s)
{
	pfn_list_deinit(&s->ranges);
	free(s->counts);
}

/* A plan like @whole, of the pages of @s. */
static int make_plan(struct plan *plan, const struct plan *whole, const struct subset *s,
		     struct err *err)
{
	int rc;

	*plan = (struct plan){
		.level = whole->level,
		.effective_level = whole->effective_level,
		.page_size = whole->page_size,
		.page_shift = whole->page_shift,
		.max_pfn = whole->max_pfn,
		.ram_pages = whole->ram_pages,
		.counts = whole->counts,
		.model = whole->model,
	};
	bitmap_init_source(&plan->kept, plan->max_pfn, &s->source);
	rc = pfn_list_copy(&plan->order, &whole->order, whole->essential, err);
	if (!rc)
		rc = rank_init(&plan->rank, &plan->kept, err);
	if (!rc)
		plan->kept_pages = rank_of(&plan->rank, plan->max_pfn);
	return rc;
}

/* What is held while it is written. */
struct work {
	struct dumpopts opts;
	struct dump dump; /* of the mini-core */
	struct dump base; /* that the pages are told by, where the large one cannot do it */
	struct plan base_plan, plan;
	struct subset subset;
	struct manifest m, base_m;
};

/* Only a plan that tells the classes of pages, and leaves out what is left out here, will do. */
static bool shares_plan(const struct dump *d)
{
	return dump_is_kdump(d->opts) && (d->opts->levels[0] | DUMP_LEVEL_ZERO) == DUMP_LEVEL_MAX;
}

/* The dump whose plan tells the pages, planned. */
static int plan_base(struct work *w, struct dump *d, struct dump **ret, struct err *err)
{
	*ret = d;
	if (!shares_plan(d)) {
		w->base = *d;
		w->base.opts = &w->opts;
		w->base.plan = &w->base_plan;
		w->base.planned = false;
		w->base.m = &w->base_m;
		w->base.nsinks = 1;
		*ret = &w->base;
	}
	if ((*ret)->planned)
		return 0;
	return dump_plan(*ret, err);
}

static void set_options(struct work *w, const struct dump *d)
{
	w->opts = *d->opts;
	w->opts.format = DUMP_FORMAT_KDUMP;
	w->opts.flattened_elf = false;
	w->opts.split = w->opts.dry_run = false;
	w->opts.levels[0] = DUMP_LEVEL_MAX;
	w->opts.nlevels = 1;
	if (!dump_is_kdump(d->opts)) {
		snprintf(w->opts.codec, sizeof(w->opts.codec), MINI_CODEC);
		w->opts.codec_level = 1;
	}
}

static int write_mini(struct work *w, const struct dump *base, struct sink *sink, struct err *err)
{
	int rc = subset_init(&w->subset, base->plan, err);

	if (!rc)
		rc = make_plan(&w->plan, base->plan, &w->subset, err);
	if (rc)
		return rc;
	w->dump = (struct dump){
		.km = base->km,
		.opts = &w->opts,
		.log = base->log,
		.sink = sink,
		.plan = &w->plan,
		.planned = true,
		.budget = base->budget,
		.watch = base->watch,
		.within = true,
		.m = &w->m,
	};
	w->m.plan = &w->plan;
	return dump_run(&w->dump, err);
}

int mini_run(struct dump *d, struct sink *sink, struct mini *ret, struct err *err)
{
	CLEANUP_FREE struct work *w = calloc(1, sizeof(*w));
	uint64_t start = log_now_ms();
	struct dump *base;
	int rc;

	*ret = (struct mini){0};
	if (!w)
		return err_set(err, ERR_NOMEM, "no memory for a mini-core");
	set_options(w, d);
	rc = plan_base(w, d, &base, err);
	if (!rc && !base->plan->essential)
		rc = err_set(err, ERR_NOTFOUND,
			     "no mini-core: nothing tells which pages belong to it: %s",
			     !d->km->vi	    ? "no vmcoreinfo"
			     : !d->km->xlat ? "no address translation"
					    : "the struct pages were not looked at");
	if (!rc)
		rc = write_mini(w, base, sink, err);
	if (!rc)
		*ret = (struct mini){.pages = w->m.result.pages, .bytes = w->m.result.size};
	ret->status = w->m.status;
	ret->ms = log_now_ms() - start;
	plan_deinit(&w->plan);
	subset_deinit(&w->subset);
	if (w->base.planned)
		plan_deinit(&w->base_plan);
	return rc;
}
