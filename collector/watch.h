/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch: what a worker is doing, in memory that it shares with the supervisor (captain.h).
 *
 * The worker writes, the supervisor reads, and one flag goes the other way. A worker that hangs,
 * is stopped or is killed has left here how far it came: what is said to be committed was made
 * durable before it was said. All of it is plain atomics, so that nobody can hold a lock and die;
 * the texts are read only when the worker is gone or can no longer run.
 */
#ifndef COLLECTOR_WATCH_H
#define COLLECTOR_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/deadline.h"
#include "collector/manifest.h"
#include "vmcore/printk.h"

struct err;

/* Why a worker is asked to end what it does. */
enum watch_stop {
	WATCH_GO_ON,
	WATCH_STOP_TIER, /* this tier took too long: leave it, go on with the next */
	WATCH_STOP_ALL, /* make what is there a valid incomplete dump, and end */
};

enum {
	WATCH_DIR_MAX = 128, /* name of a crash directory, without its path */
};

struct watch {
	_Atomic uint64_t written; /* bytes given to the target */
	_Atomic uint64_t acknowledged; /* of those, known to be safe there */
	_Atomic uint64_t saved; /* bytes of memory whose pages were written */
	_Atomic uint64_t beats; /* signs of life of a target that takes no bytes just now */
	_Atomic uint64_t memory; /* bytes that the budget comes to; 0: not made yet */
	_Atomic uint32_t stage; /* enum manifest_stage */
	_Atomic uint32_t turn; /* stages begun so far */
	_Atomic uint32_t tiers[TIERS]; /* enum tier_state */
	_Atomic uint64_t request; /* the supervisor's, with the turn it is meant for */
	_Atomic uint32_t status; /* enum manifest_status, by what is committed */
	_Atomic bool cpus; /* it has begun to bring up the other CPUs */
	_Atomic uint32_t workers; /* that pay on them; 0: not known yet */
	_Atomic bool record; /* and to put the panic record on the console and in pstore */
	_Atomic uint32_t verdict; /* enum governor_verdict on this crash */
	_Atomic int32_t code; /* when it has ended: 0 or an ERR_* */
	_Atomic uint32_t ended_in; /* enum manifest_stage, then */
	_Atomic bool ended; /* it has said all that it had to say */
	_Atomic bool told; /* and has tried to tell the target: manifest and log */
	char reason[MANIFEST_REASON_MAX];
	char dir[WATCH_DIR_MAX]; /* of this crash on the target; "": none made */
	/* Of the log, when that tier is committed: for a second try, which leaves it out. */
	struct printk_stats dmesg;
	char panic[MANIFEST_PANIC_MAX];
	_Atomic uint32_t body_size; /* of the manifest's text below, 0: none */
	char body[MANIFEST_SIZE_MAX];
};

/*
 * Zeroed memory of @size bytes that children of this process share with it; NULL when there is
 * none. Released with watch_unshare().
 */
void *watch_share(size_t size);
void watch_unshare(void *memory, size_t size);

/* All of these take NULL for @w: nobody watches. */

void watch_stage(struct watch *w, enum manifest_stage stage);
enum manifest_stage watch_stage_now(const struct watch *w);
void watch_tier(struct watch *w, enum tier tier, enum tier_state state);

/* Bytes given to the target, and bytes of it that are safe there now: all, or @bytes in total. */
void watch_written(struct watch *w, uint64_t bytes);
void watch_acknowledged_all(struct watch *w);
void watch_acknowledged(struct watch *w, uint64_t bytes);

/* Bytes of memory done so far. */
void watch_saved(struct watch *w, uint64_t bytes);

/* Bytes that the budget of the dump comes to. */
void watch_memory(struct watch *w, uint64_t bytes);

/* The other end was heard of, such as a keep-alive while it checks what it got. */
void watch_beat(struct watch *w);

/*
 * 0, or ERR_STOPPED when the supervisor wants an end: to be called between two blocks, and by a
 * target while it waits. What is returned goes up as any other failure does.
 */
int watch_check(struct watch *w, struct err *err);

/*
 * Of the supervisor: asks for it. To leave a tier is asked of the stage that has @turn, and void in
 * any other: it may have ended while it was asked.
 */
void watch_ask(struct watch *w, uint32_t turn, enum watch_stop stop, enum verdict_why why);

#endif
