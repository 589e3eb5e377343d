// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/linkup.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

/* Links that are made here; by any other name they could be taken for one of the system's. */
#define MADE_NAME "lifeboat"

enum {
	BOND_8023AD = 4, // BOND_MODE_8023AD
	FORWARD_DELAY_NONE = 0,
	LOOPBACK_INDEX = 1, // LOOPBACK_IFINDEX
};

// ---- finding ----

/* Bytes of @path that tell the place: virtio devices are numbered as they are found. */
static size_t place_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && strncmp(slash, "/virtio", 7) == 0 ? (size_t)(slash - path) : strlen(path);
}

/* The device of NIC @name is at @path below /sys. */
static bool is_at(const char *name, const char *path)
{
	char link[64 + NETCONF_NAME_MAX];
	CLEANUP_FREE char *real = NULL;
	size_t len = place_length(path);

	if (!len)
		return false;
	snprintf(link, sizeof(link), "/sys/class/net/%s/device", name);
	real = realpath(link, NULL);
	return real && strncmp(real, "/sys", 4) == 0 && place_length(real + 4) == len &&
	       strncmp(real + 4, path, len) == 0;
}

static bool has_address(const struct netstate_link *l, const uint8_t mac[NETCONF_MAC_SIZE])
{
	return (l->has_perm && memcmp(l->perm, mac, NETCONF_MAC_SIZE) == 0) ||
	       (!l->has_perm && l->has_mac && memcmp(l->mac, mac, NETCONF_MAC_SIZE) == 0);
}

/* How well @l fits: 0 not at all; the MAC address counts more than the place. */
static int fitness(const struct netconf_link *want, const struct netstate_link *l)
{
	if (!netstate_is_nic(l))
		return 0;
	if (want->match == NETCONF_MATCH_NAME)
		return strcmp(want->name, l->name) == 0;
	return 2 * (want->has_mac && has_address(l, want->mac)) + is_at(l->name, want->path);
}

static bool is_taken(const struct linkup *u, int index)
{
	for (size_t i = 0; i < u->conf->nlinks; i++)
		if (u->index[i] == index)
			return true;
	return false;
}

size_t linkup_find(struct linkup *u, const struct netstate *s)
{
	size_t missing = 0;

	memset(u->index, 0, sizeof(u->index));
	for (size_t i = 0; i < u->conf->nlinks; i++) {
		const struct netconf_link *want = &u->conf->links[i];
		int best = 0;

		if (want->kind != NETCONF_NIC || want->match == NETCONF_MATCH_ANY)
			continue;
		for (size_t j = 0; j < s->nlinks; j++) {
			int fits = fitness(want, &s->links[j]);

			if (fits <= best || is_taken(u, s->links[j].index))
				continue;
			best = fits;
			u->index[i] = s->links[j].index;
		}
		missing += !u->index[i];
	}
	return missing;
}

bool linkup_choose(struct linkup *u, const struct netstate *s)
{
	bool all = true;

	for (size_t i = 0; i < u->conf->nlinks; i++) {
		const struct netconf_link *want = &u->conf->links[i];

		if (want->kind != NETCONF_NIC || want->match != NETCONF_MATCH_ANY || u->index[i])
			continue;
		for (size_t j = 0; j < s->nlinks && !u->index[i]; j++)
			if (netstate_is_nic(&s->links[j]) && s->links[j].carrier &&
			    !is_taken(u, s->links[j].index))
				u->index[i] = s->links[j].index;
		all = all && u->index[i];
	}
	return all;
}

// ---- requests ----

static int request(struct linkup *u, struct netlink_message *m, struct err *err)
{
	return netlink_ask(u->nl, m, NULL, NULL, err);
}

static void begin_link(struct netlink_message *m, int index, bool up)
{
	const struct ifinfomsg h = {
		.ifi_index = index,
		.ifi_flags = up ? IFF_UP : 0,
		.ifi_change = IFF_UP,
	};

	netlink_begin(m, RTM_NEWLINK, 0, &h, sizeof(h));
}

static int set_up(struct linkup *u, int index, bool up, struct err *err)
{
	struct netlink_message m;

	begin_link(&m, index, up);
	return request(u, &m, err);
}

void linkup_wake(struct linkup *u, const struct netstate *s, bool on)
{
	for (size_t i = 0; i < s->nlinks; i++) {
		const struct netstate_link *l = &s->links[i];

		if (netstate_is_nic(l) && l->up != on && !is_taken(u, l->index))
			set_up(u, l->index, on, NULL);
	}
}

static int set_mtu(struct linkup *u, int index, uint32_t mtu, struct err *err)
{
	const struct ifinfomsg h = {.ifi_index = index};
	struct netlink_message m;

	netlink_begin(&m, RTM_NEWLINK, 0, &h, sizeof(h));
	netlink_put_u32(&m, IFLA_MTU, mtu);
	return request(u, &m, err);
}

/* Down, so that a bond takes it and its address may change. */
static int set_nic(struct linkup *u, int index, const struct netconf_link *want, struct err *err)
{
	struct netlink_message m;
	int rc = 0;

	if (want->has_own || want->master >= 0) {
		begin_link(&m, index, false);
		if (want->has_own)
			netlink_put(&m, IFLA_ADDRESS, want->own, sizeof(want->own));
		rc = request(u, &m, err);
	}
	return rc ? rc : set_up(u, index, want->master < 0, err);
}

static int set_master(struct linkup *u, int port, int master, bool bond, struct err *err)
{
	struct netlink_message m;
	int rc;

	// A bond takes only ports that are down, and switches them on itself.
	if (bond) {
		rc = set_up(u, port, false, err);
		if (rc)
			return rc;
	}
	begin_link(&m, port, !bond);
	netlink_put_u32(&m, IFLA_MASTER, master);
	rc = request(u, &m, err);
	return rc ? rc : set_up(u, port, true, err);
}

// ---- kinds of links that are made ----

static void put_vlan(struct netlink_message *m, const struct netconf_link *want)
{
	netlink_put_u16(m, IFLA_VLAN_ID, want->vlan_id);
	netlink_put_u16(m, IFLA_VLAN_PROTOCOL, htons(want->vlan_ad ? ETH_P_8021AD : ETH_P_8021Q));
}

/* Only what differs from the driver's defaults and what the mode has: it refuses the rest. */
static void put_bond(struct netlink_message *m, const struct netconf_bond *b)
{
	netlink_put_u8(m, IFLA_BOND_MODE, b->mode);
	if (b->miimon || !b->arp_interval)
		netlink_put_u32(m, IFLA_BOND_MIIMON, b->miimon ? b->miimon : 100);
	else
		netlink_put_u32(m, IFLA_BOND_ARP_INTERVAL, b->arp_interval);
	if (!b->miimon && b->arp_interval && b->narp_targets) {
		netlink_nest(m, IFLA_BOND_ARP_IP_TARGET);
		for (size_t i = 0; i < b->narp_targets; i++)
			netlink_put(m, i, b->arp_targets[i].bytes, 4);
		netlink_nest_end(m);
	}
	if (b->mode == BOND_8023AD) {
		netlink_put_u8(m, IFLA_BOND_AD_LACP_RATE, b->lacp_rate);
		netlink_put_u8(m, IFLA_BOND_AD_SELECT, b->ad_select);
	}
	if (b->xmit_hash_policy)
		netlink_put_u8(m, IFLA_BOND_XMIT_HASH_POLICY, b->xmit_hash_policy);
	if (b->fail_over_mac)
		netlink_put_u8(m, IFLA_BOND_FAIL_OVER_MAC, b->fail_over_mac);
}

static void put_bridge(struct netlink_message *m, const struct netconf_link *want)
{
	netlink_put_u32(m, IFLA_BR_STP_STATE, want->stp);
	// Without STP there is nobody to listen for, and 15 seconds would be lost.
	if (!want->stp)
		netlink_put_u32(m, IFLA_BR_FORWARD_DELAY, FORWARD_DELAY_NONE);
}

static const char *const kinds[] = {
	[NETCONF_VLAN] = "vlan",
	[NETCONF_BOND] = "bond",
	[NETCONF_BRIDGE] = "bridge",
};

static void made_name(size_t i, char name[NETCONF_NAME_MAX])
{
	snprintf(name, NETCONF_NAME_MAX, MADE_NAME "%u", (unsigned int)i % NETCONF_LINKS_MAX);
}

struct made {
	const char *name;
	int index;
};

static int take_made(void *ctx, uint16_t type, const uint8_t *data, size_t size, struct err *err)
{
	struct made *made = ctx;
	struct netstate s = {0};
	const struct netstate_link *l;
	int rc = netstate_take(&s, type, data, size, err);

	l = rc ? NULL : netstate_named(&s, made->name);
	if (l)
		made->index = l->index;
	netstate_clear(&s);
	return rc;
}

/* The index of the link called @name. */
static int find_made(struct linkup *u, const char *name, int *ret, struct err *err)
{
	const struct ifinfomsg h = {0};
	struct made made = {.name = name};
	struct netlink_message m;
	int rc;

	netlink_begin(&m, RTM_GETLINK, 0, &h, sizeof(h));
	netlink_put_string(&m, IFLA_IFNAME, name);
	rc = netlink_ask(u->nl, &m, take_made, &made, err);
	if (!rc)
		*ret = made.index;
	return rc;
}

static int make_link(struct linkup *u, size_t i, struct err *err)
{
	const struct netconf_link *want = &u->conf->links[i];
	const struct ifinfomsg h = {0};
	char name[NETCONF_NAME_MAX];
	struct netlink_message m;
	int rc;

	made_name(i, name);
	netlink_begin(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &h, sizeof(h));
	netlink_put_string(&m, IFLA_IFNAME, name);
	// By it the network knows this machine. A bond that follows its ports has none of its own.
	if (want->has_mac && !(want->kind == NETCONF_BOND && want->bond.fail_over_mac))
		netlink_put(&m, IFLA_ADDRESS, want->mac, sizeof(want->mac));
	if (want->kind == NETCONF_VLAN)
		netlink_put_u32(&m, IFLA_LINK, u->index[want->over]);
	netlink_nest(&m, IFLA_LINKINFO);
	netlink_put_string(&m, IFLA_INFO_KIND, kinds[want->kind]);
	netlink_nest(&m, IFLA_INFO_DATA);
	if (want->kind == NETCONF_VLAN)
		put_vlan(&m, want);
	else if (want->kind == NETCONF_BOND)
		put_bond(&m, &want->bond);
	else
		put_bridge(&m, want);
	netlink_nest_end(&m);
	netlink_nest_end(&m);
	rc = request(u, &m, err);
	return rc ? rc : find_made(u, name, &u->index[i], err);
}

static int set_primary(struct linkup *u, size_t bond, struct err *err)
{
	const struct ifinfomsg h = {.ifi_index = u->index[bond]};
	int primary = u->conf->links[bond].bond.primary;
	struct netlink_message m;

	if (primary < 0 || !u->index[primary])
		return 0;
	netlink_begin(&m, RTM_NEWLINK, 0, &h, sizeof(h));
	netlink_nest(&m, IFLA_LINKINFO);
	netlink_put_string(&m, IFLA_INFO_KIND, "bond");
	netlink_nest(&m, IFLA_INFO_DATA);
	netlink_put_u32(&m, IFLA_BOND_PRIMARY, u->index[primary]);
	netlink_nest_end(&m);
	netlink_nest_end(&m);
	return request(u, &m, err);
}

/* The first failure counts. */
static void keep_first(int rc, int *first, struct err *why, struct err *err)
{
	if (!rc || *first)
		return;
	*first = rc;
	if (err)
		*err = *why;
}

static bool has_base(const struct linkup *u, size_t i)
{
	const struct netconf_link *want = &u->conf->links[i];

	if (want->kind == NETCONF_VLAN)
		return u->index[want->over];
	for (size_t j = 0; j < u->conf->nlinks; j++)
		if (u->conf->links[j].master == (int)i && u->index[j])
			return true;
	return false;
}

/*
 * Whether routers are listened to, and may give addresses. What has no IPv6 has no such files.
 * accept_ra=2: also where something has switched forwarding on.
 */
static void set_ipv6(const struct linkup *u, size_t i)
{
	bool auto6 = u->conf->links[i].auto6;
	const struct {
		const char *name, *value;
	} knobs[] = {
		{"disable_ipv6", "0"},
		{"accept_ra", auto6 ? "2" : "1"},
		{"autoconf", auto6 ? "1" : "0"},
	};
	char name[IFNAMSIZ], path[128];

	if (!if_indextoname(u->index[i], name))
		return;
	for (size_t k = 0; k < ARRAY_SIZE(knobs); k++) {
		CLEANUP_CLOSE int fd = -1;

		snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", name, knobs[k].name);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		if (fd >= 0)
			io_write(fd, knobs[k].value, 1, NULL);
	}
}

/* A link on top of others, its ports in it, switched on. */
static int make_one(struct linkup *u, size_t i, struct err *err)
{
	const struct netconf_link *want = &u->conf->links[i];
	bool bond = want->kind == NETCONF_BOND;
	struct err why = {0};
	int first = 0, rc;

	if (!has_base(u, i))
		return err_set(err, ERR_NOTFOUND, "nothing that it is on top of is there");
	rc = make_link(u, i, err);
	if (rc)
		return rc;
	set_ipv6(u, i);
	for (size_t j = 0; j < u->conf->nlinks; j++) {
		if (u->conf->links[j].master != (int)i || !u->index[j])
			continue;
		rc = set_master(u, u->index[j], u->index[i], bond, &why);
		if (rc)
			err_prepend(&why, "port %s", u->conf->links[j].name);
		keep_first(rc, &first, &why, err);
	}
	if (bond)
		keep_first(set_primary(u, i, &why), &first, &why, err);
	if (want->master < 0)
		keep_first(set_up(u, u->index[i], true, &why), &first, &why, err);
	return first;
}

/* What an earlier attempt has left, the topmost first. */
static void remove_made(struct linkup *u, const struct netstate *s)
{
	for (size_t i = NETCONF_LINKS_MAX; i-- > 0;) {
		const struct netstate_link *l;
		char name[NETCONF_NAME_MAX];
		struct netlink_message m;

		made_name(i, name);
		l = netstate_named(s, name);
		if (!l)
			continue;
		netlink_begin(&m, RTM_DELLINK, 0, &(struct ifinfomsg){.ifi_index = l->index},
			      sizeof(struct ifinfomsg));
		request(u, &m, NULL);
	}
}

int linkup_make(struct linkup *u, const struct netstate *s, struct err *err)
{
	int first = 0;

	set_up(u, LOOPBACK_INDEX, true, NULL);
	remove_made(u, s);
	for (size_t i = 0; i < u->conf->nlinks; i++) {
		const struct netconf_link *want = &u->conf->links[i];
		struct err why = {0};
		int rc = 0;

		if (want->kind == NETCONF_NIC && !u->index[i])
			continue;
		// Before it is up, for then it asks for a router.
		if (want->kind == NETCONF_NIC) {
			set_ipv6(u, i);
			rc = set_nic(u, u->index[i], want, &why);
		} else {
			rc = make_one(u, i, &why);
		}
		// A port that is smaller may have to be as large first; so those below come first.
		if (!rc && want->mtu && set_mtu(u, u->index[i], want->mtu, &why))
			rc = why.code;
		if (rc)
			err_prepend(&why, "%s", want->name);
		keep_first(rc, &first, &why, err);
	}
	return first;
}

// ---- addresses and routes ----

int linkup_add_address(struct linkup *u, int link, const struct netconf_ip *ip, uint8_t prefix,
		       struct err *err)
{
	const struct ifaddrmsg h = {
		.ifa_family = ip->family,
		.ifa_prefixlen = prefix,
		.ifa_index = u->index[link],
	};
	size_t size = netconf_ip_size(ip->family);
	struct netlink_message m;
	uint32_t broadcast;

	netlink_begin(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof(h));
	netlink_put(&m, IFA_LOCAL, ip->bytes, size);
	netlink_put(&m, IFA_ADDRESS, ip->bytes, size);
	if (ip->family == AF_INET && prefix < 31) {
		memcpy(&broadcast, ip->bytes, sizeof(broadcast));
		broadcast |= htonl(UINT32_MAX >> prefix);
		netlink_put(&m, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	}
	return request(u, &m, err);
}

int linkup_add_route(struct linkup *u, const struct netconf_route *r, struct err *err)
{
	const struct rtmsg h = {
		.rtm_family = r->to.family,
		.rtm_dst_len = r->prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = r->via.family || r->to.family == AF_INET6 ? RT_SCOPE_UNIVERSE
								       : RT_SCOPE_LINK,
		.rtm_type = RTN_UNICAST,
		.rtm_flags = r->onlink ? RTNH_F_ONLINK : 0,
	};
	size_t size = netconf_ip_size(r->to.family);
	struct netlink_message m;

	netlink_begin(&m, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &h, sizeof(h));
	if (r->prefix)
		netlink_put(&m, RTA_DST, r->to.bytes, size);
	if (r->via.family)
		netlink_put(&m, RTA_GATEWAY, r->via.bytes, size);
	if (r->from.family)
		netlink_put(&m, RTA_PREFSRC, r->from.bytes, size);
	if (r->metric)
		netlink_put_u32(&m, RTA_PRIORITY, r->metric);
	netlink_put_u32(&m, RTA_OIF, u->index[r->link]);
	return request(u, &m, err);
}
