// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/bootparams.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "loader/iomem.h"
#include "loader/kernel.h"

/* Offsets in the page. */
enum {
	BP_SCREEN_INFO = 0x000,
	BP_SCREEN_INFO_SIZE = 0x40,
	BP_RSDP = 0x070,
	BP_EXT_INITRD = 0x0c0,
	BP_EXT_INITRD_SIZE = 0x0c4,
	BP_EXT_CMDLINE = 0x0c8,
	BP_EDID = 0x140,
	BP_EDID_SIZE = 0x80,
	BP_E820_ENTRIES = 0x1e8,
	BP_SECURE_BOOT = 0x1ec,
	BP_SETUP = 0x1f1,
	BP_BOOT_FLAG = 0x1fe,
	BP_MAGIC = 0x202,
	BP_VERSION = 0x206,
	BP_LOADER = 0x210,
	BP_LOADFLAGS = 0x211,
	BP_INITRD = 0x218,
	BP_INITRD_SIZE = 0x21c,
	BP_CMDLINE = 0x228,
	BP_SETUP_DATA = 0x250,
	BP_E820 = 0x2d0,
};

enum {
	LOADER_UNDEFINED = 0xff, // type_of_loader: one that has no number of its own
	LOADED_HIGH = 1,
	BOOT_FLAG = 0xaa55,
	VERSION_OF_NONE = 0x020f, // what a vmlinux is told, which has no header
	E820_ENTRY_SIZE = 20,
	E820_ZERO_PAGE_MAX = 128,
	SETUP_DATA_HEADER = 16,
	SETUP_E820_EXT = 1,
	LOW_MEMORY = 1 << 20,
};

/* What /proc/iomem calls it, e820_type_to_string() in arch/x86/kernel/e820.c. */
static const struct {
	const char *name;
	enum e820_type type;
} kept[] = {
	{"Reserved", E820_RESERVED},
	{"ACPI Tables", E820_ACPI},
	{"ACPI Non-volatile Storage", E820_NVS},
	{"Unusable memory", E820_UNUSABLE},
	{"Persistent Memory", E820_PMEM},
	{"Soft Reserved", E820_RESERVED},
};

static int add(struct e820_map *map, uint64_t start, uint64_t end, enum e820_type type,
	       struct err *err)
{
	if (start >= end)
		return 0;
	if (map->n == E820_ENTRIES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d entries in the map of memory",
			       E820_ENTRIES_MAX);
	map->entries[map->n++] =
		(struct e820_entry){.start = start, .size = end - start, .type = type};
	return 0;
}

static int add_range(struct e820_map *map, const struct iomem_range *r, uint64_t hole_start,
		     uint64_t hole_end, struct err *err)
{
	int rc = 0;

	if (strcmp(r->name, "Crash kernel") == 0) {
		bool hole = hole_start >= r->start && hole_end <= r->end;

		rc = add(map, r->start, hole ? hole_start : r->end, E820_RAM, err);
		if (!rc && hole)
			rc = add(map, hole_start, hole_end, E820_RESERVED, err);
		return rc || !hole ? rc : add(map, hole_end, r->end, E820_RAM, err);
	}
	if (strcmp(r->name, IOMEM_CMA) == 0)
		return add(map, r->start, r->end, E820_RAM, err);
	for (size_t i = 0; i < ARRAY_SIZE(kept) && !rc; i++)
		if (strcmp(r->name, kept[i].name) == 0)
			rc = add(map, r->start, r->end, kept[i].type, err);
	return rc;
}

static int by_start(const void *a, const void *b)
{
	const struct e820_entry *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

int e820_make(struct e820_map *map, const struct iomem *iomem, uint64_t hole_start,
	      uint64_t hole_end, struct err *err)
{
	// A range gives three at most, and there is the first MiB.
	size_t room = iomem->n * 3 + 1;
	int rc;

	*map = (struct e820_map){0};
	if (room > E820_ENTRIES_MAX)
		room = E820_ENTRIES_MAX;
	map->entries = calloc(room, sizeof(*map->entries));
	if (!map->entries)
		return err_set(err, ERR_NOMEM, "no memory for a map of memory");
	rc = add(map, 0, LOW_MEMORY, E820_RAM, err);
	for (size_t i = 0; i < iomem->n && !rc; i++)
		rc = add_range(map, &iomem->ranges[i], hole_start, hole_end, err);
	if (rc) {
		free(map->entries);
		*map = (struct e820_map){0};
		return rc;
	}
	qsort(map->entries, map->n, sizeof(*map->entries), by_start);
	return 0;
}

static size_t extra_entries(const struct bootparams_spec *spec)
{
	return spec->map->n > E820_ZERO_PAGE_MAX ? spec->map->n - E820_ZERO_PAGE_MAX : 0;
}

/* Behind the page the command line, then, on 8 bytes, what the page has no room for. */
static size_t extra_at(const struct bootparams_spec *spec)
{
	return (BOOTPARAMS_SIZE + strlen(spec->cmdline) + 1 + 7) & ~(size_t)7;
}

size_t bootparams_size(const struct bootparams_spec *spec)
{
	size_t n = extra_entries(spec);

	return extra_at(spec) + (n ? SETUP_DATA_HEADER + n * E820_ENTRY_SIZE : 0);
}

static void put_entries(uint8_t *p, const struct e820_entry *e, size_t n)
{
	for (size_t i = 0; i < n; i++, p += E820_ENTRY_SIZE) {
		store_le64(p, e[i].start);
		store_le64(p + 8, e[i].size);
		store_le32(p + 16, e[i].type);
	}
}

static void put_map(const struct bootparams_spec *spec, uint8_t *buf)
{
	size_t more = extra_entries(spec), n = spec->map->n - more;
	size_t at = extra_at(spec);

	buf[BP_E820_ENTRIES] = n;
	put_entries(buf + BP_E820, spec->map->entries, n);
	if (!more)
		return;
	store_le64(buf + BP_SETUP_DATA, spec->address + at);
	store_le32(buf + at + 8, SETUP_E820_EXT);
	store_le32(buf + at + 12, more * E820_ENTRY_SIZE);
	put_entries(buf + at + SETUP_DATA_HEADER, spec->map->entries + n, more);
}

/* Screen and firmware are still those that the running kernel was told of. */
static void put_machine(const struct bootparams_spec *spec, uint8_t *buf)
{
	const uint8_t *running = spec->running;

	if (running) {
		memcpy(buf + BP_SCREEN_INFO, running + BP_SCREEN_INFO, BP_SCREEN_INFO_SIZE);
		memcpy(buf + BP_EDID, running + BP_EDID, BP_EDID_SIZE);
		memcpy(buf + BP_RSDP, running + BP_RSDP, 8);
		buf[BP_SECURE_BOOT] = running[BP_SECURE_BOOT];
	}
	// EFI's own services are not offered: their tables are for one kernel. ACPI is needed.
	if (spec->rsdp)
		store_le64(buf + BP_RSDP, spec->rsdp);
}

void bootparams_fill(const struct bootparams_spec *spec, uint8_t *buf)
{
	uint64_t cmdline = spec->address + BOOTPARAMS_SIZE;

	put_machine(spec, buf);
	if (spec->kernel->setup) {
		memcpy(buf + BP_SETUP, spec->kernel->setup, spec->kernel->setup_size);
	} else {
		store_le16(buf + BP_BOOT_FLAG, BOOT_FLAG);
		memcpy(buf + BP_MAGIC, "HdrS", 4);
		store_le16(buf + BP_VERSION, VERSION_OF_NONE);
	}
	buf[BP_LOADER] = LOADER_UNDEFINED;
	buf[BP_LOADFLAGS] |= LOADED_HIGH;
	store_le32(buf + BP_INITRD, spec->initrd);
	store_le32(buf + BP_EXT_INITRD, spec->initrd >> 32);
	store_le32(buf + BP_INITRD_SIZE, spec->initrd_size);
	store_le32(buf + BP_EXT_INITRD_SIZE, spec->initrd_size >> 32);
	store_le32(buf + BP_CMDLINE, cmdline);
	store_le32(buf + BP_EXT_CMDLINE, cmdline >> 32);
	store_le64(buf + BP_SETUP_DATA, 0);
	put_map(spec, buf);
	memcpy(buf + BOOTPARAMS_SIZE, spec->cmdline, strlen(spec->cmdline) + 1);
}

static uint64_t split(const uint8_t *buf, unsigned int low, unsigned int high)
{
	return load_le32(buf + low) | (uint64_t)load_le32(buf + high) << 32;
}

bool bootparams_read(const uint8_t buf[static BOOTPARAMS_SIZE], struct bootparams_view *ret)
{
	if (load_le16(buf + BP_BOOT_FLAG) != BOOT_FLAG || memcmp(buf + BP_MAGIC, "HdrS", 4) != 0)
		return false;
	*ret = (struct bootparams_view){
		.initrd = split(buf, BP_INITRD, BP_EXT_INITRD),
		.initrd_size = split(buf, BP_INITRD_SIZE, BP_EXT_INITRD_SIZE),
		.cmdline = split(buf, BP_CMDLINE, BP_EXT_CMDLINE),
	};
	return true;
}
