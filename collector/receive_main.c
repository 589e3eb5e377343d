// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat-receive: takes dumps in, as the forced command of an ssh key. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/number.h"
#include "collector/receive.h"

enum {
	EXIT_DONE = 0,
	EXIT_REFUSED = 1,
	EXIT_OPTIONS = 2,
	TIMEOUT_MAX = 24 * 60 * 60,
	COUNT_MAX = 1000000,
};

enum {
	OPT_ROOT = 256,
	OPT_QUOTA,
	OPT_KEEP,
	OPT_KEEP_DAYS,
	OPT_MIN_FREE,
	OPT_TIMEOUT,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option options[] = {
	{"root", required_argument, NULL, OPT_ROOT},
	{"quota", required_argument, NULL, OPT_QUOTA},
	{"keep", required_argument, NULL, OPT_KEEP},
	{"keep-days", required_argument, NULL, OPT_KEEP_DAYS},
	{"min-free", required_argument, NULL, OPT_MIN_FREE},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{0},
};

static const char help[] =
	"lifeboat-receive --root DIR [OPTIONS]: takes dumps in from lifeboat-collect\n"
	"  --root DIR        crash directories are made here, and nothing anywhere else\n"
	"  --quota SIZE      bytes of all of them; older ones make room (K, M, G, T)\n"
	"  --keep N          so many of them, the new one included\n"
	"  --keep-days N     older ones go\n"
	"  --min-free SIZE   bytes that stay free on the file system\n"
	"  --timeout SECONDS without a byte before a client counts as gone (300)\n"
	"Meant for authorized_keys: command=\"lifeboat-receive --root DIR\",restrict ssh-ed25519 ...\n";

static void tell(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "lifeboat-receive: %s\n", text);
}

static bool read_count(const char *value, uint64_t *ret)
{
	unsigned int n;

	if (!number_read(value, COUNT_MAX, &n) || !n)
		return false;
	*ret = n;
	return true;
}

/* One option; false for a value that is none. */
static bool take(struct receive_conf *c, int opt, const char *value)
{
	struct retention_limits *l = &c->limits;

	switch (opt) {
	case OPT_ROOT:
		c->root = value;
		return value[0];
	case OPT_QUOTA:
		return number_size(value, &l->keep_bytes) && l->keep_bytes;
	case OPT_KEEP:
		return read_count(value, &l->keep_dumps);
	case OPT_KEEP_DAYS:
		return read_count(value, &l->keep_days);
	case OPT_MIN_FREE:
		return number_size(value, &l->min_free) && l->min_free;
	case OPT_TIMEOUT:
		return number_read(value, TIMEOUT_MAX, &c->timeout) && c->timeout;
	default:
		return false;
	}
}

static int print(const char *text)
{
	return fputs(text, stdout) < 0 || fflush(stdout) ? EXIT_REFUSED : EXIT_DONE;
}

/* What is left is -1: go on, or the exit status. */
static int parse(struct receive_conf *c, int argc, char **argv)
{
	int opt, index;

	while ((opt = getopt_long(argc, argv, "", options, &index)) >= 0) {
		if (opt == OPT_HELP)
			return print(help);
		if (opt == OPT_VERSION)
			return print("lifeboat-receive " LIFEBOAT_VERSION "\n");
		if (opt == '?')
			return EXIT_OPTIONS;
		if (!take(c, opt, optarg)) {
			fprintf(stderr, "lifeboat-receive: --%s: '%.64s' is not what it takes\n",
				options[index].name, optarg);
			return EXIT_OPTIONS;
		}
	}
	if (optind < argc || !c->root) {
		fprintf(stderr, "lifeboat-receive: %s; --help lists the options\n",
			optind < argc ? "there are no operands" : "--root is needed");
		return EXIT_OPTIONS;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct receive_conf conf = {.tell = tell};
	struct err err = {0};
	int status = parse(&conf, argc, argv);

	if (status >= 0)
		return status;
	umask(077);
	// A client that is gone and a limit on the size of files are told by the calls that fail.
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (!receive_run(&conf, STDIN_FILENO, STDOUT_FILENO, &err))
		return EXIT_DONE;
	fprintf(stderr, "lifeboat-receive: %s\n", err.msg);
	return EXIT_REFUSED;
}
