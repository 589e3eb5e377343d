// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/plan.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/controls.h"
#include "collector/dense.h"
#include "collector/keep.h"
#include "collector/landmarks.h"
#include "collector/memmap.h"
#include "collector/ram.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"
#include "vmcore/pageclass.h"
#include "vmcore/vmcore.h"
#include "vmcore/xlat.h"

enum {
	NOTES_MAX = PFN_LIST_MAX / 2, // ranges in a list of notes, one a section aside
	ESSENTIAL_LISTS = 7, // of the order
	SUSPECT_PAGES = 1 << 14, // struct pages scanned from which on no free page is suspect
};

/* What is needed while planning and no longer. */
struct planner {
	struct plan *plan;
	const struct kmem *km;
	unsigned int threads;
	bool dense; // for an ELF core
	bool compat;
	uint64_t bitmap; // bytes it may take, 0: as many as it wants
	size_t scan_window;
	bool scanned; // struct pages said what is left out
	bool settled; // plan->keep knows what is kept ...
	bool lent; // ... and has mm now
	struct pageclass pc;
	struct memmap mm;
	struct landmarks lm;
	uint64_t image_flags; // low flags of the image's first page, 0 when not known
	struct pfn_list notes[SCAN_NOTES]; // of kept pages, for the order
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

uint64_t plan_bitmap_bytes(const struct kmem *km)
{
	size_t nranges = vmcore_info(km->vc)->nranges;
	uint64_t blocks = 0, next = 0;

	for (size_t i = 0; i < nranges; i++) {
		struct pfn_range f = ram_range(km, i);
		uint64_t first = f.start / BITMAP_BLOCK, end = (f.end - 1) / BITMAP_BLOCK + 1;

		if (first < next)
			first = next;
		if (end <= first)
			continue;
		blocks += end - first;
		next = end;
	}
	return blocks * (BITMAP_BLOCK / 8);
}

/* The bitmap of all memory: held, or where there is no room for it made by the block. */
static int make_bitmap(struct planner *p, struct err *err)
{
	size_t nranges = vmcore_info(p->km->vc)->nranges;
	struct plan *plan = p->plan;
	int rc;

	// What is filled page by page cannot be made again by the block.
	if (p->bitmap && !p->dense && plan_bitmap_bytes(p->km) > p->bitmap) {
		rc = keep_create(p->km, plan->max_pfn, p->bitmap / (BITMAP_BLOCK / 8), &plan->keep,
				 err);
		if (rc)
			return rc;
		bitmap_init_source(&plan->kept, plan->max_pfn, keep_source(plan->keep));
		plan->ram_pages = bitmap_count(&plan->kept, 0, plan->max_pfn);
		return 0;
	}
	rc = bitmap_init(&plan->kept, plan->max_pfn, err);
	for (size_t i = 0; i < nranges && !rc; i++) {
		struct pfn_range f = ram_range(p->km, i);

		plan->ram_pages += bitmap_set_range(&plan->kept, f.start, f.end);
	}
	return rc;
}

static int take_memory(struct planner *p, struct err *err)
{
	const struct vmcore_info *info = vmcore_info(p->km->vc);
	struct plan *plan = p->plan;
	struct vmcore_span span;
	int rc;

	plan->max_pfn = info->memory_end >> p->km->page_shift;
	for (size_t i = 0; i < info->nranges; i++) {
		struct pfn_range f = ram_range(p->km, i);

		if (f.end > plan->max_pfn)
			plan->max_pfn = f.end;
	}
	if (plan->max_pfn > PLAN_PFN_MAX)
		return err_set(err, ERR_LIMIT,
			       "memory ends at page 0x%" PRIx64 ", at most 0x%llx taken",
			       plan->max_pfn, PLAN_PFN_MAX);
	rc = make_bitmap(p, err);
	if (rc)
		return rc;
	if (!vmcore_next_span(p->km->vc, 0, &span))
		return err_set(err, ERR_NODATA, "there is no memory in this vmcore");
	return 0;
}

/*
 * Takes away what the input does not have. Only after the scan, which goes through all of
 * memory: the head of a block may have been left out, and its tails not.
 */
static void drop_absent(struct planner *p)
{
	struct plan *plan = p->plan;
	struct vmcore_span span = {0, 0};
	pfn_t end = 0; // of what was there last

	while (vmcore_next_span(p->km->vc, span.end, &span)) {
		struct pfn_range f = ram_frames(p->km, span.start, span.end);

		plan->absent_pages += bitmap_clear_range(&plan->kept, end, f.start);
		end = f.end;
	}
	plan->absent_pages += bitmap_clear_range(&plan->kept, end, plan->max_pfn);
}

/* Sets up what the struct pages are told by; notes what cannot be. False: no scan. */
static bool ready_to_scan(struct planner *p)
{
	struct plan *plan = p->plan;
	int before = vmcore_info(p->km->vc)->dump_level;
	struct err why = {0};

	// Nothing is left to exclude from a dump that went through this filter before.
	if (before >= 0 && !(plan->level & ~(unsigned int)before))
		return false;
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
	if (p->compat)
		pageclass_imitate(&p->pc, p->km->vi);
	if (p->pc.off & plan->level) {
		note(plan, "dump level bits %u are not honoured: %s", p->pc.off & plan->level,
		     p->pc.off_why);
		plan->effective_level &= ~p->pc.off;
	}
	if (!pageclass_needed(&p->pc, plan->effective_level))
		return false;
	if ((p->compat ? memmap_init_compat : memmap_init)(&p->mm, p->km, p->pc.size, &plan->kept,
							   &why)) {
		note(plan, "nothing but zero pages is excluded: %s", why.msg);
		plan->effective_level &= DUMP_LEVEL_ZERO;
		return false;
	}
	plan->model = p->mm.model;
	plan->bad_sections = p->mm.bad_sections;
	if (plan->bad_sections)
		note(plan,
		     "%" PRIu64
		     " sections of mem_section cannot be read or believed: their pages are kept",
		     plan->bad_sections);
	return true;
}

/*
 * The kernel image is never excluded, whatever its struct pages seem to say: a dump without
 * it cannot be opened. Its pages are reserved and never go through the allocator, except for
 * those that the kernel gave away after boot (init code and data, gaps between sections),
 * which then are like any other page. Which is which is told by the flags of the first page
 * of the text, which is reserved for sure: a page of the image that has them too is still
 * image. When that page cannot be read, all of the image is kept.
 */
static void protect_image(struct planner *p)
{
	struct plan *plan = p->plan;

	for (size_t i = 0; i < p->lm.image.n; i++) {
		const struct pfn_range *r = &p->lm.image.ranges[i];

		for (pfn_t pfn = r->start; pfn < r->end && pfn < plan->max_pfn; pfn++) {
			if (!bitmap_test(&plan->kept, pfn) &&
			    keep_is_image(p->km, &p->mm, &p->pc, p->image_flags, pfn))
				plan->image_pages += bitmap_set_range(&plan->kept, pfn, pfn + 1);
		}
	}
}

/* Level bits by class, and what such pages are called in a note. */
static const struct {
	enum page_class class;
	unsigned int bit;
} class_bits[] = {
	{PAGE_FREE, DUMP_LEVEL_FREE},
	{PAGE_CACHE, DUMP_LEVEL_CACHE | DUMP_LEVEL_PRIVATE},
	{PAGE_CACHE_PRIVATE, DUMP_LEVEL_PRIVATE},
	{PAGE_USER, DUMP_LEVEL_USER},
};

/* Switches off what the controls speak against; false when nothing is left to be scanned for. */
static bool ask_controls(struct planner *p)
{
	struct plan *plan = p->plan;
	struct controls c;

	controls_check(&c, p->km, &p->mm, &p->pc, &p->lm);
	if (!controls_memmap_sound(&c)) {
		note(plan,
		     "nothing but zero pages is excluded: the struct pages are not where they are "
		     "expected (%" PRIu64 " of %" PRIu64 " of the kernel's text have no flag)",
		     c.blank, c.text);
		plan->effective_level &= DUMP_LEVEL_ZERO;
		return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(class_bits); i++) {
		unsigned int bit = class_bits[i].bit & plan->effective_level;

		if (!bit || controls_class_sound(&c, class_bits[i].class))
			continue;
		note(plan,
		     "dump level bits %u are not honoured: %" PRIu64 " of %" PRIu64
		     " pages of the kernel itself pass for class %s",
		     bit, c.claimed[class_bits[i].class], c.checked,
		     page_class_name(class_bits[i].class));
		plan->effective_level &= ~bit;
	}
	// These two are left out at any level, by their flag and their type.
	if (!controls_class_sound(&c, PAGE_HWPOISON) || !controls_class_sound(&c, PAGE_OFFLINE)) {
		note(plan,
		     "pages that look offline or poisoned are kept: pages of the kernel itself "
		     "look so too");
		p->pc.hwpoison = 0;
		p->pc.has_offline = false;
		p->pc.scan_needed_at_any_level = false;
	}
	return pageclass_needed(&p->pc, plan->effective_level);
}

/* No free page at all in a machine that ran: the rule for them missed its mark. */
static void doubt_free(struct plan *plan)
{
	if ((plan->effective_level & DUMP_LEVEL_FREE) && !plan->counts.excluded[PAGE_FREE] &&
	    plan->counts.scanned >= SUSPECT_PAGES)
		note(plan, "not one free page was found: free pages, if there are any, are kept");
}

/* Decides what is kept where the bitmap is made by the block; @scan may be NULL. */
static int settle(struct planner *p, const struct scan *scan, struct err *err)
{
	struct keep_image image = {.frames = &p->lm.image, .flags = p->image_flags};
	struct plan *plan = p->plan;
	struct keep_counts counts;
	int rc = keep_settle(plan->keep, scan, &image, &counts, err);

	p->settled = true;
	p->lent = scan != NULL;
	plan->counts = counts.scan;
	plan->image_pages = counts.image;
	plan->absent_pages = counts.absent;
	return rc;
}

static int exclude_pages(struct planner *p, struct err *err)
{
	struct plan *plan = p->plan;
	struct scan scan = {
		.km = p->km,
		.mm = &p->mm,
		.pc = &p->pc,
		.threads = p->threads ? p->threads : 1,
		.kept = &plan->kept,
		.notes = p->notes,
		.note_gap = plan->ram_pages / NOTES_MAX,
		.window = p->scan_window,
	};
	int rc;

	if (!p->lm.image_known)
		note(plan, "the kernel image is not known: it is not protected from exclusion");
	else if (!p->lm.image.n || !keep_low_flags(p->km, &p->mm, &p->pc,
						   p->lm.image.ranges[0].start, &p->image_flags))
		p->image_flags = 0;
	scan.reserved_flags = p->image_flags;
	if (!ask_controls(p))
		return 0;
	scan.level = plan->effective_level;
	if (plan->keep)
		return settle(p, &scan, err);
	rc = scan_run(&scan, &plan->counts, err);
	if (!rc)
		protect_image(p);
	return rc;
}

/* What the scan found that is not as it should be. */
static void doubt_scan(struct plan *plan)
{
	if (plan->counts.unreadable)
		note(plan, "%" PRIu64 " struct pages cannot be read: their pages are kept",
		     plan->counts.unreadable);
	doubt_free(plan);
	if (plan->image_pages)
		note(plan,
		     "%" PRIu64 " pages of the kernel image are kept against their struct page",
		     plan->image_pages);
}

/*
 * Whether a page that is left out may be read all the same: never one that is poisoned or was
 * taken away from the machine. What cannot be told is not read.
 */
static bool may_read(void *ctx, pfn_t pfn)
{
	const struct planner *p = ctx;
	uint8_t page[PAGECLASS_SIZE_MAX];
	uint64_t n;
	vaddr_t va;

	if (p->plan->absent_pages && !ram_is_there(p->km, pfn))
		return false;
	if (!p->scanned)
		return true;
	va = memmap_page(&p->mm, pfn, p->pc.size);
	return va && !kmem_read(p->km, va, page, p->pc.size, NULL) &&
	       !(pageclass_low_flags(&p->pc, page) & p->pc.hwpoison) &&
	       pageclass_of(&p->pc, 0, pfn, page, NULL, &n) == PAGE_KEPT;
}

static int make_dense(struct planner *p, struct err *err)
{
	struct plan *plan = p->plan;
	int rc = 0;

	if (plan->level & DUMP_LEVEL_ZERO)
		rc = dense_drop_zeros(p->km, &plan->kept, p->threads, &plan->zero_pages, err);
	if (!rc)
		plan->filled_pages = dense_fill(p->km, &plan->kept, may_read, p);
	return rc;
}

/*
 * By falling worth for who opens a dump that was cut off. No reader opens one without all
 * of the image, though most of it never changes: so it stands before the slabs, of which there
 * may be far more, and behind what is small and differs from crash to crash.
 */
static int make_order(struct planner *p, struct err *err)
{
	struct pfn_list *const lists[] = {
		// The first ESSENTIAL_LISTS are what the mini-core has (collector/mini.h).
		&p->lm.log,
		&p->lm.data,
		&p->notes[NOTE_RESERVED],
		&p->lm.tables,
		&p->lm.areas,
		&p->lm.image,
		&p->notes[NOTE_TASKS],
		&p->notes[NOTE_GENERAL],
		&p->lm.symtab,
		&p->notes[NOTE_SLAB],
		&p->lm.memmap,
		&p->notes[NOTE_KERNEL],
		// Here goes what is in no list: at level 31 other pages of the kernel, at lower ones
		// those of user space and files.
		&p->notes[NOTE_FREE],
	};
	// Image and struct pages are set aside at boot, too, and these are mapped like any area.
	int rc = pfn_list_subtract(&p->notes[NOTE_RESERVED], &p->lm.memmap, err);

	if (!rc)
		rc = pfn_list_subtract(&p->notes[NOTE_RESERVED], &p->lm.image, err);
	if (!rc)
		rc = pfn_list_subtract(&p->lm.areas, &p->lm.memmap, err);
	if (!rc)
		rc = pfn_list_subtract(&p->lm.image, &p->lm.symtab, err);
	if (!rc)
		rc = order_make_marked(lists, ARRAY_SIZE(lists), ARRAY_SIZE(lists) - 1,
				       p->plan->max_pfn, ESSENTIAL_LISTS, &p->plan->essential,
				       &p->plan->order, err);
	if (!p->scanned)
		p->plan->essential = 0;
	return rc;
}

static int make_plan(struct planner *p, struct err *err)
{
	struct plan *plan = p->plan;
	bool scan;
	int rc = take_memory(p, err);

	if (rc)
		return rc;
	scan = ready_to_scan(p);
	rc = landmarks_init(&p->lm, p->km, &p->mm, p->pc.size, err);
	if (!rc && scan)
		rc = exclude_pages(p, err);
	p->scanned = scan;
	if (!rc)
		doubt_scan(p->plan);
	if (!rc && p->plan->keep && !p->settled)
		rc = settle(p, NULL, err);
	else if (!rc && !p->plan->keep)
		drop_absent(p);
	if (!rc && p->dense)
		rc = make_dense(p, err);
	if (!rc)
		rc = make_order(p, err);
	if (!rc)
		rc = rank_init(&plan->rank, &plan->kept, err);
	if (!rc)
		plan->kept_pages = rank_of(&plan->rank, plan->max_pfn);
	return rc;
}

int plan_init_wish(struct plan *plan, const struct kmem *km, const struct plan_wish *wish,
		   struct err *err)
{
	struct planner p = {
		.plan = plan,
		.km = km,
		.threads = wish->threads,
		.dense = wish->dense,
		.compat = wish->compat,
		.bitmap = wish->bitmap,
		.scan_window = wish->scan_window,
	};
	int before = vmcore_info(km->vc)->dump_level;
	unsigned int level = wish->level;
	int rc;

	// What was left out before stays out: the level is that of both, as makedumpfile has it.
	if (before > 0)
		level |= before;
	*plan = (struct plan){
		.level = level,
		.effective_level = level,
		.page_size = km->page_size,
		.page_shift = km->page_shift,
		.model = "",
	};
	rc = make_plan(&p, err);
	if (!p.lent)
		memmap_deinit(&p.mm);
	landmarks_deinit(&p.lm);
	for (size_t i = 0; i < ARRAY_SIZE(p.notes); i++)
		pfn_list_deinit(&p.notes[i]);
	if (rc)
		plan_deinit(plan);
	return rc;
}

int plan_init(struct plan *plan, const struct kmem *km, unsigned int level, unsigned int threads,
	      struct err *err)
{
	struct plan_wish wish = {.level = level, .threads = threads};

	return plan_init_wish(plan, km, &wish, err);
}

int plan_init_dense(struct plan *plan, const struct kmem *km, unsigned int level,
		    unsigned int threads, struct err *err)
{
	struct plan_wish wish = {.level = level, .threads = threads, .dense = true};

	return plan_init_wish(plan, km, &wish, err);
}

void plan_deinit(struct plan *plan)
{
	bitmap_deinit(&plan->kept);
	pfn_list_deinit(&plan->order);
	rank_deinit(&plan->rank);
	keep_destroy(plan->keep);
	plan->keep = NULL;
}

uint64_t plan_changed(const struct plan *plan)
{
	return plan->keep ? keep_changed(plan->keep) : 0;
}

void plan_ram_words(const struct plan *plan, const struct kmem *km, pfn_t start, uint64_t *words,
		    size_t nwords)
{
	ram_words(km, plan->max_pfn, start, words, nwords);
}
