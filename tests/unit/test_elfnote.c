// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "crashnotes/elfnote.h"
#include "tests/lib/blob.h"

/* The bytes of a text in the language of tests/lib/blob.h; the caller frees. */
static uint8_t *bytes_of(const char *text, size_t *size)
{
	struct err err = {0};
	uint8_t *ret = NULL;

	if (blob_compile(text, strlen(text), &ret, size, &err))
		fail_msg("%s", err.msg);
	return ret;
}

static const char two_notes[] = "le32 5 le32 6 le32 1 \"CORE\\0\" %4 \"abcdef\" %4"
				" le32 11 le32 4 le32 0 \"VMCOREINFO\\0\" %4 \"A=1\\n\"";

static void test_walk(void **state)
{
	(void)state;
	size_t size;
	CLEANUP_FREE uint8_t *data = bytes_of(two_notes, &size);
	struct elfnote_iter it;
	struct elfnote note;

	elfnote_iter_init(&it, data, size);
	assert_int_equal(elfnote_next(&it, &note, NULL), 1);
	assert_string_equal(note.name, "CORE");
	assert_int_equal(note.type, 1);
	assert_int_equal(note.descsz, 6);
	assert_memory_equal(note.desc, "abcdef", 6);
	assert_int_equal(note.offset, 0);
	assert_int_equal(elfnote_next(&it, &note, NULL), 1);
	assert_string_equal(note.name, "VMCOREINFO");
	assert_int_equal(note.type, 0);
	assert_memory_equal(note.desc, "A=1\n", 4);
	assert_int_equal(note.offset, 28);
	for (int i = 0; i < 3; i++)
		assert_int_equal(elfnote_next(&it, &note, NULL), 0);
}

/*
 * Cut at every byte, each time in a buffer of just that size: the end is told from a
 * truncation, and what was whole before the cut is still given.
 */
static void test_truncated_at_every_byte(void **state)
{
	(void)state;
	size_t size;
	CLEANUP_FREE uint8_t *data = bytes_of(two_notes, &size);

	for (size_t cut = 0; cut <= size; cut++) {
		// The first descriptor ends at 26; its two bytes of padding may be left out.
		int whole = (cut >= 26) + (cut == size);
		bool at_end = cut == 0 || (cut >= 26 && cut <= 28) || cut == size;
		CLEANUP_FREE uint8_t *copy = malloc(cut ? cut : 1);
		struct elfnote_iter it;
		struct elfnote note;

		assert_non_null(copy);
		memcpy(copy, data, cut);
		elfnote_iter_init(&it, copy, cut);
		for (int i = 0; i < whole; i++)
			assert_int_equal(elfnote_next(&it, &note, NULL), 1);
		assert_int_equal(elfnote_next(&it, &note, NULL), at_end ? 0 : ERR_NODATA);
		assert_int_equal(elfnote_next(&it, &note, NULL), 0);
	}
}

/* One record of @text, which must be refused with @code and with words that name @says. */
static void check_refused(const char *text, int code, const char *says)
{
	size_t size;
	CLEANUP_FREE uint8_t *data = bytes_of(text, &size);
	struct elfnote untouched = {.type = 42}, note = untouched;
	struct elfnote_iter it;
	struct err err = {0};

	elfnote_iter_init(&it, data, size);
	assert_int_equal(elfnote_next(&it, &note, &err), code);
	assert_int_equal(err.code, code);
	if (!strstr(err.msg, says))
		fail_msg("'%s' does not say '%s'", err.msg, says);
	assert_memory_equal(&note, &untouched, sizeof(note));
	assert_int_equal(elfnote_next(&it, &note, &err), 0);
}

static void test_refused(void **state)
{
	(void)state;
	check_refused("le32 5 le32 0xffffffff le32 1 \"CORE\\0\" %4 00 *336", ERR_NODATA,
		      "note at offset 0: descriptor: offset 20: 4294967295 bytes wanted, 336 left");
	check_refused("le32 0xffffffff le32 4 le32 1 00 *336", ERR_NODATA, "name");
	check_refused("le32 0xfffffffd le32 3 le32 1 00 *336", ERR_NODATA, "name");
	check_refused("00 *24 le32 4 le32 0 le32 1 \"CORE\"", ERR_CORRUPT, "note at offset 24");
	check_refused("le32 65 le32 0 le32 1 \"a\" *64 00 %4", ERR_LIMIT, "65");
	check_refused("le32 5 le32 0x100001 le32 1 \"CORE\\0\" %4 00 *0x100001", ERR_LIMIT,
		      "1048577");
	check_refused("le32 5 le32 0", ERR_NODATA, "header");
}

static void test_at_the_limits(void **state)
{
	(void)state;
	size_t size;
	CLEANUP_FREE uint8_t *data =
		bytes_of("le32 64 le32 0x100000 le32 1 \"a\" *63 00 @0x10004c 01 %4", &size);
	struct elfnote_iter it;
	struct elfnote note;

	elfnote_iter_init(&it, data, size - 4);
	assert_int_equal(elfnote_next(&it, &note, NULL), 1);
	assert_int_equal(strlen(note.name), ELFNOTE_NAME_MAX - 1);
	assert_int_equal(note.descsz, ELFNOTE_DESC_MAX);
	assert_int_equal(elfnote_next(&it, &note, NULL), 0);
}

static void test_segment_too_long(void **state)
{
	(void)state;
	size_t size = (size_t)ELFNOTE_SEGMENT_MAX + 1;
	CLEANUP_FREE uint8_t *data = calloc(1, size);
	struct elfnote_iter it;
	struct elfnote note;

	assert_non_null(data);
	data[0] = 1;
	elfnote_iter_init(&it, data, size);
	assert_int_equal(elfnote_next(&it, &note, NULL), ERR_LIMIT);
	assert_int_equal(elfnote_next(&it, &note, NULL), 0);
}

/* Zeroes of every length behind a note belong to the end. */
static void test_padding(void **state)
{
	(void)state;
	uint8_t data[100] = {0};
	size_t used;

	assert_int_equal(elfnote_build(data, 100, "CORE", 1, "1234", 4, &used, NULL), 0);
	for (size_t size = used; size <= sizeof(data); size++) {
		struct elfnote_iter it;
		struct elfnote note;

		elfnote_iter_init(&it, data, size);
		assert_int_equal(elfnote_next(&it, &note, NULL), 1);
		assert_int_equal(elfnote_next(&it, &note, NULL), 0);
	}
}

/* A CPU that is up behind one that never came up, at all boundaries of words. */
static void test_note_behind_padding(void **state)
{
	(void)state;
	for (size_t at = 12; at <= 60; at += 4) {
		uint8_t data[100] = {0};
		struct elfnote_iter it;
		struct elfnote note;
		size_t used;

		assert_int_equal(elfnote_build(data + at, 40, "CORE", 1, "1234", 4, &used, NULL),
				 0);
		elfnote_iter_init(&it, data, at + used);
		assert_int_equal(elfnote_next(&it, &note, NULL), 1);
		assert_int_equal(note.offset, at);
		assert_memory_equal(note.desc, "1234", 4);
		assert_int_equal(elfnote_next(&it, &note, NULL), 0);
	}
}

static void test_no_name(void **state)
{
	(void)state;
	size_t size;
	CLEANUP_FREE uint8_t *data = bytes_of("le32 0 le32 1 le32 9 ff %4", &size);
	struct elfnote_iter it;
	struct elfnote note;

	elfnote_iter_init(&it, data, size);
	assert_int_equal(elfnote_next(&it, &note, NULL), 1);
	assert_string_equal(note.name, "");
	assert_int_equal(note.desc[0], 0xff);
}

static void test_build(void **state)
{
	(void)state;
	uint8_t buf[64], zeroes[4] = {0};
	size_t size = 0, want_size;
	CLEANUP_FREE uint8_t *want =
		bytes_of("le32 5 le32 6 le32 1 \"CORE\\0\" %4 \"abcdef\" %4", &want_size);

	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(elfnote_size("CORE", 6), want_size);
	assert_int_equal(elfnote_build(buf, want_size, "CORE", 1, "abcdef", 6, &size, NULL), 0);
	assert_int_equal(size, want_size);
	assert_memory_equal(buf, want, want_size);
	assert_int_equal(buf[want_size], 0xee);

	memset(buf, 0xee, sizeof(buf));
	assert_int_equal(elfnote_build(buf, sizeof(buf), "X", 1, NULL, 4, &size, NULL), 0);
	assert_int_equal(size, 20);
	assert_memory_equal(buf + 16, zeroes, 4);
}

static void test_build_refused(void **state)
{
	(void)state;
	static const size_t sizes[] = {ELFNOTE_DESC_MAX + 1, UINT32_MAX, SIZE_MAX - 3, SIZE_MAX};
	uint8_t buf[64] = {0};
	char name[ELFNOTE_NAME_MAX + 1];
	size_t size = 42;

	for (size_t room = 0; room < 28; room++)
		assert_int_equal(elfnote_build(buf, room, "CORE", 1, "abcdef", 6, &size, NULL),
				 ERR_LIMIT);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_int_equal(elfnote_build(buf, SIZE_MAX, "CORE", 1, buf, sizes[i], &size,
					       NULL),
				 ERR_LIMIT);
	memset(name, 'a', ELFNOTE_NAME_MAX);
	name[ELFNOTE_NAME_MAX] = '\0';
	assert_int_equal(elfnote_build(buf, sizeof(buf), name, 1, NULL, 0, &size, NULL), ERR_LIMIT);
	assert_int_equal(size, 42);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_truncated_at_every_byte),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_at_the_limits),
		cmocka_unit_test(test_segment_too_long),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_note_behind_padding),
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_build),
		cmocka_unit_test(test_build_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
