// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/watch.h"

#include <sys/mman.h>

#include "base/err.h"

void *watch_share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void watch_unshare(void *memory, size_t size)
{
	if (memory)
		munmap(memory, size);
}

void watch_stage(struct watch *w, enum manifest_stage stage)
{
	if (!w)
		return;
	// First, so that a request for the stage before is void in this one.
	w->turn++;
	w->stage = stage;
}

enum manifest_stage watch_stage_now(const struct watch *w)
{
	return w ? w->stage : STAGE_OPEN;
}

void watch_tier(struct watch *w, enum tier tier, enum tier_state state)
{
	if (w)
		w->tiers[tier] = state;
}

void watch_written(struct watch *w, uint64_t bytes)
{
	if (w)
		w->written += bytes;
}

void watch_acknowledged_all(struct watch *w)
{
	if (w)
		w->acknowledged = w->written;
}

void watch_acknowledged(struct watch *w, uint64_t bytes)
{
	if (w)
		w->acknowledged = bytes;
}

void watch_saved(struct watch *w, uint64_t bytes)
{
	if (w)
		w->saved = bytes;
}

void watch_beat(struct watch *w)
{
	if (w)
		w->beats++;
}

void watch_memory(struct watch *w, uint64_t bytes)
{
	if (w)
		w->memory = bytes;
}

/* All of a request in one word, which cannot be seen half made. */
void watch_ask(struct watch *w, uint32_t turn, enum watch_stop stop, enum verdict_why why)
{
	w->request = (uint64_t)turn << 32 | (uint64_t)why << 8 | stop;
}

int watch_check(struct watch *w, struct err *err)
{
	uint64_t request = w ? w->request : WATCH_GO_ON;
	enum watch_stop stop = request & 0xff;

	if (stop == WATCH_GO_ON || (stop == WATCH_STOP_TIER && request >> 32 != w->turn))
		return 0;
	return err_set(err, ERR_STOPPED, "%s", verdict_why_name(request >> 8 & 0xff));
}
