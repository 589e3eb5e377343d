// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * resolve: segments that may overlap -> ranges that do not.
 *
 * A sweep over the addresses in ascending order with a heap of the pieces that cover the
 * place where the sweep stands; the best one of them gives the bytes up to the next place
 * where a piece begins or it ends. O(n log n), whatever the segments are.
 */
#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/vmcore_priv.h"

/* The part of a segment with data in the file, or the part without. */
struct piece {
	paddr_t start, end;
	const struct vmcore_segment *seg;
	bool data;
};

struct sweep {
	struct vmcore *vc;
	struct piece *pieces; /* by ascending start */
	size_t npieces;
	const struct piece **heap; /* the best first */
	size_t nheap;
	size_t room; /* of vc->ranges */
};

// Data before none, the linear mapping before the kernel image, the larger segment before the
// smaller, then the first. A filtered core has pieces of both of the same size.
static bool better(const struct piece *a, const struct piece *b)
{
	if (a->data != b->data)
		return a->data;
	if (a->seg->text != b->seg->text)
		return b->seg->text;
	if (a->seg->range.memsz != b->seg->range.memsz)
		return a->seg->range.memsz > b->seg->range.memsz;
	return a->seg->index < b->seg->index;
}

static void heap_push(struct sweep *sw, const struct piece *p)
{
	size_t i = sw->nheap++;

	while (i > 0 && better(p, sw->heap[(i - 1) / 2])) {
		sw->heap[i] = sw->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	sw->heap[i] = p;
}

static void heap_pop(struct sweep *sw)
{
	const struct piece *last = sw->heap[--sw->nheap];
	size_t i = 0;

	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= sw->nheap)
			break;
		if (child + 1 < sw->nheap && better(sw->heap[child + 1], sw->heap[child]))
			child++;
		if (!better(sw->heap[child], last))
			break;
		sw->heap[i] = sw->heap[child];
		i = child;
	}
	sw->heap[i] = last;
}

static int compare_start(const void *a, const void *b)
{
	const struct piece *pa = a, *pb = b;

	if (pa->start != pb->start)
		return pa->start < pb->start ? -1 : 1;
	return better(pa, pb) ? -1 : 1;
}

// The kernel image where no fixed address tells it: a part of another segment's memory, but
// with a virtual address that does not belong to that one's mapping.
static bool looks_like_text(const struct vmcore_range *small, const struct vmcore_range *large)
{
	return small->vaddr && large->vaddr &&
	       small->vaddr - small->paddr != large->vaddr - large->paddr &&
	       small->paddr >= large->paddr &&
	       small->paddr + small->memsz <= large->paddr + large->memsz;
}

// Two segments claim the same memory: say so, unless it is the way of the kernel's own text.
static void note_overlap(struct vmcore *vc, const struct vmcore_segment *a,
			 const struct vmcore_segment *b)
{
	bool a_small = a->range.memsz < b->range.memsz;
	const struct vmcore_segment *small = a_small ? a : b, *large = a_small ? b : a;

	if (small == large || small->text || a->text != b->text)
		return;
	if (small->range.paddr - small->range.offset == large->range.paddr - large->range.offset) {
		vmcore_warn(vc, "segments %u and %u overlap at the same place of the file: merged",
			    large->index, small->index);
		return;
	}
	if (vc->info.machine != EM_X86_64 && looks_like_text(&small->range, &large->range)) {
		if (!vc->info.has_text) {
			vc->info.has_text = true;
			vc->info.text_vaddr = small->range.vaddr;
			vc->info.text_paddr = small->range.paddr;
			vc->info.text_memsz = small->range.memsz;
		}
		return;
	}
	vmcore_warn(
		vc,
		"segments %u (%#llx at offset %#llx) and %u (%#llx at offset %#llx) have the same "
		"memory twice: the former is read",
		large->index, (unsigned long long)large->range.paddr,
		(unsigned long long)large->range.offset, small->index,
		(unsigned long long)small->range.paddr, (unsigned long long)small->range.offset);
}

// Lengthens @last by what follows in the same mapping; false when @r is a range of its own.
static bool join(struct vmcore_range *last, const struct vmcore_range *r)
{
	if (last->paddr + last->memsz != r->paddr)
		return false;
	if (r->vaddr != (last->vaddr ? last->vaddr + last->memsz : 0))
		return false;
	if (r->filesz) {
		if (last->filesz != last->memsz || last->offset + last->filesz != r->offset)
			return false;
		last->filesz += r->filesz;
	}
	last->memsz += r->memsz;
	return true;
}

static int emit(struct sweep *sw, const struct piece *p, paddr_t start, paddr_t end,
		struct err *err)
{
	const struct vmcore_range *from = &p->seg->range;
	struct vmcore *vc = sw->vc;
	struct vmcore_range r = {
		.paddr = start,
		.memsz = end - start,
		.filesz = p->data ? end - start : 0,
		.offset = p->data ? from->offset + (start - from->paddr) : 0,
		.vaddr = from->vaddr ? from->vaddr + (start - from->paddr) : 0,
	};

	if (vc->info.nranges && join(&vc->ranges[vc->info.nranges - 1], &r))
		return 0;
	if (vc->info.nranges == sw->room) {
		size_t room = sw->room ? sw->room * 2 : sw->npieces;
		struct vmcore_range *grown = realloc(vc->ranges, room * sizeof(*grown));

		if (!grown)
			return err_set(err, ERR_NOMEM, "no memory for %zu ranges", room);
		vc->ranges = grown;
		sw->room = room;
	}
	vc->ranges[vc->info.nranges++] = r;
	return 0;
}

static int sweep_all(struct sweep *sw, struct err *err)
{
	paddr_t pos = 0;
	size_t i = 0;

	while (i < sw->npieces || sw->nheap) {
		const struct piece *top;
		paddr_t next;
		int rc;

		if (!sw->nheap)
			pos = sw->pieces[i].start;
		for (; i < sw->npieces && sw->pieces[i].start == pos; i++) {
			if (sw->nheap)
				note_overlap(sw->vc, sw->heap[0]->seg, sw->pieces[i].seg);
			heap_push(sw, &sw->pieces[i]);
		}
		top = sw->heap[0];
		next = top->end;
		if (i < sw->npieces && sw->pieces[i].start < next)
			next = sw->pieces[i].start;
		rc = emit(sw, top, pos, next, err);
		if (rc)
			return rc;
		pos = next;
		while (sw->nheap && sw->heap[0]->end <= pos)
			heap_pop(sw);
	}
	return 0;
}

static size_t cut_pieces(struct piece *pieces, const struct vmcore_segment *segs, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		const struct vmcore_range *r = &segs[i].range;
		paddr_t data_end = r->paddr + r->filesz;

		if (r->filesz)
			pieces[k++] = (struct piece){r->paddr, data_end, &segs[i], true};
		if (r->filesz < r->memsz)
			pieces[k++] =
				(struct piece){data_end, r->paddr + r->memsz, &segs[i], false};
	}
	return k;
}

int vmcore_resolve(struct vmcore *vc, const struct vmcore_segment *segs, size_t n, struct err *err)
{
	CLEANUP_FREE struct piece *pieces = NULL;
	CLEANUP_FREE const struct piece **heap = NULL;
	struct sweep sw = {.vc = vc};

	if (!n)
		return 0;
	pieces = calloc(n, 2 * sizeof(*pieces));
	heap = calloc(n, 2 * sizeof(*heap));
	if (!pieces || !heap)
		return err_set(err, ERR_NOMEM, "no memory for %zu segments", n);
	sw.pieces = pieces;
	sw.heap = heap;
	sw.npieces = cut_pieces(pieces, segs, n);
	qsort(pieces, sw.npieces, sizeof(*pieces), compare_start);
	return sweep_all(&sw, err);
}
