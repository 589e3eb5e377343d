// SPDX-License-Identifier: GPL-2.0-or-later
/* The sink of a bare block device: the dump begins at its first byte. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/fs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "collector/sink.h"

static int raw_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			struct err *err)
{
	return io_pwrite(s->fd, buf, size, offset, err);
}

static int raw_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err)
{
	ssize_t n = io_pread(s->fd, buf, size, offset, err);

	if (n < 0)
		return n;
	if ((size_t)n < size)
		return err_set(err, ERR_NODATA, "read back %zd of %zu bytes at offset %llu", n,
			       size, (unsigned long long)offset);
	return 0;
}

static int raw_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	static const char zeros[64 << 10];
	uint64_t room;
	int rc = 0;

	(void)start;
	if (ioctl(s->fd, BLKGETSIZE64, &room))
		return err_sys(err, "size of the device");
	if (end > room)
		return err_set(err, ERR_NOSPC, "%llu bytes of index, the device has %llu",
			       (unsigned long long)end, (unsigned long long)room);
	// A descriptor that is never written must read as zero, not as what was there before.
	for (uint64_t done = 0; done < end && !rc; done += sizeof(zeros)) {
		size_t part = end - done < sizeof(zeros) ? end - done : sizeof(zeros);

		rc = io_pwrite(s->fd, zeros, part, done, err);
	}
	return rc;
}

static int raw_resize(struct sink *s, uint64_t size, struct err *err)
{
	(void)s, (void)size;
	return err_set(err, ERR_UNSUPPORTED,
		       "a device holds kdump-compressed dumps only: it has no holes and no length "
		       "of its own");
}

static int raw_commit(struct sink *s, struct err *err)
{
	if (fsync(s->fd))
		return err_sys(err, "%s: fsync", s->path);
	return 0;
}

static int raw_restart(struct sink *s, struct err *err)
{
	(void)s, (void)err;
	return 0;
}

static void raw_close(struct sink *s)
{
	close(s->fd);
	s->fd = -1;
}

static const struct sink_ops raw_ops = {
	.name = "raw",
	.write_at = raw_write_at,
	.read_at = raw_read_at,
	.reserve = raw_reserve,
	.resize = raw_resize,
	.sync = raw_commit,
	.commit = raw_commit,
	.keep = raw_commit,
	.restart = raw_restart,
	.close = raw_close,
};

int sink_raw_open(struct sink *s, const char *device, struct err *err)
{
	struct stat st;

	*s = (struct sink){.fd = -1};
	if (snprintf(s->path, sizeof(s->path), "%s", device) >= (int)sizeof(s->path))
		return err_set(err, ERR_LIMIT, "%s: name too long", device);
	strcpy(s->temp, s->path);
	s->fd = open(device, O_RDWR | O_EXCL | O_CLOEXEC);
	if (s->fd < 0)
		return err_sys(err, "%s", device);
	if (fstat(s->fd, &st) || !S_ISBLK(st.st_mode)) {
		close(s->fd);
		return err_set(err, ERR_USAGE, "%s is not a block device", device);
	}
	s->ops = &raw_ops;
	return 0;
}
