// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/idle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collector/log.h"

enum {
	LINE_MAX_BYTES = 256, // of its first line, "cpu  123 0 45 ...": ten numbers
	FIELDS = 8, // user nice system idle iowait irq softirq steal; guest time is in user
	FIELD_IDLE = 3,
	FIELD_IOWAIT = 4,
};

bool idle_parse(const char *text, uint64_t *idle_ret, uint64_t *all_ret)
{
	uint64_t idle = 0, all = 0;
	const char *at = text + strlen("cpu ");

	if (strncmp(text, "cpu ", strlen("cpu ")) != 0)
		return false;
	for (int i = 0; i < FIELDS; i++) {
		char *end;
		uint64_t v;

		errno = 0;
		v = strtoull(at, &end, 10);
		if (end == at || errno)
			return false;
		all += v;
		if (i == FIELD_IDLE || i == FIELD_IOWAIT)
			idle += v;
		at = end;
	}
	*idle_ret = idle;
	*all_ret = all;
	return true;
}

static bool look(const struct idle *i, uint64_t *idle, uint64_t *all)
{
	char line[LINE_MAX_BYTES + 1];
	ssize_t n = i->fd < 0 ? -1 : pread(i->fd, line, LINE_MAX_BYTES, 0);

	if (n <= 0)
		return false;
	line[n] = '\0';
	return idle_parse(line, idle, all);
}

/* Of all threads. */
static int64_t own_ms(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whether none is to spare in a window in which we took @own milliseconds. */
static bool is_scarce(uint64_t idle, uint64_t all, int64_t own)
{
	int64_t ms = all * 1000 / sysconf(_SC_CLK_TCK);

	return idle * 100 <= all * IDLE_SCARCE_PERCENT && own * 100 >= ms * IDLE_OWN_PERCENT;
}

void idle_begin(struct idle *i)
{
	*i = (struct idle){.fd = open("/proc/stat", O_RDONLY | O_CLOEXEC), .scarce = true};
	i->next_ms = log_now_ms() + IDLE_WINDOW_MS;
	i->own_ms = own_ms();
	if (look(i, &i->idle, &i->all))
		return;
	idle_end(i);
	i->scarce = false;
}

void idle_end(struct idle *i)
{
	if (i->fd >= 0)
		close(i->fd);
	i->fd = -1;
}

bool idle_is_scarce(struct idle *i)
{
	uint64_t now = log_now_ms(), idle, all;
	int64_t own;

	if (i->fd < 0 || now < i->next_ms)
		return i->scarce;
	i->next_ms = now + IDLE_WINDOW_MS;
	if (!look(i, &idle, &all) || all <= i->all || idle < i->idle)
		return i->scarce;
	own = own_ms();
	i->scarce = is_scarce(idle - i->idle, all - i->all, own - i->own_ms);
	i->idle = idle;
	i->all = all;
	i->own_ms = own;
	return i->scarce;
}
