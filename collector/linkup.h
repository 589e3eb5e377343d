/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * linkup: finds the network cards of a description in this kernel, makes the links on top of them
 * (VLAN, bond, bridge), and gives addresses and routes to them. Nothing here waits.
 */
#ifndef COLLECTOR_LINKUP_H
#define COLLECTOR_LINKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/netlink.h"
#include "vmcore/netconf.h"
#include "vmcore/netstate.h"

struct err;

/* The links of a description in this kernel: of each its index, or 0 when it is not there. */
struct linkup {
	const struct netconf *conf; /* borrowed */
	struct netlink *nl; /* borrowed */
	int index[NETCONF_LINKS_MAX];
};

/*
 * Finds the network cards in @s: by permanent MAC address, then by path, then by name where the
 * description says so. Returns how many are missing. One that matches any is looked for by
 * linkup_choose().
 */
size_t linkup_find(struct linkup *u, const struct netstate *s);

/* For the card that may be any: the first with a carrier. False when there is none yet. */
bool linkup_choose(struct linkup *u, const struct netstate *s);

/*
 * Switches on all network cards, for linkup_choose(), or (@on false) those off that were not
 * chosen, so that nothing comes by them unasked. Failures do not matter.
 */
void linkup_wake(struct linkup *u, const struct netstate *s, bool on);

/*
 * Makes what is on top of the cards that were found, and switches all of it on. Links of an
 * earlier attempt are made anew. Goes on over what fails; @err has the first failure, whose code
 * is returned.
 */
int linkup_make(struct linkup *u, const struct netstate *s, struct err *err);

/* Where it is there already, that is no failure. */
int linkup_add_address(struct linkup *u, int link, const struct netconf_ip *ip, uint8_t prefix,
		       struct err *err);
int linkup_add_route(struct linkup *u, const struct netconf_route *r, struct err *err);

#endif
