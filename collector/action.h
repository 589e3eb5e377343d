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
	EXIT_REFUSED = 4, /* kdump_pre, or the crash-loop governor, wanted no dump */
};

/*
 * First the hooks kdump_post, and kdump_emergency when there is no whole dump; none when
 * kdump_pre refused it. Then final_action for EXIT_COMPLETE and EXIT_REFUSED, failure_action for
 * every other code, and final_action behind a failure_action that does not end the machine: a
 * shell, and dump_to_rootfs, which was the last of the targets (lifeboat-mkinitrd(8)). Does not
 * return when the machine goes down; ERR_SYS when it did not.
 */
int action_run(const struct config *c, int code, struct log *log, struct err *err);

#endif
