// SPDX-License-Identifier: GPL-2.0-or-later
/* The sink of a file: temporary name, fsync, rename, fsync of the directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "collector/disk.h"
#include "collector/sink.h"
#include "collector/sink_disk.h"

/*
 * Where the file system cannot allocate ahead, writing zeros does the same. The file is empty,
 * so below @start it is one hole, which reads as zero and takes no room.
 */
static int file_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	if (start >= end || !fallocate(s->fd, 0, start, end - start))
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS)
		return sink_disk_zero(s, start, end, err);
	return err_sys(err, "room for %llu bytes of index", (unsigned long long)(end - start));
}

/* Without it what is written last may find the file system full: that is told then. */
static int file_hold(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	if (!fallocate(s->fd, FALLOC_FL_KEEP_SIZE, start, end - start) || errno == EOPNOTSUPP ||
	    errno == ENOSYS)
		return 0;
	return err_sys(err, "room for %llu bytes more", (unsigned long long)(end - start));
}

static int file_resize(struct sink *s, uint64_t size, struct err *err)
{
	if (ftruncate(s->fd, size))
		return err_sys(err, "size of %llu bytes", (unsigned long long)size);
	return 0;
}

/* The directory a path lies in: @dir has room for SINK_PATH_MAX. */
static void parent(const char *path, char *dir)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		strcpy(dir, ".");
	else if (slash == path)
		strcpy(dir, "/");
	else
		snprintf(dir, SINK_PATH_MAX, "%.*s", (int)(slash - path), path);
}

static int sync_parent(struct sink *s, struct err *err)
{
	char dir[SINK_PATH_MAX];

	parent(s->temp, dir);
	return io_sync_dir(dir, err);
}

static int file_sync(struct sink *s, struct err *err)
{
	int rc = sink_disk_sync(s, err);

	return rc ? rc : sync_parent(s, err);
}

static int file_commit(struct sink *s, struct err *err)
{
	char dir[SINK_PATH_MAX];
	int rc = file_sync(s, err);

	if (rc)
		return rc;
	if (!s->force) {
		// Refuses to replace what somebody else put there meanwhile.
		rc = renameat2(AT_FDCWD, s->temp, AT_FDCWD, s->path, RENAME_NOREPLACE);
		if (rc && errno == EINVAL)
			rc = rename(s->temp, s->path);
	} else {
		rc = rename(s->temp, s->path);
	}
	if (rc)
		return err_sys(err, "%s: rename to %s", s->temp, s->path);
	parent(s->path, dir);
	rc = io_sync_dir(dir, err);
	if (rc) {
		// Who fails must not leave behind what looks whole.
		rename(s->path, s->temp);
		return rc;
	}
	s->temp[0] = '\0';
	return 0;
}

static int file_keep(struct sink *s, struct err *err)
{
	int rc;

	// First: what could not be synced is not surely safe, but it is all there is.
	s->force = true;
	s->path[0] = '\0';
	rc = sink_disk_keep(s, err);
	return rc ? rc : sync_parent(s, err);
}

static int file_restart(struct sink *s, struct err *err)
{
	disk_forget(s->disk);
	if (ftruncate(s->fd, 0))
		return err_sys(err, "%s: truncate", s->temp);
	return 0;
}

static void file_close(struct sink *s)
{
	sink_disk_close(s);
	// Neither committed (no temp any more) nor kept (no path any more): of no use to anybody.
	if (s->temp[0] && s->path[0])
		unlink(s->temp);
}

static const struct sink_ops file_ops = {
	.name = "file",
	.write_at = sink_disk_write_at,
	.read_at = sink_disk_read_at,
	.buffer = sink_disk_buffer,
	.stream_at = sink_disk_stream_at,
	.written = sink_disk_written,
	.drain = sink_disk_drain,
	.reserve = file_reserve,
	.hold = file_hold,
	.resize = file_resize,
	.sync = file_sync,
	.commit = file_commit,
	.keep = file_keep,
	.restart = file_restart,
	.close = file_close,
};

int sink_file_open(struct sink *s, const char *path, const char *temp, bool force, struct err *err)
{
	struct stat st;
	int rc;

	*s = (struct sink){.fd = -1, .force = force};
	if (snprintf(s->path, sizeof(s->path), "%s", path) >= (int)sizeof(s->path) ||
	    snprintf(s->temp, sizeof(s->temp), "%s", temp) >= (int)sizeof(s->temp))
		return err_set(err, ERR_LIMIT, "%s: name too long", path);
	// Told now, and not when all is written and takes its name.
	if (!stat(path, &st) && S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "%s is a directory", path);
	if (!force && !access(path, F_OK))
		return err_set(err, ERR_USAGE, "%s exists already: remove it, or use -f", path);
	if (unlink(temp) && errno != ENOENT)
		return err_sys(err, "%s", temp);
	s->fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return err_sys(err, "%s", temp);
	rc = disk_create(s->fd, &s->disk, err);
	if (rc) {
		close(s->fd);
		unlink(temp);
		return rc;
	}
	s->ops = &file_ops;
	return 0;
}
