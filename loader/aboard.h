/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aboard: whether all is in the initrd that the targets of the configuration need there: drivers of
 * their devices and of the cards on the way to them, file systems, keys, the targets themselves. A
 * device that the running system has tells nothing of what the capture kernel will have.
 */
#ifndef LOADER_ABOARD_H
#define LOADER_ABOARD_H

#include <stddef.h>

struct config;
struct initrd;

enum {
	ABOARD_MAX = 16,
	ABOARD_TEXT_MAX = 400,
};

struct aboard {
	/* What is missing, each with its remedy: a capture would fail. */
	char missing[ABOARD_MAX][ABOARD_TEXT_MAX];
	size_t nmissing;
	/* What could not be told, or is not as it was when the initrd was built. */
	char notes[ABOARD_MAX][ABOARD_TEXT_MAX];
	size_t nnotes;
};

/*
 * Looks for what @c needs in @r, the initrd of capture kernel @release, on the machine below @root
 * whose kernel is @running.
 */
void aboard_check(struct aboard *a, const char *root, const struct config *c,
		  const struct initrd *r, const char *release, const char *running);

#endif
