// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernels of all kinds and wrappings, made here; and forged ones, each refused with its reason. */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "loader/kernel.h"

enum {
	SIZE = 16 << 10,
	INIT_SIZE = 1 << 20,
};

/* One setup sector, protocol 2.15, as a kernel of today. */
static void make_bzimage(uint8_t *d)
{
	memset(d, 0, SIZE);
	d[0x1f1] = 1;
	store_le16(d + 0x1fe, 0xaa55);
	d[0x200] = 0xeb;
	d[0x201] = 0x6a;
	memcpy(d + 0x202, "HdrS", 4);
	store_le16(d + 0x206, 0x020f);
	d[0x211] = 1;
	store_le32(d + 0x22c, 0x7fffffff);
	store_le32(d + 0x230, 2 << 20);
	d[0x234] = 1;
	store_le16(d + 0x236, 0x7f);
	store_le32(d + 0x238, 2047);
	store_le32(d + 0x260, INIT_SIZE);
}

static void make_vmlinux(uint8_t *d)
{
	Elf64_Ehdr *e = (Elf64_Ehdr *)d;
	Elf64_Phdr *p = (Elf64_Phdr *)(e + 1);

	memset(d, 0, SIZE);
	memcpy(e->e_ident, ELFMAG, SELFMAG);
	e->e_ident[EI_CLASS] = ELFCLASS64;
	e->e_ident[EI_DATA] = ELFDATA2LSB;
	e->e_type = ET_EXEC;
	e->e_machine = EM_X86_64;
	e->e_entry = 0x1000040;
	e->e_phoff = sizeof(*e);
	e->e_phentsize = sizeof(*p);
	e->e_phnum = 3;
	p[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_paddr = 1, .p_filesz = 1ULL << 60};
	p[1] = (Elf64_Phdr){.p_type = PT_LOAD,
			    .p_offset = 0x1000,
			    .p_paddr = 0x1000000,
			    .p_filesz = 0x800,
			    .p_memsz = 0x800};
	p[2] = (Elf64_Phdr){.p_type = PT_LOAD,
			    .p_offset = 0x2000,
			    .p_paddr = 0x1200000,
			    .p_filesz = 0x400,
			    .p_memsz = 0x9000};
}

static void check_bzimage(const uint8_t *data, size_t size)
{
	struct kernel k;
	struct err err = {0};

	if (kernel_parse(&k, data, size, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(k.format, "bzImage");
	assert_int_equal(k.size, SIZE);
	assert_int_equal(k.nparts, 1);
	assert_int_equal(k.parts[0].offset, 1024);
	assert_int_equal(k.parts[0].size, SIZE - 1024);
	assert_int_equal(k.memory, INIT_SIZE);
	assert_int_equal(k.align, 2 << 20);
	assert_int_equal(k.entry, 0x200);
	assert_int_equal(k.cmdline_max, 2047);
	assert_true(k.above_4g && k.five_levels);
	assert_int_equal(k.setup_size, 0x202 + 0x6a - 0x1f1);
	kernel_free(&k);
}

static void test_bzimage(void **state)
{
	static uint8_t d[SIZE];
	struct kernel k;

	(void)state;
	make_bzimage(d);
	check_bzimage(d, SIZE);
	store_le16(d + 0x236, 1);
	assert_int_equal(kernel_parse(&k, d, SIZE, NULL), 0);
	assert_false(k.above_4g || k.five_levels);
	assert_int_equal(k.initrd_max, 0x7fffffff);
	kernel_free(&k);
}

static void test_vmlinux(void **state)
{
	static uint8_t d[SIZE];
	struct kernel k;
	struct err err = {0};

	(void)state;
	make_vmlinux(d);
	if (kernel_parse(&k, d, SIZE, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(k.format, "vmlinux");
	assert_int_equal(k.nparts, 2);
	assert_int_equal(k.parts[0].at, 0);
	assert_int_equal(k.parts[1].at, 0x200000);
	assert_int_equal(k.parts[1].memsz, 0x9000);
	assert_int_equal(k.entry, 0x40);
	assert_true(k.memory >= 0x209000);
	kernel_free(&k);
}

static size_t gzip(const uint8_t *in, size_t size, uint8_t *out, size_t room)
{
	z_stream z = {
		.next_in = (uint8_t *)in, .avail_in = size, .next_out = out, .avail_out = room};

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

static void test_compressed(void **state)
{
	static uint8_t d[SIZE], packed[2 * SIZE], twice[2 * SIZE];
	size_t n;

	(void)state;
	make_bzimage(d);
	n = gzip(d, SIZE, packed, sizeof(packed));
	check_bzimage(packed, n);
	check_bzimage(twice, gzip(packed, n, twice, sizeof(twice)));
	n = ZSTD_compress(packed, sizeof(packed), d, SIZE, 3);
	assert_false(ZSTD_isError(n));
	check_bzimage(packed, n);
}

static void test_zboot(void **state)
{
	static uint8_t d[SIZE], zboot[2 * SIZE];
	size_t n;

	(void)state;
	make_bzimage(d);
	memcpy(zboot, "MZ\0\0zimg", 8);
	n = gzip(d, SIZE, zboot + 64, sizeof(zboot) - 64);
	store_le32(zboot + 8, 64);
	store_le32(zboot + 12, n);
	memcpy(zboot + 24, "gzip", 5);
	check_bzimage(zboot, 64 + n);
	n = ZSTD_compress(zboot + 64, sizeof(zboot) - 64, d, SIZE, 3);
	store_le32(zboot + 12, n);
	memcpy(zboot + 24, "zstd22", 7);
	check_bzimage(zboot, 64 + n);
}

/* A unified kernel image: PE with sections .osrel and .linux, which the file's alignment fills up. */
static size_t make_uki(uint8_t *u)
{
	memset(u, 0, 0x400);
	memcpy(u, "MZ", 2);
	store_le32(u + 0x3c, 0x80);
	memcpy(u + 0x80, "PE\0\0", 4);
	store_le16(u + 0x86, 2);
	store_le16(u + 0x94, 0x70);
	memcpy(u + 0x108, ".osrel\0\0", 8);
	memcpy(u + 0x130, ".linux\0\0", 8);
	store_le32(u + 0x138, SIZE);
	store_le32(u + 0x140, SIZE + 0x200);
	store_le32(u + 0x144, 0x400);
	make_bzimage(u + 0x400);
	memset(u + 0x400 + SIZE, 0, 0x200);
	return 0x400 + SIZE + 0x200;
}

static void test_uki(void **state)
{
	static uint8_t u[0x400 + SIZE + 0x200];

	(void)state;
	check_bzimage(u, make_uki(u));
}

/* A kernel is an EFI program itself, and not to be taken for one that has a kernel in it. */
static void test_efi_stub(void **state)
{
	static uint8_t d[SIZE];

	(void)state;
	make_bzimage(d);
	memcpy(d, "MZ", 2);
	store_le32(d + 0x3c, 0x80);
	memcpy(d + 0x80, "PE\0\0", 4);
	store_le16(d + 0x86, 1);
	memcpy(d + 0x98, ".text\0\0\0", 8);
	check_bzimage(d, SIZE);
}

static const struct forged {
	bool elf;
	size_t at, bytes; /* a little-endian number of so many bytes there */
	uint64_t value;
	size_t size; /* 0: all of it */
	int code;
	const char *says;
} forged[] = {
	{false, 0, 0, 0, 0x250, ERR_UNSUPPORTED, "neither a bzImage nor"},
	{false, 0, 0, 0, 0, 0, NULL},
	{false, 0, 0, 0, 1024, ERR_CORRUPT, "1 sectors of setup at 0x1f1"},
	{false, 0, 0, 0, 1024 + 512, ERR_CORRUPT, "1 sectors of setup"},
	{false, 0x1f1, 1, 255, 0, ERR_CORRUPT, "255 sectors of setup"},
	{false, 0x201, 1, 0, 0, ERR_CORRUPT, "the setup header ends at 0x202"},
	{false, 0x201, 1, 0xff, 0, ERR_CORRUPT, "the setup header ends at 0x301"},
	{false, 0x206, 2, 0x020b, 0, ERR_UNSUPPORTED, "boot protocol 2.11"},
	{false, 0x211, 1, 0, 0, ERR_UNSUPPORTED, "cannot be moved"},
	{false, 0x234, 1, 0, 0, ERR_UNSUPPORTED, "cannot be moved"},
	{false, 0x236, 2, 0x7e, 0, ERR_UNSUPPORTED, "no 64-bit entry"},
	{false, 0x230, 4, 0, 0, ERR_CORRUPT, "alignment 0 at 0x230"},
	{false, 0x230, 4, 0x300000, 0, ERR_CORRUPT, "alignment 0x300000"},
	{false, 0x230, 4, 0x80000000, 0, ERR_CORRUPT, "alignment 0x80000000"},
	{false, 0x260, 4, 100, 0, ERR_CORRUPT, "init_size 100"},
	{false, 0x260, 4, 0xffffffff, 0, ERR_CORRUPT, "init_size 4294967295"},
	{true, EI_CLASS, 1, ELFCLASS32, 0, ERR_UNSUPPORTED, "no executable for x86_64: class 1"},
	{true, offsetof(Elf64_Ehdr, e_machine), 2, EM_AARCH64, 0, ERR_UNSUPPORTED, "machine 183"},
	{true, offsetof(Elf64_Ehdr, e_type), 2, ET_DYN, 0, ERR_UNSUPPORTED, "type 3"},
	{true, offsetof(Elf64_Ehdr, e_phentsize), 2, 1, 0, ERR_CORRUPT, "headers of 1 bytes"},
	{true, offsetof(Elf64_Ehdr, e_phnum), 2, 0xffff, 0, ERR_CORRUPT, "65535 program headers"},
	{true, offsetof(Elf64_Ehdr, e_phoff), 8, SIZE - 1, 0, ERR_CORRUPT, "3 program headers at"},
	{true, offsetof(Elf64_Ehdr, e_phoff), 8, UINT64_MAX, 0, ERR_CORRUPT, "program headers at"},
	{true, offsetof(Elf64_Ehdr, e_phnum), 2, 1, 0, ERR_CORRUPT, "0 segments to load"},
	{true, offsetof(Elf64_Ehdr, e_entry), 8, 0xfffff8, 0, ERR_CORRUPT, "the entry 0xfffff8"},
	{true, offsetof(Elf64_Ehdr, e_entry), 8, 0x1209000, 0, ERR_CORRUPT, "the entry 0x1209000"},
	// Between the two, and in .bss.
	{true, offsetof(Elf64_Ehdr, e_entry), 8, 0x1000800, 0, ERR_CORRUPT, "the entry 0x1000800"},
	{true, offsetof(Elf64_Ehdr, e_entry), 8, 0x1100000, 0, ERR_CORRUPT, "the entry 0x1100000"},
	{true, offsetof(Elf64_Ehdr, e_entry), 8, 0x1200400, 0, ERR_CORRUPT, "the entry 0x1200400"},
	{true, offsetof(Elf64_Ehdr, e_entry), 8, 0x12003ff, 0, 0, NULL},
	{true, 64 + 112 + 24, 8, 0x10007ff, 0, ERR_CORRUPT, "at 0x10007ff lies over the one at"},
	{true, 64 + 112 + 24, 8, 0xff8000, 0, ERR_CORRUPT, "at 0xff8000 lies over the one at"},
	{true, 64 + 56 + 8, 8, UINT64_MAX, 0, ERR_CORRUPT, "program header 1:"},
	{true, 64 + 56 + 32, 8, UINT64_MAX, 0, ERR_CORRUPT, "program header 1:"},
	{true, 64 + 56 + 40, 8, 0x7ff, 0, ERR_CORRUPT, "0x7ff bytes of memory"},
	{true, 64 + 56 + 40, 8, UINT64_MAX, 0, ERR_CORRUPT, "program header 1:"},
	{true, 64 + 56 + 24, 8, UINT64_MAX, 0, ERR_CORRUPT, "program header 1:"},
	{true, 64 + 112 + 24, 8, 1ULL << 60, 0, ERR_CORRUPT, "2 segments to load"},
	{true, 64 + 56 + 24, 8, 0x1001000, 0, ERR_CORRUPT, "not at a multiple of 2 MiB"},
};

static void test_forged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(forged); i++) {
		const struct forged *f = &forged[i];
		size_t size = f->size ? f->size : SIZE;
		uint8_t *d = malloc(SIZE), *cut;
		struct kernel k;
		struct err err = {0};
		int rc;

		assert_non_null(d);
		if (f->elf)
			make_vmlinux(d);
		else
			make_bzimage(d);
		for (size_t b = 0; b < f->bytes; b++)
			d[f->at + b] = f->value >> (8 * b);
		// A block of its own size, so that the sanitizer sees what is read behind it.
		cut = realloc(d, size);
		assert_non_null(cut);
		rc = kernel_parse(&k, cut, size, &err);
		if (rc != f->code || (f->says && !strstr(err.msg, f->says)))
			fail_msg("row %zu: expected %d '%s', found %d '%s'", i, f->code,
				 f->says ? f->says : "", rc, err.msg);
		kernel_free(&k);
		free(cut);
	}
}

static void parse_fails(const uint8_t *data, size_t size, int code, const char *says)
{
	struct kernel k;
	struct err err = {0};

	if (kernel_parse(&k, data, size, &err) != code || !strstr(err.msg, says))
		fail_msg("expected %d, '%s', found '%s'", code, says, err.msg);
	kernel_free(&k);
}

static void test_forged_wrappings(void **state)
{
	static uint8_t d[SIZE], packed[2 * SIZE];
	static uint8_t u[0x400 + SIZE + 0x200];
	size_t n;

	(void)state;
	make_bzimage(d);
	n = gzip(d, SIZE, packed, sizeof(packed));
	parse_fails(packed, n - 9, ERR_CORRUPT, "gzip: damaged at its byte");
	// Its checksum.
	packed[n - 6] ^= 0x10;
	parse_fails(packed, n, ERR_CORRUPT, "gzip: damaged at its byte");
	n = ZSTD_compress(packed, sizeof(packed), d, SIZE, 3);
	parse_fails(packed, n - 1, ERR_CORRUPT, "zstd: damaged");
	memcpy(packed, "MZ\0\0zimg", 8);
	store_le32(packed + 8, 64);
	store_le32(packed + 12, UINT32_MAX);
	parse_fails(packed, sizeof(packed), ERR_CORRUPT, "EFI zboot image: payload: 4294967295");
	store_le32(packed + 12, 100);
	memcpy(packed + 24, "lzma", 5);
	parse_fails(packed, sizeof(packed), ERR_UNSUPPORTED, "packed with 'lzma'");
	parse_fails(packed, 40, ERR_CORRUPT, "ends in its header");
	n = make_uki(u);
	store_le32(u + 0x144, UINT32_MAX);
	parse_fails(u, n, ERR_CORRUPT, "section .linux: 16384 bytes at 4294967295");
	store_le32(u + 0x3c, UINT32_MAX);
	parse_fails(u, n, ERR_UNSUPPORTED, "neither a bzImage");
	// One in the other, again and again.
	memset(d, 0, SIZE);
	n = gzip(d, 16, packed, sizeof(packed));
	for (int i = 0; i < 6; i++) {
		memcpy(d, packed, n);
		n = gzip(d, n, packed, sizeof(packed));
	}
	parse_fails(packed, n, ERR_LIMIT, "wrapped more than 4 times");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bzimage),	   cmocka_unit_test(test_vmlinux),
		cmocka_unit_test(test_compressed), cmocka_unit_test(test_zboot),
		cmocka_unit_test(test_uki),	   cmocka_unit_test(test_efi_stub),
		cmocka_unit_test(test_forged),	   cmocka_unit_test(test_forged_wrappings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
