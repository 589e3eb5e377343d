// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * codec_lzo: LZO1X, the fast one. lzo1x_1_compress() does not know how much room it has, so
 * it only ever writes where the worst case fits.
 *
 * The library clears its dictionary for every call: 32 KiB of it for LZO1X-1, which for a page
 * of 4 KiB costs more than a tenth of the time (and far more on a machine without a fast string
 * store). Small pages are compressed by LZO1X-1(11), whose dictionary of 4 KiB serves a page as
 * well: 0.3 % more bytes on a dump of kernel 6.1. What comes out is LZO1X all the same.
 */
#include <lzo/lzo1x.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "vmcore/codec_priv.h"

enum {
	SMALL_PAGE = 4096,
};

/* lzo1x_1_compress() and its kin. */
typedef int (*lzo_compress_fn)(const lzo_bytep src, lzo_uint size, lzo_bytep dst, lzo_uintp out,
			       lzo_voidp work);

struct lzo_ctx {
	size_t page_size;
	lzo_compress_fn compress;
	uint8_t *scratch; /* worst case of a page: for callers that give less room */
	/* The dictionary, which the library wants aligned as a pointer. */
	lzo_align_t work[LZO1X_1_MEM_COMPRESS / sizeof(lzo_align_t)];
};

static size_t lzo_room(size_t page_size)
{
	// The expansion of incompressible data, from the library's own manual (LZO.FAQ).
	return page_size + page_size / 16 + 64 + 3;
}

static size_t lzo_memory(int level, size_t page_size)
{
	(void)level;
	return sizeof(struct lzo_ctx) + lzo_room(page_size);
}

static void lzo_destroy(void *ctx)
{
	struct lzo_ctx *z = ctx;

	if (!z)
		return;
	free(z->scratch);
	free(z);
}

static int lzo_create(int level, size_t page_size, void **ret, struct err *err)
{
	struct lzo_ctx *z;
	int rc = codec_check(&codec_lzo, level, page_size, err);

	if (rc)
		return rc;
	// Only compares sizes of types in header and library; it keeps no state, so every
	// context may call it, from any thread.
	if (lzo_init() != LZO_E_OK)
		return err_set(err, ERR_UNSUPPORTED,
			       "codec lzo: the library differs from its headers");
	z = calloc(1, sizeof(*z));
	if (z)
		z->scratch = malloc(lzo_room(page_size));
	if (!z || !z->scratch) {
		lzo_destroy(z);
		return err_set(err, ERR_NOMEM, "codec lzo: no memory");
	}
	z->page_size = page_size;
	z->compress = page_size <= SMALL_PAGE ? lzo1x_1_11_compress : lzo1x_1_compress;
	*ret = z;
	return 0;
}

static size_t lzo_compress(void *ctx, const void *src, size_t size, void *dst, size_t room)
{
	struct lzo_ctx *z = ctx;
	bool direct = room >= lzo_room(size);
	lzo_uint out = 0;

	if (size == 0 || (!direct && size > z->page_size))
		return 0;
	if (z->compress(src, size, direct ? dst : z->scratch, &out, z->work) != LZO_E_OK)
		return 0;
	if (out >= size || out > room)
		return 0;
	if (!direct)
		memcpy(dst, z->scratch, out);
	return out;
}

static int lzo_decompress(void *ctx, const void *src, size_t size, void *dst, size_t dst_size,
			  struct err *err)
{
	lzo_uint out = dst_size;
	int res;

	(void)ctx;
	res = lzo1x_decompress_safe(src, size, dst, &out, NULL);
	if (res != LZO_E_OK)
		return err_set(err, ERR_CORRUPT,
			       "LZO page: %zu bytes do not give a page (library error %d)", size,
			       res);
	if (out != dst_size)
		return err_set(err, ERR_CORRUPT, "LZO page: expected %zu bytes, found %zu",
			       dst_size, (size_t)out);
	return 0;
}

const struct codec codec_lzo = {
	.name = "lzo",
	.flag = CODEC_FLAG_LZO,
	.memory = lzo_memory,
	.room = lzo_room,
	.create = lzo_create,
	.destroy = lzo_destroy,
	.compress = lzo_compress,
	.decompress = lzo_decompress,
};
