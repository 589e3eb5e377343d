// SPDX-License-Identifier: GPL-2.0-or-later
/* The keys of the configuration, a row each, and the words that are values. */
#include <stddef.h>

#include "base/cleanup.h"
#include "vmcore/config_priv.h"

#define AT(member)    .offset = offsetof(struct config, member)
#define TEXT(member)  .kind = KEY_TEXT, AT(member)
#define FILE_(member) .kind = KEY_FILE, AT(member)
#define SIZE(member)  .kind = KEY_SIZE, AT(member)
#define FLAG(member)  .kind = KEY_FLAG, AT(member)
#define TARGET(which) .kind = KEY_TARGET, .target = CONFIG_TARGET_##which
#define NOTED(text)   .kind = KEY_NOTED, .note = text
#define PLAIN(which)  .kind = which
#define NUMBER(member, least, most) \
	.kind = KEY_NUMBER, AT(member), .min = least, .max = most, .unit = "a number"
#define SECONDS(member, most) \
	.kind = KEY_NUMBER, AT(member), .max = most, .unit = "a number of seconds"

#define DEPRECATED "deprecated in kdump.conf, has no effect; remove it"

/* Keys of kdump.conf(5), then ours. */
const struct config_key config_keys[] = {
	{"ext2", TARGET(FS)},
	{"ext3", TARGET(FS)},
	{"ext4", TARGET(FS)},
	{"xfs", TARGET(FS)},
	{"btrfs", TARGET(FS)},
	{"minix", TARGET(FS)},
	{"virtiofs", TARGET(FS)},
	{"vfat", TARGET(FS)},
	{"raw", TARGET(RAW)},
	{"nfs", TARGET(NFS)},
	{"ssh", TARGET(SSH)},
	{"sshkey", FILE_(sshkey)},
	{"path", PLAIN(KEY_PATH)},
	{"core_collector", PLAIN(KEY_COLLECTOR)},
	{"kdump_pre", FILE_(kdump_pre)},
	{"kdump_post", FILE_(kdump_post)},
	{"kdump_emergency", FILE_(kdump_emergency)},
	{"extra_bins", TEXT(extra_bins)},
	{"extra_modules", TEXT(extra_modules)},
	{"failure_action", PLAIN(KEY_FAILURE_ACTION)},
	{"default", PLAIN(KEY_FAILURE_ACTION)},
	{"final_action", PLAIN(KEY_FINAL_ACTION)},
	{"force_rebuild", PLAIN(KEY_ZERO_ONE)},
	{"force_no_rebuild", PLAIN(KEY_ZERO_ONE)},
	{"dracut_args", PLAIN(KEY_DRACUT)},
	{"fence_kdump_args", PLAIN(KEY_FENCE)},
	{"fence_kdump_nodes", TEXT(fence_nodes)},
	{"auto_reset_crashkernel", PLAIN(KEY_YES_NO)},
	{"net", NOTED(DEPRECATED)},
	{"options", NOTED(DEPRECATED)},
	{"link_delay", NOTED(DEPRECATED)},
	{"disk_timeout", NOTED(DEPRECATED)},
	{"debug_mem_level", NOTED(DEPRECATED)},
	{"blacklist", NOTED(DEPRECATED)},

	{"load_with", PLAIN(KEY_CALL)},
	{"lock_after_load", FLAG(lock_after_load)},
	{"kernel", FILE_(kernel), .word = CONFIG_KERNEL_AUTO},
	{"initrd", FILE_(initrd)},
	{"cmdline", TEXT(cmdline)},
	{"cmdline_append", TEXT(cmdline_append)},
	{"cmdline_remove", TEXT(cmdline_remove)},
	{"device_timeout", SECONDS(device_timeout, CONFIG_WAIT_MAX)},
	{"capture_cpus", PLAIN(KEY_CPUS)},
	{"fallback", PLAIN(KEY_FALLBACK)},
	{"targets_wanted", NUMBER(targets_wanted, 1, CONFIG_TARGETS_MAX)},
	{"target_limit", SECONDS(target_limit, CONFIG_DEADLINE_MAX)},
	{"ssh_method", PLAIN(KEY_METHOD)},
	{"ssh_hostkeys", FILE_(ssh_hostkeys)},
	{"capture_deadline", SECONDS(capture_deadline, CONFIG_DEADLINE_MAX)},
	{"tier_limit", SECONDS(tier_limit, CONFIG_WAIT_MAX)},
	{"stall_rate", SIZE(stall_rate)},
	{"stall_time", SECONDS(stall_time, CONFIG_WAIT_MAX)},
	{"watchdog", PLAIN(KEY_WATCHDOG)},
	{"crash_loop", PLAIN(KEY_CRASH_LOOP)},
	{"keep_dumps", NUMBER(keep_dumps, 0, CONFIG_COUNT_MAX)},
	{"keep_bytes", SIZE(keep_bytes)},
	{"keep_days", NUMBER(keep_days, 0, CONFIG_COUNT_MAX)},
	{"min_free", SIZE(min_free)},
	{"network", TEXT(network)},
	{"network_timeout", SECONDS(network_timeout, CONFIG_WAIT_MAX)},
	{"notify", FILE_(notify)},
};

const size_t config_nkeys = ARRAY_SIZE(config_keys);

const char *const config_call_names[CONFIG_CALLS] = {
	[CONFIG_CALL_AUTO] = "auto",
	[CONFIG_CALL_FILE] = "kexec_file_load",
	[CONFIG_CALL_SEGMENTS] = "kexec_load",
};

const char *const config_method_names[CONFIG_METHODS] = {
	[CONFIG_METHOD_PLAIN] = "plain",
	[CONFIG_METHOD_RECEIVE] = "receive",
};

const char *const config_action_names[CONFIG_ACTIONS] = {
	[CONFIG_ACTION_REBOOT] = "reboot",
	[CONFIG_ACTION_HALT] = "halt",
	[CONFIG_ACTION_POWEROFF] = "poweroff",
	[CONFIG_ACTION_SHELL] = "shell",
	[CONFIG_ACTION_DUMP_TO_ROOTFS] = "dump_to_rootfs",
};
