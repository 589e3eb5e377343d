/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * course: what is tried next when something failed. A decision only, from what was tried so far:
 * carried out in captain.h.
 *
 * The ladder: every target in turn, with all that the configuration wants; then those that failed
 * once more, with less: the smallest dump level, one thread, a cheap codec; then the small tiers
 * only; then the console. In between, the same target again, where it is not the target that
 * failed: with half the memory when there was not enough of it, without a tier that a worker died
 * of. Each of these happens at most so often that there is an end.
 */
#ifndef COLLECTOR_COURSE_H
#define COLLECTOR_COURSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/manifest.h"

enum {
	COURSE_TARGETS_MAX = 8, /* CONFIG_TARGETS_MAX */
	COURSE_MEMORY_STEPS = 2, /* each halves the memory */
	/* All rungs on all targets, each with all retries, and the console. */
	COURSE_ATTEMPTS_MAX = COURSE_TARGETS_MAX * 3 * (1 + COURSE_MEMORY_STEPS) + TIERS + 1,
};

enum rung_of_course {
	COURSE_ALL, /* as configured */
	COURSE_LESS, /* dump level 31, one thread, LZO */
	COURSE_TIERS, /* no dump */
	COURSE_CONSOLE, /* no target: the log to the console */
};

/* How an attempt came to its end. */
enum outcome {
	OUTCOME_COMPLETE,
	OUTCOME_FAILED, /* it said why */
	OUTCOME_FULL, /* the target has no room */
	OUTCOME_INPUT, /* the memory of the dead kernel cannot be read at all */
	OUTCOME_UNREACHABLE, /* the target could not be opened */
	OUTCOME_NOMEM, /* memory ran out: it said so, or the kernel killed it */
	OUTCOME_SHOT, /* killed by somebody else, and memory did not run out */
	OUTCOME_CRASHED, /* ended by a signal of its own doing */
	OUTCOME_STUCK, /* killed here, since it came to no end */
	OUTCOME_LEFT, /* killed here, and hangs in the kernel still */
};

/* One thing that was tried. */
struct attempt {
	unsigned int target; /* index in the configuration */
	enum rung_of_course rung;
	unsigned int memory_step; /* the memory was halved so often */
	enum outcome outcome;
	enum manifest_stage stage; /* in which it ended */
	bool busy; /* of one that was stuck: it used the CPU, so it did not wait for the target */
	enum manifest_status status; /* what is safe on the target */
	enum tier_state tiers[TIERS];
	uint64_t ms, bytes; /* time it took; bytes given to the target */
	char name[64]; /* "ext4 LABEL=dump", cut */
	char dir[128]; /* crash directory there; "": none made */
	char reason[MANIFEST_REASON_MAX]; /* why it is not complete */
};

struct course {
	unsigned int ntargets, wanted; /* targets that must get the dump */
	bool smaller; /* there is a smaller dump level than those that were asked for */
	bool over; /* no time is left for more than the console */
	bool no_dump; /* the small tiers are all that is wanted ... */
	bool nothing; /* ... and not even those */
	uint32_t bare; /* a bit a target: it takes the dump only, no small files */
};

struct step {
	unsigned int target; /* of none with COURSE_CONSOLE */
	enum rung_of_course rung;
	unsigned int memory_step;
	uint32_t skip; /* a bit a tier: not to be tried again */
};

/* What came of an attempt that ended with @code, 0 or an ERR_*, in @stage. */
enum outcome course_outcome(int code, enum manifest_status status, enum manifest_stage stage);

/* What comes after the @n attempts, in their order; false: nothing, it is over. */
bool course_next(const struct course *c, const struct attempt *attempts, size_t n,
		 struct step *ret);

/* Targets with a complete dump (with no_dump: with the log at least; with nothing: looked at). */
unsigned int course_done(const struct course *c, const struct attempt *attempts, size_t n);

/* What all of it came to: enum exit_code (action.h). */
int course_exit_code(const struct course *c, const struct attempt *attempts, size_t n);

/* What begins the line of course_tell(); `lifeboat receipts` looks for it in pstore. */
#define COURSE_TELL "Lifeboat capture: "

/*
 * The best that is on a target, or why there is nothing, as a line with its end in @room bytes at
 * @buf, for the next boot to find where it cannot see that target: "Lifeboat capture: complete on
 * ssh kdump@vault in 10.0.0.7-2026-11-21-03:44:59". Its length; 0 when no target was tried.
 */
size_t course_tell(const struct attempt *attempts, size_t n, char *buf, size_t room);

/* "complete", "no room", ...; "all", "less", "tiers", "console": for manifest and messages. */
const char *outcome_name(enum outcome outcome);
const char *course_rung_name(enum rung_of_course rung);

#endif
