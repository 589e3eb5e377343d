// SPDX-License-Identifier: GPL-2.0-or-later
/* Links, addresses and routes, as the kernel tells them. */
#include <string.h>

#include "base/err.h"
#include "base/netlink.h"
#include "tests/fuzz/fuzz.h"
#include "vmcore/netstate.h"

static int read_all(const uint8_t *data, size_t size, struct netstate *s)
{
	return netlink_walk(data, size, netstate_take, s, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netstate s = {0};
	struct netstate_route r = {0};

	read_all(data, size, &s);
	for (size_t i = 0; i < s.nlinks; i++) {
		FUZZ_CHECK(strnlen(s.links[i].name, sizeof(s.links[i].name)) <
			   sizeof(s.links[i].name));
		FUZZ_CHECK(netstate_link(&s, s.links[i].index) == &s.links[i]);
		FUZZ_CHECK(s.links[i].bond.narp_targets <= NETCONF_TARGETS_MAX);
	}
	netstate_clear(&s);
	netlink_walk(data, size, netstate_take_route, &r, NULL);
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct netstate s = {0};
	int rc = read_all(data, size, &s);

	netstate_clear(&s);
	return rc;
}
