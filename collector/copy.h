/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * copy: the input as it is, header and all, to a sink. Several threads read; pages of zeros
 * become holes where the sink has them.
 */
#ifndef COLLECTOR_COPY_H
#define COLLECTOR_COPY_H

#include <stdint.h>

struct err;
struct sink;
struct vmcore;

struct copy {
	struct vmcore *vc;
	struct sink *sink;
	unsigned int workers;
	void (*tick)(void *ctx, uint64_t bytes); /* after each chunk; may be NULL */
	int (*check)(void *ctx, struct err *err); /* after each chunk: an error ends it; or NULL */
	void *ctx;
	uint64_t done; /* filled: bytes of the file dealt with */
};

enum {
	COPY_CHUNK = 1 << 20, /* bytes read at a time, a thread */
	COPY_HOLE = 4096, /* bytes that are left out when all are zero */
};

/* Does it. The first failure to write stops it; what cannot be read is zeros and counted. */
int copy_run(struct copy *copy, struct err *err);

#endif
