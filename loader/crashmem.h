/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crashmem: what really lies in the memory that is reserved for the capture kernel, read back
 * through /proc/kcore, for the running kernel only tells that something is there. Whoever else
 * loaded it, and whatever was written over it since, is seen here. The kernel write-protects that
 * memory on x86 and lets it be read; on arm64 it is not mapped at all.
 */
#ifndef LOADER_CRASHMEM_H
#define LOADER_CRASHMEM_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct iomem;
struct kernel;
struct vmcore;
struct elfcorehdr_segment;

enum {
	CRASHMEM_CMDLINE_MAX = 4096,
	CRASHMEM_SEGMENTS_MAX = 1 << 16,
	CRASHMEM_STEP = 256 << 10, /* between two pages that a quick comparison looks at */
};

struct crashmem {
	uint64_t params; /* physical address of boot_params */
	uint64_t corehdr; /* the elfcorehdr, as the command line says; 0: it does not */
	uint64_t initrd, initrd_size;
	char cmdline[CRASHMEM_CMDLINE_MAX]; /* without the words that the loader puts in front */
};

/* Opens the memory of the running kernel below @root, as a vmcore that the caller closes. ERR_SYS
 * where the kernel is locked down, or this is not root. */
int crashmem_open(const char *root, struct vmcore **ret, struct err *err);

/* What is looked for: pieces of an earlier load may still lie about. */
struct crashmem_want {
	const char *cmdline;
	uint64_t initrd_size;
};

/*
 * Looks through the reserved memory for what @want says; where that is not there, any other kernel
 * will do. ERR_NOTFOUND when none lies there as this loader and the kernel's own lay it out.
 */
int crashmem_find(struct crashmem *m, struct vmcore *kcore, const struct iomem *iomem,
		  const struct crashmem_want *want, struct err *err);

/* The same where it is known: ERR_NOTFOUND when it is not, or no longer, at @params. */
int crashmem_read(struct crashmem *m, struct vmcore *kcore, uint64_t params, struct err *err);

/*
 * Holds @size bytes at @data against memory at @paddr: 0, or ERR_CORRUPT with the first difference.
 * Of each @step bytes one page is looked at, and the last one; 1: all of them.
 */
int crashmem_compare(struct vmcore *kcore, uint64_t paddr, const void *data, uint64_t size,
		     uint64_t step, struct err *err);

/* Where @k lies, and whether all of it is as in its file, like crashmem_compare(). ERR_NOTFOUND when
 * it is nowhere. */
int crashmem_kernel(struct vmcore *kcore, const struct iomem *iomem, const struct kernel *k,
		    uint64_t step, struct err *err);

/* The elfcorehdr that the capture kernel will find: *@ret is freed by the caller. */
int crashmem_corehdr(struct vmcore *kcore, const struct crashmem *m,
		     struct elfcorehdr_segment **ret, size_t *n, struct err *err);

#endif
