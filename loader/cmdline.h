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

#include <stddef.h>

struct err;

enum {
	CMDLINE_MAX = 2048, /* COMMAND_LINE_SIZE of x86 and arm64, the zero included */
};

struct cmdline_arch {
	const char *machine; /* uname -m */
	const char *add; /* proven arguments, one word each */
	size_t max; /* bytes that may be loaded, the zero included */
};

/* The row for a machine, or NULL. */
const struct cmdline_arch *cmdline_arch(const char *machine);

struct cmdline_parts {
	const struct cmdline_arch *arch;
	const char *running; /* /proc/cmdline */
	const char *whole; /* taken as it is instead of all but append; or "" */
	const char *append;
	const char *remove; /* further words, or names of words, to leave out */
};

/*
 * Builds it in the CMDLINE_MAX bytes at @buf. ERR_LIMIT when it is longer than the capture
 * kernel takes. Of a word that stands in the running line and among the proven ones, the
 * latter is taken; what is appended comes last, and so wins.
 */
int cmdline_build(const struct cmdline_parts *parts, char *buf, struct err *err);

#endif
