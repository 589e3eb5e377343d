/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmcore: the memory of a dead kernel, read by physical address.
 *
 * An input is /proc/vmcore or a file; formats are a const table of functions (ELF64 and
 * kdump-compressed; either may be flattened), probed in order. What all formats give: the
 * notes, and the ranges of physical memory in ascending order without overlap. Not all of that
 * memory need be in the file: a filtered dump leaves out pages in the middle of ranges.
 */
#ifndef VMCORE_VMCORE_H
#define VMCORE_VMCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;

enum {
	VMCORE_RANGES_MAX = 1 << 20, /* program headers, or stretches of memory, taken at most */
	VMCORE_FILES_MAX = 256, /* of a split dump */
	VMCORE_UTS_FIELDS = 6, /* of struct new_utsname, in its order */
	VMCORE_UTS_LEN = 65,
	VMCORE_WARNINGS_MAX = 8,
	VMCORE_WARNING_MAX = 160,
};

/*
 * A piece of physical memory. In an ELF core the first filesz bytes are at offset of the file,
 * what is left up to memsz was not captured and reads as zero (makedumpfile -E). In a
 * kdump-compressed dump filesz is memsz, offset says nothing, and pages that were excluded or
 * lost cannot be read. vmcore_next_span() tells what is there for both.
 */
struct vmcore_range {
	paddr_t paddr;
	uint64_t memsz;
	uint64_t filesz;
	uint64_t offset;
	vaddr_t vaddr; /* as the header says; 0 where it says nothing */
};

/* What is known once a file is open; owned by the vmcore, valid until it is closed. */
struct vmcore_info {
	const char *format; /* "elf", "kdump" */
	bool flattened; /* in the form for pipes: vmcore/flattened.h */
	uint16_t machine; /* ELF e_machine, 0 where a dump names one that is not known */
	uint64_t file_size; /* of the content, of all files of a set */
	int dump_level; /* at which the file was filtered already, -1 where it does not say */
	/* The names and the time that a dump has in its header; empty where there is none. */
	char uts[VMCORE_UTS_FIELDS][VMCORE_UTS_LEN];
	uint64_t crashtime;
	paddr_t memory_end; /* one above the last byte that the file counts as memory or hole */
	const uint8_t *notes; /* all PT_NOTE segments, one behind the other */
	size_t notes_size;
	const struct vmcore_range *ranges; /* sorted by paddr, never overlapping, memsz > 0 */
	size_t nranges;
	/* The kernel image's own segment, if any: its memory is in a range too, but under the
	 * linear mapping; this is what phys_base can be told from. */
	bool has_text;
	vaddr_t text_vaddr;
	paddr_t text_paddr;
	uint64_t text_memsz; /* of all its segments that follow each other */
	/* What was odd but has a defined meaning (docs/vmcore-input.md), in words for the log. */
	char warnings[VMCORE_WARNINGS_MAX][VMCORE_WARNING_MAX];
	size_t nwarnings; /* may exceed VMCORE_WARNINGS_MAX: then the rest was not kept */
	/* The file ends before a segment does and sizes were cut to what is there, a segment's
	 * header made no sense, its writer marked it as incomplete, or a file of a set is
	 * missing. */
	bool truncated;
};

struct vmcore;

/*
 * Opens @path. The caller closes *@ret. ERR_SYS when it cannot be opened, ERR_UNSUPPORTED for
 * a format or class not known, ERR_CORRUPT, ERR_NODATA and ERR_LIMIT for a header that lies;
 * the text says which field, at which offset, expected and found.
 */
int vmcore_open(const char *path, struct vmcore **ret, struct err *err);

/*
 * The same for one dump in the @n files @paths, in any order, as makedumpfile --split writes
 * them. ERR_USAGE when they are of a format that is never split, ERR_CORRUPT when they are not
 * parts of the same dump. A part that is missing only costs its pages, with a warning.
 */
int vmcore_open_set(const char *const *paths, size_t n, struct vmcore **ret, struct err *err);
void vmcore_close(struct vmcore *vc);

const struct vmcore_info *vmcore_info(const struct vmcore *vc);

/* The range that holds @paddr, or NULL. Binary search; safe from any thread. */
const struct vmcore_range *vmcore_find(const struct vmcore *vc, paddr_t paddr);

/* Index of the first range that ends above @paddr, nranges when none does. As fast, as safe. */
size_t vmcore_first(const struct vmcore *vc, paddr_t paddr);

/* Memory that is in the file without a gap. */
struct vmcore_span {
	paddr_t start, end;
};

/*
 * The first span at or behind @paddr: true with @ret filled, or false behind the last. A span
 * lies within one range; it begins at @paddr when that is inside of it.
 */
bool vmcore_next_span(const struct vmcore *vc, paddr_t paddr, struct vmcore_span *ret);

/*
 * Reads @size bytes at @paddr, which may cross adjoining ranges; what lies behind filesz reads
 * as zero. ERR_NOTFOUND when a byte of it is in no range, or its page was left out. For small things: notes, tables,
 * single pages. Safe from any thread.
 */
int vmcore_read(struct vmcore *vc, paddr_t paddr, void *buf, size_t size, struct err *err);

/*
 * A window: a stretch of the file mapped for reading without a copy. One thread owns one
 * window. /proc/vmcore maps eagerly, about 9 us a call and 20 to 75 ns a page, so a window
 * is moved seldom and sized to what is wanted. Where a place cannot be mapped (a page of the
 * file that is not wholly the range's own, a file system without mmap), the window reads into
 * a buffer of its own instead: the caller sees no difference. Bytes have no alignment in
 * memory that their physical address would suggest. See vmcore/sigbus.h for pages that trap.
 */
struct vmcore_window {
	struct vmcore *vc;
	size_t size_max; /* bytes mapped at most */
	paddr_t paddr; /* of data[0] */
	const uint8_t *data; /* NULL before the first move */
	size_t len; /* bytes valid at data */
	uint8_t *map; /* private: reserved address space, NULL when there is none (yet) */
	size_t map_size;
	size_t map_used; /* private: bytes of it that this and earlier moves have mapped */
	uint8_t *bounce; /* private: buffer of the fallback, size_max bytes, touched as needed */
	unsigned int map_failures; /* private: after a few of them mapping is given up */
	int guard; /* private: slot of vmcore/sigbus.h, or negative */
	bool copies; /* private: reads where it could map */
};

/*
 * @size_max is rounded up to the page size of this machine. Address space is reserved here,
 * so that no later call allocates; no memory is used yet. @vc must outlive the window, and
 * the struct must not be copied or moved between init and deinit.
 */
int vmcore_window_init(struct vmcore_window *w, struct vmcore *vc, size_t size_max,
		       struct err *err);
void vmcore_window_deinit(struct vmcore_window *w);

/*
 * For who goes through all bytes that it asks for, once: where the file lies in the page cache,
 * as all but /proc/vmcore do, they are read, up to 128 KiB at a time. A copy costs less than
 * page tables do, the more so for short runs. Other files are mapped as ever. Returns which it is.
 */
bool vmcore_window_prefer_copy(struct vmcore_window *w);

/* Whether what vmcore_window_get() gave last is a copy, which nobody else writes to. */
bool vmcore_window_is_copy(const struct vmcore_window *w);

/*
 * Gives at *@ret the byte at @paddr, with at least @need bytes valid behind it (@need <=
 * size_max), moving the window when they are not inside it already; when it moves, it maps
 * from @paddr on up to @ahead bytes (>= @need, cut to size_max and to the end of what is in the
 * file there). *@len_ret is how many bytes are valid from @paddr. The pointer holds until the
 * next call. ERR_NOTFOUND when @need bytes are not in one span, ERR_LIMIT when
 * @need is greater than size_max.
 */
int vmcore_window_get(struct vmcore_window *w, paddr_t paddr, size_t need, size_t ahead,
		      const uint8_t **ret, size_t *len_ret, struct err *err);

/*
 * Reads @size bytes of the file itself, headers and all, at @offset. ERR_UNSUPPORTED when the
 * input is more than one file. Safe from any thread.
 */
int vmcore_read_file(struct vmcore *vc, uint64_t offset, void *buf, size_t size, struct err *err);

/*
 * Reads of the old memory that failed (EIO) or trapped (SIGBUS), and pages of a dump that do not
 * decompress to a page, give zeros and are counted here.
 */
uint64_t vmcore_read_errors(const struct vmcore *vc);

/* Counts one more: a page whose reader was told of a failure and goes on with zeros. */
void vmcore_count_lost(struct vmcore *vc);

#endif
