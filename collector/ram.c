// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/ram.h"

#include <string.h>

#include "collector/bitmap.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

struct pfn_range ram_frames(const struct kmem *km, paddr_t start, paddr_t end)
{
	return (struct pfn_range){
		.start = start >> km->page_shift,
		.end = ((end - 1) >> km->page_shift) + 1,
	};
}

struct pfn_range ram_range(const struct kmem *km, size_t i)
{
	const struct vmcore_range *r = &vmcore_info(km->vc)->ranges[i];

	return ram_frames(km, r->paddr, r->paddr + r->memsz);
}

bool ram_is_there(const struct kmem *km, pfn_t pfn)
{
	paddr_t start = pfn << km->page_shift;
	struct vmcore_span span;

	return vmcore_next_span(km->vc, start, &span) && span.start - start < km->page_size;
}

void ram_words(const struct kmem *km, pfn_t max_pfn, pfn_t start, uint64_t *words, size_t nwords)
{
	size_t nranges = vmcore_info(km->vc)->nranges;
	pfn_t end = start + 64 * nwords;

	memset(words, 0, nwords * sizeof(*words));
	if (end > max_pfn)
		end = max_pfn;
	for (size_t i = vmcore_first(km->vc, start << km->page_shift); i < nranges; i++) {
		struct pfn_range f = ram_range(km, i);

		if (f.start >= end)
			break;
		if (f.end > start)
			words_set(words, f.start > start ? f.start - start : 0,
				  (f.end < end ? f.end : end) - start);
	}
}
