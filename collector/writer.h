/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * writer: where bytes go in the dump file. A format is a row of a const table; what comes out
 * of the pipeline goes in as blocks, what goes out goes to a sink. To a sink that only appends
 * no place is written twice: what changes while the dump is made goes out at its end.
 */
#ifndef COLLECTOR_WRITER_H
#define COLLECTOR_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct block;
struct codec;
struct err;
struct kmem;
struct plan;
struct sink;

struct writer_conf {
	const struct kmem *km;
	const struct plan *plan;
	const struct codec *codec;
	struct sink *sink;
	/* One file of several that share the pages: this one has those of [start_pfn, end_pfn). */
	bool split;
	pfn_t start_pfn, end_pfn;
};

/* What a finished dump is made of; the digests let a copy be checked with common tools. */
struct writer_result {
	uint64_t size; /* bytes of the file */
	uint64_t index_size; /* of those, headers, notes, bitmaps, descriptors */
	/* 0: it is the first bytes of the file; else bitmaps and descriptors lie from here on */
	uint64_t index_offset;
	uint64_t data_offset, data_size; /* page data, all of it */
	uint64_t arrived; /* of an incomplete dump: bytes of page data that are there */
	bool has_digests; /* false: the bytes did not go out in the order of the file */
	uint64_t index_digest; /* XXH64, seed 0, of the index_size bytes */
	uint64_t data_digest; /* XXH64 of the data_size bytes */
	uint64_t pages; /* descriptors written */
};

struct writer;

struct writer_ops {
	const char *name; /* "kdump", "elf" */
	bool dense; /* its plan is made with plan_init_dense(); pages are neither packed nor dropped */

	/* Bytes of the file that are not page data, for a prediction. */
	uint64_t (*overhead)(const struct kmem *km, const struct plan *plan);

	/* Bytes that create() takes for each page, in all, until finish(); NULL: none. */
	uint64_t (*held)(const struct sink *sink, const struct plan *plan);

	/*
	 * Writes all that is known before the first page, marked incomplete, and makes sure of
	 * room for the rest of the index. The caller destroys *@ret.
	 */
	int (*create)(const struct writer_conf *conf, struct writer **ret, struct err *err);

	/* Adds a block: first its data, then its descriptors, so that none points at nothing. */
	int (*write_block)(struct writer *w, const struct block *block, struct err *err);

	/*
	 * Ends the file. With @complete it is marked so; without, it stays an incomplete dump
	 * with a valid index, in which pages that were not written read as lost.
	 */
	int (*finish)(struct writer *w, int complete, struct writer_result *ret, struct err *err);

	void (*destroy)(struct writer *w); /* takes NULL */
};

extern const struct writer_ops writer_elf;
extern const struct writer_ops writer_kdump;

#endif
