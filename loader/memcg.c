// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/memcg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define NAME "lifeboat-rehearse"

enum {
	SMALL_MAX = 64 << 10,
	PIDS_MAX = 256,
	ENTRIES_MAX = 4096,
	GONE_TRIES = 50,
	GONE_STEP_US = 20 * 1000,
};

/* Where the two versions are mounted, and what their files are called. */
static const struct version {
	const char *dir;
	const char *limit, *swap, *peak;
} versions[] = {
	{"/sys/fs/cgroup", "memory.max", "memory.swap.max", "memory.peak"},
	{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.swappiness",
	 "memory.max_usage_in_bytes"},
};

static const struct version *version_of(const struct memcg *m)
{
	return &versions[m->v1];
}

static char *read_small(const char *dir, const char *name)
{
	char path[MEMCG_PATH_MAX + 64];
	char *text;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return io_read_file(path, SMALL_MAX, &text, NULL, NULL) ? NULL : text;
}

static bool write_small(const char *dir, const char *name, const char *text)
{
	char path[MEMCG_PATH_MAX + 64];
	CLEANUP_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool has_word(const char *text, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = text; p && (p = strstr(p, word)); p += len)
		if ((p == text || strchr(" \n", p[-1])) && strchr(" \n", p[len]))
			return true;
	return false;
}

/* The controller must be handed down from the top; in a container it is not ours to say. */
static bool prepare(struct memcg *m, const char *top)
{
	CLEANUP_FREE char *there = NULL, *down = NULL;

	if (m->v1)
		return access(top, F_OK) == 0;
	there = read_small(top, "cgroup.controllers");
	if (!there || !has_word(there, "memory"))
		return false;
	down = read_small(top, "cgroup.subtree_control");
	if (down && has_word(down, "memory"))
		return true;
	if (write_small(top, "cgroup.subtree_control", "+memory"))
		return true;
	snprintf(m->why, sizeof(m->why), "%.200s hands no memory control down: %s", top,
		 strerror(errno));
	return false;
}

/*
 * What runs before that were killed left behind, with whoever is still in it: each would be charged
 * to nobody, and its peak is not ours.
 */
static void remove_stale(const struct memcg *m, const char *top)
{
	DIR *d = opendir(top);
	struct dirent *e;

	for (int i = 0; d && i < ENTRIES_MAX && (e = readdir(d)); i++) {
		struct memcg old = {.v1 = m->v1};

		if (strncmp(e->d_name, NAME, strlen(NAME)) == 0 &&
		    snprintf(old.dir, sizeof(old.dir), "%s/%s", top, e->d_name) <
			    (int)sizeof(old.dir))
			memcg_destroy(&old);
	}
	if (d)
		closedir(d);
}

static bool create(struct memcg *m, const char *root, uint64_t limit)
{
	char top[MEMCG_PATH_MAX - 32], text[32];

	if (snprintf(top, sizeof(top), "%s%s", root, version_of(m)->dir) >= (int)sizeof(top) ||
	    !prepare(m, top))
		return false;
	remove_stale(m, top);
	snprintf(m->dir, sizeof(m->dir), "%s/" NAME "-%d", top, (int)getpid());
	if (mkdir(m->dir, 0755)) {
		snprintf(m->why, sizeof(m->why), "%.200s: %s", m->dir, strerror(errno));
		m->dir[0] = '\0';
		return false;
	}
	snprintf(text, sizeof(text), "%" PRIu64, limit);
	if (!write_small(m->dir, version_of(m)->limit, text)) {
		snprintf(m->why, sizeof(m->why), "%.200s/%s: %s", m->dir, version_of(m)->limit,
			 strerror(errno));
		memcg_destroy(m);
		return false;
	}
	// Where there is no swap there is nothing to be said of it.
	write_small(m->dir, version_of(m)->swap, "0");
	return true;
}

bool memcg_create(struct memcg *m, const char *root, uint64_t limit)
{
	*m = (struct memcg){.v1 = false};
	if (create(m, root, limit))
		return true;
	m->v1 = true;
	if (create(m, root, limit))
		return true;
	if (!m->why[0])
		snprintf(m->why, sizeof(m->why), "this system has no memory cgroups");
	return false;
}

bool memcg_peak(const struct memcg *m, uint64_t *ret)
{
	CLEANUP_FREE char *text = m->dir[0] ? read_small(m->dir, version_of(m)->peak) : NULL;

	*ret = text ? strtoull(text, NULL, 10) : 0;
	return *ret > 0;
}

bool memcg_killed(const struct memcg *m)
{
	CLEANUP_FREE char *text = NULL;
	const char *p;

	if (!m->dir[0])
		return false;
	text = read_small(m->dir, m->v1 ? "memory.oom_control" : "memory.events");
	p = text ? strstr(text, "oom_kill ") : NULL;
	return p && strtoull(p + 9, NULL, 10) > 0;
}

static void kill_all(const struct memcg *m)
{
	CLEANUP_FREE char *text = read_small(m->dir, "cgroup.procs");
	char *save = NULL;
	int n = 0;

	for (char *p = text ? strtok_r(text, "\n", &save) : NULL; p && n < PIDS_MAX;
	     p = strtok_r(NULL, "\n", &save), n++)
		if (atoi(p) > 1)
			kill(atoi(p), SIGKILL);
}

void memcg_destroy(struct memcg *m)
{
	// It can go only when the last of them is gone.
	for (int i = 0; m->dir[0] && i < GONE_TRIES && rmdir(m->dir) && errno == EBUSY; i++) {
		kill_all(m);
		usleep(GONE_STEP_US);
	}
	m->dir[0] = '\0';
}
