// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reader of snappy pages: what libsnappy, the format's own library, compresses comes back
 * as it was, and no other bytes get it outside of the page. Buffers are as large as they are
 * said to be, so that a sanitizer sees one byte more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <snappy-c.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/codec.h"

enum {
	PAGE = 4096,
	PAGE_LARGE = 64 << 10, // longer than a copy's 16 bits of distance can say
	FLIPS = 20000,
};

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

/* Kinds of content: zeros, noise, text, short periods, words that differ little, half noise. */
enum { KINDS = 6 };

static void fill(uint8_t *p, size_t size, unsigned int kind)
{
	uint64_t seed = kind;

	for (size_t i = 0; i < size; i++) {
		uint32_t r = next_random(&seed);

		switch (kind) {
		case 0:
			p[i] = 0;
			break;
		case 1:
			p[i] = r;
			break;
		case 2:
			p[i] = "the quick brown fox jumps over the lazy dog "[r % 3 ? i % 44 : 0];
			break;
		case 3:
			p[i] = "abc"[i % 3];
			break;
		case 4:
			p[i] = i % 8 ? 0xff : i / 8;
			break;
		default:
			p[i] = i < size / 2 ? r : p[i - size / 2];
		}
	}
}

/* @size bytes as libsnappy packs them, in a buffer of exactly their length. */
static uint8_t *pack(const uint8_t *page, size_t size, size_t *ret)
{
	size_t room = snappy_max_compressed_length(size);
	char *buf = malloc(room);

	assert_non_null(buf);
	assert_int_equal(snappy_compress((const char *)page, size, buf, &room), SNAPPY_OK);
	*ret = room;
	return realloc(buf, room);
}

static int unpack(const uint8_t *packed, size_t size, uint8_t *to, size_t page_size)
{
	struct err err = {0};
	int rc = codec_by_flag(CODEC_FLAG_SNAPPY)
			 ->decompress(NULL, packed, size, to, page_size, &err);

	assert_int_equal(rc, err.code);
	assert_true(!rc || rc == ERR_CORRUPT);
	return rc;
}

static void test_round_trip(void **state)
{
	static const size_t sizes[] = {PAGE, 16 << 10, PAGE_LARGE};

	(void)state;
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		for (unsigned int kind = 0; kind < KINDS; kind++) {
			CLEANUP_FREE uint8_t *page = malloc(sizes[s]);
			CLEANUP_FREE uint8_t *out = malloc(sizes[s]);
			CLEANUP_FREE uint8_t *packed = NULL;
			size_t size;

			assert_true(page && out);
			fill(page, sizes[s], kind);
			packed = pack(page, sizes[s], &size);
			assert_int_equal(unpack(packed, size, out, sizes[s]), 0);
			assert_memory_equal(page, out, sizes[s]);
		}
	}
}

static void test_elements(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		const char *page; // eight bytes, or NULL: corrupt
	} cases[] = {
		{"\x08\x1c"
		 "abcdefgh",
		 10, "abcdefgh"},
		{"\x08\x04"
		 "ab\x09\x02\x00"
		 "y",
		 7, NULL}, // a literal without its byte
		{"\x08\x04"
		 "ab\x09\x02",
		 6, "abababab"}, // COPY_11 of 6
		{"\x08\x04"
		 "ab\x16\x02\x00",
		 7, "abababab"}, // COPY_16 of 6
		{"\x08\x04"
		 "ab\x17\x02\x00\x00\x00",
		 9, "abababab"}, // COPY_32 of 6
		{"\x08\xf0\x07"
		 "abcdefgh",
		 11, "abcdefgh"}, // length behind the tag
		{"\x08\xfc\x07\x00\x00\x00"
		 "abcdefgh",
		 14, "abcdefgh"},
		{"\x88\x00\x1c"
		 "abcdefgh",
		 11, "abcdefgh"}, // a longer way to say 8
		{"", 0, NULL},
		{"\x08", 1, NULL}, // nothing follows
		{"\x07\x18"
		 "abcdefg",
		 9, NULL}, // less than a page
		{"\x09\x20"
		 "abcdefghi",
		 11, NULL}, // more
		{"\x08\x20"
		 "abcdefghi",
		 11, NULL}, // says 8, has 9
		{"\x08\x1c"
		 "abcdefg",
		 9, NULL}, // cut
		{"\x08\xfc\xff\xff\xff\xff"
		 "abcdefgh",
		 14, NULL}, // 2^32 literals
		{"\x08\x16\x02\x00", 4, NULL}, // a copy of nothing
		{"\x08\x04"
		 "ab\x16\x03\x00",
		 7, NULL}, // from before the page
		{"\x08\x04"
		 "ab\x16\x00\x00",
		 7, NULL}, // distance 0
		{"\x08\x04"
		 "ab\x1a\x02\x00",
		 7, NULL}, // beyond the page
		{"\xff\xff\xff\xff\xff\xff", 6, NULL}, // a length that does not end
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FREE uint8_t *src = malloc(cases[i].size ? cases[i].size : 1);
		CLEANUP_FREE uint8_t *out = malloc(8);
		int rc;

		assert_true(src && out);
		memcpy(src, cases[i].bytes, cases[i].size);
		rc = unpack(src, cases[i].size, out, 8);
		if (!cases[i].page != !!rc)
			fail_msg("case %zu: %d", i, rc);
		if (!rc)
			assert_memory_equal(out, cases[i].page, 8);
	}
}

/* Cut at every byte, and with bytes changed at random. */
static void test_hostile(void **state)
{
	CLEANUP_FREE uint8_t *page = malloc(PAGE);
	CLEANUP_FREE uint8_t *out = malloc(PAGE);
	uint64_t seed = 1;

	(void)state;
	assert_true(page && out);
	for (unsigned int kind = 0; kind < KINDS; kind++) {
		CLEANUP_FREE uint8_t *packed = NULL;
		size_t size;

		fill(page, PAGE, kind);
		packed = pack(page, PAGE, &size);
		for (size_t cut = 0; cut < size; cut++) {
			CLEANUP_FREE uint8_t *part = malloc(cut ? cut : 1);

			assert_non_null(part);
			memcpy(part, packed, cut);
			assert_int_equal(unpack(part, cut, out, PAGE), ERR_CORRUPT);
		}
		for (int i = 0; i < FLIPS / KINDS; i++) {
			size_t at = next_random(&seed) % size;
			uint8_t old = packed[at];

			packed[at] = next_random(&seed);
			unpack(packed, size, out, PAGE);
			packed[at] = old;
		}
	}
}

/* It takes part as a row like others do: contexts, and a compress() that declines. */
static void test_row(void **state)
{
	const struct codec *c = codec_by_flag(CODEC_FLAG_SNAPPY);
	uint8_t page[64] = {0}, room[128];
	void *ctx = page;

	(void)state;
	assert_int_equal(c->create(c->level_default, PAGE, &ctx, NULL), 0);
	assert_int_equal(c->compress(ctx, page, sizeof(page), room, sizeof(room)), 0);
	c->destroy(ctx);
	assert_int_equal(c->create(1, PAGE, &ctx, NULL), ERR_USAGE);
	assert_int_equal(c->create(0, 0, &ctx, NULL), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_elements),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
