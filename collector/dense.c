// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/dense.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/pipeline.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	CHUNK = 1 << 15, // pages that a thread takes at a time; whole words of the bitmap
};

struct shared {
	const struct kmem *km;
	struct bitmap *kept;
	atomic_uint_fast64_t next; // chunk
};

struct searcher {
	struct shared *shared;
	pthread_t thread;
	struct vmcore_window window;
	uint8_t *copy; // of a page that is not aligned where it is mapped
	uint64_t cleared;
};

/* Bytes worth mapping for @pfn: as far as kept pages follow each other closely. */
static size_t ahead(const struct searcher *s, pfn_t pfn, pfn_t end)
{
	const struct kmem *km = s->shared->km;
	pfn_t most = pfn + PIPELINE_WINDOW / km->page_size;
	pfn_t last = pfn;

	if (most < end)
		end = most;
	for (pfn_t p = pfn; p < end && p - last <= PIPELINE_GAP;
	     p = bitmap_next(s->shared->kept, p + 1, end))
		last = p;
	return (last - pfn + 1) * km->page_size;
}

static bool is_zero(struct searcher *s, pfn_t pfn, pfn_t end)
{
	const struct kmem *km = s->shared->km;
	const uint8_t *page;
	size_t len;

	len = pfn << km->page_shift >= s->window.paddr &&
			      (pfn << km->page_shift) - s->window.paddr < s->window.len
		      ? km->page_size
		      : ahead(s, pfn, end);
	if (vmcore_window_get(&s->window, pfn << km->page_shift, km->page_size, len, &page, &len,
			      NULL))
		return false;
	if ((uintptr_t)page % sizeof(uint64_t))
		page = memcpy(s->copy, page, km->page_size);
	return page_is_zero(page, km->page_size);
}

static void *search(void *arg)
{
	struct searcher *s = arg;
	struct bitmap *kept = s->shared->kept;
	pfn_t start;

	while ((start = atomic_fetch_add(&s->shared->next, 1) * CHUNK) < kept->nbits) {
		pfn_t end = start + CHUNK;

		for (pfn_t p = bitmap_next(kept, start, end); p < end;
		     p = bitmap_next(kept, p + 1, end))
			if (is_zero(s, p, end))
				s->cleared += bitmap_clear_range(kept, p, p + 1);
	}
	return NULL;
}

static int searcher_init(struct searcher *s, struct shared *shared, struct err *err)
{
	int rc = vmcore_window_init(&s->window, shared->km->vc, PIPELINE_WINDOW, err);

	if (rc)
		return rc;
	s->shared = shared;
	s->copy = malloc(shared->km->page_size);
	if (s->copy)
		return 0;
	vmcore_window_deinit(&s->window);
	return err_set(err, ERR_NOMEM, "no memory for a page");
}

/* Runs the threads that could be started; the calling one is the first of them. */
static void run_threads(struct searcher *s, unsigned int n)
{
	unsigned int started = 1;

	while (started < n && !pthread_create(&s[started].thread, NULL, search, &s[started]))
		started++;
	search(&s[0]);
	for (unsigned int i = 1; i < started; i++)
		pthread_join(s[i].thread, NULL);
}

int dense_drop_zeros(const struct kmem *km, struct bitmap *kept, unsigned int threads,
		     uint64_t *ret, struct err *err)
{
	struct shared shared = {.km = km, .kept = kept};
	unsigned int n = threads ? threads : 1, ready = 0;
	CLEANUP_FREE struct searcher *s = calloc(n, sizeof(*s));
	int rc = 0;

	if (!s)
		return err_set(err, ERR_NOMEM, "no memory for %u threads", n);
	while (ready < n && !(rc = searcher_init(&s[ready], &shared, err)))
		ready++;
	if (!ready)
		return rc;
	run_threads(s, ready);
	*ret = 0;
	for (unsigned int i = 0; i < ready; i++) {
		*ret += s[i].cleared;
		vmcore_window_deinit(&s[i].window);
		free(s[i].copy);
	}
	return 0;
}

static bool all_may_be_read(pfn_t pfn, pfn_t end, dense_may_read_fn may_read, void *ctx)
{
	while (pfn < end && may_read(ctx, pfn))
		pfn++;
	return pfn == end;
}

uint64_t dense_fill(const struct kmem *km, struct bitmap *kept, dense_may_read_fn may_read,
		    void *ctx)
{
	const struct vmcore_info *info = vmcore_info(km->vc);
	uint64_t filled = 0;

	for (size_t i = 0; i < info->nranges; i++) {
		const struct vmcore_range *r = &info->ranges[i];
		pfn_t pfn = r->paddr >> km->page_shift;
		pfn_t end = r->filesz ? ((r->paddr + r->filesz - 1) >> km->page_shift) + 1 : pfn;

		// What is left out at the end of a range needs no header: it only shortens the file.
		for (pfn_t next; (next = bitmap_next(kept, pfn, end)) < end;
		     pfn = bitmap_next_clear(kept, next, end)) {
			if (next > pfn && next - pfn < DENSE_GAP &&
			    all_may_be_read(pfn, next, may_read, ctx))
				filled += bitmap_set_range(kept, pfn, next);
		}
	}
	return filled;
}
