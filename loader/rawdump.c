// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/rawdump.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "vmcore/kdump_format.h"

enum {
	BLOCK_MIN = 4 << 10,
	BLOCK_MAX = 64 << 10,
	CHUNK = 64 * 1024 / KDUMP_DESC_SIZE * KDUMP_DESC_SIZE, /* whole descriptors */
	SIGNATURE_LEN = 8,
	UTS_FIELDS = 6, /* sysname, nodename, release, version, machine, domainname */
};

/* Blocks taken at most: of 4 KiB, 2^24 of them are bitmaps for 2^38 pages. */
#define BLOCKS_LIMIT (1U << 24)

static void take_uts(const uint8_t *head, int field, char ret[static KDUMP_UTS_LEN + 1])
{
	memcpy(ret, head + KDUMP_H_UTSNAME + field * KDUMP_UTS_LEN, KDUMP_UTS_LEN);
	ret[KDUMP_UTS_LEN] = '\0';
	for (char *p = ret; *p; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = '?';
	}
}

static int parse_header(const uint8_t head[static KDUMP_HEADER_SIZE], struct rawdump *r,
			uint64_t *bitmap_offset, uint64_t *bitmap_size, struct err *err)
{
	uint32_t sub = load_le32(head + KDUMP_H_SUB_HDR_SIZE);
	uint32_t bitmaps = load_le32(head + KDUMP_H_BITMAP_BLOCKS);

	*r = (struct rawdump){.block_size = load_le32(head + KDUMP_H_BLOCK_SIZE)};
	if (memcmp(head, RAWDUMP_TAKEN, SIGNATURE_LEN) == 0)
		return err_set(err, ERR_NOTFOUND, "the dump that was there has been taken");
	if (memcmp(head, KDUMP_SIGNATURE, SIGNATURE_LEN) != 0)
		return err_set(err, ERR_NOTFOUND, "there is no dump");
	if (r->block_size < BLOCK_MIN || r->block_size > BLOCK_MAX ||
	    (r->block_size & (r->block_size - 1)))
		return err_set(err, ERR_CORRUPT, "block size %u: not a page size", r->block_size);
	if (!sub || sub > BLOCKS_LIMIT || !bitmaps || bitmaps > BLOCKS_LIMIT || bitmaps % 2)
		return err_set(err, ERR_CORRUPT, "sub header of %u blocks, bitmaps of %u", sub,
			       bitmaps);
	r->crash_time = load_le64(head + KDUMP_H_TV_SEC);
	r->incomplete = load_le32(head + KDUMP_H_STATUS) & KDUMP_STATUS_INCOMPLETE;
	take_uts(head, 1, r->nodename);
	take_uts(head, 2, r->release);
	take_uts(head, 3, r->version);
	take_uts(head, 4, r->machine);
	*bitmap_size = (uint64_t)bitmaps / 2 * r->block_size;
	*bitmap_offset = (1 + (uint64_t)sub) * r->block_size + *bitmap_size;
	return 0;
}

static int read_header(int fd, struct rawdump *r, uint64_t *bitmap_offset, uint64_t *bitmap_size,
		       struct err *err)
{
	uint8_t head[KDUMP_HEADER_SIZE];
	ssize_t n = io_pread(fd, head, sizeof(head), 0, err);

	if (n < 0)
		return n;
	if (n < (ssize_t)sizeof(head))
		return err_set(err, ERR_NOTFOUND, "there is no dump");
	return parse_header(head, r, bitmap_offset, bitmap_size, err);
}

void rawdump_name(const struct rawdump *r, char buf[static RAWDUMP_NAME_MAX])
{
	snprintf(buf, RAWDUMP_NAME_MAX, "raw:%llu:%s", (unsigned long long)r->crash_time,
		 r->release);
}

int rawdump_probe(const char *path, struct rawdump *ret, struct err *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	uint64_t offset, size;
	int rc;

	if (fd < 0)
		return err_sys(err, "%s", path);
	rc = read_header(fd, ret, &offset, &size, err);
	if (rc)
		err_prepend(err, "%s", path);
	return rc;
}

/* How many bits are set in the second bitmap: so many descriptors there are. */
static int count_pages(int fd, uint64_t offset, uint64_t size, uint8_t *buf, uint64_t *ret,
		       struct err *err)
{
	for (uint64_t done = 0; done < size;) {
		size_t want = size - done < CHUNK ? size - done : CHUNK;
		ssize_t n = io_pread(fd, buf, want, offset + done, err);

		if (n < 0)
			return n;
		if ((size_t)n < want)
			return err_set(err, ERR_NODATA, "ends within its bitmaps");
		for (size_t i = 0; i < want; i++)
			*ret += __builtin_popcount(buf[i]);
		done += want;
	}
	return 0;
}

/* What ends last, of pages that are within the device. */
static void take_descriptors(const uint8_t *buf, size_t n, uint64_t room, struct rawdump *r)
{
	for (size_t i = 0; i < n; i += KDUMP_DESC_SIZE) {
		uint64_t offset = load_le64(buf + i + KDUMP_D_OFFSET);
		uint32_t size = load_le32(buf + i + KDUMP_D_SIZE);

		if (offset < r->index_size || offset > room || size > room - offset || !size ||
		    size > r->block_size)
			r->lost++;
		else if (offset + size > r->size)
			r->size = offset + size;
	}
}

int rawdump_measure(int fd, uint64_t room, struct rawdump *ret, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(CHUNK);
	uint64_t bitmap_offset, bitmap_size, table;
	int rc;

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory");
	rc = read_header(fd, ret, &bitmap_offset, &bitmap_size, err);
	if (rc)
		return rc;
	if (bitmap_offset + bitmap_size > room)
		return err_set(err, ERR_NODATA, "ends within its bitmaps");
	rc = count_pages(fd, bitmap_offset, bitmap_size, buf, &ret->pages, err);
	if (rc)
		return rc;
	table = bitmap_offset + bitmap_size;
	if (ret->pages > (room - table) / KDUMP_DESC_SIZE)
		return err_set(err, ERR_NODATA,
			       "%llu pages, and the device ends before their descriptors do",
			       (unsigned long long)ret->pages);
	ret->index_size = ret->size = table + ret->pages * KDUMP_DESC_SIZE;
	for (uint64_t at = table; at < ret->index_size;) {
		uint64_t left = ret->index_size - at;
		size_t want = left < CHUNK ? left : CHUNK;
		ssize_t n = io_pread(fd, buf, want, at, err);

		if (n < 0)
			return n;
		if ((size_t)n < want)
			return err_set(err, ERR_NODATA, "ends within its descriptors");
		take_descriptors(buf, want, room, ret);
		at += want;
	}
	return 0;
}

int rawdump_mark_taken(int fd, struct err *err)
{
	int rc = io_pwrite(fd, RAWDUMP_TAKEN, SIGNATURE_LEN, 0, err);

	if (!rc && fsync(fd))
		rc = err_sys(err, "fsync");
	return rc;
}
