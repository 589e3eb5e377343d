/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nettext: what the key `network` of the configuration says in the user's own words:
 * DEV:METHOD[,OPTION...], one or more of them, see docs/network.md.
 */
#ifndef LOADER_NETTEXT_H
#define LOADER_NETTEXT_H

struct err;
struct netconf;
struct netgather;

/*
 * Adds to @n what @text says. A device named is looked up by @g and known by its MAC address from
 * then on; with @g NULL, for a machine that is not this one, it is known by that name. ERR_USAGE
 * with the word that is wrong.
 */
int nettext_parse(const struct netgather *g, struct netconf *n, const char *text, struct err *err);

#endif
