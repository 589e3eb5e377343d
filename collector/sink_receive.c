// SPDX-License-Identifier: GPL-2.0-or-later
/* The sink of lifeboat-receive: bytes go anywhere in the file, as on a disk, and are read back. */
#include <stdio.h>

#include "base/err.h"
#include "collector/sink.h"
#include "collector/uplink.h"

static int receive_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			    struct err *err)
{
	return uplink_write(s->link, buf, size, offset, false, err);
}

static int receive_stream_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			     struct err *err)
{
	return uplink_write(s->link, buf, size, offset, true, err);
}

static int receive_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err)
{
	return uplink_read(s->link, buf, size, offset, err);
}

static uint64_t receive_written(struct sink *s)
{
	return uplink_written(s->link);
}

static int receive_drain(struct sink *s, struct err *err)
{
	return uplink_drain(s->link, err);
}

static int receive_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	return uplink_reserve(s->link, start, end, err);
}

static int receive_resize(struct sink *s, uint64_t size, struct err *err)
{
	return uplink_resize(s->link, size, err);
}

static int named(struct sink *s, int rc, struct err *err)
{
	if (rc)
		err_prepend(err, "%s", s->temp);
	return rc;
}

static int receive_sync(struct sink *s, struct err *err)
{
	return named(s, uplink_sync(s->link, err), err);
}

static int receive_commit(struct sink *s, struct err *err)
{
	return named(s, uplink_commit(s->link, err), err);
}

static int receive_keep(struct sink *s, struct err *err)
{
	return named(s, uplink_keep(s->link, err), err);
}

static int receive_restart(struct sink *s, struct err *err)
{
	int rc = uplink_is_open(s->link) ? uplink_abandon(s->link, err) : 0;

	if (!rc)
		rc = uplink_open(s->link, s->path, 0, err);
	return named(s, rc, err);
}

static void receive_close(struct sink *s)
{
	// Neither committed nor kept.
	if (uplink_is_open(s->link))
		uplink_abandon(s->link, NULL);
	s->link = NULL;
}

static const struct sink_ops receive_ops = {
	.name = "receive",
	.shares_cpus = true,
	.write_at = receive_write_at,
	.read_at = receive_read_at,
	.stream_at = receive_stream_at,
	.written = receive_written,
	.drain = receive_drain,
	.reserve = receive_reserve,
	.resize = receive_resize,
	.sync = receive_sync,
	.commit = receive_commit,
	.keep = receive_keep,
	.restart = receive_restart,
	.close = receive_close,
};

int sink_receive_open(struct sink *s, struct uplink *link, const char *name, const char *temp,
		      struct err *err)
{
	int rc;

	*s = (struct sink){.fd = -1, .link = link};
	if (snprintf(s->path, sizeof(s->path), "%s", name) >= (int)sizeof(s->path) ||
	    snprintf(s->temp, sizeof(s->temp), "%s", temp) >= (int)sizeof(s->temp))
		return err_set(err, ERR_LIMIT, "%s: name too long", name);
	rc = uplink_open(link, name, 0, err);
	if (rc)
		return rc;
	s->ops = &receive_ops;
	return 0;
}
