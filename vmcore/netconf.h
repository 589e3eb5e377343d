/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netconf: how the network is set up that a dump leaves the machine by: links, addresses,
 * routes, name servers. `lifeboat network` writes it as text from what is in force in the running
 * system, the initrd carries it, and lifeboat-collect brings it up in the capture kernel. The
 * text is described in docs/network.md.
 */
#ifndef VMCORE_NETCONF_H
#define VMCORE_NETCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define NETCONF_FILE "/etc/lifeboat/network"

enum {
	NETCONF_LINKS_MAX = 32,
	NETCONF_ADDRESSES_MAX = 16,
	NETCONF_ROUTES_MAX = 32,
	NETCONF_HOSTS_MAX = 40, /* 8 targets and the nodes of a cluster */
	NETCONF_HOST_ADDRESSES_MAX = 8,
	NETCONF_SERVERS_MAX = 3, /* MAXNS of resolv.conf(5) */
	NETCONF_TARGETS_MAX = 16, /* arp_ip_target, BOND_MAX_ARP_TARGETS */
	NETCONF_NAME_MAX = 16, /* IFNAMSIZ */
	NETCONF_HOST_MAX = 254, /* of a name, its zero included */
	NETCONF_PATH_MAX = 512,
	NETCONF_TEXT_MAX = 32 << 10, /* of the description */
	NETCONF_MAC_SIZE = 6, /* Ethernet */
	NETCONF_ADDRESS_TEXT_MAX = 46, /* INET6_ADDRSTRLEN */
};

/* An IPv4 or IPv6 address. */
struct netconf_ip {
	uint8_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t bytes[16]; /* in network order; of IPv4 the first 4 */
};

enum netconf_kind {
	NETCONF_NIC,
	NETCONF_VLAN,
	NETCONF_BOND,
	NETCONF_BRIDGE,
};

enum netconf_match {
	NETCONF_MATCH_DEVICE, /* by permanent MAC address, then by path */
	NETCONF_MATCH_NAME, /* by name, for a machine that is not this one */
	NETCONF_MATCH_ANY, /* the first with a carrier */
};

/* Where an address or a route came from, which says how to get it again. */
enum netconf_source {
	NETCONF_STATIC,
	NETCONF_DHCP,
	NETCONF_AUTO6, /* router advertisements */
	NETCONF_DHCP6, /* cannot be had again by itself: used as it was */
};

struct netconf_bond {
	uint8_t mode; /* BOND_MODE_* of linux/if_bonding.h */
	uint32_t miimon; /* milliseconds; 0: off */
	uint32_t arp_interval; /* milliseconds; 0: off */
	struct netconf_ip arp_targets[NETCONF_TARGETS_MAX]; /* IPv4 */
	size_t narp_targets;
	uint8_t lacp_rate; /* 0 slow, 1 fast */
	uint8_t ad_select;
	uint8_t xmit_hash_policy;
	uint8_t fail_over_mac;
	int primary; /* index of a link; -1: none */
};

struct netconf_link {
	char name[NETCONF_NAME_MAX]; /* in the running system; only a label in the capture kernel */
	enum netconf_kind kind;
	enum netconf_match match; /* of a NIC */
	uint8_t mac[NETCONF_MAC_SIZE]; /* NIC: permanent; else the one in force */
	bool has_mac;
	uint8_t own[NETCONF_MAC_SIZE]; /* of a NIC: the one in force where somebody changed it */
	bool has_own;
	char path[NETCONF_PATH_MAX]; /* of a NIC: its device's, below /sys; "": unknown */
	char driver[64]; /* of a NIC, for the reader */
	uint32_t mtu; /* 0: as it comes */
	int master; /* index of the bond or bridge that this is a port of; -1: none */
	int over; /* VLAN: index of the link under it; else -1 */
	uint16_t vlan_id;
	bool vlan_ad; /* 802.1ad instead of 802.1Q */
	struct netconf_bond bond;
	bool stp; /* bridge */
	bool dhcp; /* ask for an IPv4 address */
	bool auto6; /* wait for an IPv6 address by router advertisement */
};

struct netconf_address {
	int link;
	struct netconf_ip ip;
	uint8_t prefix; /* bits */
	enum netconf_source source;
};

struct netconf_route {
	int link;
	struct netconf_ip to; /* all zeros with prefix 0: default */
	uint8_t prefix;
	struct netconf_ip via; /* family 0: on the link */
	struct netconf_ip from; /* preferred source; family 0: none */
	bool onlink; /* the gateway is there although no address covers it */
	uint32_t metric; /* 0: the kernel's */
	enum netconf_source source;
};

struct netconf_host {
	char name[NETCONF_HOST_MAX];
	struct netconf_ip ips[NETCONF_HOST_ADDRESSES_MAX]; /* in the order of preference */
	size_t nips;
	bool files; /* known from /etc/hosts: name servers are not asked */
	bool node; /* of a cluster: told of the capture, and not waited for */
};

struct netconf {
	/* What stands under a link stands before it. */
	struct netconf_link links[NETCONF_LINKS_MAX];
	size_t nlinks;
	struct netconf_address addresses[NETCONF_ADDRESSES_MAX];
	size_t naddresses;
	struct netconf_route routes[NETCONF_ROUTES_MAX];
	size_t nroutes;
	struct netconf_host hosts[NETCONF_HOSTS_MAX];
	size_t nhosts;
	struct netconf_ip servers[NETCONF_SERVERS_MAX]; /* DNS */
	size_t nservers;
	char search[NETCONF_HOST_MAX]; /* domains, by blanks; "": none */
};

/*
 * Reads a description of @size bytes (borrowed), called @name in messages. ERR_USAGE with
 * "NAME:LINE: what" for a line that is not understood, ERR_LIMIT for more than there is room for.
 */
int netconf_parse(struct netconf *n, const char *name, const char *text, size_t size,
		  struct err *err);

/* The description as text into the @room bytes at @buf; ERR_LIMIT when it does not fit. */
int netconf_print(const struct netconf *n, char *buf, size_t room, struct err *err);

/* A fresh link, all at its defaults, for @name; NULL when there is no room. */
struct netconf_link *netconf_add_link(struct netconf *n, const char *name);

/* The index of the link called @name, or -1. */
int netconf_find_link(const struct netconf *n, const char *name);

/* "192.0.2.1", "2001:db8::1"; ERR_USAGE when it is none. */
int netconf_parse_ip(const char *text, struct netconf_ip *ret, struct err *err);
/* "192.0.2.1/24" */
int netconf_parse_prefix(const char *text, struct netconf_ip *ip, uint8_t *prefix, struct err *err);
/* "52:54:00:12:34:56" */
int netconf_parse_mac(const char *text, uint8_t mac[NETCONF_MAC_SIZE], struct err *err);
/* "active-backup" or "1" */
int netconf_parse_bond_mode(const char *text, uint8_t *ret, struct err *err);

/* As text, in the caller's buffer, which is returned. */
const char *netconf_ip_text(const struct netconf_ip *ip, char buf[NETCONF_ADDRESS_TEXT_MAX]);
const char *netconf_mac_text(const uint8_t mac[NETCONF_MAC_SIZE], char buf[18]);

/* Bits and bytes of an address of that family. */
static inline unsigned int netconf_ip_bits(uint8_t family)
{
	return family == 2 ? 32 : 128; // AF_INET
}

static inline size_t netconf_ip_size(uint8_t family)
{
	return netconf_ip_bits(family) / 8;
}

/* The two are the same address. */
bool netconf_ip_equal(const struct netconf_ip *a, const struct netconf_ip *b);

/* @ip lies in @net/@prefix. */
bool netconf_ip_within(const struct netconf_ip *ip, const struct netconf_ip *net, uint8_t prefix);

/* fe80::/10 */
bool netconf_ip_is_linklocal(const struct netconf_ip *ip);

#endif
