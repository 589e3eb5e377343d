// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

enum {
	WAIT_STEP_MS = 20, // how often a child that must end soon is looked at
	KILLED_MS = 3000, // for one that was killed to be gone
	DRAIN_MAX = 256 << 10, // bytes read at once of what it says: it may never stop
};

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What it said is kept, the rest only read: a full pipe would stop it. */
static void drain_diag(struct child *c)
{
	size_t all = 0;
	char buf[512];
	ssize_t n;

	while (c->diag >= 0 && all < DRAIN_MAX && (n = read(c->diag, buf, sizeof(buf))) != 0) {
		size_t room = sizeof(c->said) - 1 - c->nsaid;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		all += n;
		if ((size_t)n < room)
			room = n;
		memcpy(c->said + c->nsaid, buf, room);
		c->nsaid += room;
		c->said[c->nsaid] = '\0';
	}
	if (all < DRAIN_MAX)
		close_fd(&c->diag);
}

/* The pipes as descriptors 0, 1 and 2, and signals as a program expects them. */
static int spawn(pid_t *pid, const char *const argv[], const int fds[3])
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, usual;
	int rc;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	sigaddset(&usual, SIGXFSZ);
	if (posix_spawnattr_init(&attr))
		return ENOMEM;
	if (posix_spawn_file_actions_init(&files)) {
		posix_spawnattr_destroy(&attr);
		return ENOMEM;
	}
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
						POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigdefault(&attr, &usual);
	posix_spawnattr_setsigmask(&attr, &none);
	rc = 0;
	for (int i = 0; i < 3 && !rc; i++)
		rc = posix_spawn_file_actions_adddup2(&files, fds[i], i);
	if (!rc)
		rc = posix_spawnp(pid, argv[0], &files, &attr, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attr);
	return rc;
}

int child_start(struct child *c, const char *const argv[], struct err *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, diag[2] = {-1, -1};
	int rc = 0;

	*c = CHILD_NONE;
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(diag, O_CLOEXEC))
		rc = err_sys(err, "a pipe to %s", argv[0]);
	if (!rc) {
		const int fds[3] = {in[0], out[1], diag[1]};

		fcntl(in[1], F_SETPIPE_SZ, CHILD_PIPE_SIZE);
		errno = spawn(&c->pid, argv, fds);
		if (errno == ENOENT)
			rc = err_set(err, ERR_NOTFOUND, "%s: there is no such program", argv[0]);
		else if (errno)
			rc = err_sys(err, "%s", argv[0]);
	}
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&diag[1]);
	if (rc) {
		close_fd(&in[1]);
		close_fd(&out[0]);
		close_fd(&diag[0]);
		c->pid = 0;
		return rc;
	}
	c->in = in[1];
	c->out = out[0];
	c->diag = diag[0];
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->diag, F_SETFL, O_NONBLOCK);
	return 0;
}

/* Waits until @fd is ready for @events; what comes on standard error meanwhile is taken. */
static int wait_ready(struct child *c, int fd, short events, int timeout_ms, struct err *err)
{
	long long end = now_ms() + timeout_ms;

	for (;;) {
		struct pollfd p[2] = {{.fd = fd, .events = events},
				      {.fd = c->diag, .events = POLLIN}};
		long long left = end - now_ms();
		int n = left > 0 ? poll(p, 2, left) : 0;

		if (n < 0 && errno != EINTR)
			return err_sys(err, "poll");
		if (n == 0)
			return err_set(err, ERR_LIMIT, "nothing moved for %d seconds",
				       timeout_ms / 1000);
		if (n > 0 && p[1].revents)
			drain_diag(c);
		if (n > 0 && p[0].revents)
			return 0;
	}
}

ssize_t child_write_some(struct child *c, const void *buf, size_t size, int timeout_ms,
			 struct err *err)
{
	for (;;) {
		ssize_t n = c->in < 0 ? -1 : write(c->in, buf, size);
		int rc;

		if (n > 0)
			return n;
		if (c->in < 0 || errno == EPIPE)
			return err_set(err, ERR_NODATA, "it does not read any more");
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return err_sys(err, "write");
		rc = wait_ready(c, c->in, POLLOUT, timeout_ms, err);
		if (rc)
			return rc;
	}
}

int child_write(struct child *c, const void *buf, size_t size, int timeout_ms, struct err *err)
{
	const char *from = buf;

	while (size) {
		ssize_t n = child_write_some(c, from, size, timeout_ms, err);

		if (n < 0)
			return n;
		from += n;
		size -= n;
	}
	return 0;
}

void child_close_in(struct child *c)
{
	close_fd(&c->in);
}

ssize_t child_read(struct child *c, void *buf, size_t size, int timeout_ms, struct err *err)
{
	for (;;) {
		ssize_t n = c->out < 0 ? 0 : read(c->out, buf, size);
		int rc;

		if (n >= 0)
			return n;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_sys(err, "read");
		rc = wait_ready(c, c->out, POLLIN, timeout_ms, err);
		if (rc)
			return rc;
	}
}

static bool reap(struct child *c, int flags)
{
	pid_t pid;

	if (!c->pid)
		return true;
	do
		pid = waitpid(c->pid, &c->status, flags);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	c->pid = 0;
	return true;
}

int child_wait(struct child *c, int timeout_ms, struct err *err)
{
	long long end = now_ms() + timeout_ms;

	close_fd(&c->in);
	close_fd(&c->out);
	while (!reap(c, WNOHANG)) {
		struct pollfd p = {.fd = c->diag, .events = POLLIN};

		if (now_ms() >= end) {
			child_end(c);
			return err_set(err, ERR_LIMIT, "it did not end within %d seconds",
				       timeout_ms / 1000);
		}
		if (poll(&p, 1, WAIT_STEP_MS) > 0 && p.revents)
			drain_diag(c);
	}
	drain_diag(c);
	// Somebody it left behind may hold the other end.
	close_fd(&c->diag);
	return 0;
}

int child_code(const struct child *c)
{
	return WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1;
}

/* One that hangs in the kernel is left behind. */
static void kill_it(struct child *c)
{
	long long end = now_ms() + KILLED_MS;

	kill(-c->pid, SIGKILL);
	while (!reap(c, WNOHANG)) {
		if (now_ms() >= end) {
			c->pid = 0;
			c->status = SIGKILL;
			return;
		}
		poll(NULL, 0, WAIT_STEP_MS);
	}
}

void child_end(struct child *c)
{
	if (c->pid)
		kill_it(c);
	drain_diag(c);
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->diag);
}
