// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include "kdread.h"

#define HEADER_BYTES 464
#define SUB_BYTES    104
#define BLOCK_MIN    4096U

__attribute__((format(printf, 2, 3))) static int fail(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, KD_WHY_MAX, fmt, ap);
	va_end(ap);
	return -1;
}

static uint32_t u32_at(const uint8_t *p, size_t off)
{
	uint32_t v;

	memcpy(&v, p + off, sizeof(v));
	return v;
}

static uint64_t u64_at(const uint8_t *p, size_t off)
{
	uint64_t v;

	memcpy(&v, p + off, sizeof(v));
	return v;
}

static bool inside(const struct kd *kd, uint64_t off, uint64_t len)
{
	return off <= kd->size && len <= kd->size - off;
}

static bool read_at(const struct kd *kd, uint64_t off, void *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(kd->fd, (char *)buf + done, len - done, (off_t)(off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* A part of the file in memory of its own, or NULL. */
static uint8_t *load(const struct kd *kd, uint64_t off, uint64_t len)
{
	uint8_t *p = malloc(len + 1);

	if (p && !read_at(kd, off, p, len)) {
		free(p);
		return NULL;
	}
	return p;
}

static int open_file(struct kd *kd, char *why)
{
	struct stat st;

	kd->fd = open(kd->path, O_RDONLY | O_CLOEXEC);
	if (kd->fd < 0)
		return fail(why, "open: %s", strerror(errno));
	if (fstat(kd->fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return fail(why, "not a regular file with something in it");
	kd->size = (uint64_t)st.st_size;
	return 0;
}

static void decode_sub_header(struct kd_header *h, const uint8_t *s)
{
	h->phys_base = u64_at(s, 0);
	h->dump_level = u32_at(s, 8);
	h->split = u32_at(s, 12);
	h->start_pfn = u64_at(s, 16);
	h->end_pfn = u64_at(s, 24);
	h->offset_vmcoreinfo = u64_at(s, 32);
	h->size_vmcoreinfo = u64_at(s, 40);
	h->offset_note = u64_at(s, 48);
	h->size_note = u64_at(s, 56);
	h->offset_eraseinfo = u64_at(s, 64);
	h->size_eraseinfo = u64_at(s, 72);
	h->start_pfn_64 = u64_at(s, 80);
	h->end_pfn_64 = u64_at(s, 88);
	h->max_mapnr = u64_at(s, 96);
}

static int decode_headers(struct kd *kd, char *why)
{
	struct kd_header *h = &kd->h;
	uint8_t p[HEADER_BYTES], sub[SUB_BYTES];

	if (!inside(kd, 0, HEADER_BYTES))
		return fail(why, "%" PRIu64 " bytes are too few for a header", kd->size);
	if (!read_at(kd, 0, p, sizeof(p)))
		return fail(why, "read: %s", strerror(errno));
	if (memcmp(p, "KDUMP   ", 8) != 0)
		return fail(why, "no signature of a kdump-compressed file");
	h->version = u32_at(p, 8);
	if (h->version != 6)
		return fail(why, "header_version %" PRIu32 ", expected 6", h->version);
	memcpy(h->uts, p + 12, KD_UTS_BYTES);
	h->tv_sec = u64_at(p, 408);
	h->tv_usec = u64_at(p, 416);
	h->status = u32_at(p, 424);
	h->block_size = u32_at(p, 428);
	h->sub_hdr_size = u32_at(p, 432);
	h->bitmap_blocks = u32_at(p, 436);
	h->max_mapnr_32 = u32_at(p, 440);
	h->total_ram_blocks = u32_at(p, 444);
	h->device_blocks = u32_at(p, 448);
	h->written_blocks = u32_at(p, 452);
	h->current_cpu = u32_at(p, 456);
	h->nr_cpus = u32_at(p, 460);
	if (h->block_size < BLOCK_MIN || h->block_size > KD_BLOCK_MAX ||
	    (h->block_size & (h->block_size - 1)))
		return fail(why, "block_size %" PRIu32 " is no page size", h->block_size);
	if (!inside(kd, h->block_size, SUB_BYTES))
		return fail(why, "the file ends before the sub header");
	if (!read_at(kd, h->block_size, sub, sizeof(sub)))
		return fail(why, "read: %s", strerror(errno));
	decode_sub_header(h, sub);
	if (h->split)
		return fail(why, "a part of a split dump; only whole dumps are read");
	return 0;
}

/* The bits of one chunk that belong to PFNs below max_mapnr. */
static uint64_t count_chunk(const struct kd *kd, uint64_t chunk)
{
	uint64_t first = chunk << KD_CHUNK_BITS, n = 0;
	uint64_t last = first + KD_CHUNK < kd->h.max_mapnr ? first + KD_CHUNK : kd->h.max_mapnr;

	for (uint64_t pfn = first; pfn < last; pfn += 64) {
		uint64_t w = u64_at(kd->bitmap2, pfn / 8);

		if (last - pfn < 64)
			w &= (UINT64_C(1) << (last - pfn)) - 1;
		n += (uint64_t)__builtin_popcountll(w);
	}
	return n;
}

static int find_bitmaps(struct kd *kd, char *why)
{
	const struct kd_header *h = &kd->h;
	uint64_t bs = h->block_size;

	if (h->sub_hdr_size == 0 || h->bitmap_blocks == 0 || h->bitmap_blocks % 2)
		return fail(why, "sub_hdr_size %" PRIu32 ", bitmap_blocks %" PRIu32,
			    h->sub_hdr_size, h->bitmap_blocks);
	kd->bitmap_off = (1 + (uint64_t)h->sub_hdr_size) * bs;
	kd->bitmap_bytes = h->bitmap_blocks / 2 * bs;
	if (!inside(kd, kd->bitmap_off, 2 * kd->bitmap_bytes))
		return fail(why, "the bitmaps reach beyond the end of the file");
	if (h->max_mapnr == 0 || h->max_mapnr > kd->bitmap_bytes * 8)
		return fail(why,
			    "max_mapnr_64 %" PRIu64 " does not fit %" PRIu64 " bytes of bitmap",
			    h->max_mapnr, kd->bitmap_bytes);
	if (kd->bitmap_bytes > KD_BITMAP_MAX)
		return fail(why, "bitmaps of %" PRIu64 " bytes are too long", kd->bitmap_bytes);
	kd->bitmap1 = load(kd, kd->bitmap_off, 2 * kd->bitmap_bytes);
	if (!kd->bitmap1)
		return fail(why, "cannot read the bitmaps");
	kd->bitmap2 = kd->bitmap1 + kd->bitmap_bytes;
	kd->desc_off = kd->bitmap_off + 2 * kd->bitmap_bytes;
	return 0;
}

static int rank_chunks(struct kd *kd, char *why)
{
	kd->nchunks = (kd->h.max_mapnr + KD_CHUNK - 1) >> KD_CHUNK_BITS;
	kd->rank = calloc(kd->nchunks, sizeof(*kd->rank));
	if (!kd->rank)
		return fail(why, "out of memory");
	for (uint64_t c = 0; c < kd->nchunks; c++) {
		kd->rank[c] = kd->ndesc;
		kd->ndesc += count_chunk(kd, c);
	}
	if (!inside(kd, kd->desc_off, kd->ndesc * KD_DESC_BYTES))
		return fail(why, "%" PRIu64 " descriptors reach beyond the end of the file",
			    kd->ndesc);
	kd->descs = load(kd, kd->desc_off, kd->ndesc * KD_DESC_BYTES);
	return kd->descs ? 0 : fail(why, "cannot read the descriptors");
}

static int load_notes(struct kd *kd, char *why)
{
	if (!inside(kd, kd->h.offset_note, kd->h.size_note))
		return fail(why, "the notes reach beyond the end of the file");
	if (kd->h.size_note > KD_NOTES_MAX)
		return fail(why, "notes of %" PRIu64 " bytes are too long", kd->h.size_note);
	kd->notes = load(kd, kd->h.offset_note, kd->h.size_note);
	return kd->notes ? 0 : fail(why, "cannot read the notes");
}

int kd_open(struct kd *kd, const char *path, char why[KD_WHY_MAX])
{
	*kd = (struct kd){.path = path, .fd = -1};
	if (open_file(kd, why) || decode_headers(kd, why) || find_bitmaps(kd, why) ||
	    rank_chunks(kd, why) || load_notes(kd, why)) {
		kd_close(kd);
		return -1;
	}
	return 0;
}

void kd_close(struct kd *kd)
{
	if (kd->fd >= 0)
		close(kd->fd);
	free(kd->notes);
	free(kd->bitmap1);
	free(kd->descs);
	free(kd->rank);
	*kd = (struct kd){.fd = -1};
}

bool kd_bit(const struct kd *kd, const uint8_t *bitmap, uint64_t pfn)
{
	return pfn < kd->h.max_mapnr && (bitmap[pfn >> 3] >> (pfn & 7) & 1);
}

uint64_t kd_index(const struct kd *kd, uint64_t pfn)
{
	uint64_t chunk = pfn >> KD_CHUNK_BITS, n = kd->rank[chunk];

	for (uint64_t p = chunk << KD_CHUNK_BITS; p < pfn; p += 64) {
		uint64_t w = u64_at(kd->bitmap2, p / 8);

		if (pfn - p < 64)
			w &= (UINT64_C(1) << (pfn - p)) - 1;
		n += (uint64_t)__builtin_popcountll(w);
	}
	return n;
}

struct kd_desc kd_desc_at(const struct kd *kd, uint64_t index)
{
	const uint8_t *p = kd->descs + index * KD_DESC_BYTES;

	return (struct kd_desc){
		.offset = u64_at(p, 0),
		.size = u32_at(p, 8),
		.flags = u32_at(p, 12),
		.page_flags = u64_at(p, 16),
	};
}

bool kd_lost(const struct kd_desc *d)
{
	return d->offset == 0 && d->size == 0 && d->flags == 0 && d->page_flags == 0;
}

int kd_codec_init(struct kd_codec *c)
{
	*c = (struct kd_codec){0};
	if (lzo_init() != LZO_E_OK)
		return -1;
	c->zstd = ZSTD_createDCtx();
	c->packed = malloc(KD_BLOCK_MAX);
	return c->zstd && c->packed ? 0 : -1;
}

void kd_codec_free(struct kd_codec *c)
{
	ZSTD_freeDCtx(c->zstd);
	free(c->packed);
	*c = (struct kd_codec){0};
}

/* Whole streams only: no byte may be left over, and none may be missing. */
static bool decompress(struct kd_codec *c, uint32_t flags, const uint8_t *in, uint32_t len,
		       uint8_t *out, uint32_t want)
{
	if (flags == KD_ST_ZLIB) {
		uLongf got = want;
		uLong used = len;

		return uncompress2(out, &got, in, &used) == Z_OK && got == want && used == len;
	}
	if (flags == KD_ST_LZO) {
		lzo_uint got = want;

		return lzo1x_decompress_safe(in, len, out, &got, NULL) == LZO_E_OK && got == want;
	}
	return ZSTD_findFrameCompressedSize(in, len) == len &&
	       ZSTD_decompressDCtx(c->zstd, out, want, in, len) == want;
}

bool kd_page(const struct kd *kd, struct kd_codec *c, const struct kd_desc *d, uint8_t *buf,
	     const char **why)
{
	uint32_t bs = kd->h.block_size;

	*why = NULL;
	if (kd_lost(d))
		*why = "lost: the descriptor is zero";
	else if (d->size == 0 || d->size > bs)
		*why = "size is 0 or larger than a block";
	else if (d->offset == 0 || !inside(kd, d->offset, d->size))
		*why = "data lies outside of the file";
	else if (d->flags == 0 && d->size != bs)
		*why = "a raw page is not a block long";
	else if (d->flags != 0 && d->flags != KD_ST_ZLIB && d->flags != KD_ST_LZO &&
		 d->flags != KD_ST_ZSTD)
		*why = d->flags == KD_ST_SNAPPY ? "snappy is not supported" : "unknown flags";
	else if (!read_at(kd, d->offset, d->flags ? c->packed : buf, d->size))
		*why = "cannot be read";
	else if (d->flags && !decompress(c, d->flags, c->packed, d->size, buf, bs))
		*why = "does not decompress to one block";
	return !*why;
}
