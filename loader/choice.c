// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/choice.h"

#include <blkid/blkid.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/blockdev.h"
#include "loader/image.h"
#include "loader/modlist.h"
#include "loader/places.h"
#include "loader/sizing.h"
#include "vmcore/config.h"

#define SMALL_KERNELS "/boot/vmlinuz-*-lifeboat-*"

enum {
	WANTED_MAX = 128,
};

/* The modules that all targets need together. */
struct wanted {
	const char *root;
	struct modlist running; /* of that kernel */
	bool listed; /* it has a list */
	char names[WANTED_MAX][BLOCKDEV_NAME_MAX];
	size_t n;
	bool full; /* there are more: nobody can be said to have all */
};

static void want(struct wanted *w, const char *name)
{
	if (w->n == WANTED_MAX)
		w->full = true;
	else
		snprintf(w->names[w->n++], BLOCKDEV_NAME_MAX, "%.60s", name);
}

/* ext4 serves its elders: a kernel may have no other module for them. */
static void want_fs(struct wanted *w, const char *type)
{
	bool elder = strcmp(type, "ext2") == 0 || strcmp(type, "ext3") == 0;

	want(w, elder ? "ext4" : type);
}

static void want_drivers(struct wanted *w, const struct blockdev *b)
{
	// What the running kernel could not have as a module is part of any: bridges of a bus, say.
	for (size_t i = 0; i < b->ndrivers; i++)
		if (!w->listed || modlist_has(&w->running, b->drivers[i]))
			want(w, b->drivers[i]);
}

/* Of a device that is not there, or is no single one, as with btrfs, nobody can be said to have all. */
static void want_disk(struct wanted *w, const struct config_target *t, struct blockdev *b)
{
	char node[FACTS_PATH_MAX] = "", *type = NULL;
	dev_t dev = 0;
	struct stat st;

	if (t->kind == CONFIG_TARGET_LOCAL) {
		dev = sizing_device_of(w->root, t->path);
		snprintf(node, sizeof(node), "/dev/block/%u:%u", major(dev), minor(dev));
		type = blkid_get_tag_value(NULL, "TYPE", node);
	} else if (!places_device(t->where, node, sizeof(node), NULL) && !stat(node, &st)) {
		dev = st.st_rdev;
	}
	if (dev && !blockdev_look(b, w->root, dev, NULL))
		want_drivers(w, b);
	else
		w->full = true;
	if (t->kind == CONFIG_TARGET_FS)
		want_fs(w, t->fstype);
	else if (type)
		want_fs(w, type);
	free(type);
}

static bool is_there(const char *dir, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.2000s/%.200s", dir, name);
	return access(path, F_OK) == 0;
}

/* A link that is up, or cannot say so, may be on the way; @dir is /sys/class/net/NAME. */
static void want_link(struct wanted *w, const char *dir, struct blockdev *b)
{
	CLEANUP_FREE char *state = NULL, *device = NULL;
	char path[FACTS_PATH_MAX], sys[FACTS_PATH_MAX], vlan[FACTS_PATH_MAX];

	snprintf(path, sizeof(path), "%.2000s/operstate", dir);
	if (!io_read_file(path, 64, &state, NULL, NULL) && strncmp(state, "down", 4) == 0)
		return;
	if (is_there(dir, "bonding"))
		want(w, "bonding");
	if (is_there(dir, "bridge"))
		want(w, "bridge");
	snprintf(vlan, sizeof(vlan), "%.2000s/proc/net/vlan", w->root);
	if (is_there(vlan, strrchr(dir, '/') + 1))
		want(w, "8021q");
	snprintf(path, sizeof(path), "%.2000s/device", dir);
	snprintf(sys, sizeof(sys), "%.2000s/sys", w->root);
	device = realpath(path, NULL);
	if (!device || strncmp(device, sys, strlen(sys)) != 0)
		return;
	blockdev_drivers(b, w->root, device + strlen(sys));
	want_drivers(w, b);
}

static void want_network(struct wanted *w, struct blockdev *b)
{
	char pattern[FACTS_PATH_MAX];
	glob_t found = {0};

	snprintf(pattern, sizeof(pattern), "%.2000s/sys/class/net/*", w->root);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		want_link(w, found.gl_pathv[i], b);
	globfree(&found);
}

static void want_words(struct wanted *w, const char *words)
{
	CLEANUP_FREE char *text = strdup(words);
	char *save = NULL;

	for (char *p = text ? strtok_r(text, " \t", &save) : NULL; p;
	     p = strtok_r(NULL, " \t", &save))
		want(w, p);
}

static void want_all(struct wanted *w, const struct config *c, struct blockdev *b)
{
	const struct config_target rootfs = {.kind = CONFIG_TARGET_LOCAL, .path = "/"};
	bool remote = false;

	for (size_t i = 0; i < c->ntargets; i++) {
		const struct config_target *t = &c->targets[i];

		if (t->kind == CONFIG_TARGET_NFS)
			want(w, "nfs");
		if (t->kind == CONFIG_TARGET_NFS || t->kind == CONFIG_TARGET_SSH)
			remote = true;
		else
			want_disk(w, t, b);
	}
	if (c->failure_action == CONFIG_ACTION_DUMP_TO_ROOTFS)
		want_disk(w, &rootfs, b);
	if (remote && strcmp(c->network, "none") != 0)
		want_network(w, b);
	want_words(w, c->extra_modules);
}

static bool has_all(const struct wanted *w, const char *release)
{
	struct modlist m;
	bool all = modlist_read(&m, w->root, release) && !w->full;

	for (size_t i = 0; i < w->n && all; i++)
		all = modlist_has(&m, w->names[i]);
	modlist_free(&m);
	return all;
}

/* Bytes it takes in the reservation; UINT64_MAX: it cannot be read. */
static uint64_t memory_of(const char *root, const char *path, const char *release,
			  struct image *img)
{
	CLEANUP_CLOSE int fd = -1;

	if (image_open_kernel(img, root, path, release, &fd, NULL))
		return UINT64_MAX;
	return img->memory ? img->memory : UINT64_MAX;
}

static void take_smallest(const struct wanted *w, const char *running, char *ret, size_t size)
{
	char pattern[FACTS_PATH_MAX];
	glob_t found = {0};
	struct image img;
	uint64_t least = memory_of(w->root, "", running, &img);

	ret[0] = '\0';
	snprintf(pattern, sizeof(pattern), "%.2000s" SMALL_KERNELS, w->root);
	glob(pattern, 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i] + strlen(w->root);
		uint64_t memory = memory_of(w->root, path, "", &img);

		bool newer = ret[0] && strverscmp(path, ret) > 0;

		if (memory > least || (memory == least && !newer) ||
		    !has_all(w, path + strlen("/boot/vmlinuz-")))
			continue;
		least = memory;
		snprintf(ret, size, "%s", path);
	}
	globfree(&found);
}

int choice_kernel(const struct config *c, const char *root, char *ret, size_t size, struct err *err)
{
	CLEANUP_FREE struct wanted *w = calloc(1, sizeof(*w));
	CLEANUP_FREE struct blockdev *b = malloc(sizeof(*b));
	CLEANUP_FREE char *running = NULL;
	char path[FACTS_PATH_MAX];
	int rc;

	if (!w || !b)
		return err_set(err, ERR_NOMEM, "no memory to choose a kernel");
	snprintf(path, sizeof(path), "%.2000s/proc/sys/kernel/osrelease", root);
	rc = io_read_file(path, FACTS_WORD_MAX, &running, NULL, err);
	if (rc)
		return rc;
	running[strcspn(running, "\n")] = '\0';
	w->root = root;
	w->listed = modlist_read(&w->running, root, running);
	want_all(w, c, b);
	take_smallest(w, running, ret, size);
	modlist_free(&w->running);
	return 0;
}

void choice_recorded(const char *root, char *ret, size_t size)
{
	CLEANUP_FREE char *line = NULL;
	char path[FACTS_PATH_MAX];

	ret[0] = '\0';
	snprintf(path, sizeof(path), "%.2000s" CHOICE_FILE, root);
	if (io_read_file(path, FACTS_PATH_MAX, &line, NULL, NULL))
		return;
	line[strcspn(line, "\n")] = '\0';
	snprintf(path, sizeof(path), "%.2000s%.2000s", root, line);
	if (line[0] == '/' && strlen(line) < size && !access(path, F_OK))
		snprintf(ret, size, "%s", line);
}
