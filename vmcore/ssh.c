// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/ssh.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef __aarch64__
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "base/cleanup.h"
#include "base/err.h"

enum {
	CODE_OF_SSH = 255, // ssh(1): an error occurred, and it was not the command's
	UNSHARE_MS = 3000,
	OPTION_MAX = SSH_PATH_MAX + 32,
};

/*
 * AES-GCM is two to four times as fast as ChaCha20 where the CPU has AES, and five times slower
 * where it has not. All of them need no second pass for a MAC.
 */
#define CIPHERS_AES    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com"
#define CIPHERS_NO_AES "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com"
#define CIPHERS_LAST   ",aes128-ctr,aes256-ctr"

static bool cpu_has_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes");
#elif defined(__aarch64__)
	return getauxval(AT_HWCAP) & HWCAP_AES;
#else
	return false;
#endif
}

static unsigned int port_of(const struct remote *dest)
{
	return dest->port ? dest->port : SSH_PORT;
}

static int copy_path(char ret[static SSH_PATH_MAX], const char *path, struct err *err)
{
	if (snprintf(ret, SSH_PATH_MAX, "%s", path) >= SSH_PATH_MAX)
		return err_set(err, ERR_LIMIT, "%s: name too long", path);
	return 0;
}

int ssh_fill(struct ssh_conf *conf, const char *where, const char *key, const char *hostkeys,
	     struct err *err)
{
	int rc = remote_parse_ssh(&conf->dest, where, err);

	if (!rc)
		rc = copy_path(conf->key, key, err);
	return rc ? rc : copy_path(conf->hostkeys, hostkeys, err);
}

void ssh_known_name(const struct remote *dest, char buf[static SSH_NAME_MAX])
{
	if (port_of(dest) == SSH_PORT)
		snprintf(buf, SSH_NAME_MAX, "%s", dest->host);
	else
		snprintf(buf, SSH_NAME_MAX, "[%s]:%u", dest->host, dest->port);
}

int ssh_quote(const char *text, char *buf, size_t room, struct err *err)
{
	size_t n = 0;

	if (room < 3)
		return err_set(err, ERR_LIMIT, "no room for a quoted path");
	buf[n++] = '\'';
	for (const char *s = text; *s; s++) {
		const char *part = *s == '\'' ? "'\\''" : (char[]){*s, '\0'};
		size_t len = strlen(part);

		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return err_set(err, ERR_USAGE, "'%.64s': a control character in a path",
				       text);
		if (n + len + 2 > room)
			return err_set(err, ERR_LIMIT, "'%.64s...': too long", text);
		memcpy(buf + n, part, len);
		n += len;
	}
	buf[n++] = '\'';
	buf[n] = '\0';
	return 0;
}

/* The words of a command line; those that are made live in room. */
struct args {
	const char *words[SSH_ARGS_MAX];
	size_t n;
	char port[16], timeout[48], alive[48], count[48], share[48];
	char control[SSH_CONTROL_MAX + 16];
	char hostkeys[OPTION_MAX];
};

static void add(struct args *a, const char *word)
{
	if (a->n < SSH_ARGS_MAX - 1)
		a->words[a->n++] = word;
}

static void add_option(struct args *a, const char *option)
{
	add(a, "-o");
	add(a, option);
}

/* The same for every use of the client. */
static const char *const options[] = {
	"BatchMode=yes",
	"StrictHostKeyChecking=yes",
	"GlobalKnownHostsFile=/dev/null",
	"UpdateHostKeys=no",
	"CheckHostIP=no",
	"VerifyHostKeyDNS=no",
	"CanonicalizeHostname=no",
	"IdentitiesOnly=yes",
	"IdentityAgent=none",
	"PreferredAuthentications=publickey",
	"PasswordAuthentication=no",
	"KbdInteractiveAuthentication=no",
	"ProxyCommand=none",
	"PermitLocalCommand=no",
	"ClearAllForwardings=yes",
	"ForwardAgent=no",
	"ForwardX11=no",
	"RequestTTY=no",
	"EscapeChar=none",
	"Compression=no",
	"TCPKeepAlive=yes",
	"IPQoS=throughput",
	"ConnectionAttempts=1",
	"LogLevel=ERROR",
};

static const char *key_of(const struct ssh_conf *conf)
{
	return conf->key[0] ? conf->key : SSH_KEY_DEFAULT;
}

static const char *hostkeys_of(const struct ssh_conf *conf)
{
	return conf->hostkeys[0] ? conf->hostkeys : SSH_HOSTKEYS_DEFAULT;
}

/* Values that are given first are those that count. */
static void add_control(struct args *a, const struct ssh_conf *conf)
{
	if (!conf->control[0]) {
		add_option(a, "ControlMaster=no");
		add_option(a, "ControlPath=none");
		return;
	}
	snprintf(a->control, sizeof(a->control), "ControlPath=%s", conf->control);
	snprintf(a->share, sizeof(a->share), "ControlPersist=%d", SSH_SHARE_S);
	add_option(a, "ControlMaster=auto");
	add_option(a, a->control);
	add_option(a, a->share);
}

static void fill_args(struct args *a, const struct ssh_conf *conf, const char *command)
{
	unsigned int connect = conf->connect_s ? conf->connect_s : SSH_CONNECT_S;

	*a = (struct args){0};
	snprintf(a->port, sizeof(a->port), "%u", port_of(&conf->dest));
	snprintf(a->timeout, sizeof(a->timeout), "ConnectTimeout=%u", connect);
	snprintf(a->alive, sizeof(a->alive), "ServerAliveInterval=%d", SSH_ALIVE_S);
	snprintf(a->count, sizeof(a->count), "ServerAliveCountMax=%d", SSH_ALIVE_COUNT);
	snprintf(a->hostkeys, sizeof(a->hostkeys), "UserKnownHostsFile=\"%s\"", hostkeys_of(conf));
	add(a, "ssh");
	add(a, "-F");
	add(a, "/dev/null");
	add_control(a, conf);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		add_option(a, options[i]);
	add_option(a, a->hostkeys);
	add_option(a, a->timeout);
	add_option(a, a->alive);
	add_option(a, a->count);
	add(a, "-c");
	add(a, cpu_has_aes() ? CIPHERS_AES CIPHERS_LAST : CIPHERS_NO_AES CIPHERS_LAST);
	add(a, "-i");
	add(a, key_of(conf));
	add(a, "-p");
	add(a, a->port);
	add(a, "-l");
	add(a, conf->dest.user);
	add(a, "--");
	add(a, conf->dest.host);
	add(a, command);
	a->words[a->n] = NULL;
}

int ssh_start(struct child *c, const struct ssh_conf *conf, const char *command, struct err *err)
{
	struct args args;
	int rc;

	fill_args(&args, conf, command);
	rc = child_start(c, args.words, err);
	if (rc == ERR_NOTFOUND)
		return err_set(err, rc,
			       "there is no ssh client here; install openssh-client, and build "
			       "the capture initrd anew");
	return rc;
}

void ssh_unshare(const struct ssh_conf *conf)
{
	const char *argv[] = {"ssh",  "-F", "/dev/null",     "-S", conf->control, "-O",
			      "exit", "--", conf->dest.host, NULL};
	struct child c;

	if (!conf->control[0] || access(conf->control, F_OK) || child_start(&c, argv, NULL))
		return;
	child_wait(&c, UNSHARE_MS, NULL);
	child_end(&c);
}

/* What the client says, in the order in which it is looked for, and what to do about it. */
struct cause {
	const char *said;
	int code;
	const char *what;
};

static const struct cause causes[] = {
	{"REMOTE HOST IDENTIFICATION HAS CHANGED", ERR_USAGE,
	 "its host key is not the one that was pinned: another machine answers, or it was "
	 "installed anew; if that is right, run `lifeboat propagate --yes` and `lifeboat reload`"},
	{"Host key verification failed", ERR_USAGE,
	 "its host key is not pinned, or not the one that was; run `lifeboat propagate`"},
	{"No ED25519 host key is known", ERR_USAGE,
	 "its host key is not pinned; run `lifeboat propagate`"},
	{"Permission denied (", ERR_USAGE,
	 "it refuses the key; run `lifeboat propagate`, which puts the public key there"},
	{"Too many authentication failures", ERR_USAGE,
	 "it refuses the key; run `lifeboat propagate`, which puts the public key there"},
	{"Load key", ERR_USAGE, "the private key cannot be used (it must have no passphrase)"},
	{"Could not resolve hostname", ERR_BROKEN,
	 "its name has no address; give the address itself, or check the DNS server"},
	{"Connection refused", ERR_BROKEN,
	 "nothing listens there; is sshd running, is the port right?"},
	{"No route to host", ERR_BROKEN, "there is no way to it; check network and address"},
	{"Network is unreachable", ERR_BROKEN, "the network is not up, or has no route to it"},
	{"Connection timed out", ERR_BROKEN,
	 "it does not answer; is it up, is a firewall between?"},
	{"Operation timed out", ERR_BROKEN, "it does not answer; is it up, is a firewall between?"},
	{"no matching", ERR_USAGE, "it has no cipher or key exchange in common with this client"},
	{"No user exists for uid", ERR_USAGE, "there is no /etc/passwd here that names this user"},
	{"Timeout, server", ERR_BROKEN, "the connection is dead: it does not answer any more"},
	{"closed by remote host", ERR_BROKEN, "it closed the connection"},
	{"Connection reset", ERR_BROKEN, "the connection broke"},
	{"Broken pipe", ERR_BROKEN, "the connection broke"},
	{"No space left on device", ERR_NOSPC, "its disk is full"},
	{"Disk quota exceeded", ERR_NOSPC, "its disk quota is used up"},
	{"File too large", ERR_NOSPC, "files of that size are not allowed there"},
};

/* The last line of what it said, without control characters: the far side wrote it. */
static void last_line(const struct child *c, char *buf, size_t room)
{
	size_t end = c->nsaid, start, n = 0;

	while (end && (c->said[end - 1] == '\n' || c->said[end - 1] == '\r'))
		end--;
	for (start = end; start && c->said[start - 1] != '\n'; start--)
		;
	for (size_t i = start; i < end && n + 1 < room; i++)
		buf[n++] = (unsigned char)c->said[i] < 0x20 || c->said[i] == 0x7f ? ' '
										  : c->said[i];
	buf[n] = '\0';
}

int ssh_explain(const struct child *c, const struct ssh_conf *conf, int rc, struct err *err)
{
	const struct cause *cause = NULL;
	char before[128] = "", line[160], name[SSH_NAME_MAX];

	if (err && err->code)
		snprintf(before, sizeof(before), "; %.120s", err->msg);
	ssh_known_name(&conf->dest, name);
	last_line(c, line, sizeof(line));
	for (size_t i = 0; i < ARRAY_SIZE(causes) && !cause; i++)
		if (strstr(c->said, causes[i].said))
			cause = &causes[i];
	if (cause)
		return err_set(err, cause->code, "ssh %s@%.64s: %s (%.96s)", conf->dest.user, name,
			       cause->what, line);
	if (child_code(c) == CODE_OF_SSH || child_code(c) < 0)
		return err_set(err, ERR_BROKEN, "ssh %s@%.64s: the connection failed%s%.120s%s",
			       conf->dest.user, name, line[0] ? ": " : "", line, before);
	return err_set(err, rc, "ssh %s@%.64s: %s%s%s", conf->dest.user, name,
		       line[0] ? line : "the remote command failed", before[0] ? before : "",
		       before[0] || line[0] ? "" : " without a word");
}
