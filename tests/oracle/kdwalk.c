// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kdwalk.h"

/* What a thread has for itself. */
struct worker {
	struct kd_codec codec;
	uint8_t *buf_a, *buf_b, *held;
};

/* Stable among equal PFNs: one thread finds all there is on a page, in order. */
__attribute__((format(printf, 3, 4))) static void find(struct walk *w, uint64_t pfn,
						       const char *fmt, ...)
{
	va_list ap;
	unsigned int at;

	pthread_mutex_lock(&w->lock);
	for (at = w->nfinds; at > 0 && w->finds[at - 1].pfn > pfn; at--)
		;
	if (at < w->limit) {
		unsigned int keep = w->nfinds < w->limit ? w->nfinds : w->limit - 1;

		memmove(&w->finds[at + 1], &w->finds[at], (keep - at) * sizeof(w->finds[0]));
		w->nfinds = keep + 1;
		w->finds[at].pfn = pfn;
		va_start(ap, fmt);
		vsnprintf(w->finds[at].text, FIND_TEXT_MAX, fmt, ap);
		va_end(ap);
	}
	pthread_mutex_unlock(&w->lock);
}

static void count(struct walk *w, enum tally kind)
{
	atomic_fetch_add_explicit(&w->tally[kind], 1, memory_order_relaxed);
}

/* buf with the page, or NULL after the reason is noted; a page lost with leave is only counted. */
static const uint8_t *page_of(struct walk *w, struct worker *me, const struct kd *kd,
			      uint64_t index, uint64_t pfn, uint8_t *buf)
{
	struct kd_desc d = kd_desc_at(kd, index);
	const char *why;

	if (kd_page(kd, &me->codec, &d, buf, &why))
		return buf;
	if (w->lost_ok && kd_lost(&d) && (kd->h.status & KD_ST_INCOMPLETE)) {
		count(w, T_LOST);
		return NULL;
	}
	count(w, T_UNREADABLE);
	find(w, pfn, "%s: offset %" PRIu64 " size %" PRIu32 " flags %#" PRIx32 ": %s",
	     kd == w->a ? "A" : "B", d.offset, d.size, d.flags, why);
	return NULL;
}

static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t len)
{
	size_t i = 0;

	while (i < len && a[i] == b[i])
		i++;
	return i;
}

static void compare_pages(struct walk *w, struct worker *me, uint64_t pfn, uint64_t ia, uint64_t ib)
{
	const uint8_t *pa = page_of(w, me, w->a, ia, pfn, me->buf_a);
	const uint8_t *pb = page_of(w, me, w->b, ib, pfn, me->buf_b);

	count(w, T_PAGES);
	if (!pa || !pb || memcmp(pa, pb, w->a->h.block_size) == 0)
		return;
	size_t i = first_difference(pa, pb, w->a->h.block_size);

	count(w, T_CONTENT);
	find(w, pfn, "content differs from byte %zu on: %02x, %02x", i, pa[i], pb[i]);
}

static void compare_chunk(struct walk *w, struct worker *me, uint64_t first, uint64_t last)
{
	uint64_t ia = first < w->a->h.max_mapnr ? kd_index(w->a, first) : 0;
	uint64_t ib = first < w->b->h.max_mapnr ? kd_index(w->b, first) : 0;

	for (uint64_t pfn = first; pfn < last; pfn++) {
		bool a1 = kd_bit(w->a, w->a->bitmap1, pfn), b1 = kd_bit(w->b, w->b->bitmap1, pfn);
		bool a2 = kd_bit(w->a, w->a->bitmap2, pfn), b2 = kd_bit(w->b, w->b->bitmap2, pfn);

		if (a1 != b1) {
			count(w, T_BITMAP1);
			find(w, pfn, "bitmap1: %d, %d", a1, b1);
		}
		if (a2 != b2) {
			count(w, T_BITMAP2);
			find(w, pfn, "bitmap2: %d, %d", a2, b2);
		}
		if (a2 && b2)
			compare_pages(w, me, pfn, ia, ib);
		ia += a2;
		ib += b2;
	}
}

static void core_page(struct walk *w, struct worker *me, uint64_t pfn, uint64_t index,
		      uint64_t have)
{
	uint32_t bs = w->a->h.block_size;
	const uint8_t *pa = page_of(w, me, w->a, index, pfn, me->buf_a);

	count(w, T_PAGES);
	if (!pa)
		return;
	if (have < bs)
		count(w, T_PARTIAL);
	if (memcmp(pa, me->buf_b, bs) == 0)
		return;
	for (uint32_t i = 0; i < bs; i++) {
		if (me->held[i] && pa[i] != me->buf_b[i]) {
			count(w, T_CONTENT);
			find(w, pfn, "content differs from byte %" PRIu32 " on: %02x, core %02x", i,
			     pa[i], me->buf_b[i]);
			return;
		}
	}
}

/* A page that the core holds only a part of may be in bitmap1 or not. */
static void core_chunk(struct walk *w, struct worker *me, uint64_t first, uint64_t last)
{
	uint64_t bs = w->a->h.block_size, index = kd_index(w->a, first);

	for (uint64_t pfn = first; pfn < last; pfn++) {
		bool bit1 = kd_bit(w->a, w->a->bitmap1, pfn);
		bool bit2 = kd_bit(w->a, w->a->bitmap2, pfn);
		uint64_t have = core_read(w->core, pfn * bs, bs, me->buf_b, me->held);

		if ((have == bs && !bit1) || (have == 0 && bit1)) {
			count(w, T_BITMAP1);
			find(w, pfn, "bitmap1: %d, but the core holds %" PRIu64 " bytes of it",
			     bit1, have);
		}
		if (bit2 && have == 0) {
			count(w, T_BITMAP2);
			find(w, pfn, "bitmap2: 1, but the core holds nothing of it");
		}
		if (bit2)
			core_page(w, me, pfn, index, have);
		index += bit2;
	}
}

static void grep_page(struct walk *w, const uint8_t *page, uint64_t pfn)
{
	size_t bs = w->a->h.block_size, at = 0;

	while (at < bs) {
		const uint8_t *hit = memmem(page + at, bs - at, w->pattern, w->pattern_len);

		if (!hit)
			return;
		at = (size_t)(hit - page) + 1;
		count(w, T_HITS);
		find(w, pfn, "offset %#zx", at - 1);
	}
}

/* For WALK_GREP and WALK_DECODE: every page of one dump. */
static void single_chunk(struct walk *w, struct worker *me, uint64_t first, uint64_t last)
{
	uint64_t index = kd_index(w->a, first);

	for (uint64_t pfn = first; pfn < last; pfn++) {
		if (!kd_bit(w->a, w->a->bitmap2, pfn))
			continue;
		const uint8_t *p = page_of(w, me, w->a, index++, pfn, me->buf_a);

		count(w, T_PAGES);
		if (p && w->mode == WALK_GREP)
			grep_page(w, p, pfn);
	}
}

static void walk_chunks(struct walk *w, struct worker *me)
{
	for (;;) {
		uint64_t first = atomic_fetch_add(&w->next, 1) << KD_CHUNK_BITS;

		if (first >= w->max_pfn)
			return;
		uint64_t left = w->max_pfn - first;
		uint64_t last = first + (left < KD_CHUNK ? left : KD_CHUNK);

		if (w->mode == WALK_COMPARE)
			compare_chunk(w, me, first, last);
		else if (w->mode == WALK_CORE)
			core_chunk(w, me, first, last);
		else
			single_chunk(w, me, first, last);
	}
}

static void *worker_main(void *arg)
{
	struct walk *w = arg;
	struct worker me = {
		.buf_a = malloc(KD_BLOCK_MAX),
		.buf_b = malloc(KD_BLOCK_MAX),
		.held = malloc(KD_BLOCK_MAX),
	};

	if (!me.buf_a || !me.buf_b || !me.held || kd_codec_init(&me.codec))
		atomic_store(&w->broken, true);
	else
		walk_chunks(w, &me);
	kd_codec_free(&me.codec);
	free(me.buf_a);
	free(me.buf_b);
	free(me.held);
	return NULL;
}

int walk_run(struct walk *w)
{
	pthread_t tid[WALK_THREADS_MAX];
	unsigned int n = 0;

	w->max_pfn = w->a->h.max_mapnr;
	if (w->mode == WALK_COMPARE && w->b->h.max_mapnr > w->max_pfn)
		w->max_pfn = w->b->h.max_mapnr;
	w->finds = calloc((size_t)w->limit + 1, sizeof(*w->finds));
	if (!w->finds || pthread_mutex_init(&w->lock, NULL))
		return -1;
	while (n < w->threads && n < WALK_THREADS_MAX &&
	       pthread_create(&tid[n], NULL, worker_main, w) == 0)
		n++;
	for (unsigned int i = 0; i < n; i++)
		pthread_join(tid[i], NULL);
	return n == 0 || atomic_load(&w->broken) ? -1 : 0;
}

void walk_free(struct walk *w)
{
	free(w->finds);
	w->finds = NULL;
}

uint64_t walk_differences(struct walk *w)
{
	return w->tally[T_BITMAP1] + w->tally[T_BITMAP2] + w->tally[T_CONTENT] +
	       w->tally[T_UNREADABLE];
}
