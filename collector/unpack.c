// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/newc.h"

enum {
	IN_SIZE = 32 << 10,
	OUT_SIZE = 64 << 10,
	LINK_MAX_LEN = 4096, /* PATH_MAX, with a zero */
};

struct unpack {
	int fd, dirfd;
	uint64_t spare; /* bytes of memory that are to stay free */
	ZSTD_DStream *zstd;
	ZSTD_inBuffer in;
	uint64_t taken; /* bytes of @fd */
	size_t left; /* 0: the frame is at its end, and was whole */
	size_t have, used; /* bytes of out */
	uint64_t at; /* place in the archive of out[used] */
	uint8_t in_buf[IN_SIZE], out[OUT_SIZE];
	char name[NEWC_NAME_MAX + 1], link[LINK_MAX_LEN];
};

static int more_input(struct unpack *u, struct err *err)
{
	ssize_t n = io_read(u->fd, u->in_buf, sizeof(u->in_buf), err);

	if (n < 0)
		return n;
	if (!n)
		return err_set(err, ERR_CORRUPT, "ends too early, after %" PRIu64 " bytes",
			       u->taken);
	u->taken += n;
	u->in = (ZSTD_inBuffer){.src = u->in_buf, .size = n};
	// What cannot be punched stays until the file is removed.
	(void)fallocate(u->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, u->taken);
	return 0;
}

static int check_memory(const struct unpack *u, struct err *err)
{
	struct sysinfo s;
	uint64_t free;

	if (sysinfo(&s))
		return 0;
	free = (uint64_t)s.freeram * s.mem_unit;
	return free >= u->spare ? 0
				: err_set(err, ERR_NOMEM, "no more than %" PRIu64 " KiB are free",
					  free >> 10);
}

/* The next bytes of the archive; none only at the end of the frame. */
static int more(struct unpack *u, struct err *err)
{
	int rc = check_memory(u, err);

	u->have = u->used = 0;
	while (!rc && !u->have && u->left) {
		ZSTD_outBuffer out = {.dst = u->out, .size = sizeof(u->out)};

		rc = u->in.pos < u->in.size ? 0 : more_input(u, err);
		if (rc)
			break;
		u->left = ZSTD_decompressStream(u->zstd, &out, &u->in);
		if (ZSTD_isError(u->left))
			return err_set(err,
				       ZSTD_getErrorCode(u->left) == ZSTD_error_memory_allocation
					       ? ERR_NOMEM
					       : ERR_CORRUPT,
				       "zstd, behind %" PRIu64 ": %s", u->at,
				       ZSTD_getErrorName(u->left));
		u->have = out.pos;
	}
	return rc;
}

/* Hands over up to @max bytes, at least one. */
static int next(struct unpack *u, uint64_t max, const uint8_t **ret, size_t *size_ret,
		struct err *err)
{
	int rc = u->used < u->have ? 0 : more(u, err);

	if (!rc && !u->have)
		rc = err_set(err, ERR_CORRUPT, "the archive ends at %" PRIu64 ", in a file", u->at);
	if (rc)
		return rc;
	*ret = u->out + u->used;
	*size_ret = u->have - u->used < max ? u->have - u->used : max;
	u->used += *size_ret;
	u->at += *size_ret;
	return 0;
}

static int get(struct unpack *u, void *to, uint64_t size, struct err *err)
{
	uint8_t *p = to;

	while (size) {
		const uint8_t *from;
		size_t n;
		int rc = next(u, size, &from, &n, err);

		if (rc)
			return rc;
		memcpy(p, from, n);
		p += n;
		size -= n;
	}
	return 0;
}

static int fill(struct unpack *u, struct err *err)
{
	uint8_t none[NEWC_ALIGN];

	return get(u, none, newc_fill(u->at), err);
}

/* Relative, and not through "..": what is unpacked stays below the directory. */
static bool is_below(const char *name)
{
	if (!*name || *name == '/')
		return false;
	for (const char *s = name; s; s = strchr(s, '/')) {
		s += *s == '/';
		if (s[0] == '.' && s[1] == '.' && (!s[2] || s[2] == '/'))
			return false;
	}
	return true;
}

static int make_file(struct unpack *u, const struct newc *h, struct err *err)
{
	CLEANUP_CLOSE int fd =
		openat(u->dirfd, u->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc = fd < 0 ? err_sys(err, "creating it") : 0;

	for (uint64_t left = h->size; left && !rc;) {
		const uint8_t *from;
		size_t n = 0;

		rc = next(u, left, &from, &n, err);
		if (!rc)
			rc = io_write(fd, from, n, err);
		left -= n;
	}
	if (!rc && fchmod(fd, h->mode & 07777))
		rc = err_sys(err, "its mode");
	return rc;
}

static int make_link(struct unpack *u, const struct newc *h, struct err *err)
{
	int rc;

	if (!h->size || h->size >= sizeof(u->link))
		return err_set(err, ERR_CORRUPT, "a link of %" PRIu32 " bytes", h->size);
	rc = get(u, u->link, h->size, err);
	u->link[h->size] = '\0';
	if (!rc && symlinkat(u->link, u->dirfd, u->name))
		rc = err_sys(err, "creating it");
	return rc;
}

static int make_dir(struct unpack *u, const struct newc *h, struct err *err)
{
	if (h->size)
		return err_set(err, ERR_CORRUPT, "a directory of %" PRIu32 " bytes", h->size);
	if (mkdirat(u->dirfd, u->name, 0700) && errno != EEXIST)
		return err_sys(err, "creating it");
	return fchmodat(u->dirfd, u->name, h->mode & 07777, 0) ? err_sys(err, "its mode") : 0;
}

static int make(struct unpack *u, const struct newc *h, struct err *err)
{
	if (!is_below(u->name))
		return err_set(err, ERR_CORRUPT, "not a name below the directory");
	if (S_ISDIR(h->mode))
		return make_dir(u, h, err);
	if (unlinkat(u->dirfd, u->name, 0) && errno != ENOENT)
		return err_sys(err, "taking its place");
	if (S_ISLNK(h->mode))
		return make_link(u, h, err);
	// Of several names only the last one would have the content.
	if (!S_ISREG(h->mode) || h->links > 1)
		return err_set(err, ERR_UNSUPPORTED, "mode %" PRIo32 ", %" PRIu32 " names", h->mode,
			       h->links);
	return make_file(u, h, err);
}

/* One file; *@done: it was the trailer. */
static int take_file(struct unpack *u, bool *done, struct err *err)
{
	uint8_t header[NEWC_SIZE];
	uint64_t at = u->at;
	struct newc h;
	int rc = get(u, header, sizeof(header), err);

	if (rc)
		return rc;
	if (!newc_read(header, &h))
		return err_set(err, ERR_CORRUPT, "no header of a cpio archive at %" PRIu64, at);
	rc = get(u, u->name, h.name_size, err);
	u->name[h.name_size] = '\0';
	if (!rc)
		rc = fill(u, err);
	*done = !rc && strcmp(u->name, NEWC_TRAILER) == 0;
	if (rc || *done)
		return rc;
	rc = make(u, &h, err);
	if (!rc)
		rc = fill(u, err);
	if (rc)
		err_prepend(err, "%s", u->name);
	return rc;
}

int unpack(int fd, int dirfd, uint64_t spare, struct err *err)
{
	CLEANUP_FREE struct unpack *u = calloc(1, sizeof(*u));
	bool done = false;
	int rc = 0;

	if (!u)
		return err_set(err, ERR_NOMEM, "no memory to unpack anything");
	u->fd = fd;
	u->dirfd = dirfd;
	u->spare = spare;
	u->left = 1;
	u->zstd = ZSTD_createDStream();
	if (!u->zstd)
		return err_set(err, ERR_NOMEM, "no memory for zstd");
	ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, UNPACK_WINDOW_LOG);
	while (!done && !rc)
		rc = take_file(u, &done, err);
	// Whether all of it was right the end of the frame says, where it has a sum.
	while (u->left && !rc)
		rc = more(u, err);
	ZSTD_freeDStream(u->zstd);
	return rc;
}
