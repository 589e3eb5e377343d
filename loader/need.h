/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * need: how much memory a capture kernel takes, by what is known of it before it ever ran. A sum of
 * lines, each with its source; a decision only, nothing is read here (sizing.h does).
 *
 * There are two moments at which it is short: when the kernel unpacks the initrd, since both copies
 * are there then, and when the dump is made. What is needed is the larger one of the two. What the
 * first process unpacks of the initrd it does between them, with less at work than later.
 */
#ifndef LOADER_NEED_H
#define LOADER_NEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NEED_LINES_MAX = 32,
	NEED_SOURCE_MAX = 160,

	/* Struct pages come by sections of 128 MiB (SECTION_SIZE_BITS 27), 64 bytes a page: */
	NEED_SECTION = 128 << 20,
	NEED_SECTION_MAP = 2 << 20,
	NEED_ALIGN = 16 << 20, /* where a reservation may begin: CRASH_ALIGN, arch/x86 */
	/*
	 * What a kernel takes beside its image: page tables, slabs, stacks, hashes, buffers of its
	 * drivers. A base, and a part of the image: docs/estimate.md tells the runs that these were
	 * fitted to. The files of tracefs are not among it: cmdline.c leaves them out.
	 */
	NEED_KERNEL_BASE_KIB = 1 << 10,
	NEED_KERNEL_PERCENT = 3,
	/* Of its own init sections, which it gives back behind the initrd: a large one has more. */
	NEED_INIT_SHARE = 50, /* a 50th of the image, */
	NEED_KERNEL_LARGE = 40 << 20,
	NEED_INIT_LARGE_SHARE = 2, /* and half of what is beyond that */
	/* /init, its guard and the programs they run: busybox, a static program, some times. */
	NEED_PROGRAMS_KIB = 1 << 10,
	/* The collector with the least that it makes do with: `--memory 1`, docs/memory.md. */
	NEED_COLLECTOR_KIB = 4608,
	NEED_COLLECTOR_TIB_KIB = 768, /* for each TiB of the dead machine */
	/* What is on its way to a disk: dirty pages, requests, a journal. */
	NEED_DISK_KIB = 1 << 10,
	/*
	 * What mounting ext2, ext3 or ext4 (fs/ext4, of 6.1) takes for each group of blocks, and keeps: an
	 * ext4_group_info, 184 bytes, 22 of them in a page; a descriptor, 64; and a buffer_head of 104 and
	 * pointers for each 64 of these. A group is what a block of 4 KiB has bits for.
	 */
	NEED_EXT_GROUP = 272, /* bytes */
	NEED_EXT_GROUP_SIZE = 128 << 20,
	NEED_EXT_LEAST = 1 << 20, /* less is in what was measured with small disks */
	/* Rings of a light card, socket buffers, and what the protocols take: a guess. */
	NEED_NETWORK_KIB = 3 << 10,
	/* The ssh client, and what was sent and is kept until it is acknowledged. */
	NEED_SSH_KIB = 8 << 10,
	/*
	 * Bounce buffers of a kernel whose memory is encrypted: swiotlb_default_size() is 64 MiB, and
	 * sev_setup_arch(), 6 % of memory, is not less (arch/x86/mm/mem_encrypt.c).
	 */
	NEED_SWIOTLB = 64 << 20,
	NEED_NICS_MAX = 11,
	/* cryptsetup itself, a guess; what its keyslot asks for comes to that. */
	NEED_LUKS_KIB = 8 << 10,
	/*
	 * A rehearsal gives the collector what the reservation leaves it. With that much more than
	 * it needs, it takes more only because it is there.
	 */
	NEED_REHEARSED_ROOM =
		12 << 20, /* bytes: the margin, rounding, and a place that is not the worst */
	NEED_STEP = 4 << 20,
	/* A program that loads a module has all of it in memory twice. */
	NEED_ELFCOREHDR_ENTRY = 56, /* Elf64_Phdr */
};

struct need_facts {
	uint64_t kernel; /* bytes: init_size of its header, or what its program headers say */
	const char *kernel_source;
	uint64_t initrd_packed, initrd_first, initrd_unpacked, initrd_window; /* initrd.h */
	const char *initrd_codec;
	uint64_t modules; /* bytes, loaded */
	size_t nmodules;
	uint64_t module_largest; /* bytes of the largest file */
	uint64_t memory; /* bytes of RAM of the machine that dies */
	unsigned int
		cpus; /* that the capture kernel is to have; 0: as many as are chosen by room */
	unsigned int present; /* CPUs of the machine; 0: not known */
	bool may_start; /* others than the one that panicked: cpus.h */
	unsigned int notes; /* CPUs of the machine, each a note in elfcorehdr */
	unsigned int ranges; /* of memory in elfcorehdr */
	uint64_t area_start, area_end; /* reserved; 0 and 0: not known */
	uint64_t swiotlb; /* bytes of bounce buffers; 0: its memory is not encrypted */
	unsigned int nics[NEED_NICS_MAX]; /* cards of each driver of need_nic() */
	bool disk, network, ssh;
	uint64_t ext; /* bytes of the largest ext2, ext3 or ext4 of a target; 0: there is none */
	bool luks;
	uint64_t luks_memory; /* bytes of the keyslot */
	/* Bytes that the collector took in a rehearsal, and had; 0: there was none. */
	uint64_t rehearsed, rehearsed_limit;
};

enum need_when {
	NEED_ALWAYS,
	NEED_AT_BOOT, /* when the kernel unpacks the initrd */
	NEED_AT_WORK, /* when the dump is made */
};

struct need_line {
	const char *name;
	enum need_when when;
	uint64_t bytes;
	char source[NEED_SOURCE_MAX];
};

struct need {
	struct need_line lines[NEED_LINES_MAX];
	size_t n;
	uint64_t always, boot, work; /* sums of the three */
	uint64_t total; /* bytes, whole MiB, of a reservation where it lies now */
	uint64_t
		not_in_lab; /* bytes of lines that `lifeboat calibrate` does not have in its machine */
	uint64_t elsewhere; /* bytes that it takes more at the worst place, at most */
	uint64_t collector; /* bytes of lines that are the collector's and those of what it runs */
};

/* The number, below NEED_NICS_MAX, of a driver of network cards that takes much; -1: it is none. */
int need_nic(const char *driver);

void need_compute(struct need *n, const struct need_facts *f);

/*
 * What to reserve for @need bytes: whole 4 MiB, and 4 MiB more, the step in which sizes are tried: one
 * run that succeeded at a size is not the next one.
 */
uint64_t need_reserve(uint64_t need);

#endif
