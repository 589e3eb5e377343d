/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress: "43 %, 210 MB/s, 0:12 left" on the console, at most once a second.
 */
#ifndef COLLECTOR_PROGRESS_H
#define COLLECTOR_PROGRESS_H

#include <stdint.h>

struct log;

struct progress {
	struct log *log;
	uint64_t total; /* pages */
	uint64_t page_size;
	uint64_t start_ms, last_ms;
};

void progress_init(struct progress *p, struct log *log, uint64_t total, uint64_t page_size);

/* Prints when a second has passed since the last line, and at @done == total. */
void progress_show(struct progress *p, uint64_t done);

#endif
