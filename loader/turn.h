/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * turn: one at a time. Locks of files in /run/lifeboat, which go when who has them ends.
 */
#ifndef LOADER_TURN_H
#define LOADER_TURN_H

struct err;

/*
 * Takes the turn called @name below @root, waiting at most @wait_ms for it: 1 and *@ret_fd, to be
 * closed; 0 when another one has it all that time; or a negative code.
 */
int turn_take(const char *root, const char *name, int wait_ms, int *ret_fd, struct err *err);

#endif
