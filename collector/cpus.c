// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/numlist.h"
#include "collector/log.h"

#define CPU_DIR "/sys/devices/system/cpu"

enum {
	PATH_MAX_ = 512,
	SMALL_FILE_MAX = 64 << 10,
	WANTED_MAX = 8192, // the largest CONFIG_NR_CPUS
};

/* What the helper tells of one CPU. */
struct news {
	unsigned int cpu;
	int sys; // errno, 0: it came
	uint64_t ms; // when
};

static char *read_text(const char *root, const char *path)
{
	char full[PATH_MAX_];
	char *text;

	if (snprintf(full, sizeof(full), "%s%s", root, path) >= (int)sizeof(full) ||
	    io_read_file(full, SMALL_FILE_MAX, &text, NULL, NULL))
		return NULL;
	return text;
}

/* lifeboat.cpus= of the command line; the last one counts. */
static unsigned int read_wanted(const char *root)
{
	static const char name[] = "lifeboat.cpus=";
	CLEANUP_FREE char *text = read_text(root, "/proc/cmdline");
	unsigned int n = 0, v;
	char *rest = NULL;

	for (char *w = text ? strtok_r(text, " \t\n", &rest) : NULL; w;
	     w = strtok_r(NULL, " \t\n", &rest)) {
		if (strncmp(w, name, sizeof(name) - 1) == 0 &&
		    sscanf(w + sizeof(name) - 1, "%9u", &v) == 1 && v <= WANTED_MAX)
			n = v;
	}
	return n;
}

/* 0, or an errno. */
static int bring_up(const char *root, int cpu)
{
	char path[PATH_MAX_];
	int fd, sys = 0;

	snprintf(path, sizeof(path), "%s" CPU_DIR "/cpu%d/online", root, cpu);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (write(fd, "1", 1) != 1)
		sys = errno;
	close(fd);
	return sys;
}

/* The helper: one CPU after the other, as the kernel itself does it. */
static void bring_up_all(const struct cpus *c, const char *present, const char *online, int fd)
{
	unsigned int n = numlist_count(online);

	for (int cpu = -1; n < c->wanted && (cpu = numlist_next(present, cpu)) >= 0;) {
		struct news news = {.cpu = cpu};

		if (numlist_next(online, cpu - 1) == cpu)
			continue;
		news.sys = bring_up(c->root, cpu);
		news.ms = log_now_ms();
		n += !news.sys;
		// Nobody listens any more: then nobody needs them.
		if (write(fd, &news, sizeof(news)) != sizeof(news))
			return;
	}
}

static void __attribute__((format(printf, 2, 3))) trouble(struct cpus *c, const char *fmt, ...)
{
	va_list ap;

	// The first of a kind tells; the number that works is told anyway.
	if (c->trouble[0])
		return;
	va_start(ap, fmt);
	vsnprintf(c->trouble, sizeof(c->trouble), fmt, ap);
	va_end(ap);
}

void cpus_start(struct cpus *c, const char *root)
{
	CLEANUP_FREE char *present = read_text(root, CPU_DIR "/present");
	CLEANUP_FREE char *online = read_text(root, CPU_DIR "/online");
	int fds[2];

	*c = (struct cpus){.root = root, .fd = -1, .wanted = read_wanted(root)};
	c->start_ms = c->news_ms = log_now_ms();
	c->present = present ? numlist_count(present) : 0;
	c->online = online ? numlist_count(online) : sysconf(_SC_NPROCESSORS_ONLN);
	if (c->wanted <= c->online || !present || !online)
		return;
	if (pipe2(fds, O_CLOEXEC)) {
		trouble(c, "no pipe: %s", strerror(errno));
		return;
	}
	c->pid = fork();
	if (c->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		bring_up_all(c, present, online, fds[1]);
		_exit(0);
	}
	close(fds[1]);
	c->fd = fds[0];
	if (c->pid < 0) {
		trouble(c, "no process: %s", strerror(errno));
		c->pid = 0;
		close(steal_fd(&c->fd));
	}
}

/* One message; false at their end, or when a limit is over. */
static bool take_news(struct cpus *c)
{
	uint64_t limit = c->news_ms + CPUS_STEP_MS, now = log_now_ms();
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	struct news news;
	int n;

	if (limit > c->start_ms + CPUS_TOTAL_MS)
		limit = c->start_ms + CPUS_TOTAL_MS;
	// With no time left, what has been told already is still taken.
	n = poll(&p, 1, limit > now ? limit - now : 0);
	if (n < 0)
		return errno == EINTR;
	if (n == 0) {
		c->stuck = true;
		if (limit < c->news_ms + CPUS_STEP_MS)
			trouble(c, "not all came within %d s", CPUS_TOTAL_MS / 1000);
		else
			trouble(c, "the next one did not come within %d s", CPUS_STEP_MS / 1000);
		return false;
	}
	if (read(c->fd, &news, sizeof(news)) != sizeof(news))
		return false;
	c->news_ms = news.ms;
	if (news.sys)
		trouble(c, "CPU %u: %s", news.cpu, strerror(news.sys));
	else
		c->online++;
	return true;
}

/* Why there are fewer than were asked for. */
static const char *reason(const struct cpus *c)
{
	if (c->trouble[0])
		return c->trouble;
	if (c->present < c->wanted)
		return "this kernel finds no more; the boot CPU stays out when another one "
		       "panicked";
	return "the others were not brought up";
}

void cpus_wait(struct cpus *c)
{
	const char *s;

	while (c->fd >= 0 && take_news(c))
		;
	if (c->fd >= 0)
		close(steal_fd(&c->fd));
	if (c->pid) {
		// One that hangs in the kernel stays; it is not waited for.
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, WNOHANG);
	}
	s = c->online == 1 ? "" : "s";
	if (!c->wanted)
		snprintf(c->text, sizeof(c->text), "%u CPU%s at work", c->online, s);
	else if (c->online >= c->wanted)
		snprintf(c->text, sizeof(c->text), "%u CPU%s at work, as many as asked for",
			 c->online, s);
	else
		snprintf(c->text, sizeof(c->text), "%u CPU%s at work of %u asked for: %s",
			 c->online, s, c->wanted, reason(c));
}
