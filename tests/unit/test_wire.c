// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames: what goes out comes in, and what is not a frame is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "base/err.h"
#include "collector/wire.h"

static struct wire_frame chunk(void)
{
	return (struct wire_frame){.type = WIRE_CHUNK, .size = 5, .seq = 7, .offset = 4096};
}

/* What wire_header() says of a chunk of which a byte or two were changed. */
static int header_with(size_t at, uint32_t value, size_t width, bool from_client)
{
	struct wire_frame f = chunk();
	uint8_t header[WIRE_HEADER];

	wire_seal(&f, "hello", header);
	if (width == 2)
		store_le16(header + at, value);
	else
		store_le32(header + at, value);
	return wire_header(header, from_client, &f, NULL);
}

static void test_round_trip(void **state)
{
	struct wire_frame f = chunk(), got;
	uint8_t header[WIRE_HEADER];

	(void)state;
	wire_seal(&f, "hello", header);
	assert_int_equal(wire_header(header, true, &got, NULL), 0);
	assert_memory_equal(&got, &f, sizeof(f));
	assert_int_equal(wire_check(&got, header, "hello", NULL), 0);
}

/* The bytes of docs/receive-protocol.md: other programs may speak it. */
static void test_bytes(void **state)
{
	static const uint8_t want[32] = {'L', 'B', 'R', '1', 2, 0, 0, 0, 5, 0,	0, 0, 0, 0, 0, 0,
					 7,   0,   0,	0,   0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0};
	struct wire_frame f = chunk();
	uint8_t header[WIRE_HEADER];

	(void)state;
	wire_seal(&f, "hello", header);
	assert_memory_equal(header, want, sizeof(want));
	assert_int_equal(load_le64(header + 32), f.digest);
}

static void test_each_byte_counts(void **state)
{
	struct wire_frame f = chunk(), got;
	uint8_t header[WIRE_HEADER];
	static char text[WIRE_PAYLOAD_MAX] = "hello";

	(void)state;
	wire_seal(&f, text, header);
	for (size_t i = 0; i < 5; i++) {
		text[i] ^= 1;
		assert_int_equal(wire_check(&f, header, text, NULL), ERR_CORRUPT);
		text[i] ^= 1;
	}
	for (size_t i = 0; i < WIRE_HEADER; i++) {
		header[i] ^= 1;
		assert_true(wire_header(header, true, &got, NULL) ||
			    wire_check(&got, header, text, NULL) == ERR_CORRUPT);
		header[i] ^= 1;
	}
}

static void test_refused_headers(void **state)
{
	(void)state;
	assert_int_equal(header_with(0, 0, 2, true), ERR_CORRUPT); // magic
	assert_int_equal(header_with(4, 99, 2, true), ERR_UNSUPPORTED);
	assert_int_equal(header_with(4, WIRE_ACK, 2, true), ERR_UNSUPPORTED);
	assert_int_equal(header_with(4, WIRE_CHUNK, 2, false), ERR_UNSUPPORTED);
	assert_int_equal(header_with(4, WIRE_BYE, 2, true), ERR_LIMIT); // with a payload
	assert_int_equal(header_with(6, 2, 2, true), ERR_CORRUPT); // flags
	assert_int_equal(header_with(8, 0, 4, true), ERR_LIMIT);
	assert_int_equal(header_with(8, WIRE_PAYLOAD_MAX + 1, 4, true), ERR_LIMIT);
	assert_int_equal(header_with(8, UINT32_MAX, 4, true), ERR_LIMIT);
	assert_int_equal(header_with(12, 1, 4, true), ERR_CORRUPT);
	assert_int_equal(header_with(16, 0, 4, true), ERR_CORRUPT); // number
	assert_int_equal(header_with(28, UINT32_MAX, 4, true), ERR_LIMIT); // offset
}

static int end_at(uint64_t offset, uint32_t size)
{
	static uint8_t zero[WIRE_PAYLOAD_MAX];
	struct wire_frame f = {.type = WIRE_CHUNK, .size = size, .seq = 1, .offset = offset};
	uint8_t header[WIRE_HEADER];

	wire_seal(&f, zero, header);
	return wire_header(header, true, &f, NULL);
}

static void test_end_of_a_file(void **state)
{
	(void)state;
	assert_int_equal(end_at(WIRE_FILE_MAX - 10, 10), 0);
	assert_int_equal(end_at(WIRE_FILE_MAX - 10, 11), ERR_LIMIT);
	assert_int_equal(end_at(WIRE_FILE_MAX, 1), ERR_LIMIT);
	assert_int_equal(end_at(UINT64_MAX - 3, 10), ERR_LIMIT);
}

static void test_names(void **state)
{
	static const char *const good[] = {"vmcore", "192.0.2.1-2026-11-21-03:44:59.1", "a",
					   "fe80::1+eth0_x"};
	static const char *const bad[] = {"",	  ".",	 "..",	"../x", "/x",  "a/b",	  "-x",
					  ".hid", "a b", "a\n", "a;b",	"a%s", "\xc3\xa4"};
	char name[WIRE_NAME_MAX + 1], longest[WIRE_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(wire_get_name(good[i], strlen(good[i]), name, NULL), 0);
		assert_string_equal(name, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(wire_get_name(bad[i], strlen(bad[i]), name, NULL), ERR_USAGE);
	assert_int_equal(wire_get_name("a\0b", 3, name, NULL), ERR_USAGE);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(wire_get_name(longest, WIRE_NAME_MAX, name, NULL), 0);
	assert_int_equal(wire_get_name(longest, WIRE_NAME_MAX + 1, name, NULL), ERR_USAGE);
}

static void test_hello(void **state)
{
	struct wire_hello h = {.version = 1, .capabilities = 2, .room = 3, .name = "host"}, got;
	uint8_t buf[WIRE_HELLO_MAX];
	size_t size;

	(void)state;
	memset(h.id, 0x5a, sizeof(h.id));
	size = wire_put_hello(&h, buf);
	assert_int_equal(size, 36);
	assert_int_equal(wire_get_hello(buf, size, &got, NULL), 0);
	assert_int_equal(got.version, 1);
	assert_int_equal(got.capabilities, 2);
	assert_int_equal(got.room, 3);
	assert_memory_equal(got.id, h.id, WIRE_ID);
	assert_string_equal(got.name, "host");
	for (size_t cut = 0; cut < size - 4; cut++)
		assert_true(wire_get_hello(buf, cut, &got, NULL) < 0);
}

static void test_error(void **state)
{
	char text[WIRE_TEXT_MAX + 1], huge[2 * WIRE_TEXT_MAX];
	uint8_t buf[WIRE_ERROR_MAX];
	uint32_t code;
	size_t size;

	(void)state;
	size = wire_put_error(WIRE_E_SPACE, "full \x1b[2J", buf);
	wire_get_error(buf, size, &code, text);
	assert_int_equal(code, WIRE_E_SPACE);
	assert_string_equal(text, "full ?[2J");
	assert_int_equal(wire_code_err(code), ERR_NOSPC);
	memset(huge, 'x', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	size = wire_put_error(WIRE_E_IO, huge, buf);
	assert_int_equal(size, WIRE_ERROR_MAX);
	wire_get_error(buf, size, &code, text);
	assert_int_equal(strlen(text), WIRE_TEXT_MAX);
}

static void test_chain(void **state)
{
	(void)state;
	// Order counts, and so does what came before.
	assert_int_not_equal(wire_chain(wire_chain(0, 1), 2), wire_chain(wire_chain(0, 2), 1));
	assert_int_not_equal(wire_chain(0, 1), wire_chain(wire_chain(0, 1), 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_each_byte_counts),
		cmocka_unit_test(test_refused_headers),
		cmocka_unit_test(test_end_of_a_file),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
