// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/fence.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/log.h"
#include "collector/netup.h"
#include "collector/oom.h"
#include "vmcore/config.h"
#include "vmcore/netconf.h"

enum {
	AGAIN_MS = 1000, // until one could be sent
};

/* The process that sends. */
struct fence {
	const struct config *config;
	struct log *log;
	int hold; // reads an end when the collector is gone
	int sockets[2]; // IPv4, IPv6; -1: none yet
	struct netconf_host nodes[FENCE_NODES_MAX];
	size_t n;
};

/* The addresses that the initrd was built with. */
static void look_up(const struct netconf *known, struct netconf_host *h)
{
	if (!netconf_parse_ip(h->name, &h->ips[0], NULL))
		h->nips = 1;
	for (size_t i = 0; i < known->nhosts && !h->nips; i++)
		if (strcmp(known->hosts[i].name, h->name) == 0)
			*h = known->hosts[i];
}

static void read_known(struct netconf *known)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;

	if (io_read_file(NETCONF_FILE, NETCONF_TEXT_MAX, &text, &size, NULL) ||
	    netconf_parse(known, NETCONF_FILE, text, size, NULL))
		*known = (struct netconf){0};
}

static void find_nodes(struct fence *f)
{
	CLEANUP_FREE struct netconf *known = calloc(1, sizeof(*known));
	char line[CONFIG_VALUE_MAX], *save;

	if (known)
		read_known(known);
	snprintf(line, sizeof(line), "%s", f->config->fence_nodes);
	for (char *word = strtok_r(line, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
		struct netconf_host *h = &f->nodes[f->n];

		if (f->n == FENCE_NODES_MAX) {
			log_line(f->log, LOG_ERROR,
				 "warning: fence_kdump: only %d nodes are told, not %s",
				 FENCE_NODES_MAX, word);
			return;
		}
		*h = (struct netconf_host){0};
		snprintf(h->name, sizeof(h->name), "%s", word);
		if (known)
			look_up(known, h);
		if (h->nips)
			f->n++;
		else
			log_line(f->log, LOG_ERROR,
				 "warning: fence_kdump: no address of %s is known; build the "
				 "capture initrd anew, or give its address",
				 word);
	}
}

static bool send_to(struct fence *f, const struct netconf_ip *ip)
{
	const uint32_t message[FENCE_MESSAGE_SIZE / 4] = {FENCE_MAGIC, FENCE_VERSION};
	bool six = ip->family == AF_INET6;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(f->config->fence.port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
				   .sin6_port = htons(f->config->fence.port)};
	int *fd = &f->sockets[six];

	if (f->config->fence.family && f->config->fence.family != (six ? 6U : 4U))
		return false;
	if (*fd < 0)
		*fd = socket(ip->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	memcpy(&in.sin_addr, ip->bytes, sizeof(in.sin_addr));
	memcpy(&in6.sin6_addr, ip->bytes, sizeof(in6.sin6_addr));
	return *fd >= 0 && sendto(*fd, message, sizeof(message), 0,
				  six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
				  six ? sizeof(in6) : sizeof(in)) == sizeof(message);
}

static bool send_all(struct fence *f)
{
	bool sent = false;

	for (size_t i = 0; i < f->n; i++)
		for (size_t k = 0; k < f->nodes[i].nips; k++)
			sent |= send_to(f, &f->nodes[i].ips[k]);
	return sent;
}

/* Before any target is tried: whoever waits for these messages does not wait for that. */
static void need_network(struct fence *f)
{
	struct err err = {0};

	if (netup_ensure(f->config->network_timeout * 1000ULL, f->log, &err))
		log_line(f->log, LOG_ERROR, "warning: fence_kdump: %s", err.msg);
}

static void __attribute__((noreturn)) work(struct fence *f)
{
	const struct config_fence *conf = &f->config->fence;
	struct pollfd p = {.fd = f->hold, .events = POLLIN};
	unsigned int sent = 0;
	bool told = false;

	setsid();
	oom_set_score(OOM_LAST);
	find_nodes(f);
	need_network(f);
	while (f->n && (!conf->count || sent < conf->count)) {
		bool good = send_all(f);

		if (good && !told)
			log_line(f->log, LOG_COMMON, "fence_kdump: %s: told, every %u s",
				 f->config->fence_nodes, conf->interval);
		told |= good;
		sent += good;
		if (poll(&p, 1, good ? (int)conf->interval * 1000 : AGAIN_MS))
			break;
	}
	_exit(0);
}

int fence_start(const struct config *c, struct log *log, int *fd_ret, struct err *err)
{
	struct fence f = {.config = c, .log = log, .sockets = {-1, -1}};
	int fds[2], status;
	pid_t pid;

	*fd_ret = -1;
	if (!c->fence_nodes[0])
		return 0;
	if (pipe2(fds, O_CLOEXEC))
		return err_sys(err, "fence_kdump: a pipe");
	pid = fork();
	if (pid == 0) {
		// Not a child of the collector, which ends all that its workers leave behind.
		pid_t again = fork();

		if (again)
			_exit(again < 0);
		close(fds[1]);
		f.hold = fds[0];
		work(&f);
	}
	if (pid < 0) {
		int rc = err_sys(err, "fence_kdump: no process");

		close(fds[0]);
		close(fds[1]);
		return rc;
	}
	close(fds[0]);
	if (waitpid(pid, &status, 0) == pid && status) {
		close(fds[1]);
		return err_set(err, ERR_NOMEM, "fence_kdump: no process");
	}
	*fd_ret = fds[1];
	return 0;
}
