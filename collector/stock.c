// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/stock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/err.h"
#include "collector/depot.h"
#include "collector/peer.h"
#include "collector/receive.h"

enum {
	STEP = 64 << 20, // bytes written before the room is looked at again
	LOCK_TURN_MS = 2000, // for others to let go of the root, before a sign of life
	LOCK_TURNS = 30,
	LOCK_TURNS_HELLO = 5, // of who has not begun: it may come back
};

int stock_init(struct stock *s, const struct receive_conf *conf, struct depot *depot,
	       struct peer *peer, struct err *err)
{
	*s = (struct stock){
		.conf = conf,
		.depot = depot,
		.peer = peer,
		.list = malloc(sizeof(*s->list)),
	};
	return s->list ? 0 : err_set(err, ERR_NOMEM, "no memory for a list of dumps");
}

void stock_deinit(struct stock *s)
{
	free(s->list);
	s->list = NULL;
}

bool stock_is_limited(const struct stock *s)
{
	const struct retention_limits *l = &s->conf->limits;

	return l->keep_dumps || l->keep_bytes || l->keep_days || l->min_free;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Takes our own directory, and those that others write to, out of the list: *@held is theirs. */
static void set_apart(struct stock *s, uint64_t *own, uint64_t *held)
{
	struct retention *l = s->list;

	*own = *held = 0;
	for (size_t i = 0; i < l->n;) {
		struct retention_dump *d = &l->dumps[i];

		if (!depot_is_busy(s->depot, d->name)) {
			i++;
			continue;
		}
		*(strcmp(d->name, s->depot->name) == 0 ? own : held) += d->bytes;
		*d = l->dumps[--l->n];
	}
}

static uint64_t free_bytes(const struct stock *s)
{
	struct statvfs vfs;

	if (fstatvfs(s->depot->root, &vfs))
		return 0;
	return (uint64_t)vfs.f_bavail * vfs.f_frsize;
}

/* Removes what the limits say, where that may be done now; the bytes of what stays. */
static uint64_t remove_old(struct stock *s, bool may)
{
	uint64_t stays = 0;

	for (size_t i = s->list->n; i-- > 0;) {
		const struct retention_dump *d = &s->list->dumps[i];
		struct err why = {0};

		if (!d->remove || !may) {
			stays += d->bytes;
		} else if (retention_remove(s->depot->root, d->name, &why)) {
			stays += d->bytes;
			receive_tell(s->conf, "%s should make room, and stays: %s", d->name,
				     why.msg);
		} else {
			depot_forget(s->depot, d->name);
			receive_tell(s->conf, "%s removed to make room", d->name);
			// Who does not hear it will be told by the next frame.
			peer_beat(s->peer, NULL);
		}
	}
	return stays;
}

/*
 * The lock of the root. To remove large dumps may take another client long, and what they leave is
 * for us: who is in the middle of a dump would be refused room that there is.
 */
static bool lock_root(struct stock *s)
{
	int turns = s->peer->f.type == WIRE_HELLO ? LOCK_TURNS_HELLO : LOCK_TURNS;
	struct err err = {0};

	for (int i = 0; i < turns; i++) {
		if (!depot_lock(s->depot, LOCK_TURN_MS, &err))
			return true;
		if (peer_beat(s->peer, &err))
			break;
	}
	receive_tell(s->conf, "%s: no room is made", err.msg);
	return false;
}

uint64_t stock_take(struct stock *s, uint64_t want)
{
	const struct retention_limits *l = &s->conf->limits;
	struct retention_ask ask = {.now = time(NULL), .incoming = true};
	uint64_t own, held, used, room = UINT64_MAX;
	struct err err = {0};
	bool locked;

	s->left = UINT64_MAX;
	if (!stock_is_limited(s))
		return free_bytes(s);
	locked = lock_root(s);
	if (retention_scan(s->list, s->depot->root, NULL, &err))
		receive_tell(s->conf, "%s", err.msg);
	set_apart(s, &own, &held);
	ask.need = want;
	ask.held = own + held;
	ask.free = free_bytes(s);
	retention_decide(s->list->dumps, s->list->n, l, &ask);
	used = remove_old(s, locked) + own + held;
	if (locked)
		depot_unlock(s->depot);
	if (l->keep_bytes)
		room = minus(l->keep_bytes, used);
	if (l->min_free && minus(free_bytes(s), l->min_free) < room)
		room = minus(free_bytes(s), l->min_free);
	s->left = room < STEP ? room : STEP;
	return room < free_bytes(s) ? room : free_bytes(s);
}

enum wire_code stock_ask(struct stock *s, uint64_t size, struct err *err)
{
	uint64_t room;

	if (size > s->left) {
		room = stock_take(s, size);
		if (stock_is_limited(s) && size > room) {
			err_set(err, ERR_NOSPC, "%s/%s: %llu bytes more are over the quota",
				s->depot->name, s->depot->rec.file, (unsigned long long)size);
			return WIRE_E_SPACE;
		}
	}
	s->left -= size < s->left ? size : s->left;
	return 0;
}
