// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/facts.h"

/* Makes @path and what it is in, below @root, which is there. */
static int make_dirs(const char *root, const char *dir, char path[static FACTS_PATH_MAX],
		     struct err *err)
{
	int rc = facts_path(path, FACTS_PATH_MAX, root, dir, err);
	char *p;

	if (rc)
		return rc;
	for (p = path + strlen(root) + 1; p; p = p ? p + 1 : NULL) {
		p = strchr(p, '/');
		if (p)
			*p = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return err_sys(err, "%s", path);
		if (p)
			*p = '/';
	}
	return 0;
}

/* fsync of the directory and of the one that has its name, which may be new as well. */
static int sync_dirs(char *path, struct err *err)
{
	char *slash = strrchr(path, '/');
	int rc = io_sync_dir(path, err);

	if (rc || !slash || slash == path)
		return rc;
	*slash = '\0';
	rc = io_sync_dir(path, err);
	*slash = '/';
	return rc;
}

int store_write(const char *root, const char *dir, const char *name, const void *data, size_t size,
		struct err *err)
{
	CLEANUP_CLOSE int at = -1, fd = -1;
	char path[FACTS_PATH_MAX], temp[FACTS_PATH_MAX];
	int rc = make_dirs(root, dir, path, err);

	if (rc)
		return rc;
	if (snprintf(temp, sizeof(temp), ".%s.new", name) >= (int)sizeof(temp))
		return err_set(err, ERR_LIMIT, "%s: name too long", name);
	at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return err_sys(err, "%s", path);
	if (unlinkat(at, temp, 0) && errno != ENOENT)
		return err_sys(err, "%s/%s", path, temp);
	fd = openat(at, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s/%s", path, temp);
	rc = io_write(fd, data, size, err);
	if (!rc && fsync(fd))
		rc = err_sys(err, "fsync");
	if (!rc && renameat(at, temp, at, name))
		rc = err_sys(err, "rename");
	if (rc) {
		unlinkat(at, temp, 0);
		err_prepend(err, "%s/%s", path, name);
		return rc;
	}
	return sync_dirs(path, err);
}

int store_remove(const char *root, const char *dir, const char *name, struct err *err)
{
	CLEANUP_CLOSE int at = -1;
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), root, dir, err);

	if (rc)
		return rc;
	at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, "%s", path);
	if (unlinkat(at, name, 0))
		return errno == ENOENT ? 0 : err_sys(err, "%s/%s", path, name);
	return fsync(at) ? err_sys(err, "%s: fsync", path) : 0;
}
