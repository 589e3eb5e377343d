// SPDX-License-Identifier: GPL-2.0-or-later
/* A directory of a file system: one that is mounted already, of a block device, or of a server. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/log.h"
#include "collector/nfs.h"
#include "collector/sink.h"
#include "collector/target.h"
#include "vmcore/config.h"
#include "vmcore/crashdir.h"

/* Below it there is a mount point for each process: what comes late in another hides nothing of ours. */
#define MOUNT_DIR "/run/lifeboat/target"

static int make_mount_point(struct target *t, struct err *err)
{
	snprintf(t->mount_point, sizeof(t->mount_point), MOUNT_DIR "/%d", (int)getpid());
	return target_make_dir(t->mount_point, err);
}

enum {
	BUSY_MS = 2000, // an unmount is tried again for so long
	BUSY_STEP_MS = 50,
	ENTRIES_MAX = 1 << 16,
};

const char *target_mount_options(const char *fstype)
{
	static const struct {
		const char *fstype, *options;
	} rows[] = {
		// Owners and modes are made up where there are none: nobody but root has business there.
		{"vfat", "umask=0077"},	 {"msdos", "umask=0077"}, {"exfat", "umask=0077"},
		{"ntfs3", "umask=0077"}, {"btrfs", "subvolid=5"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(fstype, rows[i].fstype) == 0)
			return rows[i].options;
	}
	return "";
}

static int mount_device(struct target *t, struct err *err)
{
	int rc = make_mount_point(t, err);

	if (rc)
		return rc;
	if (mount(t->device, t->mount_point, t->conf->fstype,
		  MS_NOATIME | MS_NODEV | MS_NOSUID | MS_NOEXEC,
		  target_mount_options(t->conf->fstype))) {
		// What a device says whose medium is write-protected.
		if (errno == EROFS || errno == EACCES)
			return err_set(err, ERR_SYS, "%s is read-only: no dump can go there",
				       t->device);
		return err_sys(err, "mount %s as %s", t->device, t->conf->fstype);
	}
	t->mounted = true;
	return 0;
}

static int mount_server(struct target *t, struct err *err)
{
	int rc = make_mount_point(t, err);

	if (!rc)
		rc = nfs_mount(t, t->mount_point, err);
	if (rc)
		return rc;
	t->mounted = true;
	snprintf(t->device, sizeof(t->device), "%s", t->conf->where);
	return 0;
}

static int dir_open(struct target *t, struct err *err)
{
	const char *path = t->conf->path;
	int rc = 0;

	if (t->conf->kind == CONFIG_TARGET_LOCAL) {
		snprintf(t->base, sizeof(t->base), "%s", path);
		return 0;
	}
	if (t->conf->kind == CONFIG_TARGET_NFS) {
		rc = mount_server(t, err);
	} else {
		// The host's directory, by its tag; there is no device to wait for.
		if (strcmp(t->conf->fstype, "virtiofs") == 0)
			snprintf(t->device, sizeof(t->device), "%s", t->conf->where);
		else
			rc = target_find_device(t, err);
		if (!rc)
			rc = mount_device(t, err);
	}
	if (rc)
		return rc;
	if (snprintf(t->base, sizeof(t->base), "%s/%s", t->mount_point, path + strspn(path, "/")) >=
	    (int)sizeof(t->base))
		return err_set(err, ERR_LIMIT, "%s: name too long", path);
	return 0;
}

static int make_named(struct target *t, const char *name, struct err *err)
{
	char path[TARGET_PATH_MAX];
	int rc;

	for (int i = 0; i < TARGET_SAME_NAME_MAX; i++) {
		char suffix[16] = "";

		if (i)
			snprintf(suffix, sizeof(suffix), ".%d", i);
		if (snprintf(path, sizeof(path), "%s/%s%s", t->base, name, suffix) >=
		    (int)sizeof(path))
			return err_set(err, ERR_LIMIT, "%s: name too long", t->base);
		if (access(path, F_OK) == 0)
			continue;
		rc = target_make_dir(path, err);
		if (!rc)
			memcpy(t->dir, path, sizeof(t->dir));
		return rc;
	}
	return err_set(err, ERR_LIMIT, "%s/%s: there are %d of that name already", t->base, name,
		       TARGET_SAME_NAME_MAX);
}

static int dir_make_dir(struct target *t, const char *name, struct err *err)
{
	char plain[CRASHDIR_NAME_MAX];
	struct err why = {0};
	int rc = make_named(t, name, err);

	// A base that has all of them knows colons.
	if (!rc || rc == ERR_LIMIT || !strchr(name, ':') || strlen(name) >= sizeof(plain))
		return rc;
	// It may be one that does not know colons; if not, the first failure is the one to tell.
	strcpy(plain, name);
	crashdir_plain(plain);
	return make_named(t, plain, &why) ? rc : 0;
}

static int dir_open_base(struct target *t, int *fd_ret, struct err *err)
{
	int rc = target_make_dir(t->base, err);

	if (rc)
		return rc;
	*fd_ret = open(t->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd_ret < 0 ? err_sys(err, "%s", t->base) : 0;
}

static int dir_list_dirs(struct target *t, const char *prefix, char *names, size_t room,
			 struct err *err)
{
	size_t used = 0;
	struct dirent *e;
	DIR *d = opendir(t->base);

	names[0] = '\0';
	// One that is not there has none.
	if (!d)
		return errno == ENOENT ? 0 : err_sys(err, "%s", t->base);
	for (int i = 0; i < ENTRIES_MAX && (e = readdir(d)); i++) {
		struct stat st;
		size_t len = strlen(e->d_name);

		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 || len + 2 > room - used ||
		    fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode))
			continue;
		used += snprintf(names + used, room - used, "%s ", e->d_name);
	}
	closedir(d);
	return 0;
}

static int dir_use_dir(struct target *t, const char *name, struct err *err)
{
	char path[TARGET_PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", t->base, name) >= (int)sizeof(path))
		return err_set(err, ERR_LIMIT, "%s: name too long", t->base);
	if (access(path, W_OK | X_OK))
		return err_sys(err, "%s", path);
	memcpy(t->dir, path, sizeof(t->dir));
	return 0;
}

static int dir_small_create(struct target *t, const char *name, int *fd_ret, struct err *err)
{
	return sink_small_create(t->dir, name, fd_ret, err);
}

static int dir_small_commit(struct target *t, const char *name, int fd, struct err *err)
{
	return sink_small_commit(t->dir, name, fd, err);
}

static void dir_small_remove(struct target *t, const char *name)
{
	sink_small_remove(t->dir, name);
}

static int dir_remove_dir(struct target *t, struct err *err)
{
	return rmdir(t->dir) ? err_sys(err, "%s", t->dir) : 0;
}

static int dir_open_sink(struct target *t, const char *name, const char *temp, struct sink *s,
			 struct err *err)
{
	char path[SINK_PATH_MAX], temp_path[SINK_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	snprintf(temp_path, sizeof(temp_path), "%s/%s", t->dir, temp);
	return sink_file_open(s, path, temp_path, true, err);
}

static int dir_space(struct target *t, struct target_space *ret, struct err *err)
{
	struct statvfs st;

	if (statvfs(t->dir[0] ? t->dir : t->base, &st))
		return err_sys(err, "%s: statvfs", t->base);
	ret->free = (uint64_t)st.f_bavail * st.f_frsize;
	ret->size = (uint64_t)st.f_blocks * st.f_frsize;
	return 0;
}

/* A look at a file by another process, such as a hook's, keeps it busy for a while. */
static int unmount(const char *mount_point)
{
	int rc;

	for (int ms = 0; (rc = umount2(mount_point, 0)) && errno == EBUSY && ms < BUSY_MS;
	     ms += BUSY_STEP_MS)
		usleep(BUSY_STEP_MS * 1000);
	return rc;
}

static int detach(struct target *t, struct err *err)
{
	int fd = open(t->mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || syncfs(fd))
		rc = err_sys(err, "%s: sync", t->device);
	if (fd >= 0)
		close(fd);
	if (umount2(t->mount_point, MNT_DETACH | UMOUNT_NOFOLLOW) && !rc)
		rc = err_sys(err, "%s: unmount", t->device);
	return rc;
}

static int dir_close(struct target *t, struct err *err)
{
	if (!t->mounted)
		return 0;
	t->mounted = false;
	if (!unmount(t->mount_point))
		return 0;
	if (errno != EBUSY)
		return err_sys(err, "%s: unmount", t->device);
	// All of ours is closed, and was made durable by name; a last sync is for whose it is.
	log_line(t->log, LOG_ERROR, "warning: %s: somebody else still uses it; it is detached",
		 t->device);
	return detach(t, err);
}

const struct target_ops target_dir = {
	.name = "dir",
	.open = dir_open,
	.make_dir = dir_make_dir,
	.open_base = dir_open_base,
	.use_dir = dir_use_dir,
	.list_dirs = dir_list_dirs,
	.small_create = dir_small_create,
	.small_commit = dir_small_commit,
	.small_remove = dir_small_remove,
	.remove_dir = dir_remove_dir,
	.open_sink = dir_open_sink,
	.space = dir_space,
	.close = dir_close,
};
