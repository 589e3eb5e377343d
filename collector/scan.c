// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/scan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/memmap.h"
#include "collector/order.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"
#include "vmcore/xlat.h"

/* A range that passed the end of its section: it is applied when all threads are done, for
 * the words behind that end belong to another thread. At most one a section. */
struct spill {
	pfn_t start, end;
	enum page_class class;
};

/* What the threads share. */
struct shared {
	const struct scan *scan;
	atomic_size_t next; // section to take
	struct spill *spills; // one a section
};

/* One thread's state. */
struct scanner {
	struct shared *shared;
	pthread_t thread;
	struct vmcore_window window;
	struct scan_counts counts;
	struct pfn_list reserved;
	// Struct pages at hand: those of frames [pfn, end) from data on.
	pfn_t pfn, end;
	const uint8_t *data;
};

/*
 * Brings the struct page of @pfn to hand, and as many behind it as one mapping of the dead
 * kernel and one window give. False when it cannot be read; *@skip is then how many frames
 * share that fate at least.
 */
static bool fetch(struct scanner *s, const struct memmap_section *sec, pfn_t pfn, uint64_t *skip)
{
	const struct scan *scan = s->shared->scan;
	uint64_t size = scan->pc->size;
	vaddr_t va = sec->vaddr + (pfn - sec->pfn) * size;
	uint64_t want = (sec->pfn + sec->npages - pfn) * size;
	uint64_t in_page = scan->km->page_size - (va & (scan->km->page_size - 1));
	struct xlat_leaf leaf;
	uint64_t in_leaf;
	size_t len;

	*skip = in_page / size ? in_page / size : 1;
	if (xlat_walk(scan->km->xlat, va, &leaf, NULL))
		return false;
	in_leaf = leaf.size - (va - leaf.vaddr);
	if (want > in_leaf)
		want = in_leaf;
	if (want < size)
		return false; // it lies across two mappings: read_one() does those
	if (want > SCAN_WINDOW)
		want = SCAN_WINDOW;
	if (vmcore_window_get(&s->window, leaf.paddr + (va - leaf.vaddr), size, want, &s->data,
			      &len, NULL))
		return false;
	if (len > want)
		len = want;
	s->pfn = pfn;
	s->end = pfn + len / size;
	return true;
}

/* A single struct page by the slow way, across mappings if need be. */
static bool read_one(const struct scanner *s, const struct memmap_section *sec, pfn_t pfn,
		     uint8_t *buf)
{
	const struct scan *scan = s->shared->scan;
	vaddr_t va = sec->vaddr + (pfn - sec->pfn) * scan->pc->size;

	return kmem_read(scan->km, va, buf, scan->pc->size, NULL) == 0;
}

static void exclude(struct scanner *s, size_t section, const struct memmap_section *sec, pfn_t pfn,
		    uint64_t npages, enum page_class class)
{
	pfn_t section_end = sec->pfn + sec->npages;
	pfn_t end = npages > section_end - pfn ? section_end : pfn + npages;

	s->counts.excluded[class] += bitmap_clear_range(s->shared->scan->kept, pfn, end);
	if (end - pfn < npages)
		s->shared->spills[section] = (struct spill){
			.start = section_end,
			.end = npages > UINT64_MAX - pfn ? UINT64_MAX : pfn + npages,
			.class = class,
		};
}

/* Lists a kept page that the kernel set aside at boot; a list that is full costs order only. */
static void note_reserved(struct scanner *s, pfn_t pfn, const uint8_t *page)
{
	const struct scan *scan = s->shared->scan;

	// Some carry more flags than the image does: private, for what can be hot-removed.
	if (scan->reserved_flags && !(scan->reserved_flags & ~pageclass_low_flags(scan->pc, page)))
		pfn_list_add(&s->reserved, pfn, pfn + 1, NULL);
}

static void scan_section(struct scanner *s, size_t section)
{
	const struct scan *scan = s->shared->scan;
	const struct memmap_section *sec = &scan->mm->sections[section];
	pfn_t end = sec->pfn + sec->npages;
	uint8_t first[PAGECLASS_SIZE_MAX], second[PAGECLASS_SIZE_MAX];
	uint64_t n;

	s->pfn = s->end = 0;
	for (pfn_t pfn = sec->pfn; pfn < end; pfn += n) {
		const uint8_t *page = first, *next = NULL;
		enum page_class class;

		n = 1;
		// What is clear is no memory: of what was cleared here nothing is met again.
		if (!bitmap_test(scan->kept, pfn)) {
			n = bitmap_next(scan->kept, pfn, end) - pfn;
			continue;
		}
		if (pfn >= s->pfn && pfn < s->end) {
			page = s->data + (pfn - s->pfn) * scan->pc->size;
		} else if (fetch(s, sec, pfn, &n)) {
			page = s->data;
			n = 1;
		} else if (!read_one(s, sec, pfn, first)) {
			if (n > end - pfn)
				n = end - pfn;
			s->counts.unreadable += bitmap_count(scan->kept, pfn, pfn + n);
			continue;
		}
		s->counts.scanned++;
		if (pageclass_is_head(scan->pc, page) && !(pfn & 1)) {
			// The order lies in the struct page behind the head.
			if (page != first && pfn + 1 < s->end)
				next = page + scan->pc->size;
			else if (read_one(s, sec, pfn + 1, second))
				next = second;
		}
		class = pageclass_of(scan->pc, scan->level, pfn, page, next, &n);
		if (class == PAGE_KEPT) {
			n = 1;
			note_reserved(s, pfn, page);
		} else {
			exclude(s, section, sec, pfn, n, class);
		}
		if (n > end - pfn)
			n = end - pfn;
	}
}

static void *scan_thread(void *arg)
{
	struct scanner *s = arg;
	size_t section;

	while ((section = atomic_fetch_add(&s->shared->next, 1)) < s->shared->scan->mm->nsections)
		scan_section(s, section);
	return NULL;
}

static void apply_spills(const struct shared *shared, struct scan_counts *counts)
{
	for (size_t i = 0; i < shared->scan->mm->nsections; i++) {
		const struct spill *sp = &shared->spills[i];

		if (sp->class != PAGE_KEPT)
			counts->excluded[sp->class] +=
				bitmap_clear_range(shared->scan->kept, sp->start, sp->end);
	}
}

static void add_counts(struct scan_counts *sum, const struct scan_counts *part)
{
	for (int c = 0; c < PAGE_CLASSES; c++)
		sum->excluded[c] += part->excluded[c];
	sum->unreadable += part->unreadable;
	sum->scanned += part->scanned;
}

/* Runs the threads that could be started; the calling one is the first of them. */
static void run_threads(struct scanner *scanners, unsigned int n)
{
	unsigned int started = 1;

	while (started < n &&
	       !pthread_create(&scanners[started].thread, NULL, scan_thread, &scanners[started]))
		started++;
	scan_thread(&scanners[0]);
	for (unsigned int i = 1; i < started; i++)
		pthread_join(scanners[i].thread, NULL);
}

int scan_run(const struct scan *scan, struct scan_counts *ret, struct err *err)
{
	CLEANUP_FREE struct spill *spills = calloc(scan->mm->nsections, sizeof(*spills));
	CLEANUP_FREE struct scanner *scanners = calloc(scan->threads, sizeof(*scanners));
	struct shared shared = {.scan = scan, .spills = spills};
	unsigned int ready = 0;
	int rc = 0;

	if (!spills || !scanners)
		return err_set(err, ERR_NOMEM, "no memory to scan %zu sections with %u threads",
			       scan->mm->nsections, scan->threads);
	for (; ready < scan->threads; ready++) {
		scanners[ready].shared = &shared;
		rc = vmcore_window_init(&scanners[ready].window, scan->km->vc, SCAN_WINDOW, err);
		if (rc)
			break;
	}
	if (ready) {
		run_threads(scanners, ready);
		memset(ret, 0, sizeof(*ret));
		for (unsigned int i = 0; i < ready; i++) {
			add_counts(ret, &scanners[i].counts);
			vmcore_window_deinit(&scanners[i].window);
			pfn_list_append(scan->reserved, &scanners[i].reserved);
			pfn_list_deinit(&scanners[i].reserved);
		}
		apply_spills(&shared, ret);
		rc = 0;
	}
	return rc;
}
