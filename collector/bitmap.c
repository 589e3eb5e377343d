// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/bitmap.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/err.h"

enum {
	BLOCK_WORDS = BITMAP_BLOCK / 64,
};

static size_t bytes_of(uint64_t nwords)
{
	return (nwords ? nwords : 1) * sizeof(uint64_t);
}

int bitmap_init(struct bitmap *bm, uint64_t nbits, struct err *err)
{
	uint64_t nwords = nbits / 64 + (nbits % 64 != 0);
	// Not reserved: a capture kernel has less memory than the words of far memory would take
	// if all of them were used.
	void *words = mmap(NULL, bytes_of(nwords), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	*bm = (struct bitmap){0};
	if (words != MAP_FAILED)
		bm->touched = calloc(nwords / BLOCK_WORDS / 64 + 1, sizeof(*bm->touched));
	if (!bm->touched) {
		if (words != MAP_FAILED)
			munmap(words, bytes_of(nwords));
		return err_set(err, ERR_NOMEM, "no memory for a bitmap of %llu pages",
			       (unsigned long long)nbits);
	}
	bm->words = words;
	bm->nwords = nwords;
	bm->nbits = nbits;
	return 0;
}

void bitmap_deinit(struct bitmap *bm)
{
	if (bm->words)
		munmap(bm->words, bytes_of(bm->nwords));
	free(bm->touched);
	*bm = (struct bitmap){0};
}

/* The last word of the block that @w is in, when no bit of the block was ever set; else 0. */
static uint64_t skip_block(const struct bitmap *bm, uint64_t w)
{
	uint64_t block = w / BLOCK_WORDS;

	if (!bm->touched || (bm->touched[block / 64] >> (block % 64) & 1))
		return 0;
	return w | (BLOCK_WORDS - 1);
}

static void touch(struct bitmap *bm, uint64_t first, uint64_t last)
{
	if (!bm->touched)
		return;
	for (uint64_t b = first / BLOCK_WORDS; b <= last / BLOCK_WORDS; b++)
		bm->touched[b / 64] |= 1ULL << (b % 64);
}

bool bitmap_untouched(const struct bitmap *bm, uint64_t first, uint64_t n)
{
	for (uint64_t w = first, skip; w - first < n && w < bm->nwords; w = skip + 1) {
		skip = skip_block(bm, w);
		if (!skip)
			return false;
	}
	return true;
}

/* The bits of word @w that lie in [start, end); the range reaches into the word. */
static uint64_t word_mask(uint64_t w, pfn_t start, pfn_t end)
{
	uint64_t mask = ~0ULL;

	if (w == start / 64)
		mask &= ~0ULL << (start % 64);
	if (w == end / 64)
		mask &= ~(~0ULL << (end % 64));
	return mask;
}

/* Words [*first, *last] touch [start, end) once it is cut to the size; false when none do. */
static bool cut(const struct bitmap *bm, pfn_t start, pfn_t *end, uint64_t *first, uint64_t *last)
{
	if (*end > bm->nbits)
		*end = bm->nbits;
	if (start >= *end)
		return false;
	*first = start / 64;
	*last = (*end - 1) / 64;
	return true;
}

uint64_t bitmap_set_range(struct bitmap *bm, pfn_t start, pfn_t end)
{
	uint64_t first, last, changed = 0;

	if (!cut(bm, start, &end, &first, &last))
		return 0;
	touch(bm, first, last);
	for (uint64_t w = first; w <= last; w++) {
		uint64_t bits = word_mask(w, start, end) & ~bm->words[w];

		changed += __builtin_popcountll(bits);
		bm->words[w] |= bits;
	}
	return changed;
}

uint64_t bitmap_clear_range(struct bitmap *bm, pfn_t start, pfn_t end)
{
	uint64_t first, last, changed = 0;

	if (!cut(bm, start, &end, &first, &last))
		return 0;
	for (uint64_t w = first, skip; w <= last; w++) {
		uint64_t bits;

		skip = skip_block(bm, w);
		if (skip) {
			w = skip;
			continue;
		}
		bits = word_mask(w, start, end) & bm->words[w];

		changed += __builtin_popcountll(bits);
		bm->words[w] &= ~bits;
	}
	return changed;
}

uint64_t bitmap_count(const struct bitmap *bm, pfn_t start, pfn_t end)
{
	uint64_t first, last, count = 0;

	if (!cut(bm, start, &end, &first, &last))
		return 0;
	for (uint64_t w = first, skip; w <= last; w++) {
		skip = skip_block(bm, w);
		if (skip)
			w = skip;
		else
			count += __builtin_popcountll(word_mask(w, start, end) & bm->words[w]);
	}
	return count;
}

pfn_t bitmap_next(const struct bitmap *bm, pfn_t start, pfn_t end)
{
	uint64_t first, last;
	pfn_t limit = end;

	if (!cut(bm, start, &limit, &first, &last))
		return end;
	for (uint64_t w = first, skip; w <= last; w++) {
		uint64_t bits;

		skip = skip_block(bm, w);
		if (skip) {
			w = skip;
			continue;
		}
		bits = word_mask(w, start, limit) & bm->words[w];
		if (bits)
			return w * 64 + __builtin_ctzll(bits);
	}
	return end;
}

pfn_t bitmap_next_clear(const struct bitmap *bm, pfn_t start, pfn_t end)
{
	uint64_t first, last;
	pfn_t limit = end;

	if (!cut(bm, start, &limit, &first, &last))
		return start < end ? start : end;
	for (uint64_t w = first; w <= last; w++) {
		uint64_t bits = word_mask(w, start, limit) & ~bm->words[w];

		if (bits)
			return w * 64 + __builtin_ctzll(bits);
	}
	return limit;
}
