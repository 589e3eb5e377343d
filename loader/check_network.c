// SPDX-License-Identifier: GPL-2.0-or-later
/* The check of the way to targets on other machines: the initrd's is the one that is in force. */
#include "loader/checkup.h"
#include "loader/command.h"
#include "loader/netdrift.h"

#define REBUILD "run lifeboat-mkinitrd and `lifeboat reload`"

/* One that the user names may be made by other means, and have ways of its own. */
static void tell_absent(struct checkup *c)
{
	const char *path = c->plan->initrd.path;

	if (c->plan->config.initrd[0])
		check_warn(c, "say how by lifeboat-mkinitrd, or `network none` if it sees to it",
			   "%s does not say how targets are reached: that cannot be told", path);
	else
		check_fail(c, REBUILD, "%s does not say how targets are reached", path);
}

void check_network(struct checkup *c)
{
	char text[NETDRIFT_TEXT_MAX];
	const struct initrd *r;
	struct err why = {0};
	int answer;

	if (c->config_err.code) {
		check_fail(c, NULL, "%s", c->config_err.msg);
		return;
	}
	if (!netdrift_wanted(&c->plan->config)) {
		check_ok(c, "none is needed, or a hook sees to it");
		return;
	}
	r = checkup_contents(c);
	if (!r) {
		check_warn(c, NULL, "what the initrd says of it cannot be looked at: %s",
			   c->contents_err.msg);
		return;
	}
	answer = netdrift_check(r, c->ctx->root, &c->plan->config, c->network, text, &why);
	if (answer < 0)
		check_warn(c, "mend that, or say another way by the key `network`",
			   "whether it is still as the initrd says cannot be told: %s", why.msg);
	else if (answer == NETDRIFT_ABSENT)
		tell_absent(c);
	else if (answer == NETDRIFT_DIFFERS)
		check_fail(c, REBUILD, "it has changed since the initrd was built: %s", text);
	else
		check_ok(c, "as the initrd says%s", c->network ? ", names of hosts included" : "");
}
