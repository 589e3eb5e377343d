/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rawcopy: copies /proc/vmcore to a disk as it is.
 *
 *     rawcopy /proc/vmcore /dev/vdb
 *
 * The disk must be all zeros before: pages of zeros are not written. The memory is mapped, since
 * read(2) of /proc/vmcore maps and unmaps each page in the kernel, which takes minutes where a
 * guest's instructions are emulated. Prints "vmcore bytes N" when all is on the disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, WINDOW = 8 << 20, COPY = 256 << 10 };

static void die(const char *what)
{
	fprintf(stderr, "rawcopy: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool is_zero(const uint8_t *page)
{
	const uint64_t *words = (const uint64_t *)page;

	for (size_t i = 0; i < PAGE / sizeof(*words); i++) {
		if (words[i])
			return false;
	}
	return true;
}

static void put(int out, const uint8_t *data, size_t size, off_t offset)
{
	while (size > 0) {
		ssize_t n = pwrite(out, data, size, offset);

		if (n <= 0)
			die("write");
		data += n;
		size -= (size_t)n;
		offset += n;
	}
}

/* Writes the pages of a window that are not zero, as many at once as follow each other. */
static void put_window(int out, const uint8_t *data, size_t size, off_t offset)
{
	/* Old memory is not to be written from where it lies: the kernel cannot pin it. */
	static uint8_t copy[COPY];

	for (size_t at = 0; at < size; at += PAGE) {
		size_t have = 0;

		while (at + have < size && have < COPY && !is_zero(data + at + have))
			have += PAGE;
		if (!have)
			continue;
		memcpy(copy, data + at, have);
		put(out, copy, have, offset + (off_t)at);
		at += have - PAGE;
	}
}

int main(int argc, char **argv)
{
	struct stat st;
	int in, out;

	if (argc != 3) {
		fprintf(stderr, "usage: rawcopy VMCORE DISK\n");
		return 2;
	}
	in = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (in < 0 || fstat(in, &st) || st.st_size % PAGE)
		die(argv[1]);
	out = open(argv[2], O_WRONLY | O_CLOEXEC);
	if (out < 0)
		die(argv[2]);
	for (off_t at = 0; at < st.st_size; at += WINDOW) {
		size_t size = st.st_size - at < WINDOW ? (size_t)(st.st_size - at) : WINDOW;
		void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, in, at);

		if (data == MAP_FAILED)
			die("mmap");
		put_window(out, data, size, at);
		munmap(data, size);
		/* Memory is scarce here: what is written is not to be kept. */
		fdatasync(out);
		posix_fadvise(out, 0, 0, POSIX_FADV_DONTNEED);
	}
	if (fsync(out))
		die("fsync");
	printf("\nvmcore bytes %lld\n", (long long)st.st_size);
	return 0;
}
