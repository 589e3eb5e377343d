// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/coverage.h"

#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "crashnotes/elfcorehdr.h"
#include "loader/corehdr.h"

/* Ranges of memory by their start; those that touch are one. */
struct ranges {
	struct range {
		uint64_t start, end;
	} * list;
	size_t n;
};

static int by_start(const void *pa, const void *pb)
{
	const struct range *a = pa, *b = pb;

	return (a->start > b->start) - (a->start < b->start);
}

/* The kernel's image is in memory under a second address, too: the same bytes once more. */
static int take_ranges(struct ranges *r, const struct elfcorehdr_segment *s, size_t n,
		       struct err *err)
{
	size_t kept = 0;

	*r = (struct ranges){.list = calloc(n ? n : 1, sizeof(*r->list))};
	if (!r->list)
		return err_set(err, ERR_NOMEM, "no memory for %zu segments", n);
	for (size_t i = 0; i < n; i++)
		if (s[i].type == PT_LOAD && s[i].filesz)
			r->list[r->n++] = (struct range){s[i].paddr, s[i].paddr + s[i].filesz};
	qsort(r->list, r->n, sizeof(*r->list), by_start);
	for (size_t i = 0; i < r->n; i++) {
		if (kept && r->list[i].start <= r->list[kept - 1].end) {
			if (r->list[i].end > r->list[kept - 1].end)
				r->list[kept - 1].end = r->list[i].end;
		} else {
			r->list[kept++] = r->list[i];
		}
	}
	r->n = kept;
	return 0;
}

/* Bytes of @a that are not in @b, and where the first of them is. */
static uint64_t difference(const struct ranges *a, const struct ranges *b, uint64_t *first)
{
	uint64_t sum = 0;
	size_t j = 0;

	*first = 0;
	for (size_t i = 0; i < a->n; i++) {
		uint64_t at = a->list[i].start;

		while (at < a->list[i].end) {
			uint64_t end = a->list[i].end;

			while (j < b->n && b->list[j].end <= at)
				j++;
			if (j < b->n && b->list[j].start <= at) {
				at = b->list[j].end;
				continue;
			}
			if (j < b->n && b->list[j].start < end)
				end = b->list[j].start;
			if (!sum)
				*first = at;
			sum += end - at;
			at = end;
		}
	}
	return sum;
}

static bool has_note(const struct elfcorehdr_segment *s, size_t n, uint64_t addr, uint64_t size)
{
	for (size_t i = 0; i < n; i++)
		if (s[i].type == PT_NOTE && s[i].offset == addr && s[i].filesz >= size)
			return true;
	return false;
}

static void compare_notes(struct coverage *c, const struct corehdr *want, uint64_t vmcoreinfo,
			  const struct elfcorehdr_segment *have, size_t n)
{
	for (size_t i = 0; i < want->ncpus; i++) {
		const struct corehdr_note *note = &want->notes[i];

		if (has_note(have, n, note->addr, note->size))
			continue;
		if (!c->cpus_missing++)
			c->cpu_missing = note->cpu;
	}
	c->vmcoreinfo_missing = !has_note(have, n, vmcoreinfo, 1);
}

int coverage_of(struct coverage *c, const struct corehdr *want, uint64_t vmcoreinfo,
		const struct elfcorehdr_segment *have, size_t n, struct err *err)
{
	// Notes of CPUs, vmcoreinfo, the image and the ranges.
	size_t room = want->ncpus + want->nranges + 2, nwanted = 0;
	CLEANUP_FREE struct elfcorehdr_segment *wanted = calloc(room, sizeof(*wanted));
	struct ranges now = {0}, then = {0};
	int rc;

	*c = (struct coverage){0};
	if (!wanted)
		return err_set(err, ERR_NOMEM, "no memory for %zu segments", room);
	rc = elfcorehdr_parse(want->data, want->size, wanted, room, &nwanted, err);
	if (!rc)
		rc = take_ranges(&now, wanted, nwanted, err);
	if (!rc)
		rc = take_ranges(&then, have, n, err);
	if (!rc) {
		compare_notes(c, want, vmcoreinfo, have, n);
		c->memory_missing = difference(&now, &then, &c->first_missing);
		c->memory_gone = difference(&then, &now, &c->first_gone);
	}
	free(now.list);
	free(then.list);
	return rc;
}
