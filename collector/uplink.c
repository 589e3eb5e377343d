// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cursor.h"
#include "collector/uplink_priv.h"

enum {
	CHUNKS_A_RING = 8, // at least: so that one is filled while others are on their way
	SYNCS_A_RING = 4, // how often the other end is asked to make all durable
};

static bool is_zero(const uint8_t *id)
{
	static const uint8_t zero[WIRE_ID];

	return !memcmp(id, zero, WIRE_ID);
}

int uplink_create(const struct uplink_conf *conf, struct uplink **ret, struct err *err)
{
	struct uplink *u = calloc(1, sizeof(*u));
	struct uplink_conf *c;

	if (!u)
		return err_set(err, ERR_NOMEM, "no memory for a connection");
	u->conf = *conf;
	u->in = u->out = -1;
	c = &u->conf;
	c->ring = !c->ring ? UPLINK_RING : c->ring < UPLINK_RING_MIN ? UPLINK_RING_MIN : c->ring;
	c->stall_ms = c->stall_ms ? c->stall_ms : UPLINK_STALL_MS;
	c->outage_ms = c->outage_ms ? c->outage_ms : UPLINK_OUTAGE_MS;
	c->enter_ms = c->enter_ms ? c->enter_ms : c->outage_ms;
	// Touched now: memory that is only promised would be missing later.
	u->ring = malloc(c->ring);
	if (!u->ring) {
		int rc = err_set(err, ERR_NOMEM, "no memory for %zu bytes on their way", c->ring);

		uplink_destroy(u);
		return rc;
	}
	memset(u->ring, 0, c->ring);
	if (is_zero(c->id) && getrandom(c->id, WIRE_ID, GRND_NONBLOCK) != WIRE_ID) {
		int rc = err_sys(err, "random number");

		uplink_destroy(u);
		return rc;
	}
	*ret = u;
	return 0;
}

void uplink_destroy(struct uplink *u)
{
	if (!u)
		return;
	link_bye(u);
	link_hang_up(u);
	free(u->ring);
	free(u);
}

int uplink_enter(struct uplink *u, const char *name, struct err *err)
{
	struct err why = {0};
	int rc = wire_get_name(name, strlen(name), u->name, err);

	if (rc)
		return rc;
	rc = link_connect(u, u->conf.enter_ms, &why);
	if (rc && err)
		*err = why;
	return rc;
}

int uplink_space(struct uplink *u, uint64_t *ret, struct err *err)
{
	struct wire_frame f = {.type = WIRE_SPACE};
	int rc = link_ask(u, &f, NULL, WIRE_ROOM, err);

	if (!rc)
		*ret = u->q.offset;
	return rc;
}

bool uplink_is_open(const struct uplink *u)
{
	return u->file.open;
}

unsigned int uplink_resumes(const struct uplink *u)
{
	return u->resumes;
}

int uplink_open(struct uplink *u, const char *name, uint64_t room, struct err *err)
{
	struct wire_frame f = {
		.type = WIRE_OPEN,
		.flags = WIRE_F_REPLACE,
		.size = strnlen(name, WIRE_NAME_MAX + 1),
		.offset = room,
	};
	char checked[WIRE_NAME_MAX + 1];
	int rc;

	if (u->file.open)
		return err_set(err, ERR_USAGE, "%s: another file is open", name);
	rc = wire_get_name(name, f.size, checked, err);
	if (rc)
		return rc;
	u->file = (struct file){.first = u->seq + 1, .bad = UINT64_MAX, .in_order = true};
	XXH64_reset(&u->file.hash, 0);
	rc = link_order(u, &f, checked, err);
	u->file.open = !rc;
	return rc;
}

/* Keeps account of page data, for the digest that is checked at the end. */
static void account(struct uplink *u, const void *buf, size_t size, uint64_t offset, bool stream)
{
	struct file *f = &u->file;

	if (offset + size > f->size)
		f->size = offset + size;
	if (!stream) {
		if (f->streamed && offset < f->end && offset + size > f->start)
			f->in_order = false;
		return;
	}
	if (!f->streamed) {
		f->streamed = true;
		f->start = f->end = offset;
	}
	if (offset != f->end)
		f->in_order = false;
	if (!f->in_order)
		return;
	XXH64_update(&f->hash, buf, size);
	f->end = offset + size;
}

static int request_sync(struct uplink *u, struct err *err)
{
	struct wire_frame f = {.type = WIRE_SYNC};

	return link_put(u, &f, NULL, err);
}

int uplink_write(struct uplink *u, const void *buf, size_t size, uint64_t offset, bool stream,
		 struct err *err)
{
	size_t most = u->conf.ring / CHUNKS_A_RING - WIRE_HEADER;
	const uint8_t *from = buf;
	int rc = 0;

	if (most > WIRE_PAYLOAD_MAX)
		most = WIRE_PAYLOAD_MAX;
	if (size > WIRE_FILE_MAX || offset > WIRE_FILE_MAX - size)
		return err_set(err, ERR_LIMIT, "byte %llu: a file ends at %llu",
			       (unsigned long long)offset, WIRE_FILE_MAX);
	// The index of a dump that will not be whole is still of use.
	if (u->rc || stream)
		rc = link_health(u, err);
	u->streaming = stream;
	while (size && !rc) {
		struct wire_frame f = {
			.type = WIRE_CHUNK,
			.flags = stream ? WIRE_F_STREAM : 0,
			.size = size < most ? size : most,
			.offset = offset,
		};

		rc = link_put(u, &f, from, err);
		if (rc)
			break;
		account(u, from, f.size, offset, stream);
		from += f.size;
		offset += f.size;
		size -= f.size;
		if (u->unsynced >= u->conf.ring / SYNCS_A_RING)
			rc = request_sync(u, err);
	}
	u->streaming = false;
	return rc;
}

uint64_t uplink_written(const struct uplink *u)
{
	const struct file *f = &u->file;

	if (!u->rc && !f->rc && u->applied_seq == u->seq)
		return UINT64_MAX;
	return f->written < f->bad ? f->written : f->bad;
}

uint64_t uplink_size(const struct uplink *u)
{
	return u->file.size;
}

static int read_part(struct uplink *u, uint8_t *buf, size_t size, uint64_t offset, struct err *err)
{
	struct wire_frame f = {.type = WIRE_READ, .size = 4, .offset = offset};
	uint8_t want[4];

	store_le32(want, size);
	u->q.buf = buf;
	u->q.room = size;
	u->q.offset = offset;
	return link_ask(u, &f, want, WIRE_DATA, err);
}

int uplink_read(struct uplink *u, void *buf, size_t size, uint64_t offset, struct err *err)
{
	uint8_t *to = buf;
	int rc = 0;

	while (size && !rc) {
		size_t part = size < WIRE_READ_MAX ? size : WIRE_READ_MAX;

		rc = read_part(u, to, part, offset, err);
		to += part;
		offset += part;
		size -= part;
	}
	return rc;
}

/* A frame that changes the size of the file, and that fails at once if it does. */
static int change_size(struct uplink *u, struct wire_frame *f, const void *payload, uint64_t size,
		       struct err *err)
{
	int rc = link_health(u, err);

	if (!rc)
		rc = link_put(u, f, payload, err);
	if (!rc)
		rc = uplink_drain(u, err);
	if (!rc)
		u->file.size = size;
	return rc;
}

int uplink_reserve(struct uplink *u, uint64_t start, uint64_t end, struct err *err)
{
	struct wire_frame f = {.type = WIRE_RESERVE, .size = 8, .offset = start};
	uint8_t payload[8];

	if (start >= end)
		return 0;
	store_le64(payload, end);
	return change_size(u, &f, payload, end > u->file.size ? end : u->file.size, err);
}

int uplink_resize(struct uplink *u, uint64_t size, struct err *err)
{
	struct wire_frame f = {.type = WIRE_SIZE, .offset = size};

	return change_size(u, &f, NULL, size, err);
}

int uplink_drain(struct uplink *u, struct err *err)
{
	int rc = link_wait(u, LINK_APPLIED, u->seq, err);

	return rc ? rc : link_health(u, err);
}

int uplink_sync(struct uplink *u, struct err *err)
{
	int rc = request_sync(u, err);

	if (!rc)
		rc = link_wait(u, LINK_DURABLE, u->seq, err);
	return rc ? rc : link_health(u, err);
}

int uplink_commit(struct uplink *u, struct err *err)
{
	struct file *file = &u->file;
	struct wire_frame f = {
		.type = WIRE_COMMIT,
		.size = WIRE_COMMIT_SIZE,
		.offset = file->size,
	};
	uint8_t payload[WIRE_COMMIT_SIZE];
	struct wire_commit c;
	int rc;

	// What was in flight has to be told apart from the commit itself.
	rc = uplink_drain(u, err);
	if (rc)
		return rc;
	c = (struct wire_commit){.chain = u->chain};
	if (file->streamed && file->in_order) {
		c.start = file->start;
		c.size = file->end - file->start;
		c.digest = XXH64_digest(&file->hash);
	}
	wire_put_commit(&c, payload);
	rc = link_order(u, &f, payload, err);
	if (!rc)
		file->open = false;
	return rc;
}

static int end_file(struct uplink *u, uint16_t type, uint16_t flags, struct err *err)
{
	struct wire_frame f = {.type = type, .flags = flags};
	int rc = link_order(u, &f, NULL, err);

	// What was to be kept and is not all durable is there: no reason to abandon it.
	if (!rc || (type == WIRE_KEEP && !u->rc))
		u->file.open = false;
	return rc;
}

int uplink_keep(struct uplink *u, struct err *err)
{
	return end_file(u, WIRE_KEEP, 0, err);
}

int uplink_abandon(struct uplink *u, struct err *err)
{
	return end_file(u, WIRE_ABANDON, 0, err);
}

int uplink_remove(struct uplink *u, const char *name, struct err *err)
{
	int rc = uplink_open(u, name, 0, err);

	return rc ? rc : end_file(u, WIRE_ABANDON, WIRE_F_WHOLE, err);
}
