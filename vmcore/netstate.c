// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/netstate.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

enum {
	SKIP_STATS = 1 << 3, // RTEXT_FILTER_SKIP_STATS
	PERM_ADDRESS = 54, // IFLA_PERM_ADDRESS, since Linux 5.6
	LINK_ATTRS = PERM_ADDRESS + 1,
	OPER_DOWN = 2, // IF_OPER_* of RFC 2863
	OPER_LOWERLAYERDOWN = 3,
};

void netstate_clear(struct netstate *s)
{
	free(s->links);
	free(s->addresses);
	*s = (struct netstate){0};
}

/* Room for one more entry behind @n of them; a power of two is where it grows. */
static int grow(void **array, size_t n, size_t size, struct err *err)
{
	void *p;

	if (n && (n & (n - 1)))
		return 0;
	if (n >= NETSTATE_MAX)
		return err_set(err, ERR_LIMIT, "more than %d links or addresses", NETSTATE_MAX);
	p = realloc(*array, (n ? 2 * n : 1) * size);
	if (!p)
		return err_set(err, ERR_NOMEM, "no memory for the list of links");
	*array = p;
	return 0;
}

static bool take_mac(const struct netlink_attr *a, uint8_t mac[NETCONF_MAC_SIZE])
{
	if (!a->data || a->size != NETCONF_MAC_SIZE)
		return false;
	memcpy(mac, a->data, NETCONF_MAC_SIZE);
	return true;
}

static bool take_ip(const struct netlink_attr *a, uint8_t family, struct netconf_ip *ip)
{
	if ((family != AF_INET && family != AF_INET6) || !a->data ||
	    a->size != netconf_ip_size(family))
		return false;
	*ip = (struct netconf_ip){.family = family};
	memcpy(ip->bytes, a->data, a->size);
	return true;
}

// ---- links ----

static int take_vlan(struct netstate_link *l, const struct netlink_attr *data, struct err *err)
{
	struct netlink_attr t[IFLA_VLAN_PROTOCOL + 1];
	int rc = netlink_attrs(data->data, data->size, t, ARRAY_SIZE(t), err);

	if (rc)
		return rc;
	l->vlan_id = netlink_u16(&t[IFLA_VLAN_ID], 0);
	l->vlan_ad = ntohs(netlink_u16(&t[IFLA_VLAN_PROTOCOL], 0)) == ETH_P_8021AD;
	return 0;
}

static int take_bond(struct netstate_link *l, const struct netlink_attr *data, struct err *err)
{
	struct netlink_attr t[IFLA_BOND_AD_LACP_RATE + 2]; // and IFLA_BOND_AD_SELECT
	struct netlink_attr targets[NETCONF_TARGETS_MAX];
	struct netconf_bond *b = &l->bond;
	int rc = netlink_attrs(data->data, data->size, t, ARRAY_SIZE(t), err);

	if (!rc)
		rc = netlink_attrs(t[IFLA_BOND_ARP_IP_TARGET].data, t[IFLA_BOND_ARP_IP_TARGET].size,
				   targets, NETCONF_TARGETS_MAX, err);
	if (rc)
		return rc;
	b->mode = netlink_u8(&t[IFLA_BOND_MODE], 0);
	b->miimon = netlink_u32(&t[IFLA_BOND_MIIMON], 0);
	b->arp_interval = netlink_u32(&t[IFLA_BOND_ARP_INTERVAL], 0);
	b->lacp_rate = netlink_u8(&t[IFLA_BOND_AD_LACP_RATE], 0);
	b->ad_select = netlink_u8(&t[IFLA_BOND_AD_SELECT], 0);
	b->xmit_hash_policy = netlink_u8(&t[IFLA_BOND_XMIT_HASH_POLICY], 0);
	b->fail_over_mac = netlink_u8(&t[IFLA_BOND_FAIL_OVER_MAC], 0);
	b->primary = netlink_u32(&t[IFLA_BOND_PRIMARY], 0);
	for (size_t i = 0; i < NETCONF_TARGETS_MAX; i++)
		b->narp_targets += take_ip(&targets[i], AF_INET, &b->arp_targets[b->narp_targets]);
	return 0;
}

static int take_bridge(struct netstate_link *l, const struct netlink_attr *data, struct err *err)
{
	struct netlink_attr t[IFLA_BR_VLAN_FILTERING + 1];
	int rc = netlink_attrs(data->data, data->size, t, ARRAY_SIZE(t), err);

	if (rc)
		return rc;
	l->stp = netlink_u32(&t[IFLA_BR_STP_STATE], 0) != 0;
	l->vlan_filtering = netlink_u8(&t[IFLA_BR_VLAN_FILTERING], 0) != 0;
	return 0;
}

/* The port of a bond has the bond's address; what it had before is told beside it. */
static int take_bond_port(struct netstate_link *l, const struct netlink_attr *info, struct err *err)
{
	struct netlink_attr t[IFLA_BOND_SLAVE_PERM_HWADDR + 1];
	char kind[16];
	int rc;

	netlink_string(&info[IFLA_INFO_SLAVE_KIND], kind, sizeof(kind));
	if (strcmp(kind, "bond") != 0)
		return 0;
	rc = netlink_attrs(info[IFLA_INFO_SLAVE_DATA].data, info[IFLA_INFO_SLAVE_DATA].size, t,
			   ARRAY_SIZE(t), err);
	if (!rc && !l->has_perm)
		l->has_perm = take_mac(&t[IFLA_BOND_SLAVE_PERM_HWADDR], l->perm);
	return rc;
}

static int take_info(struct netstate_link *l, const struct netlink_attr *a, struct err *err)
{
	struct netlink_attr info[IFLA_INFO_SLAVE_DATA + 1];
	int rc = netlink_attrs(a->data, a->size, info, ARRAY_SIZE(info), err);

	if (rc)
		return rc;
	netlink_string(&info[IFLA_INFO_KIND], l->kind, sizeof(l->kind));
	if (strcmp(l->kind, "vlan") == 0)
		rc = take_vlan(l, &info[IFLA_INFO_DATA], err);
	else if (strcmp(l->kind, "bond") == 0)
		rc = take_bond(l, &info[IFLA_INFO_DATA], err);
	else if (strcmp(l->kind, "bridge") == 0)
		rc = take_bridge(l, &info[IFLA_INFO_DATA], err);
	return rc ? rc : take_bond_port(l, info, err);
}

static int read_link(struct netstate_link *l, const uint8_t *data, size_t size, struct err *err)
{
	struct netlink_attr t[LINK_ATTRS];
	struct ifinfomsg h;
	uint8_t oper;
	int rc;

	if (size < sizeof(h))
		return err_set(err, ERR_NODATA, "netlink: a link of %zu bytes", size);
	memcpy(&h, data, sizeof(h));
	rc = netlink_attrs(data + NLMSG_ALIGN(sizeof(h)), size - NLMSG_ALIGN(sizeof(h)), t,
			   LINK_ATTRS, err);
	if (rc)
		return rc;
	*l = (struct netstate_link){
		.index = h.ifi_index,
		.ether = h.ifi_type == ARPHRD_ETHER,
		.up = h.ifi_flags & IFF_UP,
		.mtu = netlink_u32(&t[IFLA_MTU], 0),
		.master = netlink_u32(&t[IFLA_MASTER], 0),
		.lower = netlink_u32(&t[IFLA_LINK], 0),
	};
	oper = netlink_u8(&t[IFLA_OPERSTATE], 0);
	l->carrier = h.ifi_flags & IFF_LOWER_UP && oper != OPER_DOWN && oper != OPER_LOWERLAYERDOWN;
	netlink_string(&t[IFLA_IFNAME], l->name, sizeof(l->name));
	l->has_mac = take_mac(&t[IFLA_ADDRESS], l->mac);
	l->has_perm = take_mac(&t[PERM_ADDRESS], l->perm);
	return t[IFLA_LINKINFO].data ? take_info(l, &t[IFLA_LINKINFO], err) : 0;
}

static int take_link(struct netstate *s, const uint8_t *data, size_t size, struct err *err)
{
	struct netstate_link l;
	int rc = read_link(&l, data, size, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < s->nlinks; i++) {
		if (s->links[i].index == l.index) {
			s->links[i] = l;
			return 0;
		}
	}
	rc = grow((void **)&s->links, s->nlinks, sizeof(l), err);
	if (!rc)
		s->links[s->nlinks++] = l;
	return rc;
}

// ---- addresses ----

static int read_address(struct netstate_address *a, const uint8_t *data, size_t size,
			struct err *err)
{
	struct netlink_attr t[IFA_FLAGS + 1];
	struct ifa_cacheinfo life;
	struct ifaddrmsg h;
	int rc;

	if (size < sizeof(h))
		return err_set(err, ERR_NODATA, "netlink: an address of %zu bytes", size);
	memcpy(&h, data, sizeof(h));
	rc = netlink_attrs(data + NLMSG_ALIGN(sizeof(h)), size - NLMSG_ALIGN(sizeof(h)), t,
			   ARRAY_SIZE(t), err);
	if (rc)
		return rc;
	*a = (struct netstate_address){
		.link = h.ifa_index,
		.prefix = h.ifa_prefixlen,
		.flags = netlink_u32(&t[IFA_FLAGS], h.ifa_flags),
		.valid = NETSTATE_FOREVER,
	};
	// IFA_LOCAL is the own address where IFA_ADDRESS is the peer's.
	if (!take_ip(&t[IFA_LOCAL], h.ifa_family, &a->ip))
		take_ip(&t[IFA_ADDRESS], h.ifa_family, &a->ip);
	if (t[IFA_CACHEINFO].data && t[IFA_CACHEINFO].size >= sizeof(life)) {
		memcpy(&life, t[IFA_CACHEINFO].data, sizeof(life));
		a->valid = life.ifa_valid;
	}
	return 0;
}

static int take_address(struct netstate *s, const uint8_t *data, size_t size, struct err *err)
{
	struct netstate_address a;
	int rc = read_address(&a, data, size, err);

	if (rc || !a.ip.family)
		return rc;
	for (size_t i = 0; i < s->naddresses; i++) {
		struct netstate_address *old = &s->addresses[i];

		if (old->link == a.link && old->prefix == a.prefix &&
		    netconf_ip_equal(&old->ip, &a.ip)) {
			*old = a;
			return 0;
		}
	}
	rc = grow((void **)&s->addresses, s->naddresses, sizeof(a), err);
	if (!rc)
		s->addresses[s->naddresses++] = a;
	return rc;
}

int netstate_take(void *ctx, uint16_t type, const uint8_t *data, size_t size, struct err *err)
{
	if (type == RTM_NEWLINK)
		return take_link(ctx, data, size, err);
	if (type == RTM_NEWADDR)
		return take_address(ctx, data, size, err);
	return 0;
}

int netstate_read(struct netlink *nl, struct netstate *s, struct err *err)
{
	const struct ifinfomsg link = {.ifi_family = AF_UNSPEC};
	const struct ifaddrmsg address = {.ifa_family = AF_UNSPEC};
	struct netlink_message m;
	int rc;

	netstate_clear(s);
	netlink_begin(&m, RTM_GETLINK, NLM_F_DUMP, &link, sizeof(link));
	netlink_put_u32(&m, IFLA_EXT_MASK, SKIP_STATS);
	rc = netlink_ask(nl, &m, netstate_take, s, err);
	if (!rc) {
		netlink_begin(&m, RTM_GETADDR, NLM_F_DUMP, &address, sizeof(address));
		rc = netlink_ask(nl, &m, netstate_take, s, err);
	}
	if (rc) {
		netstate_clear(s);
		err_prepend(err, "links and addresses");
	}
	return rc;
}

// ---- routes ----

/* RTA_VIA: a gateway of the other family, struct rtvia. */
static void take_via(const struct netlink_attr *a, struct netstate_route *r)
{
	uint16_t family;

	if (!a->data || a->size <= sizeof(family))
		return;
	memcpy(&family, a->data, sizeof(family));
	take_ip(&(struct netlink_attr){a->data + sizeof(family), a->size - sizeof(family)}, family,
		&r->via);
}

int netstate_take_route(void *ctx, uint16_t type, const uint8_t *data, size_t size, struct err *err)
{
	struct netstate_route *r = ctx;
	struct netlink_attr t[RTA_VIA + 1];
	struct rtmsg h;
	int rc;

	if (type != RTM_NEWROUTE)
		return 0;
	if (size < sizeof(h))
		return err_set(err, ERR_NODATA, "netlink: a route of %zu bytes", size);
	memcpy(&h, data, sizeof(h));
	rc = netlink_attrs(data + NLMSG_ALIGN(sizeof(h)), size - NLMSG_ALIGN(sizeof(h)), t,
			   ARRAY_SIZE(t), err);
	if (rc)
		return rc;
	*r = (struct netstate_route){
		.link = netlink_u32(&t[RTA_OIF], 0),
		.local = h.rtm_type == RTN_LOCAL,
		.to = {.family = h.rtm_family},
		.prefix = h.rtm_dst_len,
		.metric = netlink_u32(&t[RTA_PRIORITY], 0),
		.protocol = h.rtm_protocol,
		.onlink = h.rtm_flags & RTNH_F_ONLINK,
	};
	take_ip(&t[RTA_DST], h.rtm_family, &r->to);
	take_ip(&t[RTA_PREFSRC], h.rtm_family, &r->from);
	if (!take_ip(&t[RTA_GATEWAY], h.rtm_family, &r->via))
		take_via(&t[RTA_VIA], r);
	return 0;
}

static int ask_route(struct netlink *nl, const struct netconf_ip *to, uint32_t flags,
		     struct netstate_route *ret, struct err *err)
{
	const struct rtmsg h = {
		.rtm_family = to->family,
		.rtm_dst_len = netconf_ip_bits(to->family),
		.rtm_flags = flags,
	};
	struct netlink_message m;

	*ret = (struct netstate_route){0};
	netlink_begin(&m, RTM_GETROUTE, 0, &h, sizeof(h));
	netlink_put(&m, RTA_DST, to->bytes, netconf_ip_size(to->family));
	return netlink_ask(nl, &m, netstate_take_route, ret, err);
}

int netstate_way(struct netlink *nl, const struct netconf_ip *to, struct netstate_route *ret,
		 struct err *err)
{
	struct netstate_route way, entry;
	int rc = ask_route(nl, to, 0, &way, err);

	if (rc)
		return rc;
	// The answer is for this one host; the entry of the table that it came from serves more.
	if (ask_route(nl, to, RTM_F_FIB_MATCH, &entry, NULL)) {
		entry = way;
		entry.to = *to;
		entry.prefix = netconf_ip_bits(to->family);
	}
	way.to = entry.to;
	way.prefix = entry.prefix;
	way.metric = entry.metric;
	way.protocol = entry.protocol;
	way.onlink = way.onlink || entry.onlink;
	*ret = way;
	return 0;
}

// ---- neighbours ----

struct neighbour {
	int index;
	const struct netconf_ip *ip;
	bool known;
};

static int take_neighbour(void *ctx, uint16_t type, const uint8_t *data, size_t size,
			  struct err *err)
{
	struct neighbour *n = ctx;
	struct netlink_attr t[NDA_DST + 1];
	struct netconf_ip ip = {0};
	struct ndmsg h;
	int rc;

	if (type != RTM_NEWNEIGH || size < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	rc = netlink_attrs(data + NLMSG_ALIGN(sizeof(h)), size - NLMSG_ALIGN(sizeof(h)), t,
			   ARRAY_SIZE(t), err);
	if (rc || h.ndm_ifindex != n->index || !take_ip(&t[NDA_DST], h.ndm_family, &ip) ||
	    !netconf_ip_equal(&ip, n->ip))
		return rc;
	n->known = h.ndm_state &
		   (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP);
	return 0;
}

int netstate_neighbour(struct netlink *nl, int index, const struct netconf_ip *ip, bool *ret,
		       struct err *err)
{
	const struct ndmsg h = {.ndm_family = ip->family};
	struct neighbour n = {.index = index, .ip = ip};
	struct netlink_message m;
	int rc;

	netlink_begin(&m, RTM_GETNEIGH, NLM_F_DUMP, &h, sizeof(h));
	rc = netlink_ask(nl, &m, take_neighbour, &n, err);
	if (!rc)
		*ret = n.known;
	return rc;
}

// ---- looking up ----

const struct netstate_link *netstate_link(const struct netstate *s, int index)
{
	for (size_t i = 0; i < s->nlinks; i++)
		if (s->links[i].index == index)
			return &s->links[i];
	return NULL;
}

const struct netstate_link *netstate_named(const struct netstate *s, const char *name)
{
	for (size_t i = 0; i < s->nlinks; i++)
		if (strcmp(s->links[i].name, name) == 0)
			return &s->links[i];
	return NULL;
}

bool netstate_is_nic(const struct netstate_link *l)
{
	return l->ether && (!l->kind[0] || strcmp(l->kind, "veth") == 0);
}
