// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/elfnote.h"
#include "crashnotes/prstatus.h"
#include "tests/lib/mkcore.h"
#include "vmcore/vmcore.h"

static void test_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"hello\n", "text:1: no statement 'hello'"},
		{"# fine\n\nload paddr=1 size=2 colour=3\n", "text:3: load has no 'colour'"},
		{"load paddr=0x1g\n", "'0x1g' is not a number"},
		{"load paddr=\n", "'' is not a number"},
		{"load paddr=-1\n", "not a number"},
		{"load paddr=16777216T\n", "not a number"},
		{"load paddr=99999999999999999999\n", "not a number"},
		{"load paddr=1 2\n", "'2' is too much"},
		{"machine vax\n", "'vax' is not a number"},
		{"machine 2\nprstatus pid=1\n", "text:2: the registers of machine 2"},
		{"prstatus r99=1\n", "no register 'r99'"},
		{"note name=A type=B\n", "'B' is not a number"},
		{"note size=1\n", "note has no 'size'"},
		{"note name=A type=1 0g\n", "text:1:"},
		{"vmcoreinfo OSRELEASE=6\n", "<<WORD expected"},
		{"load size=1\nvmcoreinfo <<END\nA=1\n", "text:2: no line 'END'"},
		{"override e_pig=1\n", "no field 'e_pig'"},
		{"override p_type=1\n", "no field 'p_type'"},
		{"override ph0.e_type=1\n", "no field"},
		{"override e_type\n", "FIELD=N expected"},
		{"override ph7.p_type=1\n", "no program header 7"},
		{"data 0x1000 00\n", "in a load"},
		{"load paddr=0 size=4K\ndata 4095 00 00\n", "only 1 are in a load"},
		{"truncate\n", "not a number"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = {0};

		assert_int_equal(mkcore_memfd(bad[i].text, &err), ERR_USAGE);
		if (!strstr(err.msg, bad[i].says))
			fail_msg("'%s' does not say '%s'", err.msg, bad[i].says);
	}
}

static void read_at(int fd, uint64_t offset, void *buf, size_t size)
{
	assert_int_equal(pread(fd, buf, size, offset), size);
}

static void test_layout(void **state)
{
	CLEANUP_CLOSE int fd = mkcore_memfd("load paddr=0x10800 size=16\n"
					    "load paddr=0x20000 size=8G filesz=8K # a comment\n"
					    "load paddr=0x10800 size=4 offset=0x9000\n"
					    "data 0x10800 <<X\n11 22\n33 44 # more\nX\n"
					    "at 0x40 02 00 00 00\n"
					    "override ph1.p_align=77\n",
					    NULL);
	struct stat st;
	uint8_t buf[8];

	(void)state;
	assert_true(fd >= 0);
	// Congruent to the address modulo the page size, in every segment that has it.
	read_at(fd, 0x1800, buf, 4);
	assert_memory_equal(buf, "\x11\x22\x33\x44", 4);
	read_at(fd, 0x9000, buf, 4);
	assert_memory_equal(buf, "\x11\x22\x33\x44", 4);
	read_at(fd, 64, buf, 1);
	assert_int_equal(buf[0], 2);
	read_at(fd, 64 + 56 + 48, buf, 8);
	assert_int_equal(load_le64(buf), 77);
	// What is not captured takes no place.
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0x9004);
}

// A machine larger than this one's disk.
static void test_sparse(void **state)
{
	CLEANUP_CLOSE int fd =
		mkcore_memfd("load paddr=0 size=64T\ndata 0x3fffffffffff 0a\n", NULL);
	struct stat st;
	uint8_t last;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, (1ULL << 46) + 4096);
	assert_true(st.st_blocks < 64);
	read_at(fd, st.st_size - 1, &last, 1);
	assert_int_equal(last, 0x0a);
}

static void test_prstatus(void **state)
{
	struct err err = {0};
	CLEANUP_CLOSE int fd = mkcore_memfd("prstatus pid=42 rip=0xffffffff81234567 rax=7\n", &err);
	char path[MKCORE_PATH_MAX];
	struct vmcore *vc = NULL;
	struct elfnote_iter it;
	struct elfnote note;
	struct prstatus ps;
	const struct prstatus_arch *arch = prstatus_arch(62);

	(void)state;
	assert_true(fd >= 0);
	mkcore_path(fd, path);
	assert_int_equal(vmcore_open(path, &vc, &err), 0);
	elfnote_iter_init(&it, vmcore_info(vc)->notes, vmcore_info(vc)->notes_size);
	assert_int_equal(elfnote_next(&it, &note, &err), 1);
	assert_int_equal(prstatus_parse(arch, note.desc, note.descsz, &ps, &err), 0);
	assert_int_equal(ps.pid, 42);
	assert_int_equal(ps.reg[arch->pc], 0xffffffff81234567);
	assert_int_equal(ps.reg[prstatus_reg(arch, "rax")], 7);
	assert_int_equal(ps.reg[prstatus_reg(arch, "rbx")], 0);
	vmcore_close(vc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_prstatus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
