// SPDX-License-Identifier: GPL-2.0-or-later
/* What is in an initrd, however it is packed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/newc.h"
#include "loader/initrd.h"
#include "tests/lib/mknewc.h"

enum {
	ROOM = 256 << 10,
	INODE = 1024,
};

struct archive {
	uint8_t data[ROOM];
	size_t n;
};

static void add(struct archive *a, const char *path, const void *data, size_t size)
{
	struct mknewc m = {.data = a->data, .n = a->n, .room = ROOM};

	mknewc_add(&m, path, S_IFREG | 0644, data, size);
	a->n = m.n;
}

static void end(struct archive *a)
{
	add(a, NEWC_TRAILER, "", 0);
}

static struct archive *make(void)
{
	struct archive *a = calloc(1, sizeof(*a));
	static char large[10000];

	assert_non_null(a);
	memset(large, 'x', sizeof(large));
	add(a, ".", "", 0);
	add(a, "etc/lifeboat.conf", "path /\n", 7);
	add(a, "./bin/ssh", large, sizeof(large));
	add(a, "lib/modules/virtio_blk.ko", "not an object", 13);
	add(a, "lib/modules/crc32c-intel.ko.xz", "x", 1);
	end(a);
	return a;
}

static void check(const struct initrd *r)
{
	const struct initrd_file *f = initrd_find(r, "etc/lifeboat.conf");
	size_t count;

	assert_int_equal(r->n, 5);
	assert_non_null(f);
	assert_int_equal(f->size, 7);
	assert_memory_equal(f->data, "path /\n", 7);
	assert_non_null(initrd_find(r, "bin/ssh"));
	assert_null(initrd_find(r, "bin/ss"));
	assert_null(initrd_find(r, "in/ssh"));
	assert_non_null(initrd_module(r, "virtio_blk"));
	assert_non_null(initrd_module(r, "virtio-blk"));
	assert_non_null(initrd_module(r, "crc32c_intel"));
	assert_null(initrd_module(r, "virtio"));
	assert_null(initrd_module(r, "virtio_blk_"));
	initrd_modules(r, &count);
	assert_int_equal(count, 2);
	// 0, 1, 3, 1 and 1 pages.
	assert_int_equal(r->unpacked, 6 * 4096 + 5 * INODE);
	assert_int_equal(r->first, r->unpacked);
}

static void parse(struct initrd *r, const void *data, size_t size, const char *codec)
{
	struct err err = {0};

	if (initrd_parse(r, data, size, &err))
		fail_msg("%s: %s", codec, err.msg);
	assert_string_equal(r->codec, codec);
	assert_int_equal(r->packed, size);
}

static void test_plain(void **state)
{
	CLEANUP_FREE struct archive *a = make();
	struct initrd r;

	(void)state;
	parse(&r, a->data, a->n, "none");
	check(&r);
	assert_int_equal(r.window, 0);
	initrd_close(&r);
}

static void test_zstd(void **state)
{
	CLEANUP_FREE struct archive *a = make();
	CLEANUP_FREE uint8_t *packed = malloc(2 * ROOM);
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	struct initrd r;
	size_t n;

	(void)state;
	n = ZSTD_compress(packed, 2 * ROOM, a->data, a->n, 3);
	parse(&r, packed, n, "zstd");
	check(&r);
	// A frame of one segment is unpacked in as much as there is.
	assert_int_equal(r.window, a->n);
	initrd_close(&r);
	memset(a->data + a->n, 0, ROOM - a->n);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, 14);
	n = ZSTD_compress2(ctx, packed, 2 * ROOM, a->data, ROOM);
	ZSTD_freeCCtx(ctx);
	assert_false(ZSTD_isError(n));
	parse(&r, packed, n, "zstd");
	check(&r);
	assert_int_equal(r.window, 1 << 14);
	initrd_close(&r);
}

/* What unpacks takes the dictionary that the first block asks for, wherever in its header that is. */
static void test_xz_window(void **state)
{
	static const struct {
		const char *head; /* of the first block, behind its size */
		size_t size;
		uint64_t window; /* KiB */
	} rows[] = {
		{"\0\x21\1\x16", 4, 8 << 10},
		{"\0\x21\1\x0e", 4, 512},
		{"\0\x21\1\x0f", 4, 768},
		{"\x01\x04\0\x21\1\x10", 6, 1 << 10}, // behind the filter for x86
		{"\x01\x04\4abcd\x21\1\x10", 10, 1 << 10},
		{"\xc0\x81\x82\3\x84\5\x21\1\x0e", 9, 512}, // behind both sizes
		// Such as are none.
		{"\0\x21\1\x29", 4, 8 << 10},
		{"\0\x21\2\x0e", 4, 8 << 10},
		{"\0\x04\0", 3, 8 << 10},
		{"\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x21\1\x0e", 14, 8 << 10},
		{"\x01\x04\xff\xff\xff\xff\x7f\x21\1\x0e", 10, 8 << 10},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t data[64] = "\xfd"
				   "7zXZ";

		memcpy(data + 13, rows[i].head, rows[i].size);
		assert_int_equal(initrd_xz_window(data, 13 + rows[i].size), rows[i].window << 10);
	}
	assert_int_equal(initrd_xz_window((const uint8_t *)"\xfd"
							   "7zXZ",
					  6),
			 8 << 20);
}

/* Microcode comes first, not packed, filled up to a block. */
static void test_early(void **state)
{
	CLEANUP_FREE struct archive *a = make(), *early = calloc(1, sizeof(*early));
	uLongf n = ROOM / 2;
	z_stream z = {.next_in = a->data, .avail_in = a->n};
	struct initrd r;

	(void)state;
	add(early, "kernel/x86/microcode/x.bin", "code", 4);
	end(early);
	early->n = (early->n + 511) / 512 * 512;
	z.next_out = early->data + early->n;
	z.avail_out = n;
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	early->n += z.total_out;
	deflateEnd(&z);
	parse(&r, early->data, early->n, "gzip");
	assert_int_equal(r.n, 6);
	assert_non_null(initrd_find(&r, "kernel/x86/microcode/x.bin"));
	assert_non_null(initrd_find(&r, "etc/lifeboat.conf"));
	initrd_close(&r);
}

/* By the tool of that name; one that is damaged is told as what the tool says. */
static void test_xz(void **state)
{
	static const char make_it[] = "xz -c --check=crc32 --x86 --lzma2=dict=512KiB < %s > %s";
	char in[] = "/tmp/lifeboat-test-XXXXXX", out[64], command[256];
	CLEANUP_FREE struct archive *a = make();
	CLEANUP_CLOSE int fd = mkstemp(in);
	struct initrd r;
	struct err err = {0};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, a->data, a->n), a->n);
	snprintf(out, sizeof(out), "%s.xz", in);
	snprintf(command, sizeof(command), make_it, in, out);
	assert_int_equal(system(command), 0);
	if (initrd_open(&r, "", out, &err))
		fail_msg("%s", err.msg);
	check(&r);
	assert_string_equal(r.codec, "xz");
	assert_int_equal(r.window, 512 << 10);
	initrd_close(&r);
	assert_int_equal(truncate(out, 200), 0);
	assert_int_equal(initrd_open(&r, "", out, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "xz: damaged"));
	initrd_close(&r);
	unlink(in);
	unlink(out);
	assert_int_equal(initrd_open(&r, "", out, &err), ERR_SYS);
	initrd_close(&r);
}

/* Of a module count the sections that stay: of 100 and 5000 bytes; 4000 do not. */
static void test_module_size(void **state)
{
	CLEANUP_FREE struct archive *a = calloc(1, sizeof(*a));
	uint8_t elf[64 + 3 * 64] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
	static const struct {
		uint64_t flags, size;
	} sections[] = {{2, 100}, {0, 4000}, {2 | 4, 5000}};
	struct initrd r;
	size_t count;

	(void)state;
	store_le64(elf + 40, 64);
	store_le16(elf + 58, 64);
	store_le16(elf + 60, 3);
	for (int i = 0; i < 3; i++) {
		store_le64(elf + 64 + 64 * i + 8, sections[i].flags);
		store_le64(elf + 64 + 64 * i + 32, sections[i].size);
	}
	add(a, "lib/modules/a.ko", elf, sizeof(elf));
	end(a);
	parse(&r, a->data, a->n, "none");
	// Two pages, and what the layout of a module costs.
	assert_int_equal(initrd_modules(&r, &count), (2 + 3) * 4096);
	initrd_close(&r);
}

/* In two parts: the kernel unpacks the first one and the file that holds the second. */
static void test_rest(void **state)
{
	CLEANUP_FREE struct archive *a = calloc(1, sizeof(*a)), *rest = make();
	CLEANUP_FREE uint8_t *packed = malloc(2 * ROOM);
	struct err err = {0};
	struct initrd r;
	size_t n = ZSTD_compress(packed, 2 * ROOM, rest->data, rest->n, 3);

	(void)state;
	assert_false(ZSTD_isError(n));
	assert_in_range(n, 1, 4096);
	add(a, "init", "first", 5);
	add(a, "bin/ssh", "", 0);
	add(a, NEWC_REST, packed, n);
	end(a);
	parse(&r, a->data, a->n, "none");
	assert_int_equal(r.n, 3 + 5);
	assert_int_equal(r.first, 2 * 4096 + 3 * INODE);
	assert_int_equal(r.unpacked, 4096 + 2 * INODE + 6 * 4096 + 5 * INODE);
	assert_int_equal(initrd_find(&r, "etc/lifeboat.conf")->size, 7);
	assert_non_null(initrd_module(&r, "virtio_blk"));
	// What is unpacked later takes its place.
	assert_int_equal(initrd_find(&r, "bin/ssh")->size, 10000);
	initrd_close(&r);
	a->n = 0;
	add(a, NEWC_REST, packed, n / 2);
	end(a);
	assert_int_equal(initrd_parse(&r, a->data, a->n, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, NEWC_REST));
	initrd_close(&r);
}

/* Cut anywhere, it is never taken for whole. */
static void test_cut(void **state)
{
	CLEANUP_FREE struct archive *a = calloc(1, sizeof(*a));
	struct initrd r;

	(void)state;
	add(a, "init", "#!/x\n", 5);
	end(a);
	for (size_t n = 0; n < a->n; n++) {
		int rc = initrd_parse(&r, a->data, n, NULL);

		// All but the zeros behind the last name may be missing.
		assert_true(rc || n + 4 > a->n);
		initrd_close(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),	    cmocka_unit_test(test_zstd),
		cmocka_unit_test(test_early),	    cmocka_unit_test(test_xz),
		cmocka_unit_test(test_module_size), cmocka_unit_test(test_rest),
		cmocka_unit_test(test_cut),	    cmocka_unit_test(test_xz_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
