// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/need.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "loader/cpus.h"
#include "loader/facts.h"

#define MIB (1ULL << 20)

/*
 * Drivers with large rings, event queues and firmware commands of their own. In a capture kernel they
 * make do with one queue (is_kdump_kernel()), but for hv_netvsc, whose buffers are of one size always.
 * None of them was in a run here.
 */
static const struct nic {
	const char *driver;
	unsigned int mib;
	bool each; /* for each card, or port; else once */
	const char *source;
} nics[NEED_NICS_MAX] = {
	{"mlx5_core", 150, false, "kdump-utils adds 150M for it on arm64 with pages of 4 KiB"},
	{"mlx4_core", 32, true, "a guess"},
	{"bnxt_en", 24, true, "a guess"},
	{"ice", 32, true, "a guess"},
	{"i40e", 24, true, "a guess"},
	{"qede", 24, true, "a guess"},
	{"bnx2x", 24, true, "a guess"},
	{"cxgb4", 24, true, "a guess"},
	{"ena", 8, true, "a guess"},
	{"gve", 8, true, "a guess"},
	{"hv_netvsc", 18, true,
	 "drivers/net/hyperv: a receive buffer of 16 MiB, a send buffer, rings; no less for a dump"},
};

int need_nic(const char *driver)
{
	for (size_t i = 0; i < NEED_NICS_MAX; i++)
		if (strcmp(nics[i].driver, driver) == 0)
			return i;
	return -1;
}

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

static void add_file_system(struct need *n, const struct need_facts *f)
{
	uint64_t bytes = f->ext / NEED_EXT_GROUP_SIZE * NEED_EXT_GROUP;

	add(n, "file system", NEED_AT_WORK, bytes < NEED_EXT_LEAST ? 0 : bytes,
	    "groups of the largest ext2, ext3 or ext4, %" PRIu64
	    " GiB: %d bytes for each 128 MiB, by fs/ext4",
	    f->ext >> 30, NEED_EXT_GROUP);
}

/* It ran on the live kernel, with no driver of its own: the collector's part is all that it tells. */
static void add_rehearsed(struct need *n, const struct need_facts *f)
{
	uint64_t more = f->rehearsed > n->collector ? f->rehearsed - n->collector : 0;

	if (f->rehearsed_limit > n->collector + NEED_REHEARSED_ROOM)
		return;
	add(n, "rehearsal", NEED_AT_WORK, more,
	    "that much more the collector took in `lifeboat rehearse`: %" PRIu64 " of %" PRIu64
	    " MiB",
	    f->rehearsed >> 20, f->rehearsed_limit >> 20);
	n->collector += more;
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
	add_rehearsed(n, f);
	add(n, "programs", NEED_AT_WORK, kib(NEED_PROGRAMS_KIB), "/init and what guards it");
	add(n, "LUKS", NEED_AT_WORK, f->luks ? kib(NEED_LUKS_KIB) + f->luks_memory : 0,
	    "cryptsetup, 8 MiB, a guess, and what the most costly keyslot of the header asks for");
}

static void add_devices(struct need *n, const struct need_facts *f)
{
	add(n, "network", NEED_AT_WORK, f->network ? kib(NEED_NETWORK_KIB) : 0,
	    "rings of a light card, socket buffers: a guess");
	for (size_t i = 0; i < NEED_NICS_MAX; i++) {
		uint64_t cards = nics[i].each || !f->nics[i] ? f->nics[i] : 1;

		add(n, nics[i].driver, NEED_AT_WORK, cards * nics[i].mib * MIB,
		    "driver of %u network card%s: %s", f->nics[i], f->nics[i] == 1 ? "" : "s",
		    nics[i].source);
	}
	add(n, "swiotlb", NEED_ALWAYS, f->swiotlb,
	    "bounce buffers, for memory is encrypted (SME, SEV, TDX); swiotlb= in cmdline_append "
	    "sets them");
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
 * Sections of struct pages, those of the reservation itself: all of each section that it touches, and
 * of the first one, where the low megabyte is.
 */
static uint64_t count_sections(const struct need *n, uint64_t start)
{
	uint64_t sections = 0, end, before;

	// They need room, too, and may reach into one more section by that.
	do {
		before = sections;
		end = start + sum(n) + sections * NEED_SECTION_MAP;
		sections = (end - 1) / NEED_SECTION - start / NEED_SECTION + 1;
		sections += start / NEED_SECTION != 0;
	} while (sections != before && sections < 1 << 20);
	return sections;
}

static void add_struct_pages(struct need *n, const struct need_facts *f)
{
	// Of a place that is not known the worst is taken: it lies across a border.
	uint64_t worst = count_sections(n, NEED_SECTION + NEED_SECTION - NEED_ALIGN);
	uint64_t sections = f->area_end ? count_sections(n, f->area_start) : worst;

	n->elsewhere = worst > sections ? (worst - sections) * NEED_SECTION_MAP : 0;
	add(n, "struct pages", NEED_ALWAYS, sections * NEED_SECTION_MAP,
	    "of %" PRIu64 " sections of 128 MiB that it touches, 2 MiB each", sections);
}

/* A machine of QEMU with one CPU and one small disk; its own target has neither ssh nor LUKS. */
static uint64_t count_not_in_lab(const struct need *n)
{
	static const char *const names[] = {"ssh",     "network",   "LUKS",	  "CPUs",
					    "swiotlb", "rehearsal", "file system"};
	uint64_t bytes = 0;

	for (size_t i = 0; i < n->n; i++) {
		const struct need_line *l = &n->lines[i];
		bool absent = need_nic(l->name) >= 0;

		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			absent = absent || strcmp(l->name, names[k]) == 0;
		bytes += absent ? l->bytes : 0;
	}
	return bytes;
}

void need_compute(struct need *n, const struct need_facts *f)
{
	*n = (struct need){.n = 0};
	add_kernel(n, f);
	add_initrd(n, f);
	add_collector(n, f);
	add_file_system(n, f);
	add_devices(n, f);
	add_cpus(n, f);
	add_struct_pages(n, f);
	n->not_in_lab = count_not_in_lab(n);
	n->total = (sum(n) + MIB - 1) / MIB * MIB;
}

uint64_t need_reserve(uint64_t need)
{
	return ((need + NEED_STEP - 1) / NEED_STEP + 1) * NEED_STEP;
}
