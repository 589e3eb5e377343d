// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/netconf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

enum {
	LINE_MAX_ = 2048,
	WORDS_MAX = 48, // of a line
	MODES = 7,
};

static const char *const kinds[] = {
	[NETCONF_NIC] = "nic",
	[NETCONF_VLAN] = "vlan",
	[NETCONF_BOND] = "bond",
	[NETCONF_BRIDGE] = "bridge",
};

static const char *const sources[] = {
	[NETCONF_STATIC] = "static",
	[NETCONF_DHCP] = "dhcp",
	[NETCONF_AUTO6] = "auto6",
	[NETCONF_DHCP6] = "dhcp6",
};

/* BOND_MODE_*, by the names that the bonding driver has for them. */
static const char *const modes[MODES] = {
	"balance-rr", "active-backup", "balance-xor", "broadcast",
	"802.3ad",    "balance-tlb",   "balance-alb",
};

/* The index of @word in @table, or -1. */
static int find_word(const char *const *table, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i], word) == 0)
			return i;
	return -1;
}

// ---- addresses ----

bool netconf_ip_equal(const struct netconf_ip *a, const struct netconf_ip *b)
{
	return a->family == b->family &&
	       memcmp(a->bytes, b->bytes, netconf_ip_size(a->family)) == 0;
}

bool netconf_ip_within(const struct netconf_ip *ip, const struct netconf_ip *net, uint8_t prefix)
{
	unsigned int whole = prefix / 8, rest = prefix % 8;

	if (ip->family != net->family || prefix > netconf_ip_bits(ip->family) ||
	    memcmp(ip->bytes, net->bytes, whole) != 0)
		return false;
	return !rest || !((ip->bytes[whole] ^ net->bytes[whole]) & (0xff00 >> rest & 0xff));
}

bool netconf_ip_is_linklocal(const struct netconf_ip *ip)
{
	return ip->family == AF_INET6 && ip->bytes[0] == 0xfe && (ip->bytes[1] & 0xc0) == 0x80;
}

const char *netconf_ip_text(const struct netconf_ip *ip, char buf[NETCONF_ADDRESS_TEXT_MAX])
{
	if (!inet_ntop(ip->family, ip->bytes, buf, NETCONF_ADDRESS_TEXT_MAX))
		snprintf(buf, NETCONF_ADDRESS_TEXT_MAX, "none");
	return buf;
}

const char *netconf_mac_text(const uint8_t mac[NETCONF_MAC_SIZE], char buf[18])
{
	snprintf(buf, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
	return buf;
}

int netconf_parse_ip(const char *text, struct netconf_ip *ret, struct err *err)
{
	struct netconf_ip ip = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

	if (inet_pton(ip.family, text, ip.bytes) != 1)
		return err_set(err, ERR_USAGE, "'%s' is no IPv4 or IPv6 address", text);
	*ret = ip;
	return 0;
}

/* A decimal number of [@min, @max], and nothing else. */
static int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret,
			struct err *err)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || v < min || v > max)
		return err_set(err, ERR_USAGE, "'%s' is no number from %llu to %llu", text,
			       (unsigned long long)min, (unsigned long long)max);
	*ret = v;
	return 0;
}

int netconf_parse_prefix(const char *text, struct netconf_ip *ip, uint8_t *prefix, struct err *err)
{
	const char *slash = strchr(text, '/');
	char address[NETCONF_ADDRESS_TEXT_MAX];
	uint64_t bits;
	int rc;

	if (!slash || slash - text >= (int)sizeof(address))
		return err_set(err, ERR_USAGE, "'%s' is no ADDRESS/BITS", text);
	memcpy(address, text, slash - text);
	address[slash - text] = '\0';
	rc = netconf_parse_ip(address, ip, err);
	if (!rc)
		rc = parse_number(slash + 1, 0, netconf_ip_bits(ip->family), &bits, err);
	if (!rc)
		*prefix = bits;
	return rc;
}

int netconf_parse_mac(const char *text, uint8_t mac[NETCONF_MAC_SIZE], struct err *err)
{
	unsigned int b[NETCONF_MAC_SIZE];
	int end = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != NETCONF_MAC_SIZE ||
	    end != 17 || text[end])
		return err_set(err, ERR_USAGE, "'%s' is no MAC address", text);
	for (int i = 0; i < NETCONF_MAC_SIZE; i++)
		mac[i] = b[i];
	return 0;
}

int netconf_parse_bond_mode(const char *text, uint8_t *ret, struct err *err)
{
	int mode = find_word(modes, MODES, text);
	uint64_t number;

	if (mode < 0) {
		if (parse_number(text, 0, MODES - 1, &number, NULL))
			return err_set(err, ERR_USAGE, "'%s' is no mode of a bond", text);
		mode = number;
	}
	*ret = mode;
	return 0;
}

// ---- links ----

struct netconf_link *netconf_add_link(struct netconf *n, const char *name)
{
	struct netconf_link *l;

	if (n->nlinks == NETCONF_LINKS_MAX || strlen(name) >= sizeof(l->name))
		return NULL;
	l = &n->links[n->nlinks++];
	*l = (struct netconf_link){.master = -1, .over = -1, .bond.primary = -1};
	snprintf(l->name, sizeof(l->name), "%s", name);
	return l;
}

int netconf_find_link(const struct netconf *n, const char *name)
{
	for (size_t i = 0; i < n->nlinks; i++)
		if (strcmp(n->links[i].name, name) == 0)
			return i;
	return -1;
}

// ---- reading ----

struct line {
	char *words[WORDS_MAX];
	size_t n;
};

static int named_link(const struct netconf *n, const char *name, int *ret, struct err *err)
{
	int i = netconf_find_link(n, name);

	if (i < 0)
		return err_set(err, ERR_USAGE, "link '%s' is not described above", name);
	*ret = i;
	return 0;
}

static int read_u32(const char *value, uint64_t max, uint32_t *ret, struct err *err)
{
	uint64_t v;
	int rc = parse_number(value, 0, max, &v, err);

	if (!rc)
		*ret = v;
	return rc;
}

static int read_u8(const char *value, uint8_t *ret, struct err *err)
{
	uint32_t v;
	int rc = read_u32(value, UINT8_MAX, &v, err);

	if (!rc)
		*ret = v;
	return rc;
}

static int read_text(const char *value, char *buf, size_t room, struct err *err)
{
	if (strlen(value) >= room)
		return err_set(err, ERR_LIMIT, "'%s' is too long", value);
	snprintf(buf, room, "%s", value);
	return 0;
}

static int read_arp_target(struct netconf_bond *b, const char *value, struct err *err)
{
	if (b->narp_targets == NETCONF_TARGETS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d arp_ip_target", NETCONF_TARGETS_MAX);
	return netconf_parse_ip(value, &b->arp_targets[b->narp_targets++], err);
}

static int read_bond_word(struct netconf_bond *b, const char *key, const char *value,
			  struct err *err)
{
	if (strcmp(key, "mode") == 0)
		return netconf_parse_bond_mode(value, &b->mode, err);
	if (strcmp(key, "miimon") == 0)
		return read_u32(value, UINT32_MAX, &b->miimon, err);
	if (strcmp(key, "arp_interval") == 0)
		return read_u32(value, UINT32_MAX, &b->arp_interval, err);
	if (strcmp(key, "arp_ip_target") == 0)
		return read_arp_target(b, value, err);
	if (strcmp(key, "lacp_rate") == 0)
		return read_u8(value, &b->lacp_rate, err);
	if (strcmp(key, "ad_select") == 0)
		return read_u8(value, &b->ad_select, err);
	if (strcmp(key, "xmit_hash_policy") == 0)
		return read_u8(value, &b->xmit_hash_policy, err);
	if (strcmp(key, "fail_over_mac") == 0)
		return read_u8(value, &b->fail_over_mac, err);
	return err_set(err, ERR_USAGE, "'%s' is nothing that a bond has", key);
}

static int read_nic_word(struct netconf_link *l, const char *key, const char *value,
			 struct err *err)
{
	if (strcmp(key, "match") == 0) {
		if (strcmp(value, "any") && strcmp(value, "name"))
			return err_set(err, ERR_USAGE, "match=%s: want any or name", value);
		l->match = value[0] == 'a' ? NETCONF_MATCH_ANY : NETCONF_MATCH_NAME;
		return 0;
	}
	if (strcmp(key, "own") == 0) {
		l->has_own = true;
		return netconf_parse_mac(value, l->own, err);
	}
	if (strcmp(key, "path") == 0)
		return read_text(value, l->path, sizeof(l->path), err);
	if (strcmp(key, "driver") == 0)
		return read_text(value, l->driver, sizeof(l->driver), err);
	return err_set(err, ERR_USAGE, "'%s' is nothing that a NIC has", key);
}

static int read_vlan_word(struct netconf *n, struct netconf_link *l, const char *key,
			  const char *value, struct err *err)
{
	uint64_t id;
	int rc;

	if (strcmp(key, "over") == 0)
		return named_link(n, value, &l->over, err);
	if (strcmp(key, "proto") == 0) {
		l->vlan_ad = strcmp(value, "802.1ad") == 0;
		return l->vlan_ad || strcmp(value, "802.1Q") == 0
			       ? 0
			       : err_set(err, ERR_USAGE, "proto=%s: want 802.1Q or 802.1ad", value);
	}
	if (strcmp(key, "id") != 0)
		return err_set(err, ERR_USAGE, "'%s' is nothing that a VLAN has", key);
	rc = parse_number(value, 0, 4094, &id, err);
	if (!rc)
		l->vlan_id = id;
	return rc;
}

static int read_link_word(struct netconf *n, struct netconf_link *l, const char *key,
			  const char *value, struct err *err)
{
	if (strcmp(key, "mtu") == 0)
		return read_u32(value, 1 << 16, &l->mtu, err);
	if (strcmp(key, "mac") == 0) {
		l->has_mac = true;
		return netconf_parse_mac(value, l->mac, err);
	}
	switch (l->kind) {
	case NETCONF_NIC:
		return read_nic_word(l, key, value, err);
	case NETCONF_BOND:
		return read_bond_word(&l->bond, key, value, err);
	case NETCONF_VLAN:
		return read_vlan_word(n, l, key, value, err);
	case NETCONF_BRIDGE:
		break;
	}
	if (strcmp(key, "stp") != 0)
		return err_set(err, ERR_USAGE, "'%s' is nothing that a bridge has", key);
	l->stp = strcmp(value, "on") == 0;
	return l->stp || strcmp(value, "off") == 0
		       ? 0
		       : err_set(err, ERR_USAGE, "stp=%s: want on or off", value);
}

/* Calls for each KEY=VALUE from word @from on. */
static int each_pair(struct netconf *n, const struct line *line, size_t from,
		     int (*take)(struct netconf *n, void *ctx, const char *key, const char *value,
				 struct err *err),
		     void *ctx, struct err *err)
{
	for (size_t i = from; i < line->n; i++) {
		char *equals = strchr(line->words[i], '=');
		int rc;

		if (!equals)
			return err_set(err, ERR_USAGE, "'%s' is no NAME=VALUE", line->words[i]);
		*equals = '\0';
		rc = take(n, ctx, line->words[i], equals + 1, err);
		if (rc)
			return rc;
	}
	return 0;
}

static int take_link_word(struct netconf *n, void *ctx, const char *key, const char *value,
			  struct err *err)
{
	return read_link_word(n, ctx, key, value, err);
}

static int want_words(const struct line *line, size_t n, struct err *err)
{
	return line->n >= n
		       ? 0
		       : err_set(err, ERR_USAGE, "'%s' needs %zu words", line->words[0], n - 1);
}

/* link NAME KIND [KEY=VALUE...] */
static int read_link(struct netconf *n, const struct line *line, struct err *err)
{
	struct netconf_link *l;
	int rc = want_words(line, 3, err), kind;

	if (rc)
		return rc;
	if (netconf_find_link(n, line->words[1]) >= 0)
		return err_set(err, ERR_USAGE, "link '%s' is described twice", line->words[1]);
	kind = find_word(kinds, ARRAY_SIZE(kinds), line->words[2]);
	if (kind < 0)
		return err_set(err, ERR_USAGE, "'%s' is no kind of link", line->words[2]);
	l = netconf_add_link(n, line->words[1]);
	if (!l)
		return err_set(err, ERR_LIMIT, "more than %d links, or a name too long: '%s'",
			       NETCONF_LINKS_MAX, line->words[1]);
	l->kind = kind;
	rc = each_pair(n, line, 3, take_link_word, l, err);
	if (!rc && kind == NETCONF_VLAN && l->over < 0)
		rc = err_set(err, ERR_USAGE, "VLAN '%s' is over nothing", l->name);
	if (!rc && kind == NETCONF_NIC && l->match == NETCONF_MATCH_DEVICE && !l->has_mac &&
	    !l->path[0])
		rc = err_set(err, ERR_USAGE, "NIC '%s' has neither mac= nor path=", l->name);
	return rc;
}

/* port MASTER PORT [primary] */
static int read_port(struct netconf *n, const struct line *line, struct err *err)
{
	int master = 0, port = 0, rc = want_words(line, 3, err);

	if (!rc)
		rc = named_link(n, line->words[1], &master, err);
	if (!rc)
		rc = named_link(n, line->words[2], &port, err);
	if (rc)
		return rc;
	if (n->links[master].kind != NETCONF_BOND && n->links[master].kind != NETCONF_BRIDGE)
		return err_set(err, ERR_USAGE, "'%s' has no ports", line->words[1]);
	// What is above stands behind: no ring of ports can be.
	if (port >= master)
		return err_set(err, ERR_USAGE, "port '%s' stands behind '%s'", line->words[2],
			       line->words[1]);
	n->links[port].master = master;
	if (line->n > 3) {
		if (strcmp(line->words[3], "primary") != 0)
			return err_set(err, ERR_USAGE, "'%s': want primary", line->words[3]);
		n->links[master].bond.primary = port;
	}
	return 0;
}

static int read_source(const char *word, enum netconf_source *ret, struct err *err)
{
	int source = find_word(sources, ARRAY_SIZE(sources), word);

	if (source < 0)
		return err_set(err, ERR_USAGE, "'%s': want static, dhcp, auto6 or dhcp6", word);
	*ret = source;
	return 0;
}

/* address LINK IP/BITS SOURCE */
static int read_address(struct netconf *n, const struct line *line, struct err *err)
{
	struct netconf_address *a = &n->addresses[n->naddresses];
	int rc = want_words(line, 4, err);

	if (!rc && n->naddresses == NETCONF_ADDRESSES_MAX)
		rc = err_set(err, ERR_LIMIT, "more than %d addresses", NETCONF_ADDRESSES_MAX);
	if (rc)
		return rc;
	rc = named_link(n, line->words[1], &a->link, err);
	if (!rc)
		rc = netconf_parse_prefix(line->words[2], &a->ip, &a->prefix, err);
	if (!rc)
		rc = read_source(line->words[3], &a->source, err);
	if (!rc)
		n->naddresses++;
	return rc;
}

static int take_route_word(struct netconf *n, void *ctx, const char *key, const char *value,
			   struct err *err)
{
	struct netconf_route *r = ctx;

	(void)n;
	if (strcmp(key, "via") == 0)
		return netconf_parse_ip(value, &r->via, err);
	if (strcmp(key, "from") == 0)
		return netconf_parse_ip(value, &r->from, err);
	if (strcmp(key, "metric") == 0)
		return read_u32(value, UINT32_MAX, &r->metric, err);
	if (strcmp(key, "onlink") == 0) {
		r->onlink = strcmp(value, "yes") == 0;
		return r->onlink ? 0 : err_set(err, ERR_USAGE, "onlink=%s: want yes", value);
	}
	return err_set(err, ERR_USAGE, "'%s' is nothing that a route has", key);
}

/* route LINK IP/BITS SOURCE [via=IP] [from=IP] [metric=N] [onlink=yes] */
static int read_route(struct netconf *n, const struct line *line, struct err *err)
{
	struct netconf_route *r = &n->routes[n->nroutes];
	int rc = want_words(line, 4, err);

	if (!rc && n->nroutes == NETCONF_ROUTES_MAX)
		rc = err_set(err, ERR_LIMIT, "more than %d routes", NETCONF_ROUTES_MAX);
	if (rc)
		return rc;
	*r = (struct netconf_route){0};
	rc = named_link(n, line->words[1], &r->link, err);
	if (!rc)
		rc = netconf_parse_prefix(line->words[2], &r->to, &r->prefix, err);
	if (!rc)
		rc = read_source(line->words[3], &r->source, err);
	if (!rc)
		rc = each_pair(n, line, 4, take_route_word, r, err);
	if (!rc && ((r->via.family && r->via.family != r->to.family) ||
		    (r->from.family && r->from.family != r->to.family)))
		rc = err_set(err, ERR_USAGE, "IPv4 and IPv6 in one route");
	if (!rc)
		n->nroutes++;
	return rc;
}

/* host NAME dns|files|node IP... */
static int read_host(struct netconf *n, const struct line *line, struct err *err)
{
	struct netconf_host *h = &n->hosts[n->nhosts];
	int rc = want_words(line, 4, err);

	if (!rc && (n->nhosts == NETCONF_HOSTS_MAX || line->n - 3 > NETCONF_HOST_ADDRESSES_MAX))
		rc = err_set(err, ERR_LIMIT, "more than %d hosts, or %d addresses of one",
			     NETCONF_HOSTS_MAX, NETCONF_HOST_ADDRESSES_MAX);
	if (rc)
		return rc;
	*h = (struct netconf_host){.files = strcmp(line->words[2], "files") == 0,
				   .node = strcmp(line->words[2], "node") == 0};
	if (!h->files && !h->node && strcmp(line->words[2], "dns") != 0)
		return err_set(err, ERR_USAGE, "'%s': want dns, files or node", line->words[2]);
	rc = read_text(line->words[1], h->name, sizeof(h->name), err);
	for (size_t i = 3; !rc && i < line->n; i++)
		rc = netconf_parse_ip(line->words[i], &h->ips[h->nips++], err);
	if (!rc)
		n->nhosts++;
	return rc;
}

static int read_dns(struct netconf *n, const struct line *line, struct err *err)
{
	int rc = want_words(line, 2, err);

	if (!rc && n->nservers == NETCONF_SERVERS_MAX)
		rc = err_set(err, ERR_LIMIT, "more than %d name servers", NETCONF_SERVERS_MAX);
	if (!rc)
		rc = netconf_parse_ip(line->words[1], &n->servers[n->nservers], err);
	if (!rc)
		n->nservers++;
	return rc;
}

static int read_search(struct netconf *n, const struct line *line, struct err *err)
{
	size_t used = 0;

	n->search[0] = '\0';
	for (size_t i = 1; i < line->n; i++) {
		used += snprintf(n->search + used, sizeof(n->search) - used, "%s%s",
				 i > 1 ? " " : "", line->words[i]);
		if (used >= sizeof(n->search))
			return err_set(err, ERR_LIMIT, "too many domains");
	}
	return 0;
}

static int read_dhcp(struct netconf *n, const struct line *line, struct err *err)
{
	int link = 0, rc = want_words(line, 2, err);

	if (!rc)
		rc = named_link(n, line->words[1], &link, err);
	if (!rc)
		n->links[link].dhcp = true;
	return rc;
}

static int read_auto6(struct netconf *n, const struct line *line, struct err *err)
{
	int link = 0, rc = want_words(line, 2, err);

	if (!rc)
		rc = named_link(n, line->words[1], &link, err);
	if (!rc)
		n->links[link].auto6 = true;
	return rc;
}

static const struct {
	const char *name;
	int (*read)(struct netconf *n, const struct line *line, struct err *err);
} readers[] = {
	{"link", read_link},   {"port", read_port},   {"address", read_address},
	{"route", read_route}, {"host", read_host},   {"dns", read_dns},
	{"dhcp", read_dhcp},   {"auto6", read_auto6}, {"search", read_search},
};

static int read_line(struct netconf *n, char *text, struct err *err)
{
	struct line line = {.n = 0};
	char *save, *word;

	text[strcspn(text, "#")] = '\0';
	for (word = strtok_r(text, " \t\r", &save); word; word = strtok_r(NULL, " \t\r", &save)) {
		if (line.n == WORDS_MAX)
			return err_set(err, ERR_LIMIT, "more than %d words", WORDS_MAX);
		line.words[line.n++] = word;
	}
	if (!line.n)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		if (strcmp(readers[i].name, line.words[0]) == 0)
			return readers[i].read(n, &line, err);
	return err_set(err, ERR_USAGE, "'%s' is not known", line.words[0]);
}

int netconf_parse(struct netconf *n, const char *name, const char *text, size_t size,
		  struct err *err)
{
	unsigned int number = 0;

	memset(n, 0, sizeof(*n));
	if (memchr(text, '\0', size))
		return err_set(err, ERR_USAGE, "%s: a zero byte in it", name);
	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t len = end ? (size_t)(end - text) - at : size - at;
		char line[LINE_MAX_];
		int rc;

		number++;
		if (len >= sizeof(line))
			return err_set(err, ERR_LIMIT, "%s:%u: a line of %zu bytes", name, number,
				       len);
		memcpy(line, text + at, len);
		line[len] = '\0';
		rc = read_line(n, line, err);
		if (rc) {
			err_prepend(err, "%s:%u", name, number);
			return rc;
		}
		at += len + (end != NULL);
	}
	return 0;
}

// ---- writing ----

struct text {
	char *buf;
	size_t room, used;
};

static void __attribute__((format(printf, 2, 3))) put(struct text *t, const char *fmt, ...)
{
	size_t left = t->used < t->room ? t->room - t->used : 0;
	va_list ap;

	va_start(ap, fmt);
	t->used += vsnprintf(left ? t->buf + t->used : NULL, left, fmt, ap);
	va_end(ap);
}

static void put_ip(struct text *t, const char *before, const struct netconf_ip *ip)
{
	char buf[NETCONF_ADDRESS_TEXT_MAX];

	put(t, "%s%s", before, netconf_ip_text(ip, buf));
}

static void put_nic(struct text *t, const struct netconf_link *l)
{
	char mac[18];

	if (l->match != NETCONF_MATCH_DEVICE)
		put(t, " match=%s", l->match == NETCONF_MATCH_ANY ? "any" : "name");
	if (l->has_own)
		put(t, " own=%s", netconf_mac_text(l->own, mac));
	if (l->path[0])
		put(t, " path=%s", l->path);
	if (l->driver[0])
		put(t, " driver=%s", l->driver);
}

static void put_bond(struct text *t, const struct netconf_bond *b)
{
	put(t, " mode=%s miimon=%u", modes[b->mode % MODES], b->miimon);
	if (b->arp_interval)
		put(t, " arp_interval=%u", b->arp_interval);
	for (size_t i = 0; i < b->narp_targets; i++)
		put_ip(t, " arp_ip_target=", &b->arp_targets[i]);
	put(t, " lacp_rate=%u ad_select=%u xmit_hash_policy=%u fail_over_mac=%u", b->lacp_rate,
	    b->ad_select, b->xmit_hash_policy, b->fail_over_mac);
}

static void put_link(struct text *t, const struct netconf *n, const struct netconf_link *l)
{
	char mac[18];

	put(t, "link %s %s", l->name, kinds[l->kind]);
	if (l->has_mac)
		put(t, " mac=%s", netconf_mac_text(l->mac, mac));
	if (l->kind == NETCONF_NIC)
		put_nic(t, l);
	else if (l->kind == NETCONF_BOND)
		put_bond(t, &l->bond);
	else if (l->kind == NETCONF_VLAN)
		put(t, " id=%u proto=%s over=%s", l->vlan_id, l->vlan_ad ? "802.1ad" : "802.1Q",
		    n->links[l->over].name);
	else
		put(t, " stp=%s", l->stp ? "on" : "off");
	if (l->mtu)
		put(t, " mtu=%u", l->mtu);
	put(t, "\n");
}

static void put_links(struct text *t, const struct netconf *n)
{
	for (size_t i = 0; i < n->nlinks; i++)
		put_link(t, n, &n->links[i]);
	for (size_t i = 0; i < n->nlinks; i++) {
		const struct netconf_link *l = &n->links[i];

		if (l->master >= 0)
			put(t, "port %s %s%s\n", n->links[l->master].name, l->name,
			    n->links[l->master].bond.primary == (int)i ? " primary" : "");
		if (l->dhcp)
			put(t, "dhcp %s\n", l->name);
		if (l->auto6)
			put(t, "auto6 %s\n", l->name);
	}
}

static void put_route(struct text *t, const struct netconf *n, const struct netconf_route *r)
{
	put(t, "route %s", n->links[r->link].name);
	put_ip(t, " ", &r->to);
	put(t, "/%u %s", r->prefix, sources[r->source]);
	if (r->via.family)
		put_ip(t, " via=", &r->via);
	if (r->from.family)
		put_ip(t, " from=", &r->from);
	if (r->metric)
		put(t, " metric=%u", r->metric);
	put(t, "%s\n", r->onlink ? " onlink=yes" : "");
}

int netconf_print(const struct netconf *n, char *buf, size_t room, struct err *err)
{
	struct text t = {.buf = buf, .room = room};

	// Where there is nothing to say it is an empty text all the same.
	put(&t, "%s", "");
	put_links(&t, n);
	for (size_t i = 0; i < n->naddresses; i++) {
		const struct netconf_address *a = &n->addresses[i];

		put(&t, "address %s", n->links[a->link].name);
		put_ip(&t, " ", &a->ip);
		put(&t, "/%u %s\n", a->prefix, sources[a->source]);
	}
	for (size_t i = 0; i < n->nroutes; i++)
		put_route(&t, n, &n->routes[i]);
	for (size_t i = 0; i < n->nservers; i++) {
		put_ip(&t, "dns ", &n->servers[i]);
		put(&t, "\n");
	}
	if (n->search[0])
		put(&t, "search %s\n", n->search);
	for (size_t i = 0; i < n->nhosts; i++) {
		put(&t, "host %s %s", n->hosts[i].name,
		    n->hosts[i].node	? "node"
		    : n->hosts[i].files ? "files"
					: "dns");
		for (size_t j = 0; j < n->hosts[i].nips; j++)
			put_ip(&t, " ", &n->hosts[i].ips[j]);
		put(&t, "\n");
	}
	return t.used < room ? 0
			     : err_set(err, ERR_LIMIT, "the network's description takes %zu bytes",
				       t.used);
}
