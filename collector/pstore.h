/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pstore: a text to where the firmware or memory keeps it over a reset, so that the next boot
 * finds it in /sys/fs/pstore though no disk and no network was to be had.
 *
 * User space can store nothing there by itself, but for /dev/pmsg0, which few kernels have. What
 * every kernel with pstore does is to store the end of its own log. So the text goes into the log
 * of the capture kernel, and the kernel is told to store its log on the way down, too
 * (always_kmsg_dump): docs/panic-record.md.
 */
#ifndef COLLECTOR_PSTORE_H
#define COLLECTOR_PSTORE_H

#include <stddef.h>

struct err;

enum {
	PSTORE_BACKEND_MAX = 32,
	/* What pstore takes of the end of a log, bytes (CONFIG_PSTORE_DEFAULT_KMSG_BYTES): more
	 * than a record with its time stamps, and the few lines of the way down. */
	PSTORE_LOG_MAX = 10240,
};

struct pstore {
	char backend
		[PSTORE_BACKEND_MAX]; /* that will keep it: "erst", "efi_pstore", "ramoops"... */
	int now; /* it is kept already: it does not take an orderly way down */
};

/*
 * Puts the @size bytes of @text there; it is stored at the latest when the machine is reset in
 * order, or panics once more. May be called again when the log has grown by much. @root is put
 * before every path; "". ERR_NOTFOUND when the capture kernel has no backend of pstore, else
 * what reading and writing said. Nothing waits.
 */
int pstore_put(const char *root, const char *text, size_t size, struct pstore *ret,
	       struct err *err);

#endif
