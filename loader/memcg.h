/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memcg: a memory cgroup for one program, so that it has no more than the capture kernel will have
 * (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst). Where there may be none, as in
 * a container, that is told and the program runs without.
 */
#ifndef LOADER_MEMCG_H
#define LOADER_MEMCG_H

#include <stdbool.h>
#include <stdint.h>

enum {
	MEMCG_PATH_MAX = 256,
	MEMCG_WHY_MAX = 300,
};

struct memcg {
	char dir[MEMCG_PATH_MAX]; /* "": there is none */
	bool v1; /* of the first version of the interface */
	char why[MEMCG_WHY_MAX]; /* why there is none */
};

/*
 * Makes one below @root that holds @limit bytes, no swap. Takes away those that were left behind:
 * one caller at a time. False with m->why when it cannot be.
 */
bool memcg_create(struct memcg *m, const char *root, uint64_t limit);

/* Bytes that were in it at most. False: the kernel does not say (of the second version before 5.19). */
bool memcg_peak(const struct memcg *m, uint64_t *ret);

/* Whether the kernel killed somebody in it for want of memory. */
bool memcg_killed(const struct memcg *m);

/* Takes it away; whoever is still in it is killed before. */
void memcg_destroy(struct memcg *m);

#endif
