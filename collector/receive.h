/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * receive: the far side of a dump's way over the network, one connection of it. Takes frames
 * (collector/wire.h) in and does what they say in a crash directory of the depot, and nowhere
 * else. What it acknowledges is durable; what it gives its name is whole: all frames came, in
 * order, each as it was sent, and the page data reads back as it was sent, too.
 *
 * It may be killed at any instant. What is on the disk then is either complete and has its name,
 * or is called incomplete; and the journal says where the client goes on.
 */
#ifndef COLLECTOR_RECEIVE_H
#define COLLECTOR_RECEIVE_H

#include "collector/retention.h"

struct err;

enum {
	RECEIVE_TIMEOUT = 300, /* seconds without a byte before a client counts as gone */
};

struct receive_conf {
	const char *root; /* crash directories are made here, and nothing anywhere else */
	struct retention_limits limits;
	unsigned int timeout; /* seconds; 0: RECEIVE_TIMEOUT */
	/* Told of what was refused or removed where the connection goes on; may be NULL. */
	void (*tell)(void *ctx, const char *text);
	void *ctx;
};

/* Tells whoever wants to hear it; for the parts of this. */
void receive_tell(const struct receive_conf *conf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Serves the client behind the two descriptors until it says goodbye: 0. Otherwise the text says
 * what was refused and why, and the client was told, or what else ended it: ERR_NODATA when the
 * connection broke.
 */
int receive_run(const struct receive_conf *conf, int in, int out, struct err *err);

#endif
