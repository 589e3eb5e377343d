/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target: where the configuration wants the dump: waits for the device, mounts it, and lets
 * go of it again.
 */
#ifndef COLLECTOR_TARGET_H
#define COLLECTOR_TARGET_H

#include <stdbool.h>

struct config;
struct err;

enum {
	TARGET_PATH_MAX = 2048,
};

struct target {
	char device[TARGET_PATH_MAX]; /* "" when nothing had to be found */
	char dir[TARGET_PATH_MAX]; /* where crash directories go; "" for a raw device */
	char mount_point[TARGET_PATH_MAX];
	bool mounted;
};

/*
 * Makes the target of @c ready. Waits up to device_timeout seconds for a device. ERR_NOTFOUND
 * when it does not come (the text lists the block devices that are there), ERR_UNSUPPORTED
 * for a kind this build does not write to, ERR_SYS when it cannot be mounted.
 */
int target_open(struct target *t, const struct config *c, struct err *err);

/* Writes back and unmounts. An error here means that the dump may not be on the medium. */
int target_close(struct target *t, struct err *err);

/* mkdir -p with mode 0700 for what is made, and the names of that are durable. */
int target_make_dir(const char *path, struct err *err);

#endif
