/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netdrift: whether an initrd still describes the network that is in force: lifeboat-mkinitrd leaves
 * there what `lifeboat network` said when it ran, and an address, a route, a bond or a name server
 * may have become another since.
 */
#ifndef LOADER_NETDRIFT_H
#define LOADER_NETDRIFT_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct err;
struct initrd;
struct netconf;

enum {
	NETDRIFT_TEXT_MAX = 480,
};

enum netdrift_answer {
	NETDRIFT_UNWANTED, /* no target needs a network, or a hook sees to it: nothing was looked at */
	NETDRIFT_SAME,
	NETDRIFT_DIFFERS,
	NETDRIFT_ABSENT, /* one is needed, and the initrd has no description */
};

/* Whether there is anything to look at: a host to be reached, and no hook of the user's for it. */
bool netdrift_wanted(const struct config *c);

/*
 * Makes the description for @c again on the machine below @root, and holds that of @r against it. With
 * @ask, names of hosts are looked up anew, which takes as long as it takes; without, the addresses
 * that the initrd has for them count. The answer, with the first difference in @text; or a
 * negative code, with @err filled, when it cannot be made now.
 */
int netdrift_check(const struct initrd *r, const char *root, const struct config *c, bool ask,
		   char text[static NETDRIFT_TEXT_MAX], struct err *err);

/*
 * The comparison itself; both are changed by it. Whether they differ in what the capture kernel makes
 * of them. Not looked at is what it asks for anew, addresses and routes by DHCP or from a router and the
 * name servers beside a lease; nor the order of things; nor how a card is called.
 */
bool netdrift_differs(struct netconf *then, struct netconf *now,
		      char text[static NETDRIFT_TEXT_MAX]);

#endif
