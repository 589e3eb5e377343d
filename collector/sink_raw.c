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
#include "collector/disk.h"
#include "collector/sink.h"
#include "collector/sink_disk.h"

static int raw_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	uint64_t room;

	(void)start;
	if (ioctl(s->fd, BLKGETSIZE64, &room))
		return err_sys(err, "size of the device");
	if (end > room)
		return err_set(err, ERR_NOSPC, "%llu bytes of index, the device has %llu",
			       (unsigned long long)end, (unsigned long long)room);
	// A descriptor that is never written must read as zero, not as what was there before.
	return sink_disk_zero(s, 0, end, err);
}

static int raw_resize(struct sink *s, uint64_t size, struct err *err)
{
	(void)s, (void)size;
	return err_set(err, ERR_UNSUPPORTED,
		       "a device holds kdump-compressed dumps only: it has no holes and no length "
		       "of its own");
}

static int raw_restart(struct sink *s, struct err *err)
{
	(void)err;
	disk_forget(s->disk);
	return 0;
}

static const struct sink_ops raw_ops = {
	.name = "raw",
	.write_at = sink_disk_write_at,
	.read_at = sink_disk_read_at,
	.buffer = sink_disk_buffer,
	.stream_at = sink_disk_stream_at,
	.written = sink_disk_written,
	.drain = sink_disk_drain,
	.reserve = raw_reserve,
	.resize = raw_resize,
	.sync = sink_disk_sync,
	.commit = sink_disk_sync,
	.keep = sink_disk_keep,
	.restart = raw_restart,
	.close = sink_disk_close,
};

int sink_raw_open(struct sink *s, const char *device, struct err *err)
{
	struct stat st;
	int rc;

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
	rc = disk_create(s->fd, &s->disk, err);
	if (rc) {
		close(s->fd);
		return rc;
	}
	s->ops = &raw_ops;
	return 0;
}
