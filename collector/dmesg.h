/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dmesg: the dead kernel's log on its way to a file or the console, and the panic line in it.
 */
#ifndef COLLECTOR_DMESG_H
#define COLLECTOR_DMESG_H

#include <stdbool.h>
#include <stdint.h>

#include "vmcore/printk.h"

struct err;
struct kmem;

enum {
	DMESG_PANIC_MAX = 256,
	DMESG_CONSOLE_MAX = 256 << 10, /* bytes of log put on the console at most: its end */
};

struct dmesg {
	struct printk_stats stats;
	/* The line that says why: the first "Kernel panic", else the first oops; without its
	 * time stamp; "" when there is none. */
	char panic[DMESG_PANIC_MAX];
};

/* Writes the whole log to @fd. @ret is filled as far as it came. */
int dmesg_write(const struct kmem *km, int fd, struct dmesg *ret, struct err *err);

/* Writes the last DMESG_CONSOLE_MAX bytes to @fd: for when there is no better place. */
int dmesg_write_tail(const struct kmem *km, int fd, struct dmesg *ret, struct err *err);

/*
 * Takes a line of the log, with its time stamp and without its end, cut to DMESG_PANIC_MAX - 1
 * bytes. @reason: as things stand it is the line that says why.
 */
typedef void (*dmesg_line_fn)(void *ctx, const char *line, bool reason);

/* Hands out the log line by line, the oldest first. */
int dmesg_lines(const struct kmem *km, dmesg_line_fn fn, void *ctx, struct dmesg *ret,
		struct err *err);

/* What of a line is behind "[   12.345678] ", a caller's bracket and blanks. */
const char *dmesg_behind_stamp(const char *line);

#endif
