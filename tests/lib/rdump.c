// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lib/rdump.h"

#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "vmcore/codec.h"

enum {
	HEADER = 464,
	SUB_HEADER = 104,
	DESC = 24,
	PAGE_MAX = 64 << 10,
};

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_CORRUPT, "dump: %s", what);
}

static bool test_bit(const struct rdump *rd, uint64_t bitmap, uint64_t pfn)
{
	return pfn < rd->max_pfn && (rd->data[bitmap + pfn / 8] >> (pfn % 8) & 1);
}

int rdump_init(struct rdump *rd, const void *data, size_t size, struct err *err)
{
	const uint8_t *h = data, *sub;
	uint64_t sub_blocks, bitmap_blocks;

	*rd = (struct rdump){.data = data, .size = size};
	if (size < HEADER || memcmp(h, "KDUMP   ", 8) || load_le32(h + 8) != 6)
		return bad(err, "no header");
	rd->status = load_le32(h + 424);
	rd->block_size = load_le32(h + 428);
	sub_blocks = load_le32(h + 432);
	bitmap_blocks = load_le32(h + 436);
	rd->nr_cpus = load_le32(h + 460);
	if (rd->block_size < 4096 || rd->block_size > PAGE_MAX || size < 2 * rd->block_size)
		return bad(err, "block size");
	if (load_le32(h + 416) || !rd->nr_cpus)
		return bad(err, "microseconds, or no CPU");
	sub = h + rd->block_size;
	rd->dump_level = load_le32(sub + 8);
	rd->vmcoreinfo = load_le64(sub + 32);
	rd->vmcoreinfo_size = load_le64(sub + 40);
	rd->notes = load_le64(sub + 48);
	rd->notes_size = load_le64(sub + 56);
	rd->max_pfn = load_le64(sub + 96);
	if (rd->notes != rd->block_size + SUB_HEADER ||
	    rd->notes_size > (sub_blocks * rd->block_size) - SUB_HEADER ||
	    rd->vmcoreinfo_size > rd->notes_size)
		return bad(err, "notes");
	rd->bitmap1 = (1 + sub_blocks) * rd->block_size;
	rd->bitmap2 = rd->bitmap1 + bitmap_blocks / 2 * rd->block_size;
	rd->descs = rd->bitmap1 + bitmap_blocks * rd->block_size;
	if (rd->descs > size || bitmap_blocks % 2 ||
	    bitmap_blocks / 2 * rd->block_size < (rd->max_pfn + 7) / 8)
		return bad(err, "bitmaps");
	for (uint64_t pfn = 0; pfn < rd->max_pfn; pfn++)
		rd->ndescs += test_bit(rd, rd->bitmap2, pfn);
	rd->index_size = rd->descs + rd->ndescs * DESC;
	if (rd->index_size > size)
		return bad(err, "descriptors");
	return 0;
}

bool rdump_is_ram(const struct rdump *rd, uint64_t pfn)
{
	return test_bit(rd, rd->bitmap1, pfn);
}

static int unpack(const struct rdump *rd, const uint8_t *from, uint32_t size, uint32_t flags,
		  void *page, struct err *err)
{
	const struct codec *codec = codec_by_flag(flags);
	void *ctx = NULL;
	int rc;

	if (!codec || size > rd->block_size)
		return bad(err, "flags or size of a page");
	if (flags == CODEC_FLAG_NONE) {
		if (size != rd->block_size)
			return bad(err, "size of a page as it is");
		memcpy(page, from, size);
		return 0;
	}
	rc = codec->create(codec->level_default, rd->block_size, &ctx, err);
	if (!rc)
		rc = codec->decompress(ctx, from, size, page, rd->block_size, err);
	codec->destroy(ctx);
	return rc;
}

int rdump_page(const struct rdump *rd, uint64_t pfn, void *page, uint64_t *offset, struct err *err)
{
	const uint8_t *desc;
	uint64_t index = 0;
	uint32_t size;
	int rc;

	if (!test_bit(rd, rd->bitmap2, pfn))
		return RDUMP_ABSENT;
	for (uint64_t byte = 0; byte < pfn / 8; byte++)
		index += __builtin_popcount(rd->data[rd->bitmap2 + byte]);
	index += __builtin_popcount(rd->data[rd->bitmap2 + pfn / 8] & ((1 << pfn % 8) - 1));
	desc = rd->data + rd->descs + index * DESC;
	*offset = load_le64(desc);
	size = load_le32(desc + 8);
	if (!*offset)
		return size || load_le32(desc + 12) ? bad(err, "half a descriptor") : RDUMP_LOST;
	if (*offset < rd->index_size || *offset > rd->size || rd->size - *offset < size ||
	    load_le64(desc + 16))
		return bad(err, "place of a page");
	rc = unpack(rd, rd->data + *offset, size, load_le32(desc + 12), page, err);
	return rc ? rc : RDUMP_THERE;
}
