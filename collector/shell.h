/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shell: steps on another machine, each a small script for the POSIX shell there, a session of
 * its own. They share a connection until it breaks, then the next one. A step is done when the script says so with a word that was made for
 * this dump: that a connection ended well proves nothing.
 *
 * Scripts are constants without single quotes and backslashes, since the login shell that reads
 * them first may be any; what changes is given as words, $1 and so on.
 */
#ifndef COLLECTOR_SHELL_H
#define COLLECTOR_SHELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/digest.h"
#include "vmcore/ssh.h"

struct err;
struct log;
struct watch;

enum {
	SHELL_WORDS_MAX = 6,
	SHELL_REPLY_MAX = 256,
	SHELL_STEP_S = 60, /* for one step, where it says nothing else */
};

struct shell {
	struct ssh_conf conf;
	struct log *log; /* borrowed */
	const uint64_t *end_ms; /* of log_now_ms(), borrowed: no wait goes on beyond it; 0: none */
	unsigned int retry_s; /* so long in all a connection that fails is tried again */
	unsigned int stall_s; /* so long without a byte of progress and a connection is given up */
	char dir[32]; /* of the socket by which steps share a connection; "": they do not */
	unsigned int broken; /* connections until now */
	unsigned int lost; /* in vain for all of the patience so often, since a step was done */
	struct watch
		*watch; /* borrowed: hears that the other end is alive; NULL, the default: nobody */
	char nonce[20];
	char sync[8]; /* how a file is made durable there: "file", "dd", "all" */
	enum digest_kind digest; /* with what both sides can check bytes */
};

struct shell_step {
	const char *what; /* for messages: "commit" */
	const char *script;
	const char *words[SHELL_WORDS_MAX];
	const void *input; /* @size bytes for its standard input, */
	int input_fd; /* or, with input NULL, those of a file from its beginning on */
	size_t size;
	unsigned int seconds; /* to answer, once all was sent; 0: SHELL_STEP_S */
};

/* Makes the word; no connection yet. @conf is copied. */
void shell_init(struct shell *sh, const struct ssh_conf *conf, const uint64_t *end_ms,
		struct log *log);

/* Ends the connection that steps share. */
void shell_deinit(struct shell *sh);

/*
 * Does a step, once. What the script says behind the word and "ok" is in @reply. Errors are those
 * of ssh_explain(); ERR_CORRUPT when the connection ended well and the word never came.
 */
int shell_run(struct shell *sh, const struct shell_step *step, char reply[static SHELL_REPLY_MAX],
	      struct err *err);

/* The same, again while it is the connection that fails, as shell_again(). */
int shell_persist(struct shell *sh, const struct shell_step *step, unsigned int seconds,
		  char reply[static SHELL_REPLY_MAX], struct err *err);

/* The parts of shell_run() for input that is not there yet: start, write, finish. */
int shell_start(struct shell *sh, struct child *c, const struct shell_step *step, struct err *err);

/*
 * All of @buf to what @c runs. ERR_LIMIT when it took no byte for stall_s, ERR_NODATA when it does not
 * read any more, ERR_STOPPED when the watch wants an end, but for the end of a dump: that is
 * STAGE_COMMIT. Then shell_failed() is to be called.
 */
int shell_write(struct shell *sh, struct child *c, const void *buf, size_t size, struct err *err);
int shell_finish(struct shell *sh, struct child *c, const struct shell_step *step,
		 char reply[static SHELL_REPLY_MAX], struct err *err);

/*
 * A write to @c failed with @rc: ends it and says why, as ssh_explain(), unless it is
 * ERR_STOPPED. What happened last is in @err.
 */
int shell_failed(struct shell *sh, struct child *c, int rc, struct err *err);

/*
 * Is another try worth it after @rc, the try'th failure counted from 0? Then says so in the log
 * and pauses: 1, 2, 4 ... seconds, @seconds in all at most. Where that was in vain once there are
 * no more pauses, and where it is again, no more tries: whoever still has something to say there
 * does not wait anew for each. Where the watch wants an end, as in shell_write(), none is worth it.
 */
bool shell_again(struct shell *sh, unsigned int try, unsigned int seconds, int rc,
		 const struct err *why);

/* @seconds as a limit in milliseconds, less where end_ms is near. */
int shell_patience(const struct shell *sh, unsigned int seconds);

#endif
