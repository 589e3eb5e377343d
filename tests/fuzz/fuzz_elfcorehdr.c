// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An elfcorehdr read back: its segments are those that the builder would take, and build the same.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "crashnotes/elfcorehdr.h"
#include "tests/fuzz/fuzz.h"

enum {
	ROOM = 64,
};

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct elfcorehdr_segment segments[ROOM], again[ROOM];
	struct elfcorehdr_spec spec = {.segments = segments};
	CLEANUP_FREE uint8_t *buf = NULL;
	size_t n = 0, built = 0, m = 0;
	int rc = elfcorehdr_parse(data, size, segments, ROOM, &n, NULL);

	FUZZ_CHECK(rc == 0 || rc == ERR_CORRUPT || rc == ERR_NODATA || rc == ERR_LIMIT ||
		   rc == ERR_UNSUPPORTED);
	if (rc || !n)
		return rc;
	FUZZ_CHECK(n <= ROOM);
	spec.nsegments = n;
	buf = malloc(elfcorehdr_size(&spec));
	FUZZ_CHECK(buf != NULL);
	FUZZ_CHECK(!elfcorehdr_build(&spec, buf, elfcorehdr_size(&spec), &built, NULL));
	FUZZ_CHECK(!elfcorehdr_parse(buf, built, again, ROOM, &m, NULL));
	FUZZ_CHECK(m == n && memcmp(segments, again, n * sizeof(*again)) == 0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_verdict(data, size);
	return 0;
}
