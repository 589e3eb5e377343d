/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store: small files below /var/lib/lifeboat that must outlive a crash: whole or not at all, and
 * on the disk when a function returns. 0600, in directories that are 0700.
 */
#ifndef LOADER_STORE_H
#define LOADER_STORE_H

#include <stddef.h>

struct err;

/* Writes @dir/@name below @root; the directory, and the one it is in, are made where missing. */
int store_write(const char *root, const char *dir, const char *name, const void *data, size_t size,
		struct err *err);

/* Takes it away. None is no error. */
int store_remove(const char *root, const char *dir, const char *name, struct err *err);

#endif
