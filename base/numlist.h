/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * numlist: lists of numbers as the files of /sys have them, "0-3,8" (bitmap(9), "%*pbl").
 */
#ifndef BASE_NUMLIST_H
#define BASE_NUMLIST_H

enum {
	NUMLIST_MAX = 1 << 20, /* no number in a list is as large */
};

/*
 * The first number of the list at @s that is larger than @after (-1: the first of all), or -1. The
 * list ends at whatever is no part of it; numbers ascend.
 */
int numlist_next(const char *s, int after);

/* How many there are. */
unsigned int numlist_count(const char *s);

#endif
