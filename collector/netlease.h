/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netlease: an IPv4 address by DHCP. busybox's udhcpc asks; for what it gets it runs a program,
 * which is this one again, with all of it in the environment (udhcpc(8)): that is written to a
 * file and read here. Nothing but addresses is believed of what came by the network.
 */
#ifndef COLLECTOR_NETLEASE_H
#define COLLECTOR_NETLEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vmcore/netconf.h"

struct err;

/* Names the file in the environment of the program that udhcpc runs. */
#define NETLEASE_FILE_VARIABLE "LIFEBOAT_LEASE"

enum {
	NETLEASE_TEXT_MAX = 16 << 10,
	NETLEASE_ROUTES_MAX = 16,
};

struct netlease {
	struct netconf_ip ip;
	uint8_t prefix;
	struct netconf_route routes[NETLEASE_ROUTES_MAX]; /* link is not set */
	size_t nroutes;
	struct netconf_ip servers[NETCONF_SERVERS_MAX];
	size_t nservers;
	char search[NETCONF_HOST_MAX];
};

/*
 * Starts to ask on link @name; *@pid_ret is to be given to netlease_poll() until that has an
 * answer. The lease is kept alive in the background as long as the machine runs.
 */
int netlease_start(const char *name, pid_t *pid_ret, struct err *err);

/* Whether there is a lease by now: 1 and @ret filled, 0 not yet, or ERR_*: there will be none. */
int netlease_poll(const char *name, pid_t *pid, struct netlease *ret, struct err *err);

/* Stops to ask. */
void netlease_stop(pid_t *pid);

/* What udhcpc runs: writes the environment to the file that it names. Returns an exit code. */
int netlease_take(const char *event);

/* Reads NAME=VALUE lines. ERR_CORRUPT when there is no address in them. */
int netlease_parse(const char *text, struct netlease *ret, struct err *err);

#endif
