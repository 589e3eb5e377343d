// SPDX-License-Identifier: GPL-2.0-or-later
/* The addresses of a host, by what the running system asks: getent(1), and so nsswitch.conf(5). */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/facts.h"
#include "loader/netgather.h"

enum {
	ANSWER_MAX = 16 << 10,
	ANSWER_WAIT_S = 30,
	HOSTS_MAX = 4 << 20, // of /etc/hosts
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Starts getent with its answer to the pipe *@fd. */
static int start(const char *name, pid_t *pid, int *fd, struct err *err)
{
	char *argv[] = {"getent", "ahosts", (char *)name, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC))
		return err_sys(err, "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	rc = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (rc) {
		close(ends[0]);
		errno = rc;
		return err_sys(err, "getent cannot be run");
	}
	*fd = ends[0];
	return 0;
}

/* All that it says within the limit. */
static int read_answer(int fd, char *buf, size_t room, struct err *err)
{
	int64_t end = now_ms() + ANSWER_WAIT_S * 1000;
	size_t used = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int64_t left = end - now_ms();
		ssize_t n;

		if (left <= 0 || poll(&p, 1, left) == 0)
			return err_set(err, ERR_LIMIT, "no answer within %d seconds",
				       ANSWER_WAIT_S);
		n = read(fd, buf + used, room - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "getent");
		used += n;
		buf[used] = '\0';
		if (!n || used == room - 1)
			return 0;
	}
}

/* "192.0.2.1  STREAM name" and so on: each address once. */
static void take_answer(char *text, struct netconf_host *host)
{
	char *line, *save;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		struct netconf_ip ip;
		size_t i = 0;

		line[strcspn(line, " \t")] = '\0';
		if (netconf_parse_ip(line, &ip, NULL))
			continue;
		while (i < host->nips && !netconf_ip_equal(&host->ips[i], &ip))
			i++;
		if (i == host->nips && i < NETCONF_HOST_ADDRESSES_MAX)
			host->ips[host->nips++] = ip;
	}
}

/* Whether /etc/hosts has the name. */
static bool in_hosts(const char *root, const char *name)
{
	CLEANUP_FREE char *text = NULL;
	char path[FACTS_PATH_MAX], *line, *save;

	if (facts_path(path, sizeof(path), root, "/etc/hosts", NULL) ||
	    io_read_file(path, HOSTS_MAX, &text, NULL, NULL))
		return false;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *word, *more;

		line[strcspn(line, "#")] = '\0';
		word = strtok_r(line, " \t\r", &more);
		while (word && (word = strtok_r(NULL, " \t\r", &more)))
			if (strcasecmp(word, name) == 0)
				return true;
	}
	return false;
}

/* What may be in a name, so that it can be no option, and one word of the description. */
static bool is_name(const char *name)
{
	if (!isalnum((unsigned char)name[0]) && name[0] != '_')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
			return false;
	return true;
}

int netgather_resolve(const char *root, struct netconf_host *host, struct err *err)
{
	char answer[ANSWER_MAX] = "";
	int fd = -1, status = 0, rc;
	pid_t pid;

	host->nips = 0;
	if (!netconf_parse_ip(host->name, &host->ips[0], NULL)) {
		host->nips = 1;
		host->files = true;
		return 0;
	}
	if (!is_name(host->name))
		return err_set(err, ERR_USAGE, "'%s' is no name of a host", host->name);
	host->files = in_hosts(root, host->name);
	rc = start(host->name, &pid, &fd, err);
	if (rc)
		return rc;
	rc = read_answer(fd, answer, sizeof(answer), err);
	close(fd);
	if (rc)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc) {
		err_prepend(err, "the address of %s", host->name);
		return rc;
	}
	take_answer(answer, host);
	if (!host->nips)
		return err_set(err, ERR_NOTFOUND,
			       "%s has no address now: is the name right, and do the name servers "
			       "answer? (`getent ahosts %s` asks the same)",
			       host->name, host->name);
	return 0;
}
