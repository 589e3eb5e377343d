/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * intake: what the counted frames of a client do: one file at a time of a crash directory of the
 * depot, from its opening to its name. The frame is the one at hand of the peer.
 */
#ifndef COLLECTOR_INTAKE_H
#define COLLECTOR_INTAKE_H

#include "collector/wire.h"

struct depot;
struct err;
struct peer;
struct stock;
struct syncer;

struct intake {
	struct peer *peer; /* borrowed, as the next three */
	struct depot *depot; /* depot.rec says which file */
	struct stock *stock;
	struct syncer *syncer;
	const struct wire_frame *f; /* the peer's, and its payload */
	uint8_t *payload;
	int fd; /* of that file, or -1 */
	uint64_t seq, chain; /* of the last counted frame */
	uint64_t behind; /* bytes written since the disk was told */
};

/* Goes on where the journal is, with the file that it says is open; @in has all that is borrowed. */
enum wire_code intake_begin(struct intake *in, struct err *err);

/* Lets go of the file, which stays as it is. */
void intake_end(struct intake *in);

/*
 * Does what the frame says, if it is the next one. 0, or why not, with the words in @err: it counts
 * all the same where the client may go on, with another file or by giving this one up.
 */
enum wire_code intake_take(struct intake *in, struct err *err);

/*
 * The syncer is ready: depot.rec says what is durable now. Other than 0: the sync up to the
 * frame *@seq failed, the file cannot become whole, and where the client may go on what it
 * waits for is tried once more.
 */
enum wire_code intake_synced(struct intake *in, uint64_t *seq, struct err *err);

/* Whether the connection ends with that refusal. */
bool intake_is_over(enum wire_code code);

/* What a failure is called on the wire. */
enum wire_code intake_code(int rc);

#endif
