/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peers: what other systems would ask to have reserved on this machine, by their own tables and
 * formulas: to be held beside what is computed here.
 */
#ifndef LOADER_PEERS_H
#define LOADER_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PEERS_MAX = 6,
};

struct peers_facts {
	uint64_t memory; /* bytes of RAM */
	uint64_t kernel; /* of the kernel in memory */
	uint64_t modules; /* loaded */
	uint64_t initrd; /* of the initrd, packed */
	uint64_t luks; /* that a keyslot takes */
	bool network; /* a target is on another machine */
};

struct peer {
	const char *name; /* "RHEL, Fedora: kdumpctl get-default-crashkernel" */
	uint64_t bytes; /* 0: it reserves nothing on such a machine */
	const char *rule; /* in words, or its own crashkernel= */
};

/* Fills @ret; how many there are. */
size_t peers_ask(const struct peers_facts *f, struct peer ret[static PEERS_MAX]);

/*
 * What a value of crashkernel= comes to on a machine with @memory bytes:
 * "SIZE[@OFFSET][,high|low|cma]" or "START-[END]:SIZE[,...][@OFFSET]" (kernel/crash_reserve.c).
 * False: it, or what stands behind it, can't be understood.
 */
bool peers_crashkernel(const char *value, uint64_t memory, uint64_t *ret);

#endif
