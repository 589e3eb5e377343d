/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netup: brings the network up in the capture kernel, by the description that the initrd carries
 * (vmcore/netconf.h), within a limit: network cards, links on top of them, addresses, routes,
 * and the first machine on the way must answer. What does not come is done without as long as a
 * target can be reached.
 */
#ifndef COLLECTOR_NETUP_H
#define COLLECTOR_NETUP_H

#include <stdint.h>

struct err;
struct log;
struct netconf;

enum {
	NETUP_LIMIT_MS = 60 * 1000, /* where the caller has no other */
};

struct netup_request {
	const char *file; /* the description */
	const char *etc; /* where resolv.conf, hosts and nsswitch.conf are written; NULL: nowhere */
	uint64_t limit_ms; /* for all of it; 0: NETUP_LIMIT_MS */
	struct log *log;
};

/*
 * Does it once. Logs what was set up, from where, and how long it took. ERR_NOTFOUND when no host
 * of the description can be reached: the text says what links there are, and which have a carrier.
 */
int netup_run(const struct netup_request *r, struct err *err);

/*
 * For a target that needs the network: brings it up by NETCONF_FILE unless it is up already, one
 * process at a time. An earlier failure is no reason not to try again. Without a description the network is somebody
 * else's: 0.
 */
int netup_ensure(uint64_t limit_ms, struct log *log, struct err *err);

#endif
