// SPDX-License-Identifier: GPL-2.0-or-later
/* A lease, as a DHCP server may forge it: nothing but addresses and names comes out. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/netlease.h"
#include "tests/fuzz/fuzz.h"

static int read_text(const uint8_t *data, size_t size, struct netlease *l)
{
	CLEANUP_FREE char *text = malloc(size + 1);

	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return netlease_parse(text, l, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netlease l;

	if (read_text(data, size, &l))
		return 0;
	FUZZ_CHECK(l.prefix <= 32);
	FUZZ_CHECK(l.nroutes <= NETLEASE_ROUTES_MAX && l.nservers <= NETCONF_SERVERS_MAX);
	for (size_t i = 0; i < l.nroutes; i++)
		FUZZ_CHECK(l.routes[i].prefix <= 32);
	for (const char *p = l.search; *p; p++)
		FUZZ_CHECK(isalnum((unsigned char)*p) || strchr("-_. ", *p));
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct netlease l;

	return read_text(data, size, &l);
}
