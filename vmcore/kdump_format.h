/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kdump_format: the kdump-compressed file, header version 6, for 64-bit machines: where each
 * field stands. From makedumpfile's IMPLEMENTATION and diskdump_mod.h, and crash's diskdump.h;
 * docs/dump-format.md has the whole. All integers are little-endian here.
 *
 *   block 0   header                                   KDUMP_HEADER_SIZE bytes of it used
 *   block 1   sub header, then the notes               sub_hdr_size blocks
 *             bitmap1: the page is memory              bitmap_blocks / 2
 *             bitmap2: the page has a descriptor       bitmap_blocks / 2
 *             descriptors, in PFN order                24 bytes each
 *             page data, in any order
 */
#ifndef VMCORE_KDUMP_FORMAT_H
#define VMCORE_KDUMP_FORMAT_H

#define KDUMP_SIGNATURE "KDUMP   "

enum kdump_format {
	KDUMP_VERSION = 6,

	/* Header: offset of each field. */
	KDUMP_H_SIGNATURE = 0, /* 8 bytes */
	KDUMP_H_VERSION = 8,
	KDUMP_H_UTSNAME = 12, /* 6 fields of KDUMP_UTS_LEN */
	KDUMP_H_TV_SEC = 408,
	KDUMP_H_TV_USEC = 416, /* stays 0: libkdumpfile probes block_size of ILP32 there */
	KDUMP_H_STATUS = 424,
	KDUMP_H_BLOCK_SIZE = 428,
	KDUMP_H_SUB_HDR_SIZE = 432,
	KDUMP_H_BITMAP_BLOCKS = 436,
	KDUMP_H_MAX_MAPNR = 440, /* cut to 32 bits; the sub header has all of it */
	KDUMP_H_NR_CPUS = 460,
	KDUMP_HEADER_SIZE = 464,
	KDUMP_UTS_LEN = 65,

	/* Sub header. */
	KDUMP_S_PHYS_BASE = 0,
	KDUMP_S_DUMP_LEVEL = 8,
	KDUMP_S_SPLIT = 12,
	KDUMP_S_START_PFN = 16,
	KDUMP_S_END_PFN = 24,
	KDUMP_S_OFFSET_VMCOREINFO = 32,
	KDUMP_S_SIZE_VMCOREINFO = 40,
	KDUMP_S_OFFSET_NOTE = 48,
	KDUMP_S_SIZE_NOTE = 56,
	KDUMP_S_OFFSET_ERASEINFO = 64,
	KDUMP_S_SIZE_ERASEINFO = 72,
	KDUMP_S_START_PFN_64 = 80,
	KDUMP_S_END_PFN_64 = 88,
	KDUMP_S_MAX_MAPNR_64 = 96,
	KDUMP_SUB_HEADER_SIZE = 104,

	/* status, beside the codec flag of the dump */
	KDUMP_STATUS_INCOMPLETE = 0x8,

	/* Page descriptor. */
	KDUMP_D_OFFSET = 0,
	KDUMP_D_SIZE = 8,
	KDUMP_D_FLAGS = 12,
	KDUMP_D_PAGE_FLAGS = 16,
	KDUMP_DESC_SIZE = 24,
};

#endif
