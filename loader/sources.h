/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sources: whether an initrd was made of the files that are on the machine now: configuration,
 * hooks, keys, collector. lifeboat-mkinitrd leaves the list in it, as etc/lifeboat/sources, a line
 * "config|file SHA-256 PATH" for each; a digest "-" says that the file was not there. Times of files
 * prove nothing: mv, cp -p and rsync bring old ones along.
 */
#ifndef LOADER_SOURCES_H
#define LOADER_SOURCES_H

#include <stddef.h>

struct initrd;

enum {
	SOURCES_TEXT_MAX = 400,
};

enum sources_answer {
	SOURCES_SAME,
	SOURCES_DIFFER,
	SOURCES_UNTOLD, /* the initrd has no list: made for other machines, or by other means */
};

/*
 * Compares the list of @r with the files below @root; @config is the configuration that counts
 * now, whatever it was called when the initrd was made. @text says which differs first.
 */
enum sources_answer sources_check(const struct initrd *r, const char *root, const char *config,
				  char text[static SOURCES_TEXT_MAX]);

#endif
