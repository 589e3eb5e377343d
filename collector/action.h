/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * action: what the configuration wants done when the collector has ended, by its exit code.
 */
#ifndef COLLECTOR_ACTION_H
#define COLLECTOR_ACTION_H

struct config;
struct err;
struct log;

/* Exit codes: lifeboat-collect(8). */
enum exit_code {
	EXIT_COMPLETE = 0,
	EXIT_FAILED = 1,
	EXIT_CONFIG = 2,
	EXIT_INCOMPLETE = 3,
};

/*
 * final_action for EXIT_COMPLETE, failure_action for every other code, then final_action if
 * that was a shell. Does not return when the machine goes down; ERR_SYS when it did not.
 */
int action_run(const struct config *c, int code, struct log *log, struct err *err);

#endif
