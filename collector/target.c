// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/target.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/log.h"
#include "vmcore/config.h"

#define MOUNT_POINT "/run/lifeboat/target"

enum {
	POLL_MS = 100,
	PARTITIONS_MAX = 64 << 10,
};

/* Makes @path when it is not there; then its name is durable in the directory that it is in. */
static int make_one_dir(char *path, struct err *err)
{
	char *slash = strrchr(path, '/');
	int rc;

	if (mkdir(path, 0700))
		return errno == EEXIST ? 0 : err_sys(err, "%s", path);
	if (!slash || slash == path)
		return io_sync_dir(slash ? "/" : ".", err);
	*slash = '\0';
	rc = io_sync_dir(path, err);
	*slash = '/';
	return rc;
}

int target_make_dir(const char *path, struct err *err)
{
	char part[TARGET_PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return err_set(err, ERR_LIMIT, "%s: name too long", path);
	memcpy(part, path, len + 1);
	for (size_t i = 1; i <= len; i++) {
		char end = part[i];
		int rc;

		if (end != '/' && end != '\0')
			continue;
		part[i] = '\0';
		rc = make_one_dir(part, err);
		if (rc)
			return rc;
		part[i] = end;
	}
	return 0;
}

/* The names in /proc/partitions, for an operator who asks why the disk was not found. */
static void list_devices(char *buf, size_t room)
{
	CLEANUP_FREE char *text = NULL;
	char *line, *save;
	size_t used = 0;

	snprintf(buf, room, "none");
	if (io_read_file("/proc/partitions", PARTITIONS_MAX, &text, NULL, NULL))
		return;
	line = strtok_r(text, "\n", &save);
	for (; line && used < room; line = strtok_r(NULL, "\n", &save)) {
		char name[64];

		if (sscanf(line, " %*u %*u %*u %63s", name) == 1)
			used += snprintf(buf + used, room - used, "%s%s", used ? " " : "", name);
	}
}

/* "LABEL=x", "UUID=x", "PARTUUID=x" or a path -> a path of a block device that is there. */
static bool find_device(const char *where, char *ret, size_t room)
{
	char *name = blkid_evaluate_tag(where, NULL, NULL);
	struct stat st;
	bool found = false;

	if (name && !stat(name, &st) && S_ISBLK(st.st_mode))
		found = snprintf(ret, room, "%s", name) < (int)room;
	free(name);
	return found;
}

static int wait_for_device(struct target *t, const char *where, unsigned int seconds,
			   struct err *err)
{
	uint64_t end = log_now_ms() + (uint64_t)seconds * 1000;
	char there[256];

	for (;;) {
		if (find_device(where, t->device, sizeof(t->device)))
			return 0;
		if (log_now_ms() >= end)
			break;
		usleep(POLL_MS * 1000);
	}
	list_devices(there, sizeof(there));
	return err_set(
		err, ERR_NOTFOUND,
		"target %s: no such device after %u seconds (there are: %s); its driver may be "
		"missing from the capture initrd, or the name is wrong",
		where, seconds, there);
}

static int mount_target(struct target *t, const char *fstype, struct err *err)
{
	int rc = target_make_dir(MOUNT_POINT, err);

	if (rc)
		return rc;
	if (mount(t->device, MOUNT_POINT, fstype, MS_NOATIME | MS_NODEV | MS_NOSUID | MS_NOEXEC,
		  "")) {
		// What a device says whose medium is write-protected.
		if (errno == EROFS || errno == EACCES)
			return err_set(err, ERR_SYS, "target %s is read-only: no dump can go there",
				       t->device);
		return err_sys(err, "target %s: mount as %s", t->device, fstype);
	}
	t->mounted = true;
	snprintf(t->mount_point, sizeof(t->mount_point), "%s", MOUNT_POINT);
	return 0;
}

static int open_fs(struct target *t, const struct config *c, struct err *err)
{
	int rc = wait_for_device(t, c->target.where, c->device_timeout, err);

	if (!rc)
		rc = mount_target(t, c->target.fstype, err);
	if (rc)
		return rc;
	snprintf(t->dir, sizeof(t->dir), "%s/%s", MOUNT_POINT, c->path + strspn(c->path, "/"));
	return 0;
}

int target_open(struct target *t, const struct config *c, struct err *err)
{
	*t = (struct target){0};
	switch (c->target.kind) {
	case CONFIG_TARGET_LOCAL:
		snprintf(t->dir, sizeof(t->dir), "%s", c->path);
		return 0;
	case CONFIG_TARGET_FS:
		return open_fs(t, c, err);
	case CONFIG_TARGET_RAW:
		return wait_for_device(t, c->target.where, c->device_timeout, err);
	case CONFIG_TARGET_NFS:
	case CONFIG_TARGET_SSH:
		break;
	}
	return err_set(err, ERR_UNSUPPORTED, "target %s: this version writes to local disks only",
		       c->target.where);
}

int target_close(struct target *t, struct err *err)
{
	if (!t->mounted)
		return 0;
	t->mounted = false;
	if (umount2(t->mount_point, 0))
		return err_sys(err, "%s: unmount", t->device);
	return 0;
}
