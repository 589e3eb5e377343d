// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"

enum {
	INTERRUPTED_MAX = 4, // times that a dump is asked for again since what it tells of changed
	WORDS_MAX = 160, // of the kernel, about what it refuses
};

int netlink_open(struct netlink *nl, int protocol, struct err *err)
{
	struct timeval limit = {.tv_sec = NETLINK_WAIT_S};
	int on = 1;

	*nl = (struct netlink){.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)};
	if (nl->fd < 0)
		return err_sys(err, "netlink socket");
	// Without these there are fewer words about an error; that is all.
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	if (setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit))) {
		int rc = err_sys(err, "netlink socket: its limit");

		netlink_close(nl);
		return rc;
	}
	return 0;
}

void netlink_close(struct netlink *nl)
{
	if (nl->fd >= 0)
		close(nl->fd);
	nl->fd = -1;
}

/* @size bytes at the end, and zeros up to a multiple of 4. */
static void append(struct netlink_message *m, const void *data, size_t size)
{
	size_t room = sizeof(m->buf) - m->used;

	if (size > room || NLMSG_ALIGN(size) > room) {
		m->overflow = 1;
		return;
	}
	if (size)
		memcpy(m->buf + m->used, data, size);
	memset(m->buf + m->used + size, 0, NLMSG_ALIGN(size) - size);
	m->used += NLMSG_ALIGN(size);
}

void netlink_begin(struct netlink_message *m, uint16_t type, uint16_t flags, const void *header,
		   size_t size)
{
	struct nlmsghdr h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};

	m->used = 0;
	m->depth = 0;
	m->overflow = 0;
	append(m, &h, sizeof(h));
	append(m, header, size);
}

void netlink_put(struct netlink_message *m, uint16_t type, const void *data, size_t size)
{
	struct nlattr a = {.nla_type = type};

	if (size > sizeof(m->buf)) {
		m->overflow = 1;
		return;
	}
	a.nla_len = NLA_HDRLEN + size;
	append(m, &a, sizeof(a));
	append(m, data, size);
}

void netlink_put_u8(struct netlink_message *m, uint16_t type, uint8_t value)
{
	netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_u16(struct netlink_message *m, uint16_t type, uint16_t value)
{
	netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_u32(struct netlink_message *m, uint16_t type, uint32_t value)
{
	netlink_put(m, type, &value, sizeof(value));
}

void netlink_put_string(struct netlink_message *m, uint16_t type, const char *value)
{
	netlink_put(m, type, value, strlen(value) + 1);
}

void netlink_nest(struct netlink_message *m, uint16_t type)
{
	if (m->depth == NETLINK_NEST_MAX) {
		m->overflow = 1;
		return;
	}
	m->nest[m->depth++] = m->used;
	netlink_put(m, type | NLA_F_NESTED, NULL, 0);
}

void netlink_nest_end(struct netlink_message *m)
{
	uint16_t len;
	size_t at;

	if (!m->depth || m->overflow)
		return;
	at = m->nest[--m->depth];
	len = m->used - at;
	memcpy(m->buf + at, &len, sizeof(len));
}

static struct cursor host_cursor(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_init(data, size, 0);

	c.big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	return c;
}

int netlink_attrs(const uint8_t *data, size_t size, struct netlink_attr *table, size_t max,
		  struct err *err)
{
	struct cursor c = host_cursor(data, size);

	memset(table, 0, max * sizeof(*table));
	while (cursor_left(&c) >= NLA_HDRLEN) {
		const uint8_t *payload;
		uint16_t len = 0, type = 0;
		int rc = cursor_u16(&c, &len, err);

		if (!rc)
			rc = cursor_u16(&c, &type, err);
		if (rc)
			return rc;
		if (len < NLA_HDRLEN || len - NLA_HDRLEN > (int)cursor_left(&c))
			return err_set(err, ERR_CORRUPT,
				       "netlink attribute %u: %u bytes where %zu are left",
				       type & NLA_TYPE_MASK, len, cursor_left(&c) + NLA_HDRLEN);
		rc = cursor_bytes(&c, len - NLA_HDRLEN, &payload, err);
		if (rc)
			return rc;
		type &= NLA_TYPE_MASK;
		if (type < max)
			table[type] = (struct netlink_attr){payload, len - NLA_HDRLEN};
		cursor_align(&c, NLA_ALIGNTO);
	}
	return 0;
}

uint8_t netlink_u8(const struct netlink_attr *a, uint8_t fallback)
{
	return a->data && a->size >= 1 ? a->data[0] : fallback;
}

uint16_t netlink_u16(const struct netlink_attr *a, uint16_t fallback)
{
	if (a->data && a->size >= sizeof(fallback))
		memcpy(&fallback, a->data, sizeof(fallback));
	return fallback;
}

uint32_t netlink_u32(const struct netlink_attr *a, uint32_t fallback)
{
	if (a->data && a->size >= sizeof(fallback))
		memcpy(&fallback, a->data, sizeof(fallback));
	return fallback;
}

void netlink_string(const struct netlink_attr *a, char *buf, size_t room)
{
	size_t len = a->data ? strnlen((const char *)a->data, a->size) : 0;

	if (len >= room)
		len = room - 1;
	if (len)
		memcpy(buf, a->data, len);
	buf[len] = '\0';
}

/* The kernel's answer to a request, or the end of a dump: its errno, and its words (NLMSGERR_*). */
static int take_error(const struct nlmsghdr *h, const uint8_t *data, size_t size, struct err *err)
{
	struct netlink_attr table[NLMSGERR_ATTR_OFFS + 1] = {{NULL, 0}};
	struct cursor c = host_cursor(data, size);
	size_t skip = sizeof(struct nlmsghdr);
	char words[WORDS_MAX] = "";
	uint32_t code = 0;

	// The end of a dump need not say anything.
	if (cursor_u32(&c, &code, NULL) || !code)
		return 0;
	if (h->nlmsg_type == NLMSG_DONE)
		skip = 0;
	if (h->nlmsg_flags & NLM_F_ACK_TLVS && !cursor_skip(&c, skip, NULL) &&
	    !netlink_attrs(data + c.pos, cursor_left(&c), table, NLMSGERR_ATTR_OFFS + 1, NULL))
		netlink_string(&table[NLMSGERR_ATTR_MSG], words, sizeof(words));
	errno = -(int)code;
	return words[0] ? err_sys(err, "the kernel refuses (%s)", words)
			: err_sys(err, "the kernel refuses");
}

struct answer {
	uint32_t seq;
	bool dump;
	bool done;
	bool interrupted;
	unsigned int count;
	netlink_take *take;
	void *ctx;
};

static int take_message(struct answer *a, const struct nlmsghdr *h, const uint8_t *data,
			size_t size, struct err *err)
{
	if (h->nlmsg_seq != a->seq)
		return 0; // of an earlier request that was given up
	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		a->interrupted = true;
	if (h->nlmsg_type == NLMSG_NOOP)
		return 0;
	if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
		a->done = true;
		return take_error(h, data, size, err);
	}
	if (++a->count > NETLINK_ANSWERS_MAX)
		return err_set(err, ERR_LIMIT, "netlink: more than %d messages in an answer",
			       NETLINK_ANSWERS_MAX);
	return a->take ? a->take(a->ctx, h->nlmsg_type, data, size, err) : 0;
}

static int take_datagram(struct answer *a, const uint8_t *buf, size_t size, struct err *err)
{
	size_t at = 0;

	while (!a->done && size - at >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		int rc;

		memcpy(&h, buf + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > size - at)
			return err_set(err, ERR_CORRUPT,
				       "netlink message of %u bytes where %zu are left",
				       h.nlmsg_len, size - at);
		rc = take_message(a, &h, buf + at + sizeof(h), h.nlmsg_len - sizeof(h), err);
		if (rc)
			return rc;
		at += NLMSG_ALIGN(h.nlmsg_len) < size - at ? NLMSG_ALIGN(h.nlmsg_len) : size - at;
	}
	return 0;
}

int netlink_walk(const uint8_t *data, size_t size, netlink_take *take, void *ctx, struct err *err)
{
	struct answer a = {.take = take, .ctx = ctx};

	return take_datagram(&a, data, size, err);
}

static int receive(struct netlink *nl, struct answer *a, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(NETLINK_ANSWER_MAX);
	int rc = 0;

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory for an answer of the kernel");
	while (!rc && !a->done) {
		ssize_t n = recv(nl->fd, buf, NETLINK_ANSWER_MAX, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "netlink: no answer of the kernel");
		rc = take_datagram(a, buf, n, err);
	}
	return rc;
}

int netlink_ask(struct netlink *nl, struct netlink_message *m, netlink_take *take, void *ctx,
		struct err *err)
{
	struct answer a;
	struct nlmsghdr h;
	int rc, tries = 0;

	if (m->overflow || m->depth)
		return err_set(err, ERR_LIMIT, "netlink: a request that does not fit");
	do {
		memcpy(&h, m->buf, sizeof(h));
		h.nlmsg_len = m->used;
		h.nlmsg_seq = ++nl->seq;
		h.nlmsg_flags |= NLM_F_ACK;
		memcpy(m->buf, &h, sizeof(h));
		a = (struct answer){.seq = h.nlmsg_seq, .take = take, .ctx = ctx};
		if (send(nl->fd, m->buf, m->used, 0) < 0)
			return err_sys(err, "netlink: send");
		rc = receive(nl, &a, err);
	} while (!rc && a.interrupted && ++tries < INTERRUPTED_MAX);
	return rc;
}
