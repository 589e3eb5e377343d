// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

enum {
	PIPE_BYTES = 1 << 20, /* more than a pipe holds, so that reads and writes come short */
};

static uint8_t pattern(size_t i)
{
	return i * 7 + (i >> 8);
}

/* Writes PIPE_BYTES of the pattern in pieces of odd sizes. */
static void *feed_pipe(void *arg)
{
	int fd = *(int *)arg;
	uint8_t buf[1000];

	for (size_t done = 0; done < PIPE_BYTES;) {
		size_t n = done % 997 + 1;

		if (n > PIPE_BYTES - done)
			n = PIPE_BYTES - done;
		for (size_t i = 0; i < n; i++)
			buf[i] = pattern(done + i);
		if (io_write(fd, buf, n, NULL))
			break;
		done += n;
	}
	close(fd);
	return NULL;
}

static void test_short_reads_go_on(void **state)
{
	(void)state;
	CLEANUP_FREE uint8_t *buf = malloc(PIPE_BYTES + 1);
	pthread_t thread;
	int fds[2];

	assert_non_null(buf);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pthread_create(&thread, NULL, feed_pipe, &fds[1]), 0);
	assert_int_equal(io_read(fds[0], buf, PIPE_BYTES + 1, NULL), PIPE_BYTES);
	for (size_t i = 0; i < PIPE_BYTES; i++)
		if (buf[i] != pattern(i))
			fail_msg("byte %zu differs", i);
	assert_int_equal(io_read(fds[0], buf, 1, NULL), 0);
	pthread_join(thread, NULL);
	close(fds[0]);
}

static void *drain_pipe(void *arg)
{
	static const uint8_t bad = 1;
	int fd = *(int *)arg;
	uint8_t buf[999];
	size_t done = 0;

	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != pattern(done + i))
				return (void *)&bad;
		done += n;
	}
	return done == PIPE_BYTES ? NULL : (void *)&bad;
}

static void test_short_writes_go_on(void **state)
{
	(void)state;
	CLEANUP_FREE uint8_t *buf = malloc(PIPE_BYTES);
	pthread_t thread;
	void *bad;
	int fds[2];

	assert_non_null(buf);
	for (size_t i = 0; i < PIPE_BYTES; i++)
		buf[i] = pattern(i);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pthread_create(&thread, NULL, drain_pipe, &fds[0]), 0);
	assert_int_equal(io_write(fds[1], buf, PIPE_BYTES, NULL), 0);
	close(fds[1]);
	assert_int_equal(pthread_join(thread, &bad), 0);
	assert_null(bad);
	close(fds[0]);
}

static void test_places(void **state)
{
	(void)state;
	CLEANUP_CLOSE int fd = memfd_create("io", 0);
	uint64_t far = 5ULL << 30;
	char buf[10] = {0};

	assert_true(fd >= 0);
	assert_int_equal(io_pwrite(fd, "beyond 4G", 9, far, NULL), 0);
	assert_int_equal(io_pread(fd, buf, 9, far, NULL), 9);
	assert_string_equal(buf, "beyond 4G");
	assert_int_equal(io_pread(fd, buf, 9, far + 5, NULL), 4);
	assert_int_equal(io_pread(fd, buf, 9, far + 9, NULL), 0);
	assert_int_equal(io_pread(fd, buf, 1, 1, NULL), 1);
	assert_int_equal(buf[0], 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
}

static void test_errors(void **state)
{
	(void)state;
	struct err err = {0};
	char buf[4];

	assert_int_equal(io_read(-1, buf, 4, &err), ERR_SYS);
	assert_int_equal(err.sys, EBADF);
	assert_int_equal(io_write(-1, buf, 4, &err), ERR_SYS);
	assert_int_equal(io_pread(-1, buf, 4, 77, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "offset 77"));
	assert_int_equal(io_pwrite(-1, buf, 4, 78, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "offset 78"));
	assert_int_equal(io_read(-1, buf, 0, &err), 0);
}

static void test_full(void **state)
{
	(void)state;
	CLEANUP_CLOSE int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct err err = {0};

	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, "x", 1, &err), ERR_NOSPC);
	assert_int_equal(err.sys, ENOSPC);
}

/* A limit in the middle of a write: what fits is written, the rest is told as no space. */
static void test_full_in_the_middle(void **state)
{
	(void)state;
	CLEANUP_CLOSE int fd = memfd_create("io", 0);
	struct rlimit old, small;
	struct err err = {0};
	char buf[100] = {0};

	assert_true(fd >= 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 64;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int rc = io_pwrite(fd, buf, sizeof(buf), 0, &err);

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(rc, ERR_NOSPC);
	assert_int_equal(err.sys, EFBIG);
	assert_int_equal(lseek(fd, 0, SEEK_END), 64);
}

static void make_file(char *path, size_t size)
{
	CLEANUP_FREE char *buf = malloc(size + 1);
	CLEANUP_CLOSE int fd = mkstemp(path);

	assert_true(fd >= 0 && buf);
	memset(buf, 'z', size);
	assert_int_equal(io_write(fd, buf, size, NULL), 0);
}

/* Sizes about where the buffer grows, and the limit to the byte. */
static void test_read_file(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 12288, 20000};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char path[] = "/tmp/test_io.XXXXXX";
		CLEANUP_FREE char *text = NULL;
		char *untouched = NULL;
		struct err err = {0};
		size_t size = 1;

		make_file(path, sizes[i]);
		assert_int_equal(io_read_file(path, sizes[i], &text, &size, &err), 0);
		assert_int_equal(size, sizes[i]);
		assert_int_equal(strlen(text), sizes[i]);
		if (sizes[i]) {
			assert_int_equal(io_read_file(path, sizes[i] - 1, &untouched, NULL, &err),
					 ERR_LIMIT);
			assert_non_null(strstr(err.msg, path));
			assert_null(untouched);
		}
		unlink(path);
	}
}

static void test_read_file_errors(void **state)
{
	(void)state;
	struct err err = {0};
	char *text = NULL;

	assert_int_equal(io_read_file("/nonexistent/file", 100, &text, NULL, &err), ERR_SYS);
	assert_int_equal(err.sys, ENOENT);
	assert_non_null(strstr(err.msg, "/nonexistent/file"));
	assert_int_equal(io_read_file("/", 100, &text, NULL, &err), ERR_SYS);
	assert_int_equal(err.sys, EISDIR);
	assert_null(text);
	// A file of no size that has contents all the same.
	assert_int_equal(io_read_file("/proc/self/stat", 1 << 16, &text, NULL, &err), 0);
	assert_true(strlen(text) > 0);
	free(text);
}

static void test_sync_dir(void **state)
{
	(void)state;
	struct err err = {0};

	assert_int_equal(io_sync_dir("/tmp", &err), 0);
	assert_int_equal(io_sync_dir("/nonexistent", &err), ERR_SYS);
	assert_int_equal(err.sys, ENOENT);
	assert_int_equal(io_sync_dir("/proc/self/stat", &err), ERR_SYS);
	assert_int_equal(err.sys, ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_reads_go_on),
		cmocka_unit_test(test_short_writes_go_on),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_full_in_the_middle),
		cmocka_unit_test(test_read_file),
		cmocka_unit_test(test_read_file_errors),
		cmocka_unit_test(test_sync_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
