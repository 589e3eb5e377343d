// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "collector/memmap.h"
#include "collector/pageclass.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"
#include "vmcore/xlat.h"

/* What is needed while planning and no longer. */
struct planner {
	struct plan *plan;
	const struct kmem *km;
	unsigned int threads;
	struct pageclass pc;
	struct memmap mm;
	struct pfn_list image; // frames of the kernel image
	struct pfn_list memmap; // frames that hold struct pages
};

__attribute__((format(printf, 2, 3))) static void note(struct plan *plan, const char *fmt, ...)
{
	va_list ap;

	if (plan->nnotes >= PLAN_NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(plan->notes[plan->nnotes++], PLAN_NOTE_MAX, fmt, ap);
	va_end(ap);
}

/* Frames of a range of which at least one byte was captured. A page that is there in part is
 * dumped, with zeros for the rest: too much beats too little. */
static struct pfn_range frames(const struct kmem *km, const struct vmcore_range *r)
{
	struct pfn_range f = {0, 0};

	if (r->filesz) {
		f.start = r->paddr >> km->page_shift;
		f.end = ((r->paddr + r->filesz - 1) >> km->page_shift) + 1;
	}
	return f;
}

static int take_memory(struct planner *p, struct err *err)
{
	const struct vmcore_info *info = vmcore_info(p->km->vc);
	struct plan *plan = p->plan;
	int rc;

	for (size_t i = 0; i < info->nranges; i++) {
		const struct vmcore_range *r = &info->ranges[i];
		pfn_t end = ((r->paddr + r->memsz - 1) >> p->km->page_shift) + 1;

		if (end > plan->max_pfn)
			plan->max_pfn = end;
	}
	if (plan->max_pfn > PLAN_PFN_MAX)
		return err_set(err, ERR_LIMIT,
			       "memory ends at page 0x%" PRIx64 ", at most 0x%llx taken",
			       plan->max_pfn, PLAN_PFN_MAX);
	rc = bitmap_init(&plan->kept, plan->max_pfn, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < info->nranges; i++) {
		struct pfn_range f = frames(p->km, &info->ranges[i]);

		plan->ram_pages += bitmap_set_range(&plan->kept, f.start, f.end);
	}
	if (!plan->ram_pages)
		return err_set(err, ERR_NODATA, "there is no memory in this vmcore");
	return 0;
}

/* Sets up what the struct pages are told by; notes what cannot be. False: no scan. */
static bool ready_to_scan(struct planner *p)
{
	struct plan *plan = p->plan;
	struct err why = {0};

	if (!p->km->vi || !p->km->xlat) {
		if (plan->level & ~DUMP_LEVEL_ZERO)
			note(plan, "nothing but zero pages is excluded: no %s",
			     p->km->vi ? "address translation" : "vmcoreinfo");
		plan->effective_level &= DUMP_LEVEL_ZERO;
		return false;
	}
	if (pageclass_init(&p->pc, p->km->vi, &why)) {
		note(plan, "nothing but zero pages is excluded: %s", why.msg);
		plan->effective_level &= DUMP_LEVEL_ZERO;
		return false;
	}
	if (p->pc.off & plan->level) {
		note(plan, "dump level bits %u are not honoured: %s", p->pc.off & plan->level,
		     p->pc.off_why);
		plan->effective_level &= ~p->pc.off;
	}
	if (!pageclass_needed(&p->pc, plan->effective_level))
		return false;
	if (memmap_init(&p->mm, p->km, p->pc.size, plan->max_pfn, &why)) {
		note(plan, "nothing but zero pages is excluded: %s", why.msg);
		plan->effective_level &= DUMP_LEVEL_ZERO;
		return false;
	}
	plan->model = p->mm.model;
	plan->bad_sections = p->mm.bad_sections;
	if (plan->bad_sections)
		note(plan,
		     "%" PRIu64 " sections of mem_section cannot be read: their pages are kept",
		     plan->bad_sections);
	return true;
}

/* Frames behind [start, end) of the dead kernel's addresses, as far as they are mapped. */
static int add_mapped(struct planner *p, struct pfn_list *list, vaddr_t start, vaddr_t end,
		      struct err *err)
{
	vaddr_t va = start;
	int rc = 0;

	while (va < end && !rc) {
		struct xlat_leaf leaf = {.vaddr = va & ~(p->km->page_size - 1),
					 .size = p->km->page_size};
		uint64_t left;

		if (!xlat_walk(p->km->xlat, va, &leaf, NULL)) {
			paddr_t pa = leaf.paddr + (va - leaf.vaddr);

			left = leaf.size - (va - leaf.vaddr);
			if (left > end - va)
				left = end - va;
			rc = pfn_list_add(list, pa >> p->km->page_shift,
					  ((pa + left - 1) >> p->km->page_shift) + 1, err);
		} else {
			left = leaf.size - (va - leaf.vaddr);
		}
		if (left > UINT64_MAX - va)
			break;
		va += left;
	}
	return rc;
}

static int find_image(struct planner *p, struct err *err)
{
	vaddr_t start, end;

	if (xlat_kernel_image(p->km->xlat, &start, &end, NULL)) {
		note(p->plan, "the kernel image is not known: it is not protected from exclusion");
		return 0;
	}
	return add_mapped(p, &p->image, start, end, err);
}

static int find_memmap(struct planner *p, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < p->mm.nsections && !rc; i++) {
		const struct memmap_section *sec = &p->mm.sections[i];

		rc = add_mapped(p, &p->memmap, sec->vaddr, sec->vaddr + sec->npages * p->pc.size,
				err);
	}
	if (rc == ERR_LIMIT) {
		// Only the order of writing suffers.
		err_set(err, 0, "%s", "");
		rc = 0;
	}
	return rc;
}

static vaddr_t struct_page_of(const struct planner *p, pfn_t pfn)
{
	for (size_t i = 0; i < p->mm.nsections; i++) {
		const struct memmap_section *sec = &p->mm.sections[i];

		if (pfn >= sec->pfn && pfn - sec->pfn < sec->npages)
			return sec->vaddr + (pfn - sec->pfn) * p->pc.size;
	}
	return 0;
}

/* Low flags of the struct page of @pfn; false when it cannot be read. */
static bool low_flags(const struct planner *p, pfn_t pfn, uint64_t *ret)
{
	uint8_t page[PAGECLASS_SIZE_MAX];
	vaddr_t va = struct_page_of(p, pfn);

	if (!va || kmem_read(p->km, va, page, p->pc.size, NULL))
		return false;
	*ret = pageclass_low_flags(&p->pc, page);
	return true;
}

/*
 * The kernel image is never excluded, whatever its struct pages seem to say: a dump without
 * it cannot be opened. Its pages are reserved and never go through the allocator, except for
 * those that the kernel gave away after boot (init code and data, gaps between sections),
 * which then are like any other page. Which is which is told by the flags of the first page
 * of the text, which is reserved for sure: a page of the image with the same flags is still
 * image. When that page cannot be read, all of the image is kept.
 */
static void protect_image(struct planner *p)
{
	struct plan *plan = p->plan;
	uint64_t text = 0;
	bool known = p->image.n && low_flags(p, p->image.ranges[0].start, &text) && text;

	for (size_t i = 0; i < p->image.n; i++) {
		const struct pfn_range *r = &p->image.ranges[i];

		for (pfn_t pfn = r->start; pfn < r->end && pfn < plan->max_pfn; pfn++) {
			uint64_t flags;

			if (bitmap_test(&plan->kept, pfn))
				continue;
			if (known && low_flags(p, pfn, &flags) && flags != text)
				continue;
			if (!vmcore_find(p->km->vc, pfn << p->km->page_shift))
				continue;
			plan->image_pages += bitmap_set_range(&plan->kept, pfn, pfn + 1);
		}
	}
}

static int exclude_pages(struct planner *p, struct err *err)
{
	struct plan *plan = p->plan;
	struct scan scan = {
		.km = p->km,
		.mm = &p->mm,
		.pc = &p->pc,
		.level = plan->effective_level,
		.threads = p->threads ? p->threads : 1,
		.kept = &plan->kept,
	};
	int rc = scan_run(&scan, &plan->counts, err);

	if (rc)
		return rc;
	if (plan->counts.unreadable)
		note(plan, "%" PRIu64 " struct pages cannot be read: their pages are kept",
		     plan->counts.unreadable);
	rc = find_image(p, err);
	if (!rc)
		rc = find_memmap(p, err);
	if (!rc)
		protect_image(p);
	if (plan->image_pages)
		note(plan,
		     "%" PRIu64 " pages of the kernel image are kept against their struct page",
		     plan->image_pages);
	return rc;
}

int plan_init(struct plan *plan, const struct kmem *km, unsigned int level, unsigned int threads,
	      struct err *err)
{
	struct planner p = {.plan = plan, .km = km, .threads = threads};
	int rc;

	*plan = (struct plan){
		.level = level,
		.effective_level = level,
		.page_size = km->page_size,
		.page_shift = km->page_shift,
		.model = "",
	};
	rc = take_memory(&p, err);
	if (!rc && ready_to_scan(&p))
		rc = exclude_pages(&p, err);
	else if (!rc && km->xlat)
		rc = find_image(&p, err);
	if (!rc)
		rc = order_make(&p.image, &p.memmap, plan->max_pfn, &plan->order, err);
	if (!rc)
		rc = rank_init(&plan->rank, &plan->kept, err);
	if (!rc)
		plan->kept_pages = rank_of(&plan->rank, plan->max_pfn);
	memmap_deinit(&p.mm);
	pfn_list_deinit(&p.image);
	pfn_list_deinit(&p.memmap);
	if (rc)
		plan_deinit(plan);
	return rc;
}

void plan_deinit(struct plan *plan)
{
	bitmap_deinit(&plan->kept);
	pfn_list_deinit(&plan->order);
	rank_deinit(&plan->rank);
}

void plan_ram_words(const struct plan *plan, const struct kmem *km, pfn_t start, uint64_t *words,
		    size_t nwords)
{
	const struct vmcore_info *info = vmcore_info(km->vc);
	pfn_t end = start + 64 * nwords;
	struct bitmap part = {.words = words, .nwords = nwords, .nbits = 64 * nwords};

	memset(words, 0, nwords * sizeof(*words));
	if (end > plan->max_pfn)
		end = plan->max_pfn;
	for (size_t i = 0; i < info->nranges; i++) {
		struct pfn_range f = frames(km, &info->ranges[i]);

		if (f.end <= start || f.start >= end)
			continue;
		bitmap_set_range(&part, f.start > start ? f.start - start : 0,
				 (f.end < end ? f.end : end) - start);
	}
}
