// SPDX-License-Identifier: GPL-2.0-or-later
/* Configurations of other services, by both grammars: whatever they say, each line of what comes of
 * them is one. The first byte chooses the grammar. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/peerconf.h"
#include "tests/fuzz/fuzz.h"

static int take(const char *text, size_t size, enum peerconf_kind kind)
{
	CLEANUP_FREE char *conf = NULL, *notes = NULL;
	size_t nconf = 0, nnotes = 0, lines = 0;
	struct peerconf p = {.targets = 0};
	int rc;

	p.conf = open_memstream(&conf, &nconf);
	p.notes = open_memstream(&notes, &nnotes);
	FUZZ_CHECK(p.conf && p.notes);
	rc = peerconf_take(&p, kind, "fuzz", text, size, NULL);
	peerconf_finish(&p);
	fclose(p.conf);
	fclose(p.notes);
	FUZZ_CHECK(rc == 0 || rc == ERR_LIMIT || rc == ERR_CORRUPT);
	for (const char *s = notes; (s = strchr(s, '\n')); s++)
		lines++;
	FUZZ_CHECK(lines == p.left);
	FUZZ_CHECK(!nconf || conf[nconf - 1] == '\n');
	return rc;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	return take((const char *)data + 1, size - 1,
		    data[0] == 'k' ? PEERCONF_KDUMP_CONF : PEERCONF_ASSIGNMENTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_verdict(data, size);
	return 0;
}
