/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reach: whether other machines that are targets answer, and how that was when it was tried last:
 * /var/lib/lifeboat/reached.json. Trying takes time; status is to be fast.
 */
#ifndef LOADER_REACH_H
#define LOADER_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/armed.h"
#include "vmcore/config.h"

struct err;

enum {
	REACH_NAME_MAX = 1024,
	REACH_REASON_MAX = 256,
	REACH_FRESH_S = 7 * 86400, /* so long a good end of a try is believed */
};

struct reach {
	char name[REACH_NAME_MAX]; /* what was tried: reach_name() */
	uint64_t time; /* seconds since 1970; 0: never */
	int ok;
	char reason[REACH_REASON_MAX]; /* what was tried, or why it failed */
};

struct reaches {
	size_t n;
	struct reach rows[CONFIG_TARGETS_MAX];
};

/*
 * What an answer of target @t of @c is good for: its place, path, key and method. With another of
 * them another thing is to be tried.
 */
void reach_name(const struct config *c, const struct config_target *t,
		char ret[static REACH_NAME_MAX]);

/* Whether no more can be tried of @t than that somebody listens. */
bool reach_port_only(const struct config_target *t);

/*
 * Tries target @t of @c now: logs in with ssh and writes to its path; of nfs and of ssh_method
 * receive only that somebody listens. Fills all of @r but the name and time. Nothing waits longer
 * than a minute.
 */
void reach_try(struct reach *r, const char *root, const struct config *c,
	       const struct config_target *t);

/* The last tries; none where the file is not there or cannot be read. */
void reach_load(struct reaches *rs, const char *root);
int reach_store(const struct reaches *rs, const char *root, struct err *err);

/* The row of that name, NULL when there is none. */
struct reach *reach_find(struct reaches *rs, const char *name);

/* A new row of that name; where there is no room, instead of the oldest. */
struct reach *reach_add(struct reaches *rs, const char *name);

#endif
