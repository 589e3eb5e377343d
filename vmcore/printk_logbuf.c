// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records in log_buf (kernel/printk/printk.c, 3.5 to 5.9): struct printk_log (struct log before
 * 3.11), then the text, then a dictionary, padded; len is the size of it all. The record after
 * the last one before the end of the buffer is at index 0, which a header with len 0 says.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/printk_priv.h"

enum {
	HEADER_MAX = 256, /* SIZE(printk_log) is 16, or 24 with the caller */
};

#define CALLER_CPU UINT32_C(0x80000000) /* the caller is a CPU, not a thread */

struct log_layout {
	uint64_t buf, len, first, next; /* addresses of the variables */
	uint64_t header; /* SIZE(printk_log) */
	uint64_t ts, rec_len, text_len;
	uint64_t caller; /* only where has_caller */
	bool has_caller;
};

#define KEY(kind, name, field)                                 \
	{                                                      \
		kind, name, offsetof(struct log_layout, field) \
	}

static const struct printk_key var_keys[] = {
	KEY(PRINTK_SYMBOL, "log_buf", buf),
	KEY(PRINTK_SYMBOL, "log_buf_len", len),
	KEY(PRINTK_SYMBOL, "log_first_idx", first),
	KEY(PRINTK_SYMBOL, "log_next_idx", next),
};

static const struct printk_key printk_log_keys[] = {
	KEY(PRINTK_SIZE, "printk_log", header),
	KEY(PRINTK_OFFSET, "printk_log.ts_nsec", ts),
	KEY(PRINTK_OFFSET, "printk_log.len", rec_len),
	KEY(PRINTK_OFFSET, "printk_log.text_len", text_len),
};

static const struct printk_key log_keys[] = {
	KEY(PRINTK_SIZE, "log", header),
	KEY(PRINTK_OFFSET, "log.ts_nsec", ts),
	KEY(PRINTK_OFFSET, "log.len", rec_len),
	KEY(PRINTK_OFFSET, "log.text_len", text_len),
};

struct logbuf {
	struct log_layout at;
	uint64_t first, next; /* indexes of the oldest record and of the one to come */
	struct printk_window data;
};

static int log_layout_get(struct log_layout *at, const struct vmcoreinfo *vi, struct err *err)
{
	uint64_t size;
	bool old = !vmcoreinfo_sizeof(vi, "printk_log", &size) &&
		   vmcoreinfo_sizeof(vi, "log", &size);
	int rc;

	if ((rc = printk_keys(vi, var_keys, ARRAY_SIZE(var_keys), at, err)) ||
	    (rc = printk_keys(vi, old ? log_keys : printk_log_keys, ARRAY_SIZE(log_keys), at, err)))
		return rc;
	// Exported where CONFIG_PRINTK_CALLER is set, since 5.1.
	at->has_caller = vmcoreinfo_offset(vi, "printk_log.caller_id", &at->caller);
	if (at->header > HEADER_MAX || !printk_fits(at->ts, 8, at->header) ||
	    !printk_fits(at->rec_len, 2, at->header) || !printk_fits(at->text_len, 2, at->header) ||
	    (at->has_caller && !printk_fits(at->caller, 4, at->header)))
		return err_set(err, ERR_CORRUPT,
			       "printk: the fields of printk_log are not inside its %llu bytes",
			       (unsigned long long)at->header);
	return 0;
}

static int logbuf_open(struct logbuf *log, const struct vmcoreinfo *vi, const struct printk_io *io,
		       struct err *err)
{
	const struct log_layout *at = &log->at;
	uint64_t buf, size;
	int rc;

	if ((rc = log_layout_get(&log->at, vi, err)) ||
	    (rc = printk_read_word(io, at->buf, 8, "log_buf", &buf, err)) ||
	    (rc = printk_read_word(io, at->len, 4, "log_buf_len", &size, err)) ||
	    (rc = printk_read_word(io, at->first, 4, "log_first_idx", &log->first, err)) ||
	    (rc = printk_read_word(io, at->next, 4, "log_next_idx", &log->next, err)))
		return rc;
	if (size < at->header || size > PRINTK_RING_MAX)
		return err_set(err, ERR_CORRUPT,
			       "printk: log_buf_len is %llu, expected %llu to %d bytes",
			       (unsigned long long)size, (unsigned long long)at->header,
			       PRINTK_RING_MAX);
	if (log->first > size || log->next > size)
		return err_set(err, ERR_CORRUPT,
			       "printk: log_first_idx %llu or log_next_idx %llu is beyond the "
			       "%llu bytes of log_buf",
			       (unsigned long long)log->first, (unsigned long long)log->next,
			       (unsigned long long)size);
	return printk_window_init(&log->data, io, buf, 1, size, err);
}

/*
 * The record at @idx, which must end at or before @limit. *@len is its size, 0 for the header
 * that says "go on at 0"; untouched when PRINTK_LOST is the answer.
 */
static int logbuf_record(struct logbuf *log, uint64_t idx, uint64_t limit, struct printk_text *t,
			 uint64_t *len, struct err *err)
{
	const struct log_layout *at = &log->at;
	char caller[PRINTK_CALLER_MAX];
	uint8_t header[HEADER_MAX];
	struct printk_rec rec = {0};
	uint64_t size;
	int rc;

	if (!printk_fits(idx, at->header, log->data.count))
		return PRINTK_LOST;
	rc = printk_window_copy(&log->data, idx, at->header, header, err);
	if (rc)
		return rc;
	size = load_le16(header + at->rec_len);
	if (size && (size < at->header || size > limit - idx))
		return PRINTK_LOST;
	*len = size;
	if (!size)
		return 0;
	rec.ts_nsec = load_le64(header + at->ts);
	rec.pos = idx + at->header;
	rec.len = load_le16(header + at->text_len);
	if (rec.len > size - at->header) {
		t->stats->lost++;
		return 0;
	}
	if (at->has_caller) {
		uint32_t id = load_le32(header + at->caller);

		snprintf(caller, sizeof(caller), "%c%u", id & CALLER_CPU ? 'C' : 'T',
			 id & ~CALLER_CPU);
		rec.caller = caller;
	}
	return printk_text_record(t, &rec, &log->data, err);
}

/*
 * Walks from @from to @limit, always forward. A record without a believable size hides those
 * behind it; the walk ends there.
 */
static int logbuf_walk(struct logbuf *log, uint64_t from, uint64_t limit, bool may_wrap,
		       struct printk_text *t, struct err *err)
{
	for (uint64_t idx = from, len; idx < limit; idx += len) {
		int rc;

		len = 0;
		rc = logbuf_record(log, idx, limit, t, &len, err);
		if (rc < 0)
			return rc;
		if (rc == PRINTK_LOST || (!len && !may_wrap))
			t->stats->lost++;
		if (!len)
			return 0;
	}
	return 0;
}

int printk_dump_logbuf(const struct vmcoreinfo *vi, struct printk_text *t, struct err *err)
{
	struct logbuf log;
	int rc;

	rc = logbuf_open(&log, vi, t->io, err);
	if (rc)
		return rc;
	if (log.first <= log.next)
		return logbuf_walk(&log, log.first, log.next, false, t, err);
	// Index 0 begins a record whatever happened before: the newest ones are read in any case.
	rc = logbuf_walk(&log, log.first, log.data.count, true, t, err);
	return rc ? rc : logbuf_walk(&log, 0, log.next, false, t, err);
}

int printk_places_logbuf(const struct vmcoreinfo *vi, const struct printk_io *io,
			 printk_place_fn place, void *ctx, struct err *err)
{
	struct logbuf log;
	int rc = logbuf_open(&log, vi, io, err);

	return rc ? rc : printk_window_place(&log.data, place, ctx, err);
}
