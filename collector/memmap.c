// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/memmap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "collector/bitmap.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/kmem.h"
#include "vmcore/memmodel.h"

/* section_mem_map holds the address of the section's map less its first frame's share, and
 * flags in the bits that the alignment leaves (include/linux/mmzone.h). Six are in use: 4.13
 * added online, 5.x early, 5.12 zone_device, 6.15 vmemmap_preinit (bit 5). SIZE(page) is 64 in
 * all kernels that set bit 5, so nothing of the address is lost. */
enum {
	SECTION_MARKED_PRESENT = 1 << 0,
	SECTION_HAS_MEM_MAP = 1 << 1,
	SECTION_FLAGS_MASK = 0x3f,
	SECTION_FLAGS_MASK_COMPAT = 0x1f, // what makedumpfile 1.7.8 clears
	SECTION_SIZE_BITS_X86_64 = 27, // where vmcoreinfo does not say
	MEM_SECTION_SIZE_MAX = 256,
	BITMAP_WORD_SHIFT = 6, // no two sections may share a word of the bitmap
};

/* What is looked through for the struct pages, whatever the model. */
struct where {
	const struct kmem *km;
	uint32_t page_size; // of struct page
	const struct bitmap *ram; // frames of memory
	uint64_t flags_mask; // of section_mem_map, to be cleared
};

/* The sparsemem geometry: what all rows of the model share. */
struct sparse {
	const struct kmem *km;
	uint32_t page_size; // of struct page
	vaddr_t table; // SYMBOL(mem_section)
	uint64_t entry_size, map_offset;
	uint64_t pages_per_section;
	const struct bitmap *ram; // frames of memory
	uint64_t nsections; // that cover all of it
	uint64_t sections_per_root; // entries in a page of the second level
	bool extreme;
	uint64_t flags_mask; // of section_mem_map, to be cleared
};

/* All are there: memmodel_of() saw to that. */
static void sparse_keys(struct sparse *s, const struct vmcoreinfo *vi)
{
	vmcoreinfo_symbol(vi, "mem_section", &s->table);
	vmcoreinfo_sizeof(vi, "mem_section", &s->entry_size);
	vmcoreinfo_offset(vi, "mem_section.section_mem_map", &s->map_offset);
}

static int sparse_geometry(struct sparse *s, struct err *err)
{
	const struct vmcoreinfo *vi = s->km->vi;
	int64_t bits, phys_bits = 0;
	uint64_t roots, length;

	if (s->entry_size < 8 || s->entry_size > MEM_SECTION_SIZE_MAX ||
	    s->map_offset > s->entry_size - 8)
		return err_set(err, ERR_CORRUPT,
			       "vmcoreinfo: SIZE(mem_section)=%" PRIu64
			       " with section_mem_map at %" PRIu64 " makes no sense",
			       s->entry_size, s->map_offset);
	if (!vmcoreinfo_number(vi, "SECTION_SIZE_BITS", &bits))
		bits = SECTION_SIZE_BITS_X86_64;
	if (bits < MEMMAP_SECTION_BITS_MIN || bits > MEMMAP_SECTION_BITS_MAX)
		return err_set(err, ERR_CORRUPT,
			       "vmcoreinfo: SECTION_SIZE_BITS=%" PRId64 " makes no sense", bits);
	if (bits < s->km->page_shift + BITMAP_WORD_SHIFT)
		return err_set(err, ERR_CORRUPT,
			       "vmcoreinfo: SECTION_SIZE_BITS=%" PRId64 " with pages of %" PRIu64
			       " bytes makes no sense",
			       bits, s->km->page_size);
	s->pages_per_section = 1ULL << (bits - s->km->page_shift);
	s->nsections =
		s->ram->nbits / s->pages_per_section + (s->ram->nbits % s->pages_per_section != 0);
	if (s->nsections > MEMMAP_SECTIONS_MAX)
		return err_set(err, ERR_LIMIT, "%" PRIu64 " sections of memory, at most %d taken",
			       s->nsections, MEMMAP_SECTIONS_MAX);
	s->sections_per_root = s->km->page_size / s->entry_size;

	// LENGTH(mem_section) is the number of roots with SPARSEMEM_EXTREME and the number of
	// sections without; where it is not exported only the former can be meant.
	s->extreme = true;
	vmcoreinfo_number(vi, "MAX_PHYSMEM_BITS", &phys_bits);
	if (vmcoreinfo_length(vi, "mem_section", &length) && phys_bits > bits && phys_bits < 64) {
		uint64_t all = 1ULL << (phys_bits - bits);

		roots = all / s->sections_per_root + (all % s->sections_per_root != 0);
		s->extreme = length == roots || length != all;
	}
	return 0;
}

/* The section number of the first frame of @ram in section @nr or behind; false: none is. */
static bool next_section(const struct sparse *s, uint64_t nr, uint64_t *ret)
{
	pfn_t pfn = bitmap_next(s->ram, nr * s->pages_per_section, s->ram->nbits);

	if (nr >= s->nsections || pfn >= s->ram->nbits)
		return false;
	*ret = pfn / s->pages_per_section;
	return true;
}

/* Frames [@pfn, @end), whose struct pages lie from @base + @pfn * @page_size on, which wraps on
 * purpose: the kernel subtracted the same product. */
static void add_frames(struct memmap *mm, pfn_t pfn, pfn_t end, vaddr_t base, uint32_t page_size)
{
	// What is larger than a block of the bitmap in pieces.
	while (pfn < end) {
		struct memmap_section *sec = &mm->sections[mm->nsections++];
		pfn_t next = (pfn / BITMAP_BLOCK + 1) * BITMAP_BLOCK;

		sec->pfn = pfn;
		sec->npages = (next < end ? next : end) - pfn;
		sec->vaddr = base + pfn * page_size;
		pfn += sec->npages;
	}
}

static void add_section(struct memmap *mm, const struct sparse *s, uint64_t nr,
			const uint8_t *entry)
{
	uint64_t map = load_le64(entry + s->map_offset);
	pfn_t pfn = nr * s->pages_per_section;
	pfn_t end = pfn + s->pages_per_section;

	if (!(map & SECTION_MARKED_PRESENT) || !(map & SECTION_HAS_MEM_MAP))
		return;
	if (end > s->ram->nbits)
		end = s->ram->nbits;
	add_frames(mm, pfn, end, map & ~s->flags_mask, s->page_size);
}

/* Into how many pieces a section is cut. */
static uint64_t pieces(const struct sparse *s)
{
	return s->pages_per_section > BITMAP_BLOCK ? s->pages_per_section / BITMAP_BLOCK : 1;
}

/* A page of entries: those of the sections from nr * sections_per_root on. */
struct root {
	const struct sparse *s;
	uint64_t nr; // UINT64_MAX before the first
	vaddr_t table; // where the entries are; 0: the kernel has none
	bool readable; // table is known
	bool at_hand; // all of them are in entries
	uint8_t *entries;
	uint64_t seen, unreadable; // roots, for the verdict over all of them
};

/*
 * The table of SPARSEMEM_EXTREME is an array of pointers to pages of entries. vmcoreinfo gives
 * the address of that array, also since 4.15 where the symbol is a pointer to it (83e3c48729d9).
 */
static void find_root(struct root *r, uint64_t nr, struct err *err)
{
	const struct sparse *s = r->s;
	size_t size = s->sections_per_root * s->entry_size;

	if (r->nr == nr)
		return;
	r->nr = nr;
	r->seen++;
	r->readable = true;
	r->table = s->table + nr * size;
	if (s->extreme)
		r->readable = !kmem_read_u64(s->km, s->table + nr * 8, &r->table, err);
	r->unreadable += !r->readable;
	r->at_hand = r->readable && r->table && !kmem_read(s->km, r->table, r->entries, size, NULL);
}

/* The entry of section @nr. 1 with *@ret set, 0 when there is none, negative: not readable. */
static int find_entry(struct root *r, uint64_t nr, uint8_t *buf, const uint8_t **ret,
		      struct err *err)
{
	const struct sparse *s = r->s;
	uint64_t at = nr % s->sections_per_root * s->entry_size;

	find_root(r, nr / s->sections_per_root, err);
	if (!r->readable)
		return ERR_NOTFOUND;
	if (!r->table)
		return 0;
	*ret = r->at_hand ? r->entries + at : buf;
	if (!r->at_hand && kmem_read(s->km, r->table + at, buf, s->entry_size, NULL))
		return ERR_NOTFOUND;
	return 1;
}

static int walk_sections(struct memmap *mm, const struct sparse *s, struct err *err)
{
	CLEANUP_FREE uint8_t *entries = malloc(s->km->page_size);
	struct root root = {.s = s, .nr = UINT64_MAX, .entries = entries};
	uint8_t buf[MEM_SECTION_SIZE_MAX];
	const uint8_t *entry;

	if (!entries)
		return err_set(err, ERR_NOMEM, "no memory for a page of mem_section");
	for (uint64_t nr = 0; next_section(s, nr, &nr); nr++) {
		int rc = find_entry(&root, nr, buf, &entry, err);

		if (rc > 0)
			add_section(mm, s, nr, entry);
		else if (rc < 0)
			mm->bad_sections++;
	}
	if (root.seen && root.unreadable == root.seen) {
		err_prepend(err, "mem_section at 0x%" PRIx64, s->table);
		return ERR_CORRUPT;
	}
	return 0;
}

static vaddr_t base_of(const struct sparse *s, const struct memmap_section *sec)
{
	// A flag that was left in the address makes no stranger.
	return (sec->vaddr - sec->pfn * s->page_size) & ~(uint64_t)SECTION_FLAGS_MASK;
}

/*
 * With SPARSEMEM_VMEMMAP all struct pages are one array, so all sections say the same base. One
 * that says another than most of them was overwritten; believing it would mean to take any
 * memory for struct pages. Where no base has the majority each section has a map of its own.
 */
static void drop_strangers(struct memmap *mm, const struct sparse *s)
{
	size_t votes = 0, same = 0, kept = 0;
	vaddr_t base = 0;

	for (size_t i = 0; i < mm->nsections; i++) {
		if (!votes)
			base = base_of(s, &mm->sections[i]);
		votes += base_of(s, &mm->sections[i]) == base ? 1 : -1;
	}
	for (size_t i = 0; i < mm->nsections; i++)
		same += base_of(s, &mm->sections[i]) == base;
	if (same <= mm->nsections / 2)
		return;
	for (size_t i = 0; i < mm->nsections; i++)
		if (base_of(s, &mm->sections[i]) == base)
			mm->sections[kept++] = mm->sections[i];
		else if (mm->sections[i].pfn % s->pages_per_section == 0)
			mm->bad_sections++; // and not each of its pieces
	mm->nsections = kept;
}

static int make_room(struct memmap *mm, uint64_t n, struct err *err)
{
	mm->sections = calloc(n ? n : 1, sizeof(*mm->sections));
	return mm->sections ? 0 : err_set(err, ERR_NOMEM, "no memory for %" PRIu64 " sections", n);
}

static int find_sparse(struct memmap *mm, const struct where *w, struct err *err)
{
	struct sparse s = {
		.km = w->km,
		.page_size = w->page_size,
		.ram = w->ram,
		.flags_mask = w->flags_mask,
	};
	uint64_t n = 0;
	int rc;

	sparse_keys(&s, w->km->vi);
	rc = sparse_geometry(&s, err);
	if (rc)
		return rc;
	mm->model = s.extreme ? "sparsemem_extreme" : "sparsemem";
	for (uint64_t nr = 0; next_section(&s, nr, &nr); nr++)
		n += pieces(&s);
	rc = make_room(mm, n, err);
	if (!rc)
		rc = walk_sections(mm, &s, err);
	if (!rc && !mm->nsections)
		rc = err_set(err, ERR_CORRUPT,
			     "mem_section at 0x%" PRIx64 ": none of %" PRIu64
			     " sections has a mem_map",
			     s.table, n / pieces(&s));
	if (!rc)
		drop_strangers(mm, &s);
	return rc;
}

/* The next block of the bitmap with any memory, from frame *@pfn on: [*@pfn, *@end). */
static bool next_block(const struct bitmap *ram, pfn_t *pfn, pfn_t *end)
{
	*pfn = bitmap_next(ram, *pfn, ram->nbits);
	if (*pfn >= ram->nbits)
		return false;
	*end = (*pfn / BITMAP_BLOCK + 1) * BITMAP_BLOCK;
	if (*end > ram->nbits)
		*end = ram->nbits;
	return true;
}

/*
 * One array for all memory: SYMBOL(mem_map) is the address of the variable that points to it.
 * Its first struct page is that of frame 0, but on arm64 of the first frame of memory: there
 * ARCH_PFN_OFFSET is PHYS_OFFSET in frames, which vmcoreinfo says (include/asm-generic/
 * memory_model.h, arch/arm64/include/asm/memory.h).
 */
static int find_flat(struct memmap *mm, const struct where *w, struct err *err)
{
	pfn_t pfn = 0, end = 0, first = 0;
	int64_t phys_offset;
	vaddr_t variable, map;
	uint64_t n = 0;
	int rc;

	mm->model = "flatmem";
	vmcoreinfo_symbol(w->km->vi, "mem_map", &variable);
	if (vmcoreinfo_number(w->km->vi, "PHYS_OFFSET", &phys_offset))
		first = (uint64_t)phys_offset >> w->km->page_shift;
	rc = kmem_read_u64(w->km, variable, &map, err);
	if (rc) {
		err_prepend(err, "mem_map");
		return rc;
	}
	if (!map)
		return err_set(err, ERR_CORRUPT, "mem_map at 0x%" PRIx64 " is not set", variable);
	for (pfn = first; next_block(w->ram, &pfn, &end); pfn = end)
		n++;
	rc = make_room(mm, n, err);
	for (pfn = first; !rc && next_block(w->ram, &pfn, &end); pfn = end)
		add_frames(mm, pfn, end, map - first * w->page_size, w->page_size);
	if (!rc && !mm->nsections)
		rc = err_set(err, ERR_CORRUPT, "PHYS_OFFSET is behind all memory");
	return rc;
}

static int (*const models[])(struct memmap *mm, const struct where *w, struct err *err) = {
	[MEMMODEL_SPARSE] = find_sparse,
	[MEMMODEL_FLAT] = find_flat,
};

static int find_model(struct memmap *mm, const struct where *w, struct err *err)
{
	enum memmodel model = memmodel_of(w->km->vi);
	int rc;

	*mm = (struct memmap){0};
	if (model == MEMMODEL_UNKNOWN)
		return err_set(err, ERR_NOTFOUND, "vmcoreinfo has neither mem_section nor mem_map");
	rc = models[model](mm, w, err);
	if (rc)
		memmap_deinit(mm);
	return rc;
}

int memmap_init(struct memmap *mm, const struct kmem *km, uint32_t page_size,
		const struct bitmap *ram, struct err *err)
{
	struct where w = {km, page_size, ram, SECTION_FLAGS_MASK};

	return find_model(mm, &w, err);
}

int memmap_init_compat(struct memmap *mm, const struct kmem *km, uint32_t page_size,
		       const struct bitmap *ram, struct err *err)
{
	struct where w = {km, page_size, ram, SECTION_FLAGS_MASK_COMPAT};

	return find_model(mm, &w, err);
}

void memmap_deinit(struct memmap *mm)
{
	free(mm->sections);
	mm->sections = NULL;
	mm->nsections = 0;
}

size_t memmap_first(const struct memmap *mm, pfn_t pfn)
{
	size_t low = 0, high = mm->nsections;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (mm->sections[mid].pfn + mm->sections[mid].npages <= pfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

vaddr_t memmap_page(const struct memmap *mm, pfn_t pfn, uint32_t page_size)
{
	size_t i = memmap_first(mm, pfn);

	if (i == mm->nsections || pfn < mm->sections[i].pfn)
		return 0;
	return mm->sections[i].vaddr + (pfn - mm->sections[i].pfn) * page_size;
}
