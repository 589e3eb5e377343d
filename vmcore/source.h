/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source: a file that a dump is read from, by offset: as it is, or, where it is flattened, as
 * what its records add up to. The formats above see no difference.
 */
#ifndef VMCORE_SOURCE_H
#define VMCORE_SOURCE_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct flattened;

struct source {
	int fd; /* negative: not open */
	uint64_t size; /* bytes that can be read */
	struct flattened *flat; /* NULL: the file as it is, which can be mapped */
};

/*
 * Opens the regular file or block device @path. ERR_SYS, ERR_UNSUPPORTED for other kinds of
 * files, ERR_NODATA for an empty one, and what flattened_open() says. source_close() is to be
 * called in any case.
 */
int source_open(struct source *s, const char *path, struct err *err);
void source_close(struct source *s);

/* Whether what is read comes from the page cache: of all files but those that the kernel makes up
 * as they are read, like /proc/vmcore. */
bool source_cached(const struct source *s);

/* Up to @size bytes at @offset, fewer only at the end; or a negative code. Any thread. */
ssize_t source_pread(const struct source *s, void *buf, size_t size, uint64_t offset,
		     struct err *err);

/* All of the @size bytes, which the error calls @what: ERR_NODATA when they are not there. */
int source_read(const struct source *s, const char *what, uint64_t offset, void *buf, size_t size,
		struct err *err);

#endif
