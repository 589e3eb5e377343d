// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lib/mkpgt.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "base/err.h"

void mkpgt_init(struct mkpgt *pg, paddr_t base, size_t npages, unsigned int levels, uint64_t enc)
{
	*pg = (struct mkpgt){
		.base = base, .npages = npages, .used = 1, .levels = levels, .enc = enc};
	pg->mem = calloc(npages, MKPGT_PAGE);
	if (!pg->mem)
		abort();
}

void mkpgt_deinit(struct mkpgt *pg)
{
	free(pg->mem);
}

uint64_t *mkpgt_entry(struct mkpgt *pg, vaddr_t va, unsigned int level)
{
	size_t table = 0;

	for (unsigned int l = pg->levels - 1;; l--) {
		uint64_t *entries = (uint64_t *)(pg->mem + table * MKPGT_PAGE);
		uint64_t *e = &entries[va >> (12 + 9 * l) & 511];

		if (l == level)
			return e;
		if (!(*e & MKPGT_PRESENT)) {
			if (pg->used == pg->npages)
				abort();
			// Accessed, dirty and writable besides, as the kernel has them.
			*e = (pg->base + pg->used++ * MKPGT_PAGE) | pg->enc | 0x63;
		}
		table = ((*e & 0x000ffffffffff000ULL & ~pg->enc) - pg->base) / MKPGT_PAGE;
		if (table >= pg->npages)
			abort();
	}
}

void mkpgt_map(struct mkpgt *pg, vaddr_t va, paddr_t pa, uint64_t size, uint64_t leaf)
{
	unsigned int level = leaf == 1ULL << 30	  ? MKPGT_PUD
			     : leaf == 2ULL << 20 ? MKPGT_PMD
						  : MKPGT_PTE;
	// NX, global, dirty, accessed, writable: bits that no reader may take for address.
	uint64_t flags = 1ULL << 63 | 0x163 | (level == MKPGT_PTE ? 0 : MKPGT_LARGE) | pg->enc;

	for (uint64_t done = 0; done < size; done += leaf)
		*mkpgt_entry(pg, va + done, level) = (pa + done) | flags;
}

int mkpgt_read(void *ctx, paddr_t paddr, uint64_t *ret, struct err *err)
{
	struct mkpgt *pg = ctx;
	uint64_t offset = paddr - pg->base;

	pg->reads++;
	if (paddr < pg->base || offset > pg->npages * MKPGT_PAGE - sizeof(*ret))
		return err_set(err, ERR_NOTFOUND, "no memory at %#llx", (unsigned long long)paddr);
	*ret = load_le64(pg->mem + offset);
	return 0;
}
