// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kdump: kdump-compressed dumps of 64-bit little-endian machines, header versions 1 to 6, in
 * one file or split: the headers. What odd ones mean is laid down in docs/vmcore-input.md.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/elfnote.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/kdump_format.h"
#include "vmcore/kdump_priv.h"
#include "vmcore/source.h"
#include "vmcore/vmcore_priv.h"

enum {
	SIGNATURE_SIZE = 8,
	MACHINE_FIELD = 4, /* of the six of utsname */
	LEVEL_MASK = 31,
	/* From which header version on a field of the sub header is there. */
	SINCE_SPLIT = 2,
	SINCE_VMCOREINFO = 3,
	SINCE_NOTE = 4,
	SINCE_PFN_64 = 6,
	H_BLOCK_SIZE_ILP32 = 416, /* block_size of 32-bit machines */
};

#define X86_64_TEXT_START 0xffffffff80000000ULL /* __START_KERNEL_map */

static const struct {
	const char *name; /* utsname.machine */
	uint16_t machine;
} machines[] = {
	{"x86_64", EM_X86_64}, {"aarch64", EM_AARCH64}, {"ppc64le", EM_PPC64},
	{"riscv64", EM_RISCV}, {"loongarch64", 258},
};

static bool kdump_probe(const uint8_t *head, size_t size)
{
	return size >= SIGNATURE_SIZE && memcmp(head, KDUMP_SIGNATURE, SIGNATURE_SIZE) == 0;
}

static bool block_size_is_sane(uint32_t size)
{
	return size >= KDUMP_BLOCK_MIN && size <= KDUMP_BLOCK_MAX && !(size & (size - 1));
}

static int check_header(const uint8_t *h, struct kdump_header *ret, struct err *err)
{
	ret->version = load_le32(h + KDUMP_H_VERSION);
	ret->status = load_le32(h + KDUMP_H_STATUS);
	ret->block_size = load_le32(h + KDUMP_H_BLOCK_SIZE);
	if (__builtin_bswap32(ret->version) <= KDUMP_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "header: big endian; only little-endian dumps can be read");
	if (!ret->version || ret->version > KDUMP_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "header: version at offset %d: expected 1 to %d, found %u",
			       KDUMP_H_VERSION, KDUMP_VERSION, ret->version);
	if (block_size_is_sane(ret->block_size))
		return 0;
	if (block_size_is_sane(load_le32(h + H_BLOCK_SIZE_ILP32)))
		return err_set(err, ERR_UNSUPPORTED,
			       "header: of a 32-bit machine; only 64-bit dumps can be read");
	return err_set(err, ERR_CORRUPT,
		       "header: block_size at offset %d: expected a power of two from %d to %d, "
		       "found %u",
		       KDUMP_H_BLOCK_SIZE, KDUMP_BLOCK_MIN, KDUMP_BLOCK_MAX, ret->block_size);
}

static void read_names(const uint8_t *h, struct kdump_header *ret)
{
	memcpy(ret->uts, h + KDUMP_H_UTSNAME, sizeof(ret->uts));
	for (size_t i = 0; i < VMCORE_UTS_FIELDS; i++)
		ret->uts[i][VMCORE_UTS_LEN - 1] = '\0';
	ret->crashtime = load_le64(h + KDUMP_H_TV_SEC);
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (!strcmp(ret->uts[MACHINE_FIELD], machines[i].name))
			ret->machine = machines[i].machine;
}

/* The fields that a version does not have are zeros, or what stood for them before. */
static int read_sub_header(const struct source *src, const uint8_t *h, struct kdump_header *ret,
			   struct err *err)
{
	uint8_t s[KDUMP_SUB_HEADER_SIZE];
	int rc = source_read(src, "sub header", ret->block_size, s, sizeof(s), err);

	if (rc)
		return rc;
	ret->phys_base = load_le64(s + KDUMP_S_PHYS_BASE);
	ret->dump_level = load_le32(s + KDUMP_S_DUMP_LEVEL) & LEVEL_MASK;
	ret->max_pfn = load_le32(h + KDUMP_H_MAX_MAPNR);
	if (ret->version >= SINCE_SPLIT && load_le32(s + KDUMP_S_SPLIT)) {
		ret->split = true;
		ret->start = load_le64(s + KDUMP_S_START_PFN);
		ret->end = load_le64(s + KDUMP_S_END_PFN);
	}
	if (ret->version >= SINCE_VMCOREINFO) {
		ret->offset_vmcoreinfo = load_le64(s + KDUMP_S_OFFSET_VMCOREINFO);
		ret->size_vmcoreinfo = load_le64(s + KDUMP_S_SIZE_VMCOREINFO);
	}
	if (ret->version >= SINCE_NOTE) {
		ret->offset_note = load_le64(s + KDUMP_S_OFFSET_NOTE);
		ret->size_note = load_le64(s + KDUMP_S_SIZE_NOTE);
	}
	if (ret->version >= SINCE_PFN_64) {
		ret->max_pfn = load_le64(s + KDUMP_S_MAX_MAPNR_64);
		if (ret->split) {
			ret->start = load_le64(s + KDUMP_S_START_PFN_64);
			ret->end = load_le64(s + KDUMP_S_END_PFN_64);
		}
	}
	return 0;
}

static int check_sizes(const uint8_t *h, struct kdump_header *ret, struct err *err)
{
	uint64_t sub = load_le32(h + KDUMP_H_SUB_HDR_SIZE);
	uint64_t blocks = load_le32(h + KDUMP_H_BITMAP_BLOCKS);

	if (!ret->max_pfn)
		return err_set(err, ERR_CORRUPT, "sub header: max_mapnr is 0: no memory at all");
	if (ret->max_pfn > KDUMP_PFN_MAX)
		return err_set(err, ERR_LIMIT, "sub header: max_mapnr %#llx, at most %#llx taken",
			       (unsigned long long)ret->max_pfn, (unsigned long long)KDUMP_PFN_MAX);
	if (!sub)
		return err_set(err, ERR_CORRUPT, "header: sub_hdr_size at offset %d is 0",
			       KDUMP_H_SUB_HDR_SIZE);
	// Below 2^49 bytes each: nothing here can wrap.
	ret->bitmap_offset = (1 + sub) * ret->block_size;
	ret->bitmap_size = blocks / 2 * ret->block_size;
	if (blocks % 2 || ret->bitmap_size * 8 < ret->max_pfn)
		return err_set(err, ERR_CORRUPT,
			       "header: bitmap_blocks at offset %d: %llu blocks of %u bytes are "
			       "not two bitmaps of %llu pages",
			       KDUMP_H_BITMAP_BLOCKS, (unsigned long long)blocks, ret->block_size,
			       (unsigned long long)ret->max_pfn);
	if (!ret->split) {
		ret->start = 0;
		ret->end = ret->max_pfn;
	}
	if (ret->end > ret->max_pfn)
		ret->end = ret->max_pfn;
	if (ret->start > ret->end)
		return err_set(err, ERR_CORRUPT,
			       "sub header: a part from page %#llx to %#llx of %#llx",
			       (unsigned long long)ret->start, (unsigned long long)ret->end,
			       (unsigned long long)ret->max_pfn);
	return 0;
}

static int read_headers(const struct source *src, struct kdump_header *ret, struct err *err)
{
	uint8_t h[KDUMP_HEADER_SIZE];
	int rc = source_read(src, "header", 0, h, sizeof(h), err);

	if (!rc && !kdump_probe(h, sizeof(h)))
		rc = err_set(err, ERR_CORRUPT, "not a part of a kdump-compressed dump");
	if (!rc)
		rc = check_header(h, ret, err);
	if (!rc)
		rc = read_sub_header(src, h, ret, err);
	if (!rc)
		rc = check_sizes(h, ret, err);
	if (!rc)
		read_names(h, ret);
	return rc;
}

/* The VMCOREINFO text as the note that it once was: dumps of version 3 have nothing else. */
static int note_from_text(struct vmcore *vc, const struct source *src, uint64_t offset,
			  uint64_t size, struct err *err)
{
	CLEANUP_FREE uint8_t *text = NULL;
	size_t room;
	int rc;

	if (!size || size > VMCOREINFO_SIZE_MAX || offset > src->size ||
	    size > src->size - offset) {
		if (size)
			vmcore_warn(vc, "vmcoreinfo: %#llx bytes at offset %#llx: not read",
				    (unsigned long long)size, (unsigned long long)offset);
		return 0;
	}
	text = malloc(size);
	room = elfnote_size(VMCOREINFO_NOTE_NAME, size);
	vc->notes = malloc(room);
	if (!text || !vc->notes)
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes of notes", room);
	rc = source_read(src, "vmcoreinfo", offset, text, size, err);
	return rc ? rc
		  : elfnote_build(vc->notes, room, VMCOREINFO_NOTE_NAME, 0, text, size,
				  &vc->info.notes_size, err);
}

static int read_notes(struct vmcore *vc, const struct source *src, const struct kdump_header *h,
		      struct err *err)
{
	uint64_t size = h->size_note;
	uint64_t there = h->offset_note < src->size ? src->size - h->offset_note : 0;
	size_t padded;
	int rc;

	if (!size)
		return note_from_text(vc, src, h->offset_vmcoreinfo, h->size_vmcoreinfo, err);
	if (there > ELFNOTE_SEGMENT_MAX)
		there = ELFNOTE_SEGMENT_MAX;
	if (size > there) {
		vc->info.truncated = true;
		vmcore_warn(vc, "notes: %#llx bytes at offset %#llx: cut to %#llx",
			    (unsigned long long)size, (unsigned long long)h->offset_note,
			    (unsigned long long)there);
		size = there;
	}
	if (!size)
		return 0;
	padded = (size + ELFNOTE_ALIGN - 1) & ~(uint64_t)(ELFNOTE_ALIGN - 1);
	vc->notes = calloc(1, padded);
	if (!vc->notes)
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes of notes", padded);
	rc = source_read(src, "notes", h->offset_note, vc->notes, size, err);
	if (!rc)
		vc->info.notes_size = padded;
	return rc;
}

static int by_start(const void *va, const void *vb)
{
	const struct kdump_part *a = va, *b = vb;

	if (a->h.start != b->h.start)
		return a->h.start < b->h.start ? -1 : 1;
	return a->h.end < b->h.end ? -1 : a->h.end > b->h.end;
}

/* Files of a set are of one dump, and share nothing. */
static int check_set(const struct kdump *kd, struct err *err)
{
	const struct kdump_header *a = &kd->parts[0].h;

	for (size_t i = 1; i < kd->nparts; i++) {
		const struct kdump_header *b = &kd->parts[i].h;

		if (!a->split || !b->split)
			return err_set(err, ERR_CORRUPT,
				       "%zu files, one of which is a whole dump and no part",
				       kd->nparts);
		if (a->block_size != b->block_size || a->max_pfn != b->max_pfn ||
		    a->machine != b->machine)
			return err_set(err, ERR_CORRUPT, "the files are not parts of one dump");
		if (b->start < kd->parts[i - 1].h.end)
			return err_set(err, ERR_CORRUPT,
				       "page %#llx is in more than one of the files",
				       (unsigned long long)b->start);
	}
	return 0;
}

static int read_parts(struct vmcore *vc, struct kdump *kd, struct err *err)
{
	int rc = 0;

	kd->parts = calloc(vc->nsrcs, sizeof(*kd->parts));
	if (!kd->parts)
		return err_set(err, ERR_NOMEM, "no memory for %zu files", vc->nsrcs);
	for (; kd->nparts < vc->nsrcs && !rc; kd->nparts++) {
		struct kdump_part *p = &kd->parts[kd->nparts];

		p->src = &vc->srcs[kd->nparts];
		rc = read_headers(p->src, &p->h, err);
		if (rc && vc->nsrcs > 1)
			err_prepend(err, "file %zu", kd->nparts + 1);
		if (rc || !(p->h.status & KDUMP_STATUS_INCOMPLETE))
			continue;
		vc->info.truncated = true;
		vmcore_warn(vc, "the writer of the dump marked it as incomplete");
	}
	if (rc)
		return rc;
	qsort(kd->parts, kd->nparts, sizeof(*kd->parts), by_start);
	rc = check_set(kd, err);
	kd->block_size = kd->parts[0].h.block_size;
	kd->block_shift = __builtin_ctz(kd->block_size);
	kd->max_pfn = kd->parts[0].h.max_pfn;
	return rc;
}

static void fill_info(struct vmcore *vc, const struct kdump *kd)
{
	const struct kdump_header *h = &kd->parts[0].h;

	vc->info.machine = h->machine;
	vc->info.dump_level = h->dump_level;
	vc->info.crashtime = h->crashtime;
	memcpy(vc->info.uts, h->uts, sizeof(h->uts));
	vc->info.memory_end = kd->max_pfn << kd->block_shift;
	if (h->machine == EM_X86_64) {
		vc->info.has_text = true;
		vc->info.text_vaddr = X86_64_TEXT_START;
		vc->info.text_paddr = h->phys_base;
	}
}

static int kdump_open(struct vmcore *vc, struct err *err)
{
	struct kdump *kd = calloc(1, sizeof(*kd));
	int rc;

	if (!kd)
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes", sizeof(*kd));
	vc->priv = kd;
	pthread_mutex_init(&kd->lock, NULL);
	rc = read_parts(vc, kd, err);
	if (!rc)
		rc = read_notes(vc, kd->parts[0].src, &kd->parts[0].h, err);
	if (!rc)
		rc = kdump_index_init(vc, kd, err);
	if (!rc)
		rc = kdump_pages_init(kd, err);
	if (!rc)
		fill_info(vc, kd);
	return rc;
}

static void kdump_close(struct vmcore *vc)
{
	struct kdump *kd = vc->priv;

	if (!kd)
		return;
	kdump_pages_deinit(kd);
	kdump_index_deinit(kd);
	pthread_mutex_destroy(&kd->lock);
	free(kd->parts);
	free(kd);
}

static uint64_t run(const struct vmcore *vc, const struct vmcore_range *range, uint64_t skip,
		    uint64_t max, bool *there)
{
	const struct kdump *kd = vc->priv;
	paddr_t paddr = range->paddr + skip;
	uint64_t left = range->memsz - skip;
	uint64_t want = max < left ? max : left;
	pfn_t pfn = paddr >> kd->block_shift;
	pfn_t end = ((paddr + want - 1) >> kd->block_shift) + 1;
	uint64_t len =
		(kdump_run(kd, pfn, end) << kd->block_shift) - (paddr & (kd->block_size - 1));

	*there = kdump_has(kd, pfn);
	return len < want ? len : want;
}

const struct vmcore_format vmcore_format_kdump = {
	.name = "kdump",
	.probe = kdump_probe,
	.open = kdump_open,
	.read = kdump_read,
	.run = run,
	.close = kdump_close,
	.sets = true,
};
