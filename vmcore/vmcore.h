/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmcore: the memory of a dead kernel, read by physical address.
 *
 * An input is /proc/vmcore or a core file; formats are a const table of functions (ELF64
 * now), probed in order. What all formats give: the notes, and the ranges of physical memory
 * in ascending order without overlap.
 */
#ifndef VMCORE_VMCORE_H
#define VMCORE_VMCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;

enum {
	VMCORE_RANGES_MAX = 1 << 20, /* program headers taken at most */
	VMCORE_WARNINGS_MAX = 8,
	VMCORE_WARNING_MAX = 160,
};

/*
 * A piece of physical memory. The first filesz bytes are at offset of the file, what is left
 * up to memsz was not captured and reads as zero (an ELF core filtered by makedumpfile -E).
 */
struct vmcore_range {
	paddr_t paddr;
	uint64_t memsz;
	uint64_t filesz;
	uint64_t offset;
	vaddr_t vaddr; /* as the header says; of use only to find phys_base */
};

/* What is known once a file is open; owned by the vmcore, valid until it is closed. */
struct vmcore_info {
	const char *format; /* "elf" */
	uint16_t machine; /* ELF e_machine */
	uint64_t file_size; /* 0 where the file cannot tell */
	const uint8_t *notes; /* all PT_NOTE segments, one behind the other */
	size_t notes_size;
	const struct vmcore_range *ranges; /* sorted by paddr, never overlapping, memsz > 0 */
	size_t nranges;
	/* What was odd but has a defined meaning (docs/vmcore-input.md), in words for the log. */
	char warnings[VMCORE_WARNINGS_MAX][VMCORE_WARNING_MAX];
	size_t nwarnings; /* may exceed VMCORE_WARNINGS_MAX: then the rest was not kept */
	bool truncated; /* the file ends before a range does; filesz was cut to what is there */
};

struct vmcore;

/*
 * Opens @path. The caller closes *@ret. ERR_SYS when it cannot be opened, ERR_UNSUPPORTED for
 * a format or class not known, ERR_CORRUPT, ERR_NODATA and ERR_LIMIT for a header that lies;
 * the text says which field, at which offset, expected and found.
 */
int vmcore_open(const char *path, struct vmcore **ret, struct err *err);
void vmcore_close(struct vmcore *vc);

const struct vmcore_info *vmcore_info(const struct vmcore *vc);

/* The range that holds @paddr, or NULL. Binary search; safe from any thread. */
const struct vmcore_range *vmcore_find(const struct vmcore *vc, paddr_t paddr);

/*
 * Reads @size bytes at @paddr, which may cross adjoining ranges; what lies behind filesz reads
 * as zero. ERR_NOTFOUND when a byte of it is in no range. For small things: notes, tables,
 * single pages. Safe from any thread.
 */
int vmcore_read(struct vmcore *vc, paddr_t paddr, void *buf, size_t size, struct err *err);

/*
 * A window: a stretch of the file mapped for reading without a copy. One thread owns one
 * window. /proc/vmcore maps eagerly, about 9 us a call and 20 to 75 ns a page, so a window
 * is moved seldom and sized to what is wanted. Where a place cannot be mapped (an offset that
 * is not a multiple of the page size, a file system without mmap), the window reads into a
 * buffer of its own instead: the caller sees no difference.
 */
struct vmcore_window {
	struct vmcore *vc;
	size_t size_max; /* bytes mapped at most */
	paddr_t paddr; /* of data[0] */
	const uint8_t *data; /* NULL before the first move */
	size_t len; /* bytes valid at data */
	void *map; /* private: the reserved address space */
	size_t map_size;
	uint8_t *bounce; /* private: buffer of the fallback */
	size_t bounce_size;
};

/* @size_max is rounded up to the page size of this machine; nothing is mapped yet. */
int vmcore_window_init(struct vmcore_window *w, struct vmcore *vc, size_t size_max,
		       struct err *err);
void vmcore_window_deinit(struct vmcore_window *w);

/*
 * Gives at *@ret the byte at @paddr, with at least @need bytes valid behind it (@need <=
 * size_max), moving the window when they are not inside it already; when it moves, it maps
 * from @paddr on up to @ahead bytes (>= @need, cut to size_max and to the end of the range's
 * file data). *@len_ret is how many bytes are valid from @paddr. The pointer holds until the
 * next call. ERR_NOTFOUND when @need bytes are not in one range's file data.
 */
int vmcore_window_get(struct vmcore_window *w, paddr_t paddr, size_t need, size_t ahead,
		      const uint8_t **ret, size_t *len_ret, struct err *err);

/* Reads of the old memory that failed (EIO) or trapped (SIGBUS) give zeros and are counted here. */
uint64_t vmcore_read_errors(const struct vmcore *vc);

#endif
