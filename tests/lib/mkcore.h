/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkcore: ELF cores made from text, as sparse files: a few lines describe a machine with
 * gigabytes of memory. Generators (page tables, struct pages, printk buffers) use the calls
 * below; fixtures use the language, or both are mixed.
 *
 * The language: one statement a line; numbers are decimal, 0x... or end in K, M, G or T;
 * BYTES are what tests/lib/blob.h compiles, to the end of the line. BYTES and TEXT may stand
 * on lines of their own instead, between `<<WORD` and a line WORD.
 *
 *   # ...                          a comment
 *   machine NAME                   x86_64 (the default), aarch64, or a number
 *   load paddr=N size=N [filesz=N] [vaddr=N] [offset=N] [count=N stride=N]
 *                                  a PT_LOAD; by default filesz is size and the data follow
 *                                  the last, at an offset congruent to paddr modulo 4096;
 *                                  with count that many of them, stride bytes apart
 *   note name=NAME type=N BYTES    a note record with that descriptor
 *   prstatus [pid=N] [REG=N]...    an NT_PRSTATUS of the machine; other registers are zero
 *   vmcoreinfo <<WORD              the TEXT as VMCOREINFO note
 *   segment                        later notes go into a further PT_NOTE
 *   rawnote BYTES                  bytes as they are into the PT_NOTE: broken records
 *   data PADDR BYTES               memory, in every PT_LOAD that holds it
 *
 * Lies, told after the file is made:
 *
 *   at OFFSET BYTES                bytes of the file, whatever is there
 *   override FIELD=N               e_phnum, e_phoff ... of the ELF header; phI.p_offset ... of
 *                                  program header I (PT_NOTEs come first, then PT_LOADs)
 *   xnum [N]                       PN_XNUM and a section header that says N (default: truth)
 *   truncate N                     cuts the file
 */
#ifndef TESTS_LIB_MKCORE_H
#define TESTS_LIB_MKCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;
struct mkcore;

struct mkcore_load {
	paddr_t paddr;
	vaddr_t vaddr;
	uint64_t memsz, filesz;
	uint64_t offset; /* 0: wherever it fits */
};

/* An empty x86_64 core. NULL without memory. */
struct mkcore *mkcore_create(void);
void mkcore_destroy(struct mkcore *mk);

/* Adds what @text (borrowed, called @name in messages) says; ERR_USAGE with name and line. */
int mkcore_parse(struct mkcore *mk, const char *name, const char *text, size_t size,
		 struct err *err);

/* The statements of the language as calls; all bytes are copied. */
void mkcore_machine(struct mkcore *mk, uint16_t machine);
int mkcore_load(struct mkcore *mk, const struct mkcore_load *load, struct err *err);
int mkcore_note(struct mkcore *mk, const char *name, uint32_t type, const void *desc, size_t size,
		struct err *err);
int mkcore_data(struct mkcore *mk, paddr_t paddr, const void *bytes, size_t size, struct err *err);

/* Writes the core to the empty file @fd. ERR_USAGE for data that is in no PT_LOAD's file part. */
int mkcore_write(const struct mkcore *mk, int fd, struct err *err);

/*
 * All at once, for tests: the zero-terminated @text as a memfd, which the caller closes, or a
 * negative code. mkcore_path() gives the name by which to open one.
 */
int mkcore_memfd(const char *text, struct err *err);

enum {
	MKCORE_PATH_MAX = 64,
};
void mkcore_path(int fd, char path[static MKCORE_PATH_MAX]);

#endif
