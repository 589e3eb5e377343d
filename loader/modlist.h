/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * modlist: the modules that a kernel has, built in or to be loaded: modules.builtin and modules.dep of
 * depmod(8) below /lib/modules/RELEASE.
 */
#ifndef LOADER_MODLIST_H
#define LOADER_MODLIST_H

#include <stdbool.h>

struct modlist {
	char *builtin, *loadable; /* the two files; NULL: not there */
};

/* Reads those of kernel @release below @root. False: there is none of both. modlist_free() in any case. */
bool modlist_read(struct modlist *m, const char *root, const char *release);

/* Whether one of them names module @name; '-' and '_' are the same in it. */
bool modlist_has(const struct modlist *m, const char *name);

void modlist_free(struct modlist *m);

#endif
