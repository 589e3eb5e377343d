// SPDX-License-Identifier: GPL-2.0-or-later
/* The history of crashes, from a target that anyone may have written to. */
#include <string.h>

#include "base/err.h"
#include "collector/governor.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct governor_limits limits = {.count = 3, .seconds = 3600};
	const struct governor_crash crash = {.time = 1795262400, .signature = 0xab};
	struct governor_history h, again;
	struct governor_result r;
	char text[GOVERNOR_TEXT_MAX];
	size_t n;

	governor_parse(&h, data ? (const char *)data : "", size, NULL);
	FUZZ_CHECK(h.n <= GOVERNOR_CRASHES_MAX);
	governor_judge(&h, &limits, &crash, &r);
	FUZZ_CHECK(r.seen >= 1 && r.seen <= h.n + 1);
	FUZZ_CHECK((r.verdict == GOVERNOR_FULL) == (r.seen < limits.count));
	governor_add(&h, &crash);
	n = governor_text(&h, text);
	FUZZ_CHECK(governor_parse(&again, text, n, NULL) == 0);
	FUZZ_CHECK(again.n == h.n &&
		   memcmp(again.crashes, h.crashes, h.n * sizeof(*h.crashes)) == 0);
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct governor_history h;

	return governor_parse(&h, data ? (const char *)data : "", size, NULL);
}
