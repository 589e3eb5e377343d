/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * printk: the dead kernel's log as text.
 *
 * Two layouts: the lockless ring buffer of descriptors (kernel/printk/printk_ringbuffer.c,
 * since 5.10: vmcoreinfo has SYMBOL(prb)), and records in log_buf (3.5 to 5.9: SYMBOL(log_buf)
 * with log_first_idx, log_next_idx and SIZE(printk_log)). Both are walked in bounded steps:
 * no more records than the ring has room for, each checked against the ring's size.
 * The text is that of dmesg: "[    1.234567] message", with the caller in a second bracket
 * where the kernel records it (CONFIG_PRINTK_CALLER), a line break inside a message followed
 * by the prefix again, bytes that are not printable escaped as \xNN.
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
	uint64_t lost; /* descriptors or records that made no sense and were passed over */
	uint64_t bytes; /* of text */
};

/*
 * Writes the whole log, oldest record first. Damaged records are passed over and counted; it
 * fails only when the ring itself cannot be found (ERR_NOTFOUND, the text names the key),
 * read, or believed (ERR_CORRUPT), or when @io->out fails. @ret is filled even then.
 * Memory: a fixed few KiB, whatever the size of the log.
 */
int printk_dump(const struct vmcoreinfo *vi, const struct printk_io *io, struct printk_stats *ret,
		struct err *err);

#endif
