/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heavy: loads a guest so that its dump is like that of a busy machine: most of what dump level
 * 31 keeps is slab, page tables, stacks and buffers of the kernel, and beside it there are page
 * cache, memory of processes and free pages that were in use. Then it stays alive.
 *
 *     heavy DIRECTORY      (on a disk; it may be any)
 *
 * All counts are for 4 GB of memory and grow with it: there, level 31 keeps some 150,000 pages.
 * Prints "workload: KIND what was made", and at the end "workload: ready pid=N".
 *
 * What is in the pages matters, since it is what a codec has to do with: records of the kernel
 * are what they are; buffers and files get text made of words, tables of numbers, and data that
 * does not shrink, in a mix.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	MB = 1 << 20,
	TABLE_SPAN = 2 * MB, /* what one page table maps */
	BOOK_SIZE = 4 * MB,
	FILES_A_DIR = 1000,
	/* For 4 GB each. */
	PROCESSES = 1000,
	PROCESS_VMAS = 60,
	FILES = 200000,
	DISK_FILES = 4000,
	PIPES = 3000,
	PIPE_PAGES = 8,
	SOCKETS = 10000, /* pairs */
	EVENTS = 10000,
	FULL_TABLES = 4000,
	THIN_TABLES = 2000,
	ANON_MB = 600,
	CACHE_MB = 400,
	FREED_MB = 300,
};

static unsigned long long memory;
static uint8_t *book;

/* @n of a machine with 4 GB, for this one. */
static unsigned int scaled(unsigned int n)
{
	return (unsigned int)(n * memory / (4ULL << 30));
}

static void die(const char *what)
{
	printf("workload: failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t next_random(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* ---- what is in buffers ---- */

static size_t put_text(char *at, size_t size)
{
	static const char *const words[] = {
		"error",   "device", "request", "the",	   "of",     "connection", "closed",
		"GET",	   "/index", "200",	"timeout", "kernel", "thread",	   "started",
		"\"id\":", "null",   "user",	"session", "from",   "127.0.0.1",  "\n",
	};
	size_t used = 0;

	while (used + 40 < size) {
		const char *word = words[next_random() % (sizeof(words) / sizeof(words[0]))];

		used += (size_t)sprintf(at + used, "%s ", word);
		if (next_random() % 8 == 0)
			used += (size_t)sprintf(at + used, "%u ",
						(unsigned int)next_random() % 100000);
	}
	memset(at + used, '\n', size - used);
	return size;
}

/* Records of counters, pointers and flags, as programs have them. */
static void put_records(uint64_t *at, size_t size)
{
	for (size_t i = 0; i < size / sizeof(*at); i++) {
		switch (i % 8) {
		case 0:
			at[i] = i;
			break;
		case 1:
		case 2:
			at[i] = 0x00007f0000000000 | (next_random() & 0xfffff8);
			break;
		case 3:
			at[i] = next_random() & 0xff;
			break;
		default:
			at[i] = 0;
		}
	}
}

/* Pages of text, records and noise in turn; what is written anywhere is cut out of these. */
static void write_book(void)
{
	book = malloc(BOOK_SIZE);
	if (!book)
		die("memory");
	for (size_t at = 0; at < BOOK_SIZE; at += PAGE) {
		switch (at / PAGE % 8) {
		case 0:
			for (size_t i = 0; i < PAGE; i += sizeof(uint64_t)) {
				uint64_t word = next_random();

				memcpy(book + at + i, &word, sizeof(word));
			}
			break;
		case 1:
		case 2:
		case 3:
			put_records((uint64_t *)(book + at), PAGE);
			break;
		default:
			put_text((char *)book + at, PAGE);
		}
	}
}

/* @size bytes of the book, at most PAGE * 8, at a place that no two callers have in common. */
static const uint8_t *read_book(size_t size)
{
	return book + next_random() % ((BOOK_SIZE - size) / 64) * 64;
}

static void fill(uint8_t *at, size_t size)
{
	for (size_t done = 0; done < size; done += PAGE)
		memcpy(at + done, read_book(PAGE), PAGE);
}

/* ---- kernel memory ---- */

/* Memory areas that cannot be merged with their neighbours, and a page or two in use. */
static void be_a_process(void)
{
	uint8_t *at = mmap(NULL, 2 * PROCESS_VMAS * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at != MAP_FAILED) {
		for (size_t i = 0; i < PROCESS_VMAS; i++)
			mprotect(at + 2 * i * PAGE, PAGE, PROT_READ);
		memset(at + PAGE, 1, PAGE);
	}
	for (;;)
		pause();
}

/* Before all else: a process is given the page tables of its parent. */
static void make_processes(void)
{
	unsigned int n = scaled(PROCESSES);

	for (unsigned int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			be_a_process();
		}
	}
	printf("workload: processes %u\n", n);
}

/* Inodes and names of @n empty files below @dir. */
static void make_files(const char *dir, unsigned int n)
{
	char name[128];

	for (unsigned int i = 0; i < n; i++) {
		if (i % FILES_A_DIR == 0) {
			snprintf(name, sizeof(name), "%s/dir-%u", dir, i / FILES_A_DIR);
			if (mkdir(name, 0700) || chdir(name))
				die(name);
		}
		/* One in eight has a name too long for the dentry itself. */
		snprintf(name, sizeof(name), "%u%s.%llx", i,
			 i % 8 ? "" : "-with-a-name-of-more-than-forty-bytes",
			 (unsigned long long)next_random() & 0xffffff);
		if (mknod(name, S_IFREG | 0600, 0))
			die(name);
	}
	if (chdir("/"))
		die("/");
	printf("workload: files %u in %s\n", n, dir);
}

/* Data on its way: nobody reads it, and it stays in the kernel. */
static void make_pipes(void)
{
	unsigned int n = scaled(PIPES);
	int fds[2];

	for (unsigned int i = 0; i < n; i++) {
		if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
			die("pipe");
		for (int page = 0; page < PIPE_PAGES; page++) {
			if (write(fds[1], read_book(PAGE), PAGE) != PAGE)
				die("write to a pipe");
		}
	}
	printf("workload: pipes %u\n", n);
}

static void make_sockets(void)
{
	unsigned int n = scaled(SOCKETS);
	int fds[2];

	for (unsigned int i = 0; i < n; i++) {
		size_t size = 128 + next_random() % (PAGE - 128);

		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ||
		    write(fds[1], read_book(size), size) != (ssize_t)size)
			die("socketpair");
	}
	printf("workload: sockets %u\n", 2 * n);
}

static void make_events(void)
{
	unsigned int n = scaled(EVENTS);
	int poll = epoll_create1(EPOLL_CLOEXEC);

	if (poll < 0)
		die("epoll");
	for (unsigned int i = 0; i < n; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
		int fd = eventfd(i, EFD_CLOEXEC);

		if (fd < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event))
			die("eventfd");
	}
	printf("workload: events %u\n", n);
}

/* Tables with all of their entries, over one file many times, and tables with one. */
static void make_page_tables(void)
{
	unsigned int full = scaled(FULL_TABLES), thin = scaled(THIN_TABLES);
	int fd = memfd_create("heavy", MFD_CLOEXEC);
	uint8_t *at;

	if (fd < 0 || ftruncate(fd, TABLE_SPAN))
		die("memfd");
	at = mmap(NULL, (size_t)(full + thin + 1) * TABLE_SPAN, PROT_READ,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		die("address space");
	madvise(at, (size_t)(full + thin + 1) * TABLE_SPAN, MADV_NOHUGEPAGE);
	at += TABLE_SPAN - ((uintptr_t)at & (TABLE_SPAN - 1));
	for (unsigned int i = 0; i < full; i++, at += TABLE_SPAN) {
		if (mmap(at, TABLE_SPAN, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED)
			die("page tables");
	}
	for (unsigned int i = 0; i < thin; i++, at += TABLE_SPAN)
		(void)*(volatile uint8_t *)(at + next_random() % TABLE_SPAN);
	printf("workload: page tables %u full, %u thin\n", full, thin);
}

/* ---- what level 31 leaves out ---- */

static void make_cache(const char *dir)
{
	size_t size = (size_t)scaled(CACHE_MB) * MB;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/cache", dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		die(path);
	for (size_t done = 0; done < size; done += 8 * PAGE) {
		if (write(fd, read_book(8 * PAGE), 8 * PAGE) != 8 * PAGE)
			die(path);
	}
	close(fd);
	printf("workload: cache %zu pages\n", size / PAGE);
}

static uint8_t *make_anon(unsigned int mb, int advice)
{
	size_t size = (size_t)scaled(mb) * MB;
	uint8_t *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("memory");
	madvise(at, size, advice);
	fill(at, size);
	printf("workload: anon %zu pages\n", size / PAGE);
	return at;
}

int main(int argc, char **argv)
{
	static const char ram[] = "/tmp/heavy";
	struct rlimit files = {1 << 20, 1 << 20};
	struct sysinfo info;
	char path[128];

	if (argc != 2) {
		fprintf(stderr, "usage: heavy DIRECTORY\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The reader of these lines goes away when it has seen the last. */
	signal(SIGPIPE, SIG_IGN);
	sysinfo(&info);
	memory = (unsigned long long)info.totalram * info.mem_unit;
	if (setrlimit(RLIMIT_NOFILE, &files))
		die("limit of open files");
	make_processes();
	write_book();
	/* A ramfs: nothing there is ever written back or swapped, and its pages are page cache. */
	if (mkdir(ram, 0700) || mount("heavy", ram, "ramfs", 0, NULL))
		die(ram);
	make_files(ram, scaled(FILES));
	snprintf(path, sizeof(path), "%s/heavy", argv[1]);
	if (mkdir(path, 0700))
		die(path);
	make_files(path, scaled(DISK_FILES));
	make_pipes();
	make_sockets();
	make_events();
	make_page_tables();
	make_cache(ram);
	make_anon(ANON_MB / 2, MADV_NOHUGEPAGE);
	make_anon(ANON_MB / 2, MADV_HUGEPAGE);
	/* Last, so that nothing uses the pages again. */
	munmap(make_anon(FREED_MB, MADV_NOHUGEPAGE), (size_t)scaled(FREED_MB) * MB);
	printf("workload: ready pid=%d\n", getpid());
	for (;;)
		pause();
}
