/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink_disk: what the sinks of a file and of a block device have in common: rows of their
 * struct sink_ops, on s->fd and s->disk. collector/sink.h tells what each does.
 */
#ifndef COLLECTOR_SINK_DISK_H
#define COLLECTOR_SINK_DISK_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct sink;

int sink_disk_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
		       struct err *err);
int sink_disk_stream_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			struct err *err);
int sink_disk_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err);
void sink_disk_buffer(struct sink *s, uint64_t budget);
uint64_t sink_disk_written(struct sink *s);
int sink_disk_drain(struct sink *s, struct err *err);

/* Writes zeros to [@start, @end). */
int sink_disk_zero(struct sink *s, uint64_t start, uint64_t end, struct err *err);

/* All that was written or streamed is on the medium. */
int sink_disk_sync(struct sink *s, struct err *err);

/* The same of what could be written: a stream that failed has been told of already. */
int sink_disk_keep(struct sink *s, struct err *err);

/* Closes s->fd and releases s->disk; what was streamed and not drained is lost. */
void sink_disk_close(struct sink *s);

#endif
