/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bitmap: one bit a page frame, in 64-bit words whose bytes are, on a little-endian machine,
 * the bitmap of the dump file: bit(pfn) = byte[pfn >> 3] & (1 << (pfn & 7)).
 */
#ifndef COLLECTOR_BITMAP_H
#define COLLECTOR_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

enum {
	BITMAP_BLOCK = 1 << 15, /* bits in a block: a page of words */
};

/*
 * Who makes a bitmap's blocks when they are asked for, where there is no room to hold all of
 * them. Such a bitmap cannot be changed, and whoever shares it looks at it under one lock.
 */
struct bitmap_source {
	/* The BITMAP_BLOCK bits of block @nr; they hold until the next call. */
	const uint64_t *(*get)(void *ctx, uint64_t nr);
	void *ctx;
	const uint16_t *counts; /* bits set in each block */
};

struct bitmap {
	uint64_t *words; /* nwords of them, owned; NULL with a source */
	uint64_t nwords;
	uint64_t nbits;
	/* A bit a block: a bit in it was ever set. Memory may begin far up, and what lies before
	 * it shall cost neither memory nor time. NULL: every block may have set bits. */
	uint64_t *touched;
	const struct bitmap_source *source; /* borrowed */
};

struct err;

/* All bits clear; no memory is used before bits are set. ERR_NOMEM without address space. */
int bitmap_init(struct bitmap *bm, uint64_t nbits, struct err *err);
void bitmap_deinit(struct bitmap *bm);

/* One whose blocks come from @source, which must outlive it. */
void bitmap_init_source(struct bitmap *bm, uint64_t nbits, const struct bitmap_source *source);

bool bitmap_test(const struct bitmap *bm, pfn_t pfn);

/* Words [@first, @first + @n) hold no set bit for sure. False: perhaps they do. */
bool bitmap_untouched(const struct bitmap *bm, uint64_t first, uint64_t n);

/*
 * Set or clear [start, end), cut to the size; returns how many bits changed. Not atomic: two
 * threads may work at once only on ranges that share no word.
 */
uint64_t bitmap_set_range(struct bitmap *bm, pfn_t start, pfn_t end);
uint64_t bitmap_clear_range(struct bitmap *bm, pfn_t start, pfn_t end);

/* Bits set in [start, end), cut to the size. */
uint64_t bitmap_count(const struct bitmap *bm, pfn_t start, pfn_t end);

/* The first set bit in [start, end), or @end when there is none. */
pfn_t bitmap_next(const struct bitmap *bm, pfn_t start, pfn_t end);

/* The first clear bit in [start, end), or @end; bits behind the size are clear. */
pfn_t bitmap_next_clear(const struct bitmap *bm, pfn_t start, pfn_t end);

/* Copies @n words from word @first on. */
void bitmap_words(const struct bitmap *bm, uint64_t first, size_t n, uint64_t *ret);

/* The same for bits [@from, @to) of bare words. */
uint64_t words_set(uint64_t *words, uint64_t from, uint64_t to);
uint64_t words_clear(uint64_t *words, uint64_t from, uint64_t to);
uint64_t words_count(const uint64_t *words, uint64_t from, uint64_t to);
uint64_t words_next(const uint64_t *words, uint64_t from, uint64_t to);

#endif
