/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rehearse: a capture without a crash: each target of the configuration is tried with a part of
 * the running kernel's memory (trial.h), in a process of its own that is ended in time.
 */
#ifndef COLLECTOR_REHEARSE_H
#define COLLECTOR_REHEARSE_H

#include <stdint.h>

struct config;
struct err;
struct log;

/*
 * Tries all targets of @config with @input (/proc/kcore), in @memory bytes (0: as much as there
 * is), and writes what came of it to @fd: a JSON object whose members lifeboat-rehearse(8) lists.
 * 0 whatever the results are; ERR_* when nothing could be tried or said.
 */
int rehearse_run(const struct config *config, const char *input, uint64_t memory, int fd,
		 struct log *log, struct err *err);

#endif
