// SPDX-License-Identifier: GPL-2.0-or-later
/* The text of a VMCOREINFO note to a table, and each typed question to that table. */
#include <string.h>

#include "crashnotes/vmcoreinfo.h"
#include "tests/fuzz/fuzz.h"

typedef bool (*question)(const struct vmcoreinfo *vi, const char *name, uint64_t *ret);

static bool ask_number(const struct vmcoreinfo *vi, const char *name, uint64_t *ret)
{
	int64_t v = 0;
	bool there = vmcoreinfo_number(vi, name, &v);

	*ret = there ? (uint64_t)v : *ret;
	return there;
}

/* A question that gets no answer must leave the result alone. */
static void ask(question q, const struct vmcoreinfo *vi, const char *name)
{
	uint64_t v = 0x5a5a;

	FUZZ_CHECK(q(vi, name, &v) || v == 0x5a5a);
}

/* Asks for KIND(x) of a line of the text, if that is what it is. */
static void ask_typed(const struct vmcoreinfo *vi, char *key)
{
	static const question questions[] = {vmcoreinfo_symbol, vmcoreinfo_sizeof,
					     vmcoreinfo_offset, vmcoreinfo_length, ask_number};
	char *open = strchr(key, '('), *close = open ? strrchr(open, ')') : NULL;

	if (!close)
		return;
	*close = '\0';
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		ask(questions[i], vi, open + 1);
}

/* Each key of the text must be in the table, found by a walk that shares nothing with it. */
static size_t check_keys(const struct vmcoreinfo *vi, const char *text, size_t size)
{
	const char *end = text + size, *line = text;
	size_t keys = 0;

	while (line < end && *line) {
		size_t len = strcspn(line, "\n"), key_len = strcspn(line, "=\n");

		if (key_len && key_len < len) {
			char *key = strndup(line, key_len);

			FUZZ_CHECK(key && vmcoreinfo_get(vi, key));
			ask(vmcoreinfo_plain, vi, key);
			ask_typed(vi, key);
			free(key);
			keys++;
		}
		line += len + (line[len] == '\n');
	}
	return keys;
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct vmcoreinfo *vi = NULL;
	uint64_t unused;
	char *text;
	size_t keys;
	int rc = vmcoreinfo_create(data, size, &vi, NULL);

	if (rc) {
		FUZZ_CHECK(!vi);
		return rc;
	}
	text = strndup((const char *)data, size);
	FUZZ_CHECK(text);
	keys = check_keys(vi, text, strlen(text));
	FUZZ_CHECK(vmcoreinfo_count(vi) <= keys);
	FUZZ_CHECK(!keys == !vmcoreinfo_count(vi));
	FUZZ_CHECK(vmcoreinfo_count(vi) <= VMCOREINFO_KEYS_MAX);
	vmcoreinfo_kerneloffset(vi, &unused);
	free(text);
	vmcoreinfo_destroy(vi);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_verdict(data, size);
	return 0;
}
