/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ssh: the openssh client, started in one place only: the collector sends dumps through it, and
 * `lifeboat propagate` tries with the very same options whether it would work.
 *
 * Nothing of the user's own configuration counts (-F /dev/null), nothing is asked (BatchMode),
 * and a host is only spoken to whose key is in the file named (StrictHostKeyChecking).
 */
#ifndef VMCORE_SSH_H
#define VMCORE_SSH_H

#include <stddef.h>

#include "base/child.h"
#include "vmcore/remote.h"

struct err;

#define SSH_KEY_DEFAULT	     "/var/lib/lifeboat/id_ed25519"
#define SSH_HOSTKEYS_DEFAULT "/var/lib/lifeboat/known_hosts"

enum {
	SSH_PORT = 22, /* when none was said */
	SSH_NAME_MAX = REMOTE_HOST_MAX + 16,
	SSH_PATH_MAX = 1024,
	SSH_ARGS_MAX = 80, /* words of the client's command line */
	SSH_QUOTED_MAX = 4 * SSH_PATH_MAX + 3, /* a path as ssh_quote() makes it */
	SSH_CONTROL_MAX = 80, /* an address has room for 107, and ssh adds 17 */
	SSH_SHARE_S = 30,
	SSH_CONNECT_S = 15, /* to connect, by default */
	SSH_ALIVE_S = 5, /* a silent connection is asked for a sign of life so often ... */
	SSH_ALIVE_COUNT = 6, /* ... and given up after so many without an answer */
};

struct ssh_conf {
	struct remote dest; /* remote_parse_ssh() */
	char key[SSH_PATH_MAX]; /* private key; "": SSH_KEY_DEFAULT */
	char hostkeys[SSH_PATH_MAX]; /* known_hosts; "": SSH_HOSTKEYS_DEFAULT */
	unsigned int connect_s; /* 0: SSH_CONNECT_S */
	/*
	 * Path of a socket by which later clients share the connection of the first, which lives on
	 * for SSH_SHARE_S without any: a handshake costs more than most commands. "": each has its
	 * own. Whoever finds it broken goes on with another path.
	 */
	char control[SSH_CONTROL_MAX];
};

/*
 * Fills @conf for "user@host" @where, with a key and a known_hosts file that may be "". What
 * remote_parse_ssh() says, or ERR_LIMIT.
 */
int ssh_fill(struct ssh_conf *conf, const char *where, const char *key, const char *hostkeys,
	     struct err *err);

/* "[host]:port" as known_hosts has it, or the host alone where the port is 22. */
void ssh_known_name(const struct remote *dest, char buf[static SSH_NAME_MAX]);

/*
 * Puts @text in single quotes for a POSIX shell. ERR_LIMIT when it does not fit, ERR_USAGE when
 * it has control characters, which no path of a dump has any use for.
 */
int ssh_quote(const char *text, char *buf, size_t room, struct err *err);

/*
 * Starts the client, which runs @command on the far side (as one string: the user's shell takes
 * it apart, or, with a forced command, it is in SSH_ORIGINAL_COMMAND). Standard input and output
 * of the command are c->in and c->out. It connects in the background: whether it could is known
 * when something comes, or by ssh_explain().
 */
int ssh_start(struct child *c, const struct ssh_conf *conf, const char *command, struct err *err);

/* Ends the connection that clients of @conf share, if there is one. */
void ssh_unshare(const struct ssh_conf *conf);

/*
 * Why the client failed, as one line with what to do, from what it said and its exit code. To be
 * called after child_wait() or child_end(); what @err says already is put behind. Returns the
 * code: ERR_USAGE for what no second try can help (host key, key, name), ERR_NOSPC when the far
 * side is full, ERR_BROKEN for a broken or failed connection, @rc for none of these.
 */
int ssh_explain(const struct child *c, const struct ssh_conf *conf, int rc, struct err *err);

#endif
