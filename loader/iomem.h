/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iomem: the physical address space as /proc/iomem tells it: what is memory, what firmware keeps,
 * where the capture kernel may lie.
 */
#ifndef LOADER_IOMEM_H
#define LOADER_IOMEM_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	IOMEM_SIZE_MAX = 8 << 20, /* of the file: large machines have some 10,000 lines */
	IOMEM_RANGES_MAX = 1 << 17,
	IOMEM_NAME_MAX = 48,
};

/*
 * What crashkernel=SIZE,cma gave (6.17): memory of the running kernel that the capture kernel uses as
 * its own, and that is in no dump. It is not in /proc/iomem, but in a file of its own.
 */
#define IOMEM_CMA "Crash kernel CMA"

struct iomem_range {
	uint64_t start, end; /* [start, end) */
	unsigned int depth; /* 0: not inside another */
	char name[IOMEM_NAME_MAX]; /* cut where it is longer */
};

struct iomem {
	struct iomem_range *ranges; /* owned, in the order of the file, IOMEM_CMA behind them */
	size_t n;
};

/*
 * ERR_CORRUPT with the line that is not "start-end : name". One without a name, or that ends with the
 * address space, is a device's and passed over. The caller frees with iomem_free().
 */
int iomem_parse(struct iomem *m, const char *text, struct err *err);

/* From the files below @root. ERR_SYS also when it shows zeros only, as it does to who is not root. */
int iomem_read(struct iomem *m, const char *root, struct err *err);

void iomem_free(struct iomem *m);

/* The range called @name that is highest, at any depth, NULL if there is none. */
const struct iomem_range *iomem_highest(const struct iomem *m, const char *name);

#endif
