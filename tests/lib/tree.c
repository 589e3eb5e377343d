// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum {
	TREE_PATH = 512,
	TREE_FDS = 16,
};

static bool tree_path(char *full, const char *root, const char *path)
{
	return snprintf(full, TREE_PATH, "%s%s", root, path) < TREE_PATH;
}

bool tree_make(char *root)
{
	return mkdtemp(root) != NULL;
}

bool tree_put(const char *root, const char *path, const void *data, size_t size)
{
	char full[TREE_PATH];
	CLEANUP_CLOSE int fd = -1;

	if (!tree_path(full, root, path))
		return false;
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(full, 0755) && errno != EEXIST)
			return false;
		*p = '/';
	}
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	return fd >= 0 && !io_write(fd, data, size, NULL);
}

bool tree_there(const char *root, const char *path)
{
	char full[TREE_PATH];

	return tree_path(full, root, path) && access(full, F_OK) == 0;
}

bool tree_drop(const char *root, const char *path)
{
	char full[TREE_PATH];

	return tree_path(full, root, path) && unlink(full) == 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

int tree_remove(const char *root)
{
	return nftw(root, remove_one, TREE_FDS, FTW_DEPTH | FTW_PHYS);
}
