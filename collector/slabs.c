// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/slabs.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "collector/memmap.h"
#include "vmcore/kmem.h"

enum {
	NAME_SIZE = 16, // of a name that is known, with its zero, at most
	CACHE_SIZE = 256, // of a kmem_cache, in which the name is looked for
	KERNEL_BYTE = 0xff, // highest byte of a kernel's address
};

/*
 * Offsets in struct page of the pointer to the kmem_cache: 8 since 6.2 (struct slab has it
 * first), 24 since 4.18 (the words of struct page were put in order), 48 before.
 */
static const uint32_t places[] = {8, 24, 48};

/* Tasks; how `ps` and `bt` find them: by the tree of PIDs; what `ps` shows of them. */
static const char names[][NAME_SIZE] = {
	"task_struct",	 "pid",		"radix_tree_node", "mm_struct",	 "signal_cache",
	"sighand_cache", "files_cache", "cred_jar",	   "kmem_cache", "kmem_cache_node",
};
static const char general[] = "kmalloc-";

/*
 * Sizes of struct pid, the one of these caches that may be merged with a general one (it has no
 * constructor and no user copies): then it goes by that name.
 */
static const char *const pid_sizes[] = {"-128", "-192", "-256"};

void slabs_init(struct slabs *s, const struct kmem *km, const struct memmap *mm, uint32_t page_size)
{
	*s = (struct slabs){.km = km, .page_size = page_size};
	for (size_t i = 0; i < mm->nsections; i++) {
		const struct memmap_section *sec = &mm->sections[i];

		if (!s->memmap || sec->vaddr < s->memmap)
			s->memmap = sec->vaddr;
		if (sec->vaddr + sec->npages * page_size > s->memmap_end)
			s->memmap_end = sec->vaddr + sec->npages * page_size;
	}
}

static bool is_address(vaddr_t va)
{
	return va >> 56 == KERNEL_BYTE;
}

static enum slabs_worth worth_of_name(const char *name)
{
	size_t len = strnlen(name, NAME_SIZE);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(name, names[i], NAME_SIZE))
			return SLABS_TASKS;
	if (strncmp(name, general, sizeof(general) - 1) != 0)
		return SLABS_OTHER;
	for (size_t i = 0; i < ARRAY_SIZE(pid_sizes); i++) {
		size_t n = strlen(pid_sizes[i]);

		if (len < NAME_SIZE && len >= n && !memcmp(name + len - n, pid_sizes[i], n))
			return SLABS_TASKS;
	}
	return SLABS_GENERAL;
}

/* Does any word of what is at @cache point to a known name? */
static enum slabs_worth look(const struct slabs *s, vaddr_t cache)
{
	uint8_t bytes[CACHE_SIZE];
	char name[NAME_SIZE];

	if (kmem_read(s->km, cache, bytes, sizeof(bytes), NULL))
		return SLABS_OTHER;
	for (size_t i = 0; i < sizeof(bytes); i += sizeof(uint64_t)) {
		vaddr_t va = load_le64(bytes + i);
		enum slabs_worth worth;

		if (!is_address(va) || kmem_read(s->km, va, name, sizeof(name), NULL))
			continue;
		worth = worth_of_name(name);
		if (worth != SLABS_OTHER)
			return worth;
	}
	return SLABS_OTHER;
}

enum slabs_worth slabs_worth(struct slabs *s, const uint8_t *page)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct slabs_known *known;
		vaddr_t cache;

		if (places[i] + sizeof(cache) > s->page_size)
			break;
		cache = load_le64(page + places[i]);
		if (!is_address(cache) || cache % sizeof(cache) ||
		    (cache >= s->memmap && cache < s->memmap_end))
			continue;
		// Caches lie 64 bytes apart at least. What shares a place is looked at again.
		known = &s->known[cache / 64 % SLABS_KNOWN];
		if (known->cache != cache) {
			if (s->looks == SLABS_LOOKS_MAX)
				continue;
			s->looks++;
			*known = (struct slabs_known){cache, look(s, cache)};
		}
		if (known->worth != SLABS_OTHER)
			return known->worth;
	}
	return SLABS_OTHER;
}
