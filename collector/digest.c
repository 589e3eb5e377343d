// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/digest.h"

#include <inttypes.h>
#include <stdio.h>

/* Of POSIX cksum: x^32 + x^26 + x^23 + ... + 1, the highest bit first. */
#define CRC_POLYNOMIAL 0x04c11db7U

enum digest_kind digest_choose(bool cksum_there)
{
	return cksum_there ? DIGEST_CKSUM : DIGEST_SHA256;
}

const char *digest_name(enum digest_kind kind)
{
	return kind == DIGEST_SHA256 ? "sha256" : "cksum";
}

/* tables[k][b]: what byte b does to the CRC when k bytes come behind it. */
static void fill_tables(struct digest *d)
{
	for (unsigned int b = 0; b < 256; b++) {
		uint32_t crc = b << 24;

		for (int i = 0; i < 8; i++)
			crc = crc << 1 ^ (crc >> 31 ? CRC_POLYNOMIAL : 0);
		d->tables[0][b] = crc;
	}
	for (int k = 1; k < DIGEST_CRC_TABLES; k++)
		for (unsigned int b = 0; b < 256; b++) {
			uint32_t crc = d->tables[k - 1][b];

			d->tables[k][b] = crc << 8 ^ d->tables[0][crc >> 24];
		}
}

void digest_init(struct digest *d, enum digest_kind kind)
{
	d->kind = kind;
	d->size = 0;
	d->crc = 0;
	if (kind == DIGEST_SHA256)
		sha256_init(&d->sha256);
	else
		fill_tables(d);
}

static uint32_t crc_byte(const struct digest *d, uint32_t crc, uint8_t byte)
{
	return crc << 8 ^ d->tables[0][crc >> 24 ^ byte];
}

static uint32_t crc_update(const struct digest *d, uint32_t crc, const uint8_t *p, size_t size)
{
	for (; size >= DIGEST_CRC_TABLES; p += DIGEST_CRC_TABLES, size -= DIGEST_CRC_TABLES) {
		uint32_t next = 0;

		// The CRC so far belongs to the first four bytes.
		for (int i = 0; i < DIGEST_CRC_TABLES; i++) {
			uint8_t byte = p[i] ^ (i < 4 ? crc >> (24 - 8 * i) : 0);

			next ^= d->tables[DIGEST_CRC_TABLES - 1 - i][byte];
		}
		crc = next;
	}
	while (size--)
		crc = crc_byte(d, crc, *p++);
	return crc;
}

void digest_update(struct digest *d, const void *buf, size_t size)
{
	d->size += size;
	if (d->kind == DIGEST_SHA256)
		sha256_update(&d->sha256, buf, size);
	else
		d->crc = crc_update(d, d->crc, buf, size);
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
		d->crc = crc_byte(d, d->crc, n);
	snprintf(ret, DIGEST_TEXT_MAX, "%" PRIu32, ~d->crc);
}
