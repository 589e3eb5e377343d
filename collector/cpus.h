/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpus: brings up the other CPUs of the capture kernel, which was started with one of them
 * (loader/cmdline.h).
 *
 * A process of its own does it: the write that brings up a CPU may hang in the kernel for good, and
 * must not take the collector with it. What has not come when it is needed is done without.
 */
#ifndef COLLECTOR_CPUS_H
#define COLLECTOR_CPUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	/*
	 * How long one CPU is waited for. It comes within milliseconds, in an emulator on a busy
	 * host within seconds; the kernel itself gives one that does not answer 10 s.
	 */
	CPUS_STEP_MS = 10000,
	CPUS_TOTAL_MS = 30000, /* and all together */
	CPUS_TROUBLE_MAX = 160,
	CPUS_TEXT_MAX = CPUS_TROUBLE_MAX + 120,
};

struct cpus {
	unsigned int wanted; /* by the command line; 0: it does not say */
	unsigned int online; /* CPUs at work, after cpus_wait() */
	bool stuck; /* one did not come in time: the kernel may hold its lock of them for good */
	char text[CPUS_TEXT_MAX]; /* after it: how many work and why, for the log */

	const char *root; /* before every path; "" */
	pid_t pid; /* of the process that brings them up, 0: none */
	int fd; /* where it tells of each */
	unsigned int present;
	uint64_t start_ms, news_ms; /* when it began, and told last */
	char trouble[CPUS_TROUBLE_MAX];
};

/*
 * Reads what the command line asks for (lifeboat.cpus=) and begins. With no such word nothing is
 * changed: then the CPUs that the kernel has are as many as its user wanted. Nothing fails that a
 * capture depended on. @root is borrowed.
 */
void cpus_start(struct cpus *c, const char *root);

/* Waits until all have come or a limit is over; fills online, at least 1, and text. */
void cpus_wait(struct cpus *c);

#endif
