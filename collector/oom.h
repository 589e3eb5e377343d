/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * oom: what the kernel does when memory runs out: whom it kills first, and how often it did.
 */
#ifndef COLLECTOR_OOM_H
#define COLLECTOR_OOM_H

#include <stdbool.h>
#include <stdint.h>

enum {
	OOM_NEVER = -1000, /* OOM_SCORE_ADJ_MIN: it is not killed at all */
	OOM_LAST = -900, /* only when nothing else is left */
};

/* How readily this process is killed; without the right to it nothing happens. */
void oom_set_score(int score);

/*
 * Processes that the kernel has killed since it booted: oom_kill of @root/proc/vmstat (4.13 and
 * later). False where it does not say.
 */
bool oom_kills(const char *root, uint64_t *ret);

#endif
