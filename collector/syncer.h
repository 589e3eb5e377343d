/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syncer: makes what a client sent durable while more of it comes in: a thread syncs the file and
 * then writes the journal. One job at a time; of those that wait for it only the last counts, which
 * holds all that the others do.
 */
#ifndef COLLECTOR_SYNCER_H
#define COLLECTOR_SYNCER_H

#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"
#include "collector/depot.h"

struct syncer {
	struct depot *depot; /* borrowed; its journal is the thread's while that is busy */
	int ready; /* readable when a job may be done; -1: there is no thread */
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool busy; /* a job is at work */
	bool done; /* one was, and nobody has asked after it yet */
	bool end; /* the thread is to end */
	int fd; /* of the job: the file, borrowed, */
	struct depot_record rec; /* what the journal says once it is durable, */
	int rc; /* and what came out */
	struct err err;
	/* Not the thread's. */
	bool waiting; /* another job, of the same file */
	struct depot_record next;
};

/* No thread before the first job. End waits for the job at work. */
void syncer_begin(struct syncer *s, struct depot *depot);
void syncer_end(struct syncer *s);

/*
 * Syncs @fd and then notes d->rec as it is now, with what it says is durable then. Does it at once where
 * there can be no thread. Errors are those of an earlier job or this one.
 */
int syncer_ask(struct syncer *s, int fd, const struct depot_record *rec, struct err *err);

/*
 * Where a job is done: depot.rec says which frame is durable now, and the next one begins.
 * With @wait it waits for the one at work, and those behind it are forgotten: who writes the
 * journal or closes the file next goes this way.
 */
int syncer_settle(struct syncer *s, bool wait, struct err *err);

#endif
