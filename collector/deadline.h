/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * deadline: how long a worker may go on: limits in time, and what counts as a stall. Arithmetic
 * only: the time and what the worker shows of itself are given by the caller.
 *
 * What is over is first asked to end: a dump becomes an incomplete one with a valid index that
 * way. Who does not follow within the grace is killed. Where nothing could be saved by asking,
 * it is killed at once.
 */
#ifndef COLLECTOR_DEADLINE_H
#define COLLECTOR_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/manifest.h"

/* All in milliseconds; 0: no such limit. */
struct limits {
	uint64_t end; /* of the capture, by the clock of the calls below: capture_deadline */
	uint64_t target; /* for all that is done with this target */
	uint64_t open; /* for opening it */
	uint64_t tier; /* for each of T0 to T2 */
	uint64_t stall_time; /* with fewer than stall_rate bytes a second for so long: a stall */
	uint64_t stall_rate; /* bytes a second */
	uint64_t grace; /* to follow a request */
};

enum {
	DEADLINE_GRACE_MS = 20000,
	DEADLINE_PARTS = 8, /* the grace is at most such a part of capture_deadline */
	DEADLINE_GRACE_FACTOR = 4, /* a grace is longer by so much while bytes are flowing */
	DEADLINE_COMMIT_FACTOR = 2, /* of stall_time: how long a commit may be silent */
};

/* Config, seconds, to limits; @start: when the collector began. */
struct deadline_conf {
	uint64_t start;
	unsigned int capture_deadline, target_limit, tier_limit, stall_time;
	unsigned int open_timeout; /* device_timeout, and network_timeout where one is needed */
	uint64_t stall_rate;
};
void limits_make(struct limits *l, const struct deadline_conf *conf);

/*
 * A hardware watchdog that cannot wait @ms allows no longer silence either: shortens what is
 * longer, so that a worker that is silent is dealt with before the machine is reset. Returns
 * whether anything had to be shortened.
 */
bool limits_clamp(struct limits *l, uint64_t ms);

/* The longest silence that the limits allow: how long a watchdog should wait at least. */
uint64_t limits_silence(const struct limits *l);

/* What is seen of a worker. */
struct pulse {
	uint64_t now;
	enum manifest_stage stage;
	uint32_t turn; /* of the stage: the same one may be begun again */
	uint64_t written, saved, beats; /* of struct watch */
	uint64_t cpu; /* time it has spent on a CPU: work where no bytes flow */
};

struct deadline {
	const struct limits *limits; /* borrowed */
	uint64_t begun; /* this attempt */
	uint64_t stage_begun, stage_cpu; /* this stage, and the CPU time then */
	uint64_t window_begun, window_written, window_saved;
	uint64_t alive; /* the last progress */
	uint64_t asked; /* when it was asked to end; 0: it was not */
	struct pulse last;
};

enum verdict {
	VERDICT_GO_ON,
	VERDICT_STOP_TIER, /* ask it to leave this tier */
	VERDICT_STOP_ALL, /* ask it to end */
	VERDICT_KILL,
};

enum verdict_why {
	WHY_NONE,
	WHY_DEADLINE, /* capture_deadline */
	WHY_TARGET, /* the target's limit */
	WHY_OPEN, /* the target did not open */
	WHY_TIER, /* tier_limit */
	WHY_STALL, /* bytes flow too slowly, or nothing happens */
	WHY_ASKED, /* it did not follow the request: the reason is that of the request */
};

void deadline_begin(struct deadline *d, const struct limits *l, const struct pulse *p);

/*
 * To be called again and again; @p->now never goes back. *@progress says whether the worker came
 * on since the last call. A request is returned once; the stage after a tier that was left begins
 * with its own time.
 */
enum verdict deadline_check(struct deadline *d, const struct pulse *p, enum verdict_why *why,
			    bool *progress);

/* Did it work most of this stage's time, rather than wait? Then the target is not to blame. */
bool deadline_busy(const struct deadline *d);

/* Is there time for another attempt? */
bool deadline_time_left(const struct limits *l, uint64_t now);

/* "capture_deadline", ...: what was over, for messages. */
const char *verdict_why_name(enum verdict_why why);

#endif
