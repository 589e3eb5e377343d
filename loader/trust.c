// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/trust.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "loader/facts.h"

static int look(const char *root, const char *path, struct stat *st, struct err *err)
{
	char full[FACTS_PATH_MAX];
	int rc = facts_path(full, sizeof(full), root, path, err);

	if (rc)
		return rc;
	// Of a link what it leads to: that is read.
	if (stat(full, st) == 0)
		return 0;
	return errno == ENOENT || errno == ENOTDIR
		       ? err_set(err, ERR_NOTFOUND, "%s: is not there", path)
		       : err_sys(err, "%s", path);
}

static int check_owner(const struct stat *st, const char *path, struct err *err)
{
	if (st->st_uid == 0 || st->st_uid == geteuid())
		return 0;
	return err_set(err, ERR_USAGE, "%s: belongs to user %u: run `chown root %s`", path,
		       st->st_uid, path);
}

static int check_file(const struct stat *st, const char *path, struct err *err)
{
	int rc = check_owner(st, path, err);

	if (rc)
		return rc;
	if (S_ISREG(st->st_mode) && st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, ERR_USAGE,
			       "%s: others than its owner may write to it (mode %04o): run `chmod "
			       "go-w %s`",
			       path, st->st_mode & 07777, path);
	return 0;
}

int trust_file(const char *root, const char *path, struct err *err)
{
	struct stat st;
	int rc = look(root, path, &st, err);

	return rc ? rc : check_file(&st, path, err);
}

/* Whoever may write to a directory above may have another file there at the next load. */
static int check_way(int fd, const char *path, struct err *err)
{
	char link[32], real[FACTS_PATH_MAX];
	struct stat st;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, real, sizeof(real) - 1);
	if (n < 0)
		return err_sys(err, "%s: where it is", path);
	real[n] = '\0';
	for (char *end; (end = strrchr(real, '/')) && end != real;) {
		*end = '\0';
		if (stat(real, &st) < 0)
			return err_sys(err, "%s", real);
		if (st.st_mode & S_IWOTH && !(st.st_mode & S_ISVTX))
			return err_set(err, ERR_USAGE,
				       "%s: anybody may put another file in its place, since %s "
				       "is open to all (mode %04o): run `chmod o-w %s`",
				       path, real, st.st_mode & 07777, real);
	}
	return 0;
}

int trust_opened(int fd, const char *path, struct err *err)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) < 0)
		return err_sys(err, "%s", path);
	rc = check_file(&st, path, err);
	return rc ? rc : check_way(fd, path, err);
}

int trust_secret(const char *root, const char *path, struct err *err)
{
	struct stat st;
	int rc = look(root, path, &st, err);

	if (!rc)
		rc = check_owner(&st, path, err);
	if (rc)
		return rc;
	if (st.st_mode & 077)
		return err_set(err, ERR_USAGE,
			       "%s: others than its owner may get at it (mode %04o): run `chmod "
			       "go= %s`",
			       path, st.st_mode & 07777, path);
	return 0;
}
