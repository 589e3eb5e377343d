/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netnames: the files by which names become addresses in the capture kernel: name servers of the
 * lease and of the description, and the addresses that the targets had when the initrd was
 * built, so that a name server that is dead costs no dump.
 */
#ifndef COLLECTOR_NETNAMES_H
#define COLLECTOR_NETNAMES_H

#include <stddef.h>

struct err;
struct netconf;
struct netlease;

/*
 * Writes resolv.conf, hosts and nsswitch.conf in directory @etc. Servers of the @n leases come
 * before those of @conf. Name servers are asked first, the addresses known before are second;
 * but where a host is one of /etc/hosts of the running system, or there is no name server, it is
 * the other way round.
 */
int netnames_write(const struct netconf *conf, const struct netlease *leases, size_t n,
		   const char *etc, struct err *err);

#endif
