// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/modlist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "loader/facts.h"

enum {
	LIST_MAX = 4 << 20,
};

static char *read_list(const char *root, const char *release, const char *name)
{
	char path[FACTS_PATH_MAX], *text;

	snprintf(path, sizeof(path), "%.2000s/lib/modules/%.64s/%s", root, release, name);
	return io_read_file(path, LIST_MAX, &text, NULL, NULL) ? NULL : text;
}

bool modlist_read(struct modlist *m, const char *root, const char *release)
{
	m->builtin = read_list(root, release, "modules.builtin");
	m->loadable = read_list(root, release, "modules.dep");
	return m->builtin || m->loadable;
}

static char plain(char ch)
{
	return ch == '-' ? '_' : ch;
}

/* "kernel/fs/ext4/ext4.ko" stands for ext4; what a line of modules.dep depends on is there, too. */
static bool names(const char *text, const char *name)
{
	for (const char *p = text; p && (p = strchr(p, '/')); p++) {
		size_t k = 0;

		while (name[k] && plain(p[1 + k]) == plain(name[k]))
			k++;
		if (!name[k] && strncmp(p + 1 + k, ".ko", 3) == 0)
			return true;
	}
	return false;
}

bool modlist_has(const struct modlist *m, const char *name)
{
	return names(m->builtin, name) || names(m->loadable, name);
}

void modlist_free(struct modlist *m)
{
	free(m->builtin);
	free(m->loadable);
	*m = (struct modlist){0};
}
