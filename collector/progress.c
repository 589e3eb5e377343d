// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "collector/log.h"

enum {
	INTERVAL_MS = 1000,
};

void progress_init(struct progress *p, struct log *log, uint64_t total, uint64_t page_size)
{
	uint64_t now = log_now_ms();

	*p = (struct progress){log, total, page_size, now, now};
}

void progress_show(struct progress *p, uint64_t done)
{
	uint64_t now = log_now_ms();
	uint64_t ms = now - p->start_ms ? now - p->start_ms : 1;
	uint64_t rate, left;
	char text[96];

	if (now - p->last_ms < INTERVAL_MS && done < p->total)
		return;
	p->last_ms = now;
	rate = done * p->page_size / ms; // bytes a millisecond: KB/s
	left = done ? (p->total - done) * ms / done / 1000 : 0;
	snprintf(text, sizeof(text),
		 "%3" PRIu64 " %%, %" PRIu64 " of %" PRIu64 " pages, %" PRIu64 ".%" PRIu64
		 " MB/s, %" PRIu64 ":%02" PRIu64 " left",
		 p->total ? done * 100 / p->total : 100, done, p->total, rate / 1000,
		 rate / 100 % 10, left / 60, left % 60);
	log_progress(p->log, text);
}
