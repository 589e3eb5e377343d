// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/segment.h"

#include <inttypes.h>
#include <stdbool.h>

#include "base/err.h"

static bool overlap(const struct segment *a, uint64_t start, uint64_t size)
{
	return start < a->start + a->memsz && a->start < start + size;
}

/* The first segment that [start, start + size) runs into, or NULL. */
static const struct segment *obstacle(const struct segments *s, uint64_t start, uint64_t size)
{
	for (size_t i = 0; i < s->n; i++)
		if (overlap(&s->list[i], start, size))
			return &s->list[i];
	return NULL;
}

/* All sums are of places inside the area, which does not wrap. */
static bool find_low(const struct segments *s, uint64_t size, uint64_t align, uint64_t *ret)
{
	uint64_t at = s->area_start;

	for (;;) {
		const struct segment *in_the_way;
		uint64_t up = (at + align - 1) & ~(align - 1);

		if (up < at || up > s->area_end || s->area_end - up < size)
			return false;
		in_the_way = obstacle(s, up, size);
		if (!in_the_way) {
			*ret = up;
			return true;
		}
		at = in_the_way->start + in_the_way->memsz;
	}
}

static bool find_high(const struct segments *s, uint64_t size, uint64_t align, uint64_t *ret)
{
	uint64_t end = s->area_end;

	for (;;) {
		const struct segment *in_the_way;
		uint64_t down;

		if (end < s->area_start || end - s->area_start < size)
			return false;
		down = (end - size) & ~(align - 1);
		if (down < s->area_start)
			return false;
		in_the_way = obstacle(s, down, size);
		if (!in_the_way) {
			*ret = down;
			return true;
		}
		end = in_the_way->start;
	}
}

int segments_place(struct segments *s, const struct segment *what, uint64_t align,
		   enum segment_end from, uint64_t *ret, struct err *err)
{
	uint64_t memsz = (what->memsz + s->page_size - 1) & ~(s->page_size - 1);
	uint64_t at = 0;
	bool found = false;

	if (s->n == SEGMENTS_MAX)
		return err_set(err, ERR_LIMIT, "%s: more than %d segments", what->name,
			       SEGMENTS_MAX);
	if (memsz >= what->memsz && memsz && what->size <= memsz)
		found = from == SEGMENT_LOW ? find_low(s, memsz, align, &at)
					    : find_high(s, memsz, align, &at);
	if (!found)
		return err_set(err, ERR_LIMIT,
			       "%s: no place for %" PRIu64 " KiB in the reserved memory %#" PRIx64
			       "-%#" PRIx64 ", %" PRIu64 " KiB of which are free: give "
			       "crashkernel= a larger size and reboot",
			       what->name, what->memsz >> 10, s->area_start, s->area_end,
			       segments_free(s) >> 10);
	s->list[s->n] = *what;
	s->list[s->n].start = *ret = at;
	s->list[s->n].memsz = memsz;
	s->n++;
	return 0;
}

static int check_one(const struct segments *s, const struct segment *g, struct err *err)
{
	uint64_t mask = s->page_size - 1;
	uint64_t end = g->start + g->memsz;

	if (end < g->start)
		return err_set(err, ERR_CORRUPT,
			       "segment %s: %#" PRIx64 " and %#" PRIx64
			       " bytes wrap around the end of memory",
			       g->name, g->start, g->memsz);
	if ((g->start | g->memsz) & mask)
		return err_set(err, ERR_CORRUPT,
			       "segment %s: %#" PRIx64 "-%#" PRIx64 " is not on pages of %#" PRIx64,
			       g->name, g->start, end, s->page_size);
	if (g->size > g->memsz)
		return err_set(err, ERR_CORRUPT,
			       "segment %s: %#" PRIx64 " bytes of data for %#" PRIx64
			       " bytes of memory",
			       g->name, g->size, g->memsz);
	if (g->start < s->area_start || end > s->area_end)
		return err_set(err, ERR_CORRUPT,
			       "segment %s: %#" PRIx64 "-%#" PRIx64
			       " is not inside the reserved memory %#" PRIx64 "-%#" PRIx64,
			       g->name, g->start, end, s->area_start, s->area_end);
	return 0;
}

static int check_overlaps(const struct segments *s, struct err *err)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct segment *a = &s->list[i];

		for (size_t k = i + 1; k < s->n; k++) {
			const struct segment *b = &s->list[k];

			if (overlap(a, b->start, b->memsz))
				return err_set(err, ERR_CORRUPT,
					       "segments %s (%#" PRIx64 "-%#" PRIx64
					       ") and %s (%#" PRIx64 "-%#" PRIx64 ") overlap",
					       a->name, a->start, a->start + a->memsz, b->name,
					       b->start, b->start + b->memsz);
		}
	}
	return 0;
}

int segments_check(const struct segments *s, struct err *err)
{
	int rc = 0;

	if (!s->n || s->n > SEGMENTS_MAX)
		return err_set(err, ERR_CORRUPT, "%zu segments, expected 1 to %d", s->n,
			       SEGMENTS_MAX);
	for (size_t i = 0; i < s->n && !rc; i++)
		rc = check_one(s, &s->list[i], err);
	if (!rc)
		rc = check_overlaps(s, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < s->n; i++)
		if (s->entry >= s->list[i].start && s->entry - s->list[i].start < s->list[i].size)
			return 0;
	return err_set(err, ERR_CORRUPT, "the entry %#" PRIx64 " is in none of the %zu segments",
		       s->entry, s->n);
}

uint64_t segments_free(const struct segments *s)
{
	uint64_t taken = 0;

	for (size_t i = 0; i < s->n; i++)
		taken += s->list[i].memsz;
	return taken < s->area_end - s->area_start ? s->area_end - s->area_start - taken : 0;
}
