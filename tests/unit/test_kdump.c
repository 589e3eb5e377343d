// SPDX-License-Identifier: GPL-2.0-or-later
/* Reading kdump-compressed dumps: all versions, layouts and codecs, sets, and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/elfnote.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkdump.h"
#include "vmcore/kdump_format.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	BS = 4096,
	MAX_PFN = 299,
	PARTS = 3,
	FLIPS = 3000,
};

#define INFO "OSRELEASE=6.1.0-test\nPAGESIZE=4096\nCRASHTIME=1700000000\n"

/* Opens bytes as a file. */
static int open_bytes(const uint8_t *data, size_t size, struct vmcore **ret, struct err *err)
{
	int fd = mkkdump_memfd(data, size);
	char path[MKCORE_PATH_MAX];
	int rc;

	*ret = NULL;
	mkcore_path(fd, path);
	rc = vmcore_open(path, ret, err);
	close(fd);
	return rc;
}

static struct vmcore *must_open(const struct mkkdump_file *f)
{
	struct vmcore *vc;
	struct err err = {0};

	if (open_bytes(f->data, f->size, &vc, &err))
		fail_msg("%s", err.msg);
	return vc;
}

/* Every page is what it should be, or not there, whole and in part, read and by a window. */
static void check_pages(struct vmcore *vc, uint32_t bs, uint64_t start, uint64_t end)
{
	CLEANUP_FREE uint8_t *want = malloc(bs);
	CLEANUP_FREE uint8_t *got = malloc(bs);
	struct vmcore_window w;

	assert_true(want && got);
	assert_int_equal(vmcore_window_init(&w, vc, 4 * bs, NULL), 0);
	for (uint64_t pfn = 0; pfn < MAX_PFN + 2; pfn++) {
		bool there = pfn < MAX_PFN && mkkdump_is_kept(pfn) && pfn >= start && pfn < end;
		uint64_t at = pfn * bs;
		const uint8_t *p;
		size_t len;

		assert_int_equal(!!vmcore_find(vc, at), pfn < MAX_PFN && mkkdump_is_ram(pfn));
		if (!there) {
			assert_int_equal(vmcore_read(vc, at, got, bs, NULL), ERR_NOTFOUND);
			assert_int_equal(vmcore_read(vc, at + 8, got, 8, NULL), ERR_NOTFOUND);
			assert_int_equal(vmcore_window_get(&w, at, 1, bs, &p, &len, NULL),
					 ERR_NOTFOUND);
			continue;
		}
		mkkdump_page(pfn, want, bs);
		assert_int_equal(vmcore_read(vc, at, got, bs, NULL), 0);
		assert_memory_equal(got, want, bs);
		assert_int_equal(vmcore_read(vc, at + bs - 24, got, 16, NULL), 0);
		assert_memory_equal(got, want + bs - 24, 16);
		assert_int_equal(vmcore_window_get(&w, at, bs, 4 * bs, &p, &len, NULL), 0);
		assert_true(len >= bs);
		assert_memory_equal(p, want, bs);
	}
	vmcore_window_deinit(&w);
}

/* Spans are the maximal runs of what is there. */
static void check_spans(const struct vmcore *vc, uint32_t bs, uint64_t start, uint64_t end)
{
	struct vmcore_span span = {0, 0};
	uint64_t pfn = start;

	while (vmcore_next_span(vc, span.end, &span)) {
		while (pfn < end && !mkkdump_is_kept(pfn))
			pfn++;
		assert_int_equal(span.start, pfn * bs);
		while (pfn < end && mkkdump_is_kept(pfn))
			pfn++;
		assert_int_equal(span.end, pfn * bs);
	}
	for (; pfn < end; pfn++)
		assert_false(mkkdump_is_kept(pfn));
}

static void test_versions(void **state)
{
	(void)state;
	for (uint32_t version = 1; version <= 6; version++) {
		for (int data_first = 0; data_first < 2; data_first++) {
			struct mkkdump d = {
				.version = version,
				.data_first = data_first,
				.dump_level = 17,
				.vmcoreinfo = INFO,
			};
			struct mkkdump_file f = mkkdump_make(&d);
			struct vmcore *vc = must_open(&f);
			const struct vmcore_info *info = vmcore_info(vc);
			struct kmem km;

			assert_string_equal(info->format, "kdump");
			assert_int_equal(info->machine, 62);
			assert_int_equal(info->dump_level, 17);
			assert_int_equal(info->memory_end, MAX_PFN * BS);
			assert_string_equal(info->uts[0], "Linux");
			assert_string_equal(info->uts[4], "x86_64");
			assert_int_equal(info->nranges, 2);
			assert_int_equal(info->file_size, f.size);
			assert_false(info->truncated);
			assert_int_equal(info->nwarnings, 0);
			assert_int_equal(info->text_paddr, 0x1000000);
			check_pages(vc, BS, 0, MAX_PFN);
			check_spans(vc, BS, 0, MAX_PFN);
			assert_int_equal(vmcore_read_errors(vc), 0);
			// Since version 3 vmcoreinfo is there, since 4 as a note.
			assert_int_equal(kmem_init(&km, vc, NULL, NULL),
					 version < 3 ? ERR_NOTFOUND : 0);
			assert_int_equal(km.crashtime, version < 3 ? 0 : 1700000000);
			assert_int_equal(km.vmcoreinfo_size, version < 3 ? 0 : strlen(INFO));
			kmem_deinit(&km);
			vmcore_close(vc);
			free(f.data);
		}
	}
}

static void test_block_sizes(void **state)
{
	(void)state;
	for (uint32_t bs = 4096; bs <= 64 << 10; bs *= 2) {
		struct mkkdump d = {.block_size = bs};
		struct mkkdump_file f = mkkdump_make(&d);
		struct vmcore *vc = must_open(&f);

		check_pages(vc, bs, 0, MAX_PFN);
		check_spans(vc, bs, 0, MAX_PFN);
		vmcore_close(vc);
		free(f.data);
	}
}

/* Ranks far from the start of their table's entry, and from one entry to the next. */
static void test_many_pages(void **state)
{
	struct mkkdump d = {.max_pfn = 9000};
	struct mkkdump_file f = mkkdump_make(&d);
	struct vmcore *vc = must_open(&f);
	uint8_t want[BS], got[BS];

	(void)state;
	for (uint64_t pfn = 4000; pfn < 9000; pfn += pfn % 64 == 60 ? 1 : 37) {
		if (!mkkdump_is_kept(pfn))
			continue;
		mkkdump_page(pfn, want, BS);
		assert_int_equal(vmcore_read(vc, pfn * BS, got, BS, NULL), 0);
		assert_memory_equal(got, want, BS);
	}
	assert_int_equal(vmcore_read_errors(vc), 0);
	vmcore_close(vc);
	free(f.data);
}

/* The parts of a set as files; @fds and @paths of PARTS. */
static void make_set(uint32_t version, int *fds, char paths[][MKCORE_PATH_MAX])
{
	static const uint64_t borders[PARTS + 1] = {0, 64, 192, MAX_PFN};

	for (size_t i = 0; i < PARTS; i++) {
		struct mkkdump d = {
			.version = version,
			.split = true,
			.start = borders[i],
			.end = borders[i + 1],
		};
		struct mkkdump_file f = mkkdump_make(&d);

		fds[i] = mkkdump_memfd(f.data, f.size);
		mkcore_path(fds[i], paths[i]);
		free(f.data);
	}
}

static void test_sets(void **state)
{
	(void)state;
	for (uint32_t version = 2; version <= 6; version += 4) {
		char paths[PARTS][MKCORE_PATH_MAX];
		const char *all[] = {paths[2], paths[0], paths[1]};
		const char *some[] = {paths[2], paths[1]};
		const char *twice[] = {paths[0], paths[1], paths[0]};
		struct vmcore *vc;
		struct err err = {0};
		int fds[PARTS];

		make_set(version, fds, paths);
		assert_int_equal(vmcore_open_set(all, 3, &vc, &err), 0);
		assert_false(vmcore_info(vc)->truncated);
		check_pages(vc, BS, 0, MAX_PFN);
		check_spans(vc, BS, 0, MAX_PFN);
		vmcore_close(vc);
		// What is missing is memory, but not there.
		assert_int_equal(vmcore_open_set(some, 2, &vc, &err), 0);
		assert_true(vmcore_info(vc)->truncated);
		check_pages(vc, BS, 64, MAX_PFN);
		check_spans(vc, BS, 64, MAX_PFN);
		vmcore_close(vc);
		assert_int_equal(vmcore_open(paths[1], &vc, &err), 0);
		check_pages(vc, BS, 64, 192);
		check_spans(vc, BS, 64, 192);
		assert_int_equal(vmcore_read_errors(vc), 0);
		vmcore_close(vc);
		assert_int_equal(vmcore_open_set(twice, 3, &vc, &err), ERR_CORRUPT);
		assert_non_null(strstr(err.msg, "more than one"));
		assert_int_equal(vmcore_open_set(all, 0, &vc, &err), ERR_LIMIT);
		for (size_t i = 0; i < PARTS; i++)
			close(fds[i]);
	}
}

static void test_sets_that_are_none(void **state)
{
	struct mkkdump whole = {0},
		       other = {.split = true, .start = 64, .end = 298, .max_pfn = 298};
	struct mkkdump_file w = mkkdump_make(&whole), o = mkkdump_make(&other);
	char paths[PARTS][MKCORE_PATH_MAX], wpath[MKCORE_PATH_MAX], opath[MKCORE_PATH_MAX];
	char cpath[MKCORE_PATH_MAX];
	struct err err = {0};
	struct vmcore *vc;
	int fds[PARTS], wfd = mkkdump_memfd(w.data, w.size), ofd = mkkdump_memfd(o.data, o.size);
	int cfd = mkcore_memfd("load paddr=0 size=4K\n", NULL);

	(void)state;
	make_set(6, fds, paths);
	mkcore_path(wfd, wpath);
	mkcore_path(ofd, opath);
	mkcore_path(cfd, cpath);
	assert_int_equal(vmcore_open_set((const char *[]){paths[0], wpath}, 2, &vc, &err),
			 ERR_CORRUPT);
	assert_int_equal(vmcore_open_set((const char *[]){paths[0], opath}, 2, &vc, &err),
			 ERR_CORRUPT);
	assert_int_equal(vmcore_open_set((const char *[]){paths[0], cpath}, 2, &vc, &err),
			 ERR_CORRUPT);
	assert_int_equal(vmcore_open_set((const char *[]){cpath, cpath}, 2, &vc, &err), ERR_USAGE);
	close(cfd);
	// A bitmap that differs would lead to the wrong descriptors.
	o.data[0] = 0;
	free(o.data);
	close(ofd);
	other = (struct mkkdump){.split = true, .start = 64, .end = 192};
	o = mkkdump_make(&other);
	o.data[o.bitmaps + BS] ^= 2;
	ofd = mkkdump_memfd(o.data, o.size);
	mkcore_path(ofd, opath);
	assert_int_equal(vmcore_open_set((const char *[]){paths[0], opath}, 2, &vc, &err),
			 ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "bitmap2"));
	for (size_t i = 0; i < PARTS; i++)
		close(fds[i]);
	close(wfd);
	close(ofd);
	free(w.data);
	free(o.data);
}

/* The writer ran out of space: descriptors that are zeros, and the mark in the header. */
static void test_incomplete(void **state)
{
	struct mkkdump d = {.status = KDUMP_STATUS_INCOMPLETE};
	struct mkkdump_file f = mkkdump_make(&d);
	uint64_t at = mkkdump_desc(&f, 150), end = mkkdump_desc(&f, MAX_PFN);
	struct vmcore *vc;

	(void)state;
	memset(f.data + at, 0, end - at);
	vc = must_open(&f);
	assert_true(vmcore_info(vc)->truncated);
	check_pages(vc, BS, 0, 150);
	check_spans(vc, BS, 0, 150);
	assert_int_equal(vmcore_read_errors(vc), 0);
	vmcore_close(vc);
	free(f.data);
}

/* A copy that ended early says nothing of it: the last page tells. */
static void test_cut_data(void **state)
{
	struct mkkdump d = {0};
	struct mkkdump_file f = mkkdump_make(&d);
	struct vmcore *vc;

	(void)state;
	f.size = load_le64(f.data + mkkdump_desc(&f, 200));
	vc = must_open(&f);
	assert_true(vmcore_info(vc)->truncated);
	check_pages(vc, BS, 0, 200);
	check_spans(vc, BS, 0, 200);
	assert_int_equal(vmcore_read_errors(vc), 0);
	vmcore_close(vc);
	free(f.data);
}

/* A descriptor that lies makes its page zeros, and is counted. */
static void test_bad_descriptors(void **state)
{
	static const struct {
		uint64_t pfn;
		unsigned int field, width;
		uint64_t value;
	} lies[] = {
		{6, KDUMP_D_OFFSET, 8, 0},
		{6, KDUMP_D_OFFSET, 8, 1ULL << 40},
		{6, KDUMP_D_OFFSET, 8, UINT64_MAX - 8},
		{6, KDUMP_D_SIZE, 4, BS + 1},
		{6, KDUMP_D_SIZE, 4, UINT32_MAX},
		{6, KDUMP_D_SIZE, 4, 0},
		{5, KDUMP_D_SIZE, 4, BS - 1},
		{6, KDUMP_D_FLAGS, 4, 3},
		{6, KDUMP_D_FLAGS, 4, 8},
		{6, KDUMP_D_FLAGS, 4, 0x40},
		{6, KDUMP_D_FLAGS, 4, 0x80000000},
		{6, KDUMP_D_FLAGS, 4, 0},
		{6, KDUMP_D_FLAGS, 4, 4},
		{6, KDUMP_D_FLAGS, 4, 0x20},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct mkkdump d = {0};
		struct mkkdump_file f = mkkdump_make(&d);
		uint8_t *at = f.data + mkkdump_desc(&f, lies[i].pfn) + lies[i].field;
		uint8_t got[BS], want[BS];
		struct vmcore *vc;

		if (lies[i].width == 8)
			store_le64(at, lies[i].value);
		else
			store_le32(at, lies[i].value);
		vc = must_open(&f);
		memset(got, 1, BS);
		memset(want, 0, BS);
		assert_int_equal(vmcore_read(vc, lies[i].pfn * BS, got, BS, NULL), 0);
		assert_memory_equal(got, want, BS);
		assert_int_equal(vmcore_read_errors(vc), 1);
		// Its neighbour is not touched by that.
		mkkdump_page(8, want, BS);
		assert_int_equal(vmcore_read(vc, 8 * BS, got, BS, NULL), 0);
		assert_memory_equal(got, want, BS);
		vmcore_close(vc);
		free(f.data);
	}
}

static void test_bad_headers(void **state)
{
	static const struct {
		unsigned int at, width;
		uint64_t value;
		int code;
		const char *says;
	} lies[] = {
		{KDUMP_H_SIGNATURE, 4, 0x4b534944, ERR_UNSUPPORTED, "4b 44 55 4d"},
		{KDUMP_H_VERSION, 4, 0, ERR_UNSUPPORTED, "big endian"},
		{KDUMP_H_VERSION, 4, 7, ERR_UNSUPPORTED, "version"},
		{KDUMP_H_VERSION, 4, 0x06000000, ERR_UNSUPPORTED, "big endian"},
		{KDUMP_H_BLOCK_SIZE, 4, 5000, ERR_CORRUPT, "block_size"},
		{KDUMP_H_BLOCK_SIZE, 4, 2048, ERR_CORRUPT, "block_size"},
		{KDUMP_H_BLOCK_SIZE, 4, 0, ERR_CORRUPT, "block_size"},
		{KDUMP_H_BLOCK_SIZE, 4, 1U << 31, ERR_CORRUPT, "block_size"},
		{KDUMP_H_SUB_HDR_SIZE, 4, 0, ERR_CORRUPT, "sub_hdr_size"},
		{KDUMP_H_SUB_HDR_SIZE, 4, UINT32_MAX, ERR_NODATA, "bitmap1"},
		{KDUMP_H_BITMAP_BLOCKS, 4, 0, ERR_CORRUPT, "bitmap_blocks"},
		{KDUMP_H_BITMAP_BLOCKS, 4, 1, ERR_CORRUPT, "bitmap_blocks"},
		{KDUMP_H_BITMAP_BLOCKS, 4, 3, ERR_CORRUPT, "bitmap_blocks"},
		{KDUMP_H_BITMAP_BLOCKS, 4, UINT32_MAX - 1, ERR_NODATA, "bitmap2"},
		{BS + KDUMP_S_MAX_MAPNR_64, 8, 0, ERR_CORRUPT, "max_mapnr"},
		{BS + KDUMP_S_MAX_MAPNR_64, 8, BS * 8 + 1, ERR_CORRUPT, "bitmap_blocks"},
		{BS + KDUMP_S_MAX_MAPNR_64, 8, 1ULL << 37, ERR_LIMIT, "max_mapnr"},
		{BS + KDUMP_S_MAX_MAPNR_64, 8, UINT64_MAX, ERR_LIMIT, "max_mapnr"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct mkkdump d = {.vmcoreinfo = INFO};
		struct mkkdump_file f = mkkdump_make(&d);
		struct vmcore *vc;
		struct err err = {0};
		int rc;

		if (lies[i].width == 8)
			store_le64(f.data + lies[i].at, lies[i].value);
		else
			store_le32(f.data + lies[i].at, lies[i].value);
		rc = open_bytes(f.data, f.size, &vc, &err);
		if (rc != lies[i].code || !strstr(err.msg, lies[i].says))
			fail_msg("lie %zu: %d, %s", i, rc, err.msg);
		free(f.data);
	}
}

/* Of a 32-bit machine: block_size is where 64-bit dumps have the time. */
static void test_32_bit(void **state)
{
	struct mkkdump d = {0};
	struct mkkdump_file f = mkkdump_make(&d);
	struct vmcore *vc;
	struct err err = {0};

	(void)state;
	store_le32(f.data + KDUMP_H_BLOCK_SIZE, 2);
	store_le32(f.data + 416, BS);
	assert_int_equal(open_bytes(f.data, f.size, &vc, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "32-bit"));
	free(f.data);
}

/* Notes that are not where the sub header says cost the notes, not the dump. */
static void test_bad_notes(void **state)
{
	static const struct {
		uint32_t version;
		uint64_t offset, size;
		size_t found; // bytes of notes
		bool truncated;
	} lies[] = {
		{6, UINT64_MAX, 100, 0, true},
		{6, 4200, UINT64_MAX, SIZE_MAX, true},
		{6, 0, 0, 0, false},
		{3, UINT64_MAX, 100, 0, false},
		{3, 4200, UINT64_MAX, 0, false},
		{3, 4200, 65537, 0, false},
		{3, 4200, 20, 44, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct mkkdump d = {.version = lies[i].version, .vmcoreinfo = INFO};
		struct mkkdump_file f = mkkdump_make(&d);
		bool text = lies[i].version == 3;
		uint8_t *s = f.data + BS;
		struct vmcore *vc;

		store_le64(s + (text ? KDUMP_S_OFFSET_VMCOREINFO : KDUMP_S_OFFSET_NOTE),
			   lies[i].offset);
		store_le64(s + (text ? KDUMP_S_SIZE_VMCOREINFO : KDUMP_S_SIZE_NOTE), lies[i].size);
		vc = must_open(&f);
		assert_int_equal(vmcore_info(vc)->truncated, lies[i].truncated);
		if (lies[i].found == SIZE_MAX)
			assert_in_range(vmcore_info(vc)->notes_size, f.size - 4200, f.size);
		else
			assert_int_equal(vmcore_info(vc)->notes_size, lies[i].found);
		check_pages(vc, BS, 0, MAX_PFN);
		vmcore_close(vc);
		free(f.data);
	}
}

static void read_all(struct vmcore *vc)
{
	struct vmcore_span span = {0, 0};
	uint8_t page[BS];

	while (vmcore_next_span(vc, span.end, &span))
		for (uint64_t at = span.start; at < span.end; at += BS)
			assert_int_equal(vmcore_read(vc, at, page, BS, NULL), 0);
}

/* Cut at every byte of the index, and at some behind: an error with words, or less memory. */
static void test_truncation(void **state)
{
	struct mkkdump d = {.vmcoreinfo = INFO};
	struct mkkdump_file f = mkkdump_make(&d);

	(void)state;
	for (size_t size = 1; size<f.size; size += size> f.descs + 200 ? 997 : 1) {
		struct vmcore *vc;
		struct err err = {0};
		int rc;

		// All of a bitmap is alike: a few places do.
		if (size > KDUMP_HEADER_SIZE + 2 && size < BS - 2)
			size = BS - 2;
		if (size > f.bitmaps + 60 && size < f.bitmaps + BS - 2)
			size = f.bitmaps + BS - 2;
		rc = open_bytes(f.data, size, &vc, &err);
		assert_int_equal(rc, err.code);
		if (size < f.bitmaps + BS + MAX_PFN / 8)
			assert_true(rc == ERR_NODATA || (rc == ERR_UNSUPPORTED && size < 8));
		if (rc) {
			assert_true(err.msg[0]);
			continue;
		}
		assert_true(vmcore_info(vc)->truncated);
		read_all(vc);
		vmcore_close(vc);
	}
	free(f.data);
}

/* Any byte of the index may be anything. */
static void test_flips(void **state)
{
	struct mkkdump d = {.vmcoreinfo = INFO, .max_pfn = 64};
	struct mkkdump_file f = mkkdump_make(&d);
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < FLIPS; i++) {
		size_t at;
		uint8_t old;
		struct vmcore *vc;

		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		at = (seed >> 33) % f.size;
		// Most of the file is page data; the headers are to have their share.
		if (i % 3 == 0)
			at %= KDUMP_HEADER_SIZE;
		else if (i % 3 == 1)
			at = BS + at % KDUMP_SUB_HEADER_SIZE;
		old = f.data[at];
		f.data[at] = seed >> 20;
		if (!open_bytes(f.data, f.size, &vc, NULL)) {
			read_all(vc);
			vmcore_close(vc);
		}
		f.data[at] = old;
	}
	free(f.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_block_sizes),
		cmocka_unit_test(test_many_pages),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_sets_that_are_none),
		cmocka_unit_test(test_incomplete),
		cmocka_unit_test(test_cut_data),
		cmocka_unit_test(test_bad_descriptors),
		cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_32_bit),
		cmocka_unit_test(test_bad_notes),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
