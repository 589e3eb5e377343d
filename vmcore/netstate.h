/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netstate: what the running kernel's network is like now, by rtnetlink(7): its links, its
 * addresses, and which way it would send. Asked before the crash to know what to carry over, and
 * in the capture kernel to see whether it has come up.
 */
#ifndef VMCORE_NETSTATE_H
#define VMCORE_NETSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/netlink.h"
#include "vmcore/netconf.h"

struct err;

enum {
	NETSTATE_MAX = 1 << 14, /* links, or addresses */
	NETSTATE_FOREVER = UINT32_MAX, /* lifetime of an address */
};

struct netstate_link {
	int index;
	char name[NETCONF_NAME_MAX];
	char kind[16]; /* "vlan", "bond" ...; "": a NIC or the loopback */
	bool ether; /* ARPHRD_ETHER */
	bool up; /* IFF_UP */
	bool carrier; /* IFF_LOWER_UP, and the operational state says nothing against it */
	uint32_t mtu;
	int master; /* index; 0: none */
	int lower; /* IFLA_LINK: of a VLAN the one under it; 0: none */
	uint8_t mac[NETCONF_MAC_SIZE];
	bool has_mac;
	uint8_t perm[NETCONF_MAC_SIZE]; /* the permanent one */
	bool has_perm;
	uint16_t vlan_id;
	bool vlan_ad;
	struct netconf_bond bond; /* primary is an index here; 0: none */
	bool stp, vlan_filtering; /* bridge */
};

struct netstate_address {
	int link; /* index */
	struct netconf_ip ip;
	uint8_t prefix;
	uint32_t flags; /* IFA_F_* */
	uint32_t valid; /* seconds, or NETSTATE_FOREVER */
};

struct netstate {
	struct netstate_link *links; /* owned */
	size_t nlinks;
	struct netstate_address *addresses; /* owned */
	size_t naddresses;
};

/* The way to a host. */
struct netstate_route {
	int link; /* index */
	bool local; /* the host is this machine itself */
	struct netconf_ip via; /* family 0: on the link */
	struct netconf_ip from; /* family 0: not told */
	struct netconf_ip to; /* of the route that serves; default: all zeros, prefix 0 */
	uint8_t prefix;
	uint32_t metric;
	uint8_t protocol; /* RTPROT_* */
	bool onlink;
};

/* Asks for all links and addresses; @s is replaced. Clear takes zeros. */
int netstate_read(struct netlink *nl, struct netstate *s, struct err *err);
void netstate_clear(struct netstate *s);

/*
 * Takes one message of an answer into @ctx, a struct netstate: RTM_NEWLINK or RTM_NEWADDR, others
 * are passed over. A link or address that is there already is replaced.
 */
netlink_take netstate_take;

/* The same for one RTM_NEWROUTE into @ctx, a struct netstate_route. */
netlink_take netstate_take_route;

/*
 * Which way the kernel would send to @to, and by which of its routes. ERR_SYS with ENETUNREACH or
 * EHOSTUNREACH where there is none.
 */
int netstate_way(struct netlink *nl, const struct netconf_ip *to, struct netstate_route *ret,
		 struct err *err);

/*
 * Whether the neighbour @ip on link @index has told its MAC address: *@ret. A packet must have
 * been sent to it before.
 */
int netstate_neighbour(struct netlink *nl, int index, const struct netconf_ip *ip, bool *ret,
		       struct err *err);

const struct netstate_link *netstate_link(const struct netstate *s, int index);
const struct netstate_link *netstate_named(const struct netstate *s, const char *name);

/* A network card, or what stands for one (veth), not a link that is made of others. */
bool netstate_is_nic(const struct netstate_link *l);

#endif
