// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/deadline.h"

void limits_make(struct limits *l, const struct deadline_conf *c)
{
	*l = (struct limits){
		.target = c->target_limit * 1000ULL,
		.tier = c->tier_limit * 1000ULL,
		.stall_time = c->stall_time * 1000ULL,
		.stall_rate = c->stall_rate,
		.grace = DEADLINE_GRACE_MS,
	};
	if (c->capture_deadline) {
		l->end = c->start + c->capture_deadline * 1000ULL;
		if (l->grace > c->capture_deadline * 1000ULL / DEADLINE_PARTS)
			l->grace = c->capture_deadline * 1000ULL / DEADLINE_PARTS;
	}
	// It keeps to its own limit, and names the devices then; this is for when it does not.
	l->open = c->open_timeout * 1000ULL + (l->stall_time ? l->stall_time : l->grace);
	if (l->target && l->target + l->grace < l->open)
		l->open = l->target + l->grace;
}

static void clamp(uint64_t *limit, uint64_t ms, bool *done)
{
	if (*limit && *limit <= ms)
		return;
	*limit = ms;
	*done = true;
}

bool limits_clamp(struct limits *l, uint64_t ms)
{
	bool done = false;

	if (l->grace > ms / 4) {
		l->grace = ms / 4;
		done = true;
	}
	ms -= l->grace;
	clamp(&l->open, ms, &done);
	clamp(&l->tier, ms, &done);
	clamp(&l->stall_time, ms / DEADLINE_COMMIT_FACTOR, &done);
	return done;
}

uint64_t limits_silence(const struct limits *l)
{
	uint64_t most = l->open;

	if (l->tier > most)
		most = l->tier;
	if (l->stall_time * DEADLINE_COMMIT_FACTOR > most)
		most = l->stall_time * DEADLINE_COMMIT_FACTOR;
	return most + l->grace;
}

static void begin_window(struct deadline *d, const struct pulse *p)
{
	d->window_begun = p->now;
	d->window_written = p->written;
	d->window_saved = p->saved;
}

static void begin_stage(struct deadline *d, const struct pulse *p)
{
	d->stage_begun = p->now;
	d->stage_cpu = p->cpu;
	d->asked = 0;
	begin_window(d, p);
}

void deadline_begin(struct deadline *d, const struct limits *l, const struct pulse *p)
{
	*d = (struct deadline){.limits = l, .begun = p->now, .alive = p->now, .last = *p};
	begin_stage(d, p);
}

/* Of these no bytes are to be expected: who uses a CPU is at work. */
static bool is_silent_work(enum manifest_stage stage)
{
	return stage == STAGE_OPEN || stage == STAGE_PLAN;
}

static bool is_tier(enum manifest_stage stage)
{
	return stage == STAGE_RECORD || stage == STAGE_DMESG || stage == STAGE_MINI;
}

static bool has_progressed(const struct deadline *d, const struct pulse *p)
{
	const struct pulse *last = &d->last;

	return p->stage != last->stage || p->written != last->written || p->saved != last->saved ||
	       p->beats != last->beats || (is_silent_work(p->stage) && p->cpu != last->cpu);
}

/*
 * Of what the target gets a page can be a hundredth, so the page itself counts, too; and at the
 * end of a dump there is its index without a page.
 */
static bool is_slow(struct deadline *d, const struct pulse *p)
{
	const struct limits *l = d->limits;
	uint64_t ms = p->now - d->window_begun;
	uint64_t written = p->written - d->window_written, saved = p->saved - d->window_saved;
	uint64_t most = written > saved ? written : saved;

	if (!l->stall_time || ms < l->stall_time)
		return false;
	if (most / ms < l->stall_rate / 1000 + 1 && most * 1000 < l->stall_rate * ms)
		return true;
	begin_window(d, p);
	return false;
}

static bool is_over(uint64_t since, uint64_t limit, uint64_t now)
{
	return limit && now - since >= limit;
}

static enum verdict ask(struct deadline *d, const struct pulse *p, enum verdict verdict)
{
	d->asked = p->now;
	return verdict;
}

/* Nothing of this stage could be saved by asking, or something could. */
static enum verdict end_of(struct deadline *d, const struct pulse *p)
{
	if (p->stage == STAGE_PAGES || p->stage == STAGE_COMMIT)
		return ask(d, p, VERDICT_STOP_ALL);
	return VERDICT_KILL;
}

/* Asked already: does it follow? */
static enum verdict check_asked(const struct deadline *d, const struct pulse *p)
{
	const struct limits *l = d->limits;
	// What flows may take longer, but not for ever, and not beyond the end of all.
	bool follows = p->now - d->alive < l->grace &&
		       p->now - d->asked < l->grace * DEADLINE_GRACE_FACTOR;

	if (p->now - d->asked < l->grace)
		follows = true;
	if (l->end && p->now + l->grace >= l->end)
		follows = false;
	return follows ? VERDICT_GO_ON : VERDICT_KILL;
}

static enum verdict check_silence(struct deadline *d, const struct pulse *p, enum verdict_why *why)
{
	const struct limits *l = d->limits;
	uint64_t stall = l->stall_time;

	*why = WHY_STALL;
	if (p->stage == STAGE_PAGES)
		return is_slow(d, p) ? ask(d, p, VERDICT_STOP_ALL) : VERDICT_GO_ON;
	if (p->stage == STAGE_COMMIT)
		stall *= DEADLINE_COMMIT_FACTOR;
	return is_over(d->alive, stall, p->now) ? VERDICT_KILL : VERDICT_GO_ON;
}

static enum verdict check(struct deadline *d, const struct pulse *p, enum verdict_why *why)
{
	const struct limits *l = d->limits;

	*why = WHY_ASKED;
	// Not before the end of all, which is for the manifests of all targets, comes the last grace.
	if (d->asked)
		return check_asked(d, p);
	*why = WHY_DEADLINE;
	if (l->end && p->now + 2 * l->grace >= l->end)
		return end_of(d, p);
	*why = WHY_TARGET;
	if (is_over(d->begun, l->target, p->now))
		return end_of(d, p);
	*why = WHY_OPEN;
	if (p->stage == STAGE_TARGET)
		return is_over(d->stage_begun, l->open, p->now) ? VERDICT_KILL : VERDICT_GO_ON;
	*why = WHY_TIER;
	if (is_tier(p->stage))
		return is_over(d->stage_begun, l->tier, p->now) ? ask(d, p, VERDICT_STOP_TIER)
								: VERDICT_GO_ON;
	return check_silence(d, p, why);
}

enum verdict deadline_check(struct deadline *d, const struct pulse *p, enum verdict_why *why,
			    bool *progress)
{
	enum verdict verdict;

	*progress = has_progressed(d, p);
	if (*progress)
		d->alive = p->now;
	// The commit is what was asked for.
	if ((p->stage != d->last.stage || p->turn != d->last.turn) &&
	    !(d->asked && p->stage == STAGE_COMMIT))
		begin_stage(d, p);
	d->last = *p;
	verdict = check(d, p, why);
	if (verdict == VERDICT_GO_ON)
		*why = WHY_NONE;
	return verdict;
}

bool deadline_busy(const struct deadline *d)
{
	uint64_t ms = d->last.now - d->stage_begun;

	return ms && (d->last.cpu - d->stage_cpu) * 2 >= ms;
}

bool deadline_time_left(const struct limits *l, uint64_t now)
{
	return !l->end || now + 2 * l->grace < l->end;
}

const char *verdict_why_name(enum verdict_why why)
{
	switch (why) {
	case WHY_DEADLINE:
		return "capture_deadline is over";
	case WHY_TARGET:
		return "the limit of this target is over";
	case WHY_OPEN:
		return "the target did not open in time";
	case WHY_TIER:
		return "tier_limit is over";
	case WHY_STALL:
		return "no progress: slower than stall_rate for stall_time";
	case WHY_ASKED:
		return "it did not end when asked to";
	case WHY_NONE:
		break;
	}
	return "";
}
