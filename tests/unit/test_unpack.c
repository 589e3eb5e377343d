// SPDX-License-Identifier: GPL-2.0-or-later
/* The part of an initrd that the first process unpacks: what comes of it, and what is refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/unpack.h"
#include "tests/lib/mknewc.h"
#include "tests/lib/tree.h"

enum {
	ROOM = 4 << 20,
	LARGE = 3 << 20, /* more than any buffer on the way */
};

static struct {
	char root[sizeof(TREE_ROOT)];
	struct mknewc a;
	uint8_t *large;
	int fd; /* what was packed last */
	uint64_t spare;
} m;

static int setup(void **state)
{
	(void)state;
	snprintf(m.root, sizeof(m.root), TREE_ROOT);
	m.a = (struct mknewc){.data = malloc(ROOM), .room = ROOM};
	m.large = malloc(LARGE);
	m.fd = -1;
	m.spare = 1 << 20;
	for (size_t i = 0; i < LARGE; i++)
		m.large[i] = i * 2654435761U >> 13;
	return tree_make(m.root) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(m.a.data);
	free(m.large);
	if (m.fd >= 0)
		close(m.fd);
	return tree_remove(m.root);
}

/* Packs the first @size bytes of the archive; how many bytes it has then. */
static size_t pack(size_t size)
{
	size_t room = ZSTD_compressBound(size);
	CLEANUP_FREE uint8_t *packed = malloc(room);
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	size_t n;

	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(ctx, packed, room, m.a.data, size);
	ZSTD_freeCCtx(ctx);
	assert_false(ZSTD_isError(n));
	if (m.fd >= 0)
		close(m.fd);
	m.fd = memfd_create("rest", MFD_CLOEXEC);
	assert_int_equal(io_write(m.fd, packed, n, NULL), 0);
	assert_int_equal(lseek(m.fd, 0, SEEK_SET), 0);
	return n;
}

static int run(struct err *err)
{
	CLEANUP_CLOSE int dir = open(m.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*err = (struct err){0};
	return unpack(m.fd, dir, m.spare, err);
}

static void refused(int rc, const char *why)
{
	struct err err;

	mknewc_end(&m.a);
	pack(m.a.n);
	assert_int_equal(run(&err), rc);
	if (!strstr(err.msg, why))
		fail_msg("'%s', not '%s'", err.msg, why);
	m.a.n = 0;
}

static void expect(const char *path, mode_t mode, const void *data, size_t size)
{
	CLEANUP_FREE char *text = NULL;
	char full[128];
	struct stat st;
	size_t n;

	snprintf(full, sizeof(full), "%s/%s", m.root, path);
	assert_int_equal(stat(full, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | mode);
	assert_int_equal(io_read_file(full, LARGE, &text, &n, NULL), 0);
	assert_int_equal(n, size);
	assert_memory_equal(text, data, size);
}

static void test_whole(void **state)
{
	char full[128], link[16] = "";
	struct err err;
	struct stat st;

	(void)state;
	assert_true(tree_put(m.root, "/init", "old", 3));
	mknewc_add(&m.a, "bin", S_IFDIR | 0755, "", 0);
	mknewc_add(&m.a, "bin/large", S_IFREG | 0755, m.large, LARGE);
	mknewc_add(&m.a, "bin/sh", S_IFLNK | 0777, "large", 5);
	mknewc_add(&m.a, "init", S_IFREG | 0700, "new", 3);
	mknewc_add(&m.a, "none", S_IFREG | 0600, "", 0);
	mknewc_end(&m.a);
	pack(m.a.n);
	if (run(&err))
		fail_msg("%s", err.msg);
	expect("bin/large", 0755, m.large, LARGE);
	expect("init", 0700, "new", 3);
	expect("none", 0600, "", 0);
	snprintf(full, sizeof(full), "%s/bin/sh", m.root);
	assert_int_equal(readlink(full, link, sizeof(link)), 5);
	assert_string_equal(link, "large");
	// What it was made of is not there a second time, but for the last page.
	assert_int_equal(fstat(m.fd, &st), 0);
	assert_in_range(st.st_blocks, 0, 4096 / 512);
}

/* Of one that is cut or damaged nothing is taken for whole. */
static void test_damaged(void **state)
{
	struct err err;
	size_t n, whole;

	(void)state;
	mknewc_add(&m.a, "a", S_IFREG | 0644, m.large, 100000);
	n = m.a.n;
	mknewc_end(&m.a);
	whole = pack(m.a.n);
	for (size_t cut = 0; cut < whole; cut += cut < whole - 8 ? 4999 : 1) {
		pack(m.a.n);
		assert_int_equal(ftruncate(m.fd, cut), 0);
		assert_int_equal(run(&err), ERR_CORRUPT);
		assert_non_null(strstr(err.msg, "too early"));
	}
	// Packed well, but without its end.
	pack(n);
	assert_int_equal(run(&err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "the archive ends at"));
	pack(n - 1000);
	assert_int_equal(run(&err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "a: the archive ends at"));
	whole = pack(m.a.n);
	assert_int_equal(pwrite(m.fd, "\xff", 1, whole - 1), 1);
	assert_int_equal(run(&err), ERR_CORRUPT);
	m.a.data[0] = 'x';
	pack(m.a.n);
	assert_int_equal(run(&err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "no header of a cpio archive at 0"));
}

static void test_refused(void **state)
{
	(void)state;
	mknewc_add(&m.a, "../outside", S_IFREG | 0644, "x", 1);
	refused(ERR_CORRUPT, "../outside: not a name below");
	mknewc_add(&m.a, "a/../../outside", S_IFREG | 0644, "x", 1);
	refused(ERR_CORRUPT, "not a name below");
	mknewc_add(&m.a, "a/..", S_IFDIR | 0644, "", 0);
	refused(ERR_CORRUPT, "not a name below");
	mknewc_add(&m.a, "/tmp/outside", S_IFREG | 0644, "x", 1);
	refused(ERR_CORRUPT, "not a name below");
	mknewc_add(&m.a, "", S_IFREG | 0644, "x", 1);
	refused(ERR_CORRUPT, "not a name below");
	mknewc_add(&m.a, "disk", S_IFBLK | 0644, "", 0);
	refused(ERR_UNSUPPORTED, "disk: mode 60644");
	m.a.links = 2;
	mknewc_add(&m.a, "two", S_IFREG | 0644, "x", 1);
	m.a.links = 0;
	refused(ERR_UNSUPPORTED, "2 names");
	mknewc_add(&m.a, "link", S_IFLNK | 0777, "", 0);
	refused(ERR_CORRUPT, "a link of 0 bytes");
	mknewc_add(&m.a, "link", S_IFLNK | 0777, m.large, 5000);
	refused(ERR_CORRUPT, "a link of 5000 bytes");
	mknewc_add(&m.a, "directory", S_IFDIR | 0755, "x", 1);
	refused(ERR_CORRUPT, "a directory of 1 bytes");
	// Names with dots that lead nowhere else.
	mknewc_add(&m.a, "..a", S_IFREG | 0644, "x", 1);
	mknewc_add(&m.a, "a..", S_IFREG | 0644, "x", 1);
	mknewc_add(&m.a, "no/such", S_IFREG | 0644, "x", 1);
	refused(ERR_SYS, "no/such: creating it");
	expect("..a", 0644, "x", 1);
	expect("a..", 0644, "x", 1);
}

/* What is to stay free stays free: it ends before there is none. */
static void test_memory(void **state)
{
	struct err err;

	(void)state;
	mknewc_add(&m.a, "large", S_IFREG | 0644, m.large, LARGE);
	mknewc_end(&m.a);
	pack(m.a.n);
	m.spare = UINT64_MAX;
	assert_int_equal(run(&err), ERR_NOMEM);
	assert_non_null(strstr(err.msg, "KiB are free"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
