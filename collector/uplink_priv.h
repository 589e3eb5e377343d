/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the two halves of uplink share: link.c moves frames and keeps the connection, uplink.c
 * knows of files.
 */
#ifndef COLLECTOR_UPLINK_PRIV_H
#define COLLECTOR_UPLINK_PRIV_H

#include "collector/uplink.h"

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "base/err.h"

/* What comes in: a header, then its payload. */
struct arrival {
	uint8_t header[WIRE_HEADER];
	size_t have; // bytes of header and payload
	struct wire_frame f; // valid when have is WIRE_HEADER or more
	uint8_t *payload; // room for f.size bytes
	uint8_t small[WIRE_ERROR_MAX];
};

_Static_assert(WIRE_ERROR_MAX >= WIRE_WELCOME_SIZE, "all but data fits the small payload");

/* A frame that is not counted, and its answer. */
struct question {
	uint8_t frame[WIRE_HEADER + WIRE_HELLO_MAX];
	size_t size, sent; // bytes
	uint16_t answer; // the type that is waited for; 0: none
	bool answered;
	uint8_t *buf; // of WIRE_DATA: bytes of the caller
	size_t room;
	uint64_t offset; // of the answer
	struct wire_welcome welcome;
	bool resumed;
	int rc; // what the other end said instead
	uint32_t code;
	struct err why;
};

/* The file that is written. */
struct file {
	bool open;
	uint64_t first; // the frame that opens it
	uint64_t size;
	bool streamed, in_order; // page data came, each piece behind the one before
	uint64_t start, end; // of it
	XXH64_state_t hash;
	uint64_t written; // of what was streamed, all below is written
	uint64_t durable; // of what was streamed, all below is
	uint64_t bad; // something from there on is not
	int rc; // the first failure that the other end told
	struct err why;
};

/* Positions in the ring count bytes since the beginning; modulo its size they are places in it. */
struct uplink {
	struct uplink_conf conf;
	char name[WIRE_NAME_MAX + 1];
	int in, out; // -1: not connected
	bool entered; // the other end knows us: next time we go on
	uint8_t *ring;
	uint64_t acked, applied, sent, tail; // of frames: durable, written, sent, all
	uint64_t acked_seq, applied_seq, seq; // the last counted frame of each
	uint64_t failed_seq; // the last one that was refused
	uint64_t chain;
	uint64_t unsynced; // bytes since the last frame that asks for an answer
	uint64_t alive_ms; // when the last byte went through
	unsigned int tries; // connections since something was acknowledged
	unsigned int resumes;
	bool streaming; // page data: a wait may be ended by who watches
	struct arrival arrival;
	struct question q;
	struct file file;
	int rc; // it is over: no connection can be had
	struct err why;
};

/* What is waited for. */
enum link_goal {
	LINK_ROOM, // so many bytes in the ring
	LINK_APPLIED, // that frame is carried out
	LINK_DURABLE, // it is durable, or was refused
	LINK_ANSWER,
};

/* Waits, connecting again where need be. 0, or the reason why it is over. */
int link_wait(struct uplink *u, enum link_goal goal, uint64_t what, struct err *err);

/* Tries for @ms milliseconds to get a connection, where there is none. */
int link_connect(struct uplink *u, uint64_t ms, struct err *err);
void link_hang_up(struct uplink *u);

/* Numbers the frame and puts it into the ring, once there is room; sends what goes at once. */
int link_put(struct uplink *u, struct wire_frame *f, const void *payload, struct err *err);

/* A frame that is done when the other end says so: durable, or refused with the file's error. */
int link_order(struct uplink *u, struct wire_frame *f, const void *payload, struct err *err);

/* A frame that is not counted, and its answer, in u->q. */
int link_ask(struct uplink *u, struct wire_frame *f, const void *payload, uint16_t answer,
	     struct err *err);

/* Says goodbye, and waits a little for it to be sent. */
void link_bye(struct uplink *u);

/* The first failure: of the connection, or of this file. */
int link_health(const struct uplink *u, struct err *err);

#endif
