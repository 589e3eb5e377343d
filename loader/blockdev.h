/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blockdev: what a block device of this machine stands on, by sysfs: the devices below it, the
 * drivers on the way to it, and whether it is encrypted.
 */
#ifndef LOADER_BLOCKDEV_H
#define LOADER_BLOCKDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "loader/facts.h"

struct err;

enum {
	BLOCKDEV_DRIVERS_MAX = 32,
	BLOCKDEV_NAME_MAX = 64,
};

struct blockdev {
	uint64_t bytes; /* its size; 0: not known */
	/* Modules that drive it and what it stands on, as far as they are modules. */
	char drivers[BLOCKDEV_DRIVERS_MAX][BLOCKDEV_NAME_MAX];
	size_t ndrivers;
	bool luks; /* it, or one below it, is a LUKS volume that is open */
	uint64_t luks_memory; /* bytes that the most costly of its keyslots takes to open */
	bool luks_unknown; /* a header could not be read */
};

/* Looks at device @dev below @root. ERR_NOTFOUND when sysfs does not know it. */
int blockdev_look(struct blockdev *b, const char *root, dev_t dev, struct err *err);

/* The drivers alone, of the device at @path below /sys ("/devices/pci0000:00/..."). */
void blockdev_drivers(struct blockdev *b, const char *root, const char *path);

/*
 * Bytes that the most costly keyslot of a LUKS header asks for; the @size bytes at @header are the
 * beginning of the device. 0 for LUKS1, whose PBKDF2 takes none. ERR_CORRUPT for what is none.
 * LUKS2 On-Disk Format Specification 1.1: binary header, then JSON, `keyslots.N.kdf.memory` in KiB.
 */
int blockdev_luks_memory(const uint8_t *header, size_t size, uint64_t *ret, struct err *err);

#endif
