/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bootparams: the "zero page" of x86 that a boot loader hands to a 64-bit kernel, with command line and
 * map of memory (Documentation/arch/x86/zero-page.rst, boot.rst).
 */
#ifndef LOADER_BOOTPARAMS_H
#define LOADER_BOOTPARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct iomem;
struct kernel;

/* Types of the e820 map, arch/x86/include/asm/e820/types.h. */
enum e820_type {
	E820_RAM = 1,
	E820_RESERVED = 2,
	E820_ACPI = 3,
	E820_NVS = 4,
	E820_UNUSABLE = 5,
	E820_PMEM = 7,
};

struct e820_entry {
	uint64_t start, size;
	enum e820_type type;
};

enum {
	E820_ENTRIES_MAX = 1 << 16,
};

struct e820_map {
	struct e820_entry *entries; /* owned, by start */
	size_t n;
};

/*
 * Memory as the capture kernel is to see it: the first MiB, what is reserved for it less
 * [@hole_start, @hole_end), where the elfcorehdr lies, which must not be memory there; and what the
 * firmware keeps. All the rest of the machine does not exist for it. As the kernel does itself,
 * crash_setup_memmap_entries() in arch/x86/kernel/crash.c. The caller frees the entries.
 */
int e820_make(struct e820_map *map, const struct iomem *iomem, uint64_t hole_start,
	      uint64_t hole_end, struct err *err);

/* What the page is filled with. */
struct bootparams_spec {
	const struct kernel *kernel;
	const struct e820_map *map;
	const char *cmdline;
	uint64_t initrd, initrd_size; /* physical */
	uint64_t address; /* where the block itself will lie */
	const uint8_t *running; /* the running kernel's own page, BOOTPARAMS_SIZE bytes, or NULL */
	uint64_t rsdp; /* ACPI root pointer of an EFI machine; 0: the kernel looks for it */
};

enum {
	BOOTPARAMS_SIZE = 4096,
};

/* Bytes of the block that bootparams_fill() fills: page, command line, more of the map. */
size_t bootparams_size(const struct bootparams_spec *spec);

/* Fills @buf, which is all zeros. */
void bootparams_fill(const struct bootparams_spec *spec, uint8_t *buf);

/* What a page tells of its kernel's other parts; physical addresses. */
struct bootparams_view {
	uint64_t initrd, initrd_size;
	uint64_t cmdline;
};

/* Reads the page at @buf back; false when it is none. */
bool bootparams_read(const uint8_t buf[static BOOTPARAMS_SIZE], struct bootparams_view *ret);

#endif
