// SPDX-License-Identifier: GPL-2.0-or-later
/* The ladder: a table of what happened, and of all that is tried then, down to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/action.h"
#include "collector/course.h"

/* How a target behaves, whatever is tried on it; letters are outcomes in the steps below. */
enum behaviour {
	WORKS, // C
	FULL_SMALL, // the dump of less fits only: F, then C with less
	FULL_ALWAYS, // F
	GONE, // U: cannot be opened
	STALLS, // i: asked to end, an incomplete dump remains
	STOPPED, // S: killed in the dump, idle
	HANGS, // L: and is left behind
	NO_MEMORY, // N, always
	MEMORY_FOR_HALF, // N, and C with half of it
	LOOPS_IN_LOG, // S: killed in the tier, busy; C without it
	DIES_IN_MINI, // X: crashes in the tier; C without it
	DIES_AT_ONCE, // X: before the log is safe
	SHOT_ONCE, // K: killed by somebody else, C the next time
	REFUSES, // E: an error that it tells
	NOTHING_TO_READ, // R
};

static void tiers(struct attempt *a, uint32_t skip, enum tier last)
{
	for (enum tier t = TIER_RECORD; t <= last; t++)
		if (!(skip & 1U << t))
			a->tiers[t] = TIER_COMMITTED;
}

static void end(struct attempt *a, enum outcome outcome, enum manifest_stage stage,
		enum manifest_status status)
{
	a->outcome = outcome;
	a->stage = stage;
	a->status = status;
}

static void die_in_tier(struct attempt *a, uint32_t skip, enum tier tier)
{
	if (skip & 1U << tier) {
		tiers(a, skip, TIER_DUMP);
		end(a, OUTCOME_COMPLETE, STAGE_COMMIT, MANIFEST_COMPLETE);
		return;
	}
	for (enum tier t = TIER_RECORD; t < tier; t++)
		a->tiers[t] = TIER_COMMITTED;
	a->busy = true;
	end(a, tier == TIER_DMESG ? OUTCOME_STUCK : OUTCOME_CRASHED,
	    tier == TIER_DMESG ? STAGE_DMESG : STAGE_MINI,
	    tier == TIER_DMESG ? MANIFEST_FAILED : MANIFEST_DMESG);
}

static void behave(enum behaviour b, const struct step *s, struct attempt *a)
{
	bool done = b == WORKS || (b == FULL_SMALL && s->rung == COURSE_LESS) ||
		    ((b == MEMORY_FOR_HALF || b == SHOT_ONCE) && s->memory_step);

	if (b == GONE) {
		end(a, OUTCOME_UNREACHABLE, STAGE_TARGET, MANIFEST_FAILED);
		return;
	}
	if (b == NOTHING_TO_READ) {
		end(a, OUTCOME_INPUT, STAGE_OPEN, MANIFEST_FAILED);
		return;
	}
	if (b == DIES_AT_ONCE) {
		end(a, OUTCOME_CRASHED, STAGE_PLAN, MANIFEST_FAILED);
		return;
	}
	if (b == LOOPS_IN_LOG || b == DIES_IN_MINI) {
		die_in_tier(a, s->skip, b == LOOPS_IN_LOG ? TIER_DMESG : TIER_MINI);
		return;
	}
	tiers(a, s->skip, done ? TIER_DUMP : TIER_MINI);
	if (done)
		end(a, OUTCOME_COMPLETE, STAGE_COMMIT, MANIFEST_COMPLETE);
	else if (b == FULL_SMALL || b == FULL_ALWAYS)
		end(a, OUTCOME_FULL, STAGE_PAGES, MANIFEST_MINI);
	else if (b == STALLS)
		end(a, OUTCOME_FAILED, STAGE_PAGES, MANIFEST_INCOMPLETE);
	else if (b == STOPPED)
		end(a, OUTCOME_STUCK, STAGE_PAGES, MANIFEST_MINI);
	else if (b == HANGS)
		end(a, OUTCOME_LEFT, STAGE_PAGES, MANIFEST_MINI);
	else if (b == SHOT_ONCE)
		end(a, OUTCOME_SHOT, STAGE_PAGES, MANIFEST_MINI);
	else if (b == REFUSES)
		end(a, OUTCOME_FAILED, STAGE_PAGES, MANIFEST_MINI);
	else
		end(a, OUTCOME_NOMEM, STAGE_PLAN, MANIFEST_MINI);
}

/* "0a", the first target with all; "1l/1", the second with less and half the memory; "c". */
static void say(const struct step *s, char *buf, size_t room)
{
	size_t n = strlen(buf);

	if (n)
		n += snprintf(buf + n, room - n, " ");
	if (s->rung == COURSE_CONSOLE)
		n += snprintf(buf + n, room - n, "c");
	else
		n += snprintf(buf + n, room - n, "%u%c", s->target, "alt"[s->rung]);
	if (s->memory_step && s->rung != COURSE_CONSOLE)
		n += snprintf(buf + n, room - n, "/%u", s->memory_step);
	for (int t = 0; t < TIERS; t++)
		if (s->skip & 1U << t)
			n += snprintf(buf + n, room - n, "-%d", t);
}

static const struct {
	const char *what;
	unsigned int n, wanted;
	enum behaviour targets[3];
	bool smaller;
	uint32_t bare;
	const char *steps;
	int code;
} cases[] = {
	{"one target", 1, 1, {WORKS}, false, 0, "0a", EXIT_COMPLETE},
	{"the first of two is enough", 2, 1, {WORKS, WORKS}, false, 0, "0a", EXIT_COMPLETE},
	{"both are wanted", 2, 2, {WORKS, WORKS}, false, 0, "0a 1a", EXIT_COMPLETE},
	{"two of three", 3, 2, {WORKS, GONE, WORKS}, false, 0, "0a 1a 2a", EXIT_COMPLETE},
	{"two wanted, one had", 2, 2, {WORKS, GONE}, false, 0, "0a 1a", EXIT_INCOMPLETE},
	{"the next one", 2, 1, {GONE, WORKS}, false, 0, "0a 1a", EXIT_COMPLETE},
	{"none is there", 2, 1, {GONE, GONE}, false, 0, "0a 1a c", EXIT_FAILED},
	{"full, and no smaller level", 1, 1, {FULL_SMALL}, false, 0, "0a", EXIT_INCOMPLETE},
	{"full, and a smaller level", 1, 1, {FULL_SMALL}, true, 0, "0a 0l", EXIT_COMPLETE},
	{"all targets come before less",
	 2,
	 1,
	 {FULL_SMALL, WORKS},
	 true,
	 0,
	 "0a 1a",
	 EXIT_COMPLETE},
	{"full in any case", 1, 1, {FULL_ALWAYS}, true, 0, "0a 0l", EXIT_INCOMPLETE},
	{"an incomplete dump stays where nothing better is to be expected",
	 2,
	 1,
	 {STALLS, GONE},
	 false,
	 0,
	 "0a 1a",
	 EXIT_INCOMPLETE},
	{"a worker that was stopped gets a second",
	 1,
	 1,
	 {STOPPED},
	 false,
	 0,
	 "0a 0l",
	 EXIT_INCOMPLETE},
	{"one that hangs in the kernel does not", 1, 1, {HANGS}, true, 0, "0a", EXIT_INCOMPLETE},
	{"nor the others because of it", 2, 1, {HANGS, WORKS}, true, 0, "0a 1a", EXIT_COMPLETE},
	{"half the memory is enough", 1, 1, {MEMORY_FOR_HALF}, false, 0, "0a 0a/1", EXIT_COMPLETE},
	{"who was shot tries again", 2, 1, {SHOT_ONCE, WORKS}, false, 0, "0a 0a/1", EXIT_COMPLETE},
	{"no memory at all", 1, 1, {NO_MEMORY}, false, 0, "0a 0a/1 0a/2 0l/2", EXIT_INCOMPLETE},
	{"what one had to do with, the next has, too",
	 2,
	 1,
	 {NO_MEMORY, WORKS},
	 false,
	 0,
	 "0a 0a/1 0a/2 1a/2",
	 EXIT_COMPLETE},
	{"a log that has no end", 1, 1, {LOOPS_IN_LOG}, false, 0, "0a 0a-1", EXIT_COMPLETE},
	{"a mini-core that kills", 1, 1, {DIES_IN_MINI}, false, 0, "0a 0a-2", EXIT_COMPLETE},
	{"what killed one is not tried on another",
	 2,
	 2,
	 {LOOPS_IN_LOG, DIES_IN_MINI},
	 false,
	 0,
	 "0a 0a-1 1a-1 1a-1-2",
	 EXIT_COMPLETE},
	{"down to the console", 1, 1, {DIES_AT_ONCE}, false, 0, "0a 0l 0t c", EXIT_FAILED},
	{"a device without files has no tiers",
	 1,
	 1,
	 {DIES_AT_ONCE},
	 false,
	 1,
	 "0a 0l c",
	 EXIT_FAILED},
	{"an error is tried again once", 1, 1, {REFUSES}, false, 0, "0a 0l", EXIT_INCOMPLETE},
	{"nothing to read is the end", 2, 1, {NOTHING_TO_READ, WORKS}, true, 0, "0a", EXIT_FAILED},
};

static void test_ladder(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct attempt a[COURSE_ATTEMPTS_MAX] = {0};
		struct course c = {
			.ntargets = cases[i].n,
			.wanted = cases[i].wanted,
			.smaller = cases[i].smaller,
			.bare = cases[i].bare,
		};
		char steps[1024] = "";
		struct step s;
		size_t n = 0;
		int code;

		while (course_next(&c, a, n, &s)) {
			assert_true(n < COURSE_ATTEMPTS_MAX);
			say(&s, steps, sizeof(steps));
			a[n].target = s.target;
			a[n].rung = s.rung;
			a[n].memory_step = s.memory_step;
			if (s.rung != COURSE_CONSOLE)
				behave(cases[i].targets[s.target], &s, &a[n]);
			n++;
		}
		code = course_exit_code(&c, a, n);
		if (strcmp(steps, cases[i].steps) != 0 || code != cases[i].code)
			fail_msg("%s: %s, exit code %d; expected %s, %d", cases[i].what, steps,
				 code, cases[i].steps, cases[i].code);
	}
}

/* Whatever the outcomes are, there is an end, and it is within the room there is. */
static void test_end(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed < 3000; seed++) {
		static struct attempt a[COURSE_ATTEMPTS_MAX + 1];
		struct course c = {
			.ntargets = 1 + seed % COURSE_TARGETS_MAX,
			.wanted = 1 + seed % 3,
			.smaller = seed & 8,
			.bare = seed >> 4 & 0xff,
		};
		uint32_t random = seed * 2654435761U;
		struct step s;
		size_t n = 0;

		memset(a, 0, sizeof(a));
		while (course_next(&c, a, n, &s)) {
			assert_true(n < COURSE_ATTEMPTS_MAX);
			assert_true(s.target < c.ntargets);
			random = random * 1664525 + 1013904223;
			a[n] = (struct attempt){
				.target = s.target,
				.rung = s.rung,
				.memory_step = s.memory_step,
				// Anything but success.
				.outcome = OUTCOME_FAILED + (random >> 8) % OUTCOME_LEFT,
				.stage = (random >> 16) % STAGES,
				.busy = random >> 20 & 1,
			};
			n++;
		}
		assert_true(n >= 1);
		if (n == COURSE_ATTEMPTS_MAX)
			fail_msg("seed %u: as many attempts as there is room for", seed);
	}
}

/* When no time is left there is the console, unless the log is safe. */
static void test_over(void **state)
{
	struct attempt a[2] = {{.outcome = OUTCOME_STUCK, .stage = STAGE_MINI, .busy = true}};
	struct course c = {.ntargets = 2, .wanted = 1, .over = true};
	struct step s;

	(void)state;
	assert_true(course_next(&c, a, 1, &s));
	assert_int_equal(s.rung, COURSE_CONSOLE);
	a[1].rung = COURSE_CONSOLE;
	assert_false(course_next(&c, a, 2, &s));
	a[0].tiers[TIER_DMESG] = TIER_COMMITTED;
	assert_false(course_next(&c, a, 1, &s));
}

/* Where a dump is not wanted the small tiers are all there is to do. */
static void test_no_dump(void **state)
{
	struct attempt a = {.outcome = OUTCOME_COMPLETE, .status = MANIFEST_MINI};
	struct course c = {.ntargets = 2, .wanted = 1, .no_dump = true};
	struct step s;

	(void)state;
	assert_true(course_next(&c, &a, 0, &s));
	assert_false(course_next(&c, &a, 1, &s));
	assert_int_equal(course_exit_code(&c, &a, 1), EXIT_REFUSED);
	// None of them, and the next target is asked; where nothing is wanted, none is.
	a.status = MANIFEST_FAILED;
	assert_true(course_next(&c, &a, 1, &s));
	assert_int_equal(s.target, 1);
	c.nothing = true;
	assert_false(course_next(&c, &a, 1, &s));
	assert_int_equal(course_exit_code(&c, &a, 1), EXIT_REFUSED);
	c.nothing = false;
	a.status = MANIFEST_MINI;
	a.outcome = OUTCOME_FAILED;
	assert_int_equal(course_exit_code(&c, &a, 1), EXIT_INCOMPLETE);
}

/* A device without files has no place for them, and is not waited for. */
static void test_no_dump_bare(void **state)
{
	struct attempt a = {.outcome = OUTCOME_FAILED, .stage = STAGE_DMESG};
	struct course c = {.ntargets = 2, .wanted = 2, .no_dump = true, .bare = 2};
	struct step s;

	(void)state;
	assert_true(course_next(&c, &a, 1, &s));
	assert_int_equal(s.rung, COURSE_CONSOLE);
	a = (struct attempt){.outcome = OUTCOME_COMPLETE, .status = MANIFEST_DMESG};
	assert_false(course_next(&c, &a, 1, &s));
	assert_int_equal(course_exit_code(&c, &a, 1), EXIT_REFUSED);
}

/* What a later try has replaced does not count any more. */
static void test_code(void **state)
{
	struct attempt a[2] = {
		{.outcome = OUTCOME_FULL, .status = MANIFEST_INCOMPLETE},
		{.outcome = OUTCOME_STUCK, .status = MANIFEST_DMESG, .rung = COURSE_LESS},
	};
	struct course c = {.ntargets = 1, .wanted = 1};

	(void)state;
	assert_int_equal(course_exit_code(&c, a, 0), EXIT_FAILED);
	assert_int_equal(course_exit_code(&c, a, 1), EXIT_INCOMPLETE);
	assert_int_equal(course_exit_code(&c, a, 2), EXIT_FAILED);
	strcpy(a[1].dir, "its-own.1");
	assert_int_equal(course_exit_code(&c, a, 2), EXIT_INCOMPLETE);
	assert_int_equal(course_outcome(0, MANIFEST_MINI, STAGE_PLAN), OUTCOME_COMPLETE);
	assert_int_equal(course_outcome(ERR_SYS, MANIFEST_COMPLETE, STAGE_COMMIT),
			 OUTCOME_COMPLETE);
	assert_int_equal(course_outcome(ERR_NOMEM, MANIFEST_MINI, STAGE_PAGES), OUTCOME_NOMEM);
	assert_int_equal(course_outcome(ERR_NOSPC, MANIFEST_MINI, STAGE_PAGES), OUTCOME_FULL);
	assert_int_equal(course_outcome(ERR_SYS, MANIFEST_FAILED, STAGE_TARGET),
			 OUTCOME_UNREACHABLE);
	assert_int_equal(course_outcome(ERR_CORRUPT, MANIFEST_FAILED, STAGE_OPEN), OUTCOME_INPUT);
	assert_int_equal(course_outcome(ERR_SYS, MANIFEST_MINI, STAGE_COMMIT), OUTCOME_FAILED);
}

/* The best that is there, for the next boot; what was replaced, and the console, are no target. */
static void test_tell(void **state)
{
	struct attempt a[] = {
		{.rung = COURSE_TIERS,
		 .status = MANIFEST_MINI,
		 .name = "ext4 LABEL=dump",
		 .dir = "d",
		 .reason = "no space left"},
		{.target = 1,
		 .status = MANIFEST_FAILED,
		 .name = "ssh kdump@vault",
		 .reason = "it is gone"},
		{.rung = COURSE_CONSOLE, .status = MANIFEST_COMPLETE, .name = "console"},
		{.target = 1, .status = MANIFEST_COMPLETE, .name = "ssh kdump@vault", .dir = "e"},
	};
	char line[512];

	(void)state;
	assert_int_equal(course_tell(a, 0, line, sizeof(line)), 0);
	assert_int_equal(course_tell(a + 2, 1, line, sizeof(line)), 0);
	assert_int_equal(course_tell(a, 4, line, 16), 0);
	assert_true(course_tell(a, 3, line, sizeof(line)) > 0);
	assert_string_equal(line,
			    "Lifeboat capture: mini-core on ext4 LABEL=dump in d: no space left\n");
	assert_true(course_tell(a, 4, line, sizeof(line)) > 0);
	assert_string_equal(line, "Lifeboat capture: complete on ssh kdump@vault in e\n");
	assert_true(course_tell(a + 1, 1, line, sizeof(line)) > 0);
	assert_string_equal(line, "Lifeboat capture: failed on ssh kdump@vault: it is gone\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ladder), cmocka_unit_test(test_end),
		cmocka_unit_test(test_over),   cmocka_unit_test(test_no_dump),
		cmocka_unit_test(test_code),   cmocka_unit_test(test_no_dump_bare),
		cmocka_unit_test(test_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
