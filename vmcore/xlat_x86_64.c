// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xlat_x86_64: page tables of 4 or 5 levels.
 *
 * Entries: Intel SDM volume 3, "Paging". Layout of the address space: the kernel's
 * Documentation/arch/x86/x86_64/mm.rst. The kernel image is linked at __START_KERNEL_map plus
 * CONFIG_PHYSICAL_START, moved by KASLR in virtual and physical memory independently; symbols
 * of vmcoreinfo are those of the running kernel, so only the physical shift, phys_base, is
 * needed to find the root: pa = va - __START_KERNEL_map + phys_base (arch/x86/mm/physaddr.c).
 * Everything else is walked, the image too: what the tables say holds also for an image
 * whose pages were freed or protected.
 */
#include <elf.h>

#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/xlat_priv.h"

enum {
	PAGE_SHIFT = 12,
	INDEX_BITS = 9,
	LEVELS_MAX = 5,
};

#define START_KERNEL_MAP      0xffffffff80000000ULL /* arch/x86/include/asm/page_64_types.h */
#define KERNEL_IMAGE_SIZE_MAX (1ULL << 30) /* KERNEL_IMAGE_SIZE with KASLR; else 512 MiB */
#define KERNEL_ALIGN	      (2ULL << 20) /* least CONFIG_PHYSICAL_ALIGN of a 64-bit kernel */

#define ENTRY_PRESENT	(1ULL << 0)
#define ENTRY_WRITABLE	(1ULL << 1)
#define ENTRY_LARGE	(1ULL << 7) /* PS, in a PUD or PMD */
#define ENTRY_LARGE_PAT (1ULL << 12) /* in a large leaf the lowest address bit is PAT */
#define ENTRY_ADDR	0x000ffffffffff000ULL /* bits 12 to 51 */

static const char *const level_names[LEVELS_MAX] = {"PTE", "PMD", "PUD", "P4D", "PGD"};

/* Name of the table @level levels above the PTEs: with 4 levels the top one is the PGD. */
static const char *level_name(const struct xlat *x, unsigned int level)
{
	return level + 1 == x->levels ? "PGD" : level_names[level];
}

/* Where the canonical hole of the address space begins and ends. */
static vaddr_t hole_start(const struct xlat *x)
{
	return 1ULL << (PAGE_SHIFT + INDEX_BITS * x->levels - 1);
}

static vaddr_t hole_end(const struct xlat *x)
{
	return -hole_start(x);
}

/* The leaf in @entry, found @level levels above the PTEs; @above: what the levels above it allow. */
static int take_leaf(const struct xlat *x, vaddr_t va, unsigned int level, uint64_t entry,
		     uint64_t above, struct xlat_leaf *ret, struct err *err)
{
	uint64_t size = 1ULL << (PAGE_SHIFT + INDEX_BITS * level);
	paddr_t pa = entry & x->addr_mask;

	if (level > 0)
		pa &= ~ENTRY_LARGE_PAT;
	if (pa & (size - 1))
		return err_set(err, ERR_CORRUPT,
			       "%#llx: %s %#llx: expected a page aligned to %llu KiB",
			       (unsigned long long)va, level_name(x, level),
			       (unsigned long long)entry, (unsigned long long)size >> 10);
	ret->vaddr = va & ~(size - 1);
	ret->paddr = pa;
	ret->size = size;
	ret->writable = entry & above & ENTRY_WRITABLE;
	return 0;
}

/* Reads the entry for @va in @table, and checks that it may stand where it stands. */
static int read_entry(const struct xlat *x, vaddr_t va, unsigned int level, paddr_t table,
		      uint64_t *ret, struct err *err)
{
	unsigned int shift = PAGE_SHIFT + INDEX_BITS * level;
	uint64_t index = va >> shift & ((1 << INDEX_BITS) - 1);
	uint64_t entry;
	int rc = x->read(x->ctx, table + index * sizeof(entry), &entry, err);

	if (rc) {
		err_prepend(err, "%#llx: %s at %#llx", (unsigned long long)va, level_name(x, level),
			    (unsigned long long)(table + index * sizeof(entry)));
		return rc;
	}
	// A page that the kernel took out with PROT_NONE or set_memory_np() is not mapped.
	if (!(entry & ENTRY_PRESENT))
		return err_set(err, ERR_NOTFOUND, "%#llx: not mapped, %s is %#llx",
			       (unsigned long long)va, level_name(x, level),
			       (unsigned long long)entry);
	if (level > 2 && (entry & ENTRY_LARGE))
		return err_set(err, ERR_CORRUPT, "%#llx: %s %#llx: expected bit 7 clear",
			       (unsigned long long)va, level_name(x, level),
			       (unsigned long long)entry);
	*ret = entry;
	return 0;
}

static int x86_64_walk(const struct xlat *x, vaddr_t va, struct xlat_leaf *ret, vaddr_t *hole,
		       struct err *err)
{
	paddr_t table = x->root;
	uint64_t entry = 0, above = ENTRY_WRITABLE;
	int rc;

	if (va >= hole_start(x) && va < hole_end(x)) {
		*hole = hole_end(x);
		return err_set(err, ERR_NOTFOUND, "%#llx: not an address with %u levels",
			       (unsigned long long)va, x->levels);
	}
	for (unsigned int level = x->levels; level-- > 0;) {
		uint64_t size = 1ULL << (PAGE_SHIFT + INDEX_BITS * level);

		*hole = (va & ~(size - 1)) + size;
		rc = read_entry(x, va, level, table, &entry, err);
		if (rc)
			return rc;
		if (level == 0 || (entry & ENTRY_LARGE))
			return take_leaf(x, va, level, entry, above, ret, err);
		above &= entry;
		table = entry & x->addr_mask;
	}
	return err_set(err, ERR_CORRUPT, "%#llx: no leaf", (unsigned long long)va);
}

enum {
	SEEN = 1024, // tables remembered, one a place
	SEEN_VALID = 1 << 8,
	SEEN_WRITABLE = 1 << 9,
};

/* What a tour carries along. */
struct walker {
	const struct xlat *x;
	const struct xlat_tour *tour;
	vaddr_t start, last;
	size_t left; // tables that may still be visited
	/*
	 * Address, level and rights of tables that were visited. The shadow of KASAN is one table
	 * a thousand times over, and forged ones may lead back to themselves.
	 */
	uint64_t seen[SEEN];
};

/* An entry that is worth a look, copied out: what was lent is gone with the next call. */
struct entry {
	vaddr_t va;
	uint64_t bits;
};

/* Those of the table at @words that are present and in the range; returns how many. */
static unsigned int pick_entries(const struct walker *w, unsigned int level, vaddr_t va,
				 const uint8_t *words, struct entry *ret)
{
	uint64_t size = 1ULL << (PAGE_SHIFT + INDEX_BITS * level);
	unsigned int n = 0;

	for (unsigned int i = 0; i < 1 << INDEX_BITS; i++) {
		uint64_t bits = load_le64(words + i * sizeof(bits));
		vaddr_t at = va + i * size;

		if ((bits & ENTRY_PRESENT) && at <= w->last && at + (size - 1) >= w->start)
			ret[n++] = (struct entry){at, bits};
	}
	return n;
}

static void tell_leaf(const struct walker *w, unsigned int level, const struct entry *e,
		      uint64_t above)
{
	struct xlat_leaf leaf;

	if (w->tour->leaf && !take_leaf(w->x, e->va, level, e->bits, above, &leaf, NULL))
		w->tour->leaf(w->tour->ctx, &leaf);
}

/* Where it is remembered that a table was visited, as which key. */
static uint64_t *place_of(struct walker *w, unsigned int level, paddr_t table, uint64_t above,
			  uint64_t *key)
{
	*key = table | SEEN_VALID | level | (above & ENTRY_WRITABLE ? SEEN_WRITABLE : 0);
	// Each level has a place of its own: a root that is its own table is met on all of them.
	return &w->seen[((table >> PAGE_SHIFT) + level * (SEEN / 8)) % SEEN];
}

/* The table at @table, @level levels above the PTEs, which maps what is from @va on. */
static void visit_table(struct walker *w, unsigned int level, paddr_t table, vaddr_t va,
			uint64_t above)
{
	struct entry entries[1 << INDEX_BITS];
	const uint8_t *words;
	unsigned int n;
	uint64_t key, *place = place_of(w, level, table, above, &key);

	if (!w->left || *place == key)
		return;
	w->left--;
	if (w->tour->table(w->tour->ctx, table, 1 << PAGE_SHIFT, &words))
		return;
	// Not before: what is no table at all shall not make others be forgotten.
	*place = key;
	if (level == 0 && !w->tour->leaf)
		return;
	n = pick_entries(w, level, va, words, entries);
	for (unsigned int i = 0; i < n; i++) {
		const struct entry *e = &entries[i];

		if (level == 0 || (e->bits & ENTRY_LARGE))
			tell_leaf(w, level, e, above);
		else
			visit_table(w, level - 1, e->bits & w->x->addr_mask, e->va,
				    above & e->bits);
	}
}

static size_t x86_64_tour(const struct xlat *x, vaddr_t start, vaddr_t last, size_t max,
			  const struct xlat_tour *tour)
{
	struct walker w = {.x = x, .tour = tour, .start = start, .last = last, .left = max};

	// The upper half of the root is the kernel's, in every process; what would be mapped by
	// the lower half of it gets addresses in the hole here, below all that is wanted.
	if (w.start < hole_end(x))
		w.start = hole_end(x);
	if (w.start <= w.last)
		visit_table(&w, x->levels - 1, x->root, -2 * hole_start(x), ENTRY_WRITABLE);
	return max - w.left;
}

static void x86_64_hint_add(struct xlat_hint *hint, vaddr_t vaddr, paddr_t paddr)
{
	if (hint->has_phys_base || vaddr < START_KERNEL_MAP ||
	    vaddr >= START_KERNEL_MAP + KERNEL_IMAGE_SIZE_MAX)
		return;
	hint->has_phys_base = true;
	hint->phys_base = (int64_t)(paddr - (vaddr - START_KERNEL_MAP));
}

/* Is the page of @root, where the image has it at @va, mapped there by the tables under it? */
static bool root_maps_itself(struct xlat *x, vaddr_t va, paddr_t root)
{
	struct xlat_leaf leaf;
	vaddr_t hole;

	x->root = root;
	return x86_64_walk(x, va, &leaf, &hole, NULL) == 0 &&
	       leaf.paddr + (va - leaf.vaddr) == root;
}

/*
 * The root by phys_base as the kernel says, or as the headers of the file say; where they
 * differ, by the one with which the tables make sense.
 */
static int find_root(struct xlat *x, const struct vmcoreinfo *vi, const struct xlat_hint *hint,
		     struct err *err)
{
	static const char *const names[] = {
		"init_top_pgt", /* 4.13 and later */
		"init_level4_pgt", /* before */
		"swapper_pg_dir", /* a macro for one of the two, in all kernels */
	};
	bool hinted = hint && hint->has_phys_base;
	paddr_t root, other;
	int64_t phys_base;
	uint64_t va = 0;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (vmcoreinfo_symbol(vi, names[i], &va))
			break;
	if (i == sizeof(names) / sizeof(names[0]))
		return err_set(err, ERR_NOTFOUND,
			       "vmcoreinfo has neither SYMBOL(init_top_pgt) nor "
			       "SYMBOL(init_level4_pgt) nor SYMBOL(swapper_pg_dir)");
	if (va < START_KERNEL_MAP || va % (1 << PAGE_SHIFT))
		return err_set(err, ERR_CORRUPT,
			       "SYMBOL(%s) is %#llx: expected a page of the kernel image", names[i],
			       (unsigned long long)va);
	if (!vmcoreinfo_number(vi, "phys_base", &phys_base)) {
		if (!hinted)
			return err_set(err, ERR_NOTFOUND,
				       "vmcoreinfo has no NUMBER(phys_base) and no program header "
				       "maps the kernel image");
		phys_base = hint->phys_base;
	}
	root = va - START_KERNEL_MAP + (uint64_t)phys_base;
	if (hinted && hint->phys_base != phys_base && !root_maps_itself(x, va, root)) {
		other = va - START_KERNEL_MAP + (uint64_t)hint->phys_base;
		if (root_maps_itself(x, va, other))
			root = other;
	}
	if (root & ~x->addr_mask)
		return err_set(err, ERR_CORRUPT, "phys_base puts the page tables at %#llx",
			       (unsigned long long)root);
	x->root = root;
	return 0;
}

/*
 * The image begins at CONFIG_PHYSICAL_START moved by KASLR, both multiples of 2 MiB at least;
 * _stext lies in its first pages (arch/x86/kernel/vmlinux.lds.S). The window ends where the
 * modules begin.
 */
static void find_image(struct xlat *x, const struct vmcoreinfo *vi)
{
	uint64_t size = KERNEL_IMAGE_SIZE_MAX;
	int64_t number;
	uint64_t stext;

	if (vmcoreinfo_number(vi, "KERNEL_IMAGE_SIZE", &number) && number > 0 &&
	    (uint64_t)number < size)
		size = number;
	if (!vmcoreinfo_symbol(vi, "_stext", &stext) || stext < START_KERNEL_MAP ||
	    stext - START_KERNEL_MAP >= size)
		return;
	x->image_start = stext & ~(KERNEL_ALIGN - 1);
	x->image_limit = START_KERNEL_MAP + size;
}

static int x86_64_setup(struct xlat *x, const struct vmcoreinfo *vi, const struct xlat_hint *hint,
			struct err *err)
{
	int64_t l5 = 0, sme_mask = 0;

	// Both keys came with what they tell of: 4.17 for five levels, 4.20 for the mask.
	vmcoreinfo_number(vi, "pgtable_l5_enabled", &l5);
	vmcoreinfo_number(vi, "sme_mask", &sme_mask);
	if ((uint64_t)sme_mask & ~ENTRY_ADDR)
		return err_set(err, ERR_CORRUPT,
			       "NUMBER(sme_mask) is %#llx: expected bits 12 to 51",
			       (unsigned long long)sme_mask);
	x->levels = l5 ? 5 : 4;
	x->addr_mask = ENTRY_ADDR & ~(uint64_t)sme_mask;
	find_image(x, vi);
	return find_root(x, vi, hint, err);
}

const struct xlat_arch xlat_x86_64 = {
	.name = "x86_64",
	.machine = EM_X86_64,
	.setup = x86_64_setup,
	.walk = x86_64_walk,
	.tour = x86_64_tour,
	.hint_add = x86_64_hint_add,
};
