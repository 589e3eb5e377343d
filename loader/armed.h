/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * armed: a mark on disk for each boot in which a capture kernel was loaded: /var/lib/lifeboat/
 * armed/BOOT-ID. It goes when the machine is shut down in order, or the capture kernel unloaded.
 * One of another boot means that that boot did not end in order.
 */
#ifndef LOADER_ARMED_H
#define LOADER_ARMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/cmdline.h"
#include "loader/facts.h"
#include "loader/identity.h"
#include "vmcore/config.h"

struct err;

#define LIFEBOAT_DIR "/var/lib/lifeboat"
#define ARMED_DIR    LIFEBOAT_DIR "/armed"

enum {
	ARMED_BOOT_ID_MAX = 37, /* of /proc/sys/kernel/random/boot_id, its zero included */
	ARMED_TARGET_MAX = 256, /* "ssh kdump@vault", cut */
	ARMED_MAX = 32, /* marks that are read; each is one boot that nobody looked at */
};

struct armed {
	char boot_id[ARMED_BOOT_ID_MAX];
	uint64_t time; /* of the load, seconds since 1970 */
	char release[FACTS_WORD_MAX]; /* of the running kernel */
	char kernel[FACTS_PATH_MAX], initrd[FACTS_PATH_MAX];
	char cmdline[CMDLINE_MAX]; /* of the capture kernel */
	struct identity identity; /* of what was loaded */
	uint64_t reserved; /* bytes for the capture kernel */
	uint64_t needs; /* bytes that it needs, as was known at the load; 0: that was not known */
	bool test; /* `lifeboat test` is about to crash it */
	size_t ntargets;
	char targets[CONFIG_TARGETS_MAX][ARMED_TARGET_MAX];
};

/* The id of this boot below @root; ERR_NOTFOUND where the kernel has none. */
int armed_boot_id(const char *root, char ret[static ARMED_BOOT_ID_MAX], struct err *err);

/* Fills the targets of @a from @c. */
void armed_set_targets(struct armed *a, const struct config *c);

/* Writes the mark of a->boot_id below @root, whole or not at all, durable. */
int armed_write(const struct armed *a, const char *root, struct err *err);

/* Takes the mark of @boot_id away, durably. None is no error. */
int armed_remove(const char *root, const char *boot_id, struct err *err);

/* Reads the mark of @boot_id. ERR_NOTFOUND when there is none. */
int armed_read(struct armed *a, const char *root, const char *boot_id, struct err *err);

/*
 * Reads the marks of other boots than @boot_id, oldest load first, at most ARMED_MAX; one that
 * cannot be read has only its boot_id. Returns how many.
 */
size_t armed_list(const char *root, const char *boot_id, struct armed marks[static ARMED_MAX]);

#endif
