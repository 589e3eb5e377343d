// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/controls.h"

#include "collector/landmarks.h"
#include "collector/memmap.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"

struct checker {
	struct controls *c;
	const struct kmem *km;
	const struct memmap *mm;
	const struct pageclass *pc;
};

static bool read_page(const struct checker *ck, pfn_t pfn, uint8_t *buf)
{
	vaddr_t va = memmap_page(ck->mm, pfn, ck->pc->size);

	return va && !kmem_read(ck->km, va, buf, ck->pc->size, NULL);
}

static void check(const struct checker *ck, pfn_t pfn, bool text)
{
	uint8_t page[PAGECLASS_SIZE_MAX], next[PAGECLASS_SIZE_MAX];
	const uint8_t *second = NULL;
	uint64_t n;

	if (!read_page(ck, pfn, page))
		return;
	if (pageclass_is_head(ck->pc, page) && read_page(ck, pfn + 1, next))
		second = next;
	ck->c->checked++;
	ck->c->claimed[pageclass_of(ck->pc, DUMP_LEVEL_MAX, pfn, page, second, &n)]++;
	if (text) {
		ck->c->text++;
		ck->c->blank += !pageclass_low_flags(ck->pc, page);
	}
}

/* Up to CONTROLS_MAX pages of a list, evenly spread. */
static void check_list(const struct checker *ck, const struct pfn_list *list)
{
	uint64_t total = 0, step, at = 0;

	for (size_t i = 0; i < list->n; i++)
		total += list->ranges[i].end - list->ranges[i].start;
	step = total / CONTROLS_MAX + 1;
	for (size_t i = 0; i < list->n; i++) {
		uint64_t len = list->ranges[i].end - list->ranges[i].start;

		for (; at < len; at += step)
			check(ck, list->ranges[i].start + at, false);
		at -= len;
	}
}

/* The text comes first in the image, and none of it is given away after boot. */
static void check_text(const struct checker *ck, const struct pfn_list *image)
{
	if (!image->n)
		return;
	for (pfn_t i = 0; i < CONTROLS_MAX / 2; i++)
		if (image->ranges[0].start + i < image->ranges[0].end)
			check(ck, image->ranges[0].start + i, true);
}

void controls_check(struct controls *ret, const struct kmem *km, const struct memmap *mm,
		    const struct pageclass *pc, const struct landmarks *lm)
{
	struct checker ck = {ret, km, mm, pc};

	*ret = (struct controls){0};
	check_text(&ck, &lm->image);
	check_list(&ck, &lm->tables);
	check_list(&ck, &lm->memmap);
}

bool controls_memmap_sound(const struct controls *c)
{
	return c->blank * 100 <= c->text * CONTROLS_BLANK_PERCENT;
}

bool controls_class_sound(const struct controls *c, enum page_class class)
{
	return c->claimed[class] * 100 <= c->checked * CONTROLS_PERCENT;
}
