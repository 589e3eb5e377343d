// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/netup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/netlink.h"
#include "collector/linkup.h"
#include "collector/log.h"
#include "collector/netlease.h"
#include "collector/netnames.h"
#include "vmcore/netconf.h"
#include "vmcore/netstate.h"

#define UP_FILE	  "/run/lifeboat/network-up"
#define LOCK_FILE "/run/lifeboat/network-lock"

enum {
	POLL_MS = 100,
	NUDGE_MS = 1000, // between packets that make the kernel look for a neighbour
	DISCARD_PORT = 9,
	// Parts of the limit, in percent from the start, by which a step must be done.
	SHARE_FOUND = 25,
	SHARE_CARRIER = 50,
	SHARE_ADDRESS = 75,
};

struct netup {
	const struct netup_request *r;
	struct netconf conf;
	struct netlink nl;
	struct netstate state;
	struct linkup links;
	uint64_t start_ms, limit_ms;
	pid_t asking[NETCONF_LINKS_MAX]; // udhcpc, or 0
	struct netlease leases[NETCONF_LINKS_MAX];
	size_t nleases;
	bool lost[NETCONF_LINKS_MAX]; // no address by DHCP
	bool leased[NETCONF_LINKS_MAX];
	bool advertised[NETCONF_LINKS_MAX]; // an address by a router came
};

// ---- time and words ----

static uint64_t spent_ms(const struct netup *u)
{
	return log_now_ms() - u->start_ms;
}

static bool in_time(const struct netup *u, unsigned int percent)
{
	return spent_ms(u) < u->limit_ms * percent / 100;
}

static void pause_a_little(void)
{
	usleep(POLL_MS * 1000);
}

static void say(const struct netup *u, const char *what, const struct err *why)
{
	log_line(u->r->log, LOG_ERROR, "warning: network: %s%s%s", what, why ? ": " : "",
		 why ? why->msg : "");
}

/* "eth0 52:54:00:12:34:56 carrier, eth1 52:54:00:12:34:57 no carrier" */
static void list_links(const struct netup *u, char *buf, size_t room)
{
	size_t used = 0;

	snprintf(buf, room, "no network card at all; its driver may be missing from the initrd");
	for (size_t i = 0; i < u->state.nlinks && used < room; i++) {
		const struct netstate_link *l = &u->state.links[i];
		char mac[18];

		if (l->ether)
			used += snprintf(buf + used, room - used, "%s%s %s %s", used ? ", " : "",
					 l->name,
					 netconf_mac_text(l->has_perm ? l->perm : l->mac, mac),
					 l->carrier ? "carrier" : "no carrier");
	}
}

static int fail(struct netup *u, struct err *err, const char *what)
{
	char links[256];

	netstate_read(&u->nl, &u->state, NULL);
	list_links(u, links, sizeof(links));
	return err_set(err, ERR_NOTFOUND, "%s after %llu of %llu seconds; links: %s", what,
		       (unsigned long long)spent_ms(u) / 1000,
		       (unsigned long long)u->limit_ms / 1000, links);
}

static int look(struct netup *u, struct err *err)
{
	return netstate_read(&u->nl, &u->state, err);
}

static const char *here(const struct netup *u, size_t link, char name[NETCONF_NAME_MAX])
{
	const struct netstate_link *l = netstate_link(&u->state, u->links.index[link]);

	snprintf(name, NETCONF_NAME_MAX, "%s", l ? l->name : "?");
	return name;
}

// ---- links ----

/* That an address is given to, or asked for. */
static bool is_top(const struct netup *u, size_t link)
{
	const struct netconf_link *l = &u->conf.links[link];

	if (l->dhcp || l->auto6)
		return true;
	for (size_t i = 0; i < u->conf.naddresses; i++)
		if (u->conf.addresses[i].link == (int)link)
			return true;
	return false;
}

static bool wants_any(const struct netup *u)
{
	for (size_t i = 0; i < u->conf.nlinks; i++)
		if (u->conf.links[i].match == NETCONF_MATCH_ANY)
			return true;
	return false;
}

/* Drivers may still be looking for their cards. */
static int find_cards(struct netup *u, struct err *err)
{
	bool any = wants_any(u), chosen;
	size_t missing;
	int rc;

	for (;;) {
		rc = look(u, err);
		if (rc)
			return rc;
		missing = linkup_find(&u->links, &u->state);
		if (any)
			linkup_wake(&u->links, &u->state, true);
		chosen = linkup_choose(&u->links, &u->state);
		if ((!missing && chosen) || !in_time(u, chosen ? SHARE_FOUND : SHARE_CARRIER))
			break;
		pause_a_little();
	}
	if (any && chosen)
		linkup_wake(&u->links, &u->state, false);
	for (size_t i = 0; i < u->conf.nlinks; i++) {
		const struct netconf_link *l = &u->conf.links[i];
		char mac[18];

		if (l->kind == NETCONF_NIC && !u->links.index[i] &&
		    l->match == NETCONF_MATCH_DEVICE)
			log_line(
				u->r->log, LOG_ERROR,
				"warning: network: the card %s of before the crash (%s) is not there",
				l->name, l->has_mac ? netconf_mac_text(l->mac, mac) : l->path);
	}
	return 0;
}

static bool have_carrier(const struct netup *u, bool *all)
{
	bool some = false;

	*all = true;
	for (size_t i = 0; i < u->conf.nlinks; i++) {
		const struct netstate_link *l = netstate_link(&u->state, u->links.index[i]);

		if (!is_top(u, i))
			continue;
		some = some || (l && l->carrier);
		*all = *all && l && l->carrier;
	}
	return some;
}

static int wait_carrier(struct netup *u, struct err *err)
{
	bool some, all;
	int rc;

	for (;;) {
		rc = look(u, err);
		if (rc)
			return rc;
		some = have_carrier(u, &all);
		if (all || !in_time(u, SHARE_CARRIER))
			break;
		pause_a_little();
	}
	return some ? 0 : fail(u, err, "no link has a carrier");
}

// ---- addresses ----

static void add_address(struct netup *u, int link, const struct netconf_ip *ip, uint8_t prefix,
			const char *how)
{
	char text[NETCONF_ADDRESS_TEXT_MAX], name[NETCONF_NAME_MAX];
	struct err why = {0};

	netconf_ip_text(ip, text);
	here(u, link, name);
	if (linkup_add_address(&u->links, link, ip, prefix, &why))
		say(u, text, &why);
	else
		log_line(u->r->log, LOG_COMMON,
			 "network: %s (%s before the crash): %s/%u %s, after %llu.%llu s", name,
			 u->conf.links[link].name, text, prefix, how,
			 (unsigned long long)spent_ms(u) / 1000,
			 (unsigned long long)spent_ms(u) / 100 % 10);
}

static void add_static(struct netup *u)
{
	for (size_t i = 0; i < u->conf.naddresses; i++) {
		const struct netconf_address *a = &u->conf.addresses[i];

		if (!u->links.index[a->link])
			continue;
		if (a->source == NETCONF_STATIC)
			add_address(u, a->link, &a->ip, a->prefix, "as configured");
		else if (a->source == NETCONF_DHCP6)
			add_address(u, a->link, &a->ip, a->prefix,
				    "as before the crash (DHCPv6 is not asked)");
	}
}

static void start_asking(struct netup *u)
{
	for (size_t i = 0; i < u->conf.nlinks; i++) {
		char name[NETCONF_NAME_MAX];
		struct err why = {0};

		if (!u->conf.links[i].dhcp || !u->links.index[i])
			continue;
		if (netlease_start(here(u, i, name), &u->asking[i], &why)) {
			say(u, "DHCP", &why);
			u->lost[i] = true;
		}
	}
}

static void add_route(struct netup *u, const struct netconf_route *r)
{
	char text[NETCONF_ADDRESS_TEXT_MAX];
	struct err why = {0};

	if (!u->links.index[r->link] || !linkup_add_route(&u->links, r, &why))
		return;
	err_prepend(&why, "route to %s/%u", netconf_ip_text(&r->to, text), r->prefix);
	say(u, why.msg, NULL);
}

static void take_lease(struct netup *u, size_t link, const struct netlease *lease)
{
	add_address(u, link, &lease->ip, lease->prefix, "by DHCP");
	for (size_t i = 0; i < lease->nroutes; i++) {
		struct netconf_route r = lease->routes[i];

		r.link = link;
		add_route(u, &r);
	}
	u->leased[link] = true;
	u->leases[u->nleases++] = *lease;
}

/* Whether DHCP is still open on some link. */
static bool still_asking(struct netup *u)
{
	bool open = false;

	for (size_t i = 0; i < u->conf.nlinks; i++) {
		char name[NETCONF_NAME_MAX];
		struct netlease lease;
		struct err why = {0};
		int rc;

		if (!u->asking[i])
			continue;
		rc = netlease_poll(here(u, i, name), &u->asking[i], &lease, &why);
		if (rc > 0) {
			take_lease(u, i, &lease);
		} else if (rc < 0) {
			say(u, "DHCP", &why);
			u->lost[i] = true;
		}
		open = open || u->asking[i];
	}
	return open;
}

/* Whether the routers of some link have still to be heard. */
static bool still_listening(struct netup *u)
{
	bool open = false;

	for (size_t i = 0; i < u->conf.nlinks; i++) {
		if (!u->conf.links[i].auto6 || !u->links.index[i])
			continue;
		for (size_t j = 0; j < u->state.naddresses; j++) {
			const struct netstate_address *a = &u->state.addresses[j];

			if (a->link == u->links.index[i] && a->ip.family == AF_INET6 &&
			    !netconf_ip_is_linklocal(&a->ip) && !(a->flags & IFA_F_TENTATIVE) &&
			    !(a->flags & IFA_F_PERMANENT))
				u->advertised[i] = true;
		}
		open = open || !u->advertised[i];
	}
	return open;
}

/* Hosts that are waited for. Nodes of a cluster are not: it may be one of them that is down. */
static size_t count_targets(const struct netup *u)
{
	size_t n = 0;

	for (size_t i = 0; i < u->conf.nhosts; i++)
		n += !u->conf.hosts[i].node;
	return n;
}

/* With an address of one family, and every host reached by it, nobody waits for the other. */
static bool all_hosts_served(struct netup *u)
{
	size_t targets = count_targets(u);
	struct netstate_route way;

	if (!u->conf.nhosts)
		return false;
	for (size_t i = 0; i < u->conf.nhosts; i++) {
		bool served = u->conf.hosts[i].node && targets;

		for (size_t j = 0; j < u->conf.hosts[i].nips && !served; j++)
			served = !netstate_way(&u->nl, &u->conf.hosts[i].ips[j], &way, NULL);
		if (!served)
			return false;
	}
	return true;
}

static int wait_addresses(struct netup *u, struct err *err)
{
	for (;;) {
		bool asking = still_asking(u), listening;
		int rc = look(u, err);

		if (rc)
			return rc;
		listening = still_listening(u);
		if ((!asking && !listening) || !in_time(u, SHARE_ADDRESS))
			return 0;
		// A lease may say a better way than what is there, so it is waited for a while.
		if ((!asking || !in_time(u, SHARE_FOUND)) && all_hosts_served(u))
			return 0;
		pause_a_little();
	}
}

static bool has_known(const struct netup *u, size_t link, enum netconf_source source)
{
	for (size_t i = 0; i < u->conf.naddresses; i++)
		if (u->conf.addresses[i].link == (int)link && u->conf.addresses[i].source == source)
			return true;
	return false;
}

/* What did not come is as it was before the crash, where that is known. */
static void fall_back(struct netup *u)
{
	bool served = all_hosts_served(u);

	for (size_t i = 0; i < u->conf.nlinks; i++) {
		const struct netconf_link *l = &u->conf.links[i];
		char name[NETCONF_NAME_MAX];

		if (u->asking[i]) {
			netlease_stop(&u->asking[i]);
			u->lost[i] = true;
		}
		if (u->lost[i])
			log_line(u->r->log, LOG_ERROR,
				 "warning: network: no DHCP server has answered on %s; %s",
				 here(u, i, name),
				 has_known(u, i, NETCONF_DHCP)
					 ? "taking the address of before the crash"
					 : "no address is known from before");
		if (l->auto6 && u->links.index[i] && !u->advertised[i] && !served)
			log_line(u->r->log, LOG_ERROR,
				 "warning: network: no IPv6 router was heard on %s%s",
				 here(u, i, name),
				 has_known(u, i, NETCONF_AUTO6)
					 ? "; taking the address of before the crash"
					 : "");
	}
	for (size_t i = 0; i < u->conf.naddresses; i++) {
		const struct netconf_address *a = &u->conf.addresses[i];

		if ((a->source == NETCONF_DHCP && u->lost[a->link]) ||
		    (a->source == NETCONF_AUTO6 && u->links.index[a->link] &&
		     !u->advertised[a->link] && !served))
			add_address(u, a->link, &a->ip, a->prefix, "as before the crash");
	}
}

/* Duplicate address detection: from a tentative address nothing is sent. */
static int wait_tentative(struct netup *u, struct err *err)
{
	for (;;) {
		bool tentative = false;
		int rc = look(u, err);

		if (rc)
			return rc;
		for (size_t i = 0; i < u->state.naddresses; i++) {
			const struct netstate_address *a = &u->state.addresses[i];

			for (size_t j = 0; j < u->conf.nlinks; j++)
				tentative = tentative ||
					    (is_top(u, j) && u->links.index[j] == a->link &&
					     a->flags & IFA_F_TENTATIVE &&
					     !(a->flags & IFA_F_DADFAILED));
		}
		if (!tentative || !in_time(u, 100))
			return 0;
		pause_a_little();
	}
}

// ---- the way to the hosts ----

static void add_routes(struct netup *u)
{
	for (size_t i = 0; i < u->conf.nroutes; i++)
		if (u->conf.routes[i].source == NETCONF_STATIC ||
		    u->conf.routes[i].source == NETCONF_DHCP6)
			add_route(u, &u->conf.routes[i]);
	if (all_hosts_served(u) || !u->conf.nhosts)
		return;
	for (size_t i = 0; i < u->conf.nroutes; i++) {
		const struct netconf_route *r = &u->conf.routes[i];

		// A lease says itself what the way is, if there is one.
		if ((r->source == NETCONF_DHCP && !u->leased[r->link]) ||
		    (r->source == NETCONF_AUTO6 && !u->advertised[r->link]))
			add_route(u, r);
	}
}

/* A packet that is thrown away there, so that the kernel asks who the next machine is. */
static void nudge(const struct netconf_ip *to)
{
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = htons(DISCARD_PORT)};
	struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = htons(DISCARD_PORT)};
	CLEANUP_CLOSE int fd = socket(to->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(&a6.sin6_addr, to->bytes, sizeof(a6.sin6_addr));
	memcpy(&a4.sin_addr, to->bytes, sizeof(a4.sin_addr));
	if (fd < 0)
		return;
	if (to->family == AF_INET)
		sendto(fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&a4, sizeof(a4));
	else
		sendto(fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&a6, sizeof(a6));
}

/* The first machine on the way to @to answers: 1; 0 not yet; -1: there is no way. */
static int first_answers(struct netup *u, const struct netconf_ip *to, struct netconf_ip *first)
{
	struct netstate_route way;
	const struct netstate_link *l;
	bool known = false;

	if (netstate_way(&u->nl, to, &way, NULL))
		return -1;
	*first = way.via.family ? way.via : *to;
	l = netstate_link(&u->state, way.link);
	// Not Ethernet: there is nobody to be asked for.
	if (way.local || !l || !l->ether)
		return 1;
	return !netstate_neighbour(&u->nl, way.link, first, &known, NULL) && known;
}

struct host_state {
	bool answers;
	bool way;
	struct netconf_ip to, first;
};

static void try_host(struct netup *u, const struct netconf_host *h, bool send, struct host_state *s)
{
	s->way = false;
	for (size_t i = 0; i < h->nips && !s->answers; i++) {
		struct netconf_ip first;
		int rc = first_answers(u, &h->ips[i], &first);

		if (rc < 0)
			continue;
		s->way = true;
		s->to = h->ips[i];
		s->first = first;
		s->answers = rc;
		if (!rc && send)
			nudge(&h->ips[i]);
	}
}

static void say_host(struct netup *u, const struct netconf_host *h, const struct host_state *s)
{
	char to[NETCONF_ADDRESS_TEXT_MAX], first[NETCONF_ADDRESS_TEXT_MAX];

	if (s->answers)
		log_line(u->r->log, LOG_COMMON,
			 "network: the way to %s (%s) is open: %s answers, after %llu.%llu s",
			 h->name, netconf_ip_text(&s->to, to), netconf_ip_text(&s->first, first),
			 (unsigned long long)spent_ms(u) / 1000,
			 (unsigned long long)spent_ms(u) / 100 % 10);
	else if (s->way)
		log_line(
			u->r->log, LOG_ERROR,
			"warning: network: %s, the first machine on the way to %s, does not answer",
			netconf_ip_text(&s->first, first), h->name);
	else
		log_line(u->r->log, LOG_ERROR, "warning: network: no route to %s", h->name);
}

/* Until the way to each host is open, or time is over; one is enough. */
static int wait_hosts(struct netup *u, struct err *err)
{
	struct host_state states[NETCONF_HOSTS_MAX] = {0};
	uint64_t nudged = 0;
	bool some, all, ways;

	for (;;) {
		uint64_t now = log_now_ms();
		bool send = now - nudged >= NUDGE_MS;

		some = ways = false;
		all = true;
		for (size_t i = 0; i < u->conf.nhosts; i++) {
			if (u->conf.hosts[i].node)
				continue;
			try_host(u, &u->conf.hosts[i], send, &states[i]);
			some = some || states[i].answers;
			all = all && states[i].answers;
			ways = ways || states[i].way;
		}
		// Where there is no route by now, none comes.
		if (all || !in_time(u, ways ? 100 : SHARE_ADDRESS))
			break;
		if (send)
			nudged = now;
		pause_a_little();
	}
	for (size_t i = 0; i < u->conf.nhosts; i++)
		if (!u->conf.hosts[i].node)
			say_host(u, &u->conf.hosts[i], &states[i]);
	if (some || !count_targets(u))
		return 0;
	return fail(u, err, "no target can be reached");
}

// ---- all of it ----

static int bring_up(struct netup *u, struct err *err)
{
	struct err why = {0};
	int rc = find_cards(u, err);

	if (rc)
		return rc;
	if (linkup_make(&u->links, &u->state, &why))
		say(u, "not all links could be set up", &why);
	rc = wait_carrier(u, err);
	if (rc)
		return rc;
	add_static(u);
	start_asking(u);
	rc = wait_addresses(u, err);
	fall_back(u);
	if (!rc)
		rc = wait_tentative(u, err);
	if (rc)
		return rc;
	add_routes(u);
	if (u->r->etc && netnames_write(&u->conf, u->leases, u->nleases, u->r->etc, &why))
		say(u, "names", &why);
	return wait_hosts(u, err);
}

static int read_description(struct netup *u, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	int rc = io_read_file(u->r->file, NETCONF_TEXT_MAX, &text, &size, err);

	return rc ? rc : netconf_parse(&u->conf, u->r->file, text, size, err);
}

int netup_run(const struct netup_request *r, struct err *err)
{
	CLEANUP_FREE struct netup *u = calloc(1, sizeof(*u));
	int rc;

	if (!u)
		return err_set(err, ERR_NOMEM, "network: no memory");
	u->r = r;
	u->nl.fd = -1;
	u->start_ms = log_now_ms();
	u->limit_ms = r->limit_ms ? r->limit_ms : NETUP_LIMIT_MS;
	u->links = (struct linkup){.conf = &u->conf, .nl = &u->nl};
	rc = read_description(u, err);
	if (!rc)
		rc = netlink_open(&u->nl, NETLINK_ROUTE, err);
	if (!rc)
		rc = bring_up(u, err);
	for (size_t i = 0; i < u->conf.nlinks; i++)
		netlease_stop(&u->asking[i]);
	netstate_clear(&u->state);
	netlink_close(&u->nl);
	if (rc)
		err_prepend(err, "network");
	else
		log_line(r->log, LOG_COMMON, "network: up after %llu.%llu s",
			 (unsigned long long)(log_now_ms() - u->start_ms) / 1000,
			 (unsigned long long)(log_now_ms() - u->start_ms) / 100 % 10);
	return rc;
}

/* One process at a time; -1: another had it all the time, or there is nothing to lock. */
static int take_turn(uint64_t end_ms)
{
	int fd;

	mkdir("/run", 0755);
	mkdir("/run/lifeboat", 0700);
	fd = open(LOCK_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && log_now_ms() < end_ms)
		pause_a_little();
	return fd;
}

int netup_ensure(uint64_t limit_ms, struct log *log, struct err *err)
{
	uint64_t end = log_now_ms() + (limit_ms ? limit_ms : NETUP_LIMIT_MS), now;
	struct netup_request r = {.file = NETCONF_FILE, .etc = "/etc", .log = log};
	CLEANUP_CLOSE int turn = -1;
	int fd, rc;

	if (access(NETCONF_FILE, F_OK) || !access(UP_FILE, F_OK))
		return 0;
	turn = take_turn(end);
	if (!access(UP_FILE, F_OK))
		return 0;
	now = log_now_ms();
	if (now >= end)
		return err_set(err, ERR_LIMIT,
			       "network: another process did not bring it up in time");
	r.limit_ms = end - now;
	rc = netup_run(&r, err);
	if (rc)
		return rc;
	// By it another process knows: each attempt at a target is one of its own.
	fd = open(UP_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	return 0;
}
