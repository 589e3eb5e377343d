// SPDX-License-Identifier: GPL-2.0-or-later
/* The file of a kernel, in all its wrappings: what is made of it lies inside it. */
#include "base/err.h"
#include "loader/kernel.h"
#include "tests/fuzz/fuzz.h"

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct kernel k;
	int rc = kernel_parse(&k, data, size, NULL);

	if (!rc) {
		FUZZ_CHECK(k.nparts > 0 && k.nparts <= KERNEL_PARTS_MAX);
		FUZZ_CHECK(k.align && !(k.align & (k.align - 1)));
		FUZZ_CHECK(k.entry < k.memory);
		for (size_t i = 0; i < k.nparts; i++) {
			const struct kernel_part *p = &k.parts[i];

			FUZZ_CHECK(p->offset <= k.size && p->size <= k.size - p->offset);
			FUZZ_CHECK(p->size <= p->memsz && p->at <= k.memory &&
				   p->memsz <= k.memory - p->at);
		}
		if (k.setup)
			FUZZ_CHECK(k.setup >= k.data && k.setup + k.setup_size <= k.data + k.size);
	}
	kernel_free(&k);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_verdict(data, size);
	return 0;
}
