// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dead kernel's view of its memory, on synthetic cores: a few MiB with page tables, a
 * struct new_utsname, and vmcoreinfo as a note, as a page in memory, or forged.
 */
#include <elf.h>
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
#include "base/io.h"
#include "crashnotes/elfcorehdr.h"
#include "crashnotes/elfnote.h"
#include "crashnotes/prstatus.h"
#include "crashnotes/vmcoreinfo.h"
#include "tests/lib/mkpgt.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"
#include "vmcore/xlat.h"

#define KMAP	 MKPGT_START_KERNEL_MAP
#define VMALLOC	 0xffffc90000000000ULL
#define MIB	 (1ULL << 20)
#define LOW	 0x1000000ULL /* memory: 8 MiB here, */
#define LOW_SIZE (8 * MIB)
#define HIGH	 0x100000000ULL /* and some pages here */
#define PAGES_AT 0x1200000ULL /* page tables */
#define UTS_AT	 0x1300000ULL

enum {
	HIGH_SIZE = 5 * 4096,
	NOTES_MAX = 64 << 10,
	HEADERS_MAX = 4096,
	DATA_AT = 128 << 10, /* of the memory in the file */
	TABLES = 32,
	UTS_FIELD = 65,
};

#define INFO_KEYS                                                                             \
	"PAGESIZE=4096\nSYMBOL(init_uts_ns)=ffffffff812ffff8\nOFFSET(uts_namespace.name)=8\n" \
	"SYMBOL(init_top_pgt)=ffffffff81200000\nNUMBER(phys_base)=0\n"                        \
	"SYMBOL(_stext)=ffffffff81000000\n"
#define INFO	  "OSRELEASE=6.1.0-test\n" INFO_KEYS
#define INFO_TIME INFO "CRASHTIME=1700000000\n"

struct world {
	struct mkpgt pg;
	uint8_t *low, *high;
	uint8_t notes[NOTES_MAX];
	size_t notes_size;
	bool text_segment; /* a PT_LOAD for the kernel image */
	int fd;
	struct vmcore *vc;
	struct kmem km;
	struct err why, err;
};

static void put_note(struct world *w, const char *name, uint32_t type, const void *desc, size_t n)
{
	size_t size;

	assert_int_equal(elfnote_build(w->notes + w->notes_size, NOTES_MAX - w->notes_size, name,
				       type, desc, n, &size, &w->err),
			 0);
	w->notes_size += size;
}

static void put_uts(struct world *w)
{
	static const char *const fields[] = {"Linux",  "host",	 "6.1.0-test",
					     "#1 SMP", "x86_64", "(none)"};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		strcpy((char *)w->low + (UTS_AT - LOW) + i * UTS_FIELD, fields[i]);
}

static void put_text(uint8_t *page, const char *text)
{
	memcpy(page, text, strlen(text) + 1);
}

/* The image, and behind VMALLOC two pages that lie in memory the other way round. */
static void world_init(struct world *w)
{
	*w = (struct world){.fd = -1};
	w->low = calloc(1, LOW_SIZE);
	w->high = calloc(1, HIGH_SIZE);
	assert_true(w->low && w->high);
	mkpgt_init(&w->pg, PAGES_AT, TABLES, 4, 0);
	mkpgt_map(&w->pg, KMAP + LOW, LOW, 4 * MIB, 2 * MIB);
	mkpgt_map(&w->pg, VMALLOC, LOW + 0x401000, 4096, 4096);
	mkpgt_map(&w->pg, VMALLOC + 4096, LOW + 0x400000, 4096, 4096);
	mkpgt_map(&w->pg, VMALLOC + 3 * 4096, HIGH, 2 * 4096, 4096);
	mkpgt_map(&w->pg, VMALLOC + 5 * 4096, 0x50000000, 4096, 4096);
	put_uts(w);
}

static void world_deinit(struct world *w)
{
	kmem_deinit(&w->km);
	vmcore_close(w->vc);
	if (w->fd >= 0)
		close(w->fd);
	mkpgt_deinit(&w->pg);
	free(w->low);
	free(w->high);
}

/* Writes the core and opens it; the result of kmem_init(). */
static int world_open(struct world *w)
{
	const struct elfcorehdr_segment segs[] = {
		{PT_NOTE, 0, HEADERS_MAX, 0, 0, w->notes_size, w->notes_size},
		{PT_LOAD, PF_R, DATA_AT, 0xffff888000000000ULL + LOW, LOW, LOW_SIZE, LOW_SIZE},
		{PT_LOAD, PF_R, DATA_AT + LOW_SIZE, 0xffff888000000000ULL + HIGH, HIGH, HIGH_SIZE,
		 HIGH_SIZE},
		{PT_LOAD, PF_R, DATA_AT, KMAP + LOW, LOW, 4 * MIB, 4 * MIB},
	};
	const struct elfcorehdr_spec spec = {EM_X86_64, segs, ARRAY_SIZE(segs) - !w->text_segment};
	uint8_t headers[HEADERS_MAX];
	char path[64];
	size_t n;

	memcpy(w->low + (PAGES_AT - LOW), w->pg.mem, TABLES * MKPGT_PAGE);
	w->fd = memfd_create("core", MFD_CLOEXEC);
	assert_true(w->fd >= 0);
	assert_int_equal(elfcorehdr_build(&spec, headers, sizeof(headers), &n, &w->err), 0);
	assert_int_equal(io_pwrite(w->fd, headers, n, 0, &w->err), 0);
	assert_int_equal(io_pwrite(w->fd, w->notes, w->notes_size, HEADERS_MAX, &w->err), 0);
	assert_int_equal(io_pwrite(w->fd, w->low, LOW_SIZE, DATA_AT, &w->err), 0);
	assert_int_equal(io_pwrite(w->fd, w->high, HIGH_SIZE, DATA_AT + LOW_SIZE, &w->err), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->fd);
	if (vmcore_open(path, &w->vc, &w->err))
		fail_msg("%s", w->err.msg);
	w->err.msg[0] = '\0';
	return kmem_init(&w->km, w->vc, &w->why, &w->err);
}

static void expect_names(const struct world *w)
{
	const struct kmem_uts *u = &w->km.uts;

	assert_string_equal(u->sysname, "Linux");
	assert_string_equal(u->nodename, "host");
	assert_string_equal(u->release, "6.1.0-test");
	assert_string_equal(u->version, "#1 SMP");
	assert_string_equal(u->machine, "x86_64");
	assert_string_equal(u->domainname, "(none)");
}

static void test_note(void **state)
{
	uint8_t prstatus[336] = {0};
	struct world w;

	(void)state;
	world_init(&w);
	put_note(&w, "CORE", PRSTATUS_NT, prstatus, sizeof(prstatus));
	put_note(&w, "CORE", PRSTATUS_NT, prstatus, sizeof(prstatus));
	put_note(&w, "CORE", 2, "x", 1); // not registers
	put_note(&w, "QEMU", PRSTATUS_NT, "x", 1); // nor this
	put_note(&w, "VMCOREINFO", 1, INFO, strlen(INFO)); // nor the vmcoreinfo
	put_note(&w, "VMCOREINFO", 0, INFO_TIME, strlen(INFO_TIME));
	put_note(&w, "CORE", PRSTATUS_NT, prstatus, sizeof(prstatus));
	if (world_open(&w))
		fail_msg("%s", w.err.msg);
	assert_non_null(w.km.xlat);
	assert_int_equal(w.km.source, KMEM_FROM_NOTE);
	assert_int_equal(w.km.ncpus, 3);
	assert_int_equal(w.km.page_size, 4096);
	assert_int_equal(w.km.page_shift, 12);
	assert_int_equal(w.km.crashtime, 1700000000);
	assert_int_equal(w.km.vmcoreinfo_size, strlen(INFO_TIME));
	assert_memory_equal(vmcore_info(w.vc)->notes + w.km.vmcoreinfo_offset, INFO_TIME,
			    strlen(INFO_TIME));
	expect_names(&w);
	world_deinit(&w);
}

static void test_read(void **state)
{
	uint8_t *a, *b, got[8192], want[8192];
	uint64_t u64 = 1;
	uint32_t u32 = 1;
	struct world w;

	(void)state;
	world_init(&w);
	a = w.low + 0x401000;
	b = w.low + 0x400000;
	for (int i = 0; i < 4096; i++) {
		a[i] = i * 7;
		b[i] = i * 13 + 1;
	}
	memcpy(want, a, 4096);
	memcpy(want + 4096, b, 4096);
	memset(w.high, 0xcd, 2 * 4096);
	put_note(&w, "VMCOREINFO", 0, INFO, strlen(INFO));
	assert_int_equal(world_open(&w), 0);
	// Every split of a read over the border of the two pages.
	for (size_t from = 4090; from < 4096; from++) {
		for (size_t n = 0; n < 12; n++) {
			memset(got, 0xee, sizeof(got));
			assert_int_equal(kmem_read(&w.km, VMALLOC + from, got, n, &w.err), 0);
			assert_memory_equal(got, want + from, n);
			assert_int_equal(got[n], 0xee);
		}
	}
	assert_int_equal(kmem_read(&w.km, VMALLOC, got, sizeof(got), &w.err), 0);
	assert_memory_equal(got, want, sizeof(got));
	assert_int_equal(kmem_read_u64(&w.km, VMALLOC + 4092, &u64, &w.err), 0);
	assert_memory_equal(&u64, want + 4092, 8);
	assert_int_equal(kmem_read_u32(&w.km, VMALLOC + 4094, &u32, &w.err), 0);
	assert_memory_equal(&u32, want + 4094, 4);
	assert_int_equal(kmem_read_u64(&w.km, VMALLOC + 4 * 4096 - 4, &u64, &w.err), 0);
	assert_int_equal(u64, 0xcdcdcdcdcdcdcdcdULL);
	// Into a hole, out of all memory, over the end of all addresses.
	u64 = 77;
	assert_int_equal(kmem_read_u64(&w.km, VMALLOC + 8188, &u64, &w.err), ERR_NOTFOUND);
	assert_non_null(strstr(w.err.msg, "0xffffc90000002000"));
	assert_int_equal(kmem_read_u64(&w.km, VMALLOC + 5 * 4096, &u64, &w.err), ERR_NOTFOUND);
	assert_int_equal(kmem_read_u64(&w.km, UINT64_MAX - 3, &u64, &w.err), ERR_NOTFOUND);
	assert_int_equal(u64, 77);
	assert_int_equal(kmem_read(&w.km, VMALLOC, got, SIZE_MAX, &w.err), ERR_NOTFOUND);
	world_deinit(&w);
}

/* Kernels before 5.11 do not say where in init_uts_ns the names are. */
static void test_names_without_offset(void **state)
{
	static const char info[] =
		"OSRELEASE=6.1.0-test\nPAGESIZE=4096\nSYMBOL(init_uts_ns)=ffffffff812ffffc\n"
		"SYMBOL(init_top_pgt)=ffffffff81200000\nNUMBER(phys_base)=0\n"
		"SYMBOL(_stext)=ffffffff81000000\n";
	struct world w;

	(void)state;
	world_init(&w);
	put_note(&w, "VMCOREINFO", 0, info, strlen(info));
	assert_int_equal(world_open(&w), 0);
	expect_names(&w);
	world_deinit(&w);
}

/* Names in memory that cannot be right: what vmcoreinfo says is taken. */
static void test_bad_names(void **state)
{
	for (int kind = 0; kind < 3; kind++) {
		struct world w;
		uint8_t *uts;

		(void)state;
		world_init(&w);
		uts = w.low + (UTS_AT - LOW);
		if (kind == 0)
			memset(uts, 'A', 6 * UTS_FIELD);
		else if (kind == 1)
			memset(uts, 0, 6 * UTS_FIELD);
		else
			strcpy((char *)uts + 2 * UTS_FIELD, "6.1.0-tesu");
		put_note(&w, "VMCOREINFO", 0, INFO, strlen(INFO));
		assert_int_equal(world_open(&w), 0);
		assert_string_equal(w.km.uts.sysname, "Linux");
		assert_string_equal(w.km.uts.release, "6.1.0-test");
		assert_string_equal(w.km.uts.machine, "x86_64");
		assert_string_equal(w.km.uts.nodename, "");
		world_deinit(&w);
	}
}

/* No translation is no failure; reads then say so. */
static void test_no_translation(void **state)
{
	static const char info[] = "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n";
	struct world w;
	uint32_t v = 77;

	(void)state;
	world_init(&w);
	put_note(&w, "VMCOREINFO", 0, info, strlen(info));
	assert_int_equal(world_open(&w), 0);
	assert_null(w.km.xlat);
	assert_non_null(strstr(w.why.msg, "init_top_pgt"));
	assert_string_equal(w.km.uts.release, "6.1.0-test");
	assert_int_equal(kmem_read_u32(&w.km, KMAP + LOW, &v, &w.err), ERR_NOTFOUND);
	assert_non_null(strstr(w.err.msg, "no address translation"));
	assert_int_equal(v, 77);
	world_deinit(&w);
}

/* The header of the kernel image stands in for a phys_base that is missing or wrong. */
static void test_text_segment(void **state)
{
	static const char *const bases[] = {"", "NUMBER(phys_base)=1073741824\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		char info[1024];
		struct world w;

		snprintf(info, sizeof(info),
			 "OSRELEASE=6.1.0-test\nPAGESIZE=4096\n%s"
			 "SYMBOL(init_uts_ns)=ffffffff81300000\nOFFSET(uts_namespace.name)=0\n"
			 "SYMBOL(swapper_pg_dir)=ffffffff81200000\n",
			 bases[i]);
		world_init(&w);
		w.text_segment = true;
		put_note(&w, "VMCOREINFO", 0, info, strlen(info));
		assert_int_equal(world_open(&w), 0);
		expect_names(&w);
		world_deinit(&w);
	}
}

static void expect_scanned(struct world *w)
{
	if (world_open(w))
		fail_msg("%s", w->err.msg);
	assert_int_equal(w->km.source, KMEM_FROM_SCAN);
	assert_int_equal(w->km.vmcoreinfo_size, 0);
	assert_int_equal(w->km.page_size, 4096);
	expect_names(w);
}

static void test_scan(void **state)
{
	// In the first page, over the border of a window, and in the last page of all.
	const uint64_t places[] = {0, 0x3ff000, 0x400000, LOW_SIZE - 4096};
	uint8_t note[4096];
	struct world w;
	size_t size;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		world_init(&w);
		put_text(w.low + places[i], INFO);
		expect_scanned(&w);
		assert_int_equal(w.km.crashtime, 0);
		world_deinit(&w);
	}
	world_init(&w);
	put_text(w.high + HIGH_SIZE - 4096, INFO);
	expect_scanned(&w);
	world_deinit(&w);
	// The kernel's own note, with the time, is better than the page of the text.
	world_init(&w);
	put_text(w.low + 0x5000, INFO);
	assert_int_equal(elfnote_build(note, sizeof(note), "VMCOREINFO", 0, INFO_TIME,
				       strlen(INFO_TIME), &size, &w.err),
			 0);
	memcpy(w.low + 0x3000, note, size);
	expect_scanned(&w);
	assert_int_equal(w.km.crashtime, 1700000000);
	world_deinit(&w);
}

/* Texts that lie about, before and behind the right one, do not win. */
static void test_scan_choice(void **state)
{
	static const char *const lies[] = {
		// Of an earlier boot: all keys and a time, but its tables are gone.
		"OSRELEASE=5.10.0\n" INFO_KEYS "CRASHTIME=1600000000\nA=1\nB=2\nC=3\n",
		"OSRELEASE=6.1.0-test\nPAGESIZE=4096\nCRASHTIME=1600000000\n",
		"OSRELEASE=6.1.0-test\nPAGESIZE=4097\n" INFO_KEYS,
		"OSRELEASE=",
		"OSRELEASE=\n" INFO_KEYS,
		"OSRELEASE=6.1.0-test\n",
		"OSRELEASE=6.1.0-test\nPAGESIZE=131072\n",
		"OSRELEASE=6.1.0-test\nPAGESIZE=0\n",
	};
	struct world w;

	(void)state;
	world_init(&w);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		put_text(w.low + i * 4096, lies[i]);
		put_text(w.low + LOW_SIZE - (i + 1) * 4096, lies[i]);
	}
	// Noise without an end, up to the end of memory.
	memset(w.high, 'x', HIGH_SIZE);
	memcpy(w.high, "OSRELEASE=", 10);
	put_text(w.low + 0x100000, INFO);
	expect_scanned(&w);
	assert_int_equal(w.km.crashtime, 0);
	world_deinit(&w);
	// Not at the start of a page: not the kernel's.
	world_init(&w);
	put_text(w.low + 0x100010, INFO);
	assert_int_equal(world_open(&w), ERR_NOTFOUND);
	world_deinit(&w);
}

/* More forged pages than are tried: it ends, with the best of those that were. */
static void test_scan_flood(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	for (uint64_t at = 0; at < LOW_SIZE; at += 4096)
		if (at < PAGES_AT - LOW || at >= UTS_AT + 4096 - LOW)
			put_text(w.low + at, "OSRELEASE=6.6.6\nPAGESIZE=4096\nSYMBOL(x)=0\n");
	put_text(w.low + 0x100000, INFO);
	put_text(w.low + LOW_SIZE - 4096, INFO_TIME);
	expect_scanned(&w);
	assert_int_equal(w.km.crashtime, 0);
	world_deinit(&w);
}

static void test_nothing(void **state)
{
	uint8_t prstatus[336] = {0};
	struct world w;

	(void)state;
	world_init(&w);
	put_note(&w, "CORE", PRSTATUS_NT, prstatus, sizeof(prstatus));
	assert_int_equal(world_open(&w), ERR_NOTFOUND);
	assert_non_null(strstr(w.err.msg, "no VMCOREINFO note"));
	assert_non_null(strstr(w.err.msg, "8 MiB"));
	assert_null(w.km.vi);
	assert_null(w.km.xlat);
	assert_int_equal(w.km.ncpus, 1);
	assert_int_equal(w.km.page_size, 4096);
	assert_int_equal(w.km.page_shift, 12);
	assert_string_equal(w.km.uts.machine, "x86_64");
	assert_string_equal(w.km.uts.release, "");
	world_deinit(&w);
}

/* A note that is there but of no use: told why, and memory is searched. */
static void test_bad_note(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "VMCOREINFO note"},
		{"PAGESIZE=4096\n", "OSRELEASE"},
		{"OSRELEASE=6.1\n", "PAGESIZE"},
		{"OSRELEASE=6.1\nPAGESIZE=12288\n", "power of two"},
		{"OSRELEASE=6.1\nPAGESIZE=18446744073709551616\n", "PAGESIZE"},
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		world_init(&w);
		put_note(&w, "VMCOREINFO", 0, bad[i].text, strlen(bad[i].text));
		assert_int_equal(world_open(&w), ERR_NOTFOUND);
		if (!strstr(w.err.msg, bad[i].says))
			fail_msg("\"%s\" lacks \"%s\"", w.err.msg, bad[i].says);
		world_deinit(&w);
		world_init(&w);
		put_note(&w, "VMCOREINFO", 0, bad[i].text, strlen(bad[i].text));
		put_text(w.low + 0x5000, INFO);
		expect_scanned(&w);
		world_deinit(&w);
	}
}

/* Notes cut at every byte: what stands before the cut counts, and nothing else happens. */
static void test_cut_notes(void **state)
{
	uint8_t prstatus[336] = {0};
	struct world w;
	size_t full, first;

	(void)state;
	world_init(&w);
	put_note(&w, "CORE", PRSTATUS_NT, prstatus, sizeof(prstatus));
	first = w.notes_size;
	put_note(&w, "VMCOREINFO", 0, INFO, strlen(INFO));
	full = w.notes_size;
	put_text(w.low + 0x5000, INFO_TIME);
	for (size_t cut = 1; cut <= full; cut += cut % 16 == 15 && cut + 16 < full ? 15 : 1) {
		int rc;

		w.notes_size = cut;
		rc = world_open(&w);
		assert_int_equal(rc, 0);
		assert_int_equal(w.km.ncpus, cut >= first);
		assert_int_equal(w.km.source,
				 w.km.vmcoreinfo_size ? KMEM_FROM_NOTE : KMEM_FROM_SCAN);
		if (w.km.vmcoreinfo_size)
			assert_true(w.km.vmcoreinfo_offset + w.km.vmcoreinfo_size <=
				    vmcore_info(w.vc)->notes_size);
		expect_names(&w);
		kmem_deinit(&w.km);
		vmcore_close(w.vc);
		close(w.fd);
		w.fd = -1;
		w.vc = NULL;
	}
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_names_without_offset),
		cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_no_translation),
		cmocka_unit_test(test_text_segment),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_scan_choice),
		cmocka_unit_test(test_scan_flood),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_bad_note),
		cmocka_unit_test(test_cut_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
