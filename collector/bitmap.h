/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bitmap: one bit a page frame, in 64-bit words whose bytes are, on a little-endian machine,
 * the bitmap of the dump file: bit(pfn) = byte[pfn >> 3] & (1 << (pfn & 7)).
 */
#ifndef COLLECTOR_BITMAP_H
#define COLLECTOR_BITMAP_H

#include <stdbool.h>
#include <stdint.h>

#include "crashnotes/addr.h"

enum {
	BITMAP_BLOCK = 1 << 15, /* bits in a block: a page of words */
};

struct bitmap {
	uint64_t *words; /* nwords of them, owned */
	uint64_t nwords;
	uint64_t nbits;
	/* A bit a block: a bit in it was ever set. Memory may begin far up, and what lies before
	 * it shall cost neither memory nor time. NULL: every block may have set bits. */
	uint64_t *touched;
};

struct err;

/* All bits clear; no memory is used before bits are set. ERR_NOMEM without address space. */
int bitmap_init(struct bitmap *bm, uint64_t nbits, struct err *err);
void bitmap_deinit(struct bitmap *bm);

static inline bool bitmap_test(const struct bitmap *bm, pfn_t pfn)
{
	return pfn < bm->nbits && (bm->words[pfn / 64] >> (pfn % 64) & 1);
}

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

#endif
