// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/landmarks.h"

#include "base/err.h"
#include "collector/memmap.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"
#include "vmcore/xlat.h"

/* A list that is full may hold the same frames many times: the struct pages of huge pages share
 * their frames (HVO, f41f2ed43ca5, 5.14). */
static int list_add(struct pfn_list *list, pfn_t start, pfn_t end, struct err *err)
{
	int rc = pfn_list_add(list, start, end, err);

	if (rc != ERR_LIMIT)
		return rc;
	pfn_list_normalise(list);
	// Only where much was won: else every further range would sort all of them again.
	return list->n > PFN_LIST_MAX / 2 ? rc : pfn_list_add(list, start, end, err);
}

/* Frames behind [start, end) of the dead kernel's addresses, as far as they are mapped; by at
 * most *@leaves mappings. */
static int add_mapped(struct pfn_list *list, const struct kmem *km, vaddr_t start, vaddr_t end,
		      uint64_t *leaves, struct err *err)
{
	struct xlat_leaf leaf;
	vaddr_t va = start;

	while (xlat_next(km->xlat, va, end, &leaf)) {
		vaddr_t from = leaf.vaddr > va ? leaf.vaddr : va;
		vaddr_t last = leaf.vaddr + leaf.size - 1;
		paddr_t pa = leaf.paddr + (from - leaf.vaddr);
		int rc;

		if (!*leaves)
			return err_set(err, ERR_LIMIT, "too many mappings");
		--*leaves;
		if (last > end - 1)
			last = end - 1;
		rc = list_add(list, pa >> km->page_shift,
			      ((pa + (last - from)) >> km->page_shift) + 1, err);
		if (rc)
			return rc;
		if (last == UINT64_MAX)
			break;
		va = last + 1;
	}
	return 0;
}

static int find_image(struct landmarks *lm, const struct kmem *km, struct err *err)
{
	uint64_t leaves = UINT64_MAX; // the image is small: xlat_kernel_image() saw to that
	vaddr_t start, end;

	if (xlat_kernel_image(km->xlat, &start, &end, NULL))
		return 0;
	lm->image_known = true;
	return add_mapped(&lm->image, km, start, end, &leaves, err);
}

struct tables {
	struct pfn_list *list;
	const struct kmem *km;
	struct vmcore_window window;
	int rc; // of the list
};

static int take_table(void *ctx, paddr_t table, size_t size, const uint8_t **words)
{
	struct tables *t = ctx;
	pfn_t pfn = table >> t->km->page_shift;
	size_t len;

	if (!t->rc)
		t->rc = list_add(t->list, pfn, pfn + 1, NULL);
	return vmcore_window_get(&t->window, table, size, size, words, &len, NULL);
}

static int find_tables(struct landmarks *lm, const struct kmem *km, struct err *err)
{
	struct tables t = {.list = &lm->tables, .km = km};
	int rc = vmcore_window_init(&t.window, km->vc, km->page_size, err);

	if (rc)
		return rc;
	xlat_tables(km->xlat, LANDMARKS_TABLES_MAX, take_table, &t);
	vmcore_window_deinit(&t.window);
	return t.rc == ERR_NOMEM ? err_set(err, ERR_NOMEM, "no memory to list page tables") : 0;
}

static int find_memmap(struct landmarks *lm, const struct kmem *km, const struct memmap *mm,
		       uint32_t page_size, struct err *err)
{
	uint64_t leaves = LANDMARKS_LEAVES_MAX;
	int rc = 0;

	for (size_t i = 0; i < mm->nsections && !rc; i++) {
		const struct memmap_section *sec = &mm->sections[i];
		uint64_t size = sec->npages * page_size;

		// A section whose map would wrap around is forged; the scan keeps its pages.
		if (size <= UINT64_MAX - sec->vaddr)
			rc = add_mapped(&lm->memmap, km, sec->vaddr, sec->vaddr + size, &leaves,
					err);
	}
	return rc;
}

int landmarks_init(struct landmarks *lm, const struct kmem *km, const struct memmap *mm,
		   uint32_t page_size, struct err *err)
{
	int rc;

	*lm = (struct landmarks){0};
	if (!km->xlat)
		return 0;
	rc = find_image(lm, km, err);
	if (!rc)
		rc = find_tables(lm, km, err);
	if (!rc)
		rc = find_memmap(lm, km, mm, page_size, err);
	// A list that is full costs nothing but a good order.
	if (rc == ERR_LIMIT)
		rc = 0;
	if (rc)
		landmarks_deinit(lm);
	return rc;
}

void landmarks_deinit(struct landmarks *lm)
{
	pfn_list_deinit(&lm->image);
	pfn_list_deinit(&lm->tables);
	pfn_list_deinit(&lm->memmap);
}
