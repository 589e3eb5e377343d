/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkprintk: the log of a kernel that never ran: a list of records becomes the memory that the
 * kernel would have left behind, in either layout, and the vmcoreinfo that describes it. The
 * writer does what the kernel's does: when the ring is full the oldest records make room.
 */
#ifndef TESTS_LIB_MKPRINTK_H
#define TESTS_LIB_MKPRINTK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;

#define MKPRINTK_VA UINT64_C(0xffffffff82000000) /* where the memory begins */

enum {
	/* Sizes and places in a struct: those of 6.1 on x86-64. */
	MKPRINTK_DESC_SIZE = 24, /* state_var, begin, next: a long each */
	MKPRINTK_INFO_SIZE = 88, /* seq, ts_nsec, u16 text_len at 16, u32 caller_id at 20 */
	MKPRINTK_HEADER_SIZE = 16, /* of printk_log: ts_nsec, u16 len, text_len, dict_len */
	MKPRINTK_HEADER_CALLER = 24, /* with u32 caller_id at 16 */

	/* Places in the memory, for tests that forge. */
	MKPRINTK_VARS = 0, /* pointer to the ring, or to log_buf, and then its u32 variables */
	MKPRINTK_LOG_LEN = 8, /* log_buf_len, log_first_idx, log_next_idx */
	MKPRINTK_LOG_FIRST = 12,
	MKPRINTK_LOG_NEXT = 16,
	MKPRINTK_RB = 64, /* struct printk_ringbuffer: */
	MKPRINTK_COUNT_BITS = 64,
	MKPRINTK_DESCS = 72,
	MKPRINTK_INFOS = 80,
	MKPRINTK_HEAD_ID = 88,
	MKPRINTK_TAIL_ID = 96,
	MKPRINTK_SIZE_BITS = 112,
	MKPRINTK_DATA = 120,
	MKPRINTK_ARRAYS = 168, /* descs (or log_buf) begin here: they cross pages unevenly */
};

/* What becomes of a record's descriptor. */
enum mkprintk_state {
	MKPRINTK_FINALIZED,
	MKPRINTK_COMMITTED,
	MKPRINTK_RESERVED, /* its writer was interrupted by the crash */
	MKPRINTK_FAILED, /* finalized, but there was no room for its text */
};

struct mkprintk_rec {
	uint64_t ts_nsec;
	const char *text;
	size_t len; /* 0: strlen(text) */
	uint32_t caller;
	enum mkprintk_state state; /* descriptors only */
};

struct mkprintk_opts {
	unsigned int count_bits, size_bits; /* descriptors; for log_buf only size_bits */
	/* Text may end with the ring (since 6.19); before, such a block was put at its start. */
	bool fill_to_end;
	bool caller; /* log_buf: CONFIG_PRINTK_CALLER */
	bool old_name; /* log_buf: struct log, as before 3.11 */
};

struct mkprintk {
	uint8_t *mem; /* owned */
	size_t size;
	char *vmcoreinfo; /* owned, zero-terminated */
	size_t descs, infos, data; /* offsets in @mem; log_buf is data */
	size_t data_size;
	uint64_t head_id, tail_id;
};

/* Both abort on a bad argument or without memory; mkprintk_deinit() releases. */
void mkprintk_prb(struct mkprintk *mk, const struct mkprintk_opts *opts,
		  const struct mkprintk_rec *recs, size_t n);
void mkprintk_logbuf(struct mkprintk *mk, const struct mkprintk_opts *opts,
		     const struct mkprintk_rec *recs, size_t n);
void mkprintk_deinit(struct mkprintk *mk);

/* A printk_read_fn on struct mkprintk: ERR_NOTFOUND outside of its memory. */
int mkprintk_read(void *mk, vaddr_t va, void *buf, size_t size, struct err *err);

#endif
