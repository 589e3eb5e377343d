/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * codec: page compression, a const table with a row each: none, zlib, lzo, zstd; and snappy,
 * which is only read.
 *
 * In the kdump-compressed format every page is compressed alone and its descriptor says with
 * what, so codecs may mix inside one file. A context belongs to one thread, is made once and
 * used for every page. What a page becomes does not depend on the pages before it.
 *
 * A level is that of the library, but for zstd's level 1, which is tuned for pages of 4 KiB: the
 * frame is one as any other.
 */
#ifndef VMCORE_CODEC_H
#define VMCORE_CODEC_H

#include <stddef.h>
#include <stdint.h>

struct err;

/* Flags of a page descriptor (diskdump_mod.h of makedumpfile; crash, diskdump.h). */
enum codec_flag {
	CODEC_FLAG_NONE = 0x00,
	CODEC_FLAG_ZLIB = 0x01,
	CODEC_FLAG_LZO = 0x02,
	CODEC_FLAG_SNAPPY = 0x04,
	CODEC_FLAG_ZSTD = 0x20,
};

struct codec {
	const char *name; /* "zlib", for flags, configuration and manifest */
	uint32_t flag; /* enum codec_flag */
	int level_min, level_max, level_default; /* all 0 where there are no levels */

	/* Bytes of room that compress() can use for a page of @page_size: codec_room(). */
	size_t (*room)(size_t page_size);

	/* Bytes that a context for compressing takes. */
	size_t (*memory)(int level, size_t page_size);

	/* A context for pages of at most @page_size bytes at @level. Freed by destroy(). */
	int (*create)(int level, size_t page_size, void **ret, struct err *err);
	void (*destroy)(void *ctx); /* takes NULL */

	/*
	 * Compresses @size bytes into the @room bytes at @dst. Returns the compressed size, or 0
	 * when it would not be smaller than @size or than room allows: store the page raw then.
	 */
	size_t (*compress)(void *ctx, const void *src, size_t size, void *dst, size_t room);

	/*
	 * Inverse: 0 when all of @src gave exactly @dst_size bytes, else ERR_CORRUPT. Never
	 * writes more. The first call may allocate: ERR_NOMEM.
	 */
	int (*decompress)(void *ctx, const void *src, size_t size, void *dst, size_t dst_size,
			  struct err *err);
};

/*
 * The row by name ("none", "zlib", "lzo", "zstd") or by flag; NULL when there is none. Snappy
 * is found by its flag only, and its compress() always says "store it raw".
 */
const struct codec *codec_by_name(const char *name);
const struct codec *codec_by_flag(uint32_t flag);

/* Row @i of those that have a name, NULL behind the last: for help texts and tests. */
const struct codec *codec_at(size_t i);

/*
 * Bytes of room at @dst that compress() of @codec wants for a page of @page_size: with less it
 * may take a copy more or give up early, but never writes beyond the room it was told.
 */
size_t codec_room(const struct codec *codec, size_t page_size);

/*
 * "NAME" or "NAME:LEVEL" -> row and level. ERR_USAGE with the names or the range of levels
 * in the text.
 */
int codec_parse(const char *spec, const struct codec **ret, int *level_ret, struct err *err);

#endif
