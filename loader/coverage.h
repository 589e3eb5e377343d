/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coverage: whether an elfcorehdr has all that the machine has now: the note of each CPU,
 * vmcoreinfo, all memory, and no memory that is not there any more.
 */
#ifndef LOADER_COVERAGE_H
#define LOADER_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct corehdr;
struct elfcorehdr_segment;
struct err;

struct coverage {
	size_t cpus_missing; /* whose note is not in it ... */
	unsigned int cpu_missing; /* ... and the first of them */
	bool vmcoreinfo_missing;
	uint64_t memory_missing; /* bytes of the machine that are not in it ... */
	uint64_t first_missing; /* ... and where they begin */
	uint64_t memory_gone; /* bytes in it that the machine does not have any more */
	uint64_t first_gone;
};

/*
 * Holds the @n segments at @have, of the header that was loaded, against @want, made of the
 * machine as it is now; @vmcoreinfo is the address of that note. ERR_NOMEM, or what
 * elfcorehdr_parse() says of @want.
 */
int coverage_of(struct coverage *c, const struct corehdr *want, uint64_t vmcoreinfo,
		const struct elfcorehdr_segment *have, size_t n, struct err *err);

#endif
