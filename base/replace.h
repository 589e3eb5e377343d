/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replace: a file gets other contents in one piece. Who reads it, and who finds it after a crash,
 * has all of the old or all of the new ones.
 */
#ifndef BASE_REPLACE_H
#define BASE_REPLACE_H

#include <stddef.h>

struct err;

#define REPLACE_SUFFIX ".lifeboat-new" /* of the name under which it is written */

enum {
	REPLACE_PATH_MAX = 4096,
	REPLACE_KEEP = -1, /* owner and mode as they are; a new file: 0644 */
};

/*
 * Writes @size bytes at @data as @path, durable, with permissions @mode or REPLACE_KEEP. A link is
 * replaced, not followed. What a failed run left beside it is removed.
 */
int replace_file(const char *path, const void *data, size_t size, int mode, struct err *err);

#endif
