// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/peer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

enum {
	SLICE = 4096, // a pipe that poll() calls writable has room for that (PIPE_BUF)
	BEAT_SECONDS = 2, // between two signs of life
};

int peer_init(struct peer *p, int in, int out, unsigned int timeout, struct err *err)
{
	*p = (struct peer){
		.in = in,
		.out = out,
		.timeout = timeout,
		.payload = malloc(WIRE_PAYLOAD_MAX),
	};
	return p->payload ? 0 : err_set(err, ERR_NOMEM, "no memory for a frame");
}

void peer_deinit(struct peer *p)
{
	free(p->payload);
	p->payload = NULL;
}

/* ---- bytes in and out ---- */

static int silent(const struct peer *p, struct err *err)
{
	return err_set(err, ERR_NODATA, "the client was silent for %u seconds", p->timeout);
}

static int wait_for_room(const struct peer *p, struct err *err)
{
	struct pollfd ready = {.fd = p->out, .events = POLLOUT};
	int n;

	do
		n = poll(&ready, 1, p->timeout * 1000);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "poll");
	return n ? 0 : silent(p, err);
}

static int broke(struct err *err)
{
	return err_set(err, ERR_NODATA, "the connection broke: %s", strerror(errno));
}

/* Waits for the client; what happens aside meanwhile is seen to. */
static int wait_for_input(const struct peer *p, struct err *err)
{
	for (;;) {
		struct pollfd ready[2] = {{.fd = p->in, .events = POLLIN},
					  {.fd = p->side ? *p->side : -1, .events = POLLIN}};
		int n = poll(ready, 2, p->timeout * 1000), rc = 0;

		if (n < 0 && errno != EINTR)
			return err_sys(err, "poll");
		if (!n)
			return silent(p, err);
		if (n > 0 && ready[1].revents)
			rc = p->aside(p->ctx, err);
		if (rc || (n > 0 && ready[0].revents))
			return rc;
	}
}

/* The bytes that were there before the connection ended. */
static int read_some(struct peer *p, uint8_t *buf, size_t size, size_t *got, struct err *err)
{
	for (*got = 0; *got < size;) {
		int rc = wait_for_input(p, err);
		ssize_t n;

		if (rc)
			return rc;
		n = read(p->in, buf + *got, size - *got);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return broke(err);
		if (!n)
			return 0;
		*got += n;
	}
	return 0;
}

static int write_all(struct peer *p, const uint8_t *buf, size_t size, struct err *err)
{
	for (size_t done = 0; done < size;) {
		size_t part = size - done < SLICE ? size - done : SLICE;
		int rc = wait_for_room(p, err);
		ssize_t n;

		if (rc)
			return rc;
		n = write(p->out, buf + done, part);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0)
			return broke(err);
		done += n;
	}
	return 0;
}

/* ---- frames ---- */

int peer_next(struct peer *p, enum wire_code *code, struct err *err)
{
	size_t got;
	int rc;

	*code = 0;
	p->f = (struct wire_frame){0};
	rc = read_some(p, p->header, sizeof(p->header), &got, err);
	if (rc)
		return rc;
	if (got < sizeof(p->header))
		return err_set(err, ERR_NODATA,
			       got ? "the connection broke within a frame"
				   : "the connection ended without a goodbye");
	*code = WIRE_E_PROTOCOL;
	rc = wire_header(p->header, true, &p->f, err);
	if (rc)
		return rc;
	rc = read_some(p, p->payload, p->f.size, &got, err);
	if (!rc && got < p->f.size)
		rc = err_set(err, ERR_NODATA, "the connection broke within a frame");
	if (rc) {
		*code = 0;
		return rc;
	}
	*code = WIRE_E_DIGEST;
	return wire_check(&p->f, p->header, p->payload, err);
}

bool peer_is_quiet(const struct peer *p)
{
	struct pollfd ready = {.fd = p->in, .events = POLLIN};

	return poll(&ready, 1, 0) == 0;
}

int peer_reply(struct peer *p, struct wire_frame *f, const void *payload, struct err *err)
{
	uint8_t header[WIRE_HEADER];
	int rc;

	wire_seal(f, payload, header);
	rc = write_all(p, header, sizeof(header), err);
	return rc || !f->size ? rc : write_all(p, payload, f->size, err);
}

int peer_refuse_frame(struct peer *p, const struct wire_frame *about, enum wire_code code,
		      bool fatal, const char *text, struct err *err)
{
	uint8_t payload[WIRE_ERROR_MAX];
	struct wire_frame f = {
		.type = WIRE_ERROR,
		.flags = fatal ? WIRE_F_FATAL : 0,
		.size = wire_put_error(code, text, payload),
		.seq = about->seq,
		.offset = about->offset,
	};

	return peer_reply(p, &f, payload, err);
}

int peer_refuse(struct peer *p, enum wire_code code, bool fatal, const char *text, struct err *err)
{
	return peer_refuse_frame(p, &p->f, code, fatal, text, err);
}

int peer_beat(struct peer *p, struct err *err)
{
	struct wire_frame f = {.type = WIRE_BUSY};
	struct pollfd ready = {.fd = p->out, .events = POLLOUT};
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - p->beaten < BEAT_SECONDS)
		return 0;
	// Others may wait for the work at hand: a client that does not read does not hold it up.
	if (poll(&ready, 1, 0) < 1)
		return 0;
	p->beaten = now.tv_sec;
	return peer_reply(p, &f, NULL, err);
}
