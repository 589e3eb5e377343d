/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dumpsize: how large a dump of this machine would be now, as far as /proc/meminfo tells.
 */
#ifndef LOADER_DUMPSIZE_H
#define LOADER_DUMPSIZE_H

#include <stdint.h>

struct err;

/*
 * Bytes of pages that a dump at @level keeps, before they are packed; zero pages are not known, so
 * that there are fewer in fact. ERR_SYS, ERR_CORRUPT when the file below @root does not tell.
 */
int dumpsize_kept(const char *root, unsigned int level, uint64_t *ret, struct err *err);

#endif
