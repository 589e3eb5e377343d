// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/digest.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <string.h>

enum {
	PIECE = 4096, // bytes turned at a time
	ACROSS = 32,
};

/* Bytes side by side: as many as the CPU has registers for. */
typedef uint64_t bytes_t __attribute__((vector_size(ACROSS)));

enum digest_kind digest_choose(bool cksum_there)
{
	return cksum_there ? DIGEST_CKSUM : DIGEST_SHA256;
}

const char *digest_name(enum digest_kind kind)
{
	return kind == DIGEST_SHA256 ? "sha256" : "cksum";
}

void digest_init(struct digest *d, enum digest_kind kind)
{
	d->kind = kind;
	d->size = 0;
	d->crc = 0;
	if (kind == DIGEST_SHA256)
		sha256_init(&d->sha256);
}

/* The bits of each byte in reverse; @size is a multiple of ACROSS. */
static void turn_bytes(uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i += ACROSS) {
		bytes_t v;

		memcpy(&v, p + i, ACROSS);
		v = (v >> 4 & 0x0f0f0f0f0f0f0f0f) | (v & 0x0f0f0f0f0f0f0f0f) << 4;
		v = (v >> 2 & 0x3333333333333333) | (v & 0x3333333333333333) << 2;
		v = (v >> 1 & 0x5555555555555555) | (v & 0x5555555555555555) << 1;
		memcpy(p + i, &v, ACROSS);
	}
}

static uint32_t turn_word(uint32_t v)
{
	v = (v >> 1 & 0x55555555) | (v & 0x55555555) << 1;
	v = (v >> 2 & 0x33333333) | (v & 0x33333333) << 2;
	v = (v >> 4 & 0x0f0f0f0f) | (v & 0x0f0f0f0f) << 4;
	return __builtin_bswap32(v);
}

/*
 * POSIX cksum has the polynomial of zlib's CRC-32, and takes the highest bit of a byte first where
 * that one takes the lowest. So it is that one, of bytes that are turned, with a word that is turned;
 * libdeflate does it some ten times as fast as a table can.
 */
static uint32_t crc_update(uint32_t crc, const uint8_t *p, size_t size)
{
	uint8_t piece[PIECE] __attribute__((aligned(ACROSS)));

	while (size) {
		size_t n = size < PIECE ? size : PIECE;
		size_t whole = (n + ACROSS - 1) / ACROSS * ACROSS;

		memcpy(piece, p, n);
		memset(piece + n, 0, whole - n);
		turn_bytes(piece, whole);
		// It turns all bits of what it is given and of what it returns.
		crc = ~libdeflate_crc32(~crc, piece, n);
		p += n;
		size -= n;
	}
	return crc;
}

void digest_update(struct digest *d, const void *buf, size_t size)
{
	d->size += size;
	if (d->kind == DIGEST_SHA256)
		sha256_update(&d->sha256, buf, size);
	else
		d->crc = crc_update(d->crc, buf, size);
}

void digest_text(struct digest *d, char ret[static DIGEST_TEXT_MAX])
{
	uint8_t sum[SHA256_SIZE];

	if (d->kind == DIGEST_SHA256) {
		sha256_final(&d->sha256, sum);
		for (size_t i = 0; i < sizeof(sum); i++)
			snprintf(ret + 2 * i, 3, "%02x", sum[i]);
		return;
	}
	// The length comes last, its lowest byte first, without zeros at its end.
	for (uint64_t n = d->size; n; n >>= 8)
		d->crc = crc_update(d->crc, (uint8_t[]){n}, 1);
	snprintf(ret, DIGEST_TEXT_MAX, "%" PRIu32, ~turn_word(d->crc));
}
