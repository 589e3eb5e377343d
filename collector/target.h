/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target: a place of the configuration where a dump goes: made ready, given the files of a
 * crash, let go of. A kind of target is a row of functions, a file each. What a function
 * reports as done is durable there, and acknowledged where another machine keeps it.
 */
#ifndef COLLECTOR_TARGET_H
#define COLLECTOR_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct config_target;
struct err;
struct log;
struct sink;
struct target;
struct watch;

enum {
	TARGET_PATH_MAX = 2048,
	TARGET_HOST_MAX = 64,
	TARGET_SAME_NAME_MAX = 100, /* directories of one second */
};

struct target_space {
	uint64_t free, size; /* bytes of the file system that crash directories are on */
};

struct target_ops {
	const char *name; /* "dir", "raw", "ssh", "receive" */

	/* Device there and mounted, or logged in and the path there, before t->end_ms. */
	int (*open)(struct target *t, struct err *err);

	/*
	 * Makes the directory of a crash, @name in the target's path, 0700, and fills t->dir; of
	 * a name that is taken one with ".1", ".2" ... NULL: such a target has none, and no files but the
	 * dump.
	 */
	int (*make_dir)(struct target *t, const char *name, struct err *err);

	/*
	 * A descriptor of the directory that crash directories go in, made where it is not there;
	 * the caller closes it. NULL: it is not within reach, and its upkeep not our business.
	 */
	int (*open_base)(struct target *t, int *fd_ret, struct err *err);

	/*
	 * Fills t->dir with the directory of that crash that an earlier process made, called @name
	 * there: the last part of the t->dir it had. ERR_SYS or ERR_NOTFOUND when it is gone. NULL:
	 * cannot be; a second try makes another.
	 */
	int (*use_dir)(struct target *t, const char *name, struct err *err);
	bool less_apart; /* a try with less of a dump has a directory of its own all the same */

	/*
	 * Names of directories in the target's path that begin with @prefix, at least one if there is
	 * one, each with a blank behind it, in the @room bytes of @names. NULL: cannot be known.
	 */
	int (*list_dirs)(struct target *t, const char *prefix, char *names, size_t room,
			 struct err *err);

	/*
	 * A small file of that directory, 0600: the caller writes to *@fd_ret and commits it, which
	 * closes the descriptor in any case; or it closes that itself, and an older file of the name
	 * stays. What was not committed may be there in part, and is called incomplete.
	 */
	int (*small_create)(struct target *t, const char *name, int *fd_ret, struct err *err);
	int (*small_commit)(struct target *t, const char *name, int fd, struct err *err);
	void (*small_remove)(struct target *t, const char *name);

	/* Takes the empty directory of t->dir away. NULL: cannot be. */
	int (*remove_dir)(struct target *t, struct err *err);

	/* The dump: @name, called @temp until it is committed. The caller closes @s before @t. */
	int (*open_sink)(struct target *t, const char *name, const char *temp, struct sink *s,
			 struct err *err);

	uint64_t sink_kept; /* bytes that such a sink keeps for itself, its row's kept */

	/* NULL where it cannot be known. */
	int (*space)(struct target *t, struct target_space *ret, struct err *err);

	/* An error here means that what was reported as durable may not be. */
	int (*close)(struct target *t, struct err *err);
};

struct target {
	const struct target_ops *ops; /* set by target_init() */
	const struct config *config; /* borrowed */
	const struct config_target *conf; /* row of it, borrowed */
	struct log *log; /* borrowed */
	struct watch *watch; /* borrowed; who waits long looks into it now and then; may be NULL */
	uint64_t run; /* by which a target tells one crash's worker from another's; 0: unknown */
	uint64_t end_ms; /* of log_now_ms(): no wait goes on beyond it; 0: limits of its own only */
	char device[TARGET_PATH_MAX]; /* "" when nothing had to be found */
	char base[TARGET_PATH_MAX]; /* where crash directories go; "" for a raw device */
	char dir[TARGET_PATH_MAX]; /* of this crash; "" before make_dir() */
	/* The address by which a target knows this machine, for names; "": it keeps it itself. */
	char host[TARGET_HOST_MAX];
	char mount_point[TARGET_PATH_MAX];
	bool mounted;
	bool opened;
	void *state; /* of the kind, owned by it from open() to close() */
};

/* Chooses the row for @conf. ERR_UNSUPPORTED for a kind this build does not write to. */
int target_init(struct target *t, const struct config *config, const struct config_target *conf,
		struct log *log, struct err *err);

/*
 * These call the row; messages begin with what the target is. Waits are bounded by
 * device_timeout and t->end_ms. ERR_NOTFOUND when a device or host is not there (the text lists what is),
 * ERR_SYS when it cannot be used, ERR_NOSPC when it is full.
 */
int target_open(struct target *t, struct err *err);
int target_close(struct target *t, struct err *err);

/* A small file whole: created, written, committed; or an older one of that name stays. */
int target_put(struct target *t, const char *name, const void *text, size_t len, struct err *err);

/* "ext4 LABEL=dump", "ssh kdump@vault": for messages and the manifest. */
void target_text(const struct target *t, char *buf, size_t room);

/* Milliseconds that a wait of @seconds may last now; 0: none. */
uint64_t target_patience(const struct target *t, unsigned int seconds);

/*
 * small_create() of rows that send a file when it is whole: memory of this machine, so that the
 * caller may seek, and a connection that breaks costs nothing.
 */
int target_small_memory(const char *name, int *fd_ret, struct err *err);

/* mkdir -p with mode 0700 for what is made, and the names of that are durable. */
int target_make_dir(const char *path, struct err *err);

/*
 * The options with which a file system of @fstype is mounted for a dump. Of btrfs it is the whole, whatever
 * its default subvolume: paths on it are from the top, as lifeboat-mkinitrd finds them (btrfs(5)).
 */
const char *target_mount_options(const char *fstype);

/* Waits for a block device that @where names and finds its node. Of rows for devices. */
int target_find_device(struct target *t, struct err *err);

extern const struct target_ops target_dir, target_raw, target_ssh, target_receive;

#endif
