/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loadplan: what `lifeboat load` would load now: files, command line, and whether it fits. Load
 * carries it out; reload and status hold it against what was loaded.
 */
#ifndef LOADER_LOADPLAN_H
#define LOADER_LOADPLAN_H

#include <stdbool.h>

#include "loader/armed.h"
#include "loader/cmdline.h"
#include "loader/cpus.h"
#include "loader/facts.h"
#include "loader/image.h"
#include "vmcore/config.h"

struct context;
struct err;
struct state;

struct loadplan {
	struct config config;
	struct image config_file; /* no path: there is none */
	struct facts facts;
	struct image kernel, initrd;
	int kernel_fd, initrd_fd; /* open for the call */
	char boot_id[ARMED_BOOT_ID_MAX]; /* of this boot; "": the kernel has none */
	char cmdline[CMDLINE_MAX];
	struct cpus_choice cpus;
	char *running; /* command line of the running kernel; owned */
};

/* An empty one, NULL without memory. Destroy takes NULL. */
struct loadplan *loadplan_create(void);
void loadplan_destroy(struct loadplan *p);

/*
 * The parts, in the order in which they need one another; each fills its own. Notes on the
 * configuration go to ctx->diag after @who, to nobody when it is NULL. What is wrong is told with
 * its remedy.
 */
int loadplan_config(struct loadplan *p, const struct context *ctx, const char *who,
		    struct err *err);
int loadplan_facts(struct loadplan *p, const struct context *ctx, struct err *err);
int loadplan_kernel(struct loadplan *p, const struct context *ctx, struct err *err);
int loadplan_initrd(struct loadplan *p, const struct context *ctx, struct err *err);
int loadplan_cmdline(struct loadplan *p, const struct context *ctx, struct err *err);

/* All of them. */
int loadplan_make(struct loadplan *p, const struct context *ctx, const char *who, struct err *err);

/*
 * Whether the running kernel lets anything be loaded or unloaded now, as far as that can be known
 * before.
 */
int loadplan_door(const struct facts *f, struct err *err);

/* What a difference is told with, "kernel: /boot/vmlinuz has changed; command line". */
enum {
	LOADPLAN_CHANGES_MAX = 1024,
};

/*
 * Whether files and command line of @p are not those that @s recorded: which, in words, in the
 * LOADPLAN_CHANGES_MAX bytes at @what, "" when nothing is.
 */
bool loadplan_differs(const struct loadplan *p, const struct state *s, char *what);

#endif
