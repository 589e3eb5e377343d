/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink: how the bytes of a dump leave the machine. A kind of sink is a row of functions, a
 * file each. Nothing is a dump until sink_commit() has returned 0: before that it is called
 * incomplete, on disk and in every message.
 */
#ifndef COLLECTOR_SINK_H
#define COLLECTOR_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct disk;
struct err;
struct sink;
struct uplink;
struct watch;

struct sink_ops {
	const char *name; /* "file", "raw", "pipe", "flat", "ssh", "receive" */
	/* Bytes can only be added: no place is written twice, and nothing can be read back. */
	bool append_only;
	bool shares_cpus; /* another program of this machine carries the bytes away */
	int (*write_at)(struct sink *s, const void *buf, size_t size, uint64_t offset,
			struct err *err);
	/* Of a sink that only appends, but can write its first bytes once more; else NULL. */
	int (*head)(struct sink *s, const void *buf, size_t size, struct err *err);
	int (*read_at)(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err);
	uint64_t kept; /* bytes that buffer() takes beyond sink_memory() */
	/* Of a sink that writes page data behind the caller's back; NULL where write_at() does. */
	void (*buffer)(struct sink *s, uint64_t budget);
	int (*stream_at)(struct sink *s, const void *buf, size_t size, uint64_t offset,
			 struct err *err);
	uint64_t (*written)(struct sink *s);
	int (*drain)(struct sink *s, struct err *err);
	int (*reserve)(struct sink *s, uint64_t start, uint64_t end, struct err *err);
	/* Room for [start, end) behind what was written, the size stays; NULL: none can be kept. */
	int (*hold)(struct sink *s, uint64_t start, uint64_t end, struct err *err);
	int (*resize)(struct sink *s, uint64_t size, struct err *err);
	int (*sync)(struct sink *s, struct err *err);
	int (*commit)(struct sink *s, struct err *err);
	int (*keep)(struct sink *s, struct err *err);
	int (*restart)(struct sink *s, struct err *err);
	void (*close)(struct sink *s);
};

enum {
	SINK_PATH_MAX = 4096,
};

struct sink {
	const struct sink_ops *ops;
	int fd;
	char path[SINK_PATH_MAX]; /* the dump's own name; of a raw sink, the device */
	char temp[SINK_PATH_MAX]; /* what it is called until it is complete */
	bool force; /* an existing file of that name may be replaced */
	struct disk *disk; /* of a file or a device: how bytes get there, owned */
	struct uplink *link; /* to lifeboat-receive, borrowed */
	uint64_t sent; /* of a sink that only appends: bytes that went out, end marker included */
	/* Of a flattened dump: what it goes to, and the bytes gathered for its next record. */
	const struct sink_ops *base;
	struct sink_flat *flat;
	struct sink_ssh *ssh; /* of a file on another machine, owned */
	struct watch *watch; /* borrowed: is told what was written; NULL, the default: nobody */
};

/*
 * A file @path, written as @temp in the same directory, mode 0600 from its first byte.
 * ERR_USAGE when @path exists and @force is false; a left-over @temp is replaced.
 */
int sink_file_open(struct sink *s, const char *path, const char *temp, bool force, struct err *err);

/* A block device, from its first byte on: the header says incomplete until it is committed. */
int sink_raw_open(struct sink *s, const char *device, struct err *err);

/*
 * What @fd takes, one byte behind the other: a pipe, a socket, standard output. The caller
 * keeps @fd. Nothing sent can be taken back, so a dump reaches it in the flattened format only.
 */
int sink_pipe_open(struct sink *s, int fd, const char *name, struct err *err);

/*
 * A file @name that lifeboat-receive writes, in the crash directory that @link has entered. It is
 * called @temp there until it is complete: in messages, the other end chooses that name. @link
 * outlives it, and has no other file open. ERR_NOSPC, or why there is no connection.
 */
int sink_receive_open(struct sink *s, struct uplink *link, const char *name, const char *temp,
		      struct err *err);

/*
 * Turns the open sink @s into one that writes the flattened format to what @s was: a dump cut
 * in records, each with the offset it belongs to (docs/dump-format.md). ERR_NOMEM, or what
 * writing the first bytes said; sink_close(@s) is to be called in any case.
 */
int sink_flatten(struct sink *s, struct err *err);

/*
 * Gives @s buffers for a stream, within @budget bytes (0: no limit), where it has a use for
 * them: before the first write, and once. sink_memory() of the same budget is what they take
 * at most; fewer than could be had are no failure.
 */
void sink_buffer(struct sink *s, uint64_t budget);
uint64_t sink_memory(uint64_t budget);

/* Writes, or reads back, @size bytes at @offset. ERR_NOSPC when the target is full. */
int sink_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset, struct err *err);
int sink_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err);

/*
 * What the first @size bytes become when the dump is committed or kept, instead of those of the
 * first write, which was of that size; the last call counts. Only where ops->head is there.
 */
int sink_head(struct sink *s, const void *buf, size_t size, struct err *err);

/*
 * sink_write_at() for page data: @buf is the caller's again at once, the bytes may be written later. A
 * failure is told by a later call of this, by sink_drain() or sink_sync(). What was streamed must
 * be drained before it is read back; no place is streamed to twice.
 */
int sink_stream_at(struct sink *s, const void *buf, size_t size, uint64_t offset, struct err *err);

/*
 * All that was streamed to a place below this offset is in the hands of the kernel: who points
 * there points at something. UINT64_MAX: all of it. After a failure it stops there.
 */
uint64_t sink_written(struct sink *s);

/* Waits for all that was streamed; the first failure since it was opened or restarted. */
int sink_drain(struct sink *s, struct err *err);

/*
 * For an index that can always be finished: all bytes below @end read as zero until they are
 * written, and those from @start on are sure of their room. Before any other write. Of a flattened
 * dump that goes to a file: room is kept for the records of [@start, @end), and of the first block,
 * to be written last.
 */
int sink_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err);

/*
 * The file will be @size bytes long; what is never written of it reads as zeros and takes no
 * room. ERR_UNSUPPORTED where old bytes would show instead.
 */
int sink_resize(struct sink *s, uint64_t size, struct err *err);

/* All that was written or streamed is on the medium. */
int sink_sync(struct sink *s, struct err *err);

/* All of it is durable and has its own name, or an error and it has not. */
int sink_commit(struct sink *s, struct err *err);

/*
 * What was written is made durable under the name that says it is incomplete. After an error it is
 * not surely so; a file stays under that name all the same.
 */
int sink_keep(struct sink *s, struct err *err);

/* Forgets all that was written, to begin again. */
int sink_restart(struct sink *s, struct err *err);

/* Releases it; what was neither committed nor kept is removed where that can be done. */
void sink_close(struct sink *s);

/*
 * Small files beside the dump: creates @dir/@name, 0600, with CRASHDIR_INCOMPLETE behind its name.
 * The caller writes to the descriptor and calls sink_small_commit(), which makes it durable, gives
 * it its name and closes it in any case. One of that name stays whole until then, and for good
 * where that fails or the caller closes the descriptor instead.
 */
int sink_small_create(const char *dir, const char *name, int *fd_ret, struct err *err);
int sink_small_commit(const char *dir, const char *name, int fd, struct err *err);

/* Takes one away that came out empty; failing to is no failure. */
void sink_small_remove(const char *dir, const char *name);

#endif
