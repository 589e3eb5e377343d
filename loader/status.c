// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat status: is a capture kernel in place, and is it the one that is wanted? */
#include "loader/command.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/state.h"

enum {
	EXIT_NOT_ARMED = 1,
};

static void print_reservation(const struct context *ctx, const struct facts *f)
{
	struct err why = {0};

	if (facts_check_reservation(f, 0, &why))
		fprintf(ctx->out, "reserved: nothing; %s\n", why.msg);
	else
		fprintf(ctx->out, "reserved: %llu MiB\n", facts_mib(f->crash_size));
}

/* One line on a file of the record; true when it is still the same. */
static bool print_file(const struct context *ctx, const char *name, const struct state_file *f)
{
	CLEANUP_FREE struct image *now = malloc(sizeof(*now));
	const char *verdict = "unchanged since the load";
	bool same = true;
	int fd = -1;

	if (!now || image_open(now, ctx->root, f->path, &fd, NULL)) {
		verdict = "can't be read any more";
		same = false;
	} else if (now->size != f->size || now->crc != f->crc) {
		verdict = "CHANGED since the load; run `lifeboat reload`";
		same = false;
	}
	cleanup_close_(&fd);
	fprintf(ctx->out, "%s: %s, %s\n", name, f->path, verdict);
	return same;
}

static void print_config(const struct context *ctx, const struct state_file *f)
{
	struct state_file usual = {.size = 0};
	char full[FACTS_PATH_MAX];

	if (f->path[0]) {
		if (!print_file(ctx, "config", f))
			fprintf(ctx->out, "hint: after a change of the configuration, run "
					  "lifeboat-mkinitrd and `lifeboat reload`\n");
		return;
	}
	snprintf(usual.path, sizeof(usual.path), "%s", ctx->config);
	if (facts_path(full, sizeof(full), ctx->root, usual.path, NULL) == 0 &&
	    access(full, F_OK) == 0)
		fprintf(ctx->out,
			"config: %s, NEW since the load; run lifeboat-mkinitrd and "
			"`lifeboat reload`\n",
			usual.path);
	else
		fprintf(ctx->out, "config: none, the defaults\n");
}

static void print_record(const struct context *ctx)
{
	CLEANUP_FREE struct state *s = malloc(sizeof(*s));
	struct err why = {0};
	char when[32] = "?";
	struct tm tm;
	time_t t;

	if (!s || state_read(s, ctx->root, &why)) {
		fprintf(ctx->out, "record: none; it was not loaded by lifeboat, run `lifeboat "
				  "reload` to be sure of it\n");
		return;
	}
	t = s->time;
	if (gmtime_r(&t, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	fprintf(ctx->out, "loaded at: %s\n", when);
	if (s->release[0])
		fprintf(ctx->out, "release: %s\n", s->release);
	print_file(ctx, "kernel", &s->kernel);
	if (s->initrd.path[0])
		print_file(ctx, "initrd", &s->initrd);
	print_config(ctx, &s->config);
	fprintf(ctx->out, "cmdline: %s\n", s->cmdline);
	if (s->call[0])
		fprintf(ctx->out, "call: %s\n", s->call);
	if (s->cpus[0])
		fprintf(ctx->out, "cpus: %s\n", s->cpus);
}

int command_status(const struct context *ctx, struct err *err)
{
	struct facts f;
	int rc = facts_gather(&f, ctx->root, err);

	if (rc)
		return rc;
	if (f.crash_loaded != 1) {
		fprintf(ctx->out, "armed: no%s\n", f.crash_size > 0 ? "; run `lifeboat load`" : "");
		print_reservation(ctx, &f);
		return EXIT_NOT_ARMED;
	}
	fprintf(ctx->out, "armed: yes\n");
	print_reservation(ctx, &f);
	print_record(ctx);
	return 0;
}
