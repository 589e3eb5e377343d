// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/dmesg.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"
#include "vmcore/kmem.h"

/* What a line must hold to be the reason of the crash; the earlier row wins. */
static const char *const reasons[] = {
	"Kernel panic - not syncing",
	"Oops: ",
	"BUG: ",
	"sysrq: Trigger a crash",
};

enum {
	NREASONS = sizeof(reasons) / sizeof(reasons[0]),
	OUT_SIZE = 16 << 10,
};

struct out {
	int fd; // negative: only count
	uint64_t skip; // bytes of text to pass over first
	size_t used;
	char buf[OUT_SIZE];
	dmesg_line_fn line_fn; // may be NULL
	void *line_ctx;
	struct dmesg *dmesg;
	int best; // row of reasons[] that dmesg->panic holds, NREASONS for none
	size_t line_len; // of the line so far, cut to its buffer
	char line[DMESG_PANIC_MAX];
};

static int flush(struct out *o, struct err *err)
{
	int rc = o->fd >= 0 ? io_write(o->fd, o->buf, o->used, err) : 0;

	o->used = 0;
	return rc;
}

static int put(struct out *o, const char *text, size_t size, struct err *err)
{
	while (size) {
		size_t n = sizeof(o->buf) - o->used;

		if (n > size)
			n = size;
		memcpy(o->buf + o->used, text, n);
		o->used += n;
		text += n;
		size -= n;
		if (o->used == sizeof(o->buf)) {
			int rc = flush(o, err);

			if (rc)
				return rc;
		}
	}
	return 0;
}

const char *dmesg_behind_stamp(const char *line)
{
	while (*line == '[') {
		const char *end = strchr(line, ']');

		if (!end)
			break;
		line = end + 1;
		line += strspn(line, " ");
	}
	return line;
}

static void end_line(struct out *o)
{
	bool reason = false;

	o->line[o->line_len] = '\0';
	o->line_len = 0;
	for (int i = 0; i < o->best; i++) {
		if (!strstr(o->line, reasons[i]))
			continue;
		snprintf(o->dmesg->panic, sizeof(o->dmesg->panic), "%s",
			 dmesg_behind_stamp(o->line));
		o->best = i;
		reason = true;
	}
	if (o->line_fn)
		o->line_fn(o->line_ctx, o->line, reason);
}

static void watch_lines(struct out *o, const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n')
			end_line(o);
		else if (o->line_len < sizeof(o->line) - 1)
			o->line[o->line_len++] = text[i];
	}
}

static int take_text(void *ctx, const char *text, size_t size, struct err *err)
{
	struct out *o = ctx;
	size_t n = o->skip < size ? o->skip : size;

	watch_lines(o, text, size);
	o->skip -= n;
	return put(o, text + n, size - n, err);
}

static int read_kernel(void *ctx, vaddr_t va, void *buf, size_t size, struct err *err)
{
	return kmem_read(ctx, va, buf, size, err);
}

/* Sends the log to where @o says; what @o counts is in @o->dmesg then. */
static int walk(const struct kmem *km, struct out *o, struct err *err)
{
	struct printk_io io = {
		.read = read_kernel,
		.read_ctx = (void *)km,
		.out = take_text,
		.out_ctx = o,
	};
	int rc, last;

	*o->dmesg = (struct dmesg){0};
	if (!km->vi || !km->xlat)
		return err_set(err, ERR_NOTFOUND, "the log cannot be found: no %s",
			       km->vi ? "address translation" : "vmcoreinfo");
	rc = printk_dump(km->vi, &io, &o->dmesg->stats, err);
	if (o->line_len)
		end_line(o);
	// What came before a failure is worth having.
	last = flush(o, rc ? NULL : err);
	return rc ? rc : last;
}

static int write_from(const struct kmem *km, int fd, uint64_t skip, struct dmesg *ret,
		      struct err *err)
{
	struct out o = {.fd = fd, .skip = skip, .dmesg = ret, .best = NREASONS};

	return walk(km, &o, err);
}

int dmesg_lines(const struct kmem *km, dmesg_line_fn fn, void *ctx, struct dmesg *ret,
		struct err *err)
{
	struct out o = {.fd = -1, .line_fn = fn, .line_ctx = ctx, .dmesg = ret, .best = NREASONS};

	return walk(km, &o, err);
}

int dmesg_write(const struct kmem *km, int fd, struct dmesg *ret, struct err *err)
{
	return write_from(km, fd, 0, ret, err);
}

int dmesg_write_tail(const struct kmem *km, int fd, struct dmesg *ret, struct err *err)
{
	uint64_t skip = 0;
	int rc = write_from(km, -1, 0, ret, err);

	if (rc && !ret->stats.bytes)
		return rc;
	if (ret->stats.bytes > DMESG_CONSOLE_MAX)
		skip = ret->stats.bytes - DMESG_CONSOLE_MAX;
	return write_from(km, fd, skip, ret, err);
}
