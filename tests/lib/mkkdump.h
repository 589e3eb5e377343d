/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkkdump: small kdump-compressed dumps with pages in every codec, and any file flattened.
 * What the pages hold is a function of their number, so a reader can be held to it.
 */
#ifndef TESTS_LIB_MKKDUMP_H
#define TESTS_LIB_MKKDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mkkdump {
	uint32_t version; /* of the header, 1 to 6; 0 stands for 6 */
	uint32_t block_size; /* 0 stands for 4096 */
	uint64_t max_pfn; /* 0 stands for 299 */
	uint32_t status, dump_level;
	bool data_first; /* page data inside of what the header calls the sub header */
	bool split; /* pages [start, end) only */
	uint64_t start, end;
	const char *vmcoreinfo; /* text; NULL: no notes */
};

/* Where things are in what was made. */
struct mkkdump_file {
	uint8_t *data; /* the caller frees */
	size_t size;
	uint64_t bitmaps, descs;
};

/* What a dump has: a hole, pages of memory that were left out, and the others. */
bool mkkdump_is_ram(uint64_t pfn);
bool mkkdump_is_kept(uint64_t pfn);

/* The @size bytes of page @pfn; pfn % 5 is the codec: none, zlib, LZO, snappy, zstd. */
void mkkdump_page(uint64_t pfn, uint8_t *page, size_t size);

/* Aborts without memory: it is for tests. */
struct mkkdump_file mkkdump_make(const struct mkkdump *d);

/* The place of the descriptor of page @pfn in a dump that is not split. */
uint64_t mkkdump_desc(const struct mkkdump_file *f, uint64_t pfn);

/*
 * The @size bytes at @data, flattened into records of at most @step bytes, from the last to the
 * first with @backwards. The caller frees *@ret.
 */
size_t mkkdump_flatten(const uint8_t *data, size_t size, size_t step, bool backwards,
		       uint8_t **ret);

/* A memfd that holds the bytes: opened by mkcore_path(). */
int mkkdump_memfd(const uint8_t *data, size_t size);

#endif
