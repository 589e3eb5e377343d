// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat network: how the capture kernel is to reach the targets, as text for the initrd. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/command.h"
#include "loader/netplan.h"
#include "vmcore/netconf.h"

struct network {
	struct config config;
	struct netconf conf;
	char text[NETCONF_TEXT_MAX];
};

static void note(void *ctx, const char *text)
{
	const struct context *c = ctx;

	fprintf(c->diag, "lifeboat: network: note: %s\n", text);
}

int command_network(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct network *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return err_set(err, ERR_NOMEM, "no memory for the network's description");
	struct netplan plan = {
		.root = ctx->root,
		.config = &w->config,
		.words = ctx->words,
		.nwords = ctx->nwords,
		.generic = ctx->generic,
		.note = note,
		.note_ctx = (void *)ctx,
	};
	rc = command_read_config(ctx, NULL, &w->config, err);
	if (!rc)
		rc = netplan_make(&plan, &w->conf, err);
	if (rc != NETPLAN_MADE)
		return rc;
	rc = netconf_print(&w->conf, w->text, sizeof(w->text), err);
	if (!rc)
		fputs(w->text, ctx->out);
	return rc;
}
