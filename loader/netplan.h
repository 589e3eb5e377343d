/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netplan: how the capture kernel is to reach the hosts of a configuration, by what is in force in
 * the running system now or by what the configuration says: what `lifeboat network` prints, and what
 * the description in an initrd is held against.
 */
#ifndef LOADER_NETPLAN_H
#define LOADER_NETPLAN_H

#include <stdbool.h>
#include <stddef.h>

struct config;
struct err;
struct netconf;

enum {
	NETPLAN_MADE = 1,
};

struct netplan {
	const char *root; /* before paths below /sys and /etc; "" */
	const struct config *config;
	char *const *words; /* hosts, instead of those of the configuration */
	size_t nwords;
	bool generic; /* for another machine than this one */
	/* Hosts that are in it have its addresses, and names that are not are ERR_NODATA; NULL: all are looked up. */
	const struct netconf *known;
	/* Something that is not carried over, and that the user should know. */
	void (*note)(void *note_ctx, const char *text);
	void *note_ctx;
};

/* Whether there is a host to be reached at all, and no hook of the user's that sees to it. */
bool netplan_wanted(const struct netplan *p);

/*
 * Fills @ret, and returns NETPLAN_MADE; 0 where nothing of the network is wanted: no host is, or the
 * key `network` is `none`. ERR_NOTFOUND for a host that has no address, or that cannot be reached now;
 * ERR_UNSUPPORTED for a way that cannot be set up there; ERR_USAGE for words that are wrong.
 */
int netplan_make(const struct netplan *p, struct netconf *ret, struct err *err);

#endif
