// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/sink.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/disk.h"
#include "collector/watch.h"
#include "vmcore/crashdir.h"

int sink_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset, struct err *err)
{
	int rc = s->ops->write_at(s, buf, size, offset, err);

	if (rc)
		err_prepend(err, "%s", s->temp);
	else
		watch_written(s->watch, size);
	return rc;
}

int sink_head(struct sink *s, const void *buf, size_t size, struct err *err)
{
	int rc = s->ops->head(s, buf, size, err);

	if (rc)
		err_prepend(err, "%s", s->temp);
	return rc;
}

int sink_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err)
{
	int rc = s->ops->read_at(s, buf, size, offset, err);

	if (rc)
		err_prepend(err, "%s", s->temp);
	return rc;
}

void sink_buffer(struct sink *s, uint64_t budget)
{
	if (s->ops->buffer)
		s->ops->buffer(s, budget);
}

uint64_t sink_memory(uint64_t budget)
{
	return disk_memory(budget);
}

int sink_stream_at(struct sink *s, const void *buf, size_t size, uint64_t offset, struct err *err)
{
	int rc;

	if (!s->ops->stream_at)
		return sink_write_at(s, buf, size, offset, err);
	rc = s->ops->stream_at(s, buf, size, offset, err);
	if (rc)
		err_prepend(err, "%s", s->temp);
	else
		watch_written(s->watch, size);
	return rc;
}

uint64_t sink_written(struct sink *s)
{
	return s->ops->written ? s->ops->written(s) : UINT64_MAX;
}

int sink_drain(struct sink *s, struct err *err)
{
	int rc = s->ops->drain ? s->ops->drain(s, err) : 0;

	if (rc)
		err_prepend(err, "%s", s->temp);
	return rc;
}

int sink_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	int rc = s->ops->reserve(s, start, end, err);

	if (rc)
		err_prepend(err, "%s", s->temp);
	return rc;
}

int sink_resize(struct sink *s, uint64_t size, struct err *err)
{
	int rc = s->ops->resize(s, size, err);

	if (rc)
		err_prepend(err, "%s", s->temp);
	return rc;
}

/* What made all that was written safe. */
static int acknowledged(struct sink *s, int rc)
{
	if (!rc)
		watch_acknowledged_all(s->watch);
	return rc;
}

int sink_sync(struct sink *s, struct err *err)
{
	return acknowledged(s, s->ops->sync(s, err));
}

int sink_commit(struct sink *s, struct err *err)
{
	return acknowledged(s, s->ops->commit(s, err));
}

int sink_keep(struct sink *s, struct err *err)
{
	return acknowledged(s, s->ops->keep(s, err));
}

int sink_restart(struct sink *s, struct err *err)
{
	return s->ops->restart(s, err);
}

void sink_close(struct sink *s)
{
	if (s->ops)
		s->ops->close(s);
	s->ops = NULL;
}

static int small_path(char path[static SINK_PATH_MAX], const char *dir, const char *name,
		      const char *suffix, struct err *err)
{
	if (snprintf(path, SINK_PATH_MAX, "%s/%s%s", dir, name, suffix) < SINK_PATH_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, "%s/%s: name too long", dir, name);
}

int sink_small_create(const char *dir, const char *name, int *fd_ret, struct err *err)
{
	char path[SINK_PATH_MAX];
	int rc = small_path(path, dir, name, CRASHDIR_INCOMPLETE, err);
	int fd;

	if (rc)
		return rc;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", path);
	*fd_ret = fd;
	return 0;
}

int sink_small_commit(const char *dir, const char *name, int fd, struct err *err)
{
	char temp[SINK_PATH_MAX], path[SINK_PATH_MAX];
	int rc = small_path(temp, dir, name, CRASHDIR_INCOMPLETE, err);

	if (!rc)
		rc = small_path(path, dir, name, "", err);
	if (!rc && fsync(fd))
		rc = err_sys(err, "%s: fsync", temp);
	if (close(fd) && !rc)
		rc = err_sys(err, "%s: close", temp);
	if (!rc && rename(temp, path))
		rc = err_sys(err, "%s: rename to %s", temp, path);
	return rc ? rc : io_sync_dir(dir, err);
}

void sink_small_remove(const char *dir, const char *name)
{
	char path[SINK_PATH_MAX];

	if (!small_path(path, dir, name, "", NULL))
		unlink(path);
}
