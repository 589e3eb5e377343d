// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * codec_zstd: one zstd frame a page. The contexts live in memory that is measured and taken
 * once: zstd sizes its tables by the page, a tenth of what it would take for a stream.
 */
#define ZSTD_STATIC_LINKING_ONLY /* contexts in memory of our own */
#include <stdlib.h>
#include <zstd.h>

#include "base/err.h"
#include "vmcore/codec_priv.h"

struct zstd_ctx {
	void *cmem, *dmem; /* what the two live in */
	ZSTD_CCtx *c;
	ZSTD_DCtx *d; /* made at the first use: a writer needs none */
	size_t page_size;
};

static void zstd_destroy(void *ctx)
{
	struct zstd_ctx *z = ctx;

	if (!z)
		return;
	// Static contexts hold nothing outside their memory and must not be freed.
	free(z->cmem);
	free(z->dmem);
	free(z);
}

static int zstd_create(int level, size_t page_size, void **ret, struct err *err)
{
	struct zstd_ctx *z;
	size_t size;
	int rc = codec_check(&codec_zstd, level, page_size, err);

	if (rc)
		return rc;
	size = ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(level, page_size, 0));
	z = calloc(1, sizeof(*z));
	if (z)
		z->cmem = malloc(size);
	if (!z || !z->cmem) {
		zstd_destroy(z);
		return err_set(err, ERR_NOMEM, "codec zstd: no %zu bytes for level %d", size,
			       level);
	}
	z->page_size = page_size;
	z->c = ZSTD_initStaticCCtx(z->cmem, size);
	// The page has no checksum of its own: a dump is checked as a whole, and 4 bytes of
	// every page are worth having. Nor does the frame say its content's size, which is the
	// page's: a byte less. (A context of one's own memory begins with that off, others with
	// it on.)
	if (!z->c || ZSTD_isError(ZSTD_CCtx_setParameter(z->c, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z->c, ZSTD_c_contentSizeFlag, 0)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z->c, ZSTD_c_checksumFlag, 0))) {
		zstd_destroy(z);
		return err_set(err, ERR_UNSUPPORTED, "codec zstd: the library refuses level %d",
			       level);
	}
	*ret = z;
	return 0;
}

static size_t zstd_memory(int level, size_t page_size)
{
	return sizeof(struct zstd_ctx) +
	       ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(level, page_size, 0));
}

static size_t zstd_room(size_t page_size)
{
	return page_size;
}

static size_t zstd_compress(void *ctx, const void *src, size_t size, void *dst, size_t room)
{
	struct zstd_ctx *z = ctx;
	size_t out;

	if (size == 0 || size > z->page_size)
		return 0;
	out = ZSTD_compress2(z->c, dst, room < size ? room : size - 1, src, size);
	return ZSTD_isError(out) ? 0 : out;
}

static int zstd_decompress(void *ctx, const void *src, size_t size, void *dst, size_t dst_size,
			   struct err *err)
{
	struct zstd_ctx *z = ctx;
	size_t dmem_size = ZSTD_estimateDCtxSize();
	size_t out;

	if (!z->d) {
		z->dmem = malloc(dmem_size);
		if (z->dmem)
			z->d = ZSTD_initStaticDCtx(z->dmem, dmem_size);
	}
	if (!z->d)
		return err_set(err, ERR_NOMEM, "codec zstd: no memory to decompress");
	out = ZSTD_decompressDCtx(z->d, dst, dst_size, src, size);
	if (ZSTD_isError(out))
		return err_set(err, ERR_CORRUPT, "zstd page of %zu bytes: %s", size,
			       ZSTD_getErrorName(out));
	if (out != dst_size)
		return err_set(err, ERR_CORRUPT, "zstd page: expected %zu bytes, found %zu",
			       dst_size, out);
	return 0;
}

const struct codec codec_zstd = {
	.name = "zstd",
	.flag = CODEC_FLAG_ZSTD,
	.level_min = -10,
	.level_max = 19,
	.level_default = 1,
	.memory = zstd_memory,
	.room = zstd_room,
	.create = zstd_create,
	.destroy = zstd_destroy,
	.compress = zstd_compress,
	.decompress = zstd_decompress,
};
