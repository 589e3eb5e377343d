// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/nfs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "collector/log.h"
#include "collector/target.h"
#include "vmcore/config.h"
#include "vmcore/remote.h"

enum {
	NFS_PORT = 2049,
	POLL_MS = 50,
	KILLED_MS = 3000, /* for a mount that was killed: it waits killably */
	ANSWER_MAX = 4096, /* of getent */
};

/* A hang is told in a minute or two, as EIO; a dump that waits for ever is none. */
#define COMMON "soft,timeo=100,retrans=3"

const struct nfs_version nfs_versions[] = {
	{"nfs4", "vers=4.2"},
	{"nfs4", "vers=4.1"},
	{"nfs4", "vers=4.0"},
	// Nobody else has these files open, and there is no statd here.
	{"nfs", "vers=3,nolock"},
	{NULL, NULL},
};

/* The addresses of a host, in the order in which they are tried. */
struct addresses {
	size_t n;
	char text[NFS_ADDRESSES_MAX][NFS_ADDRESS_MAX];
};

void nfs_options(char buf[static NFS_OPTIONS_MAX], const struct nfs_version *v, const char *addr,
		 const char *own)
{
	const char *proto = strchr(addr, ':') ? "tcp6" : "tcp";
	bool v3 = strcmp(v->fstype, "nfs") == 0;
	size_t n = snprintf(buf, NFS_OPTIONS_MAX, "%s,addr=%s,proto=%s," COMMON, v->options, addr,
			    proto);

	if (v3)
		snprintf(buf + n, NFS_OPTIONS_MAX - n, ",mountproto=%s", proto);
	else if (own[0])
		snprintf(buf + n, NFS_OPTIONS_MAX - n, ",clientaddr=%s", own);
}

/* A number, "fe80::1%eth0" as well, as an address; its length, 0 when it is none. */
static socklen_t parse_address(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	const char *scope = strchr(text, '%');
	char number[NFS_ADDRESS_MAX];
	size_t len = scope ? (size_t)(scope - text) : strlen(text);

	memset(ret, 0, sizeof(*ret));
	if (len >= sizeof(number))
		return 0;
	memcpy(number, text, len);
	number[len] = '\0';
	if (!scope && inet_pton(AF_INET, number, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(NFS_PORT);
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, number, &in6->sin6_addr) != 1)
		return 0;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(NFS_PORT);
	in6->sin6_scope_id = scope ? if_nametoindex(scope + 1) : 0;
	return sizeof(*in6);
}

static void add_address(struct addresses *a, const char *text)
{
	struct sockaddr_storage ss;

	if (a->n == NFS_ADDRESSES_MAX || strlen(text) >= NFS_ADDRESS_MAX ||
	    !parse_address(text, &ss))
		return;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(a->text[i], text) == 0)
			return;
	}
	strcpy(a->text[a->n++], text);
}

/* "ADDRESS  STREAM name" a line and kind of socket, as getent(1) prints it. */
static void take_answer(struct addresses *a, char *text)
{
	char *save = NULL;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		l[strcspn(l, " \t")] = '\0';
		add_address(a, l);
	}
}

/* As everything else in the initrd finds it: /etc/hosts and DNS, by getent. */
static int look_up(const char *host, int limit_ms, struct addresses *a, struct err *err)
{
	const char *argv[] = {"getent", "ahosts", host, NULL};
	char text[ANSWER_MAX + 1];
	uint64_t end = log_now_ms() + limit_ms;
	size_t used = 0;
	struct child c;
	ssize_t n = 1;
	int rc = child_start(&c, argv, err);

	if (rc)
		return rc;
	child_close_in(&c);
	while (used < ANSWER_MAX && n > 0) {
		uint64_t now = log_now_ms();

		n = child_read(&c, text + used, ANSWER_MAX - used, now < end ? end - now : 1, err);
		used += n > 0 ? n : 0;
	}
	child_end(&c);
	if (n < 0) {
		err_prepend(err, "address of %s", host);
		return n;
	}
	text[used] = '\0';
	take_answer(a, text);
	if (!a->n)
		return err_set(err, ERR_NOTFOUND,
			       "%s has no address: the name server does not answer, or does not "
			       "know it",
			       host);
	return 0;
}

/* The address that this machine has towards @addr; no packet is sent for that. */
static void own_address(const char *addr, char ret[static NFS_ADDRESS_MAX])
{
	struct sockaddr_storage ss;
	socklen_t len = parse_address(addr, &ss);
	CLEANUP_CLOSE int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ret[0] = '\0';
	if (fd < 0 || connect(fd, (struct sockaddr *)&ss, len))
		return;
	len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len))
		return;
	if (ss.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&ss)->sin_addr, ret, NFS_ADDRESS_MAX);
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&ss)->sin6_addr, ret, NFS_ADDRESS_MAX);
}

static bool wait_for(pid_t pid, int *status, uint64_t limit_ms)
{
	uint64_t end = log_now_ms() + limit_ms;
	pid_t ended;

	while (!(ended = waitpid(pid, status, WNOHANG))) {
		if (log_now_ms() >= end)
			return false;
		usleep(POLL_MS * 1000);
	}
	return ended == pid;
}

/*
 * 0, or the errno of mount(2); ETIME when it did not end in time. EDEADLK: it did not end when it was
 * killed either. What it mounts in the end would be on top of any other mount there.
 */
static int mount_apart(const char *source, const char *point, const char *fstype,
		       const char *options, uint64_t limit_ms)
{
	pid_t parent = getpid(), pid = fork();
	int status = 0;
	bool ended;

	if (pid < 0)
		return errno;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(EINTR);
		if (mount(source, point, fstype, MS_NOATIME | MS_NODEV | MS_NOSUID | MS_NOEXEC,
			  options))
			_exit(errno < 255 ? errno : EIO);
		_exit(0);
	}
	if (wait_for(pid, &status, limit_ms))
		return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	kill(pid, SIGKILL);
	ended = wait_for(pid, &status, KILLED_MS);
	// It may have come about in the last moment, and nobody is to find it there.
	umount2(point, MNT_DETACH);
	return ended ? ETIME : EDEADLK;
}

/* It did not answer; a soft mount calls that EIO. */
static bool silent(int sys)
{
	return sys == ETIME || sys == EDEADLK || sys == ETIMEDOUT || sys == EIO;
}

/* What another version would say as well. */
static bool unreachable(int sys)
{
	return silent(sys) || sys == EHOSTUNREACH || sys == ENETUNREACH || sys == EHOSTDOWN;
}

static int try_address(struct target *t, const char *addr, const char *point, int *last,
		       struct err *err)
{
	char own[NFS_ADDRESS_MAX], options[NFS_OPTIONS_MAX];

	own_address(addr, own);
	for (const struct nfs_version *v = nfs_versions; v->fstype; v++) {
		uint64_t limit = target_patience(t, NFS_LIMIT_S);

		if (!limit)
			return err_set(err, ERR_LIMIT, "no answer from %s in time", addr);
		nfs_options(options, v, addr, own);
		*last = mount_apart(t->conf->where, point, v->fstype, options, limit);
		if (!*last) {
			snprintf(t->host, sizeof(t->host), "%s", own);
			log_line(t->log, LOG_COMMON, "%s at %s mounted, %s, as %s", t->conf->where,
				 addr, v->options, own);
			return 0;
		}
		if (unreachable(*last))
			break;
		// A kernel without that version.
		if (*last == ENODEV)
			*last = EPROTONOSUPPORT;
	}
	if (silent(*last))
		return err_set(err, ERR_LIMIT, "no answer from %s in time", addr);
	errno = *last;
	return err_sys(err, "mount from %s%s", addr,
		       *last == EPROTONOSUPPORT ? " (are the modules nfsv4, nfsv3 in the initrd?)"
		       : *last == EACCES || *last == EPERM
			       ? " (does the server export it to this machine?)"
			       : "");
}

int nfs_mount(struct target *t, const char *point, struct err *err)
{
	struct addresses a = {.n = 0};
	struct remote r;
	int last = 0, rc = remote_parse_nfs(&r, t->conf->where, err);

	if (rc)
		return rc;
	add_address(&a, r.host);
	if (!a.n)
		rc = look_up(r.host, target_patience(t, NFS_LIMIT_S), &a, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < a.n; i++) {
		rc = try_address(t, a.text[i], point, &last, err);
		if (!rc || last == EDEADLK)
			return rc;
		if (i + 1 < a.n && err)
			log_line(t->log, LOG_ERROR, "warning: %s", err->msg);
	}
	return rc;
}
