/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pagecache: the few pages of old memory that are read word by word. A read of /proc/vmcore
 * maps and unmaps a page in the kernel, whatever its size, and a walk of the page tables reads
 * a word of each level: without this, walking would cost more than filtering. Old memory does
 * not change, so what is kept stays right.
 */
#ifndef VMCORE_PAGECACHE_H
#define VMCORE_PAGECACHE_H

#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;
struct vmcore;

enum {
	PAGECACHE_PAGE = 4096, /* bytes kept together, whatever the dead kernel's page size */
	PAGECACHE_PAGES = 32, /* a power of two; 128 KiB in all */
};

struct pagecache;

/* For reads of @vc (borrowed). ERR_NOMEM. Takes NULL to destroy. */
int pagecache_create(struct vmcore *vc, struct pagecache **ret, struct err *err);
void pagecache_destroy(struct pagecache *pc);

/* As vmcore_read(); what does not fit into one page of the cache goes past it. Any thread. */
int pagecache_read(struct pagecache *pc, paddr_t paddr, void *buf, size_t size, struct err *err);

#endif
