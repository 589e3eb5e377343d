// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/flattened.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"

#define SIGNATURE "makedumpfile\0\0\0" /* 16 bytes with its own zero */

enum {
	SIGNATURE_SIZE = 16,
	TYPE_FLAT = 1,
	VERSION_FLAT = 1,
	PEEK = 4096, /* bytes read at once in search of records: most are larger than this */
};

/* Bytes of the content that lie together in the file. */
struct piece {
	uint64_t offset, end; /* in the content */
	uint64_t at; /* where they are in the file; a later record has a greater one */
};

struct flattened {
	int fd;
	struct piece *pieces; /* by ascending offset, without overlap */
	size_t n, room;
	uint64_t size;
	bool cut;
};

/* The records as they come, and what of the file is at hand. */
struct indexer {
	struct flattened *f;
	uint64_t file_size;
	uint64_t at; /* of the next record */
	uint64_t peek_at;
	size_t peek_len;
	uint8_t peek[PEEK];
};

bool flattened_probe(const uint8_t *head, size_t size)
{
	return size >= SIGNATURE_SIZE && memcmp(head, SIGNATURE, SIGNATURE_SIZE) == 0;
}

int flattened_check_header(const uint8_t *head, size_t size, struct err *err)
{
	struct cursor c = cursor_init(head, size, 0);
	uint64_t type, version;
	int rc;

	if (size < FLATTENED_HEADER_SIZE)
		return err_set(err, ERR_NODATA,
			       "flattened header: %d bytes expected, the file ends after %zu",
			       FLATTENED_HEADER_SIZE, size);
	c.big_endian = true;
	rc = cursor_skip(&c, SIGNATURE_SIZE, err);
	if (!rc)
		rc = cursor_u64(&c, &type, err);
	if (!rc)
		rc = cursor_u64(&c, &version, err);
	if (rc)
		return rc;
	if (type != TYPE_FLAT || version != VERSION_FLAT)
		return err_set(err, ERR_UNSUPPORTED,
			       "flattened header: expected type %d and version %d, found %llu and "
			       "%llu",
			       TYPE_FLAT, VERSION_FLAT, (unsigned long long)type,
			       (unsigned long long)version);
	return 0;
}

int flattened_parse_record(const uint8_t head[static FLATTENED_RECORD_SIZE], uint64_t at,
			   struct flattened_record *ret, struct err *err)
{
	struct cursor c = cursor_init(head, FLATTENED_RECORD_SIZE, at);
	uint64_t end;
	int rc;

	c.big_endian = true;
	rc = cursor_u64(&c, &ret->offset, err);
	if (!rc)
		rc = cursor_u64(&c, &ret->size, err);
	if (rc)
		return rc;
	if (ret->offset == UINT64_MAX && ret->size == UINT64_MAX)
		return 0;
	if (!ret->size || __builtin_add_overflow(ret->offset, ret->size, &end) || end > INT64_MAX)
		return err_set(err, ERR_CORRUPT,
			       "flattened record at %#llx: offset %#llx and size %#llx cannot be",
			       (unsigned long long)at, (unsigned long long)ret->offset,
			       (unsigned long long)ret->size);
	return 1;
}

static int add_piece(struct flattened *f, uint64_t offset, uint64_t end, uint64_t at,
		     struct err *err)
{
	if (f->n == f->room) {
		size_t room = f->room ? f->room * 2 : 256;
		struct piece *grown = realloc(f->pieces, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ERR_NOMEM, "no memory for %zu flattened records", room);
		f->pieces = grown;
		f->room = room;
	}
	f->pieces[f->n++] = (struct piece){.offset = offset, .end = end, .at = at};
	if (end > f->size)
		f->size = end;
	return 0;
}

/* The record's header at ix->at: *@ret points to it, NULL where the file ends before. */
static int peek(struct indexer *ix, const uint8_t **ret, struct err *err)
{
	ssize_t n;

	*ret = NULL;
	if (ix->file_size - ix->at < FLATTENED_RECORD_SIZE)
		return 0;
	if (ix->at < ix->peek_at || ix->at - ix->peek_at > ix->peek_len ||
	    ix->peek_len - (ix->at - ix->peek_at) < FLATTENED_RECORD_SIZE) {
		n = io_pread(ix->f->fd, ix->peek, PEEK, ix->at, err);
		if (n < 0)
			return n;
		ix->peek_at = ix->at;
		ix->peek_len = n;
		if (n < FLATTENED_RECORD_SIZE)
			return 0;
	}
	*ret = ix->peek + (ix->at - ix->peek_at);
	return 0;
}

/* Takes the next record: 1, or 0 at the end. */
static int next_record(struct indexer *ix, struct err *err)
{
	struct flattened_record rec;
	const uint8_t *head;
	uint64_t there;
	int rc = peek(ix, &head, err);

	if (rc)
		return rc;
	if (!head) {
		ix->f->cut = true;
		return 0;
	}
	rc = flattened_parse_record(head, ix->at, &rec, err);
	if (rc <= 0)
		return rc;
	if (ix->f->n == FLATTENED_RECORDS_MAX)
		return err_set(err, ERR_LIMIT, "more than %d flattened records",
			       FLATTENED_RECORDS_MAX);
	ix->at += FLATTENED_RECORD_SIZE;
	there = ix->file_size - ix->at;
	if (rec.size > there) {
		ix->f->cut = true;
		rec.size = there;
	}
	if (rec.size)
		rc = add_piece(ix->f, rec.offset, rec.offset + rec.size, ix->at, err);
	if (rc < 0)
		return rc;
	ix->at += rec.size;
	return !ix->f->cut;
}

static int by_offset(const void *va, const void *vb)
{
	const struct piece *a = va, *b = vb;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return a->at < b->at ? -1 : a->at > b->at;
}

/* A heap of pieces with the latest at its top. */
struct heap {
	const struct piece **p;
	size_t n;
};

static void heap_push(struct heap *h, const struct piece *p)
{
	size_t i = h->n++;

	for (; i > 0 && p->at > h->p[(i - 1) / 2]->at; i = (i - 1) / 2)
		h->p[i] = h->p[(i - 1) / 2];
	h->p[i] = p;
}

static void heap_pop(struct heap *h)
{
	const struct piece *last = h->p[--h->n];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && h->p[child + 1]->at > h->p[child]->at)
			child++;
		if (last->at >= h->p[child]->at)
			break;
		h->p[i] = h->p[child];
		i = child;
	}
	h->p[i] = last;
}

/*
 * Pieces that overlap -> pieces that do not: a sweep in ascending order, where the latest of
 * the pieces that cover a place gives its bytes. At most twice as many come out.
 */
static int overlay(struct flattened *f, struct err *err)
{
	CLEANUP_FREE struct piece *all = STEAL_PTR(f->pieces);
	CLEANUP_FREE const struct piece **room = malloc(f->n * sizeof(const struct piece *));
	struct heap heap = {.p = room};
	size_t n = f->n;
	uint64_t pos = 0;
	int rc = 0;

	f->n = f->room = 0;
	if (!room)
		return err_set(err, ERR_NOMEM, "no memory to sort out flattened records");
	for (size_t i = 0; (i < n || heap.n) && !rc;) {
		const struct piece *top;
		uint64_t until;

		if (!heap.n)
			pos = all[i].offset;
		while (i < n && all[i].offset <= pos)
			heap_push(&heap, &all[i++]);
		while (heap.n && heap.p[0]->end <= pos)
			heap_pop(&heap);
		if (!heap.n)
			continue;
		top = heap.p[0];
		until = i < n && all[i].offset < top->end ? all[i].offset : top->end;
		rc = add_piece(f, pos, until, top->at + (pos - top->offset), err);
		pos = until;
	}
	return rc;
}

static int sort_pieces(struct flattened *f, struct err *err)
{
	bool sorted = true, overlap = false;

	for (size_t i = 1; i < f->n && sorted; i++)
		sorted = f->pieces[i].offset >= f->pieces[i - 1].offset;
	if (!sorted)
		qsort(f->pieces, f->n, sizeof(*f->pieces), by_offset);
	for (size_t i = 1; i < f->n && !overlap; i++)
		overlap = f->pieces[i].offset < f->pieces[i - 1].end;
	return overlap ? overlay(f, err) : 0;
}

int flattened_open(int fd, uint64_t file_size, struct flattened **ret, struct err *err)
{
	CLEANUP_FREE struct indexer *ix = calloc(1, sizeof(*ix));
	struct flattened *f = calloc(1, sizeof(*f));
	ssize_t n;
	int rc;

	if (!ix || !f) {
		free(f);
		return err_set(err, ERR_NOMEM, "no memory for an index of flattened records");
	}
	f->fd = fd;
	*ix = (struct indexer){.f = f, .file_size = file_size, .at = FLATTENED_HEADER_SIZE};
	n = io_pread(fd, ix->peek, FLATTENED_HEADER_SIZE, 0, err);
	rc = n < 0 ? n : flattened_check_header(ix->peek, n, err);
	if (!rc && file_size < FLATTENED_HEADER_SIZE)
		rc = err_set(err, ERR_NODATA, "the file ends in the flattened header");
	if (!rc)
		while ((rc = next_record(ix, err)) > 0)
			;
	if (!rc)
		rc = sort_pieces(f, err);
	if (rc) {
		flattened_close(f);
		return rc;
	}
	*ret = f;
	return 0;
}

void flattened_close(struct flattened *f)
{
	if (!f)
		return;
	free(f->pieces);
	free(f);
}

uint64_t flattened_size(const struct flattened *f)
{
	return f->size;
}

bool flattened_cut(const struct flattened *f)
{
	return f->cut;
}

/* The first piece that ends behind @offset, or f->n. */
static size_t find_piece(const struct flattened *f, uint64_t offset)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->pieces[mid].end <= offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

ssize_t flattened_pread(const struct flattened *f, void *buf, size_t size, uint64_t offset,
			struct err *err)
{
	uint8_t *to = buf;
	size_t i;

	if (offset >= f->size)
		return 0;
	if (size > f->size - offset)
		size = f->size - offset;
	i = find_piece(f, offset);
	for (size_t done = 0, n; done < size; done += n) {
		const struct piece *p = i < f->n ? &f->pieces[i] : NULL;
		uint64_t pos = offset + done;
		ssize_t got;

		n = size - done;
		if (!p || pos < p->offset) {
			if (p && n > p->offset - pos)
				n = p->offset - pos;
			memset(to + done, 0, n);
			continue;
		}
		if (n > p->end - pos)
			n = p->end - pos;
		got = io_pread(f->fd, to + done, n, p->at + (pos - p->offset), err);
		if (got < 0)
			return got;
		// The file became shorter than it was.
		if ((size_t)got < n)
			return done + got;
		i++;
	}
	return size;
}
