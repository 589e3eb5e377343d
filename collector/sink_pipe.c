// SPDX-License-Identifier: GPL-2.0-or-later
/* The sink of a pipe: bytes in order, once. It is committed when all of them are out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "collector/sink.h"

enum {
	PIPE_SIZE = 1 << 20, // what anybody may ask for (/proc/sys/fs/pipe-max-size)
};

static int pipe_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			 struct err *err)
{
	int rc;

	if (offset != s->sent)
		return err_set(err, ERR_UNSUPPORTED,
			       "byte %llu is next, byte %llu cannot be written",
			       (unsigned long long)s->sent, (unsigned long long)offset);
	rc = io_write(s->fd, buf, size, err);
	if (!rc)
		s->sent += size;
	return rc;
}

static int pipe_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err)
{
	(void)s, (void)buf, (void)size, (void)offset;
	return err_set(err, ERR_UNSUPPORTED, "what was sent cannot be read back");
}

static int pipe_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	(void)s, (void)start, (void)end, (void)err;
	return 0;
}

static int pipe_resize(struct sink *s, uint64_t size, struct err *err)
{
	(void)s, (void)size, (void)err;
	return 0;
}

static int pipe_commit(struct sink *s, struct err *err)
{
	// Standard output may well be a file on a disk; only what cannot be synced is excused.
	if (fsync(s->fd) && errno != EINVAL && errno != EROFS && errno != ENOTSUP)
		return err_sys(err, "%s: fsync", s->path);
	return 0;
}

static int pipe_restart(struct sink *s, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, "%s: what was sent cannot be taken back", s->path);
}

static void pipe_close(struct sink *s)
{
	s->fd = -1;
}

static const struct sink_ops pipe_ops = {
	.name = "pipe",
	.append_only = true,
	.write_at = pipe_write_at,
	.read_at = pipe_read_at,
	.reserve = pipe_reserve,
	.resize = pipe_resize,
	.sync = pipe_commit,
	.commit = pipe_commit,
	.keep = pipe_commit,
	.restart = pipe_restart,
	.close = pipe_close,
};

int sink_pipe_open(struct sink *s, int fd, const char *name, struct err *err)
{
	*s = (struct sink){.fd = fd};
	if (snprintf(s->path, sizeof(s->path), "%s", name) >= (int)sizeof(s->path))
		return err_set(err, ERR_LIMIT, "%s: name too long", name);
	strcpy(s->temp, s->path);
	if (isatty(fd))
		return err_set(err, ERR_USAGE, "%s is a terminal: send it to a file or a pipe",
			       name);
	// With the usual 64 KiB the two ends take turns for every 16 pages. What is no pipe does
	// without.
	fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE);
	s->ops = &pipe_ops;
	return 0;
}
