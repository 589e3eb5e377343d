/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elfnote: the note records of a PT_NOTE segment, read and built.
 *
 * A record is three 32-bit words (n_namesz, n_descsz, n_type), the name and the descriptor,
 * each padded to 4 bytes: the ELF64 specification asks for 8, but Linux writes 4 in cores
 * and in crash notes (fs/binfmt_elf.c, kernel/crash_core.c) and all readers follow it.
 */
#ifndef CRASHNOTES_ELFNOTE_H
#define CRASHNOTES_ELFNOTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/cursor.h"

struct err;

enum {
	ELFNOTE_ALIGN = 4,
	ELFNOTE_NAME_MAX = 64, /* longest name taken, its zero included */
	ELFNOTE_DESC_MAX = 1 << 20, /* longest descriptor taken */
	ELFNOTE_SEGMENT_MAX = 64 << 20, /* longest PT_NOTE taken: 8192 CPUs at 4 KiB, twice */
};

/* One record. Pointers are into the segment's buffer and live as long as it does. */
struct elfnote {
	const char *name; /* namesz bytes, zero-terminated within them, "" when namesz is 0 */
	uint32_t type; /* n_type: NT_PRSTATUS 1, VMCOREINFO 0 ... */
	const uint8_t *desc;
	size_t descsz;
	uint64_t offset; /* of the record's header in the segment */
};

struct elfnote_iter {
	struct cursor cur;
};

/* Starts over the @size bytes of a PT_NOTE segment at @data (borrowed). */
void elfnote_iter_init(struct elfnote_iter *it, const void *data, size_t size);

/*
 * The next record. 1 with @ret filled; 0 at the end of the segment (zero padding, which the
 * kernel leaves behind notes of CPUs that never came up, is stepped over and belongs to the
 * end); ERR_NODATA when a record reaches beyond the segment, ERR_CORRUPT when a name is not
 * terminated, ERR_LIMIT beyond the limits above. After an error the iteration is over.
 */
int elfnote_next(struct elfnote_iter *it, struct elfnote *ret, struct err *err);

/* Bytes that elfnote_build() needs for a record. */
size_t elfnote_size(const char *name, size_t descsz);

/*
 * Writes one padded record to the @room bytes at @buf and its length to *@ret; ERR_LIMIT when
 * there is not room enough. @desc may be NULL for a zero-filled descriptor.
 */
int elfnote_build(void *buf, size_t room, const char *name, uint32_t type, const void *desc,
		  size_t descsz, size_t *ret, struct err *err);

#endif
