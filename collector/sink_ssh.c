// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/sink_ssh.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "collector/digest.h"
#include "collector/log.h"
#include "collector/shell.h"
#include "collector/sink.h"

enum {
	HEAD_MAX = 64 << 10, // one block of the dump
	NUMBER_MAX = 24,
	CHECK_MAX = NUMBER_MAX + DIGEST_TEXT_MAX,
	PIECE = 128 << 10,
	CHECK_RATE = 20 << 20, // bytes a second that a slow machine can sync and sum up
	SPARE_SIZE = 128 << 10, /* for manifest and log, where the dump fills the disk */
	/* Part of the patience for a whole one: it was used up already, most likely. */
	KEEP_SHARE = 4,
	CLOSE_S = 10, /* to remove what is of no use */
};

enum state {
	NEW, /* no byte was sent, and no connection made */
	LIVE, /* a connection takes bytes */
	SEALED, /* all of them are over there, which was acknowledged */
	FAILED, /* nothing takes bytes any more */
};

struct sink_ssh {
	struct shell *sh;
	enum state state;
	bool begun; /* something may be there */
	struct child child; /* of the connection that takes bytes */
	uint64_t room; /* bytes of the index */
	uint64_t arrived; /* bytes that are surely there; UINT64_MAX: all that were sent */
	uint64_t reached; /* the most that a connection began at again, */
	unsigned int tries; /* and failures since that grew */
	uint64_t front; /* bytes of the first write, which the head replaces */
	struct digest digest; /* of all behind them */
	uint8_t *kept; /* the last bytes sent, byte n of the file at n % nkept; NULL: none */
	size_t nkept;
	size_t nhead;
	char dir[SSH_PATH_MAX], name[SSH_PATH_MAX], temp[SSH_PATH_MAX];
	uint8_t head[HEAD_MAX];
};

/*
 * $3, where it goes on; $4, bytes that the index will need: where the file system cannot allocate
 * ahead, writing zeros does the same. cat is told its place by a dd that copies nothing: they share the
 * descriptor. Opened with <>, the file keeps what it has, and a shell that is still there from
 * before can do no harm with what it has.
 */
static const char stream_script[] =
	"cd \"$1\" || exit 1; f=./$2; r=$f.room; if [ $3 = 0 ]; then rm -f \"$f\" || exit 1; "
	"fallocate -l $4 \"$r\" 2> /dev/null || "
	"dd if=/dev/zero of=\"$r\" bs=65536 count=$(($4 / 65536 + 1)) 2> /dev/null || "
	"{ rm -f \"$r\"; echo \"No space left on device for the index\" >&2; exit 1; }; fi; "
	"{ if [ $3 -gt 0 ]; then dd bs=1 seek=$3 count=0 conv=notrunc 2> /dev/null < /dev/null; "
	"fi && cat; } 1<> \"$f\" || exit 1; ok $(size \"$f\")";

/* $3 bytes of the head, $4 their digest. dd: head -c is none of POSIX. */
#define CHECK_HEAD                                             \
	"x=$(dd if=\"$f\" bs=$3 count=1 2> /dev/null | sum); " \
	"[ \"${x%% *}\" = $4 ] || "                            \
	"{ echo \"the dump has a head of digest ${x%% *} there, not $4\" >&2; exit 1; }; "

/* None is there when the connection broke before the first byte. */
static const char length_script[] =
	"cd \"$1\" || exit 1; if [ -e \"./$2\" ]; then ok $(size \"./$2\"); else ok 0; fi";

/*
 * $1 directory, $2 name until now, $3 last name, $4 length, $5 bytes and digest of the head and the
 * digest of what is behind it. Done twice it does no harm: the answer may have been lost. A session
 * that died before the head came reads an end of its input, too: hence the digest of the head, the
 * last thing that is looked at before it gets its name. dd leaves the place behind the head to who sums
 * up, which spares the way through a pipe; by pages, since it holds in memory what it reads at a time.
 * And a session that outlives its connection must not name what a later try has put there meanwhile: the
 * file is held open, so that no other has its number.
 */
static const char commit_script[] =
	"cd \"$1\" || exit 1; f=./$2; [ -e \"$f\" ] || f=./$3; [ -e \"$f\" ] || exit 1; "
	"cat 1<> \"$f\" || exit 1; exec 3< \"$f\"; i=$(ls -i \"$f\"); n=$(size \"$f\"); "
	"[ \"$n\" = $4 ] || { echo \"the dump has $n bytes there, not $4\" >&2; exit 1; }; "
	"set -- \"$2\" \"$3\" $5; "
	"x=$({ { dd bs=4096 count=$(($3 / 4096)); dd bs=1 count=$(($3 % 4096)); } > /dev/null 2>&1; "
	"sum; } < \"$f\"); "
	"[ \"${x%% *}\" = $5 ] || "
	"{ echo \"the dump has digest ${x%% *} there, not $5\" >&2; exit 1; }; "
	"fs \"$f\" || exit 1; " CHECK_HEAD "rm -f \"./$1.room\"; "
	"if [ \"$f\" = \"./$1\" ]; then "
	"[ \"$(ls -i \"$f\")\" = \"$i\" ] && mv -f \"$f\" \"./$2\" || exit 1; fi; "
	"ds . || { mv -f \"./$2\" \"./$1\"; exit 1; }; ok done";

/*
 * $3 last name, $4 length, $5 bytes and digest of the head. Who gives up must not leave
 * behind what looks whole: it may have its last name, of which the answer was lost.
 */
static const char keep_script[] =
	"cd \"$1\" || exit 1; f=./$2; [ -e \"$f\" ] || mv -f \"./$3\" \"$f\" || exit 1; "
	"cat 1<> \"$f\" || exit 1; n=$(size \"$f\"); "
	"[ \"$n\" = $4 ] || { echo \"the dump has $n bytes there, not $4\" >&2; exit 1; }; "
	"set -- \"$1\" \"$2\" $5; fs \"$f\" || exit 1; " CHECK_HEAD
	"rm -f \"$f.room\"; ds . || exit 1; ok kept";

static const char remove_script[] = "cd \"$1\" && rm -f \"./$2\" \"./$2.room\" && ok gone";
static const char unreserve_script[] = "cd \"$1\" && rm -f \"./$2.room\" && ok gone";

static void number(char buf[static NUMBER_MAX], uint64_t v)
{
	snprintf(buf, NUMBER_MAX, "%" PRIu64, v);
}

/* The kept bytes of [from, to) in at most two pieces. */
static int send_kept(struct sink_ssh *f, uint64_t from, uint64_t to, struct err *err)
{
	int rc = 0;

	while (from < to && !rc) {
		size_t at = from % f->nkept;
		size_t n = f->nkept - at < to - from ? f->nkept - at : to - from;

		rc = shell_write(f->sh, &f->child, f->kept + at, n, err);
		from += n;
	}
	return rc;
}

static void keep_bytes(struct sink_ssh *f, const uint8_t *buf, size_t size, uint64_t offset)
{
	if (!f->kept)
		return;
	if (size > f->nkept) {
		buf += size - f->nkept;
		offset += size - f->nkept;
		size = f->nkept;
	}
	while (size) {
		size_t at = offset % f->nkept;
		size_t n = f->nkept - at < size ? f->nkept - at : size;

		memcpy(f->kept + at, buf, n);
		buf += n;
		offset += n;
		size -= n;
	}
}

static int start_at(struct sink_ssh *f, uint64_t offset, struct err *err)
{
	char where[NUMBER_MAX], room[NUMBER_MAX];
	struct shell_step step = {
		.what = "dump",
		.script = stream_script,
		.words = {f->dir, f->temp, where, room},
	};

	f->begun = true;
	number(where, offset);
	number(room, f->room + SPARE_SIZE);
	return shell_start(f->sh, &f->child, &step, err);
}

/* How much of the file is there. */
static int ask_length(struct sink_ssh *f, uint64_t *ret, struct err *err)
{
	struct shell_step step = {
		.what = "length",
		.script = length_script,
		.words = {f->dir, f->temp},
	};
	char reply[SHELL_REPLY_MAX], end;
	int rc = shell_run(f->sh, &step, reply, err);

	if (!rc && sscanf(reply, "%" SCNu64 "%c", ret, &end) != 1)
		rc = err_set(err, ERR_CORRUPT, "its answer to how long the dump is: '%.64s'",
			     reply);
	return rc;
}

/* One try to go on: what is missing over there is sent again. */
static int resume(struct sink *s, struct err *err)
{
	struct sink_ssh *f = s->ssh;
	uint64_t there = 0;
	int rc = ask_length(f, &there, err);

	if (rc)
		return rc;
	if (there > s->sent)
		return err_set(err, ERR_CORRUPT,
			       "%" PRIu64 " bytes are there, %" PRIu64 " were sent", there,
			       s->sent);
	if (s->sent - there > f->nkept)
		return err_set(err, ERR_NODATA,
			       "the last %" PRIu64 " bytes were lost with the connection, more "
			       "than the %zu that were kept",
			       s->sent - there, f->nkept);
	rc = start_at(f, there, err);
	if (rc)
		return rc;
	rc = send_kept(f, there, s->sent, err);
	if (rc)
		return shell_failed(f->sh, &f->child, rc, err);
	// Else a machine that drops each connection would be spoken to for ever.
	if (there > f->reached) {
		f->reached = there;
		f->tries = 0;
	}
	log_line(f->sh->log, LOG_ERROR, "connected again; going on at byte %" PRIu64, there);
	f->state = LIVE;
	return 0;
}

/* The connection failed with what is in @err: goes on with another one, or that is the error. */
static int recover(struct sink *s, int rc, struct err *err)
{
	struct sink_ssh *f = s->ssh;

	f->state = FAILED;
	while (shell_again(f->sh, f->tries, f->sh->retry_s, rc, err)) {
		f->tries++;
		rc = resume(s, err);
		if (!rc)
			return 0;
	}
	return rc;
}

/* So little at a time that all of it is kept which may have to be sent again. */
static int send_piece(struct sink *s, const uint8_t *buf, size_t size, struct err *err)
{
	struct sink_ssh *f = s->ssh;
	struct err why = {0};
	int rc = f->state == NEW ? start_at(f, s->sent, err) : 0;

	if (rc)
		return rc;
	f->state = LIVE;
	keep_bytes(f, buf, size, s->sent);
	s->sent += size;
	rc = shell_write(f->sh, &f->child, buf, size, &why);
	if (!rc)
		return 0;
	rc = shell_failed(f->sh, &f->child, rc, &why);
	rc = recover(s, rc, &why);
	if (rc && err)
		*err = why;
	return rc;
}

static int ssh_write_at(struct sink *s, const void *buf, size_t size, uint64_t offset,
			struct err *err)
{
	struct sink_ssh *f = s->ssh;
	int rc = 0;

	if (offset != s->sent)
		return err_set(err, ERR_UNSUPPORTED,
			       "byte %" PRIu64 " is next, byte %" PRIu64 " cannot be written",
			       s->sent, offset);
	if (f->state == SEALED)
		return err_set(err, ERR_UNSUPPORTED, "the dump has its end already");
	if (!offset)
		f->front = size;
	else
		digest_update(&f->digest, buf, size);
	if (f->state == FAILED)
		rc = err_set(err, ERR_SYS, "the connection failed before");
	for (size_t done = 0; done < size && !rc; done += PIECE)
		rc = send_piece(s, (const uint8_t *)buf + done,
				size - done < PIECE ? size - done : PIECE, err);
	// The place is taken, whatever became of it.
	s->sent = offset + size;
	return rc;
}

static int ssh_read_at(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err)
{
	(void)s, (void)buf, (void)size, (void)offset;
	return err_set(err, ERR_UNSUPPORTED, "what was sent cannot be read back");
}

static int ssh_head(struct sink *s, const void *buf, size_t size, struct err *err)
{
	struct sink_ssh *f = s->ssh;

	if (size != f->front || size > sizeof(f->head))
		return err_set(err, ERR_UNSUPPORTED,
			       "a head of %zu bytes, where there are %" PRIu64, size, f->front);
	memcpy(f->head, buf, size);
	f->nhead = size;
	return 0;
}

/* Whatever the budget says: a connection that breaks without them costs the dump. */
static void ssh_buffer(struct sink *s, uint64_t budget)
{
	struct sink_ssh *f = s->ssh;

	(void)budget;
	f->kept = malloc(SINK_SSH_KEPT);
	f->nkept = f->kept ? SINK_SSH_KEPT : 0;
}

static uint64_t ssh_written(struct sink *s)
{
	return s->ssh->arrived;
}

static int ssh_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	(void)err;
	s->ssh->room = end > start ? end - start : 0;
	return 0;
}

static int ssh_resize(struct sink *s, uint64_t size, struct err *err)
{
	(void)s, (void)size;
	return err_set(err, ERR_UNSUPPORTED, "a dump over ssh is as long as what is sent");
}

/* The end of the stream, acknowledged with its length. */
static int seal(struct sink *s, struct err *err)
{
	struct sink_ssh *f = s->ssh;
	struct shell_step step = {.what = "dump", .seconds = SHELL_STEP_S};
	char reply[SHELL_REPLY_MAX], want[NUMBER_MAX];
	int rc;

	number(want, s->sent);
	while (f->state == LIVE) {
		struct err why = {0};

		rc = shell_finish(f->sh, &f->child, &step, reply, &why);
		if (!rc && strcmp(reply, want) != 0)
			rc = err_set(&why, ERR_CORRUPT,
				     "%.32s bytes of the dump are there, %s were sent", reply,
				     want);
		if (!rc) {
			f->state = SEALED;
			return 0;
		}
		rc = recover(s, rc, &why);
		if (rc) {
			if (err)
				*err = why;
			return rc;
		}
	}
	return f->state == SEALED ? 0 : err_set(err, ERR_SYS, "the connection failed before");
}

/*
 * For the index, the room that was held for it, and a connection of its own: behind all that was
 * ever sent, of which after a failure a part is lost.
 */
static int make_room(struct sink *s, struct err *err)
{
	struct sink_ssh *f = s->ssh;
	struct shell_step step = {
		.what = "room for the index",
		.script = unreserve_script,
		.words = {f->dir, f->temp},
	};
	bool failed = f->state == FAILED;
	char reply[SHELL_REPLY_MAX];
	uint64_t there = s->sent;
	int rc;

	f->state = FAILED;
	rc = shell_persist(f->sh, &step, f->sh->retry_s / KEEP_SHARE, reply, err);
	if (!rc && failed)
		rc = ask_length(f, &there, err);
	if (rc)
		return rc;
	if (failed)
		f->arrived = there < f->arrived ? there : f->arrived;
	rc = start_at(f, s->sent, err);
	if (!rc)
		f->state = LIVE;
	return rc;
}

/*
 * The data is to be there before its index may take the last room. What was gone on with after a
 * failure has a gap, and no length that a seal could hold.
 */
static int ssh_drain(struct sink *s, struct err *err)
{
	struct sink_ssh *f = s->ssh;
	bool whole = f->state == LIVE && f->arrived == UINT64_MAX;
	int rc = 0, late;

	if (!whole && f->state != FAILED)
		return 0;
	if (whole)
		rc = seal(s, err);
	late = make_room(s, rc ? NULL : err);
	return rc ? rc : late;
}

static unsigned int seconds_for(uint64_t bytes)
{
	return SHELL_STEP_S + bytes / CHECK_RATE;
}

static int ssh_sync(struct sink *s, struct err *err)
{
	return seal(s, err);
}

/* What the other side checks the head with: bytes and digest. */
static void head_check(const struct sink_ssh *f, char buf[static CHECK_MAX])
{
	char sum[DIGEST_TEXT_MAX];
	struct digest digest;

	digest_init(&digest, f->sh->digest);
	digest_update(&digest, f->head, f->nhead);
	digest_text(&digest, sum);
	snprintf(buf, CHECK_MAX, "%zu %s", f->nhead, sum);
}

static int ssh_commit(struct sink *s, struct err *err)
{
	struct sink_ssh *f = s->ssh;
	char size[NUMBER_MAX], head[CHECK_MAX], sum[DIGEST_TEXT_MAX];
	char check[CHECK_MAX + DIGEST_TEXT_MAX];
	char reply[SHELL_REPLY_MAX];
	struct digest digest = f->digest;
	struct shell_step step = {
		.what = "commit",
		.script = commit_script,
		.words = {f->dir, f->temp, f->name, size, check},
		.input = f->head,
		.size = f->nhead,
		.seconds = seconds_for(s->sent),
	};
	int rc;

	if (!f->nhead || f->arrived != UINT64_MAX)
		return err_set(err, ERR_NODATA, "the dump has no head, or lost a part");
	rc = seal(s, err);
	if (rc)
		return rc;
	number(size, s->sent);
	digest_text(&digest, sum);
	head_check(f, head);
	snprintf(check, sizeof(check), "%s %s", head, sum);
	rc = shell_persist(f->sh, &step, f->sh->retry_s, reply, err);
	if (!rc)
		f->temp[0] = '\0';
	return rc;
}

static int ssh_keep(struct sink *s, struct err *err)
{
	struct sink_ssh *f = s->ssh;
	char size[NUMBER_MAX], check[CHECK_MAX], reply[SHELL_REPLY_MAX];
	struct shell_step step = {
		.what = "incomplete dump",
		.script = keep_script,
		.words = {f->dir, f->temp, f->name, size, check},
		.input = f->head,
		.size = f->nhead,
		.seconds = seconds_for(s->sent),
	};
	int rc = f->nhead ? seal(s, err) : err_set(err, ERR_NODATA, "the dump has no head");

	if (rc)
		return rc;
	number(size, s->sent);
	head_check(f, check);
	rc = shell_persist(f->sh, &step, f->sh->retry_s / KEEP_SHARE, reply, err);
	if (!rc)
		f->temp[0] = '\0';
	return rc;
}

/* A new file of that name: what may still be on its way to the old one does not reach it. */
static int ssh_restart(struct sink *s, struct err *err)
{
	struct sink_ssh *f = s->ssh;

	(void)err;
	child_end(&f->child);
	f->state = NEW;
	f->arrived = UINT64_MAX;
	f->nhead = 0;
	f->reached = 0;
	f->tries = 0;
	s->sent = 0;
	digest_init(&f->digest, f->sh->digest);
	return 0;
}

static void ssh_close(struct sink *s)
{
	struct sink_ssh *f = s->ssh;
	struct shell_step step = {
		.what = "incomplete dump",
		.script = remove_script,
		.words = {f->dir, f->temp},
		.seconds = CLOSE_S,
	};
	char reply[SHELL_REPLY_MAX];

	child_end(&f->child);
	// Neither committed nor kept: of no use to anybody. Whether it is gone is not worth a second try.
	if (f->temp[0] && f->begun)
		shell_run(f->sh, &step, reply, NULL);
	free(f->kept);
	free(f);
	s->ssh = NULL;
}

static const struct sink_ops ssh_ops = {
	.name = "ssh",
	.append_only = true,
	.shares_cpus = true,
	.write_at = ssh_write_at,
	.head = ssh_head,
	.read_at = ssh_read_at,
	.kept = SINK_SSH_KEPT,
	.buffer = ssh_buffer,
	.written = ssh_written,
	.drain = ssh_drain,
	.reserve = ssh_reserve,
	.resize = ssh_resize,
	.sync = ssh_sync,
	.commit = ssh_commit,
	.keep = ssh_keep,
	.restart = ssh_restart,
	.close = ssh_close,
};

int sink_ssh_open(struct sink *s, struct shell *sh, const char *dir, const char *name,
		  const char *temp, struct err *err)
{
	struct sink_ssh *f = calloc(1, sizeof(*f));

	*s = (struct sink){.fd = -1};
	if (!f)
		return err_set(err, ERR_NOMEM, "no memory to begin with");
	f->sh = sh;
	f->arrived = UINT64_MAX;
	f->child = CHILD_NONE;
	digest_init(&f->digest, sh->digest);
	if (snprintf(f->dir, sizeof(f->dir), "%s", dir) >= (int)sizeof(f->dir) ||
	    snprintf(f->name, sizeof(f->name), "%s", name) >= (int)sizeof(f->name) ||
	    snprintf(f->temp, sizeof(f->temp), "%s", temp) >= (int)sizeof(f->temp) ||
	    snprintf(s->path, sizeof(s->path), "%s:%s/%s", sh->conf.dest.host, dir, name) >=
		    (int)sizeof(s->path) ||
	    snprintf(s->temp, sizeof(s->temp), "%s:%s/%s", sh->conf.dest.host, dir, temp) >=
		    (int)sizeof(s->temp)) {
		free(f);
		return err_set(err, ERR_LIMIT, "%s/%s: name too long", dir, name);
	}
	s->ops = &ssh_ops;
	s->ssh = f;
	return 0;
}
