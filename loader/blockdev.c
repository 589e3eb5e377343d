// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/blockdev.h"

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
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
#include "loader/jsonread.h"

enum {
	DEPTH_MAX = 8, /* of devices on devices */
	SLAVES_MAX = 64,
	LUKS_VERSION_AT = 6,
	LUKS_SIZE_AT = 8, /* of header and JSON, LUKS2 */
	LUKS_JSON_AT = 4096,
	LUKS_KEYSLOTS = 32,
	LUKS_HEADER_MAX = LUKS_JSON_AT + JSONREAD_SIZE_MAX,
};

int blockdev_luks_memory(const uint8_t *header, size_t size, uint64_t *ret, struct err *err)
{
	struct json_object *o = NULL;
	uint64_t all, most = 0;
	uint16_t version;
	int rc;

	if (size < LUKS_JSON_AT || memcmp(header, "LUKS\xba\xbe", 6) != 0)
		return err_set(err, ERR_CORRUPT, "no LUKS header");
	memcpy(&version, header + LUKS_VERSION_AT, sizeof(version));
	*ret = 0;
	if (be16toh(version) == 1)
		return 0;
	memcpy(&all, header + LUKS_SIZE_AT, sizeof(all));
	all = be64toh(all);
	if (all <= LUKS_JSON_AT || all > size)
		return err_set(err, ERR_CORRUPT, "a LUKS header of %llu bytes, %zu are there",
			       (unsigned long long)all, size);
	rc = jsonread_parse("LUKS2", (const char *)header + LUKS_JSON_AT,
			    strnlen((const char *)header + LUKS_JSON_AT, all - LUKS_JSON_AT), &o,
			    err);
	if (rc)
		return rc;
	for (int i = 0; i < LUKS_KEYSLOTS; i++) {
		char path[40];
		uint64_t kib;

		snprintf(path, sizeof(path), "keyslots.%d.kdf.memory", i);
		if (jsonread_u64(o, path, &kib) && kib > most && kib < UINT64_MAX >> 10)
			most = kib;
	}
	jsonread_free(o);
	*ret = most << 10;
	return 0;
}

/* A device that is a LUKS volume: the header is on the one below it, called @name. */
static void read_luks(struct blockdev *b, const char *root, const char *name)
{
	CLEANUP_FREE uint8_t *header = malloc(LUKS_HEADER_MAX);
	CLEANUP_CLOSE int fd = -1;
	char path[FACTS_PATH_MAX];
	uint64_t memory;
	ssize_t n = -1;

	snprintf(path, sizeof(path), "%.2000s/dev/%.200s", root, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && header)
		n = io_pread(fd, header, LUKS_HEADER_MAX, 0, NULL);
	if (n < 0 || blockdev_luks_memory(header, n, &memory, NULL)) {
		b->luks_unknown = true;
		return;
	}
	if (memory > b->luks_memory)
		b->luks_memory = memory;
}

static void add_driver(struct blockdev *b, const char *name)
{
	for (size_t i = 0; i < b->ndrivers; i++)
		if (strcmp(b->drivers[i], name) == 0)
			return;
	if (b->ndrivers < BLOCKDEV_DRIVERS_MAX)
		snprintf(b->drivers[b->ndrivers++], BLOCKDEV_NAME_MAX, "%.60s", name);
}

/* Last part of what the link @dir/@link leads to; false: there is none. */
static bool link_name(const char *dir, const char *link, char ret[static 256])
{
	char path[PATH_MAX + 32], to[PATH_MAX];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, link);
	n = readlink(path, to, sizeof(to) - 1);
	if (n <= 0)
		return false;
	to[n] = '\0';
	slash = strrchr(to, '/');
	snprintf(ret, 256, "%.255s", slash ? slash + 1 : to);
	return true;
}

/* All devices from @dir up to the root of them. */
static void add_chain(struct blockdev *b, const char *root, char *dir)
{
	char top[FACTS_PATH_MAX], name[256];

	snprintf(top, sizeof(top), "%.2000s/sys/devices", root);
	for (char *slash; strlen(dir) > strlen(top); *slash = '\0') {
		if (link_name(dir, "driver/module", name))
			add_driver(b, name);
		slash = strrchr(dir, '/');
		if (!slash)
			return;
	}
}

static bool is_luks(const char *dir)
{
	CLEANUP_FREE char *uuid = NULL;
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/dm/uuid", dir);
	return !io_read_file(path, 4096, &uuid, NULL, NULL) && strncmp(uuid, "CRYPT-LUKS", 10) == 0;
}

static void look(struct blockdev *b, const char *root, const char *at, int depth)
{
	char dir[PATH_MAX], slaves[PATH_MAX + 16];
	bool luks;
	DIR *d;

	if (depth == DEPTH_MAX || !realpath(at, dir))
		return;
	luks = is_luks(dir);
	b->luks = b->luks || luks;
	snprintf(slaves, sizeof(slaves), "%s/slaves", dir);
	d = opendir(slaves);
	for (int i = 0; d && i < SLAVES_MAX; i++) {
		struct dirent *e = readdir(d);
		char below[PATH_MAX + 300];

		if (!e)
			break;
		if (e->d_name[0] == '.')
			continue;
		if (luks)
			read_luks(b, root, e->d_name);
		snprintf(below, sizeof(below), "%s/%s", slaves, e->d_name);
		look(b, root, below, depth + 1);
	}
	if (d)
		closedir(d);
	add_chain(b, root, dir);
}

/* The file `size` counts sectors of 512 bytes, whatever those of the device are. */
static uint64_t read_size(const char *dir)
{
	CLEANUP_FREE char *text = NULL;
	char path[FACTS_PATH_MAX + 8];
	uint64_t sectors;

	snprintf(path, sizeof(path), "%s/size", dir);
	if (io_read_file(path, 64, &text, NULL, NULL))
		return 0;
	sectors = strtoull(text, NULL, 10);
	return sectors > UINT64_MAX >> 9 ? 0 : sectors << 9;
}

int blockdev_look(struct blockdev *b, const char *root, dev_t dev, struct err *err)
{
	char path[FACTS_PATH_MAX];

	*b = (struct blockdev){.ndrivers = 0};
	snprintf(path, sizeof(path), "%.2000s/sys/dev/block/%u:%u", root, major(dev), minor(dev));
	if (access(path, F_OK))
		return err_set(err, ERR_NOTFOUND, "block device %u:%u is not in /sys", major(dev),
			       minor(dev));
	b->bytes = read_size(path);
	look(b, root, path, 0);
	return 0;
}

void blockdev_drivers(struct blockdev *b, const char *root, const char *path)
{
	char at[FACTS_PATH_MAX], dir[PATH_MAX];

	*b = (struct blockdev){.ndrivers = 0};
	snprintf(at, sizeof(at), "%.2000s/sys%.2000s", root, path);
	if (realpath(at, dir))
		add_chain(b, root, dir);
}
