/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * number: numbers as people write them in configurations and on command lines.
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Digits and nothing else, at most @max, which is a tenth of UINT_MAX at most. False, and *@ret
 * untouched, for all else.
 */
bool number_read(const char *value, unsigned int max, unsigned int *ret);

/* Bytes: digits, then nothing or one of the letters K, M, G and T, powers of 1024. The same. */
bool number_size(const char *value, uint64_t *ret);

#endif
