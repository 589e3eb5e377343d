// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/keep.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/memmap.h"
#include "collector/ram.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	BLOCK_WORDS = BITMAP_BLOCK / 64,
};

/* A block in the cache: a block has one slot that it may stand in. */
struct slot {
	uint64_t nr; // UINT64_MAX: none
	uint64_t words[BLOCK_WORDS];
};

/* What became of pages of a block besides what the scan counts. */
struct tally {
	uint64_t gone, image, absent;
};

struct keep {
	const struct kmem *km;
	pfn_t max_pfn;
	uint64_t nblocks;
	uint16_t *counts; // bits set in each block
	struct bitmap_source source;
	struct slot *slots;
	size_t nslots;
	uint64_t changed;
	// From keep_settle() on:
	bool settled, scanned;
	struct memmap mm;
	struct pageclass pc;
	struct scan scan;
	struct scanner scanner; // of whoever asks for a block
	struct pfn_list image;
	uint64_t image_flags;
	struct pfn_range *gone; // left out by ranges of earlier sections; ascending, disjoint
	size_t ngone;
};

bool keep_low_flags(const struct kmem *km, const struct memmap *mm, const struct pageclass *pc,
		    pfn_t pfn, uint64_t *ret)
{
	uint8_t page[PAGECLASS_SIZE_MAX];
	vaddr_t va = memmap_page(mm, pfn, pc->size);

	if (!va || kmem_read(km, va, page, pc->size, NULL))
		return false;
	*ret = pageclass_low_flags(pc, page);
	return true;
}

static struct pfn_range block_frames(const struct keep *k, uint64_t nr)
{
	pfn_t start = nr * BITMAP_BLOCK;

	return (struct pfn_range){
		.start = start,
		.end = k->max_pfn - start < BITMAP_BLOCK ? k->max_pfn : start + BITMAP_BLOCK,
	};
}

/* The part of @of that lies in @in, as bits of the block that begins with @in; perhaps none. */
static struct pfn_range part_of(struct pfn_range in, struct pfn_range of)
{
	pfn_t start = of.start > in.start ? of.start : in.start;
	pfn_t end = of.end < in.end ? of.end : in.end;

	if (start >= end)
		return (struct pfn_range){0};
	return (struct pfn_range){start - in.start, end - in.start};
}

static void clear_excluded(const struct keep *k, struct scanner *s, struct pfn_range in,
			   uint64_t *words)
{
	size_t i = memmap_first(&k->mm, in.start);

	// What is mapped may have trapped when another thread looked at it.
	s->window.len = 0;
	for (; i < k->mm.nsections && k->mm.sections[i].pfn < in.end; i++)
		scanner_section(s, &k->mm.sections[i], words);
}

static uint64_t clear_gone(const struct keep *k, struct pfn_range in, uint64_t *words)
{
	uint64_t cleared = 0;
	size_t low = 0, high = k->ngone;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (k->gone[mid].end <= in.start)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < k->ngone && k->gone[low].start < in.end; low++) {
		struct pfn_range part = part_of(in, k->gone[low]);

		cleared += words_clear(words, part.start, part.end);
	}
	return cleared;
}

bool keep_is_image(const struct kmem *km, const struct memmap *mm, const struct pageclass *pc,
		   uint64_t image_flags, pfn_t pfn)
{
	uint64_t flags;

	if (image_flags && keep_low_flags(km, mm, pc, pfn, &flags) && (image_flags & ~flags))
		return false;
	return ram_is_there(km, pfn);
}

static uint64_t set_image(const struct keep *k, struct pfn_range in, uint64_t *words)
{
	uint64_t set = 0;

	for (size_t i = 0; i < k->image.n; i++) {
		struct pfn_range part = part_of(in, k->image.ranges[i]);

		for (pfn_t bit = part.start; bit < part.end; bit++)
			if (!(words[bit / 64] >> bit % 64 & 1) &&
			    keep_is_image(k->km, &k->mm, &k->pc, k->image_flags, in.start + bit))
				set += words_set(words, bit, bit + 1);
	}
	return set;
}

static uint64_t clear_absent(const struct keep *k, struct pfn_range in, uint64_t *words)
{
	paddr_t at = in.start << k->km->page_shift;
	struct vmcore_span span;
	pfn_t end = in.start; // of what is there
	uint64_t cleared = 0;

	while (end < in.end && vmcore_next_span(k->km->vc, at, &span)) {
		struct pfn_range f = ram_frames(k->km, span.start, span.end);
		struct pfn_range gap = part_of(in, (struct pfn_range){end, f.start});

		cleared += words_clear(words, gap.start, gap.end);
		end = f.end;
		at = span.end;
	}
	if (end < in.end)
		cleared += words_clear(words, end - in.start, in.end - in.start);
	return cleared;
}

/* Makes block @nr as far as things are decided; what is counted is added to @tally. */
static void make_block(const struct keep *k, struct scanner *s, uint64_t nr, uint64_t *words,
		       struct tally *tally)
{
	struct pfn_range in = block_frames(k, nr);

	ram_words(k->km, k->max_pfn, in.start, words, BLOCK_WORDS);
	if (!k->settled)
		return;
	if (k->scanned) {
		clear_excluded(k, s, in, words);
		tally->gone += clear_gone(k, in, words);
		tally->image += set_image(k, in, words);
	}
	tally->absent += clear_absent(k, in, words);
}

/*
 * A block must have as many pages as it had, or all pages behind it would get descriptors of
 * others: those too many are dropped, and pages of memory stand in for those that are missing.
 */
static void force_count(struct keep *k, uint64_t nr, uint64_t *words, uint64_t count)
{
	uint64_t ram[BLOCK_WORDS];

	k->changed++;
	for (uint64_t bit = BITMAP_BLOCK; bit-- > 0 && count > k->counts[nr];)
		count -= words_clear(words, bit, bit + 1);
	ram_words(k->km, k->max_pfn, nr * BITMAP_BLOCK, ram, BLOCK_WORDS);
	for (uint64_t bit = 0; bit < BITMAP_BLOCK && count < k->counts[nr]; bit++)
		if (ram[bit / 64] >> bit % 64 & 1)
			count += words_set(words, bit, bit + 1);
}

static const uint64_t *get_block(void *ctx, uint64_t nr)
{
	struct keep *k = ctx;
	struct slot *slot = &k->slots[nr % k->nslots];
	struct tally tally = {0};
	uint64_t count;

	if (slot->nr == nr)
		return slot->words;
	make_block(k, &k->scanner, nr, slot->words, &tally);
	slot->nr = nr;
	count = words_count(slot->words, 0, BITMAP_BLOCK);
	if (count != k->counts[nr])
		force_count(k, nr, slot->words, count);
	return slot->words;
}

static void forget_blocks(struct keep *k)
{
	for (size_t i = 0; i < k->nslots; i++)
		k->slots[i].nr = UINT64_MAX;
}

/* What is memory in each block; what lies between ranges is not gone through. */
static void count_ram(struct keep *k)
{
	size_t nranges = vmcore_info(k->km->vc)->nranges;
	uint64_t words[BLOCK_WORDS];

	for (size_t i = 0; i < nranges; i++) {
		struct pfn_range f = ram_range(k->km, i);

		if (f.end > k->max_pfn)
			f.end = k->max_pfn;
		for (uint64_t nr = f.start / BITMAP_BLOCK; nr * BITMAP_BLOCK < f.end; nr++) {
			if (k->counts[nr])
				continue;
			make_block(k, NULL, nr, words, NULL);
			k->counts[nr] = words_count(words, 0, BITMAP_BLOCK);
		}
	}
}

int keep_create(const struct kmem *km, pfn_t max_pfn, size_t slots, struct keep **ret,
		struct err *err)
{
	struct keep *k = calloc(1, sizeof(*k));

	if (k) {
		k->km = km;
		k->max_pfn = max_pfn;
		k->nblocks = (max_pfn + BITMAP_BLOCK - 1) / BITMAP_BLOCK;
		k->nslots = slots < KEEP_SLOTS_MIN ? KEEP_SLOTS_MIN : slots;
		k->counts = calloc(k->nblocks + 1, sizeof(*k->counts));
		k->slots = malloc(k->nslots * sizeof(*k->slots));
		k->source = (struct bitmap_source){.get = get_block, .ctx = k, .counts = k->counts};
	}
	if (!k || !k->counts || !k->slots) {
		keep_destroy(k);
		return err_set(err, ERR_NOMEM, "no memory for a bitmap of %llu pages",
			       (unsigned long long)max_pfn);
	}
	forget_blocks(k);
	count_ram(k);
	*ret = k;
	return 0;
}

void keep_destroy(struct keep *k)
{
	if (!k)
		return;
	if (k->scanned)
		scanner_deinit(&k->scanner);
	memmap_deinit(&k->mm);
	pfn_list_deinit(&k->image);
	free(k->gone);
	free(k->counts);
	free(k->slots);
	free(k);
}

const struct bitmap_source *keep_source(const struct keep *k)
{
	return &k->source;
}

uint64_t keep_changed(const struct keep *k)
{
	return k->changed;
}

/* What the threads of the first scan share, and what each has. */
struct shared {
	struct keep *k;
	atomic_uint_fast64_t next; // block to take
};

struct thread {
	struct shared *shared;
	struct scanner scanner;
	struct tally tally;
	pthread_t id;
};

static void *count_thread(void *arg)
{
	struct thread *t = arg;
	struct keep *k = t->shared->k;
	uint64_t words[BLOCK_WORDS];
	uint64_t nr;

	while ((nr = atomic_fetch_add(&t->shared->next, 1)) < k->nblocks) {
		if (!k->counts[nr])
			continue;
		make_block(k, &t->scanner, nr, words, &t->tally);
		k->counts[nr] = words_count(words, 0, BITMAP_BLOCK);
	}
	return NULL;
}

static void run_threads(struct thread *threads, unsigned int n)
{
	unsigned int started = 1;

	while (started < n &&
	       !pthread_create(&threads[started].id, NULL, count_thread, &threads[started]))
		started++;
	count_thread(&threads[0]);
	for (unsigned int i = 1; i < started; i++)
		pthread_join(threads[i].id, NULL);
}

/* Counts what is kept of each block, but for what ranges of earlier sections leave out. */
static int count_blocks(struct keep *k, unsigned int n, struct scan_spills *spills,
			struct keep_counts *ret, struct err *err)
{
	CLEANUP_FREE struct thread *threads = calloc(n, sizeof(*threads));
	struct shared shared = {.k = k};
	unsigned int ready = 0;
	int rc = 0;

	if (!threads)
		return err_set(err, ERR_NOMEM, "no memory for %u threads", n);
	for (; ready < n && !rc; ready++) {
		threads[ready].shared = &shared;
		// Where nothing is scanned a scanner has nothing to do.
		if (k->scanned)
			rc = scanner_init(&threads[ready].scanner, &k->scan, spills, err);
		if (rc)
			break;
	}
	if (!ready)
		return rc;
	run_threads(threads, ready);
	for (unsigned int i = 0; i < ready; i++) {
		ret->image += threads[i].tally.image;
		ret->absent += threads[i].tally.absent;
		if (!k->scanned)
			continue;
		scan_counts_add(&ret->scan, &threads[i].scanner.counts);
		scan_notes_add(&k->scan, &threads[i].scanner);
		scanner_deinit(&threads[i].scanner);
	}
	return 0;
}

/* The spills, sorted, as ranges that are disjoint. */
static int merge_spills(struct keep *k, const struct scan_spills *spills, struct err *err)
{
	if (!spills->n)
		return 0;
	k->gone = malloc(spills->n * sizeof(*k->gone));
	if (!k->gone)
		return err_set(err, ERR_NOMEM, "no memory for %zu ranges of pages",
			       (size_t)spills->n);
	for (size_t i = 0; i < spills->n; i++) {
		const struct scan_spill *sp = &spills->list[i];
		struct pfn_range *last = k->gone + k->ngone - 1;

		if (!k->ngone || sp->start > last->end)
			k->gone[k->ngone++] = (struct pfn_range){sp->start, sp->end};
		else if (sp->end > last->end)
			last->end = sp->end;
	}
	return 0;
}

/* Counts a block again that ranges of earlier sections reach into. */
static void count_again(struct keep *k, uint64_t nr, enum page_class class,
			struct keep_counts *counts)
{
	struct tally before = {0}, now = {0};
	uint64_t words[BLOCK_WORDS];
	size_t ngone = k->ngone;

	k->ngone = 0;
	make_block(k, &k->scanner, nr, words, &before);
	k->ngone = ngone;
	make_block(k, &k->scanner, nr, words, &now);
	k->counts[nr] = words_count(words, 0, BITMAP_BLOCK);
	counts->scan.excluded[class] += now.gone;
	counts->image += now.image - before.image;
	counts->absent += now.absent - before.absent;
}

static void count_spills(struct keep *k, const struct scan_spills *spills,
			 struct keep_counts *counts)
{
	uint64_t next = 0; // block that was not looked at yet

	for (size_t i = 0; i < spills->n; i++) {
		const struct scan_spill *sp = &spills->list[i];
		pfn_t end = sp->end < k->max_pfn ? sp->end : k->max_pfn;
		uint64_t nr = sp->start / BITMAP_BLOCK;

		for (nr = nr < next ? next : nr; nr * BITMAP_BLOCK < end; nr++) {
			next = nr + 1;
			if (k->counts[nr])
				count_again(k, nr, sp->class, counts);
		}
	}
}

static int scan_all(struct keep *k, unsigned int threads, struct keep_counts *ret, struct err *err)
{
	struct scan_spills spills;
	int rc = scan_spills_init(&spills, k->mm.nsections, err);

	if (!rc)
		rc = count_blocks(k, threads, &spills, ret, err);
	// What there is to note is known by now.
	k->scan.notes = NULL;
	if (!rc) {
		scan_spills_sort(&spills);
		rc = merge_spills(k, &spills, err);
	}
	if (!rc)
		count_spills(k, &spills, ret);
	scan_spills_deinit(&spills);
	return rc;
}

/* All of it: a dump without the image cannot be opened. */
static int copy_image(struct keep *k, const struct pfn_list *frames, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < frames->n && !rc; i++)
		rc = pfn_list_add(&k->image, frames->ranges[i].start, frames->ranges[i].end, err);
	return rc;
}

int keep_settle(struct keep *k, const struct scan *scan, const struct keep_image *image,
		struct keep_counts *ret, struct err *err)
{
	unsigned int threads = scan ? scan->threads : 1;
	int rc;

	*ret = (struct keep_counts){0};
	forget_blocks(k);
	k->settled = true;
	if (!scan)
		return count_blocks(k, threads, NULL, ret, err);
	k->mm = *scan->mm;
	k->pc = *scan->pc;
	k->scan = *scan;
	k->scan.mm = &k->mm;
	k->scan.pc = &k->pc;
	k->image_flags = image->flags;
	rc = copy_image(k, image->frames, err);
	if (rc)
		return rc;
	rc = scanner_init(&k->scanner, &k->scan, NULL, err);
	if (rc)
		return rc;
	k->scanned = true;
	return scan_all(k, threads, ret, err);
}
