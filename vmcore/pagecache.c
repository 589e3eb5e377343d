// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/pagecache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "vmcore/vmcore.h"

struct slot {
	bool used;
	paddr_t page;
	uint8_t data[PAGECACHE_PAGE];
};

struct pagecache {
	struct vmcore *vc;
	pthread_mutex_t lock; // of the slots; held over a read, which is short
	struct slot slots[PAGECACHE_PAGES];
};

int pagecache_create(struct vmcore *vc, struct pagecache **ret, struct err *err)
{
	struct pagecache *pc = calloc(1, sizeof(*pc));

	if (!pc)
		return err_set(err, ERR_NOMEM, "no memory to keep %d pages", PAGECACHE_PAGES);
	pc->vc = vc;
	pthread_mutex_init(&pc->lock, NULL);
	*ret = pc;
	return 0;
}

void pagecache_destroy(struct pagecache *pc)
{
	if (!pc)
		return;
	pthread_mutex_destroy(&pc->lock);
	free(pc);
}

/* Where a page may stand: the tables of a walk lie anywhere, so all of the number counts. */
static struct slot *slot_of(struct pagecache *pc, paddr_t page)
{
	uint64_t n = page / PAGECACHE_PAGE;

	return &pc->slots[(n ^ n >> 5 ^ n >> 10) % PAGECACHE_PAGES];
}

int pagecache_read(struct pagecache *pc, paddr_t paddr, void *buf, size_t size, struct err *err)
{
	paddr_t page = paddr & ~(paddr_t)(PAGECACHE_PAGE - 1);
	size_t skip = paddr - page;
	struct slot *s = slot_of(pc, page);
	bool have;

	if (size > PAGECACHE_PAGE - skip || size == PAGECACHE_PAGE)
		return vmcore_read(pc->vc, paddr, buf, size, err);
	pthread_mutex_lock(&pc->lock);
	have = s->used && s->page == page;
	if (!have) {
		have = !vmcore_read(pc->vc, page, s->data, PAGECACHE_PAGE, NULL);
		s->used = have;
		s->page = page;
	}
	if (have)
		memcpy(buf, s->data + skip, size);
	pthread_mutex_unlock(&pc->lock);
	// A page that is memory only in part, or not at all.
	return have ? 0 : vmcore_read(pc->vc, paddr, buf, size, err);
}
