/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * classes: makes pages of every class that a dump level tells apart, in a guest that is about to
 * crash, and writes down which they are: the ground truth of tests/oracle/groundtruth.
 *
 *     classes DIRECTORY      (on the disk)
 *
 * Appends lines "CLASS START COUNT", page frames in decimal, to DIRECTORY/var/crash/classes.txt.
 * What a page is comes from the kernel's own mouth: pagemap says where memory of this process lies,
 * kpageflags what it is, with the numbers of include/uapi/linux/kernel-page-flags.h. Classes that
 * belong to nobody here (free, slab, ...) are a picture of all of memory, taken last; some of
 * them change before the crash, and the judge allows for that.
 *
 * At the end "workload: ready pid=N", as scripts/lab expects it of a workload.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

enum {
	PAGE = 4096,
	HUGE = 2 << 20,
	MB = 1 << 20,
	ANON_SIZE = 48 * MB,
	ZERO_SIZE = 8 * MB,
	THP_SIZE = 32 * MB,
	HUGETLB_SIZE = 8 * MB,
	POOL = HUGETLB_SIZE / HUGE + 3, /* some of the pool stay unused */
	SHMEM_SIZE = 16 * MB,
	CACHE_SIZE = 24 * MB,
	FILES = 2000, /* for the slabs */
	RUNS_MAX = 300000,
	PFNS_MAX = 4 << 20, /* 16 GiB */
	CHUNK = 4096, /* words of pagemap read at once */
	MPOL_INTERLEAVE_ = 3,
};

/* Bits of kpageflags. */
enum {
	KPF_LRU = 5,
	KPF_SLAB = 7,
	KPF_BUDDY = 10,
	KPF_ANON = 12,
	KPF_SWAPBACKED = 14,
	KPF_TAIL = 16,
	KPF_HUGE = 17,
	KPF_HWPOISON = 19,
	KPF_NOPAGE = 20,
	KPF_THP = 22,
	KPF_OFFLINE = 23,
	KPF_PGTABLE = 26,
	KPF_RESERVED = 32,
	KPF_PRIVATE = 35,
};

enum kind {
	KIND_NONE, /* not one that the judge could say anything about */
	KIND_ANON,
	KIND_ZERO, /* anonymous, too, but of zeros */
	KIND_THP,
	KIND_HUGETLB,
	KIND_SHMEM, /* tmpfs */
	KIND_CACHE, /* without private data */
	KIND_CACHE_PRIVATE, /* with buffers */
	KIND_FREE,
	KIND_SLAB,
	KIND_PGTABLE,
	KIND_RESERVED,
	KIND_BALLOON, /* logically offline */
	KIND_HWPOISON,
	KINDS,
};

static const char *const kind_names[KINDS] = {
	"none",		 "anon", "zero", "thp",	    "hugetlb",	"shmem",   "cache",
	"cache_private", "free", "slab", "pgtable", "reserved", "balloon", "hwpoison",
};

struct run {
	uint64_t start, count;
	enum kind kind;
};

/* Memory of this process to be written down. */
struct region {
	char *at;
	size_t size;
	bool file; /* page cache; else anonymous, or hugetlb */
	bool zero; /* nothing but zeros was written to it */
};

static struct run runs[RUNS_MAX];
static size_t nruns;
static uint64_t pages_of[KINDS];
static struct region regions[16];
static size_t nregions;
static uint64_t chunk[CHUNK];
/* The picture: kpageflags of all page frames. */
static uint64_t flags_of[PFNS_MAX];
static uint64_t npfns;

static void die(const char *what)
{
	printf("workload: failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void note_region(void *at, size_t size, bool file)
{
	if (nregions == sizeof(regions) / sizeof(*regions))
		die("too many regions");
	regions[nregions++] = (struct region){.at = at, .size = size, .file = file};
}

/* A page that is not zero, and like no other. */
static void touch(char *at, size_t size)
{
	for (size_t i = 0; i < size; i += PAGE) {
		volatile uint64_t *words = (void *)(at + i);

		for (int w = 0; w < PAGE / 8; w += 16)
			words[w] = (uintptr_t)at * 0x9e3779b97f4a7c15 + i + w;
	}
}

static void set_number(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("workload: %s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* ---- making them ---- */

/* Pages that were written to, and which the kernel did not give the one page of zeros. */
static void make_zero(size_t size)
{
	volatile char *at =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("memory of zeros");
	madvise((void *)at, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += PAGE)
		at[i] = 0;
	note_region((void *)at, size, false);
	regions[nregions - 1].zero = true;
}

static void make_anon(size_t size, int advice)
{
	char *at =
		mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("anonymous memory");
	at += HUGE - ((uintptr_t)at & (HUGE - 1));
	madvise(at, size, advice);
	touch(at, size);
	note_region(at, size, false);
}

/* Pages of 2^shift bytes; a kernel or a machine without them is no failure. */
static void make_hugetlb(size_t size, int shift)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (shift << MAP_HUGE_SHIFT), -1,
			0);

	if (at == MAP_FAILED) {
		printf("workload: no hugetlb of 2^%d: %s\n", shift, strerror(errno));
		return;
	}
	/* Of a large one the kernel has zeroed the rest. */
	touch(at, size > 64 * MB ? 64 * MB : size);
	note_region(at, size, false);
}

static int make_file(const char *dir, const char *name, size_t size)
{
	char path[256];
	static char page[PAGE];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path);
	for (size_t i = 0; i < size; i += PAGE) {
		memset(page, (int)(i / PAGE) | 1, sizeof(page));
		if (write(fd, page, sizeof(page)) != PAGE)
			die(path);
	}
	return fd;
}

static void map_file(int fd, size_t size)
{
	volatile char *at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		die("mapping a file");
	for (size_t i = 0; i < size; i += PAGE)
		(void)at[i];
	note_region((void *)at, size, true);
	close(fd);
}

static void make_files(const char *disk)
{
	char path[256];
	int fd;

	fd = make_file("/tmp", "classes", SHMEM_SIZE);
	map_file(fd, SHMEM_SIZE);
	/* Mounted by the hook with huge=always. */
	if (access("/run/huge", W_OK) == 0) {
		fd = make_file("/run/huge", "classes", SHMEM_SIZE);
		map_file(fd, SHMEM_SIZE);
	}
	/* What was written keeps the buffers of the file system; what was read has none. */
	fd = make_file(disk, "written", CACHE_SIZE);
	if (fsync(fd))
		die("fsync");
	map_file(fd, CACHE_SIZE);
	fd = make_file(disk, "read", CACHE_SIZE);
	if (fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		die("fadvise");
	map_file(fd, CACHE_SIZE);

	snprintf(path, sizeof(path), "%s/small", disk);
	mkdir(path, 0700);
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/small/%d", disk, i);
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
}

/* ---- writing them down ---- */

static void record(enum kind kind, uint64_t pfn)
{
	struct run *last = nruns ? &runs[nruns - 1] : NULL;

	pages_of[kind]++;
	if (kind == KIND_NONE)
		return;
	if (last && last->kind == kind && last->start + last->count == pfn) {
		last->count++;
		return;
	}
	if (nruns == RUNS_MAX) {
		errno = ENOSPC;
		die("too many runs");
	}
	runs[nruns++] = (struct run){.start = pfn, .count = 1, .kind = kind};
}

static bool has(uint64_t flags, int bit)
{
	return flags >> bit & 1;
}

static int open_proc(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static void take_picture(void)
{
	int fd = open_proc("/proc/kpageflags");
	ssize_t got;

	npfns = 0;
	while (npfns < PFNS_MAX &&
	       (got = pread(fd, flags_of + npfns, sizeof(chunk), (off_t)(npfns * 8))) > 0)
		npfns += (uint64_t)got / 8;
	close(fd);
}

/* What belongs to a folio as a whole is said by its head. */
static uint64_t head_flags(uint64_t pfn)
{
	while (has(flags_of[pfn], KPF_TAIL) && pfn)
		pfn--;
	return flags_of[pfn];
}

static enum kind owned_kind(const struct region *r, uint64_t pfn)
{
	uint64_t flags = pfn < npfns ? flags_of[pfn] : 1ULL << KPF_NOPAGE;
	uint64_t head;

	/* The picture of all memory has these. */
	if (has(flags, KPF_NOPAGE) || has(flags, KPF_HWPOISON) || has(flags, KPF_HUGE))
		return KIND_NONE;
	if (!r->file) {
		if (!has(flags, KPF_ANON))
			return KIND_NONE;
		if (r->zero)
			return KIND_ZERO;
		return has(flags, KPF_THP) ? KIND_THP : KIND_ANON;
	}
	head = head_flags(pfn);
	/* Pages on their way to the LRU lists are not told from others by a dump. */
	if (!has(head, KPF_LRU))
		return KIND_NONE;
	if (has(head, KPF_SWAPBACKED))
		return KIND_SHMEM;
	return has(head, KPF_PRIVATE) ? KIND_CACHE_PRIVATE : KIND_CACHE;
}

static void record_region(const struct region *r)
{
	int fd = open_proc("/proc/self/pagemap");
	uint64_t first = (uintptr_t)r->at / PAGE, left = r->size / PAGE;

	while (left) {
		size_t n = left < CHUNK ? left : CHUNK;

		if (pread(fd, chunk, n * 8, (off_t)(first * 8)) != (ssize_t)(n * 8))
			die("pagemap");
		for (size_t i = 0; i < n; i++) {
			uint64_t pfn = chunk[i] & ((1ULL << 55) - 1);

			if (chunk[i] >> 63)
				record(owned_kind(r, pfn), pfn);
		}
		first += n;
		left -= n;
	}
	close(fd);
}

/* Of a page of which only kpageflags is known; poison and balloon come first, as in a dump. */
static enum kind picture_kind(uint64_t flags)
{
	if (has(flags, KPF_NOPAGE))
		return KIND_NONE;
	if (has(flags, KPF_HWPOISON))
		return KIND_HWPOISON;
	if (has(flags, KPF_OFFLINE))
		return KIND_BALLOON;
	if (has(flags, KPF_HUGE))
		return KIND_HUGETLB;
	if (has(flags, KPF_BUDDY))
		return KIND_FREE;
	if (has(flags, KPF_SLAB))
		return KIND_SLAB;
	if (has(flags, KPF_PGTABLE))
		return KIND_PGTABLE;
	if (has(flags, KPF_RESERVED))
		return KIND_RESERVED;
	return KIND_NONE;
}

static void record_picture(void)
{
	for (uint64_t pfn = 0; pfn < npfns; pfn++)
		record(picture_kind(flags_of[pfn]), pfn);
}

static void write_runs(const char *disk)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/var/crash/classes.txt", disk);
	f = fopen(path, "ae");
	if (!f)
		die(path);
	for (size_t i = 0; i < nruns; i++)
		fprintf(f, "%s %llu %llu\n", kind_names[runs[i].kind],
			(unsigned long long)runs[i].start, (unsigned long long)runs[i].count);
	fprintf(f, "end\n");
	if (fflush(f) || fsync(fileno(f)) || fclose(f))
		die(path);
}

/* One page of the small ones, one of the huge ones, and a hugetlb one. */
static void poison(void)
{
	for (size_t i = 0; i < nregions; i++) {
		if (regions[i].file || regions[i].zero || regions[i].size > HUGE * 64ULL)
			continue;
		/* Behind the first page, so that it is no head of a huge one. */
		if (madvise(regions[i].at + 5 * PAGE, PAGE, MADV_HWPOISON))
			printf("workload: no hwpoison: %s\n", strerror(errno));
	}
}

static void take_note(int signal)
{
	(void)signal;
}

int main(int argc, char **argv)
{
	unsigned long nodes = 3;
	char pool[16];

	if (argc != 2) {
		fprintf(stderr, "usage: classes DIRECTORY\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	/* Told of the poison it asked for; to ignore that would not be let pass. */
	signal(SIGBUS, take_note);
	/* Nothing of ours may be given memory between the picture and the crash. */
	memset(runs, 1, sizeof(runs));
	memset(chunk, 1, sizeof(chunk));
	take_picture();
	/* From two nodes in turn, where there are two. */
	syscall(SYS_set_mempolicy, MPOL_INTERLEAVE_, &nodes, 3UL);

	snprintf(pool, sizeof(pool), "%d", POOL);
	set_number("/proc/sys/vm/nr_hugepages", pool);
	make_anon(ANON_SIZE, MADV_NOHUGEPAGE);
	make_zero(ZERO_SIZE);
	make_anon(THP_SIZE, MADV_HUGEPAGE);
	make_hugetlb(HUGETLB_SIZE, 21);
	make_hugetlb(1024UL * MB, 30);
	make_files(argv[1]);
	sync();
	/*
	 * This drains the lists on which pages wait to be put on the LRU lists. It moves pages, too,
	 * which then wait there themselves: the second time there is little left to move.
	 */
	set_number("/proc/sys/vm/compact_memory", "1");
	set_number("/proc/sys/vm/compact_memory", "1");
	poison();
	take_picture();
	for (size_t i = 0; i < nregions; i++)
		record_region(&regions[i]);
	record_picture();
	write_runs(argv[1]);
	for (int i = 1; i < KINDS; i++)
		printf("workload: %s %llu\n", kind_names[i], (unsigned long long)pages_of[i]);
	printf("workload: ready pid=%d\n", getpid());
	for (;;)
		pause();
}
