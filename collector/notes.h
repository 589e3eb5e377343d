/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notes: the notes of a dump: those of the vmcore byte for byte, as far as they are sound, and
 * where vmcoreinfo was found in memory only, in front of them the note that the vmcore lacks:
 * without it no reader could make sense of the dump. What is behind a damaged record no reader
 * would find; most would give up at it.
 */
#ifndef COLLECTOR_NOTES_H
#define COLLECTOR_NOTES_H

#include <stdint.h>

struct err;
struct kmem;

uint64_t notes_size(const struct kmem *km);

/*
 * Writes notes_size() bytes to @buf. *@vi_offset and *@vi_size tell where in them the text of
 * vmcoreinfo is; size 0 when there is none.
 */
int notes_fill(const struct kmem *km, uint8_t *buf, uint64_t *vi_offset, uint64_t *vi_size,
	       struct err *err);

#endif
