/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output: the sinks that the operands of a command line name: a file, a device, a pipe,
 * standard output, or several files of one dump.
 */
#ifndef COLLECTOR_OUTPUT_H
#define COLLECTOR_OUTPUT_H

#include <stddef.h>

struct dumpopts;
struct err;
struct sink;

struct output {
	struct sink *sinks; /* n of them, owned */
	size_t n;
	int fd; /* of a pipe that was opened by name, owned; else 0 */
};

/*
 * Opens all of them. ERR_USAGE for a file that is there already, ERR_UNSUPPORTED for a place
 * that cannot hold such a dump. After a failure nothing is open and nothing was left behind.
 */
int output_open(struct output *out, const struct dumpopts *o, struct err *err);
void output_close(struct output *out);

#endif
