/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * corehdr: the elfcorehdr of this machine, from what the running kernel tells: where each CPU
 * keeps its crash note, where vmcoreinfo is, what is memory. It is what /proc/vmcore of the
 * capture kernel is made of.
 */
#ifndef LOADER_COREHDR_H
#define LOADER_COREHDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct iomem;

enum {
	COREHDR_CPUS_MAX = 8192, /* CONFIG_NR_CPUS at most */
};

/* Where a CPU keeps its note. */
struct corehdr_note {
	unsigned int cpu;
	uint64_t addr, size;
};

struct corehdr {
	uint8_t *data; /* owned */
	size_t size;
	struct corehdr_note *notes; /* owned; those of CPUs, ascending */
	size_t ncpus, nranges; /* notes of CPUs and ranges of memory in it */
	uint64_t memory; /* bytes of the ranges */
	bool has_vaddrs; /* the ranges have the kernel's addresses, from /proc/kcore */
};

/*
 * Builds it from the files below @root and @iomem. Left out: what is reserved for the capture
 * kernel, and the first MiB, which the capture kernel uses (the running one has kept it free since
 * 5.14, a799c2bd29d1, and with crashkernel= since 5.5, 6f599d84231f). ERR_NOTFOUND when no CPU has
 * a note or there is no vmcoreinfo, ERR_CORRUPT when a note is not inside memory. corehdr_deinit()
 * in any case.
 */
int corehdr_build(struct corehdr *c, const char *root, const struct iomem *iomem, struct err *err);
void corehdr_deinit(struct corehdr *c);

/* Where the kernel has its vmcoreinfo note, and its size: ERR_NOTFOUND. */
int corehdr_vmcoreinfo(const char *root, uint64_t *addr, uint64_t *size, struct err *err);

/*
 * Whether the running kernel itself keeps what is loaded up to date when CPUs and memory come and
 * go: 1, or 0 when it does not for what is loaded now, -1 when it cannot (before 6.6).
 */
int corehdr_hotplug(const char *root);

#endif
