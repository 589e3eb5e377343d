// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kdcheck.h"

#define NT_PRSTATUS_TYPE 1
#define HEADER_BYTES	 464U
#define SUB_BYTES	 104U

struct extent {
	uint64_t from, to;
	uint32_t flags;
};

struct checker {
	const struct kd *kd;
	const struct kdcheck_rules *rules;
	struct kdcheck *c;
};

__attribute__((format(printf, 2, 3))) static void fault(struct checker *k, const char *fmt, ...)
{
	va_list ap;

	if (k->c->faults++ >= k->rules->limit)
		return;
	fputs("fault: ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void check_header(struct checker *k)
{
	const struct kd_header *h = &k->kd->h;
	uint64_t need = ((h->max_mapnr + 7) / 8 + h->block_size - 1) / h->block_size;
	uint32_t codecs = h->status & KD_ST_CODECS;

	if (h->tv_usec)
		fault(k, "tv_usec is %" PRIu64 ": libkdumpfile may take it for a block size",
		      h->tv_usec);
	if (h->nr_cpus == 0)
		fault(k, "nr_cpus is 0");
	if (codecs & (codecs - 1))
		fault(k, "status %#" PRIx32 " names more than one codec", h->status);
	if (h->status & ~(uint32_t)(KD_ST_CODECS | KD_ST_INCOMPLETE | KD_ST_NO_VMEMMAP))
		fault(k, "status %#" PRIx32 " has unknown bits", h->status);
	if (h->dump_level > 31)
		fault(k, "dump_level is %" PRIu32, h->dump_level);
	if (h->max_mapnr_32 != (h->max_mapnr > UINT32_MAX ? UINT32_MAX : h->max_mapnr))
		fault(k, "max_mapnr %" PRIu32 " does not go with max_mapnr_64 %" PRIu64,
		      h->max_mapnr_32, h->max_mapnr);
	if (h->bitmap_blocks != 2 * need)
		fault(k, "bitmap_blocks is %" PRIu32 ", expected %" PRIu64, h->bitmap_blocks,
		      2 * need);
	for (size_t i = 0; i < KD_UTS_BYTES; i += 65)
		if (!memchr(h->uts + i, 0, 65))
			fault(k, "utsname field %zu has no end", i / 65);
}

/* Notes: 4-byte rounding, up to zero padding at the end. Counts NT_PRSTATUS of "CORE". */
static uint64_t count_cpus(struct checker *k, const uint8_t *p, uint64_t len)
{
	uint64_t at = 0, cpus = 0;

	while (len - at >= 12) {
		uint32_t n[3];

		memcpy(n, p + at, sizeof(n));
		if (n[0] == 0)
			break;
		uint64_t name = (n[0] + UINT64_C(3)) & ~UINT64_C(3);
		uint64_t desc = (n[1] + UINT64_C(3)) & ~UINT64_C(3);

		if (name + desc > len - at - 12) {
			fault(k, "the note at byte %" PRIu64 " of the notes does not fit", at);
			break;
		}
		if (n[2] == NT_PRSTATUS_TYPE && n[0] == 5 && memcmp(p + at + 12, "CORE", 5) == 0)
			cpus++;
		at += 12 + name + desc;
	}
	for (; at < len; at++)
		if (p[at]) {
			fault(k, "byte %" PRIu64 " of the notes is no note and no padding", at);
			break;
		}
	return cpus;
}

static void check_notes(struct checker *k)
{
	const struct kd *kd = k->kd;
	const struct kd_header *h = &kd->h;
	uint64_t cpus = count_cpus(k, kd->notes, h->size_note);

	if (h->offset_note != h->block_size + UINT64_C(104))
		fault(k, "offset_note is %" PRIu64 ", expected %" PRIu64, h->offset_note,
		      h->block_size + UINT64_C(104));
	if (h->offset_note + h->size_note > kd->bitmap_off)
		fault(k, "the notes run into the bitmaps");
	if (cpus != h->nr_cpus)
		fault(k, "%" PRIu64 " NT_PRSTATUS, but nr_cpus %" PRIu32, cpus, h->nr_cpus);
	if (h->size_vmcoreinfo == 0 || h->size_vmcoreinfo > h->size_note ||
	    h->offset_vmcoreinfo < h->offset_note ||
	    h->offset_vmcoreinfo - h->offset_note > h->size_note - h->size_vmcoreinfo)
		fault(k, "vmcoreinfo does not lie within the notes");
	else if (memcmp(kd->notes + (h->offset_vmcoreinfo - h->offset_note),
			"OSRELEASE=", h->size_vmcoreinfo < 10 ? h->size_vmcoreinfo : 10) != 0)
		fault(k, "vmcoreinfo does not begin with OSRELEASE=");
	if (h->size_eraseinfo &&
	    (h->offset_eraseinfo > kd->size || h->size_eraseinfo > kd->size - h->offset_eraseinfo))
		fault(k, "eraseinfo lies outside of the file");
}

static void check_bitmaps(struct checker *k)
{
	const struct kd *kd = k->kd;
	uint64_t end = kd->bitmap_bytes * 8;

	for (uint64_t pfn = 0; pfn < kd->h.max_mapnr; pfn++)
		if (kd_bit(kd, kd->bitmap2, pfn) && !kd_bit(kd, kd->bitmap1, pfn))
			fault(k, "PFN %#" PRIx64 ": in bitmap2, but not in bitmap1", pfn);
	for (uint64_t pfn = kd->h.max_mapnr; pfn < end; pfn++)
		if ((kd->bitmap1[pfn >> 3] | kd->bitmap2[pfn >> 3]) >> (pfn & 7) & 1)
			fault(k, "PFN %#" PRIx64 ": has a bit, but lies beyond max_mapnr", pfn);
}

static void count_flags(struct checker *k, uint64_t i, const struct kd_desc *d)
{
	struct kdcheck *c = k->c;

	if (d->flags == 0)
		c->raw++;
	else if (d->flags == KD_ST_ZLIB)
		c->zlib++;
	else if (d->flags == KD_ST_LZO)
		c->lzo++;
	else if (d->flags == KD_ST_ZSTD)
		c->zstd++;
	else
		fault(k, "desc %" PRIu64 ": flags %#" PRIx32 " are not one known codec", i,
		      d->flags);
}

/* One descriptor by itself. True when its extent is fit for the look at overlaps. */
static bool check_desc(struct checker *k, uint64_t i, const struct kd_desc *d)
{
	const struct kd *kd = k->kd;
	uint64_t descs_end = kd->desc_off + kd->ndesc * KD_DESC_BYTES;

	count_flags(k, i, d);
	if (d->page_flags)
		fault(k, "desc %" PRIu64 ": page_flags %#" PRIx64, i, d->page_flags);
	if (d->size == 0 || d->size > kd->h.block_size ||
	    (d->flags == 0 && d->size != kd->h.block_size))
		fault(k, "desc %" PRIu64 ": size %" PRIu32 " with flags %#" PRIx32, i, d->size,
		      d->flags);
	if (d->offset > kd->size || d->size > kd->size - d->offset) {
		fault(k, "desc %" PRIu64 ": offset %" PRIu64 " lies outside of the file", i,
		      d->offset);
		return false;
	}
	/* Data may lie before the bitmaps (the streamed layout) or behind the descriptors. */
	bool before = d->offset >= kd->h.offset_note + kd->h.size_note &&
		      d->offset + d->size <= kd->bitmap_off;

	if (!before && d->offset < descs_end)
		fault(k, "desc %" PRIu64 ": offset %" PRIu64 " lies in headers or index", i,
		      d->offset);
	return true;
}

static int by_place(const void *pa, const void *pb)
{
	const struct extent *a = pa, *b = pb;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	if (a->to != b->to)
		return a->to < b->to ? -1 : 1;
	return a->flags < b->flags ? -1 : a->flags > b->flags;
}

/* Two descriptors may share data, as pages of zeros do, but then all of it. */
static void check_overlaps(struct checker *k, struct extent *e, uint64_t n)
{
	if (n)
		k->c->data_bytes = e[0].to - e[0].from;
	for (uint64_t i = 1; i < n; i++) {
		if (by_place(&e[i - 1], &e[i]) == 0) {
			k->c->shared++;
			continue;
		}
		k->c->data_bytes += e[i].to - e[i].from;
		if (e[i].from < e[i - 1].to)
			fault(k,
			      "data at %" PRIu64 "..%" PRIu64 " and at %" PRIu64 "..%" PRIu64
			      " overlap",
			      e[i - 1].from, e[i - 1].to, e[i].from, e[i].to);
	}
}

/*
 * Data that begins before the data of an earlier PFN. What is shared counts as in order when it is
 * the first in the file, as makedumpfile's page of zeros is.
 */
static void check_order(struct checker *k, const struct extent *e, uint64_t n)
{
	uint64_t lowest = UINT64_MAX, highest = 0;

	for (uint64_t i = 0; i < n; i++)
		if (e[i].from < lowest)
			lowest = e[i].from;
	for (uint64_t i = 0; i < n; i++) {
		if (e[i].from < highest && e[i].from != lowest)
			k->c->out_of_order++;
		if (e[i].from > highest)
			highest = e[i].from;
	}
	if (k->c->out_of_order && k->rules->ordered)
		fault(k, "%" PRIu64 " pages lie before those of earlier PFNs", k->c->out_of_order);
}

static int check_descs(struct checker *k)
{
	const struct kd *kd = k->kd;
	struct extent *e = calloc(kd->ndesc + 1, sizeof(*e));
	uint64_t n = 0, lost_first = 0;

	if (!e)
		return -1;
	for (uint64_t i = 0; i < kd->ndesc; i++) {
		struct kd_desc d = kd_desc_at(kd, i);

		if (kd_lost(&d)) {
			if (k->c->lost++ == 0)
				lost_first = i;
			continue;
		}
		k->c->pages++;
		if (k->c->lost && !k->rules->holes)
			fault(k, "desc %" PRIu64 ": follows the lost desc %" PRIu64, i, lost_first);
		if (!check_desc(k, i, &d))
			continue;
		e[n++] = (struct extent){d.offset, d.offset + d.size, d.flags};
	}
	if (k->c->lost && !(kd->h.status & KD_ST_INCOMPLETE))
		fault(k, "%" PRIu64 " pages are lost, but the dump is not marked incomplete",
		      k->c->lost);
	check_order(k, e, n);
	qsort(e, n, sizeof(*e), by_place);
	check_overlaps(k, e, n);
	free(e);
	return 0;
}

int kdcheck_run(const struct kd *kd, const struct kdcheck_rules *rules, struct kdcheck *c)
{
	struct checker k = {.kd = kd, .rules = rules, .c = c};

	*c = (struct kdcheck){0};
	check_header(&k);
	check_notes(&k);
	check_bitmaps(&k);
	return check_descs(&k);
}
