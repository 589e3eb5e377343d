// SPDX-License-Identifier: GPL-2.0-or-later
/* The lower half of uplink: frames out and in, and connections that break. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collector/log.h"
#include "collector/uplink_priv.h"

enum {
	PAUSE_MS = 500, // before a second try to connect; doubled each time ...
	PAUSE_MAX_MS = 8000, // ... up to that
	POLL_MS = 1000, // limits are looked at so often
	BYE_MS = 2000,
	BROKEN = 1, // of step(): the connection is gone, and may come back
};

/* ---- the ring ---- */

static void ring_copy(struct uplink *u, uint64_t pos, void *buf, size_t size, bool in)
{
	uint8_t *p = buf;

	while (size) {
		size_t at = pos % u->conf.ring;
		size_t n = u->conf.ring - at < size ? u->conf.ring - at : size;

		if (in)
			memcpy(u->ring + at, p, n);
		else
			memcpy(p, u->ring + at, n);
		p += n;
		pos += n;
		size -= n;
	}
}

/* The frame at a position: what we wrote there ourselves. */
static struct wire_frame ring_frame(struct uplink *u, uint64_t pos)
{
	uint8_t header[WIRE_HEADER];
	struct wire_frame f = {0};

	ring_copy(u, pos, header, sizeof(header), false);
	wire_header(header, true, &f, NULL);
	return f;
}

/* The type of a frame that was sent; 0 where it is durable and no longer there. */
static uint16_t sent_type(struct uplink *u, uint64_t seq)
{
	bool waits = seq > u->applied_seq;
	uint64_t pos = waits ? u->applied : u->acked, at = waits ? u->applied_seq : u->acked_seq;
	struct wire_frame f = {0};

	while (at < seq) {
		f = ring_frame(u, pos);
		pos += WIRE_HEADER + f.size;
		at = f.seq;
	}
	return f.type;
}

/* What the other end has written and did not call durable may be lost. */
static void trust_durable_only(struct uplink *u)
{
	if (u->file.durable < u->file.bad)
		u->file.bad = u->file.durable;
}

static void file_failed(struct uplink *u, int rc, const struct err *why)
{
	if (u->file.rc)
		return;
	u->file.rc = rc;
	u->file.why = *why;
}

/* The other end has carried out all frames up to @seq; @refused: but for that one. */
static void applied_to(struct uplink *u, uint64_t seq, bool refused)
{
	while (u->applied_seq < seq) {
		struct wire_frame f = ring_frame(u, u->applied);

		u->applied += WIRE_HEADER + f.size;
		u->applied_seq = f.seq;
		if (f.type != WIRE_CHUNK || !(f.flags & WIRE_F_STREAM))
			continue;
		if (!refused || f.seq < seq)
			u->file.written = f.offset + f.size;
		else if (f.offset < u->file.bad)
			u->file.bad = f.offset;
	}
}

/* All up to @seq is durable: its room in the ring is free. */
static void acked_to(struct uplink *u, uint64_t seq)
{
	applied_to(u, seq, false);
	if (u->acked_seq < seq)
		u->tries = 0;
	while (u->acked_seq < seq) {
		struct wire_frame f = ring_frame(u, u->acked);

		u->acked += WIRE_HEADER + f.size;
		u->acked_seq = f.seq;
		if (f.type == WIRE_CHUNK && f.flags & WIRE_F_STREAM)
			u->file.durable = f.offset + f.size;
	}
}

/* ---- frames that come in ---- */

/* Nothing that a new connection would help. */
static int give_up(struct uplink *u, int rc, const struct err *why)
{
	if (!u->rc) {
		u->rc = rc;
		u->why = *why;
	}
	return u->rc;
}

static int nonsense(struct uplink *u, const struct wire_frame *f)
{
	struct err why = {0};
	int rc = err_set(&why, ERR_CORRUPT, "the receiver's %s %llu fits nothing that was sent",
			 wire_name(f->type), (unsigned long long)f->seq);

	return give_up(u, rc, &why);
}

static int take_ack(struct uplink *u, const struct wire_frame *f)
{
	if (f->seq > f->offset || f->offset > u->seq)
		return nonsense(u, f);
	applied_to(u, f->offset, false);
	acked_to(u, f->seq);
	return 0;
}

static void answer_refused(struct uplink *u, int rc, uint32_t code, const struct err *why)
{
	u->q.answered = true;
	u->q.rc = rc;
	u->q.code = code;
	u->q.why = *why;
}

static int take_error(struct uplink *u, const struct wire_frame *f, const uint8_t *payload)
{
	char text[WIRE_TEXT_MAX + 1];
	struct err why = {0};
	uint32_t code;
	int rc;

	wire_get_error(payload, f->size, &code, text);
	rc = err_set(&why, wire_code_err(code), "the receiver says: %s", text);
	if (f->flags & WIRE_F_FATAL && u->q.answer != WIRE_WELCOME)
		return code == WIRE_E_DIGEST ? BROKEN : give_up(u, rc, &why);
	if (u->q.answer && !f->seq) {
		answer_refused(u, rc, code, &why);
		return 0;
	}
	if (!f->seq || f->seq > u->seq)
		return nonsense(u, f);
	// A file that was refused, once more behind a new connection: this one is another.
	if (f->seq < u->file.first)
		return 0;
	// A chunk says itself what is missing. Of a sync, or what waits for one, nobody knows.
	if (sent_type(u, f->seq) != WIRE_CHUNK)
		trust_durable_only(u);
	applied_to(u, f->seq, true);
	u->failed_seq = f->seq;
	file_failed(u, rc, &why);
	return 0;
}

static int take_answer(struct uplink *u, const struct wire_frame *f, const uint8_t *payload)
{
	struct question *q = &u->q;

	if (f->type != q->answer || q->answered ||
	    (f->type == WIRE_DATA && (f->size != q->room || f->offset != q->offset)))
		return nonsense(u, f);
	q->answered = true;
	q->offset = f->offset;
	if (f->type == WIRE_WELCOME) {
		wire_get_welcome(payload, &q->welcome);
		q->resumed = f->flags & WIRE_F_RESUME;
	}
	return 0;
}

static int take_frame(struct uplink *u)
{
	struct arrival *a = &u->arrival;

	// What a checked connection delivers damaged is taken for a broken one.
	if (wire_check(&a->f, a->header, a->payload, NULL))
		return BROKEN;
	switch (a->f.type) {
	case WIRE_ACK:
		return take_ack(u, &a->f);
	case WIRE_ERROR:
		return take_error(u, &a->f, a->payload);
	case WIRE_BUSY:
		if (u->conf.busy)
			u->conf.busy(u->conf.ctx);
		return 0;
	default:
		return take_answer(u, &a->f, a->payload);
	}
}

/* Where the payload of the frame goes whose header has come. */
static int place_payload(struct uplink *u)
{
	struct arrival *a = &u->arrival;

	if (wire_header(a->header, false, &a->f, NULL))
		return BROKEN;
	a->payload = a->small;
	if (a->f.type == WIRE_DATA) {
		if (u->q.answer != WIRE_DATA || a->f.size > u->q.room)
			return nonsense(u, &a->f);
		a->payload = u->q.buf;
	}
	return 0;
}

/* All that is there to read. */
static int take_in(struct uplink *u)
{
	struct arrival *a = &u->arrival;

	for (;;) {
		bool header = a->have < WIRE_HEADER;
		size_t want = header ? WIRE_HEADER - a->have : WIRE_HEADER + a->f.size - a->have;
		uint8_t *to = header ? a->header + a->have : a->payload + a->have - WIRE_HEADER;
		ssize_t n = want ? read(u->in, to, want) : 0;
		int rc = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (want && n <= 0)
			return BROKEN;
		if (n)
			u->alive_ms = log_now_ms();
		a->have += n;
		if (header && a->have == WIRE_HEADER)
			rc = place_payload(u);
		if (!rc && a->have >= WIRE_HEADER && a->have == WIRE_HEADER + a->f.size) {
			rc = take_frame(u);
			a->have = 0;
		}
		if (rc)
			return rc;
	}
}

/* ---- frames that go out ---- */

/*
 * What is to be sent next: frames of the ring, then a question. Before the other end has said
 * where we go on (a welcome is waited for) the ring waits.
 */
static size_t next_out(struct uplink *u, const uint8_t **from)
{
	size_t at = u->sent % u->conf.ring;
	uint64_t left = u->tail - u->sent;

	if (left && u->q.answer != WIRE_WELCOME) {
		*from = u->ring + at;
		return u->conf.ring - at < left ? u->conf.ring - at : left;
	}
	*from = u->q.frame + u->q.sent;
	return u->q.size - u->q.sent;
}

static int send_out(struct uplink *u)
{
	const uint8_t *from;
	size_t size;

	while ((size = next_out(u, &from))) {
		ssize_t n = write(u->out, from, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return BROKEN;
		u->alive_ms = log_now_ms();
		if (from >= u->q.frame && from < u->q.frame + sizeof(u->q.frame))
			u->q.sent += n;
		else
			u->sent += n;
	}
	return 0;
}

/* Moves what can be moved, and waits up to @wait_ms for something that can. */
static int step(struct uplink *u, int wait_ms)
{
	const uint8_t *unused;
	struct pollfd p[2] = {
		{.fd = u->in, .events = POLLIN},
		{.fd = u->out, .events = POLLOUT},
	};
	int rc;

	if (u->in < 0)
		return BROKEN;
	if (poll(p, next_out(u, &unused) ? 2 : 1, wait_ms) < 0 && errno != EINTR)
		return BROKEN;
	rc = send_out(u);
	// What the other end said before it went away is worth hearing.
	if (rc == BROKEN)
		return take_in(u) < 0 ? u->rc : rc;
	return rc ? rc : take_in(u);
}

/* ---- connections ---- */

void link_hang_up(struct uplink *u)
{
	if (u->in >= 0)
		u->conf.hang_up(u->conf.ctx);
	u->in = u->out = -1;
	u->arrival.have = 0;
}

static uint64_t patience(const struct uplink *u, uint64_t ms)
{
	uint64_t now = log_now_ms();

	if (!u->conf.end_ms)
		return ms;
	if (now >= u->conf.end_ms)
		return 0;
	return u->conf.end_ms - now < ms ? u->conf.end_ms - now : ms;
}

static int set_nonblock(int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return err_sys(err, "connection");
	return 0;
}

static void put_question(struct uplink *u, struct wire_frame *f, const void *payload,
			 uint16_t answer)
{
	struct question *q = &u->q;

	wire_seal(f, payload, q->frame);
	if (payload)
		memcpy(q->frame + WIRE_HEADER, payload, f->size);
	q->size = WIRE_HEADER + f->size;
	q->sent = 0;
	q->answer = answer;
	q->answered = false;
	q->rc = 0;
}

static void put_hello(struct uplink *u)
{
	struct wire_hello h = {.version = WIRE_VERSION};
	struct wire_frame f = {.type = WIRE_HELLO, .flags = u->entered ? WIRE_F_RESUME : 0};
	uint8_t payload[WIRE_HELLO_MAX];

	memcpy(h.id, u->conf.id, WIRE_ID);
	memcpy(h.name, u->name, sizeof(h.name));
	f.size = wire_put_hello(&h, payload);
	put_question(u, &f, payload, WIRE_WELCOME);
}

/* The word of what was refused may have been lost with the connection. */
static void learn_refusal(struct uplink *u, const struct wire_refusal *no)
{
	struct err why = {0};
	int rc;

	if (!no->code || no->seq < u->file.first)
		return;
	rc = err_set(&why, wire_code_err(no->code), "the receiver refused frame %llu%s",
		     (unsigned long long)no->seq,
		     wire_code_err(no->code) == ERR_NOSPC ? ", for lack of room" : "");
	if (no->bad == UINT64_MAX)
		trust_durable_only(u);
	else if (no->bad < u->file.bad)
		u->file.bad = no->bad;
	if (no->seq > u->failed_seq)
		u->failed_seq = no->seq;
	file_failed(u, rc, &why);
}

/* The other end has all up to the welcome's frame, and what came after that is sent once more. */
static int go_on_from(struct uplink *u, const struct wire_welcome *w, struct err *err)
{
	uint64_t seq = w->seq;

	if (seq < u->acked_seq || seq > u->seq)
		return err_set(err, ERR_CORRUPT,
			       "the receiver goes on behind frame %llu, and %llu to %llu are here: "
			       "it has lost what it acknowledged",
			       (unsigned long long)seq, (unsigned long long)u->acked_seq,
			       (unsigned long long)u->seq);
	// First what was known to be durable before that was refused.
	learn_refusal(u, &w->refusal);
	acked_to(u, seq);
	u->sent = u->acked;
	return 0;
}

/* Says hello and waits @ms for the answer. BROKEN: another connection may do better. */
static int shake_hands(struct uplink *u, uint64_t ms, struct err *err)
{
	uint64_t end = log_now_ms() + patience(u, ms);
	struct question saved = u->q;
	int rc = 0;

	put_hello(u);
	while (!rc && !u->q.answered) {
		if (log_now_ms() >= end)
			rc = BROKEN;
		else
			rc = step(u, POLL_MS);
	}
	// Whoever refuses goes away at once.
	if (u->q.answered && rc == BROKEN)
		rc = 0;
	if (rc == BROKEN)
		err_set(err, ERR_NODATA, "no answer from lifeboat-receive");
	else if (rc < 0)
		*err = u->why;
	else if (u->q.rc)
		*err = u->q.why;
	if (!rc && u->q.rc)
		rc = u->q.code == WIRE_E_BUSY || u->q.code == WIRE_E_DIGEST ? BROKEN : u->q.rc;
	if (!rc && !u->entered)
		u->entered = true;
	else if (!rc)
		rc = go_on_from(u, &u->q.welcome, err);
	// A question that got no answer is asked again; the welcome's room is worth keeping.
	saved.welcome = u->q.welcome;
	saved.sent = 0;
	u->q = saved;
	return rc;
}

/* It was not to be had for ever: neither a name nor a key that is refused is taken later. */
static bool is_final(int rc)
{
	return rc == ERR_USAGE || rc == ERR_UNSUPPORTED || rc == ERR_NOMEM;
}

/* One try. */
static int try_connection(struct uplink *u, uint64_t ms, struct err *err)
{
	int in, out, rc = u->conf.connect(u->conf.ctx, ms, &in, &out, err);

	if (rc)
		return is_final(rc) ? rc : BROKEN;
	u->in = in;
	u->out = out;
	u->arrival.have = 0;
	rc = set_nonblock(in, err);
	if (!rc)
		rc = set_nonblock(out, err);
	if (!rc)
		rc = shake_hands(u, ms, err);
	if (!rc)
		return 0;
	link_hang_up(u);
	// Of what the other end did say, it knows best why.
	if (rc == BROKEN && err->code == ERR_NODATA && u->conf.explain) {
		int why = u->conf.explain(u->conf.ctx, err);

		return is_final(why) ? why : BROKEN;
	}
	return rc;
}

/* Tries for a while to get a connection; nothing is connected before. */
int link_connect(struct uplink *u, uint64_t ms, struct err *err)
{
	uint64_t end = log_now_ms() + patience(u, ms);
	unsigned int pause = PAUSE_MS;
	uint64_t most = u->conf.stall_ms > UPLINK_HELLO_MS ? u->conf.stall_ms : UPLINK_HELLO_MS;

	for (;;) {
		uint64_t now = log_now_ms(), left = now < end ? end - now : 0;
		int rc;

		rc = try_connection(u, left < most ? left : most, err);
		u->alive_ms = now = log_now_ms();
		if (rc <= 0)
			return rc;
		if (++u->tries >= UPLINK_TRIES)
			return err_set(err, ERR_NODATA, "it broke %u times in a row", u->tries);
		if (now + pause >= end)
			return err->code ? err->code : ERR_NODATA;
		usleep(pause * 1000);
		pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
	}
}

static void tell(const struct uplink *u, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void tell(const struct uplink *u, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;

	if (!u->conf.tell)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	u->conf.tell(u->conf.ctx, text);
}

/* The connection broke. */
static int recover(struct uplink *u)
{
	struct err why = {0};
	int rc;

	link_hang_up(u);
	tell(u, "connection lost at frame %llu, %llu of them durable; connecting again",
	     (unsigned long long)u->seq, (unsigned long long)u->acked_seq);
	if (++u->tries >= UPLINK_TRIES)
		rc = err_set(&why, ERR_NODATA, "it broke %u times in a row", u->tries);
	else
		rc = link_connect(u, u->conf.outage_ms, &why);
	if (rc) {
		err_prepend(&why, "connection lost");
		return give_up(u, rc, &why);
	}
	u->resumes++;
	tell(u, "connected again; going on behind frame %llu", (unsigned long long)u->acked_seq);
	return 0;
}

/* ---- waiting ---- */

static bool is_met(const struct uplink *u, enum link_goal goal, uint64_t what)
{
	switch (goal) {
	case LINK_ROOM:
		return u->conf.ring - (u->tail - u->acked) >= what;
	case LINK_APPLIED:
		return u->applied_seq >= what;
	case LINK_DURABLE:
		return u->acked_seq >= what || u->failed_seq >= what;
	case LINK_ANSWER:
		return u->q.answered;
	}
	return false;
}

/* Does who watches want an end of the write that waits? */
static int check(struct uplink *u, struct err *err)
{
	return u->streaming && u->conf.check ? u->conf.check(u->conf.ctx, err) : 0;
}

int link_wait(struct uplink *u, enum link_goal goal, uint64_t what, struct err *err)
{
	u->alive_ms = log_now_ms();
	while (!u->rc && !is_met(u, goal, what)) {
		uint64_t now = log_now_ms();
		struct err why = {0};
		int rc = check(u, err);

		if (rc)
			return rc;
		if (u->conf.end_ms && now >= u->conf.end_ms)
			give_up(u, err_set(&why, ERR_NODATA, "the time for this target is up"),
				&why);
		else if (now - u->alive_ms >= u->conf.stall_ms || step(u, POLL_MS) == BROKEN)
			recover(u);
	}
	if (u->rc && err)
		*err = u->why;
	return u->rc;
}

/* Sends what can be sent without waiting. */
static void push(struct uplink *u)
{
	if (!u->rc && step(u, 0) == BROKEN)
		link_hang_up(u); // who waits next connects again
}

/* The first failure: of the connection, or of this file. */
int link_health(const struct uplink *u, struct err *err)
{
	int rc = u->rc ? u->rc : u->file.rc;

	if (rc && err)
		*err = u->rc ? u->why : u->file.why;
	return rc;
}

int link_put(struct uplink *u, struct wire_frame *f, const void *payload, struct err *err)
{
	uint8_t header[WIRE_HEADER];
	int rc = link_wait(u, LINK_ROOM, WIRE_HEADER + f->size, err);

	if (rc)
		return rc;
	f->seq = u->seq + 1;
	wire_seal(f, payload, header);
	ring_copy(u, u->tail, header, sizeof(header), true);
	if (f->size)
		ring_copy(u, u->tail + WIRE_HEADER, (void *)payload, f->size, true);
	u->tail += WIRE_HEADER + f->size;
	u->seq = f->seq;
	u->chain = wire_chain(u->chain, f->digest);
	u->unsynced = f->type == WIRE_CHUNK ? u->unsynced + WIRE_HEADER + f->size : 0;
	push(u);
	return 0;
}

/* A frame that is done when the other end says so: durable, or refused with the file's error. */
int link_order(struct uplink *u, struct wire_frame *f, const void *payload, struct err *err)
{
	int rc = link_put(u, f, payload, err);

	if (!rc)
		rc = link_wait(u, LINK_DURABLE, f->seq, err);
	if (!rc && (u->acked_seq < f->seq || u->failed_seq == f->seq))
		rc = link_health(u, err);
	return rc;
}

int link_ask(struct uplink *u, struct wire_frame *f, const void *payload, uint16_t answer,
	     struct err *err)
{
	int rc = u->rc;

	if (!rc)
		put_question(u, f, payload, answer);
	rc = link_wait(u, LINK_ANSWER, 0, err);
	if (!rc && u->q.rc) {
		rc = u->q.rc;
		if (err)
			*err = u->q.why;
	}
	u->q.size = u->q.sent = 0;
	u->q.answer = 0;
	return rc;
}

void link_bye(struct uplink *u)
{
	struct wire_frame f = {.type = WIRE_BYE};
	uint64_t end = log_now_ms() + BYE_MS;

	if (u->in < 0 || u->rc)
		return;
	put_question(u, &f, NULL, 0);
	while (log_now_ms() < end && (u->sent < u->tail || u->q.sent < u->q.size) &&
	       !step(u, BYE_MS))
		;
}
