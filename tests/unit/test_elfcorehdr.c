// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <gelf.h>
#include <libelf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/elfcorehdr.h"

/* A segment whose every field differs from those of others. */
static struct elfcorehdr_segment segment(size_t i)
{
	return (struct elfcorehdr_segment){
		.type = i ? PT_LOAD : PT_NOTE,
		.flags = i ? PF_R | PF_W | PF_X : 0,
		.offset = 0x1000 * i + 3,
		.vaddr = i ? 0xffff888000000000ULL + 0x10000 * i : 0,
		.paddr = 0x10000 * i,
		.filesz = 0x800 + i,
		.memsz = 0x1000 + i,
	};
}

static void check_phdr(Elf *elf, size_t i)
{
	struct elfcorehdr_segment want = segment(i);
	GElf_Phdr ph;

	if (!gelf_getphdr(elf, i, &ph))
		fail_msg("phdr %zu: %s", i, elf_errmsg(-1));
	if (ph.p_type != want.type || ph.p_flags != want.flags || ph.p_offset != want.offset ||
	    ph.p_vaddr != want.vaddr || ph.p_paddr != want.paddr || ph.p_filesz != want.filesz ||
	    ph.p_memsz != want.memsz)
		fail_msg("phdr %zu differs", i);
}

/* Builds @n segments and has libelf read them. */
static void check_count(uint16_t machine, size_t n)
{
	CLEANUP_FREE struct elfcorehdr_segment *segs = calloc(n + 1, sizeof(*segs));
	struct elfcorehdr_spec spec = {.machine = machine, .segments = segs, .nsegments = n};
	size_t room = elfcorehdr_size(&spec), size = 0, phnum = 0, shnum = 0;
	CLEANUP_FREE char *buf = malloc(room);
	GElf_Ehdr eh;
	Elf *elf;

	assert_true(segs && buf);
	for (size_t i = 0; i < n; i++)
		segs[i] = segment(i);
	memset(buf, 0xee, room);
	assert_int_equal(elfcorehdr_build(&spec, buf, room, &size, NULL), 0);
	assert_int_equal(size, room);
	assert_int_equal(size % 4, 0);

	elf = elf_memory(buf, size);
	assert_non_null(elf);
	assert_int_equal(gelf_getclass(elf), ELFCLASS64);
	assert_non_null(gelf_getehdr(elf, &eh));
	assert_int_equal(eh.e_type, ET_CORE);
	assert_int_equal(eh.e_machine, machine);
	assert_int_equal(eh.e_version, EV_CURRENT);
	assert_int_equal(eh.e_ident[EI_DATA], ELFDATA2LSB);
	assert_int_equal(eh.e_phnum, n < PN_XNUM ? n : PN_XNUM);
	assert_int_equal(elf_getphdrnum(elf, &phnum), 0);
	assert_int_equal(phnum, n);
	assert_int_equal(elf_getshdrnum(elf, &shnum), 0);
	assert_int_equal(shnum, n < PN_XNUM ? 0 : 1);
	for (size_t i = 0; i < n; i++)
		check_phdr(elf, i);
	elf_end(elf);
}

static void test_libelf_reads_it(void **state)
{
	(void)state;
	check_count(EM_X86_64, 0);
	check_count(EM_X86_64, 1);
	check_count(EM_AARCH64, 17);
}

/* The last count that fits e_phnum, the first that does not, and beyond 16 bits. */
static void test_many_segments(void **state)
{
	(void)state;
	check_count(EM_X86_64, 0xfffe);
	check_count(EM_X86_64, 0xffff);
	check_count(EM_X86_64, 0x10001);
}

static void test_room(void **state)
{
	(void)state;
	struct elfcorehdr_segment segs[2] = {segment(0), segment(1)};
	struct elfcorehdr_spec spec = {.machine = EM_X86_64, .segments = segs, .nsegments = 2};
	size_t want = 64 + 2 * 56, size = 42;
	uint8_t buf[200] = {0};

	assert_int_equal(elfcorehdr_size(&spec), want);
	for (size_t room = 0; room < want; room++)
		assert_int_equal(elfcorehdr_build(&spec, buf, room, &size, NULL), ERR_LIMIT);
	assert_int_equal(size, 42);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
	assert_int_equal(elfcorehdr_build(&spec, buf, want, &size, NULL), 0);
	for (size_t i = want; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0);
}

/* Counts whose size wraps must never look as if they fitted. */
static void test_absurd_counts(void **state)
{
	(void)state;
	static const size_t counts[] = {SIZE_MAX, SIZE_MAX / 56, SIZE_MAX / 56 + 1,
					SIZE_MAX / 8 + 1};
	uint8_t buf[256];
	size_t size;

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct elfcorehdr_spec spec = {.nsegments = counts[i]};

		assert_true(elfcorehdr_size(&spec) > SIZE_MAX / 2);
		assert_int_equal(elfcorehdr_build(&spec, buf, sizeof(buf), &size, NULL), ERR_LIMIT);
		assert_int_equal(elfcorehdr_build(&spec, buf, SIZE_MAX, &size, NULL), ERR_LIMIT);
	}
}

static void test_segments_that_wrap(void **state)
{
	(void)state;
	static const struct {
		struct elfcorehdr_segment segment;
		int rc;
	} rows[] = {
		{{.filesz = 1, .memsz = 1, .offset = UINT64_MAX}, 0},
		{{.filesz = 2, .memsz = 2, .offset = UINT64_MAX}, ERR_CORRUPT},
		{{.memsz = 0x1000, .paddr = 0xfffffffffffff000}, 0},
		{{.memsz = 0x1001, .paddr = 0xfffffffffffff000}, ERR_CORRUPT},
		{{.memsz = 0x80000000, .vaddr = 0xffffffff80000000}, 0},
		{{.memsz = 0x80000001, .vaddr = 0xffffffff80000000}, ERR_CORRUPT},
		{{.memsz = UINT64_MAX, .paddr = 1}, 0},
		{{.memsz = UINT64_MAX, .paddr = 2}, ERR_CORRUPT},
		{{.filesz = 2, .memsz = 1}, ERR_CORRUPT},
		{{.filesz = UINT64_MAX, .memsz = 0}, ERR_CORRUPT},
		{{.offset = UINT64_MAX, .paddr = UINT64_MAX, .vaddr = UINT64_MAX}, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct elfcorehdr_segment segs[2] = {segment(0), rows[i].segment};
		struct elfcorehdr_spec spec = {.segments = segs, .nsegments = 2};
		struct err err = {0};
		uint8_t buf[256];
		size_t size;
		int rc = elfcorehdr_build(&spec, buf, sizeof(buf), &size, &err);

		if (rc != rows[i].rc)
			fail_msg("row %zu: %d (%s)", i, rc, err.msg);
		if (rc)
			assert_non_null(strstr(err.msg, "segment 1"));
	}
}

/* What was built reads back, and no prefix or forged field of it does any harm. */
static void test_parse(void **state)
{
	struct elfcorehdr_segment segs[3] = {segment(0), segment(1), segment(2)}, back[3];
	struct elfcorehdr_spec spec = {.machine = EM_X86_64, .segments = segs, .nsegments = 3};
	uint8_t buf[256], broken[256];
	size_t size, extent = 0, n = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		segs[i].type = i ? PT_LOAD : PT_NOTE;
	assert_int_equal(elfcorehdr_build(&spec, buf, sizeof(buf), &size, NULL), 0);
	assert_int_equal(elfcorehdr_extent(buf, &extent, NULL), 0);
	assert_int_equal(extent, size);
	assert_int_equal(elfcorehdr_parse(buf, size, back, 3, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_memory_equal(back, segs, sizeof(segs));
	assert_int_equal(elfcorehdr_parse(buf, size, back, 2, &n, NULL), ERR_LIMIT);
	for (size_t len = 0; len < size; len++)
		assert_int_equal(elfcorehdr_parse(buf, len, back, 3, &n, NULL), ERR_NODATA);
	static const struct {
		size_t at;
		uint16_t value;
		int rc;
	} lies[] = {
		{0, 0, ERR_CORRUPT},
		{EI_CLASS, ELFCLASS32 | ELFDATA2LSB << 8, ERR_CORRUPT},
		{offsetof(Elf64_Ehdr, e_type), ET_EXEC, ERR_CORRUPT},
		{offsetof(Elf64_Ehdr, e_phentsize), 57, ERR_CORRUPT},
		{offsetof(Elf64_Ehdr, e_phoff), 63, ERR_CORRUPT},
		{offsetof(Elf64_Ehdr, e_phoff) + 6, 0xffff, ERR_CORRUPT},
		{offsetof(Elf64_Ehdr, e_phnum), PN_XNUM, ERR_UNSUPPORTED},
		{offsetof(Elf64_Ehdr, e_phnum), PN_XNUM - 1, ERR_NODATA},
		{64 + offsetof(Elf64_Phdr, p_filesz) + 6, 0xffff, ERR_CORRUPT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		memcpy(broken, buf, sizeof(buf));
		store_le16(broken + lies[i].at, lies[i].value);
		assert_int_equal(elfcorehdr_parse(broken, size, back, 3, &n, NULL), lies[i].rc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	      cmocka_unit_test(test_libelf_reads_it),
		cmocka_unit_test(test_many_segments), cmocka_unit_test(test_room),
		cmocka_unit_test(test_absurd_counts), cmocka_unit_test(test_segments_that_wrap),
	};

	elf_version(EV_CURRENT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
