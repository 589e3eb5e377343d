/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dead: a small dead kernel made from text (tests/lib/mkkernel.h), open, and its plan, for unit
 * tests. What should not fail ends the test with the error's text.
 */
#ifndef TESTS_UNIT_DEAD_H
#define TESTS_UNIT_DEAD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "collector/plan.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkernel.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

struct dead {
	int fd;
	struct vmcore *vc;
	struct kmem km;
	struct plan plan;
	struct err err;
};

static inline void dead_open(struct dead *d, const char *text)
{
	char path[MKCORE_PATH_MAX];
	struct err why = {0};

	*d = (struct dead){0};
	d->fd = mkkernel_memfd(text, &d->err);
	if (d->fd < 0)
		fail_msg("%s", d->err.msg);
	mkcore_path(d->fd, path);
	if (vmcore_open(path, &d->vc, &d->err))
		fail_msg("%s", d->err.msg);
	if (kmem_init(&d->km, d->vc, &why, &d->err) || !d->km.xlat)
		fail_msg("%s %s", d->err.msg, why.msg);
}

static inline void dead_close(struct dead *d)
{
	plan_deinit(&d->plan);
	kmem_deinit(&d->km);
	vmcore_close(d->vc);
	close(d->fd);
}

static inline void dead_plan(struct dead *d, unsigned int level, unsigned int threads)
{
	plan_deinit(&d->plan);
	if (plan_init(&d->plan, &d->km, level, threads, &d->err))
		fail_msg("%s", d->err.msg);
}

/* Whether a note of the plan has these words. */
static inline bool noted(const struct plan *plan, const char *words)
{
	for (size_t i = 0; i < plan->nnotes; i++)
		if (strstr(plan->notes[i], words))
			return true;
	return false;
}

#endif
