// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The parts that outputs are made of: the flattened format, pipes, gaps, ranks and parts. What
 * comes out as a whole is in tests/golden/formats.t.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/bitmap.h"
#include "collector/copy.h"
#include "collector/dense.h"
#include "collector/order.h"
#include "collector/plan.h"
#include "collector/predict.h"
#include "collector/sink.h"
#include "tests/lib/mkcore.h"
#include "vmcore/codec.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	FLAT_HEADER = 4096,
	RECORD_MAX = 2 << 20, /* bytes of data of a record of ours */
	BITS = (1 << 16) + 77, /* more than two chunks of a rank */
};

/* ---- bitmap and rank ---- */

static void test_next_clear(void **state)
{
	struct bitmap bm;

	(void)state;
	assert_int_equal(bitmap_init(&bm, 200, NULL), 0);
	assert_int_equal(bitmap_next_clear(&bm, 0, 200), 0);
	bitmap_set_range(&bm, 3, 130);
	assert_int_equal(bitmap_next_clear(&bm, 0, 200), 0);
	assert_int_equal(bitmap_next_clear(&bm, 3, 200), 130);
	assert_int_equal(bitmap_next_clear(&bm, 64, 128), 128);
	assert_int_equal(bitmap_next_clear(&bm, 129, 130), 130);
	assert_int_equal(bitmap_next_clear(&bm, 150, 150), 150);
	bitmap_set_range(&bm, 0, 200);
	// Behind the size all are clear.
	assert_int_equal(bitmap_next_clear(&bm, 10, 300), 200);
	assert_int_equal(bitmap_next_clear(&bm, 250, 300), 250);
	bitmap_deinit(&bm);
}

static void test_rank_select(void **state)
{
	struct bitmap bm;
	struct rank r;
	uint64_t index = 0;

	(void)state;
	assert_int_equal(bitmap_init(&bm, BITS, NULL), 0);
	for (pfn_t p = 5; p < BITS; p += 1 + p % 700)
		bitmap_set_range(&bm, p, p + 1);
	bitmap_set_range(&bm, BITS - 1, BITS);
	assert_int_equal(rank_init(&r, &bm, NULL), 0);
	for (pfn_t p = bitmap_next(&bm, 0, BITS); p < BITS; p = bitmap_next(&bm, p + 1, BITS)) {
		assert_int_equal(rank_select(&r, index), p);
		index++;
	}
	assert_int_equal(rank_select(&r, index), BITS);
	assert_int_equal(rank_select(&r, index + 1), BITS);
	rank_deinit(&r);
	bitmap_deinit(&bm);
}

static void test_order_cut(void **state)
{
	static const struct pfn_range ranges[] = {{100, 200}, {0, 100}, {300, 400}};
	struct pfn_list list = {.ranges = (struct pfn_range *)ranges, .n = ARRAY_SIZE(ranges)};
	struct pfn_list part;

	(void)state;
	assert_int_equal(order_cut(&list, 150, 350, &part, NULL), 0);
	assert_int_equal(part.n, 2);
	assert_int_equal(part.ranges[0].start, 150);
	assert_int_equal(part.ranges[0].end, 200);
	assert_int_equal(part.ranges[1].start, 300);
	assert_int_equal(part.ranges[1].end, 350);
	pfn_list_deinit(&part);
	assert_int_equal(order_cut(&list, 200, 300, &part, NULL), 0);
	assert_int_equal(part.n, 0);
	pfn_list_deinit(&part);
}

/* ---- the flattened format ---- */

static uint64_t be64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return v;
}

/* All of the file @fd; the caller frees. */
static uint8_t *contents(int fd, size_t *size)
{
	uint8_t *buf;

	*size = lseek(fd, 0, SEEK_END);
	buf = malloc(*size + 1);
	assert_non_null(buf);
	assert_int_equal(pread(fd, buf, *size, 0), *size);
	return buf;
}

/* The next record from *@at on: its data, or NULL at the end marker, which ends the file. */
static const uint8_t *record(const uint8_t *flat, size_t size, size_t *at, uint64_t *offset,
			     uint64_t *n)
{
	const uint8_t *p = flat + *at;

	assert_true(size - *at >= 16);
	*offset = be64(p);
	*n = be64(p + 8);
	*at += 16;
	if (*offset == UINT64_MAX) {
		assert_int_equal(*n, UINT64_MAX);
		assert_int_equal(*at, size);
		return NULL;
	}
	assert_true(*n && *n <= size - *at);
	*at += *n;
	return p + 16;
}

static void open_flat(struct sink *s, int fd)
{
	struct err err;

	assert_int_equal(sink_pipe_open(s, fd, "pipe", &err), 0);
	assert_true(s->ops->append_only);
	assert_int_equal(sink_flatten(s, &err), 0);
	assert_true(s->ops->append_only);
}

static void test_flat_records(void **state)
{
	CLEANUP_CLOSE int fd = memfd_create("flat", MFD_CLOEXEC);
	CLEANUP_FREE uint8_t *flat = NULL;
	size_t size, at = FLAT_HEADER;
	uint64_t offset, n;
	struct sink s;
	struct err err;

	(void)state;
	open_flat(&s, fd);
	assert_int_equal(sink_write_at(&s, "abc", 3, 100, &err), 0);
	assert_int_equal(sink_write_at(&s, "def", 3, 103, &err), 0);
	assert_int_equal(sink_write_at(&s, "far", 3, 1ULL << 43, &err), 0);
	assert_int_equal(sink_write_at(&s, "", 0, 7, &err), 0);
	assert_int_equal(sink_write_at(&s, "head", 4, 0, &err), 0);
	assert_int_equal(sink_read_at(&s, &n, 1, 0, &err), ERR_UNSUPPORTED);
	assert_int_equal(sink_commit(&s, &err), 0);
	flat = contents(fd, &size);
	assert_int_equal(s.sent, size);
	sink_close(&s);
	assert_memory_equal(flat, "makedumpfile\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", 32);
	for (size_t i = 32; i < FLAT_HEADER; i++)
		assert_int_equal(flat[i], 0);
	// What follows each other is one record.
	assert_memory_equal(record(flat, size, &at, &offset, &n), "abcdef", 6);
	assert_int_equal(offset, 100);
	assert_int_equal(n, 6);
	assert_memory_equal(record(flat, size, &at, &offset, &n), "far", 3);
	assert_int_equal(offset, 1ULL << 43);
	assert_memory_equal(record(flat, size, &at, &offset, &n), "head", 4);
	assert_int_equal(offset, 0);
	assert_null(record(flat, size, &at, &offset, &n));
}

/* Writes of any size come out as records of a size that readers can do with, all bytes in order. */
static void test_flat_large(void **state)
{
	static const size_t sizes[] = {1, RECORD_MAX - 1, RECORD_MAX, 3 * RECORD_MAX + 5, 4096, 7};
	CLEANUP_CLOSE int fd = memfd_create("flat", MFD_CLOEXEC);
	CLEANUP_FREE uint8_t *flat = NULL, *bytes = malloc(4 * RECORD_MAX);
	size_t size, at = FLAT_HEADER, total = 0, done = 0;
	uint64_t offset, n;
	const uint8_t *data;
	struct sink s;

	(void)state;
	assert_non_null(bytes);
	open_flat(&s, fd);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (size_t k = 0; k < sizes[i]; k++)
			bytes[k] = (total + k) * 31 >> 3;
		assert_int_equal(sink_write_at(&s, bytes, sizes[i], 4096 + total, NULL), 0);
		total += sizes[i];
	}
	assert_int_equal(sink_commit(&s, NULL), 0);
	sink_close(&s);
	flat = contents(fd, &size);
	while ((data = record(flat, size, &at, &offset, &n))) {
		assert_int_equal(offset, 4096 + done);
		assert_true(n == RECORD_MAX || done + n == total);
		for (size_t k = 0; k < n; k++)
			if (data[k] != (uint8_t)((done + k) * 31 >> 3))
				fail_msg("byte %zu differs", done + k);
		done += n;
	}
	assert_int_equal(done, total);
}

static void test_flat_restart(void **state)
{
	char dir[] = "/tmp/test_outputs.XXXXXX", path[64], temp[64];
	CLEANUP_FREE uint8_t *flat = NULL;
	size_t size, at = FLAT_HEADER;
	uint64_t offset, n;
	struct sink s;
	struct err err;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/dump", dir);
	snprintf(temp, sizeof(temp), "%s/temp", dir);
	assert_int_equal(sink_file_open(&s, path, temp, false, &err), 0);
	assert_int_equal(sink_flatten(&s, &err), 0);
	assert_int_equal(sink_write_at(&s, "first", 5, 0, &err), 0);
	assert_int_equal(sink_sync(&s, &err), 0);
	assert_int_equal(sink_restart(&s, &err), 0);
	assert_int_equal(sink_write_at(&s, "again", 5, 10, &err), 0);
	assert_int_equal(sink_commit(&s, &err), 0);
	sink_close(&s);
	assert_int_not_equal(access(temp, F_OK), 0);
	fd = open(path, O_RDONLY);
	flat = contents(fd, &size);
	close(fd);
	assert_memory_equal(record(flat, size, &at, &offset, &n), "again", 5);
	assert_int_equal(offset, 10);
	assert_null(record(flat, size, &at, &offset, &n));
	unlink(path);
	rmdir(dir);
}

/* ---- pipes ---- */

static void test_pipe(void **state)
{
	struct sink s;
	struct err err;
	char buf[8];
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(sink_pipe_open(&s, fds[1], "p", &err), 0);
	assert_true(fcntl(fds[1], F_GETPIPE_SZ) >= 1 << 20);
	assert_int_equal(sink_write_at(&s, "ab", 2, 0, &err), 0);
	// No place is written twice, and none is left out.
	assert_int_equal(sink_write_at(&s, "x", 1, 0, &err), ERR_UNSUPPORTED);
	assert_int_equal(sink_write_at(&s, "x", 1, 3, &err), ERR_UNSUPPORTED);
	assert_int_equal(sink_write_at(&s, "c", 1, 2, &err), 0);
	assert_int_equal(sink_commit(&s, &err), 0);
	assert_int_equal(sink_restart(&s, &err), ERR_UNSUPPORTED);
	sink_close(&s);
	assert_int_equal(read(fds[0], buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "abc", 3);
	// The descriptor stays the caller's.
	assert_int_equal(close(fds[1]), 0);
	close(fds[0]);
}

/* ---- gaps, samples and copies of a core ---- */

struct core {
	struct vmcore *vc;
	struct kmem km;
	int fd;
};

/* Without vmcoreinfo all pages are just pages. */
static void open_core(struct core *c, const char *text)
{
	char path[MKCORE_PATH_MAX];
	struct err err;

	c->fd = mkcore_memfd(text, &err);
	if (c->fd < 0)
		fail_msg("%s", err.msg);
	mkcore_path(c->fd, path);
	assert_int_equal(vmcore_open(path, &c->vc, &err), 0);
	assert_int_equal(kmem_init(&c->km, c->vc, NULL, &err), ERR_NOTFOUND);
}

static void close_core(struct core *c)
{
	kmem_deinit(&c->km);
	vmcore_close(c->vc);
	close(c->fd);
}

static const pfn_t *forbidden;

static bool may_read(void *ctx, pfn_t pfn)
{
	(void)ctx;
	return !forbidden || pfn != *forbidden;
}

static void test_fill(void **state)
{
	struct core c;
	struct bitmap kept;
	pfn_t bad = 0x100 + 300;

	(void)state;
	open_core(&c, "load paddr=0x100000 size=4M\nload paddr=0x800000 size=4M\n");
	assert_int_equal(bitmap_init(&kept, 0xc00, NULL), 0);
	// First range: 255 pages before, a gap of 100, one of 256, and what is left at its end.
	bitmap_set_range(&kept, 0x100 + 255, 0x100 + 260);
	bitmap_set_range(&kept, 0x100 + 360, 0x100 + 361);
	bitmap_set_range(&kept, 0x100 + 361 + 256, 0x100 + 800);
	// Second: 256 pages before.
	bitmap_set_range(&kept, 0x800 + 256, 0x801 + 256);
	forbidden = &bad;
	assert_int_equal(dense_fill(&c.km, &kept, may_read, NULL), 255);
	assert_true(bitmap_test(&kept, 0x100));
	assert_false(bitmap_test(&kept, 0x100 + 261));
	forbidden = NULL;
	assert_int_equal(dense_fill(&c.km, &kept, may_read, NULL), 100);
	assert_false(bitmap_test(&kept, 0x100 + 361));
	assert_false(bitmap_test(&kept, 0x100 + 800));
	assert_false(bitmap_test(&kept, 0x800 + 255));
	// Once more there is nothing to do.
	assert_int_equal(dense_fill(&c.km, &kept, may_read, NULL), 0);
	bitmap_deinit(&kept);
	close_core(&c);
}

static void test_drop_zeros(void **state)
{
	static const unsigned int threads[] = {0, 1, 5};
	struct core c;

	(void)state;
	// The last byte of a page, the first of another; the data begin where nothing is aligned.
	open_core(&c, "load paddr=0x100000 size=256M offset=0x2004\n"
		      "load paddr=0x20000080 size=0x1000\n"
		      "data 0x105fff 01\ndata 0x108000 01\ndata 0xf000000 \"far\"\n");
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		struct bitmap kept;
		uint64_t n;

		assert_int_equal(bitmap_init(&kept, 0x20002, NULL), 0);
		bitmap_set_range(&kept, 0x100, 0x10100);
		bitmap_set_range(&kept, 0x20000, 0x20002);
		assert_int_equal(dense_drop_zeros(&c.km, &kept, threads[i], &n, NULL), 0);
		assert_int_equal(n, 0x10000 - 3);
		assert_int_equal(bitmap_next(&kept, 0, 0x10100), 0x105);
		assert_int_equal(bitmap_next(&kept, 0x106, 0x10100), 0x108);
		assert_int_equal(bitmap_next(&kept, 0x109, 0x10100), 0xf000);
		assert_int_equal(bitmap_next(&kept, 0xf001, 0x10100), 0x10100);
		// Memory only in part: nobody knows what was there.
		assert_int_equal(bitmap_count(&kept, 0x20000, 0x20002), 2);
		bitmap_deinit(&kept);
	}
	close_core(&c);
}

static void test_predict(void **state)
{
	struct core c;
	struct plan plan;
	struct predict p = {.km = &c.km, .plan = &plan, .codec = codec_by_name("none")};
	uint64_t size, sampled;

	(void)state;
	open_core(&c, "load paddr=0x100000 size=4M\ndata 0x100000 01\ndata 0x101000 01\n");
	assert_int_equal(plan_init(&plan, &c.km, 0, 1, NULL), 0);
	assert_int_equal(predict_pages(&p, &size, &sampled, NULL), 0);
	assert_int_equal(size, 4 << 20);
	assert_int_equal(sampled, 1024);
	plan_deinit(&plan);
	assert_int_equal(plan_init(&plan, &c.km, 1, 1, NULL), 0);
	assert_int_equal(predict_pages(&p, &size, &sampled, NULL), 0);
	assert_int_equal(size, 2 * 4096);
	plan_deinit(&plan);
	assert_int_equal(plan_init_dense(&plan, &c.km, 1, 1, NULL), 0);
	assert_int_equal(plan.kept_pages, 2);
	assert_int_equal(plan.zero_pages, 1022);
	plan_deinit(&plan);
	close_core(&c);
}

/* A sink that is full after some writes. */
static int left;

static int full_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			 struct err *err)
{
	(void)s, (void)buf, (void)size, (void)offset;
	return left-- > 0 ? 0 : err_set(err, ERR_NOSPC, "full");
}

static int full_resize(struct sink *s, uint64_t size, struct err *err)
{
	(void)s, (void)size, (void)err;
	return 0;
}

static void test_copy_that_fails(void **state)
{
	static const struct sink_ops ops = {
		.name = "full",
		.write_at = full_write_at,
		.resize = full_resize,
	};
	struct sink s = {.ops = &ops, .temp = "full"};
	struct core c;
	struct err err;

	(void)state;
	open_core(&c, "load paddr=0x100000 size=16M\ndata 0x100000 (01 00 *1048575) *16\n");
	for (unsigned int workers = 0; workers < 5; workers++) {
		struct copy copy = {.vc = c.vc, .sink = &s, .workers = workers};

		left = 3;
		assert_int_equal(copy_run(&copy, &err), ERR_NOSPC);
		assert_string_equal(err.msg, "full: full");
		assert_true(copy.done <= 4 << 20);
		left = 1000;
		assert_int_equal(copy_run(&copy, &err), 0);
		assert_int_equal(copy.done, vmcore_info(c.vc)->file_size);
	}
	close_core(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_clear),
		cmocka_unit_test(test_rank_select),
		cmocka_unit_test(test_order_cut),
		cmocka_unit_test(test_flat_records),
		cmocka_unit_test(test_flat_large),
		cmocka_unit_test(test_flat_restart),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_drop_zeros),
		cmocka_unit_test(test_predict),
		cmocka_unit_test(test_copy_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
