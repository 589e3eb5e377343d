// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/netlease.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

#define RUN_DIR "/run/lifeboat"

enum {
	PATH_MAX_ = 256,
	ENVIRONMENT_MAX = 256, // variables
};

/* What is read of a lease, by udhcpc's names. */
static const char *const wanted[] = {
	"ip", "mask", "router", "dns", "domain", "search", "staticroutes",
};

static void lease_path(const char *name, char path[PATH_MAX_])
{
	snprintf(path, PATH_MAX_, RUN_DIR "/lease-%s", name);
}

/* The environment of udhcpc: ours, and the name of the file. */
static void make_environment(char *variable, char **list)
{
	size_t n = 0;

	for (char **e = environ; *e && n < ENVIRONMENT_MAX; e++)
		list[n++] = *e;
	list[n++] = variable;
	list[n] = NULL;
}

int netlease_start(const char *name, pid_t *pid_ret, struct err *err)
{
	// -n: ends when there is no lease; without -q: goes on in the background when there is. How
	// long it asks is for the caller to say: more tries than the limit has room for.
	char *argv[] = {"udhcpc", "-i", (char *)name, "-n",	      "-t", "100", "-T", "2",
			"-A",	  "1",	"-O",	      "staticroutes", "-s", NULL,  NULL};
	char path[PATH_MAX_], variable[PATH_MAX_ + 32], self[PATH_MAX_] = "";
	char *list[ENVIRONMENT_MAX + 2];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int rc;

	if (n <= 0)
		return err_sys(err, "/proc/self/exe");
	argv[ARRAY_SIZE(argv) - 2] = self;
	lease_path(name, path);
	mkdir("/run", 0755);
	mkdir(RUN_DIR, 0700);
	if (unlink(path) && errno != ENOENT)
		return err_sys(err, "%s", path);
	snprintf(variable, sizeof(variable), NETLEASE_FILE_VARIABLE "=%s", path);
	make_environment(variable, list);
	rc = posix_spawnp(pid_ret, "busybox", NULL, NULL, argv, list);
	if (rc) {
		errno = rc;
		return err_sys(err, "busybox udhcpc cannot be run");
	}
	return 0;
}

void netlease_stop(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*pid = 0;
}

int netlease_poll(const char *name, pid_t *pid, struct netlease *ret, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX_];
	int status, rc;
	pid_t done = waitpid(*pid, &status, WNOHANG);

	if (done == 0)
		return 0;
	*pid = 0;
	lease_path(name, path);
	rc = io_read_file(path, NETLEASE_TEXT_MAX, &text, NULL, err);
	if (rc)
		return err_set(err, ERR_NOTFOUND, "udhcpc ended without a lease");
	rc = netlease_parse(text, ret, err);
	return rc ? rc : 1;
}

// ---- in the program that udhcpc runs ----

int netlease_take(const char *event)
{
	const char *path = getenv(NETLEASE_FILE_VARIABLE);
	char temp[PATH_MAX_ + 8], text[NETLEASE_TEXT_MAX];
	CLEANUP_CLOSE int fd = -1;
	size_t used = 0;

	if (!path || (strcmp(event, "bound") != 0 && strcmp(event, "renew") != 0))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		const char *value = getenv(wanted[i]);

		if (value)
			used += snprintf(text + used, sizeof(text) - used, "%s=%s\n", wanted[i],
					 value);
		if (used >= sizeof(text))
			return 1;
	}
	if (snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp))
		return 1;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || io_write(fd, text, used, NULL))
		return 1;
	return rename(temp, path) ? 1 : 0;
}

// ---- reading it ----

static void add_route(struct netlease *l, const struct netconf_ip *to, uint8_t prefix,
		      const struct netconf_ip *via)
{
	static const uint8_t none[4];
	struct netconf_route *r = &l->routes[l->nroutes];

	if (l->nroutes == NETLEASE_ROUTES_MAX)
		return;
	l->nroutes++;
	*r = (struct netconf_route){
		.to = *to,
		.prefix = prefix,
		// A gateway of a lease may be outside of the network of its address.
		.onlink = true,
		.source = NETCONF_DHCP,
	};
	// RFC 3442: a gateway of 0.0.0.0 means "on the link".
	if (memcmp(via->bytes, none, sizeof(none)) != 0)
		r->via = *via;
	else
		r->onlink = false;
}

/* "10.0.0.0/8 10.0.0.1 0.0.0.0/0 10.0.0.2" */
static void read_static_routes(struct netlease *l, char *text)
{
	char *to, *save;

	for (to = strtok_r(text, " ", &save); to; to = strtok_r(NULL, " ", &save)) {
		char *via = strtok_r(NULL, " ", &save);
		struct netconf_ip net, gateway;
		uint8_t prefix;

		if (via && !netconf_parse_prefix(to, &net, &prefix, NULL) &&
		    !netconf_parse_ip(via, &gateway, NULL) && net.family == AF_INET &&
		    gateway.family == AF_INET)
			add_route(l, &net, prefix, &gateway);
	}
}

static void read_router(struct netlease *l, char *text)
{
	const struct netconf_ip all = {.family = AF_INET};
	struct netconf_ip via;

	text[strcspn(text, " ")] = '\0';
	if (!netconf_parse_ip(text, &via, NULL) && via.family == AF_INET)
		add_route(l, &all, 0, &via);
}

static void read_servers(struct netlease *l, char *text)
{
	char *one, *save;

	for (one = strtok_r(text, " ", &save); one; one = strtok_r(NULL, " ", &save))
		if (l->nservers < NETCONF_SERVERS_MAX &&
		    !netconf_parse_ip(one, &l->servers[l->nservers], NULL))
			l->nservers++;
}

/* Only what may be in names, for it goes to a file that others read. */
static void read_search(struct netlease *l, const char *text)
{
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_. ", *p))
			return;
	snprintf(l->search, sizeof(l->search), "%s", text);
}

int netlease_parse(const char *text, struct netlease *ret, struct err *err)
{
	char copy[NETLEASE_TEXT_MAX], *line, *save, *value;
	char *router = NULL, *routes = NULL;
	uint64_t prefix = 33;

	*ret = (struct netlease){0};
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return err_set(err, ERR_LIMIT, "a lease of more than %d bytes", NETLEASE_TEXT_MAX);
	for (line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (strcmp(line, "ip") == 0 && netconf_parse_ip(value, &ret->ip, NULL))
			ret->ip.family = 0;
		else if (strcmp(line, "mask") == 0)
			prefix = isdigit((unsigned char)*value) ? strtoul(value, NULL, 10) : 33;
		else if (strcmp(line, "router") == 0)
			router = value;
		else if (strcmp(line, "staticroutes") == 0)
			routes = value;
		else if (strcmp(line, "dns") == 0)
			read_servers(ret, value);
		else if (!strcmp(line, "search") || (!strcmp(line, "domain") && !ret->search[0]))
			read_search(ret, value);
	}
	if (ret->ip.family != AF_INET || prefix > 32)
		return err_set(err, ERR_CORRUPT, "a lease without an address and a mask");
	ret->prefix = prefix;
	// RFC 3442: where there are such routes the router does not count.
	if (routes)
		read_static_routes(ret, routes);
	else if (router)
		read_router(ret, router);
	return 0;
}
