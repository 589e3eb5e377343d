// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/cursor.h"

#include <endian.h>
#include <string.h>

#include "base/err.h"

struct cursor cursor_init(const void *data, size_t size, uint64_t base)
{
	return (struct cursor){.start = data, .size = size, .base = base};
}

int cursor_bytes(struct cursor *c, uint64_t size, const uint8_t **ret, struct err *err)
{
	if (size > cursor_left(c)) {
		err_set(err, ERR_NODATA, "offset %llu: %llu bytes wanted, %zu left",
			(unsigned long long)(c->base + c->pos), (unsigned long long)size,
			cursor_left(c));
		// A constant, so that the compiler sees that *ret is set where 0 is returned.
		return ERR_NODATA;
	}
	*ret = c->start + c->pos;
	c->pos += size;
	return 0;
}

int cursor_skip(struct cursor *c, uint64_t size, struct err *err)
{
	const uint8_t *unused;

	return cursor_bytes(c, size, &unused, err);
}

int cursor_seek(struct cursor *c, uint64_t pos, struct err *err)
{
	if (pos > c->size)
		return err_set(err, ERR_NODATA, "offset %llu: beyond the end, at %llu",
			       (unsigned long long)(c->base + pos),
			       (unsigned long long)(c->base + c->size));
	c->pos = pos;
	return 0;
}

void cursor_align(struct cursor *c, size_t align)
{
	size_t pad = -c->pos & (align - 1);

	c->pos += pad < cursor_left(c) ? pad : cursor_left(c);
}

int cursor_u8(struct cursor *c, uint8_t *ret, struct err *err)
{
	const uint8_t *p;
	int rc = cursor_bytes(c, sizeof(*ret), &p, err);

	if (rc)
		return rc;
	*ret = *p;
	return 0;
}

int cursor_u16(struct cursor *c, uint16_t *ret, struct err *err)
{
	const uint8_t *p;
	uint16_t v;
	int rc = cursor_bytes(c, sizeof(v), &p, err);

	if (rc)
		return rc;
	memcpy(&v, p, sizeof(v));
	*ret = c->big_endian ? be16toh(v) : le16toh(v);
	return 0;
}

int cursor_u32(struct cursor *c, uint32_t *ret, struct err *err)
{
	const uint8_t *p;
	uint32_t v;
	int rc = cursor_bytes(c, sizeof(v), &p, err);

	if (rc)
		return rc;
	memcpy(&v, p, sizeof(v));
	*ret = c->big_endian ? be32toh(v) : le32toh(v);
	return 0;
}

int cursor_u64(struct cursor *c, uint64_t *ret, struct err *err)
{
	const uint8_t *p;
	uint64_t v;
	int rc = cursor_bytes(c, sizeof(v), &p, err);

	if (rc)
		return rc;
	memcpy(&v, p, sizeof(v));
	*ret = c->big_endian ? be64toh(v) : le64toh(v);
	return 0;
}
