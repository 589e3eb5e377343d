/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kdump_priv: between kdump.c, which reads the headers of a dump, kdump_index.c, which knows
 * where each page is, and kdump_page.c, which decompresses it.
 */
#ifndef VMCORE_KDUMP_PRIV_H
#define VMCORE_KDUMP_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"
#include "vmcore/vmcore.h"

struct err;
struct source;

enum {
	KDUMP_BLOCK_MIN = 4 << 10, /* sizes of a block, which is a page, that are taken */
	KDUMP_BLOCK_MAX = 64 << 10,
	KDUMP_RANK_PFNS = 4096, /* pages that share an entry of the rank table */
	KDUMP_CACHE_SIZE = 512 << 10, /* bytes of decompressed pages kept */
	KDUMP_CACHE_MIN = 16, /* but so many pages at least */
};

/* Page frames taken at most: 2^36 of 4 KiB are 256 TiB. */
#define KDUMP_PFN_MAX (1ULL << 36)

/* What the headers of one file say. */
struct kdump_header {
	uint32_t version, status, block_size, dump_level;
	uint64_t bitmap_offset, bitmap_size; /* of one of the two; in bytes */
	uint64_t max_pfn;
	uint64_t phys_base;
	bool split;
	pfn_t start, end; /* the pages that this file of a set has descriptors for */
	uint64_t offset_vmcoreinfo, size_vmcoreinfo, offset_note, size_note;
	uint16_t machine;
	uint64_t crashtime;
	char uts[VMCORE_UTS_FIELDS][VMCORE_UTS_LEN]; /* terminated */
};

/* A file: all of a dump, or a part of a split one. */
struct kdump_part {
	const struct source *src;
	struct kdump_header h;
	uint64_t desc_offset; /* of its first descriptor ... */
	uint64_t first_rank; /* ... which is that of the page with this rank */
};

/* A bit a page in address space that is not backed before it is written to. */
struct kdump_bits {
	uint64_t *words;
	size_t size; /* bytes mapped */
};

struct kdump_slot {
	pfn_t pfn;
	bool valid;
};

struct kdump_reader;

struct kdump {
	struct kdump_part *parts; /* in the order of their pages */
	size_t nparts;
	uint32_t block_size;
	unsigned int block_shift;
	uint64_t max_pfn;
	struct kdump_bits listed; /* bitmap2: what has a descriptor, in some part */
	struct kdump_bits have; /* less what was lost; words NULL when nothing was */
	uint64_t *ranks; /* pages listed below each multiple of KDUMP_RANK_PFNS; mapped */
	size_t ranks_size;
	uint64_t nlisted;

	/* Decompressed pages, for the many small reads of page tables and structures. */
	pthread_mutex_t lock; /* of all below */
	struct kdump_slot *slots; /* nslots of them, and their pages at cache */
	size_t nslots;
	uint8_t *cache;
	struct kdump_reader *idle; /* contexts that no thread uses now */
};

/* Reads bitmap1 into vc->ranges and bitmap2, and finds out what was lost. */
int kdump_index_init(struct vmcore *vc, struct kdump *kd, struct err *err);
void kdump_index_deinit(struct kdump *kd);

/* Whether the dump has the page; and how many pages [pfn, end) share that, at least one. */
bool kdump_has(const struct kdump *kd, pfn_t pfn);
uint64_t kdump_run(const struct kdump *kd, pfn_t pfn, pfn_t end);

/* Where the descriptor of a page that is listed stands; NULL when its part is missing. */
const struct kdump_part *kdump_find_desc(const struct kdump *kd, pfn_t pfn, uint64_t *offset);

/* A descriptor that was read. */
struct kdump_desc {
	uint64_t offset;
	uint32_t size, flags;
};
struct kdump_desc kdump_parse_desc(const uint8_t *desc);

int kdump_pages_init(struct kdump *kd, struct err *err);
void kdump_pages_deinit(struct kdump *kd);

/* Bytes of @range from @skip on: ERR_NOTFOUND when the dump does not have them, ERR_NOMEM. */
int kdump_read(struct vmcore *vc, const struct vmcore_range *range, uint64_t skip, void *buf,
	       size_t size, struct err *err);

#endif
