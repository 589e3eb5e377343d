// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat-receive and the collector's side of it, in two processes: bytes in any order, a ring
 * that is full, connections that end at any byte, and a server that lies.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/depot.h"
#include "collector/peer.h"
#include "collector/receive.h"
#include "collector/sink.h"
#include "collector/uplink.h"

#define DIR_NAME "192.0.2.1-2026-11-21-03:44:59"
#define OLD_NAME "192.0.2.1-2026-11-20-03:44:59"

enum {
	SIZE = 3 << 20, /* of a file, several times the ring */
	RING = 256 << 10,
	PATIENCE_MS = 20000,
	SILENT_MS = 300, /* enough for a server that has nothing to wait for */
};

struct place {
	char root[40];
	struct receive_conf server;
	struct uplink_conf conf;
	pid_t pid;
	int fd;
	unsigned int starts;
	/* The server's process is killed when so many bytes came from the client, or went to it. */
	size_t in_limit, out_limit;
	bool mute; /* or what it says beyond out_limit is lost, and when the client waits, the connection */
	int gate; /* the server's; 0: none */
	bool no_fallocate; /* the server's file system cannot allocate ahead */
};

/* Carries bytes from one to the other, up to a limit; false when there are no more. */
static bool carry(int from, int to, size_t *limit)
{
	static char buf[4096];
	size_t want = *limit < sizeof(buf) ? *limit : sizeof(buf);
	ssize_t n = want ? read(from, buf, want) : 0;

	if (n <= 0)
		return false;
	*limit -= n;
	return !io_write(to, buf, n, NULL);
}

/*
 * Of a server whose disk is slow: no file is synced before a byte can be read there; and where that
 * is FULL, it turns out that there was no room for what was written.
 */
#define FULL 'f'

static int gate = -1;

int fsync(int fd)
{
	struct stat st;
	char byte;

	if (gate < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return syscall(SYS_fsync, fd);
	if (read(gate, &byte, 1) < 1)
		return -1;
	if (byte == FULL) {
		errno = ENOSPC;
		return -1;
	}
	return syscall(SYS_fsync, fd);
}

/* As of a file system without it. */
static void forbid_fallocate(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = {.len = sizeof(filter) / sizeof(*filter), .filter = filter};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), 0);
}

/* Hears the server out, which sees the end of what the client says. */
static void lose_the_rest(int server)
{
	char skip[4096];

	shutdown(server, SHUT_WR);
	while (read(server, skip, sizeof(skip)) > 0)
		;
}

/* Carries what the server says; when it may be heard no longer, nothing of it. */
static bool carry_out(const struct place *p, int server, int client, size_t *limit)
{
	char skip[4096];

	if (*limit || !p->mute)
		return carry(server, client, limit);
	return read(server, skip, sizeof(skip)) > 0;
}

/* A server, and between it and the client one who ends both after so many bytes. */
static void be_server(const struct place *p, int client, size_t in_limit, size_t out_limit)
{
	int pair[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	pid = fork();
	if (!pid) {
		struct err err;

		close(client);
		close(pair[0]);
		if (p->gate)
			gate = p->gate;
		_exit(receive_run(&p->server, pair[1], pair[1], &err) ? 1 : 0);
	}
	close(pair[1]);
	for (;;) {
		struct timeval silent = {.tv_usec = SILENT_MS * 1000};
		bool may_end = p->mute && !out_limit;
		fd_set set;

		FD_ZERO(&set);
		FD_SET(client, &set);
		FD_SET(pair[0], &set);
		if (!select((client > pair[0] ? client : pair[0]) + 1, &set, NULL, NULL,
			    may_end ? &silent : NULL))
			break;
		if (FD_ISSET(client, &set) && !carry(client, pair[0], &in_limit))
			break;
		if (FD_ISSET(pair[0], &set) && !carry_out(p, pair[0], client, &out_limit))
			break;
	}
	// The client is done, or it is time.
	if (p->mute && !out_limit) {
		lose_the_rest(pair[0]);
	} else if (in_limit && out_limit) {
		shutdown(pair[0], SHUT_WR);
		while (carry(pair[0], client, &out_limit))
			;
	} else {
		kill(pid, SIGKILL);
	}
	waitpid(pid, NULL, 0);
	_exit(0);
}

static int connect_it(void *ctx, uint64_t patience, int *in, int *out, struct err *err)
{
	struct place *p = ctx;
	int pair[2];

	(void)patience, (void)err;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	p->pid = fork();
	if (!p->pid) {
		close(pair[0]);
		signal(SIGPIPE, SIG_IGN);
		// Only the first connection is cut.
		be_server(p, pair[1], p->starts ? SIZE_MAX : p->in_limit,
			  p->starts ? SIZE_MAX : p->out_limit);
	}
	p->starts++;
	close(pair[1]);
	*in = *out = p->fd = pair[0];
	return 0;
}

static void hang_up(void *ctx)
{
	struct place *p = ctx;

	close(p->fd);
	waitpid(p->pid, NULL, 0);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	strcpy(p->root, "/dev/shm/test_receive.XXXXXX");
	assert_non_null(mkdtemp(p->root));
	p->server.root = p->root;
	p->in_limit = p->out_limit = SIZE_MAX;
	p->conf = (struct uplink_conf){
		.connect = connect_it,
		.hang_up = hang_up,
		.ctx = p,
		.ring = RING,
		.outage_ms = 20000,
	};
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	char command[80];

	snprintf(command, sizeof(command), "rm -rf %s", p->root);
	assert_int_equal(system(command), 0);
	free(p);
	return 0;
}

static uint8_t *pattern(size_t size)
{
	uint8_t *buf = malloc(size);

	assert_non_null(buf);
	for (size_t i = 0; i < size; i++)
		buf[i] = (i * 0x9e3779b97f4a7c15ULL) >> 56;
	return buf;
}

static struct uplink *enter(struct place *p)
{
	struct uplink *u;
	struct err err = {0};

	if (uplink_create(&p->conf, &u, &err) || uplink_enter(u, DIR_NAME, &err))
		fail_msg("%s", err.msg);
	return u;
}

/* The bytes of a file there; the length, or -1 when it is not there. */
static ssize_t load(const struct place *p, const char *name, uint8_t *buf, size_t size)
{
	char path[300];
	CLEANUP_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "%s/" DIR_NAME "/%s", p->root, name);
	fd = open(path, O_RDONLY);
	return fd < 0 ? -1 : io_read(fd, buf, size, NULL);
}

static void check_file(const struct place *p, const char *name, const uint8_t *want, size_t size)
{
	CLEANUP_FREE uint8_t *got = malloc(size + 1);

	assert_non_null(got);
	assert_int_equal(load(p, name, got, size + 1), size);
	assert_memory_equal(got, want, size);
}

/*
 * Writes a file as a dump is written: its index reserved, page data behind it, the index in any
 * order and part of it twice. The bytes at the end are those of pattern().
 */
static int write_like_a_dump(struct uplink *u, const uint8_t *data, struct err *err)
{
	size_t index = 100000;
	int rc = uplink_open(u, "vmcore", 0, err);

	if (!rc)
		rc = uplink_reserve(u, 4096, index, err);
	if (!rc)
		rc = uplink_write(u, "not yet", 7, 0, false, err);
	for (size_t at = index; at < SIZE && !rc; at += 70000) {
		size_t n = SIZE - at < 70000 ? SIZE - at : 70000;
		size_t desc = at % index;

		rc = uplink_write(u, data + at, n, at, true, err);
		if (!rc)
			rc = uplink_write(u, data + desc, index - desc, desc, false, err);
	}
	if (!rc)
		rc = uplink_write(u, data, index, 0, false, err);
	return rc;
}

static void test_round_trip(void **state)
{
	struct place *p = *state;
	CLEANUP_FREE uint8_t *data = pattern(SIZE), *back = malloc(SIZE);
	struct uplink *u = enter(p);
	struct err err = {0};
	uint64_t room = 0;

	if (write_like_a_dump(u, data, &err) || uplink_drain(u, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(uplink_written(u), UINT64_MAX);
	assert_int_equal(uplink_size(u), SIZE);
	assert_int_equal(uplink_read(u, back, SIZE, 0, &err), 0);
	assert_memory_equal(back, data, SIZE);
	assert_int_equal(uplink_read(u, back, 100, SIZE - 50, &err), ERR_NOTFOUND);
	assert_int_equal(uplink_space(u, &room, &err), 0);
	assert_true(room > 0);
	assert_int_equal(load(p, "vmcore", back, SIZE), -1);
	assert_int_equal(uplink_commit(u, &err), 0);
	check_file(p, "vmcore", data, SIZE);
	assert_int_equal(load(p, "vmcore-incomplete", back, SIZE), -1);
	uplink_destroy(u);
	assert_int_equal(p->starts, 1);
}

static void test_sink(void **state)
{
	struct place *p = *state;
	CLEANUP_FREE uint8_t *data = pattern(SIZE);
	struct uplink *u = enter(p);
	struct sink s;

	assert_int_equal(sink_receive_open(&s, u, "vmcore", "vmcore-incomplete", NULL), 0);
	assert_int_equal(sink_stream_at(&s, data + 7, 1000, 7, NULL), 0);
	assert_int_equal(sink_restart(&s, NULL), 0);
	assert_int_equal(sink_resize(&s, 5000, NULL), 0);
	assert_int_equal(sink_stream_at(&s, data, 4000, 0, NULL), 0);
	assert_int_equal(sink_write_at(&s, data + 4000, 1000, 4000, NULL), 0);
	assert_int_equal(sink_sync(&s, NULL), 0);
	assert_int_equal(sink_commit(&s, NULL), 0);
	sink_close(&s);
	check_file(p, "vmcore", data, 5000);
	// Neither committed nor kept: gone. Kept: there.
	assert_int_equal(sink_receive_open(&s, u, "vmcore-mini", "vmcore-mini", NULL), 0);
	sink_close(&s);
	assert_int_equal(load(p, "vmcore-mini-incomplete", data, 1), -1);
	assert_int_equal(sink_receive_open(&s, u, "vmcore-mini", "vmcore-mini", NULL), 0);
	assert_int_equal(sink_keep(&s, NULL), 0);
	sink_close(&s);
	assert_int_equal(load(p, "vmcore-mini-incomplete", data, 1), 0);
	uplink_destroy(u);
}

/* Cuts the connection after so many bytes either way: all arrives, whatever was lost. */
static void cut(void **state, size_t in_limit, size_t out_limit)
{
	struct place *p;
	CLEANUP_FREE uint8_t *data = pattern(SIZE);
	struct err err = {0};
	struct uplink *u;

	setup(state);
	p = *state;
	p->in_limit = in_limit;
	p->out_limit = out_limit;
	u = enter(p);
	if (write_like_a_dump(u, data, &err) || uplink_commit(u, &err))
		fail_msg("cut at %zu, %zu: %s", in_limit, out_limit, err.msg);
	uplink_destroy(u);
	check_file(p, "vmcore", data, SIZE);
	assert_int_equal(p->starts, 2);
	teardown(state);
}

static void test_cut_connections(void **state)
{
	static const size_t in[] = {1,	   39,	   40,	    100,     150,     5000,
				    70000, 300000, 1000001, 2000000, 3000000, 3900000};
	static const size_t out[] = {1, 39, 64, 65, 103, 104, 105, 144, 184, 400, 1000};

	for (size_t i = 0; i < sizeof(in) / sizeof(*in); i++)
		cut(state, in[i], SIZE_MAX);
	for (size_t i = 0; i < sizeof(out) / sizeof(*out); i++)
		cut(state, SIZE_MAX, out[i]);
}

static void test_no_space(void **state)
{
	struct place *p = *state;
	CLEANUP_FREE uint8_t *data = pattern(SIZE);
	struct uplink *u;
	struct err err = {0};
	uint64_t written;
	uint8_t byte;

	p->server.limits.keep_bytes = 1 << 20;
	u = enter(p);
	assert_int_equal(write_like_a_dump(u, data, &err), ERR_NOSPC);
	assert_non_null(strstr(err.msg, "quota"));
	// How far it came is known, and the index can still be written.
	written = uplink_written(u);
	assert_in_range(written, 100000, 1 << 20);
	assert_int_equal(uplink_write(u, "end", 3, 0, false, &err), 0);
	assert_int_equal(uplink_commit(u, &err), ERR_NOSPC);
	assert_int_equal(uplink_keep(u, &err), 0);
	assert_int_equal(load(p, "vmcore", &byte, 1), -1);
	assert_int_equal(load(p, "vmcore-incomplete", &byte, 1), 1);
	assert_int_equal(byte, 'e');
	// And there is still room for the small files that say so.
	assert_int_equal(uplink_open(u, "collect.log", 0, &err), 0);
	assert_int_equal(uplink_write(u, "x", 1, 0, true, &err), 0);
	assert_int_equal(uplink_commit(u, &err), 0);
	uplink_destroy(u);
}

/* A file that was refused is refused again behind a new connection: the next one is none of that. */
static void test_refused_again(void **state)
{
	struct place *p = *state;
	struct uplink *u;
	struct err err = {0};

	// The first byte of what opens the second file is the last one.
	p->in_limit = WIRE_HEADER + 16 + WIRE_ID + strlen(DIR_NAME) + WIRE_HEADER + 3 + 1;
	u = enter(p);
	assert_int_equal(uplink_open(u, "odd", 0, &err), ERR_USAGE);
	assert_int_equal(uplink_open(u, "vmcore", 0, &err), 0);
	assert_int_equal(uplink_write(u, "data", 4, 0, true, &err), 0);
	assert_int_equal(uplink_commit(u, &err), 0);
	assert_int_equal(uplink_resumes(u), 1);
	check_file(p, "vmcore", (const uint8_t *)"data", 4);
	uplink_destroy(u);
}

/*
 * A chunk has no room, a smaller one behind it has, and of that the client hears nothing before the
 * connection breaks: it learns where the hole is all the same.
 */
static void test_refusal_unheard(void **state)
{
	struct place *p = *state;
	CLEANUP_FREE uint8_t *data = pattern(SIZE);
	size_t chunk = (2 << 20) / 8 - WIRE_HEADER;
	struct err err = {0};
	struct uplink *u;

	p->conf.ring = 2 << 20;
	p->server.limits.keep_bytes = 600 << 10;
	p->mute = true;
	// The welcome, and that the file is open.
	p->out_limit = WIRE_HEADER + WIRE_WELCOME_SIZE + WIRE_HEADER;
	u = enter(p);
	assert_int_equal(uplink_open(u, "vmcore", 0, &err), 0);
	assert_int_equal(uplink_write(u, data, 3 * chunk, 0, true, &err), 0);
	assert_int_equal(uplink_write(u, data, 1000, 3 * chunk, true, &err), 0);
	assert_int_equal(uplink_sync(u, &err), ERR_NOSPC);
	assert_int_equal(uplink_written(u), 2 * chunk);
	assert_int_equal(p->starts, 2);
	assert_int_equal(uplink_keep(u, &err), 0);
	uplink_destroy(u);
}

/* What was refused for lack of room stays refused, though there is room after the connection broke. */
static void test_refused_for_good(void **state)
{
	struct place *p = *state;
	struct uplink *u;
	struct err err = {0};

	p->server.limits.keep_bytes = 1 << 20;
	p->in_limit = WIRE_HEADER + 16 + WIRE_ID + strlen(DIR_NAME) + WIRE_HEADER + 6 + 1;
	u = enter(p);
	assert_int_equal(uplink_open(u, "vmcore", 5 << 20, &err), ERR_NOSPC);
	p->server.limits.keep_bytes = 0;
	err = (struct err){0};
	if (uplink_open(u, "panic.txt", 0, &err) || uplink_write(u, "data", 4, 0, true, &err) ||
	    uplink_commit(u, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(uplink_resumes(u), 1);
	check_file(p, "panic.txt", (const uint8_t *)"data", 4);
	uplink_destroy(u);
}

/* And when the word of it was lost: it was not opened. */
static void test_refused_open_unheard(void **state)
{
	struct place *p = *state;
	struct uplink *u;
	struct err err = {0};

	p->server.limits.keep_bytes = 1 << 20;
	p->mute = true;
	p->out_limit = WIRE_HEADER + WIRE_WELCOME_SIZE;
	u = enter(p);
	p->server.limits.keep_bytes = 0;
	assert_int_equal(uplink_open(u, "vmcore", 5 << 20, &err), ERR_NOSPC);
	assert_int_equal(p->starts, 2);
	assert_int_equal(uplink_open(u, "vmcore", 0, &err), 0);
	assert_int_equal(uplink_abandon(u, &err), 0);
	uplink_destroy(u);
}

/* ---- frames by hand ---- */

struct hand {
	int fd;
	pid_t pid;
	uint64_t seq, chain;
};

static void by_hand(const struct place *p, struct hand *h)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	*h = (struct hand){.fd = pair[0], .pid = fork()};
	if (!h->pid) {
		struct err err;

		close(pair[0]);
		if (p->no_fallocate)
			forbid_fallocate();
		if (p->gate)
			gate = p->gate;
		_exit(receive_run(&p->server, pair[1], pair[1], &err) ? 1 : 0);
	}
	close(pair[1]);
}

static int hang_up_hand(struct hand *h)
{
	int status;

	close(h->fd);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	return status;
}

static void send_frame(struct hand *h, struct wire_frame f, const void *payload)
{
	uint8_t header[WIRE_HEADER];

	if (wire_counted(f.type) && !f.seq)
		f.seq = ++h->seq;
	wire_seal(&f, payload, header);
	if (wire_counted(f.type))
		h->chain = wire_chain(h->chain, f.digest);
	io_write(h->fd, header, sizeof(header), NULL);
	io_write(h->fd, payload, f.size, NULL);
}

static void hello(struct hand *h, uint8_t id, int flags)
{
	struct wire_hello hello = {.version = 1, .name = DIR_NAME};
	struct wire_frame f = {.type = WIRE_HELLO, .flags = flags};
	uint8_t payload[WIRE_HELLO_MAX];

	memset(hello.id, id, WIRE_ID);
	f.size = wire_put_hello(&hello, payload);
	send_frame(h, f, payload);
}

static struct wire_frame read_frame(struct hand *h, uint8_t payload[static WIRE_READ_MAX])
{
	uint8_t header[WIRE_HEADER];
	struct wire_frame f = {0};

	assert_int_equal(io_read(h->fd, header, sizeof(header), NULL), WIRE_HEADER);
	assert_int_equal(wire_header(header, false, &f, NULL), 0);
	assert_int_equal(io_read(h->fd, payload, f.size, NULL), f.size);
	assert_int_equal(wire_check(&f, header, payload, NULL), 0);
	return f;
}

/* Reads frames up to one of that type: its number; for an error, its code. */
static uint64_t expect(struct hand *h, uint16_t type)
{
	for (;;) {
		uint8_t payload[WIRE_READ_MAX];
		struct wire_frame f = read_frame(h, payload);

		if (f.type == type)
			return type == WIRE_ERROR     ? load_le32(payload)
			       : type == WIRE_WELCOME ? load_le64(payload + 8)
						      : f.seq;
	}
}

static void open_file(struct hand *h)
{
	send_frame(h, (struct wire_frame){.type = WIRE_OPEN, .size = 6}, "vmcore");
	assert_int_equal(expect(h, WIRE_ACK), h->seq);
}

static struct wire_frame chunk_at(uint64_t offset, uint64_t seq)
{
	return (struct wire_frame){.type = WIRE_CHUNK, .size = 4, .offset = offset, .seq = seq};
}

static bool is_busy(const struct place *p)
{
	struct depot d;
	bool busy;

	assert_int_equal(depot_open(&d, p->root, NULL), 0);
	busy = depot_is_busy(&d, DIR_NAME);
	depot_close(&d);
	return busy;
}

/* Between two files no file is open, and yet more may come: until the client says goodbye. */
static void test_awaited(void **state)
{
	const struct place *p = *state;
	struct hand h;

	by_hand(p, &h);
	hello(&h, 1, 0);
	open_file(&h);
	send_frame(&h, (struct wire_frame){.type = WIRE_ABANDON}, NULL);
	assert_int_equal(expect(&h, WIRE_ACK), h.seq);
	assert_true(is_busy(p));
	hang_up_hand(&h);
	assert_true(is_busy(p));
	by_hand(p, &h);
	hello(&h, 1, WIRE_F_RESUME);
	assert_int_equal(expect(&h, WIRE_WELCOME), 2);
	send_frame(&h, (struct wire_frame){.type = WIRE_BYE}, NULL);
	assert_int_equal(WEXITSTATUS(hang_up_hand(&h)), 0);
	assert_false(is_busy(p));
}

static void test_replayed_chunk(void **state)
{
	struct hand h;

	by_hand(*state, &h);
	hello(&h, 1, 0);
	assert_int_equal(expect(&h, WIRE_WELCOME), 0);
	open_file(&h);
	send_frame(&h, chunk_at(0, 2), "good");
	send_frame(&h, chunk_at(0, 2), "evil");
	assert_int_equal(expect(&h, WIRE_ERROR), WIRE_E_PROTOCOL);
	assert_int_equal(WEXITSTATUS(hang_up_hand(&h)), 1);
}

static void test_missing_chunk(void **state)
{
	struct hand h;

	by_hand(*state, &h);
	hello(&h, 1, 0);
	open_file(&h);
	send_frame(&h, chunk_at(0, 3), "late");
	assert_int_equal(expect(&h, WIRE_ERROR), WIRE_E_PROTOCOL);
	hang_up_hand(&h);
}

static void test_damaged_chunk(void **state)
{
	struct wire_frame f = chunk_at(0, 2);
	uint8_t header[WIRE_HEADER];
	struct hand h;

	by_hand(*state, &h);
	hello(&h, 1, 0);
	open_file(&h);
	wire_seal(&f, "data", header);
	io_write(h.fd, header, sizeof(header), NULL);
	io_write(h.fd, "dat!", 4, NULL);
	assert_int_equal(expect(&h, WIRE_ERROR), WIRE_E_DIGEST);
	hang_up_hand(&h);
}

static void commit(struct hand *h, uint64_t chain, uint64_t size, uint64_t data)
{
	struct wire_commit c = {.chain = chain, .size = data, .digest = 1};
	uint8_t payload[WIRE_COMMIT_SIZE];

	wire_put_commit(&c, payload);
	send_frame(
		h,
		(struct wire_frame){.type = WIRE_COMMIT, .size = sizeof(payload), .offset = size},
		payload);
}

/* What the client says was sent is not what came: it gets no name, and there is no second try. */
static void test_wrong_commit(void **state)
{
	struct place *p = *state;
	uint8_t byte;

	for (int i = 0; i < 3; i++) {
		struct hand h;

		by_hand(p, &h);
		hello(&h, 1, 0);
		open_file(&h);
		send_frame(
			&h,
			(struct wire_frame){.type = WIRE_CHUNK, .flags = WIRE_F_STREAM, .size = 4},
			"data");
		commit(&h, h.chain + (i == 0), i == 1 ? 5 : 4, i == 2 ? 4 : 0);
		assert_int_equal(expect(&h, WIRE_ERROR), WIRE_E_DIGEST);
		commit(&h, h.chain, 4, 0);
		assert_int_equal(expect(&h, WIRE_ERROR), WIRE_E_FAILED);
		send_frame(&h, (struct wire_frame){.type = WIRE_KEEP}, NULL);
		while (expect(&h, WIRE_ACK) < 5)
			;
		hang_up_hand(&h);
		assert_int_equal(load(p, "vmcore", &byte, 1), -1);
		assert_int_equal(load(p, "vmcore-incomplete", &byte, 1), 1);
	}
}

static void test_whose_it_is(void **state)
{
	struct hand first, second, third;

	by_hand(*state, &first);
	hello(&first, 1, WIRE_F_RESUME);
	assert_int_equal(expect(&first, WIRE_ERROR), WIRE_E_LOST);
	hang_up_hand(&first);
	by_hand(*state, &first);
	hello(&first, 1, 0);
	open_file(&first);
	// Another one, while the first is there, and with its id guessed wrong.
	by_hand(*state, &second);
	hello(&second, 2, WIRE_F_RESUME);
	assert_int_equal(expect(&second, WIRE_ERROR), WIRE_E_BUSY);
	hang_up_hand(&second);
	// The same client on a new connection: the older one ends, and nothing is lost.
	by_hand(*state, &third);
	hello(&third, 1, WIRE_F_RESUME);
	assert_int_equal(expect(&third, WIRE_WELCOME), 1);
	assert_int_equal(WTERMSIG(hang_up_hand(&first)), SIGTERM);
	hang_up_hand(&third);
	by_hand(*state, &second);
	hello(&second, 2, WIRE_F_RESUME);
	assert_int_equal(expect(&second, WIRE_ERROR), WIRE_E_EXISTS);
	hang_up_hand(&second);
}

/* Killed between the write and the word of it: what was not acknowledged is asked for again. */
static void test_killed_before_ack(void **state)
{
	struct place *p = *state;
	uint8_t got[8];
	struct hand h;

	by_hand(p, &h);
	hello(&h, 1, 0);
	open_file(&h);
	send_frame(&h, chunk_at(0, 0), "sync");
	send_frame(&h, (struct wire_frame){.type = WIRE_SYNC}, NULL);
	while (expect(&h, WIRE_ACK) < 3)
		;
	send_frame(&h, chunk_at(4, 0), "lost");
	// It is written: the answer to a question behind it says so.
	send_frame(&h, (struct wire_frame){.type = WIRE_READ, .size = 4, .offset = 4}, "\4\0\0\0");
	expect(&h, WIRE_DATA);
	kill(h.pid, SIGKILL);
	hang_up_hand(&h);
	by_hand(p, &h);
	hello(&h, 1, WIRE_F_RESUME);
	assert_int_equal(expect(&h, WIRE_WELCOME), 3);
	hang_up_hand(&h);
	assert_int_equal(load(p, "vmcore-incomplete", got, 8), 8);
}

/* While a disk takes its time more comes in, and the client hears what is durable when it is. */
static void test_slow_disk(void **state)
{
	struct place *p = *state;
	uint8_t payload[WIRE_READ_MAX];
	struct pollfd said = {.events = POLLIN};
	struct wire_frame f;
	struct hand h;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	p->gate = pair[0];
	by_hand(p, &h);
	said.fd = h.fd;
	hello(&h, 1, 0);
	open_file(&h);
	send_frame(&h, chunk_at(0, 0), "data");
	expect(&h, WIRE_ACK);
	send_frame(&h, (struct wire_frame){.type = WIRE_SYNC}, NULL);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(poll(&said, 1, PATIENCE_MS), 1);
		f = read_frame(&h, payload);
		assert_int_equal(f.type, WIRE_ACK);
		assert_int_equal(f.seq, 1);
		assert_int_equal(f.offset, h.seq);
		send_frame(&h, chunk_at(4 + 4 * i, 0), "more");
	}
	// Both wait for the one at work, and are one job.
	send_frame(&h, (struct wire_frame){.type = WIRE_SYNC}, NULL);
	send_frame(&h, (struct wire_frame){.type = WIRE_SYNC}, NULL);
	do
		f = read_frame(&h, payload);
	while (f.offset < h.seq);
	assert_int_equal(write(pair[1], "go", 2), 2);
	while (expect(&h, WIRE_ACK) < h.seq)
		;
	send_frame(&h, (struct wire_frame){.type = WIRE_ABANDON}, NULL);
	while (expect(&h, WIRE_ACK) < h.seq)
		;
	hang_up_hand(&h);
	close(pair[0]);
	close(pair[1]);
}

/* A disk that fails: the client hears that what it sent is not durable. */
static void test_failing_disk(void **state)
{
	struct place *p = *state;
	struct hand h;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	close(pair[1]);
	p->gate = pair[0];
	by_hand(p, &h);
	hello(&h, 1, 0);
	open_file(&h);
	send_frame(&h, (struct wire_frame){.type = WIRE_SYNC}, NULL);
	assert_int_equal(expect(&h, WIRE_ERROR), WIRE_E_IO);
	assert_int_equal(WEXITSTATUS(hang_up_hand(&h)), 1);
	close(pair[0]);
}

/* Until the server has taken all that was sent. */
static void wait_until_read(const struct hand *h)
{
	int left = 1;

	for (int i = 0; left && i < PATIENCE_MS; i++) {
		assert_int_equal(ioctl(h->fd, SIOCOUTQ, &left), 0);
		usleep(1000);
	}
	assert_int_equal(left, 0);
}

static void expect_refusal(struct hand *h, enum wire_code code, uint64_t seq)
{
	uint8_t payload[WIRE_READ_MAX];
	struct wire_frame f;

	do
		f = read_frame(h, payload);
	while (f.type != WIRE_ERROR);
	assert_int_equal(load_le32(payload), code);
	assert_int_equal(f.seq, seq);
	assert_int_equal(f.flags, 0);
}

/*
 * A disk that is full, and only an fsync says so, once: the connection goes on, and the file gets
 * no name. It turns out while nothing comes in, while a second sync waits, or behind a commit.
 */
static void test_full_at_sync(void **state)
{
	enum { IDLE, WAITING, COMMITTING, CASES };
	struct place *p = *state;
	struct hand h;
	uint8_t byte;
	int pair[2];

	for (int i = 0; i < CASES; i++) {
		assert_int_equal(pipe(pair), 0);
		p->gate = pair[0];
		by_hand(p, &h);
		hello(&h, 1, 0);
		open_file(&h);
		send_frame(&h, chunk_at(0, 0), "data");
		send_frame(&h, (struct wire_frame){.type = WIRE_SYNC}, NULL);
		if (i == WAITING)
			send_frame(&h, (struct wire_frame){.type = WIRE_SYNC}, NULL);
		if (i == COMMITTING)
			commit(&h, h.chain, 4, 0);
		wait_until_read(&h);
		assert_int_equal(write(pair[1], "fgggg", 5), 5);
		expect_refusal(&h, WIRE_E_SPACE, i == COMMITTING ? 4 : 3);
		// What was asked for comes all the same, and is no word of the file being whole.
		while (i != COMMITTING && expect(&h, WIRE_ACK) < h.seq)
			;
		commit(&h, h.chain, 4, 0);
		expect_refusal(&h, WIRE_E_FAILED, h.seq);
		send_frame(&h, (struct wire_frame){.type = WIRE_KEEP}, NULL);
		while (expect(&h, WIRE_ACK) < h.seq)
			;
		hang_up_hand(&h);
		assert_int_equal(load(p, "vmcore", &byte, 1), -1);
		assert_int_equal(load(p, "vmcore-incomplete", &byte, 1), 1);
		close(pair[0]);
		close(pair[1]);
	}
}

/* The client counts on what was durable before. */
static void test_durable_only(void **state)
{
	struct place *p = *state;
	struct err err = {0};
	struct uplink *u;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	assert_int_equal(write(pair[1], "gfggggggg", 9), 9);
	p->gate = pair[0];
	u = enter(p);
	assert_int_equal(uplink_open(u, "vmcore", 0, &err), 0);
	assert_int_equal(uplink_write(u, "durable", 7, 0, true, &err), 0);
	assert_int_equal(uplink_sync(u, &err), 0);
	assert_int_equal(uplink_write(u, "lost", 4, 7, true, &err), 0);
	assert_int_equal(uplink_sync(u, &err), ERR_NOSPC);
	assert_int_equal(uplink_written(u), 7);
	assert_int_equal(uplink_write(u, "D", 1, 0, false, &err), 0);
	assert_int_equal(uplink_commit(u, &err), ERR_NOSPC);
	assert_int_equal(uplink_keep(u, &err), 0);
	assert_int_equal(uplink_written(u), 7);
	uplink_destroy(u);
	close(pair[0]);
	close(pair[1]);
}

/* What is kept stays, though its last bytes found no room; and other files come behind it. */
static void test_full_at_keep(void **state)
{
	struct place *p = *state;
	struct err err = {0};
	struct sink s;
	struct uplink *u;
	uint8_t byte;
	int pair[2];

	assert_int_equal(pipe(pair), 0);
	assert_int_equal(write(pair[1], "fgggg", 5), 5);
	p->gate = pair[0];
	u = enter(p);
	assert_int_equal(sink_receive_open(&s, u, "vmcore", "vmcore-incomplete", &err), 0);
	assert_int_equal(sink_stream_at(&s, "data", 4, 0, &err), 0);
	assert_int_equal(sink_keep(&s, &err), ERR_NOSPC);
	sink_close(&s);
	assert_int_equal(load(p, "vmcore-incomplete", &byte, 1), 1);
	assert_int_equal(uplink_open(u, "collect.log", 0, &err), 0);
	assert_int_equal(uplink_write(u, "x", 1, 0, true, &err), 0);
	assert_int_equal(uplink_commit(u, &err), 0);
	assert_int_equal(load(p, "vmcore-incomplete", &byte, 1), 1);
	uplink_destroy(u);
	close(pair[0]);
	close(pair[1]);
}

/* A sign of life waits for nobody: not for a client that does not read either. */
static void test_deaf_client(void **state)
{
	char bytes[4096] = {0};
	struct err err = {0};
	struct peer peer;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(peer_init(&peer, pair[1], pair[1], 1, &err), 0);
	while (send(pair[1], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	// To wait would end in the client's being called silent.
	assert_int_equal(peer_beat(&peer, &err), 0);
	assert_int_equal(peer.beaten, 0);
	while (recv(pair[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(peer_beat(&peer, &err), 0);
	assert_int_equal(recv(pair[0], bytes, sizeof(bytes), MSG_DONTWAIT), WIRE_HEADER);
	peer_deinit(&peer);
	close(pair[0]);
	close(pair[1]);
}

/* Room that zeros make takes its time: the client hears that it goes on before it hears the end. */
static void test_reserve_with_zeros(void **state)
{
	static const uint8_t end[8] = {0, 0, 0x30};
	struct place *p = *state;
	uint8_t payload[WIRE_READ_MAX];
	struct hand h;

	p->no_fallocate = true;
	by_hand(p, &h);
	hello(&h, 1, 0);
	open_file(&h);
	send_frame(&h, (struct wire_frame){.type = WIRE_RESERVE, .size = 8}, end);
	assert_int_equal(read_frame(&h, payload).type, WIRE_BUSY);
	assert_int_equal(read_frame(&h, payload).type, WIRE_ACK);
	hang_up_hand(&h);
	assert_int_equal(load(p, "vmcore-incomplete", payload, sizeof(payload)), sizeof(payload));
}

static bool is_in_root(const struct place *p, const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", p->root, name);
	return !access(path, F_OK);
}

/* The root, held as by another process that makes room; with an old dump in it. */
static void hold_root(const struct place *p, struct depot *d)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/" OLD_NAME, p->root);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(depot_open(d, p->root, NULL), 0);
	assert_int_equal(depot_lock(d, 0, NULL), 0);
}

static bool is_silent(const struct hand *h)
{
	struct pollfd said = {.fd = h->fd, .events = POLLIN};

	return !poll(&said, 1, SILENT_MS);
}

/* While somebody makes room, nobody takes a directory: it might be the one that goes. */
static void test_enter_waits(void **state)
{
	struct place *p = *state;
	struct depot d;
	struct hand h;

	hold_root(p, &d);
	by_hand(p, &h);
	hello(&h, 1, 0);
	assert_true(is_silent(&h));
	assert_false(is_in_root(p, DIR_NAME));
	depot_close(&d);
	assert_int_equal(expect(&h, WIRE_WELCOME), 0);
	assert_true(is_in_root(p, DIR_NAME));
	hang_up_hand(&h);
}

/* And nobody else removes anything, but waits, and says so. */
static void test_one_makes_room(void **state)
{
	uint8_t payload[WIRE_READ_MAX];
	struct place *p = *state;
	struct depot d;
	struct hand h;

	p->server.limits.keep_dumps = 1;
	by_hand(p, &h);
	hello(&h, 1, 0);
	assert_int_equal(expect(&h, WIRE_WELCOME), 0);
	hold_root(p, &d);
	send_frame(&h, (struct wire_frame){.type = WIRE_SPACE}, NULL);
	for (int i = 0; i < 2; i++)
		assert_int_equal(read_frame(&h, payload).type, WIRE_BUSY);
	assert_true(is_in_root(p, OLD_NAME));
	depot_close(&d);
	expect(&h, WIRE_ROOM);
	assert_false(is_in_root(p, OLD_NAME));
	hang_up_hand(&h);
}

/* A record of the journal that was torn is not believed: the one before it counts. */
static void test_torn_journal(void **state)
{
	struct place *p = *state;
	char path[300];
	struct hand h;
	uint8_t slot[512];
	uint64_t generation = 0;
	int fd, newer = 0;

	by_hand(p, &h);
	hello(&h, 1, 0);
	open_file(&h);
	send_frame(&h, chunk_at(0, 0), "data");
	send_frame(&h, (struct wire_frame){.type = WIRE_SYNC}, NULL);
	while (expect(&h, WIRE_ACK) < 3)
		;
	hang_up_hand(&h);
	snprintf(path, sizeof(path), "%s/.receive-" DIR_NAME, p->root);
	fd = open(path, O_RDWR);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(io_pread(fd, slot, sizeof(slot), i * 4096, NULL), sizeof(slot));
		if (load_le64(slot + 8) > generation)
			newer = i;
		generation = load_le64(slot + 8) > generation ? load_le64(slot + 8) : generation;
	}
	assert_int_equal(io_pwrite(fd, "torn", 4, newer * 4096 + 100, NULL), 0);
	close(fd);
	by_hand(p, &h);
	hello(&h, 1, WIRE_F_RESUME);
	assert_int_equal(expect(&h, WIRE_WELCOME), 1);
	hang_up_hand(&h);
}

/* A server that acknowledges what was never sent is not believed. */
static int lying_server(void *ctx, uint64_t patience, int *in, int *out, struct err *err)
{
	struct place *p = ctx;
	int pair[2];

	(void)patience, (void)err;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	p->pid = fork();
	if (!p->pid) {
		struct wire_welcome w = {.version = 1};
		struct hand h = {.fd = pair[1]};
		uint8_t payload[WIRE_WELCOME_SIZE], skip[4096];

		close(pair[0]);
		wire_put_welcome(&w, payload);
		read(h.fd, skip, sizeof(skip));
		send_frame(&h, (struct wire_frame){.type = WIRE_WELCOME, .size = sizeof(payload)},
			   payload);
		send_frame(&h, (struct wire_frame){.type = WIRE_ACK, .seq = 99, .offset = 99},
			   NULL);
		read(h.fd, skip, sizeof(skip));
		_exit(0);
	}
	close(pair[1]);
	*in = *out = p->fd = pair[0];
	return 0;
}

static void test_lying_server(void **state)
{
	struct place *p = *state;
	struct err err = {0};
	struct uplink *u;

	p->conf.connect = lying_server;
	assert_int_equal(uplink_create(&p->conf, &u, &err), 0);
	if (!uplink_enter(u, DIR_NAME, &err))
		uplink_open(u, "vmcore", 0, &err);
	assert_int_equal(err.code, ERR_CORRUPT);
	uplink_destroy(u);
}

static int no_server(void *ctx, uint64_t patience, int *in, int *out, struct err *err)
{
	struct place *p = ctx;

	(void)patience, (void)in, (void)out;
	p->starts++;
	return err_set(err, ERR_SYS, "no route to host");
}

static void test_no_server(void **state)
{
	struct place *p = *state;
	struct err err = {0};
	struct uplink *u;

	p->conf.connect = no_server;
	p->conf.outage_ms = 1200;
	assert_int_equal(uplink_create(&p->conf, &u, &err), 0);
	assert_int_equal(uplink_enter(u, DIR_NAME, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "no route to host"));
	assert_true(p->starts >= 2);
	uplink_destroy(u);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_sink),
		cmocka_unit_test(test_cut_connections),
		TEST(test_no_space),
		TEST(test_refused_again),
		TEST(test_refusal_unheard),
		TEST(test_refused_for_good),
		TEST(test_refused_open_unheard),
		TEST(test_awaited),
		TEST(test_replayed_chunk),
		TEST(test_missing_chunk),
		TEST(test_damaged_chunk),
		TEST(test_wrong_commit),
		TEST(test_whose_it_is),
		TEST(test_killed_before_ack),
		TEST(test_torn_journal),
		TEST(test_slow_disk),
		TEST(test_failing_disk),
		TEST(test_full_at_sync),
		TEST(test_durable_only),
		TEST(test_full_at_keep),
		TEST(test_deaf_client),
		TEST(test_reserve_with_zeros),
		TEST(test_enter_waits),
		TEST(test_one_makes_room),
		TEST(test_lying_server),
		TEST(test_no_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
