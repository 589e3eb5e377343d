// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/trust.h"

#include <errno.h>
#include <stdbool.h>
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

/* The same of a file that is root's, or the caller's. */
static int look_at_ours(const char *root, const char *path, struct stat *st, struct err *err)
{
	int rc = look(root, path, st, err);

	if (rc || st->st_uid == 0 || st->st_uid == geteuid())
		return rc;
	return err_set(err, ERR_USAGE, "%s: belongs to user %u: run `chown root %s`", path,
		       st->st_uid, path);
}

int trust_file(const char *root, const char *path, struct err *err)
{
	struct stat st;
	int rc = look_at_ours(root, path, &st, err);

	if (rc)
		return rc;
	if (S_ISREG(st.st_mode) && st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, ERR_USAGE,
			       "%s: others than its owner may write to it (mode %04o): run `chmod "
			       "go-w %s`",
			       path, st.st_mode & 07777, path);
	return 0;
}

int trust_secret(const char *root, const char *path, struct err *err)
{
	struct stat st;
	int rc = look_at_ours(root, path, &st, err);

	if (rc)
		return rc;
	if (st.st_mode & 077)
		return err_set(err, ERR_USAGE,
			       "%s: others than its owner may get at it (mode %04o): run `chmod "
			       "go= %s`",
			       path, st.st_mode & 07777, path);
	return 0;
}
