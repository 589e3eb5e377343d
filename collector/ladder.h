/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ladder: with which codec the next block is packed. The rungs are codecs, from the one that
 * costs least to the one that saves most; `codec auto` moves between them so that neither the
 * CPUs nor the target wait for the other. What it goes by is the state of the pipeline's queue
 * when a worker takes a block: no arithmetic with times, so nothing of the machine is assumed.
 *
 * There is a base, and a block goes one rung above it when blocks are piling up before the
 * writer, one below when the writer had none. Mixed so, both sides are busy even where one rung
 * is too cheap and the next too dear. The base follows when a whole period was nearly all of
 * one kind.
 */
#ifndef COLLECTOR_LADDER_H
#define COLLECTOR_LADDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct codec;
struct err;

enum {
	LADDER_RUNGS_MAX = 4,
	LADDER_PERIOD = 16, /* blocks */
	LADDER_MOST = 12, /* of them: what moves the base */
	LADDER_NAME_MAX = 24,
};

struct rung {
	const struct codec *codec;
	int level;
};

/* What there is to choose from; only read once it is made. */
struct ladder {
	struct rung rungs[LADDER_RUNGS_MAX]; /* weakest first */
	unsigned int n; /* 1: there is no choice */
	unsigned int start; /* the first base */
};

/* How the pipeline stood when a worker took a block. */
enum ladder_load {
	LADDER_EVEN,
	LADDER_PRESSED, /* workers wait for the writer: the target is the bottleneck */
	LADDER_STARVED, /* the writer had none: the codec is */
};

/* One run's position; zero it with ladder_begin(). */
struct ladder_state {
	unsigned int base;
	unsigned int seen, pressed, starved; /* blocks of this period */
};

/*
 * The ladder that the name of a codec in the options stands for: "auto", "auto:none", which may
 * also leave pages as they are, or a single codec at @level. With @fixed auto is its first base
 * alone. ERR_USAGE for a name that is none.
 */
int ladder_make(struct ladder *l, const char *name, int level, bool fixed, struct err *err);

/* The rung of the first base: what a header names that has room for only one. */
const struct rung *ladder_start(const struct ladder *l);

/* What stands for all of it in a line: "auto", the name of its only codec, "" when it has none. */
const char *ladder_said(const struct ladder *l);

/* "lzo", "zstd:-1" */
void ladder_name(const struct rung *rung, char name[static LADDER_NAME_MAX]);

/* Bytes that the contexts of all rungs take, for one worker. */
uint64_t ladder_memory(const struct ladder *l, size_t page_size);

/* The room that a page of @page_size can need with any of them: codec_room(). */
size_t ladder_room(const struct ladder *l, size_t page_size);

void ladder_begin(struct ladder_state *s, const struct ladder *l);

/* The rung of the next block. One caller at a time. */
unsigned int ladder_choose(struct ladder_state *s, const struct ladder *l, enum ladder_load load);

#endif
