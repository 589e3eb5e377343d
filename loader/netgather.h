/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netgather: from what is in force in the running system, the part of it by which given hosts
 * are reached: the links on the way and all that is under them, the addresses, the routes and the
 * name servers. It asks the kernel, whoever has set it up.
 */
#ifndef LOADER_NETGATHER_H
#define LOADER_NETGATHER_H

#include <stddef.h>

#include "vmcore/netconf.h"
#include "vmcore/netstate.h"

struct err;

/* What it asks; a test has answers of its own. */
struct netgather {
	const struct netstate *state; /* borrowed */
	/* As netstate_way(). */
	int (*way)(void *ctx, const struct netconf_ip *to, struct netstate_route *ret,
		   struct err *err);
	void *ctx;
	const char *root; /* before paths below /sys and /etc; "" */
	/* Something that is not carried over, and that the user should know. */
	void (*note)(void *note_ctx, const char *text);
	void *note_ctx;
};

/*
 * Adds @host, with its name and addresses, and the way there. Of addresses that cannot be
 * reached now it keeps the others; when there is none left, ERR_NOTFOUND with cause and remedy.
 * ERR_UNSUPPORTED for a way that cannot be set up in the capture kernel.
 */
int netgather_host(const struct netgather *g, struct netconf *n, const struct netconf_host *host,
		   struct err *err);

/* Adds the link of index @index and what is under it; *@ret is its place in @n->links. */
int netgather_link(const struct netgather *g, struct netconf *n, int index, int *ret,
		   struct err *err);

/*
 * Adds the name servers of /etc/resolv.conf, or those that systemd-resolved asks where it names
 * only that, and the ways there. One that cannot be reached, or that is this machine itself, is
 * left out with a note.
 */
void netgather_servers(const struct netgather *g, struct netconf *n);

/*
 * Fills @host with the addresses of @host->name by getent(1), which asks all that the system asks.
 */
int netgather_resolve(const char *root, struct netconf_host *host, struct err *err);

#endif
