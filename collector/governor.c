// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/governor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

#define HEAD	 "lifeboat-history 1"
#define TEMP_END ".new"

enum {
	SIGNATURE_DIGITS = 16,
	LINE_MAX = 48,
	NAME_ROOM = sizeof(GOVERNOR_FILE) + 1 + GOVERNOR_HOST_MAX,
};

/* What the file is called, and what until it is whole. */
struct names {
	char file[NAME_ROOM], temp[NAME_ROOM + sizeof(TEMP_END)];
};

const char *governor_verdict_name(enum governor_verdict verdict)
{
	switch (verdict) {
	case GOVERNOR_FULL:
		return "full";
	case GOVERNOR_SMALL:
		return "small";
	case GOVERNOR_NONE:
		return "none";
	}
	return "?";
}

static bool parse_crash(const char *line, size_t len, struct governor_crash *ret)
{
	char text[LINE_MAX];
	size_t digits, rest;

	if (len >= sizeof(text) || memchr(line, '\0', len))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	digits = strspn(text, "0123456789");
	rest = len - digits;
	if (!digits || rest != 1 + SIGNATURE_DIGITS || text[digits] != ' ' ||
	    strspn(text + digits + 1, "0123456789abcdef") != SIGNATURE_DIGITS)
		return false;
	errno = 0;
	ret->time = strtoull(text, NULL, 10);
	ret->signature = strtoull(text + digits + 1, NULL, 16);
	return errno == 0;
}

int governor_parse(struct governor_history *h, const char *text, size_t size, struct err *err)
{
	const char *end = text + size;
	unsigned int line = 0;
	int rc = 0;

	h->n = 0;
	if (size >= GOVERNOR_TEXT_MAX)
		return err_set(err, ERR_LIMIT, GOVERNOR_FILE ": longer than %d bytes",
			       GOVERNOR_TEXT_MAX - 1);
	while (text < end) {
		const char *eol = memchr(text, '\n', end - text);
		size_t len = (eol ? eol : end) - text;
		struct governor_crash crash;
		bool good;

		if (++line == 1) {
			good = len == strlen(HEAD) && memcmp(text, HEAD, len) == 0;
		} else {
			good = parse_crash(text, len, &crash);
			if (good)
				governor_add(h, &crash);
		}
		if (!good && !rc)
			rc = err_set(err, ERR_CORRUPT, GOVERNOR_FILE ": line %u is not one of it",
				     line);
		text += len + (eol != NULL);
	}
	return rc;
}

size_t governor_text(const struct governor_history *h, char buf[static GOVERNOR_TEXT_MAX])
{
	size_t n = snprintf(buf, GOVERNOR_TEXT_MAX, HEAD "\n");

	for (size_t i = 0; i < h->n; i++)
		n += snprintf(buf + n, GOVERNOR_TEXT_MAX - n, "%" PRIu64 " %016" PRIx64 "\n",
			      h->crashes[i].time, h->crashes[i].signature);
	return n;
}

static bool same(const struct governor_crash *a, const struct governor_crash *b)
{
	return a->time == b->time && a->signature == b->signature;
}

void governor_add(struct governor_history *h, const struct governor_crash *crash)
{
	for (size_t i = 0; i < h->n; i++) {
		if (same(&h->crashes[i], crash))
			return;
	}
	if (h->n == GOVERNOR_CRASHES_MAX)
		memmove(h->crashes, h->crashes + 1, --h->n * sizeof(*h->crashes));
	h->crashes[h->n++] = *crash;
}

static void say_why(const struct governor_limits *l, struct governor_result *r)
{
	const char *what = r->verdict == GOVERNOR_SMALL
				   ? "the panic record, the log and the mini-core are kept, no dump"
				   : "nothing is saved, the machine goes on";

	snprintf(r->why, sizeof(r->why),
		 "crash loop: %u crashes of this kind within %" PRIu64 " s (crash_loop %u %" PRIu64
		 "): %s",
		 r->seen, l->seconds, l->count, l->seconds, what);
}

void governor_judge(const struct governor_history *h, const struct governor_limits *l,
		    const struct governor_crash *crash, struct governor_result *ret)
{
	*ret = (struct governor_result){.seen = 1};
	for (size_t i = 0; i < h->n; i++) {
		const struct governor_crash *c = &h->crashes[i];
		uint64_t apart = c->time < crash->time ? crash->time - c->time
						       : c->time - crash->time;

		if (c->signature == crash->signature && !same(c, crash) && apart <= l->seconds)
			ret->seen++;
	}
	// What is not remembered can't be counted: a count beyond that would never be met.
	if (!l->count || ret->seen < l->count)
		return;
	ret->verdict = ret->seen / 2 >= l->count ? GOVERNOR_NONE : GOVERNOR_SMALL;
	say_why(l, ret);
}

/* No file is an empty one. A link, or what is not a file, is none of ours. */
static int load(int at, const char *name, struct governor_history *h, struct err *err)
{
	CLEANUP_CLOSE int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char text[GOVERNOR_TEXT_MAX];
	struct stat st;
	ssize_t n;

	h->n = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, GOVERNOR_FILE);
	if (fstat(fd, &st))
		return err_sys(err, GOVERNOR_FILE);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CORRUPT, GOVERNOR_FILE ": is not a file");
	n = io_read(fd, text, sizeof(text), err);
	if (n < 0) {
		err_prepend(err, GOVERNOR_FILE);
		return n;
	}
	return governor_parse(h, text, n, err);
}

static int store(int at, const struct names *names, const struct governor_history *h,
		 struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	char text[GOVERNOR_TEXT_MAX];
	size_t n = governor_text(h, text);
	int rc;

	if (unlinkat(at, names->temp, 0) && errno != ENOENT)
		return err_sys(err, "%s", names->temp);
	fd = openat(at, names->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", names->temp);
	rc = io_write(fd, text, n, err);
	if (!rc && fsync(fd))
		rc = err_sys(err, "fsync");
	if (!rc && renameat(at, names->temp, at, names->file))
		rc = err_sys(err, "rename");
	if (rc) {
		unlinkat(at, names->temp, 0);
		err_prepend(err, GOVERNOR_FILE);
		return rc;
	}
	return fsync(at) ? err_sys(err, GOVERNOR_FILE ": fsync of its directory") : 0;
}

static void make_names(struct names *n, const char *host)
{
	snprintf(n->file, sizeof(n->file), GOVERNOR_FILE "%s%.*s", host ? "-" : "",
		 GOVERNOR_HOST_MAX, host ? host : "");
	snprintf(n->temp, sizeof(n->temp), "%s" TEMP_END, n->file);
}

int governor_run(int at, const char *host, const struct governor_limits *l,
		 const struct governor_crash *crash, struct governor_result *ret, struct err *err)
{
	CLEANUP_FREE struct governor_history *h = malloc(sizeof(*h));
	struct names names;
	int rc, stored;

	if (!h) {
		*ret = (struct governor_result){.seen = 1};
		return err_set(err, ERR_NOMEM, GOVERNOR_FILE ": no memory");
	}
	make_names(&names, host);
	rc = load(at, names.file, h, err);
	governor_judge(h, l, crash, ret);
	governor_add(h, crash);
	stored = store(at, &names, h, rc ? NULL : err);
	return rc ? rc : stored;
}
