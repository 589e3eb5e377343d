/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stock: what lies in lifeboat-receive's root already, and the room that is left beside it: older
 * dumps go where the limits say so (collector/retention.h), and never one that is being written.
 */
#ifndef COLLECTOR_STOCK_H
#define COLLECTOR_STOCK_H

#include "collector/retention.h"
#include "collector/wire.h"

struct depot;
struct err;
struct peer;
struct receive_conf;

struct stock {
	const struct receive_conf *conf; /* limits, and who is told; borrowed, as the next two */
	struct depot *depot;
	struct peer *peer; /* kept patient while older dumps go */
	uint64_t left; /* bytes that may be written before the room is looked at again */
	struct retention *list;
};

/* ERR_NOMEM. Deinit takes one of zeros. */
int stock_init(struct stock *s, const struct receive_conf *conf, struct depot *depot,
	       struct peer *peer, struct err *err);
void stock_deinit(struct stock *s);

/*
 * Looks at what there is, and makes room for @want bytes more where the limits allow older dumps
 * to go. Returns the bytes that may be written now, as far as limits and disk go.
 */
uint64_t stock_take(struct stock *s, uint64_t want);

/* Whether @size bytes more may be written, as far as our own limits go: 0 or WIRE_E_SPACE. */
enum wire_code stock_ask(struct stock *s, uint64_t size, struct err *err);

/* Whether there are limits, so that older dumps may go. */
bool stock_is_limited(const struct stock *s);

#endif
