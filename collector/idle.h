/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * idle: whether the CPUs of this machine are what everything waits for, and we are who keeps them
 * busy. Told by the kernel's own account of them (proc(5), /proc/stat), over windows that its tick
 * of 10 ms can tell of. Where others take all of them, to do less would only leave more to them.
 */
#ifndef COLLECTOR_IDLE_H
#define COLLECTOR_IDLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	IDLE_WINDOW_MS = 100,
	IDLE_SCARCE_PERCENT =
		10, /* of the window idle, all CPUs together, or less: none to spare */
	IDLE_OWN_PERCENT = 25, /* of the window, or more, for this process alone */
};

struct idle {
	int fd; /* of /proc/stat; -1: nobody tells */
	uint64_t next_ms; /* of log_now_ms(): the end of the window */
	uint64_t idle, all; /* ticks at its beginning */
	int64_t own_ms; /* processor time that this process had taken then */
	bool scarce; /* in the last whole window; in the first, so that nothing is done by guess */
};

void idle_begin(struct idle *i);
void idle_end(struct idle *i);

/* Whether none is to spare. Cheap: it looks once a window. False where nobody tells. */
bool idle_is_scarce(struct idle *i);

/*
 * The ticks that all CPUs together have spent, and those of them idle or waiting for a disk, from
 * the beginning of /proc/stat. False for a text that is none.
 */
bool idle_parse(const char *text, uint64_t *idle_ret, uint64_t *all_ret);

#endif
