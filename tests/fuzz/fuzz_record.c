// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The panic record of a machine whose log and registers are forged. The input: le16 N, N bytes of
 * the note of CPU 0, the same of CPU 1, then the log, a record for each line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "collector/record.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkcrash.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	DESC_MAX = 512,
	NOTE_TEXT_MAX = 64 + 3 * DESC_MAX,
	LOG_MAX = 64 << 10,
};

/* A note at @c, as mkcore has it. */
static void add_note(struct cursor *c, char *text)
{
	const uint8_t *desc;
	uint16_t size;

	if (cursor_u16(c, &size, NULL))
		return;
	if (size > DESC_MAX)
		size = DESC_MAX;
	if (size > cursor_left(c))
		size = cursor_left(c);
	FUZZ_CHECK(!cursor_bytes(c, size, &desc, NULL));
	text += strlen(text);
	text += sprintf(text, "note name=CORE type=1");
	for (size_t i = 0; i < size; i++)
		text += sprintf(text, " %02x", desc[i]);
	strcpy(text, "\n");
}

static void check_record(const struct record *r)
{
	size_t n = strlen(r->signature);

	FUZZ_CHECK(r->size && r->size <= RECORD_SIZE_MAX && strlen(r->text) == r->size);
	FUZZ_CHECK(r->text[r->size - 1] == '\n');
	for (size_t i = 0; i < r->size; i++)
		FUZZ_CHECK(r->text[i] == '\n' || (r->text[i] >= ' ' && r->text[i] <= '~'));
	FUZZ_CHECK(n == 0 || n == RECORD_SIGNATURE_SIZE - 1);
	FUZZ_CHECK(strspn(r->signature, "0123456789abcdef") == n);
	FUZZ_CHECK(memchr(r->panic, 0, sizeof(r->panic)));
	// What is always known is always said.
	FUZZ_CHECK(strstr(r->text, "release: 5.4.0-test\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_init(data, size, 0);
	struct record *r = calloc(2, sizeof(*r));
	char notes[2 * NOTE_TEXT_MAX] = "", path[MKCORE_PATH_MAX];
	struct vmcore *vc;
	struct kmem km;
	int fd;

	add_note(&c, notes);
	add_note(&c, notes);
	if (cursor_left(&c) > LOG_MAX)
		size = c.pos + LOG_MAX;
	fd = mkcrash_memfd(notes, (const char *)data + c.pos, size - c.pos, "", NULL);
	FUZZ_CHECK(fd >= 0 && r);
	mkcore_path(fd, path);
	FUZZ_CHECK(!vmcore_open(path, &vc, NULL) && !kmem_init(&km, vc, NULL, NULL));
	record_make(&r[0], &km, NULL);
	check_record(&r[0]);
	record_make(&r[1], &km, NULL);
	FUZZ_CHECK(!memcmp(&r[0], &r[1], sizeof(*r)));
	kmem_deinit(&km);
	vmcore_close(vc);
	close(fd);
	free(r);
	return 0;
}
