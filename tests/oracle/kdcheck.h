/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kdcheck: is a dump well formed, by the rules of the format and not by what a reader forgives?
 */
#ifndef ORACLE_KDCHECK_H
#define ORACLE_KDCHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "kdread.h"

struct kdcheck_rules {
	bool ordered; /* data must lie in the order of the PFNs */
	bool holes; /* an incomplete dump may lose pages before its last one, too */
	unsigned int limit; /* faults that are printed */
};

struct kdcheck {
	uint64_t faults;
	uint64_t pages, lost, shared, out_of_order;
	uint64_t raw, zlib, lzo, zstd;
	uint64_t data_bytes;
};

/*
 * Headers, notes, bitmaps and descriptors; not the content of the pages. Prints each fault up to
 * the limit and counts them all. 0, or -1 without memory.
 */
int kdcheck_run(const struct kd *kd, const struct kdcheck_rules *rules, struct kdcheck *c);

#endif
