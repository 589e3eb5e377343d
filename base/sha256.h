/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sha256: the digest of FIPS 180-4. It stands on its own, without a library, since it is also
 * built for where there is none: loader/purgatory.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum {
	SHA256_SIZE = 32,
	SHA256_BLOCK = 64,
};

struct sha256 {
	uint32_t state[8];
	uint64_t size; /* bytes taken so far */
	uint8_t block[SHA256_BLOCK]; /* the last ones, less than a block */
};

void sha256_init(struct sha256 *h);
void sha256_update(struct sha256 *h, const void *data, size_t size);
void sha256_final(struct sha256 *h, uint8_t digest[SHA256_SIZE]);

#endif
