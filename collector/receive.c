// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/receive.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/depot.h"
#include "collector/wire.h"
#include "vmcore/crashdir.h"

enum {
	SLICE = 4096, // a pipe that poll() calls writable has room for that (PIPE_BUF)
	TELL_MIN = 64 << 10, // a chunk as large as that is worth telling that it is written
	BEHIND = 8 << 20, // bytes in the page cache before they are sent to the disk
	STOCK_STEP = 64 << 20, // bytes written before the room is looked at again
	BUSY_SECONDS = 2, // between two signs of life
};

struct receive {
	const struct receive_conf *conf;
	int in, out;
	struct depot depot;
	bool greeted;
	int fd; // of the file of depot.rec, or -1
	uint64_t seq, chain; // of the last counted frame that was carried out
	uint64_t left; // bytes that may be written before the room is looked at again
	uint64_t behind; // bytes written since the disk was told
	struct retention *stock;
	uint8_t header[WIRE_HEADER];
	struct wire_frame f; // the frame at hand ...
	uint8_t *payload; // ... and WIRE_PAYLOAD_MAX bytes for what is in it
	bool owed; // a small frame was done, and nobody told
};

static void tell(const struct receive *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void tell(const struct receive *r, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;

	if (!r->conf->tell)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->conf->tell(r->conf->ctx, text);
}

/* ---- bytes in and out ---- */

static int wait_for(const struct receive *r, int fd, short events, struct err *err)
{
	unsigned int seconds = r->conf->timeout ? r->conf->timeout : RECEIVE_TIMEOUT;
	struct pollfd p = {.fd = fd, .events = events};
	int n;

	do
		n = poll(&p, 1, seconds * 1000);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "poll");
	if (!n)
		return err_set(err, ERR_NODATA, "the client was silent for %u seconds", seconds);
	return 0;
}

/* The bytes that were there before the connection ended. */
static int read_some(struct receive *r, uint8_t *buf, size_t size, size_t *got, struct err *err)
{
	for (*got = 0; *got < size;) {
		int rc = wait_for(r, r->in, POLLIN, err);
		ssize_t n;

		if (rc)
			return rc;
		n = read(r->in, buf + *got, size - *got);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return err_set(err, ERR_NODATA, "the connection broke: %s",
				       strerror(errno));
		if (!n)
			return 0;
		*got += n;
	}
	return 0;
}

static int write_all(struct receive *r, const uint8_t *buf, size_t size, struct err *err)
{
	for (size_t done = 0; done < size;) {
		size_t part = size - done < SLICE ? size - done : SLICE;
		int rc = wait_for(r, r->out, POLLOUT, err);
		ssize_t n;

		if (rc)
			return rc;
		n = write(r->out, buf + done, part);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return err_set(err, ERR_NODATA, "the connection broke: %s",
				       strerror(errno));
		done += n;
	}
	return 0;
}

static int reply(struct receive *r, struct wire_frame *f, const void *payload, struct err *err)
{
	uint8_t header[WIRE_HEADER];
	int rc;

	wire_seal(f, payload, header);
	rc = write_all(r, header, sizeof(header), err);
	return rc || !f->size ? rc : write_all(r, payload, f->size, err);
}

/* Durable up to what the journal says, written up to the last frame. */
static int send_ack(struct receive *r, struct err *err)
{
	struct wire_frame f = {
		.type = WIRE_ACK,
		.seq = r->depot.rec.seq,
		.offset = r->seq,
	};

	return reply(r, &f, NULL, err);
}

static int send_error(struct receive *r, enum wire_code code, bool fatal, const char *text,
		      struct err *err)
{
	uint8_t payload[WIRE_ERROR_MAX];
	struct wire_frame f = {
		.type = WIRE_ERROR,
		.flags = fatal ? WIRE_F_FATAL : 0,
		.size = wire_put_error(code, text, payload),
		.seq = r->f.seq,
		.offset = r->f.offset,
	};

	return reply(r, &f, payload, err);
}

/* The next frame, whole and checked. ERR_NODATA with an empty text at a clean end. */
static int next_frame(struct receive *r, enum wire_code *code, struct err *err)
{
	size_t got;
	int rc;

	*code = 0;
	r->f = (struct wire_frame){0};
	rc = read_some(r, r->header, sizeof(r->header), &got, err);
	if (rc)
		return rc;
	if (got < sizeof(r->header))
		return err_set(err, ERR_NODATA,
			       got ? "the connection broke within a frame"
				   : "the connection ended without a goodbye");
	*code = WIRE_E_PROTOCOL;
	rc = wire_header(r->header, true, &r->f, err);
	if (rc)
		return rc;
	rc = read_some(r, r->payload, r->f.size, &got, err);
	if (!rc && got < r->f.size)
		rc = err_set(err, ERR_NODATA, "the connection broke within a frame");
	if (rc) {
		*code = 0;
		return rc;
	}
	*code = WIRE_E_DIGEST;
	return wire_check(&r->f, r->header, r->payload, err);
}

/* ---- room ---- */

static bool has_limits(const struct retention_limits *l)
{
	return l->keep_dumps || l->keep_bytes || l->keep_days || l->min_free;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Takes our own directory, and those that others write to, out of the list: *@held is theirs. */
static void set_apart(struct receive *r, uint64_t *own, uint64_t *held)
{
	struct retention *s = r->stock;

	*own = *held = 0;
	for (size_t i = 0; i < s->n;) {
		struct retention_dump *d = &s->dumps[i];

		if (!depot_is_busy(&r->depot, d->name)) {
			i++;
			continue;
		}
		*(strcmp(d->name, r->depot.name) == 0 ? own : held) += d->bytes;
		*d = s->dumps[--s->n];
	}
}

static uint64_t free_bytes(const struct receive *r)
{
	struct statvfs vfs;

	if (fstatvfs(r->depot.root, &vfs))
		return 0;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

/* Removes what the limits say; the bytes of what stays. */
static uint64_t remove_old(struct receive *r)
{
	uint64_t stays = 0;

	for (size_t i = r->stock->n; i-- > 0;) {
		const struct retention_dump *d = &r->stock->dumps[i];
		struct err why = {0};

		if (!d->remove) {
			stays += d->bytes;
		} else if (retention_remove(r->depot.root, d->name, &why)) {
			stays += d->bytes;
			tell(r, "%s should make room, and stays: %s", d->name, why.msg);
		} else {
			depot_forget(&r->depot, d->name);
			tell(r, "%s removed to make room", d->name);
		}
	}
	return stays;
}

/*
 * Looks at what there is, and makes room for @want bytes more where the limits allow older dumps
 * to go. Returns the bytes that may be written now; UINT64_MAX: nobody limits them but the disk.
 */
static uint64_t take_stock(struct receive *r, uint64_t want)
{
	const struct retention_limits *l = &r->conf->limits;
	struct retention_ask ask = {.now = time(NULL), .incoming = true};
	uint64_t own, held, used, room = UINT64_MAX;
	struct err err = {0};

	r->left = UINT64_MAX;
	if (!has_limits(l))
		return free_bytes(r);
	if (retention_scan(r->stock, r->depot.root, NULL, &err))
		tell(r, "%s", err.msg);
	set_apart(r, &own, &held);
	ask.need = want;
	ask.held = own + held;
	ask.free = free_bytes(r);
	retention_decide(r->stock->dumps, r->stock->n, l, &ask);
	used = remove_old(r) + own + held;
	if (l->keep_bytes)
		room = minus(l->keep_bytes, used);
	if (l->min_free && minus(free_bytes(r), l->min_free) < room)
		room = minus(free_bytes(r), l->min_free);
	r->left = room < STOCK_STEP ? room : STOCK_STEP;
	return room < free_bytes(r) ? room : free_bytes(r);
}

/* Whether @size bytes more may be written, as far as our own limits go. */
static enum wire_code ask_room(struct receive *r, uint64_t size, struct err *err)
{
	uint64_t room;

	if (size > r->left) {
		room = take_stock(r, size);
		if (has_limits(&r->conf->limits) && size > room) {
			err_set(err, ERR_NOSPC, "%s/%s: %llu bytes more are over the quota",
				r->depot.name, r->depot.rec.file, (unsigned long long)size);
			return WIRE_E_SPACE;
		}
	}
	r->left -= size < r->left ? size : r->left;
	return 0;
}

/* ---- what frames do: 0, or why not, with the words in @err ---- */

static enum wire_code code_of(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case ERR_NOSPC:
		return WIRE_E_SPACE;
	case ERR_STOPPED:
		return WIRE_E_BUSY;
	case ERR_USAGE:
		return WIRE_E_EXISTS;
	case ERR_NOTFOUND:
		return WIRE_E_LOST;
	default:
		return WIRE_E_IO;
	}
}

static enum wire_code out_of_turn(const struct receive *r, struct err *err)
{
	err_set(err, ERR_CORRUPT, "%s: %s", wire_name(r->f.type),
		r->fd < 0 ? "no file is open" : "a file is open already");
	return WIRE_E_PROTOCOL;
}

/* The journal has it, the frame at hand included. */
static int note(struct receive *r, struct err *err)
{
	r->depot.rec.seq = r->f.seq;
	r->depot.rec.chain = wire_chain(r->chain, r->f.digest);
	return depot_note(&r->depot, err);
}

static void close_file(struct receive *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

static enum wire_code do_open(struct receive *r, struct err *err)
{
	struct depot_record *rec = &r->depot.rec;
	char name[WIRE_NAME_MAX + 1];
	size_t len = r->f.size, tail = strlen(CRASHDIR_INCOMPLETE);
	enum wire_code code;
	int rc;

	if (rec->open)
		return out_of_turn(r, err);
	if (wire_get_name(r->payload, len, name, err))
		return WIRE_E_NAME;
	if (!crashdir_is_file(name) ||
	    (len > tail && !strcmp(name + len - tail, CRASHDIR_INCOMPLETE))) {
		err_set(err, ERR_USAGE, "%s is no file of a crash directory", name);
		return WIRE_E_NAME;
	}
	snprintf(rec->file, sizeof(rec->file), "%s", name);
	code = ask_room(r, r->f.offset, err);
	if (code)
		return code;
	rec->replace = r->f.flags & WIRE_F_REPLACE;
	rec->failed = rec->committing = false;
	rec->streamed = 0;
	rc = depot_create(&r->depot, &r->fd, err);
	if (rc)
		return code_of(rc);
	rec->open = true;
	return code_of(note(r, err));
}

/* Sends it to the disk early: to make it durable takes less time then. */
static void write_behind(struct receive *r, size_t size)
{
	r->behind += size;
	if (r->behind < BEHIND)
		return;
	sync_file_range(r->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	r->behind = 0;
}

static enum wire_code put(struct receive *r, const void *buf, size_t size, uint64_t offset,
			  struct err *err)
{
	int rc = io_pwrite(r->fd, buf, size, offset, err);

	// Somebody else filled the disk: older dumps may go for this one.
	if (rc == ERR_NOSPC && has_limits(&r->conf->limits)) {
		take_stock(r, size);
		rc = io_pwrite(r->fd, buf, size, offset, err);
	}
	if (rc) {
		err_prepend(err, "%s/%s", r->depot.name, r->depot.rec.file);
		return code_of(rc);
	}
	write_behind(r, size);
	return 0;
}

static enum wire_code do_chunk(struct receive *r, struct err *err)
{
	enum wire_code code;

	if (r->fd < 0)
		return out_of_turn(r, err);
	code = ask_room(r, r->f.size, err);
	if (!code)
		code = put(r, r->payload, r->f.size, r->f.offset, err);
	if (code)
		r->depot.rec.failed = true;
	else if (r->f.flags & WIRE_F_STREAM)
		r->depot.rec.streamed += r->f.size;
	return code;
}

static enum wire_code do_size(struct receive *r, struct err *err)
{
	if (r->fd < 0)
		return out_of_turn(r, err);
	if (!ftruncate(r->fd, r->f.offset))
		return 0;
	r->depot.rec.failed = true;
	return code_of(err_sys(err, "%s/%s: size of %llu bytes", r->depot.name, r->depot.rec.file,
			       (unsigned long long)r->f.offset));
}

/* Where the file system cannot allocate ahead, zeros do: what is there comes once more. */
static enum wire_code reserve(struct receive *r, uint64_t start, uint64_t end, struct err *err)
{
	enum wire_code code = 0;

	if (start == end || !fallocate(r->fd, 0, start, end - start))
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return code_of(err_sys(err, "%s/%s: room for %llu bytes", r->depot.name,
				       r->depot.rec.file, (unsigned long long)(end - start)));
	memset(r->payload, 0, WIRE_PAYLOAD_MAX);
	for (uint64_t at = start; at < end && !code; at += WIRE_PAYLOAD_MAX)
		code = put(r, r->payload,
			   minus(end, at) < WIRE_PAYLOAD_MAX ? end - at : WIRE_PAYLOAD_MAX, at,
			   err);
	return code;
}

static enum wire_code do_reserve(struct receive *r, struct err *err)
{
	uint64_t end = load_le64(r->payload);
	enum wire_code code;

	if (r->fd < 0)
		return out_of_turn(r, err);
	if (end < r->f.offset || end > WIRE_FILE_MAX) {
		err_set(err, ERR_LIMIT, "reserve: from %llu to %llu",
			(unsigned long long)r->f.offset, (unsigned long long)end);
		return WIRE_E_PROTOCOL;
	}
	code = ask_room(r, end - r->f.offset, err);
	if (!code)
		code = reserve(r, r->f.offset, end, err);
	if (code)
		r->depot.rec.failed = true;
	return code;
}

static int sync_file(struct receive *r, struct err *err)
{
	if (r->fd >= 0 && fsync(r->fd))
		return err_sys(err, "%s/%s: fsync", r->depot.name, r->depot.rec.file);
	return 0;
}

static enum wire_code do_sync(struct receive *r, struct err *err)
{
	int rc = sync_file(r, err);

	if (!rc)
		rc = note(r, err);
	return code_of(rc);
}

/* Says from time to time that it goes on. */
static int stay_alive(struct receive *r, time_t *last, struct err *err)
{
	struct wire_frame f = {.type = WIRE_BUSY};
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - *last < BUSY_SECONDS)
		return 0;
	*last = now.tv_sec;
	return reply(r, &f, NULL, err);
}

/* Reads the page data back: ERR_CORRUPT when it is not what the client says that it sent. */
static int verify_data(struct receive *r, const struct wire_commit *c, struct err *err)
{
	XXH64_state_t hash;
	time_t last = 0;
	uint64_t is;

	XXH64_reset(&hash, 0);
	for (uint64_t done = 0; done < c->size;) {
		uint64_t left = c->size - done;
		size_t want = left < WIRE_PAYLOAD_MAX ? left : WIRE_PAYLOAD_MAX;
		ssize_t n = io_pread(r->fd, r->payload, want, c->start + done, err);
		int rc = n < 0 ? n : stay_alive(r, &last, err);

		if (rc)
			return rc;
		if ((size_t)n < want)
			return err_set(err, ERR_CORRUPT, "it ends at byte %llu",
				       (unsigned long long)(c->start + done + n));
		XXH64_update(&hash, r->payload, n);
		done += n;
	}
	is = XXH64_digest(&hash);
	if (c->size && is != c->digest)
		return err_set(err, ERR_CORRUPT, "the digest of its data is %016llx, not %016llx",
			       (unsigned long long)is, (unsigned long long)c->digest);
	return 0;
}

/* Whether the file is what the client says it sent. */
static int verify(struct receive *r, const struct wire_commit *c, struct err *err)
{
	struct stat st;

	if (c->chain != r->chain)
		return err_set(err, ERR_CORRUPT, "the chain of its frames is %016llx, not %016llx",
			       (unsigned long long)r->chain, (unsigned long long)c->chain);
	if (fstat(r->fd, &st))
		return err_sys(err, "fstat");
	if ((uint64_t)st.st_size != r->f.offset)
		return err_set(err, ERR_CORRUPT, "it has %llu bytes, not %llu",
			       (unsigned long long)st.st_size, (unsigned long long)r->f.offset);
	if (c->start > r->f.offset || c->size > r->f.offset - c->start)
		return err_set(err, ERR_CORRUPT, "its data is beyond its end");
	// Nobody makes us read what is but a hole of the file.
	if (c->size > r->depot.rec.streamed)
		return err_set(err, ERR_CORRUPT, "it has %llu bytes of data, not %llu",
			       (unsigned long long)r->depot.rec.streamed,
			       (unsigned long long)c->size);
	return verify_data(r, c, err);
}

static enum wire_code commit_refused(struct receive *r, int rc, struct err *err)
{
	err_prepend(err, "%s/%s", r->depot.name, r->depot.rec.file);
	if (rc != ERR_CORRUPT)
		return code_of(rc);
	r->depot.rec.failed = true;
	return WIRE_E_DIGEST;
}

static enum wire_code do_commit(struct receive *r, struct err *err)
{
	struct depot_record *rec = &r->depot.rec;
	uint64_t chain = wire_chain(r->chain, r->f.digest);
	struct wire_commit c;
	int rc;

	wire_get_commit(r->payload, &c);
	// It has its name already: only the word of it got lost.
	if (rec->open && rec->committing) {
		rc = c.chain == r->chain ? depot_close_file(&r->depot, chain, err)
					 : err_set(err, ERR_CORRUPT, "not the commit of before");
		return rc == ERR_CORRUPT ? WIRE_E_DIGEST : code_of(rc);
	}
	if (r->fd < 0)
		return out_of_turn(r, err);
	if (rec->failed) {
		err_set(err, ERR_NODATA, "%s/%s cannot be whole: something of it was not written",
			r->depot.name, rec->file);
		return WIRE_E_FAILED;
	}
	rc = verify(r, &c, err);
	if (!rc)
		rc = sync_file(r, err);
	if (rc)
		return commit_refused(r, rc, err);
	rec->seq = r->seq;
	rec->chain = r->chain;
	rc = depot_commit(&r->depot, chain, err);
	if (rc)
		return code_of(rc);
	close_file(r);
	return 0;
}

static enum wire_code do_keep(struct receive *r, struct err *err)
{
	int rc;

	if (r->fd < 0)
		return out_of_turn(r, err);
	rc = sync_file(r, err);
	close_file(r);
	r->depot.rec.open = false;
	if (!rc)
		rc = note(r, err);
	return code_of(rc);
}

static enum wire_code do_abandon(struct receive *r, struct err *err)
{
	int rc;

	if (r->fd < 0)
		return out_of_turn(r, err);
	close_file(r);
	r->depot.rec.open = false;
	// In this order: a file that nobody knows of is better than a journal of one that is gone.
	rc = note(r, err);
	if (!rc)
		depot_remove(&r->depot, r->depot.rec.file, r->f.flags & WIRE_F_WHOLE);
	return code_of(rc);
}

/* ---- questions ---- */

static int answer_read(struct receive *r, struct err *err)
{
	uint32_t size = load_le32(r->payload);
	struct wire_frame f = {.type = WIRE_DATA, .size = size, .offset = r->f.offset};
	struct err why = {0};
	ssize_t n = 0;

	if (r->fd < 0 || !size || size > WIRE_READ_MAX)
		return err_set(err, ERR_CORRUPT, "read: %u bytes%s", size,
			       r->fd < 0 ? ", and no file is open" : "");
	n = io_pread(r->fd, r->payload, size, r->f.offset, &why);
	if (n >= 0 && (size_t)n < size)
		err_set(&why, ERR_NODATA, "%s/%s ends before byte %llu", r->depot.name,
			r->depot.rec.file, (unsigned long long)(r->f.offset + size));
	if (why.code)
		return send_error(r, n < 0 ? WIRE_E_IO : WIRE_E_LOST, false, why.msg, err);
	return reply(r, &f, r->payload, err);
}

static int answer_space(struct receive *r, struct err *err)
{
	struct wire_frame f = {.type = WIRE_ROOM, .offset = take_stock(r, 0)};

	return reply(r, &f, NULL, err);
}

/* ---- the beginning ---- */

/* Goes on with the file that the journal says is open. */
static enum wire_code reopen(struct receive *r, struct err *err)
{
	struct depot_record *rec = &r->depot.rec;

	if (!rec->open || rec->committing)
		return 0;
	return code_of(depot_reopen(&r->depot, &r->fd, err));
}

static enum wire_code check_hello(const struct receive *r, struct wire_hello *h, struct err *err)
{
	struct crashdir parts;

	if (r->f.type != WIRE_HELLO || r->greeted) {
		err_set(err, ERR_CORRUPT, r->greeted ? "a second hello" : "%s before hello",
			wire_name(r->f.type));
		return WIRE_E_PROTOCOL;
	}
	if (wire_get_hello(r->payload, r->f.size, h, err))
		return WIRE_E_NAME;
	if (!h->version) {
		err_set(err, ERR_UNSUPPORTED, "version 0 of the protocol");
		return WIRE_E_VERSION;
	}
	if (!crashdir_parse(h->name, &parts)) {
		err_set(err, ERR_USAGE, "%.128s is no name of a crash directory", h->name);
		return WIRE_E_NAME;
	}
	return 0;
}

static enum wire_code greet(struct receive *r, struct err *err)
{
	bool resume = r->f.flags & WIRE_F_RESUME;
	struct wire_welcome w = {.version = WIRE_VERSION};
	struct wire_frame f = {.type = WIRE_WELCOME, .flags = resume ? WIRE_F_RESUME : 0};
	uint8_t payload[WIRE_WELCOME_SIZE];
	struct wire_hello h;
	enum wire_code code = check_hello(r, &h, err);

	if (code)
		return code;
	depot_sweep(&r->depot);
	code = code_of(depot_enter(&r->depot, h.name, h.id, resume, err));
	if (!code)
		code = reopen(r, err);
	if (code)
		return code;
	r->greeted = true;
	r->seq = w.seq = r->depot.rec.seq;
	r->chain = r->depot.rec.chain;
	r->depot.rec.done = false;
	w.room = take_stock(r, h.room);
	f.size = wire_put_welcome(&w, payload);
	return code_of(reply(r, &f, payload, err));
}

/* ---- frame after frame ---- */

/* Refused, and yet the client may go on: with another file, or by giving this one up. */
static bool is_fatal(enum wire_code code)
{
	switch (code) {
	case WIRE_E_SPACE:
	case WIRE_E_EXISTS:
	case WIRE_E_NAME:
	case WIRE_E_DIGEST:
	case WIRE_E_FAILED:
		return false;
	default:
		return true;
	}
}

static enum wire_code carry_out(struct receive *r, struct err *err)
{
	switch (r->f.type) {
	case WIRE_OPEN:
		return do_open(r, err);
	case WIRE_CHUNK:
		return do_chunk(r, err);
	case WIRE_SIZE:
		return do_size(r, err);
	case WIRE_RESERVE:
		return do_reserve(r, err);
	case WIRE_SYNC:
		return do_sync(r, err);
	case WIRE_COMMIT:
		return do_commit(r, err);
	case WIRE_KEEP:
		return do_keep(r, err);
	default:
		return do_abandon(r, err);
	}
}

/* The client hears why, if it still listens; whoever runs this program does in any case. */
static int refuse(struct receive *r, enum wire_code code, const struct err *why)
{
	send_error(r, code, true, why->msg, NULL);
	return why->code;
}

/* Whether the client waits for a word: it has sent nothing more. */
static bool is_quiet(const struct receive *r)
{
	struct pollfd p = {.fd = r->in, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

static int take_counted(struct receive *r, struct err *err)
{
	bool small = r->f.type == WIRE_CHUNK && r->f.size < TELL_MIN;
	uint64_t chain = wire_chain(r->chain, r->f.digest);
	enum wire_code code;
	int rc = 0;

	if (r->f.seq != r->seq + 1) {
		err_set(err, ERR_CORRUPT, "%s %llu came, %llu is next", wire_name(r->f.type),
			(unsigned long long)r->f.seq, (unsigned long long)(r->seq + 1));
		return refuse(r, WIRE_E_PROTOCOL, err);
	}
	code = carry_out(r, err);
	if (code && is_fatal(code))
		return refuse(r, code, err);
	r->seq++;
	r->chain = chain;
	if (code) {
		struct err late = {0};

		tell(r, "refused: %s", err->msg);
		rc = send_error(r, code, false, err->msg, &late);
		*err = late;
	}
	r->owed = small && !is_quiet(r);
	return rc || r->owed ? rc : send_ack(r, err);
}

/* What came right behind a small frame was a question: no other frame tells that it is done. */
static int send_owed(struct receive *r, int rc, struct err *err)
{
	if (rc || !r->owed)
		return rc;
	r->owed = false;
	return send_ack(r, err);
}

/* Until the journal has it, retention keeps its hands off the directory. */
static int take_bye(struct receive *r, struct err *err)
{
	if (r->fd >= 0)
		return err_set(err, ERR_NODATA, "goodbye, and a file is open");
	r->depot.rec.done = true;
	return depot_note(&r->depot, err);
}

static int take_frame(struct receive *r, bool *bye, struct err *err)
{
	enum wire_code code;
	int rc = next_frame(r, &code, err);

	if (rc)
		return code ? refuse(r, code, err) : rc;
	if (!r->greeted || r->f.type == WIRE_HELLO) {
		code = greet(r, err);
		return code ? refuse(r, code, err) : 0;
	}
	if (wire_counted(r->f.type))
		return take_counted(r, err);
	switch (r->f.type) {
	case WIRE_READ:
		rc = answer_read(r, err);
		return rc == ERR_CORRUPT ? refuse(r, WIRE_E_PROTOCOL, err) : send_owed(r, rc, err);
	case WIRE_SPACE:
		return send_owed(r, answer_space(r, err), err);
	default:
		*bye = true;
		return take_bye(r, err);
	}
}

int receive_run(const struct receive_conf *conf, int in, int out, struct err *err)
{
	struct receive r = {
		.conf = conf,
		.in = in,
		.out = out,
		.fd = -1,
		.payload = malloc(WIRE_PAYLOAD_MAX),
		.stock = malloc(sizeof(*r.stock)),
	};
	bool bye = false;
	int rc;

	if (!r.payload || !r.stock)
		rc = err_set(err, ERR_NOMEM, "no memory for a frame");
	else
		rc = depot_open(&r.depot, conf->root, err);
	if (!rc) {
		while (!rc && !bye)
			rc = take_frame(&r, &bye, err);
		if (rc && r.depot.name[0] && r.fd >= 0)
			err_prepend(err, "%s: %s is left incomplete", r.depot.name,
				    r.depot.rec.file);
		else if (rc && r.depot.name[0])
			err_prepend(err, "%s", r.depot.name);
		close_file(&r);
		depot_close(&r.depot);
	}
	free(r.payload);
	free(r.stock);
	return rc;
}
