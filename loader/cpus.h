/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpus: how many CPUs the capture kernel is to have. Each takes memory of the reservation, and
 * makes the dump faster as long as it has pages to pack.
 */
#ifndef LOADER_CPUS_H
#define LOADER_CPUS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/*
	 * What one more CPU costs while a dump is made: 2.8 MiB, measured on 6.1 with 4 CPUs
	 * against 1. Of these are 256 KiB of per-CPU data, 600 KiB of threads and slabs, 1.2 MiB of
	 * the collector's worker; the rest are lists of free pages.
	 */
	CPUS_COST_MIB = 3,
	CPUS_WORKER_KIB = 1229, /* of it the worker, in the collector's own peak, */
	CPUS_KERNEL_KIB = 1638, /* and what is not: the rest of the 2.8 MiB */
	/* What kernel and initrd leave of the reservation is the collector's: of it one part in .. */
	CPUS_SHARE = 4,
	/* More threads have not made any dump faster; SUSE's KDUMP_CPUS is the same. */
	CPUS_MAX = 32,
	CPUS_WHY_MAX = 200,
};

struct cpus_facts {
	uint64_t reserved; /* bytes */
	uint64_t images; /* bytes of it that kernel and initrd take */
	unsigned int present; /* CPUs of the machine; 0: unknown */
	bool words; /* the user's words of the command line say it */
	bool may_start; /* others than the one that panicked: see struct cmdline_arch */
	unsigned int wish; /* of the configuration; 0: auto */
};

struct cpus_choice {
	unsigned int n; /* 0: what the user's words say */
	char why[CPUS_WHY_MAX]; /* "2 CPUs: 2 present, 160 MiB reserved, 54 MiB of them for kernel and initrd, 3 MiB each" */
};

void cpus_choose(const struct cpus_facts *facts, struct cpus_choice *choice);

#endif
