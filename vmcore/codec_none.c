// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * codec_none: pages as they are. A row like the others, so that nothing asks for "no codec".
 */
#include <string.h>

#include "base/err.h"
#include "vmcore/codec_priv.h"

static int none_create(int level, size_t page_size, void **ret, struct err *err)
{
	int rc = codec_check(&codec_none, level, page_size, err);

	if (rc)
		return rc;
	*ret = NULL;
	return 0;
}

static void none_destroy(void *ctx)
{
	(void)ctx;
}

static size_t none_memory(int level, size_t page_size)
{
	(void)level;
	(void)page_size;
	return 0;
}

static size_t none_room(size_t page_size)
{
	return page_size;
}

// Never smaller than the page: the caller stores it raw.
static size_t none_compress(void *ctx, const void *src, size_t size, void *dst, size_t room)
{
	(void)ctx;
	(void)src;
	(void)size;
	(void)dst;
	(void)room;
	return 0;
}

static int none_decompress(void *ctx, const void *src, size_t size, void *dst, size_t dst_size,
			   struct err *err)
{
	(void)ctx;
	if (size != dst_size)
		return err_set(err, ERR_CORRUPT, "raw page: expected %zu bytes, found %zu",
			       dst_size, size);
	if (size)
		memcpy(dst, src, size);
	return 0;
}

const struct codec codec_none = {
	.name = "none",
	.flag = CODEC_FLAG_NONE,
	.memory = none_memory,
	.room = none_room,
	.create = none_create,
	.destroy = none_destroy,
	.compress = none_compress,
	.decompress = none_decompress,
};
