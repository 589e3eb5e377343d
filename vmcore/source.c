// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/source.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "vmcore/flattened.h"

// The size of what is open at s->fd, which must be something that can be read at any place.
static int find_size(struct source *s, struct err *err)
{
	struct stat st;
	uint64_t size;

	if (fstat(s->fd, &st) < 0)
		return err_sys(err, "fstat");
	if (S_ISREG(st.st_mode)) {
		size = st.st_size;
	} else if (S_ISBLK(st.st_mode)) {
		off_t end = lseek(s->fd, 0, SEEK_END);

		if (end < 0)
			return err_sys(err, "seek to the end");
		size = end;
	} else {
		return err_set(err, ERR_UNSUPPORTED, "neither a regular file nor a block device");
	}
	if (!size)
		return err_set(err, ERR_NODATA, "the file is empty");
	// /proc/vmcore adds up what the elfcorehdr claims in an u64; no offset above this can be
	// read.
	if (size > INT64_MAX)
		size = INT64_MAX;
	s->size = size;
	return 0;
}

static int find_flattened(struct source *s, struct err *err)
{
	uint8_t head[16];
	ssize_t n = io_pread(s->fd, head, sizeof(head), 0, err);
	int rc;

	if (n < 0)
		return n;
	if (!flattened_probe(head, n))
		return 0;
	rc = flattened_open(s->fd, s->size, &s->flat, err);
	if (rc)
		return rc;
	s->size = flattened_size(s->flat);
	return s->size ? 0 : err_set(err, ERR_NODATA, "the flattened file has no content");
}

int source_open(struct source *s, const char *path, struct err *err)
{
	int rc;

	*s = (struct source){.fd = -1};
	// O_NONBLOCK: a fifo is refused, not waited for.
	s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (s->fd < 0)
		return err_sys(err, "%s", path);
	rc = find_size(s, err);
	if (!rc)
		rc = find_flattened(s, err);
	if (rc)
		err_prepend(err, "%s", path);
	return rc;
}

void source_close(struct source *s)
{
	flattened_close(s->flat);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct source){.fd = -1};
}

bool source_cached(const struct source *s)
{
	struct statfs fs;

	return !fstatfs(s->fd, &fs) && fs.f_type != PROC_SUPER_MAGIC;
}

ssize_t source_pread(const struct source *s, void *buf, size_t size, uint64_t offset,
		     struct err *err)
{
	if (s->flat)
		return flattened_pread(s->flat, buf, size, offset, err);
	return io_pread(s->fd, buf, size, offset, err);
}

int source_read(const struct source *s, const char *what, uint64_t offset, void *buf, size_t size,
		struct err *err)
{
	ssize_t n;

	if (offset > s->size || size > s->size - offset)
		return err_set(err, ERR_NODATA,
			       "%s: %zu bytes at offset %llu expected, the file ends at %llu", what,
			       size, (unsigned long long)offset, (unsigned long long)s->size);
	n = source_pread(s, buf, size, offset, err);
	if (n < 0) {
		err_prepend(err, "%s", what);
		return n;
	}
	if ((size_t)n < size)
		return err_set(err, ERR_NODATA, "%s: %zu bytes at offset %llu expected, %zd found",
			       what, size, (unsigned long long)offset, n);
	return 0;
}
