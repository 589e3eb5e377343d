// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Decompression of foreign pages. The first byte is the flag of the page's descriptor, the
 * second the size of the page, as a shift; the rest is the page.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/fuzz/fuzz.h"
#include "vmcore/codec.h"

enum {
	SHIFT_MAX = 16,
	HEADER = 2,
};

static int run(const uint8_t *data, size_t size)
{
	const struct codec *c = size < HEADER ? NULL : codec_by_flag(data[0]);
	struct err err = {0};
	size_t page_size;
	void *ctx, *page;
	int rc;

	if (!c || data[1] > SHIFT_MAX)
		return err_set(&err, ERR_UNSUPPORTED, "no such codec or page size");
	page_size = (size_t)1 << data[1];
	FUZZ_CHECK(c->create(c->level_default, page_size, &ctx, &err) == 0);
	// Of the page's very size, so that a sanitizer sees one byte more.
	page = malloc(page_size);
	FUZZ_CHECK(page);
	rc = c->decompress(ctx, data + HEADER, size - HEADER, page, page_size, &err);
	FUZZ_CHECK(rc == 0 || (rc == ERR_CORRUPT && err.code == rc && err.msg[0]));
	free(page);
	c->destroy(ctx);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run(data, size);
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	return run(data, size);
}
