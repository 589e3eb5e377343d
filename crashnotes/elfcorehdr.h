/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elfcorehdr: the ELF64 core header that describes a dead machine's memory: one PT_NOTE per
 * CPU and one for VMCOREINFO, then PT_LOADs. The capture kernel finds it by elfcorehdr= and
 * makes /proc/vmcore of it (fs/proc/vmcore.c); there p_offset is a physical address. In a
 * core file p_offset is a place in the file: the caller says which by filling the segments.
 */
#ifndef CRASHNOTES_ELFCOREHDR_H
#define CRASHNOTES_ELFCOREHDR_H

#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;

/* One program header to be. */
struct elfcorehdr_segment {
	uint32_t type; /* PT_NOTE or PT_LOAD */
	uint32_t flags; /* PF_R ... */
	uint64_t offset; /* p_offset: physical address, or place in the file */
	vaddr_t vaddr;
	paddr_t paddr;
	uint64_t filesz;
	uint64_t memsz;
};

struct elfcorehdr_spec {
	uint16_t machine; /* ELF e_machine */
	const struct elfcorehdr_segment *segments;
	size_t nsegments; /* from 0xffff on PN_XNUM and one section header are written */
};

/* Bytes that the header of @spec takes; a multiple of 4. */
size_t elfcorehdr_size(const struct elfcorehdr_spec *spec);

/*
 * Writes it to the @room bytes at @buf, its length to *@ret. ERR_CORRUPT when a segment wraps
 * around 2^64 or has filesz > memsz, ERR_LIMIT when there is not room enough.
 */
int elfcorehdr_build(const struct elfcorehdr_spec *spec, void *buf, size_t room, size_t *ret,
		     struct err *err);

enum {
	ELFCOREHDR_HEAD = 64, /* bytes of the ELF header itself */
};

/*
 * Bytes that a header takes with its program headers, from its first ELFCOREHDR_HEAD ones.
 * ERR_CORRUPT with the field when it is no such header; ERR_UNSUPPORTED for PN_XNUM, which no
 * kernel takes for an elfcorehdr.
 */
int elfcorehdr_extent(const void *head, size_t *ret, struct err *err);

/*
 * Reads the @size bytes at @buf back: the segments to @segments, which has room for @room of
 * them, how many to *@ret. Other types than PT_NOTE and PT_LOAD are passed over. ERR_CORRUPT as of
 * elfcorehdr_extent(), and for what elfcorehdr_build() would refuse; ERR_NODATA, ERR_LIMIT.
 */
int elfcorehdr_parse(const void *buf, size_t size, struct elfcorehdr_segment *segments, size_t room,
		     size_t *ret, struct err *err);

#endif
