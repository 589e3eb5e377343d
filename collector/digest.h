/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * digest: of bytes that go to another machine, by the algorithms of the tools that are there to
 * check them: cksum, which every POSIX system has, and sha256sum.
 */
#ifndef COLLECTOR_DIGEST_H
#define COLLECTOR_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"

enum digest_kind {
	DIGEST_CKSUM, /* the CRC of POSIX cksum(1); the length is part of it */
	DIGEST_SHA256,
};

enum {
	DIGEST_TEXT_MAX = 2 * SHA256_SIZE + 1,
};

struct digest {
	enum digest_kind kind;
	uint64_t size;
	uint32_t crc; /* its bits in reverse */
	struct sha256 sha256;
};

/*
 * With which to check, given whether cksum(1) is there: it costs both sides a small part of what
 * SHA-256 does, and what it has to find is a disk or a memory that lost something; on the way each packet
 * has a MAC already. Some small systems have sha256sum only.
 */
enum digest_kind digest_choose(bool cksum_there);

/* "sha256", "cksum" */
const char *digest_name(enum digest_kind kind);

void digest_init(struct digest *d, enum digest_kind kind);
void digest_update(struct digest *d, const void *buf, size_t size);

/* The first word that the tool prints of the bytes so far. Ends @d. */
void digest_text(struct digest *d, char ret[static DIGEST_TEXT_MAX]);

#endif
