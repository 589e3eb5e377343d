/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmcoreinfo: what the dead kernel says of itself, as a table of keys.
 *
 * The text is lines KEY=VALUE (kernel/crash_core.c, kernel/vmcore_info.c since 6.9):
 * SYMBOL(x)= hexadecimal, SIZE(x)= OFFSET(s.m)= LENGTH(x)= decimal, NUMBER(x)= signed decimal
 * or hexadecimal with 0x, and plain keys such as OSRELEASE and CRASHTIME. A difference
 * between kernels is told by the presence of a key, never by OSRELEASE.
 */
#ifndef CRASHNOTES_VMCOREINFO_H
#define CRASHNOTES_VMCOREINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define VMCOREINFO_NOTE_NAME "VMCOREINFO" /* n_type 0 */

enum {
	VMCOREINFO_SIZE_MAX = 64 << 10, /* the kernel's buffer is one page, 4 to 64 KiB */
	VMCOREINFO_KEYS_MAX = 2048,
};

struct vmcoreinfo; /* the table; owns copies of the text */

/*
 * Parses @size bytes of text (borrowed for the call; ends early at a zero byte). Lines
 * without '=' are passed over and counted; of a key that stands twice the last one counts.
 * ERR_NODATA for an empty text, ERR_LIMIT beyond the limits above. The caller destroys *@ret.
 */
int vmcoreinfo_create(const void *text, size_t size, struct vmcoreinfo **ret, struct err *err);
void vmcoreinfo_destroy(struct vmcoreinfo *vi);

/* The value of a whole key ("OSRELEASE", "SYMBOL(mem_section)"), zero-terminated, or NULL. */
const char *vmcoreinfo_get(const struct vmcoreinfo *vi, const char *key);

/* The typed keys: true with *@ret set when KIND(@name) is there and is a whole number. */
bool vmcoreinfo_symbol(const struct vmcoreinfo *vi, const char *name, uint64_t *ret);
bool vmcoreinfo_sizeof(const struct vmcoreinfo *vi, const char *name, uint64_t *ret);
bool vmcoreinfo_offset(const struct vmcoreinfo *vi, const char *name, uint64_t *ret);
bool vmcoreinfo_length(const struct vmcoreinfo *vi, const char *name, uint64_t *ret);
bool vmcoreinfo_number(const struct vmcoreinfo *vi, const char *name, int64_t *ret);

/* A plain key whose value is a decimal number: PAGESIZE, CRASHTIME. */
bool vmcoreinfo_plain(const struct vmcoreinfo *vi, const char *key, uint64_t *ret);

/* KERNELOFFSET, hexadecimal without 0x: how far KASLR moved the kernel. */
bool vmcoreinfo_kerneloffset(const struct vmcoreinfo *vi, uint64_t *ret);

/* The text itself as it was given, up to its first zero byte; *@size_ret bytes. */
const char *vmcoreinfo_text(const struct vmcoreinfo *vi, size_t *size_ret);

/* Keys in the table, and lines passed over because they were not KEY=VALUE. */
size_t vmcoreinfo_count(const struct vmcoreinfo *vi);
size_t vmcoreinfo_bad_lines(const struct vmcoreinfo *vi);

#endif
