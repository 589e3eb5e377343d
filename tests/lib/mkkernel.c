// SPDX-License-Identifier: GPL-2.0-or-later
/* mkkernel: the statements, and where everything lies. Struct pages are in mkkernel_era.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkernel.h"
#include "tests/lib/mkkernel_priv.h"
#include "tests/lib/mkpgt.h"

#define IMAGE_VA    (MKPGT_START_KERNEL_MAP + IMAGE_AT)
#define DIRECT_MAP4 0xffff888000000000ULL
#define DIRECT_MAP5 0xff11000000000000ULL
#define VMEMMAP4    0xffffea0000000000ULL
#define VMEMMAP5    0xffd4000000000000ULL

enum {
	PAGE = 4096,
	/* Physical memory: the image with what hangs on it, and behind it the struct pages. */
	IMAGE_AT = MKKERNEL_IMAGE_PFN * PAGE,
	IMAGE_SIZE = MKKERNEL_IMAGE_PAGES * PAGE,
	TABLES_AT = IMAGE_AT + 0x10000,
	TABLES = 320,
	ROOTS_AT = IMAGE_AT + 0x160000,
	ENTRIES_AT = IMAGE_AT + 0x170000, // a page a root
	MEM_MAP_AT = IMAGE_AT + 0x16f000, // the variable of FLATMEM
	UTS_AT = IMAGE_AT + 0x1f0000,
	INFO_AT = IMAGE_AT + 0x1f8000,
	MEMMAP_AT = IMAGE_AT + IMAGE_SIZE,
	CHUNK = 2 << 20, // bytes of struct pages behind one leaf
	CHUNK_PAGES = CHUNK / MK_PAGE_SIZE,
	CHUNKS = 3, // what is left of the memory that must be there
	CHUNKS_MAX = 512,
	PHYS_BITS = 40, // SPARSEMEM without roots has an entry for all of it: fewer
	PHYS_BITS_PLAIN = 37,
	ENTRY_SIZE = 16, // struct mem_section
	ROOT_ENTRIES = PAGE / ENTRY_SIZE,
	ROOTS_MAX = (UTS_AT - ENTRIES_AT) / PAGE,
	UTS_FIELD = 65,
	EDITS_MAX = 64,
	WORDS_MAX = 6,
	LINE_MAX_ = 256,
	MODEL_LINES_MAX = 512,
};

/* How mem_section is laid out, or that there is none. */
enum model {
	MODEL_EXTREME,
	MODEL_SPARSE,
	MODEL_FLAT,
};

/* 2 MiB of the vmemmap. */
struct chunk {
	uint64_t index; // of the frames it tells of, in units of CHUNK_PAGES
	uint8_t *mem;
};

/* Frames whose struct pages are those of another chunk, again and again. */
struct share {
	uint64_t first, last; // in units of CHUNK_PAGES, as index of struct chunk
	uint64_t of;
};

/* A number that goes over one that was made. */
struct edit {
	uint64_t at, value;
};

struct mkkernel {
	const struct mk_era *era;
	unsigned int levels, section_bits;
	enum model model;
	bool small_leaves, hidden;
	struct mkcore *core;
	struct mkpgt pgt;
	struct chunk chunks[CHUNKS_MAX];
	size_t nchunks, chunks_max;
	struct share shares[EDITS_MAX];
	size_t nshares;
	struct edit sections[EDITS_MAX], roots[EDITS_MAX], unmaps[EDITS_MAX];
	struct edit folds[EDITS_MAX]; // at a frame, 2^value of them
	size_t nsections, nroots, nunmaps, nfolds;
	uint64_t maps[EDITS_MAX][3]; // VADDR, PFN, N; of the image PFN is 0
	size_t nmaps;
	uint64_t rams[EDITS_MAX][2]; // PADDR, SIZE
	size_t nrams;
	char keys[MKKERNEL_INFO_MAX];
	size_t keys_used;
};

static uint64_t vmemmap(const struct mkkernel *mk)
{
	return mk->levels == 5 ? VMEMMAP5 : VMEMMAP4;
}

static uint64_t direct_map(const struct mkkernel *mk)
{
	return mk->levels == 5 ? DIRECT_MAP5 : DIRECT_MAP4;
}

/* The struct page of @pfn with @n behind it in the same chunk; NULL when there is no room. */
static uint8_t *page_at(struct mkkernel *mk, uint64_t pfn, uint64_t n)
{
	uint64_t index = pfn / CHUNK_PAGES, at = pfn % CHUNK_PAGES;
	size_t i = 0;

	while (i < mk->nchunks && mk->chunks[i].index != index)
		i++;
	if (n > CHUNK_PAGES - at || i == mk->chunks_max)
		return NULL;
	if (i == mk->nchunks) {
		uint8_t *mem = malloc(CHUNK);

		if (!mem)
			return NULL;
		for (size_t p = 0; p < CHUNK_PAGES; p++) {
			uint64_t of = index * CHUNK_PAGES + p;
			// All of the image was set aside at boot.
			bool image = of - MKKERNEL_IMAGE_PFN < MKKERNEL_IMAGE_PAGES;

			mk_page(mk->era, mem + p * MK_PAGE_SIZE, image ? MK_RESERVED : MK_PLAIN);
		}
		mk->chunks[mk->nchunks++] = (struct chunk){index, mem};
	}
	return mk->chunks[i].mem + at * MK_PAGE_SIZE;
}

static int many(struct mkkernel *mk, enum mk_kind kind, uint64_t pfn, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		uint8_t *page = page_at(mk, pfn + i, 1);

		if (!page)
			return -1;
		mk_page(mk->era, page, kind);
	}
	return 0;
}

static int compound(struct mkkernel *mk, enum mk_compound_kind kind, uint64_t pfn, uint64_t order)
{
	uint8_t *page = order < 20 ? page_at(mk, pfn, 1ULL << order) : NULL;

	if (!page)
		return -1;
	mk_compound_page(mk->era, page, vmemmap(mk) + pfn * MK_PAGE_SIZE, kind, order);
	return 0;
}

static int free_block(struct mkkernel *mk, uint64_t pfn, uint64_t order)
{
	uint8_t *page = page_at(mk, pfn, 1);

	if (page)
		mk_free(mk->era, page, order);
	return page ? 0 : -1;
}

static int poke(struct mkkernel *mk, const uint64_t *args)
{
	uint8_t *page = page_at(mk, args[0], 1);

	if (!page || args[1] + args[2] > MK_PAGE_SIZE || args[2] > 8)
		return -1;
	for (uint64_t i = 0; i < args[2]; i++)
		page[args[1] + i] = args[3] >> 8 * i;
	return 0;
}

static int contents(struct mkkernel *mk, uint64_t pfn, uint64_t n, bool noise)
{
	uint64_t x = pfn * 0x9e3779b97f4a7c15ULL + 1;

	for (uint64_t p = pfn; p < pfn + n; p++) {
		uint8_t page[PAGE];

		for (unsigned int i = 0; i < PAGE; i += 8) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			store_le64(page + i, noise ? x : p << 16 | (i & 0xf8));
		}
		if (mkcore_data(mk->core, p * PAGE, page, PAGE, NULL))
			return -1;
	}
	return 0;
}

static int ram(struct mkkernel *mk, const uint64_t *args, size_t n)
{
	struct mkcore_load load = {
		.paddr = args[0],
		.vaddr = direct_map(mk) + args[0],
		.memsz = args[1],
		.filesz = n > 2 ? args[2] : args[1],
	};

	if (mk->nrams == EDITS_MAX || mkcore_load(mk->core, &load, NULL))
		return -1;
	mk->rams[mk->nrams][0] = args[0];
	mk->rams[mk->nrams++][1] = args[1];
	return 0;
}

static int edit(struct edit *edits, size_t *n, uint64_t at, uint64_t value)
{
	if (*n == EDITS_MAX)
		return -1;
	edits[(*n)++] = (struct edit){at, value};
	return 0;
}

static int share(struct mkkernel *mk, const uint64_t *args)
{
	struct share *s = &mk->shares[mk->nshares];

	if (mk->nshares == EDITS_MAX || args[0] % CHUNK_PAGES || args[1] % CHUNK_PAGES || !args[1])
		return -1;
	s->first = args[0] / CHUNK_PAGES;
	s->last = s->first + args[1] / CHUNK_PAGES - 1;
	s->of = args[2] / CHUNK_PAGES;
	mk->nshares++;
	// Made now: room may be taken by what comes later.
	return page_at(mk, args[2], 1) ? 0 : -1;
}

/* A huge page of which the vmemmap has the first page only, mapped again and again. */
static int fold(struct mkkernel *mk, uint64_t pfn, uint64_t order)
{
	uint8_t *page = order > 6 && order < 20 ? page_at(mk, pfn, PAGE / MK_PAGE_SIZE) : NULL;

	if (!page || pfn & ((1ULL << order) - 1))
		return -1;
	mk_compound_page(mk->era, page, vmemmap(mk) + pfn * MK_PAGE_SIZE, MK_HUGETLB_FOLDED, order);
	return edit(mk->folds, &mk->nfolds, pfn, order);
}

/* Whether the struct pages of chunk @index are those of another, or of the head of a huge page. */
static bool is_shared(const struct mkkernel *mk, uint64_t index)
{
	for (size_t i = 0; i < mk->nfolds; i++) {
		uint64_t first = mk->folds[i].at / CHUNK_PAGES;

		if (index > first &&
		    index * CHUNK_PAGES < mk->folds[i].at + (1ULL << mk->folds[i].value))
			return true;
	}
	for (size_t i = 0; i < mk->nshares; i++)
		if (index >= mk->shares[i].first && index <= mk->shares[i].last)
			return true;
	return false;
}

static int set_model(struct mkkernel *mk, const char *name)
{
	static const char *const names[] = {
		[MODEL_EXTREME] = "extreme",
		[MODEL_SPARSE] = "sparse",
		[MODEL_FLAT] = "flat",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(name, names[i])) {
			mk->model = i;
			return 0;
		}
	}
	return -1;
}

static int setting(struct mkkernel *mk, const char *verb, char **words, size_t n)
{
	if (!strcmp(verb, "era") && n == 1)
		return (mk->era = mk_era_by_name(words[0])) ? 0 : -1;
	if (!strcmp(verb, "model") && n == 1)
		return set_model(mk, words[0]);
	if (!strcmp(verb, "levels") && n == 1)
		mk->levels = atoi(words[0]);
	else if (!strcmp(verb, "section-bits") && n == 1)
		mk->section_bits = atoi(words[0]);
	else if (!strcmp(verb, "chunks") && n == 1)
		mk->chunks_max = atoi(words[0]);
	else if (!strcmp(verb, "leaves") && n == 1)
		mk->small_leaves = !strcmp(words[0], "4K");
	else if (!strcmp(verb, "hidden") && !n)
		mk->hidden = true;
	else
		return 1;
	return 0;
}

static int put_word(struct mkkernel *mk, uint64_t paddr, uint64_t value, struct err *err)
{
	uint8_t bytes[8];

	store_le64(bytes, value);
	return mkcore_data(mk->core, paddr, bytes, sizeof(bytes), err);
}

static int map(struct mkkernel *mk, uint64_t va, uint64_t pfn, uint64_t n)
{
	if (mk->nmaps == EDITS_MAX)
		return -1;
	mk->maps[mk->nmaps][0] = va;
	mk->maps[mk->nmaps][1] = pfn;
	mk->maps[mk->nmaps++][2] = n;
	return 0;
}

/* Statements whose words are numbers; 1 when the verb is none of them. */
static int number_statement(struct mkkernel *mk, const char *verb, const uint64_t *a, size_t n)
{
	static const char *const kinds[] = {"anon",	"cache",    "private", "swapcache",
					    "reserved", "hwpoison", "offline"};
	static const char *const compounds[] = {
		[MK_SLAB] = "slab",
		[MK_THP] = "thp",
		[MK_CACHE_FOLIO] = "folio",
		[MK_HUGETLB] = "hugetlb",
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(verb, kinds[i]))
			return n == 2 ? many(mk, MK_ANON + i, a[0], a[1]) : -1;
	for (size_t i = 0; i < ARRAY_SIZE(compounds); i++)
		if (!strcmp(verb, compounds[i]))
			return n == 2 ? compound(mk, i, a[0], a[1]) : -1;
	if (!strcmp(verb, "folded") && n == 2)
		return fold(mk, a[0], a[1]);
	if (!strcmp(verb, "unaccepted") && n == 1)
		return many(mk, MK_UNACCEPTED, a[0], 1);
	if (!strcmp(verb, "free") && n == 2)
		return free_block(mk, a[0], a[1]);
	if (!strcmp(verb, "poke") && n == 4)
		return poke(mk, a);
	if ((!strcmp(verb, "text") || !strcmp(verb, "noise")) && n == 2)
		return contents(mk, a[0], a[1], verb[0] == 'n');
	if (!strcmp(verb, "ram") && (n == 2 || n == 3))
		return ram(mk, a, n);
	if (!strcmp(verb, "share") && n == 3)
		return share(mk, a);
	if (!strcmp(verb, "word") && n == 2)
		return put_word(mk, a[0], a[1], NULL);
	if (!strcmp(verb, "map") && n == 3)
		return map(mk, a[0], a[1], a[2]);
	if (!strcmp(verb, "readonly") && n == 2)
		return map(mk, MKPGT_START_KERNEL_MAP + a[0] * PAGE, 0, a[1]);
	if (!strcmp(verb, "section") && n == 2)
		return edit(mk->sections, &mk->nsections, a[0], a[1]);
	if (!strcmp(verb, "root") && n == 2)
		return edit(mk->roots, &mk->nroots, a[0], a[1]);
	if (!strcmp(verb, "unmap") && n == 1)
		return edit(mk->unmaps, &mk->nunmaps, a[0], 0);
	return 1;
}

static bool number(const char *word, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	*ret = strtoull(word, &end, 0);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		*ret <<= 10 * (unit - units + 1);
		end++;
	}
	return end != word && !*end;
}

static int statement(struct mkkernel *mk, char *line)
{
	char *words[WORDS_MAX], *save, *verb = strtok_r(line, " \t", &save);
	uint64_t args[WORDS_MAX];
	size_t n = 0;
	int rc;

	if (!verb || *verb == '#')
		return 0;
	if (!strcmp(verb, "key")) {
		int len = snprintf(mk->keys + mk->keys_used, sizeof(mk->keys) - mk->keys_used,
				   "%s\n", save);

		mk->keys_used += len;
		return mk->keys_used < sizeof(mk->keys) ? 0 : -1;
	}
	while (n < WORDS_MAX && (words[n] = strtok_r(NULL, " \t", &save)))
		n++;
	rc = setting(mk, verb, words, n);
	if (rc <= 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		if (!number(words[i], &args[i]))
			return -1;
	return number_statement(mk, verb, args, n) ? -1 : 0;
}

static int parse(struct mkkernel *mk, const char *name, const char *text, size_t size,
		 struct err *err)
{
	const char *end = text + size;

	for (unsigned int nr = 1; text < end; nr++) {
		const char *newline = memchr(text, '\n', end - text);
		size_t len = (newline ? newline : end) - text;
		char line[LINE_MAX_];

		if (len >= sizeof(line))
			return err_set(err, ERR_USAGE, "%s:%u: line too long", name, nr);
		memcpy(line, text, len);
		line[len] = '\0';
		if (statement(mk, line)) {
			line[strcspn(line, "\n")] = '\0';
			return err_set(err, ERR_USAGE, "%s:%u: not understood: %.*s", name, nr,
				       (int)len, text);
		}
		text += len + 1;
	}
	if (mk->section_bits < 20 || mk->section_bits > 27 ||
	    (mk->levels != 4 && mk->levels != 5) || mk->chunks_max > CHUNKS_MAX)
		return err_set(err, ERR_USAGE, "%s: section-bits, levels or chunks", name);
	if (mk->nfolds && !mk->small_leaves)
		return err_set(err, ERR_USAGE, "%s: folded wants leaves 4K", name);
	return 0;
}

static const uint64_t *find_edit(const struct edit *edits, size_t n, uint64_t at)
{
	for (size_t i = n; i-- > 0;)
		if (edits[i].at == at)
			return &edits[i].value;
	return NULL;
}

static bool section_has_ram(const struct mkkernel *mk, uint64_t nr)
{
	uint64_t start = nr << mk->section_bits, end = (nr + 1) << mk->section_bits;

	for (size_t i = 0; i < mk->nrams; i++)
		if (mk->rams[i][0] < end && mk->rams[i][0] + mk->rams[i][1] > start)
			return true;
	return false;
}

/* A root of entries, where any of its sections has memory or is told of. */
static int put_root(struct mkkernel *mk, uint64_t root, size_t *used, uint64_t *pointer,
		    struct err *err)
{
	uint8_t entries[PAGE] = {0};
	bool any = false;

	for (uint64_t i = 0; i < ROOT_ENTRIES; i++) {
		uint64_t nr = root * ROOT_ENTRIES + i;
		const uint64_t *value = find_edit(mk->sections, mk->nsections, nr);
		// Present, has a mem_map, online, early. The map less its first frame's share is
		// the same for all: that is the vmemmap.
		uint64_t map = section_has_ram(mk, nr) ? vmemmap(mk) | 0xf : 0;

		store_le64(entries + i * ENTRY_SIZE, value ? *value : map);
		any |= value || map;
	}
	*pointer = 0;
	// The table of plain SPARSEMEM has no gaps: pages without a section are zero.
	if (mk->model == MODEL_SPARSE)
		*used = root;
	if (any && *used < ROOTS_MAX) {
		*pointer = MKPGT_START_KERNEL_MAP + ENTRIES_AT + *used * PAGE;
		if (mkcore_data(mk->core, ENTRIES_AT + (*used)++ * PAGE, entries, PAGE, err))
			return ERR_NOMEM;
	}
	if (find_edit(mk->roots, mk->nroots, root))
		*pointer = *find_edit(mk->roots, mk->nroots, root);
	return 0;
}

static int phys_bits(const struct mkkernel *mk)
{
	return mk->model == MODEL_SPARSE ? PHYS_BITS_PLAIN : PHYS_BITS;
}

static uint64_t root_count(const struct mkkernel *mk)
{
	uint64_t sections = 1ULL << (phys_bits(mk) - mk->section_bits);

	return (sections + ROOT_ENTRIES - 1) / ROOT_ENTRIES;
}

static int put_sections(struct mkkernel *mk, struct err *err)
{
	const uint64_t *map = find_edit(mk->roots, mk->nroots, 0);
	size_t used = 0;

	if (mk->model == MODEL_FLAT)
		return put_word(mk, MEM_MAP_AT, map ? *map : vmemmap(mk), err);
	for (uint64_t root = 0; root < root_count(mk); root++) {
		uint64_t pointer;
		int rc = put_root(mk, root, &used, &pointer, err);

		if (!rc && mk->model == MODEL_EXTREME)
			rc = put_word(mk, ROOTS_AT + root * 8, pointer, err);
		if (rc)
			return rc;
	}
	return 0;
}

static void map_chunk(struct mkkernel *mk, uint64_t index, size_t i)
{
	mkpgt_map(&mk->pgt, vmemmap(mk) + index * CHUNK, MEMMAP_AT + i * CHUNK, CHUNK,
		  mk->small_leaves ? PAGE : CHUNK);
}

static void map_shared(struct mkkernel *mk, const struct share *s)
{
	for (size_t i = 0; i < mk->nchunks; i++)
		for (uint64_t index = s->first; mk->chunks[i].index == s->of && index <= s->last;
		     index++)
			map_chunk(mk, index, i);
}

/* All pages of the vmemmap of a folded huge page are the first of them. */
static void map_folded(struct mkkernel *mk, const struct edit *f)
{
	vaddr_t va = vmemmap(mk) + f->at * MK_PAGE_SIZE;
	uint64_t first = *mkpgt_entry(&mk->pgt, va, MKPGT_PTE);

	for (uint64_t at = PAGE; at < (uint64_t)MK_PAGE_SIZE << f->value; at += PAGE)
		*mkpgt_entry(&mk->pgt, va + at, MKPGT_PTE) = first;
}

static void map_memmap(struct mkkernel *mk)
{
	for (size_t i = 0; i < mk->nshares; i++)
		map_shared(mk, &mk->shares[i]);
	for (size_t i = 0; i < mk->nchunks; i++)
		map_chunk(mk, mk->chunks[i].index, i);
	for (size_t i = 0; i < mk->nfolds; i++)
		map_folded(mk, &mk->folds[i]);
	for (size_t i = 0; i < mk->nunmaps; i++)
		*mkpgt_entry(&mk->pgt, vmemmap(mk) + mk->unmaps[i].at * MK_PAGE_SIZE,
			     mk->small_leaves ? MKPGT_PTE : MKPGT_PMD) = 0;
}

/* What the text says beside that; a page of the image is there and loses the right to be written. */
static void map_more(struct mkkernel *mk)
{
	for (size_t i = 0; i < mk->nmaps; i++) {
		const uint64_t *m = mk->maps[i];

		if (m[1])
			mkpgt_map(&mk->pgt, m[0], m[1] * PAGE, m[2] * PAGE, PAGE);
		for (uint64_t p = 0; !m[1] && p < m[2]; p++)
			*mkpgt_entry(&mk->pgt, m[0] + p * PAGE, MKPGT_PTE) &= ~2ULL;
	}
}

static bool has_readonly(const struct mkkernel *mk)
{
	for (size_t i = 0; i < mk->nmaps; i++)
		if (!mk->maps[i][1])
			return true;
	return false;
}

/* Struct pages for all memory, as far as there is room for them. */
static void page_all(struct mkkernel *mk)
{
	for (size_t i = 0; i < mk->nrams; i++)
		for (uint64_t pfn = mk->rams[i][0] / PAGE;
		     pfn * PAGE < mk->rams[i][0] + mk->rams[i][1]; pfn += CHUNK_PAGES)
			if (!is_shared(mk, pfn / CHUNK_PAGES) && !page_at(mk, pfn, 1))
				break;
}

static int put_memory(struct mkkernel *mk, struct err *err)
{
	int rc = 0;

	page_all(mk);
	mkpgt_init(&mk->pgt, TABLES_AT, TABLES, mk->levels, 0);
	mkpgt_map(&mk->pgt, IMAGE_VA, IMAGE_AT, IMAGE_SIZE, has_readonly(mk) ? PAGE : CHUNK);
	for (size_t i = 0; i < mk->nrams; i++) {
		uint64_t start = mk->rams[i][0] & ~(CHUNK - 1ULL);
		uint64_t end = (mk->rams[i][0] + mk->rams[i][1] + CHUNK - 1) & ~(CHUNK - 1ULL);

		// What is far away is for the program headers only.
		if (end - start <= 1ULL << 30)
			mkpgt_map(&mk->pgt, direct_map(mk) + start, start, end - start, CHUNK);
	}
	map_memmap(mk);
	map_more(mk);
	rc = mkcore_data(mk->core, TABLES_AT, mk->pgt.mem, TABLES * PAGE, err);
	for (size_t i = 0; i < mk->nchunks && !rc; i++)
		rc = mkcore_data(mk->core, MEMMAP_AT + i * CHUNK, mk->chunks[i].mem, CHUNK, err);
	mkpgt_deinit(&mk->pgt);
	return rc;
}

static int put_uts(struct mkkernel *mk, struct err *err)
{
	const char *const fields[] = {"Linux",	"synthetic", mk->era->release,
				      "#1 SMP", "x86_64",    "(none)"};
	uint8_t uts[ARRAY_SIZE(fields) * UTS_FIELD] = {0};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		memcpy(uts + i * UTS_FIELD, fields[i], strlen(fields[i]));
	return mkcore_data(mk->core, UTS_AT + 4, uts, sizeof(uts), err);
}

/* The keys of the memory model. */
static void model_lines(const struct mkkernel *mk, char *buf, size_t size)
{
	uint64_t length = root_count(mk), table = ROOTS_AT;

	if (mk->model == MODEL_FLAT) {
		snprintf(buf, size, "SYMBOL(mem_map)=%llx\nSYMBOL(contig_page_data)=%llx\n",
			 MKPGT_START_KERNEL_MAP + MEM_MAP_AT,
			 MKPGT_START_KERNEL_MAP + MEM_MAP_AT + 64);
		return;
	}
	if (mk->model == MODEL_SPARSE) {
		length = 1ULL << (phys_bits(mk) - mk->section_bits);
		table = ENTRIES_AT;
	}
	snprintf(buf, size,
		 "SYMBOL(mem_section)=%llx\nLENGTH(mem_section)=%llu\nSIZE(mem_section)=%d\n"
		 "OFFSET(mem_section.section_mem_map)=0\n"
		 "NUMBER(SECTION_SIZE_BITS)=%u\nNUMBER(MAX_PHYSMEM_BITS)=%d\n",
		 (unsigned long long)(MKPGT_START_KERNEL_MAP + table), (unsigned long long)length,
		 ENTRY_SIZE, mk->section_bits, phys_bits(mk));
}

static int put_info(struct mkkernel *mk, struct err *err)
{
	char info[MKKERNEL_INFO_MAX], text[2 * MKKERNEL_INFO_MAX], model[MODEL_LINES_MAX];
	int len, rc;

	model_lines(mk, model, sizeof(model));
	len = snprintf(text, sizeof(text),
		       "OSRELEASE=%s\nPAGESIZE=4096\n"
		       "SYMBOL(init_uts_ns)=%llx\nOFFSET(uts_namespace.name)=4\n"
		       "SYMBOL(_stext)=%llx\nSYMBOL(swapper_pg_dir)=%llx\n"
		       "SYMBOL(init_top_pgt)=%llx\n%s%s"
		       "SIZE(list_head)=16\nOFFSET(list_head.next)=0\nOFFSET(list_head.prev)=8\n"
		       "NUMBER(phys_base)=0\nNUMBER(pgtable_l5_enabled)=%d\nKERNELOFFSET=0\n"
		       "NUMBER(KERNEL_IMAGE_SIZE)=1073741824\nNUMBER(sme_mask)=0\n"
		       "CRASHTIME=1700000000\n%s",
		       mk->era->release, MKPGT_START_KERNEL_MAP + UTS_AT, IMAGE_VA,
		       MKPGT_START_KERNEL_MAP + TABLES_AT, MKPGT_START_KERNEL_MAP + TABLES_AT,
		       model, mkkernel_info(mk->era->name, info), mk->levels == 5, mk->keys);
	rc = mkcore_data(mk->core, INFO_AT, text, len, err);
	if (!rc && !mk->hidden)
		rc = mkcore_note(mk->core, "VMCOREINFO", 0, text, len, err);
	return rc;
}

static int make(struct mkkernel *mk, const char *name, const char *text, size_t size, int fd,
		struct err *err)
{
	static const uint8_t prstatus[336];
	int rc;

	mk->era = mk_era_by_name("6.1");
	rc = parse(mk, name, text, size, err);
	if (rc)
		return rc;
	rc = mkcore_note(mk->core, "CORE", 1, prstatus, sizeof(prstatus), err);
	if (!rc)
		rc = put_info(mk, err);
	if (!rc)
		rc = put_uts(mk, err);
	if (!rc)
		rc = put_sections(mk, err);
	if (!rc)
		rc = put_memory(mk, err);
	return rc ? rc : mkcore_write(mk->core, fd, err);
}

int mkkernel_write(const char *name, const char *text, size_t size, int fd, struct err *err)
{
	struct mkkernel *mk = calloc(1, sizeof(*mk));
	int rc = ERR_NOMEM;

	if (mk) {
		mk->levels = 4;
		mk->section_bits = 23;
		mk->chunks_max = CHUNKS;
		mk->core = mkcore_create();
	}
	if (mk && mk->core)
		rc = make(mk, name, text, size, fd, err);
	for (size_t i = 0; mk && i < mk->nchunks; i++)
		free(mk->chunks[i].mem);
	if (mk)
		mkcore_destroy(mk->core);
	free(mk);
	return rc;
}

int mkkernel_memfd(const char *text, struct err *err)
{
	CLEANUP_CLOSE int fd = memfd_create("mkkernel", MFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return err_sys(err, "memfd");
	rc = mkkernel_write("text", text, strlen(text), fd, err);
	return rc ? rc : steal_fd(&fd);
}
