// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * duplicates: how many of the pages that level 31 keeps are equal to another one, which a dump
 * could store once.
 *
 *   duplicates VMCORE
 *
 * Prints how many pages are zero, how many repeat one 8-byte word, and of all others how many
 * are a second or later copy by a 64-bit hash; and what LZO would make of those copies, since
 * that is what a dump would save.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/err.h"
#include "collector/pipeline.h"
#include "collector/plan.h"
#include "vmcore/codec.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

struct page {
	uint64_t hash;
	uint32_t bytes; /* compressed */
};

struct count {
	uint64_t pages, zero, constant, unread;
	uint64_t copies, copies_bytes, bytes;
};

static bool is_constant(const uint8_t *page, size_t size)
{
	return !memcmp(page, page + 8, size - 8);
}

static int by_hash(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Fills @pages with what is neither zero nor constant; returns how many. */
static size_t look(const struct kmem *km, const struct plan *plan, void *lzo, struct page *pages,
		   struct count *c)
{
	static _Alignas(64) uint8_t page[1 << 16], out[2 << 16];
	const struct codec *codec = codec_by_name("lzo");
	size_t n = 0, size = km->page_size;

	for (pfn_t pfn = bitmap_next(&plan->kept, 0, plan->max_pfn); pfn < plan->max_pfn;
	     pfn = bitmap_next(&plan->kept, pfn + 1, plan->max_pfn)) {
		c->pages++;
		if (size > sizeof(page) ||
		    vmcore_read(km->vc, pfn << km->page_shift, page, size, NULL)) {
			c->unread++;
		} else if (page_is_zero(page, size)) {
			c->zero++;
		} else if (is_constant(page, size)) {
			c->constant++;
		} else {
			size_t z = codec->compress(lzo, page, size, out, sizeof(out));

			pages[n].hash = XXH64(page, size, 0);
			pages[n].bytes = z ? z : size;
			c->bytes += pages[n++].bytes;
		}
	}
	return n;
}

static int count_all(const struct kmem *km, const struct plan *plan, struct count *c,
		     struct err *err)
{
	struct page *pages = calloc(plan->kept_pages + 1, sizeof(*pages));
	const struct codec *codec = codec_by_name("lzo");
	void *lzo = NULL;
	size_t n;
	int rc;

	if (!pages)
		return err_set(err, ERR_NOMEM, "no memory for the hashes");
	rc = codec->create(codec->level_default, km->page_size, &lzo, err);
	if (!rc) {
		n = look(km, plan, lzo, pages, c);
		qsort(pages, n, sizeof(*pages), by_hash);
		for (size_t i = 1; i < n; i++) {
			if (pages[i].hash != pages[i - 1].hash)
				continue;
			c->copies++;
			c->copies_bytes += pages[i].bytes;
		}
		codec->destroy(lzo);
	}
	free(pages);
	return rc;
}

int main(int argc, char **argv)
{
	struct plan_wish wish = {.level = 31, .threads = 1};
	struct vmcore *vc = NULL;
	struct count c = {0};
	struct err err = {0};
	struct kmem km;
	struct plan plan;
	int rc;

	if (argc != 2) {
		fprintf(stderr, "usage: duplicates VMCORE\n");
		return 2;
	}
	rc = vmcore_open(argv[1], &vc, &err);
	if (!rc) {
		rc = kmem_init(&km, vc, NULL, &err);
		if (!rc && !(rc = plan_init_wish(&plan, &km, &wish, &err))) {
			rc = count_all(&km, &plan, &c, &err);
			plan_deinit(&plan);
		}
		kmem_deinit(&km);
		vmcore_close(vc);
	}
	if (rc) {
		fprintf(stderr, "duplicates: %s\n", err.msg);
		return 1;
	}
	printf("%" PRIu64 " pages kept, %" PRIu64 " zero, %" PRIu64 " constant, %" PRIu64
	       " not readable\n%" PRIu64 " copies of another page, %" PRIu64 " of %" PRIu64
	       " bytes with lzo\n",
	       c.pages, c.zero, c.constant, c.unread, c.copies, c.copies_bytes, c.bytes);
	return 0;
}
