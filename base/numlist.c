// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/numlist.h"

#include <stdio.h>

int numlist_next(const char *s, int after)
{
	int first, last, at;

	while (sscanf(s, "%7d%n", &first, &at) == 1 && first >= 0 && first < NUMLIST_MAX) {
		s += at;
		last = first;
		if (*s == '-' && sscanf(s, "-%7d%n", &last, &at) == 1)
			s += at;
		if (after < first)
			return first;
		if (after < last && last < NUMLIST_MAX)
			return after + 1;
		if (*s++ != ',')
			break;
	}
	return -1;
}

unsigned int numlist_count(const char *s)
{
	unsigned int n = 0;

	for (int i = -1; (i = numlist_next(s, i)) >= 0;)
		n++;
	return n;
}
