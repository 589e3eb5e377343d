// SPDX-License-Identifier: GPL-2.0-or-later
/* The check of who may read and write what runs as root when the kernel dies. */
#include <string.h>

#include "loader/checkup.h"
#include "loader/command.h"
#include "loader/trust.h"
#include "vmcore/ssh.h"

#define MEND \
	"do as it says; if somebody may have used it, run lifeboat-mkinitrd and `lifeboat reload`, too"

typedef int trust_fn(const char *root, const char *path, struct err *err);

/* True when all is well with @path; what is not there others tell of. */
static bool look(struct checkup *c, trust_fn *trust, const char *path, size_t *looked)
{
	struct err why = {0};
	int rc = path[0] ? trust(c->ctx->root, path, &why) : ERR_NOTFOUND;

	if (rc == ERR_NOTFOUND)
		return true;
	++*looked;
	if (rc)
		check_fail(c, MEND, "%s", why.msg);
	return !rc;
}

static const char *or_usual(const char *value, const char *usual)
{
	return value[0] ? value : usual;
}

void check_files(struct checkup *c)
{
	const struct config *conf = &c->plan->config;
	size_t looked = 0;
	bool well = look(c, trust_file, c->ctx->config, &looked) &&
		    look(c, trust_secret, LIFEBOAT_DIR, &looked) &&
		    look(c, trust_secret, STATE_DIR, &looked) &&
		    look(c, trust_secret, STATE_FILE, &looked) &&
		    look(c, trust_file, c->plan->kernel.path, &looked) &&
		    look(c, trust_file, c->plan->initrd.path, &looked) &&
		    look(c, trust_file, conf->kdump_pre, &looked) &&
		    look(c, trust_file, conf->kdump_post, &looked) &&
		    look(c, trust_file, conf->kdump_emergency, &looked) &&
		    look(c, trust_file, conf->notify, &looked);

	for (size_t i = 0; i < conf->ntargets && well; i++)
		if (conf->targets[i].kind == CONFIG_TARGET_SSH)
			// The initrd has a copy of the key.
			well = look(c, trust_secret,
				    or_usual(conf->targets[i].sshkey, SSH_KEY_DEFAULT), &looked) &&
			       look(c, trust_file,
				    or_usual(conf->ssh_hostkeys, SSH_HOSTKEYS_DEFAULT), &looked) &&
			       look(c, trust_secret, c->plan->initrd.path, &looked);
	if (well && looked)
		check_ok(c, "%zu files and directories are root's, and secrets for root alone",
			 looked);
	else if (well)
		check_fail(c, NULL, "none of the files that it hangs on is there");
}
