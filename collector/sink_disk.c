// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/sink_disk.h"

#include <unistd.h>

#include "base/err.h"
#include "collector/disk.h"
#include "collector/sink.h"

int sink_disk_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
		       struct err *err)
{
	return disk_write(s->disk, buf, size, offset, err);
}

int sink_disk_stream_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			struct err *err)
{
	return disk_stream(s->disk, buf, size, offset, err);
}

int sink_disk_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err)
{
	return disk_read(s->disk, buf, size, offset, err);
}

void sink_disk_buffer(struct sink *s, uint64_t budget)
{
	disk_buffer(s->disk, s->temp, budget);
}

uint64_t sink_disk_written(struct sink *s)
{
	return disk_written(s->disk);
}

int sink_disk_drain(struct sink *s, struct err *err)
{
	return disk_drain(s->disk, err);
}

int sink_disk_zero(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	static const char zeros[64 << 10];
	int rc = 0;

	for (uint64_t at = start; at < end && !rc; at += sizeof(zeros)) {
		size_t part = end - at < sizeof(zeros) ? end - at : sizeof(zeros);

		rc = disk_write(s->disk, zeros, part, at, err);
	}
	return rc;
}

int sink_disk_keep(struct sink *s, struct err *err)
{
	disk_drain(s->disk, NULL);
	return fsync(s->fd) ? err_sys(err, "%s: fsync", s->temp) : 0;
}

int sink_disk_sync(struct sink *s, struct err *err)
{
	int rc = disk_drain(s->disk, err);

	if (rc) {
		err_prepend(err, "%s", s->temp);
		return rc;
	}
	return sink_disk_keep(s, err);
}

void sink_disk_close(struct sink *s)
{
	disk_destroy(s->disk);
	s->disk = NULL;
	close(s->fd);
	s->fd = -1;
}
