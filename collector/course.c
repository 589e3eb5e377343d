// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/course.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "collector/action.h"

enum outcome course_outcome(int code, enum manifest_status status, enum manifest_stage stage)
{
	if (!code || status == MANIFEST_COMPLETE)
		return OUTCOME_COMPLETE;
	if (code == ERR_NOMEM)
		return OUTCOME_NOMEM;
	if (code == ERR_NOSPC)
		return OUTCOME_FULL;
	if (stage == STAGE_OPEN)
		return OUTCOME_INPUT;
	return stage == STAGE_TARGET ? OUTCOME_UNREACHABLE : OUTCOME_FAILED;
}

static bool is_done(const struct course *c, const struct attempt *a)
{
	if (a->rung == COURSE_CONSOLE || a->outcome != OUTCOME_COMPLETE)
		return false;
	if (c->nothing)
		return true;
	return a->status >= (c->no_dump ? MANIFEST_DMESG : MANIFEST_COMPLETE);
}

static bool target_done(const struct course *c, const struct attempt *a, size_t n, unsigned int t)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].target == t && is_done(c, &a[i]))
			return true;
	return false;
}

unsigned int course_done(const struct course *c, const struct attempt *attempts, size_t n)
{
	unsigned int done = 0;

	for (unsigned int t = 0; t < c->ntargets; t++)
		done += target_done(c, attempts, n, t);
	return done;
}

/* A target that takes no small files is none where nothing else is wanted. */
static bool is_left_out(const struct course *c, unsigned int t)
{
	return c->no_dump && !c->nothing && (c->bare & 1U << t);
}

static bool all_done(const struct course *c, const struct attempt *a, size_t n)
{
	unsigned int able = 0;

	for (unsigned int t = 0; t < c->ntargets; t++)
		able += !is_left_out(c, t);
	return course_done(c, a, n) >= (able && able < c->wanted ? able : c->wanted);
}

/* The last attempt on a target, NULL for none; of @rung, or of any when that is negative. */
static const struct attempt *last_of(const struct attempt *a, size_t n, unsigned int t, int rung)
{
	while (n--)
		if (a[n].target == t && a[n].rung != COURSE_CONSOLE &&
		    (rung < 0 || a[n].rung == (enum rung_of_course)rung))
			return &a[n];
	return NULL;
}

/* It did nothing wrong itself. */
static bool was_taken(const struct attempt *a)
{
	return a->outcome == OUTCOME_NOMEM || a->outcome == OUTCOME_SHOT;
}

static bool has_died(const struct attempt *a)
{
	return was_taken(a) || a->outcome == OUTCOME_CRASHED || a->outcome == OUTCOME_STUCK;
}

/* The tier that an attempt died of, by itself; -1: of none. */
static int fatal_tier(const struct attempt *a)
{
	if (a->outcome != OUTCOME_CRASHED && !(a->outcome == OUTCOME_STUCK && a->busy))
		return -1;
	switch (a->stage) {
	case STAGE_RECORD:
		return TIER_RECORD;
	case STAGE_DMESG:
		return TIER_DMESG;
	case STAGE_MINI:
		return TIER_MINI;
	default:
		return -1;
	}
}

static uint32_t fatal_tiers(const struct attempt *a, size_t n)
{
	uint32_t skip = 0;

	for (size_t i = 0; i < n; i++)
		if (fatal_tier(&a[i]) >= 0)
			skip |= 1U << fatal_tier(&a[i]);
	return skip;
}

static bool log_is_safe(const struct attempt *a, size_t n, int t)
{
	for (size_t i = 0; i < n; i++)
		if ((t < 0 || a[i].target == (unsigned int)t) &&
		    a[i].tiers[TIER_DMESG] == TIER_COMMITTED)
			return true;
	return false;
}

/* Is it worth trying @rung on @t? */
static bool is_worth(const struct course *c, const struct attempt *a, size_t n, unsigned int t,
		     enum rung_of_course rung)
{
	const struct attempt *last = last_of(a, n, t, -1);

	if (is_left_out(c, t))
		return false;
	if (rung == COURSE_ALL)
		return !last;
	if (last_of(a, n, t, rung) || target_done(c, a, n, t))
		return false;
	// What cannot be reached, or holds a worker in the kernel, will not do better.
	if (!last || last->outcome == OUTCOME_UNREACHABLE || last->outcome == OUTCOME_LEFT)
		return false;
	if (rung == COURSE_TIERS)
		return has_died(last) && !(c->bare & 1U << t) && !log_is_safe(a, n, t);
	if (c->no_dump)
		return false;
	// What is incomplete there is only given up for what has better prospects.
	if (last->outcome == OUTCOME_FULL || last->status == MANIFEST_INCOMPLETE)
		return c->smaller;
	return true;
}

/* The same target once more, for it was not the target that failed. */
static bool is_again(const struct attempt *last, struct step *ret)
{
	if (last->rung == COURSE_CONSOLE)
		return false;
	ret->target = last->target;
	ret->rung = last->rung;
	ret->memory_step = last->memory_step;
	// Whoever shot it may have done so to get memory.
	if (was_taken(last) && last->memory_step < COURSE_MEMORY_STEPS) {
		ret->memory_step++;
		return true;
	}
	return fatal_tier(last) >= 0;
}

/* Had the last two attempts nothing to read? One may have been killed by chance. */
static bool is_unreadable(const struct attempt *a, size_t n)
{
	if (!n || a[n - 1].stage != STAGE_OPEN)
		return false;
	return a[n - 1].outcome == OUTCOME_INPUT ||
	       (n > 1 && a[n - 2].stage == STAGE_OPEN && !was_taken(&a[n - 2]));
}

/* The memory that was left for the last one is left for those that follow. */
static unsigned int memory_step(const struct attempt *a, size_t n)
{
	unsigned int most = 0;

	for (size_t i = 0; i < n; i++)
		if (a[i].memory_step > most)
			most = a[i].memory_step;
	return most;
}

bool course_next(const struct course *c, const struct attempt *a, size_t n, struct step *ret)
{
	*ret = (struct step){.skip = fatal_tiers(a, n)};
	if (n >= COURSE_ATTEMPTS_MAX || is_unreadable(a, n))
		return false;
	if (all_done(c, a, n))
		return false;
	if (n && !c->over && is_again(&a[n - 1], ret))
		return true;
	ret->memory_step = memory_step(a, n);
	for (ret->rung = COURSE_ALL; ret->rung <= COURSE_TIERS && !c->over; ret->rung++)
		for (ret->target = 0; ret->target < c->ntargets; ret->target++)
			if (is_worth(c, a, n, ret->target, ret->rung))
				return true;
	*ret = (struct step){.rung = COURSE_CONSOLE, .skip = ret->skip};
	if (n && a[n - 1].rung == COURSE_CONSOLE)
		return false;
	return !log_is_safe(a, n, -1);
}

/* A later try may have replaced what try @i left on the target, unless it had its own directory. */
static bool is_replaced(const struct attempt *a, size_t n, size_t i)
{
	for (size_t k = i + 1; k < n; k++)
		if (a[k].target == a[i].target && strcmp(a[k].dir, a[i].dir) == 0)
			return true;
	return false;
}

int course_exit_code(const struct course *c, const struct attempt *a, size_t n)
{
	enum manifest_status best = MANIFEST_FAILED;

	if (all_done(c, a, n))
		return c->no_dump ? EXIT_REFUSED : EXIT_COMPLETE;
	for (size_t i = 0; i < n; i++)
		if (!is_replaced(a, n, i) && a[i].status > best)
			best = a[i].status;
	return best >= MANIFEST_MINI ? EXIT_INCOMPLETE : EXIT_FAILED;
}

size_t course_tell(const struct attempt *a, size_t n, char *buf, size_t room)
{
	const struct attempt *best = NULL;
	size_t len;

	for (size_t i = 0; i < n; i++)
		if (a[i].rung != COURSE_CONSOLE && !is_replaced(a, n, i) &&
		    (!best || a[i].status > best->status))
			best = &a[i];
	if (!best)
		return 0;
	len = snprintf(buf, room, COURSE_TELL "%s on %s%s%s%s%.160s\n",
		       manifest_status_name(best->status), best->name, best->dir[0] ? " in " : "",
		       best->dir, best->reason[0] ? ": " : "", best->reason);
	return len < room ? len : 0;
}

const char *outcome_name(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_COMPLETE:
		return "done";
	case OUTCOME_FAILED:
		return "failed";
	case OUTCOME_FULL:
		return "no-room";
	case OUTCOME_INPUT:
		return "no-input";
	case OUTCOME_UNREACHABLE:
		return "unreachable";
	case OUTCOME_NOMEM:
		return "out-of-memory";
	case OUTCOME_SHOT:
		return "shot";
	case OUTCOME_CRASHED:
		return "crashed";
	case OUTCOME_STUCK:
		return "killed";
	case OUTCOME_LEFT:
		return "hangs";
	}
	return "?";
}

const char *course_rung_name(enum rung_of_course rung)
{
	switch (rung) {
	case COURSE_ALL:
		return "all";
	case COURSE_LESS:
		return "less";
	case COURSE_TIERS:
		return "tiers";
	case COURSE_CONSOLE:
		return "console";
	}
	return "?";
}
