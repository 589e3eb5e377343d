/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * printk_priv: what the two layouts of the log share: keys of vmcoreinfo into a struct, arrays
 * of the dead kernel seen through a page-sized window, and records written as text.
 */
#ifndef VMCORE_PRINTK_PRIV_H
#define VMCORE_PRINTK_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"
#include "vmcore/printk.h"

struct err;
struct vmcoreinfo;

enum {
	PRINTK_WINDOW_SIZE = 4096, /* the smallest page there is: one translation fills a window */
	PRINTK_TEXT_SIZE = 4096, /* text gathered before it is handed out */
	PRINTK_STRUCT_MAX = 4096, /* bytes of a struct of the ring, and highest offset in it */
	PRINTK_CALLER_MAX = 16, /* "T4194304" */
	PRINTK_PREFIX_MAX = 64, /* "[18446744073.709551] [T4294967295] " is half of that */

	/* Answer of the functions below: damage here, go on with the next record. */
	PRINTK_LOST = 1,
};

/* One key that a layout cannot do without, and the uint64_t of the layout it goes to. */
enum printk_key_kind { PRINTK_SYMBOL, PRINTK_SIZE, PRINTK_OFFSET };

struct printk_key {
	enum printk_key_kind kind;
	const char *name;
	size_t where; /* offsetof() in the layout */
};

/*
 * An array of @count items in the dead kernel's memory, of which one page at a time is here.
 * A window ends where a page ends, so that a page that cannot be read costs its own items.
 */
struct printk_window {
	const struct printk_io *io;
	vaddr_t va; /* of item 0 */
	uint64_t item; /* bytes of an item, 1 to PRINTK_WINDOW_SIZE */
	uint64_t count;
	uint64_t first, n; /* items in @buf; n is 0 before the first read */
	bool bad; /* those items could not be read */
	uint8_t buf[PRINTK_WINDOW_SIZE];
};

/* Text on its way out. */
struct printk_text {
	const struct printk_io *io;
	struct printk_stats *stats;
	uint64_t records; /* ended, the last of them maybe still in @buf */
	bool failed; /* io->out did, it is not called again */
	unsigned int indent; /* columns of the prefix of this record */
	size_t used;
	char buf[PRINTK_TEXT_SIZE];
};

/* A record found in either layout: its text is @len bytes at @pos of the data window. */
struct printk_rec {
	uint64_t ts_nsec;
	uint64_t pos, len;
	const char *caller; /* "T1", "C0", or NULL where the kernel does not say */
};

/* Fills @layout from @n keys; ERR_NOTFOUND names the key that is missing. */
int printk_keys(const struct vmcoreinfo *vi, const struct printk_key *keys, size_t n, void *layout,
		struct err *err);

/* Is a field of @width bytes at @offset inside a struct of @size bytes? */
bool printk_fits(uint64_t offset, uint64_t width, uint64_t size);

/* A little-endian word of @width (4 or 8) bytes at @va; @what is for the message. */
int printk_read_word(const struct printk_io *io, vaddr_t va, size_t width, const char *what,
		     uint64_t *ret, struct err *err);

/* ERR_CORRUPT when such an array wraps around the address space. */
int printk_window_init(struct printk_window *w, const struct printk_io *io, vaddr_t va,
		       uint64_t item, uint64_t count, struct err *err);

/*
 * Lends item @index (below count) and, in *@n (may be NULL), how many lie there from it on.
 * 0, PRINTK_LOST when its page cannot be read, ERR_STOPPED when the reader says so.
 */
int printk_window_at(struct printk_window *w, uint64_t index, const uint8_t **ret, uint64_t *n,
		     struct err *err);

/* Copies @n items from @index on, all below count; answers as printk_window_at() does. */
int printk_window_copy(struct printk_window *w, uint64_t index, uint64_t n, uint8_t *buf,
		       struct err *err);

/*
 * Writes a record as text. 0, or negative when io->out fails or the reader is stopped.
 * Text that cannot be read is cut off there and counted as lost.
 */
int printk_text_record(struct printk_text *t, const struct printk_rec *rec,
		       struct printk_window *data, struct err *err);

/* The two layouts. */
int printk_dump_prb(const struct vmcoreinfo *vi, struct printk_text *t, struct err *err);
int printk_dump_logbuf(const struct vmcoreinfo *vi, struct printk_text *t, struct err *err);
int printk_places_prb(const struct vmcoreinfo *vi, const struct printk_io *io,
		      printk_place_fn place, void *ctx, struct err *err);
int printk_places_logbuf(const struct vmcoreinfo *vi, const struct printk_io *io,
			 printk_place_fn place, void *ctx, struct err *err);

/* Hands the array behind @w to @place. */
int printk_window_place(const struct printk_window *w, printk_place_fn place, void *ctx,
			struct err *err);

#endif
