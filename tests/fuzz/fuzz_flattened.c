// SPDX-License-Identifier: GPL-2.0-or-later
/* A flattened file: its index and its content, held against records put in place one by one. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "tests/fuzz/fuzz.h"
#include "vmcore/flattened.h"

enum {
	CONTENT = 64 << 10, /* bytes of the content that are compared */
};

/* The first CONTENT bytes of the content, the slow way. False for a file that lies. */
static void put_in_place(const uint8_t *data, size_t size, uint8_t *to)
{
	size_t at = FLATTENED_HEADER_SIZE;
	struct flattened_record rec;

	while (size - at >= FLATTENED_RECORD_SIZE &&
	       flattened_parse_record(data + at, at, &rec, NULL) > 0) {
		at += FLATTENED_RECORD_SIZE;
		if (rec.size > size - at)
			rec.size = size - at;
		for (uint64_t i = 0; i < rec.size && rec.offset + i < CONTENT; i++)
			to[rec.offset + i] = data[at + i];
		at += rec.size;
	}
}

static void check(const struct flattened *f, const uint8_t *data, size_t size)
{
	static uint8_t want[CONTENT], got[CONTENT];
	uint64_t total = flattened_size(f), n = total < CONTENT ? total : CONTENT;

	memset(want, 0, sizeof(want));
	put_in_place(data, size, want);
	FUZZ_CHECK(flattened_pread(f, got, CONTENT, 0, NULL) == (ssize_t)n);
	FUZZ_CHECK(!memcmp(got, want, n));
	// From odd places, the last bytes, and behind them.
	for (uint64_t at = 0; at < n; at += 257) {
		uint64_t len = n - at < 300 ? n - at : 300;

		FUZZ_CHECK(flattened_pread(f, got, len, at, NULL) == (ssize_t)len);
		FUZZ_CHECK(!memcmp(got, want + at, len));
	}
	if (total)
		FUZZ_CHECK(flattened_pread(f, got, 100, total - 1, NULL) == 1);
	FUZZ_CHECK(flattened_pread(f, got, 1, total, NULL) == 0);
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct flattened *f = NULL;
	struct err err = {0};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	int rc;

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(!io_write(fd, data, size, NULL));
	if (!flattened_probe(data, size)) {
		close(fd);
		return ERR_UNSUPPORTED;
	}
	rc = flattened_open(fd, size, &f, &err);
	FUZZ_CHECK(rc == err.code && (rc == 0) == (f != NULL));
	FUZZ_CHECK(!rc || (err.msg[0] && rc != ERR_SYS));
	if (!rc)
		check(f, data, size);
	flattened_close(f);
	close(fd);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_verdict(data, size);
	return 0;
}
