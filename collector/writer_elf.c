// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An ELF core as makedumpfile -E writes it: docs/dump-format.md. The plan is dense, so every
 * page has its place in the file before the first one is copied.
 */
#include <elf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "collector/block.h"
#include "collector/constant.h"
#include "collector/notes.h"
#include "collector/plan.h"
#include "collector/sink.h"
#include "collector/writer.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	EHDR_SIZE = 64,
	PHDR_SIZE = 56,
	SHDR_SIZE = 64,
	FLAG_INCOMPLETE = 1, // of e_flags: DUMP_ELF_INCOMPLETE of makedumpfile
	PHDRS_MAX = VMCORE_RANGES_MAX, // what our own reader takes
	PHDRS_A_WRITE = 1024,
	DATA_ALIGN = 8,
	PHDR_FLAGS = PF_R | PF_W | PF_X,
};

struct segment {
	paddr_t paddr;
	vaddr_t vaddr;
	uint64_t memsz, filesz, offset;
};

struct writer {
	struct writer_conf conf;
	struct segment *segs; // of memory, ascending, owned
	size_t nsegs, room;
	struct segment *text; // of the kernel image, at the same places of the file, owned
	size_t ntext, text_room;
	uint64_t phnum;
	uint64_t note_offset;
	uint64_t index_size; // headers and notes
	uint64_t size; // of the file
	uint64_t pages;
	bool marked; // the last header was written
	uint8_t header[EHDR_SIZE];
};

static int add(struct segment **segs, size_t *n, size_t *room, const struct segment *seg,
	       struct err *err)
{
	if (*n == PHDRS_MAX)
		return err_set(err, ERR_LIMIT, "an ELF core of more than %d program headers",
			       PHDRS_MAX);
	if (*n == *room) {
		size_t more = *room ? *room * 2 : 64;
		struct segment *grown = realloc(*segs, more * sizeof(*grown));

		if (!grown)
			return err_set(err, ERR_NOMEM, "no memory for %zu program headers", more);
		*segs = grown;
		*room = more;
	}
	(*segs)[(*n)++] = *seg;
	return 0;
}

/* A range of memory as segments: one begins where it does, and one at each run behind a gap. */
static int cut_range(struct writer *w, const struct vmcore_range *r, struct err *err)
{
	const struct bitmap *kept = &w->conf.plan->kept;
	unsigned int shift = w->conf.plan->page_shift;
	pfn_t pfn = r->paddr >> shift;
	pfn_t end = r->filesz ? ((r->paddr + r->filesz - 1) >> shift) + 1 : pfn;
	pfn_t start = bitmap_next(kept, pfn, end);
	paddr_t from = r->paddr, range_end = r->paddr + r->memsz;
	int rc = 0;

	// What is left out at the beginning has a segment of its own, with no data.
	if (start > pfn) {
		paddr_t to = start < end ? start << shift : range_end;
		struct segment seg = {.paddr = from, .vaddr = r->vaddr, .memsz = to - from};

		rc = add(&w->segs, &w->nsegs, &w->room, &seg, err);
		from = to;
	}
	while (start < end && !rc) {
		pfn_t stop = bitmap_next_clear(kept, start, end);
		pfn_t next = bitmap_next(kept, stop, end);
		paddr_t data_end = stop == end ? r->paddr + r->filesz : stop << shift;
		paddr_t to = next < end ? next << shift : range_end;
		struct segment seg = {
			.paddr = from,
			.vaddr = r->vaddr ? r->vaddr + (from - r->paddr) : 0,
			.memsz = to - from,
			.filesz = data_end - from,
		};

		rc = add(&w->segs, &w->nsegs, &w->room, &seg, err);
		from = to;
		start = next;
	}
	if (!rc && from == r->paddr && !r->filesz) {
		struct segment seg = {.paddr = from, .vaddr = r->vaddr, .memsz = r->memsz};

		rc = add(&w->segs, &w->nsegs, &w->room, &seg, err);
	}
	return rc;
}

/*
 * Where the data of the kernel image ends that would end at @end: pages of zeros are cut off there,
 * as makedumpfile does, though the same memory, which goes on behind it, has them.
 */
static paddr_t trim_text(const struct writer *w, paddr_t from, paddr_t end)
{
	const size_t size = w->conf.plan->page_size;
	CLEANUP_FREE uint8_t *page = malloc(size);

	if (!page || !(w->conf.plan->effective_level & DUMP_LEVEL_ZERO) || end % size)
		return end;
	while (end - from >= size && !vmcore_read(w->conf.km->vc, end - size, page, size, NULL) &&
	       page_is_zero(page, size))
		end -= size;
	return end;
}

/* The parts of the kernel image, by the addresses it runs at. */
static int cut_text(struct writer *w, struct err *err)
{
	const struct vmcore_info *info = vmcore_info(w->conf.km->vc);
	paddr_t text_end = info->text_paddr + info->text_memsz;
	int rc = 0;

	for (size_t i = 0; i < w->nsegs && info->has_text && !rc; i++) {
		const struct segment *s = &w->segs[i];
		paddr_t from = s->paddr > info->text_paddr ? s->paddr : info->text_paddr;
		paddr_t to = s->paddr + s->memsz < text_end ? s->paddr + s->memsz : text_end;
		paddr_t data_end = s->paddr + s->filesz < to ? s->paddr + s->filesz
				   : to == text_end	     ? trim_text(w, from, to)
							     : to;
		struct segment seg = {
			.paddr = from,
			.vaddr = info->text_vaddr + (from - info->text_paddr),
			.memsz = to - from,
			.filesz = data_end > from ? data_end - from : 0,
			.offset = from - s->paddr, // within that segment, for now
		};

		if (from < to)
			rc = add(&w->text, &w->ntext, &w->text_room, &seg, err);
	}
	return rc;
}

static const struct segment *find(const struct writer *w, paddr_t paddr)
{
	size_t low = 0, high = w->nsegs;

	// The last segment that does not begin behind the address.
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (w->segs[mid].paddr <= paddr)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &w->segs[low - 1] : NULL;
}

/*
 * Gives every segment its place, one behind the other. Data begins at a multiple of 8, but on
 * purpose never at a page of the file: makedumpfile 1.7 maps what is aligned, and mistakes
 * p_memsz for p_filesz then, so that it takes wrong pages behind a gap.
 */
static void place(struct writer *w)
{
	w->phnum = 1 + w->ntext + w->nsegs;
	w->index_size = EHDR_SIZE + w->phnum * PHDR_SIZE;
	if (w->phnum >= PN_XNUM)
		w->index_size += SHDR_SIZE;
	w->note_offset = w->index_size;
	w->index_size += notes_size(w->conf.km);
	w->index_size = (w->index_size + DATA_ALIGN - 1) & ~(uint64_t)(DATA_ALIGN - 1);
	if (!(w->index_size & (w->conf.plan->page_size - 1)))
		w->index_size += DATA_ALIGN;
	w->size = w->index_size;
	for (size_t i = 0; i < w->nsegs; i++) {
		struct segment *s = &w->segs[i];

		if (!s->filesz)
			continue;
		s->offset = w->size;
		w->size += s->filesz;
	}
	for (size_t i = 0; i < w->ntext; i++) {
		struct segment *t = &w->text[i];

		t->offset = t->filesz ? t->offset + find(w, t->paddr)->offset : 0;
	}
}

static int cut_all(struct writer *w, struct err *err)
{
	const struct vmcore_info *info = vmcore_info(w->conf.km->vc);
	int rc = 0;

	for (size_t i = 0; i < info->nranges && !rc; i++)
		rc = cut_range(w, &info->ranges[i], err);
	if (!rc)
		rc = cut_text(w, err);
	if (!rc)
		place(w);
	return rc;
}

/* Without memory to lay it out it is a little too small. */
static uint64_t elf_overhead(const struct kmem *km, const struct plan *plan)
{
	struct writer w = {.conf = {.km = km, .plan = plan}};

	cut_all(&w, NULL);
	free(w.segs);
	free(w.text);
	return w.index_size;
}

static void fill_header(struct writer *w)
{
	uint8_t *h = w->header;
	bool many = w->phnum >= PN_XNUM;

	memcpy(h, ELFMAG, SELFMAG);
	h[EI_CLASS] = ELFCLASS64;
	h[EI_DATA] = ELFDATA2LSB;
	h[EI_VERSION] = EV_CURRENT;
	store_le16(h + offsetof(Elf64_Ehdr, e_type), ET_CORE);
	store_le16(h + offsetof(Elf64_Ehdr, e_machine), vmcore_info(w->conf.km->vc)->machine);
	store_le32(h + offsetof(Elf64_Ehdr, e_version), EV_CURRENT);
	store_le64(h + offsetof(Elf64_Ehdr, e_phoff), EHDR_SIZE);
	store_le32(h + offsetof(Elf64_Ehdr, e_flags), FLAG_INCOMPLETE);
	store_le16(h + offsetof(Elf64_Ehdr, e_ehsize), EHDR_SIZE);
	store_le16(h + offsetof(Elf64_Ehdr, e_phentsize), PHDR_SIZE);
	store_le16(h + offsetof(Elf64_Ehdr, e_phnum), many ? PN_XNUM : w->phnum);
	if (many) {
		// The count does not fit: section header 0, right behind the table, has it.
		store_le64(h + offsetof(Elf64_Ehdr, e_shoff), EHDR_SIZE + w->phnum * PHDR_SIZE);
		store_le16(h + offsetof(Elf64_Ehdr, e_shentsize), SHDR_SIZE);
		store_le16(h + offsetof(Elf64_Ehdr, e_shnum), 1);
	}
}

static void fill_phdr(uint8_t *p, uint32_t type, uint32_t flags, const struct segment *s)
{
	memset(p, 0, PHDR_SIZE);
	store_le32(p + offsetof(Elf64_Phdr, p_type), type);
	store_le32(p + offsetof(Elf64_Phdr, p_flags), flags);
	store_le64(p + offsetof(Elf64_Phdr, p_offset), s->offset);
	store_le64(p + offsetof(Elf64_Phdr, p_vaddr), s->vaddr);
	store_le64(p + offsetof(Elf64_Phdr, p_paddr), s->paddr);
	store_le64(p + offsetof(Elf64_Phdr, p_filesz), s->filesz);
	store_le64(p + offsetof(Elf64_Phdr, p_memsz), s->memsz);
}

static int write_loads(struct writer *w, const struct segment *segs, size_t n, uint64_t offset,
		       struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(PHDRS_A_WRITE * PHDR_SIZE);
	int rc = 0;

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory for program headers");
	for (size_t i = 0, k; i < n && !rc; i += k) {
		k = n - i < PHDRS_A_WRITE ? n - i : PHDRS_A_WRITE;
		for (size_t j = 0; j < k; j++)
			fill_phdr(buf + j * PHDR_SIZE, PT_LOAD, PHDR_FLAGS, &segs[i + j]);
		rc = sink_write_at(w->conf.sink, buf, k * PHDR_SIZE, offset + i * PHDR_SIZE, err);
	}
	return rc;
}

static int write_notes(struct writer *w, uint64_t size, struct err *err)
{
	CLEANUP_FREE uint8_t *notes = malloc(size ? size : 1);
	uint64_t vi_offset, vi_size;
	int rc;

	if (!notes)
		return err_set(err, ERR_NOMEM, "no memory for %llu bytes of notes",
			       (unsigned long long)size);
	rc = notes_fill(w->conf.km, notes, &vi_offset, &vi_size, err);
	if (!rc && size)
		rc = sink_write_at(w->conf.sink, notes, size, w->note_offset, err);
	return rc;
}

/* All that comes before the memory, save the first header of a file written only once. */
static int write_front(struct writer *w, struct err *err)
{
	struct sink *sink = w->conf.sink;
	uint64_t size = notes_size(w->conf.km), at = EHDR_SIZE;
	struct segment note = {.offset = w->note_offset, .memsz = size, .filesz = size};
	uint8_t phdr[PHDR_SIZE], shdr[SHDR_SIZE] = {0};
	int rc = 0;

	if (!sink->ops->append_only)
		rc = sink_write_at(sink, w->header, EHDR_SIZE, 0, err);
	fill_phdr(phdr, PT_NOTE, 0, &note);
	if (!rc)
		rc = sink_write_at(sink, phdr, PHDR_SIZE, at, err);
	at += PHDR_SIZE;
	if (!rc)
		rc = write_loads(w, w->text, w->ntext, at, err);
	at += w->ntext * PHDR_SIZE;
	if (!rc)
		rc = write_loads(w, w->segs, w->nsegs, at, err);
	at += w->nsegs * PHDR_SIZE;
	store_le32(shdr + offsetof(Elf64_Shdr, sh_info), w->phnum);
	if (!rc && w->phnum >= PN_XNUM)
		rc = sink_write_at(sink, shdr, SHDR_SIZE, at, err);
	return rc ? rc : write_notes(w, size, err);
}

static void elf_destroy(struct writer *w)
{
	if (!w)
		return;
	free(w->segs);
	free(w->text);
	free(w);
}

static int elf_create(const struct writer_conf *conf, struct writer **ret, struct err *err)
{
	struct writer *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return err_set(err, ERR_NOMEM, "no memory for the writer");
	w->conf = *conf;
	rc = cut_all(w, err);
	if (!rc) {
		fill_header(w);
		// Pages that are never written read as zeros, and the file is as long as it says.
		rc = sink_resize(conf->sink, w->size, err);
	}
	if (!rc)
		rc = sink_reserve(conf->sink, 0, w->index_size, err);
	if (!rc)
		rc = write_front(w, err);
	if (rc) {
		elf_destroy(w);
		return rc;
	}
	*ret = w;
	return 0;
}

/* Bytes that go out together: neighbours in the block and in the file. */
struct run {
	const uint8_t *data;
	size_t size;
	uint64_t offset;
};

static int put(struct writer *w, struct run *run, const uint8_t *data, size_t size, uint64_t offset,
	       struct err *err)
{
	int rc = 0;

	if (run->size && run->data + run->size == data && run->offset + run->size == offset) {
		run->size += size;
		return 0;
	}
	if (run->size)
		rc = sink_stream_at(w->conf.sink, run->data, run->size, run->offset, err);
	*run = (struct run){data, size, offset};
	return rc;
}

/* A page may belong to several ranges, a part to each. */
static int put_page(struct writer *w, struct run *run, const uint8_t *data, paddr_t start,
		    struct err *err)
{
	const struct segment *s = find(w, start), *last = w->segs + w->nsegs;
	paddr_t end = start + w->conf.plan->page_size;
	int rc = 0;

	for (s = s ? s : w->segs; s < last && s->paddr < end && !rc; s++) {
		paddr_t from = s->paddr > start ? s->paddr : start;
		paddr_t to = s->paddr + s->filesz < end ? s->paddr + s->filesz : end;

		if (from < to)
			rc = put(w, run, data + (from - start), to - from,
				 s->offset + (from - s->paddr), err);
	}
	return rc;
}

static int elf_write_block(struct writer *w, const struct block *block, struct err *err)
{
	struct run run = {0};
	int rc = 0;

	for (size_t i = 0; i < block->npages && !rc; i++)
		rc = put_page(w, &run, block->data + block->pages[i].offset,
			      block->pages[i].pfn << w->conf.plan->page_shift, err);
	if (!rc)
		rc = put(w, &run, NULL, 0, 0, err);
	if (!rc)
		w->pages += block->npages;
	return rc;
}

static int elf_finish(struct writer *w, int complete, struct writer_result *ret, struct err *err)
{
	struct sink *sink = w->conf.sink;
	int rc = 0;

	*ret = (struct writer_result){
		.size = w->size,
		.index_size = w->index_size,
		.pages = w->pages,
		.arrived = w->pages * w->conf.plan->page_size,
	};
	if (w->marked && sink->ops->append_only)
		return err_set(err, ERR_UNSUPPORTED, "the header went out already");
	// The mark must never reach the medium before what it vouches for.
	if (complete)
		rc = sink_sync(sink, err);
	store_le32(w->header + offsetof(Elf64_Ehdr, e_flags), complete ? 0 : FLAG_INCOMPLETE);
	if (!rc)
		rc = sink_write_at(sink, w->header, EHDR_SIZE, 0, err);
	w->marked = true;
	return rc;
}

const struct writer_ops writer_elf = {
	.name = "elf",
	.dense = true,
	.overhead = elf_overhead,
	.create = elf_create,
	.write_block = elf_write_block,
	.finish = elf_finish,
	.destroy = elf_destroy,
};
