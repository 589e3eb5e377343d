/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * forged: a machine laid out in a directory, for unit tests of lifeboat's commands: files of /proc
 * and /sys, a configuration, a kernel, an initrd, and a /proc/kcore with a small running kernel in
 * it (tests/lib/mkkernel.h). What is loaded by kexec_load(2) lands in that kcore, so that it can
 * be read back, and damaged.
 */
#ifndef TESTS_UNIT_FORGED_H
#define TESTS_UNIT_FORGED_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "crashnotes/elfnote.h"
#include "crashnotes/vmcoreinfo.h"
#include "loader/command.h"
#include "loader/state.h"
#include "tests/lib/mkkernel.h"
#include "tests/lib/mkprintk.h"
#include "vmcore/vmcore.h"
#include "tests/lib/tree.h"

#define FORGED_LOADED "/sys/kernel/kexec_crash_loaded"
#define FORGED_IOMEM                           \
	"00001000-0009fbff : System RAM\n"     \
	"00100000-05ffffff : System RAM\n"     \
	"  01000000-011fffff : Kernel code\n"  \
	"  03000000-04ffffff : Crash kernel\n" \
	"fed00000-fed003ff : HPET 0\n"

enum {
	FORGED_LOG_PFN = 0x2000,
	FORGED_NOTE_AT = 0x2400000,
	FORGED_CPUS_AT = 0x2500000, /* a page for each CPU's note */
	FORGED_RAM_AT = 1 << 20,
	FORGED_RAM = 95 << 20,
	FORGED_KERNEL_SIZE = 300 << 10,
	FORGED_INITRD_SIZE = 700 << 10,
	FORGED_PATH_MAX = 512,
};

static struct forged {
	char root[64];
	char release[65];
	uint64_t note_size;
	unsigned int loads; /* calls that loaded something */
	int refuses; /* errno of each call, 0: it takes it */
	char *words[8];
	size_t nwords;
	char *out, *diag; /* of the last command */
	struct err err;
} m;

static inline const char *forged_path(const char *path, char full[static FORGED_PATH_MAX])
{
	snprintf(full, FORGED_PATH_MAX, "%s%s", m.root, path);
	return full;
}

static inline void put_bytes(const char *path, const void *data, size_t size)
{
	char full[FORGED_PATH_MAX];
	CLEANUP_CLOSE int fd = -1;

	forged_path(path, full);
	for (char *p = full + strlen(m.root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
		*p = '/';
	}
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, data, size, NULL), 0);
}

static inline void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static inline void __attribute__((format(printf, 2, 3)))
putf(const char *path, const char *fmt, ...)
{
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(path, text);
}

static inline void drop(const char *path)
{
	char full[FORGED_PATH_MAX];

	assert_int_equal(unlink(forged_path(path, full)), 0);
}

static inline bool there(const char *path)
{
	char full[FORGED_PATH_MAX];

	return access(forged_path(path, full), F_OK) == 0;
}

static inline void set_mode(const char *path, mode_t mode)
{
	char full[FORGED_PATH_MAX];

	assert_int_equal(chmod(forged_path(path, full), mode), 0);
}

/* ---- memory of the running kernel ---- */

static inline struct vmcore *forged_kcore(void)
{
	char full[FORGED_PATH_MAX];
	struct vmcore *vc = NULL;

	if (vmcore_open(forged_path("/proc/kcore", full), &vc, &m.err))
		fail_msg("%s", m.err.msg);
	return vc;
}

/* Reads or writes physical memory; it is all in one piece of the file. */
static inline void forged_memory(uint64_t paddr, void *buf, size_t size, bool write)
{
	struct vmcore *vc = forged_kcore();
	const struct vmcore_range *r = vmcore_find(vc, paddr);
	char full[FORGED_PATH_MAX];
	CLEANUP_CLOSE int fd = open(forged_path("/proc/kcore", full), O_RDWR);
	uint64_t at;

	assert_non_null(r);
	assert_true(fd >= 0);
	at = r->offset + (paddr - r->paddr);
	if (write)
		assert_int_equal(io_pwrite(fd, buf, size, at, NULL), 0);
	else
		assert_int_equal(io_pread(fd, buf, size, at, NULL), size);
	vmcore_close(vc);
}

static inline void poke(uint64_t paddr, const void *data, size_t size)
{
	forged_memory(paddr, (void *)data, size, true);
}

/* The same words in the note of vmcoreinfo, others of the same length instead. */
static inline void change_note(const char *from, const char *to)
{
	char note[32 << 10];
	char *at;

	assert_true(m.note_size < sizeof(note));
	assert_int_equal(strlen(from), strlen(to));
	forged_memory(FORGED_NOTE_AT, note, m.note_size, false);
	at = memmem(note, m.note_size, from, strlen(from));
	assert_non_null(at);
	memcpy(at, to, strlen(to));
	poke(FORGED_NOTE_AT, note, m.note_size);
}

/* The text of a kernel that has a log, too: keys of mkprintk but for those that mkkernel has. */
static inline void kernel_text(const struct mkprintk *log, char *text, size_t size)
{
	size_t n = snprintf(text, size, "ram %d %d\nmap 0x%llx %d %zu\n", FORGED_RAM_AT, FORGED_RAM,
			    (unsigned long long)MKPRINTK_VA, FORGED_LOG_PFN, log->size / 4096 + 1);

	for (const char *s = log->vmcoreinfo; *s;) {
		size_t len = strcspn(s, "\n");

		if (strncmp(s, "OSRELEASE=", 10) != 0 && strncmp(s, "PAGESIZE=", 9) != 0)
			n += snprintf(text + n, size - n, "key %.*s\n", (int)len, s);
		s += len + (s[len] != '\0');
	}
	assert_true(n < size);
}

/* Where the kernel keeps its note, as it will be in the dump. */
static inline void put_note(void)
{
	struct vmcore *vc = forged_kcore();
	const struct vmcore_info *info = vmcore_info(vc);
	struct elfnote_iter it;
	struct elfnote note;
	uint8_t buf[32 << 10];
	struct vmcoreinfo *vi;
	size_t n = 0;

	elfnote_iter_init(&it, info->notes, info->notes_size);
	while (elfnote_next(&it, &note, NULL) > 0)
		if (strcmp(note.name, VMCOREINFO_NOTE_NAME) == 0)
			break;
	assert_int_equal(vmcoreinfo_create(note.desc, note.descsz, &vi, NULL), 0);
	snprintf(m.release, sizeof(m.release), "%s", vmcoreinfo_get(vi, "OSRELEASE"));
	vmcoreinfo_destroy(vi);
	assert_int_equal(elfnote_build(buf, sizeof(buf), VMCOREINFO_NOTE_NAME, 0, note.desc,
				       note.descsz, &n, NULL),
			 0);
	vmcore_close(vc);
	m.note_size = n;
	poke(FORGED_NOTE_AT, buf, n);
	putf("/sys/kernel/vmcoreinfo", "0x%016x %zx\n", FORGED_NOTE_AT, n);
}

/* The file at @from once more, holes and all. */
static inline void copy_sparse(int from, int to)
{
	off_t end = lseek(from, 0, SEEK_END), at = 0;

	assert_int_equal(ftruncate(to, end), 0);
	while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
		off_t stop = lseek(from, at, SEEK_HOLE);

		for (char buf[64 << 10]; at < stop;) {
			ssize_t n = pread(from, buf,
					  stop - at < (off_t)sizeof(buf) ? stop - at
									 : (off_t)sizeof(buf),
					  at);

			assert_true(n > 0);
			assert_int_equal(io_pwrite(to, buf, n, at, NULL), 0);
			at += n;
		}
	}
}

static inline void put_kcore(void)
{
	static const struct mkprintk_rec records[] = {{.ts_nsec = 1000000, .text = "hello"}};
	static int made = -1; // of the first test; to make it takes longer than to copy it
	struct mkprintk_opts opts = {.count_bits = 5, .size_bits = 12};
	struct mkprintk log;
	char text[16 << 10], full[FORGED_PATH_MAX];
	CLEANUP_CLOSE int fd = -1;

	mkprintk_prb(&log, &opts, records, 1);
	kernel_text(&log, text, sizeof(text));
	put("/proc/kcore", "");
	fd = open(forged_path("/proc/kcore", full), O_RDWR | O_TRUNC);
	assert_true(fd >= 0);
	if (made < 0)
		made = mkkernel_memfd(text, &m.err);
	if (made < 0)
		fail_msg("%s", m.err.msg);
	copy_sparse(made, fd);
	poke(FORGED_LOG_PFN * 4096ULL, log.mem, log.size);
	mkprintk_deinit(&log);
	put_note();
}

/* ---- files ---- */

static inline void put_kernel(const char *path)
{
	CLEANUP_FREE uint8_t *d = calloc(1, FORGED_KERNEL_SIZE);

	assert_non_null(d);
	d[0x1f1] = 1;
	d[0x201] = 0x6a;
	store_le16(d + 0x1fe, 0xaa55);
	memcpy(d + 0x202, "HdrS", 4);
	store_le16(d + 0x206, 0x020f);
	store_le16(d + 0x20e, 0x0100);
	snprintf((char *)d + 0x300, 0x100, "%s (x) #1", m.release);
	d[0x211] = 1;
	store_le32(d + 0x22c, 0x7fffffff);
	store_le32(d + 0x230, 2 << 20);
	d[0x234] = 1;
	store_le16(d + 0x236, 0x7f);
	store_le32(d + 0x238, 2047);
	store_le32(d + 0x260, 4 << 20);
	for (size_t i = 1024; i < FORGED_KERNEL_SIZE; i++)
		d[i] = i * 2654435761U >> 13;
	put_bytes(path, d, FORGED_KERNEL_SIZE);
}

/*
 * A file of a cpio archive in the format newc; @at is where it goes, what is behind it is
 * returned.
 */
static inline size_t put_entry(uint8_t *d, size_t at, const char *name, unsigned int size)
{
	unsigned int namesize = strlen(name) + 1;
	char head[111];

	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		 1, 0100644, 0, 0, 1, 0, size, 0, 0, 0, 0, namesize, 0);
	memcpy(d + at, head, 110);
	memcpy(d + at + 110, name, namesize);
	at = (at + 110 + namesize + 3) & ~(size_t)3;
	for (unsigned int i = 0; i < size; i++)
		d[at + i] = i * 40503U >> 7;
	return (at + size + 3) & ~(size_t)3;
}

static inline void put_initrd(const char *path)
{
	CLEANUP_FREE uint8_t *d = calloc(1, FORGED_INITRD_SIZE + 1024);
	size_t at;

	assert_non_null(d);
	at = put_entry(d, 0, "bin/data", FORGED_INITRD_SIZE);
	at = put_entry(d, at, "TRAILER!!!", 0);
	put_bytes(path, d, at);
}

static inline void put_cpu(unsigned int cpu)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/crash_notes", cpu);
	putf(path, "%x\n", FORGED_CPUS_AT + cpu * 4096);
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/crash_notes_size", cpu);
	put(path, "368\n");
}

static inline const char *boot_file(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), name, m.release);
	return path;
}

static inline const char *kernel_file(void)
{
	return boot_file("/boot/vmlinuz-%s");
}

static inline const char *initrd_file(void)
{
	return boot_file("/var/lib/lifeboat/initrd-%s.img");
}

static inline void put_machine(void)
{
	putf("/proc/sys/kernel/osrelease", "%s\n", m.release);
	put("/proc/sys/kernel/random/boot_id", "01234567-89ab-cdef-0123-456789abcdef\n");
	put("/proc/cmdline", "root=/dev/vda1 console=ttyS0 crashkernel=32M\n");
	put("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
	put("/proc/meminfo", "MemTotal: 98304 kB\nMemFree: 50000 kB\nCached: 20000 kB\n");
	put("/proc/self/mountinfo", "");
	put("/proc/iomem", FORGED_IOMEM);
	put("/proc/cpuinfo", "processor\t: 0\ninitial apicid\t: 0\n\n");
	put("/sys/kernel/kexec_crash_size", "33554432\n");
	put(FORGED_LOADED, "0\n");
	put("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	put("/sys/devices/system/cpu/present", "0-1\n");
	put("/sys/devices/system/cpu/possible", "0-3\n");
	put_cpu(0);
	put_cpu(1);
	put("/run/x", "");
	put("/var/crash/x", "");
}

static inline void put_rules(void)
{
	put("/proc/sys/kernel/kexec_load_disabled", "0\n");
	put("/proc/sys/kernel/panic_on_oops", "1\n");
	put("/proc/sys/kernel/hung_task_panic", "0\n");
	put("/proc/sys/kernel/panic_on_warn", "0\n");
	put("/proc/sys/kernel/sysrq", "438\n");
}

/* ---- commands ---- */

/* Into memory it goes. */
static inline long forged_kexec_load(uint64_t entry, size_t n, const struct kexecload_segment *list,
				     unsigned long flags)
{
	static const uint8_t zeros[4096];

	(void)entry, (void)flags;
	if (m.refuses) {
		errno = m.refuses;
		return -1;
	}
	m.loads++;
	for (size_t i = 0; i < n; i++) {
		poke(list[i].mem, list[i].buf, list[i].bufsz);
		for (size_t at = list[i].bufsz; at < list[i].memsz;) {
			size_t left = list[i].memsz - at;
			size_t len = left < sizeof(zeros) ? left : sizeof(zeros);

			poke(list[i].mem + at, zeros, len);
			at += len;
			// What is behind is the kernel's own, and was never anything else.
			if (at > list[i].bufsz + (64 << 10))
				break;
		}
	}
	put(FORGED_LOADED, n ? "1\n" : "0\n");
	return 0;
}

static inline long forged_kexec(int kernel_fd, int initrd_fd, unsigned long len,
				const char *cmdline, unsigned long flags)
{
	(void)kernel_fd, (void)initrd_fd, (void)len, (void)cmdline, (void)flags;
	errno = ENOSYS;
	return -1;
}

/* Words are separated by blanks. */
static inline int run(command_run *command, const char *words)
{
	char line[2 * FORGED_PATH_MAX], *save = NULL;
	size_t n;
	int rc;

	free(m.out);
	free(m.diag);
	m.out = m.diag = NULL;
	m.err = (struct err){0};
	m.nwords = 0;
	snprintf(line, sizeof(line), "%s", words);
	for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save))
		m.words[m.nwords++] = w;
	FILE *out = open_memstream(&m.out, &n), *diag = open_memstream(&m.diag, &n);
	const struct context ctx = {.root = m.root,
				    .config = CONFIG_FILE,
				    .out = out,
				    .diag = diag,
				    .kexec = forged_kexec,
				    .kexec_load = forged_kexec_load,
				    .words = m.words,
				    .nwords = m.nwords};

	rc = command(&ctx, &m.err);
	fclose(out);
	fclose(diag);
	return rc;
}

static inline void loads(void)
{
	if (run(command_load, ""))
		fail_msg("%s", m.err.msg);
}

static inline int forged_setup(void **state)
{
	(void)state;
	m = (struct forged){.root = TREE_ROOT};
	if (!mkdtemp(m.root))
		return -1;
	put_kcore();
	put_machine();
	put_rules();
	put(CONFIG_FILE, "load_with kexec_load\npath /var/crash\n");
	put_kernel(kernel_file());
	put_initrd(initrd_file());
	return 0;
}

static inline int forged_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static inline int forged_teardown(void **state)
{
	(void)state;
	free(m.out);
	free(m.diag);
	return nftw(m.root, forged_remove, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
