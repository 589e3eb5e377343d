// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/receive.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/depot.h"
#include "collector/intake.h"
#include "collector/peer.h"
#include "collector/stock.h"
#include "collector/syncer.h"
#include "vmcore/crashdir.h"

enum {
	TELL_MIN = 64 << 10, // a chunk as large as that is worth telling that it is written
};

/* One connection. */
struct receive {
	const struct receive_conf *conf;
	struct peer peer;
	struct depot depot;
	struct stock stock;
	struct syncer syncer;
	struct intake intake;
	bool greeted;
	bool owed; // a small frame was done, and nobody told
};

void receive_tell(const struct receive_conf *conf, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;

	if (!conf->tell)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conf->tell(conf->ctx, text);
}

/* Durable up to what the journal says, written up to the last frame. */
static int send_ack(struct receive *r, struct err *err)
{
	struct wire_frame f = {
		.type = WIRE_ACK,
		.seq = r->depot.rec.seq,
		.offset = r->intake.seq,
	};

	return peer_reply(&r->peer, &f, NULL, err);
}

/* ---- questions ---- */

static int answer_read(struct receive *r, struct err *err)
{
	uint32_t size = load_le32(r->peer.payload);
	struct wire_frame f = {.type = WIRE_DATA, .size = size, .offset = r->peer.f.offset};
	struct err why = {0};
	ssize_t n = 0;

	if (r->intake.fd < 0 || !size || size > WIRE_READ_MAX)
		return err_set(err, ERR_CORRUPT, "read: %u bytes%s", size,
			       r->intake.fd < 0 ? ", and no file is open" : "");
	n = io_pread(r->intake.fd, r->peer.payload, size, r->peer.f.offset, &why);
	if (n >= 0 && (size_t)n < size)
		err_set(&why, ERR_NODATA, "%s/%s ends before byte %llu", r->depot.name,
			r->depot.rec.file, (unsigned long long)(r->peer.f.offset + size));
	if (why.code)
		return peer_refuse(&r->peer, n < 0 ? WIRE_E_IO : WIRE_E_LOST, false, why.msg, err);
	return peer_reply(&r->peer, &f, r->peer.payload, err);
}

static int answer_space(struct receive *r, struct err *err)
{
	struct wire_frame f = {.type = WIRE_ROOM, .offset = stock_take(&r->stock, 0)};

	return peer_reply(&r->peer, &f, NULL, err);
}

/* ---- the beginning ---- */

static enum wire_code check_hello(const struct receive *r, struct wire_hello *h, struct err *err)
{
	struct crashdir parts;

	if (r->peer.f.type != WIRE_HELLO || r->greeted) {
		err_set(err, ERR_CORRUPT, r->greeted ? "a second hello" : "%s before hello",
			wire_name(r->peer.f.type));
		return WIRE_E_PROTOCOL;
	}
	if (wire_get_hello(r->peer.payload, r->peer.f.size, h, err))
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
	bool resume = r->peer.f.flags & WIRE_F_RESUME;
	struct wire_welcome w = {.version = WIRE_VERSION};
	struct wire_frame f = {.type = WIRE_WELCOME, .flags = resume ? WIRE_F_RESUME : 0};
	uint8_t payload[WIRE_WELCOME_SIZE];
	struct wire_hello h;
	enum wire_code code = check_hello(r, &h, err);

	if (code)
		return code;
	depot_sweep(&r->depot);
	code = intake_code(depot_enter(&r->depot, h.name, h.id, resume, err));
	if (!code)
		code = intake_begin(&r->intake, err);
	if (code)
		return code;
	r->greeted = true;
	w.seq = r->depot.rec.seq;
	w.refusal = r->depot.rec.refusal;
	r->depot.rec.done = false;
	w.room = stock_take(&r->stock, h.room);
	f.size = wire_put_welcome(&w, payload);
	return intake_code(peer_reply(&r->peer, &f, payload, err));
}

/* ---- frame after frame ---- */

/* The client hears why, if it still listens; whoever runs this program does in any case. */
static int refuse(struct receive *r, enum wire_code code, const struct err *why)
{
	peer_refuse(&r->peer, code, true, why->msg, NULL);
	return why->code;
}

static int take_counted(struct receive *r, struct err *err)
{
	bool small = r->peer.f.type == WIRE_CHUNK && r->peer.f.size < TELL_MIN;
	enum wire_code code = intake_take(&r->intake, err);
	int rc = 0;

	if (code && intake_is_over(code))
		return refuse(r, code, err);
	if (code) {
		struct err late = {0};

		receive_tell(r->conf, "refused: %s", err->msg);
		rc = peer_refuse(&r->peer, code, false, err->msg, &late);
		*err = late;
	}
	r->owed = small && !peer_is_quiet(&r->peer);
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
	if (r->intake.fd >= 0)
		return err_set(err, ERR_NODATA, "goodbye, and a file is open");
	r->depot.rec.done = true;
	return depot_note(&r->depot, err);
}

static int take_frame(struct receive *r, bool *bye, struct err *err)
{
	enum wire_code code;
	int rc = peer_next(&r->peer, &code, err);

	if (rc)
		return code ? refuse(r, code, err) : rc;
	if (!r->greeted || r->peer.f.type == WIRE_HELLO) {
		code = greet(r, err);
		return code ? refuse(r, code, err) : 0;
	}
	if (wire_counted(r->peer.f.type))
		return take_counted(r, err);
	switch (r->peer.f.type) {
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

/* More is durable than the client knows, or what it asked to be is not. */
static int synced(void *ctx, struct err *err)
{
	struct receive *r = ctx;
	struct wire_frame f = {0};
	struct err why = {0};
	enum wire_code code = intake_synced(&r->intake, &f.seq, &why);

	if (!code)
		return send_ack(r, err);
	if (intake_is_over(code)) {
		*err = why;
		return refuse(r, code, err);
	}
	receive_tell(r->conf, "refused: %s", why.msg);
	// The frame at hand, of which a part may have come, is another one.
	return peer_refuse_frame(&r->peer, &f, code, false, why.msg, err);
}

static int serve(struct receive *r, struct err *err)
{
	bool bye = false;
	int rc = 0;

	while (!rc && !bye)
		rc = take_frame(r, &bye, err);
	if (rc && r->depot.name[0] && r->intake.fd >= 0)
		err_prepend(err, "%s: %s is left incomplete", r->depot.name, r->depot.rec.file);
	else if (rc && r->depot.name[0])
		err_prepend(err, "%s", r->depot.name);
	return rc;
}

int receive_run(const struct receive_conf *conf, int in, int out, struct err *err)
{
	unsigned int timeout = conf->timeout ? conf->timeout : RECEIVE_TIMEOUT;
	struct receive r = {.conf = conf};
	int rc;

	r.intake = (struct intake){.peer = &r.peer,
				   .depot = &r.depot,
				   .stock = &r.stock,
				   .syncer = &r.syncer,
				   .fd = -1};
	syncer_begin(&r.syncer, &r.depot);
	rc = peer_init(&r.peer, in, out, timeout, err);
	r.peer.side = &r.syncer.ready;
	r.peer.aside = synced;
	r.peer.ctx = &r;
	if (!rc)
		rc = stock_init(&r.stock, conf, &r.depot, &r.peer, err);
	if (!rc)
		rc = depot_open(&r.depot, conf->root, err);
	if (!rc) {
		rc = serve(&r, err);
		intake_end(&r.intake);
		syncer_end(&r.syncer);
		depot_close(&r.depot);
	}
	stock_deinit(&r.stock);
	peer_deinit(&r.peer);
	return rc;
}
