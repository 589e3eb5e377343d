/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rawdump: a dump that a capture wrote to a device without a file system, from its first byte on,
 * in the kdump-compressed format (vmcore/kdump_format.h). Such a device says nowhere how long
 * the dump is; the descriptors of its pages do.
 */
#ifndef LOADER_RAWDUMP_H
#define LOADER_RAWDUMP_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/* What stands where the signature was when the dump has been taken. */
#define RAWDUMP_TAKEN "KDUMPOUT"

struct rawdump {
	uint64_t crash_time; /* seconds since 1970 */
	char release[66], version[66], machine[66], nodename[66];
	bool incomplete; /* its writer did not get to its end */
	uint32_t block_size;
	uint64_t index_size; /* bytes before the first page: headers, bitmaps, descriptors */
	uint64_t pages; /* that have a descriptor place */
	uint64_t size; /* bytes of the dump, of rawdump_measure() */
	uint64_t lost; /* of rawdump_measure(): descriptors that were never written or lie */
};

enum {
	RAWDUMP_NAME_MAX = 128,
};

/* A name of it that stays the same wherever it is copied to: for receipts. */
void rawdump_name(const struct rawdump *r, char buf[static RAWDUMP_NAME_MAX]);

/*
 * What begins at the first byte of @path, a device or a file: 0; ERR_NOTFOUND when it is no dump,
 * or one that was taken; ERR_CORRUPT, ERR_SYS. Reads one block.
 */
int rawdump_probe(const char *path, struct rawdump *ret, struct err *err);

/*
 * The same from @fd, and then reads the bitmap and all descriptors for the length. A descriptor
 * that leads outside of the @room bytes of the device counts as lost.
 */
int rawdump_measure(int fd, uint64_t room, struct rawdump *ret, struct err *err);

/* Says on the device that the dump was taken: then no one takes it twice. Durable. */
int rawdump_mark_taken(int fd, struct err *err);

#endif
