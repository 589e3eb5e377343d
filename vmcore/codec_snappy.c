// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * codec_snappy: pages that makedumpfile -p wrote, in the raw format of snappy's
 * format_description.txt. They are only read: the library, which is C++, would bring its
 * runtime into the initrd, and LZO does what snappy does at the same price.
 *
 * A page is its length as a base-128 number, then elements: literal bytes, or a copy of what
 * came before. The two low bits of an element's first byte say which.
 */
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "vmcore/codec_priv.h"

enum element {
	LITERAL,
	COPY_11, /* 3 bits of length, 11 bits of distance */
	COPY_16,
	COPY_32,
};

enum {
	LENGTH_BITS_MAX = 32,
	LITERAL_INLINE_MAX = 60, /* longer ones have their length behind the tag */
	COPY_11_LENGTH_MIN = 4,
};

static int snappy_create(int level, size_t page_size, void **ret, struct err *err)
{
	int rc = codec_check(&codec_snappy, level, page_size, err);

	if (rc)
		return rc;
	*ret = NULL;
	return 0;
}

static void snappy_destroy(void *ctx)
{
	(void)ctx;
}

static size_t snappy_memory(int level, size_t page_size)
{
	(void)level;
	(void)page_size;
	return 0;
}

static size_t snappy_room(size_t page_size)
{
	return page_size;
}

// Nothing shrinks here: should anybody ask, pages are stored raw.
static size_t snappy_compress(void *ctx, const void *src, size_t size, void *dst, size_t room)
{
	(void)ctx;
	(void)src;
	(void)size;
	(void)dst;
	(void)room;
	return 0;
}

/* @n bytes, little endian. */
static int number(struct cursor *c, unsigned int n, uint32_t *ret, struct err *err)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint8_t byte;
		int rc = cursor_u8(c, &byte, err);

		if (rc)
			return rc;
		v |= (uint32_t)byte << (8 * i);
	}
	*ret = v;
	return 0;
}

static int read_length(struct cursor *c, uint32_t *ret, struct err *err)
{
	uint32_t v = 0;

	for (unsigned int shift = 0; shift < LENGTH_BITS_MAX; shift += 7) {
		uint8_t byte;
		int rc = cursor_u8(c, &byte, err);

		if (rc)
			return rc;
		v |= (uint32_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return err_set(err, ERR_CORRUPT, "a length that does not end");
}

/* What the page is being put together from. */
struct output {
	uint8_t *to;
	size_t size, done;
};

static int literal(struct output *o, struct cursor *c, uint8_t tag, struct err *err)
{
	const uint8_t *bytes;
	uint32_t more = 0;
	uint64_t len = (uint64_t)(tag >> 2) + 1;
	int rc = 0;

	if (len > LITERAL_INLINE_MAX) {
		rc = number(c, len - LITERAL_INLINE_MAX, &more, err);
		len = (uint64_t)more + 1;
	}
	if (!rc && len > o->size - o->done)
		rc = err_set(err, ERR_CORRUPT, "more than a page");
	if (!rc)
		rc = cursor_bytes(c, len, &bytes, err);
	if (rc)
		return rc;
	memcpy(o->to + o->done, bytes, len);
	o->done += len;
	return 0;
}

static int copy(struct output *o, struct cursor *c, uint8_t tag, struct err *err)
{
	uint32_t distance = 0;
	size_t len = (size_t)(tag >> 2) + 1;
	int rc;

	if ((tag & 3) == COPY_11) {
		rc = number(c, 1, &distance, err);
		distance |= (uint32_t)(tag >> 5) << 8;
		len = (tag >> 2 & 7) + COPY_11_LENGTH_MIN;
	} else {
		rc = number(c, (tag & 3) == COPY_16 ? 2 : 4, &distance, err);
	}
	if (rc)
		return rc;
	if (!distance || distance > o->done || len > o->size - o->done)
		return err_set(err, ERR_CORRUPT, "a copy of %zu bytes from %u back at %zu", len,
			       distance, o->done);
	// A copy may reach into what it writes: then it repeats.
	for (; len; len--, o->done++)
		o->to[o->done] = o->to[o->done - distance];
	return 0;
}

static int snappy_decompress(void *ctx, const void *src, size_t size, void *dst, size_t dst_size,
			     struct err *err)
{
	struct cursor c = cursor_init(src, size, 0);
	struct output o = {.to = dst, .size = dst_size};
	struct err why = {0};
	uint32_t length = 0;
	int rc = read_length(&c, &length, &why);

	(void)ctx;
	if (!rc && length != dst_size)
		rc = err_set(&why, ERR_CORRUPT, "expected %zu bytes, found %u", dst_size, length);
	while (!rc && cursor_left(&c)) {
		uint8_t tag = 0;

		rc = cursor_u8(&c, &tag, &why);
		if (!rc)
			rc = (tag & 3) == LITERAL ? literal(&o, &c, tag, &why)
						  : copy(&o, &c, tag, &why);
	}
	if (!rc && o.done != dst_size)
		rc = err_set(&why, ERR_CORRUPT, "expected %zu bytes, found %zu", dst_size, o.done);
	return rc ? err_set(err, ERR_CORRUPT, "snappy page: %.400s", why.msg) : 0;
}

const struct codec codec_snappy = {
	.name = "snappy",
	.flag = CODEC_FLAG_SNAPPY,
	.memory = snappy_memory,
	.room = snappy_room,
	.create = snappy_create,
	.destroy = snappy_destroy,
	.compress = snappy_compress,
	.decompress = snappy_decompress,
};
