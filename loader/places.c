// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/places.h"

#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"

#define LOOK_DIR "/run/lifeboat/look"

enum {
	MOUNTINFO_MAX = 4 << 20,
};

/* A line of /proc/self/mountinfo (proc(5)), taken apart. */
struct mount_line {
	unsigned int major, minor;
	char *root, *point, *type, *source;
};

int places_device(const char *where, char *ret, size_t size, struct err *err)
{
	char *node = blkid_evaluate_tag(where, NULL, NULL);
	struct stat st;
	int rc = 0;

	if (!node || stat(node, &st))
		rc = err_set(err, ERR_NOTFOUND, "%s: there is no such device", where);
	else if (!S_ISBLK(st.st_mode))
		rc = err_set(err, ERR_USAGE, "%s: is not a block device", where);
	else if (snprintf(ret, size, "%s", node) >= (int)size)
		rc = err_set(err, ERR_LIMIT, "%s: name too long", where);
	free(node);
	return rc;
}

/* "\040" is a space there; in place, it only gets shorter. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*to++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
}

static bool parse_mount(char *line, struct mount_line *m)
{
	char *rest = strstr(line, " - "), *save = NULL, *word;

	if (!rest)
		return false;
	*rest = '\0';
	word = strtok_r(line, " ", &save);
	word = word ? strtok_r(NULL, " ", &save) : NULL;
	word = word ? strtok_r(NULL, " ", &save) : NULL;
	if (!word || sscanf(word, "%u:%u", &m->major, &m->minor) != 2)
		return false;
	m->root = strtok_r(NULL, " ", &save);
	m->point = strtok_r(NULL, " ", &save);
	m->type = strtok_r(rest + 3, " ", &save);
	m->source = m->type ? strtok_r(NULL, " ", &save) : NULL;
	if (!m->root || !m->point || !m->source)
		return false;
	unescape(m->point);
	unescape(m->source);
	return true;
}

/* The lines of /proc/self/mountinfo below @root; the caller frees. */
static char *read_mounts(const char *root)
{
	char path[FACTS_PATH_MAX], *text = NULL;

	if (facts_path(path, sizeof(path), root, "/proc/self/mountinfo", NULL) ||
	    io_read_file(path, MOUNTINFO_MAX, &text, NULL, NULL))
		return NULL;
	return text;
}

bool places_fstype(const char *root, dev_t dev, char *ret, size_t size)
{
	CLEANUP_FREE char *text = read_mounts(root);
	char *save = NULL;

	if (!text)
		return false;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		struct mount_line m;

		if (parse_mount(l, &m) && makedev(m.major, m.minor) == dev)
			return snprintf(ret, size, "%s", m.type) < (int)size;
	}
	return false;
}

/* Where the whole of @device (or of @source, for what has none) is mounted. */
static bool find_mount(const char *root, const struct stat *device, const char *source,
		       char point[static FACTS_PATH_MAX])
{
	CLEANUP_FREE char *text = read_mounts(root);
	char *save = NULL;

	if (!text)
		return false;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		struct mount_line m;

		if (!parse_mount(l, &m) || strcmp(m.root, "/") != 0)
			continue;
		if (device ? makedev(m.major, m.minor) == device->st_rdev
			   : strcmp(m.source, source) == 0)
			return snprintf(point, FACTS_PATH_MAX, "%s", m.point) < FACTS_PATH_MAX;
	}
	return false;
}

const char *places_look_only(const char *fstype)
{
	static const struct {
		const char *fstype, *options;
	} rows[] = {
		{"ext3", "noload"},
		{"ext4", "noload"},
		{"xfs", "norecovery"},
		// The whole, as the collector mounts it.
		{"btrfs", "rescue=nologreplay,subvolid=5"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(fstype, rows[i].fstype) == 0)
			return rows[i].options;
	return "";
}

bool places_needs_replay(const char *device)
{
	enum { SUPER = 1024, MAGIC_AT = 0x38, MAGIC = 0xef53, INCOMPAT_AT = 0x60, RECOVER = 4 };
	CLEANUP_CLOSE int fd = open(device, O_RDONLY | O_CLOEXEC);
	unsigned char super[INCOMPAT_AT + 4];

	return fd >= 0 && pread(fd, super, sizeof(super), SUPER) == sizeof(super) &&
	       load_le16(super + MAGIC_AT) == MAGIC && load_le32(super + INCOMPAT_AT) & RECOVER;
}

/* The mounts of this process are its own from here on; where it was is kept. */
static int leave_home(struct places *p)
{
	if (p->home >= 0)
		return 0;
	p->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (p->home < 0 || unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		int sys = errno;

		cleanup_close_(&p->home);
		p->home = -1;
		errno = sys;
		return -1;
	}
	return 0;
}

/* Where nothing is mounted that was not before: a directory under which each gets one. */
static bool mount_to_look(struct places *p, struct place *place, const char *device,
			  const char *fstype, char point[static FACTS_PATH_MAX])
{
	snprintf(point, FACTS_PATH_MAX, LOOK_DIR ".%u", p->nmounted);
	mkdir("/run/lifeboat", 0700);
	if (mkdir(point, 0700) && errno != EEXIST) {
		snprintf(place->trouble, sizeof(place->trouble), "%.64s: %s", point,
			 strerror(errno));
		return false;
	}
	if (leave_home(p) ||
	    mount(device, point, fstype, MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC,
		  places_look_only(fstype))) {
		snprintf(place->trouble, sizeof(place->trouble),
			 "is not mounted, and cannot be for the moment: %s", strerror(errno));
		rmdir(point);
		return false;
	}
	p->nmounted++;
	place->mounted = true;
	place->unplayed = places_needs_replay(device);
	return true;
}

static void set_dir(struct place *place, const char *root, const char *point, const char *path)
{
	const char *slash = strcmp(point, "/") == 0 ? "" : point;

	snprintf(place->dir, sizeof(place->dir), "%s%s%s", root, slash, path);
	if (place->mounted)
		snprintf(place->shown, sizeof(place->shown), "%.300s:%.3000s", place->name, path);
	else
		snprintf(place->shown, sizeof(place->shown), "%.1500s%.1500s", slash, path);
}

static void find_fs(struct places *p, struct place *place, const char *root,
		    const struct config_target *t)
{
	char device[FACTS_PATH_MAX], point[FACTS_PATH_MAX];
	struct err why = {0};
	struct stat st;

	if (strcmp(t->fstype, "virtiofs") == 0) {
		if (find_mount(root, NULL, t->where, point))
			set_dir(place, root, point, t->path);
		else
			snprintf(place->trouble, sizeof(place->trouble), "is not mounted");
		return;
	}
	if (places_device(t->where, device, sizeof(device), &why) || stat(device, &st)) {
		snprintf(place->trouble, sizeof(place->trouble), "%.300s", why.msg);
		return;
	}
	if (find_mount(root, &st, NULL, point) ||
	    (!root[0] && mount_to_look(p, place, device, t->fstype, point)))
		set_dir(place, root, point, t->path);
	else if (!place->trouble[0])
		snprintf(place->trouble, sizeof(place->trouble), "is not mounted");
}

static void find_one(struct places *p, const char *root, const struct config_target *t)
{
	struct place *place = &p->rows[p->n++];
	char point[FACTS_PATH_MAX];
	struct err why = {0};

	*place = (struct place){.mounted = false};
	snprintf(place->name, sizeof(place->name), "%s %.280s", config_target_name(t),
		 t->kind == CONFIG_TARGET_LOCAL ? t->path : t->where);
	switch (t->kind) {
	case CONFIG_TARGET_LOCAL:
		set_dir(place, root, "/", t->path);
		break;
	case CONFIG_TARGET_FS:
		find_fs(p, place, root, t);
		break;
	case CONFIG_TARGET_RAW:
		if (places_device(t->where, place->device, sizeof(place->device), &why))
			snprintf(place->trouble, sizeof(place->trouble), "%.300s", why.msg);
		break;
	case CONFIG_TARGET_NFS:
		place->shared = true;
		if (find_mount(root, NULL, t->where, point))
			set_dir(place, root, point, t->path);
		break;
	case CONFIG_TARGET_SSH:
		place->shared = true;
		break;
	}
}

void places_find(struct places *p, const char *root, const struct config *c)
{
	struct config_target rootfs = {.kind = CONFIG_TARGET_LOCAL};

	*p = (struct places){.home = -1};
	for (size_t i = 0; i < c->ntargets; i++)
		find_one(p, root, &c->targets[i]);
	if (c->failure_action != CONFIG_ACTION_DUMP_TO_ROOTFS)
		return;
	memcpy(rootfs.path, c->path, sizeof(rootfs.path));
	find_one(p, root, &rootfs);
}

void places_release(struct places *p)
{
	char point[64];

	for (unsigned int i = 0; i < p->nmounted; i++) {
		snprintf(point, sizeof(point), LOOK_DIR ".%u", i);
		umount2(point, MNT_DETACH);
	}
	if (p->home >= 0 && setns(p->home, CLONE_NEWNS) == 0) {
		for (unsigned int i = 0; i < p->nmounted; i++) {
			snprintf(point, sizeof(point), LOOK_DIR ".%u", i);
			rmdir(point);
		}
	}
	cleanup_close_(&p->home);
	p->home = -1;
	p->nmounted = 0;
}
