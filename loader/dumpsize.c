// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/dumpsize.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/facts.h"
#include "vmcore/dumpopts.h"

enum {
	MEMINFO_MAX = 64 << 10,
};

/*
 * What goes at which level, by the lines of proc(5). Pages of tmpfs are in Cached, and are cache.
 */
static const struct line {
	const char *name;
	unsigned int level; /* any of these bits leaves it out */
} lines[] = {
	{"MemFree", DUMP_LEVEL_FREE},	 {"Cached", DUMP_LEVEL_PRIVATE | DUMP_LEVEL_CACHE},
	{"Buffers", DUMP_LEVEL_PRIVATE}, {"AnonPages", DUMP_LEVEL_USER},
	{"Hugetlb", DUMP_LEVEL_USER},
};

static bool find(const char *text, const char *name, uint64_t *kib)
{
	size_t len = strlen(name);

	for (const char *s = text; s; s = strchr(s, '\n'), s = s ? s + 1 : NULL)
		if (strncmp(s, name, len) == 0 && s[len] == ':')
			return sscanf(s + len + 1, " %" SCNu64 " kB", kib) == 1;
	return false;
}

int dumpsize_kept(const char *root, unsigned int level, uint64_t *ret, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	char path[FACTS_PATH_MAX];
	uint64_t total, kib;
	int rc = facts_path(path, sizeof(path), root, "/proc/meminfo", err);

	if (!rc)
		rc = io_read_file(path, MEMINFO_MAX, &text, NULL, err);
	if (rc)
		return rc;
	if (!find(text, "MemTotal", &total))
		return err_set(err, ERR_CORRUPT, "/proc/meminfo has no MemTotal");
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (level & lines[i].level && find(text, lines[i].name, &kib))
			total -= kib < total ? kib : total;
	*ret = total << 10;
	return 0;
}
