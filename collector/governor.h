/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * governor: keeps a machine that crashes again and again in the same way from filling its target
 * and from being down for a dump each time. It remembers the crashes in a small file among the
 * crash directories, and says how much of this one is worth keeping.
 *
 * The file is text, a line a crash, oldest first; what is not understood in it counts for nothing:
 *
 *   lifeboat-history 1
 *   1795262400 00f3a85c11d09e42
 *   (seconds since 1970) (signature of the crash, 16 hexadecimal digits)
 */
#ifndef COLLECTOR_GOVERNOR_H
#define COLLECTOR_GOVERNOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define GOVERNOR_FILE ".lifeboat-history"

enum {
	GOVERNOR_CRASHES_MAX = 256, /* remembered; the oldest is forgotten */
	GOVERNOR_TEXT_MAX = 64 + GOVERNOR_CRASHES_MAX * 48, /* bytes of the file */
	GOVERNOR_WHY_MAX = 200,
	GOVERNOR_HOST_MAX = 64, /* of a name of a host; the bytes behind tell nothing apart */
};

enum governor_verdict {
	GOVERNOR_FULL, /* everything */
	GOVERNOR_SMALL, /* the small artefacts (T0 to T2), no dump */
	GOVERNOR_NONE, /* the panic record to console and pstore, nothing to any target */
};

/* crash_loop COUNT SECONDS of the configuration; a count of 0 switches it off. */
struct governor_limits {
	unsigned int count;
	uint64_t seconds;
};

struct governor_crash {
	uint64_t time; /* seconds since 1970 */
	uint64_t signature; /* equal for crashes of one kind; 0: unknown, which are one kind too */
};

struct governor_history {
	size_t n;
	struct governor_crash crashes[GOVERNOR_CRASHES_MAX]; /* oldest first */
};

struct governor_result {
	enum governor_verdict verdict;
	unsigned int seen; /* crashes of this kind within the seconds, this one included */
	char why[GOVERNOR_WHY_MAX]; /* a sentence for log and manifest; "" where all is kept */
};

/*
 * The @size bytes at @text. 0, or ERR_CORRUPT when some of it was not understood, or ERR_LIMIT
 * when it is longer than GOVERNOR_TEXT_MAX; @h then has the rest, and is fit for use.
 */
int governor_parse(struct governor_history *h, const char *text, size_t size, struct err *err);

/* The text of @h, zero-terminated; its length. */
size_t governor_text(const struct governor_history *h, char buf[static GOVERNOR_TEXT_MAX]);

/*
 * The verdict on @crash, which is in @h or not: the count-th of its kind within the seconds
 * before it, and those after that one, are kept small; from twice the count on, not at all. A
 * clock that was set back makes no crash forgotten: the distance counts, not the direction.
 */
void governor_judge(const struct governor_history *h, const struct governor_limits *l,
		    const struct governor_crash *crash, struct governor_result *ret);

/* Adds @crash, unless it is there already; forgets the oldest for it. */
void governor_add(struct governor_history *h, const struct governor_crash *crash);

/*
 * All of it, on the file in the directory open at @at, or in one that many machines use on the
 * file that is called by @host, too (NULL: this machine alone uses it): reads, judges, adds, and
 * writes it anew, whole or not at all, durable. @ret is set in any case, and right by what could
 * be read; the error is one for the log: ERR_SYS, ERR_NOSPC, ERR_CORRUPT, ERR_LIMIT.
 */
int governor_run(int at, const char *host, const struct governor_limits *l,
		 const struct governor_crash *crash, struct governor_result *ret, struct err *err);

/* "full", "small" or "none" */
const char *governor_verdict_name(enum governor_verdict verdict);

#endif
