/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * workload: fills the memory of a guest with pages of every class that a dump level tells
 * apart, each with a marker that a test looks for in the dump. Then it stays alive.
 *
 *     workload DIRECTORY      (on the disk, for the page cache)
 *
 * Prints "workload: marker KIND HEX", 32 bytes in hexadecimal, for each kind, "workload: KIND
 * what was made", and at the end "workload: ready pid=N".
 *
 * The markers are computed when they are stored, and stored word by word: they are nowhere in
 * this file in clear, and no vector register, which the kernel saves in its own memory at a
 * task switch, ever holds one.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	HUGE = 2 << 20,
	MB = 1 << 20,
	MARKER_WORDS = 4,
	ANON_SIZE = 64 * MB,
	THP_SIZE = 32 * MB,
	HUGETLB_SIZE = 8 * MB,
	/*
	 * Much more than the CPUs' own lists of free pages hold, which no dump level counts as
	 * free: khugepaged raises the watermarks, and with them these lists, to some 30 MB.
	 */
	FREED_SIZE = 128 * MB,
	TMPFS_SIZE = 16 * MB,
	CACHE_SIZE = 32 * MB,
	SMALL_FILES = 2000,
	PIPES = 64,
	SOCKETS = 64,
	KEYS = 16,
	KEY_SIZE = 1024,
};

/* The seed of each kind's marker; the test reads the marker from the console. */
enum kind {
	KIND_ANON = 1, /* private anonymous memory: user data */
	KIND_THP, /* the same in transparent huge pages */
	KIND_HUGETLB, /* the same in hugetlb pages */
	KIND_FREED, /* was anonymous memory, is free */
	KIND_TMPFS, /* file of a tmpfs */
	KIND_CACHE, /* page cache of a file on the disk */
	KIND_PIPE, /* pages of a pipe: kernel memory */
	KIND_SOCKET, /* data queued in a socket: kernel memory */
	KIND_KEY, /* payload of a key: slab */
};

static const char *const kind_names[] = {
	[KIND_ANON] = "anon",	[KIND_THP] = "thp",	  [KIND_HUGETLB] = "hugetlb",
	[KIND_FREED] = "freed", [KIND_TMPFS] = "tmpfs",	  [KIND_CACHE] = "cache",
	[KIND_PIPE] = "pipe",	[KIND_SOCKET] = "socket", [KIND_KEY] = "key",
};

static void die(const char *what)
{
	printf("workload: failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Word @index of the pattern of @kind: a mix of both in which every bit matters. */
static uint64_t pattern_word(enum kind kind, uint64_t index)
{
	uint64_t x = (uint64_t)kind * 0xd1342543de82ef95 + (index + 1) * 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 29)) * 0x94d049bb133111eb;
	return x ^ (x >> 32);
}

/*
 * Every page gets the same pattern: the marker first, then words that do not compress. Volatile,
 * so that the compiler neither calls memcpy nor uses vector registers.
 */
static void fill(void *at, size_t size, enum kind kind)
{
	volatile uint64_t *words = at;

	for (size_t i = 0; i < size / sizeof(*words); i++)
		words[i] = pattern_word(kind, i % (PAGE / sizeof(*words)));
}

static void print_marker(enum kind kind)
{
	printf("workload: marker %s ", kind_names[kind]);
	for (int i = 0; i < MARKER_WORDS; i++) {
		uint64_t word = pattern_word(kind, i);

		/* As the bytes lie in memory. */
		for (int byte = 0; byte < 8; byte++)
			printf("%02x", (unsigned int)(word >> (8 * byte)) & 0xff);
	}
	printf("\n");
}

static void *map(size_t size, int flags)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void make_anon(void)
{
	void *memory = map(ANON_SIZE, 0);

	if (memory == MAP_FAILED)
		die("anonymous memory");
	madvise(memory, ANON_SIZE, MADV_NOHUGEPAGE);
	fill(memory, ANON_SIZE, KIND_ANON);
	print_marker(KIND_ANON);
	printf("workload: anon %d pages at %p\n", ANON_SIZE / PAGE, memory);
}

/* kB of transparent huge pages in this process, as the kernel counts them. */
static unsigned long huge_kb(void)
{
	unsigned long sum = 0, one;
	char line[256];
	FILE *maps = fopen("/proc/self/smaps", "re");

	if (!maps)
		return 0;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "AnonHugePages: %lu kB", &one) == 1)
			sum += one;
	}
	fclose(maps);
	return sum;
}

static void make_thp(void)
{
	char *memory = map(THP_SIZE + HUGE, 0);

	if (memory == MAP_FAILED)
		die("memory for huge pages");
	memory += HUGE - ((uintptr_t)memory & (HUGE - 1));
	/* Without huge pages in the kernel these are ordinary ones. */
	madvise(memory, THP_SIZE, MADV_HUGEPAGE);
	fill(memory, THP_SIZE, KIND_THP);
	print_marker(KIND_THP);
	printf("workload: thp %lu kB huge at %p\n", huge_kb(), (void *)memory);
}

static void make_hugetlb(void)
{
	int fd = open("/proc/sys/vm/nr_hugepages", O_WRONLY | O_CLOEXEC);
	void *memory;

	if (fd >= 0) {
		dprintf(fd, "%d\n", HUGETLB_SIZE / HUGE);
		close(fd);
	}
	memory = map(HUGETLB_SIZE, MAP_HUGETLB);
	if (memory == MAP_FAILED) {
		printf("workload: hugetlb none: %s\n", strerror(errno));
		return;
	}
	fill(memory, HUGETLB_SIZE, KIND_HUGETLB);
	print_marker(KIND_HUGETLB);
	printf("workload: hugetlb %d pages at %p\n", HUGETLB_SIZE / HUGE, memory);
}

static void make_freed(void)
{
	void *memory = map(FREED_SIZE, 0);

	if (memory == MAP_FAILED)
		die("memory to free");
	/* Huge pages would stay on a CPU's own list, which no dump level counts as free. */
	madvise(memory, FREED_SIZE, MADV_NOHUGEPAGE);
	fill(memory, FREED_SIZE, KIND_FREED);
	munmap(memory, FREED_SIZE);
	print_marker(KIND_FREED);
	printf("workload: freed %d pages\n", FREED_SIZE / PAGE);
}

/* A file of pattern pages, written through a mapping so that no buffer of ours has it too. */
static void make_file(const char *dir, enum kind kind, size_t size)
{
	char path[256];
	void *memory;
	int fd;

	snprintf(path, sizeof(path), "%s/workload-%s", dir, kind_names[kind]);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size))
		die(path);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		die(path);
	fill(memory, size, kind);
	if (fsync(fd))
		die(path);
	/* One half stays mapped, the other is cache that nobody uses. */
	munmap((char *)memory + size / 2, size / 2);
	close(fd);
	print_marker(kind);
	printf("workload: %s %zu pages in %s\n", kind_names[kind], size / PAGE, path);
}

static void make_small_files(const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/workload-small", dir);
	mkdir(path, 0700);
	for (int i = 0; i < SMALL_FILES; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/workload-small/%d", dir, i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			die(path);
		close(fd);
	}
	printf("workload: slab %d files\n", SMALL_FILES);
}

/* Data on its way: nobody reads it, and it stays in the kernel. */
static void make_pipes_and_sockets(void)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	int fds[2];

	fill(page, sizeof(page), KIND_PIPE);
	for (int i = 0; i < PIPES; i++) {
		if (pipe2(fds, O_CLOEXEC) || write(fds[1], page, sizeof(page)) != PAGE)
			die("pipe");
	}
	print_marker(KIND_PIPE);
	fill(page, sizeof(page), KIND_SOCKET);
	for (int i = 0; i < SOCKETS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) ||
		    write(fds[1], page, sizeof(page)) != PAGE)
			die("socketpair");
	}
	print_marker(KIND_SOCKET);
	printf("workload: slab %d pipes, %d sockets\n", PIPES, 2 * SOCKETS);
}

static void make_keys(void)
{
	static char payload[KEY_SIZE] __attribute__((aligned(8)));
	char name[32];

	fill(payload, sizeof(payload), KIND_KEY);
	for (int i = 0; i < KEYS; i++) {
		/* -4: the user's keyring, KEY_SPEC_USER_KEYRING of keyctl(2). */
		snprintf(name, sizeof(name), "lifeboat:%d", i);
		if (syscall(SYS_add_key, "user", name, payload, sizeof(payload), -4) < 0) {
			printf("workload: key none: %s\n", strerror(errno));
			return;
		}
	}
	print_marker(KIND_KEY);
	printf("workload: slab %d keys\n", KEYS);
}

/*
 * A CPU at work: its registers are in the notes of the dump. It is the first one, so that a test
 * that crashes another knows where to look.
 */
static void *spin(void *arg)
{
	volatile unsigned long *count = arg;
	cpu_set_t first;

	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	for (;;)
		(*count)++;
	return NULL;
}

int main(int argc, char **argv)
{
	static unsigned long count;
	pthread_t thread;

	if (argc != 2) {
		fprintf(stderr, "usage: workload DIRECTORY\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* The reader of these lines goes away when it has seen the last. */
	signal(SIGPIPE, SIG_IGN);
	make_anon();
	make_thp();
	make_hugetlb();
	make_file("/tmp", KIND_TMPFS, TMPFS_SIZE);
	make_file(argv[1], KIND_CACHE, CACHE_SIZE);
	make_small_files(argv[1]);
	make_pipes_and_sockets();
	make_keys();
	/* Last, so that no other kind uses the pages again. */
	make_freed();
	if (pthread_create(&thread, NULL, spin, &count))
		die("thread");
	printf("workload: ready pid=%d\n", getpid());
	for (;;)
		pause();
}
