/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log: what the collector says, to the console at once and kept for collect.log.
 */
#ifndef COLLECTOR_LOG_H
#define COLLECTOR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LOG_KEPT_MAX = 32 << 10, /* bytes kept; later lines are only printed */
	LOG_LINE_MAX = 700,
};

/* Bits of --message-level, makedumpfile's. */
enum log_kind {
	LOG_PROGRESS = 1,
	LOG_COMMON = 2,
	LOG_ERROR = 4,
	LOG_DEBUG = 8,
	LOG_REPORT = 16,
};

struct log {
	int fd; /* console: standard error */
	int quick; /* with tty: the same, not to be waited for; -1: there is none */
	uint64_t silent_until; /* it took nothing: lines are only kept until then */
	unsigned int level; /* sum of enum log_kind that are printed */
	uint64_t start_ms;
	bool cr; /* the line on the terminal is a progress line, to be ended first */
	bool tty; /* progress lines may overwrite each other */
	size_t used;
	char kept[LOG_KEPT_MAX];
};

void log_init(struct log *log, int fd, unsigned int level);

/* One line, without its end. Errors are always kept, other kinds when they are printed. */
void log_line(struct log *log, enum log_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A line of progress: on a terminal it takes the place of the last one; never kept. */
void log_progress(struct log *log, const char *text);

/*
 * Text to the console as it is, not kept. A terminal that takes nothing for a second gets none of it for
 * a while: what is said there must not hold up what is done.
 */
void log_text(struct log *log, const char *text, size_t len);

/* Bytes of kept that there are, whatever another process has done to it. */
size_t log_used(const struct log *log);

/* Milliseconds of a clock that never jumps. */
uint64_t log_now_ms(void);

#endif
