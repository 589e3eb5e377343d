// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/bitmap.h"

#include <stdlib.h>

#include "base/err.h"

int bitmap_init(struct bitmap *bm, uint64_t nbits, struct err *err)
{
	uint64_t nwords = nbits / 64 + (nbits % 64 != 0);

	// calloc() of a large size maps fresh zero pages: words never set cost no memory.
	*bm = (struct bitmap){.nwords = nwords, .nbits = nbits};
	bm->words = calloc(nwords ? nwords : 1, sizeof(*bm->words));
	if (!bm->words)
		return err_set(err, ERR_NOMEM, "no memory for a bitmap of %llu pages",
			       (unsigned long long)nbits);
	return 0;
}

void bitmap_deinit(struct bitmap *bm)
{
	free(bm->words);
	bm->words = NULL;
	bm->nwords = bm->nbits = 0;
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
	for (uint64_t w = first; w <= last; w++) {
		uint64_t bits = word_mask(w, start, end) & bm->words[w];

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
	for (uint64_t w = first; w <= last; w++)
		count += __builtin_popcountll(word_mask(w, start, end) & bm->words[w]);
	return count;
}

pfn_t bitmap_next(const struct bitmap *bm, pfn_t start, pfn_t end)
{
	uint64_t first, last;
	pfn_t limit = end;

	if (!cut(bm, start, &limit, &first, &last))
		return end;
	for (uint64_t w = first; w <= last; w++) {
		uint64_t bits = word_mask(w, start, limit) & bm->words[w];

		if (bits)
			return w * 64 + __builtin_ctzll(bits);
	}
	return end;
}
