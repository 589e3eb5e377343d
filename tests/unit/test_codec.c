// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Codecs: every row and level gives pages back as they were, and foreign input never gets
 * outside its buffers. Those end at pages without access, so that a byte too far is a crash.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/codec.h"
#include "vmcore/codec_priv.h"

enum {
	PAGE_MAX = 64 << 10,
	ROOM_MAX = 2 * PAGE_MAX,
	FLIPS = 2000, /* forged inputs of each kind */
};

static const size_t page_sizes[] = {4096, 16384, PAGE_MAX};

/* Bytes whose last one is the last before a page without access. */
struct guarded {
	uint8_t *map, *end;
	size_t map_size;
};

static struct guarded src_area, dst_area, page_area;

static void guarded_init(struct guarded *g, size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	size = (size + page - 1) / page * page;
	g->map_size = size + page;
	g->map =
		mmap(NULL, g->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(g->map != MAP_FAILED);
	g->end = g->map + size;
	assert_int_equal(mprotect(g->end, page, PROT_NONE), 0);
}

static int setup(void **state)
{
	(void)state;
	guarded_init(&src_area, ROOM_MAX);
	guarded_init(&dst_area, ROOM_MAX);
	guarded_init(&page_area, PAGE_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	munmap(src_area.map, src_area.map_size);
	munmap(dst_area.map, dst_area.map_size);
	munmap(page_area.map, page_area.map_size);
	return 0;
}

/* A generator of our own: the same bytes on every machine. */
static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

static void fill_zero(uint8_t *p, size_t size)
{
	memset(p, 0, size);
}

static void fill_constant(uint8_t *p, size_t size)
{
	memset(p, 0x6b, size);
}

static void fill_text(uint8_t *p, size_t size)
{
	static const char *const words[] = {"page ", "slab ", "zone ", "0xffff8880", "=", "\n"};
	uint64_t seed = 7;

	for (size_t used = 0; used < size;) {
		const char *w = words[next_random(&seed) % ARRAY_SIZE(words)];
		size_t len = strlen(w);

		if (len > size - used)
			len = size - used;
		memcpy(p + used, w, len);
		used += len;
	}
}

/* Records of 64 bytes that differ in a few words, as struct page does. */
static void fill_structs(uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i += 64) {
		uint64_t words[8] = {0x17ffffc0000000ULL, 0xdead000000000100ULL, i, 0, 1};

		memcpy(p + i, words, 64);
	}
}

/* @n words of 4 letters of 16 each, spread evenly, all others 0: little that a match would take. */
static void fill_letters(uint8_t *p, size_t size, size_t n)
{
	size_t words = size / 4;
	uint64_t seed = 3;

	memset(p, 0, size);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 4; k++)
			p[i * words / n * 4 + k] = 'a' + (next_random(&seed) >> 8) % 16;
}

static void fill_sparse(uint8_t *p, size_t size)
{
	fill_letters(p, size, 300);
}

static void fill_random(uint8_t *p, size_t size)
{
	uint64_t seed = 1;

	for (size_t i = 0; i < size; i++)
		p[i] = next_random(&seed);
}

static const struct {
	const char *name;
	void (*fill)(uint8_t *p, size_t size);
	bool shrinks;
} pages[] = {
	{"zero", fill_zero, true},	{"constant", fill_constant, true},
	{"text", fill_text, true},	{"structs", fill_structs, true},
	{"random", fill_random, false}, {"sparse", fill_sparse, true},
};

static void *context(const struct codec *c, int level, size_t page_size)
{
	struct err err = {0};
	void *ctx = NULL;

	if (c->create(level, page_size, &ctx, &err) != 0)
		fail_msg("%s:%d: %s", c->name, level, err.msg);
	return ctx;
}

static void round_trip(const struct codec *c, int level, size_t page_size)
{
	size_t room = codec_room(c, page_size);
	void *ctx = context(c, level, page_size);
	uint8_t *page = page_area.end - page_size;
	uint8_t *back = dst_area.end - page_size;
	struct err err = {0};

	assert_true(room <= ROOM_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
		uint8_t *out = src_area.end - room;
		size_t n;

		pages[i].fill(page, page_size);
		n = c->compress(ctx, page, page_size, out, room);
		if (c->flag == CODEC_FLAG_NONE || !pages[i].shrinks) {
			assert_int_equal(n, 0);
			continue;
		}
		if (n == 0 || n >= page_size)
			fail_msg("%s:%d: %s page of %zu became %zu", c->name, level, pages[i].name,
				 page_size, n);
		// To the end of the area: now reading behind the stream traps too.
		memmove(src_area.end - n, out, n);
		memset(back, 0xa5, page_size);
		if (c->decompress(ctx, src_area.end - n, n, back, page_size, &err))
			fail_msg("%s:%d: %s: %s", c->name, level, pages[i].name, err.msg);
		assert_memory_equal(back, page, page_size);
	}
	c->destroy(ctx);
}

static void test_round_trip(void **state)
{
	const struct codec *c;

	(void)state;
	for (size_t i = 0; (c = codec_at(i)); i++)
		for (int level = c->level_min; level <= c->level_max; level++)
			for (size_t s = 0; s < ARRAY_SIZE(page_sizes); s++)
				round_trip(c, level, page_sizes[s]);
}

/* What makedumpfile, crash and libkdumpfile are given: one frame, which zstd's plain call reads. */
static void test_zstd_frames(void **state)
{
	static uint8_t page[4096], out[4096], back[4096];
	const struct codec *c = codec_by_flag(CODEC_FLAG_ZSTD);

	(void)state;
	for (int level = c->level_min; level <= c->level_max; level++) {
		void *ctx = context(c, level, sizeof(page));

		for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
			size_t n;

			pages[i].fill(page, sizeof(page));
			n = c->compress(ctx, page, sizeof(page), out, sizeof(out));
			assert_true(pages[i].shrinks == (n != 0));
			if (n == 0)
				continue;
			assert_int_equal(ZSTD_findFrameCompressedSize(out, n), n);
			memset(back, 0xa5, sizeof(back));
			assert_int_equal(ZSTD_decompress(back, sizeof(back), out, n), sizeof(back));
			assert_memory_equal(back, page, sizeof(page));
		}
		c->destroy(ctx);
	}
}

static size_t letters_become(int level, size_t words)
{
	static uint8_t page[4096], out[4096];
	const struct codec *c = codec_by_flag(CODEC_FLAG_ZSTD);
	void *ctx = context(c, level, sizeof(page));
	size_t n;

	fill_letters(page, sizeof(page), words);
	n = c->compress(ctx, page, sizeof(page), out, sizeof(out));
	c->destroy(ctx);
	return n;
}

/* Level 1 makes no Huffman code where half of the words are 0, which costs half of the others. */
static void test_zstd_sparse(void **state)
{
	size_t sparse = letters_become(1, 512), dense = letters_become(1, 513);

	(void)state;
	assert_true(sparse > 512 * 4 && sparse < 4096);
	assert_true(dense < sparse - 512);
	assert_true(letters_become(2, 512) < sparse - 512);
}

/* Not what came before, not even what did not fit, changes what a page becomes. */
static void test_history(void **state)
{
	static uint8_t page[4096], out[ROOM_MAX], fresh[ROOM_MAX];
	const struct codec *c;

	(void)state;
	for (size_t i = 0; (c = codec_at(i)); i++) {
		void *used = context(c, c->level_default, sizeof(page));

		for (size_t k = 0; k < 4 * ARRAY_SIZE(pages) * ARRAY_SIZE(pages); k++) {
			size_t p = k % 2 ? k / 2 % ARRAY_SIZE(pages) : k / 2 / ARRAY_SIZE(pages);
			void *ctx = context(c, c->level_default, sizeof(page));
			size_t n;

			pages[p % ARRAY_SIZE(pages)].fill(page, sizeof(page));
			n = c->compress(ctx, page, sizeof(page), fresh, sizeof(fresh));
			assert_int_equal(c->compress(used, page, sizeof(page), out, sizeof(out)),
					 n);
			assert_memory_equal(out, fresh, n);
			assert_int_equal(c->compress(used, page, sizeof(page), out, 5), 0);
			c->destroy(ctx);
		}
		c->destroy(used);
	}
}

static void test_raw(void **state)
{
	const struct codec *c = codec_by_flag(CODEC_FLAG_NONE);
	uint8_t page[64] = {1, 2, 3}, back[64] = {0};
	struct err err = {0};
	void *ctx = context(c, 0, sizeof(page));

	(void)state;
	assert_int_equal(c->decompress(ctx, page, sizeof(page), back, sizeof(back), &err), 0);
	assert_memory_equal(page, back, sizeof(page));
	assert_int_equal(c->decompress(ctx, page, 63, back, sizeof(back), &err), ERR_CORRUPT);
	assert_int_equal(c->decompress(ctx, page, 64, back, 63, &err), ERR_CORRUPT);
	c->destroy(ctx);
}

/* Whatever room is given, the stream is whole and inside it, or there is none. */
static void test_little_room(void **state)
{
	const size_t page_size = 4096;
	uint8_t *page = page_area.end - page_size;
	uint8_t *back = dst_area.end - page_size;
	const struct codec *c;
	struct err err = {0};

	(void)state;
	fill_text(page, page_size);
	for (size_t i = 0; (c = codec_at(i)); i++) {
		void *ctx = context(c, c->level_default, page_size);
		size_t full = c->compress(ctx, page, page_size, src_area.end - ROOM_MAX, ROOM_MAX);
		size_t most = 0;

		for (size_t room = 0; room <= codec_room(c, page_size); room++) {
			uint8_t *out = src_area.end - room;
			size_t n = c->compress(ctx, page, page_size, out, room);

			assert_true(n <= room && n < page_size);
			if (n == 0)
				continue;
			most = n;
			assert_int_equal(c->decompress(ctx, out, n, back, page_size, &err), 0);
			assert_memory_equal(back, page, page_size);
		}
		assert_int_equal(most, full);
		c->destroy(ctx);
	}
}

/* A page larger than the context was made for is stored raw, not written past its tables. */
static void test_larger_than_context(void **state)
{
	uint8_t *page = page_area.end - PAGE_MAX;
	const struct codec *c;

	(void)state;
	fill_text(page, PAGE_MAX);
	for (size_t i = 0; (c = codec_at(i)); i++) {
		void *ctx = context(c, c->level_default, 4096);
		size_t n = c->compress(ctx, page, PAGE_MAX, dst_area.end - PAGE_MAX, PAGE_MAX);

		assert_true(n < PAGE_MAX);
		assert_int_equal(c->compress(ctx, page, 0, dst_area.end - 64, 64), 0);
		c->destroy(ctx);
	}
}

/* Puts @size bytes at the end of the source area and decompresses them to @page_size. */
static int decompress_guarded(const struct codec *c, void *ctx, const uint8_t *stream, size_t size,
			      size_t page_size, struct err *err)
{
	memcpy(src_area.end - size, stream, size);
	return c->decompress(ctx, src_area.end - size, size, dst_area.end - page_size, page_size,
			     err);
}

static void hostile(const struct codec *c, const uint8_t *stream, size_t n, size_t page_size)
{
	void *ctx = context(c, c->level_default, page_size);
	uint8_t *forged = malloc(n + 16);
	struct err err = {0};
	uint64_t seed = n;

	assert_non_null(forged);
	for (size_t cut = 0; cut < n; cut++) {
		err.msg[0] = '\0';
		assert_int_equal(decompress_guarded(c, ctx, stream, cut, page_size, &err),
				 ERR_CORRUPT);
		assert_true(err.code == ERR_CORRUPT && err.msg[0] != '\0');
	}
	// One byte less or more of room than the page has.
	assert_int_equal(decompress_guarded(c, ctx, stream, n, page_size - 1, &err), ERR_CORRUPT);
	assert_int_equal(decompress_guarded(c, ctx, stream, n, page_size + 1, &err), ERR_CORRUPT);
	assert_int_equal(decompress_guarded(c, ctx, stream, n, 0, &err), ERR_CORRUPT);
	memcpy(forged, stream, n);
	memset(forged + n, 0x5a, 16);
	assert_int_equal(decompress_guarded(c, ctx, forged, n + 16, page_size, &err), ERR_CORRUPT);
	for (int i = 0; i < FLIPS; i++) {
		int flips = 1 + i % 4;
		int rc;

		memcpy(forged, stream, n);
		while (flips--)
			forged[next_random(&seed) % n] ^= 1 << next_random(&seed) % 8;
		rc = decompress_guarded(c, ctx, forged, n, page_size, &err);
		// Some changes are in literals that no checksum covers; none is another error.
		assert_true(rc == 0 || rc == ERR_CORRUPT);
	}
	free(forged);
	c->destroy(ctx);
}

static void test_hostile(void **state)
{
	const size_t page_size = 4096;
	static uint8_t page[4096], stream[ROOM_MAX];
	const struct codec *c;

	(void)state;
	for (size_t i = 0; (c = codec_at(i)); i++) {
		for (size_t p = 0; p < ARRAY_SIZE(pages); p++) {
			void *ctx = context(c, c->level_default, page_size);
			size_t n;

			pages[p].fill(page, page_size);
			n = c->compress(ctx, page, page_size, stream, sizeof(stream));
			c->destroy(ctx);
			if (n)
				hostile(c, stream, n, page_size);
		}
	}
}

static void test_noise(void **state)
{
	static uint8_t noise[512];
	const struct codec *c;
	struct err err = {0};
	uint64_t seed = 99;

	(void)state;
	for (size_t i = 0; (c = codec_at(i)); i++) {
		void *ctx = context(c, c->level_default, 4096);

		for (int k = 0; k < FLIPS; k++) {
			size_t n = next_random(&seed) % sizeof(noise);

			for (size_t b = 0; b < n; b++)
				noise[b] = next_random(&seed);
			assert_int_equal(decompress_guarded(c, ctx, noise, n, 4096, &err),
					 ERR_CORRUPT);
		}
		c->destroy(ctx);
	}
}

static size_t heap_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* No context takes more than its row says, give or take what malloc() keeps for itself. */
static void test_memory(void **state)
{
	const struct codec *c;

	(void)state;
	for (size_t i = 0; (c = codec_at(i)); i++) {
		for (int level = c->level_min; level <= c->level_max; level++) {
			size_t before = heap_bytes(), took;
			void *ctx = context(c, level, 4096);

			took = heap_bytes() - before;
			if (took > c->memory(level, 4096) + 8192)
				fail_msg("%s:%d: took %zu bytes, said %zu", c->name, level, took,
					 c->memory(level, 4096));
			c->destroy(ctx);
		}
	}
}

static void test_create_limits(void **state)
{
	const struct codec *c;
	struct err err = {0};
	void *ctx = &err;

	(void)state;
	for (size_t i = 0; (c = codec_at(i)); i++) {
		assert_int_equal(c->create(c->level_max + 1, 4096, &ctx, &err), ERR_USAGE);
		assert_int_equal(c->create(c->level_min - 1, 4096, &ctx, &err), ERR_USAGE);
		assert_int_equal(c->create(c->level_default, 0, &ctx, &err), ERR_LIMIT);
		assert_int_equal(c->create(c->level_default, SIZE_MAX, &ctx, &err), ERR_LIMIT);
		assert_ptr_equal(ctx, &err);
		c->destroy(NULL);
	}
}

static void test_table(void **state)
{
	static const uint32_t flags[] = {CODEC_FLAG_NONE, CODEC_FLAG_ZLIB, CODEC_FLAG_LZO,
					 CODEC_FLAG_ZSTD};
	const struct codec *c;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		c = codec_by_flag(flags[i]);
		assert_non_null(c);
		assert_int_equal(c->flag, flags[i]);
		assert_ptr_equal(codec_by_name(c->name), c);
		assert_true(c->level_default >= c->level_min && c->level_default <= c->level_max);
	}
	// Only read: dumps have it, options do not.
	assert_ptr_equal(codec_by_flag(CODEC_FLAG_SNAPPY), &codec_snappy);
	assert_null(codec_by_name("snappy"));
	assert_null(codec_by_flag(CODEC_FLAG_ZLIB | CODEC_FLAG_LZO));
	assert_null(codec_by_name("zli"));
	assert_null(codec_by_name(""));
	assert_null(codec_at(ARRAY_SIZE(flags)));
	assert_null(codec_at(SIZE_MAX));
}

static void test_parse(void **state)
{
	static const struct {
		const char *spec, *name;
		int level;
	} good[] = {
		{"none", "none", 0},	 {"lzo", "lzo", 0},	    {"zlib", "zlib", 1},
		{"zlib:12", "zlib", 12}, {"zstd:-10", "zstd", -10}, {"zstd:19", "zstd", 19},
		{"zstd:-0", "zstd", 0},
	};
	static const struct {
		const char *spec, *says;
	} bad[] = {
		{"gzip", "zstd[:-10..19]"}, {"", "none, zlib"},
		{":1", "none, zlib"},	    {"zlibx:1", "none, zlib"},
		{"zlib:", "1 to 12"},	    {"zlib:0", "1 to 12"},
		{"zlib:13", "1 to 12"},	    {"zlib:1x", "1 to 12"},
		{"zlib: 1", "1 to 12"},	    {"zlib:+1", "1 to 12"},
		{"lzo:1", "no level"},	    {"none:0", "no level"},
		{"zstd:-11", "-10 to 19"},  {"zstd:99999999999999999999", "-10 to 19"},
	};
	const struct codec *c = NULL;
	struct err err = {0};
	int level = 77;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(codec_parse(bad[i].spec, &c, &level, &err), ERR_USAGE);
		if (!strstr(err.msg, bad[i].says))
			fail_msg("\"%s\": \"%s\" lacks \"%s\"", bad[i].spec, err.msg, bad[i].says);
		assert_null(c);
		assert_int_equal(level, 77);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(codec_parse(good[i].spec, &c, &level, &err), 0);
		assert_string_equal(c->name, good[i].name);
		assert_int_equal(level, good[i].level);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	      cmocka_unit_test(test_parse),
		cmocka_unit_test(test_create_limits), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_raw),
		cmocka_unit_test(test_little_room),   cmocka_unit_test(test_larger_than_context),
		cmocka_unit_test(test_hostile),	      cmocka_unit_test(test_noise),
		cmocka_unit_test(test_zstd_frames),   cmocka_unit_test(test_zstd_sparse),
		cmocka_unit_test(test_history),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
