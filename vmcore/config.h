/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config: /etc/lifeboat.conf, what to do with a dump. Both programs read it: `lifeboat`
 * before the crash, strictly, and the collector in the capture kernel, forgivingly.
 *
 * The grammar is kdump.conf's (kdump.conf(5)): a key, white space, the rest of the line is
 * the value; '#' starts a comment; the last of a key that stands twice counts. Keys of
 * kdump.conf mean what they mean there; keys of ours are listed in lifeboat.conf(5).
 */
#ifndef VMCORE_CONFIG_H
#define VMCORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/dumpopts.h"

struct err;

#define CONFIG_FILE "/etc/lifeboat.conf"

enum {
	CONFIG_SIZE_MAX = 256 << 10, /* of the file */
	CONFIG_LINE_MAX = 4096,
	CONFIG_VALUE_MAX = 1024, /* one value, its zero included */
	CONFIG_NOTES_MAX = 16,
	CONFIG_UNSUPPORTED_MAX = 4,
	CONFIG_NOTE_MAX = 256,
};

enum config_target_kind {
	CONFIG_TARGET_LOCAL, /* no target key: `path` on a file system that is mounted already */
	CONFIG_TARGET_FS, /* <fstype> <device|LABEL=|UUID=> */
	CONFIG_TARGET_RAW, /* raw <device> */
	CONFIG_TARGET_NFS, /* nfs <host:/export> */
	CONFIG_TARGET_SSH, /* ssh <user@host> */
};

struct config_target {
	enum config_target_kind kind;
	char fstype[16]; /* of CONFIG_TARGET_FS: "ext4", "xfs" ... */
	char where[CONFIG_VALUE_MAX]; /* device, LABEL=..., UUID=..., host:/export, user@host */
};

enum config_action {
	CONFIG_ACTION_REBOOT,
	CONFIG_ACTION_HALT,
	CONFIG_ACTION_POWEROFF,
	CONFIG_ACTION_SHELL, /* failure_action only */
	CONFIG_ACTION_DUMP_TO_ROOTFS, /* failure_action only */
};

/* Something odd that is no error: kept for the log, with its line. */
struct config_note {
	unsigned int line;
	char text[CONFIG_NOTE_MAX];
};

struct config {
	struct config_target target;
	char path[CONFIG_VALUE_MAX]; /* default /var/crash */
	struct dumpopts collect; /* of core_collector */
	char core_collector[CONFIG_VALUE_MAX]; /* as written; "": not said */
	enum config_action final_action;
	enum config_action failure_action;

	char kernel[CONFIG_VALUE_MAX]; /* of the capture kernel; "": the running one's file */
	char initrd[CONFIG_VALUE_MAX]; /* "": what `lifeboat` builds for it */
	char cmdline[CONFIG_VALUE_MAX]; /* whole command line; "": made from the running one's */
	char cmdline_append[CONFIG_VALUE_MAX]; /* added to it */
	char cmdline_remove[CONFIG_VALUE_MAX]; /* words taken from it */
	unsigned int capture_cpus; /* of the capture kernel; default 0: as many as pay */
	unsigned int device_timeout; /* seconds to wait for the target's device; default 30 */

	/* Of kdump.conf, for the builder of the initrd and later features. */
	char extra_bins[CONFIG_VALUE_MAX], extra_modules[CONFIG_VALUE_MAX];
	char sshkey[CONFIG_VALUE_MAX];
	char kdump_pre[CONFIG_VALUE_MAX], kdump_post[CONFIG_VALUE_MAX];
	char kdump_emergency[CONFIG_VALUE_MAX];

	struct config_note notes[CONFIG_NOTES_MAX];
	size_t nnotes; /* may exceed CONFIG_NOTES_MAX: then the rest was not kept */

	/* Right in kdump.conf, but not something this version does: see config_check(). */
	struct config_note unsupported[CONFIG_UNSUPPORTED_MAX];
	size_t nunsupported; /* may exceed CONFIG_UNSUPPORTED_MAX: then the rest was not kept */
};

/* All defaults: path /var/crash, level 31, codec auto, reboot. */
void config_default(struct config *c);

/*
 * Sets @c to the defaults, then reads @size bytes of text (borrowed) called @name in
 * messages. Strict: an unknown key, a bad value or two targets are ERR_USAGE, "NAME:LINE: what, what to do".
 * Forgiving (@strict false): such a line becomes a note and the rest counts, since a dump
 * must not be lost to a misspelt line. ERR_LIMIT beyond the limits above, in both; @c then
 * holds what stood before, and is fit for use.
 */
int config_parse(struct config *c, const char *name, const char *text, size_t size, bool strict,
		 struct err *err);

/* The same from a file; ERR_SYS when it cannot be read. */
int config_load(struct config *c, const char *path, bool strict, struct err *err);

/*
 * 0, or ERR_UNSUPPORTED with "NAME:LINE: what" for the first thing asked for that this version
 * can't do: a dump would not be where, or what, its owner believes. `lifeboat load` refuses;
 * the collector, for which it is too late, does what it can.
 */
int config_check(const struct config *c, const char *name, struct err *err);

/*
 * Calls @out for each setting as a line of the grammar, defaults included: what
 * `lifeboat config` prints and the initrd builder reads. A setting with an empty value is
 * left out; what is printed reads back as the same configuration.
 */
void config_print(const struct config *c,
		  void (*out)(void *ctx, const char *key, const char *value), void *ctx);

const char *config_action_name(enum config_action action);

#endif
