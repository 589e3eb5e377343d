/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hooks: programs of the user's that run before a dump, after it, and when it failed: first those
 * in a directory, in the order of their names, then that of the configuration (kdump.conf(5)).
 * Each has a limit; what it says goes to the log.
 */
#ifndef COLLECTOR_HOOKS_H
#define COLLECTOR_HOOKS_H

#include <stddef.h>

struct config;
struct err;
struct log;

#define HOOKS_DIR "/etc/kdump" /* with pre.d, post.d and emergency.d in it */

enum {
	HOOKS_LIMIT_MS = 60 * 1000, /* for one that nothing else limits */
	HOOKS_OUTPUT_MAX = 4096, /* bytes of what one says that are logged */
	HOOKS_MAX = 64, /* in a directory; those behind are not run, which is logged */
};

enum hooks_when {
	HOOKS_PRE, /* kdump_pre: before the dump, which one may refuse */
	HOOKS_POST, /* kdump_post: after it, whatever came of it */
	HOOKS_EMERGENCY, /* kdump_emergency: when there is no dump, before failure_action */
};

struct hooks {
	const struct config *config; /* borrowed */
	const char *dir; /* HOOKS_DIR */
	unsigned int limit_ms; /* of each, counted from its start */
	struct log *log;
};

/*
 * Runs those of @when, each with the exit code @status of the capture as its only argument
 * (HOOKS_PRE: none). Of HOOKS_PRE the first that ends with another exit code than 0 is
 * ERR_STOPPED: there shall be no dump, and final_action comes next. Otherwise a failure, such as
 * one that cannot be run, does not end in time, or is ended by a signal, is logged and the next
 * one runs; then it is always 0.
 */
int hooks_run(const struct hooks *h, enum hooks_when when, int status, struct err *err);

#endif
