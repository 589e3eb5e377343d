/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alias: words that users of kdumpctl(8) and kdump-config(8) know, and what they are here. They
 * work as commands of lifeboat, and where lifeboat is called by one of those names.
 */
#ifndef LOADER_ALIAS_H
#define LOADER_ALIAS_H

struct alias {
	const char *program; /* by whose name it must be called; NULL: any */
	const char *name;
	const char *command; /* of lifeboat; NULL: there is nothing to do, as note says */
	const char *word; /* put before the user's own; NULL: none */
	const char *note;
};

/* The row for the word @name where the program was called as @argv0, or NULL. */
const struct alias *alias_find(const char *argv0, const char *name);

#endif
