// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The flattened format: a header of 4096 bytes, then records {be64 offset, be64 size, bytes},
 * then an offset and a size of -1 (makedumpfile's makedumpfile.h: MAKEDUMPFILE_SIGNATURE,
 * struct makedumpfile_data_header). Ranges that no record has read as zeros.
 *
 * Writes that follow each other are gathered to records of a MiB and more: crash(8) sorts the
 * records of a file by insertion.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "collector/sink.h"

enum {
	FLAT_HEADER_SIZE = 4096,
	FLAT_TYPE = 1,
	FLAT_VERSION = 1,
	FLAT_RECORD = 16, /* bytes before the data of a record */
	FLAT_DATA_MAX = 2 << 20, /* bytes of data of a record, at most */
	FLAT_HEAD_MAX = 64 << 10, /* of the first block, which goes out last */
};

#define FLAT_SIGNATURE "makedumpfile"

struct sink_flat {
	uint64_t offset; /* where the gathered bytes belong */
	size_t used;
	uint64_t lost; /* where the first bytes of page data belong that did not go out */
	uint64_t index_start, index_end; /* of the dump: what was reserved, and goes out last */
	uint64_t room; /* bytes that its records and all behind them take of the file */
	uint64_t held; /* the file has room up to here */
	bool in_index; /* it goes out: from what was held */
	bool broken; /* part of a record may be out where nothing can be written again */
	uint8_t record[FLAT_RECORD + FLAT_DATA_MAX];
};

static void store_be64(uint8_t *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = v;
}

static int send(struct sink *s, const void *buf, size_t size, struct err *err)
{
	uint64_t at = s->sent;
	int rc;

	if (s->flat->broken)
		return err_set(err, ERR_SYS, "part of a record went out, nothing can follow it");
	rc = s->base->write_at(s, buf, size, at, err);
	if (!rc)
		s->sent = at + size;
	s->flat->broken = rc && s->base->append_only;
	return rc;
}

/* The file has room for @size bytes more, and for all of the index behind them. */
static int hold(struct sink *s, uint64_t size, struct err *err)
{
	struct sink_flat *f = s->flat;
	uint64_t end = s->sent + size + f->room;
	int rc = 0;

	if (!f->room || !s->base->hold || end <= f->held)
		return 0;
	rc = s->base->hold(s, f->held > s->sent ? f->held : s->sent, end, err);
	if (!rc)
		f->held = end;
	return rc;
}

static int flush(struct sink *s, struct err *err)
{
	struct sink_flat *f = s->flat;
	int rc;

	if (!f->used)
		return 0;
	// The index from its first record on, and the first block behind it.
	if (f->offset >= f->index_end)
		f->in_index = false;
	else if (f->offset >= f->index_start)
		f->in_index = true;
	store_be64(f->record, f->offset);
	store_be64(f->record + 8, f->used);
	rc = f->in_index ? 0 : hold(s, FLAT_RECORD + f->used, err);
	if (!rc)
		rc = send(s, f->record, FLAT_RECORD + f->used, err);
	if (rc && f->offset >= f->index_end && f->offset < f->lost)
		f->lost = f->offset;
	// What failed to go out once is not tried again: half of it may be out.
	f->used = 0;
	return rc;
}

static int flat_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			 struct err *err)
{
	struct sink_flat *f = s->flat;
	const uint8_t *from = buf;
	int rc = 0;

	if (f->used && offset != f->offset + f->used)
		rc = flush(s, err);
	while (size && !rc) {
		size_t n = FLAT_DATA_MAX - f->used < size ? FLAT_DATA_MAX - f->used : size;

		if (!f->used)
			f->offset = offset;
		memcpy(f->record + FLAT_RECORD + f->used, from, n);
		f->used += n;
		from += n;
		offset += n;
		size -= n;
		if (f->used == FLAT_DATA_MAX)
			rc = flush(s, err);
	}
	return rc;
}

static int flat_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err)
{
	(void)s, (void)buf, (void)size, (void)offset;
	return err_set(err, ERR_UNSUPPORTED, "a flattened dump cannot be read back");
}

static uint64_t flat_written(struct sink *s)
{
	return s->flat->lost;
}

/* Nothing can be written ahead, but room can be kept: it moves along with the end of the file. */
static int flat_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	struct sink_flat *f = s->flat;
	uint64_t records = (end - start) / FLAT_DATA_MAX + 2;

	f->index_start = start;
	f->index_end = end;
	// A record of the first block and the mark of the end come behind it.
	f->room = end - start + FLAT_HEAD_MAX + (records + 1) * FLAT_RECORD;
	return hold(s, 0, err);
}

static int flat_resize(struct sink *s, uint64_t size, struct err *err)
{
	(void)s, (void)size, (void)err;
	return 0;
}

static int flat_sync(struct sink *s, struct err *err)
{
	int rc = flush(s, err);

	return rc ? rc : s->base->sync(s, err);
}

static int finish(struct sink *s, struct err *err)
{
	uint8_t mark[FLAT_RECORD];
	int rc = flush(s, err);

	memset(mark, 0xff, sizeof(mark));
	if (!rc)
		rc = send(s, mark, sizeof(mark), err);
	if (rc)
		err_prepend(err, "%s", s->temp);
	// Gives back what was held; failing to costs room only.
	else if (s->flat->held > s->sent)
		s->base->resize(s, s->sent, NULL);
	return rc;
}

static int flat_commit(struct sink *s, struct err *err)
{
	int rc = finish(s, err);

	return rc ? rc : s->base->commit(s, err);
}

static int flat_keep(struct sink *s, struct err *err)
{
	int rc = finish(s, err);

	return rc ? rc : s->base->keep(s, err);
}

static int begin(struct sink *s, struct err *err)
{
	uint8_t header[FLAT_HEADER_SIZE] = FLAT_SIGNATURE;
	int rc;

	store_be64(header + 16, FLAT_TYPE);
	store_be64(header + 24, FLAT_VERSION);
	s->sent = 0;
	memset(s->flat, 0, offsetof(struct sink_flat, record));
	s->flat->lost = UINT64_MAX;
	rc = send(s, header, sizeof(header), err);
	if (rc)
		err_prepend(err, "%s", s->temp);
	return rc;
}

static int flat_restart(struct sink *s, struct err *err)
{
	int rc = s->base->restart(s, err);

	return rc ? rc : begin(s, err);
}

static void flat_close(struct sink *s)
{
	free(s->flat);
	s->flat = NULL;
	s->base->close(s);
}

static const struct sink_ops flat_ops = {
	.name = "flat",
	.append_only = true,
	.write_at = flat_write_at,
	.read_at = flat_read_at,
	.written = flat_written,
	.drain = flush,
	.reserve = flat_reserve,
	.resize = flat_resize,
	.sync = flat_sync,
	.commit = flat_commit,
	.keep = flat_keep,
	.restart = flat_restart,
	.close = flat_close,
};

int sink_flatten(struct sink *s, struct err *err)
{
	s->flat = malloc(sizeof(*s->flat));
	if (!s->flat)
		return err_set(err, ERR_NOMEM, "no memory for a record of %d bytes", FLAT_DATA_MAX);
	s->base = s->ops;
	s->ops = &flat_ops;
	return begin(s, err);
}
