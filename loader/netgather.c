// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/netgather.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/facts.h"

enum {
	DEPTH_MAX = 6, // of links on top of each other
	RESOLV_MAX = 64 << 10,
	PROTO_RA = 9, // RTPROT_RA
	PROTO_DHCP = 16, // RTPROT_DHCP
	SYS_PREFIX = 4, // of "/sys"
};

static void __attribute__((format(printf, 2, 3)))
note(const struct netgather *g, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g->note(g->note_ctx, text);
}

// ---- links ----

/* Where the device of NIC @name is below /sys, and what drives it. Not each has one. */
static void find_device(const struct netgather *g, const char *name, struct netconf_link *l)
{
	char path[FACTS_PATH_MAX], driver[FACTS_PATH_MAX + 8];
	char relative[64 + NETCONF_NAME_MAX];
	CLEANUP_FREE char *real = NULL;
	CLEANUP_FREE char *module = NULL;
	size_t root = strlen(g->root);

	snprintf(relative, sizeof(relative), "/sys/class/net/%s/device", name);
	if (facts_path(path, sizeof(path), g->root, relative, NULL))
		return;
	real = realpath(path, NULL);
	if (!real || strncmp(real, g->root, root) != 0)
		return;
	if (strncmp(real + root, "/sys/", SYS_PREFIX + 1) == 0 &&
	    strlen(real + root + SYS_PREFIX) < sizeof(l->path))
		snprintf(l->path, sizeof(l->path), "%s", real + root + SYS_PREFIX);
	snprintf(driver, sizeof(driver), "%s/driver", path);
	module = realpath(driver, NULL);
	if (module)
		snprintf(l->driver, sizeof(l->driver), "%s", strrchr(module, '/') + 1);
}

static int add_nic(const struct netgather *g, struct netconf_link *l,
		   const struct netstate_link *from)
{
	const uint8_t *mac = from->has_perm ? from->perm : from->mac;

	find_device(g, from->name, l);
	l->has_mac = from->has_perm || from->has_mac;
	if (l->has_mac)
		memcpy(l->mac, mac, sizeof(l->mac));
	// A port has the address of what it is a port of.
	if (l->has_mac && from->has_mac && !from->master &&
	    memcmp(mac, from->mac, sizeof(l->own)) != 0) {
		l->has_own = true;
		memcpy(l->own, from->mac, sizeof(l->own));
	}
	return l->has_mac || l->path[0];
}

/* Whether a NIC is at the bottom of it that hardware, or what stands for it, is behind. */
static bool has_hardware(const struct netgather *g, const struct netstate_link *l,
			 unsigned int depth)
{
	struct netconf_link probe = {0};

	if (netstate_is_nic(l)) {
		find_device(g, l->name, &probe);
		return probe.path[0];
	}
	if (depth == DEPTH_MAX)
		return false;
	if (strcmp(l->kind, "vlan") == 0) {
		const struct netstate_link *lower = netstate_link(g->state, l->lower);

		return lower && has_hardware(g, lower, depth + 1);
	}
	for (size_t i = 0; i < g->state->nlinks; i++)
		if (g->state->links[i].master == l->index &&
		    has_hardware(g, &g->state->links[i], depth + 1))
			return true;
	return false;
}

static int gather_link(const struct netgather *g, struct netconf *n, int index, unsigned int depth,
		       int *ret, struct err *err);

/*
 * The ports of a bond or bridge. Where some lead to hardware, those that do not (of containers and
 * virtual machines) stay away: what is behind them is not there in the capture kernel.
 */
static int gather_ports(const struct netgather *g, struct netconf *n, const struct netstate_link *l,
			unsigned int depth, int ports[NETCONF_LINKS_MAX], int *primary,
			struct err *err)
{
	bool real = has_hardware(g, l, depth);
	int count = 0;

	*primary = -1;
	for (size_t i = 0; i < g->state->nlinks; i++) {
		const struct netstate_link *port = &g->state->links[i];
		int rc;

		if (port->master != l->index || (real && !has_hardware(g, port, depth + 1)))
			continue;
		if (count == NETCONF_LINKS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d ports", NETCONF_LINKS_MAX);
		rc = gather_link(g, n, port->index, depth + 1, &ports[count], err);
		if (rc)
			return rc;
		if (port->index == l->bond.primary)
			*primary = ports[count];
		count++;
	}
	return count ? count : err_set(err, ERR_NOTFOUND, "it has no port to a network card");
}

/* @name with what it takes to make it again. What is under it was gathered before. */
static struct netconf_link *add_link(struct netconf *n, const struct netstate_link *from,
				     enum netconf_kind kind, int *ret, struct err *err)
{
	struct netconf_link *l = netconf_add_link(n, from->name);

	if (!l) {
		err_set(err, ERR_LIMIT, "more than %d links are needed", NETCONF_LINKS_MAX);
		return NULL;
	}
	l->kind = kind;
	l->mtu = from->mtu;
	if (kind != NETCONF_NIC && from->has_mac) {
		l->has_mac = true;
		memcpy(l->mac, from->mac, sizeof(l->mac));
	}
	*ret = n->nlinks - 1;
	return l;
}

static int gather_master(const struct netgather *g, struct netconf *n,
			 const struct netstate_link *from, unsigned int depth, int *ret,
			 struct err *err)
{
	enum netconf_kind kind = from->kind[1] == 'o' ? NETCONF_BOND : NETCONF_BRIDGE;
	int ports[NETCONF_LINKS_MAX], primary, count;
	struct netconf_link *l;

	count = gather_ports(g, n, from, depth, ports, &primary, err);
	if (count < 0)
		return count;
	l = add_link(n, from, kind, ret, err);
	if (!l)
		return ERR_LIMIT;
	for (int i = 0; i < count; i++)
		n->links[ports[i]].master = *ret;
	if (kind == NETCONF_BOND)
		l->bond = from->bond;
	l->bond.primary = primary;
	l->stp = from->stp;
	if (from->vlan_filtering)
		note(g, "bridge %s filters VLANs, which is not carried over", from->name);
	return 0;
}

static int gather_vlan(const struct netgather *g, struct netconf *n,
		       const struct netstate_link *from, unsigned int depth, int *ret,
		       struct err *err)
{
	struct netconf_link *l;
	int over, rc = gather_link(g, n, from->lower, depth + 1, &over, err);

	if (rc)
		return rc;
	l = add_link(n, from, NETCONF_VLAN, ret, err);
	if (!l)
		return ERR_LIMIT;
	l->over = over;
	l->vlan_id = from->vlan_id;
	l->vlan_ad = from->vlan_ad;
	return 0;
}

static int gather_known(const struct netgather *g, struct netconf *n,
			const struct netstate_link *from, unsigned int depth, int *ret,
			struct err *err)
{
	struct netconf_link *l;

	if (strcmp(from->kind, "vlan") == 0)
		return gather_vlan(g, n, from, depth, ret, err);
	if (strcmp(from->kind, "bond") == 0 || strcmp(from->kind, "bridge") == 0)
		return gather_master(g, n, from, depth, ret, err);
	if (!netstate_is_nic(from))
		return err_set(err, ERR_UNSUPPORTED,
			       "a link of kind %s cannot be set up in the capture kernel; say "
			       "another way by the key 'network', such as 'network eth0:dhcp'",
			       from->kind[0] ? from->kind : "other than Ethernet");
	l = add_link(n, from, NETCONF_NIC, ret, err);
	if (!l)
		return ERR_LIMIT;
	if (!add_nic(g, l, from))
		return err_set(err, ERR_UNSUPPORTED,
			       "it has neither a MAC address nor a device to be known by");
	return 0;
}

static int gather_link(const struct netgather *g, struct netconf *n, int index, unsigned int depth,
		       int *ret, struct err *err)
{
	const struct netstate_link *from = netstate_link(g->state, index);
	int rc;

	if (!from || depth == DEPTH_MAX)
		return err_set(err, ERR_NOTFOUND,
			       "link %d is not there, or too many are on top "
			       "of each other",
			       index);
	*ret = netconf_find_link(n, from->name);
	if (*ret >= 0)
		return 0;
	rc = gather_known(g, n, from, depth, ret, err);
	if (rc)
		err_prepend(err, "%s", from->name);
	return rc;
}

int netgather_link(const struct netgather *g, struct netconf *n, int index, int *ret,
		   struct err *err)
{
	return gather_link(g, n, index, 0, ret, err);
}

// ---- addresses ----

static enum netconf_source source_of(const struct netstate_address *a)
{
	if (a->valid == NETSTATE_FOREVER || a->flags & IFA_F_PERMANENT)
		return NETCONF_STATIC;
	if (a->ip.family == AF_INET)
		return NETCONF_DHCP;
	// DHCPv6 gives single addresses, a router's advertisement says the prefix.
	return a->prefix == 128 ? NETCONF_DHCP6 : NETCONF_AUTO6;
}

static bool is_usable(const struct netstate_address *a)
{
	return !(a->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) &&
	       !netconf_ip_is_linklocal(&a->ip);
}

/* Adds @a to link @link of @n, once. */
static int add_address(struct netconf *n, int link, const struct netstate_address *a,
		       struct netconf_address *ret, struct err *err)
{
	struct netconf_address add = {
		.link = link,
		.ip = a->ip,
		.prefix = a->prefix,
		.source = source_of(a),
	};

	*ret = add;
	for (size_t i = 0; i < n->naddresses; i++)
		if (n->addresses[i].link == link && netconf_ip_equal(&n->addresses[i].ip, &add.ip))
			return 0;
	if (n->naddresses == NETCONF_ADDRESSES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d addresses are needed",
			       NETCONF_ADDRESSES_MAX);
	n->addresses[n->naddresses++] = add;
	if (add.source == NETCONF_DHCP)
		n->links[link].dhcp = true;
	if (add.source == NETCONF_AUTO6)
		n->links[link].auto6 = true;
	return 0;
}

/* The address that packets of @way come from. */
static const struct netstate_address *find_source(const struct netgather *g,
						  const struct netstate_route *way, uint8_t family)
{
	const struct netstate_address *any = NULL;

	for (size_t i = 0; i < g->state->naddresses; i++) {
		const struct netstate_address *a = &g->state->addresses[i];

		if (a->ip.family != family)
			continue;
		if (way->from.family && netconf_ip_equal(&a->ip, &way->from))
			return a;
		if (!any && a->link == way->link && is_usable(a) && !(a->flags & IFA_F_TEMPORARY))
			any = a;
	}
	return any;
}

/* An address of the link that is in one network with the gateway. */
static const struct netstate_address *find_covering(const struct netgather *g,
						    const struct netstate_route *way)
{
	for (size_t i = 0; i < g->state->naddresses; i++) {
		const struct netstate_address *a = &g->state->addresses[i];

		if (a->link == way->link && is_usable(a) &&
		    netconf_ip_within(&way->via, &a->ip, a->prefix))
			return a;
	}
	return NULL;
}

/*
 * The source address of @way on link @link, and one more where the gateway is in another network
 * than that.
 */
static int gather_addresses(const struct netgather *g, struct netconf *n, int link,
			    const struct netstate_route *way, struct netconf_address *source,
			    bool *onlink, struct err *err)
{
	const struct netstate_address *a = find_source(g, way, way->to.family);
	const struct netstate_address *covering;
	struct netstate_address here;
	struct netconf_address other;
	int rc;

	if (!a)
		return err_set(err, ERR_NOTFOUND, "%s has no address of its own",
			       n->links[link].name);
	here = *a;
	// Of another link, such as the loopback: only it itself goes along, not its network.
	if (a->link != way->link)
		here.prefix = netconf_ip_bits(a->ip.family);
	// Temporary ones (RFC 8981) go: what the router says gives another.
	rc = add_address(n, link, &here, source, err);
	*onlink = way->onlink;
	if (rc || way->via.family != a->ip.family || netconf_ip_is_linklocal(&way->via) ||
	    netconf_ip_within(&way->via, &here.ip, here.prefix))
		return rc;
	covering = find_covering(g, way);
	if (covering)
		return add_address(n, link, covering, &other, err);
	*onlink = true;
	return 0;
}

// ---- routes ----

static enum netconf_source route_source(const struct netstate_route *way,
					enum netconf_source address)
{
	if (way->protocol == PROTO_RA)
		return NETCONF_AUTO6;
	if (way->protocol == PROTO_DHCP)
		return NETCONF_DHCP;
	// Not each client says that the route is its own.
	if (address != NETCONF_STATIC && way->via.family && !way->prefix)
		return address == NETCONF_DHCP ? NETCONF_DHCP : NETCONF_AUTO6;
	return NETCONF_STATIC;
}

/* The first @bits of an address; the rest are zeros. */
static void cut_ip(struct netconf_ip *ip, unsigned int bits)
{
	for (unsigned int i = bits; i < netconf_ip_bits(ip->family); i++)
		ip->bytes[i / 8] &= ~(0x80 >> i % 8);
}

static int add_route(struct netconf *n, const struct netconf_route *r, struct err *err)
{
	for (size_t i = 0; i < n->nroutes; i++)
		if (n->routes[i].link == r->link && n->routes[i].prefix == r->prefix &&
		    netconf_ip_equal(&n->routes[i].to, &r->to))
			return 0;
	if (n->nroutes == NETCONF_ROUTES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d routes are needed",
			       NETCONF_ROUTES_MAX);
	n->routes[n->nroutes++] = *r;
	return 0;
}

/* All that it takes to send to @to. */
static int gather_way(const struct netgather *g, struct netconf *n, const struct netconf_ip *to,
		      struct err *err)
{
	struct netconf_address source;
	struct netstate_route way;
	struct netconf_route r = {0};
	int link, rc = g->way(g->ctx, to, &way, err);

	if (rc)
		return rc;
	if (way.local)
		return err_set(err, ERR_UNSUPPORTED,
			       "that is this machine itself, which will be down; use a local "
			       "target");
	if (way.via.family && way.via.family != to->family)
		return err_set(err, ERR_UNSUPPORTED,
			       "an IPv4 route by an IPv6 gateway cannot be set up yet");
	way.to.family = to->family;
	rc = gather_link(g, n, way.link, 0, &link, err);
	if (!rc)
		rc = gather_addresses(g, n, link, &way, &source, &r.onlink, err);
	if (rc)
		return rc;
	cut_ip(&way.to, way.prefix);
	// The kernel adds the route to the network of an address itself.
	if (!way.via.family && way.prefix >= source.prefix &&
	    netconf_ip_within(&way.to, &source.ip, source.prefix))
		return 0;
	r.link = link;
	r.to = way.to;
	r.prefix = way.prefix;
	r.via = way.via;
	r.metric = way.metric;
	r.source = route_source(&way, source.source);
	if (source.source == NETCONF_STATIC)
		r.from = source.ip;
	r.onlink = r.onlink && r.via.family;
	return add_route(n, &r, err);
}

/* What one host needs is added whole or not at all. */
static int try_way(const struct netgather *g, struct netconf *n, const struct netconf_ip *to,
		   struct err *err)
{
	CLEANUP_FREE struct netconf *copy = malloc(sizeof(*copy));
	int rc;

	if (!copy)
		return err_set(err, ERR_NOMEM, "no memory for the network's description");
	*copy = *n;
	rc = gather_way(g, copy, to, err);
	if (!rc)
		*n = *copy;
	return rc;
}

int netgather_host(const struct netgather *g, struct netconf *n, const struct netconf_host *host,
		   struct err *err)
{
	struct netconf_host *h;
	struct err why = {0};
	int rc = ERR_NOTFOUND;

	if (n->nhosts == NETCONF_HOSTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d hosts", NETCONF_HOSTS_MAX);
	h = &n->hosts[n->nhosts];
	*h = *host;
	h->nips = 0;
	for (size_t i = 0; i < host->nips; i++) {
		struct err this = {0};
		int one = netconf_ip_is_linklocal(&host->ips[i])
				  ? err_set(&this, ERR_UNSUPPORTED,
					    "a link-local address is not enough")
				  : try_way(g, n, &host->ips[i], &this);

		if (!one) {
			h->ips[h->nips++] = host->ips[i];
		} else if (!why.code || why.code == ERR_SYS) {
			char ip[NETCONF_ADDRESS_TEXT_MAX];

			err_prepend(&this, "%s", netconf_ip_text(&host->ips[i], ip));
			why = this;
			rc = one;
		}
	}
	if (h->nips) {
		n->nhosts++;
		return 0;
	}
	if (rc == ERR_SYS)
		rc = ERR_NOTFOUND;
	return err_set(err, rc,
		       "%s cannot be reached now: %s; is the network up, and the name right? "
		       "(else say what the capture kernel is to set up by the key 'network')",
		       host->name, why.msg);
}

// ---- name servers ----

static bool is_loopback(const struct netconf_ip *ip)
{
	static const uint8_t one[16] = {[15] = 1};

	return ip->family == AF_INET ? ip->bytes[0] == 127
				     : memcmp(ip->bytes, one, sizeof(one)) == 0;
}

/* systemd-resolved's own listeners. */
static bool is_stub(const struct netconf_ip *ip)
{
	return ip->family == AF_INET && memcmp(ip->bytes, "\x7f\0\0", 3) == 0 &&
	       (ip->bytes[3] == 53 || ip->bytes[3] == 54);
}

/* The servers and domains of one file. *@stub: one of them is systemd-resolved. */
static void read_resolv(const struct netgather *g, const char *path, struct netconf *n, bool *stub)
{
	CLEANUP_FREE char *text = NULL;
	char full[FACTS_PATH_MAX], *line, *save;

	if (facts_path(full, sizeof(full), g->root, path, NULL) ||
	    io_read_file(full, RESOLV_MAX, &text, NULL, NULL))
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct netconf_ip ip;
		char key[16] = "", value[NETCONF_HOST_MAX] = "";

		if (sscanf(line, " %15s %253[^\n]", key, value) != 2)
			continue;
		if (!strcmp(key, "search") || !strcmp(key, "domain"))
			snprintf(n->search, sizeof(n->search), "%s",
				 value[0] == '.' && !value[1] ? "" : value);
		value[strcspn(value, " \t\r")] = '\0';
		if (strcmp(key, "nameserver") != 0 || netconf_parse_ip(value, &ip, NULL))
			continue;
		*stub = *stub || is_stub(&ip);
		if (n->nservers < NETCONF_SERVERS_MAX)
			n->servers[n->nservers++] = ip;
	}
}

void netgather_servers(const struct netgather *g, struct netconf *n)
{
	struct netconf_ip servers[NETCONF_SERVERS_MAX];
	bool stub = false;
	size_t count;

	read_resolv(g, "/etc/resolv.conf", n, &stub);
	if (stub) {
		n->nservers = 0;
		read_resolv(g, "/run/systemd/resolve/resolv.conf", n, &stub);
	}
	count = n->nservers;
	memcpy(servers, n->servers, sizeof(servers));
	n->nservers = 0;
	for (size_t i = 0; i < count; i++) {
		char ip[NETCONF_ADDRESS_TEXT_MAX];
		struct err why = {0};

		netconf_ip_text(&servers[i], ip);
		if (is_loopback(&servers[i]))
			note(g,
			     "name server %s runs on this machine: not there in the capture "
			     "kernel",
			     ip);
		else if (try_way(g, n, &servers[i], &why))
			note(g, "name server %s is left out: %s", ip, why.msg);
		else
			n->servers[n->nservers++] = servers[i];
	}
}
