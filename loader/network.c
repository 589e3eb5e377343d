// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat network: how the capture kernel is to reach the targets, as text for the initrd. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/netlink.h"
#include "loader/command.h"
#include "loader/netgather.h"
#include "loader/nettext.h"
#include "vmcore/netconf.h"
#include "vmcore/netstate.h"

/* What ANY machine of a kind does: ask on the first link with a carrier. */
#define ANY_MACHINE "any:dhcp any:auto6"

struct network {
	const struct context *ctx;
	struct config config;
	struct netconf conf;
	struct netlink nl;
	struct netstate state;
	struct netconf_host hosts[NETCONF_HOSTS_MAX];
	size_t nhosts;
};

static void note(void *ctx, const char *text)
{
	const struct context *c = ctx;

	fprintf(c->diag, "lifeboat: network: note: %s\n", text);
}

static int way(void *ctx, const struct netconf_ip *to, struct netstate_route *ret, struct err *err)
{
	return netstate_way(ctx, to, ret, err);
}

static int want_host(struct network *w, const char *name, size_t len, bool node, struct err *err)
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
static int want_target(struct network *w, const struct config_target *t, struct err *err)
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
static int want_nodes(struct network *w, struct err *err)
{
	const char *text = w->config.fence_nodes;
	int rc = 0;

	for (size_t len; !rc && *text; text += len) {
		text += strspn(text, " \t");
		len = strcspn(text, " \t");
		if (len)
			rc = want_host(w, text, len, true, err);
	}
	return rc;
}

static int find_hosts(struct network *w, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < w->ctx->nwords; i++)
		rc = want_host(w, w->ctx->words[i], strlen(w->ctx->words[i]), false, err);
	for (size_t i = 0; !rc && !w->ctx->nwords && i < w->config.ntargets; i++)
		rc = want_target(w, &w->config.targets[i], err);
	return rc || w->ctx->nwords ? rc : want_nodes(w, err);
}

/* All by the kernel's own account of the running system. */
static int automatic(struct network *w, const struct netgather *g, struct err *err)
{
	bool names = false;
	int rc = 0;

	for (size_t i = 0; !rc && i < w->nhosts; i++) {
		rc = netgather_resolve(w->ctx->root, &w->hosts[i], err);
		if (!rc)
			rc = netgather_host(g, &w->conf, &w->hosts[i], err);
		names = names || !w->hosts[i].files;
	}
	if (!rc && names)
		netgather_servers(g, &w->conf);
	return rc;
}

/* As the configuration says. Whether hosts can be reached from here now is not asked. */
static int explicit(struct network *w, const struct netgather *g, const char *text, struct err *err)
{
	int rc = nettext_parse(w->ctx->generic ? NULL : g, &w->conf, text, err);

	for (size_t i = 0; !rc && i < w->nhosts; i++) {
		struct err why = {0};

		if (netgather_resolve(w->ctx->root, &w->hosts[i], &why))
			note((void *)w->ctx, why.msg);
		else
			w->conf.hosts[w->conf.nhosts++] = w->hosts[i];
	}
	return rc;
}

static int describe(struct network *w, struct err *err)
{
	const struct netgather g = {
		.state = &w->state,
		.way = way,
		.ctx = &w->nl,
		.root = w->ctx->root,
		.note = note,
		.note_ctx = (void *)w->ctx,
	};
	const char *text = w->config.network;
	int rc = netlink_open(&w->nl, NETLINK_ROUTE, err);

	if (!rc)
		rc = netstate_read(&w->nl, &w->state, err);
	if (rc)
		return rc;
	if (strcmp(text, "auto") == 0 || !text[0])
		return w->ctx->generic ? explicit(w, &g, ANY_MACHINE, err) : automatic(w, &g, err);
	return explicit(w, &g, text, err);
}

static int print(struct network *w, struct err *err)
{
	CLEANUP_FREE char *text = malloc(NETCONF_TEXT_MAX);
	int rc;

	if (!text)
		return err_set(err, ERR_NOMEM, "no memory for the network's description");
	rc = netconf_print(&w->conf, text, NETCONF_TEXT_MAX, err);
	if (!rc)
		fputs(text, w->ctx->out);
	return rc;
}

int command_network(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct network *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return err_set(err, ERR_NOMEM, "no memory for the network's description");
	w->ctx = ctx;
	w->nl.fd = -1;
	rc = command_read_config(ctx, NULL, &w->config, err);
	if (!rc)
		rc = find_hosts(w, err);
	// Nothing of the network is wanted, or the user sees to it.
	if (rc || !w->nhosts || strcmp(w->config.network, "none") == 0)
		return rc;
	rc = describe(w, err);
	if (!rc)
		rc = print(w, err);
	netstate_clear(&w->state);
	netlink_close(&w->nl);
	return rc;
}
