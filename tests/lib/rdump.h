/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rdump: a reader of kdump-compressed dumps in memory, for tests of what writes them. It knows
 * the classic layout only and believes nothing: every access is checked.
 */
#ifndef TESTS_LIB_RDUMP_H
#define TESTS_LIB_RDUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct rdump {
	const uint8_t *data; /* borrowed */
	size_t size;
	uint32_t status, block_size, nr_cpus;
	int32_t dump_level;
	uint64_t max_pfn;
	uint64_t notes, notes_size; /* in the file */
	uint64_t vmcoreinfo, vmcoreinfo_size;
	uint64_t bitmap1, bitmap2, descs; /* in the file */
	uint64_t ndescs; /* bits set in bitmap2 */
	uint64_t index_size; /* where page data may begin */
};

enum rdump_page {
	RDUMP_ABSENT, /* no descriptor */
	RDUMP_LOST, /* an empty descriptor */
	RDUMP_THERE,
};

/* Fills @rd; ERR_CORRUPT when the headers contradict each other or the size. */
int rdump_init(struct rdump *rd, const void *data, size_t size, struct err *err);

bool rdump_is_ram(const struct rdump *rd, uint64_t pfn);

/*
 * The page @pfn: an enum rdump_page with block_size bytes at @page when it is there and its
 * place in the file at *@offset, or ERR_CORRUPT for a descriptor that leads nowhere.
 */
int rdump_page(const struct rdump *rd, uint64_t pfn, void *page, uint64_t *offset, struct err *err);

#endif
