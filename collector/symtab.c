// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/symtab.h"

#include <stdbool.h>
#include "base/cleanup.h"
#include "base/cursor.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"
#include "vmcore/xlat.h"

/* struct btf_header (include/uapi/linux/btf.h): magic, version 1, no flags, its own size. */
#define BTF_START (0xeb9fULL | 1ULL << 16 | (uint64_t)BTF_HEADER << 32)

enum {
	BTF_TYPE_OFF = 8, // offsets of fields; types come first, then names
	BTF_TYPE_LEN = 12,
	BTF_STR_OFF = 16,
	BTF_STR_LEN = 20,
	BTF_HEADER = 24,
	BTF_ALIGN = 4,
	SYMTAB_MAX = 64 << 20, // bytes of a table taken
	SYMTAB_WINDOW = 1 << 20,
};

/* Adds the frames that lie in [start, end) with all their bytes. */
static int add_whole(struct pfn_list *ret, const struct kmem *km, paddr_t start, paddr_t end,
		     struct err *err)
{
	pfn_t first = (start + km->page_size - 1) >> km->page_shift;

	return pfn_list_add(ret, first, end >> km->page_shift, err);
}

/*
 * The tables of kallsyms stand together, in whatever order (scripts/kallsyms.c); vmcoreinfo
 * tells where each begins, since 6.0. What of the last one is behind its symbol is small.
 */
static int find_kallsyms(struct pfn_list *ret, const struct kmem *km, struct err *err)
{
	static const char *const names[] = {
		"kallsyms_names",	"kallsyms_num_syms", "kallsyms_token_table",
		"kallsyms_token_index", "kallsyms_offsets",  "kallsyms_relative_base",
		"kallsyms_addresses",
	};
	vaddr_t first = UINT64_MAX, last = 0, va;
	paddr_t start, end;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!vmcoreinfo_symbol(km->vi, names[i], &va))
			continue;
		first = va < first ? va : first;
		last = va > last ? va : last;
	}
	if (first >= last || last - first > SYMTAB_MAX ||
	    xlat_paddr(km->xlat, first, &start, NULL) || xlat_paddr(km->xlat, last, &end, NULL) ||
	    end - start != last - first)
		return 0;
	return add_whole(ret, km, start, end, err);
}

/* Bytes of the BTF whose header is at @p, by what follows BTF_START; 0 when it is none. */
static uint64_t btf_size(const uint8_t *p)
{
	uint64_t types = load_le32(p + BTF_TYPE_LEN), strings = load_le32(p + BTF_STR_LEN);

	if (load_le32(p + BTF_TYPE_OFF) || load_le32(p + BTF_STR_OFF) != types ||
	    types + strings > SYMTAB_MAX)
		return 0;
	return BTF_HEADER + types + strings;
}

/* The first BTF in the bytes from @start to @end. */
static int find_btf(struct pfn_list *ret, const struct kmem *km, struct vmcore_window *window,
		    paddr_t start, paddr_t end, struct err *err)
{
	const uint8_t *p;
	uint64_t size;
	size_t len;

	for (paddr_t pa = start; pa < end && end - pa >= BTF_HEADER;
	     pa += len - len % BTF_ALIGN - (BTF_HEADER - BTF_ALIGN)) {
		if (vmcore_window_get(window, pa, BTF_HEADER,
				      end - pa < SYMTAB_WINDOW ? end - pa : SYMTAB_WINDOW, &p, &len,
				      NULL))
			return 0;
		if (len > end - pa)
			len = end - pa;
		for (size_t i = 0; i + BTF_HEADER <= len; i += BTF_ALIGN) {
			if (load_le64(p + i) != BTF_START)
				continue;
			size = btf_size(p + i);
			if (size && size <= end - pa - i)
				return add_whole(ret, km, pa + i, pa + i + size, err);
		}
	}
	return 0;
}

int symtab_find(struct pfn_list *ret, const struct kmem *km, const struct pfn_list *image,
		struct err *err)
{
	struct vmcore_window window;
	int rc = find_kallsyms(ret, km, err);

	if (!rc)
		rc = vmcore_window_init(&window, km->vc, SYMTAB_WINDOW, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < image->n && !rc; i++)
		rc = find_btf(ret, km, &window, image->ranges[i].start << km->page_shift,
			      image->ranges[i].end << km->page_shift, err);
	vmcore_window_deinit(&window);
	return rc;
}
