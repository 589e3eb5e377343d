// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * flushed: what is on a disk whose power is cut: all that was written before its last flush, and
 * nothing of what came later.
 *
 *   flushed LOG IMAGE    LOG: of QEMU's blklogwrites, which has the format of dm-log-writes (Linux,
 *                        Documentation/admin-guide/device-mapper/log-writes.rst); IMAGE: the disk
 *                        as it was when the log began
 *
 * QEMU brings the count of entries at the beginning of the log up to date with each flush only,
 * when log-super-update-interval is large. Prints how many writes were taken, and what lies behind.
 */
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x6a736677736872ULL

enum {
	FLAG_FLUSH = 1,
	FLAG_DISCARD = 4,
	COPY_SIZE = 1 << 20,
};

struct log_super {
	uint64_t magic, version, nr_entries;
	uint32_t sector_size;
} __attribute__((packed));

struct log_entry {
	uint64_t sector, nr_sectors, flags, data_len;
} __attribute__((packed));

static void die(const char *what)
{
	fprintf(stderr, "flushed: ");
	perror(what);
	exit(1);
}

static void read_all(int fd, void *buf, size_t size, uint64_t offset)
{
	if (pread(fd, buf, size, offset) != (ssize_t)size)
		die("log: cut short");
}

static void copy(int from, uint64_t at, int to, uint64_t place, uint64_t size)
{
	static char buf[COPY_SIZE];

	while (size) {
		size_t n = size < sizeof(buf) ? size : sizeof(buf);

		read_all(from, buf, n, at);
		if (pwrite(to, buf, n, place) != (ssize_t)n)
			die("image");
		at += n;
		place += n;
		size -= n;
	}
}

int main(int argc, char **argv)
{
	uint64_t at, entries, ss, writes = 0, flushes = 0;
	int log = argc == 3 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	int image = argc == 3 ? open(argv[2], O_RDWR | O_CLOEXEC) : -1;
	struct log_super super;
	struct stat st;

	if (log < 0 || image < 0 || fstat(log, &st))
		die("usage: flushed LOG IMAGE");
	read_all(log, &super, sizeof(super), 0);
	ss = le32toh(super.sector_size);
	entries = le64toh(super.nr_entries);
	if (le64toh(super.magic) != MAGIC || ss < sizeof(struct log_entry) || !entries) {
		fprintf(stderr, "flushed: %s: no log, or nothing was ever flushed\n", argv[1]);
		return 1;
	}
	at = ss;
	for (uint64_t i = 0; i < entries; i++) {
		struct log_entry e;
		uint64_t size;

		read_all(log, &e, sizeof(e), at);
		at += ss;
		size = le64toh(e.nr_sectors) * ss;
		flushes += le64toh(e.flags) & FLAG_FLUSH;
		// What a disk answers for what was discarded is nobody's business.
		if (le64toh(e.flags) & FLAG_DISCARD)
			continue;
		copy(log, at, image, le64toh(e.sector) * ss, size);
		writes += size != 0;
		at += size;
	}
	printf("%" PRIu64 " writes, %" PRIu64 " flushes, %" PRIu64 " bytes of the log behind\n",
	       writes, flushes, (uint64_t)st.st_size - at);
	return fsync(image) ? 1 : 0;
}
