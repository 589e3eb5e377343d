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
#include "collector/sink.h"

enum {
	// The page cache of the capture kernel is small, and what is in it is not on the disk:
	// write back a stretch as soon as it is full, and drop it once it is clean.
	WRITE_BEHIND = 8 << 20,
};

static void write_behind(struct sink *s, uint64_t end)
{
	while (end - s->behind >= 2 * WRITE_BEHIND) {
		// The stretch before was started a stretch ago: waiting for it now costs little.
		sync_file_range(s->fd, s->behind + WRITE_BEHIND, WRITE_BEHIND,
				SYNC_FILE_RANGE_WRITE);
		sync_file_range(s->fd, s->behind, WRITE_BEHIND,
				SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					SYNC_FILE_RANGE_WAIT_AFTER);
		posix_fadvise(s->fd, s->behind, WRITE_BEHIND, POSIX_FADV_DONTNEED);
		s->behind += WRITE_BEHIND;
	}
}

static int file_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			 struct err *err)
{
	int rc = io_pwrite(s->fd, buf, size, offset, err);

	if (!rc)
		write_behind(s, offset + size > s->behind ? offset + size : s->behind);
	return rc;
}

static int file_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err)
{
	ssize_t n = io_pread(s->fd, buf, size, offset, err);

	if (n < 0)
		return n;
	if ((size_t)n < size)
		return err_set(err, ERR_NODATA, "read back %zd of %zu bytes at offset %llu", n,
			       size, (unsigned long long)offset);
	return 0;
}

/* Where the file system cannot allocate ahead, writing zeros does the same. */
static int write_zeros(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	static const char zeros[64 << 10];
	int rc = 0;

	for (uint64_t at = start; at < end && !rc; at += sizeof(zeros)) {
		size_t part = end - at < sizeof(zeros) ? end - at : sizeof(zeros);

		rc = io_pwrite(s->fd, zeros, part, at, err);
	}
	return rc;
}

/* The file is empty, so below @start it is one hole, which reads as zero and takes no room. */
static int file_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	if (start >= end || !fallocate(s->fd, 0, start, end - start))
		return 0;
	if (errno == EOPNOTSUPP || errno == ENOSYS)
		return write_zeros(s, start, end, err);
	return err_sys(err, "room for %llu bytes of index", (unsigned long long)(end - start));
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

static int make_durable(struct sink *s, struct err *err)
{
	char dir[SINK_PATH_MAX];

	if (fsync(s->fd))
		return err_sys(err, "%s: fsync", s->temp);
	parent(s->temp, dir);
	return io_sync_dir(dir, err);
}

static int file_commit(struct sink *s, struct err *err)
{
	char dir[SINK_PATH_MAX];
	int rc = make_durable(s, err);

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
	int rc = make_durable(s, err);

	if (!rc)
		s->force = true, s->path[0] = '\0';
	return rc;
}

static int file_restart(struct sink *s, struct err *err)
{
	s->behind = 0;
	if (ftruncate(s->fd, 0))
		return err_sys(err, "%s: truncate", s->temp);
	return 0;
}

static void file_close(struct sink *s)
{
	close(s->fd);
	s->fd = -1;
	// Neither committed (no temp any more) nor kept (no path any more): of no use to anybody.
	if (s->temp[0] && s->path[0])
		unlink(s->temp);
}

static const struct sink_ops file_ops = {
	.name = "file",
	.write_at = file_write_at,
	.read_at = file_read_at,
	.reserve = file_reserve,
	.resize = file_resize,
	.sync = make_durable,
	.commit = file_commit,
	.keep = file_keep,
	.restart = file_restart,
	.close = file_close,
};

int sink_file_open(struct sink *s, const char *path, const char *temp, bool force, struct err *err)
{
	struct stat st;

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
	s->ops = &file_ops;
	return 0;
}
