/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine: CPUs and memory of the running machine as the elfcorehdr tells of them, in short, so
 * that a load can be held against the machine of later.
 */
#ifndef LOADER_MACHINE_H
#define LOADER_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "loader/image.h"

struct err;

struct machine_facts {
	char digest[IMAGE_DIGEST_LEN]; /* of an elfcorehdr made now; "": it could not be told */
	uint64_t cpus, ranges, memory; /* its notes of CPUs, ranges, and bytes of these */
};

/* Of the machine below @root. What corehdr_build() says; then @m is empty. */
int machine_tell(struct machine_facts *m, const char *root, struct err *err);

#endif
