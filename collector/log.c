// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/io.h"

uint64_t log_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void log_init(struct log *log, int fd, unsigned int level)
{
	log->fd = fd;
	log->level = level;
	log->start_ms = log_now_ms();
	log->cr = false;
	log->tty = isatty(fd);
	log->used = 0;
}

static void print(struct log *log, const char *text, size_t len)
{
	// There is nobody to tell that the console is gone.
	(void)io_write(log->fd, text, len, NULL);
}

static void keep(struct log *log, const char *text, size_t len)
{
	uint64_t ms = log_now_ms() - log->start_ms;
	char stamp[32];
	size_t n = snprintf(stamp, sizeof(stamp), "[%5u.%03u] ", (unsigned int)(ms / 1000),
			    (unsigned int)(ms % 1000));

	if (n + len > sizeof(log->kept) - log->used)
		return;
	memcpy(log->kept + log->used, stamp, n);
	memcpy(log->kept + log->used + n, text, len);
	log->used += n + len;
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
		print(log, "\n", 1);
	log->cr = false;
	print(log, line, len);
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
	print(log, line, len);
	log->cr = log->tty;
}
