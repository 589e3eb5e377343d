// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"

enum {
	PATIENCE_MS = 1000, /* with a terminal that takes nothing */
	SILENCE_MS = 10000, /* in which it is not asked again */
};

uint64_t log_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/*
 * A terminal may be stopped, by a Ctrl-S or a line that is not ready, and then waits for ever. The
 * flag belongs to the open file, which others have too: so a file of our own.
 */
static int open_quick(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void log_init(struct log *log, int fd, unsigned int level)
{
	log->fd = fd;
	log->level = level;
	log->start_ms = log_now_ms();
	log->cr = false;
	log->tty = isatty(fd);
	log->used = 0;
	log->quick = log->tty ? open_quick(fd) : -1;
	log->silent_until = 0;
}

void log_text(struct log *log, const char *text, size_t len)
{
	uint64_t end = log_now_ms() + PATIENCE_MS, now;

	// There is nobody to tell that the console is gone.
	if (!log->tty || log->quick < 0) {
		(void)io_write(log->fd, text, len, NULL);
		return;
	}
	if (log_now_ms() < log->silent_until)
		return;
	while (len) {
		struct pollfd p = {.fd = log->quick, .events = POLLOUT};
		ssize_t n = write(log->quick, text, len);

		if (n > 0) {
			text += n;
			len -= n;
			continue;
		}
		now = log_now_ms();
		if (n == 0 || (errno != EAGAIN && errno != EINTR) || now >= end)
			break;
		poll(&p, 1, end - now);
	}
	if (len)
		log->silent_until = log_now_ms() + SILENCE_MS;
}

static void keep(struct log *log, const char *text, size_t len)
{
	uint64_t ms = log_now_ms() - log->start_ms;
	char stamp[32];
	size_t n = snprintf(stamp, sizeof(stamp), "[%5u.%03u] ", (unsigned int)(ms / 1000),
			    (unsigned int)(ms % 1000));

	size_t at = __atomic_load_n(&log->used, __ATOMIC_RELAXED);

	// Two processes may have the same log: each takes its place first.
	do {
		if (at > sizeof(log->kept) || n + len > sizeof(log->kept) - at)
			return;
	} while (!__atomic_compare_exchange_n(&log->used, &at, at + n + len, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	memcpy(log->kept + at, stamp, n);
	memcpy(log->kept + at + n, text, len);
}

size_t log_used(const struct log *log)
{
	size_t used = __atomic_load_n(&log->used, __ATOMIC_RELAXED);

	return used < sizeof(log->kept) ? used : sizeof(log->kept);
}

/* Words of the dead kernel may be in it: they shall not steer the terminal, nor end the line. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

void log_line(struct log *log, enum log_kind kind, const char *fmt, ...)
{
	static const char prefix[] = "lifeboat-collect: ";
	char line[LOG_LINE_MAX];
	size_t len = sizeof(prefix) - 1;
	va_list ap;

	memcpy(line, prefix, len);
	va_start(ap, fmt);
	vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);
	clean(line);
	len = strlen(line);
	line[len++] = '\n';
	if ((log->level & kind) || kind == LOG_ERROR)
		keep(log, line + sizeof(prefix) - 1, len - (sizeof(prefix) - 1));
	if (!(log->level & kind))
		return;
	if (log->cr)
		log_text(log, "\n", 1);
	log->cr = false;
	log_text(log, line, len);
}

void log_progress(struct log *log, const char *text)
{
	char line[LOG_LINE_MAX];
	size_t len;

	if (!(log->level & LOG_PROGRESS))
		return;
	len = snprintf(line, sizeof(line), "%slifeboat-collect: %s%s", log->tty ? "\r" : "", text,
		       log->tty ? "" : "\n");
	if (len >= sizeof(line))
		len = sizeof(line) - 1;
	log_text(log, line, len);
	log->cr = log->tty;
}
