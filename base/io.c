// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

ssize_t io_read(int fd, void *buf, size_t size, struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)buf + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read");
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

ssize_t io_pread(int fd, void *buf, size_t size, uint64_t offset, struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, (char *)buf + done, size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "read of %zu bytes at offset %llu", size - done,
				       (unsigned long long)(offset + done));
		if (n == 0)
			break;
		done += n;
	}
	return done;
}

int io_write(int fd, const void *buf, size_t size, struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(fd, (const char *)buf + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write");
		done += n;
	}
	return 0;
}

int io_pwrite(int fd, const void *buf, size_t size, uint64_t offset, struct err *err)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, (const char *)buf + done, size - done, offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "write of %zu bytes at offset %llu", size - done,
				       (unsigned long long)(offset + done));
		done += n;
	}
	return 0;
}

int io_read_file(const char *path, size_t max, char **ret, size_t *size_ret, struct err *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP_FREE char *buf = NULL;
	size_t size = 0, room = 0;

	if (fd < 0)
		return err_sys(err, "%s", path);
	// Files of /proc have no size to ask for: grow until a read comes back short.
	for (;;) {
		ssize_t n;

		if (size == room) {
			size_t more = room ? room * 2 : 4096;
			char *grown = realloc(buf, more + 1);

			if (!grown)
				return err_set(err, ERR_NOMEM, "%s: no memory for %zu bytes", path,
					       more);
			buf = grown;
			room = more;
		}
		n = io_read(fd, buf + size, room - size, err);
		if (n < 0) {
			err_prepend(err, "%s", path);
			return n;
		}
		size += n;
		if (size > max)
			return err_set(err, ERR_LIMIT, "%s: longer than %zu bytes", path, max);
		if (size < room)
			break;
	}
	buf[size] = '\0';
	*ret = STEAL_PTR(buf);
	if (size_ret)
		*size_ret = size;
	return 0;
}

int io_sync_dir(const char *path, struct err *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "%s", path);
	if (fsync(fd) < 0)
		return err_sys(err, "%s: fsync", path);
	return 0;
}

void io_hold_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}
