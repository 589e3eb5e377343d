// SPDX-License-Identifier: GPL-2.0-or-later
/* The choice of layout, and what both need: windows on memory and the text that goes out. */
#include "vmcore/printk.h"

#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/printk_priv.h"

#define NSEC_PER_SEC UINT64_C(1000000000)

static bool key_get(const struct vmcoreinfo *vi, const struct printk_key *key, uint64_t *ret)
{
	switch (key->kind) {
	case PRINTK_SYMBOL:
		return vmcoreinfo_symbol(vi, key->name, ret);
	case PRINTK_SIZE:
		return vmcoreinfo_sizeof(vi, key->name, ret);
	case PRINTK_OFFSET:
		return vmcoreinfo_offset(vi, key->name, ret);
	}
	return false;
}

int printk_keys(const struct vmcoreinfo *vi, const struct printk_key *keys, size_t n, void *layout,
		struct err *err)
{
	static const char *const kinds[] = {
		[PRINTK_SYMBOL] = "SYMBOL", [PRINTK_SIZE] = "SIZE", [PRINTK_OFFSET] = "OFFSET"};

	for (size_t i = 0; i < n; i++) {
		uint64_t v;

		if (!key_get(vi, &keys[i], &v))
			return err_set(err, ERR_NOTFOUND, "printk: vmcoreinfo has no %s(%s)",
				       kinds[keys[i].kind], keys[i].name);
		if (keys[i].kind != PRINTK_SYMBOL && v > PRINTK_STRUCT_MAX)
			return err_set(err, ERR_CORRUPT,
				       "printk: %s(%s) is %llu, expected at most %d",
				       kinds[keys[i].kind], keys[i].name, (unsigned long long)v,
				       PRINTK_STRUCT_MAX);
		memcpy((char *)layout + keys[i].where, &v, sizeof(v));
	}
	return 0;
}

bool printk_fits(uint64_t offset, uint64_t width, uint64_t size)
{
	return width <= size && offset <= size - width;
}

int printk_read_word(const struct printk_io *io, vaddr_t va, size_t width, const char *what,
		     uint64_t *ret, struct err *err)
{
	uint8_t buf[8] = {0};
	int rc = io->read(io->read_ctx, va, buf, width, err);

	if (rc) {
		err_prepend(err, "printk: %s at 0x%llx", what, (unsigned long long)va);
		return rc;
	}
	*ret = load_le64(buf);
	return 0;
}

int printk_window_init(struct printk_window *w, const struct printk_io *io, vaddr_t va,
		       uint64_t item, uint64_t count, struct err *err)
{
	uint64_t size, end;

	if (!item || item > PRINTK_WINDOW_SIZE || __builtin_mul_overflow(item, count, &size) ||
	    __builtin_add_overflow(va, size, &end))
		return err_set(err, ERR_CORRUPT,
			       "printk: %llu items of %llu bytes at 0x%llx cannot be",
			       (unsigned long long)count, (unsigned long long)item,
			       (unsigned long long)va);
	w->io = io;
	w->va = va;
	w->item = item;
	w->count = count;
	w->first = w->n = 0;
	w->bad = false;
	return 0;
}

/* Brings in the page that @index is on, from @index to the end of the page. */
static int window_fill(struct printk_window *w, uint64_t index, struct err *err)
{
	vaddr_t va = w->va + index * w->item;
	uint64_t room = PRINTK_WINDOW_SIZE - va % PRINTK_WINDOW_SIZE, n = room / w->item;
	int rc;

	// An item across the border of two pages is read alone.
	if (!n)
		n = 1;
	if (n > w->count - index)
		n = w->count - index;
	rc = w->io->read(w->io->read_ctx, va, w->buf, n * w->item, NULL);
	w->n = 0;
	if (rc == ERR_STOPPED)
		return err_set(err, rc, "printk: stopped");
	w->first = index;
	w->n = n;
	w->bad = rc != 0;
	return 0;
}

int printk_window_at(struct printk_window *w, uint64_t index, const uint8_t **ret, uint64_t *n,
		     struct err *err)
{
	uint64_t skip;
	int rc;

	if (index >= w->count)
		return PRINTK_LOST;
	if (index < w->first || index - w->first >= w->n) {
		rc = window_fill(w, index, err);
		if (rc)
			return rc;
	}
	if (w->bad)
		return PRINTK_LOST;
	skip = index - w->first;
	*ret = w->buf + skip * w->item;
	if (n)
		*n = w->n - skip;
	return 0;
}

int printk_window_copy(struct printk_window *w, uint64_t index, uint64_t n, uint8_t *buf,
		       struct err *err)
{
	while (n) {
		const uint8_t *p;
		uint64_t here;
		int rc = printk_window_at(w, index, &p, &here, err);

		if (rc)
			return rc;
		if (here > n)
			here = n;
		memcpy(buf, p, here * w->item);
		buf += here * w->item;
		index += here;
		n -= here;
	}
	return 0;
}

int printk_window_place(const struct printk_window *w, printk_place_fn place, void *ctx,
			struct err *err)
{
	return place(ctx, w->va, w->item * w->count, err);
}

static int text_flush(struct printk_text *t, struct err *err)
{
	int rc;

	if (t->used) {
		rc = t->io->out(t->io->out_ctx, t->buf, t->used, err);
		if (rc) {
			t->failed = true;
			return rc;
		}
	}
	t->stats->bytes += t->used;
	t->stats->records = t->records;
	t->used = 0;
	return 0;
}

/* Makes room for @size bytes, no more than a prefix has. */
static int text_room(struct printk_text *t, size_t size, struct err *err)
{
	return t->used + size > sizeof(t->buf) ? text_flush(t, err) : 0;
}

static int text_begin(struct printk_text *t, const struct printk_rec *rec, struct err *err)
{
	unsigned long long sec = rec->ts_nsec / NSEC_PER_SEC;
	unsigned int usec = rec->ts_nsec % NSEC_PER_SEC / 1000;
	int rc = text_room(t, PRINTK_PREFIX_MAX, err);
	char *at = t->buf + t->used;

	if (rc)
		return rc;
	// The forms of print_time() and print_caller() in kernel/printk/printk.c.
	if (rec->caller)
		t->indent = (unsigned int)snprintf(at, PRINTK_PREFIX_MAX, "[%5llu.%06u][%6s] ", sec,
						   usec, rec->caller);
	else
		t->indent =
			(unsigned int)snprintf(at, PRINTK_PREFIX_MAX, "[%5llu.%06u] ", sec, usec);
	t->used += t->indent;
	return 0;
}

/* isprint() or isspace(), whatever the locale of the program. */
static bool is_text(uint8_t c)
{
	return (c >= 0x20 && c < 0x7f) || (c >= '\t' && c <= '\r');
}

static int text_add(struct printk_text *t, const uint8_t *p, uint64_t n, struct err *err)
{
	static const char hex[] = "0123456789abcdef";

	for (uint64_t i = 0; i < n; i++) {
		int rc = text_room(t, PRINTK_PREFIX_MAX + 1, err);

		if (rc)
			return rc;
		if (is_text(p[i])) {
			t->buf[t->used++] = (char)p[i];
		} else {
			t->buf[t->used++] = '\\';
			t->buf[t->used++] = 'x';
			t->buf[t->used++] = hex[p[i] >> 4];
			t->buf[t->used++] = hex[p[i] & 15];
		}
		if (p[i] == '\n') {
			memset(t->buf + t->used, ' ', t->indent);
			t->used += t->indent;
		}
	}
	return 0;
}

static int text_end(struct printk_text *t, struct err *err)
{
	int rc = text_room(t, 1, err);

	if (rc)
		return rc;
	t->buf[t->used++] = '\n';
	t->records++;
	return 0;
}

int printk_text_record(struct printk_text *t, const struct printk_rec *rec,
		       struct printk_window *data, struct err *err)
{
	uint64_t done = 0, here;
	const uint8_t *p;
	int rc;

	do {
		here = 0;
		rc = rec->len ? printk_window_at(data, rec->pos + done, &p, &here, err) : 0;
		if (rc == PRINTK_LOST) {
			t->stats->lost++;
			return done ? text_end(t, err) : 0;
		}
		if (!rc && !done)
			rc = text_begin(t, rec, err);
		if (rc)
			return rc;
		if (here > rec->len - done)
			here = rec->len - done;
		rc = text_add(t, p, here, err);
		if (rc)
			return rc;
		done += here;
	} while (done < rec->len);
	return text_end(t, err);
}

static int no_log(struct err *err)
{
	return err_set(err, ERR_NOTFOUND,
		       "printk: vmcoreinfo has neither SYMBOL(prb) nor SYMBOL(log_buf)");
}

int printk_dump(const struct vmcoreinfo *vi, const struct printk_io *io, struct printk_stats *ret,
		struct err *err)
{
	struct printk_text t;
	uint64_t symbol;
	int rc, flushed;

	memset(ret, 0, sizeof(*ret));
	t.io = io;
	t.stats = ret;
	t.records = 0;
	t.failed = false;
	t.indent = 0;
	t.used = 0;
	if (vmcoreinfo_symbol(vi, "prb", &symbol))
		rc = printk_dump_prb(vi, &t, err);
	else if (vmcoreinfo_symbol(vi, "log_buf", &symbol))
		rc = printk_dump_logbuf(vi, &t, err);
	else
		return no_log(err);
	// What was found before a failure goes out all the same.
	flushed = t.failed ? 0 : text_flush(&t, rc ? NULL : err);
	return rc ? rc : flushed;
}

int printk_places(const struct vmcoreinfo *vi, const struct printk_io *io, printk_place_fn place,
		  void *ctx, struct err *err)
{
	uint64_t symbol;

	if (vmcoreinfo_symbol(vi, "prb", &symbol))
		return printk_places_prb(vi, io, place, ctx, err);
	if (vmcoreinfo_symbol(vi, "log_buf", &symbol))
		return printk_places_logbuf(vi, io, place, ctx, err);
	return no_log(err);
}
