// SPDX-License-Identifier: GPL-2.0-or-later
/* Limits in time: what a worker shows of itself second by second, and what it gets for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "collector/deadline.h"

enum {
	S = 1000, // a second
	TICKS_MAX = 400,
};

static const struct limits limits = {
	.end = 300 * S,
	.target = 200 * S,
	.open = 40 * S,
	.tier = 20 * S,
	.stall_time = 30 * S,
	.stall_rate = 1000,
	.grace = 10 * S,
};

/* A worker that spends @seconds in @stage, with so much of each a second. */
struct span {
	enum manifest_stage stage;
	unsigned int seconds;
	unsigned int written, saved, beats, cpu;
};

/* What comes of it: the first verdict that is not to go on, when, and why; then the kill. */
struct outcome_of {
	enum verdict verdict;
	enum verdict_why why;
	unsigned int at, killed; // seconds; 0: never
};

static void run(const struct limits *l, const struct span *spans, struct outcome_of *ret)
{
	struct pulse p = {.stage = spans[0].stage};
	struct deadline d;

	*ret = (struct outcome_of){0};
	deadline_begin(&d, l, &p);
	for (; spans->seconds; spans++)
		for (unsigned int s = 0; s < spans->seconds; s++) {
			enum verdict_why why;
			enum verdict v;
			bool progress;

			p.now += S;
			p.stage = spans->stage;
			p.written += spans->written;
			p.saved += spans->saved;
			p.beats += spans->beats;
			p.cpu += spans->cpu;
			v = deadline_check(&d, &p, &why, &progress);
			if (v == VERDICT_GO_ON) {
				assert_int_equal(why, WHY_NONE);
				continue;
			}
			if (!ret->at) {
				ret->verdict = v;
				ret->why = why;
				ret->at = p.now / S;
			}
			if (v == VERDICT_KILL) {
				ret->killed = p.now / S;
				return;
			}
		}
}

static const struct {
	const char *what;
	struct span spans[8];
	struct outcome_of want;
} cases[] = {
	{"all goes well",
	 {{STAGE_OPEN, 5, .cpu = 900},
	  {STAGE_TARGET, 30, .cpu = 0},
	  {STAGE_RECORD, 1, .written = 4096},
	  {STAGE_DMESG, 5, .written = 4096},
	  {STAGE_PLAN, 40, .cpu = 900},
	  {STAGE_PAGES, 100, .written = 100000},
	  {STAGE_COMMIT, 10, .cpu = 0}},
	 {0}},
	{"the target does not open",
	 {{STAGE_TARGET, 60, .cpu = 0}},
	 {VERDICT_KILL, WHY_OPEN, 40, 40}},
	{"one that does hears of nobody else",
	 {{STAGE_TARGET, 60, .beats = 1}},
	 {VERDICT_KILL, WHY_OPEN, 40, 40}},
	{"a scan that goes on needs no bytes",
	 {{STAGE_OPEN, 1, .cpu = 1}, {STAGE_PLAN, 150, .cpu = 10}},
	 {0}},
	{"a scan that hangs", {{STAGE_PLAN, 60, .cpu = 0}}, {VERDICT_KILL, WHY_STALL, 30, 30}},
	{"a tier that takes too long is left, and then killed",
	 {{STAGE_DMESG, 60, .cpu = 900}},
	 {VERDICT_STOP_TIER, WHY_TIER, 20, 30}},
	{"a tier that takes too long and follows",
	 {{STAGE_DMESG, 25, .cpu = 0},
	  {STAGE_PLAN, 20, .cpu = 1},
	  {STAGE_PAGES, 20, .written = 1 << 20}},
	 {VERDICT_STOP_TIER, WHY_TIER, 20, 0}},
	{"each tier has its own time",
	 {{STAGE_RECORD, 15, .cpu = 0}, {STAGE_DMESG, 15, .cpu = 0}, {STAGE_MINI, 15, .cpu = 0}},
	 {0}},
	{"no bytes", {{STAGE_PAGES, 60, .cpu = 0}}, {VERDICT_STOP_ALL, WHY_STALL, 30, 40}},
	{"too few bytes",
	 {{STAGE_PAGES, 100, .written = 900, .saved = 900, .cpu = 900}},
	 {VERDICT_STOP_ALL, WHY_STALL, 30, 70}},
	{"just enough bytes", {{STAGE_PAGES, 100, .written = 1000}}, {0}},
	{"few bytes of many pages", {{STAGE_PAGES, 100, .written = 10, .saved = 4096}}, {0}},
	{"a stall after a good beginning",
	 {{STAGE_PAGES, 40, .written = 100000}, {STAGE_PAGES, 100, .cpu = 0}},
	 {VERDICT_STOP_ALL, WHY_STALL, 90, 100}},
	{"a stall that follows the request",
	 {{STAGE_PAGES, 31, .cpu = 0},
	  {STAGE_COMMIT, 5, .written = 100},
	  {STAGE_COMMIT, 4, .cpu = 0}},
	 {VERDICT_STOP_ALL, WHY_STALL, 30, 0}},
	{"what flows may take longer than the grace to end",
	 {{STAGE_PAGES, 31, .cpu = 0}, {STAGE_COMMIT, 30, .written = 100}},
	 {VERDICT_STOP_ALL, WHY_STALL, 30, 0}},
	{"but not for ever",
	 {{STAGE_PAGES, 31, .cpu = 0}, {STAGE_COMMIT, 100, .written = 100}},
	 {VERDICT_STOP_ALL, WHY_STALL, 30, 70}},
	{"a commit may be silent for longer", {{STAGE_COMMIT, 55, .cpu = 0}}, {0}},
	{"but not for ever, either",
	 {{STAGE_COMMIT, 90, .cpu = 0}},
	 {VERDICT_KILL, WHY_STALL, 60, 60}},
	{"the other end is at work", {{STAGE_COMMIT, 150, .beats = 1}}, {0}},
	{"the target's limit",
	 {{STAGE_PAGES, 190, .written = 10000}, {STAGE_PAGES, 60, .written = 1000}},
	 {VERDICT_STOP_ALL, WHY_TARGET, 200, 240}},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct outcome_of *want = &cases[i].want;
		struct outcome_of got;

		run(&limits, cases[i].spans, &got);
		if (memcmp(&got, want, sizeof(got)))
			fail_msg("%s: verdict %d (%s) at %u s, killed at %u s; expected %d (%s) at "
				 "%u s, %u s",
				 cases[i].what, got.verdict, verdict_why_name(got.why), got.at,
				 got.killed, want->verdict, verdict_why_name(want->why), want->at,
				 want->killed);
	}
}

/* capture_deadline: asked two graces before the end, killed one before it, whatever flows. */
static void test_end(void **state)
{
	static const struct span dump[] = {{STAGE_PAGES, TICKS_MAX, .written = 1 << 20}, {0}};
	static const struct span plan[] = {{STAGE_PLAN, TICKS_MAX, .cpu = 900}, {0}};
	struct limits l = limits;
	struct outcome_of got;

	(void)state;
	l.target = 0;
	run(&l, dump, &got);
	assert_int_equal(got.verdict, VERDICT_STOP_ALL);
	assert_int_equal(got.why, WHY_DEADLINE);
	assert_int_equal(got.at, 280);
	assert_int_equal(got.killed, 290);
	run(&l, plan, &got);
	assert_int_equal(got.verdict, VERDICT_KILL);
	assert_int_equal(got.at, 280);
	assert_true(deadline_time_left(&l, 279 * S));
	assert_false(deadline_time_left(&l, 280 * S));
	l.end = 0;
	run(&l, dump, &got);
	assert_int_equal(got.at, 0);
	assert_true(deadline_time_left(&l, UINT64_MAX / 2));
}

static void test_no_limits(void **state)
{
	static const struct span nothing[] = {
		{STAGE_OPEN, 50, .cpu = 0},    {STAGE_DMESG, 100, .cpu = 0},
		{STAGE_PLAN, 50, .cpu = 0},    {STAGE_PAGES, 100, .cpu = 0},
		{STAGE_COMMIT, 100, .cpu = 0}, {0}};
	struct deadline_conf conf = {.start = 5};
	struct outcome_of got;
	struct limits l;

	(void)state;
	limits_make(&l, &conf);
	run(&l, nothing, &got);
	assert_int_equal(got.at, 0);
	// But a device is never waited for without a limit.
	assert_int_equal(l.open, DEADLINE_GRACE_MS);
}

static void test_make(void **state)
{
	struct deadline_conf conf = {
		.start = 500,
		.capture_deadline = 7200,
		.tier_limit = 60,
		.stall_time = 60,
		.stall_rate = 65536,
		.open_timeout = 30,
	};
	struct limits l;

	(void)state;
	limits_make(&l, &conf);
	assert_int_equal(l.end, 7200 * S + 500);
	assert_int_equal(l.grace, 20 * S);
	assert_int_equal(l.open, 90 * S);
	assert_int_equal(limits_silence(&l), 140 * S);
	// A short deadline has short graces.
	conf.capture_deadline = 16;
	conf.target_limit = 10;
	limits_make(&l, &conf);
	assert_int_equal(l.grace, 2 * S);
	assert_int_equal(l.open, 12 * S);
}

static void test_clamp(void **state)
{
	struct limits l = limits;

	(void)state;
	assert_false(limits_clamp(&l, 100 * S));
	assert_memory_equal(&l, &limits, sizeof(l));
	assert_true(limits_clamp(&l, 32 * S));
	assert_int_equal(l.grace, 8 * S);
	assert_int_equal(l.open, 24 * S);
	assert_int_equal(l.tier, 20 * S);
	assert_int_equal(l.stall_time, 12 * S);
	assert_true(limits_silence(&l) <= 32 * S);
	// What has no limit gets one.
	l = (struct limits){.grace = 1 * S};
	assert_true(limits_clamp(&l, 40 * S));
	assert_true(limits_silence(&l) <= 40 * S);
	assert_true(l.stall_time && l.tier && l.open);
}

/* Progress is what feeds a watchdog: bytes, stages, signs of the other end; CPU time only where
 * no bytes are to be expected. */
static void test_progress(void **state)
{
	static const struct {
		struct pulse p;
		bool progress;
	} steps[] = {
		{{.now = 1, .stage = STAGE_OPEN}, false},
		{{.now = 2, .stage = STAGE_OPEN, .cpu = 1}, true},
		{{.now = 3, .stage = STAGE_TARGET, .cpu = 1}, true},
		{{.now = 4, .stage = STAGE_TARGET, .cpu = 2}, false},
		{{.now = 5, .stage = STAGE_PAGES, .cpu = 2}, true},
		{{.now = 6, .stage = STAGE_PAGES, .cpu = 9}, false},
		{{.now = 7, .stage = STAGE_PAGES, .written = 1}, true},
		{{.now = 8, .stage = STAGE_PAGES, .written = 1, .saved = 1}, true},
		{{.now = 9, .stage = STAGE_PAGES, .written = 1, .saved = 1, .beats = 1}, true},
		{{.now = 10, .stage = STAGE_PAGES, .written = 1, .saved = 1, .beats = 1}, false},
	};
	struct pulse first = {0};
	enum verdict_why why;
	struct deadline d;
	bool progress;

	(void)state;
	deadline_begin(&d, &limits, &first);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		deadline_check(&d, &steps[i].p, &why, &progress);
		if (progress != steps[i].progress)
			fail_msg("step %zu: progress %d", i, progress);
	}
}

static void test_busy(void **state)
{
	struct pulse p = {.stage = STAGE_MINI, .cpu = 5 * S};
	enum verdict_why why;
	struct deadline d;
	bool progress;

	(void)state;
	deadline_begin(&d, &limits, &p);
	assert_false(deadline_busy(&d));
	p.now = 10 * S;
	p.cpu += 6 * S;
	deadline_check(&d, &p, &why, &progress);
	assert_true(deadline_busy(&d));
	p.now = 15 * S;
	deadline_check(&d, &p, &why, &progress);
	assert_false(deadline_busy(&d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),	  cmocka_unit_test(test_end),
		cmocka_unit_test(test_no_limits), cmocka_unit_test(test_make),
		cmocka_unit_test(test_clamp),	  cmocka_unit_test(test_progress),
		cmocka_unit_test(test_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
