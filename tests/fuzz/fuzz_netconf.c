// SPDX-License-Identifier: GPL-2.0-or-later
/* The description of a network; what it prints must read back as the same. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"
#include "vmcore/netconf.h"

static int read_text(struct netconf *n, const uint8_t *data, size_t size)
{
	return netconf_parse(n, "fuzz", data ? (const char *)data : "", size, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP_FREE struct netconf *n = malloc(sizeof(*n)), *again = malloc(sizeof(*n));
	CLEANUP_FREE char *once = malloc(NETCONF_TEXT_MAX), *twice = malloc(NETCONF_TEXT_MAX);
	int rc = read_text(n, data, size);

	FUZZ_CHECK(rc == 0 || rc == ERR_USAGE || rc == ERR_LIMIT);
	if (rc || netconf_print(n, once, NETCONF_TEXT_MAX, NULL))
		return 0;
	FUZZ_CHECK(netconf_parse(again, "again", once, strlen(once), NULL) == 0);
	FUZZ_CHECK(netconf_print(again, twice, NETCONF_TEXT_MAX, NULL) == 0);
	FUZZ_CHECK(strcmp(once, twice) == 0);
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	CLEANUP_FREE struct netconf *n = malloc(sizeof(*n));

	return read_text(n, data, size);
}
