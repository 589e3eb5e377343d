// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat propagate: makes sure that the collector will be able to log in to each ssh target, as
 * kdumpctl propagate does: a key of its own, the host key pinned, the public key installed over
 * there, and a try with the very options that the collector uses. What is done already stays.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/command.h"
#include "loader/sshtry.h"
#include "loader/tool.h"
#include "vmcore/ssh.h"

enum {
	TEXT_MAX = 16 << 10, /* of host keys; one has about 100 bytes, of RSA 750 */
};

/* One ssh target, and what is needed to reach it. */
struct target {
	const struct context *ctx;
	const struct config_target *conf;
	struct ssh_conf ssh;
	char name[SSH_NAME_MAX]; /* as known_hosts calls it */
	char port[16];
	char scanned[TEXT_MAX]; /* its host keys: "type key" a line; later those to be pinned */
};

/* Host keys by the beginning of their type: the first kind there is, is shown and confirmed. */
static const struct key_kind {
	const char *type, *file; /* as in ssh_host_FILE_key.pub */
} key_kinds[] = {
	{"ssh-ed25519", "ed25519"},
	{"ecdsa-", "ecdsa"},
	{"ssh-rsa", "rsa"},
	{"", "*"},
};

#define SAY(t, ...)                                               \
	do {                                                      \
		fprintf((t)->ctx->out, "%s: ", (t)->conf->where); \
		fprintf((t)->ctx->out, __VA_ARGS__);              \
		fputc('\n', (t)->ctx->out);                       \
	} while (0)

/* Appends @text to a file, which is made with @mode, and makes that durable. */
static int append_file(const char *path, const char *text, mode_t mode, bool anew, struct err *err)
{
	CLEANUP_CLOSE int fd =
		open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (anew ? O_TRUNC : O_APPEND), mode);
	int rc;

	if (fd < 0)
		return err_sys(err, "%s", path);
	rc = io_write(fd, text, strlen(text), err);
	if (!rc && fsync(fd))
		rc = err_sys(err, "fsync");
	if (rc)
		err_prepend(err, "%s", path);
	return rc;
}

/* The directories above @path, for root alone. */
static int make_parents(const char *path, struct err *err)
{
	char part[SSH_PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *s = strchr(part + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		if (mkdir(part, 0700) && errno != EEXIST)
			return err_sys(err, "%s", part);
		*s = '/';
	}
	return 0;
}

/* ---- the key ---- */

static int make_key(struct target *t, struct err *err)
{
	const char *argv[] = {"ssh-keygen", "-q",	"-t", "ed25519",  "-N", "",
			      "-C",	    "lifeboat", "-f", t->ssh.key, NULL};
	char out[512];
	int code;
	int rc = make_parents(t->ssh.key, err);

	if (!rc)
		rc = tool_run(argv, NULL, out, sizeof(out), &code, err);
	if (!rc && code)
		rc = err_set(err, ERR_SYS, "%s: ssh-keygen could not make it", t->ssh.key);
	if (!rc)
		SAY(t, "key %s made", t->ssh.key);
	return rc;
}

/* The public half, from the private one: the file beside it may be missing, or another's. */
static int public_key(struct target *t, char *ret, size_t room, struct err *err)
{
	const char *argv[] = {"ssh-keygen", "-y", "-P", "", "-f", t->ssh.key, NULL};
	char path[SSH_PATH_MAX + 8];
	int code;
	int rc = tool_run(argv, NULL, ret, room, &code, err);

	if (rc)
		return rc;
	if (code || !strchr(ret, ' '))
		return err_set(err, ERR_USAGE,
			       "%s cannot be used: it must be a private key without a passphrase, "
			       "readable by its owner only",
			       t->ssh.key);
	snprintf(path, sizeof(path), "%s.pub", t->ssh.key);
	if (!access(path, F_OK))
		return 0;
	return append_file(path, ret, 0644, true, err);
}

/* ---- the host key ---- */

/* Fills t->scanned with what answers there: "type key" lines. */
static int scan_host(struct target *t, struct err *err)
{
	const char *argv[] = {"ssh-keyscan",	"-T", "10", "-p", t->port, "--",
			      t->ssh.dest.host, NULL};
	char out[TEXT_MAX];
	size_t n = 0;
	char *save;
	int code;
	int rc = tool_run(argv, NULL, out, sizeof(out), &code, err);

	if (rc)
		return rc;
	t->scanned[0] = '\0';
	for (char *line = strtok_r(out, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *key = strchr(line, ' ');

		if (line[0] != '#' && key)
			n += snprintf(t->scanned + n, sizeof(t->scanned) - n, "%s\n", key + 1);
	}
	if (n)
		return 0;
	return err_set(err, ERR_BROKEN,
		       "no host key from %s; is it up, is sshd running, is the port right?",
		       t->name);
}

/* Entries of the host in a known_hosts file (NULL: the user's own); "" when there are none. */
static int find_known(struct target *t, const char *file, char *ret, size_t room, struct err *err)
{
	const char *argv[] = {"ssh-keygen", "-F", t->name, file ? "-f" : NULL, file, NULL};
	int code;
	int rc;

	ret[0] = '\0';
	if (file && access(file, F_OK))
		return 0;
	rc = tool_run(argv, NULL, ret, room, &code, err);
	// It ends with 1 where the host, or the file, is not there.
	if (!rc && code)
		ret[0] = '\0';
	return rc;
}

static const char *next_line(const char *s)
{
	s += strcspn(s, "\n");
	return *s ? s + 1 : s;
}

static const char *next_field(const char *s)
{
	s += strcspn(s, " \t\n");
	return s + strspn(s, " \t");
}

static bool same_field(const char *a, const char *b)
{
	size_t n = strcspn(a, " \t\n");

	return n && n == strcspn(b, " \t\n") && !memcmp(a, b, n);
}

/*
 * Is the "type key" at @key that of one of @entries, as in sshd(8)? What begins with @ is the key
 * of an authority, or one that is revoked.
 */
static bool has_key(const char *entries, const char *key)
{
	for (const char *line = entries; *line; line = next_line(line)) {
		const char *type = next_field(line);

		if (*line != '#' && *line != '@' && same_field(type, key) &&
		    same_field(next_field(type), next_field(key)))
			return true;
	}
	return false;
}

/* Is one of the scanned keys among @entries? */
static bool is_known(const struct target *t, const char *entries)
{
	for (const char *line = t->scanned; *line; line = next_line(line))
		if (has_key(entries, line))
			return true;
	return false;
}

/*
 * Who sits between us and the target can add keys of its own to the target's: none is pinned that
 * was neither known nor confirmed.
 */
static void keep_known(struct target *t, const char *entries)
{
	char *to = t->scanned;

	for (const char *line = t->scanned, *next; *line; line = next) {
		next = next_line(line);
		if (has_key(entries, line)) {
			memmove(to, line, next - line);
			to += next - line;
		}
	}
	*to = '\0';
}

/* All but the one that is shown. Returns its kind. */
static const struct key_kind *keep_one(struct target *t)
{
	for (const struct key_kind *k = key_kinds;; k++)
		for (const char *line = t->scanned; *line; line = next_line(line)) {
			size_t len = next_line(line) - line;

			if (strncmp(line, k->type, strlen(k->type)) != 0)
				continue;
			memmove(t->scanned, line, len);
			t->scanned[len] = '\0';
			return k;
		}
}

static int show_fingerprints(struct target *t, struct err *err)
{
	const char *argv[] = {"ssh-keygen", "-l", "-f", "-", NULL};
	char out[4096], *save;
	int code;
	int rc = tool_run(argv, t->scanned, out, sizeof(out), &code, err);

	for (char *line = strtok_r(out, "\n", &save); !rc && line;
	     line = strtok_r(NULL, "\n", &save))
		SAY(t, "host key %s", line);
	return rc;
}

/* Does the administrator say yes? */
static bool confirmed(struct target *t, const struct key_kind *kind)
{
	char answer[16] = "";

	if (t->ctx->yes)
		return true;
	fprintf(t->ctx->out,
		"%s: compare with `ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub` "
		"there. Trust it? [yes/no] ",
		t->conf->where, kind->file);
	fflush(t->ctx->out);
	return fgets(answer, sizeof(answer), stdin) && strcmp(answer, "yes\n") == 0;
}

/* Pins what is left of the scanned keys, and nothing else, for this host. */
static int pin(struct target *t, bool instead, struct err *err)
{
	const char *argv[] = {"ssh-keygen", "-R", t->name, "-f", t->ssh.hostkeys, NULL};
	char text[2 * TEXT_MAX], out[1024];
	size_t n = 0;
	int code;
	int rc = make_parents(t->ssh.hostkeys, err);

	if (!rc && instead)
		rc = tool_run(argv, NULL, out, sizeof(out), &code, err);
	if (rc)
		return rc;
	for (const char *line = t->scanned; *line && n < sizeof(text); line = next_line(line))
		n += snprintf(text + n, sizeof(text) - n, "%s %.*s\n", t->name,
			      (int)strcspn(line, "\n"), line);
	if (n >= sizeof(text))
		return err_set(err, ERR_LIMIT, "%s: too many host keys", t->name);
	rc = append_file(t->ssh.hostkeys, text, 0600, false, err);
	if (!rc)
		SAY(t, "host key pinned in %s", t->ssh.hostkeys);
	return rc;
}

static int pin_host(struct target *t, struct err *err)
{
	const struct key_kind *kind = NULL;
	char pinned[TEXT_MAX], own[TEXT_MAX];
	int rc = scan_host(t, err);

	if (!rc)
		rc = find_known(t, t->ssh.hostkeys, pinned, sizeof(pinned), err);
	if (!rc)
		rc = find_known(t, NULL, own, sizeof(own), err);
	if (rc || is_known(t, pinned))
		return rc;
	if (is_known(t, own))
		keep_known(t, own);
	else
		kind = keep_one(t);
	rc = show_fingerprints(t, err);
	if (rc)
		return rc;
	if (pinned[0] && !t->ctx->yes)
		return err_set(err, ERR_USAGE,
			       "%s: the host key is not the one that was pinned: another machine "
			       "answers, or it was installed anew; if that is right, say --yes",
			       t->conf->where);
	if (kind && !confirmed(t, kind))
		return err_set(err, ERR_USAGE, "%s: the host key was not confirmed",
			       t->conf->where);
	return pin(t, pinned[0], err);
}

/* ---- the login ---- */

static int try_login(struct target *t, struct err *err)
{
	int rc = sshtry_login(&t->ssh, t->conf, err);

	if (!rc)
		SAY(t, "logged in, %s can be written to", t->conf->path);
	return rc;
}

/* With the user's own means: other keys, an agent, a password that ssh asks for. */
static int install_key(struct target *t, struct err *err)
{
	char hosts[SSH_PATH_MAX + 32], user[REMOTE_USER_MAX + REMOTE_HOST_MAX],
		pub[SSH_PATH_MAX + 8];
	const char *argv[] = {"ssh-copy-id", "-f",
			      "-i",	     pub,
			      "-p",	     t->port,
			      "-o",	     hosts,
			      "-o",	     "GlobalKnownHostsFile=/dev/null",
			      "-o",	     "StrictHostKeyChecking=yes",
			      user,	     NULL};
	const char *home = getenv("HOME");
	char ssh_dir[SSH_PATH_MAX];
	pid_t pid;
	int status;

	snprintf(hosts, sizeof(hosts), "UserKnownHostsFile=\"%s\"", t->ssh.hostkeys);
	snprintf(user, sizeof(user), "%s@%s", t->ssh.dest.user, t->ssh.dest.host);
	snprintf(pub, sizeof(pub), "%s.pub", t->ssh.key);
	// ssh-copy-id wants a directory for temporary files, and does not make it.
	if (home && snprintf(ssh_dir, sizeof(ssh_dir), "%s/.ssh", home) < (int)sizeof(ssh_dir))
		mkdir(ssh_dir, 0700);
	SAY(t, "installing the public key; its password may be asked for");
	fflush(t->ctx->out);
	errno = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
	if (errno)
		return err_sys(err, "ssh-copy-id");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "ssh-copy-id");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, ERR_SYS,
		       "the public key could not be installed; put this line into "
		       "~%s/.ssh/authorized_keys on %s yourself, then run this again: see %s",
		       t->ssh.dest.user, t->ssh.dest.host, pub);
}

static int fill_target(struct target *t, const struct context *ctx, const struct config *c,
		       const struct config_target *conf, struct err *err)
{
	int rc;

	*t = (struct target){.ctx = ctx, .conf = conf};
	rc = sshtry_fill(&t->ssh, c, conf, err);
	if (rc)
		return rc;
	snprintf(t->port, sizeof(t->port), "%u", t->ssh.dest.port ? t->ssh.dest.port : SSH_PORT);
	ssh_known_name(&t->ssh.dest, t->name);
	return 0;
}

static int propagate(struct target *t, struct err *err)
{
	char key[TEXT_MAX];
	struct err why = {0};
	int rc = 0;

	if (access(t->ssh.key, F_OK))
		rc = make_key(t, err);
	if (!rc)
		rc = public_key(t, key, sizeof(key), err);
	if (!rc)
		rc = pin_host(t, err);
	if (rc)
		return rc;
	// lifeboat-receive takes no commands: nobody but its administrator can put the key there.
	if (t->conf->method == CONFIG_METHOD_RECEIVE) {
		SAY(t,
		    "for lifeboat-receive, ~/.ssh/authorized_keys there needs the line: "
		    "command=\"lifeboat-receive --root %s\",restrict %.*s",
		    t->conf->path, (int)strcspn(key, "\n"), key);
		return 0;
	}
	if (!try_login(t, &why))
		return 0;
	if (!strstr(why.msg, "refuses the key")) {
		if (err)
			*err = why;
		return why.code;
	}
	rc = install_key(t, err);
	return rc ? rc : try_login(t, err);
}

int command_propagate(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct config *c = malloc(sizeof(*c));
	CLEANUP_FREE struct target *t = malloc(sizeof(*t));
	size_t found = 0;
	int rc;

	if (!c || !t)
		return err_set(err, ERR_NOMEM, "no memory for the configuration");
	rc = command_read_config(ctx, "propagate", c, err);
	for (size_t i = 0; !rc && i < c->ntargets; i++) {
		if (c->targets[i].kind != CONFIG_TARGET_SSH)
			continue;
		found++;
		rc = fill_target(t, ctx, c, &c->targets[i], err);
		if (!rc)
			rc = propagate(t, err);
	}
	if (!rc && !found)
		rc = err_set(err, ERR_USAGE, "%s names no ssh target", ctx->config);
	return rc;
}
