// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/nettext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "loader/netgather.h"
#include "vmcore/config.h"
#include "vmcore/netconf.h"
#include "vmcore/netstate.h"

enum {
	MAC_TEXT = 17, // "52:54:00:12:34:56"
	MIIMON_DEFAULT = 100, // milliseconds; without it a bond does not see a link fail
	VLAN_MAX = 4094,
	MTU_MIN = 68,
	MTU_MAX = 65535,
};

/* One DEV:METHOD,OPTION... as it is read. */
struct word {
	char *dev, *method;
	char *vlan, *bond, *mtu, *gw; // of its options; NULL: not said
};

static int number(const char *text, const char *what, long min, long max, long *ret,
		  struct err *err)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (!*text || *end || v < min || v > max)
		return err_set(err, ERR_USAGE, "%s=%s: want a number from %ld to %ld", what, text,
			       min, max);
	*ret = v;
	return 0;
}

/* Where DEV ends: a MAC address has colons of its own. */
static char *end_of_dev(char *word)
{
	char mac[MAC_TEXT + 1];
	uint8_t bytes[NETCONF_MAC_SIZE];

	snprintf(mac, sizeof(mac), "%s", word);
	if (!netconf_parse_mac(mac, bytes, NULL))
		return word[MAC_TEXT] == ':' ? word + MAC_TEXT : NULL;
	return strchr(word, ':');
}

static int add_server(struct netconf *n, const char *text, struct err *err)
{
	if (n->nservers == NETCONF_SERVERS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d of dns=", NETCONF_SERVERS_MAX);
	return netconf_parse_ip(text, &n->servers[n->nservers++], err);
}

static int read_option(struct netconf *n, struct word *w, char *option, struct err *err)
{
	char *value = strchr(option, '=');

	if (!value)
		return err_set(err, ERR_USAGE, "'%s' is no NAME=VALUE", option);
	*value++ = '\0';
	if (strcmp(option, "dns") == 0)
		return add_server(n, value, err);
	if (strcmp(option, "vlan") == 0)
		w->vlan = value;
	else if (strcmp(option, "bond") == 0)
		w->bond = value;
	else if (strcmp(option, "mtu") == 0)
		w->mtu = value;
	else if (strcmp(option, "gw") == 0)
		w->gw = value;
	else
		return err_set(err, ERR_USAGE, "'%s': want gw, dns, vlan, bond or mtu", option);
	return 0;
}

static int split(struct netconf *n, char *text, struct word *w, struct err *err)
{
	char *colon = end_of_dev(text), *option, *save;
	int rc = 0;

	*w = (struct word){.dev = text};
	if (!colon || colon == text || !colon[1])
		return err_set(err, ERR_USAGE, "'%s' is no DEV:METHOD", text);
	*colon = '\0';
	w->method = strtok_r(colon + 1, ",", &save);
	if (!w->method)
		return err_set(err, ERR_USAGE, "'%s' has no method", text);
	while (!rc && (option = strtok_r(NULL, ",", &save)))
		rc = read_option(n, w, option, err);
	return rc;
}

/* A fresh link with a label that no other has. */
static struct netconf_link *fresh(struct netconf *n, const char *label, struct err *err)
{
	char name[NETCONF_NAME_MAX];
	struct netconf_link *l;

	snprintf(name, sizeof(name), "%s", label);
	for (unsigned int i = 1; netconf_find_link(n, name) >= 0; i++)
		snprintf(name, sizeof(name), "%.9s-%u", label, i);
	l = netconf_add_link(n, name);
	if (!l)
		err_set(err, ERR_LIMIT, "more than %d links", NETCONF_LINKS_MAX);
	return l;
}

static int by_mac(struct netconf *n, const uint8_t mac[NETCONF_MAC_SIZE], int *ret, struct err *err)
{
	struct netconf_link *l;

	for (size_t i = 0; i < n->nlinks; i++) {
		*ret = i;
		if (n->links[i].kind == NETCONF_NIC && n->links[i].has_mac &&
		    memcmp(n->links[i].mac, mac, NETCONF_MAC_SIZE) == 0)
			return 0;
	}
	l = fresh(n, "nic", err);
	if (!l)
		return ERR_LIMIT;
	l->has_mac = true;
	memcpy(l->mac, mac, NETCONF_MAC_SIZE);
	*ret = n->nlinks - 1;
	return 0;
}

/* `any`, a MAC address, or a name. */
static int find_dev(const struct netgather *g, struct netconf *n, const char *dev, int *ret,
		    struct err *err)
{
	bool any = strcmp(dev, "any") == 0;
	const struct netstate_link *there;
	uint8_t mac[NETCONF_MAC_SIZE];
	struct netconf_link *l;

	if (!netconf_parse_mac(dev, mac, NULL))
		return by_mac(n, mac, ret, err);
	if (strlen(dev) >= NETCONF_NAME_MAX || strpbrk(dev, "=/#"))
		return err_set(err, ERR_USAGE, "'%s' is no name of a link", dev);
	*ret = netconf_find_link(n, dev);
	if (*ret >= 0)
		return 0;
	if (!any && g) {
		there = netstate_named(g->state, dev);
		if (!there)
			return err_set(err, ERR_NOTFOUND,
				       "there is no link '%s' on this machine (`ip link` lists "
				       "them)",
				       dev);
		return netgather_link(g, n, there->index, ret, err);
	}
	l = netconf_add_link(n, dev);
	if (!l)
		return err_set(err, ERR_LIMIT, "more than %d links", NETCONF_LINKS_MAX);
	l->match = any ? NETCONF_MATCH_ANY : NETCONF_MATCH_NAME;
	*ret = n->nlinks - 1;
	return 0;
}

/* DEV+DEV... with bond=MODE. The same ports are the same bond. */
static int find_bond(const struct netgather *g, struct netconf *n, const struct word *w, int *ret,
		     struct err *err)
{
	int ports[NETCONF_LINKS_MAX], count = 0, rc = 0;
	char *dev, *save;
	struct netconf_link *l;

	for (dev = strtok_r(w->dev, "+", &save); dev && !rc; dev = strtok_r(NULL, "+", &save)) {
		if (count == NETCONF_LINKS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d ports", NETCONF_LINKS_MAX);
		rc = find_dev(g, n, dev, &ports[count++], err);
	}
	if (rc)
		return rc;
	if (!count)
		return err_set(err, ERR_USAGE, "no device in it");
	if (n->links[ports[0]].master >= 0) {
		*ret = n->links[ports[0]].master;
		return 0;
	}
	l = fresh(n, "bond", err);
	if (!l)
		return ERR_LIMIT;
	l->kind = NETCONF_BOND;
	l->bond.miimon = MIIMON_DEFAULT;
	*ret = n->nlinks - 1;
	for (int i = 0; i < count; i++)
		n->links[ports[i]].master = *ret;
	return netconf_parse_bond_mode(w->bond, &l->bond.mode, err);
}

static int find_vlan(struct netconf *n, const char *text, int over, int *ret, struct err *err)
{
	struct netconf_link *l;
	char label[NETCONF_NAME_MAX];
	long id;
	int rc = number(text, "vlan", 1, VLAN_MAX, &id, err);

	if (rc)
		return rc;
	for (size_t i = 0; i < n->nlinks; i++) {
		*ret = i;
		if (n->links[i].kind == NETCONF_VLAN && n->links[i].over == over &&
		    n->links[i].vlan_id == id)
			return 0;
	}
	snprintf(label, sizeof(label), "vlan%ld", id);
	l = fresh(n, label, err);
	if (!l)
		return ERR_LIMIT;
	l->kind = NETCONF_VLAN;
	l->over = over;
	l->vlan_id = id;
	*ret = n->nlinks - 1;
	return 0;
}

static int find_link(const struct netgather *g, struct netconf *n, const struct word *w, int *ret,
		     struct err *err)
{
	long mtu;
	int rc;

	if (!w->bond && strchr(w->dev, '+'))
		return err_set(err, ERR_USAGE, "'%s': several devices need bond=MODE", w->dev);
	rc = w->bond ? find_bond(g, n, w, ret, err) : find_dev(g, n, w->dev, ret, err);
	if (!rc && w->vlan)
		rc = find_vlan(n, w->vlan, *ret, ret, err);
	if (!rc && w->mtu)
		rc = number(w->mtu, "mtu", MTU_MIN, MTU_MAX, &mtu, err);
	if (!rc && w->mtu)
		n->links[*ret].mtu = mtu;
	return rc;
}

static int add_gateway(struct netconf *n, int link, const char *text, struct err *err)
{
	struct netconf_route *r = &n->routes[n->nroutes];
	int rc;

	if (n->nroutes == NETCONF_ROUTES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d of gw=", NETCONF_ROUTES_MAX);
	*r = (struct netconf_route){.link = link};
	rc = netconf_parse_ip(text, &r->via, err);
	if (rc)
		return rc;
	r->to.family = r->via.family;
	r->onlink = !netconf_ip_is_linklocal(&r->via);
	for (size_t i = 0; i < n->naddresses; i++)
		if (n->addresses[i].link == link &&
		    netconf_ip_within(&r->via, &n->addresses[i].ip, n->addresses[i].prefix))
			r->onlink = false;
	n->nroutes++;
	return 0;
}

static int set_method(struct netconf *n, int link, const char *method, struct err *err)
{
	struct netconf_address *a = &n->addresses[n->naddresses];

	if (strcmp(method, "dhcp") == 0) {
		n->links[link].dhcp = true;
		return 0;
	}
	if (strcmp(method, "auto6") == 0) {
		n->links[link].auto6 = true;
		return 0;
	}
	if (!strchr(method, '/'))
		return err_set(err, ERR_USAGE, "'%s': want dhcp, auto6 or ADDRESS/BITS", method);
	if (n->naddresses == NETCONF_ADDRESSES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d addresses", NETCONF_ADDRESSES_MAX);
	*a = (struct netconf_address){.link = link};
	n->naddresses++;
	return netconf_parse_prefix(method, &a->ip, &a->prefix, err);
}

int nettext_parse(const struct netgather *g, struct netconf *n, const char *text, struct err *err)
{
	char copy[CONFIG_VALUE_MAX], *one, *save;
	int rc = 0;

	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return err_set(err, ERR_LIMIT, "network: more than %d bytes", CONFIG_VALUE_MAX - 1);
	for (one = strtok_r(copy, " \t", &save); one && !rc; one = strtok_r(NULL, " \t", &save)) {
		struct word w;
		int link;

		rc = split(n, one, &w, err);
		if (!rc)
			rc = find_link(g, n, &w, &link, err);
		if (!rc)
			rc = set_method(n, link, w.method, err);
		if (!rc && w.gw)
			rc = add_gateway(n, link, w.gw, err);
	}
	if (rc)
		err_prepend(err, "network");
	else if (!n->nlinks)
		rc = err_set(err, ERR_USAGE, "network: nothing said");
	return rc;
}
