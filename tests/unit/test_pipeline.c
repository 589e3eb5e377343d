// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pipeline between codecs and writers that wait for each other as a test wants it, by what
 * has been done and never by time: a target that is too slow gets the strongest codec, one that
 * is too fast the weakest, and blocks come in order when they are told to.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/block.h"
#include "collector/pipeline.h"
#include "collector/plan.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkernel.h"
#include "vmcore/codec.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	BLOCKS_MAX = 512,
	LAST_FLAG = 1 << 7, /* of the fake codecs: 1 << 5 and up */
	PACKED = 16, /* bytes that a fake codec makes of a page */
	LATE_MARK = 0xff, /* the second of them in the page that was held back */
	LATE_US = 50000,
};

/* Who waits for whom. */
enum pace {
	PACE_FREE,
	PACE_SLOW_TARGET, /* the writer waits until the workers cannot go on */
	PACE_BURSTS, /* the same, but only before every fourth block */
	PACE_FAST_TARGET, /* the codec waits until the writer has nothing to do */
	PACE_FIRST_LAST, /* the first page that any codec sees waits for three other blocks */
	PACE_FIRST_LATE, /* it waits for as many as may be begun before its own is done */
};

/* What both sides see. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum pace pace;
	uint64_t workers, npages; /* of this run */
	uint64_t packed; /* pages that a codec was called for */
	uint64_t ticks; /* since the last block was written */
	uint64_t idle; /* the writer found nothing to do behind so many blocks, less one */
	uint64_t written; /* blocks */
	unsigned int rung[BLOCKS_MAX]; /* of each block, as it was written */
	uint64_t turn[BLOCKS_MAX];
	pfn_t first[BLOCKS_MAX];
	uint64_t late; /* place of the block that was held back */
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int fake_create(int level, size_t page_size, void **ret, struct err *err)
{
	(void)page_size;
	(void)err;
	*ret = (void *)(uintptr_t)(level + 1);
	return 0;
}

static void fake_destroy(void *ctx)
{
	(void)ctx;
}

static size_t fake_memory(int level, size_t page_size)
{
	(void)level;
	(void)page_size;
	return 0;
}

static size_t fake_room(size_t page_size)
{
	return page_size;
}

/* One worker: it begins a block when all before it are written and the writer says so. */
static void wait_for_idle(void)
{
	uint64_t block = shared.packed / BLOCK_PAGES;

	while (shared.packed % BLOCK_PAGES == 0 && shared.idle <= block)
		pthread_cond_wait(&shared.changed, &shared.lock);
}

static void wait_for_others(void)
{
	bool first = shared.packed++ == 0;

	while (first && shared.packed < 1 + 3 * BLOCK_PAGES)
		pthread_cond_wait(&shared.changed, &shared.lock);
	shared.packed--;
}

/* And for a while longer, in which a worker that did not wait would go on. Was it this one? */
static bool wait_for_lead(void)
{
	bool first = shared.packed++ == 0;

	while (first && shared.packed < 1 + (PIPELINE_LEAD + shared.workers - 1) * BLOCK_PAGES)
		pthread_cond_wait(&shared.changed, &shared.lock);
	shared.packed--;
	if (!first)
		return false;
	pthread_mutex_unlock(&shared.lock);
	usleep(LATE_US);
	pthread_mutex_lock(&shared.lock);
	return true;
}

static size_t fake_compress(void *ctx, const void *src, size_t size, void *dst, size_t room)
{
	bool late = false;

	(void)src;
	(void)size;
	(void)room;
	pthread_mutex_lock(&shared.lock);
	if (shared.pace == PACE_FAST_TARGET)
		wait_for_idle();
	if (shared.pace == PACE_FIRST_LAST)
		wait_for_others();
	if (shared.pace == PACE_FIRST_LATE)
		late = wait_for_lead();
	shared.packed++;
	pthread_cond_broadcast(&shared.changed);
	pthread_mutex_unlock(&shared.lock);
	memset(dst, (int)(uintptr_t)ctx, PACKED);
	if (late)
		((uint8_t *)dst)[1] = LATE_MARK;
	return PACKED;
}

static const struct codec fakes[] = {
	{.name = "weak",
	 .flag = LAST_FLAG >> 2,
	 .create = fake_create,
	 .destroy = fake_destroy,
	 .memory = fake_memory,
	 .room = fake_room,
	 .compress = fake_compress},
	{.name = "middle",
	 .flag = LAST_FLAG >> 1,
	 .create = fake_create,
	 .destroy = fake_destroy,
	 .memory = fake_memory,
	 .room = fake_room,
	 .compress = fake_compress},
	{.name = "strong",
	 .flag = LAST_FLAG,
	 .create = fake_create,
	 .destroy = fake_destroy,
	 .memory = fake_memory,
	 .room = fake_room,
	 .compress = fake_compress},
};

static const struct ladder ladder = {
	.rungs = {{&fakes[0], 0}, {&fakes[1], 1}, {&fakes[2], 2}},
	.n = 3,
	.start = 1,
};

/* Until every block of the ring but this one is full: then all workers wait for this one. */
static void wait_for_full(void)
{
	uint64_t ring = shared.workers + PIPELINE_SPARE_BLOCKS;
	uint64_t pages = least((shared.written + ring) * BLOCK_PAGES, shared.npages);

	while (shared.packed < pages)
		pthread_cond_wait(&shared.changed, &shared.lock);
}

static int take_block(void *ctx, const struct block *b, struct err *err)
{
	(void)ctx;
	(void)err;
	pthread_mutex_lock(&shared.lock);
	if (shared.pace == PACE_SLOW_TARGET ||
	    (shared.pace == PACE_BURSTS && shared.written % 4 == 0))
		wait_for_full();
	assert_true(shared.written < BLOCKS_MAX);
	shared.rung[shared.written] = b->rung;
	shared.turn[shared.written] = b->turn;
	shared.first[shared.written] = b->pages[0].pfn;
	if (b->data[b->pages[0].offset + 1] == LATE_MARK)
		shared.late = shared.written;
	shared.written++;
	shared.ticks = 0;
	for (size_t i = 0; i < b->npages; i++) {
		assert_int_equal(b->pages[i].flags, fakes[b->rung].flag);
		assert_int_equal(b->pages[i].size, PACKED);
		// The context that packed it is the rung's own.
		assert_int_equal(b->data[b->pages[i].offset], b->rung + 1);
	}
	pthread_mutex_unlock(&shared.lock);
	return 0;
}

/* Behind a block it is called once; all further calls are from a writer that waits. */
static void tick(void *ctx, const struct pipeline_stats *stats)
{
	(void)ctx;
	(void)stats;
	pthread_mutex_lock(&shared.lock);
	if (++shared.ticks > (shared.written ? 1 : 0))
		shared.idle = shared.written + 1;
	pthread_cond_broadcast(&shared.changed);
	pthread_mutex_unlock(&shared.lock);
}

enum {
	FIRST_PFN = 0x2000,
	NPAGES = 64 * BLOCK_PAGES,
};

/* A core of which a part, without constant pages, is taken. */
struct bench {
	int fd;
	struct vmcore *vc;
	struct kmem km;
	struct plan plan;
	struct pfn_list order;
};

static void bench_open(struct bench *b)
{
	static const char text[] = "ram 16M 8M\nram 32M 64M\nnoise 0x2000 16384\n";
	char path[MKCORE_PATH_MAX];
	struct err err = {0};

	b->fd = mkkernel_memfd(text, &err);
	if (b->fd < 0)
		fail_msg("%s", err.msg);
	mkcore_path(b->fd, path);
	assert_int_equal(vmcore_open(path, &b->vc, &err), 0);
	assert_int_equal(kmem_init(&b->km, b->vc, NULL, &err), 0);
	assert_int_equal(plan_init(&b->plan, &b->km, 0, 1, &err), 0);
	b->order = (struct pfn_list){0};
	assert_int_equal(pfn_list_add(&b->order, FIRST_PFN, FIRST_PFN + NPAGES, &err), 0);
}

static void bench_close(struct bench *b)
{
	pfn_list_deinit(&b->order);
	plan_deinit(&b->plan);
	kmem_deinit(&b->km);
	vmcore_close(b->vc);
	close(b->fd);
}

static void run(struct bench *b, enum pace pace, unsigned int workers, bool ordered,
		struct pipeline_stats *stats)
{
	struct pipeline_conf conf = {
		.km = &b->km,
		.plan = &b->plan,
		.ladder = &ladder,
		.order = &b->order,
		.ordered = ordered,
		.workers = workers,
	};
	struct pipeline_out out = {.write = take_block, .tick = tick};
	struct err err = {0};

	pthread_mutex_lock(&shared.lock);
	shared.pace = pace;
	shared.workers = workers;
	shared.npages = NPAGES;
	shared.packed = shared.idle = shared.ticks = shared.written = 0;
	shared.late = BLOCKS_MAX;
	pthread_mutex_unlock(&shared.lock);
	assert_int_equal(pipeline_run(&conf, &out, stats, &err), 0);
	assert_int_equal(stats->pages, NPAGES);
	assert_int_equal(shared.written, NPAGES / BLOCK_PAGES);
	assert_int_equal(stats->rung_pages[0] + stats->rung_pages[1] + stats->rung_pages[2],
			 stats->pages);
}

/* From the first block that a worker had to wait for, all go to the strongest. */
static void check_slow(struct bench *b, enum pace pace, unsigned int workers)
{
	uint64_t strong = 0, ring = workers + PIPELINE_SPARE_BLOCKS;
	struct pipeline_stats stats;

	run(b, pace, workers, true, &stats);
	for (uint64_t k = ring; k < shared.written; k++)
		strong += shared.rung[k] == 2;
	assert_int_equal(strong, shared.written - ring);
	assert_true(stats.rung_pages[2] >= strong * BLOCK_PAGES);
}

static void test_slow_target(void **state)
{
	static const unsigned int workers[] = {1, 2, 8};
	struct bench b;

	(void)state;
	bench_open(&b);
	// Whatever the number of workers, and when the target swallows several blocks at once.
	for (size_t i = 0; i < ARRAY_SIZE(workers); i++)
		check_slow(&b, PACE_SLOW_TARGET, workers[i]);
	check_slow(&b, PACE_BURSTS, 1);
	bench_close(&b);
}

static void test_fast_target(void **state)
{
	struct pipeline_stats stats;
	struct bench b;

	(void)state;
	bench_open(&b);
	run(&b, PACE_FAST_TARGET, 1, false, &stats);
	// Nothing is known before the first block, and from then on the writer only waits.
	assert_int_equal(shared.rung[0], 1);
	for (uint64_t k = 1; k < shared.written; k++)
		assert_int_equal(shared.rung[k], 0);
	assert_int_equal(stats.rung_pages[2], 0);
	bench_close(&b);
}

/* The first block is late: without an order it comes late, with one the others wait for it. */
static void test_order(void **state)
{
	struct pipeline_stats stats;
	struct bench b;

	(void)state;
	bench_open(&b);
	run(&b, PACE_FIRST_LAST, 4, true, &stats);
	for (uint64_t k = 0; k < shared.written; k++) {
		assert_int_equal(shared.turn[k], k);
		assert_int_equal(shared.first[k], FIRST_PFN + k * BLOCK_PAGES);
	}
	run(&b, PACE_FREE, 8, true, &stats);
	for (uint64_t k = 0; k < shared.written; k++)
		assert_int_equal(shared.turn[k], k);
	run(&b, PACE_FREE, 8, false, &stats);
	bench_close(&b);
}

/*
 * Without an order, too, no block comes behind more than so many of later turns. The first that calls
 * the codec need not have the first block; and of what the others packed meanwhile, each may still have
 * a block in hand.
 */
static void test_late(void **state)
{
	struct pipeline_stats stats;
	struct bench b;

	(void)state;
	bench_open(&b);
	run(&b, PACE_FIRST_LATE, 4, false, &stats);
	assert_true(shared.late < shared.written);
	assert_true(shared.late >= PIPELINE_LEAD);
	assert_true(shared.late <= shared.turn[shared.late] + PIPELINE_LEAD + 4 - 1);
	bench_close(&b);
}

/* What became of each page, as the file would have it. */
struct result {
	uint64_t sum; /* of bytes and places, in whatever order the blocks came */
	size_t pages;
};

static int sum_block(void *ctx, const struct block *b, struct err *err)
{
	struct result *r = ctx;

	(void)err;
	for (size_t i = 0; i < b->npages; i++) {
		const struct block_page *p = &b->pages[i];
		uint64_t h = p->pfn * 0x9e3779b97f4a7c15ULL + p->flags;

		for (size_t k = 0; k < p->size; k++)
			h = (h ^ b->data[p->offset + k]) * 0x100000001b3ULL;
		r->sum += h;
		r->pages++;
	}
	return 0;
}

static void run_real(struct bench *b, bool map, unsigned int workers, struct result *ret)
{
	struct ladder one;
	struct pipeline_conf conf = {
		.km = &b->km,
		.plan = &b->plan,
		.ladder = &one,
		.map = map,
		.workers = workers,
	};
	struct pipeline_out out = {.write = sum_block, .ctx = ret};
	struct pipeline_stats stats;
	struct err err = {0};

	*ret = (struct result){0};
	assert_int_equal(ladder_make(&one, "lzo", 0, true, &err), 0);
	assert_int_equal(pipeline_run(&conf, &out, &stats, &err), 0);
}

/* The same pages come of it mapped, as /proc/vmcore is, and read. */
static void test_ways(void **state)
{
	struct result mapped, read;
	struct bench b;

	(void)state;
	bench_open(&b);
	run_real(&b, true, 2, &mapped);
	run_real(&b, false, 2, &read);
	assert_int_equal(mapped.pages, b.plan.kept_pages);
	assert_int_equal(read.pages, b.plan.kept_pages);
	assert_true(mapped.sum == read.sum);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slow_target), cmocka_unit_test(test_fast_target),
		cmocka_unit_test(test_order),	    cmocka_unit_test(test_late),
		cmocka_unit_test(test_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
