// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

/* As the old one was; a file system without owners has none to be kept. */
static int set_mode(int fd, const char *path, int mode, struct err *err)
{
	struct stat st;

	if (mode == REPLACE_KEEP && !stat(path, &st)) {
		if (fchown(fd, st.st_uid, st.st_gid) && errno != EPERM)
			return err_sys(err, "owner");
		mode = st.st_mode & 07777;
	} else if (mode == REPLACE_KEEP) {
		mode = 0644;
	}
	return fchmod(fd, mode) && errno != EPERM ? err_sys(err, "mode") : 0;
}

static int sync_above(const char *path, struct err *err)
{
	char dir[REPLACE_PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		return io_sync_dir(".", err);
	slash[slash == dir] = '\0';
	return io_sync_dir(dir, err);
}

int replace_file(const char *path, const void *data, size_t size, int mode, struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	char temp[REPLACE_PATH_MAX];
	int rc;

	if (snprintf(temp, sizeof(temp), "%s" REPLACE_SUFFIX, path) >= (int)sizeof(temp))
		return err_set(err, ERR_LIMIT, "%.64s...: name too long", path);
	if (unlink(temp) && errno != ENOENT)
		return err_sys(err, "%s", temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", temp);
	rc = io_write(fd, data, size, err);
	if (!rc)
		rc = set_mode(fd, path, mode, err);
	if (!rc && fsync(fd))
		rc = err_sys(err, "fsync");
	if (!rc && rename(temp, path))
		rc = err_sys(err, "rename");
	if (!rc)
		return sync_above(path, err);
	unlink(temp);
	err_prepend(err, "%s", path);
	return rc;
}
