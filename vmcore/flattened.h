/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flattened: makedumpfile's form of a dump for pipes, in which nothing is ever sought: records
 * of a place, a size and the bytes that belong there (makedumpfile -F; its IMPLEMENTATION file).
 * What the records add up to is the content, a dump of any other format.
 *
 *   0     "makedumpfile" and zeros to 16 bytes; type 1; version 1; zeros up to 4096
 *   then  records: offset, size, size bytes; all numbers are 64 bits, big endian
 *   end   a record of offset -1 and size -1, without bytes
 *
 * Bytes that no record holds are zeros. A later record wins over an earlier one, for that is
 * what a reader does who puts them in place one by one, as makedumpfile -R.
 */
#ifndef VMCORE_FLATTENED_H
#define VMCORE_FLATTENED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

enum {
	FLATTENED_HEADER_SIZE = 4096,
	FLATTENED_RECORD_SIZE = 16, /* of a record, before its bytes */
	FLATTENED_RECORDS_MAX = 1 << 24, /* taken at most; makedumpfile's hold up to 64 KiB */
};

struct flattened_record {
	uint64_t offset; /* in the content */
	uint64_t size; /* > 0 */
};

/* Whether the @size bytes at @head begin a flattened file. */
bool flattened_probe(const uint8_t *head, size_t size);

/* Whether that header is one we can read: 0, ERR_NODATA or ERR_UNSUPPORTED. */
int flattened_check_header(const uint8_t *head, size_t size, struct err *err);

/*
 * The record at @head: 1, or 0 for the end mark. ERR_CORRUPT when its size is 0 or the content
 * would end beyond 2^63. @at is its place in the file, for the message.
 */
int flattened_parse_record(const uint8_t head[static FLATTENED_RECORD_SIZE], uint64_t at,
			   struct flattened_record *ret, struct err *err);

/* The index of a file that can be read at any place: 24 bytes of memory a record. */
struct flattened;

/*
 * Indexes the @file_size bytes of @fd (borrowed). A file that ends before the end mark is
 * taken as far as it goes: flattened_cut(). ERR_CORRUPT and ERR_LIMIT for records that lie.
 */
int flattened_open(int fd, uint64_t file_size, struct flattened **ret, struct err *err);
void flattened_close(struct flattened *f); /* takes NULL */

/* One above the last byte of the content. */
uint64_t flattened_size(const struct flattened *f);
bool flattened_cut(const struct flattened *f);

/* As io_pread(), of the content. Safe from any thread. */
ssize_t flattened_pread(const struct flattened *f, void *buf, size_t size, uint64_t offset,
			struct err *err);

#endif
