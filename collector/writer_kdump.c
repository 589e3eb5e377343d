// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kdump-compressed format, header version 6: docs/dump-format.md. The classic layout, index
 * before data, where places can be written in any order; the stream layout, data before index,
 * where bytes can only be added and only the first block can be written once more.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "collector/block.h"
#include "collector/notes.h"
#include "collector/plan.h"
#include "collector/sink.h"
#include "collector/writer.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/codec.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kdump_format.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"
#include "vmcore/xlat.h"

enum {
	BITMAP_CHUNK = 8192, // words of a bitmap made and written at a time: 64 KiB
	READ_BACK = BITMAP_CHUNK * 8, // bytes of the index at a time, for its digest
	PENDING = 8192, // pages, a power of two, above BLOCK_PAGES: 192 KiB
	DESCS_A_WRITE = 1024,
};

/* A page whose data was given to the sink, which may not have written it yet. */
struct pending {
	uint64_t index; // of its descriptor
	uint64_t offset;
	uint32_t size, flags;
};

/* A run of words of the bitmaps. Neither is held for the file: bitmap1 is made as it is written. */
struct bitmap_chunk {
	size_t n; // words
	bool empty; // no memory is there, and so no page that is kept
	uint64_t words[BITMAP_CHUNK];
};

struct writer {
	struct writer_conf conf;
	uint64_t block_size;
	uint64_t sub_hdr_blocks, bitmap_blocks; // of the header's fields
	uint64_t bitmap_offset, desc_offset;
	uint64_t index_size; // of the classic layout: where page data begins
	uint64_t data_offset; // where page data begins
	uint64_t tail; // where the next page data goes
	uint64_t zero_page; // offset of the one page of zeros, 0 when there is none
	uint64_t pages;
	uint64_t first, count; // descriptors: index of the first that this file has, and how many
	struct pending *pending; // a ring of PENDING, in the order of their data; NULL with held
	uint64_t pending_first, pending_end; // counted from the first page of all
	uint64_t *held; // descriptors, packed, of a file that is written only once; else NULL
	bool stream; // data before index; held is not NULL
	bool indexed; // of a stream: the index went out
	uint64_t arrived; // of a stream: bytes of page data that were there by then
	bool marked; // the file says that it is complete
	uint8_t *header; // block 0
	// Of one bitmap or the other, or of the index that is read back: there may be no memory then.
	struct bitmap_chunk *chunk;
	uint8_t descs[DESCS_A_WRITE * KDUMP_DESC_SIZE];
	XXH64_state_t data_hash;
	XXH64_state_t index_hash; // of a stream: of what goes out behind the data
};

static void lay_out(struct writer *w)
{
	const struct plan *plan = w->conf.plan;
	uint64_t bs = w->block_size = plan->page_size;
	uint64_t bytes = (plan->max_pfn + 7) / 8;
	uint64_t sub = KDUMP_SUB_HEADER_SIZE + notes_size(w->conf.km);

	w->sub_hdr_blocks = (sub + bs - 1) / bs;
	w->bitmap_blocks = 2 * ((bytes + bs - 1) / bs);
	w->bitmap_offset = (1 + w->sub_hdr_blocks) * bs;
	w->desc_offset = w->bitmap_offset + w->bitmap_blocks * bs;
	w->index_size = w->desc_offset + plan->kept_pages * KDUMP_DESC_SIZE;
	w->tail = w->data_offset = w->stream ? w->bitmap_offset : w->index_size;
	w->count = plan->kept_pages;
	if (w->conf.split) {
		w->first = rank_of(&plan->rank, w->conf.start_pfn);
		w->count = rank_of(&plan->rank, w->conf.end_pfn) - w->first;
	}
}

static uint64_t kdump_overhead(const struct kmem *km, const struct plan *plan)
{
	struct writer w = {.conf = {.km = km, .plan = plan}};

	lay_out(&w);
	return w.index_size + (plan->level & DUMP_LEVEL_ZERO ? w.block_size : 0);
}

/* Descriptors wait where no place is written twice. */
static uint64_t kdump_held(const struct sink *sink, const struct plan *plan)
{
	return sink->ops->append_only ? plan->kept_pages * sizeof(uint64_t) : 0;
}

static void fill_header(struct writer *w)
{
	const struct kmem *km = w->conf.km;
	const struct plan *plan = w->conf.plan;
	uint8_t *h = w->header;
	uint8_t *uts = h + KDUMP_H_UTSNAME;

	memcpy(h + KDUMP_H_SIGNATURE, KDUMP_SIGNATURE, 8);
	store_le32(h + KDUMP_H_VERSION, KDUMP_VERSION);
	memcpy(uts + 0 * KDUMP_UTS_LEN, km->uts.sysname, KDUMP_UTS_LEN);
	memcpy(uts + 1 * KDUMP_UTS_LEN, km->uts.nodename, KDUMP_UTS_LEN);
	memcpy(uts + 2 * KDUMP_UTS_LEN, km->uts.release, KDUMP_UTS_LEN);
	memcpy(uts + 3 * KDUMP_UTS_LEN, km->uts.version, KDUMP_UTS_LEN);
	memcpy(uts + 4 * KDUMP_UTS_LEN, km->uts.machine, KDUMP_UTS_LEN);
	memcpy(uts + 5 * KDUMP_UTS_LEN, km->uts.domainname, KDUMP_UTS_LEN);
	store_le64(h + KDUMP_H_TV_SEC, km->crashtime);
	store_le32(h + KDUMP_H_STATUS, w->conf.codec->flag | KDUMP_STATUS_INCOMPLETE);
	store_le32(h + KDUMP_H_BLOCK_SIZE, w->block_size);
	store_le32(h + KDUMP_H_SUB_HDR_SIZE, w->sub_hdr_blocks);
	store_le32(h + KDUMP_H_BITMAP_BLOCKS, w->bitmap_blocks);
	store_le32(h + KDUMP_H_MAX_MAPNR, plan->max_pfn < UINT32_MAX ? plan->max_pfn : UINT32_MAX);
	// Readers take a dump of no CPU for a broken one.
	store_le32(h + KDUMP_H_NR_CPUS, km->ncpus ? km->ncpus : 1);
}

static uint32_t cut_to_32(uint64_t v)
{
	return v < UINT32_MAX ? v : UINT32_MAX;
}

static void fill_split(const struct writer *w, uint8_t *s)
{
	store_le32(s + KDUMP_S_SPLIT, 1);
	store_le64(s + KDUMP_S_START_PFN, cut_to_32(w->conf.start_pfn));
	store_le64(s + KDUMP_S_END_PFN, cut_to_32(w->conf.end_pfn));
	store_le64(s + KDUMP_S_START_PFN_64, w->conf.start_pfn);
	store_le64(s + KDUMP_S_END_PFN_64, w->conf.end_pfn);
}

/* Places the notes at @s + KDUMP_SUB_HEADER_SIZE and fills in the fields that tell of them. */
static int put_notes(const struct writer *w, uint8_t *s, struct err *err)
{
	uint64_t offset = w->block_size + KDUMP_SUB_HEADER_SIZE;
	uint64_t vi_offset, vi_size;
	int rc = notes_fill(w->conf.km, s + KDUMP_SUB_HEADER_SIZE, &vi_offset, &vi_size, err);

	if (rc)
		return rc;
	if (vi_size) {
		store_le64(s + KDUMP_S_OFFSET_VMCOREINFO, offset + vi_offset);
		store_le64(s + KDUMP_S_SIZE_VMCOREINFO, vi_size);
	}
	store_le64(s + KDUMP_S_OFFSET_NOTE, offset);
	store_le64(s + KDUMP_S_SIZE_NOTE, notes_size(w->conf.km));
	return 0;
}

static int write_sub_header(struct writer *w, struct err *err)
{
	const struct kmem *km = w->conf.km;
	CLEANUP_FREE uint8_t *s = calloc(w->sub_hdr_blocks, w->block_size);
	const struct vmcore_info *info = vmcore_info(km->vc);
	int64_t phys_base = 0;
	int rc;

	if (!s)
		return err_set(err, ERR_NOMEM, "no memory for %llu blocks of notes",
			       (unsigned long long)w->sub_hdr_blocks);
	if (!km->vi || !vmcoreinfo_number(km->vi, "phys_base", &phys_base)) {
		struct xlat_hint hint = {0};

		if (info->has_text)
			xlat_hint_add(info->machine, &hint, info->text_vaddr, info->text_paddr);
		phys_base = hint.phys_base;
	}
	store_le64(s + KDUMP_S_PHYS_BASE, phys_base);
	store_le32(s + KDUMP_S_DUMP_LEVEL, w->conf.plan->level);
	store_le64(s + KDUMP_S_MAX_MAPNR_64, w->conf.plan->max_pfn);
	if (w->conf.split)
		fill_split(w, s);
	rc = put_notes(w, s, err);
	return rc ? rc
		  : sink_write_at(w->conf.sink, s, w->sub_hdr_blocks * w->block_size, w->block_size,
				  err);
}

/* Writes @n words of a bitmap at @offset; where all are zero the file says so already. */
static int write_words(struct writer *w, const uint64_t *words, size_t n, uint64_t offset,
		       struct err *err)
{
	for (size_t i = 0; i < n; i++)
		if (words[i])
			return sink_write_at(w->conf.sink, words, n * 8, offset, err);
	return 0;
}

static bool is_memory(const struct writer *w, pfn_t start, uint64_t npages)
{
	const struct vmcore_info *info = vmcore_info(w->conf.km->vc);
	unsigned int shift = w->conf.plan->page_shift;
	size_t i = vmcore_first(w->conf.km->vc, start << shift);

	return i < info->nranges && info->ranges[i].paddr >> shift < start + npages;
}

static void begin_chunk(const struct writer *w, uint64_t first, struct bitmap_chunk *c)
{
	const struct bitmap *kept = &w->conf.plan->kept;

	c->n = kept->nwords - first < BITMAP_CHUNK ? kept->nwords - first : BITMAP_CHUNK;
	c->empty = bitmap_untouched(kept, first, c->n) && !is_memory(w, first * 64, c->n * 64);
}

/* The words of bitmap1, or with @second of bitmap2. */
static void fill_chunk(const struct writer *w, uint64_t first, bool second, struct bitmap_chunk *c)
{
	if (c->empty)
		memset(c->words, 0, c->n * sizeof(*c->words));
	else if (second)
		bitmap_words(&w->conf.plan->kept, first, c->n, c->words);
	else
		plan_ram_words(w->conf.plan, w->conf.km, first * 64, c->words, c->n);
}

static int write_bitmaps(struct writer *w, struct err *err)
{
	struct bitmap_chunk *c = w->chunk;
	uint64_t at[2] = {w->bitmap_offset,
			  w->bitmap_offset + w->bitmap_blocks / 2 * w->block_size};
	int rc = 0;

	for (uint64_t i = 0; !rc && i < w->conf.plan->kept.nwords; i += c->n) {
		begin_chunk(w, i, c);
		for (int second = 0; second < 2 && !rc && !c->empty; second++) {
			fill_chunk(w, i, second, c);
			rc = write_words(w, c->words, c->n, at[second] + i * 8, err);
		}
	}
	return rc;
}

static int append(struct writer *w, const void *data, size_t size, struct err *err)
{
	int rc = sink_stream_at(w->conf.sink, data, size, w->tail, err);

	// In a stream the place is taken, since the sink may have sent some of it.
	if (rc && !w->stream)
		return rc;
	XXH64_update(&w->data_hash, data, size);
	w->tail += size;
	return rc;
}

/* All pages of zeros share one descriptor target, the first page of data. */
static int write_zero_page(struct writer *w, struct err *err)
{
	CLEANUP_FREE void *zero = calloc(1, w->block_size);

	if (!zero)
		return err_set(err, ERR_NOMEM, "no memory for a page");
	w->zero_page = w->tail;
	return append(w, zero, w->block_size, err);
}

static void kdump_destroy(struct writer *w)
{
	if (!w)
		return;
	free(w->held);
	free(w->pending);
	free(w->header);
	free(w->chunk);
	free(w);
}

/*
 * A stream begins with a block that is no header of anything, since there is no index yet that it
 * could speak of, and notes as they stay.
 */
static int write_stream_front(struct writer *w, struct err *err)
{
	CLEANUP_FREE void *block = calloc(1, w->block_size);
	int rc;

	if (!block)
		return err_set(err, ERR_NOMEM, "no memory for a page");
	rc = sink_reserve(w->conf.sink, w->bitmap_offset, w->index_size, err);
	if (!rc)
		rc = sink_write_at(w->conf.sink, block, w->block_size, 0, err);
	return rc ? rc : write_sub_header(w, err);
}

/* Headers, notes, bitmaps: all that comes before the descriptors. */
static int write_classic_front(struct writer *w, struct err *err)
{
	int rc = sink_reserve(w->conf.sink, w->desc_offset, w->index_size, err);

	if (!rc && !w->held)
		rc = sink_write_at(w->conf.sink, w->header, w->block_size, 0, err);
	if (!rc)
		rc = write_sub_header(w, err);
	return rc ? rc : write_bitmaps(w, err);
}

static int write_front(struct writer *w, struct err *err)
{
	int rc = w->stream ? write_stream_front(w, err) : write_classic_front(w, err);

	if (!rc && (w->conf.plan->level & DUMP_LEVEL_ZERO))
		rc = write_zero_page(w, err);
	return rc;
}

static int kdump_create(const struct writer_conf *conf, struct writer **ret, struct err *err)
{
	struct writer *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return err_set(err, ERR_NOMEM, "no memory for the writer");
	w->conf = *conf;
	w->stream = conf->sink->ops->head;
	lay_out(w);
	XXH64_reset(&w->data_hash, 0);
	XXH64_reset(&w->index_hash, 0);
	w->header = calloc(1, w->block_size);
	w->chunk = malloc(sizeof(*w->chunk));
	if (conf->sink->ops->append_only)
		w->held = calloc(w->count ? w->count : 1, sizeof(*w->held));
	else
		w->pending = malloc(PENDING * sizeof(*w->pending));
	if (!w->header || !w->chunk || (!w->held && !w->pending)) {
		rc = err_set(err, ERR_NOMEM, "no memory for the header and %llu descriptors",
			     (unsigned long long)w->count);
		kdump_destroy(w);
		return rc;
	}
	fill_header(w);
	rc = write_front(w, err);
	if (rc) {
		kdump_destroy(w);
		return rc;
	}
	*ret = w;
	return 0;
}

static void fill_desc(uint8_t *desc, uint64_t offset, uint32_t size, uint32_t flags)
{
	store_le64(desc + KDUMP_D_OFFSET, offset);
	store_le32(desc + KDUMP_D_SIZE, size);
	store_le32(desc + KDUMP_D_FLAGS, flags);
	store_le64(desc + KDUMP_D_PAGE_FLAGS, 0);
}

/*
 * A descriptor in 8 bytes: 44 bits of offset, 17 of size, and which flag is set, counted from
 * 1, in 3. A dump that is too large for that is too large for a pipe.
 */
enum {
	HELD_SIZE_SHIFT = 44,
	HELD_FLAG_SHIFT = 61,
};

static int hold(struct writer *w, uint64_t i, uint64_t offset, uint32_t size, uint32_t flags,
		struct err *err)
{
	if (offset >> HELD_SIZE_SHIFT || size >> (HELD_FLAG_SHIFT - HELD_SIZE_SHIFT))
		return err_set(
			err, ERR_LIMIT,
			"a dump that cannot be written twice ends at 16 TiB, this page is at %llu",
			(unsigned long long)offset);
	w->held[i] = offset | (uint64_t)size << HELD_SIZE_SHIFT |
		     (uint64_t)ffs(flags) << HELD_FLAG_SHIFT;
	return 0;
}

static void fill_held(const struct writer *w, uint64_t i, uint8_t *desc)
{
	uint64_t held = w->held[i];
	unsigned int flag = held >> HELD_FLAG_SHIFT;

	fill_desc(desc, held & ((1ULL << HELD_SIZE_SHIFT) - 1),
		  held >> HELD_SIZE_SHIFT & ((1U << (HELD_FLAG_SHIFT - HELD_SIZE_SHIFT)) - 1),
		  flag ? 1U << (flag - 1) : 0);
}

static int hold_block(struct writer *w, const struct block *block, uint64_t base, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < block->npages && !rc; i++) {
		const struct block_page *p = &block->pages[i];

		rc = hold(w, p->index - w->first, p->size ? base + p->offset : w->zero_page,
			  p->size ? p->size : w->block_size, p->flags, err);
	}
	return rc;
}

static struct pending *pending_at(struct writer *w, uint64_t i)
{
	return &w->pending[i & (PENDING - 1)];
}

/* How many of the pages from the first pending one on have neighbouring descriptors. */
static size_t pending_run(struct writer *w, uint64_t limit)
{
	uint64_t index = pending_at(w, w->pending_first)->index;
	size_t n = 0;

	while (n < DESCS_A_WRITE && w->pending_first + n < w->pending_end) {
		const struct pending *p = pending_at(w, w->pending_first + n);

		if (p->index != index + n || p->offset + p->size > limit)
			break;
		n++;
	}
	return n;
}

/*
 * Writes the descriptors whose data is written: whoever is killed leaves none behind that points
 * at nothing. Pages of a block mostly have consecutive descriptors: one write a run.
 */
static int write_descs(struct writer *w, struct err *err)
{
	uint64_t limit = sink_written(w->conf.sink);
	int rc = 0;

	while (w->pending_first < w->pending_end && !rc) {
		uint64_t first = pending_at(w, w->pending_first)->index;
		size_t n = pending_run(w, limit);

		if (!n)
			break;
		for (size_t i = 0; i < n; i++) {
			const struct pending *p = pending_at(w, w->pending_first + i);

			fill_desc(w->descs + i * KDUMP_DESC_SIZE, p->offset, p->size, p->flags);
		}
		rc = sink_write_at(w->conf.sink, w->descs, n * KDUMP_DESC_SIZE,
				   w->desc_offset + (first - w->first) * KDUMP_DESC_SIZE, err);
		if (!rc) {
			w->pending_first += n;
			w->pages += n;
		}
	}
	return rc;
}

/* Waits for the sink, then writes what is pending: all of it, or what came before a failure. */
static int settle(struct writer *w, struct err *err)
{
	int rc = sink_drain(w->conf.sink, err);
	int late = write_descs(w, rc ? NULL : err);

	return rc ? rc : late;
}

static int add_pending(struct writer *w, const struct block *block, uint64_t base, struct err *err)
{
	int rc = 0;

	// Very many pages that take very little room: their buffer is not full yet.
	if (w->pending_end + block->npages - w->pending_first > PENDING)
		rc = settle(w, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < block->npages; i++) {
		const struct block_page *p = &block->pages[i];

		*pending_at(w, w->pending_end++) = (struct pending){
			.index = p->index,
			.offset = p->size ? base + p->offset : w->zero_page,
			.size = p->size ? p->size : w->block_size,
			.flags = p->flags,
		};
	}
	return write_descs(w, err);
}

static int kdump_write_block(struct writer *w, const struct block *block, struct err *err)
{
	uint64_t base = w->tail;
	int rc = block->used ? append(w, block->data, block->used, err) : 0;

	if (rc || !w->held)
		return rc ? rc : add_pending(w, block, base, err);
	rc = hold_block(w, block, base, err);
	if (!rc)
		w->pages += block->npages;
	return rc;
}

/* The digest of the index, from what the file says: descriptors came in any order. */
static int digest_index(const struct writer *w, uint64_t *ret, struct err *err)
{
	uint64_t *buf = w->chunk->words;
	XXH64_state_t hash;
	int rc = 0;

	XXH64_reset(&hash, 0);
	for (uint64_t done = 0; done < w->index_size && !rc;) {
		uint64_t left = w->index_size - done;
		size_t n = left < READ_BACK ? left : READ_BACK;

		rc = sink_read_at(w->conf.sink, buf, n, done, err);
		if (!rc)
			XXH64_update(&hash, buf, n);
		done += n;
	}
	if (!rc)
		*ret = XXH64_digest(&hash);
	return rc;
}

static int write_mark(struct writer *w, bool complete, struct err *err)
{
	uint32_t mark = complete ? 0 : KDUMP_STATUS_INCOMPLETE;

	store_le32(w->header + KDUMP_H_STATUS, w->conf.codec->flag | mark);
	w->marked = complete;
	return sink_write_at(w->conf.sink, w->header, w->block_size, 0, err);
}

/* What of a stream's index comes next. */
static int append_index(struct writer *w, const void *buf, size_t size, struct err *err)
{
	int rc = sink_write_at(w->conf.sink, buf, size, w->tail, err);

	XXH64_update(&w->index_hash, buf, size);
	w->tail += size;
	return rc;
}

static int append_zeros(struct writer *w, uint64_t size, struct err *err)
{
	static const uint8_t zeros[READ_BACK];
	int rc = 0;

	for (uint64_t done = 0; done < size && !rc; done += sizeof(zeros))
		rc = append_index(w, zeros,
				  size - done < sizeof(zeros) ? size - done : sizeof(zeros), err);
	return rc;
}

/* bitmap1, or with @second bitmap2, whole blocks. */
static int append_bitmap(struct writer *w, bool second, struct err *err)
{
	struct bitmap_chunk *c = w->chunk;
	uint64_t end = w->tail + w->bitmap_blocks / 2 * w->block_size;
	int rc = 0;

	for (uint64_t i = 0; !rc && i < w->conf.plan->kept.nwords; i += c->n) {
		begin_chunk(w, i, c);
		fill_chunk(w, i, second, c);
		rc = append_index(w, c->words, c->n * sizeof(*c->words), err);
	}
	return rc ? rc : append_zeros(w, end - w->tail, err);
}

/* The next descriptors from @i on, of pages whose data lies below @limit; others read as lost. */
static uint64_t fill_descs(struct writer *w, uint64_t i, uint64_t limit)
{
	uint64_t n = w->count - i < DESCS_A_WRITE ? w->count - i : DESCS_A_WRITE;

	for (uint64_t k = 0; k < n; k++) {
		uint8_t *desc = w->descs + k * KDUMP_DESC_SIZE;

		fill_held(w, i + k, desc);
		if (load_le64(desc + KDUMP_D_OFFSET) + load_le32(desc + KDUMP_D_SIZE) > limit)
			memset(desc, 0, KDUMP_DESC_SIZE);
		w->pages += load_le64(desc + KDUMP_D_OFFSET) != 0;
	}
	return n;
}

static int append_descs(struct writer *w, uint64_t limit, struct err *err)
{
	int rc = 0;

	w->pages = 0;
	for (uint64_t i = 0, n; i < w->count && !rc; i += n) {
		n = fill_descs(w, i, limit);
		rc = append_index(w, w->descs, n * KDUMP_DESC_SIZE, err);
	}
	return rc;
}

/*
 * The index behind the data, at a block boundary: the blocks of the sub-header are said to reach
 * until there. What of the data is not sure to have arrived is not pointed at.
 */
static int append_whole_index(struct writer *w, struct err *err)
{
	uint64_t limit = sink_written(w->conf.sink);
	uint64_t data_end = limit < w->tail ? limit : w->tail;
	uint64_t bs = w->block_size, start = (w->tail + bs - 1) / bs * bs;
	int rc;

	if (start / bs - 1 > INT32_MAX)
		return err_set(err, ERR_LIMIT, "a dump in one stream ends at %llu TiB",
			       (unsigned long long)bs * INT32_MAX >> 40);
	w->arrived = data_end > w->data_offset ? data_end - w->data_offset : 0;
	w->sub_hdr_blocks = start / bs - 1;
	store_le32(w->header + KDUMP_H_SUB_HDR_SIZE, w->sub_hdr_blocks);
	// Belongs to the data, which ends where the index begins.
	while (w->tail < start) {
		static const uint8_t pad[512];
		size_t n = start - w->tail < sizeof(pad) ? start - w->tail : sizeof(pad);

		rc = append(w, pad, n, err);
		if (rc)
			return rc;
	}
	w->bitmap_offset = start;
	XXH64_reset(&w->index_hash, 0);
	rc = append_bitmap(w, false, err);
	if (!rc)
		rc = append_bitmap(w, true, err);
	w->desc_offset = w->tail;
	if (!rc)
		rc = append_descs(w, limit, err);
	w->indexed = !rc;
	return rc;
}

/* The index once, the first block as often as what is said of the dump changes. */
static int finish_stream(struct writer *w, bool complete, struct writer_result *ret,
			 struct err *err)
{
	uint64_t data_end;
	int rc = sink_drain(w->conf.sink, complete ? err : NULL);

	if (rc && complete)
		return rc;
	// It may have gone out, and not have arrived.
	if (sink_written(w->conf.sink) < w->tail)
		w->indexed = false;
	rc = w->indexed ? 0 : append_whole_index(w, err);
	if (rc)
		return rc;
	data_end = w->bitmap_offset;
	store_le32(w->header + KDUMP_H_STATUS,
		   w->conf.codec->flag | (complete ? 0 : KDUMP_STATUS_INCOMPLETE));
	rc = sink_head(w->conf.sink, w->header, w->block_size, err);
	if (rc)
		return rc;
	*ret = (struct writer_result){
		.size = w->tail,
		.index_size = w->tail - data_end,
		.index_offset = data_end,
		.data_offset = w->data_offset,
		.data_size = data_end - w->data_offset,
		.pages = w->pages,
		.arrived = w->arrived,
		.has_digests = complete,
		.data_digest = XXH64_digest(&w->data_hash),
		.index_digest = XXH64_digest(&w->index_hash),
	};
	return 0;
}

/* All descriptors that were held, then the header: once. */
static int write_held(struct writer *w, bool complete, struct err *err)
{
	uint64_t limit;
	int rc;

	if (w->marked)
		return err_set(err, ERR_UNSUPPORTED, "the header went out already");
	rc = sink_drain(w->conf.sink, complete ? err : NULL);
	if (rc && complete)
		return rc;
	rc = 0;
	limit = sink_written(w->conf.sink);
	w->pages = 0;
	for (uint64_t i = 0, n; i < w->count && !rc; i += n) {
		n = fill_descs(w, i, limit);
		rc = sink_write_at(w->conf.sink, w->descs, n * KDUMP_DESC_SIZE,
				   w->desc_offset + i * KDUMP_DESC_SIZE, err);
	}
	return rc ? rc : write_mark(w, complete, err);
}

static int kdump_finish(struct writer *w, int complete, struct writer_result *ret, struct err *err)
{
	uint64_t end;
	int rc = 0;

	if (w->stream)
		return finish_stream(w, complete, ret, err);
	if (w->held) {
		rc = write_held(w, complete, err);
	} else if (complete) {
		rc = settle(w, err);
		// The mark must never reach the medium before what it vouches for.
		if (!rc)
			rc = sink_sync(w->conf.sink, err);
		if (!rc)
			rc = write_mark(w, true, err);
	} else {
		// Why it cannot be complete is known; pages whose data is lost have no descriptor.
		settle(w, NULL);
		// It was to be complete, and what came after the mark failed.
		if (w->marked)
			rc = write_mark(w, false, err);
	}
	if (rc)
		return rc;
	// Behind a failure nothing was written, and the digest of the data has it all the same.
	end = sink_written(w->conf.sink);
	if (end < w->index_size)
		end = w->index_size;
	*ret = (struct writer_result){
		.size = end < w->tail ? end : w->tail,
		.index_size = w->index_size,
		.data_offset = w->index_size,
		.data_size = w->tail - w->index_size,
		.pages = w->pages,
		.arrived = (end < w->tail ? end : w->tail) - w->index_size,
		.has_digests = complete && !w->held,
		.data_digest = XXH64_digest(&w->data_hash),
	};
	return ret->has_digests ? digest_index(w, &ret->index_digest, err) : 0;
}

const struct writer_ops writer_kdump = {
	.name = "kdump",
	.overhead = kdump_overhead,
	.held = kdump_held,
	.create = kdump_create,
	.write_block = kdump_write_block,
	.finish = kdump_finish,
	.destroy = kdump_destroy,
};
