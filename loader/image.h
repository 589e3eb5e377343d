/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * image: the files that are loaded, where they are and what is in them.
 */
#ifndef LOADER_IMAGE_H
#define LOADER_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "loader/facts.h"

struct err;

#define IMAGE_INITRD_DIR "/var/lib/lifeboat"

enum {
	IMAGE_DIGEST_LEN = 33, /* 128 bits in hexadecimal, and the zero */
};

struct image {
	char path[FACTS_PATH_MAX]; /* without the root */
	uint64_t size;
	/* Bytes it takes in the reservation, a kernel unpacks itself; 0: it does not tell. */
	uint64_t memory;
	char digest[IMAGE_DIGEST_LEN]; /* of its bytes, XXH3 */
	int64_t written; /* when it was written to last, seconds since 1970 */
	char release[FACTS_WORD_MAX]; /* of a kernel that tells it; or "" */
};

/*
 * Opens and reads a file: *@ret_fd is at its start, the caller closes it. @path is below
 * @root. ERR_SYS when it can't be read, ERR_CORRUPT when it is empty or no plain file.
 */
int image_open(struct image *img, const char *root, const char *path, int *ret_fd, struct err *err);

/* The digest of @size bytes at @data. */
void image_digest(const void *data, size_t size, char ret[static IMAGE_DIGEST_LEN]);

/* Opens the kernel: @path, or where the one called @release is found if @path is "". */
int image_open_kernel(struct image *img, const char *root, const char *path, const char *release,
		      int *ret_fd, struct err *err);

/* The same for the initrd; by default the one made by lifeboat-mkinitrd. */
int image_open_initrd(struct image *img, const char *root, const char *path, const char *release,
		      int *ret_fd, struct err *err);

#endif
