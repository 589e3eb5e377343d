// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ship [OPTIONS] DIR FILE... -- COMMAND...: sends files, as small files of a crash are, or a dump
 * of a core, to the lifeboat-receive that COMMAND is, without ssh.
 *
 *   -d          FILE is a core: a dump of it goes out as vmcore, through the collector's own ways
 *   -r BYTES    ring of what is on its way
 *   -k PERCENT  kills COMMAND when so much of the first file is handed over; may stand more than
 *               once
 *   -i HEX      id of this client, instead of one at random: two digits, for all its bytes
 *   -o SECONDS  for a connection to come back (10)
 *   -1          one connection, and no other when that breaks
 *   -a          abandons the file in the end; -p keeps it as incomplete
 *
 * Prints "resumed N". Exit code 0 when all was acknowledged.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/dump.h"
#include "collector/input.h"
#include "collector/log.h"
#include "collector/plan.h"
#include "collector/sink.h"
#include "collector/uplink.h"
#include "vmcore/dumpopts.h"

enum {
	KILLS_MAX = 16,
	PIECE = 100000,
};

struct ship {
	struct uplink_conf conf;
	char *const *command;
	pid_t child;
	int fd;
	bool dump, abandon, keep, once;
	unsigned int starts;
	unsigned int kills[KILLS_MAX], nkills, killed;
	struct uplink *up;
};

static int start(void *ctx, uint64_t patience, int *in, int *out, struct err *err)
{
	struct ship *s = ctx;
	int pair[2];

	(void)patience;
	// Nothing that another try could help.
	if (s->starts++ && s->once)
		return err_set(err, ERR_USAGE, "one connection was to be enough");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return err_sys(err, "socketpair");
	s->child = fork();
	if (s->child < 0)
		return err_sys(err, "fork");
	if (!s->child) {
		signal(SIGPIPE, SIG_DFL);
		dup2(pair[1], STDIN_FILENO);
		dup2(pair[1], STDOUT_FILENO);
		execvp(s->command[0], s->command);
		_exit(127);
	}
	close(pair[1]);
	*in = *out = s->fd = pair[0];
	return 0;
}

static void stop(void *ctx)
{
	struct ship *s = ctx;

	close(s->fd);
	waitpid(s->child, NULL, 0);
	s->child = 0;
}

static void say(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "ship: %s\n", text);
}

/* Kills the other end when it is time. */
static void look(struct ship *s, uint64_t done, uint64_t size)
{
	if (s->killed < s->nkills && done >= size / 100 * s->kills[s->killed] && s->child) {
		kill(s->child, SIGKILL);
		s->killed++;
	}
}

static int finish(struct ship *s, struct err *err)
{
	return s->abandon ? uplink_abandon(s->up, err)
	       : s->keep  ? uplink_keep(s->up, err)
			  : uplink_commit(s->up, err);
}

static int put_file(struct ship *s, const char *path, struct err *err)
{
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *buf = malloc(PIECE);
	uint64_t done = 0;
	struct stat st;
	ssize_t n = 0;
	int rc;

	if (fd < 0 || !buf || fstat(fd, &st))
		return err_sys(err, "%s", path);
	rc = uplink_open(s->up, slash ? slash + 1 : path, st.st_size, err);
	while (!rc && (n = io_read(fd, buf, PIECE, err)) > 0) {
		rc = uplink_write(s->up, buf, n, done, true, err);
		done += n;
		look(s, done, st.st_size);
	}
	rc = rc ? rc : n < 0 ? (int)n : finish(s, err);
	if (rc && uplink_is_open(s->up))
		uplink_abandon(s->up, NULL);
	return rc;
}

static int put_dump(struct ship *s, const char *core, struct err *err)
{
	CLEANUP_FREE struct log *log = calloc(1, sizeof(*log));
	static struct manifest m;
	static struct plan plan;
	static struct sink sink;
	struct input in = {0};
	struct dumpopts opts;
	struct dump d = {.log = log, .sink = &sink, .opts = &opts, .plan = &plan, .m = &m};
	int rc;

	log_init(log, STDERR_FILENO, LOG_ERROR);
	dumpopts_default(&opts);
	rc = input_open(&in, &core, 1, log, err);
	d.km = &in.km;
	m.km = &in.km;
	if (!rc)
		rc = sink_receive_open(&sink, s->up, "vmcore", "vmcore-incomplete", err);
	if (!rc) {
		rc = dump_run(&d, err);
		sink_close(&sink);
		printf("status %s pages %" PRIu64 " digests %d %016" PRIx64 " %016" PRIx64 "\n",
		       manifest_status_name(m.status), m.result.pages, m.result.has_digests,
		       m.result.index_digest, m.result.data_digest);
	}
	if (d.planned)
		plan_deinit(&plan);
	input_close(&in);
	return rc;
}

static int run(struct ship *s, char **files, int n, struct err *err)
{
	int rc = uplink_create(&s->conf, &s->up, err);

	if (rc)
		return rc;
	rc = uplink_enter(s->up, files[0], err);
	for (int i = 1; i < n && !rc; i++)
		rc = s->dump ? put_dump(s, files[i], err) : put_file(s, files[i], err);
	printf("resumed %u\n", uplink_resumes(s->up));
	uplink_destroy(s->up);
	return rc;
}

static void options(struct ship *s, int argc, char **argv)
{
	int opt;

	while ((opt = getopt(argc, argv, "+dr:k:i:o:1ap")) >= 0) {
		if (opt == 'd')
			s->dump = true;
		else if (opt == 'r')
			s->conf.ring = strtoull(optarg, NULL, 10);
		else if (opt == 'k' && s->nkills < KILLS_MAX)
			s->kills[s->nkills++] = atoi(optarg);
		else if (opt == 'i')
			memset(s->conf.id, (int)strtoul(optarg, NULL, 16), WIRE_ID);
		else if (opt == 'o')
			s->conf.outage_ms = atoi(optarg) * 1000 + 1;
		else if (opt == '1')
			s->once = true;
		else if (opt == 'a')
			s->abandon = true;
		else if (opt == 'p')
			s->keep = true;
		else
			exit(2);
	}
}

int main(int argc, char **argv)
{
	struct ship s = {
		.conf = {.connect = start,
			 .hang_up = stop,
			 .tell = say,
			 .outage_ms = 10000,
			 .enter_ms = 10000},
	};
	struct err err = {0};
	int files = 0;

	options(&s, argc, argv);
	s.conf.ctx = &s;
	while (optind + files < argc && strcmp(argv[optind + files], "--") != 0)
		files++;
	if (files < 1 || optind + files + 1 >= argc) {
		fprintf(stderr, "usage: ship [OPTIONS] DIR FILE... -- COMMAND...\n");
		return 2;
	}
	s.command = argv + optind + files + 1;
	signal(SIGPIPE, SIG_IGN);
	if (run(&s, argv + optind, files, &err)) {
		fprintf(stderr, "ship: %s\n", err.msg);
		return 1;
	}
	return 0;
}
