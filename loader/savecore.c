// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat savecore: takes a dump from a device without a file system into a crash directory. The
 * device is let go only when the copy is on the disk and was read back.
 */
#define XXH_STATIC_LINKING_ONLY // the states are of a known size
#include "loader/command.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "loader/places.h"
#include "loader/rawdump.h"
#include "loader/store.h"
#include "vmcore/crashdir.h"
#include "vmcore/vmcore.h"

enum {
	EXIT_INCOMPLETE = 3,
	CHUNK = 1 << 20,
	HOLE = 4096, /* bytes that are left out when all are zero */
	TEXT_MAX = 16 << 10,
};

struct savecore {
	bool keep;
	char device[FACTS_PATH_MAX];
	char base[FACTS_PATH_MAX]; /* where crash directories go */
	char dir[FACTS_PATH_MAX]; /* of this one */
	int fd; /* of the device */
	uint64_t room; /* bytes of it */
	struct rawdump raw;
	uint8_t *buf; /* CHUNK bytes */
	uint64_t index_digest, data_digest;
	bool whole;
};

/* ---- what is meant ---- */

static int read_words(struct savecore *s, const struct context *ctx, const struct config *c,
		      struct err *err)
{
	const char *names[2] = {NULL, c->path};
	struct stat st;
	size_t n = 0;

	for (size_t i = 0; i < c->ntargets && !names[0]; i++) {
		if (c->targets[i].kind == CONFIG_TARGET_RAW)
			names[0] = c->targets[i].where;
	}
	for (size_t i = 0; i < ctx->nwords; i++) {
		const char *word = ctx->words[i];

		if (strcmp(word, "--keep") == 0)
			s->keep = true;
		else if (word[0] == '-' || n == ARRAY_SIZE(names))
			return err_set(err, ERR_USAGE,
				       "'%.64s': expected [--keep] [DEVICE "
				       "[DIRECTORY]]",
				       word);
		else
			names[n++] = word;
	}
	if (!names[0])
		return err_set(err, ERR_USAGE, "no DEVICE was named, and %s names no raw target",
			       ctx->config);
	if (snprintf(s->base, sizeof(s->base), "%s", names[1]) >= (int)sizeof(s->base) ||
	    strlen(names[0]) >= sizeof(s->device))
		return err_set(err, ERR_LIMIT, "%.64s...: name too long", names[0]);
	// An image of a device is as good.
	if (stat(names[0], &st) == 0 && S_ISREG(st.st_mode)) {
		strcpy(s->device, names[0]);
		return 0;
	}
	return places_device(names[0], s->device, sizeof(s->device), err);
}

static int open_device(struct savecore *s, struct err *err)
{
	struct stat st;

	// Of a block device O_EXCL says: nobody has it mounted.
	s->fd = open(s->device, (s->keep ? O_RDONLY : O_RDWR) | O_EXCL | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &st))
		return err_sys(err, "%s", s->device);
	s->room = st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(s->fd, BLKGETSIZE64, &s->room))
		return err_sys(err, "%s: size", s->device);
	return 0;
}

/* ---- the copy ---- */

static int make_dirs(const char *path, struct err *err)
{
	char part[FACTS_PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1;; p++) {
		char end = *p;

		if (end != '/' && end)
			continue;
		*p = '\0';
		if (mkdir(part, 0700) && errno != EEXIST)
			return err_sys(err, "%s", part);
		*p = end;
		if (!end)
			return 0;
	}
}

static int make_crash_dir(struct savecore *s, struct err *err)
{
	char name[CRASHDIR_NAME_MAX];
	int rc = make_dirs(s->base, err);

	for (unsigned int i = 0; !rc; i++) {
		rc = crashdir_name(name, sizeof(name), CRASHDIR_LOCAL_HOST, s->raw.crash_time, i,
				   err);
		if (!rc)
			rc = facts_path(s->dir, sizeof(s->dir), s->base, "/", err);
		if (!rc && strlen(s->dir) + strlen(name) >= sizeof(s->dir))
			rc = err_set(err, ERR_LIMIT, "%s: name too long", s->base);
		if (rc)
			break;
		strcat(s->dir, name);
		if (mkdir(s->dir, 0700) == 0)
			return io_sync_dir(s->base, err);
		if (errno != EEXIST)
			rc = err_sys(err, "%s", s->dir);
	}
	s->dir[0] = '\0';
	return rc;
}

static int check_space(const struct savecore *s, struct err *err)
{
	struct statvfs st;
	uint64_t free;

	if (statvfs(s->dir, &st))
		return err_sys(err, "%s", s->dir);
	free = (uint64_t)st.f_bavail * st.f_frsize;
	if (free < s->raw.size)
		return err_set(err, ERR_NOSPC,
			       "%s: the dump has %" PRIu64 " MiB, %" PRIu64
			       " MiB are free; make room, or name another DIRECTORY",
			       s->base, s->raw.size >> 20, free >> 20);
	return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

/* Writes @n bytes, and leaves holes where they are zero. */
static int write_sparse(int fd, const uint8_t *buf, size_t n, uint64_t at, struct err *err)
{
	for (size_t i = 0; i < n;) {
		size_t end = i;
		int rc;

		while (end < n && !is_zero(buf + end, n - end < HOLE ? n - end : HOLE))
			end += n - end < HOLE ? n - end : HOLE;
		rc = end > i ? io_pwrite(fd, buf + i, end - i, at + i, err) : 0;
		if (rc)
			return rc;
		i = end + HOLE;
	}
	return 0;
}

/* Both digests, as the manifest has them: of the index, and of what is behind it. */
struct digests {
	XXH64_state_t index, data;
	uint64_t index_size, at;
};

static void digests_begin(struct digests *d, uint64_t index_size)
{
	XXH64_reset(&d->index, 0);
	XXH64_reset(&d->data, 0);
	d->index_size = index_size;
	d->at = 0;
}

static void digests_add(struct digests *d, const uint8_t *buf, size_t n)
{
	size_t first = 0;

	if (d->at < d->index_size)
		first = d->index_size - d->at < n ? d->index_size - d->at : n;
	XXH64_update(&d->index, buf, first);
	XXH64_update(&d->data, buf + first, n - first);
	d->at += n;
}

/* Reads the dump from @from; writes it to @to, unless that is negative. */
static int pass(struct savecore *s, int from, int to, struct digests *d, struct err *err)
{
	digests_begin(d, s->raw.index_size);
	while (d->at < s->raw.size) {
		uint64_t left = s->raw.size - d->at, at = d->at;
		size_t want = left < CHUNK ? left : CHUNK;
		ssize_t n = io_pread(from, s->buf, want, at, err);
		int rc;

		if (n < 0)
			return n;
		if ((size_t)n < want)
			return err_set(err, ERR_NODATA, "ends at %" PRIu64 " of %" PRIu64 " bytes",
				       at + n, s->raw.size);
		digests_add(d, s->buf, want);
		rc = to < 0 ? 0 : write_sparse(to, s->buf, want, at, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* The copy by itself: our own reader takes it, and it has the bytes of the device. */
static int check_copy(struct savecore *s, int fd, const char *path, struct digests *first,
		      struct err *err)
{
	struct digests again;
	struct vmcore *vc;
	int rc = vmcore_open(path, &vc, err);

	if (rc)
		return rc;
	vmcore_close(vc);
	// From the disk, as far as the kernel lets us.
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	rc = pass(s, fd, -1, &again, err);
	if (rc)
		return rc;
	s->index_digest = XXH64_digest(&first->index);
	s->data_digest = XXH64_digest(&first->data);
	if (XXH64_digest(&again.index) != s->index_digest ||
	    XXH64_digest(&again.data) != s->data_digest)
		return err_set(err, ERR_CORRUPT, "the copy does not read back as it was written");
	return 0;
}

static int copy(struct savecore *s, struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	char temp[FACTS_PATH_MAX + 32], path[FACTS_PATH_MAX + 32];
	struct digests d;
	int rc;

	snprintf(temp, sizeof(temp), "%s/" CRASHDIR_TEMP, s->dir);
	snprintf(path, sizeof(path), "%s/" CRASHDIR_DUMP, s->dir);
	fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", temp);
	rc = pass(s, s->fd, fd, &d, err);
	if (!rc && (ftruncate(fd, s->raw.size) || fsync(fd)))
		rc = err_sys(err, "fsync");
	if (!rc)
		rc = check_copy(s, fd, temp, &d, err);
	s->whole = !rc && !s->raw.incomplete && !s->raw.lost;
	if (!rc && s->whole && rename(temp, path))
		rc = err_sys(err, "rename");
	if (!rc)
		return io_sync_dir(s->dir, err);
	err_prepend(err, "%s", temp);
	unlink(temp);
	return rc;
}

static int write_manifest(const struct savecore *s, struct err *err)
{
	CLEANUP_FREE char *text = malloc(TEXT_MAX);
	char name[RAWDUMP_NAME_MAX];
	struct json j;

	if (!text)
		return err_set(err, ERR_NOMEM, "no memory");
	rawdump_name(&s->raw, name);
	json_init(&j, text, TEXT_MAX);
	json_object(&j, NULL);
	json_u64(&j, "manifest_version", 1);
	json_string(&j, "tool", "lifeboat savecore " LIFEBOAT_VERSION);
	json_string(&j, "status", s->whole ? "complete" : "incomplete");
	json_string(&j, "reason",
		    s->whole		? ""
		    : s->raw.incomplete ? "its writer did not get to its end"
					: "pages of it were not written to the device");
	json_object(&j, "crash");
	json_string(&j, "release", s->raw.release);
	json_string(&j, "version", s->raw.version);
	json_string(&j, "nodename", s->raw.nodename);
	json_string(&j, "machine", s->raw.machine);
	json_u64(&j, "time", s->raw.crash_time);
	json_object_end(&j);
	json_object(&j, "dump");
	json_string(&j, "file", s->whole ? CRASHDIR_DUMP : CRASHDIR_TEMP);
	json_string(&j, "format", "kdump");
	json_u64(&j, "bytes", s->raw.size);
	json_u64(&j, "page_size", s->raw.block_size);
	json_string(&j, "taken_from", name);
	json_object_end(&j);
	json_object(&j, "digest");
	json_string(&j, "algorithm", "xxh64");
	json_u64(&j, "index_bytes", s->raw.index_size);
	json_hex64(&j, "index", s->index_digest);
	json_u64(&j, "data_bytes", s->raw.size - s->raw.index_size);
	json_hex64(&j, "data", s->data_digest);
	json_object_end(&j);
	json_object_end(&j);
	if (j.overflow)
		return err_set(err, ERR_LIMIT, "the manifest is too long");
	return store_write("", s->dir, CRASHDIR_MANIFEST, text, j.used, err);
}

static int take(struct savecore *s, const struct context *ctx, struct err *err)
{
	int rc = make_crash_dir(s, err);

	if (rc)
		return rc;
	rc = check_space(s, err);
	if (!rc)
		rc = copy(s, err);
	if (!rc)
		rc = write_manifest(s, err);
	if (rc) {
		rmdir(s->dir);
		return rc;
	}
	fprintf(ctx->out, "%s: %" PRIu64 " bytes, the crash of Linux %s, saved to %s%s\n",
		s->device, s->raw.size, s->raw.release, s->dir,
		s->whole ? "" : ", an incomplete dump");
	if (s->raw.lost)
		fprintf(ctx->diag, "lifeboat: savecore: note: %" PRIu64 " pages are lost\n",
			s->raw.lost);
	if (s->keep)
		return s->whole ? 0 : EXIT_INCOMPLETE;
	rc = rawdump_mark_taken(s->fd, err);
	if (rc)
		err_prepend(err, "%s: saved, but cannot be marked as taken", s->device);
	return rc ? rc : s->whole ? 0 : EXIT_INCOMPLETE;
}

static int run(struct savecore *s, const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct config *c = malloc(sizeof(*c));
	int rc;

	s->buf = malloc(CHUNK);
	if (!c || !s->buf)
		return err_set(err, ERR_NOMEM, "no memory");
	rc = command_read_config(ctx, NULL, c, err);
	if (!rc)
		rc = read_words(s, ctx, c, err);
	if (!rc)
		rc = open_device(s, err);
	if (rc)
		return rc;
	rc = rawdump_measure(s->fd, s->room, &s->raw, err);
	if (rc == ERR_NOTFOUND) {
		fprintf(ctx->out, "nothing to do: %s: %s\n", s->device, err->msg);
		return 0;
	}
	if (rc)
		err_prepend(err, "%s", s->device);
	return rc ? rc : take(s, ctx, err);
}

int command_savecore(const struct context *ctx, struct err *err)
{
	struct savecore s = {.fd = -1};
	int rc = run(&s, ctx, err);

	cleanup_close_(&s.fd);
	free(s.buf);
	return rc;
}
