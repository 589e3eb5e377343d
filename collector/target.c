// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/target.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/log.h"
#include "collector/netup.h"
#include "vmcore/config.h"

enum {
	POLL_MS = 100,
	PARTITIONS_MAX = 64 << 10,
};

/* Which row serves a kind. */
static const struct target_ops *const kinds[] = {
	[CONFIG_TARGET_LOCAL] = &target_dir, [CONFIG_TARGET_FS] = &target_dir,
	[CONFIG_TARGET_RAW] = &target_raw,   [CONFIG_TARGET_NFS] = &target_dir,
	[CONFIG_TARGET_SSH] = &target_ssh,
};

static const struct target_ops *row_of(const struct config_target *conf)
{
	if (conf->kind == CONFIG_TARGET_SSH && conf->method == CONFIG_METHOD_RECEIVE)
		return &target_receive;
	return (size_t)conf->kind < ARRAY_SIZE(kinds) ? kinds[conf->kind] : NULL;
}

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

uint64_t target_patience(const struct target *t, unsigned int seconds)
{
	uint64_t wait = (uint64_t)seconds * 1000;
	uint64_t now = log_now_ms();

	if (!t->end_ms)
		return wait;
	if (now >= t->end_ms)
		return 0;
	return t->end_ms - now < wait ? t->end_ms - now : wait;
}

int target_find_device(struct target *t, struct err *err)
{
	uint64_t patience = target_patience(t, t->config->device_timeout);
	uint64_t end = log_now_ms() + patience;
	char there[256];

	for (;;) {
		if (find_device(t->conf->where, t->device, sizeof(t->device)))
			return 0;
		if (log_now_ms() >= end)
			break;
		usleep(POLL_MS * 1000);
	}
	list_devices(there, sizeof(there));
	return err_set(err, ERR_NOTFOUND,
		       "no such device after %u seconds (there are: %s); its driver may be missing "
		       "from the capture initrd, or the name is wrong",
		       (unsigned int)(patience / 1000), there);
}

void target_text(const struct target *t, char *buf, size_t room)
{
	bool local = t->conf->kind == CONFIG_TARGET_LOCAL;

	snprintf(buf, room, "%s %s", config_target_name(t->conf),
		 local ? t->conf->path : t->conf->where);
}

static int name_it(const struct target *t, int rc, struct err *err)
{
	char text[TARGET_PATH_MAX];

	if (rc) {
		target_text(t, text, sizeof(text));
		err_prepend(err, "target %s", text);
	}
	return rc;
}

int target_init(struct target *t, const struct config *config, const struct config_target *conf,
		struct log *log, struct err *err)
{
	*t = (struct target){.config = config, .conf = conf, .log = log};
	t->ops = row_of(conf);
	if (t->ops)
		return 0;
	return name_it(t, err_set(err, ERR_UNSUPPORTED, "this version has no way to write there"),
		       err);
}

/* What another machine keeps is reached by a network that is up. */
static int need_network(struct target *t, struct err *err)
{
	uint64_t patience = target_patience(t, t->config->network_timeout);

	if (t->conf->kind != CONFIG_TARGET_SSH && t->conf->kind != CONFIG_TARGET_NFS)
		return 0;
	return netup_ensure(patience, t->log, err);
}

int target_open(struct target *t, struct err *err)
{
	int rc = need_network(t, err);

	if (!rc)
		rc = t->ops->open(t, err);

	t->opened = !rc;
	return name_it(t, rc, err);
}

int target_close(struct target *t, struct err *err)
{
	if (!t->opened)
		return 0;
	t->opened = false;
	return name_it(t, t->ops->close(t, err), err);
}

int target_small_memory(const char *name, int *fd_ret, struct err *err)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "memory for %s", name);
	*fd_ret = fd;
	return 0;
}

int target_put(struct target *t, const char *name, const void *text, size_t len, struct err *err)
{
	int fd;
	int rc = t->ops->small_create(t, name, &fd, err);

	if (rc)
		return rc;
	rc = io_write(fd, text, len, err);
	if (!rc)
		return t->ops->small_commit(t, name, fd, err);
	close(fd);
	return rc;
}
