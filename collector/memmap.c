// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/memmap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/kmem.h"

/* section_mem_map holds the address of the section's map less its first frame's share, and
 * flags in the bits that the alignment leaves (include/linux/mmzone.h). Six are in use: 4.13
 * added online, 5.x early, 5.12 zone_device, 6.15 vmemmap_preinit (bit 5). SIZE(page) is 64 in
 * all kernels that set bit 5, so nothing of the address is lost. */
enum {
	SECTION_MARKED_PRESENT = 1 << 0,
	SECTION_HAS_MEM_MAP = 1 << 1,
	SECTION_FLAGS_MASK = 0x3f,
	SECTION_SIZE_BITS_X86_64 = 27, // where vmcoreinfo does not say
	MEM_SECTION_SIZE_MAX = 256,
	BITMAP_WORD_SHIFT = 6, // no two sections may share a word of the bitmap
};

/* The sparsemem geometry: what all rows of the model share. */
struct sparse {
	const struct kmem *km;
	uint32_t page_size; // of struct page
	vaddr_t table; // SYMBOL(mem_section)
	uint64_t entry_size, map_offset;
	uint64_t pages_per_section;
	uint64_t nsections; // that cover max_pfn
	uint64_t sections_per_root; // entries in a page of the second level
	bool extreme;
};

static int sparse_geometry(struct sparse *s, pfn_t max_pfn, struct err *err)
{
	const struct vmcoreinfo *vi = s->km->vi;
	int64_t bits, phys_bits = 0;
	uint64_t roots, length;

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
	s->nsections = max_pfn / s->pages_per_section + (max_pfn % s->pages_per_section != 0);
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

static int sparse_keys(struct sparse *s, struct err *err)
{
	const struct vmcoreinfo *vi = s->km->vi;

	if (!vmcoreinfo_symbol(vi, "mem_section", &s->table) ||
	    !vmcoreinfo_sizeof(vi, "mem_section", &s->entry_size) ||
	    !vmcoreinfo_offset(vi, "mem_section.section_mem_map", &s->map_offset))
		return err_set(err, ERR_NOTFOUND, "vmcoreinfo has no mem_section: not SPARSEMEM");
	if (s->entry_size < 8 || s->entry_size > MEM_SECTION_SIZE_MAX ||
	    s->map_offset > s->entry_size - 8)
		return err_set(err, ERR_CORRUPT,
			       "vmcoreinfo: SIZE(mem_section)=%" PRIu64
			       " with section_mem_map at %" PRIu64 " makes no sense",
			       s->entry_size, s->map_offset);
	return 0;
}

static void add_section(struct memmap *mm, const struct sparse *s, uint64_t nr,
			const uint8_t *entry, pfn_t max_pfn)
{
	uint64_t map = load_le64(entry + s->map_offset);
	struct memmap_section *sec = &mm->sections[mm->nsections];

	if (!(map & SECTION_MARKED_PRESENT) || !(map & SECTION_HAS_MEM_MAP))
		return;
	sec->pfn = nr * s->pages_per_section;
	sec->npages = s->pages_per_section;
	if (sec->npages > max_pfn - sec->pfn)
		sec->npages = max_pfn - sec->pfn;
	// The sum wraps on purpose: the kernel subtracted the same product.
	sec->vaddr = (map & ~(uint64_t)SECTION_FLAGS_MASK) + sec->pfn * s->page_size;
	mm->nsections++;
}

/* One page of entries, for sections from @first on, at @table. */
static void add_root(struct memmap *mm, const struct sparse *s, uint64_t first, vaddr_t table,
		     uint8_t *buf, pfn_t max_pfn)
{
	uint64_t n = s->nsections - first;

	if (n > s->sections_per_root)
		n = s->sections_per_root;
	if (kmem_read(s->km, table, buf, n * s->entry_size, NULL)) {
		mm->bad_sections += n;
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		add_section(mm, s, first + i, buf + i * s->entry_size, max_pfn);
}

/*
 * The table of SPARSEMEM_EXTREME is an array of pointers to pages of entries. vmcoreinfo gives
 * the address of that array, also since 4.15 where the symbol is a pointer to it (83e3c48729d9).
 */
static int walk_sections(struct memmap *mm, const struct sparse *s, pfn_t max_pfn, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(s->km->page_size);
	uint64_t step = s->sections_per_root;
	uint64_t unreadable_roots = 0, roots = 0;

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory for a page of mem_section");
	for (uint64_t nr = 0; nr < s->nsections; nr += step) {
		vaddr_t table = s->table + nr * s->entry_size;

		roots++;
		if (s->extreme && kmem_read_u64(s->km, s->table + nr / step * 8, &table, err)) {
			mm->bad_sections += step;
			unreadable_roots++;
			continue;
		}
		if (table)
			add_root(mm, s, nr, table, buf, max_pfn);
	}
	if (roots && unreadable_roots == roots) {
		err_prepend(err, "mem_section at 0x%" PRIx64, s->table);
		return ERR_CORRUPT;
	}
	return 0;
}

int memmap_init(struct memmap *mm, const struct kmem *km, uint32_t page_size, pfn_t max_pfn,
		struct err *err)
{
	struct sparse s = {.km = km, .page_size = page_size};
	int rc;

	*mm = (struct memmap){0};
	rc = sparse_keys(&s, err);
	if (!rc)
		rc = sparse_geometry(&s, max_pfn, err);
	if (rc)
		return rc;
	mm->model = s.extreme ? "sparsemem_extreme" : "sparsemem";
	mm->sections = calloc(s.nsections ? s.nsections : 1, sizeof(*mm->sections));
	if (!mm->sections)
		return err_set(err, ERR_NOMEM, "no memory for %" PRIu64 " sections", s.nsections);
	rc = walk_sections(mm, &s, max_pfn, err);
	if (!rc && !mm->nsections)
		rc = err_set(err, ERR_CORRUPT,
			     "mem_section at 0x%" PRIx64 ": none of %" PRIu64
			     " sections has a mem_map",
			     s.table, s.nsections);
	if (rc)
		memmap_deinit(mm);
	return rc;
}

void memmap_deinit(struct memmap *mm)
{
	free(mm->sections);
	mm->sections = NULL;
	mm->nsections = 0;
}
