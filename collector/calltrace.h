/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calltrace: from the lines of a log, what it says of the task that brought the machine down:
 * its CPU, its name, where it was, and how it got there.
 *
 * The kernel prints, for an oops before its "Kernel panic" line and for a plain panic behind it
 * (kernel/panic.c), a block that begins with "CPU: N PID: P Comm: ..." (dump_stack_print_info()),
 * has "RIP: 0010:symbol+0x1/0x2" (arm64: "pc : symbol+0x1/0x2") and a list of functions behind
 * "Call Trace:". So of all blocks the first one behind the line that says why is taken, and when
 * there is none the last one before it.
 */
#ifndef COLLECTOR_CALLTRACE_H
#define COLLECTOR_CALLTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CALLTRACE_FRAMES_MAX = 16, /* functions kept: the innermost */
	CALLTRACE_NAME_MAX = 80, /* of "symbol+0x1/0x2 [module]", its zero included */
	CALLTRACE_COMM_MAX = 32,
	CALLTRACE_TAINT_MAX = 48,
};

struct calltrace_block {
	bool found;
	uint32_t cpu, pid;
	char comm[CALLTRACE_COMM_MAX];
	char taint
		[CALLTRACE_TAINT_MAX]; /* "Not tainted", or "Tainted: G W"; "" if it is not said */
	char where[CALLTRACE_NAME_MAX]; /* "symbol+0x1/0x2"; "" for a panic() and for user space */
	char frames[CALLTRACE_FRAMES_MAX][CALLTRACE_NAME_MAX];
	size_t nframes;
};

struct calltrace {
	struct calltrace_block block; /* the one at hand; after the last line the one to take */
	/* Private: how far into a block the lines are. */
	enum { CALLTRACE_OUTSIDE, CALLTRACE_HEAD, CALLTRACE_LIST } state;
	bool reason; /* the line that says why has been */
	bool behind; /* and the block is one behind it: later ones are of others */
};

/* Begin with zeros. Takes the next line, without its time stamp; @reason: it says why. */
void calltrace_line(struct calltrace *t, const char *line, bool reason);

#endif
