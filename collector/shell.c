// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/shell.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "collector/log.h"
#include "collector/watch.h"

enum {
	COMMAND_MAX = 24 << 10,
	ANSWER_MAX = 8 << 10, // bytes of all that comes back; a login script may talk, too
	CHUNK = 64 << 10,
	END_MS = 10000, // for a client to go whose work is done
	PAUSE_LAST = 4, // failures after which pauses do not grow any more
	RETRY_S = 60,
	STALL_S = 60,
	STOP_STEP_MS = 100, // how often it is looked whether an end is wanted
	LOST_MAX = 2,
};

/*
 * Before each script: no file is anybody else's, and words that do what this system can do. A
 * name is given as "./name", so that none is an option. ls is the one way to ask for a size that
 * is POSIX and does not read the file.
 */
static const char prelude[] =
	"LC_ALL=C; export LC_ALL; umask 077; S=$1; D=$2; shift 2; "
	"fs() { case $S in file) sync \"$1\";; "
	"dd) dd if=/dev/null of=\"$1\" conv=notrunc,fsync 2> /dev/null;; *) sync;; esac; }; "
	"ds() { case $S in file) sync \"$1\";; *) sync;; esac; }; "
	"sum() { case $D in sha256) sha256sum;; *) cksum;; esac; }; "
	"size() { set -- $(ls -ln \"$1\"); echo \"$5\"; }; "
	"ok() { echo \"$N ok $*\"; }; N=$0; echo \"$N here\"; ";

/* The next connection is another one, whatever becomes of the last. */
static void next_connection(struct shell *sh)
{
	if (sh->dir[0])
		snprintf(sh->conf.control, sizeof(sh->conf.control), "%s/%u", sh->dir,
			 ++sh->broken);
}

void shell_init(struct shell *sh, const struct ssh_conf *conf, const uint64_t *end_ms,
		struct log *log)
{
	uint64_t r;

	*sh = (struct shell){.conf = *conf,
			     .end_ms = end_ms,
			     .log = log,
			     .retry_s = RETRY_S,
			     .stall_s = STALL_S,
			     .sync = "all"};
	// It has to differ from what an earlier dump or a login script says; it is no secret.
	if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r)) {
		struct timespec ts;

		clock_gettime(CLOCK_REALTIME, &ts);
		r = (uint64_t)ts.tv_sec << 32 ^ ts.tv_nsec ^ (uint64_t)getpid() << 20;
	}
	strcpy(sh->dir, "/tmp/lifeboat.XXXXXX");
	if (!mkdtemp(sh->dir))
		sh->dir[0] = '\0';
	next_connection(sh);
	snprintf(sh->nonce, sizeof(sh->nonce), "lb%016llx", (unsigned long long)r);
}

void shell_deinit(struct shell *sh)
{
	ssh_unshare(&sh->conf);
	// What a killed client left behind in it has no further use.
	for (unsigned int i = 0; sh->dir[0] && i <= sh->broken; i++) {
		snprintf(sh->conf.control, sizeof(sh->conf.control), "%s/%u", sh->dir, i);
		unlink(sh->conf.control);
	}
	if (sh->dir[0])
		rmdir(sh->dir);
	sh->dir[0] = '\0';
}

int shell_patience(const struct shell *sh, unsigned int seconds)
{
	uint64_t ms = (uint64_t)seconds * 1000, now = log_now_ms();

	if (*sh->end_ms && now >= *sh->end_ms)
		return 1;
	if (*sh->end_ms && *sh->end_ms - now < ms)
		ms = *sh->end_ms - now;
	return ms < INT_MAX ? ms : INT_MAX;
}

/* "exec sh -c 'script' nonce 'word'...": one line, since not every shell quotes line ends. */
static int make_command(const struct shell *sh, const struct shell_step *step, char *buf,
			size_t room, struct err *err)
{
	char word[SSH_QUOTED_MAX];
	size_t n = snprintf(buf, room, "exec sh -c '%s%s' %s %s %s", prelude, step->script,
			    sh->nonce, sh->sync, digest_name(sh->digest));

	for (size_t i = 0; i < SHELL_WORDS_MAX && step->words[i]; i++) {
		int rc = ssh_quote(step->words[i], word, sizeof(word), err);

		if (rc)
			return rc;
		n += snprintf(buf + n, n < room ? room - n : 0, " %s", word);
		if (n >= room)
			return err_set(err, ERR_LIMIT, "%s: too long", step->what);
	}
	return 0;
}

int shell_start(struct shell *sh, struct child *c, const struct shell_step *step, struct err *err)
{
	char command[COMMAND_MAX];
	int rc = make_command(sh, step, command, sizeof(command), err);

	*c = CHILD_NONE;
	return rc ? rc : ssh_start(c, &sh->conf, command, err);
}

/* Is an end wanted? The end of a dump is what was wanted then. */
static int check_stop(const struct shell *sh, struct err *err)
{
	if (watch_stage_now(sh->watch) == STAGE_COMMIT)
		return 0;
	return watch_check(sh->watch, err);
}

static bool is_over(const struct shell *sh)
{
	return *sh->end_ms && log_now_ms() >= *sh->end_ms;
}

int shell_write(struct shell *sh, struct child *c, const void *buf, size_t size, struct err *err)
{
	uint64_t patience = sh->stall_s * 1000ULL, moved = log_now_ms();
	const char *from = buf;

	while (size) {
		ssize_t n = child_write_some(c, from, size, STOP_STEP_MS, err);
		int rc;

		if (n > 0) {
			from += n;
			size -= n;
			moved = log_now_ms();
			continue;
		}
		if (n != ERR_LIMIT)
			return n;
		rc = check_stop(sh, err);
		if (rc)
			return rc;
		if (log_now_ms() - moved >= patience || is_over(sh))
			return err_set(err, ERR_LIMIT, "nothing moved for %u seconds",
				       (unsigned int)((log_now_ms() - moved) / 1000));
	}
	return 0;
}

int shell_failed(struct shell *sh, struct child *c, int rc, struct err *err)
{
	if (rc == ERR_STOPPED) {
		child_end(c);
		// What it shares may be what does not move.
		next_connection(sh);
		return rc;
	}
	// It may have failed by itself, and is about to say why.
	if (rc == ERR_NODATA)
		child_wait(c, shell_patience(sh, END_MS / 1000), NULL);
	child_end(c);
	rc = ssh_explain(c, &sh->conf, rc == ERR_LIMIT || rc == ERR_NODATA ? ERR_BROKEN : rc, err);
	if (rc == ERR_BROKEN)
		next_connection(sh);
	return rc;
}

/*
 * As child_read(), in short waits: as long as the client holds the connection, its keep-alives are
 * answered, so the other end is at work, such as a sync of all that it got. A client that has not
 * @heard of it is still connecting, which is no sign of life to who wants an end. end_ms may move.
 */
static ssize_t read_some(struct shell *sh, struct child *c, char *buf, size_t room, uint64_t end,
			 bool heard, struct err *err)
{
	for (;;) {
		int step = shell_patience(sh, 1);
		ssize_t got = child_read(c, buf, room, step, err);

		if (got != ERR_LIMIT)
			return got;
		if (check_stop(sh, err))
			return ERR_STOPPED;
		if (log_now_ms() >= end || is_over(sh))
			return err_set(err, ERR_LIMIT, "no answer in time");
		if (heard || !watch_check(sh->watch, NULL))
			watch_beat(sh->watch);
	}
}

/*
 * All that comes back until the end; what does not fit is only read. Who never stops talking gets
 * no more time for it than who says nothing.
 */
static int read_answer(struct shell *sh, struct child *c, char *buf, size_t room,
		       unsigned int seconds, struct err *err)
{
	uint64_t end = log_now_ms() + (uint64_t)seconds * 1000;
	char more[512];
	size_t n = 0;

	for (;;) {
		bool full = n + 1 >= room;
		ssize_t got = full ? read_some(sh, c, more, sizeof(more), end, true, err)
				   : read_some(sh, c, buf + n, room - 1 - n, end, n, err);

		if (got < 0)
			return got;
		if (!got)
			break;
		if (log_now_ms() >= end)
			return err_set(err, ERR_LIMIT, "no end of its answer within %u seconds",
				       seconds);
		if (!full)
			n += got;
	}
	buf[n] = '\0';
	return 0;
}

/* The rest of the last line that begins with the word and "ok". */
static bool find_reply(const struct shell *sh, const char *answer, char *reply)
{
	size_t len = strlen(sh->nonce);
	bool found = false;

	for (const char *line = answer; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, sh->nonce, len) != 0 || strncmp(line + len, " ok ", 4) != 0)
			continue;
		line += len + 4;
		snprintf(reply, SHELL_REPLY_MAX, "%.*s", (int)strcspn(line, "\r\n"), line);
		found = true;
	}
	return found;
}

int shell_finish(struct shell *sh, struct child *c, const struct shell_step *step,
		 char reply[static SHELL_REPLY_MAX], struct err *err)
{
	char answer[ANSWER_MAX];
	unsigned int seconds = step->seconds ? step->seconds : SHELL_STEP_S;
	int rc;

	child_close_in(c);
	rc = read_answer(sh, c, answer, sizeof(answer), seconds, err);
	if (!rc)
		rc = child_wait(c, shell_patience(sh, END_MS / 1000), err);
	if (rc)
		return shell_failed(sh, c, rc, err);
	if (child_code(c) != 0)
		return shell_failed(sh, c, ERR_SYS, err);
	if (find_reply(sh, answer, reply)) {
		sh->lost = 0;
		return 0;
	}
	err_set(err, ERR_CORRUPT,
		"it did not do what it was told; is the login shell of %s one that runs commands?",
		sh->conf.dest.user);
	return ssh_explain(c, &sh->conf, ERR_CORRUPT, err);
}

static int send_fd(struct shell *sh, struct child *c, const struct shell_step *step,
		   struct err *err)
{
	char buf[CHUNK];

	for (size_t done = 0; done < step->size;) {
		size_t n = step->size - done < CHUNK ? step->size - done : CHUNK;
		ssize_t got = io_pread(step->input_fd, buf, n, done, err);
		int rc;

		if (got <= 0)
			return got ? got : err_set(err, ERR_NODATA, "it became shorter");
		rc = shell_write(sh, c, buf, got, err);
		if (rc)
			return rc;
		done += got;
	}
	return 0;
}

int shell_run(struct shell *sh, const struct shell_step *step, char reply[static SHELL_REPLY_MAX],
	      struct err *err)
{
	struct child c;
	int rc;

	if (sh->lost >= LOST_MAX)
		return err_set(err, ERR_SYS, "%s: the connection was lost before", step->what);
	rc = shell_start(sh, &c, step, err);
	if (rc)
		return rc;
	if (step->input)
		rc = shell_write(sh, &c, step->input, step->size, err);
	else if (step->size)
		rc = send_fd(sh, &c, step, err);
	if (rc)
		rc = shell_failed(sh, &c, rc, err);
	else
		rc = shell_finish(sh, &c, step, reply, err);
	if (rc)
		err_prepend(err, "%s", step->what);
	return rc;
}

/* The pause behind the try'th failure. */
static unsigned int pause_of(unsigned int try)
{
	return 1U << (try < PAUSE_LAST ? try : PAUSE_LAST);
}

/* False: an end is wanted. */
static bool pause_for(const struct shell *sh, unsigned int ms)
{
	for (uint64_t end = log_now_ms() + ms; log_now_ms() < end;) {
		if (check_stop(sh, NULL))
			return false;
		usleep(STOP_STEP_MS * 1000);
	}
	return true;
}

bool shell_again(struct shell *sh, unsigned int try, unsigned int seconds, int rc,
		 const struct err *why)
{
	unsigned int pauses = 0;

	for (unsigned int i = 0; i <= try; i++)
		pauses += pause_of(i);
	if (rc != ERR_BROKEN)
		return false;
	if (sh->lost || pauses > seconds ||
	    (*sh->end_ms && log_now_ms() + pause_of(try) * 1000ULL >= *sh->end_ms)) {
		sh->lost++;
		return false;
	}
	log_line(sh->log, LOG_ERROR, "warning: %s; trying again in %u s", why->msg, pause_of(try));
	return pause_for(sh, pause_of(try) * 1000);
}

int shell_persist(struct shell *sh, const struct shell_step *step, unsigned int seconds,
		  char reply[static SHELL_REPLY_MAX], struct err *err)
{
	for (unsigned int try = 0;; try++) {
		struct err why = {0};
		int rc = shell_run(sh, step, reply, &why);

		if (!rc)
			return 0;
		if (shell_again(sh, try, seconds, rc, &why))
			continue;
		if (err)
			*err = why;
		return rc;
	}
}
