// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/predict.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/pipeline.h"
#include "collector/plan.h"
#include "vmcore/codec.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

struct sampler {
	const struct predict *p;
	void *codec_ctx;
	struct vmcore_window window;
	uint8_t *page, *packed;
	size_t room;
	uint64_t pages, bytes;
};

static void sample(struct sampler *s, pfn_t pfn)
{
	const struct kmem *km = s->p->km;
	size_t size = km->page_size, len, n;
	const uint8_t *old;

	// A page of which only a part is memory is rare: it says nothing about the others.
	if (vmcore_window_get(&s->window, pfn << km->page_shift, size, size * PREDICT_RUN, &old,
			      &len, NULL))
		return;
	s->pages++;
	memcpy(s->page, old, size);
	if ((s->p->plan->level & DUMP_LEVEL_ZERO) && page_is_zero(s->page, size))
		return;
	n = s->p->codec->compress(s->codec_ctx, s->page, size, s->packed, s->room);
	s->bytes += n && n < size ? n : size;
}

static void sample_all(struct sampler *s)
{
	const struct plan *plan = s->p->plan;
	uint64_t step = plan->kept_pages / PREDICT_PLACES;

	// Few pages are all looked at.
	if (step < PREDICT_RUN)
		step = PREDICT_RUN;
	for (uint64_t i = 0; i < plan->kept_pages; i += step) {
		pfn_t pfn = rank_select(&plan->rank, i);

		for (int k = 0; k < PREDICT_RUN && pfn < plan->max_pfn; k++) {
			sample(s, pfn);
			pfn = bitmap_next(&plan->kept, pfn + 1, plan->max_pfn);
		}
	}
}

int predict_pages(const struct predict *p, uint64_t *size, uint64_t *sampled, struct err *err)
{
	uint64_t page_size = p->km->page_size;
	CLEANUP_FREE uint8_t *page = aligned_alloc(64, page_size);
	size_t room = codec_room(p->codec, page_size);
	CLEANUP_FREE uint8_t *packed = malloc(room);
	struct sampler s = {.p = p, .page = page, .packed = packed, .room = room};
	int rc;

	if (!page || !packed)
		return err_set(err, ERR_NOMEM, "no memory for a page");
	rc = p->codec->create(p->codec_level, page_size, &s.codec_ctx, err);
	if (rc)
		return rc;
	rc = vmcore_window_init(&s.window, p->km->vc, PREDICT_RUN * page_size, err);
	if (!rc) {
		sample_all(&s);
		vmcore_window_deinit(&s.window);
		*sampled = s.pages;
		*size = s.pages ? (double)s.bytes / s.pages * p->plan->kept_pages : 0;
	}
	p->codec->destroy(s.codec_ctx);
	return rc;
}
