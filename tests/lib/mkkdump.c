// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lib/mkkdump.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cursor.h"
#include "base/io.h"
#include "crashnotes/elfnote.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/codec.h"
#include "vmcore/kdump_format.h"

enum {
	HOLE_START = 100,
	HOLE_END = 140,
	LEFT_OUT = 7, /* every so many pages one is left out */
	KINDS = 5,
	MAX_PFN_DEFAULT = 299,
	FLAT_HEADER = 4096,
};

static const uint32_t flags[KINDS] = {CODEC_FLAG_NONE, CODEC_FLAG_ZLIB, CODEC_FLAG_LZO,
				      CODEC_FLAG_SNAPPY, CODEC_FLAG_ZSTD};

bool mkkdump_is_ram(uint64_t pfn)
{
	return pfn < HOLE_START || pfn >= HOLE_END;
}

bool mkkdump_is_kept(uint64_t pfn)
{
	return mkkdump_is_ram(pfn) && pfn % LEFT_OUT;
}

void mkkdump_page(uint64_t pfn, uint8_t *page, size_t size)
{
	uint64_t x = pfn + 1;

	for (size_t i = 0; i < size; i += 8) {
		// Noise where it is stored raw, else eight bytes again and again.
		if (pfn % KINDS == 0 || !i)
			x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		store_le64(page + i, x);
	}
}

/* Eight literal bytes and copies of them, spelled out: nothing of ours writes snappy. */
static size_t pack_snappy(const uint8_t *page, size_t size, uint8_t *to)
{
	size_t n = 0, left = size - 8;

	for (uint64_t v = size; v; v >>= 7)
		to[n++] = (v & 0x7f) | (v > 0x7f ? 0x80 : 0);
	to[n++] = (8 - 1) << 2;
	memcpy(to + n, page, 8);
	n += 8;
	while (left) {
		size_t len = left < 64 ? left : 64;

		to[n++] = (len - 1) << 2 | 2;
		to[n++] = 8;
		to[n++] = 0;
		left -= len;
	}
	return n;
}

static size_t pack(uint64_t pfn, const uint8_t *page, size_t size, uint8_t *to)
{
	const struct codec *codec = codec_by_flag(flags[pfn % KINDS]);
	void *ctx = NULL;
	size_t n;

	if (pfn % KINDS == 0) {
		memcpy(to, page, size);
		return size;
	}
	if (codec->flag == CODEC_FLAG_SNAPPY)
		return pack_snappy(page, size, to);
	if (codec->create(codec->level_default, size, &ctx, NULL))
		abort();
	n = codec->compress(ctx, page, size, to, size);
	codec->destroy(ctx);
	if (!n)
		abort();
	return n;
}

static void set_bit(uint8_t *map, uint64_t pfn)
{
	map[pfn / 8] |= 1 << pfn % 8;
}

/* A dump in the making. */
struct maker {
	const struct mkkdump *d;
	struct mkkdump_file f;
	size_t room;
	uint32_t version, bs;
	uint64_t max_pfn, start, end, half, tail;
};

/* Room up to @end, zeros where nothing was yet. */
static uint8_t *reach(struct maker *m, uint64_t end)
{
	if (end > m->room) {
		size_t room = end * 2;

		m->f.data = realloc(m->f.data, room);
		if (!m->f.data)
			abort();
		memset(m->f.data + m->room, 0, room - m->room);
		m->room = room;
	}
	if (end > m->f.size)
		m->f.size = end;
	return m->f.data;
}

static void put_pages(struct maker *m)
{
	uint8_t *page = malloc(m->bs), *packed = malloc(m->bs);
	uint64_t index = 0;

	if (!page || !packed)
		abort();
	for (uint64_t pfn = 0; pfn < m->max_pfn; pfn++) {
		uint8_t *desc;
		size_t n;

		if (mkkdump_is_ram(pfn))
			set_bit(m->f.data + m->f.bitmaps, pfn);
		if (!mkkdump_is_kept(pfn))
			continue;
		set_bit(m->f.data + m->f.bitmaps + m->half, pfn);
		if (pfn < m->start || pfn >= m->end)
			continue;
		mkkdump_page(pfn, page, m->bs);
		n = pack(pfn, page, m->bs, packed);
		memcpy(reach(m, m->tail + n) + m->tail, packed, n);
		desc = m->f.data + m->f.descs + index++ * KDUMP_DESC_SIZE;
		store_le64(desc + KDUMP_D_OFFSET, m->tail);
		store_le32(desc + KDUMP_D_SIZE, n);
		store_le32(desc + KDUMP_D_FLAGS, flags[pfn % KINDS]);
		m->tail += n;
	}
	free(page);
	free(packed);
}

/* The notes, or what a version has instead. Returns where they end. */
static uint64_t put_notes(struct maker *m)
{
	uint64_t at = m->bs + KDUMP_SUB_HEADER_SIZE;
	uint8_t *s = reach(m, at) + m->bs;
	size_t size, n;

	if (!m->d->vmcoreinfo || m->version < 3)
		return at;
	size = strlen(m->d->vmcoreinfo);
	if (m->version == 3) {
		store_le64(s + KDUMP_S_OFFSET_VMCOREINFO, at);
		store_le64(s + KDUMP_S_SIZE_VMCOREINFO, size);
		memcpy(reach(m, at + size) + at, m->d->vmcoreinfo, size);
		return at + size;
	}
	n = elfnote_size(VMCOREINFO_NOTE_NAME, size);
	store_le64(s + KDUMP_S_OFFSET_NOTE, at);
	store_le64(s + KDUMP_S_SIZE_NOTE, n);
	reach(m, at + n);
	if (elfnote_build(m->f.data + at, n, VMCOREINFO_NOTE_NAME, 0, m->d->vmcoreinfo, size, &n,
			  NULL))
		abort();
	return at + n;
}

static void put_headers(struct maker *m, uint64_t sub_blocks)
{
	uint8_t *h = m->f.data, *s = h + m->bs;

	memcpy(h, KDUMP_SIGNATURE, 8);
	store_le32(h + KDUMP_H_VERSION, m->version);
	memcpy(h + KDUMP_H_UTSNAME, "Linux", 5);
	memcpy(h + KDUMP_H_UTSNAME + 4 * KDUMP_UTS_LEN, "x86_64", 6);
	store_le32(h + KDUMP_H_STATUS, m->d->status);
	store_le32(h + KDUMP_H_BLOCK_SIZE, m->bs);
	store_le32(h + KDUMP_H_SUB_HDR_SIZE, sub_blocks);
	store_le32(h + KDUMP_H_BITMAP_BLOCKS, 2 * m->half / m->bs);
	store_le32(h + KDUMP_H_MAX_MAPNR, m->max_pfn);
	store_le32(h + KDUMP_H_NR_CPUS, 1);
	store_le64(s + KDUMP_S_PHYS_BASE, 0x1000000);
	store_le32(s + KDUMP_S_DUMP_LEVEL, m->d->dump_level);
	if (m->d->split && m->version >= 2) {
		store_le32(s + KDUMP_S_SPLIT, 1);
		store_le64(s + KDUMP_S_START_PFN, m->start);
		store_le64(s + KDUMP_S_END_PFN, m->end);
	}
	if (m->version < 6)
		return;
	if (m->d->split) {
		store_le64(s + KDUMP_S_START_PFN_64, m->start);
		store_le64(s + KDUMP_S_END_PFN_64, m->end);
	}
	store_le64(s + KDUMP_S_MAX_MAPNR_64, m->max_pfn);
}

struct mkkdump_file mkkdump_make(const struct mkkdump *d)
{
	struct maker m = {.d = d};
	uint64_t kept = 0, notes_end, data = 0, index;

	m.version = d->version ? d->version : KDUMP_VERSION;
	m.bs = d->block_size ? d->block_size : 4096;
	m.max_pfn = d->max_pfn ? d->max_pfn : MAX_PFN_DEFAULT;
	m.end = d->split ? d->end : m.max_pfn;
	m.start = d->split ? d->start : 0;
	m.half = ((m.max_pfn + 7) / 8 + m.bs - 1) / m.bs * m.bs;
	for (uint64_t pfn = 0; pfn < m.max_pfn; pfn++)
		kept += mkkdump_is_kept(pfn);
	notes_end = put_notes(&m);
	// Room for the data, were all of it raw.
	data = d->data_first ? kept * m.bs : 0;
	index = (notes_end + data + m.bs - 1) / m.bs * m.bs;
	m.f.bitmaps = index;
	m.f.descs = index + 2 * m.half;
	reach(&m, m.f.descs + kept * KDUMP_DESC_SIZE);
	m.tail = d->data_first ? notes_end : m.f.size;
	put_headers(&m, index / m.bs - 1);
	put_pages(&m);
	return m.f;
}

uint64_t mkkdump_desc(const struct mkkdump_file *f, uint64_t pfn)
{
	uint64_t at = f->descs;

	for (uint64_t i = 0; i < pfn; i++)
		at += mkkdump_is_kept(i) ? KDUMP_DESC_SIZE : 0;
	return at;
}

static void put_be64(uint8_t *to, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		to[i] = v >> (56 - 8 * i);
}

size_t mkkdump_flatten(const uint8_t *data, size_t size, size_t step, bool backwards, uint8_t **ret)
{
	size_t n = (size + step - 1) / step;
	uint8_t *out = calloc(1, FLAT_HEADER + size + 16 * (n + 1));
	size_t at = FLAT_HEADER;

	if (!out)
		abort();
	memcpy(out, "makedumpfile", 12);
	put_be64(out + 16, 1);
	put_be64(out + 24, 1);
	for (size_t i = 0; i < n; i++) {
		size_t from = (backwards ? n - 1 - i : i) * step;
		size_t len = size - from < step ? size - from : step;

		put_be64(out + at, from);
		put_be64(out + at + 8, len);
		memcpy(out + at + 16, data + from, len);
		at += 16 + len;
	}
	memset(out + at, 0xff, 16);
	*ret = out;
	return at + 16;
}

int mkkdump_memfd(const uint8_t *data, size_t size)
{
	int fd = memfd_create("dump", MFD_CLOEXEC);

	if (fd < 0 || io_write(fd, data, size, NULL))
		abort();
	return fd;
}
