/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture: the collector's run by its configuration: the log first, then the dump, then the
 * manifest and the collector's own log, each made durable before the next begins.
 */
#ifndef COLLECTOR_CAPTURE_H
#define COLLECTOR_CAPTURE_H

struct config;
struct log;

/*
 * Captures @input (/proc/vmcore) as @config says. Returns an exit code (action.h). Whatever
 * fails, what can still be saved is: with no target left the log goes to the console.
 */
int capture_run(const struct config *config, const char *input, struct log *log);

#endif
