/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memmodel: which memory model a kernel was built with, by the keys of vmcoreinfo that only that
 * one has.
 */
#ifndef VMCORE_MEMMODEL_H
#define VMCORE_MEMMODEL_H

struct vmcoreinfo;

enum memmodel {
	MEMMODEL_UNKNOWN, /* no model's keys are there */
	MEMMODEL_SPARSE, /* mem_section, its size, and section_mem_map in it */
	MEMMODEL_FLAT, /* mem_map */
};

/*
 * Kernels without CONFIG_NUMA export mem_map, also those that have sections and do not use it:
 * sections count first. There is no DISCONTIGMEM: x86_64 and arm64 had it no more in 5.10, and
 * 5.14 removed it (bb1c50d3967f, "mm: remove CONFIG_DISCONTIGMEM").
 */
enum memmodel memmodel_of(const struct vmcoreinfo *vi);

#endif
