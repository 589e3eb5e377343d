// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/ladder.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/codec.h"

/*
 * Each rung costs about twice the last and saves a fifth of its bytes. zstd's levels below -1
 * are not among them: they take more time than LZO for no fewer bytes, or nearly so
 * (docs/dump-format.md has the figures).
 */
static const struct {
	const char *name;
	int level;
} automatic[] = {{"none", 0}, {"lzo", 0}, {"zstd", -1}, {"zstd", 1}};

enum {
	START = 1, // in the table above
};

static void add(struct ladder *l, const struct codec *codec, int level)
{
	l->rungs[l->n++] = (struct rung){codec, level};
}

int ladder_make(struct ladder *l, const char *name, int level, bool fixed, struct err *err)
{
	bool raw = !strcmp(name, "auto:none");
	const struct codec *codec;

	*l = (struct ladder){0};
	if (!raw && strcmp(name, "auto") != 0) {
		codec = codec_by_name(name);
		if (!codec)
			return err_set(err, ERR_USAGE, "no codec is called %s", name);
		add(l, codec, codec->flag == CODEC_FLAG_NONE ? codec->level_default : level);
		return 0;
	}
	if (fixed) {
		add(l, codec_by_name(automatic[START].name), automatic[START].level);
		return 0;
	}
	for (size_t i = raw ? 0 : START; i < ARRAY_SIZE(automatic); i++)
		add(l, codec_by_name(automatic[i].name), automatic[i].level);
	l->start = raw ? START : 0;
	return 0;
}

const struct rung *ladder_start(const struct ladder *l)
{
	return &l->rungs[l->start];
}

const char *ladder_said(const struct ladder *l)
{
	if (!l->n)
		return "";
	return l->n > 1 ? "auto" : l->rungs[0].codec->name;
}

void ladder_name(const struct rung *rung, char name[static LADDER_NAME_MAX])
{
	if (rung->codec->level_min == rung->codec->level_max)
		snprintf(name, LADDER_NAME_MAX, "%s", rung->codec->name);
	else
		snprintf(name, LADDER_NAME_MAX, "%s:%d", rung->codec->name, rung->level);
}

uint64_t ladder_memory(const struct ladder *l, size_t page_size)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < l->n; i++)
		sum += l->rungs[i].codec->memory(l->rungs[i].level, page_size);
	return sum;
}

size_t ladder_room(const struct ladder *l, size_t page_size)
{
	size_t most = 0;

	for (unsigned int i = 0; i < l->n; i++) {
		size_t room = codec_room(l->rungs[i].codec, page_size);

		if (room > most)
			most = room;
	}
	return most;
}

void ladder_begin(struct ladder_state *s, const struct ladder *l)
{
	*s = (struct ladder_state){.base = l->start};
}

static void end_period(struct ladder_state *s, const struct ladder *l)
{
	if (s->pressed >= LADDER_MOST && s->base + 1 < l->n)
		s->base++;
	else if (s->starved >= LADDER_MOST && s->base)
		s->base--;
	s->seen = s->pressed = s->starved = 0;
}

unsigned int ladder_choose(struct ladder_state *s, const struct ladder *l, enum ladder_load load)
{
	s->pressed += load == LADDER_PRESSED;
	s->starved += load == LADDER_STARVED;
	if (++s->seen == LADDER_PERIOD)
		end_period(s, l);
	if (load == LADDER_PRESSED && s->base + 1 < l->n)
		return s->base + 1;
	if (load == LADDER_STARVED && s->base)
		return s->base - 1;
	return s->base;
}
