// SPDX-License-Identifier: GPL-2.0-or-later
/* Flattened files: their content by offset, under both formats, and put together by -R. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/rearrange.h"
#include "collector/sink.h"
#include "tests/lib/blob.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkdump.h"
#include "vmcore/flattened.h"
#include "vmcore/vmcore.h"

enum {
	CONTENT_MAX = 4096,
	FUZZ = 400,
};

#define HEADER "\"makedumpfile\" @16 be64 1 be64 1 @4096 "
#define END    " be64 -1 be64 -1"

/* A flattened file from text: the words behind its header. */
static int open_text(const char *words, struct flattened **ret, int *fd, struct err *err)
{
	CLEANUP_FREE uint8_t *data = NULL;
	char text[1024];
	size_t size;

	snprintf(text, sizeof(text), HEADER "%s", words);
	if (blob_compile(text, strlen(text), &data, &size, err))
		fail_msg("%s: %s", words, err->msg);
	*fd = mkkdump_memfd(data, size);
	return flattened_open(*fd, size, ret, err);
}

static void test_content(void **state)
{
	static const struct {
		const char *words, *content;
		bool cut;
	} cases[] = {
		{"be64 0 be64 3 \"abc\"" END, "abc", false},
		{"be64 3 be64 3 \"def\" be64 0 be64 3 \"abc\"" END, "abcdef", false},
		{"be64 2 be64 2 \"cd\"" END, "..cd", false},
		{"be64 0 be64 1 \"a\" be64 3 be64 1 \"d\"" END, "a..d", false},
		// The later record wins, wherever it begins.
		{"be64 0 be64 4 \"abcd\" be64 1 be64 2 \"XY\"" END, "aXYd", false},
		{"be64 1 be64 2 \"XY\" be64 0 be64 4 \"abcd\"" END, "abcd", false},
		{"be64 0 be64 2 \"ab\" be64 0 be64 2 \"AB\"" END, "AB", false},
		{"be64 0 be64 4 \"abcd\" be64 2 be64 4 \"CDEF\" be64 1 be64 2 \"xy\"" END, "axyDEF",
		 false},
		{"be64 0 be64 6 \"abcdef\" be64 1 be64 1 \"1\" be64 4 be64 1 \"2\" be64 3 be64 1 "
		 "\"3\"" END,
		 "a1c32f", false},
		// What is behind the end mark does not count.
		{"be64 0 be64 1 \"a\"" END " be64 0 be64 1 \"b\"", "a", false},
		// Cut before the end mark, in a header, in the bytes.
		{"be64 0 be64 1 \"a\"", "a", true},
		{"be64 0 be64 1 \"a\" be64 1 be32 0", "a", true},
		{"be64 0 be64 9 \"abc\"", "abc", true},
		{"", "", true},
		{END, "", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flattened *f = NULL;
		struct err err = {0};
		char got[64] = {0};
		size_t len = strlen(cases[i].content);
		int fd, rc = open_text(cases[i].words, &f, &fd, &err);

		if (rc)
			fail_msg("case %zu: %s", i, err.msg);
		assert_int_equal(flattened_size(f), len);
		assert_int_equal(flattened_cut(f), cases[i].cut);
		// All at once, beyond the end, and from every place byte by byte.
		assert_int_equal(flattened_pread(f, got, sizeof(got), 0, NULL), len);
		for (size_t k = 0; k < len; k++) {
			char c = '?';

			assert_int_equal(got[k],
					 cases[i].content[k] == '.' ? 0 : cases[i].content[k]);
			assert_int_equal(flattened_pread(f, &c, 1, k, NULL), 1);
			assert_int_equal(c, got[k]);
		}
		assert_int_equal(flattened_pread(f, got, 1, len, NULL), 0);
		assert_int_equal(flattened_pread(f, got, 1, UINT64_MAX, NULL), 0);
		flattened_close(f);
		close(fd);
	}
}

static void test_lies(void **state)
{
	static const char *const cases[] = {
		"be64 0 be64 0" END,
		"be64 0 be64 -1" END,
		"be64 -1 be64 1 00" END,
		"be64 0x7fffffffffffffff be64 1 00" END,
		"be64 0 be64 0x8000000000000000" END,
		"be64 0x7ffffffffffffff0 be64 0x7ffffffffffffff0" END,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct flattened *f = NULL;
		struct err err = {0};
		int fd;

		assert_int_equal(open_text(cases[i], &f, &fd, &err), ERR_CORRUPT);
		assert_non_null(strstr(err.msg, "4096") ?: strstr(err.msg, "0x1000"));
		close(fd);
	}
}

static void test_headers(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{"\"makedumpfile\" @16 be64 2 be64 1 @4096" END, ERR_UNSUPPORTED},
		{"\"makedumpfile\" @16 be64 1 be64 2 @4096" END, ERR_UNSUPPORTED},
		{"\"makedumpfile\" @16 le64 1 le64 1 @4096" END, ERR_UNSUPPORTED},
		{"\"makedumpfile\" @16 be64 1 be64 1 @4095", ERR_NODATA},
		{"\"makedumpfile\" @16", ERR_NODATA},
		{"\"makedumpfile\" @15", ERR_UNSUPPORTED}, // not even that
		{"\"makedumpfilf\" @4096", ERR_UNSUPPORTED},
		{HEADER END, ERR_NODATA}, // nothing in it
		{HEADER "be64 0 be64 3 \"abc\"" END, ERR_UNSUPPORTED}, // something unknown
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FREE uint8_t *data = NULL;
		struct vmcore *vc = NULL;
		struct err err = {0};
		char path[MKCORE_PATH_MAX];
		size_t size;
		int fd, rc;

		assert_int_equal(
			blob_compile(cases[i].text, strlen(cases[i].text), &data, &size, &err), 0);
		fd = mkkdump_memfd(data, size);
		mkcore_path(fd, path);
		rc = vmcore_open(path, &vc, &err);
		if (rc != cases[i].code)
			fail_msg("case %zu: %d, %s", i, rc, err.msg);
		close(fd);
	}
}

/* Records at random places, over each other: the same as writing them one by one. */
static void test_overlaps(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < FUZZ; round++) {
		uint8_t want[CONTENT_MAX] = {0}, got[CONTENT_MAX];
		CLEANUP_FREE char *text = calloc(1, 1 << 16);
		CLEANUP_FREE uint8_t *data = NULL;
		struct flattened *f = NULL;
		struct err err = {0};
		size_t size, used = snprintf(text, 1 << 16, HEADER), end = 0;
		int fd, records = round % 40;

		for (int i = 0; i < records; i++) {
			size_t at, len;

			seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
			at = (seed >> 33) % 200;
			len = (seed >> 48) % 60 + 1;
			memset(want + at, i + 1, len);
			end = at + len > end ? at + len : end;
			used += snprintf(text + used, (1 << 16) - used,
					 "be64 %zu be64 %zu %02x *%zu ", at, len, i + 1, len);
		}
		snprintf(text + used, (1 << 16) - used, END);
		assert_int_equal(blob_compile(text, strlen(text), &data, &size, &err), 0);
		fd = mkkdump_memfd(data, size);
		assert_int_equal(flattened_open(fd, size, &f, &err), 0);
		assert_int_equal(flattened_size(f), end);
		assert_int_equal(flattened_pread(f, got, sizeof(got), 0, NULL), end);
		assert_memory_equal(got, want, end);
		flattened_close(f);
		close(fd);
	}
}

/* Both formats read through it as they do without. */
static void test_formats(void **state)
{
	static const size_t steps[] = {17, 4096, 65531, 1 << 24};
	struct mkkdump d = {0};
	struct mkkdump_file k = mkkdump_make(&d);
	int core = mkcore_memfd("load paddr=0 size=64K\ndata 0x8000 \"here\"\n", NULL);
	uint8_t elf[128 << 10], page[4096], want[4096];
	ssize_t elf_size = io_pread(core, elf, sizeof(elf), 0, NULL);

	(void)state;
	assert_true(elf_size > 0);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(steps); i++) {
		for (int is_elf = 0; is_elf < 2; is_elf++) {
			CLEANUP_FREE uint8_t *flat = NULL;
			size_t size = mkkdump_flatten(is_elf ? elf : k.data,
						      is_elf ? (size_t)elf_size : k.size,
						      steps[i / 2], i % 2, &flat);
			int fd = mkkdump_memfd(flat, size);
			struct vmcore_window w;
			struct vmcore *vc;
			struct err err = {0};
			char path[MKCORE_PATH_MAX];
			const uint8_t *p;
			size_t len;

			mkcore_path(fd, path);
			if (vmcore_open(path, &vc, &err))
				fail_msg("%s", err.msg);
			assert_true(vmcore_info(vc)->flattened);
			assert_string_equal(vmcore_info(vc)->format, is_elf ? "elf" : "kdump");
			assert_int_equal(vmcore_info(vc)->file_size,
					 is_elf ? (size_t)elf_size : k.size);
			assert_int_equal(vmcore_window_init(&w, vc, 8192, NULL), 0);
			assert_int_equal(vmcore_window_get(&w, 0x8000, 4096, 8192, &p, &len, NULL),
					 0);
			mkkdump_page(8, want, 4096);
			assert_memory_equal(p, is_elf ? (const uint8_t *)"here" : want, 4);
			assert_int_equal(vmcore_read(vc, 0x8000, page, 4096, NULL), 0);
			assert_memory_equal(p, page, 4096);
			vmcore_window_deinit(&w);
			vmcore_close(vc);
			close(fd);
		}
	}
	close(core);
	free(k.data);
}

/* -R into a file; its size, or a negative code. The file is what the caller compares. */
static int put_together(const uint8_t *flat, size_t size, const char *name, struct err *err)
{
	struct sink *sink = calloc(1, sizeof(*sink));
	struct rearrange_result res;
	char temp[128];
	int fds[2], rc;

	assert_non_null(sink);
	snprintf(temp, sizeof(temp), "%s-incomplete", name);
	// From a pipe: nothing can be sought in it.
	assert_int_equal(pipe(fds), 0);
	assert_true(size <= 65536);
	assert_int_equal(io_write(fds[1], flat, size, NULL), 0);
	close(fds[1]);
	assert_int_equal(sink_file_open(sink, name, temp, true, err), 0);
	rc = rearrange(fds[0], sink, &res, err);
	if (!rc)
		rc = sink_commit(sink, err);
	sink_close(sink);
	free(sink);
	close(fds[0]);
	return rc ? rc : (int)res.size;
}

static void test_rearrange(void **state)
{
	char dir[] = "/tmp/test_flattened.XXXXXX", name[64];
	uint8_t content[20000], got[20001];
	struct err err = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof(name), "%s/out", dir);
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = i * i >> 3;
	for (int backwards = 0; backwards < 2; backwards++) {
		CLEANUP_FREE uint8_t *flat = NULL;
		size_t size = mkkdump_flatten(content, sizeof(content), 1000, backwards, &flat);
		FILE *f;

		assert_int_equal(put_together(flat, size, name, &err), sizeof(content));
		f = fopen(name, "r");
		assert_non_null(f);
		assert_int_equal(fread(got, 1, sizeof(got), f), sizeof(content));
		assert_memory_equal(got, content, sizeof(content));
		fclose(f);
		// Cut anywhere it is not whole.
		for (size_t cut = 0; cut<size; cut += cut> 4200 ? 501 : 1) {
			int rc = put_together(flat, cut, name, &err);

			assert_int_equal(rc, cut < 16 ? ERR_UNSUPPORTED : ERR_NODATA);
		}
		// A size that cannot be.
		memset(flat + 4096 + 8, 0, 8);
		assert_int_equal(put_together(flat, size, name, &err), ERR_CORRUPT);
	}
	unlink(name);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_content), cmocka_unit_test(test_lies),
		cmocka_unit_test(test_headers), cmocka_unit_test(test_overlaps),
		cmocka_unit_test(test_formats), cmocka_unit_test(test_rearrange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
