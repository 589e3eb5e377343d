// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration, in both tempers; what it prints must read back as the same. */
#include <string.h>

#include "base/err.h"
#include "tests/fuzz/fuzz.h"
#include "vmcore/config.h"

struct text {
	char s[16 * CONFIG_VALUE_MAX];
	size_t n;
};

static void add(struct text *t, const char *s)
{
	size_t len = strlen(s);

	FUZZ_CHECK(len < sizeof(t->s) - t->n);
	memcpy(t->s + t->n, s, len);
	t->n += len;
}

static void add_setting(void *ctx, const char *key, const char *value)
{
	add(ctx, key);
	add(ctx, " ");
	add(ctx, value);
	add(ctx, "\n");
}

static void check_reads_back(const struct config *c)
{
	struct config again;
	struct text once = {.n = 0}, twice = {.n = 0};

	config_print(c, add_setting, &once);
	FUZZ_CHECK(config_parse(&again, "again", once.s, once.n, true, NULL) == 0);
	config_print(&again, add_setting, &twice);
	FUZZ_CHECK(once.n == twice.n && memcmp(once.s, twice.s, once.n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = data ? (const char *)data : "";
	struct config strict, lenient;
	struct err err;
	int rc = config_parse(&strict, "strict", text, size, true, &err);
	int rc_lenient = config_parse(&lenient, "lenient", text, size, false, &err);

	FUZZ_CHECK(rc == 0 || rc == ERR_USAGE || rc == ERR_LIMIT);
	FUZZ_CHECK(rc_lenient == 0 || rc_lenient == ERR_LIMIT);
	FUZZ_CHECK(lenient.collect.nlevels >= 1 && lenient.collect.nlevels <= DUMP_LEVELS_MAX);
	FUZZ_CHECK(lenient.path[0] == '/');
	check_reads_back(&strict);
	check_reads_back(&lenient);
	// What passes strictly is no different when forgiven.
	if (rc == 0)
		FUZZ_CHECK(strict.nnotes == lenient.nnotes &&
			   strict.nunsupported == lenient.nunsupported);
	return 0;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct config c;
	int rc = config_parse(&c, "c", data ? (const char *)data : "", size, true, NULL);

	return rc ? rc : config_check(&c, "c", NULL);
}
