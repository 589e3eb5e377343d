/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkcore_priv: the description of a core, between the parser and the writer. */
#ifndef TESTS_LIB_MKCORE_PRIV_H
#define TESTS_LIB_MKCORE_PRIV_H

#include "tests/lib/mkcore.h"

/* Bytes to be put somewhere. */
struct mkcore_bytes {
	uint64_t where; /* physical address, or offset of the file */
	uint8_t *data;
	size_t size;
};

/* A field to be overwritten in the headers. */
struct mkcore_override {
	uint64_t offset; /* in the ELF header, or in the program header */
	long phdr; /* which program header, or -1 */
	size_t size;
	uint64_t value;
};

struct mkcore {
	uint16_t machine;
	struct mkcore_load *loads;
	size_t nloads;
	struct mkcore_bytes *notes; /* a PT_NOTE each */
	size_t nnotes;
	bool new_segment; /* the next note begins a PT_NOTE */
	struct mkcore_bytes *data;
	size_t ndata;
	struct mkcore_bytes *ats;
	size_t nats;
	struct mkcore_override *overrides;
	size_t noverrides;
	bool xnum;
	uint64_t xnum_count; /* 0: the truth */
	bool truncate;
	uint64_t truncate_to;
};

/* Room for one more element of @size bytes behind the @n at *@array; NULL without memory. */
void *mkcore_grow(void *array, size_t *n, size_t size, struct err *err);

int mkcore_add_bytes(struct mkcore_bytes **array, size_t *n, uint64_t where, const void *data,
		     size_t size, struct err *err);

/* @size bytes as they are behind the notes that there are. */
int mkcore_rawnote(struct mkcore *mk, const void *bytes, size_t size, struct err *err);

#endif
