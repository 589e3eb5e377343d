/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * constant: pages that are one 8-byte word over and over: zeros, poison, fresh page tables. In
 * vector instructions where the CPU has them, with a portable twin.
 */
#ifndef COLLECTOR_CONSTANT_H
#define COLLECTOR_CONSTANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True when all @n words (a multiple of 8) at @w are @value. */
typedef bool (*constant_fn)(const uint64_t *w, size_t n, uint64_t value);

/*
 * The ways of telling that this machine can run, the portable one first, the one that is used
 * last; NULL behind it. For tests.
 */
constant_fn constant_way(size_t i);

/* True when the @size bytes (a multiple of 64) at @page, aligned to 8, are all zero. */
bool page_is_zero(const void *page, size_t size);

/* True when they repeat the first 8 of them. */
bool page_is_constant(const void *page, size_t size);

#endif
