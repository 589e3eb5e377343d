// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * codecs: what each codec costs and gives on pages of a real dump, through the collector's own
 * table of codecs, on one thread.
 *
 *   codecs VMCORE [CODEC[:LEVEL]...]
 *
 * Takes up to SAMPLE pages of those that level 31 keeps, evenly spread, without those that repeat
 * one word, which the collector packs once and copies, and says how many such pages there were but
 * for zeros. It prints a line a codec: CPU microseconds a page (the least of a few rounds, in which the
 * codecs take turns), the bytes they become, and the ratio. Pages that do not shrink count as
 * they are, as in a dump.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "collector/constant.h"
#include "collector/pipeline.h"
#include "collector/plan.h"
#include "vmcore/codec.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	SAMPLE = 16384,
	ROUNDS = 5,
	RUNS_MAX = 64,
};

/* One codec at one level. */
struct run {
	const struct codec *codec;
	int level;
	void *ctx;
	uint64_t bytes;
	double best; /* seconds of CPU for all pages, of the quickest round */
};

struct bench {
	uint8_t *pages;
	size_t npages, page_size;
	size_t nconstant; /* of one value, but not of zeros: not among the pages */
	uint8_t *out;
	size_t room;
	struct run runs[RUNS_MAX];
	size_t nruns;
};

static const char *const usual[] = {"none",   "lzo",	"zstd:-10", "zstd:-5", "zstd:-1",
				    "zstd:1", "zstd:3", "zlib:1",   "zlib:6"};

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void read_pages(struct bench *b, const struct kmem *km, const struct plan *plan)
{
	uint64_t step = plan->kept_pages / SAMPLE + 1;
	pfn_t pfn = bitmap_next(&plan->kept, 0, plan->max_pfn);

	b->page_size = km->page_size;
	b->pages = aligned_alloc(64, SAMPLE * b->page_size);
	for (uint64_t i = 0; b->pages && pfn < plan->max_pfn && b->npages < SAMPLE; i++) {
		uint8_t *page = b->pages + b->npages * b->page_size;

		if (i % step == 0 &&
		    !vmcore_read(km->vc, pfn << km->page_shift, page, b->page_size, NULL)) {
			bool constant = page_is_constant(page, b->page_size);

			b->npages += !constant;
			b->nconstant += constant && !page_is_zero(page, b->page_size);
		}
		pfn = bitmap_next(&plan->kept, pfn + 1, plan->max_pfn);
	}
}

static int load(struct bench *b, const char *path, struct err *err)
{
	struct plan_wish wish = {.level = 31, .threads = 1};
	struct vmcore *vc;
	struct kmem km;
	struct plan plan;
	int rc = vmcore_open(path, &vc, err);

	if (rc)
		return rc;
	rc = kmem_init(&km, vc, NULL, err);
	if (!rc)
		rc = plan_init_wish(&plan, &km, &wish, err);
	if (!rc) {
		read_pages(b, &km, &plan);
		plan_deinit(&plan);
	}
	kmem_deinit(&km);
	vmcore_close(vc);
	if (!rc && !b->npages)
		rc = err_set(err, ERR_NODATA, "not one page to work on");
	return rc;
}

static int add_run(struct bench *b, const char *spec, struct err *err)
{
	struct run *r = &b->runs[b->nruns];
	int rc;

	if (b->nruns == RUNS_MAX)
		return err_set(err, ERR_USAGE, "more than %d codecs", RUNS_MAX);
	rc = codec_parse(spec, &r->codec, &r->level, err);
	if (!rc)
		rc = r->codec->create(r->level, b->page_size, &r->ctx, err);
	if (rc)
		return rc;
	if (codec_room(r->codec, b->page_size) > b->room)
		b->room = codec_room(r->codec, b->page_size);
	b->nruns++;
	return 0;
}

static void compress_all(struct bench *b, struct run *r)
{
	double start = cpu_seconds(), took;

	r->bytes = 0;
	for (size_t i = 0; i < b->npages; i++) {
		size_t n = r->codec->compress(r->ctx, b->pages + i * b->page_size, b->page_size,
					      b->out, b->room);

		r->bytes += n ? n : b->page_size;
	}
	took = cpu_seconds() - start;
	if (!r->best || took < r->best)
		r->best = took;
}

static void print(const struct bench *b)
{
	printf("%zu pages of %zu bytes, %zu of one value apart\n%-10s %8s %12s %6s\n", b->npages,
	       b->page_size, b->nconstant, "codec", "us/page", "bytes", "ratio");
	for (size_t i = 0; i < b->nruns; i++) {
		const struct run *r = &b->runs[i];
		char name[32];

		snprintf(name, sizeof(name), "%s:%d", r->codec->name, r->level);
		printf("%-10s %8.2f %12" PRIu64 " %6.3f\n", name, r->best * 1e6 / b->npages,
		       r->bytes, (double)b->npages * b->page_size / r->bytes);
	}
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	struct err err = {0};
	size_t n = argc > 2 ? (size_t)argc - 2 : sizeof(usual) / sizeof(*usual);
	int rc;

	if (argc < 2) {
		fprintf(stderr, "usage: codecs VMCORE [CODEC[:LEVEL]...]\n");
		return 2;
	}
	rc = load(&b, argv[1], &err);
	for (size_t i = 0; i < n && !rc; i++)
		rc = add_run(&b, argc > 2 ? argv[i + 2] : usual[i], &err);
	if (!rc && !(b.out = malloc(b.room)))
		rc = err_set(&err, ERR_NOMEM, "no memory for a page");
	for (int round = 0; round < ROUNDS && !rc; round++)
		for (size_t i = 0; i < b.nruns; i++)
			compress_all(&b, &b.runs[i]);
	if (!rc)
		print(&b);
	else
		fprintf(stderr, "codecs: %s\n", err.msg);
	for (size_t i = 0; i < b.nruns; i++)
		b.runs[i].codec->destroy(b.runs[i].ctx);
	free(b.out);
	free(b.pages);
	return rc ? 1 : 0;
}
