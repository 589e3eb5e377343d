/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * child: another program, with pipes to its standard descriptors. Nothing here waits without a
 * limit: each call that can wait takes one, in milliseconds without progress.
 */
#ifndef BASE_CHILD_H
#define BASE_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

enum {
	CHILD_SAID_MAX = 1024, /* bytes of what it says on standard error, the first ones */
	CHILD_PIPE_SIZE = 1 << 20, /* of the pipe to its standard input, where that is allowed */
};

struct child {
	pid_t pid; /* 0: none, or it has been waited for */
	int in; /* to its standard input, not blocking; -1: closed */
	int out; /* from its standard output, not blocking; -1: closed */
	int diag; /* from its standard error */
	int status; /* as of waitpid(), once pid is 0 */
	size_t nsaid;
	char said[CHILD_SAID_MAX]; /* what it said on standard error, zero-terminated */
};

/* A child that is none: child_end() of it does nothing. */
#define CHILD_NONE ((struct child){.in = -1, .out = -1, .diag = -1})

/*
 * Starts @argv[0], found in PATH, in a process group of its own; all other descriptors of the
 * caller must be close-on-exec. ERR_NOTFOUND when there is no such program, else ERR_SYS. After
 * a success child_end() is to be called.
 */
int child_start(struct child *c, const char *const argv[], struct err *err);

/*
 * Writes to its standard input what it takes of @buf at once: how many bytes, 1 at least. Waits for
 * the first as child_write() does, with the same errors.
 */
ssize_t child_write_some(struct child *c, const void *buf, size_t size, int timeout_ms,
			 struct err *err);

/*
 * Writes all of @buf to its standard input. ERR_NODATA when it does not read any more,
 * ERR_LIMIT when it took no byte for @timeout_ms.
 */
int child_write(struct child *c, const void *buf, size_t size, int timeout_ms, struct err *err);

/* It reads the end of its standard input. */
void child_close_in(struct child *c);

/*
 * Reads from its standard output what there is, at most @size bytes: how many, 0 at the end.
 * ERR_LIMIT when nothing came for @timeout_ms.
 */
ssize_t child_read(struct child *c, void *buf, size_t size, int timeout_ms, struct err *err);

/*
 * Closes what is open and waits for its end, at most @timeout_ms; then it is killed. 0: it
 * ended by itself, with which status is in @c. ERR_LIMIT: it had to be killed.
 */
int child_wait(struct child *c, int timeout_ms, struct err *err);

/* Exit code of an ended child; -1 when a signal ended it. */
int child_code(const struct child *c);

/*
 * Kills it, if it is still there, with all that it started, and closes everything. One that hangs in
 * the kernel is left behind after some seconds, as if the signal had ended it.
 */
void child_end(struct child *c);

#endif
