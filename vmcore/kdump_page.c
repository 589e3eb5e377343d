// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kdump_page: from a page's descriptor to its bytes. Each page is compressed alone and its
 * descriptor says with what. One that cannot be had, for whatever reason, is what a page of
 * bad memory is elsewhere: zeros, and counted.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/codec.h"
#include "vmcore/kdump_format.h"
#include "vmcore/kdump_priv.h"
#include "vmcore/source.h"
#include "vmcore/vmcore_priv.h"

enum {
	CODECS = 8, /* a codec's flag is one bit of these */
};

/* What one thread decompresses with. */
struct kdump_reader {
	struct kdump_reader *next;
	void *ctx[CODECS]; /* by the number of the flag's bit; made when they are needed */
	bool ready[CODECS];
	uint8_t packed[]; /* a block */
};

int kdump_pages_init(struct kdump *kd, struct err *err)
{
	kd->nslots = KDUMP_CACHE_SIZE / kd->block_size;
	if (kd->nslots < KDUMP_CACHE_MIN)
		kd->nslots = KDUMP_CACHE_MIN;
	kd->slots = calloc(kd->nslots, sizeof(*kd->slots));
	kd->cache = malloc(kd->nslots * kd->block_size);
	if (!kd->slots || !kd->cache)
		return err_set(err, ERR_NOMEM, "no memory for a cache of pages");
	return 0;
}

static void free_reader(struct kdump_reader *rd)
{
	for (unsigned int i = 0; i < CODECS; i++)
		if (rd->ready[i])
			codec_by_flag(1U << i)->destroy(rd->ctx[i]);
	free(rd);
}

void kdump_pages_deinit(struct kdump *kd)
{
	struct kdump_reader *rd;

	while ((rd = kd->idle)) {
		kd->idle = rd->next;
		free_reader(rd);
	}
	free(kd->slots);
	free(kd->cache);
}

/* A reader that no other thread has; NULL without memory. The lock is held. */
static struct kdump_reader *take_reader(struct kdump *kd)
{
	struct kdump_reader *rd = kd->idle;

	if (rd)
		kd->idle = rd->next;
	else
		rd = calloc(1, sizeof(*rd) + kd->block_size);
	return rd;
}

/* The lock is held. */
static void give_reader(struct kdump *kd, struct kdump_reader *rd)
{
	rd->next = kd->idle;
	kd->idle = rd;
}

static int unpack(const struct kdump *kd, struct kdump_reader *rd, const struct kdump_desc *d,
		  uint8_t *to, struct err *err)
{
	const struct codec *codec = codec_by_flag(d->flags);
	unsigned int i = d->flags ? __builtin_ctz(d->flags) : 0;
	int rc;

	if (!codec || (d->flags && i >= CODECS))
		return err_set(err, ERR_UNSUPPORTED, "flags %#" PRIx32, d->flags);
	if (!d->flags)
		return codec->decompress(NULL, rd->packed, d->size, to, kd->block_size, err);
	if (!rd->ready[i]) {
		rc = codec->create(codec->level_default, kd->block_size, &rd->ctx[i], err);
		if (rc)
			return rc;
		rd->ready[i] = true;
	}
	return codec->decompress(rd->ctx[i], rd->packed, d->size, to, kd->block_size, err);
}

static int load(const struct kdump *kd, struct kdump_reader *rd, pfn_t pfn, uint8_t *to,
		struct err *err)
{
	uint8_t raw[KDUMP_DESC_SIZE];
	const struct kdump_part *p;
	struct kdump_desc d;
	uint64_t at;
	int rc;

	p = kdump_find_desc(kd, pfn, &at);
	if (!p)
		return err_set(err, ERR_NOTFOUND, "no descriptor");
	rc = source_read(p->src, "descriptor", at, raw, sizeof(raw), err);
	if (rc)
		return rc;
	d = kdump_parse_desc(raw);
	if (d.size > kd->block_size || !d.offset)
		return err_set(err, ERR_CORRUPT, "%" PRIu32 " bytes at %" PRIu64, d.size, d.offset);
	rc = source_read(p->src, "page", d.offset, rd->packed, d.size, err);
	return rc ? rc : unpack(kd, rd, &d, to, err);
}

/* The page @pfn, which the dump has. Only want of memory is an error. */
static int read_page(struct vmcore *vc, struct kdump *kd, struct kdump_reader *rd, pfn_t pfn,
		     uint8_t *to, struct err *err)
{
	int rc = load(kd, rd, pfn, to, err);

	if (!rc || rc == ERR_NOMEM)
		return rc;
	memset(to, 0, kd->block_size);
	atomic_fetch_add_explicit(&vc->read_errors, 1, memory_order_relaxed);
	return 0;
}

/* A part of a page, by way of the cache. */
static int read_part(struct vmcore *vc, struct kdump *kd, pfn_t pfn, size_t skip, void *to,
		     size_t size, struct err *err)
{
	// Page tables of neighbouring regions are often a power of two apart.
	size_t i = (pfn ^ pfn / kd->nslots * 31) % kd->nslots;
	struct kdump_slot *slot = &kd->slots[i];
	uint8_t *page = kd->cache + i * kd->block_size;
	struct kdump_reader *rd;
	int rc = 0;

	pthread_mutex_lock(&kd->lock);
	if (!slot->valid || slot->pfn != pfn) {
		slot->valid = false;
		rd = take_reader(kd);
		rc = rd ? read_page(vc, kd, rd, pfn, page, err)
			: err_set(err, ERR_NOMEM, "no memory to decompress");
		if (rd)
			give_reader(kd, rd);
		if (!rc)
			*slot = (struct kdump_slot){.pfn = pfn, .valid = true};
	}
	if (!rc)
		memcpy(to, page + skip, size);
	pthread_mutex_unlock(&kd->lock);
	return rc;
}

static int read_whole(struct vmcore *vc, struct kdump *kd, pfn_t pfn, void *to, struct err *err)
{
	struct kdump_reader *rd;
	int rc;

	pthread_mutex_lock(&kd->lock);
	rd = take_reader(kd);
	pthread_mutex_unlock(&kd->lock);
	if (!rd)
		return err_set(err, ERR_NOMEM, "no memory to decompress");
	rc = read_page(vc, kd, rd, pfn, to, err);
	pthread_mutex_lock(&kd->lock);
	give_reader(kd, rd);
	pthread_mutex_unlock(&kd->lock);
	return rc;
}

int kdump_read(struct vmcore *vc, const struct vmcore_range *range, uint64_t skip, void *buf,
	       size_t size, struct err *err)
{
	struct kdump *kd = vc->priv;
	paddr_t paddr = range->paddr + skip;
	uint8_t *to = buf;
	int rc = 0;

	for (size_t n; size && !rc; size -= n, to += n, paddr += n) {
		pfn_t pfn = paddr >> kd->block_shift;
		size_t in_page = paddr & (kd->block_size - 1);

		n = kd->block_size - in_page < size ? kd->block_size - in_page : size;
		if (!kdump_has(kd, pfn))
			return err_set(err, ERR_NOTFOUND,
				       "page %#" PRIx64 " is not in the dump: excluded, or lost",
				       pfn);
		if (n == kd->block_size)
			rc = read_whole(vc, kd, pfn, to, err);
		else
			rc = read_part(vc, kd, pfn, in_page, to, n, err);
	}
	return rc;
}
