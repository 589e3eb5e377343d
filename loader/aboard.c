// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/aboard.h"

#include <blkid/blkid.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "loader/blockdev.h"
#include "loader/facts.h"
#include "loader/initrd.h"
#include "loader/modlist.h"
#include "loader/places.h"
#include "loader/sizing.h"
#include "vmcore/config.h"
#include "vmcore/ssh.h"

#define REBUILD "run lifeboat-mkinitrd and `lifeboat reload`"

enum {
	BUILTIN_MAX = 4 << 20, /* of modules.builtin */
	KEY_MAX = 256 << 10,
};

struct look {
	struct aboard *a;
	const char *root;
	const struct initrd *r;
	const char *release, *running;
	char *builtin; /* of the capture kernel; NULL: not known */
	struct modlist modules; /* of the running kernel */
	bool listed; /* it has a list */
};

static void __attribute__((format(printf, 2, 3))) missing(struct look *l, const char *fmt, ...)
{
	struct aboard *a = l->a;
	va_list ap;

	if (a->nmissing == ABOARD_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(a->missing[a->nmissing++], ABOARD_TEXT_MAX, fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 2, 3))) note(struct look *l, const char *fmt, ...)
{
	struct aboard *a = l->a;
	va_list ap;

	if (a->nnotes == ABOARD_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(a->notes[a->nnotes++], ABOARD_TEXT_MAX, fmt, ap);
	va_end(ap);
}

/* ---- modules ---- */

static void read_builtin(struct look *l)
{
	char path[FACTS_PATH_MAX];

	snprintf(path, sizeof(path), "%.2000s/lib/modules/%.64s/modules.builtin", l->root,
		 l->release);
	if (io_read_file(path, BUILTIN_MAX, &l->builtin, NULL, NULL))
		l->builtin = NULL;
}

/* "kernel/fs/ext4/ext4.ko" in the list stands for ext4; '-' and '_' are the same. */
static bool is_builtin(const struct look *l, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = l->builtin; p && (p = strchr(p, '/')); p++) {
		size_t k = 0;

		while (k < len && (p[1 + k] == name[k] ||
				   (p[1 + k] && strchr("-_", p[1 + k]) && strchr("-_", name[k]))))
			k++;
		if (k == len && strncmp(p + 1 + k, ".ko", 3) == 0)
			return true;
	}
	return false;
}

/*
 * Of a module of the running kernel: the capture kernel has it built in, or it is aboard. Of another
 * kernel whose list is not here neither can be told.
 */
static void want_module(struct look *l, const char *name, const char *what)
{
	if (initrd_module(l->r, name) || is_builtin(l, name))
		return;
	if (!l->builtin && strcmp(l->release, l->running) != 0)
		note(l,
		     "whether kernel %s needs a module %s for %s cannot be told: it has no "
		     "/lib/modules/%s here",
		     l->release, name, what, l->release);
	else
		missing(l, "the initrd has no module %s, and %s needs it: " REBUILD, name, what);
}

static void want_drivers(struct look *l, const struct blockdev *b, const char *what)
{
	// Since 6.15 what is built in has a name in /sys, too, that no kernel need have as a module.
	for (size_t i = 0; i < b->ndrivers; i++)
		if (!l->listed || modlist_has(&l->modules, b->drivers[i]))
			want_module(l, b->drivers[i], what);
}

/* ---- targets on a disk ---- */

/* The file system on a device: ext2 and its kin are one module. */
static void want_fs(struct look *l, const char *type, const char *what)
{
	char path[FACTS_PATH_MAX];
	CLEANUP_FREE char *known = NULL;

	if (!type[0])
		return;
	if (strcmp(type, "ext2") == 0 || strcmp(type, "ext3") == 0)
		type = "ext4";
	if (initrd_module(l->r, type) || is_builtin(l, type))
		return;
	// Without a list: the running kernel knows it, and has no module for it in use?
	snprintf(path, sizeof(path), "%.2000s/sys/module/%.32s/refcnt", l->root, type);
	if (!l->builtin && strcmp(l->release, l->running) == 0 &&
	    io_read_file(path, 64, &known, NULL, NULL))
		return;
	want_module(l, type, what);
}

/* The name of what @path leads to: "vda1". */
static bool end_name(const char *path, char ret[static NAME_MAX + 1])
{
	CLEANUP_FREE char *real = realpath(path, NULL);

	if (real)
		snprintf(ret, NAME_MAX + 1, "%.255s", strrchr(real, '/') + 1);
	return real;
}

/* The name of the block device that @where means here; a UUID needs no udev, but is found faster. */
static bool device_name(const struct look *l, const char *where, char ret[static NAME_MAX + 1])
{
	char path[FACTS_PATH_MAX];

	if (strncmp(where, "UUID=", 5) == 0) {
		snprintf(path, sizeof(path), "%.2000s/dev/disk/by-uuid/%.300s", l->root, where + 5);
		if (end_name(path, ret))
			return true;
	}
	return !places_device(where, path, sizeof(path), NULL) && end_name(path, ret);
}

/*
 * A directory was given to the initrd as the file system that it was on when that was built, as
 * target @t of it: it must be on it now.
 */
static void check_resolved(struct look *l, const struct config_target *t, dev_t dev,
			   const char *what)
{
	char path[FACTS_PATH_MAX], now[NAME_MAX + 1], then[NAME_MAX + 1];

	snprintf(path, sizeof(path), "%.2000s/sys/dev/block/%u:%u", l->root, major(dev),
		 minor(dev));
	if (!end_name(path, now))
		return;
	if (!t || t->kind != CONFIG_TARGET_FS)
		missing(l, "the initrd does not know %s: " REBUILD, what);
	else if (!device_name(l, t->where, then))
		missing(l,
			"the initrd has %.100s for %s, which is no device of this machine: " REBUILD,
			t->where, what);
	else if (strcmp(now, then) != 0)
		missing(l,
			"the initrd has %.100s for %s, which is %s, and it is on %s now: " REBUILD,
			t->where, what, then, now);
}

static void check_disk(struct look *l, const struct config_target *t,
		       const struct config_target *theirs, const char *what)
{
	CLEANUP_FREE struct blockdev *b = malloc(sizeof(*b));
	char node[FACTS_PATH_MAX] = "", *type = NULL;
	dev_t dev = 0;
	struct stat st;

	if (!b)
		return;
	if (t->kind == CONFIG_TARGET_LOCAL) {
		dev = sizing_device_of(l->root, t->path);
		snprintf(node, sizeof(node), "/dev/block/%u:%u", major(dev), minor(dev));
	} else if (!places_device(t->where, node, sizeof(node), NULL) && !stat(node, &st)) {
		dev = st.st_rdev;
	}
	if (!dev)
		return;
	if (t->kind == CONFIG_TARGET_LOCAL)
		check_resolved(l, theirs, dev, what);
	if (blockdev_look(b, l->root, dev, NULL))
		note(l, "%s is on no block device of its own: its drivers were not looked for",
		     what);
	else
		want_drivers(l, b, what);
	if (t->kind == CONFIG_TARGET_FS) {
		want_fs(l, t->fstype, what);
	} else if (t->kind == CONFIG_TARGET_LOCAL) {
		type = blkid_get_tag_value(NULL, "TYPE", node);
		want_fs(l, type ? type : "", what);
		free(type);
	}
}

/* ---- targets on other machines ---- */

/* Cards that the description in the initrd names by their place in sysfs. */
static void check_cards(struct look *l, const struct initrd_file *f)
{
	CLEANUP_FREE struct blockdev *b = malloc(sizeof(*b));
	CLEANUP_FREE char *text = strndup((const char *)f->data, f->size);
	char *save = NULL;

	if (!b || !text)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *path = strstr(line, " path=");
		char name[32] = "?";

		if (sscanf(line, "link %31s nic", name) != 1 || !path)
			continue;
		path += 6;
		path[strcspn(path, " ")] = '\0';
		blockdev_drivers(b, l->root, path);
		want_drivers(l, b, name);
	}
}

static void check_network(struct look *l, const struct config *c, const char *what)
{
	const struct initrd_file *f = initrd_find(l->r, "etc/lifeboat/network");

	if (strcmp(c->network, "none") == 0)
		return;
	if (f)
		check_cards(l, f);
	else
		missing(l,
			"the initrd does not say how to reach %s: it was built before that was a "
			"target; " REBUILD,
			what);
}

/* A key that was made anew since is not the one that the capture will log in with. */
static void check_same(struct look *l, const char *path, const char *what)
{
	const struct initrd_file *f = initrd_find(l->r, path + strspn(path, "/"));
	CLEANUP_FREE char *text = NULL;
	char full[FACTS_PATH_MAX];
	size_t size;

	if (facts_path(full, sizeof(full), l->root, path, NULL) ||
	    io_read_file(full, KEY_MAX, &text, &size, NULL))
		return;
	if (!f)
		missing(l, "the initrd has no %s, and %s needs it: " REBUILD, path, what);
	else if (f->size != size || memcmp(f->data, text, size) != 0)
		missing(l, "%s has changed since the initrd was built, for %s: " REBUILD, path,
			what);
}

static void check_ssh(struct look *l, const struct config *c, const struct config_target *t,
		      const char *what)
{
	if (!initrd_find(l->r, "bin/ssh") && !initrd_find(l->r, "usr/bin/ssh"))
		missing(l, "the initrd has no ssh, and %s needs it: " REBUILD, what);
	check_same(l, t->sshkey[0] ? t->sshkey : SSH_KEY_DEFAULT, what);
	check_same(l, c->ssh_hostkeys[0] ? c->ssh_hostkeys : SSH_HOSTKEYS_DEFAULT, what);
}

/* ---- all of them ---- */

/* What the initrd was told: the same targets; a directory is the file system's that it is on. */
static void check_targets(struct look *l, const struct config *c, struct config *theirs)
{
	const struct initrd_file *f = initrd_find(l->r, "etc/lifeboat.conf");

	config_default(theirs);
	theirs->ntargets = 0;
	if (!f) {
		missing(l,
			"the initrd has no /etc/lifeboat.conf: it is not one of lifeboat-mkinitrd; " REBUILD);
		return;
	}
	config_default(theirs);
	config_parse(theirs, "lifeboat.conf", (const char *)f->data, f->size, false, NULL);
	for (size_t i = 0; i < c->ntargets; i++) {
		const struct config_target *t = &c->targets[i];
		bool known = t->kind == CONFIG_TARGET_LOCAL;

		for (size_t k = 0; k < theirs->ntargets && !known; k++)
			known = theirs->targets[k].kind == t->kind &&
				strcmp(theirs->targets[k].where, t->where) == 0;
		if (!known)
			missing(l, "the initrd does not know target %s %s: " REBUILD,
				config_target_name(t), t->where);
	}
}

void aboard_check(struct aboard *a, const char *root, const struct config *c,
		  const struct initrd *r, const char *release, const char *running)
{
	struct look l = {.a = a, .root = root, .r = r, .release = release, .running = running};

	CLEANUP_FREE struct config *theirs = malloc(sizeof(*theirs));

	*a = (struct aboard){.nmissing = 0};
	if (!theirs) {
		missing(&l, "no memory to look at what the initrd was told");
		return;
	}
	read_builtin(&l);
	l.listed = modlist_read(&l.modules, root, running);
	check_targets(&l, c, theirs);
	for (size_t i = 0; i < c->ntargets; i++) {
		const struct config_target *t = &c->targets[i];
		char what[128];

		snprintf(what, sizeof(what), "target %s %.90s", config_target_name(t),
			 t->kind == CONFIG_TARGET_LOCAL ? t->path : t->where);
		if (t->kind == CONFIG_TARGET_NFS || t->kind == CONFIG_TARGET_SSH)
			check_network(&l, c, what);
		else
			check_disk(&l, t, i < theirs->ntargets ? &theirs->targets[i] : NULL, what);
		if (t->kind == CONFIG_TARGET_NFS)
			want_fs(&l, "nfs", what);
		if (t->kind == CONFIG_TARGET_SSH)
			check_ssh(&l, c, t, what);
	}
	modlist_free(&l.modules);
	free(l.builtin);
}
