// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/netnames.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/netlease.h"
#include "vmcore/netconf.h"

enum {
	TEXT_MAX = 16 << 10,
	PATH_MAX_ = 1024,
};

struct text {
	char buf[TEXT_MAX];
	size_t used;
};

static void __attribute__((format(printf, 2, 3))) put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, sizeof(t->buf) - t->used, fmt, ap);
	va_end(ap);
	t->used += n;
	if (t->used >= sizeof(t->buf))
		t->used = sizeof(t->buf) - 1;
}

static int write_file(const struct text *t, const char *etc, const char *name, struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	char path[PATH_MAX_];

	if (snprintf(path, sizeof(path), "%s/%s", etc, name) >= (int)sizeof(path))
		return err_set(err, ERR_LIMIT, "%s: name too long", etc);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, "%s", path);
	return io_write(fd, t->buf, t->used, err);
}

/* Adds one that is not there yet. */
static void add_server(struct netconf_ip *servers, size_t *n, const struct netconf_ip *ip)
{
	for (size_t i = 0; i < *n; i++)
		if (netconf_ip_equal(&servers[i], ip))
			return;
	if (*n < NETCONF_SERVERS_MAX)
		servers[(*n)++] = *ip;
}

static size_t put_resolv(struct text *t, const struct netconf *conf, const struct netlease *leases,
			 size_t n)
{
	struct netconf_ip servers[NETCONF_SERVERS_MAX];
	const char *search = conf->search;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < leases[i].nservers; j++)
			add_server(servers, &count, &leases[i].servers[j]);
		if (!search[0])
			search = leases[i].search;
	}
	for (size_t i = 0; i < conf->nservers; i++)
		add_server(servers, &count, &conf->servers[i]);
	if (search[0])
		put(t, "search %s\n", search);
	for (size_t i = 0; i < count; i++) {
		char ip[NETCONF_ADDRESS_TEXT_MAX];

		put(t, "nameserver %s\n", netconf_ip_text(&servers[i], ip));
	}
	// What does not answer must not take the dump's time.
	put(t, "options timeout:2 attempts:2\n");
	return count;
}

/* The addresses known before; whether one is to be taken in any case. */
static bool put_hosts(struct text *t, const struct netconf *conf)
{
	struct netconf_ip ip;
	bool files = false;

	put(t, "127.0.0.1 localhost\n::1 localhost\n");
	for (size_t i = 0; i < conf->nhosts; i++) {
		const struct netconf_host *h = &conf->hosts[i];
		char buf[NETCONF_ADDRESS_TEXT_MAX];

		if (!netconf_parse_ip(h->name, &ip, NULL))
			continue;
		files = files || h->files;
		for (size_t j = 0; j < h->nips; j++)
			put(t, "%s %s\n", netconf_ip_text(&h->ips[j], buf), h->name);
	}
	return files;
}

int netnames_write(const struct netconf *conf, const struct netlease *leases, size_t n,
		   const char *etc, struct err *err)
{
	CLEANUP_FREE struct text *t = calloc(1, sizeof(*t));
	size_t servers;
	bool files;
	int rc;

	if (!t)
		return err_set(err, ERR_NOMEM, "no memory for the list of hosts");
	servers = put_resolv(t, conf, leases, n);
	rc = write_file(t, etc, "resolv.conf", err);
	t->used = 0;
	files = put_hosts(t, conf);
	if (!rc)
		rc = write_file(t, etc, "hosts", err);
	t->used = 0;
	put(t, "passwd: files\ngroup: files\nhosts: %s\n",
	    files || !servers ? "files dns" : "dns files");
	return rc ? rc : write_file(t, etc, "nsswitch.conf", err);
}
