/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cursor: the only way foreign bytes are parsed. A cursor stands at a position inside a
 * buffer that it does not own; every read is checked against what is left, nothing is ever
 * cast to a struct, and an error names the offset. Sizes are compared by subtraction from
 * what is left, so no sum can wrap.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct err;

struct cursor {
	const uint8_t *start; /* first byte of the buffer */
	size_t size; /* bytes in the buffer */
	size_t pos; /* next byte to read; pos <= size always */
	uint64_t base; /* offset of start in its file, for messages only */
	bool big_endian; /* byte order of the integers */
};

/* A cursor at the first of @size bytes at @data (borrowed); @base is added in messages. */
struct cursor cursor_init(const void *data, size_t size, uint64_t base);

static inline size_t cursor_left(const struct cursor *c)
{
	return c->size - c->pos;
}

/* Each read: 0 and the value, or ERR_NODATA with the cursor and @ret untouched. */
int cursor_u8(struct cursor *c, uint8_t *ret, struct err *err);
int cursor_u16(struct cursor *c, uint16_t *ret, struct err *err);
int cursor_u32(struct cursor *c, uint32_t *ret, struct err *err);
int cursor_u64(struct cursor *c, uint64_t *ret, struct err *err);

/* Lends @size bytes at the position, valid as long as the buffer, and steps over them. */
int cursor_bytes(struct cursor *c, uint64_t size, const uint8_t **ret, struct err *err);

/* Steps over @size bytes. */
int cursor_skip(struct cursor *c, uint64_t size, struct err *err);

/* Goes to @pos from the start of the buffer; ERR_NODATA beyond the end. */
int cursor_seek(struct cursor *c, uint64_t pos, struct err *err);

/* Steps to the next multiple of @align (a power of two) from the start, or to the end if
 * that comes first: final padding is often left out. */
void cursor_align(struct cursor *c, size_t align);

/* Integers at fixed places of memory that is known to be large enough. */
static inline uint16_t load_le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t load_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t load_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void store_le16(void *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void store_le32(void *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void store_le64(void *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

#endif
