/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmdline: the command line of the capture kernel.
 *
 * It is the running kernel's, since console and disk parameters that work now will work then,
 * without what would cost memory or lead astray, and with arguments that years of kdump have
 * proven. Words are those of the kernel: double quotes hold spaces together, '-' and '_' in
 * a name are the same.
 */
#ifndef LOADER_CMDLINE_H
#define LOADER_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* The word that hands the id of the dying boot to the collector, for manifest.json. */
#define CMDLINE_BOOT_ID "lifeboat.boot_id="
/* The one that hands the identity of kernel and initrd to it. */
#define CMDLINE_IMAGES "lifeboat.images="

enum {
	CMDLINE_MAX = 2048, /* COMMAND_LINE_SIZE of x86 and arm64, the zero included */
};

struct cmdline_arch {
	const char *machine; /* uname -m */
	const char *add; /* proven arguments, one word each */
	size_t max; /* bytes that may be loaded, the zero included */
	/*
	 * Only the firmware may start the boot CPU: INIT from another one makes it run the firmware
	 * anew, which resets the machine. A capture kernel that runs on another CPU must leave it
	 * alone; with disable_cpu_apicid= (kernel-parameters.txt) it does. Where it runs on that CPU
	 * itself the word has no effect, and since 6.9 (5c5682b9f87a) the kernel knows without.
	 */
	bool spares_boot_cpu;
};

/* The row for a machine, or NULL. */
const struct cmdline_arch *cmdline_arch(const char *machine);

struct cmdline_parts {
	const struct cmdline_arch *arch;
	const char *running; /* /proc/cmdline */
	const char *whole; /* taken as it is instead of all but append; or "" */
	const char *append;
	const char *remove; /* further words, or names of words, to leave out */
	unsigned int cpus; /* CPUs to bring up; 0: no word of ours */
	int64_t boot_apicid; /* of the boot CPU, -1: unknown */
	const char *boot_id; /* of the running kernel, for the manifest; "" or NULL: unknown */
	const char *images; /* as of sizing_images(), for the manifest; NULL: none */
};

/*
 * Do the user's words say how many CPUs there shall be? Then none of ours is to be added: of two
 * nr_cpus= the kernel takes the smaller one, not the last.
 */
bool cmdline_says_cpus(const struct cmdline_parts *parts);

/*
 * Builds it in the CMDLINE_MAX bytes at @buf. ERR_LIMIT when it is longer than the capture
 * kernel takes. Of a word that stands in the running line and among the proven ones, the
 * latter is taken; what is appended comes last, and so wins.
 *
 * More than one CPU are asked for with maxcpus=1: the kernel starts on the one that panicked, and
 * the collector brings up the others, up to lifeboat.cpus=, when the log of the dead kernel is
 * safe. One that hangs cannot stop the boot then. The kernel itself passes over a name with a
 * dot in it.
 */
int cmdline_build(const struct cmdline_parts *parts, char *buf, struct err *err);

#endif
