/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * places: where on the running system the dumps of a configuration lie. A file system that is
 * mounted is looked at where it is; one that is not is mounted for the moment, for nobody but
 * this process to see, and only to be read.
 */
#ifndef LOADER_PLACES_H
#define LOADER_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "loader/facts.h"
#include "vmcore/config.h"

struct err;

enum {
	PLACES_TEXT_MAX = 320,
};

struct place {
	char name[PLACES_TEXT_MAX]; /* of the target, "ext4 LABEL=dump" */
	/* The directory with the crash directories, root and all; "": not to be seen from here. */
	char dir[FACTS_PATH_MAX];
	char shown[FACTS_PATH_MAX]; /* the same for people: what to type, or the target */
	bool shared; /* other machines save there as well */
	char device[FACTS_PATH_MAX]; /* of a raw target; "" */
	char trouble[PLACES_TEXT_MAX]; /* why there is neither; "" where that is as it should be */
	bool mounted; /* here, by places_find() */
	bool unplayed; /* ... and its journal has what cannot be seen so */
};

struct places {
	size_t n;
	struct place rows[CONFIG_TARGETS_MAX + 1];
	int home; /* name space of mounts to go back to, or -1 */
	unsigned int nmounted;
};

/* One for each target of @c, and the root file system's where failure_action names it. */
void places_find(struct places *p, const char *root, const struct config *c);

/* Takes away what was mounted. */
void places_release(struct places *p);

/*
 * The options with which a file system of @fstype is mounted to be read only: its journal stays as
 * it is, too (ext4(5), xfs(5), btrfs(5)), for another machine may have it in use. Of btrfs it is the whole,
 * whatever its default subvolume.
 */
const char *places_look_only(const char *fstype);

/* The type of the file system of device @dev, if it is mounted below @root: "ext4". */
bool places_fstype(const char *root, dev_t dev, char *ret, size_t size);

/*
 * Whether the journal of the ext3 or ext4 on @device has to be replayed (needs_recovery in its super
 * block, Documentation/filesystems/ext4/super.rst), as behind a machine that was reset.
 */
bool places_needs_replay(const char *device);

/* The block device that @where (a path, LABEL=, UUID= ...) means: ERR_NOTFOUND, ERR_USAGE. */
int places_device(const char *where, char *ret, size_t size, struct err *err);

#endif
