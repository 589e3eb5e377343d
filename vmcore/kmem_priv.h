/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kmem_priv: between kmem.c, which makes sense of a vmcoreinfo, and kmem_scan.c, which finds
 * one in memory.
 */
#ifndef VMCORE_KMEM_PRIV_H
#define VMCORE_KMEM_PRIV_H

#include "vmcore/kmem.h"

enum {
	KMEM_PAGE_MIN = 4 << 10, /* sizes of a page that PAGESIZE may say */
	KMEM_PAGE_MAX = 64 << 10,
	KMEM_SCAN_WINDOW = 4 << 20, /* bytes mapped at a time */
	KMEM_SCAN_CANDIDATES_MAX = 1024, /* pages tried; real memory has a handful */
};

/* Memory looked through at most: 4 TiB, minutes at the speed of /proc/vmcore. */
#define KMEM_SCAN_MAX (4ULL << 40)

/*
 * The @size bytes of @text as the vmcoreinfo of @km: fills vi, page size, translation, names
 * and times. ERR_CORRUPT and the codes of vmcoreinfo_create() when it is not usable: then @km
 * is as it was. @why as for kmem_init().
 */
int kmem_adopt(struct kmem *km, const void *text, size_t size, struct err *why, struct err *err);

/* Releases what kmem_adopt() made, and that alone. */
void kmem_forget(struct kmem *km);

/*
 * Looks through memory for a vmcoreinfo and adopts the best: one that is proven, then one with
 * the time of the crash, then the one with most keys, then the last. ERR_NOTFOUND when none is.
 */
int kmem_scan(struct kmem *km, struct err *why, struct err *err);

#endif
