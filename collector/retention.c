// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/retention.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/watch.h"

enum {
	DAY = 24 * 60 * 60,
	ENTRIES_MAX = 1 << 16, /* of any name, read in one directory */
	SECTOR = 512, /* the unit of st_blocks */
	BUSY = 60 * 60, /* seconds without a byte until a dump is one that nobody writes any more */
};

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define CLEANUP_DIR __attribute__((cleanup(close_dir)))

static int newest_first(const void *pa, const void *pb)
{
	const struct retention_dump *a = pa, *b = pb;

	if (a->time != b->time)
		return a->time < b->time ? 1 : -1;
	if (a->nth != b->nth)
		return a->nth < b->nth ? 1 : -1;
	return strcmp(b->name, a->name);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static bool too_old(const struct retention_dump *d, const struct retention_limits *l, uint64_t now)
{
	return l->keep_days && now > d->time && (now - d->time) / DAY >= l->keep_days;
}

/* What there is while some of it is meant to go. */
struct balance {
	uint64_t dumps, bytes, free;
};

static void let_go(struct balance *b, const struct retention_dump *d)
{
	b->dumps--;
	b->bytes -= d->bytes < b->bytes ? d->bytes : b->bytes;
	b->free = sum(b->free, d->bytes);
}

static bool lacks_room(const struct balance *b, const struct retention_limits *l, uint64_t coming)
{
	return (l->keep_bytes && sum(b->bytes, coming) > l->keep_bytes) ||
	       (l->min_free && b->free < sum(l->min_free, coming));
}

static bool too_many(const struct balance *b, const struct retention_limits *l, bool incoming)
{
	return l->keep_dumps && b->dumps + incoming > l->keep_dumps;
}

/*
 * The bytes that dumps go for: none where there is no room even when all have gone but @best.
 * They would be lost for nothing.
 */
static uint64_t within_reach(const struct retention_dump *dumps, size_t n, size_t best,
			     struct balance b, const struct retention_limits *l,
			     const struct retention_ask *ask)
{
	uint64_t coming = ask->incoming ? ask->need : 0;

	for (size_t i = 0; i < n; i++)
		if (i != best)
			let_go(&b, &dumps[i]);
	return lacks_room(&b, l, coming) ? 0 : coming;
}

size_t retention_decide(struct retention_dump *dumps, size_t n, const struct retention_limits *l,
			const struct retention_ask *ask)
{
	struct balance b = {.dumps = n, .bytes = ask->held, .free = ask->free};
	size_t best = n, removed = 0;
	uint64_t coming;

	qsort(dumps, n, sizeof(*dumps), newest_first);
	for (size_t i = 0; i < n; i++) {
		dumps[i].remove = false;
		b.bytes = sum(b.bytes, dumps[i].bytes);
		if (ask->stays ? !strcmp(dumps[i].name, ask->stays)
			       : best == n && dumps[i].complete)
			best = i;
	}
	coming = within_reach(dumps, n, best, b, l, ask);
	for (size_t i = n; i-- > 0;) {
		if (i == best || !(too_old(&dumps[i], l, ask->now) ||
				   too_many(&b, l, ask->incoming) || lacks_room(&b, l, coming)))
			continue;
		dumps[i].remove = true;
		removed++;
		let_go(&b, &dumps[i]);
	}
	return removed;
}

static DIR *open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Whether all that is in @d is plain files of ours; their bytes and whether a dump is whole. */
static bool all_ours(DIR *d, struct retention_dump *ret)
{
	unsigned int files = 0;
	struct dirent *e;

	while ((e = readdir(d))) {
		struct stat st;

		if (is_dots(e->d_name))
			continue;
		if (++files > RETENTION_FILES_MAX || !crashdir_is_file(e->d_name) ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			return false;
		// What has another name elsewhere frees nothing.
		if (st.st_nlink == 1)
			ret->bytes = sum(ret->bytes, (uint64_t)st.st_blocks * SECTOR);
		if (strcmp(e->d_name, CRASHDIR_DUMP) == 0 || strcmp(e->d_name, CRASHDIR_FLAT) == 0)
			ret->complete = true;
	}
	return true;
}

static bool is_ours(int fd, const char *name, struct retention_dump *ret)
{
	CLEANUP_DIR DIR *d = NULL;
	struct crashdir parts;

	if (!crashdir_parse(name, &parts))
		return false;
	*ret = (struct retention_dump){.time = parts.time, .nth = parts.nth};
	// What parses is short enough.
	memcpy(ret->name, name, strlen(name) + 1);
	d = open_dir(fd, name);
	return d && all_ours(d, ret);
}

int retention_scan(struct retention *r, int at, const char *except, struct err *err)
{
	CLEANUP_DIR DIR *d = open_dir(at, ".");
	struct dirent *e;

	r->n = 0;
	if (!d)
		return err_sys(err, "retention: the directory of the dumps");
	for (unsigned int i = 0; i < ENTRIES_MAX && r->n < RETENTION_DUMPS_MAX; i++) {
		errno = 0;
		e = readdir(d);
		if (!e && errno)
			return err_sys(err, "retention: the directory of the dumps");
		if (!e)
			break;
		if ((!except || strcmp(e->d_name, except) != 0) &&
		    is_ours(at, e->d_name, &r->dumps[r->n]))
			r->n++;
	}
	return 0;
}

static int remove_dir(int at, const char *name, struct watch *watch, struct err *err)
{
	CLEANUP_DIR DIR *d = NULL;
	struct retention_dump dump;
	struct dirent *e;

	if (!is_ours(at, name, &dump))
		return err_set(err, ERR_USAGE, "'%.64s': not the directory of a crash alone", name);
	d = open_dir(at, name);
	if (!d)
		return err_sys(err, "%s", name);
	for (unsigned int i = 0; i < RETENTION_FILES_MAX + 2 && (e = readdir(d)); i++) {
		// What came in since stays, and the directory with it.
		if (is_dots(e->d_name) || !crashdir_is_file(e->d_name))
			continue;
		if (unlinkat(dirfd(d), e->d_name, 0))
			return err_sys(err, "%s/%s", name, e->d_name);
		watch_beat(watch);
	}
	if (unlinkat(at, name, AT_REMOVEDIR))
		return err_sys(err, "%s", name);
	if (fsync(at))
		return err_sys(err, "%s: fsync of the directory that it was in", name);
	return 0;
}

int retention_remove(int at, const char *name, struct err *err)
{
	return remove_dir(at, name, NULL, err);
}

/* Whether a dump is being made in there: by which machine does not matter. */
static bool is_busy(int at, const char *name, uint64_t clock)
{
	char path[CRASHDIR_NAME_MAX + sizeof(CRASHDIR_TEMP)];
	struct stat st;

	snprintf(path, sizeof(path), "%s/" CRASHDIR_TEMP, name);
	return !fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) && (uint64_t)st.st_mtime + BUSY > clock;
}

static bool is_of_host(const char *name, const char *host)
{
	struct crashdir parts;

	return crashdir_parse(name, &parts) && strlen(host) == parts.host_len &&
	       memcmp(name, host, parts.host_len) == 0;
}

/* Leaves those in the list that this machine may decide on. */
static void leave_own(struct retention *r, int at, const char *host)
{
	uint64_t clock = time(NULL);
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		if (is_of_host(r->dumps[i].name, host) && !is_busy(at, r->dumps[i].name, clock))
			r->dumps[n++] = r->dumps[i];
	}
	r->n = n;
}

void retention_heed_clock(struct retention_limits *l, struct retention_ask *ask, uint64_t clock)
{
	uint64_t apart = ask->now > clock ? ask->now - clock : clock - ask->now;

	if (apart > DAY)
		l->keep_days = 0;
	if (ask->now > clock)
		ask->now = clock;
}

int retention_run(struct retention *r, int at, const char *except, const struct retention_limits *l,
		  struct retention_ask *ask, struct err *err)
{
	int rc = retention_scan(r, at, except, err);
	struct statvfs vfs;
	int removed = 0;

	if (rc)
		return rc;
	if (ask->host)
		leave_own(r, at, ask->host);
	if (fstatvfs(at, &vfs))
		return err_sys(err, "retention: free space");
	ask->free = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	retention_decide(r->dumps, r->n, l, ask);
	for (size_t i = r->n; i-- > 0;) {
		struct err why = {0};
		int failed;

		if (!r->dumps[i].remove)
			continue;
		failed = remove_dir(at, r->dumps[i].name, ask->watch, &why);
		removed += !failed;
		if (failed && !rc) {
			rc = failed;
			if (err)
				*err = why;
		}
	}
	return rc ? rc : removed;
}
