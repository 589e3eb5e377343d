// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * codec_zstd: one zstd frame a page. The contexts live in memory that is measured and taken
 * once: zstd sizes its tables by the page, a tenth of what it would take for a stream.
 *
 * Level 1 is not quite zstd's own for pages of 4 KiB. Half of what is in a dump are pages of which
 * half or more are words of 0. Matches take most of such a page, and to make and use a Huffman code
 * for the few bytes left takes a third of its time. There the literals stay as they are, as zstd
 * has it at the levels below 0; and since a literal then costs a byte, which is little, a match has
 * to be longer to be worth its sequence. What that adds to a dump is won back with shorter matches
 * on all other pages. What a page becomes depends on that page alone.
 */
#define ZSTD_STATIC_LINKING_ONLY /* contexts in memory of our own */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/err.h"
#include "vmcore/codec_priv.h"

enum {
	TUNED_LEVEL = 1,
	TUNED_PAGE = 4096,
	SPARSE_WORDS = 512, /* a sparse page has at most so many words of 4 bytes that are not 0 */
	COUNT_WORDS = 64, /* a fixed number, for which compilers take vectors */
};

/* How a page is packed at the tuned level, by whether it is sparse. */
static const struct way {
	ZSTD_paramSwitch_e literals; /* with a Huffman code? */
	int min_match; /* bytes; zstd's own is 5 */
} ways[] = {
	[false] = {ZSTD_ps_auto, 4},
	[true] = {ZSTD_ps_disable, 6},
};

struct zstd_ctx {
	void *cmem, *dmem; /* what the two live in */
	ZSTD_CCtx *c;
	ZSTD_DCtx *d; /* made at the first use: a writer needs none */
	size_t page_size;
	bool tuned;
	const struct way *way; /* that c is set to; NULL: zstd's own */
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
	z->tuned = level == TUNED_LEVEL && page_size == TUNED_PAGE;
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

static uint32_t words_not_zero(const uint8_t *at)
{
	uint32_t w[COUNT_WORDS], n = 0;

	memcpy(w, at, sizeof(w));
	for (size_t i = 0; i < COUNT_WORDS; i++)
		n += w[i] != 0;
	return n;
}

static bool is_sparse(const uint8_t *page)
{
	uint32_t n = 0;

	for (size_t at = 0; at < TUNED_PAGE && n <= SPARSE_WORDS; at += COUNT_WORDS * 4)
		n += words_not_zero(page + at);
	return n <= SPARSE_WORDS;
}

/* For the frame that is begun next; the last one may be open still, if it did not fit. */
static void set_way(struct zstd_ctx *z, const struct way *way)
{
	if (z->way == way)
		return;
	z->way = way;
	// These cannot fail: the values are in range, and no frame is open.
	ZSTD_CCtx_reset(z->c, ZSTD_reset_session_only);
	ZSTD_CCtx_setParameter(z->c, ZSTD_c_literalCompressionMode, way->literals);
	ZSTD_CCtx_setParameter(z->c, ZSTD_c_minMatch, way->min_match);
}

static size_t zstd_compress(void *ctx, const void *src, size_t size, void *dst, size_t room)
{
	struct zstd_ctx *z = ctx;
	size_t out;

	if (size == 0 || size > z->page_size)
		return 0;
	if (z->tuned && size == TUNED_PAGE)
		set_way(z, &ways[is_sparse(src)]);
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
