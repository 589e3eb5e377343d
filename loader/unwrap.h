/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unwrap: what a kernel is wrapped in, taken away layer by layer.
 */
#ifndef LOADER_UNWRAP_H
#define LOADER_UNWRAP_H

#include <stddef.h>
#include <stdint.h>

struct err;

/*
 * Takes one layer from the @size bytes at @data: *@ret and *@size_ret are what is in it, 0 if there
 * is none. What had to be unpacked is *@owned_ret, which the caller frees, else it is NULL and
 * *@ret lies in @data. ERR_CORRUPT, ERR_LIMIT above @max bytes, ERR_UNSUPPORTED.
 */
int unwrap(const uint8_t *data, size_t size, size_t max, const uint8_t **ret, size_t *size_ret,
	   uint8_t **owned_ret, struct err *err);

#endif
