// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "loader/jsonread.h"
#include "loader/netgather.h"
#include "loader/sshtry.h"
#include "loader/store.h"
#include "vmcore/ssh.h"

#define REACH_NAME "reached.json"

enum {
	CONNECT_MS = 15000,
	NFS_PORT = 2049,
	FILE_MAX = 64 << 10,
};

static socklen_t set_address(struct sockaddr_storage *a, const struct netconf_ip *ip,
			     unsigned int port)
{
	*a = (struct sockaddr_storage){.ss_family = ip->family};
	if (ip->family == AF_INET6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)a;

		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, ip->bytes, sizeof(in6->sin6_addr));
		return sizeof(*in6);
	}
	struct sockaddr_in *in = (struct sockaddr_in *)a;

	in->sin_port = htons(port);
	memcpy(&in->sin_addr, ip->bytes, sizeof(in->sin_addr));
	return sizeof(*in);
}

/* Whether somebody takes a connection there. */
static int try_address(const struct netconf_ip *ip, unsigned int port, struct err *err)
{
	struct sockaddr_storage a;
	socklen_t size = set_address(&a, ip, port);
	CLEANUP_CLOSE int fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int failed = 0;
	socklen_t len = sizeof(failed);

	if (fd < 0)
		return err_sys(err, "socket");
	if (connect(fd, (struct sockaddr *)&a, size) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return err_sys(err, "port %u", port);
	if (poll(&p, 1, CONNECT_MS) != 1)
		return err_set(err, ERR_LIMIT, "port %u: no answer within %d seconds", port,
			       CONNECT_MS / 1000);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) || failed) {
		errno = failed ? failed : errno;
		return err_sys(err, "port %u", port);
	}
	return 0;
}

static int try_port(const char *root, const char *name, unsigned int port, struct err *err)
{
	struct netconf_host host = {.nips = 0};
	int rc = 0;

	if (snprintf(host.name, sizeof(host.name), "%s", name) >= (int)sizeof(host.name))
		return err_set(err, ERR_LIMIT, "%.64s...: name too long", name);
	rc = netgather_resolve(root, &host, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < host.nips; i++) {
		rc = try_address(&host.ips[i], port, err);
		if (!rc)
			break;
	}
	return rc;
}

bool reach_port_only(const struct config_target *t)
{
	return t->kind == CONFIG_TARGET_NFS || t->method == CONFIG_METHOD_RECEIVE;
}

void reach_name(const struct config *c, const struct config_target *t,
		char ret[static REACH_NAME_MAX])
{
	struct ssh_conf ssh = {.connect_s = 0};
	size_t n = snprintf(ret, REACH_NAME_MAX, "%s %.200s path=%.250s", config_target_name(t),
			    t->where, t->path);

	if (t->kind == CONFIG_TARGET_SSH && !sshtry_fill(&ssh, c, t, NULL))
		snprintf(ret + n, REACH_NAME_MAX - n, " key=%.250s hostkeys=%.250s method=%s",
			 ssh.key, ssh.hostkeys,
			 t->method == CONFIG_METHOD_RECEIVE ? "receive" : "plain");
}

static int try_target(const char *root, const struct config *c, const struct config_target *t,
		      const char **what, struct err *err)
{
	struct ssh_conf ssh = {.connect_s = 0};
	struct remote nfs;
	int rc;

	if (t->kind == CONFIG_TARGET_NFS) {
		*what = "the NFS server listens";
		rc = remote_parse_nfs(&nfs, t->where, err);
		return rc ? rc : try_port(root, nfs.host, NFS_PORT, err);
	}
	rc = sshtry_fill(&ssh, c, t, err);
	if (rc)
		return rc;
	if (t->method == CONFIG_METHOD_RECEIVE) {
		*what = "its sshd listens";
		return try_port(root, ssh.dest.host, ssh.dest.port ? ssh.dest.port : SSH_PORT, err);
	}
	*what = "logged in, its path can be written to";
	return sshtry_login(&ssh, t, err);
}

void reach_try(struct reach *r, const char *root, const struct config *c,
	       const struct config_target *t)
{
	struct err why = {0};
	const char *what = "";

	r->ok = try_target(root, c, t, &what, &why) == 0;
	snprintf(r->reason, sizeof(r->reason), "%.250s", r->ok ? what : why.msg);
}

void reach_load(struct reaches *rs, const char *root)
{
	struct json_object *o = NULL;
	char path[FACTS_PATH_MAX];
	size_t n;

	*rs = (struct reaches){.n = 0};
	if (facts_path(path, sizeof(path), root, LIFEBOAT_DIR "/" REACH_NAME, NULL) ||
	    jsonread_file(AT_FDCWD, path, &o, NULL))
		return;
	n = jsonread_count(o, "targets");
	for (size_t i = 0; i < n && rs->n < CONFIG_TARGETS_MAX; i++) {
		struct json_object *row = jsonread_object_at(o, "targets", i);
		struct reach *r = &rs->rows[rs->n];
		char result[16];

		if (!row || !jsonread_string(row, "name", r->name, sizeof(r->name)) ||
		    !jsonread_u64(row, "time", &r->time) ||
		    !jsonread_string(row, "result", result, sizeof(result)))
			continue;
		jsonread_string(row, "reason", r->reason, sizeof(r->reason));
		r->ok = strcmp(result, "ok") == 0;
		rs->n++;
	}
	jsonread_free(o);
}

int reach_store(const struct reaches *rs, const char *root, struct err *err)
{
	CLEANUP_FREE char *text = malloc(FILE_MAX);
	struct json j;

	if (!text)
		return err_set(err, ERR_NOMEM, "no memory for " REACH_NAME);
	json_init(&j, text, FILE_MAX);
	json_object(&j, NULL);
	json_array(&j, "targets");
	for (size_t i = 0; i < rs->n; i++) {
		json_object(&j, NULL);
		json_string(&j, "name", rs->rows[i].name);
		json_u64(&j, "time", rs->rows[i].time);
		json_string(&j, "result", rs->rows[i].ok ? "ok" : "failed");
		json_string(&j, "reason", rs->rows[i].reason);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	if (j.overflow)
		return err_set(err, ERR_LIMIT, REACH_NAME ": too long");
	return store_write(root, LIFEBOAT_DIR, REACH_NAME, text, j.used, err);
}

struct reach *reach_find(struct reaches *rs, const char *name)
{
	for (size_t i = 0; i < rs->n; i++)
		if (strcmp(rs->rows[i].name, name) == 0)
			return &rs->rows[i];
	return NULL;
}

struct reach *reach_add(struct reaches *rs, const char *name)
{
	struct reach *r = &rs->rows[0];

	for (size_t i = 1; i < rs->n; i++)
		if (rs->rows[i].time < r->time)
			r = &rs->rows[i];
	if (rs->n < CONFIG_TARGETS_MAX)
		r = &rs->rows[rs->n++];
	*r = (struct reach){.time = 0};
	snprintf(r->name, sizeof(r->name), "%s", name);
	return r;
}
