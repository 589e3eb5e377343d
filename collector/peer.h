/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer: the client at the other end of lifeboat-receive's connection: its frames, whole and
 * checked, and what is said to it. Nothing waits for it beyond a limit.
 */
#ifndef COLLECTOR_PEER_H
#define COLLECTOR_PEER_H

#include <time.h>

#include "collector/wire.h"

struct err;

struct peer {
	int in, out;
	unsigned int timeout; /* seconds without a byte before it counts as gone */
	/* Watched while a frame is waited for: readable, and aside() is called; NULL: nothing. */
	const int *side; /* -1 for a while: nothing either */
	int (*aside)(void *ctx, struct err *err); /* other than 0: an end of it */
	void *ctx;
	time_t beaten; /* when it was last told that we are at work, of CLOCK_MONOTONIC */
	uint8_t header[WIRE_HEADER];
	struct wire_frame f; /* the frame at hand ... */
	uint8_t *payload; /* ... and WIRE_PAYLOAD_MAX bytes for what is in it */
};

/* Behind the two descriptors, which stay the caller's. ERR_NOMEM. Deinit takes one of zeros. */
int peer_init(struct peer *p, int in, int out, unsigned int timeout, struct err *err);
void peer_deinit(struct peer *p);

/*
 * The next frame, in p->f and p->payload. Where it is not one, *@code is what the client is to
 * hear; 0 where it is gone: ERR_NODATA.
 */
int peer_next(struct peer *p, enum wire_code *code, struct err *err);

/* Whether it waits for a word: it has sent nothing more. */
bool peer_is_quiet(const struct peer *p);

/* Sends a frame, all of which is filled in but its digest. ERR_NODATA. */
int peer_reply(struct peer *p, struct wire_frame *f, const void *payload, struct err *err);

/* WIRE_ERROR about the frame at hand, with @text; @fatal: the connection ends. */
int peer_refuse(struct peer *p, enum wire_code code, bool fatal, const char *text, struct err *err);

/* The same about another frame, of which seq and offset are told. */
int peer_refuse_frame(struct peer *p, const struct wire_frame *about, enum wire_code code,
		      bool fatal, const char *text, struct err *err);

/*
 * For work that takes long: called often enough, it says from time to time that it goes on, so
 * that the client's patience does not end. It never waits: who does not read hears nothing.
 */
int peer_beat(struct peer *p, struct err *err);

#endif
