// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/bitmap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/err.h"

enum {
	BLOCK_WORDS = BITMAP_BLOCK / 64,
};

/* The programs are built for any machine, and on some of them the builtin is a call. */
static uint64_t popcount(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555ULL;
	v = (v & 0x3333333333333333ULL) + (v >> 2 & 0x3333333333333333ULL);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return v * 0x0101010101010101ULL >> 56;
}

/* Most words of a bitmap of memory have all bits set, or none. */
static inline uint64_t count_word(uint64_t v)
{
	return !v ? 0 : !~v ? 64 : popcount(v);
}

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

void bitmap_init_source(struct bitmap *bm, uint64_t nbits, const struct bitmap_source *source)
{
	*bm = (struct bitmap){
		.nwords = nbits / 64 + (nbits % 64 != 0), .nbits = nbits, .source = source};
}

/* The words of block @nr; NULL when no bit of it is set for sure. */
static uint64_t *block_words(const struct bitmap *bm, uint64_t nr)
{
	if (bm->source)
		return bm->source->counts[nr] ? (uint64_t *)bm->source->get(bm->source->ctx, nr)
					      : NULL;
	if (bm->touched && !(bm->touched[nr / 64] >> (nr % 64) & 1))
		return NULL;
	return bm->words + nr * BLOCK_WORDS;
}

/* The part of [start, end) in the block that @start is in. */
struct part {
	uint64_t nr; // of the block
	uint64_t *words; // of the block, NULL when no bit is set
	uint64_t from, to; // bits of the block
};

static struct part cut_part(pfn_t start, pfn_t end)
{
	struct part p = {.nr = start / BITMAP_BLOCK, .from = start % BITMAP_BLOCK};

	p.to = end - start < BITMAP_BLOCK - p.from ? p.from + (end - start) : BITMAP_BLOCK;
	return p;
}

static struct part part_of(const struct bitmap *bm, pfn_t start, pfn_t end)
{
	struct part p = cut_part(start, end);

	p.words = block_words(bm, p.nr);
	return p;
}

bool bitmap_untouched(const struct bitmap *bm, uint64_t first, uint64_t n)
{
	for (uint64_t w = first; w - first < n && w < bm->nwords;
	     w = (w / BLOCK_WORDS + 1) * BLOCK_WORDS) {
		uint64_t nr = w / BLOCK_WORDS;

		if (bm->source ? bm->source->counts[nr] != 0 : block_words(bm, nr) != NULL)
			return false;
	}
	return true;
}

/* The bits of word @w that lie in [from, to); the range reaches into the word. */
static uint64_t word_mask(uint64_t w, uint64_t from, uint64_t to)
{
	uint64_t mask = ~0ULL;

	if (w == from / 64)
		mask &= ~0ULL << (from % 64);
	if (w == to / 64)
		mask &= ~(~0ULL << (to % 64));
	return mask;
}

uint64_t words_set(uint64_t *words, uint64_t from, uint64_t to)
{
	uint64_t changed = 0;

	for (uint64_t w = from / 64; from < to && w <= (to - 1) / 64; w++) {
		uint64_t bits = word_mask(w, from, to) & ~words[w];

		changed += count_word(bits);
		words[w] |= bits;
	}
	return changed;
}

uint64_t words_clear(uint64_t *words, uint64_t from, uint64_t to)
{
	uint64_t changed = 0;

	for (uint64_t w = from / 64; from < to && w <= (to - 1) / 64; w++) {
		uint64_t bits = word_mask(w, from, to) & words[w];

		changed += count_word(bits);
		words[w] &= ~bits;
	}
	return changed;
}

uint64_t words_count(const uint64_t *words, uint64_t from, uint64_t to)
{
	uint64_t count = 0;

	for (uint64_t w = from / 64; from < to && w <= (to - 1) / 64; w++) {
		uint64_t bits = word_mask(w, from, to) & words[w];

		count += count_word(bits);
	}
	return count;
}

uint64_t words_next(const uint64_t *words, uint64_t from, uint64_t to)
{
	for (uint64_t w = from / 64; from < to && w <= (to - 1) / 64; w++) {
		uint64_t bits = word_mask(w, from, to) & words[w];

		if (bits)
			return w * 64 + __builtin_ctzll(bits);
	}
	return to;
}

static uint64_t words_next_clear(const uint64_t *words, uint64_t from, uint64_t to)
{
	for (uint64_t w = from / 64; from < to && w <= (to - 1) / 64; w++) {
		uint64_t bits = word_mask(w, from, to) & ~words[w];

		if (bits)
			return w * 64 + __builtin_ctzll(bits);
	}
	return to;
}

bool bitmap_test(const struct bitmap *bm, pfn_t pfn)
{
	const uint64_t *words;

	if (pfn >= bm->nbits)
		return false;
	words = block_words(bm, pfn / BITMAP_BLOCK);
	return words && (words[pfn % BITMAP_BLOCK / 64] >> (pfn % 64) & 1);
}

static pfn_t cut(const struct bitmap *bm, pfn_t end)
{
	return end < bm->nbits ? end : bm->nbits;
}

uint64_t bitmap_set_range(struct bitmap *bm, pfn_t start, pfn_t end)
{
	uint64_t changed = 0;
	struct part p;

	end = cut(bm, end);
	for (; start < end; start += p.to - p.from) {
		bool fresh;

		p = part_of(bm, start, end);
		fresh = !p.words;
		p.words = bm->words + p.nr * BLOCK_WORDS;
		if (bm->touched)
			bm->touched[p.nr / 64] |= 1ULL << (p.nr % 64);
		// What was never looked at has no memory yet: to read it first would fault twice.
		if (fresh && p.to - p.from == BITMAP_BLOCK) {
			memset(p.words, 0xff, BITMAP_BLOCK / 8);
			changed += BITMAP_BLOCK;
		} else {
			changed += words_set(p.words, p.from, p.to);
		}
	}
	return changed;
}

uint64_t bitmap_clear_range(struct bitmap *bm, pfn_t start, pfn_t end)
{
	uint64_t changed = 0;
	struct part p;

	end = cut(bm, end);
	for (; start < end; start += p.to - p.from) {
		p = part_of(bm, start, end);
		if (p.words)
			changed += words_clear(p.words, p.from, p.to);
	}
	return changed;
}

/* Whether the part is all of its block that there is. */
static bool whole(const struct bitmap *bm, const struct part *p)
{
	return !p->from && (p->to == BITMAP_BLOCK || p->nr * BITMAP_BLOCK + p->to == bm->nbits);
}

uint64_t bitmap_count(const struct bitmap *bm, pfn_t start, pfn_t end)
{
	uint64_t count = 0;
	struct part p;

	end = cut(bm, end);
	for (; start < end; start += p.to - p.from) {
		p = cut_part(start, end);
		if (bm->source && whole(bm, &p)) {
			count += bm->source->counts[p.nr];
			continue;
		}
		p.words = block_words(bm, p.nr);
		if (p.words)
			count += words_count(p.words, p.from, p.to);
	}
	return count;
}

pfn_t bitmap_next(const struct bitmap *bm, pfn_t start, pfn_t end)
{
	pfn_t limit = cut(bm, end);
	struct part p;

	for (; start < limit; start += p.to - p.from) {
		uint64_t bit;

		p = part_of(bm, start, limit);
		bit = p.words ? words_next(p.words, p.from, p.to) : p.to;
		if (bit < p.to)
			return p.nr * BITMAP_BLOCK + bit;
	}
	return end;
}

pfn_t bitmap_next_clear(const struct bitmap *bm, pfn_t start, pfn_t end)
{
	pfn_t limit = cut(bm, end);
	struct part p;

	if (start >= limit)
		return start < end ? start : end;
	for (; start < limit; start += p.to - p.from) {
		uint64_t bit;

		p = part_of(bm, start, limit);
		bit = p.words ? words_next_clear(p.words, p.from, p.to) : p.from;
		if (bit < p.to)
			return p.nr * BITMAP_BLOCK + bit;
	}
	return limit;
}

void bitmap_words(const struct bitmap *bm, uint64_t first, size_t n, uint64_t *ret)
{
	for (size_t i = 0, part; i < n; i += part) {
		uint64_t w = first + i;
		const uint64_t *words = block_words(bm, w / BLOCK_WORDS);

		part = BLOCK_WORDS - w % BLOCK_WORDS;
		if (part > n - i)
			part = n - i;
		if (words)
			memcpy(ret + i, words + w % BLOCK_WORDS, part * sizeof(*ret));
		else
			memset(ret + i, 0, part * sizeof(*ret));
	}
}
