/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * captain: the collector's run by its configuration, on all its targets. What may hang or die is
 * done by workers, a process for each attempt (capture.h); this one only starts them, watches
 * them through shared memory, ends them in time, and decides what comes next (course.h). It
 * touches neither the dead kernel's memory nor a target.
 */
#ifndef COLLECTOR_CAPTAIN_H
#define COLLECTOR_CAPTAIN_H

#include <stdbool.h>

struct config;
struct log;

/*
 * Captures @input (/proc/vmcore) as @config says and returns an exit code (action.h), true of
 * what is safe somewhere. capture_deadline counts from @log->start_ms. With @appliance the
 * machine is ours: it also takes the hardware watchdog, and is spared when memory runs out.
 */
int captain_run(const struct config *config, const char *input, bool appliance, struct log *log);

/*
 * Of an appliance where a hook wants no dump, @why: the panic record goes to the console and to
 * pstore, with @why behind it for the receipt, and nothing to any target. Returns EXIT_REFUSED.
 */
int captain_refuse(const struct config *config, const char *input, const char *why,
		   struct log *log);

#endif
