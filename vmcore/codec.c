// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/codec.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/codec_priv.h"

enum {
	CODEC_HELP_MAX = 160, /* bytes of the list of names in an error */
};

// In the order in which help texts name them. A codec that is compiled out is a NULL here.
static const struct codec *const codecs[] = {&codec_none, &codec_zlib, &codec_lzo, &codec_zstd};

// Only read, so without a name that an option could say.
static const struct codec *const readers[] = {&codec_snappy};

const struct codec *codec_at(size_t i)
{
	return i < ARRAY_SIZE(codecs) ? codecs[i] : NULL;
}

const struct codec *codec_by_name(const char *name)
{
	const struct codec *c;

	for (size_t i = 0; (c = codec_at(i)); i++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

const struct codec *codec_by_flag(uint32_t flag)
{
	const struct codec *c;

	for (size_t i = 0; (c = codec_at(i)); i++)
		if (c->flag == flag)
			return c;
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		if (readers[i]->flag == flag)
			return readers[i];
	return NULL;
}

size_t codec_room(const struct codec *codec, size_t page_size)
{
	return codec->room(page_size);
}

int codec_check(const struct codec *codec, int level, size_t page_size, struct err *err)
{
	if (level < codec->level_min || level > codec->level_max)
		return err_set(err, ERR_USAGE, "codec %s: level %d, expected %d to %d", codec->name,
			       level, codec->level_min, codec->level_max);
	if (page_size == 0 || page_size > CODEC_PAGE_MAX)
		return err_set(err, ERR_LIMIT, "codec %s: pages of %zu bytes, expected 1 to %d",
			       codec->name, page_size, CODEC_PAGE_MAX);
	return 0;
}

static void list_choices(char *buf, size_t size)
{
	const struct codec *c;
	size_t used = 0;

	buf[0] = '\0';
	for (size_t i = 0; (c = codec_at(i)) && used < size; i++) {
		const char *sep = i == 0 ? "" : ", ";

		if (c->level_min == c->level_max)
			used += snprintf(buf + used, size - used, "%s%s", sep, c->name);
		else
			used += snprintf(buf + used, size - used, "%s%s[:%d..%d]", sep, c->name,
					 c->level_min, c->level_max);
	}
}

static int parse_level(const struct codec *codec, const char *text, int *ret, struct err *err)
{
	char *end;
	long v;

	if (codec->level_min == codec->level_max)
		return err_set(err, ERR_USAGE, "codec %s: takes no level, found \"%s\"",
			       codec->name, text);
	errno = 0;
	v = strtol(text, &end, 10);
	// strtol() would pass over spaces and a plus sign; a level has neither.
	if (end == text || *end != '\0' || errno != 0 || v < codec->level_min ||
	    v > codec->level_max || !strchr("-0123456789", text[0]))
		return err_set(err, ERR_USAGE, "codec %s: level \"%s\", expected %d to %d",
			       codec->name, text, codec->level_min, codec->level_max);
	*ret = (int)v;
	return 0;
}

int codec_parse(const char *spec, const struct codec **ret, int *level_ret, struct err *err)
{
	size_t len = strcspn(spec, ":");
	const struct codec *c;
	char choices[CODEC_HELP_MAX];
	int level;
	int rc;

	for (size_t i = 0; (c = codec_at(i)); i++)
		if (strlen(c->name) == len && memcmp(c->name, spec, len) == 0)
			break;
	if (!c) {
		list_choices(choices, sizeof(choices));
		return err_set(err, ERR_USAGE, "codec \"%.*s\" is not known, expected one of %s",
			       len > 32 ? 32 : (int)len, spec, choices);
	}
	level = c->level_default;
	if (spec[len] == ':') {
		rc = parse_level(c, spec + len + 1, &level, err);
		if (rc)
			return rc;
	}
	*ret = c;
	*level_ret = level;
	return 0;
}
