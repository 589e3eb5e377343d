/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kdwalk: goes over all PFNs of one or two dumps with several threads, and keeps what it finds.
 */
#ifndef ORACLE_KDWALK_H
#define ORACLE_KDWALK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coreread.h"
#include "kdread.h"

#define WALK_THREADS_MAX 64U
#define WALK_FINDS_MAX	 1000000U
#define FIND_TEXT_MAX	 120

enum walk_mode { WALK_COMPARE, WALK_CORE, WALK_GREP, WALK_DECODE };

enum tally {
	T_PAGES, /* pages looked at */
	T_BITMAP1, /* PFNs whose bit differs in bitmap1 */
	T_BITMAP2, /* the same for bitmap2 */
	T_CONTENT, /* pages with different bytes */
	T_UNREADABLE, /* pages that at least one side can not give */
	T_LOST, /* pages that an incomplete dump lost, where that is allowed */
	T_PARTIAL, /* pages that the core holds only a part of */
	T_HITS, /* places where the pattern stands */
	T_KINDS,
};

struct find {
	uint64_t pfn;
	char text[FIND_TEXT_MAX];
};

struct walk {
	/* What to do, filled in by the caller. */
	enum walk_mode mode;
	unsigned int threads, limit;
	bool lost_ok;
	const struct kd *a, *b;
	const struct core *core;
	const uint8_t *pattern;
	size_t pattern_len;

	/* What came of it: the limit finds with the lowest PFNs, in their order. */
	struct find *finds;
	unsigned int nfinds;
	atomic_uint_fast64_t tally[T_KINDS];

	atomic_uint_fast64_t next;
	uint64_t max_pfn;
	atomic_bool broken;
	pthread_mutex_t lock;
};

/* 0, or -1 when there is not enough memory or no thread. */
int walk_run(struct walk *w);
void walk_free(struct walk *w);

/* What was found that two equal dumps would not have. */
uint64_t walk_differences(struct walk *w);

#endif
