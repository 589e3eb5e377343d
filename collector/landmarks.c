// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/landmarks.h"

#include "base/err.h"
#include "collector/memmap.h"
#include "collector/symtab.h"
#include "vmcore/kmem.h"
#include "vmcore/printk.h"
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
 * most *@leaves mappings. Those that may be written to go into @data as well (may be NULL). */
static int add_mapped(struct pfn_list *list, struct pfn_list *data, const struct kmem *km,
		      vaddr_t start, vaddr_t end, uint64_t *leaves, struct err *err)
{
	struct xlat_leaf leaf;
	vaddr_t va = start;

	while (xlat_next(km->xlat, va, end, &leaf)) {
		vaddr_t from = leaf.vaddr > va ? leaf.vaddr : va;
		vaddr_t last = leaf.vaddr + leaf.size - 1;
		paddr_t pa = leaf.paddr + (from - leaf.vaddr);
		pfn_t pfn, pfn_end;
		int rc;

		if (!*leaves)
			return err_set(err, ERR_LIMIT, "too many mappings");
		--*leaves;
		if (last > end - 1)
			last = end - 1;
		pfn = pa >> km->page_shift;
		pfn_end = ((pa + (last - from)) >> km->page_shift) + 1;
		rc = list_add(list, pfn, pfn_end, err);
		if (!rc && data && leaf.writable)
			rc = list_add(data, pfn, pfn_end, err);
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
	int rc;

	if (xlat_kernel_image(km->xlat, &start, &end, NULL))
		return 0;
	rc = add_mapped(&lm->image, &lm->data, km, start, end, &leaves, err);
	// What is known in part is not protected in part without a word.
	lm->image_known = rc == 0;
	return rc;
}

/* BTF is read-only: what may be written to is most of the image, and changes. */
static int find_symtab(struct landmarks *lm, const struct kmem *km, struct err *err)
{
	struct pfn_list image = {0};
	int rc = 0;

	if (!km->vi || !lm->image_known)
		return 0;
	pfn_list_append(&image, &lm->image);
	rc = pfn_list_subtract(&image, &lm->data, err);
	if (!rc)
		rc = symtab_find(&lm->symtab, km, &image, err);
	pfn_list_deinit(&image);
	return rc;
}

struct finder {
	struct landmarks *lm;
	const struct kmem *km;
	int rc; // of the list
};

static int read_kernel(void *ctx, vaddr_t va, void *buf, size_t size, struct err *err)
{
	const struct finder *f = ctx;

	return kmem_read(f->km, va, buf, size, err);
}

static int take_log(void *ctx, vaddr_t va, uint64_t size, struct err *err)
{
	uint64_t leaves = LANDMARKS_LEAVES_MAX;
	struct finder *f = ctx;

	// A forged one may be of any size, and mapped nowhere.
	if (size > LANDMARKS_LOG_MAX)
		return 0;
	// printk saw to it that its end is an address.
	f->rc = add_mapped(&f->lm->log, NULL, f->km, va, va + size, &leaves, err);
	return f->rc;
}

static int find_log(struct landmarks *lm, const struct kmem *km, struct err *err)
{
	struct finder f = {.lm = lm, .km = km};
	struct printk_io io = {.read = read_kernel, .read_ctx = &f};

	if (km->vi)
		printk_places(km->vi, &io, take_log, &f, err);
	// A log that cannot be found is told by who saves it as text.
	return f.rc;
}

/* What the tour of the page tables carries along. */
struct tour {
	struct landmarks *lm;
	const struct kmem *km;
	struct vmcore_window window;
	vaddr_t image_start, image_end; // all ones when not known
	// The area at hand: where it ends, its size, and where its frames begin in the list.
	vaddr_t end;
	uint64_t size;
	size_t first;
	unsigned int squeezes; // how often the list of areas was full
	int rc;
};

static int take_table(void *ctx, paddr_t table, size_t size, const uint8_t **words)
{
	struct tour *t = ctx;
	pfn_t pfn = table >> t->km->page_shift;
	size_t len;

	if (t->rc != ERR_NOMEM)
		t->rc = list_add(&t->lm->tables, pfn, pfn + 1, NULL);
	return vmcore_window_get(&t->window, table, size, size, words, &len, NULL);
}

/* A leaf of the kernel's addresses; those that follow each other without a gap are an area. */
static void take_leaf(void *ctx, const struct xlat_leaf *leaf)
{
	struct tour *t = ctx;
	struct pfn_list *list = &t->lm->areas;
	bool module = leaf->vaddr >= t->image_end;
	pfn_t pfn = leaf->paddr >> t->km->page_shift;

	if ((leaf->vaddr >= t->image_start && !module) || t->squeezes > LANDMARKS_SQUEEZES_MAX)
		return;
	if (leaf->vaddr != t->end) {
		if (list->n > PFN_LIST_MAX / 2) {
			pfn_list_squeeze(list, PFN_LIST_MAX / 4);
			t->squeezes++;
		}
		t->size = 0;
		t->first = list->n;
	}
	t->end = leaf->vaddr + leaf->size;
	t->size += leaf->size;
	// Modules lie side by side: all of them are wanted, however large they are together.
	if (t->size > LANDMARKS_AREA_MAX && !module)
		list->n = t->first;
	else if (t->rc != ERR_NOMEM)
		t->rc = pfn_list_add(list, pfn, pfn + (leaf->size >> t->km->page_shift), NULL);
}

/* Page tables and areas. Addresses of the image and of modules first: the mapping of all of
 * memory may have more tables than are visited. */
static int find_mapped(struct landmarks *lm, const struct kmem *km, struct err *err)
{
	struct tour t = {.lm = lm, .km = km, .image_start = UINT64_MAX, .image_end = UINT64_MAX};
	struct xlat_tour tour = {.table = take_table, .leaf = take_leaf, .ctx = &t};
	size_t done = 0;
	int rc = vmcore_window_init(&t.window, km->vc, km->page_size, err);

	if (rc)
		return rc;
	if (!xlat_kernel_image(km->xlat, &t.image_start, &t.image_end, NULL))
		done = xlat_tour(km->xlat, t.image_start, UINT64_MAX, LANDMARKS_TABLES_MAX, &tour);
	xlat_tour(km->xlat, 0, t.image_start - 1, LANDMARKS_TABLES_MAX - done, &tour);
	vmcore_window_deinit(&t.window);
	return t.rc == ERR_NOMEM ? err_set(err, ERR_NOMEM, "no memory to list what is mapped") : 0;
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
			rc = add_mapped(&lm->memmap, NULL, km, sec->vaddr, sec->vaddr + size,
					&leaves, err);
	}
	return rc;
}

/* A list that is full stops only who fills it: it costs order, or a note. */
static int unless_full(int rc)
{
	return rc == ERR_LIMIT ? 0 : rc;
}

int landmarks_init(struct landmarks *lm, const struct kmem *km, const struct memmap *mm,
		   uint32_t page_size, struct err *err)
{
	int rc;

	*lm = (struct landmarks){0};
	if (!km->xlat)
		return 0;
	rc = unless_full(find_image(lm, km, err));
	if (!rc)
		rc = unless_full(find_symtab(lm, km, err));
	if (!rc)
		rc = unless_full(find_log(lm, km, err));
	if (!rc)
		rc = find_mapped(lm, km, err);
	if (!rc)
		rc = unless_full(find_memmap(lm, km, mm, page_size, err));
	if (rc)
		landmarks_deinit(lm);
	return rc;
}

void landmarks_deinit(struct landmarks *lm)
{
	pfn_list_deinit(&lm->log);
	pfn_list_deinit(&lm->image);
	pfn_list_deinit(&lm->data);
	pfn_list_deinit(&lm->symtab);
	pfn_list_deinit(&lm->tables);
	pfn_list_deinit(&lm->areas);
	pfn_list_deinit(&lm->memmap);
}
