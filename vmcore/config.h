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

#define CONFIG_FILE	   "/etc/lifeboat.conf"
#define CONFIG_KERNEL_AUTO "auto" /* the smallest kernel that has the drivers */

enum {
	CONFIG_SIZE_MAX = 256 << 10, /* of the file */
	CONFIG_LINE_MAX = 4096,
	CONFIG_VALUE_MAX = 1024, /* one value, its zero included */
	CONFIG_NOTES_MAX = 16,
	CONFIG_UNSUPPORTED_MAX = 4,
	CONFIG_NOTE_MAX = 256,
	CONFIG_TARGETS_MAX = 8,
};

enum config_target_kind {
	CONFIG_TARGET_LOCAL, /* no target key, or fallback local: a directory that is mounted already */
	CONFIG_TARGET_FS, /* <fstype> <device|LABEL=|UUID=> */
	CONFIG_TARGET_RAW, /* raw <device> */
	CONFIG_TARGET_NFS, /* nfs <host:/export> */
	CONFIG_TARGET_SSH, /* ssh <user@host> */
};

/* How a dump goes over ssh. */
enum config_method {
	CONFIG_METHOD_PLAIN, /* to a shell: any sshd will do */
	CONFIG_METHOD_RECEIVE, /* to lifeboat-receive: acknowledged in pieces, and resumed */
};

/* One of the places that are tried in turn. What its line does not say is what the keys say. */
struct config_target {
	enum config_target_kind kind;
	char fstype[16]; /* of CONFIG_TARGET_FS: "ext4", "xfs" ... */
	char where[CONFIG_VALUE_MAX]; /* device, LABEL=..., UUID=..., host:/export, user@host */
	char path[CONFIG_VALUE_MAX]; /* where crash directories go on it */
	char sshkey[CONFIG_VALUE_MAX]; /* "": that which `lifeboat propagate` made */
	enum config_method method;
	unsigned int limit; /* seconds that it may take in all; 0: only the deadline counts */
};

enum config_action {
	CONFIG_ACTION_REBOOT,
	CONFIG_ACTION_HALT,
	CONFIG_ACTION_POWEROFF,
	CONFIG_ACTION_SHELL, /* failure_action only */
	CONFIG_ACTION_DUMP_TO_ROOTFS, /* failure_action only */
};

/* The system call that loads. */
enum config_call {
	CONFIG_CALL_AUTO,
	CONFIG_CALL_FILE, /* kexec_file_load(2): the kernel makes the segments */
	CONFIG_CALL_SEGMENTS, /* kexec_load(2): we do */
};

/* How nodes of a cluster are told of the capture: fence_kdump_args. */
struct config_fence {
	unsigned int port, interval; /* UDP; seconds from one message to the next */
	unsigned int count; /* so many, 0: until the capture ends */
	unsigned int family; /* 4, 6; 0: both */
};

enum {
	CONFIG_FENCE_PORT = 7410,
	CONFIG_FENCE_INTERVAL = 10,
};

/* Something odd that is no error: kept for the log, with its line. */
struct config_note {
	unsigned int line;
	char text[CONFIG_NOTE_MAX];
};

struct config {
	struct config_target targets[CONFIG_TARGETS_MAX]; /* in the order in which they are tried */
	size_t ntargets; /* at least 1 */
	unsigned int targets_wanted; /* so many of them must get the dump; default 1 */
	char path[CONFIG_VALUE_MAX]; /* of targets that name none; default /var/crash */
	struct dumpopts collect; /* of core_collector */
	char core_collector[CONFIG_VALUE_MAX]; /* as written; "": not said */
	enum config_action final_action;
	enum config_action failure_action;

	enum config_call load_with;
	bool lock_after_load; /* then nothing can be loaded until the next boot */
	/* of the capture kernel, or CONFIG_KERNEL_AUTO; "": the running one's file */
	char kernel[CONFIG_VALUE_MAX];
	char initrd[CONFIG_VALUE_MAX]; /* "": what `lifeboat` builds for it */
	char cmdline[CONFIG_VALUE_MAX]; /* whole command line; "": made from the running one's */
	char cmdline_append[CONFIG_VALUE_MAX]; /* added to it */
	char cmdline_remove[CONFIG_VALUE_MAX]; /* words taken from it */
	unsigned int capture_cpus; /* of the capture kernel; default 0: as many as pay */
	unsigned int device_timeout; /* seconds to wait for the target's device; default 30 */

	/* Limits, in seconds; 0 is none. */
	unsigned int capture_deadline; /* from the collector's start to the final action; 7200 */
	unsigned int target_limit; /* of a target that names none; 0 */
	unsigned int tier_limit; /* of panic record, log and mini-core, each; 60 */
	unsigned int stall_time; /* so long below stall_rate is a stall; 60 */
	uint64_t stall_rate; /* bytes a second; 64 KiB */
	char watchdog[CONFIG_VALUE_MAX]; /* "auto", "no" or a device; default auto */

	/* After so many crashes alike within so many seconds dumps get small; 0 and 0: never. */
	unsigned int crash_loop_count; /* 3 */
	unsigned int crash_loop_seconds; /* 3600 */

	/* What may stay on a target when a new dump comes; 0 is no limit. */
	unsigned int keep_dumps, keep_days;
	uint64_t keep_bytes;
	uint64_t min_free; /* bytes that dumps must leave to others */

	char network[CONFIG_VALUE_MAX]; /* "auto", "none" or docs/network.md; default auto */
	unsigned int network_timeout; /* seconds; 60 */
	char fence_nodes[CONFIG_VALUE_MAX]; /* hosts, blanks between them; "": none */
	struct config_fence fence;
	char notify[CONFIG_VALUE_MAX]; /* run at boot for each new receipt; "": nothing */

	/* Of kdump.conf, for the builder of the initrd and later features. */
	char extra_bins[CONFIG_VALUE_MAX], extra_modules[CONFIG_VALUE_MAX];
	char sshkey
		[CONFIG_VALUE_MAX]; /* of targets that name none; "": that of `lifeboat propagate` */
	char ssh_hostkeys
		[CONFIG_VALUE_MAX]; /* known_hosts file; "": that of `lifeboat propagate` */
	enum config_method ssh_method; /* of targets that name none; default plain */
	char kdump_pre[CONFIG_VALUE_MAX], kdump_post[CONFIG_VALUE_MAX];
	char kdump_emergency[CONFIG_VALUE_MAX];

	struct config_note notes[CONFIG_NOTES_MAX];
	size_t nnotes; /* may exceed CONFIG_NOTES_MAX: then the rest was not kept */

	/* Right in kdump.conf, but not something this version does: see config_check(). */
	struct config_note unsupported[CONFIG_UNSUPPORTED_MAX];
	size_t nunsupported; /* may exceed CONFIG_UNSUPPORTED_MAX: then the rest was not kept */
};

/* All defaults: one target, path /var/crash on it, level 31, codec auto, reboot. */
void config_default(struct config *c);

/*
 * Sets @c to the defaults, then reads @size bytes of text (borrowed) called @name in
 * messages. Strict: an unknown key, a bad value or two targets that are both the first are
 * ERR_USAGE, "NAME:LINE: what, what to do".
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

/* The key that asks for such a target: "ext4", "raw", "nfs", "ssh"; "local" for none. */
const char *config_target_name(const struct config_target *t);

#endif
