/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kdread: the tests' own reader of kdump-compressed files, version 6, 64-bit little endian.
 *
 * It shares no line with the project, so that a misunderstanding of the format there can not hide
 * here. The layout is described in makedumpfile's diskdump_mod.h and IMPLEMENTATION, and in crash's
 * diskdump.h. Every position is checked against the size of the file. Nothing is mapped: to touch
 * a hole of a file on a full tmpfs through a mapping is a SIGBUS, and to read it is not.
 */
#ifndef ORACLE_KDREAD_H
#define ORACLE_KDREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KD_WHY_MAX    256
#define KD_BLOCK_MAX  65536U
#define KD_CHUNK_BITS 12 /* ranks of descriptors are remembered every 4096 PFNs */
#define KD_CHUNK      (UINT64_C(1) << KD_CHUNK_BITS)
#define KD_UTS_BYTES  (6 * 65)
#define KD_DESC_BYTES 24U

/* Limits of what is taken into memory: notes of 180000 CPUs, and 32 TiB in pages of 4 KiB. */
#define KD_NOTES_MAX  (UINT64_C(64) << 20)
#define KD_BITMAP_MAX (UINT64_C(1) << 30)

enum kd_status {
	KD_ST_ZLIB = 0x01,
	KD_ST_LZO = 0x02,
	KD_ST_SNAPPY = 0x04,
	KD_ST_INCOMPLETE = 0x08,
	KD_ST_NO_VMEMMAP = 0x10,
	KD_ST_ZSTD = 0x20,
};

#define KD_ST_CODECS (KD_ST_ZLIB | KD_ST_LZO | KD_ST_SNAPPY | KD_ST_ZSTD)

/* Both headers, decoded. */
struct kd_header {
	uint32_t version;
	uint8_t uts[KD_UTS_BYTES];
	uint64_t tv_sec, tv_usec;
	uint32_t status, block_size, sub_hdr_size, bitmap_blocks, max_mapnr_32;
	uint32_t total_ram_blocks, device_blocks, written_blocks, current_cpu, nr_cpus;
	uint64_t phys_base;
	uint32_t dump_level, split;
	uint64_t start_pfn, end_pfn;
	uint64_t offset_vmcoreinfo, size_vmcoreinfo, offset_note, size_note;
	uint64_t offset_eraseinfo, size_eraseinfo;
	uint64_t start_pfn_64, end_pfn_64, max_mapnr;
};

struct kd_desc {
	uint64_t offset;
	uint32_t size, flags;
	uint64_t page_flags;
};

struct kd {
	const char *path;
	int fd;
	uint64_t size;
	struct kd_header h;
	uint8_t *notes; /* size_note bytes */
	uint8_t *bitmap1, *bitmap2; /* bitmap2 stands in the same memory, behind bitmap1 */
	uint8_t *descs;
	uint64_t bitmap_bytes; /* of one bitmap */
	uint64_t bitmap_off, desc_off, ndesc;
	uint64_t *rank; /* [chunk]: descriptors before the chunk's first PFN */
	uint64_t nchunks;
};

/* What a decompressor keeps between pages: one per thread. */
struct kd_codec {
	void *zstd;
	uint8_t *packed; /* a block at most */
};

/* 0, or -1 with a sentence in why. */
int kd_open(struct kd *kd, const char *path, char why[KD_WHY_MAX]);
void kd_close(struct kd *kd);

/* True when the bit of a PFN is set; PFNs beyond the bitmap have none. */
bool kd_bit(const struct kd *kd, const uint8_t *bitmap, uint64_t pfn);

/* The place in the table of the descriptor of a PFN whose bit is set in bitmap2. */
uint64_t kd_index(const struct kd *kd, uint64_t pfn);
struct kd_desc kd_desc_at(const struct kd *kd, uint64_t index);

/* A descriptor of zeros: the page was kept, but its data never reached the file. */
bool kd_lost(const struct kd_desc *d);

int kd_codec_init(struct kd_codec *c);
void kd_codec_free(struct kd_codec *c);

/*
 * The content of a page goes to buf, which holds block_size bytes. True; or false with the reason
 * in why, a constant string.
 */
bool kd_page(const struct kd *kd, struct kd_codec *c, const struct kd_desc *d, uint8_t *buf,
	     const char **why);

#endif
