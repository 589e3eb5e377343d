// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/need.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "loader/cpus.h"
#include "loader/facts.h"

#define MIB (1ULL << 20)

static uint64_t kib(uint64_t n)
{
	return n << 10;
}

static void __attribute__((format(printf, 5, 6)))
add(struct need *n, const char *name, enum need_when when, uint64_t bytes, const char *fmt, ...)
{
	struct need_line *l = &n->lines[n->n];
	va_list ap;

	if (!bytes || n->n == NEED_LINES_MAX)
		return;
	n->n++;
	*l = (struct need_line){.name = name, .when = when, .bytes = bytes};
	va_start(ap, fmt);
	vsnprintf(l->source, sizeof(l->source), fmt, ap);
	va_end(ap);
	*(when == NEED_ALWAYS ? &n->always : when == NEED_AT_BOOT ? &n->boot : &n->work) += bytes;
}

static uint64_t beyond_large(uint64_t kernel)
{
	return kernel > NEED_KERNEL_LARGE ? kernel - NEED_KERNEL_LARGE : 0;
}

static uint64_t at_work(uint64_t kernel)
{
	return kib(NEED_KERNEL_BASE_KIB) + kernel / 100 * NEED_KERNEL_PERCENT;
}

static void add_kernel(struct need *n, const struct need_facts *f)
{
	uint64_t entries = f->notes + f->ranges + 4;
	uint64_t headers = entries * NEED_ELFCOREHDR_ENTRY;

	add(n, "kernel", NEED_ALWAYS, f->kernel, "%s", f->kernel_source);
	add(n, "kernel at work", NEED_ALWAYS, at_work(f->kernel),
	    "page tables, slabs, drivers, by the size of the kernel: measured, docs/estimate.md");
	add(n, "kernel at boot", NEED_AT_BOOT,
	    f->kernel / NEED_INIT_SHARE + beyond_large(f->kernel) / NEED_INIT_LARGE_SHARE,
	    "its init sections, which it gives back later: measured, docs/estimate.md");
	add(n, "boot data", NEED_ALWAYS, kib(128) + (headers + kib(64) - 1) / kib(64) * kib(64),
	    "command line, purgatory, boot parameters; elfcorehdr of %" PRIu64
	    " headers, 56 bytes each",
	    entries);
}

static void add_initrd(struct need *n, const struct need_facts *f)
{
	add(n, "initrd, packed", NEED_AT_BOOT, f->initrd_packed, "the file, until it is unpacked");
	add(n, "initrd, unpacked", NEED_AT_BOOT, f->initrd_first,
	    "the files that the kernel unpacks, in whole pages");
	add(n, "initrd", NEED_AT_WORK, f->initrd_unpacked,
	    "all its files, in whole pages, for they stay in memory");
	add(n, "unpacking", NEED_AT_BOOT, f->initrd_window, "the window of %s", f->initrd_codec);
	add(n, "modules", NEED_AT_WORK, f->modules + f->module_largest,
	    "%zu, their sections that stay, and the largest file while it is loaded", f->nmodules);
}

static void add_collector(struct need *n, const struct need_facts *f)
{
	uint64_t tib = f->memory >> 30;
	uint64_t before = n->work;

	add(n, "collector", NEED_AT_WORK,
	    kib(NEED_COLLECTOR_KIB) + kib(NEED_COLLECTOR_TIB_KIB) * tib / 1024,
	    "the least it makes do with, and %d KiB a TiB of memory; docs/memory.md",
	    NEED_COLLECTOR_TIB_KIB);
	add(n, "writing", NEED_AT_WORK, f->disk ? kib(NEED_DISK_KIB) : 0,
	    "pages and requests on their way to a disk");
	add(n, "ssh", NEED_AT_WORK, f->ssh ? kib(NEED_SSH_KIB) : 0,
	    "the client, and what is kept until it is acknowledged; docs/memory.md");
	n->collector = n->work - before;
	add(n, "programs", NEED_AT_WORK, kib(NEED_PROGRAMS_KIB), "/init and what guards it");
	add(n, "network", NEED_AT_WORK, f->network ? kib(NEED_NETWORK_KIB) : 0,
	    "rings of a card, socket buffers");
	add(n, "LUKS", NEED_AT_WORK, f->luks ? kib(NEED_LUKS_KIB) + f->luks_memory : 0,
	    "cryptsetup, and what the most costly keyslot of the header asks for");
}

static uint64_t sum(const struct need *n)
{
	return n->always + (n->boot > n->work ? n->boot : n->work);
}

/*
 * Those that are brought up where there is room take some of it: as many as would be chosen with just
 * what is needed, which is a little more with each.
 */
static unsigned int count_cpus(const struct need *n, const struct need_facts *f)
{
	struct cpus_facts facts = {
		.images = f->kernel + f->initrd_packed,
		.present = f->present,
		.may_start = f->may_start,
		.wish = f->cpus,
	};
	struct cpus_choice choice = {.n = 1};
	unsigned int before;

	do {
		before = choice.n;
		facts.reserved = sum(n) + before * CPUS_COST_MIB * MIB;
		cpus_choose(&facts, &choice);
	} while (choice.n > before);
	return choice.n;
}

static void add_cpus(struct need *n, const struct need_facts *f)
{
	unsigned int cpus = count_cpus(n, f);

	add(n, "CPUs", NEED_AT_WORK, cpus > 1 ? (cpus - 1) * CPUS_COST_MIB * MIB : 0,
	    "%u%s, %d MiB for each but the first", cpus,
	    f->cpus ? " as configured" : " where there is room for them", CPUS_COST_MIB);
}

/*
 * Struct pages of the reservation itself: all of each section that it touches, and of the first
 * one, where the low megabyte is.
 */
static void add_struct_pages(struct need *n, const struct need_facts *f)
{
	uint64_t sections = 0, need, before;

	// They need room, too, and may reach into one more section by that.
	do {
		uint64_t start = f->area_start, end;

		before = sections;
		need = sum(n) + sections * NEED_SECTION_MAP;
		// Of a place that is not known the worst is taken: it lies across a border.
		if (!f->area_end)
			start = NEED_SECTION - 1;
		end = start + need;
		sections = (end - 1) / NEED_SECTION - start / NEED_SECTION + 1;
		sections += start / NEED_SECTION != 0;
	} while (sections != before && sections < 1 << 20);
	add(n, "struct pages", NEED_ALWAYS, sections * NEED_SECTION_MAP,
	    "of %" PRIu64 " sections of 128 MiB that it touches, 2 MiB each", sections);
}

void need_compute(struct need *n, const struct need_facts *f)
{
	*n = (struct need){.n = 0};
	add_kernel(n, f);
	add_initrd(n, f);
	add_collector(n, f);
	add_cpus(n, f);
	add_struct_pages(n, f);
	n->total = (sum(n) + MIB - 1) / MIB * MIB;
}

uint64_t need_reserve(uint64_t need)
{
	return (need + 4 * MIB - 1) / (4 * MIB) * (4 * MIB);
}
