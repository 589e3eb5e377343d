// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kdump_index: the two bitmaps, and with them the place of each page's descriptor.
 *
 * Descriptors stand in PFN order, one for each bit of bitmap2, so that of a page is found by
 * its rank: how many bits are set below it. bitmap2 is held in memory, one bit a page, with a
 * table of ranks; what is all zeros in it costs none. bitmap1 is turned into ranges as it is
 * read. Descriptors stay in the file.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "vmcore/kdump_format.h"
#include "vmcore/kdump_priv.h"
#include "vmcore/source.h"
#include "vmcore/vmcore_priv.h"

enum {
	CHUNK = 64 << 10, /* bytes of a bitmap, or of descriptors, read at once */
	STEP = 4096, /* bytes of it that are left alone when they are zeros */
	DESCS_A_READ = CHUNK / KDUMP_DESC_SIZE,
};

static void *reserve(size_t size, struct err *err)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p != MAP_FAILED)
		return p;
	err_set(err, ERR_NOMEM, "no memory for an index of %zu bytes", size);
	return NULL;
}

static int bits_init(struct kdump_bits *b, uint64_t nbits, struct err *err)
{
	b->size = (nbits / 64 + 1) * 8;
	b->words = reserve(b->size, err);
	return b->words ? 0 : ERR_NOMEM;
}

static void bits_deinit(struct kdump_bits *b)
{
	if (b->words)
		munmap(b->words, b->size);
	b->words = NULL;
}

static bool bit(const struct kdump_bits *b, pfn_t pfn)
{
	return b->words[pfn / 64] >> (pfn % 64) & 1;
}

bool kdump_has(const struct kdump *kd, pfn_t pfn)
{
	return pfn < kd->max_pfn && bit(kd->have.words ? &kd->have : &kd->listed, pfn);
}

uint64_t kdump_run(const struct kdump *kd, pfn_t pfn, pfn_t end)
{
	const uint64_t *words = kd->have.words ? kd->have.words : kd->listed.words;
	uint64_t flip = words[pfn / 64] >> (pfn % 64) & 1 ? ~0ULL : 0;
	pfn_t at = pfn;

	while (at < end) {
		// Bits that differ from the first.
		uint64_t other = (words[at / 64] ^ flip) >> (at % 64);

		if (other) {
			at += __builtin_ctzll(other);
			break;
		}
		at = (at / 64 + 1) * 64;
	}
	return (at < end ? at : end) - pfn;
}

/* How many pages below @pfn are listed. */
static uint64_t rank(const struct kdump *kd, pfn_t pfn)
{
	uint64_t n = kd->ranks[pfn / KDUMP_RANK_PFNS];
	uint64_t word = pfn / KDUMP_RANK_PFNS * (KDUMP_RANK_PFNS / 64);

	for (; word < pfn / 64; word++)
		n += __builtin_popcountll(kd->listed.words[word]);
	if (pfn % 64)
		n += __builtin_popcountll(kd->listed.words[word] & ~(~0ULL << (pfn % 64)));
	return n;
}

static int make_ranks(struct kdump *kd, struct err *err)
{
	uint64_t words = kd->max_pfn / 64 + 1;

	kd->ranks_size = (kd->max_pfn / KDUMP_RANK_PFNS + 1) * sizeof(*kd->ranks);
	kd->ranks = reserve(kd->ranks_size, err);
	if (!kd->ranks)
		return ERR_NOMEM;
	for (uint64_t w = 0; w < words; w++) {
		if (w % (KDUMP_RANK_PFNS / 64) == 0)
			kd->ranks[w / (KDUMP_RANK_PFNS / 64)] = kd->nlisted;
		kd->nlisted += __builtin_popcountll(kd->listed.words[w]);
	}
	return 0;
}

/* Called with each chunk of a bitmap: @size bytes, those of pages from @pfn on. */
typedef int (*chunk_fn)(void *ctx, pfn_t pfn, const uint8_t *bytes, size_t size, struct err *err);

static int each_chunk(const struct kdump_part *part, const char *what, uint64_t offset, chunk_fn fn,
		      void *ctx, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(CHUNK);
	uint64_t total = part->h.max_pfn / 8 + (part->h.max_pfn % 8 != 0);
	int rc = 0;

	if (!buf)
		return err_set(err, ERR_NOMEM, "%s: no memory", what);
	for (uint64_t done = 0; done < total && !rc; done += CHUNK) {
		size_t n = total - done < CHUNK ? total - done : CHUNK;

		rc = source_read(part->src, what, offset + done, buf, n, err);
		// No page is above the last.
		if (!rc && done + n == total && part->h.max_pfn % 8)
			buf[n - 1] &= (1 << part->h.max_pfn % 8) - 1;
		if (!rc)
			rc = fn(ctx, done * 8, buf, n, err);
	}
	return rc;
}

/* Ranges in the making: maximal runs of bitmap1. */
struct runs {
	struct vmcore *vc;
	size_t room;
	unsigned int shift;
	pfn_t start, end; /* the run that may go on; none when both are equal */
};

static int end_run(struct runs *r, struct err *err)
{
	struct vmcore *vc = r->vc;
	uint64_t size = (r->end - r->start) << r->shift;

	if (r->start == r->end)
		return 0;
	if (vc->info.nranges == VMCORE_RANGES_MAX)
		return err_set(err, ERR_LIMIT, "bitmap1: more than %d stretches of memory",
			       VMCORE_RANGES_MAX);
	if (vc->info.nranges == r->room) {
		size_t room = r->room ? r->room * 2 : 64;
		struct vmcore_range *grown = realloc(vc->ranges, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ERR_NOMEM, "no memory for %zu ranges", room);
		vc->ranges = grown;
		r->room = room;
	}
	vc->ranges[vc->info.nranges++] = (struct vmcore_range){
		.paddr = r->start << r->shift,
		.memsz = size,
		.filesz = size,
	};
	r->start = r->end = 0;
	return 0;
}

static int take_ram(void *ctx, pfn_t pfn, const uint8_t *bytes, size_t size, struct err *err)
{
	struct runs *r = ctx;
	int rc = 0;

	for (size_t i = 0; i < size && !rc; i++) {
		pfn_t first = pfn + i * 8;

		if (bytes[i] == 0xff && r->end == first && r->start != r->end) {
			r->end += 8;
			continue;
		}
		for (unsigned int b = 0; bytes[i] && b < 8 && !rc; b++) {
			if (!(bytes[i] >> b & 1))
				continue;
			if (r->start == r->end || r->end != first + b) {
				rc = end_run(r, err);
				r->start = first + b;
			}
			r->end = first + b + 1;
		}
	}
	return rc;
}

static bool all_zero(const uint8_t *p, size_t size)
{
	return !p[0] && !memcmp(p, p + 1, size - 1);
}

static int take_listed(void *ctx, pfn_t pfn, const uint8_t *bytes, size_t size, struct err *err)
{
	struct kdump_bits *listed = ctx;

	(void)err;
	for (size_t at = 0, n; at < size; at += n) {
		n = size - at < STEP ? size - at : STEP;
		// Memory is taken by writing to it.
		if (all_zero(bytes + at, n))
			continue;
		for (size_t i = at; i < at + n; i++)
			listed->words[pfn / 64 + i / 8] |= (uint64_t)bytes[i] << (i % 8 * 8);
	}
	return 0;
}

static int same_listed(void *ctx, pfn_t pfn, const uint8_t *bytes, size_t size, struct err *err)
{
	const struct kdump_bits *listed = ctx;

	for (size_t i = 0; i < size; i++)
		if ((uint8_t)(listed->words[pfn / 64 + i / 8] >> (i % 8 * 8)) != bytes[i])
			return err_set(err, ERR_CORRUPT,
				       "bitmap2 is not that of the first file, from page %#" PRIx64
				       " on: not parts of one dump",
				       pfn + i * 8);
	return 0;
}

static int read_bitmaps(struct vmcore *vc, struct kdump *kd, struct err *err)
{
	const struct kdump_part *p = &kd->parts[0];
	struct runs runs = {.vc = vc, .shift = kd->block_shift};
	int rc = each_chunk(p, "bitmap1", p->h.bitmap_offset, take_ram, &runs, err);

	if (!rc)
		rc = end_run(&runs, err);
	if (!rc)
		rc = bits_init(&kd->listed, kd->max_pfn, err);
	if (!rc)
		rc = each_chunk(p, "bitmap2", p->h.bitmap_offset + p->h.bitmap_size, take_listed,
				&kd->listed, err);
	for (size_t i = 1; i < kd->nparts && !rc; i++) {
		p = &kd->parts[i];
		rc = each_chunk(p, "bitmap2", p->h.bitmap_offset + p->h.bitmap_size, same_listed,
				&kd->listed, err);
	}
	return rc;
}

const struct kdump_part *kdump_find_desc(const struct kdump *kd, pfn_t pfn, uint64_t *offset)
{
	size_t low = 0, high = kd->nparts;

	// The first part that ends behind the page; there are few.
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (kd->parts[mid].h.end <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == kd->nparts || kd->parts[low].h.start > pfn)
		return NULL;
	*offset = kd->parts[low].desc_offset +
		  (rank(kd, pfn) - kd->parts[low].first_rank) * KDUMP_DESC_SIZE;
	return &kd->parts[low];
}

struct kdump_desc kdump_parse_desc(const uint8_t *desc)
{
	return (struct kdump_desc){
		.offset = load_le64(desc + KDUMP_D_OFFSET),
		.size = load_le32(desc + KDUMP_D_SIZE),
		.flags = load_le32(desc + KDUMP_D_FLAGS),
	};
}

/* The writer never came to it, or a copy was cut before it. */
static bool is_lost(const struct kdump_part *p, const struct kdump_desc *d)
{
	return !d->offset || d->offset > p->src->size || d->size > p->src->size - d->offset;
}

/* Does the last page that has a descriptor lie in the file? Most writers put it last. */
static bool ends_early(const struct kdump *kd, const struct kdump_part *p)
{
	uint8_t buf[KDUMP_DESC_SIZE];
	pfn_t last = p->h.end;
	uint64_t n = rank(kd, last) - p->first_rank;
	struct kdump_desc d;

	if (!n)
		return false;
	if (source_read(p->src, "", p->desc_offset + (n - 1) * KDUMP_DESC_SIZE, buf, sizeof(buf),
			NULL))
		return true;
	d = kdump_parse_desc(buf);
	return is_lost(p, &d);
}

/* Takes from kd->have the pages of a part whose descriptors say that they were lost. */
static int drop_lost(struct kdump *kd, const struct kdump_part *p, uint64_t *lost, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(DESCS_A_READ * KDUMP_DESC_SIZE);
	pfn_t pfn = p->h.start;
	uint64_t at = p->desc_offset;
	size_t have = 0, next = 0;

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory to look for lost pages");
	while (pfn < p->h.end) {
		struct kdump_desc d = {0};

		if (!bit(&kd->listed, pfn)) {
			pfn += kdump_run(kd, pfn, p->h.end);
			continue;
		}
		if (next == have) {
			ssize_t n =
				source_pread(p->src, buf, DESCS_A_READ * KDUMP_DESC_SIZE, at, NULL);

			have = n < 0 ? 0 : n / KDUMP_DESC_SIZE;
			at += have * KDUMP_DESC_SIZE;
			next = 0;
		}
		if (next < have)
			d = kdump_parse_desc(buf + next++ * KDUMP_DESC_SIZE);
		if (is_lost(p, &d)) {
			kd->have.words[pfn / 64] &= ~(1ULL << (pfn % 64));
			++*lost;
		}
		pfn++;
	}
	return 0;
}

/* Pages of parts that were not given. */
static uint64_t drop_missing(struct kdump *kd)
{
	uint64_t lost = 0;
	pfn_t pfn = 0;

	for (size_t i = 0; i <= kd->nparts; i++) {
		pfn_t end = i < kd->nparts ? kd->parts[i].h.start : kd->max_pfn;

		for (; pfn < end; pfn++) {
			if (pfn % 64 == 0 && !kd->have.words[pfn / 64]) {
				pfn += 63;
				continue;
			}
			lost += bit(&kd->have, pfn);
			kd->have.words[pfn / 64] &= ~(1ULL << (pfn % 64));
		}
		pfn = i < kd->nparts ? kd->parts[i].h.end : end;
	}
	return lost;
}

static int find_lost(struct vmcore *vc, struct kdump *kd, struct err *err)
{
	uint64_t words = kd->max_pfn / 64 + 1, lost = 0, missing;
	int rc = bits_init(&kd->have, kd->max_pfn, err);

	for (uint64_t w = 0; w < words && !rc; w++)
		if (kd->listed.words[w])
			kd->have.words[w] = kd->listed.words[w];
	if (rc)
		return rc;
	missing = drop_missing(kd);
	if (missing)
		vmcore_warn(vc, "parts of the dump are not given: %" PRIu64 " pages are missing",
			    missing);
	for (size_t i = 0; i < kd->nparts && !rc; i++)
		rc = drop_lost(kd, &kd->parts[i], &lost, err);
	if (lost)
		vmcore_warn(vc, "%" PRIu64 " pages of the dump were lost", lost);
	if (missing || lost)
		vc->info.truncated = true;
	return rc;
}

/* A set that is whole covers all pages. */
static bool has_gaps(const struct kdump *kd)
{
	pfn_t pfn = 0;

	for (size_t i = 0; i < kd->nparts; i++) {
		if (kd->parts[i].h.start > pfn)
			return true;
		pfn = kd->parts[i].h.end;
	}
	return pfn < kd->max_pfn;
}

int kdump_index_init(struct vmcore *vc, struct kdump *kd, struct err *err)
{
	bool look = vc->info.truncated || has_gaps(kd);
	int rc = read_bitmaps(vc, kd, err);

	if (!rc)
		rc = make_ranks(kd, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < kd->nparts; i++) {
		struct kdump_part *p = &kd->parts[i];

		p->desc_offset = p->h.bitmap_offset + 2 * p->h.bitmap_size;
		p->first_rank = rank(kd, p->h.start);
		look = look || ends_early(kd, p);
	}
	return look ? find_lost(vc, kd, err) : 0;
}

void kdump_index_deinit(struct kdump *kd)
{
	bits_deinit(&kd->listed);
	bits_deinit(&kd->have);
	if (kd->ranks)
		munmap(kd->ranks, kd->ranks_size);
	kd->ranks = NULL;
}
