/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * depot: where lifeboat-receive puts what it takes in. Below one directory, the root, each crash
 * has a directory of its own, which one client at a time may write to. Nothing outside the root
 * is ever named: a name is one component, and links are not followed.
 *
 * Beside the directory NAME lies its journal, ROOT/.receive-NAME: whose it is, and up to which
 * frame all is durable. Who holds the lock on that file writes there; the lock goes with the
 * process, so whoever was killed holds none. A lock of the root, on ROOT/.receive.lock, keeps apart who
 * comes in and who makes room. A record of the journal is durable before what it
 * says is told to the client, and there are two slots for it, so that one of them is always whole.
 */
#ifndef COLLECTOR_DEPOT_H
#define COLLECTOR_DEPOT_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/wire.h"

struct err;

/* What the journal says. */
struct depot_record {
	uint8_t id[WIRE_ID]; /* of the client that the directory belongs to */
	uint64_t seq; /* all counted frames up to that one are durable */
	uint64_t chain; /* wire_chain() of them */
	uint64_t streamed; /* bytes of page data of the open file that came in */
	bool open; /* a file is being written, under its name with "-incomplete" behind it */
	bool failed; /* and it cannot become whole any more */
	bool committing; /* it is whole and gets its name: frame seq + 1 says so */
	bool replace; /* a file of that name may be there already */
	bool done; /* the client said goodbye: no more files come */
	struct wire_refusal refusal; /* of the file, open or not */
	char file[WIRE_NAME_MAX + 1];
};

struct depot {
	int root; /* descriptors, -1 where there is none */
	int lock;
	int dir;
	int journal;
	uint64_t generation; /* of the last record */
	char name[WIRE_NAME_MAX + 1]; /* of the crash directory */
	struct depot_record rec;
};

/* Opens the root, which must be a directory that can be written to. ERR_SYS. */
int depot_open(struct depot *d, const char *root, struct err *err);

/* Lets go of all, also of one that could not be opened. What is on the disk stays as it is. */
void depot_close(struct depot *d);

/*
 * Takes the crash directory @name for the client @id: makes it, or goes on with what that client
 * has there; with @resume there must be something to go on with. An older process that still
 * writes there for the same client is told to end. Afterwards d->rec is what the journal says, and
 * a file that had been found whole has its name.
 * ERR_STOPPED: somebody writes there now. ERR_USAGE: it is not this client's. ERR_NOTFOUND:
 * nothing to go on with. ERR_SYS, ERR_NOSPC.
 */
int depot_enter(struct depot *d, const char *name, const uint8_t id[static WIRE_ID], bool resume,
		struct err *err);

/*
 * While it is held nobody takes a crash directory, and nobody else removes any: what depot_is_busy()
 * says stays true. ERR_STOPPED when others do not let go of it for @wait_ms milliseconds.
 */
int depot_lock(const struct depot *d, unsigned int wait_ms, struct err *err);
void depot_unlock(const struct depot *d);

/* Makes d->rec durable: the caller changed it. */
int depot_note(struct depot *d, struct err *err);

/* The same of a record that is not d->rec. */
int depot_note_record(struct depot *d, const struct depot_record *rec, struct err *err);

/*
 * The file that d->rec names, under its incomplete name, for reading and writing: a new one, mode
 * 0600, or the one that is there. ERR_USAGE when a whole one may not be replaced, ERR_NOTFOUND.
 */
int depot_create(struct depot *d, int *fd_ret, struct err *err);
int depot_reopen(struct depot *d, int *fd_ret, struct err *err);

/*
 * Gives the file of d->rec, which is durable, its name, durably. The journal says so before and
 * afterwards (committing, then seq + 1 with no file), so that whoever is interrupted in between
 * finds out what is left to do.
 */
int depot_commit(struct depot *d, uint64_t chain, struct err *err);

/* The end of that, where only it was left to do: the frame is counted, no file is open. */
int depot_close_file(struct depot *d, uint64_t chain, struct err *err);

/* Removes the incomplete file of that name, and the whole one too; failing to is no failure. */
void depot_remove(struct depot *d, const char *file, bool whole);

/* Whether somebody writes to the directory @name now, or did not long ago and is not done. */
bool depot_is_busy(const struct depot *d, const char *name);

/* Removes the journal of the directory @name, if that is gone; sweep: of all that are gone. */
void depot_forget(const struct depot *d, const char *name);
void depot_sweep(const struct depot *d);

#endif
