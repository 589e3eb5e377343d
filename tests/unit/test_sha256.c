// SPDX-License-Identifier: GPL-2.0-or-later
/* SHA-256 against the examples of FIPS 180-4 and NIST's vectors, in one piece and in many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/sha256.h"

static void hex_of(const void *data, size_t size, size_t step, char hex[2 * SHA256_SIZE + 1])
{
	uint8_t digest[SHA256_SIZE];
	struct sha256 h;

	sha256_init(&h);
	for (size_t at = 0; at < size; at += step)
		sha256_update(&h, (const char *)data + at, size - at < step ? size - at : step);
	sha256_final(&h, digest);
	for (int i = 0; i < SHA256_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void test_known(void **state)
{
	static const struct {
		const char *text, *hex;
	} known[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	char hex[2 * SHA256_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		hex_of(known[i].text, strlen(known[i].text), 64, hex);
		assert_string_equal(hex, known[i].hex);
	}
}

static void test_million_in_any_pieces(void **state)
{
	static char a[1000000];
	static const size_t steps[] = {1, 3, 63, 64, 65, 4096, sizeof(a)};
	char hex[2 * SHA256_SIZE + 1];

	(void)state;
	memset(a, 'a', sizeof(a));
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		hex_of(a, sizeof(a), steps[i], hex);
		assert_string_equal(
			hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_million_in_any_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
