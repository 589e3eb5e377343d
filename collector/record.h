/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record: the panic record, a page of text that says what died, where and of what: for the
 * console, for pstore and for `panic.txt`, before anything larger is tried. docs/panic-record.md
 * lists its lines.
 *
 * All of it comes from the memory of the dead kernel and may be forged: the text is printable
 * ASCII and line ends, and never longer than RECORD_SIZE_MAX.
 */
#ifndef COLLECTOR_RECORD_H
#define COLLECTOR_RECORD_H

#include <stddef.h>

#include "collector/dmesg.h"

struct kmem;
struct log;

enum {
	RECORD_SIZE_MAX = 4096, /* bytes of text */
	RECORD_SIGNATURE_SIZE = 17, /* 16 hexadecimal digits and a zero */
};

struct record {
	size_t size; /* bytes of text */
	char text[RECORD_SIZE_MAX + 1]; /* zero-terminated */
	char signature[RECORD_SIGNATURE_SIZE]; /* "" when there is nothing to tell by */
	char panic[DMESG_PANIC_MAX]; /* the line that says why, as in struct dmesg */
};

/*
 * Makes it of what is known of the dead kernel. It cannot fail: what cannot be found is said in
 * it. @km is NULL where the vmcore could not be opened at all; @trouble, which may be NULL, then
 * says why. One pass over the log; less than 64 KiB of stack, no other memory.
 */
void record_make(struct record *ret, const struct kmem *km, const char *trouble);

/* What two crashes have in common when they are the same one: docs/panic-record.md. "" when the
 * record has nothing to tell it by. Belongs to @r. */
const char *record_signature(const struct record *r);

/* Puts it on the console, in one write. What comes of that is nobody's concern. */
void record_print(const struct record *r, struct log *log);

#endif
