// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/newc.h"

#include <string.h>

/* Behind a magic of six bytes there are fields of eight hexadecimal digits: their numbers. */
enum {
	MAGIC_SIZE = 6,
	FIELD_SIZE = 8,
	FIELD_MODE = 1,
	FIELD_LINKS = 4,
	FIELD_FILESIZE = 6,
	FIELD_NAMESIZE = 11,
};

static bool read_field(const uint8_t *header, int field, uint32_t *ret)
{
	const uint8_t *p = header + MAGIC_SIZE + field * FIELD_SIZE;
	uint32_t v = 0;

	for (int i = 0; i < FIELD_SIZE; i++) {
		int digit = p[i] >= '0' && p[i] <= '9'		       ? p[i] - '0'
			    : (p[i] | 32) >= 'a' && (p[i] | 32) <= 'f' ? (p[i] | 32) - 'a' + 10
								       : -1;

		if (digit < 0)
			return false;
		v = v << 4 | digit;
	}
	*ret = v;
	return true;
}

bool newc_read(const uint8_t header[NEWC_SIZE], struct newc *ret)
{
	// "070702" has sums of the contents, which nobody looks at.
	if (memcmp(header, "07070", MAGIC_SIZE - 1) != 0 || (header[5] != '1' && header[5] != '2'))
		return false;
	return read_field(header, FIELD_MODE, &ret->mode) &&
	       read_field(header, FIELD_LINKS, &ret->links) &&
	       read_field(header, FIELD_FILESIZE, &ret->size) &&
	       read_field(header, FIELD_NAMESIZE, &ret->name_size) && ret->name_size &&
	       ret->name_size <= NEWC_NAME_MAX;
}
