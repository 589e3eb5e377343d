// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <gelf.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/elfnote.h"
#include "tests/lib/mkcore.h"
#include "vmcore/vmcore.h"

static int open_fd(int fd, struct vmcore **vc, struct err *err)
{
	char path[MKCORE_PATH_MAX];

	mkcore_path(fd, path);
	return vmcore_open(path, vc, err);
}

static struct vmcore *open_text(const char *text)
{
	struct err err = {0};
	struct vmcore *vc = NULL;
	CLEANUP_CLOSE int fd = mkcore_memfd(text, &err);

	if (fd < 0)
		fail_msg("%s: %s", text, err.msg);
	if (open_fd(fd, &vc, &err))
		fail_msg("%s: %s", text, err.msg);
	return vc;
}

static void refused(const char *text, int code, const char *says)
{
	struct err err = {0};
	struct vmcore *vc = NULL;
	CLEANUP_CLOSE int fd = mkcore_memfd(text, &err);

	if (fd < 0)
		fail_msg("%s: %s", text, err.msg);
	assert_int_equal(open_fd(fd, &vc, &err), code);
	assert_null(vc);
	if (!strstr(err.msg, says))
		fail_msg("'%s' does not say '%s'", err.msg, says);
	// Without a place for the words the code is the same.
	assert_int_equal(open_fd(fd, &vc, NULL), code);
}

static void warns(const struct vmcore *vc, const char *says)
{
	const struct vmcore_info *info = vmcore_info(vc);

	for (size_t i = 0; i < info->nwarnings && i < VMCORE_WARNINGS_MAX; i++)
		if (strstr(info->warnings[i], says))
			return;
	fail_msg("none of %zu warnings says '%s'; the first: '%s'", info->nwarnings, says,
		 info->warnings[0]);
}

static void check_range(const struct vmcore *vc, size_t i, paddr_t paddr, uint64_t memsz,
			uint64_t filesz)
{
	const struct vmcore_range *r = &vmcore_info(vc)->ranges[i];

	assert_true(i < vmcore_info(vc)->nranges);
	assert_int_equal(r->paddr, paddr);
	assert_int_equal(r->memsz, memsz);
	assert_int_equal(r->filesz, filesz);
}

static void check_byte(struct vmcore *vc, paddr_t paddr, uint8_t want)
{
	struct err err = {0};
	uint8_t got;

	if (vmcore_read(vc, paddr, &got, 1, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(got, want);
}

static void test_plain(void **state)
{
	struct vmcore *vc = open_text("note name=CORE type=1 01 02 03\n"
				      "vmcoreinfo <<END\nOSRELEASE=6.1\nEND\n"
				      "load paddr=1M size=16K vaddr=0xffff888000100000\n"
				      "load paddr=0x1000 size=8K\n"
				      "data 0x1000 aa *4096 bb *4096\n"
				      "data 0x100ffe # nothing\n"
				      "data 0x101fff 01 02\n");
	const struct vmcore_info *info = vmcore_info(vc);
	struct elfnote_iter it;
	struct elfnote note;

	(void)state;
	assert_string_equal(info->format, "elf");
	assert_int_equal(info->machine, 62);
	assert_int_equal(info->nwarnings, 0);
	assert_false(info->truncated);
	assert_false(info->has_text);
	// They were not in order.
	assert_int_equal(info->nranges, 2);
	check_range(vc, 0, 0x1000, 0x2000, 0x2000);
	check_range(vc, 1, 0x100000, 0x4000, 0x4000);
	assert_int_equal(info->ranges[1].vaddr, 0xffff888000100000);
	check_byte(vc, 0x1fff, 0xaa);
	check_byte(vc, 0x2000, 0xbb);
	check_byte(vc, 0x101fff, 1);
	check_byte(vc, 0x102000, 2);

	elfnote_iter_init(&it, info->notes, info->notes_size);
	assert_int_equal(elfnote_next(&it, &note, NULL), 1);
	assert_string_equal(note.name, "CORE");
	assert_int_equal(elfnote_next(&it, &note, NULL), 1);
	assert_string_equal(note.name, "VMCOREINFO");
	assert_memory_equal(note.desc, "OSRELEASE=6.1\n", 14);
	assert_int_equal(elfnote_next(&it, &note, NULL), 0);
	vmcore_close(vc);
}

// libelf, which shares no line with our reader, finds the same segments.
static void compare_with_libelf(const char *text)
{
	struct err err = {0};
	struct vmcore *vc = NULL;
	CLEANUP_CLOSE int fd = mkcore_memfd(text, &err);
	size_t n, loads = 0;
	GElf_Ehdr eh;
	Elf *elf;

	assert_true(fd >= 0);
	assert_int_equal(open_fd(fd, &vc, &err), 0);
	assert_int_not_equal(elf_version(EV_CURRENT), EV_NONE);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	assert_non_null(elf);
	assert_non_null(gelf_getehdr(elf, &eh));
	assert_int_equal(eh.e_type, ET_CORE);
	assert_int_equal(eh.e_machine, vmcore_info(vc)->machine);
	assert_int_equal(elf_getphdrnum(elf, &n), 0);
	for (size_t i = 0; i < n; i++) {
		const struct vmcore_range *r = &vmcore_info(vc)->ranges[loads];
		GElf_Phdr ph;

		assert_non_null(gelf_getphdr(elf, i, &ph));
		if (ph.p_type == PT_NOTE)
			assert_int_equal(ph.p_filesz, vmcore_info(vc)->notes_size);
		if (ph.p_type != PT_LOAD)
			continue;
		assert_true(loads++ < vmcore_info(vc)->nranges);
		assert_int_equal(ph.p_paddr, r->paddr);
		assert_int_equal(ph.p_vaddr, r->vaddr);
		assert_int_equal(ph.p_memsz, r->memsz);
		assert_int_equal(ph.p_filesz, r->filesz);
		if (ph.p_filesz)
			assert_int_equal(ph.p_offset, r->offset);
	}
	assert_int_equal(loads, vmcore_info(vc)->nranges);
	elf_end(elf);
	vmcore_close(vc);
}

static void test_libelf(void **state)
{
	(void)state;
	compare_with_libelf("prstatus pid=1 rip=0xffffffff81000000\n"
			    "vmcoreinfo <<END\nOSRELEASE=6.1\nEND\n"
			    "load paddr=0x1000 size=0x9e000 vaddr=0xffff888000001000\n"
			    "load paddr=1M size=1G vaddr=0xffff888000100000 filesz=4K\n"
			    "load paddr=4G size=1G filesz=0 vaddr=0xffff888100000000\n");
	compare_with_libelf("machine aarch64\nload paddr=0 size=16 count=0xfffe stride=32\n");
	compare_with_libelf("load paddr=0 size=16 count=0xffff stride=32\n");
	compare_with_libelf("load paddr=0 size=16 count=0x10000 stride=32\n");
	compare_with_libelf("load paddr=0 size=16 count=2 stride=32\nxnum\n");
}

static void test_other_machines(void **state)
{
	struct vmcore *vc = open_text("machine aarch64\nload paddr=1G size=4K\n");

	(void)state;
	assert_int_equal(vmcore_info(vc)->machine, 183);
	vmcore_close(vc);
	vc = open_text("machine 243\nload paddr=2G size=4K\n");
	assert_int_equal(vmcore_info(vc)->machine, 243);
	vmcore_close(vc);
}

static void test_find(void **state)
{
	struct vmcore *vc = open_text("load paddr=4K size=4K count=1000 stride=16K\n");

	(void)state;
	assert_int_equal(vmcore_info(vc)->nranges, 1000);
	assert_null(vmcore_find(vc, 0));
	assert_null(vmcore_find(vc, 0xfff));
	for (unsigned int i = 0; i < 1000; i++) {
		paddr_t p = 0x1000 + i * 0x4000ULL;

		assert_ptr_equal(vmcore_find(vc, p), &vmcore_info(vc)->ranges[i]);
		assert_ptr_equal(vmcore_find(vc, p + 0xfff), &vmcore_info(vc)->ranges[i]);
		assert_null(vmcore_find(vc, p + 0x1000));
	}
	assert_null(vmcore_find(vc, UINT64_MAX));
	vmcore_close(vc);
}

static void test_read_across(void **state)
{
	// Adjoining, the second one with an end that was not captured.
	struct vmcore *vc = open_text("load paddr=4K size=4K\n"
				      "load paddr=8K size=8K filesz=4K\n"
				      "data 4K 11 *4096 22 *4096\n");
	uint8_t buf[0x3000];

	(void)state;
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(vmcore_read(vc, 0x1000, buf, sizeof(buf), NULL), 0);
	assert_int_equal(buf[0xfff], 0x11);
	assert_int_equal(buf[0x1000], 0x22);
	assert_int_equal(buf[0x1fff], 0x22);
	assert_int_equal(buf[0x2000], 0);
	assert_int_equal(buf[0x2fff], 0);
	assert_int_equal(vmcore_read(vc, 0x1001, buf, sizeof(buf), NULL), ERR_NOTFOUND);
	assert_int_equal(vmcore_read(vc, 0xfff, buf, 1, NULL), ERR_NOTFOUND);
	assert_int_equal(vmcore_read(vc, UINT64_MAX, buf, 2, NULL), ERR_NOTFOUND);
	assert_int_equal(vmcore_read(vc, UINT64_MAX, buf, 0, NULL), 0);
	assert_int_equal(vmcore_read_errors(vc), 0);
	vmcore_close(vc);
}

static void test_empty_segments(void **state)
{
	struct vmcore *vc = open_text("load paddr=4K size=0\nload paddr=8K size=4K\n"
				      "load paddr=9K size=0\n");

	(void)state;
	assert_int_equal(vmcore_info(vc)->nranges, 1);
	assert_int_equal(vmcore_info(vc)->nwarnings, 0);
	vmcore_close(vc);

	// Nothing but them: a dump without memory, but perhaps with notes.
	vc = open_text("load paddr=4K size=0\nnote name=X type=1 00\n");
	assert_int_equal(vmcore_info(vc)->nranges, 0);
	assert_true(vmcore_info(vc)->notes_size > 0);
	assert_null(vmcore_find(vc, 0x1000));
	vmcore_close(vc);
}

static void test_same_place(void **state)
{
	struct vmcore *vc = open_text("load paddr=0x10000 size=0x8000 offset=0x10000\n"
				      "load paddr=0x14000 size=0x8000 offset=0x14000\n"
				      "load paddr=0x11000 size=0x1000 offset=0x11000\n"
				      "data 0x10000 ( 01 02 03 04 ) *0x3000\n");

	(void)state;
	warns(vc, "merged");
	assert_int_equal(vmcore_info(vc)->nwarnings, 2);
	assert_int_equal(vmcore_info(vc)->nranges, 1);
	check_range(vc, 0, 0x10000, 0xc000, 0xc000);
	check_byte(vc, 0x14001, 2);
	check_byte(vc, 0x1bfff, 4);
	vmcore_close(vc);
}

// As /proc/vmcore of x86_64 has it: the kernel's text first, then memory with the same bytes.
static void test_kernel_text(void **state)
{
	struct vmcore *vc =
		open_text("load paddr=0x2000000 size=0x5000 vaddr=0xffffffff93000000\n"
			  "load paddr=0x1000 size=0x2000 vaddr=0xffff888000001000\n"
			  "load paddr=0x1000000 size=0x2000000 vaddr=0xffff888001000000\n"
			  "data 0x2000000 ab *0x5000\n");
	const struct vmcore_info *info = vmcore_info(vc);

	(void)state;
	assert_int_equal(info->nwarnings, 0);
	assert_int_equal(info->nranges, 2);
	check_range(vc, 1, 0x1000000, 0x2000000, 0x2000000);
	assert_int_equal(info->ranges[1].vaddr, 0xffff888001000000);
	assert_true(info->has_text);
	assert_int_equal(info->text_vaddr, 0xffffffff93000000);
	assert_int_equal(info->text_paddr, 0x2000000);
	check_byte(vc, 0x2004fff, 0xab);
	check_byte(vc, 0x2005000, 0);
	vmcore_close(vc);

	// On arm64 it has no fixed address, but one that is not the linear mapping's.
	vc = open_text("machine aarch64\n"
		       "load paddr=0x48000000 size=0x5000 vaddr=0xffffa00010080000\n"
		       "load paddr=0x40000000 size=0x10000000 vaddr=0xffff000000000000\n");
	assert_int_equal(vmcore_info(vc)->nwarnings, 0);
	assert_true(vmcore_info(vc)->has_text);
	assert_int_equal(vmcore_info(vc)->text_vaddr, 0xffffa00010080000);
	assert_int_equal(vmcore_info(vc)->text_paddr, 0x48000000);
	vmcore_close(vc);

	// An address that no kernel text can have: kexec-tools on a kernel without the symbol.
	vc = open_text("load paddr=0x1000 size=0x1000\n"
		       "override ph0.p_vaddr=0xffffffffffffffff\n");
	assert_false(vmcore_info(vc)->has_text);
	vmcore_close(vc);
}

static void test_twice(void **state)
{
	// No text: the same memory twice, the larger counts. Its bytes differ here to be told apart.
	struct vmcore *vc = open_text("load paddr=0x10000 size=0x3000 offset=0x10000\n"
				      "load paddr=0x11000 size=0x8000 offset=0x20000\n"
				      "at 0x10000 01 *0x3000\n"
				      "at 0x20000 02 *0x8000\n");

	(void)state;
	warns(vc, "twice");
	assert_int_equal(vmcore_info(vc)->nwarnings, 1);
	assert_int_equal(vmcore_info(vc)->nranges, 2);
	check_range(vc, 0, 0x10000, 0x1000, 0x1000);
	check_range(vc, 1, 0x11000, 0x8000, 0x8000);
	check_byte(vc, 0x10fff, 1);
	check_byte(vc, 0x11000, 2);
	check_byte(vc, 0x18fff, 2);
	vmcore_close(vc);

	// A small one in the middle of a large one whose data were not captured: the data win.
	vc = open_text("load paddr=0x10000 size=0x10000 filesz=0x1000\n"
		       "load paddr=0x18000 size=0x1000\n"
		       "data 0x10000 01 *0x1000\n"
		       "data 0x18000 02 *0x1000\n");
	assert_int_equal(vmcore_info(vc)->nranges, 2);
	check_range(vc, 0, 0x10000, 0x8000, 0x1000);
	check_range(vc, 1, 0x18000, 0x8000, 0x1000);
	check_byte(vc, 0x10fff, 1);
	check_byte(vc, 0x11000, 0);
	check_byte(vc, 0x18800, 2);
	check_byte(vc, 0x19000, 0);
	check_byte(vc, 0x1ffff, 0);
	vmcore_close(vc);
}

// All ways in which two and three segments can lie, against a map of bytes.
static void test_overlaps_all(void **state)
{
	enum { N = 6 };
	char text[512];

	(void)state;
	for (unsigned int k = 0; k < 3 * 216; k++) {
		struct vmcore *vc;
		uint8_t want[2 * N] = {0}, covered[2 * N] = {0};
		uint64_t start[2] = {k % 6, k / 6 % 6}, size[2] = {1 + k / 36 % 6, 3};
		uint64_t filesz[2] = {size[0] * (k / 216) / 2, 3};
		int first = size[0] > size[1] ? 1 : 0; // the other one is painted over it

		snprintf(text, sizeof(text),
			 "load paddr=%llu size=%llu filesz=%llu offset=4096\n"
			 "load paddr=%llu size=%llu filesz=%llu offset=8192\n"
			 "at 4096 01 *%llu\nat 8192 02 *%llu\n",
			 (unsigned long long)start[0], (unsigned long long)size[0],
			 (unsigned long long)filesz[0], (unsigned long long)start[1],
			 (unsigned long long)size[1], (unsigned long long)filesz[1],
			 (unsigned long long)filesz[0], (unsigned long long)filesz[1]);
		if (size[0] == size[1])
			first = 1;
		for (int pass = 0; pass < 2; pass++) {
			int s = pass ? !first : first;

			for (uint64_t i = start[s]; i < start[s] + size[s]; i++) {
				covered[i] = 1;
				if (i < start[s] + filesz[s])
					want[i] = s + 1;
			}
		}
		vc = open_text(text);
		for (size_t i = 1; i < vmcore_info(vc)->nranges; i++)
			assert_true(vmcore_info(vc)->ranges[i - 1].paddr +
					    vmcore_info(vc)->ranges[i - 1].memsz <=
				    vmcore_info(vc)->ranges[i].paddr);
		for (unsigned int i = 0; i < 2 * N; i++) {
			assert_int_equal(vmcore_find(vc, i) != NULL, covered[i]);
			if (covered[i])
				check_byte(vc, i, want[i]);
		}
		vmcore_close(vc);
	}
}

static void test_truncated(void **state)
{
	// Data begin at 0x1000: 64 + 2 * 56 bytes of headers come before.
	struct vmcore *vc = open_text("load paddr=0x10000 size=0x4000\n"
				      "load paddr=0x20000 size=0x4000\n"
				      "data 0x10000 01 *0x4000\n"
				      "truncate 0x2800\n");
	const struct vmcore_info *info = vmcore_info(vc);

	(void)state;
	assert_true(info->truncated);
	assert_int_equal(info->nwarnings, 2);
	warns(vc, "PT_LOAD 0");
	warns(vc, "PT_LOAD 1");
	assert_int_equal(info->nranges, 2);
	check_range(vc, 0, 0x10000, 0x4000, 0x1800);
	check_range(vc, 1, 0x20000, 0x4000, 0);
	check_byte(vc, 0x117ff, 1);
	check_byte(vc, 0x11800, 0);
	check_byte(vc, 0x23fff, 0);
	vmcore_close(vc);

	// Of the same memory, what the file has counts, not what it lost.
	vc = open_text("load paddr=0x10000 size=0x1000 offset=0x1000\n"
		       "load paddr=0x10000 size=0x4000 offset=0x100000\n"
		       "at 0x1000 07 *0x1000\ntruncate 0x2000\n");
	check_byte(vc, 0x10000, 7);
	check_byte(vc, 0x11000, 0);
	vmcore_close(vc);

	vc = open_text("load paddr=0 size=4K\noverride e_flags=1\n");
	assert_true(vmcore_info(vc)->truncated);
	vmcore_close(vc);
}

// A good core cut at each byte: an error of the right kind, or a dump that says it was cut.
static void test_cut_everywhere(void **state)
{
	struct err err = {0};
	CLEANUP_CLOSE int fd = mkcore_memfd("note name=CORE type=1 00 *40\n"
					    "load paddr=0x10000 size=0x1000\n"
					    "load paddr=0x20000 size=0x10\n",
					    &err);
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t size = st.st_size - 1; size >= 0; size--) {
		struct vmcore *vc = NULL;
		int rc;

		assert_int_equal(ftruncate(fd, size), 0);
		rc = open_fd(fd, &vc, &err);
		if (size < 4 && size > 0)
			assert_int_equal(rc, ERR_UNSUPPORTED);
		else if (size < 64 + 3 * 56)
			assert_int_equal(rc, ERR_NODATA);
		else
			assert_int_equal(rc, 0);
		if (!rc)
			assert_true(vmcore_info(vc)->truncated);
		vmcore_close(vc);
	}
}

static void test_notes(void **state)
{
	// One PT_NOTE a CPU, of sizes that are no multiple of 4: each begins aligned.
	struct vmcore *vc = open_text("rawnote le32 2 le32 1 le32 7 \"A\\0\" %4 aa\n"
				      "segment\n"
				      "rawnote le32 2 le32 1 le32 8 \"B\\0\" %4 bb\n"
				      "load paddr=0 size=4K\n");
	const struct vmcore_info *info = vmcore_info(vc);
	struct elfnote_iter it;
	struct elfnote note;

	(void)state;
	assert_int_equal(info->notes_size, 2 * 20);
	elfnote_iter_init(&it, info->notes, info->notes_size);
	assert_int_equal(elfnote_next(&it, &note, NULL), 1);
	assert_int_equal(note.type, 7);
	assert_int_equal(elfnote_next(&it, &note, NULL), 1);
	assert_int_equal(note.type, 8);
	assert_int_equal(note.desc[0], 0xbb);
	vmcore_close(vc);

	// A PT_NOTE that claims 4 GiB: what is there of it.
	vc = open_text("note name=CORE type=1 00 *40\nload paddr=0 size=4K\n"
		       "override ph0.p_filesz=4G\n");
	assert_true(vmcore_info(vc)->truncated);
	warns(vc, "PT_NOTE 0");
	assert_true(vmcore_info(vc)->notes_size <= vmcore_info(vc)->file_size);
	elfnote_iter_init(&it, vmcore_info(vc)->notes, vmcore_info(vc)->notes_size);
	assert_int_equal(elfnote_next(&it, &note, NULL), 1);
	vmcore_close(vc);

	// The same in a file that is long enough, and twice: the limit of what is read.
	vc = open_text("note name=CORE type=1 00 *40\nsegment\nnote name=CORE type=1 00 *40\n"
		       "load paddr=0 size=8G\n"
		       "override ph0.p_filesz=40M\noverride ph1.p_filesz=4G\n");
	assert_true(vmcore_info(vc)->truncated);
	assert_int_equal(vmcore_info(vc)->notes_size, ELFNOTE_SEGMENT_MAX);
	vmcore_close(vc);

	// Wholly beyond the end.
	vc = open_text("note name=CORE type=1 00 *40\nload paddr=0 size=4K\n"
		       "override ph0.p_offset=0xfffffffffffffff0\n");
	assert_true(vmcore_info(vc)->truncated);
	assert_int_equal(vmcore_info(vc)->notes_size, 0);
	vmcore_close(vc);
}

static void test_impossible_address(void **state)
{
	struct vmcore *vc = open_text("load paddr=0x1000 size=4K\nload paddr=0 size=4K\n"
				      "override ph1.p_paddr=0x100000000000000\n");

	(void)state;
	warns(vc, "ignored");
	assert_int_equal(vmcore_info(vc)->nranges, 1);
	vmcore_close(vc);
	// The last byte that is possible.
	vc = open_text("load paddr=0xfffffffffff000 size=4K\n");
	assert_int_equal(vmcore_info(vc)->nranges, 1);
	assert_int_equal(vmcore_info(vc)->nwarnings, 0);
	vmcore_close(vc);
}

/* A segment that makes no sense is told, and the others are read. */
static void test_senseless_segment(void **state)
{
	static const char *const lies[] = {
		"ph1.p_filesz=0x1001",
		"ph1.p_memsz=0",
		"ph1.p_paddr=0xfffffffffffff001",
		"ph1.p_memsz=0xffffffffffffffff",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct vmcore *vc;

		snprintf(text, sizeof(text),
			 "load paddr=0x8000 size=4K\nload paddr=0x1000 size=4K\noverride %s\n",
			 lies[i]);
		vc = open_text(text);
		warns(vc, "PT_LOAD 1");
		warns(vc, "make no sense: ignored");
		assert_true(vmcore_info(vc)->truncated);
		assert_int_equal(vmcore_info(vc)->nranges, 1);
		assert_int_equal(vmcore_info(vc)->ranges[0].paddr, 0x8000);
		vmcore_close(vc);
	}
}

static void test_lies(void **state)
{
	static const char load[] = "load paddr=0x1000 size=4K\n";
	static const struct {
		const char *lie;
		int code;
		const char *says;
	} lies[] = {
		{"override ei_class=1", ERR_UNSUPPORTED, "32-bit"},
		{"override ei_class=3", ERR_CORRUPT, "class"},
		{"override ei_data=2", ERR_UNSUPPORTED, "big endian"},
		{"override ei_data=0", ERR_CORRUPT, "byte order"},
		{"override ei_version=2", ERR_CORRUPT, "version"},
		{"override e_type=2", ERR_UNSUPPORTED, "e_type"},
		{"override e_phentsize=55", ERR_CORRUPT, "expected 56, found 55"},
		{"override e_phentsize=0", ERR_CORRUPT, "e_phentsize"},
		{"override e_phnum=0", ERR_CORRUPT, "no program headers"},
		{"override e_phnum=0xfffe", ERR_NODATA, "65534 program headers"},
		{"override e_phoff=0x2000", ERR_NODATA, "the file ends at"},
		{"override e_phoff=0xffffffffffffffff", ERR_NODATA, "program headers"},
		{"override e_phoff=0xfffffffffffffff0", ERR_NODATA, "program headers"},
		{"at 0 7f 45 4c 47", ERR_UNSUPPORTED, "7f 45 4c 47"},
		{"truncate 0", ERR_NODATA, "empty"},
		{"truncate 1", ERR_UNSUPPORTED, "known format"},
		{"truncate 63", ERR_NODATA, "ELF header"},
		{"xnum 0x100001", ERR_LIMIT, "1048577 program headers"},
		{"xnum 0xffffffff", ERR_LIMIT, "at most"},
		{"xnum 1048576", ERR_NODATA, "1048576 program headers"},
		{"xnum\noverride e_shentsize=40", ERR_CORRUPT, "e_shentsize"},
		{"xnum\noverride e_shoff=0xffffffffffffffff", ERR_NODATA, "section header 0"},
		{"xnum\ntruncate 150", ERR_NODATA, "section header 0"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		snprintf(text, sizeof(text), "%s%s\n", load, lies[i].lie);
		refused(text, lies[i].code, lies[i].says);
	}
}

static void test_xnum(void **state)
{
	// Told by the section header though the count is small, then because it must be.
	struct vmcore *vc = open_text("load paddr=0 size=4K count=3 stride=8K\nxnum\n");

	(void)state;
	assert_int_equal(vmcore_info(vc)->nranges, 3);
	vmcore_close(vc);
	vc = open_text("load paddr=0 size=16 count=0x10001 stride=32\n"
		       "data 0x200000 0f *16\n");
	assert_int_equal(vmcore_info(vc)->nranges, 0x10001);
	assert_int_equal(vmcore_info(vc)->nwarnings, 0);
	check_byte(vc, 0x20000f, 0x0f);
	check_byte(vc, 0x1fffef, 0);
	vmcore_close(vc);
}

static void test_many_warnings(void **state)
{
	struct vmcore *vc =
		open_text("load paddr=0 size=4K count=100 stride=8K\ntruncate 0x1800\n");

	(void)state;
	assert_true(vmcore_info(vc)->nwarnings > VMCORE_WARNINGS_MAX);
	vmcore_close(vc);
}

static void test_not_a_file(void **state)
{
	struct vmcore *vc = NULL;
	struct err err = {0};
	int pipes[2];

	(void)state;
	assert_int_equal(vmcore_open("/nonexistent/vmcore", &vc, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "/nonexistent/vmcore"));
	assert_int_equal(vmcore_open("/", &vc, &err), ERR_UNSUPPORTED);
	assert_int_equal(vmcore_open("/dev/null", &vc, &err), ERR_UNSUPPORTED);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(open_fd(pipes[0], &vc, &err), ERR_UNSUPPORTED);
	close(pipes[0]);
	close(pipes[1]);
	assert_null(vc);
	vmcore_close(NULL);
}

// Shorter than it was when it was opened: an error, not silence.
static void test_shrunk(void **state)
{
	struct vmcore *vc = NULL;
	struct err err = {0};
	CLEANUP_CLOSE int fd = mkcore_memfd("load paddr=0 size=0x4000\n", &err);
	uint8_t buf[0x1000];

	(void)state;
	assert_int_equal(open_fd(fd, &vc, &err), 0);
	assert_int_equal(ftruncate(fd, 0x2000), 0);
	assert_int_equal(vmcore_read(vc, 0, buf, sizeof(buf), &err), 0);
	assert_int_equal(vmcore_read(vc, 0x800, buf, sizeof(buf), &err), ERR_NODATA);
	assert_non_null(strstr(err.msg, "physical address 0x800"));
	vmcore_close(vc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_libelf),
		cmocka_unit_test(test_other_machines),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_read_across),
		cmocka_unit_test(test_empty_segments),
		cmocka_unit_test(test_same_place),
		cmocka_unit_test(test_kernel_text),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_overlaps_all),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_impossible_address),
		cmocka_unit_test(test_senseless_segment),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_xnum),
		cmocka_unit_test(test_many_warnings),
		cmocka_unit_test(test_not_a_file),
		cmocka_unit_test(test_shrunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
