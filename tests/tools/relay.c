// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relay: a bad way between a client and a server: a TCP forwarder on the loopback that is as slow
 * as it is told, and to which things happen after so many bytes of the client.
 *
 *   relay HOST PORT [WORD]...
 *     rate=BYTES            a second, of what the client sends
 *     at=BYTES:hold=MS      nothing comes through in either direction for so long
 *     at=BYTES:cut          all connections are reset; new ones are as good as ever
 *     at=BYTES:refuse       the same, and there are no new ones
 *     at=BYTES:swallow      from then on nothing that the server says comes through, until cut
 *     at=BYTES:run=COMMAND  of a shell; nothing moves until it ends
 *     deaf                  never answers a SYN, as a host that is not there
 *
 * Bytes are counted over all connections; what lies before the place of an event has been handed
 * to the server's side when it happens. Several events stand in the order of their places. Prints
 * "port N" first, and "sent N answered N" when a connection ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	LINKS_MAX = 32,
	EVENTS_MAX = 16,
	BUFFER_SIZE = 64 << 10,
	TICK_MS = 5,
};

enum event_kind { EVENT_HOLD, EVENT_CUT, EVENT_REFUSE, EVENT_SWALLOW, EVENT_RUN };

struct event {
	uint64_t at; /* bytes of the client */
	enum event_kind kind;
	uint64_t ms; /* EVENT_HOLD */
	const char *command; /* EVENT_RUN */
};

/* One direction of a connection. */
struct flow {
	int from, to;
	bool ended; /* nothing more comes, and the other side was told so */
	size_t start, end; /* of what waits in buf */
	char buf[BUFFER_SIZE];
};

struct link {
	int client, server; /* -1, both: free */
	struct flow up, down;
};

struct relay {
	int listener; /* -1: closed */
	struct sockaddr_in server;
	uint64_t rate; /* 0: as fast as it goes */
	uint64_t budget, budget_us; /* bytes that may go now; when that was counted */
	uint64_t sent, answered;
	uint64_t hold_until_us;
	bool swallow;
	struct event events[EVENTS_MAX];
	size_t nevents, next;
	struct link links[LINKS_MAX];
};

static void die(const char *what)
{
	fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void drop(struct relay *r, struct link *l, bool reset)
{
	struct linger now = {.l_onoff = 1};

	if (l->client < 0)
		return;
	if (reset) {
		setsockopt(l->client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		setsockopt(l->server, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	}
	close(l->client);
	close(l->server);
	l->client = l->server = -1;
	printf("sent %" PRIu64 " answered %" PRIu64 "\n", r->sent, r->answered);
}

static void cut(struct relay *r)
{
	for (size_t i = 0; i < LINKS_MAX; i++)
		drop(r, &r->links[i], true);
	r->swallow = false;
}

static void act(struct relay *r, const struct event *e)
{
	printf("at %" PRIu64 "\n", r->sent);
	switch (e->kind) {
	case EVENT_HOLD:
		r->hold_until_us = now_us() + e->ms * 1000;
		break;
	case EVENT_REFUSE:
		close(r->listener);
		r->listener = -1;
		cut(r);
		break;
	case EVENT_CUT:
		cut(r);
		break;
	case EVENT_SWALLOW:
		r->swallow = true;
		break;
	case EVENT_RUN:
		if (system(e->command))
			fprintf(stderr, "relay: failed: %s\n", e->command);
		break;
	}
}

/* How much of the client's may be taken in now. */
static size_t allowed(const struct relay *r)
{
	uint64_t n = BUFFER_SIZE;

	if (r->next < r->nevents && r->events[r->next].at - r->sent < n)
		n = r->events[r->next].at - r->sent;
	if (r->rate && r->budget < n)
		n = r->budget;
	return n;
}

static void refill(struct relay *r)
{
	uint64_t now = now_us(), most = r->rate / 20;

	if (!r->rate)
		return;
	r->budget += (now - r->budget_us) * r->rate / 1000000;
	r->budget_us = now;
	if (r->budget > most)
		r->budget = most;
}

/* Returns false when the connection is over. */
static bool take(struct relay *r, struct flow *f, bool up)
{
	size_t room = up ? allowed(r) : BUFFER_SIZE;
	ssize_t got;

	if (f->ended || f->end || !room)
		return true;
	got = recv(f->from, f->buf, room, MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!got) {
		f->ended = true;
		shutdown(f->to, SHUT_WR);
		return true;
	}
	f->start = 0;
	f->end = got;
	if (up && r->rate)
		r->budget -= got;
	return true;
}

static bool give(struct relay *r, struct flow *f, bool up)
{
	ssize_t put;

	if (!f->end)
		return true;
	if (!up && r->swallow) {
		f->end = 0;
		return true;
	}
	put = send(f->to, f->buf + f->start, f->end - f->start, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (put < 0)
		return errno == EAGAIN || errno == EINTR;
	*(up ? &r->sent : &r->answered) += put;
	f->start += put;
	if (f->start == f->end)
		f->start = f->end = 0;
	return true;
}

static void events_due(struct relay *r)
{
	while (r->next < r->nevents && r->events[r->next].at <= r->sent)
		act(r, &r->events[r->next++]);
}

static void move(struct relay *r, struct link *l)
{
	bool good = take(r, &l->up, true) && give(r, &l->up, true);

	events_due(r);
	if (l->client < 0)
		return;
	good = good && take(r, &l->down, false) && give(r, &l->down, false);
	if (!good)
		drop(r, l, true);
	else if (l->up.ended && l->down.ended && !l->up.end && !l->down.end)
		drop(r, l, false);
}

static void take_connection(struct relay *r)
{
	struct link *l = NULL;
	int one = 1, client = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
	int server;

	if (client < 0)
		return;
	for (size_t i = 0; i < LINKS_MAX && !l; i++)
		if (r->links[i].client < 0)
			l = &r->links[i];
	server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!l || server < 0 ||
	    connect(server, (const struct sockaddr *)&r->server, sizeof(r->server))) {
		close(client);
		close(server);
		return;
	}
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	l->client = client;
	l->server = server;
	l->up.from = l->down.to = client;
	l->up.to = l->down.from = server;
	l->up.ended = l->down.ended = false;
	l->up.start = l->up.end = l->down.start = l->down.end = 0;
}

/* Waits for something to do: at most a tick when it is only time that must pass. */
static void wait_for_work(struct relay *r, bool held)
{
	struct pollfd p[1 + 2 * LINKS_MAX];
	size_t room = allowed(r);
	nfds_t n = 0;
	int ms = -1;

	if (r->listener >= 0 && !held)
		p[n++] = (struct pollfd){.fd = r->listener, .events = POLLIN};
	for (size_t i = 0; i < LINKS_MAX && !held; i++) {
		struct link *l = &r->links[i];
		short client = 0, server = 0;

		if (l->client < 0)
			continue;
		if (l->up.end)
			server |= POLLOUT;
		else if (!l->up.ended && room)
			client |= POLLIN;
		else if (!l->up.ended)
			ms = TICK_MS;
		if (l->down.end)
			client |= POLLOUT;
		else if (!l->down.ended)
			server |= POLLIN;
		// Without an event asked for, poll() tells of hang-ups without end.
		p[n++] = (struct pollfd){.fd = client ? l->client : -1, .events = client};
		p[n++] = (struct pollfd){.fd = server ? l->server : -1, .events = server};
	}
	poll(p, n, held ? TICK_MS : ms);
}

static void serve(struct relay *r)
{
	struct pollfd ready = {.fd = r->listener, .events = POLLIN};

	for (;;) {
		bool held = now_us() < r->hold_until_us;

		wait_for_work(r, held);
		if (held)
			continue;
		refill(r);
		ready.fd = r->listener;
		if (poll(&ready, 1, 0) == 1)
			take_connection(r);
		for (size_t i = 0; i < LINKS_MAX; i++)
			if (r->links[i].client >= 0)
				move(r, &r->links[i]);
		fflush(stdout);
		if (r->listener < 0)
			pause();
	}
}

/* Fills the queue of connections that wait, so that the kernel drops the SYN of any other. */
static void be_deaf(const struct sockaddr_in *self)
{
	for (int i = 0; i < 4; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0)
			die("socket");
		connect(fd, (const struct sockaddr *)self, sizeof(*self));
		usleep(20000);
	}
	for (;;)
		pause();
}

static void parse_event(struct relay *r, const char *word)
{
	struct event *e = &r->events[r->nevents];
	char *rest;

	e->at = strtoull(word, &rest, 10);
	if (r->nevents == EVENTS_MAX || *rest++ != ':')
		goto bad;
	if (!strncmp(rest, "hold=", 5)) {
		e->kind = EVENT_HOLD;
		e->ms = strtoull(rest + 5, NULL, 10);
	} else if (!strncmp(rest, "run=", 4)) {
		e->kind = EVENT_RUN;
		e->command = rest + 4;
	} else if (!strcmp(rest, "cut")) {
		e->kind = EVENT_CUT;
	} else if (!strcmp(rest, "refuse")) {
		e->kind = EVENT_REFUSE;
	} else if (!strcmp(rest, "swallow")) {
		e->kind = EVENT_SWALLOW;
	} else {
		goto bad;
	}
	if (r->nevents++ && e->at < e[-1].at)
		goto bad;
	return;
bad:
	fprintf(stderr, "relay: at=%s: what is that?\n", word);
	exit(2);
}

int main(int argc, char **argv)
{
	struct relay *r = calloc(1, sizeof(*r));
	struct sockaddr_in self = {.sin_family = AF_INET};
	socklen_t len = sizeof(self);
	bool deaf = false;

	if (!r || argc < 3) {
		fprintf(stderr, "usage: relay HOST PORT [WORD]...; see the source\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	r->server.sin_family = AF_INET;
	r->server.sin_port = htons(atoi(argv[2]));
	if (inet_pton(AF_INET, argv[1], &r->server.sin_addr) != 1) {
		fprintf(stderr, "relay: %s is no IPv4 address\n", argv[1]);
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		if (!strncmp(argv[i], "rate=", 5))
			r->rate = strtoull(argv[i] + 5, NULL, 10);
		else if (!strncmp(argv[i], "at=", 3))
			parse_event(r, argv[i] + 3);
		else if (!strcmp(argv[i], "deaf"))
			deaf = true;
		else
			parse_event(r, argv[i]);
	}
	for (size_t i = 0; i < LINKS_MAX; i++)
		r->links[i].client = r->links[i].server = -1;
	r->budget_us = now_us();
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (r->listener < 0 || bind(r->listener, (const struct sockaddr *)&self, sizeof(self)) ||
	    listen(r->listener, deaf ? 0 : LINKS_MAX) ||
	    getsockname(r->listener, (struct sockaddr *)&self, &len))
		die("cannot listen");
	printf("port %d\n", ntohs(self.sin_port));
	fflush(stdout);
	if (deaf)
		be_deaf(&self);
	// Those at byte 0 are due before anything comes.
	events_due(r);
	serve(r);
	return 0;
}
