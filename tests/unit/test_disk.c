// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writes in flight: whatever comes in whatever pieces, the file has each byte in its place; and
 * what fails is told, with how far the stream got.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/disk.h"
#include "collector/sink.h"

enum {
	INDEX = 300000, /* bytes before the stream, not a multiple of anything */
	TOTAL = 24 << 20,
	PIECE_MAX = 1200000,
};

#define GIB (1ULL << 30)

struct place {
	char dir[32], path[64], temp[64];
};

static int setup(void **state)
{
	struct place *p = malloc(sizeof(*p));

	assert_non_null(p);
	strcpy(p->dir, "/tmp/test_disk.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/dump", p->dir);
	snprintf(p->temp, sizeof(p->temp), "%s/dump-incomplete", p->dir);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	unlink(p->temp);
	rmdir(p->dir);
	free(p);
	return 0;
}

/* Bytes that tell where they belong. */
static void fill(uint8_t *buf, size_t size, uint64_t offset)
{
	for (size_t i = 0; i < size; i++) {
		uint64_t at = offset + i;

		buf[i] = (at * 0x9e3779b97f4a7c15ULL) >> 56 ^ at;
	}
}

static void check(struct sink *s, uint64_t offset, size_t size)
{
	CLEANUP_FREE uint8_t *got = malloc(size), *want = malloc(size);
	struct err err = {0};

	assert_true(got && want);
	if (sink_read_at(s, got, size, offset, &err))
		fail_msg("%s", err.msg);
	fill(want, size, offset);
	assert_memory_equal(got, want, size);
}

static void open_it(const struct place *p, struct sink *s)
{
	struct err err = {0};

	if (sink_file_open(s, p->path, p->temp, true, &err))
		fail_msg("%s", err.msg);
}

static int stream(struct sink *s, uint64_t offset, size_t size, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(size);
	int rc;

	assert_non_null(buf);
	fill(buf, size, offset);
	rc = sink_stream_at(s, buf, size, offset, err);
	// It is the caller's again.
	memset(buf, 0, size);
	return rc;
}

static void put(struct sink *s, uint64_t offset, size_t size)
{
	CLEANUP_FREE uint8_t *buf = malloc(size);

	assert_non_null(buf);
	fill(buf, size, offset);
	assert_int_equal(sink_write_at(s, buf, size, offset, NULL), 0);
}

static size_t any(unsigned int *seed, size_t max)
{
	return 1 + (size_t)rand_r(seed) % max;
}

static void test_memory(void **state)
{
	static const struct {
		uint64_t budget, takes;
	} cases[] = {
		{0, DISK_BUFFERS * (uint64_t)DISK_BUFFER},
		{1, DISK_BUFFER_MIN},
		{DISK_BUFFER_MIN, DISK_BUFFER_MIN},
		{2 * DISK_BUFFER_MIN + 1, 2 * DISK_BUFFER_MIN},
		{3 * DISK_BUFFER_MIN - 1, 2 * DISK_BUFFER_MIN},
		{DISK_BUFFERS * (uint64_t)DISK_BUFFER - 1, DISK_BUFFERS * DISK_BUFFER_MIN},
		{DISK_BUFFERS * (uint64_t)DISK_BUFFER, DISK_BUFFERS * (uint64_t)DISK_BUFFER},
		{UINT64_MAX, DISK_BUFFERS * (uint64_t)DISK_BUFFER},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(sink_memory(cases[i].budget), cases[i].takes);
}

/* Page data one behind the other in pieces of any size, the index before it in between. */
static void test_append(void **state)
{
	static const uint64_t budgets[] = {0, 1, 2 * DISK_BUFFER_MIN, UINT64_MAX};

	for (unsigned int i = 0; i < 3 * ARRAY_SIZE(budgets); i++) {
		uint64_t at = INDEX, index = 0, before = 0;
		unsigned int seed = i;
		struct sink s;

		open_it(*state, &s);
		if (i)
			sink_buffer(&s, budgets[i % ARRAY_SIZE(budgets)]);
		assert_int_equal(sink_reserve(&s, 5000, INDEX, NULL), 0);
		while (at < TOTAL) {
			size_t n = any(&seed, i % 3 ? PIECE_MAX : 9000);
			uint64_t done;

			assert_int_equal(stream(&s, at, n, NULL), 0);
			at += n;
			done = sink_written(&s);
			assert_true(done >= before);
			before = done;
			if (done >= INDEX && index < INDEX) {
				n = any(&seed, INDEX - index);
				put(&s, index, n);
				index += n;
			}
			if (any(&seed, 50) == 1)
				assert_int_equal(sink_drain(&s, NULL), 0);
		}
		assert_int_equal(sink_drain(&s, NULL), 0);
		assert_true(sink_written(&s) == UINT64_MAX);
		check(&s, 0, index);
		check(&s, INDEX, at - INDEX);
		assert_int_equal(sink_commit(&s, NULL), 0);
		sink_close(&s);
	}
}

/* As an ELF core comes: runs in any order, whose ends share a page with their neighbours'. */
static void test_scattered(void **state)
{
	enum { RUNS = 61 };
	unsigned int seed = 1;

	for (unsigned int i = 0; i < 6; i++) {
		uint64_t edge[RUNS + 1] = {INDEX};
		unsigned int order[RUNS];
		struct sink s;

		for (unsigned int k = 0; k < RUNS; k++) {
			edge[k + 1] = edge[k] + any(&seed, i < 3 ? PIECE_MAX : 20000);
			order[k] = k;
		}
		for (unsigned int k = RUNS; k > 1; k--) {
			unsigned int other = any(&seed, k) - 1, was = order[k - 1];

			order[k - 1] = order[other];
			order[other] = was;
		}
		open_it(*state, &s);
		sink_buffer(&s, i % 2 ? 1 : 0);
		assert_int_equal(sink_resize(&s, edge[RUNS], NULL), 0);
		for (unsigned int k = 0; k < RUNS; k++)
			assert_int_equal(stream(&s, edge[order[k]],
						edge[order[k] + 1] - edge[order[k]], NULL),
					 0);
		assert_int_equal(sink_sync(&s, NULL), 0);
		check(&s, INDEX, edge[RUNS] - INDEX);
		sink_close(&s);
	}
}

/* Offsets that need more than 32 bits, in index and data. */
static void test_far(void **state)
{
	static const uint64_t ends[] = {4 * GIB, 1024 * GIB};
	struct sink s;

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		uint64_t end = ends[i] + 100000, start = ends[i] - 100000;
		uint8_t got[100];

		open_it(*state, &s);
		sink_buffer(&s, 0);
		assert_int_equal(sink_reserve(&s, start, end, NULL), 0);
		assert_int_equal(stream(&s, end, 3 << 20, NULL), 0);
		put(&s, ends[i] - 50, 100);
		assert_int_equal(sink_drain(&s, NULL), 0);
		check(&s, end, 3 << 20);
		check(&s, ends[i] - 50, 100);
		assert_int_equal(sink_read_at(&s, got, sizeof(got), start, NULL), 0);
		for (size_t k = 0; k < sizeof(got); k++)
			assert_int_equal(got[k], 0);
		// The stream itself crosses the boundary.
		assert_int_equal(stream(&s, 2 * ends[i] - 1000001, 2000002, NULL), 0);
		assert_int_equal(sink_drain(&s, NULL), 0);
		check(&s, 2 * ends[i] - 1000001, 2000002);
		assert_int_equal(sink_read_at(&s, got, 1, 2 * ends[i] + 1000001, NULL), ERR_NODATA);
		sink_close(&s);
	}
}

static void limit(rlim_t size)
{
	struct rlimit r = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
}

/* A target that ends somewhere: what is said to be written is, and all fails from then on. */
static void test_full(void **state)
{
	static const uint64_t rooms[] = {INDEX + 1, 1 << 20, (1 << 20) + 12345, 5 << 20};

	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rooms); i++) {
		uint64_t room = rooms[i / 2], at = INDEX, done;
		struct err err = {0};
		struct sink s;
		int rc = 0;

		open_it(*state, &s);
		sink_buffer(&s, i % 2);
		limit(room);
		for (; at < 8 << 20 && !rc; at += 70001)
			rc = stream(&s, at, 70001, &err);
		rc = sink_drain(&s, rc ? NULL : &err);
		assert_int_equal(rc, ERR_NOSPC);
		assert_non_null(strstr(err.msg, "dump-incomplete: write of "));
		assert_non_null(strstr(err.msg, "File too large"));
		assert_int_equal(stream(&s, at, 1, NULL), ERR_NOSPC);
		assert_int_equal(sink_sync(&s, NULL), ERR_NOSPC);
		assert_int_equal(sink_commit(&s, NULL), ERR_NOSPC);
		done = sink_written(&s);
		assert_true(done >= INDEX && done <= room);
		// Little is given up of what there was room for.
		assert_true(done + DISK_BUFFER >= room);
		if (done > INDEX)
			check(&s, INDEX, done - INDEX);
		// The index was there before.
		put(&s, 0, 1000);
		assert_int_equal(sink_keep(&s, NULL), 0);
		limit(RLIM_INFINITY);
		assert_int_equal(sink_restart(&s, NULL), 0);
		assert_true(sink_written(&s) == UINT64_MAX);
		assert_int_equal(stream(&s, 10, 3 << 20, NULL), 0);
		assert_int_equal(sink_drain(&s, NULL), 0);
		check(&s, 10, 3 << 20);
		sink_close(&s);
	}
}

/* Closed, or begun again, with writes on their way. */
static void test_given_up(void **state)
{
	const struct place *p = *state;
	struct sink s;

	for (unsigned int i = 0; i < 20; i++) {
		open_it(p, &s);
		sink_buffer(&s, i % 2);
		assert_int_equal(stream(&s, 777, i * 100000 + 1, NULL), 0);
		if (i % 3 == 0) {
			uint8_t byte;

			assert_int_equal(sink_restart(&s, NULL), 0);
			assert_int_equal(sink_read_at(&s, &byte, 1, 0, NULL), ERR_NODATA);
		}
		sink_close(&s);
		assert_int_not_equal(access(p->temp, F_OK), 0);
	}
}

/* A file system in memory may take O_DIRECT too, for nothing. */
static bool in_memory(int fd)
{
	struct statfs fs;

	assert_int_equal(fstatfs(fd, &fs), 0);
	return fs.f_type == TMPFS_MAGIC;
}

/* There a stream is written at once, whatever O_DIRECT would do. */
static void test_no_disk(void **state)
{
	int fd = memfd_create("target", 0);
	uint8_t byte = 1, piece[100000], got[100000];
	char path[64];
	struct disk *d;
	uint64_t done;

	(void)state;
	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(disk_create(fd, &d, NULL), 0);
	disk_buffer(d, path, 0);
	assert_false(disk_is_direct(d));
	assert_int_equal(disk_stream(d, &byte, 1, 5, NULL), 0);
	assert_true(disk_written(d) == UINT64_MAX);
	assert_int_equal(lseek(fd, 0, SEEK_END), 6);
	assert_int_equal(disk_drain(d, NULL), 0);
	// Full: told later, and how far it got is known to the page at least.
	signal(SIGXFSZ, SIG_IGN);
	fill(piece, sizeof(piece), 6);
	limit(70000);
	assert_int_equal(disk_stream(d, piece, sizeof(piece), 6, NULL), 0);
	limit(RLIM_INFINITY);
	assert_int_equal(disk_stream(d, &byte, 1, 200000, NULL), ERR_NOSPC);
	assert_int_equal(disk_drain(d, NULL), ERR_NOSPC);
	done = disk_written(d);
	assert_true(done > 70000 - 4096 && done <= 70000);
	assert_int_equal(pread(fd, got, done - 6, 6), done - 6);
	assert_memory_equal(got, piece, done - 6);
	disk_destroy(d);
	close(fd);
}

/* Nothing of a stream stays in the page cache where the target takes it past that. */
static void test_direct(void **state)
{
	const struct place *p = *state;
	int fd = open(p->temp, O_RDWR | O_CREAT, 0600), other;
	struct disk *d;
	uint8_t byte = 1;

	assert_true(fd >= 0);
	assert_int_equal(disk_create(fd, &d, NULL), 0);
	assert_false(disk_is_direct(d));
	// Another file's name is of no use.
	disk_buffer(d, "/dev/null", 0);
	assert_false(disk_is_direct(d));
	other = open(p->temp, O_RDWR | O_DIRECT);
	disk_buffer(d, p->temp, 0);
	assert_int_equal(disk_is_direct(d), other >= 0 && !in_memory(fd));
	assert_int_equal(disk_stream(d, &byte, 1, 5, NULL), 0);
	assert_int_equal(disk_drain(d, NULL), 0);
	assert_int_equal(disk_read(d, &byte, 1, 5, NULL), 0);
	if (other >= 0)
		close(other);
	disk_destroy(d);
	disk_destroy(NULL);
	close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_memory), TEST(test_append),	TEST(test_scattered), TEST(test_far),
		TEST(test_full),   TEST(test_given_up), TEST(test_direct),    TEST(test_no_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
