// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/scan.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/memmap.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"
#include "vmcore/pageverdict.h"
#include "vmcore/xlat.h"

enum {
	PREFETCH = 16, // struct pages ahead: what hardware fetches ahead ends with each 4 KiB
	PAGE_USUAL = 64, // size of struct page in nearly all kernels
};

/* Frames that follow each other; found, but not yet cleared or listed. */
struct run {
	pfn_t start, end;
};

/* A section on its way through one thread. */
struct section {
	const struct memmap_section *sec;
	pfn_t base, end; // first frame of words, and one above the section's last
	uint64_t *words;
	struct run excluded;
	struct run noted; // pages that are noted alike
	enum scan_note note; // as what
	pfn_t decided; // one above the frames that a note was made of, with what hangs on them
};

/*
 * Bytes from @va on, at most @want, that lie one after the other in memory: of one mapping,
 * or of several where the tables map memory piece by piece.
 */
static uint64_t contiguous(const struct kmem *km, vaddr_t va, uint64_t want, paddr_t *ret)
{
	struct xlat_leaf leaf;
	uint64_t len;

	if (xlat_walk(km->xlat, va, &leaf, NULL))
		return 0;
	*ret = leaf.paddr + (va - leaf.vaddr);
	len = leaf.size - (va - leaf.vaddr);
	while (len < want && !xlat_walk(km->xlat, va + len, &leaf, NULL) &&
	       leaf.vaddr == va + len && leaf.paddr == *ret + len)
		len += leaf.size;
	return len < want ? len : want;
}

/*
 * Brings the struct page of @pfn to hand, and as many behind it as lie together and one window
 * takes. False when it cannot be read; *@skip is then how many frames share that fate at least.
 */
static bool fetch(struct scanner *s, const struct memmap_section *sec, pfn_t pfn, uint64_t *skip)
{
	const struct scan *scan = s->scan;
	uint64_t size = scan->pc->size;
	vaddr_t va = sec->vaddr + (pfn - sec->pfn) * size;
	uint64_t want = (sec->pfn + sec->npages - pfn) * size;
	uint64_t in_page = scan->km->page_size - (va & (scan->km->page_size - 1));
	paddr_t pa = 0;
	size_t len;

	*skip = in_page / size ? in_page / size : 1;
	if (want > s->window.size_max)
		want = s->window.size_max;
	want = contiguous(scan->km, va, want, &pa);
	if (want < size)
		return false; // it lies across two mappings: read_one() does those
	if (vmcore_window_get(&s->window, pa, size, want, &s->data, &len, NULL))
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
	const struct scan *scan = s->scan;
	vaddr_t va = sec->vaddr + (pfn - sec->pfn) * scan->pc->size;

	return kmem_read(scan->km, va, buf, scan->pc->size, NULL) == 0;
}

static void flush_excluded(struct section *at)
{
	words_clear(at->words, at->excluded.start - at->base, at->excluded.end - at->base);
	at->excluded = (struct run){0};
}

/* Pages are cleared by runs, whatever their class: these are memory and were counted. */
static inline void exclude_pages(struct section *at, pfn_t pfn, pfn_t end)
{
	if (pfn != at->excluded.end) {
		flush_excluded(at);
		at->excluded.start = pfn;
	}
	at->excluded.end = end;
}

/* More of them may have holes, and reach behind the section. Returns where the next is. */
static pfn_t exclude_range(struct scanner *s, struct section *at, pfn_t pfn, uint64_t npages,
			   enum page_class class)
{
	pfn_t end = npages > at->end - pfn ? at->end : pfn + npages;

	s->counts.excluded[class] += words_clear(at->words, pfn - at->base, end - at->base);
	if (end - pfn < npages && s->spills)
		s->spills->list[atomic_fetch_add(&s->spills->n, 1)] = (struct scan_spill){
			.start = at->end,
			.end = npages > UINT64_MAX - pfn ? UINT64_MAX : pfn + npages,
			.class = class,
		};
	return end;
}

static void flush_noted(struct scanner *s, struct section *at)
{
	if (at->noted.start == at->noted.end)
		return;
	// A list that is full costs order only.
	pfn_list_add_near(&s->notes[at->note], at->noted.start, at->noted.end, s->scan->note_gap,
			  at->sec->pfn, NULL);
	at->noted = (struct run){0};
}

/* Pages [@pfn, @end), which are kept, are noted as @note. */
static void note(struct scanner *s, struct section *at, pfn_t pfn, pfn_t end, enum scan_note note)
{
	if (pfn != at->noted.end || note != at->note) {
		flush_noted(s, at);
		at->note = note;
		at->noted.start = pfn;
	}
	at->noted.end = end;
}

/* What to note of a page that this level keeps and another one may leave out, with *@n more. */
static enum scan_note note_of_lower(const struct pageclass *pc, pfn_t pfn, const uint8_t *page,
				    const uint8_t *next, uint64_t *n)
{
	switch (pageclass_of(pc, DUMP_LEVEL_MAX, pfn, page, next, n)) {
	case PAGE_KEPT:
		return NOTE_KERNEL;
	case PAGE_FREE:
		return NOTE_FREE;
	default:
		return SCAN_NOTES;
	}
}

static const enum scan_note note_of_slab[] = {
	[SLABS_TASKS] = NOTE_TASKS,
	[SLABS_GENERAL] = NOTE_GENERAL,
	[SLABS_OTHER] = NOTE_SLAB,
};

/* Lists kept page @pfn by its worth. The tails of what was noted by its head are passed over. */
static inline __attribute__((always_inline)) void note_kept(struct scanner *s, struct section *at,
							    const struct pageclass *pc, pfn_t pfn,
							    const uint8_t *page,
							    const uint8_t *next)
{
	const uint64_t reserved = s->scan->reserved_flags;
	enum scan_note what = SCAN_NOTES;
	uint64_t n = 1;

	if (!s->scan->notes || pfn < at->decided)
		return;
	// Some carry more flags than the image does: private, for what can be hot-removed.
	if (reserved && !(reserved & ~pageclass_low_flags(pc, page))) {
		what = NOTE_RESERVED;
	} else if (pageclass_is_slab(pc, page) && !pageclass_is_tail(pc, page)) {
		what = note_of_slab[slabs_worth(&s->slabs, page)];
		n = pageclass_slab_pages(pc, pfn, page, next);
	} else if ((s->scan->level | DUMP_LEVEL_ZERO) != DUMP_LEVEL_MAX) {
		what = note_of_lower(pc, pfn, page, next, &n);
	}
	at->decided = n < at->end - pfn ? pfn + n : at->end;
	if (what != SCAN_NOTES)
		note(s, at, pfn, at->decided, what);
}

/* One above the frames from @pfn on, of which it is one, that are memory; @pfn when it is none. */
static inline pfn_t memory_end(const struct section *at, pfn_t pfn)
{
	unsigned int bit = (pfn - at->base) % 64;
	uint64_t holes = ~at->words[(pfn - at->base) / 64] >> bit;

	return pfn + (holes ? (unsigned int)__builtin_ctzll(holes) : 64 - bit);
}

/*
 * Goes from @pfn through the struct pages at hand; returns where it got to, at the end of them
 * or behind. Inlined for the usual size, which the compiler then knows.
 */
static inline __attribute__((always_inline)) pfn_t scan_some(struct scanner *s, struct section *at,
							     pfn_t pfn, size_t size)
{
	// A copy, that no store to the bitmap can be thought to change.
	const struct pageclass pc = *s->scan->pc;
	const unsigned int level = s->scan->level;
	const uint8_t *const data = s->data;
	const pfn_t first = s->pfn, end = s->end;
	pfn_t memory = pfn; // one above the frames that are known to be memory
	uint64_t scanned = 0;

	while (pfn < end) {
		const uint8_t *page = data + (pfn - first) * size, *next = NULL;
		uint8_t second[PAGECLASS_SIZE_MAX];
		enum page_class class;
		uint64_t n;

		if (pfn >= memory) {
			memory = memory_end(at, pfn);
			if (pfn == memory)
				break;
		}
		__builtin_prefetch(page + PREFETCH * size);
		scanned++;
		if (pageclass_is_head(&pc, page) && !(pfn & 1)) {
			// The order lies in the struct page behind the head.
			if (pfn + 1 < end)
				next = page + size;
			else if (read_one(s, at->sec, pfn + 1, second))
				next = second;
		}
		class = pageclass_verdict(&pc, level, pfn, page, next, &n);
		if (class != PAGE_KEPT) {
			pfn_t from = pfn, limit = memory < end ? memory : end;

			if (n > 1) {
				pfn = exclude_range(s, at, pfn, n, class);
				continue;
			}
			pfn++;
			// The order of a free block is not among what is compared.
			for (; pfn < limit && class != PAGE_FREE &&
			       pageclass_alike(&pc, page, page + size);
			     pfn++, page += size)
				__builtin_prefetch(page + PREFETCH * size);
			scanned += pfn - from - 1;
			s->counts.excluded[class] += pfn - from;
			exclude_pages(at, from, pfn);
			continue;
		}
		note_kept(s, at, &pc, pfn++, page, next);
	}
	s->counts.scanned += scanned;
	return pfn;
}

/* The same for a single page, whose struct page cannot be mapped; @n frames on when it cannot
 * be read either. */
static pfn_t scan_one(struct scanner *s, struct section *at, pfn_t pfn, uint64_t n)
{
	uint8_t page[PAGECLASS_SIZE_MAX];

	if (!read_one(s, at->sec, pfn, page)) {
		if (n > at->end - pfn)
			n = at->end - pfn;
		s->counts.unreadable += words_count(at->words, pfn - at->base, pfn - at->base + n);
		return pfn + n;
	}
	s->pfn = pfn;
	s->end = pfn + 1;
	s->data = page;
	pfn = scan_some(s, at, pfn, s->scan->pc->size);
	s->pfn = s->end = 0;
	return pfn;
}

void scanner_section(struct scanner *s, const struct memmap_section *sec, uint64_t *words)
{
	struct section at = {
		.sec = sec,
		.base = sec->pfn & ~(pfn_t)(BITMAP_BLOCK - 1),
		.end = sec->pfn + sec->npages,
		.words = words,
	};
	uint64_t skip;
	pfn_t pfn = sec->pfn;

	s->pfn = s->end = 0;
	while (pfn < at.end) {
		// What is clear is no memory: of what is cleared here nothing is met again.
		if (!(words[(pfn - at.base) / 64] >> (pfn - at.base) % 64 & 1)) {
			pfn = at.base + words_next(words, pfn - at.base, at.end - at.base);
			continue;
		}
		if ((pfn < s->pfn || pfn >= s->end) && !fetch(s, sec, pfn, &skip)) {
			pfn = scan_one(s, &at, pfn, skip);
		} else if (s->scan->pc->size == PAGE_USUAL) {
			pfn = scan_some(s, &at, pfn, PAGE_USUAL);
		} else {
			pfn = scan_some(s, &at, pfn, s->scan->pc->size);
		}
	}
	flush_excluded(&at);
	flush_noted(s, &at);
}

int scanner_init(struct scanner *s, const struct scan *scan, struct scan_spills *spills,
		 struct err *err)
{
	*s = (struct scanner){.scan = scan, .spills = spills};
	slabs_init(&s->slabs, scan->km, scan->mm, scan->pc->size);
	return vmcore_window_init(&s->window, scan->km->vc,
				  scan->window ? scan->window : SCAN_WINDOW, err);
}

void scanner_deinit(struct scanner *s)
{
	vmcore_window_deinit(&s->window);
	for (int i = 0; i < SCAN_NOTES; i++)
		pfn_list_deinit(&s->notes[i]);
}

int scan_spills_init(struct scan_spills *spills, size_t nsections, struct err *err)
{
	*spills = (struct scan_spills){.room = nsections};
	// Mostly there are none, and what is not touched takes no memory.
	spills->list = calloc(nsections ? nsections : 1, sizeof(*spills->list));
	if (!spills->list)
		return err_set(err, ERR_NOMEM, "no memory to scan %zu sections", nsections);
	return 0;
}

void scan_spills_deinit(struct scan_spills *spills)
{
	free(spills->list);
	*spills = (struct scan_spills){0};
}

static int by_start(const void *a, const void *b)
{
	const struct scan_spill *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

void scan_spills_sort(struct scan_spills *spills)
{
	qsort(spills->list, spills->n, sizeof(*spills->list), by_start);
}

void scan_counts_add(struct scan_counts *sum, const struct scan_counts *part)
{
	for (int c = 0; c < PAGE_CLASSES; c++)
		sum->excluded[c] += part->excluded[c];
	sum->unreadable += part->unreadable;
	sum->scanned += part->scanned;
}

void scan_notes_add(const struct scan *scan, const struct scanner *s)
{
	for (int i = 0; i < SCAN_NOTES && scan->notes; i++) {
		if (scan->notes[i].n + s->notes[i].n > PFN_LIST_MAX)
			pfn_list_squeeze(&scan->notes[i], PFN_LIST_MAX / 2);
		pfn_list_append(&scan->notes[i], &s->notes[i]);
	}
}

/* What the threads share. */
struct shared {
	const struct scan *scan;
	atomic_size_t next; // section to take
};

struct thread {
	struct shared *shared;
	struct scanner scanner;
	pthread_t id;
};

static void *scan_thread(void *arg)
{
	struct thread *t = arg;
	const struct scan *scan = t->shared->scan;
	size_t i;

	while ((i = atomic_fetch_add(&t->shared->next, 1)) < scan->mm->nsections) {
		const struct memmap_section *sec = &scan->mm->sections[i];

		scanner_section(&t->scanner, sec,
				scan->kept->words + sec->pfn / BITMAP_BLOCK * (BITMAP_BLOCK / 64));
	}
	return NULL;
}

/* Runs the threads that could be started; the calling one is the first of them. */
static void run_threads(struct thread *threads, unsigned int n)
{
	unsigned int started = 1;

	while (started < n &&
	       !pthread_create(&threads[started].id, NULL, scan_thread, &threads[started]))
		started++;
	scan_thread(&threads[0]);
	for (unsigned int i = 1; i < started; i++)
		pthread_join(threads[i].id, NULL);
}

static void apply_spills(const struct scan *scan, struct scan_spills *spills,
			 struct scan_counts *counts)
{
	pfn_t done = 0; // what lies before it and behind the start of a spill is clear

	scan_spills_sort(spills);
	for (size_t i = 0; i < spills->n; i++) {
		const struct scan_spill *sp = &spills->list[i];
		pfn_t start = sp->start > done ? sp->start : done;

		// Forged ones may all reach to the end of memory.
		counts->excluded[sp->class] += bitmap_clear_range(scan->kept, start, sp->end);
		if (sp->end > done)
			done = sp->end;
	}
}

int scan_run(const struct scan *scan, struct scan_counts *ret, struct err *err)
{
	CLEANUP_FREE struct thread *threads = calloc(scan->threads, sizeof(*threads));
	struct shared shared = {.scan = scan};
	struct scan_spills spills;
	unsigned int ready = 0;
	int rc = scan_spills_init(&spills, scan->mm->nsections, err);

	if (!threads && !rc)
		rc = err_set(err, ERR_NOMEM, "no memory for %u threads", scan->threads);
	for (; ready < scan->threads && !rc; ready++) {
		threads[ready].shared = &shared;
		rc = scanner_init(&threads[ready].scanner, scan, &spills, err);
		if (rc)
			break;
	}
	if (ready) {
		run_threads(threads, ready);
		memset(ret, 0, sizeof(*ret));
		for (unsigned int i = 0; i < ready; i++) {
			scan_counts_add(ret, &threads[i].scanner.counts);
			scan_notes_add(scan, &threads[i].scanner);
			scanner_deinit(&threads[i].scanner);
		}
		apply_spills(scan, &spills, ret);
		rc = 0;
	}
	scan_spills_deinit(&spills);
	return rc;
}
