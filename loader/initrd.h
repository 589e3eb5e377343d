/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * initrd: the files in an initrd, for what has to be known of it before the crash: what it takes
 * unpacked, which modules it has, whether a key in it is still the one that is used.
 *
 * It is cpio archives in the format newc (base/newc.h), one behind the other, the last of which may
 * be packed; one file of them may be another archive, packed, which the kernel leaves to the first
 * process. Its sizes are not believed.
 */
#ifndef LOADER_INITRD_H
#define LOADER_INITRD_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	INITRD_SIZE_MAX = 512 << 20, /* of the file, and of what is in it */
	INITRD_FILES_MAX = 1 << 16,
};

/* One file; what it points to belongs to the initrd. */
struct initrd_file {
	const char *path; /* "bin/busybox", not zero-terminated */
	size_t path_len;
	uint32_t mode; /* as of stat(2) */
	const uint8_t *data;
	size_t size;
};

struct initrd {
	struct initrd_file *files; /* owned */
	size_t n;
	uint64_t packed; /* bytes of the file */
	/* Bytes that the files take in the capture kernel: pages of content, and an inode each. */
	uint64_t unpacked; /* in the end */
	uint64_t first; /* those that the kernel itself unpacks */
	/* Bytes that the kernel takes besides while it unpacks: the window of the codec. */
	uint64_t window;
	const char *codec; /* "zstd", "xz", "gzip" ..., "none" */
	uint8_t *file, *owned, *rest; /* private: its bytes, and those that were packed */
};

/*
 * Reads @path below @root. What is packed by other than gzip and zstd is unpacked by the tool of
 * that name. ERR_CORRUPT with the offset, ERR_UNSUPPORTED, ERR_NOTFOUND without the tool.
 * initrd_close() in any case.
 */
int initrd_open(struct initrd *r, const char *root, const char *path, struct err *err);

/* The same for @size bytes at @data, which are copied. */
int initrd_parse(struct initrd *r, const uint8_t *data, size_t size, struct err *err);
void initrd_close(struct initrd *r);

/* The file called @path (no leading slash), NULL when there is none. */
const struct initrd_file *initrd_find(const struct initrd *r, const char *path);

/* The module called @name, '-' and '_' being the same; NULL. */
const struct initrd_file *initrd_module(const struct initrd *r, const char *name);

/*
 * Bytes of the dictionary that the first block of an xz stream asks for; lib/decompress_unxz.c takes it
 * whole, whatever the content is. Where @size bytes at @data do not tell it is 8 MiB, that of xz -6.
 */
uint64_t initrd_xz_window(const uint8_t *data, size_t size);

/* Bytes that all its modules take when they are loaded: the parts of them that stay. */
uint64_t initrd_modules(const struct initrd *r, size_t *count_ret);

#endif
