// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lib/mknewc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/newc.h"

static void put(struct mknewc *m, const void *data, size_t size)
{
	static const uint8_t zeros[NEWC_ALIGN];
	size_t fill = newc_fill(m->n + size);

	if (m->n + size + fill > m->room)
		abort();
	memcpy(m->data + m->n, data, size);
	memcpy(m->data + m->n + size, zeros, fill);
	m->n += size + fill;
}

void mknewc_add(struct mknewc *m, const char *path, uint32_t mode, const void *data, size_t size)
{
	char text[NEWC_SIZE + NEWC_NAME_MAX + 1];
	size_t name = strlen(path) + 1;

	if (name > NEWC_NAME_MAX)
		abort();
	// Magic, inode, mode, owner, group, links, time, size, two devices, length of the name, sum.
	snprintf(text, sizeof(text),
		 "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x%s", 1, mode, 0, 0,
		 m->links ? m->links : 1, 0, size, 0, 0, 0, 0, name, 0, path);
	put(m, text, NEWC_SIZE + name);
	put(m, data, size);
}

void mknewc_end(struct mknewc *m)
{
	mknewc_add(m, NEWC_TRAILER, 0, "", 0);
}
