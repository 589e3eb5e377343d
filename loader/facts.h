/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts: what the running kernel tells about itself that decides whether a capture kernel can
 * be loaded. Everything is read below a root, "" for the real one, so that tests can lay out
 * a machine of their own.
 */
#ifndef LOADER_FACTS_H
#define LOADER_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Set to 1, no kernel is loaded any more until the next boot. */
#define LOAD_DISABLED_FILE "/proc/sys/kernel/kexec_load_disabled"

enum {
	FACTS_PATH_MAX = 4096,
	FACTS_CMDLINE_MAX = 64 << 10, /* of /proc/cmdline */
	FACTS_WORD_MAX = 65, /* of a release, as in struct utsname */
};

struct facts {
	char release[FACTS_WORD_MAX]; /* uname -r */
	char machine[FACTS_WORD_MAX]; /* uname -m */
	bool may_load; /* CAP_SYS_BOOT is effective */
	int64_t crash_size; /* bytes reserved; -1: the kernel has no such file */
	int crash_loaded; /* 0, 1; -1: no such file */
	int load_disabled; /* kernel.kexec_load_disabled; -1: no such file */
	int64_t load_limit; /* kernel.kexec_load_limit_panic; -1: no limit or no such file */
	char lockdown[32]; /* "none", "integrity", "confidentiality"; "": no such file */
	bool asked; /* crashkernel= is on the running command line */
	unsigned int cpus; /* present; 0: unknown */
	int64_t boot_apicid; /* x86: initial APIC ID of the boot CPU; -1: unknown */
	bool five_levels; /* x86: it runs with page tables of five levels */
};

/* "ROOT/PATH" in the @size bytes at @buf; ERR_LIMIT when it does not fit. */
int facts_path(char *buf, size_t size, const char *root, const char *path, struct err *err);

/* Reads all of it. A file that is not there is a fact, not an error. */
int facts_gather(struct facts *f, const char *root, struct err *err);

/* The decimal number in the file @path below @root, -1 when there is none. */
int64_t facts_number(const char *root, const char *path);

/* Only crash_loaded, anew. */
void facts_refresh_loaded(struct facts *f, const char *root);

/*
 * 0 when memory is reserved; else ERR_NOTFOUND with the cause and the remedy. ERR_LIMIT when
 * @need bytes are more than is reserved.
 */
int facts_check_reservation(const struct facts *f, uint64_t need, struct err *err);

/* Bytes in MiB, rounded up, for messages. */
static inline unsigned long long facts_mib(uint64_t bytes)
{
	return (bytes >> 20) + ((bytes & ((1 << 20) - 1)) != 0);
}

#endif
