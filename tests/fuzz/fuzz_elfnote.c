// SPDX-License-Identifier: GPL-2.0-or-later
/* The walk over a PT_NOTE segment, and what is made of each record. */
#include <elf.h>
#include <string.h>

#include "base/err.h"
#include "crashnotes/elfnote.h"
#include "crashnotes/prstatus.h"
#include "tests/fuzz/fuzz.h"

/* What is lent must lie in the segment, behind the header it belongs to. */
static void check_bounds(const struct elfnote *note, const uint8_t *data, size_t size)
{
	FUZZ_CHECK(note->offset % ELFNOTE_ALIGN == 0);
	FUZZ_CHECK(note->offset < size);
	FUZZ_CHECK(note->descsz <= ELFNOTE_DESC_MAX);
	FUZZ_CHECK(note->desc >= data + note->offset + 12);
	FUZZ_CHECK(note->desc <= data + size);
	FUZZ_CHECK(note->descsz <= (size_t)(data + size - note->desc));
	FUZZ_CHECK(strlen(note->name) < ELFNOTE_NAME_MAX);
}

/* A record built of what was read must read the same. */
static void check_rebuilt(const struct elfnote *note)
{
	size_t room = elfnote_size(note->name, note->descsz), size;
	uint8_t *buf = malloc(room);
	struct elfnote_iter it;
	struct elfnote again;

	FUZZ_CHECK(buf);
	FUZZ_CHECK(!elfnote_build(buf, room, note->name, note->type, note->desc, note->descsz,
				  &size, NULL));
	FUZZ_CHECK(size == room);
	elfnote_iter_init(&it, buf, size);
	FUZZ_CHECK(elfnote_next(&it, &again, NULL) == 1);
	FUZZ_CHECK(!strcmp(again.name, note->name) && again.type == note->type);
	FUZZ_CHECK(again.descsz == note->descsz);
	FUZZ_CHECK(!note->descsz || !memcmp(again.desc, note->desc, note->descsz));
	FUZZ_CHECK(elfnote_next(&it, &again, NULL) == 0);
	free(buf);
}

static void check_prstatus(const struct elfnote *note, uint16_t machine)
{
	const struct prstatus_arch *arch = prstatus_arch(machine);
	struct prstatus ps;
	int rc = prstatus_parse(arch, note->desc, note->descsz, &ps, NULL);

	FUZZ_CHECK(rc == (note->descsz < arch->size ? ERR_NODATA : 0));
	FUZZ_CHECK(rc || ps.nregs == arch->nregs);
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	struct elfnote_iter it;
	struct elfnote note;
	size_t records = 0;
	int rc;

	elfnote_iter_init(&it, data, size);
	while ((rc = elfnote_next(&it, &note, NULL)) == 1) {
		FUZZ_CHECK(++records <= size / 12);
		check_bounds(&note, data, size);
		check_rebuilt(&note);
		check_prstatus(&note, EM_X86_64);
		check_prstatus(&note, EM_AARCH64);
	}
	FUZZ_CHECK(elfnote_next(&it, &note, NULL) == 0);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_verdict(data, size);
	return 0;
}
