// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * window: memory of the dead kernel mapped where it lies in the file.
 *
 * The address space is reserved once, and each move maps over it with MAP_FIXED: one system
 * call, and no other thread can get in between. Moves go through it from the beginning to the end,
 * and only then is all of it taken away at once: to take a mapping away means to interrupt all
 * CPUs on which other threads run (mmu_gather, arch/x86/mm/tlb.c), to map where nothing is does
 * not. Pages kept are scattered in short runs, so that is once a block instead of once a run.
 * Only pages of the file that are wholly the
 * range's own are mapped. At the ends of a range of /proc/vmcore a page may hold memory that
 * was never described as RAM, and such a page is not to be mapped, only read up to the end.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "vmcore/sigbus.h"
#include "vmcore/source.h"
#include "vmcore/vmcore_priv.h"

enum {
	BOUNCE_AHEAD = 64 << 10, /* bytes read at once where nothing can be mapped */
	COPY_AHEAD = 128 << 10, /* and where reading is the better way */
	MAP_FAILURES_MAX = 4, /* then the file is taken for one that cannot be mapped */
};

static size_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

static uint64_t round_down(uint64_t v)
{
	return v & ~(uint64_t)(page_size() - 1);
}

// Only where it cannot wrap: sizes below 2^63.
static uint64_t round_up(uint64_t v)
{
	return round_down(v + page_size() - 1);
}

static bool mappable(const struct vmcore *vc)
{
	return vc->format->mappable && !vc->srcs[0].flat;
}

static void *reserve(size_t size, int prot)
{
	void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int vmcore_window_init(struct vmcore_window *w, struct vmcore *vc, size_t size_max, struct err *err)
{
	*w = (struct vmcore_window){.vc = vc, .guard = -1};
	if (!size_max || size_max > SIZE_MAX / 4)
		return err_set(err, ERR_LIMIT, "window of %zu bytes", size_max);
	w->size_max = round_up(size_max);
	// One page more, since what is wanted may begin inside a page.
	w->map_size = w->size_max + page_size();
	w->bounce = reserve(w->size_max, PROT_READ | PROT_WRITE);
	if (mappable(vc))
		w->map = reserve(w->map_size, PROT_NONE);
	if (!w->bounce || (mappable(vc) && !w->map)) {
		err_sys(err, "window of %zu bytes", w->size_max);
		vmcore_window_deinit(w);
		return ERR_NOMEM;
	}
	if (w->map)
		w->guard = sigbus_add(w->map, w->map_size, &vc->read_errors);
	return 0;
}

void vmcore_window_deinit(struct vmcore_window *w)
{
	sigbus_drop(w->guard);
	if (w->map)
		munmap(w->map, w->map_size);
	if (w->bounce)
		munmap(w->bounce, w->size_max);
	*w = (struct vmcore_window){.guard = -1};
}

bool vmcore_window_prefer_copy(struct vmcore_window *w)
{
	w->copies = mappable(w->vc) && source_cached(&w->vc->srcs[0]);
	return w->copies;
}

bool vmcore_window_is_copy(const struct vmcore_window *w)
{
	return w->data == w->bounce;
}

/*
 * A mapping that failed. The kernel may have removed what was there before it asked the file,
 * and another thread may have got that place meanwhile: it must not be touched again. The
 * rest of the reservation is still ours and goes back.
 */
static void map_failed(struct vmcore_window *w, size_t size)
{
	size_t behind = w->map_used + size;

	sigbus_drop(w->guard);
	w->guard = -1;
	if (w->map_used)
		munmap(w->map, w->map_used);
	if (behind < w->map_size)
		munmap(w->map + behind, w->map_size - behind);
	w->map = NULL;
	w->map_used = 0;
	if (++w->map_failures >= MAP_FAILURES_MAX)
		return;
	w->map = reserve(w->map_size, PROT_NONE);
	if (w->map)
		w->guard = sigbus_add(w->map, w->map_size, &w->vc->read_errors);
}

/* Finds room for @size bytes in the reservation; false when what is there cannot be removed. */
static bool make_room(struct vmcore_window *w, size_t size)
{
	size_t used = w->map_used;

	if (w->map_size - used >= size)
		return true;
	w->map_used = 0;
	// What maps over all of it needs no other call.
	if (size >= used ||
	    mmap(w->map, used, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		 -1, 0) != MAP_FAILED)
		return true;
	map_failed(w, used);
	return false;
}

// Tries to map @want bytes of @r from @skip on, fewer down to @need; false when it cannot be.
static bool move_mapped(struct vmcore_window *w, const struct vmcore_range *r, uint64_t skip,
			size_t need, size_t want)
{
	uint64_t offset = r->offset + skip;
	uint64_t first = round_down(offset), end = round_up(offset + want);
	uint64_t data_end = round_down(r->offset + r->filesz);

	if (!w->map || first < r->offset)
		return false;
	if (end > data_end)
		end = data_end;
	if (end <= offset || end - offset < need)
		return false;
	if (!make_room(w, end - first))
		return false;
	if (mmap(w->map + w->map_used, end - first, PROT_READ, MAP_PRIVATE | MAP_FIXED,
		 w->vc->srcs[0].fd, first) == MAP_FAILED) {
		map_failed(w, end - first);
		return false;
	}
	sigbus_moved(w->guard);
	w->data = w->map + w->map_used + (offset - first);
	w->map_used += end - first;
	w->len = end - offset < want ? end - offset : want;
	return true;
}

static int move_read(struct vmcore_window *w, const struct vmcore_range *r, uint64_t skip,
		     size_t need, size_t want, struct err *err)
{
	// At a page that is only partly the range's, no more than the page: then mapping goes on.
	// What has to be decompressed is not read ahead at all.
	size_t most = w->map || !w->vc->format->mappable ? page_size() : BOUNCE_AHEAD;
	int rc;

	if (w->copies)
		most = COPY_AHEAD;
	if (want > most)
		want = need > most ? need : most;
	rc = w->vc->format->read(w->vc, r, skip, w->bounce, want, err);
	if (rc)
		return rc;
	w->data = w->bounce;
	w->len = want;
	return 0;
}

static int move(struct vmcore_window *w, paddr_t paddr, size_t need, size_t ahead, struct err *err)
{
	const struct vmcore_range *r = vmcore_find(w->vc, paddr);
	uint64_t skip = r ? paddr - r->paddr : 0, len = 0;
	size_t want = ahead > need ? ahead : need;
	bool there = false;
	int rc;

	if (want > w->size_max)
		want = w->size_max;
	if (r)
		len = vmcore_run(w->vc, r, skip, want, &there);
	if (!there)
		len = 0;
	if (!there || len < need)
		return err_set(err, ERR_NOTFOUND,
			       "physical address %#llx: %zu bytes wanted, %llu in the file",
			       (unsigned long long)paddr, need, (unsigned long long)len);
	want = len;
	w->data = NULL;
	w->len = 0;
	if (w->copies || !move_mapped(w, r, skip, need, want)) {
		rc = move_read(w, r, skip, need, want, err);
		if (rc) {
			err_prepend(err, "physical address %#llx", (unsigned long long)paddr);
			return rc;
		}
	}
	w->paddr = paddr;
	return 0;
}

int vmcore_window_get(struct vmcore_window *w, paddr_t paddr, size_t need, size_t ahead,
		      const uint8_t **ret, size_t *len_ret, struct err *err)
{
	uint64_t skip = paddr - w->paddr;
	int rc;

	if (need > w->size_max)
		return err_set(err, ERR_LIMIT, "%zu bytes of a window of %zu wanted", need,
			       w->size_max);
	if (paddr < w->paddr || skip >= w->len || w->len - skip < need ||
	    sigbus_spoiled(w->guard)) {
		rc = move(w, paddr, need, ahead, err);
		if (rc)
			return rc;
		skip = 0;
	}
	*ret = w->data + skip;
	*len_ret = w->len - skip;
	return 0;
}
