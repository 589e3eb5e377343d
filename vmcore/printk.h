/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * printk: the dead kernel's log as text.
 *
 * Two layouts: the lockless ring buffer of descriptors (kernel/printk/printk_ringbuffer.c,
 * since 5.10: vmcoreinfo has SYMBOL(prb)), and records in log_buf (3.5 to 5.9: SYMBOL(log_buf)
 * with log_first_idx, log_next_idx and SIZE(printk_log)). Both are walked in bounded steps:
 * no more records than the ring has room for, each checked against the ring's size.
 * The text is that of `makedumpfile --dump-dmesg`: "[    1.234567] message", a line break inside
 * a message followed by as many blanks as the prefix is wide, bytes that are neither printable
 * nor white space escaped as \xNN (makedumpfile 1.7.2 extends the sign: \xffffffNN). Records
 * that have no block of text are left out.
 * The caller stands in a second bracket, "[    1.234567][    T1] message", where vmcoreinfo has
 * OFFSET(printk_log.caller_id): the kernel exports it with CONFIG_PRINTK_CALLER only. It is not
 * shown for the descriptors, which have the field always: nothing tells there whether the
 * kernel's own dmesg would show it.
 */
#ifndef VMCORE_PRINTK_H
#define VMCORE_PRINTK_H

#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;
struct vmcoreinfo;

enum {
	PRINTK_RING_MAX = 256 << 20, /* largest log buffer taken, bytes */
	PRINTK_RECORDS_MAX = 16 << 20, /* most descriptors taken */
};

/* Reads @size bytes at kernel address @va; 0 or a negative code. kmem_read() fits, wrapped. */
typedef int (*printk_read_fn)(void *ctx, vaddr_t va, void *buf, size_t size, struct err *err);

/* Takes @size bytes of text; a negative code ends the walk and is handed on. */
typedef int (*printk_out_fn)(void *ctx, const char *text, size_t size, struct err *err);

struct printk_io {
	printk_read_fn read;
	void *read_ctx;
	printk_out_fn out;
	void *out_ctx;
};

struct printk_stats {
	uint64_t records; /* written */
	/*
	 * Descriptors or records that made no sense, or could not be read, and were passed over;
	 * and those whose text could be read in part only, which are in @records too.
	 */
	uint64_t lost;
	uint64_t bytes; /* of text */
};

/*
 * Writes the whole log, oldest record first. Damaged records are passed over and counted; it
 * fails only when the ring itself cannot be found (ERR_NOTFOUND, the text names the key),
 * read, or believed (ERR_CORRUPT; ERR_UNSUPPORTED for a 32-bit kernel), when @io->out fails, or
 * when @io->read answers ERR_STOPPED. @ret is filled even then, and what was found is written.
 * Memory: less than 20 KiB of stack, whatever the size of the log.
 */
int printk_dump(const struct vmcoreinfo *vi, const struct printk_io *io, struct printk_stats *ret,
		struct err *err);

/* Takes @size bytes of the dead kernel's memory at @va; a negative code ends it. */
typedef int (*printk_place_fn)(void *ctx, vaddr_t va, uint64_t size, struct err *err);

/*
 * Tells of each part of the log where it lies: descriptors, infos and text of the ring, or
 * log_buf. Only io->read and its context are used. Errors as above, of finding the ring.
 */
int printk_places(const struct vmcoreinfo *vi, const struct printk_io *io, printk_place_fn place,
		  void *ctx, struct err *err);

#endif
