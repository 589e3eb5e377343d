// SPDX-License-Identifier: GPL-2.0-or-later
/* An initrd: every file of it lies inside of it, and so does every section of a module. */
#include <string.h>

#include "base/err.h"
#include "base/newc.h"
#include "loader/initrd.h"
#include "tests/fuzz/fuzz.h"

/* What other programs would be started for: they are not what is tried here. */
static int is_for_a_tool(const uint8_t *data, size_t size)
{
	static const struct {
		const char *magic;
		size_t size;
	} magics[] = {{"\xfd"
		       "7zXZ",
		       5},
		      {"\x02\x21\x4c\x18", 4},
		      {"BZh", 3},
		      {"\x89LZO", 4}};

	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (memmem(data, size, magics[i].magic, magics[i].size))
			return 1;
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct initrd r;
	uint64_t files = 0;
	size_t count;
	int rc;

	if (is_for_a_tool(data, size))
		return ERR_UNSUPPORTED;
	rc = initrd_parse(&r, data, size, NULL);
	for (size_t i = 0; !rc && i < r.n; i++) {
		uint64_t sum = 0;

		files += r.files[i].size;
		// A sanitizer sees what lies outside.
		for (size_t k = 0; k < r.files[i].size; k += 64)
			sum += r.files[i].data[k];
		for (size_t k = 0; k < r.files[i].path_len; k++)
			sum += (uint8_t)r.files[i].path[k];
		FUZZ_CHECK(sum < UINT64_MAX);
	}
	if (!rc) {
		const struct initrd_file *rest = initrd_find(&r, NEWC_REST);

		FUZZ_CHECK(r.n && r.unpacked + (rest ? rest->size : 0) >= files);
		initrd_modules(&r, &count);
		FUZZ_CHECK(count <= r.n);
		initrd_module(&r, "virtio-blk");
		initrd_find(&r, "init");
	}
	initrd_close(&r);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_verdict(data, size);
	return 0;
}
