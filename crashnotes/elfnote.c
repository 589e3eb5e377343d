// SPDX-License-Identifier: GPL-2.0-or-later
#include "crashnotes/elfnote.h"

#include <stdbool.h>
#include <string.h>

#include "base/err.h"

enum {
	HEADER_SIZE = 12, /* n_namesz, n_descsz, n_type */
};

struct header {
	uint32_t namesz, descsz, type;
};

void elfnote_iter_init(struct elfnote_iter *it, const void *data, size_t size)
{
	it->cur = cursor_init(data, size, 0);
}

/* Is everything up to the end, or else the next @size bytes, zero? */
static bool zeroes_ahead(const struct cursor *c, size_t size)
{
	for (size_t i = 0; i < size && i < cursor_left(c); i++)
		if (c->start[c->pos + i])
			return false;
	return true;
}

/*
 * Steps over zero padding. A header of zeroes is no record: the kernel writes none, and ends
 * its own walk there (fs/proc/vmcore.c, update_note_header_size_elf64()). Notes of the next
 * CPU may follow, on a boundary of words, where segments were joined with their padding.
 */
static void skip_padding(struct cursor *c)
{
	if (!zeroes_ahead(c, HEADER_SIZE))
		return;
	while (cursor_left(c) && zeroes_ahead(c, ELFNOTE_ALIGN)) {
		size_t left = cursor_left(c);

		c->pos += left < ELFNOTE_ALIGN ? left : ELFNOTE_ALIGN;
	}
}

static int read_header(struct cursor *c, struct header *ret, struct err *err)
{
	int rc = cursor_u32(c, &ret->namesz, err);

	if (!rc)
		rc = cursor_u32(c, &ret->descsz, err);
	if (!rc)
		rc = cursor_u32(c, &ret->type, err);
	if (rc)
		err_prepend(err, "header");
	return rc;
}

static int read_name(struct cursor *c, uint32_t namesz, const char **ret, struct err *err)
{
	const uint8_t *name;
	int rc = cursor_bytes(c, namesz, &name, err);

	if (rc) {
		err_prepend(err, "name");
		return rc;
	}
	if (namesz > ELFNOTE_NAME_MAX)
		return err_set(err, ERR_LIMIT, "name of %u bytes, at most %d are taken", namesz,
			       ELFNOTE_NAME_MAX);
	if (namesz && !memchr(name, '\0', namesz))
		return err_set(err, ERR_CORRUPT, "name of %u bytes has no zero at its end", namesz);
	*ret = namesz ? (const char *)name : "";
	cursor_align(c, ELFNOTE_ALIGN);
	return 0;
}

static int read_desc(struct cursor *c, uint32_t descsz, const uint8_t **ret, struct err *err)
{
	int rc = cursor_bytes(c, descsz, ret, err);

	if (rc) {
		err_prepend(err, "descriptor");
		return rc;
	}
	if (descsz > ELFNOTE_DESC_MAX)
		return err_set(err, ERR_LIMIT, "descriptor of %u bytes, at most %d are taken",
			       descsz, ELFNOTE_DESC_MAX);
	cursor_align(c, ELFNOTE_ALIGN);
	return 0;
}

static int read_record(struct cursor *c, struct elfnote *ret, struct err *err)
{
	struct elfnote note = {.offset = c->pos};
	struct header h;
	int rc = read_header(c, &h, err);

	if (!rc)
		rc = read_name(c, h.namesz, &note.name, err);
	if (!rc)
		rc = read_desc(c, h.descsz, &note.desc, err);
	if (rc) {
		err_prepend(err, "note at offset %llu", (unsigned long long)note.offset);
		return rc;
	}
	note.type = h.type;
	note.descsz = h.descsz;
	*ret = note;
	return 0;
}

int elfnote_next(struct elfnote_iter *it, struct elfnote *ret, struct err *err)
{
	struct cursor *c = &it->cur;
	int rc;

	skip_padding(c);
	if (!cursor_left(c))
		return 0;
	if (c->size > ELFNOTE_SEGMENT_MAX)
		rc = err_set(err, ERR_LIMIT, "%zu bytes of notes, at most %d are taken", c->size,
			     ELFNOTE_SEGMENT_MAX);
	else
		rc = read_record(c, ret, err);
	if (rc) {
		c->pos = c->size;
		return rc;
	}
	return 1;
}

static size_t padded(size_t size)
{
	return (size + ELFNOTE_ALIGN - 1) & ~(size_t)(ELFNOTE_ALIGN - 1);
}

size_t elfnote_size(const char *name, size_t descsz)
{
	return HEADER_SIZE + padded(strlen(name) + 1) + padded(descsz);
}

int elfnote_build(void *buf, size_t room, const char *name, uint32_t type, const void *desc,
		  size_t descsz, size_t *ret, struct err *err)
{
	size_t namesz = strlen(name) + 1, size;
	uint8_t *p = buf;

	// What would not be read back is not written; and so no sum below can wrap.
	if (namesz > ELFNOTE_NAME_MAX || descsz > ELFNOTE_DESC_MAX)
		return err_set(err, ERR_LIMIT, "note of %zu + %zu bytes, at most %d + %d are taken",
			       namesz, descsz, ELFNOTE_NAME_MAX, ELFNOTE_DESC_MAX);
	size = elfnote_size(name, descsz);
	if (size > room)
		return err_set(err, ERR_LIMIT, "note %s: %zu bytes wanted, room for %zu", name,
			       size, room);
	memset(p, 0, size);
	store_le32(p, namesz);
	store_le32(p + 4, descsz);
	store_le32(p + 8, type);
	memcpy(p + HEADER_SIZE, name, namesz);
	if (desc && descsz)
		memcpy(p + HEADER_SIZE + padded(namesz), desc, descsz);
	*ret = size;
	return 0;
}
