/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uplink: the near side of a dump's way over the network, up to lifeboat-receive. Frames
 * (collector/wire.h) are held in a ring until the other end has them on its disk; when the
 * connection breaks, a new one is made, and what came after the last durable frame is sent again.
 * When the ring is full, whoever writes waits: that is the bound on memory, and the ring is
 * allocated once.
 *
 * One file at a time. One thread at a time calls these functions. No call waits beyond the limits
 * of struct uplink_conf: ERR_NODATA is the word for a connection that could not be had again.
 */
#ifndef COLLECTOR_UPLINK_H
#define COLLECTOR_UPLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/wire.h"

struct err;
struct uplink;

enum {
	UPLINK_RING = 8 << 20, /* bytes of frames that the other end need not have yet */
	UPLINK_RING_MIN = 128 << 10,
	UPLINK_STALL_MS = 60 * 1000,
	UPLINK_OUTAGE_MS = 120 * 1000,
	UPLINK_HELLO_MS = 20 * 1000, /* for a login, where stall_ms is shorter */
	UPLINK_TRIES = 50,
};

struct uplink_conf {
	/*
	 * A new connection: two descriptors, which may be one, and which the callee keeps. Bounded
	 * by itself, in at most @patience milliseconds. hang_up() ends what connect() began.
	 */
	int (*connect)(void *ctx, uint64_t patience, int *in_ret, int *out_ret, struct err *err);
	void (*hang_up)(void *ctx);
	/*
	 * After hang_up(), of a connection on which nothing was heard: why. ERR_USAGE where no other
	 * try can help. What @err says already may be added to. May be NULL.
	 */
	int (*explain)(void *ctx, struct err *err);
	/* The other end is at work on what it was asked for, and said so. May be NULL. */
	void (*busy)(void *ctx);
	/* Asked while page data waits for room: other than 0, the write ends with that. May be NULL. */
	int (*check)(void *ctx, struct err *err);
	/* Told of connections that broke and came back; may be NULL. */
	void (*tell)(void *ctx, const char *text);
	void *ctx;
	size_t ring; /* bytes; 0: UPLINK_RING */
	unsigned int stall_ms; /* without a byte in either direction; 0: UPLINK_STALL_MS */
	unsigned int outage_ms; /* for a connection to come back; 0: UPLINK_OUTAGE_MS */
	unsigned int enter_ms; /* for the first one; 0: as outage_ms */
	uint64_t end_ms; /* of log_now_ms(): nothing waits beyond it; 0: no such limit */
	uint8_t id[WIRE_ID]; /* of this crash; all zeros: one is made, at random */
};

/* ERR_NOMEM, ERR_SYS. Destroy takes NULL, and says goodbye where that needs no waiting. */
int uplink_create(const struct uplink_conf *conf, struct uplink **ret, struct err *err);
void uplink_destroy(struct uplink *u);

/*
 * Makes the connection and has the crash directory @name made there. ERR_USAGE when there is one
 * of somebody else, ERR_NOSPC, ERR_NODATA, ERR_SYS.
 */
int uplink_enter(struct uplink *u, const char *name, struct err *err);

/* Bytes that the other end has room for; UINT64_MAX: it does not say. */
int uplink_space(struct uplink *u, uint64_t *ret, struct err *err);

/* A new file @name, of some @room bytes (0: not known); it may take an older one's place. */
int uplink_open(struct uplink *u, const char *name, uint64_t room, struct err *err);

/*
 * @size bytes of it at @offset; with @stream they are page data, which is written once and, as
 * long as it comes in order, verified as a whole at the end. They are the caller's again at once. A
 * failure of the other end is told by a later call.
 */
int uplink_write(struct uplink *u, const void *buf, size_t size, uint64_t offset, bool stream,
		 struct err *err);

/* All that was streamed below this offset is written there. After a failure it stops there. */
uint64_t uplink_written(const struct uplink *u);

/* Bytes of all that was written by the file's end, as the other end has it too. */
uint64_t uplink_size(const struct uplink *u);

/* Reads back what was written. ERR_NODATA beyond the end. */
int uplink_read(struct uplink *u, void *buf, size_t size, uint64_t offset, struct err *err);

/* Room for [@start, @end), of an empty file; a file of @size bytes. */
int uplink_reserve(struct uplink *u, uint64_t start, uint64_t end, struct err *err);
int uplink_resize(struct uplink *u, uint64_t size, struct err *err);

/* All is written; all is durable; the first failure of this file. */
int uplink_drain(struct uplink *u, struct err *err);
int uplink_sync(struct uplink *u, struct err *err);

/*
 * Ends the file: verified, durable, under its name, and acknowledged; kept as incomplete; removed.
 * A commit that fails leaves it open.
 */
int uplink_commit(struct uplink *u, struct err *err);
int uplink_keep(struct uplink *u, struct err *err);
int uplink_abandon(struct uplink *u, struct err *err);

/* Removes the file @name of that directory, whole or not. None may be open. */
int uplink_remove(struct uplink *u, const char *name, struct err *err);

/* Whether a file is open. */
bool uplink_is_open(const struct uplink *u);

/* Connections that broke and came back. */
unsigned int uplink_resumes(const struct uplink *u);

#endif
