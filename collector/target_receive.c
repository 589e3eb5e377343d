// SPDX-License-Identifier: GPL-2.0-or-later
/* A directory of another machine that lifeboat-receive keeps, reached by ssh. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/log.h"
#include "collector/sink.h"
#include "collector/target.h"
#include "collector/uplink.h"
#include "collector/watch.h"
#include "vmcore/config.h"
#include "vmcore/ssh.h"

enum {
	ENTER_SHARE =
		2, // of the patience for a connection; with the log the next target may do better
	END_MS = 3000, // for a client to go whose connection is over
	ANY_PORT = 9, // discard: nothing is sent there
	PART = 64 << 10,
	CODE_NOT_THERE = 126, // a shell's: that, or 127
	COMMAND_MAX = SSH_QUOTED_MAX + 64,
};

struct target_receive {
	struct ssh_conf conf;
	char command[COMMAND_MAX];
	struct child ssh;
	struct uplink *link;
	bool barred; // ssh said what no second try can help
};

/* ---- the connection ---- */

static int dial(void *ctx, uint64_t patience, int *in_ret, int *out_ret, struct err *err)
{
	struct target *t = ctx;
	struct target_receive *f = t->state;
	unsigned int seconds = patience / 1000;
	int rc;

	f->conf.connect_s = seconds < 1 ? 1 : seconds < SSH_CONNECT_S ? seconds : SSH_CONNECT_S;
	rc = ssh_start(&f->ssh, &f->conf, f->command, err);
	if (rc)
		return rc;
	*in_ret = f->ssh.out;
	*out_ret = f->ssh.in;
	return 0;
}

static void hang_up(void *ctx)
{
	struct target *t = ctx;
	struct target_receive *f = t->state;

	child_wait(&f->ssh, END_MS, NULL);
	child_end(&f->ssh);
}

/* Nobody answered: was it the connection, or what was to be run? */
static int explain(void *ctx, struct err *err)
{
	struct target *t = ctx;
	struct target_receive *f = t->state;
	int code = child_code(&f->ssh);
	bool missing = code == CODE_NOT_THERE || code == CODE_NOT_THERE + 1;
	int rc = ssh_explain(&f->ssh, &f->conf, missing ? ERR_UNSUPPORTED : ERR_BROKEN, err);

	f->barred = rc == ERR_USAGE;
	return rc;
}

static void tell(void *ctx, const char *text)
{
	const struct target *t = ctx;

	log_line(t->log, LOG_ERROR, "warning: %s", text);
}

static void busy(void *ctx)
{
	const struct target *t = ctx;

	watch_beat(t->watch);
}

static int check(void *ctx, struct err *err)
{
	const struct target *t = ctx;

	return watch_check(t->watch, err);
}

/*
 * Of this crash and this target: a later worker of the same run goes on in the directory of an
 * earlier one, and nobody else may.
 */
static void make_id(const struct target *t, uint8_t id[static WIRE_ID])
{
	XXH64_hash_t place = XXH64(t->conf->where, strlen(t->conf->where), t->run);

	_Static_assert(WIRE_ID == sizeof(t->run) + sizeof(place), "two halves");
	if (!t->run)
		return;
	place = XXH64(t->conf->path, strlen(t->conf->path), place);
	memcpy(id, &t->run, sizeof(t->run));
	memcpy(id + sizeof(t->run), &place, sizeof(place));
}

static int make_link(struct target *t, struct err *err)
{
	struct target_receive *f = t->state;
	const struct config *c = t->config;
	struct uplink_conf conf = {
		.connect = dial,
		.hang_up = hang_up,
		.explain = explain,
		.tell = tell,
		.busy = busy,
		.check = check,
		.ctx = t,
		.stall_ms = c->stall_time * 1000,
		.outage_ms = c->network_timeout * 1000,
		.enter_ms = c->network_timeout * 1000 / ENTER_SHARE,
		.end_ms = t->end_ms,
	};

	make_id(t, conf.id);
	return uplink_create(&conf, &f->link, err);
}

static int fill_conf(struct target *t, struct err *err)
{
	struct target_receive *f = t->state;
	char path[SSH_QUOTED_MAX];
	int rc = ssh_fill(&f->conf, t->conf->where, t->conf->sshkey, t->config->ssh_hostkeys, err);

	if (!rc)
		rc = ssh_quote(t->conf->path, path, sizeof(path), err);
	// A forced command stands in its place, and knows its root.
	if (!rc)
		snprintf(f->command, sizeof(f->command), "lifeboat-receive --root %s", path);
	return rc;
}

/* The address that this machine has on its way to the address @host: false when that is none. */
static bool address_towards(const char *host, char ret[static TARGET_HOST_MAX])
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(ANY_PORT)};
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(ANY_PORT)};
	bool is_four = inet_pton(AF_INET, host, &four.sin_addr) == 1;
	bool is_six = inet_pton(AF_INET6, host, &six.sin6_addr) == 1;
	void *sa = is_four ? (void *)&four : &six;
	socklen_t len = is_four ? sizeof(four) : sizeof(six);
	const void *own = is_four ? (void *)&four.sin_addr : &six.sin6_addr;
	int fd = is_four || is_six
			 ? socket(is_four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)
			 : -1;
	// Nothing goes out: it only chooses the way.
	bool found = fd >= 0 && !connect(fd, sa, len) && !getsockname(fd, sa, &len) &&
		     inet_ntop(is_four ? AF_INET : AF_INET6, own, ret, TARGET_HOST_MAX);

	if (fd >= 0)
		close(fd);
	return found;
}

/*
 * By what this machine is called there: a host that is a name stands for one that the default
 * route leads to, since to look it up is the ssh client's business.
 */
static void find_address(struct target *t, const char *host)
{
	static const char *const anywhere[] = {"192.0.2.1", "2001:db8::1"};
	bool found = address_towards(host, t->host);

	for (size_t i = 0; i < ARRAY_SIZE(anywhere) && !found; i++)
		found = address_towards(anywhere[i], t->host);
	if (!found)
		t->host[0] = '\0';
}

static int receive_close(struct target *t, struct err *err)
{
	struct target_receive *f = t->state;

	(void)err;
	uplink_destroy(f->link);
	child_end(&f->ssh);
	free(f);
	t->state = NULL;
	return 0;
}

/* Its own limits are those of a connection, which is made for a crash directory. */
static int receive_open(struct target *t, struct err *err)
{
	struct target_receive *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return err_set(err, ERR_NOMEM, "no memory to begin with");
	f->ssh = CHILD_NONE;
	t->state = f;
	rc = fill_conf(t, err);
	if (!rc)
		rc = make_link(t, err);
	if (rc) {
		receive_close(t, NULL);
		return rc;
	}
	find_address(t, f->conf.dest.host);
	snprintf(t->base, sizeof(t->base), "%s:%s", t->conf->where, t->conf->path);
	return 0;
}

/* ---- the crash directory ---- */

static int enter(struct target *t, const char *name, struct err *err)
{
	struct target_receive *f = t->state;
	int rc = uplink_enter(f->link, name, err);

	if (rc)
		return rc;
	return snprintf(t->dir, sizeof(t->dir), "%s/%s", t->base, name) < (int)sizeof(t->dir)
		       ? 0
		       : err_set(err, ERR_LIMIT, "%s: name too long", t->base);
}

static int receive_make_dir(struct target *t, const char *name, struct err *err)
{
	struct target_receive *f = t->state;
	char full[WIRE_NAME_MAX + 1];

	for (int i = 0; i < TARGET_SAME_NAME_MAX; i++) {
		char suffix[16] = "";
		int rc;

		if (i)
			snprintf(suffix, sizeof(suffix), ".%d", i);
		if (snprintf(full, sizeof(full), "%s%s", name, suffix) >= (int)sizeof(full))
			return err_set(err, ERR_LIMIT, "%s: name too long", name);
		rc = enter(t, full, err);
		// One of somebody else.
		if (rc != ERR_USAGE || f->barred)
			return rc;
	}
	return err_set(err, ERR_LIMIT, "%s/%s: there are %d of that name already", t->base, name,
		       TARGET_SAME_NAME_MAX);
}

/* ---- files ---- */

static int receive_small_create(struct target *t, const char *name, int *fd_ret, struct err *err)
{
	(void)t;
	return target_small_memory(name, fd_ret, err);
}

static int send_file(struct uplink *link, const char *name, int fd, struct err *err)
{
	char buf[PART];
	uint64_t done = 0;
	struct stat st;
	int rc;

	if (fstat(fd, &st))
		return err_sys(err, "%s", name);
	rc = uplink_open(link, name, st.st_size, err);
	while (!rc && done < (uint64_t)st.st_size) {
		ssize_t n = io_pread(fd, buf, sizeof(buf), done, err);

		if (n <= 0)
			return n ? (int)n : err_set(err, ERR_NODATA, "%s became shorter", name);
		rc = uplink_write(link, buf, n, done, false, err);
		done += n;
	}
	return rc ? rc : uplink_commit(link, err);
}

static int receive_small_commit(struct target *t, const char *name, int fd, struct err *err)
{
	struct target_receive *f = t->state;
	int rc = send_file(f->link, name, fd, err);

	close(fd);
	if (rc && uplink_is_open(f->link))
		uplink_abandon(f->link, NULL);
	return rc;
}

static void receive_small_remove(struct target *t, const char *name)
{
	struct target_receive *f = t->state;

	uplink_remove(f->link, name, NULL);
}

static int receive_open_sink(struct target *t, const char *name, const char *temp, struct sink *s,
			     struct err *err)
{
	struct target_receive *f = t->state;

	return sink_receive_open(s, f->link, name, temp, err);
}

const struct target_ops target_receive = {
	.name = "receive",
	.open = receive_open,
	.make_dir = receive_make_dir,
	.use_dir = enter,
	.small_create = receive_small_create,
	.small_commit = receive_small_commit,
	.small_remove = receive_small_remove,
	.open_sink = receive_open_sink,
	.close = receive_close,
};
