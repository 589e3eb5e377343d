/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * choice: which kernel is to capture when the configuration says `kernel auto`: of the small ones that
 * are installed (/boot/vmlinuz-*-lifeboat-*) and the running one, the one that takes the least memory
 * and has the modules that the targets need.
 */
#ifndef LOADER_CHOICE_H
#define LOADER_CHOICE_H

#include <stddef.h>

struct config;
struct err;

/* What lifeboat-mkinitrd chose and made an initrd for: a line with the kernel's path, empty for the running one. */
#define CHOICE_FILE "/var/lib/lifeboat/kernel"

/*
 * Puts the path of the kernel, below @root, into @ret of @size bytes; "": the running one, as where what a
 * target needs cannot be told. That is what drives it now, as far as the running kernel lists it as a module,
 * and its file system; a link that is up may be on the way to another machine. For lifeboat-mkinitrd, which
 * runs when the system is up. ERR_SYS when /proc is not there.
 */
int choice_kernel(const struct config *c, const char *root, char *ret, size_t size,
		  struct err *err);

/*
 * The same, as it was chosen then: for who loads, perhaps before there is a network. "" also where
 * nothing was chosen yet, or what was chosen is not there any more.
 */
void choice_recorded(const char *root, char *ret, size_t size);

#endif
