/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk: a file or a block device as bytes are brought to it, in two ways.
 *
 * At once, through the page cache: headers, bitmaps, descriptors, which are small and in any
 * order. What is cached is written back and dropped every few MiB, for the page cache of a
 * capture kernel is small.
 *
 * As a stream, past the page cache: page data, gathered in large aligned buffers, several of
 * them on their way at a time (O_DIRECT, a thread each). Of a stream only whole pages of the
 * file go that way; its ragged ends, and pieces too short to be worth it, go through the page
 * cache, so that no page of the file is ever written in both ways at a time. Where the target
 * takes no O_DIRECT (it says so when it is opened or at the first write) all is written at once.
 *
 * One thread at a time calls these functions.
 */
#ifndef COLLECTOR_DISK_H
#define COLLECTOR_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;
struct err;

enum {
	DISK_BUFFERS = 4, /* at most: one is filled, the others are on their way */
	DISK_BUFFER = 512 << 10, /* bytes of one; what most devices take as one request */
	DISK_BUFFER_MIN = 256 << 10, /* where the budget is short */
	DISK_DIRECT_MIN = 64 << 10, /* less than that is left to the page cache to gather */
	DISK_BEHIND = 8 << 20, /* bytes in the page cache before they are written back */
};

/* Bytes that the buffers take within @budget, one small buffer at least; 0: no limit. */
uint64_t disk_memory(uint64_t budget);

/* @fd stays the caller's, open for reading and writing. ERR_NOMEM. Destroy takes NULL. */
int disk_create(int fd, struct disk **ret, struct err *err);
void disk_destroy(struct disk *d);

/*
 * Sets up disk_memory(@budget) bytes of buffers and their threads, once. @path names the same
 * file as the descriptor. Where there is no O_DIRECT, no memory or no thread to be had, a
 * stream is written at once: that is no failure.
 */
void disk_buffer(struct disk *d, const char *path, uint64_t budget);

/* Whether a stream goes past the page cache. */
bool disk_is_direct(struct disk *d);

/* Writes, or reads, @size bytes at @offset. ERR_NOSPC; ERR_NODATA when the file ends before. */
int disk_write(struct disk *d, const void *buf, size_t size, uint64_t offset, struct err *err);
int disk_read(struct disk *d, void *buf, size_t size, uint64_t offset, struct err *err);

/*
 * The same for a stream: takes the bytes, which are written later. What failed meanwhile is
 * told by this call and each later one; nothing is taken then.
 */
int disk_stream(struct disk *d, const void *buf, size_t size, uint64_t offset, struct err *err);

/* All of a stream that is below this offset has been written, though it need not be durable. */
uint64_t disk_written(struct disk *d);

/* Writes what was gathered and waits for all of it; the first failure since disk_forget(). */
int disk_drain(struct disk *d, struct err *err);

/* Gives up what was gathered, waits for what is on its way, and forgets failures. */
void disk_forget(struct disk *d);

#endif
