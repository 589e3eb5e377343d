// SPDX-License-Identifier: GPL-2.0-or-later
/* Words of a dump: the input is text, taken as a core_collector and as a command line. */
#include <string.h>

#include "base/err.h"
#include "tests/fuzz/fuzz.h"
#include "vmcore/dumpopts.h"

enum {
	ARGS_MAX = 100,
};

/* Promises that hold after success and, the options being untouched, after failure. */
static void check(const struct dumpopts *o, int rc)
{
	FUZZ_CHECK(rc == 0 || rc == ERR_USAGE || rc == ERR_UNSUPPORTED || rc == ERR_LIMIT);
	FUZZ_CHECK(o->nlevels >= 1 && o->nlevels <= DUMP_LEVELS_MAX);
	for (size_t i = 0; i < o->nlevels; i++)
		FUZZ_CHECK(o->levels[i] <= DUMP_LEVEL_MAX);
	FUZZ_CHECK(memchr(o->codec, 0, sizeof(o->codec)) && o->codec[0]);
	FUZZ_CHECK(o->threads <= DUMP_THREADS_MAX);
	FUZZ_CHECK(o->noperands <= 1 + DUMP_PARTS_MAX);
	FUZZ_CHECK(o->noperands <= 2 || o->split);
	FUZZ_CHECK(o->message_level >= 0 && o->message_level <= 31);
	dumpopts_check(o, true, NULL);
}

/* A zero-terminated copy, cut at the first zero as any string of words is. */
static char *copy_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static int as_core_collector(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size);
	struct dumpopts o;
	struct err err;
	int rc;

	text[strcspn(text, "\n")] = '\0';
	dumpopts_default(&o);
	rc = dumpopts_parse_string(&o, text, &err);
	check(&o, rc);
	FUZZ_CHECK(!o.config && !o.noperands && !o.appliance && !o.dry_run && o.act == -1);
	free(text);
	return rc;
}

static void as_command_line(const uint8_t *data, size_t size)
{
	char *text = copy_text(data, size), *rest = NULL;
	char *argv[ARGS_MAX + 1] = {text};
	struct dumpopts o;
	struct err err;
	int argc = 0;

	for (char *w = strtok_r(text, " \n", &rest); w && argc < ARGS_MAX;
	     w = strtok_r(NULL, " \n", &rest))
		argv[argc++] = w;
	dumpopts_default(&o);
	check(&o, dumpopts_parse(&o, argc, argv, &err));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_core_collector(data, size);
	as_command_line(data, size);
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	return as_core_collector(data, size);
}
