// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/sshtry.h"

#include <stdio.h>
#include <string.h>

#include "base/child.h"
#include "base/err.h"
#include "vmcore/config.h"
#include "vmcore/ssh.h"

enum {
	ANSWER_MS = 30000,
	COMMAND_MAX = 8 << 10,
};

static const char script[] =
	"exec sh -c 'umask 077; mkdir -p \"$1\" && cd \"$1\" && echo > ./.lifeboat.$$ && "
	"rm ./.lifeboat.$$ && echo lifeboat can write' lifeboat ";

int sshtry_fill(struct ssh_conf *ssh, const struct config *c, const struct config_target *target,
		struct err *err)
{
	int rc = ssh_fill(ssh, target->where, target->sshkey, c->ssh_hostkeys, err);

	if (rc)
		return rc;
	if (!ssh->key[0])
		snprintf(ssh->key, sizeof(ssh->key), SSH_KEY_DEFAULT);
	if (!ssh->hostkeys[0])
		snprintf(ssh->hostkeys, sizeof(ssh->hostkeys), SSH_HOSTKEYS_DEFAULT);
	return 0;
}

int sshtry_login(const struct ssh_conf *ssh, const struct config_target *target, struct err *err)
{
	char command[COMMAND_MAX], path[SSH_QUOTED_MAX], out[512] = "";
	size_t n = 0;
	ssize_t got = 0;
	struct child c;
	int rc = ssh_quote(target->path, path, sizeof(path), err);

	if (rc)
		return rc;
	snprintf(command, sizeof(command), "%s%s", script, path);
	rc = ssh_start(&c, ssh, command, err);
	if (rc)
		return rc;
	child_close_in(&c);
	while (n + 1 < sizeof(out) &&
	       (got = child_read(&c, out + n, sizeof(out) - 1 - n, ANSWER_MS, err)) > 0)
		n += got;
	out[n] = '\0';
	rc = got < 0 ? got : child_wait(&c, ANSWER_MS, err);
	child_end(&c);
	if (rc || child_code(&c) != 0)
		return ssh_explain(&c, ssh, rc ? ERR_BROKEN : ERR_SYS, err);
	if (!strstr(out, "lifeboat can write"))
		return err_set(err, ERR_SYS, "%s: its login shell does not run commands",
			       target->where);
	return 0;
}
