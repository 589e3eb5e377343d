// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/block.h"
#include "collector/idle.h"
#include "collector/order.h"
#include "collector/plan.h"
#include "vmcore/codec.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

struct queue {
	struct block *head, *tail;
	unsigned int n;
};

struct pipeline {
	const struct pipeline_conf *conf;
	pthread_mutex_t lock; // of all below
	pthread_cond_t have_free, have_full;
	struct queue free, full;
	struct order_walk walk;
	struct ladder_state ladder;
	struct idle cpus; // where they are shared
	uint64_t taken; // blocks that workers have begun
	uint64_t due; // turn of the block that is written next, when they have an order
	struct worker *workers;
	unsigned int nworkers;
	unsigned int running; // workers not yet done
	bool idle; // the writer waits for a block
	unsigned int ring; // blocks there are
	unsigned int pressed; // so many more are taken as if each were the last free one
	bool stop; // the writer failed, or a worker did
};

enum {
	CONSTANTS = 16, // values whose packed page a worker remembers
	CONSTANT_SIZE_MAX = 256,
};

/* A page of one value, packed by one rung: such pages are all over, and their values few. */
struct constant {
	uint64_t value;
	uint16_t size; // 0: none yet
	uint16_t rung;
	uint8_t bytes[CONSTANT_SIZE_MAX];
};

struct worker {
	struct pipeline *pl;
	pthread_t thread;
	struct vmcore_window window;
	bool copies; // it reads rather than maps
	void *codec_ctx[LADDER_RUNGS_MAX];
	bool starved; // the writer had nothing to do when this one came with its last block
	bool busy; // with the block of this turn
	uint64_t turn;
	struct constant constants[CONSTANTS];
	const uint8_t *page; // at hand: a copy, for old memory may still be written to by devices
	uint8_t *own; // room for it, unless the window has one already
	pfn_t pfns[BLOCK_PAGES];
	uint64_t indices[BLOCK_PAGES];
};

static void push(struct queue *q, struct block *b)
{
	b->next = NULL;
	if (q->tail)
		q->tail->next = b;
	else
		q->head = b;
	q->tail = b;
	q->n++;
}

/* Puts @b before those of later turns: there are no more of them than blocks in the ring. */
static void push_by_turn(struct queue *q, struct block *b)
{
	struct block **at = &q->head;

	while (*at && (*at)->turn < b->turn)
		at = &(*at)->next;
	if (!*at) {
		push(q, b);
		return;
	}
	b->next = *at;
	*at = b;
	q->n++;
}

static struct block *pop(struct queue *q)
{
	struct block *b = q->head;

	if (b) {
		q->head = b->next;
		if (!q->head)
			q->tail = NULL;
		q->n--;
	}
	return b;
}

/* A page of which only parts were captured: zeros elsewhere. */
static void read_in_parts(struct worker *w, paddr_t start)
{
	const struct kmem *km = w->pl->conf->km;
	const struct vmcore_info *info = vmcore_info(km->vc);
	paddr_t end = start + km->page_size;

	memset(w->own, 0, km->page_size);
	w->page = w->own;
	for (size_t i = vmcore_first(km->vc, start); i < info->nranges; i++) {
		const struct vmcore_range *r = &info->ranges[i];
		paddr_t from = r->paddr > start ? r->paddr : start;
		paddr_t to = r->paddr + r->filesz < end ? r->paddr + r->filesz : end;

		if (r->paddr >= end)
			break;
		// What cannot be read stays zero. Bad memory is no error and was counted already.
		if (from < to &&
		    vmcore_read(km->vc, from, w->own + (from - start), to - from, NULL))
			vmcore_count_lost(km->vc);
	}
}

static size_t block_pages(const struct pipeline_conf *conf)
{
	return conf->block_pages ? conf->block_pages : BLOCK_PAGES;
}

/* The last of the pages from @i on that are worth bringing to hand at once: they lie close. */
static size_t run_last(const struct worker *w, size_t i, size_t n, uint64_t page_size)
{
	uint64_t max = w->window.size_max / page_size;
	uint64_t gap = w->copies ? PIPELINE_GAP_COPY : PIPELINE_GAP;
	size_t last = i;

	while (last + 1 < n && w->pfns[last + 1] > w->pfns[last] &&
	       w->pfns[last + 1] - w->pfns[last] <= gap && w->pfns[last + 1] - w->pfns[i] < max)
		last++;
	return last;
}

/* Packs the page with the block's codec to @to: bytes, 0 when it does not shrink. */
static size_t compress(struct worker *w, const struct block *b, uint8_t *to, size_t room)
{
	size_t page_size = w->pl->conf->km->page_size;
	const struct codec *codec = w->pl->conf->ladder->rungs[b->rung].codec;
	size_t n = codec->compress(w->codec_ctx[b->rung], w->page, page_size, to, room);

	return n < page_size ? n : 0;
}

/* The same for a page of one value, which is packed only the first time. */
static size_t compress_constant(struct worker *w, const struct block *b, uint8_t *to, size_t room)
{
	uint64_t value;
	struct constant *c;
	size_t n;

	memcpy(&value, w->page, sizeof(value));
	// The top bits of a product depend on all bits of the value.
	c = &w->constants[(value * 0x9e3779b97f4a7c15ULL) >> 60];
	if (c->size && c->value == value && c->rung == b->rung && c->size <= room) {
		memcpy(to, c->bytes, c->size);
		return c->size;
	}
	n = compress(w, b, to, room);
	if (n && n <= CONSTANT_SIZE_MAX) {
		*c = (struct constant){.value = value, .size = n, .rung = b->rung};
		memcpy(c->bytes, to, n);
	}
	return n;
}

static void pack_page(struct worker *w, struct block *b, struct block_page *bp)
{
	const struct pipeline_conf *conf = w->pl->conf;
	size_t page_size = conf->km->page_size;
	bool constant = page_is_constant(w->page, page_size);
	uint8_t *to = b->data + b->used;
	size_t room = b->room - b->used;
	size_t size;

	bp->offset = b->used;
	bp->flags = CODEC_FLAG_NONE;
	if (constant && conf->drop_zeros && page_is_zero(w->page, page_size)) {
		bp->size = 0;
		return;
	}
	size = constant ? compress_constant(w, b, to, room) : compress(w, b, to, room);
	if (size) {
		bp->flags = conf->ladder->rungs[b->rung].codec->flag;
	} else {
		memcpy(to, w->page, page_size);
		size = page_size;
	}
	bp->size = size;
	b->used += size;
}

/* Brings page @i to hand, and the window over those that follow it up to @last. */
static void get_page(struct worker *w, size_t i, size_t last)
{
	const struct kmem *km = w->pl->conf->km;
	paddr_t paddr = w->pfns[i] << km->page_shift;
	uint64_t ahead = (w->pfns[last] - w->pfns[i] + 1) * km->page_size;
	const uint8_t *old;
	size_t len;

	if (vmcore_window_get(&w->window, paddr, km->page_size, ahead, &old, &len, NULL)) {
		read_in_parts(w, paddr);
	} else if (vmcore_window_is_copy(&w->window)) {
		w->page = old;
	} else {
		memcpy(w->own, old, km->page_size);
		w->page = w->own;
	}
}

static void fill_block(struct worker *w, struct block *b, size_t n)
{
	const struct kmem *km = w->pl->conf->km;
	size_t last = 0;

	b->npages = n;
	b->used = 0;
	for (size_t i = 0; i < n; i++) {
		if (!i || i > last)
			last = run_last(w, i, n, km->page_size);
		b->pages[i] = (struct block_page){.pfn = w->pfns[i], .index = w->indices[i]};
		get_page(w, i, last);
		pack_page(w, b, &b->pages[i]);
	}
}

/*
 * How the pipeline stands for a worker that is about to take a block. When it is the last free
 * one, those that are not with workers all wait for the writer; that counts for a whole ring of
 * blocks, for a target takes them in bursts, and between two of them it may well look idle. A
 * worker that waits is a CPU that does nothing; of a writer that waits the target need not know.
 *
 * Unless the writer waits for a program that waits for a CPU: to pack more would take it even more of
 * them. Then it is not the target that is slow.
 */
static enum ladder_load load_of(const struct worker *w)
{
	struct pipeline *pl = w->pl;

	if (pl->free.n <= 1)
		pl->pressed = pl->ring;
	if (pl->pressed) {
		pl->pressed--;
		if (!pl->conf->shares_cpus || !idle_is_scarce(&pl->cpus))
			return LADDER_PRESSED;
		return pl->ladder.base > pl->conf->ladder->start ? LADDER_STARVED : LADDER_EVEN;
	}
	return w->starved ? LADDER_STARVED : LADDER_EVEN;
}

/*
 * Is a worker so late with its block that the others have to wait? What comes first in the order is to
 * be first in the file, or nearly: a worker that does not get a CPU must not have its block, which may
 * be of the most worth, behind all that the others do meanwhile.
 */
static bool is_far_ahead(const struct pipeline *pl)
{
	uint64_t oldest = pl->taken;

	for (unsigned int i = 0; i < pl->nworkers; i++) {
		const struct worker *w = &pl->workers[i];

		if (w->busy && w->turn < oldest)
			oldest = w->turn;
	}
	return pl->taken - oldest >= PIPELINE_LEAD + pl->nworkers;
}

/* Waits for a free block and for pages to put into it; NULL when there is no more to do. */
static struct block *take_work(struct worker *w, size_t *n)
{
	struct pipeline *pl = w->pl;
	struct block *b = NULL;

	pthread_mutex_lock(&pl->lock);
	while (!pl->stop && (!pl->free.head || is_far_ahead(pl)))
		pthread_cond_wait(&pl->have_free, &pl->lock);
	if (!pl->stop) {
		*n = order_next(&pl->walk, block_pages(pl->conf), w->pfns, w->indices);
		if (*n) {
			enum ladder_load load = load_of(w);

			b = pop(&pl->free);
			b->turn = w->turn = pl->taken++;
			w->busy = true;
			b->rung = ladder_choose(&pl->ladder, pl->conf->ladder, load);
		}
	}
	if (!b) {
		pl->running--;
		// Who waits for a free block is woken when the writer gives one back.
		pthread_cond_signal(&pl->have_full);
	}
	pthread_mutex_unlock(&pl->lock);
	return b;
}

static void hand_over(struct worker *w, struct block *b)
{
	struct pipeline *pl = w->pl;

	pthread_mutex_lock(&pl->lock);
	w->busy = false;
	w->starved = pl->idle && !pl->full.head;
	if (pl->conf->ordered)
		push_by_turn(&pl->full, b);
	else
		push(&pl->full, b);
	pthread_cond_signal(&pl->have_full);
	pthread_mutex_unlock(&pl->lock);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct block *b;
	size_t n;

	while ((b = take_work(w, &n))) {
		fill_block(w, b, n);
		hand_over(w, b);
	}
	return NULL;
}

static void count_block(const struct block *b, struct pipeline_stats *stats)
{
	stats->pages += b->npages;
	stats->bytes += b->used;
	for (size_t i = 0; i < b->npages; i++) {
		if (!b->pages[i].size)
			stats->zero_pages++;
		else if (b->pages[i].flags == CODEC_FLAG_NONE)
			stats->raw_pages++;
		else
			stats->rung_pages[b->rung]++;
	}
}

/* Is there a block that can be written now? Called with the lock. */
static bool have_due(const struct pipeline *pl)
{
	return pl->full.head && (!pl->conf->ordered || pl->full.head->turn == pl->due);
}

/* Calls tick() without the lock. */
static void tick(struct pipeline *pl, const struct pipeline_out *out,
		 const struct pipeline_stats *stats)
{
	if (!out->tick)
		return;
	pthread_mutex_unlock(&pl->lock);
	out->tick(out->ctx, stats);
	pthread_mutex_lock(&pl->lock);
}

/* The next filled block; NULL when the workers are done. Ticks each second while it waits. */
static struct block *next_full(struct pipeline *pl, const struct pipeline_out *out,
			       const struct pipeline_stats *stats)
{
	struct block *b;

	pthread_mutex_lock(&pl->lock);
	pl->idle = !have_due(pl);
	if (pl->idle && pl->running)
		tick(pl, out, stats);
	while (!have_due(pl) && pl->running) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		if (pthread_cond_clockwait(&pl->have_full, &pl->lock, CLOCK_MONOTONIC, &until) ==
		    ETIMEDOUT)
			tick(pl, out, stats);
	}
	pl->idle = false;
	// No block is missing once the workers are done: each hands over what it has taken.
	b = pop(&pl->full);
	pl->due++;
	pthread_mutex_unlock(&pl->lock);
	return b;
}

static void give_back(struct pipeline *pl, struct block *b, bool stop)
{
	pthread_mutex_lock(&pl->lock);
	push(&pl->free, b);
	if (stop)
		pl->stop = true;
	pthread_cond_broadcast(&pl->have_free);
	pthread_mutex_unlock(&pl->lock);
}

/* The writer's side: until the workers are done, or a write fails. */
static int drain(struct pipeline *pl, const struct pipeline_out *out, struct pipeline_stats *stats,
		 struct err *err)
{
	struct block *b;
	int rc = 0;

	while ((b = next_full(pl, out, stats))) {
		if (!rc) {
			rc = out->write(out->ctx, b, err);
			if (!rc)
				count_block(b, stats);
			if (!rc && out->tick)
				out->tick(out->ctx, stats);
		}
		give_back(pl, b, rc != 0);
	}
	return rc;
}

static size_t block_room(const struct ladder *ladder, uint64_t page_size, size_t block_pages)
{
	return block_pages * page_size + ladder_room(ladder, page_size);
}

uint64_t pipeline_memory(const struct ladder *ladder, unsigned int workers, uint64_t page_size,
			 size_t block_pages)
{
	uint64_t blocks = workers + PIPELINE_SPARE_BLOCKS;
	uint64_t room = block_room(ladder, page_size, block_pages);

	return blocks * (sizeof(struct block) + room) +
	       workers * (sizeof(struct worker) + page_size + ladder_memory(ladder, page_size));
}

static void free_blocks(struct queue *q)
{
	struct block *b;

	while ((b = pop(q))) {
		free(b->data);
		free(b);
	}
}

/* As many blocks of the ring as memory allows: with few it is slower, with one it still works. */
static int make_blocks(struct pipeline *pl, unsigned int n, struct err *err)
{
	size_t room = block_room(pl->conf->ladder, pl->conf->km->page_size, block_pages(pl->conf));

	while (n--) {
		struct block *b = calloc(1, sizeof(*b));

		if (!b || !(b->data = malloc(room))) {
			free(b);
			break;
		}
		b->room = room;
		push(&pl->free, b);
	}
	if (!pl->free.head)
		return err_set(err, ERR_NOMEM, "no memory for a block of %zu bytes", room);
	pl->ring = pl->free.n;
	return 0;
}

static int worker_init(struct worker *w, struct pipeline *pl, struct err *err)
{
	const struct pipeline_conf *conf = pl->conf;
	int rc;

	w->pl = pl;
	// The window first: one that was never set up must not be released.
	rc = vmcore_window_init(&w->window, conf->km->vc,
				conf->window ? conf->window : PIPELINE_WINDOW, err);
	if (rc)
		return rc;
	if (!conf->map)
		w->copies = vmcore_window_prefer_copy(&w->window);
	if (posix_memalign((void **)&w->own, 64, conf->km->page_size)) {
		w->own = NULL;
		return err_set(err, ERR_NOMEM, "no memory for a page");
	}
	for (unsigned int i = 0; i < conf->ladder->n && !rc; i++) {
		const struct rung *r = &conf->ladder->rungs[i];

		rc = r->codec->create(r->level, conf->km->page_size, &w->codec_ctx[i], err);
	}
	return rc;
}

static void worker_deinit(struct worker *w)
{
	const struct ladder *ladder;

	if (!w->pl)
		return;
	ladder = w->pl->conf->ladder;
	vmcore_window_deinit(&w->window);
	for (unsigned int i = 0; i < ladder->n; i++)
		ladder->rungs[i].codec->destroy(w->codec_ctx[i]);
	free(w->own);
}

/* Sets up as many workers as memory allows, at least one. */
static int make_workers(struct pipeline *pl, struct worker *workers, unsigned int *n,
			struct err *err)
{
	unsigned int ready = 0;
	int rc = 0;

	while (ready < *n && !rc) {
		rc = worker_init(&workers[ready], pl, err);
		if (!rc)
			ready++;
		else
			worker_deinit(&workers[ready]);
	}
	if (rc)
		workers[ready].pl = NULL;
	*n = ready;
	return ready ? 0 : rc;
}

static unsigned int start_workers(struct pipeline *pl, struct worker *workers, unsigned int n)
{
	unsigned int started = 0;

	pl->workers = workers;
	pl->nworkers = n;
	pl->running = n;
	while (started < n &&
	       !pthread_create(&workers[started].thread, NULL, work, &workers[started]))
		started++;
	pthread_mutex_lock(&pl->lock);
	pl->running -= n - started;
	pthread_mutex_unlock(&pl->lock);
	return started;
}

int pipeline_run(const struct pipeline_conf *conf, const struct pipeline_out *out,
		 struct pipeline_stats *ret, struct err *err)
{
	struct pipeline pl = {
		.conf = conf,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.have_free = PTHREAD_COND_INITIALIZER,
		.have_full = PTHREAD_COND_INITIALIZER,
		.walk = {.order = conf->order ? conf->order : &conf->plan->order,
			 .rank = &conf->plan->rank},
	};
	unsigned int n = conf->workers ? conf->workers : 1;
	CLEANUP_FREE struct worker *workers = calloc(n, sizeof(*workers));
	unsigned int started;
	int rc;

	*ret = (struct pipeline_stats){0};
	ladder_begin(&pl.ladder, conf->ladder);
	if (!workers)
		return err_set(err, ERR_NOMEM, "no memory for %u workers", n);
	idle_begin(&pl.cpus);
	rc = make_workers(&pl, workers, &n, err);
	if (!rc)
		rc = make_blocks(&pl, n + PIPELINE_SPARE_BLOCKS, err);
	if (!rc) {
		started = start_workers(&pl, workers, n);
		ret->workers = started;
		if (!started)
			rc = err_set(err, ERR_NOMEM, "not one worker thread could be started");
		else
			rc = drain(&pl, out, ret, err);
		for (unsigned int i = 0; i < started; i++)
			pthread_join(workers[i].thread, NULL);
	}
	for (unsigned int i = 0; i < n; i++)
		worker_deinit(&workers[i]);
	free_blocks(&pl.free);
	free_blocks(&pl.full);
	idle_end(&pl.cpus);
	return rc;
}
