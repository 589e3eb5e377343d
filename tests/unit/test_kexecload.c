// SPDX-License-Identifier: GPL-2.0-or-later
/* Segments of a machine laid out in a directory: elfcorehdr, map of memory, boot_params, digests. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/sha256.h"
#include "loader/bootparams.h"
#include "loader/corehdr.h"
#include "loader/iomem.h"
#include "loader/kexecload.h"
#include "loader/purgatory.h"
#include "tests/lib/tree.h"

enum {
	KERNEL_SIZE = 64 << 10,
	INIT_SIZE = 4 << 20,
	CALLS_MAX = 4,
};

static const char iomem_text[] = "00000000-00000fff : Reserved\n"
				 "00001000-0009fbff : System RAM\n"
				 "0009fc00-0009ffff : Reserved\n"
				 "000f0000-000fffff : Reserved\n"
				 "  000f0000-000fffff : System ROM\n"
				 "00100000-3ffd9fff : System RAM\n"
				 "  10000000-117fffff : Kernel code\n"
				 "  11800000-11ffffff : Kernel data\n"
				 "  20000000-27ffffff : Crash kernel\n"
				 "3ffda000-3fffffff : ACPI Tables\n"
				 "fed00000-fed003ff : HPET 0\n"
				 "fffc0000-ffffffff : Reserved\n"
				 "100000000-1bfffffff : System RAM\n";

/* The machine of the test that runs; the fake call has no other way to know it. */
static struct machine {
	char root[64];
	int refuses[CALLS_MAX]; /* errno of each call, 0: it takes it */
	unsigned int calls;
	unsigned long flags[CALLS_MAX];
	uint64_t entry;
	size_t n;
	bool five_levels; /* the running kernel has them */
	bool renames; /* other files take their names after they were opened */
} m;

static void put_bytes(const char *path, const void *data, size_t size)
{
	assert_true(tree_put(m.root, path, data, size));
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static void put_kernel(uint16_t xloadflags)
{
	CLEANUP_FREE uint8_t *d = calloc(1, KERNEL_SIZE);

	assert_non_null(d);
	d[0x1f1] = 1;
	d[0x201] = 0x6a;
	memcpy(d + 0x202, "HdrS", 4);
	store_le16(d + 0x206, 0x020f);
	d[0x211] = 1;
	store_le32(d + 0x22c, 0x7fffffff);
	store_le32(d + 0x230, 2 << 20);
	d[0x234] = 1;
	store_le16(d + 0x236, xloadflags);
	store_le32(d + 0x238, 2047);
	store_le32(d + 0x260, INIT_SIZE);
	memset(d + 1024, 0x90, KERNEL_SIZE - 1024);
	put_bytes("/k", d, KERNEL_SIZE);
}

static int setup(void **state)
{
	(void)state;
	m = (struct machine){.root = TREE_ROOT};
	if (!tree_make(m.root))
		return -1;
	put("/proc/iomem", iomem_text);
	put("/sys/devices/system/cpu/cpu0/crash_notes", "10001000\n");
	put("/sys/devices/system/cpu/cpu0/crash_notes_size", "368\n");
	put("/sys/devices/system/cpu/cpu3/crash_notes", "10002000\n");
	put("/sys/devices/system/cpu/cpu3/crash_notes_size", "368\n");
	put("/sys/kernel/vmcoreinfo", "0x0000000012345000 1024\n");
	put("/i", "an initrd");
	put_kernel(0x7f);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(m.root);
}

static int open_file(const char *path)
{
	char full[128];
	int fd;

	snprintf(full, sizeof(full), "%s%s", m.root, path);
	fd = open(full, O_RDONLY);
	assert_true(fd >= 0);
	return fd;
}

static int prepare(struct kexecload *l, struct err *err)
{
	CLEANUP_CLOSE int kernel = open_file("/k"), initrd = open_file("/i");
	struct kexecload_request req = {.kernel_fd = kernel,
					.initrd_fd = initrd,
					.kernel_path = "/k",
					.initrd_path = "/i",
					.cmdline = "root=/dev/x",
					.running_cmdline = "quiet console=tty0 console=ttyS1,9600",
					.five_levels = m.five_levels};

	// What was opened is what was found well: whatever bears its name by now is not.
	if (m.renames) {
		assert_true(tree_drop(m.root, "/k") && tree_drop(m.root, "/i"));
		put("/k", "not what was opened");
		put("/i", "nor this");
	}
	// Where the files stand is the caller's.
	lseek(kernel, 7, SEEK_SET);
	return kexecload_prepare(l, m.root, &req, err);
}

static void fails(int code, const char *says)
{
	struct kexecload l;
	struct err err = {0};

	if (prepare(&l, &err) != code || !strstr(err.msg, says))
		fail_msg("expected '%s', found '%s'", says, err.msg);
	kexecload_deinit(&l);
}

static const struct segment *segment(const struct kexecload *l, const char *name)
{
	for (size_t i = 0; i < l->segments.n; i++)
		if (strcmp(l->segments.list[i].name, name) == 0)
			return &l->segments.list[i];
	fail_msg("there is no segment %s", name);
	return NULL;
}

static void check_phdr(const uint8_t *p, uint32_t type, uint64_t paddr, uint64_t size)
{
	const Elf64_Phdr *h = (const Elf64_Phdr *)p;

	assert_int_equal(h->p_type, type);
	assert_int_equal(h->p_paddr, paddr);
	assert_int_equal(h->p_offset, paddr);
	assert_int_equal(h->p_memsz, size);
	assert_int_equal(h->p_filesz, size);
}

static void test_corehdr(void **state)
{
	struct kexecload l;
	struct err err = {0};
	const uint8_t *p;

	(void)state;
	if (prepare(&l, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(l.notes, 2);
	assert_int_equal(l.ranges, 3);
	p = segment(&l, "elfcorehdr")->data;
	assert_memory_equal(p, ELFMAG, SELFMAG);
	assert_int_equal(((const Elf64_Ehdr *)p)->e_phnum, 6);
	p += sizeof(Elf64_Ehdr);
	check_phdr(p, PT_NOTE, 0x10001000, 368);
	check_phdr(p + 56, PT_NOTE, 0x10002000, 368);
	check_phdr(p + 112, PT_NOTE, 0x12345000, 0x1024);
	check_phdr(p + 168, PT_LOAD, 0x100000, 0x20000000 - 0x100000);
	check_phdr(p + 224, PT_LOAD, 0x28000000, 0x3ffda000 - 0x28000000);
	check_phdr(p + 280, PT_LOAD, 0x100000000, 0xc0000000);
	kexecload_deinit(&l);
}

/* The map: the first MiB, the reserved memory without the elfcorehdr, what the firmware keeps. */
static void test_bootparams(void **state)
{
	struct kexecload l;
	const uint8_t *b, *e;
	const struct segment *hdr;
	char cmdline[64];
	uint64_t at = 0;

	(void)state;
	assert_int_equal(prepare(&l, NULL), 0);
	b = segment(&l, "boot_params")->data;
	hdr = segment(&l, "elfcorehdr");
	assert_memory_equal(b + 0x202, "HdrS", 4);
	assert_int_equal(b[0x210], 0xff);
	assert_int_equal(load_le32(b + 0x218), segment(&l, "initrd")->start);
	assert_int_equal(load_le32(b + 0x21c), 9);
	assert_int_equal(load_le32(b + 0x228), segment(&l, "boot_params")->start + 4096);
	snprintf(cmdline, sizeof(cmdline), "elfcorehdr=0x%llx root=/dev/x",
		 (unsigned long long)hdr->start);
	assert_string_equal((const char *)b + 4096, cmdline);
	assert_int_equal(b[0x1e8], 8);
	e = b + 0x2d0;
	for (int i = 0; i < 8; i++, e += 20) {
		assert_true(load_le64(e) >= at);
		at = load_le64(e);
		if (at == hdr->start) {
			assert_int_equal(load_le64(e + 8), hdr->memsz);
			assert_int_equal(load_le32(e + 16), E820_RESERVED);
		} else if (at == 0x20000000) {
			assert_int_equal(load_le64(e + 8), hdr->start - 0x20000000);
			assert_int_equal(load_le32(e + 16), E820_RAM);
		} else if (at == 0x3ffda000) {
			assert_int_equal(load_le32(e + 16), E820_ACPI);
		}
		// None of the dead kernel's memory.
		assert_true(at < 0x100000 || at >= 0x20000000);
		assert_true(at < 0x100000000);
	}
	kexecload_deinit(&l);
}

/* Memory of the running kernel that the capture kernel has as its own, and no dump. */
static void check_cma(const char *path)
{
	const uint8_t *p, *e;
	struct kexecload l;
	struct err err = {0};
	unsigned int found = 0;

	put(path, "08000000-0bffffff\n100000000-10c7fffff\n");
	if (prepare(&l, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(l.ranges, 4);
	p = (const uint8_t *)segment(&l, "elfcorehdr")->data + sizeof(Elf64_Ehdr) + 3 * 56;
	check_phdr(p, PT_LOAD, 0x100000, 0x8000000 - 0x100000);
	check_phdr(p + 56, PT_LOAD, 0xc000000, 0x20000000 - 0xc000000);
	check_phdr(p + 112, PT_LOAD, 0x28000000, 0x3ffda000 - 0x28000000);
	check_phdr(p + 168, PT_LOAD, 0x10c800000, 0x1c0000000 - 0x10c800000);
	e = (const uint8_t *)segment(&l, "boot_params")->data;
	assert_int_equal(e[0x1e8], 10);
	for (int i = 0; i < 10; i++) {
		const uint8_t *entry = e + 0x2d0 + i * 20;

		found += load_le32(entry + 16) == E820_RAM &&
			 ((load_le64(entry) == 0x8000000 && load_le64(entry + 8) == 0x4000000) ||
			  (load_le64(entry) == 0x100000000 && load_le64(entry + 8) == 0xc800000));
	}
	assert_int_equal(found, 2);
	// The segments go where all of the memory is the capture kernel's.
	for (size_t i = 0; i < l.segments.n; i++)
		assert_true(l.segments.list[i].start >= 0x20000000 &&
			    l.segments.list[i].start < 0x28000000);
	kexecload_deinit(&l);
}

static void test_cma(void **state)
{
	(void)state;
	check_cma("/sys/kernel/kexec_crash_cma_ranges");
	check_cma("/sys/kernel/kexec/crash_cma_ranges");
	put("/sys/kernel/kexec/crash_cma_ranges", "100000000\n");
	fails(ERR_CORRUPT, "crash_cma_ranges: expected 'start-end', found '100000000'");
	put("/sys/kernel/kexec/crash_cma_ranges", "10c7fffff-100000000\n");
	fails(ERR_CORRUPT, "crash_cma_ranges: expected 'start-end'");
	// None: the file is empty, and is the one that holds.
	put("/sys/kernel/kexec/crash_cma_ranges", "");
	test_corehdr(state);
}

static void check_region(const struct kexecload *l, const struct purgatory_region *r)
{
	const struct segment *s = segment(l, r->name);
	uint8_t *memory = calloc(1, s->memsz), digest[SHA256_SIZE];
	struct sha256 h;

	assert_non_null(memory);
	assert_int_equal(r->start, s->start);
	assert_int_equal(r->size, s->memsz);
	memcpy(memory, s->data, s->size);
	sha256_init(&h);
	sha256_update(&h, memory, s->memsz);
	sha256_final(&h, digest);
	assert_memory_equal(digest, r->digest, SHA256_SIZE);
	free(memory);
}

static void test_purgatory(void **state)
{
	struct purgatory_info info;
	struct kexecload l;

	(void)state;
	assert_int_equal(prepare(&l, NULL), 0);
	memcpy(&info, (const uint8_t *)segment(&l, "purgatory")->data + PURGATORY_INFO_AT,
	       sizeof(info));
	assert_int_equal(info.magic, PURGATORY_MAGIC);
	assert_int_equal(l.segments.entry, segment(&l, "purgatory")->start);
	assert_int_equal(info.entry, segment(&l, "kernel")->start + 0x200);
	assert_int_equal(info.boot_params, segment(&l, "boot_params")->start);
	assert_int_equal(info.serial, 0x2f8);
	assert_int_equal(info.nregions, 4);
	for (uint32_t i = 0; i < info.nregions; i++)
		check_region(&l, &info.regions[i]);
	kexecload_deinit(&l);
}

static long fake_call(uint64_t entry, size_t n, const struct kexecload_segment *segments,
		      unsigned long flags)
{
	unsigned int i = m.calls++;

	assert_true(i < CALLS_MAX);
	m.flags[i] = flags;
	m.entry = entry;
	m.n = n;
	for (size_t k = 0; k < n; k++)
		assert_true(segments[k].bufsz <= segments[k].memsz && segments[k].buf);
	errno = m.refuses[i];
	return m.refuses[i] ? -1 : 0;
}

/* Two flags have told the kernel that it may keep the elfcorehdr up to date; old ones know neither. */
static void test_hotplug(void **state)
{
	struct purgatory_info info;
	struct kexecload l;

	(void)state;
	// As it is before anything is loaded.
	put("/sys/devices/system/cpu/crash_hotplug", "0\n");
	put("/sys/devices/system/memory/crash_hotplug", "0\n");
	put("/sys/kernel/crash_elfcorehdr_size", "81920\n");
	assert_int_equal(prepare(&l, NULL), 0);
	assert_int_equal(segment(&l, "elfcorehdr")->memsz, 81920);
	memcpy(&info, (const uint8_t *)segment(&l, "purgatory")->data + PURGATORY_INFO_AT,
	       sizeof(info));
	// What will change is in no digest.
	assert_int_equal(info.nregions, 3);
	for (uint32_t i = 0; i < info.nregions; i++)
		assert_string_not_equal(info.regions[i].name, "elfcorehdr");
	m.refuses[0] = EINVAL;
	assert_int_equal(kexecload_run(&l, fake_call), 0);
	assert_int_equal(m.calls, 2);
	// All that have one take this: a call more could be one too many for the limit of calls.
	assert_int_equal(m.flags[0],
			 KEXECLOAD_ON_CRASH | KEXECLOAD_X86_64 | KEXECLOAD_UPDATE_ELFCOREHDR);
	assert_int_equal(m.flags[1],
			 KEXECLOAD_ON_CRASH | KEXECLOAD_X86_64 | KEXECLOAD_HOTPLUG_SUPPORT);
	assert_true(l.hotplug);
	m.calls = 0;
	m.refuses[0] = m.refuses[1] = EINVAL;
	assert_int_equal(kexecload_run(&l, fake_call), 0);
	assert_int_equal(m.calls, 3);
	assert_int_equal(m.flags[2], KEXECLOAD_ON_CRASH | KEXECLOAD_X86_64);
	assert_false(l.hotplug);
	// Then nobody changes it, and it is checked.
	memcpy(&info, (const uint8_t *)segment(&l, "purgatory")->data + PURGATORY_INFO_AT,
	       sizeof(info));
	assert_int_equal(info.nregions, 4);
	kexecload_deinit(&l);
}

static void test_refused_call(void **state)
{
	struct kexecload l;

	(void)state;
	assert_int_equal(prepare(&l, NULL), 0);
	m.refuses[0] = EBUSY;
	assert_int_equal(kexecload_run(&l, fake_call), -1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(m.n, 5);
	kexecload_deinit(&l);
}

static void test_machine_is_not_ready(void **state)
{
	(void)state;
	put("/sys/kernel/vmcoreinfo", "nothing\n");
	fails(ERR_NOTFOUND, "/sys/kernel/vmcoreinfo: expected an address and a size");
	put("/sys/kernel/vmcoreinfo", "0x20000000 1024\n");
	put("/sys/devices/system/cpu/cpu3/crash_notes", "f000000000\n");
	fails(ERR_CORRUPT,
	      "crash_notes of CPU 3: a note of 368 bytes at 0xf000000000 is not inside");
	put("/proc/iomem", "00000000-00000000 : System RAM\n00000000-00000000 : Reserved\n");
	fails(ERR_SYS, "run it as root");
	put("/proc/iomem", "what is this\n");
	fails(ERR_CORRUPT, "expected 'start-end : name', found 'what is this'");
}

static void test_no_room(void **state)
{
	(void)state;
	put("/proc/iomem", "10000000-1fffffff : System RAM\n  1f000000-1f3fffff : Crash kernel\n");
	fails(ERR_LIMIT, "elfcorehdr: no place for");
	put("/proc/iomem", "10000000-1fffffff : System RAM\n  1f000000-1f40ffff : Crash kernel\n");
	fails(ERR_LIMIT, "for page tables: give crashkernel= a larger size");
	put("/proc/iomem", "10000000-1fffffff : System RAM\n");
	fails(ERR_NOTFOUND, "no line 'Crash kernel'");
	put("/proc/iomem", "10000000-1fffffff : System RAM\n"
			   "100000000-1ffffffff : System RAM\n"
			   "  1f0000000-1f7ffffff : Crash kernel\n");
	put_kernel(1);
	fails(ERR_UNSUPPORTED, "cannot lie above 4 GiB");
}

static void test_files_are_those_opened(void **state)
{
	struct kexecload l;
	struct err err = {0};

	(void)state;
	m.renames = true;
	if (prepare(&l, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(segment(&l, "kernel")->size, KERNEL_SIZE - 1024);
	assert_int_equal(segment(&l, "initrd")->size, 9);
	assert_memory_equal(segment(&l, "initrd")->data, "an initrd", 9);
	kexecload_deinit(&l);
}

/* What the crash leaves on stays on: a kernel that knows four levels cannot be entered then. */
static void test_five_levels(void **state)
{
	struct kexecload l;

	(void)state;
	m.five_levels = true;
	assert_int_equal(prepare(&l, NULL), 0);
	kexecload_deinit(&l);
	put_kernel(3);
	fails(ERR_UNSUPPORTED, "/k: this machine runs with page tables of five levels, and the");
	m.five_levels = false;
	assert_int_equal(prepare(&l, NULL), 0);
	kexecload_deinit(&l);
}

/* With ",high" there is a second area, below 4 GiB, which the kernel does not load to. */
static void test_two_areas(void **state)
{
	struct kexecload l;
	struct err err = {0};

	(void)state;
	put("/proc/iomem", "00001000-3ffd9fff : System RAM\n"
			   "  20000000-2fffffff : Crash kernel\n"
			   "80000000-80000fff : \n"
			   "100000000-1bfffffff : System RAM\n"
			   "  1b0000000-1b7ffffff : Crash kernel\n"
			   "fffffffff0000000-ffffffffffffffff : a device\n");
	if (prepare(&l, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < l.segments.n; i++)
		assert_true(l.segments.list[i].start >= 0x1b0000000);
	kexecload_deinit(&l);
}

/* More ranges than the page has room for. */
static void test_large_map(void **state)
{
	CLEANUP_FREE char *text = malloc(64 << 10);
	struct kexecload l;
	const uint8_t *b;
	size_t n = 0, extra;
	uint64_t at;

	(void)state;
	assert_non_null(text);
	for (unsigned int i = 0; i < 200; i++)
		n += sprintf(text + n, "%08x-%08x : Reserved\n", 0x80000000 + i * 0x2000,
			     0x80000fff + i * 0x2000);
	strcpy(text + n, iomem_text);
	put("/proc/iomem", text);
	assert_int_equal(prepare(&l, NULL), 0);
	b = segment(&l, "boot_params")->data;
	at = load_le64(b + 0x250) - segment(&l, "boot_params")->start;
	assert_int_equal(b[0x1e8], 128);
	assert_true(at % 8 == 0 && at > 4096);
	assert_int_equal(load_le64(b + at), 0);
	assert_int_equal(load_le32(b + at + 8), 1);
	extra = load_le32(b + at + 12);
	assert_int_equal(extra, (208 - 128) * 20);
	assert_int_equal(at + 16 + extra, segment(&l, "boot_params")->size);
	kexecload_deinit(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_corehdr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bootparams, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cma, setup, teardown),
		cmocka_unit_test_setup_teardown(test_purgatory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hotplug, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_call, setup, teardown),
		cmocka_unit_test_setup_teardown(test_machine_is_not_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_are_those_opened, setup, teardown),
		cmocka_unit_test_setup_teardown(test_five_levels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_areas, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large_map, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
