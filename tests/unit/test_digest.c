// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/digest.h"

/* What cksum(1) and sha256sum(1) print of the same bytes. */
static const struct known {
	const char *text;
	const char *cksum, *sha256;
} knowns[] = {
	{"", "4294967295", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc", "1219131554", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"123456789", "930766865",
	 "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
};

static void digest_of(enum digest_kind kind, const void *buf, size_t size, size_t step,
		      char text[static DIGEST_TEXT_MAX])
{
	struct digest d;

	digest_init(&d, kind);
	for (size_t at = 0; at < size; at += step)
		digest_update(&d, (const char *)buf + at, size - at < step ? size - at : step);
	digest_text(&d, text);
}

static void test_known(void **state)
{
	char text[DIGEST_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		const struct known *k = &knowns[i];

		digest_of(DIGEST_CKSUM, k->text, strlen(k->text), 100, text);
		assert_string_equal(text, k->cksum);
		digest_of(DIGEST_SHA256, k->text, strlen(k->text), 100, text);
		assert_string_equal(text, k->sha256);
	}
}

/* In whatever pieces bytes come, and however long it gets: the length is part of a cksum. */
static void test_pieces(void **state)
{
	static uint8_t bytes[70000];
	char whole[DIGEST_TEXT_MAX], text[DIGEST_TEXT_MAX];
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (seed = seed * 1103515245 + 12345) >> 16;
	for (int kind = DIGEST_CKSUM; kind <= DIGEST_SHA256; kind++) {
		digest_of(kind, bytes, sizeof(bytes), sizeof(bytes), whole);
		for (size_t step = 1; step < 30; step++) {
			digest_of(kind, bytes, sizeof(bytes), step, text);
			assert_string_equal(text, whole);
		}
		bytes[40000] ^= 0x10;
		digest_of(kind, bytes, sizeof(bytes), sizeof(bytes), text);
		assert_string_not_equal(text, whole);
	}
}

static void test_choice(void **state)
{
	(void)state;
	assert_int_equal(digest_choose(true), DIGEST_CKSUM);
	assert_int_equal(digest_choose(false), DIGEST_SHA256);
	assert_string_equal(digest_name(DIGEST_CKSUM), "cksum");
	assert_string_equal(digest_name(DIGEST_SHA256), "sha256");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
