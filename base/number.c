// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/number.h"

#include <string.h>

bool number_read(const char *value, unsigned int max, unsigned int *ret)
{
	unsigned int v = 0;
	size_t n = strspn(value, "0123456789");

	for (size_t i = 0; i < n && v <= max; i++)
		v = v * 10 + (value[i] - '0');
	if (!n || value[n] || v > max)
		return false;
	*ret = v;
	return true;
}

bool number_size(const char *value, uint64_t *ret)
{
	static const char units[] = "KMGT";
	size_t n = strspn(value, "0123456789");
	const char *unit = NULL;
	unsigned int shift = 0;
	uint64_t v = 0;

	if (!n || n > 15)
		return false;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (value[i] - '0');
	if (value[n]) {
		unit = strchr(units, value[n]);
		if (!unit || value[n + 1])
			return false;
		shift = 10 * (unit - units + 1);
	}
	if (v > UINT64_MAX >> shift)
		return false;
	*ret = v << shift;
	return true;
}
