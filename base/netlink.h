/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netlink: requests to the kernel over a netlink socket (netlink(7)), and the attributes of
 * what it answers. Every answer is waited for with a limit, every attribute is checked against
 * the bytes that are left.
 */
#ifndef BASE_NETLINK_H
#define BASE_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	NETLINK_MESSAGE_MAX = 2048, /* bytes of a request */
	NETLINK_ANSWER_MAX = 64 << 10, /* bytes of one datagram of an answer */
	NETLINK_ANSWERS_MAX = 1 << 16, /* messages of one answer: a walk that ends */
	NETLINK_WAIT_S = 10, /* seconds without any answer */
	NETLINK_NEST_MAX = 4,
};

struct netlink {
	int fd; /* -1: closed */
	uint32_t seq;
};

/* A request as it is put together. A sum that does not fit sets `overflow`; sending it fails. */
struct netlink_message {
	uint8_t buf[NETLINK_MESSAGE_MAX] __attribute__((aligned(8)));
	size_t used;
	size_t nest[NETLINK_NEST_MAX]; /* where the open ones begin */
	unsigned int depth;
	int overflow;
};

/* The payload of an attribute; data is NULL when it is not there. Borrowed. */
struct netlink_attr {
	const uint8_t *data;
	size_t size;
};

/* A message of an answer: its nlmsg_type and what follows its header. 0, or an error to stop. */
typedef int netlink_take(void *ctx, uint16_t type, const uint8_t *data, size_t size,
			 struct err *err);

/* A socket of @protocol, such as NETLINK_ROUTE. Close takes a closed one. */
int netlink_open(struct netlink *nl, int protocol, struct err *err);
void netlink_close(struct netlink *nl);

/* Begins a request: @type, NLM_F_* @flags beside NLM_F_REQUEST, and the family's own header. */
void netlink_begin(struct netlink_message *m, uint16_t type, uint16_t flags, const void *header,
		   size_t size);
void netlink_put(struct netlink_message *m, uint16_t type, const void *data, size_t size);
void netlink_put_u8(struct netlink_message *m, uint16_t type, uint8_t value);
void netlink_put_u16(struct netlink_message *m, uint16_t type, uint16_t value);
void netlink_put_u32(struct netlink_message *m, uint16_t type, uint32_t value);
void netlink_put_string(struct netlink_message *m, uint16_t type, const char *value);
void netlink_nest(struct netlink_message *m, uint16_t type);
void netlink_nest_end(struct netlink_message *m);

/*
 * Sends @m and takes the answer: calls @take (may be NULL) for each message of it, up to the end of
 * a dump or, of anything else, the acknowledgement. A dump of what changed meanwhile is asked for
 * again, so that @take may be told the same twice. What the kernel refuses is ERR_SYS with
 * its errno, and its own words where it has any.
 */
int netlink_ask(struct netlink *nl, struct netlink_message *m, netlink_take *take, void *ctx,
		struct err *err);

/* Takes the @size bytes at @data as netlink_ask() takes a datagram of an answer to request 0. */
int netlink_walk(const uint8_t *data, size_t size, netlink_take *take, void *ctx, struct err *err);

/*
 * Fills @table[0 .. @max) with the attributes among the @size bytes at @data, by their type; of a
 * type that stands twice the last counts, those of @max and above are passed over. ERR_CORRUPT
 * when an attribute is larger than what is left.
 */
int netlink_attrs(const uint8_t *data, size_t size, struct netlink_attr *table, size_t max,
		  struct err *err);

/* What an attribute holds; @fallback when it is not there or too short. */
uint8_t netlink_u8(const struct netlink_attr *a, uint8_t fallback);
uint16_t netlink_u16(const struct netlink_attr *a, uint16_t fallback);
uint32_t netlink_u32(const struct netlink_attr *a, uint32_t fallback);
/* As a string in the @room bytes at @buf, cut where it does not fit; "" when it is not there. */
void netlink_string(const struct netlink_attr *a, char *buf, size_t room);

#endif
