// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/netplan.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/netlink.h"
#include "loader/netgather.h"
#include "loader/nettext.h"
#include "vmcore/config.h"
#include "vmcore/netconf.h"
#include "vmcore/netstate.h"

/* What ANY machine of a kind does: ask on the first link with a carrier. */
#define ANY_MACHINE "any:dhcp any:auto6"

struct plan {
	const struct netplan *p;
	struct netconf *conf; /* that is filled */
	struct netlink nl;
	struct netstate state;
	struct netconf_host hosts[NETCONF_HOSTS_MAX];
	size_t nhosts;
};

static int way(void *ctx, const struct netconf_ip *to, struct netstate_route *ret, struct err *err)
{
	return netstate_way(ctx, to, ret, err);
}

static int want_host(struct plan *w, const char *name, size_t len, bool node, struct err *err)
{
	struct netconf_host *h = &w->hosts[w->nhosts];

	if (!len || len >= sizeof(h->name))
		return err_set(err, ERR_USAGE, "'%s': no host in it", name);
	for (size_t i = 0; i < w->nhosts; i++)
		if (strlen(w->hosts[i].name) == len && !strncmp(w->hosts[i].name, name, len))
			return 0;
	if (w->nhosts == NETCONF_HOSTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d hosts", NETCONF_HOSTS_MAX);
	memcpy(h->name, name, len);
	h->name[len] = '\0';
	h->node = node;
	w->nhosts++;
	return 0;
}

/* user@host, user@host:port, user@[IPv6]:port; host:/export, [IPv6]:/export. */
static int want_target(struct plan *w, const struct config_target *t, struct err *err)
{
	const char *host = t->where, *end;

	if (t->kind != CONFIG_TARGET_SSH && t->kind != CONFIG_TARGET_NFS)
		return 0;
	if (t->kind == CONFIG_TARGET_SSH && strchr(host, '@'))
		host = strrchr(host, '@') + 1;
	if (host[0] == '[')
		return want_host(w, host + 1, strcspn(host + 1, "]"), false, err);
	if (t->kind == CONFIG_TARGET_NFS)
		end = strstr(host, ":/");
	else
		end = strchr(host, ':') == strrchr(host, ':') ? strchr(host, ':') : NULL;
	return want_host(w, host, end ? (size_t)(end - host) : strlen(host), false, err);
}

/* fence_kdump_nodes; one that is a target, too, is that. */
static int want_nodes(struct plan *w, struct err *err)
{
	const char *text = w->p->config->fence_nodes;
	int rc = 0;

	for (size_t len; !rc && *text; text += len) {
		text += strspn(text, " \t");
		len = strcspn(text, " \t");
		if (len)
			rc = want_host(w, text, len, true, err);
	}
	return rc;
}

static int find_hosts(struct plan *w, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < w->p->nwords; i++)
		rc = want_host(w, w->p->words[i], strlen(w->p->words[i]), false, err);
	for (size_t i = 0; !rc && !w->p->nwords && i < w->p->config->ntargets; i++)
		rc = want_target(w, &w->p->config->targets[i], err);
	return rc || w->p->nwords ? rc : want_nodes(w, err);
}

/* For which nobody has to be asked. */
static bool is_address(const char *name)
{
	uint8_t address[16];

	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* From what is known, as far as nobody is to be asked. */
static int resolve(const struct plan *w, struct netconf_host *h, struct err *err)
{
	const struct netconf *known = w->p->known;

	for (size_t i = 0; known && i < known->nhosts; i++) {
		const struct netconf_host *k = &known->hosts[i];

		if (strcmp(k->name, h->name) != 0)
			continue;
		memcpy(h->ips, k->ips, sizeof(h->ips));
		h->nips = k->nips;
		h->files = k->files;
		return 0;
	}
	if (known && !is_address(h->name))
		return err_set(err, ERR_NODATA, "%s is not among the hosts of the initrd", h->name);
	return netgather_resolve(w->p->root, h, err);
}

/* All by the kernel's own account of the running system. */
static int automatic(struct plan *w, const struct netgather *g, struct err *err)
{
	bool names = false;
	int rc = 0;

	for (size_t i = 0; !rc && i < w->nhosts; i++) {
		rc = resolve(w, &w->hosts[i], err);
		if (!rc)
			rc = netgather_host(g, w->conf, &w->hosts[i], err);
		names = names || !w->hosts[i].files;
	}
	if (!rc && names)
		netgather_servers(g, w->conf);
	return rc;
}

/* As the configuration says. Whether hosts can be reached from here now is not asked. */
static int explicit(struct plan *w, const struct netgather *g, const char *text, struct err *err)
{
	int rc = nettext_parse(w->p->generic ? NULL : g, w->conf, text, err);

	for (size_t i = 0; !rc && i < w->nhosts; i++) {
		struct err why = {0};

		if (resolve(w, &w->hosts[i], &why))
			w->p->note(w->p->note_ctx, why.msg);
		else
			w->conf->hosts[w->conf->nhosts++] = w->hosts[i];
	}
	return rc;
}

static int describe(struct plan *w, struct err *err)
{
	const struct netgather g = {
		.state = &w->state,
		.way = way,
		.ctx = &w->nl,
		.root = w->p->root,
		.note = w->p->note,
		.note_ctx = w->p->note_ctx,
	};
	const char *text = w->p->config->network;
	int rc = netlink_open(&w->nl, NETLINK_ROUTE, err);

	if (!rc)
		rc = netstate_read(&w->nl, &w->state, err);
	if (rc)
		return rc;
	if (strcmp(text, "auto") == 0 || !text[0])
		return w->p->generic ? explicit(w, &g, ANY_MACHINE, err) : automatic(w, &g, err);
	return explicit(w, &g, text, err);
}

/* Nothing of the network is wanted, or the user sees to it. */
static bool is_wanted(const struct plan *w)
{
	return w->nhosts && strcmp(w->p->config->network, "none") != 0;
}

bool netplan_wanted(const struct netplan *p)
{
	CLEANUP_FREE struct plan *w = calloc(1, sizeof(*w));

	if (!w)
		return true;
	w->p = p;
	// Hosts that are not understood are wanted, and making it says what is wrong with them.
	return find_hosts(w, NULL) || is_wanted(w);
}

int netplan_make(const struct netplan *p, struct netconf *ret, struct err *err)
{
	CLEANUP_FREE struct plan *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return err_set(err, ERR_NOMEM, "no memory for the network's description");
	w->p = p;
	w->conf = ret;
	w->nl.fd = -1;
	memset(ret, 0, sizeof(*ret));
	rc = find_hosts(w, err);
	if (rc || !is_wanted(w))
		return rc;
	rc = describe(w, err);
	netstate_clear(&w->state);
	netlink_close(&w->nl);
	return rc ? rc : NETPLAN_MADE;
}
