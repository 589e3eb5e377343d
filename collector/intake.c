// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/depot.h"
#include "collector/peer.h"
#include "collector/stock.h"
#include "collector/syncer.h"
#include "vmcore/crashdir.h"

enum {
	BEHIND = 8 << 20, // bytes in the page cache before they are sent to the disk
};

enum wire_code intake_code(int rc)
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

static enum wire_code out_of_turn(const struct intake *in, struct err *err)
{
	err_set(err, ERR_CORRUPT, "%s: %s", wire_name(in->f->type),
		in->fd < 0 ? "no file is open" : "a file is open already");
	return WIRE_E_PROTOCOL;
}

/* Something of the file was refused, as far as the frame @seq. */
static void add_refusal(struct intake *in, enum wire_code code, uint64_t seq)
{
	struct wire_refusal *no = &in->depot->rec.refusal;

	if (!no->code)
		*no = (struct wire_refusal){.code = code, .bad = UINT64_MAX};
	if (seq > no->seq)
		no->seq = seq;
}

/*
 * What was to be durable with the frame @seq is not. The kernel says so once per descriptor: the
 * next fsync may be fine, and the file is not.
 */
static enum wire_code not_durable(struct intake *in, int rc, uint64_t seq)
{
	enum wire_code code = intake_code(rc);

	in->depot->rec.failed = true;
	if (!intake_is_over(code))
		add_refusal(in, code, seq);
	return code;
}

/* Once more, with that known: the client's ring is full until it hears of these frames. */
static void sync_again(struct intake *in, struct depot_record rec)
{
	rec.failed = true;
	rec.refusal = in->depot->rec.refusal;
	syncer_ask(in->syncer, in->fd, &rec, NULL);
}

/* The journal has it, the frame at hand included. */
static int note(struct intake *in, struct err *err)
{
	in->depot->rec.seq = in->f->seq;
	in->depot->rec.chain = wire_chain(in->chain, in->f->digest);
	return depot_note(in->depot, err);
}

static void close_file(struct intake *in)
{
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}

enum wire_code intake_begin(struct intake *in, struct err *err)
{
	const struct depot_record *rec = &in->depot->rec;

	in->f = &in->peer->f;
	in->payload = in->peer->payload;
	in->seq = rec->seq;
	in->chain = rec->chain;
	if (!rec->open || rec->committing)
		return 0;
	return intake_code(depot_reopen(in->depot, &in->fd, err));
}

void intake_end(struct intake *in)
{
	// What it comes to is in the journal, or is not.
	syncer_settle(in->syncer, true, NULL);
	close_file(in);
}

static enum wire_code do_open(struct intake *in, struct err *err)
{
	struct depot_record *rec = &in->depot->rec;
	char name[WIRE_NAME_MAX + 1];
	size_t len = in->f->size, tail = strlen(CRASHDIR_INCOMPLETE);
	enum wire_code code;
	int rc;

	if (rec->open)
		return out_of_turn(in, err);
	rec->refusal = (struct wire_refusal){0};
	if (wire_get_name(in->payload, len, name, err))
		return WIRE_E_NAME;
	if (!crashdir_is_file(name) ||
	    (len > tail && !strcmp(name + len - tail, CRASHDIR_INCOMPLETE))) {
		err_set(err, ERR_USAGE, "%s is no file of a crash directory", name);
		return WIRE_E_NAME;
	}
	snprintf(rec->file, sizeof(rec->file), "%s", name);
	code = stock_ask(in->stock, in->f->offset, err);
	if (code)
		return code;
	rec->replace = in->f->flags & WIRE_F_REPLACE;
	rec->failed = rec->committing = false;
	rec->streamed = 0;
	rc = depot_create(in->depot, &in->fd, err);
	if (rc)
		return intake_code(rc);
	rec->open = true;
	return intake_code(note(in, err));
}

/* Sends it to the disk early: to make it durable takes less time then. */
static void write_behind(struct intake *in, size_t size)
{
	in->behind += size;
	if (in->behind < BEHIND)
		return;
	sync_file_range(in->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	in->behind = 0;
}

static enum wire_code put(struct intake *in, const void *buf, size_t size, uint64_t offset,
			  struct err *err)
{
	int rc = io_pwrite(in->fd, buf, size, offset, err);

	// Somebody else filled the disk: older dumps may go for this one.
	if (rc == ERR_NOSPC && stock_is_limited(in->stock)) {
		stock_take(in->stock, size);
		rc = io_pwrite(in->fd, buf, size, offset, err);
	}
	if (rc) {
		err_prepend(err, "%s/%s", in->depot->name, in->depot->rec.file);
		return intake_code(rc);
	}
	write_behind(in, size);
	return 0;
}

static enum wire_code do_chunk(struct intake *in, struct err *err)
{
	enum wire_code code;

	if (in->fd < 0)
		return out_of_turn(in, err);
	code = stock_ask(in->stock, in->f->size, err);
	if (!code)
		code = put(in, in->payload, in->f->size, in->f->offset, err);
	if (code)
		in->depot->rec.failed = true;
	else if (in->f->flags & WIRE_F_STREAM)
		in->depot->rec.streamed += in->f->size;
	return code;
}

static enum wire_code do_size(struct intake *in, struct err *err)
{
	if (in->fd < 0)
		return out_of_turn(in, err);
	if (!ftruncate(in->fd, in->f->offset))
		return 0;
	in->depot->rec.failed = true;
	return intake_code(err_sys(err, "%s/%s: size of %llu bytes", in->depot->name,
				   in->depot->rec.file, (unsigned long long)in->f->offset));
}

/* Where the file system cannot allocate ahead, zeros do: what is there comes once more. */
static enum wire_code reserve(struct intake *in, uint64_t start, uint64_t end, struct err *err)
{
	enum wire_code code = 0;

	if (start == end || !fallocate(in->fd, 0, start, end - start))
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return intake_code(err_sys(err, "%s/%s: room for %llu bytes", in->depot->name,
					   in->depot->rec.file, (unsigned long long)(end - start)));
	memset(in->payload, 0, WIRE_PAYLOAD_MAX);
	for (uint64_t at = start; at < end && !code; at += WIRE_PAYLOAD_MAX) {
		// It may take long, and the client waits for the end of it.
		if (peer_beat(in->peer, err))
			return WIRE_E_IO;
		code = put(in, in->payload,
			   end - at < WIRE_PAYLOAD_MAX ? end - at : WIRE_PAYLOAD_MAX, at, err);
	}
	return code;
}

static enum wire_code do_reserve(struct intake *in, struct err *err)
{
	uint64_t end = load_le64(in->payload);
	enum wire_code code;

	if (in->fd < 0)
		return out_of_turn(in, err);
	if (end < in->f->offset || end > WIRE_FILE_MAX) {
		err_set(err, ERR_LIMIT, "reserve: from %llu to %llu",
			(unsigned long long)in->f->offset, (unsigned long long)end);
		return WIRE_E_PROTOCOL;
	}
	code = stock_ask(in->stock, end - in->f->offset, err);
	if (!code)
		code = reserve(in, in->f->offset, end, err);
	if (code)
		in->depot->rec.failed = true;
	return code;
}

static int sync_file(struct intake *in, struct err *err)
{
	if (in->fd >= 0 && fsync(in->fd))
		return err_sys(err, "%s/%s: fsync", in->depot->name, in->depot->rec.file);
	return 0;
}

static enum wire_code do_sync(struct intake *in, struct err *err)
{
	struct depot_record rec = in->depot->rec;
	enum wire_code code;
	int rc;

	if (in->fd < 0)
		return intake_code(note(in, err));
	rec.seq = in->f->seq;
	rec.chain = wire_chain(in->chain, in->f->digest);
	rc = syncer_ask(in->syncer, in->fd, &rec, err);
	if (!rc)
		return 0;
	code = not_durable(in, rc, in->f->seq);
	if (!intake_is_over(code))
		sync_again(in, rec);
	return code;
}

enum wire_code intake_synced(struct intake *in, uint64_t *seq, struct err *err)
{
	// Those that wait are forgotten when the one before them fails.
	struct depot_record rec = in->syncer->waiting ? in->syncer->next : in->syncer->rec;
	bool again = in->syncer->waiting || !in->depot->rec.failed;
	enum wire_code code;
	int rc;

	*seq = in->syncer->rec.seq;
	rc = syncer_settle(in->syncer, false, err);
	if (!rc)
		return 0;
	code = not_durable(in, rc, *seq);
	// A disk that fails each time is not asked for ever.
	if (!intake_is_over(code) && again)
		sync_again(in, rec);
	return code;
}

/* Reads the page data back: ERR_CORRUPT when it is not what the client says that it sent. */
static int verify_data(struct intake *in, const struct wire_commit *c, struct err *err)
{
	XXH64_state_t hash;
	uint64_t is;

	XXH64_reset(&hash, 0);
	for (uint64_t done = 0; done < c->size;) {
		uint64_t left = c->size - done;
		size_t want = left < WIRE_PAYLOAD_MAX ? left : WIRE_PAYLOAD_MAX;
		ssize_t n = io_pread(in->fd, in->payload, want, c->start + done, err);
		int rc = n < 0 ? n : peer_beat(in->peer, err);

		if (rc)
			return rc;
		if ((size_t)n < want)
			return err_set(err, ERR_CORRUPT, "it ends at byte %llu",
				       (unsigned long long)(c->start + done + n));
		XXH64_update(&hash, in->payload, n);
		done += n;
	}
	is = XXH64_digest(&hash);
	if (c->size && is != c->digest)
		return err_set(err, ERR_CORRUPT, "the digest of its data is %016llx, not %016llx",
			       (unsigned long long)is, (unsigned long long)c->digest);
	return 0;
}

/* Whether the file is what the client says it sent. */
static int verify(struct intake *in, const struct wire_commit *c, struct err *err)
{
	struct stat st;

	if (c->chain != in->chain)
		return err_set(err, ERR_CORRUPT, "the chain of its frames is %016llx, not %016llx",
			       (unsigned long long)in->chain, (unsigned long long)c->chain);
	if (fstat(in->fd, &st))
		return err_sys(err, "fstat");
	if ((uint64_t)st.st_size != in->f->offset)
		return err_set(err, ERR_CORRUPT, "it has %llu bytes, not %llu",
			       (unsigned long long)st.st_size, (unsigned long long)in->f->offset);
	if (c->start > in->f->offset || c->size > in->f->offset - c->start)
		return err_set(err, ERR_CORRUPT, "its data is beyond its end");
	// Nobody makes us read what is but a hole of the file.
	if (c->size > in->depot->rec.streamed)
		return err_set(err, ERR_CORRUPT, "it has %llu bytes of data, not %llu",
			       (unsigned long long)in->depot->rec.streamed,
			       (unsigned long long)c->size);
	return verify_data(in, c, err);
}

static enum wire_code commit_refused(struct intake *in, int rc, struct err *err)
{
	err_prepend(err, "%s/%s", in->depot->name, in->depot->rec.file);
	in->depot->rec.failed = true;
	return rc == ERR_CORRUPT ? WIRE_E_DIGEST : intake_code(rc);
}

static enum wire_code do_commit(struct intake *in, struct err *err)
{
	struct depot_record *rec = &in->depot->rec;
	uint64_t chain = wire_chain(in->chain, in->f->digest);
	struct wire_commit c;
	int rc;

	wire_get_commit(in->payload, &c);
	// It has its name already: only the word of it got lost.
	if (rec->open && rec->committing) {
		rc = c.chain == in->chain ? depot_close_file(in->depot, chain, err)
					  : err_set(err, ERR_CORRUPT, "not the commit of before");
		return rc == ERR_CORRUPT ? WIRE_E_DIGEST : intake_code(rc);
	}
	if (in->fd < 0)
		return out_of_turn(in, err);
	if (rec->failed) {
		err_set(err, ERR_NODATA, "%s/%s cannot be whole: something of it was not written",
			in->depot->name, rec->file);
		return WIRE_E_FAILED;
	}
	rc = verify(in, &c, err);
	if (!rc)
		rc = sync_file(in, err);
	if (rc)
		return commit_refused(in, rc, err);
	rec->seq = in->seq;
	rec->chain = in->chain;
	rc = depot_commit(in->depot, chain, err);
	if (rc)
		return intake_code(rc);
	close_file(in);
	return 0;
}

static enum wire_code do_keep(struct intake *in, struct err *err)
{
	enum wire_code code;
	int rc, late;

	if (in->fd < 0)
		return out_of_turn(in, err);
	rc = syncer_settle(in->syncer, true, err);
	late = sync_file(in, rc ? NULL : err);
	close_file(in);
	// It is kept as it is in any case; the client hears that something of it may be lost.
	in->depot->rec.open = false;
	if (!rc && !late)
		return intake_code(note(in, err));
	code = not_durable(in, rc ? rc : late, in->f->seq);
	if (!intake_is_over(code))
		note(in, NULL);
	return code;
}

static enum wire_code do_abandon(struct intake *in, struct err *err)
{
	int rc;

	if (in->fd < 0)
		return out_of_turn(in, err);
	close_file(in);
	in->depot->rec.open = false;
	// In this order: a file that nobody knows of is better than a journal of one that is gone.
	rc = note(in, err);
	if (!rc)
		depot_remove(in->depot, in->depot->rec.file, in->f->flags & WIRE_F_WHOLE);
	return intake_code(rc);
}

static enum wire_code carry_out(struct intake *in, struct err *err)
{
	bool waits = in->f->type != WIRE_CHUNK && in->f->type != WIRE_SYNC &&
		     in->f->type != WIRE_KEEP;
	int rc = !waits ? 0 : syncer_settle(in->syncer, true, err);

	// What is thrown away need not have become durable.
	if (rc && in->f->type != WIRE_ABANDON)
		return not_durable(in, rc, in->f->seq);
	switch (in->f->type) {
	case WIRE_OPEN:
		return do_open(in, err);
	case WIRE_CHUNK:
		return do_chunk(in, err);
	case WIRE_SIZE:
		return do_size(in, err);
	case WIRE_RESERVE:
		return do_reserve(in, err);
	case WIRE_SYNC:
		return do_sync(in, err);
	case WIRE_COMMIT:
		return do_commit(in, err);
	case WIRE_KEEP:
		return do_keep(in, err);
	default:
		return do_abandon(in, err);
	}
}

bool intake_is_over(enum wire_code code)
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

/*
 * A client that has not heard of it hears of it when it comes back. What else was refused is asked
 * for again then, and may be taken; but of an order the client goes by the first word that it had: that is
 * durable before it is told.
 */
static enum wire_code note_refusal(struct intake *in, enum wire_code code, struct err *err)
{
	struct wire_refusal *no = &in->depot->rec.refusal;
	struct err late = {0};
	int rc = 0;

	add_refusal(in, code, in->f->seq);
	if (in->f->flags & WIRE_F_STREAM && in->f->type == WIRE_CHUNK && in->f->offset < no->bad)
		no->bad = in->f->offset;
	if (in->f->type == WIRE_OPEN)
		rc = note(in, &late);
	else if (in->f->type == WIRE_COMMIT)
		rc = depot_note(in->depot, &late);
	if (rc)
		*err = late;
	return rc ? WIRE_E_IO : code;
}

enum wire_code intake_take(struct intake *in, struct err *err)
{
	uint64_t chain = wire_chain(in->chain, in->f->digest);
	enum wire_code code;

	if (in->f->seq != in->seq + 1) {
		err_set(err, ERR_CORRUPT, "%s %llu came, %llu is next", wire_name(in->f->type),
			(unsigned long long)in->f->seq, (unsigned long long)(in->seq + 1));
		return WIRE_E_PROTOCOL;
	}
	code = carry_out(in, err);
	if (code && !intake_is_over(code))
		code = note_refusal(in, code, err);
	if (code && intake_is_over(code))
		return code;
	in->seq++;
	in->chain = chain;
	return code;
}
