/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rearrange: a flattened dump from a pipe, put together to the file that it stands for, as
 * makedumpfile -R does.
 */
#ifndef COLLECTOR_REARRANGE_H
#define COLLECTOR_REARRANGE_H

#include <stdint.h>

struct err;
struct sink;

/* What was done, also when it failed. */
struct rearrange_result {
	uint64_t records;
	uint64_t size; /* bytes of the content */
};

/*
 * Reads @fd, a flattened dump, to its end mark and puts each record in its place in @sink,
 * which is opened, committed and closed by the caller. ERR_NODATA when it ends before,
 * ERR_CORRUPT or ERR_UNSUPPORTED when it is something else, or what the sink says.
 */
int rearrange(int fd, struct sink *sink, struct rearrange_result *ret, struct err *err);

#endif
