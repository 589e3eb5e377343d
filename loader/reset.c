// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat reset-crashkernel: has the next boot reserve what is needed. */
#include "loader/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "loader/bootconf.h"
#include "loader/peers.h"
#include "loader/sizing.h"

enum {
	TOOL_MS = 300 * 1000, /* update-grub looks for other systems on all disks */
	LEAST = 16 << 20, /* bytes: no kernel starts in less, so that less is a unit left out */
};

/* That it is less than is needed is worth a word, where what is needed can be told. */
static void check_value(const struct context *ctx, const char *value, struct config *c,
			struct sizing *s)
{
	uint64_t size;

	if (command_read_config(ctx, NULL, c, NULL) || sizing_gather(s, ctx->root, c, NULL, NULL) ||
	    !peers_crashkernel(value, s->need_facts.memory, &size) || size >= s->bytes)
		return;
	fprintf(ctx->out,
		"warning: crashkernel=%s is %llu MiB on this machine, and %llu MiB are needed, see "
		"`lifeboat estimate`\n",
		value, facts_mib(size), facts_mib(s->bytes));
}

/* What the kernel would take and no capture kernel could use is refused, too. */
static int check_form(const char *value, struct err *err)
{
	size_t len = strlen(value);
	uint64_t size;

	if (!peers_crashkernel(value, UINT64_MAX >> 1, &size) || !size ||
	    len >= BOOTCONF_VALUE_MAX || strpbrk(value, " \t\n\"'\\$`"))
		return err_set(err, ERR_USAGE,
			       "'%.64s' is no value of crashkernel=, such as 96M or 2G-:96M",
			       value);
	if (len > 4 &&
	    (strcmp(value + len - 4, ",low") == 0 || strcmp(value + len - 4, ",cma") == 0))
		return err_set(err, ERR_USAGE,
			       "'%.64s' only adds to another reservation, and no capture kernel "
			       "is loaded there: say the size alone, such as 96M",
			       value);
	if (size < LEAST)
		return err_set(err, ERR_USAGE,
			       "'%.64s' is %llu bytes, in which no kernel starts: say it with a "
			       "unit, such as 96M",
			       value, (unsigned long long)size);
	return 0;
}

/* --to VALUE, as it is to stand behind crashkernel=; else what the estimate says. */
static int choose_value(const struct context *ctx, char ret[static BOOTCONF_VALUE_MAX],
			struct err *err)
{
	CLEANUP_FREE struct config *c = malloc(sizeof(*c));
	CLEANUP_FREE struct sizing *s = malloc(sizeof(*s));
	int rc;

	if (!c || !s)
		return err_set(err, ERR_NOMEM, "no memory to reset");
	if (ctx->nwords && (ctx->nwords != 2 || strcmp(ctx->words[0], "--to") != 0))
		return err_set(err, ERR_USAGE, "the only words behind it are --to VALUE");
	if (ctx->nwords) {
		rc = check_form(ctx->words[1], err);
		if (rc)
			return rc;
		snprintf(ret, BOOTCONF_VALUE_MAX, "%s", ctx->words[1]);
		check_value(ctx, ret, c, s);
		return 0;
	}
	rc = command_read_config(ctx, "reset-crashkernel", c, err);
	if (!rc)
		rc = sizing_gather(s, ctx->root, c, NULL, err);
	if (rc)
		return rc;
	snprintf(ret, BOOTCONF_VALUE_MAX, "%lluM", facts_mib(need_reserve(s->next)));
	fprintf(ctx->out, "needed: %llu MiB (%s)\n", facts_mib(s->bytes),
		s->measured.need ? "measured" : "computed; lifeboat estimate says how");
	return 0;
}

static size_t line_len(const char *s)
{
	return strcspn(s, "\n");
}

/* The lines that change, old and new. */
static void print_file(FILE *out, const struct bootconf_file *f)
{
	const char *was = f->was ? f->was : "", *will = f->will;

	fprintf(out, "%s:%s\n", f->path, f->was ? "" : " (new)");
	while (*was || *will) {
		size_t a = line_len(was), b = line_len(will);

		if (a != b || memcmp(was, will, a) != 0) {
			if (*was)
				fprintf(out, "  - %.*s\n", (int)a, was);
			if (*will)
				fprintf(out, "  + %.*s\n", (int)b, will);
		}
		was += a + (was[a] == '\n');
		will += b + (will[b] == '\n');
	}
}

static void print_command(FILE *out, const char *const argv[])
{
	for (size_t i = 0; argv[i]; i++)
		fprintf(out, "%s%s", i ? " " : "run: ", argv[i]);
	fputc('\n', out);
}

/* 1 when it was run. */
static int run_command(const struct context *ctx, const char *const argv[], struct err *err)
{
	const char *args[BOOTCONF_WORDS_MAX];
	char program[FACTS_PATH_MAX], skip[4096];
	struct child c;
	ssize_t n;
	int rc;

	print_command(ctx->out, argv);
	fflush(ctx->out);
	memcpy(args, argv, sizeof(args));
	rc = facts_path(program, sizeof(program), ctx->root, argv[0], err);
	if (rc)
		return rc;
	args[0] = program;
	// The test's machine has no boot loader, or one of its own.
	if (ctx->root[0] && access(program, X_OK))
		return 0;
	rc = child_start(&c, args, err);
	if (rc)
		return rc;
	child_close_in(&c);
	while ((n = child_read(&c, skip, sizeof(skip), TOOL_MS, err)) > 0)
		;
	rc = n < 0 ? n : child_wait(&c, TOOL_MS, err);
	if (!rc && child_code(&c))
		rc = err_set(err, ERR_SYS, "%s ended with %d: %.300s", argv[0], child_code(&c),
			     c.said);
	child_end(&c);
	return rc ? rc : 1;
}

/* The files are to say what the boot loader was told last. */
static void take_back(const struct context *ctx, const struct bootconf *b, size_t written)
{
	struct err why = {0};

	for (size_t i = 0; i < written; i++)
		if (bootconf_restore(&b->files[i], ctx->root, &why))
			fprintf(ctx->diag, "lifeboat: reset-crashkernel: note: %s\n", why.msg);
	if (written)
		fprintf(ctx->out, "the files are as they were\n");
}

/* Files, then the boot loader, then what that made of them. */
static int carry_out(const struct context *ctx, const struct bootconf *b, const char *value,
		     struct err *err)
{
	size_t written = 0;
	int rc = 0, ran = 0;

	for (; written < b->n && !rc; written += !rc)
		rc = bootconf_write(&b->files[written], ctx->root, err);
	if (!rc && b->command[0])
		ran = run_command(ctx, b->command, err);
	if (ran < 0)
		rc = ran;
	if (!rc && (ran || !b->command[0]))
		rc = bootconf_check(b, ctx->root, value, err);
	if (!rc) {
		fprintf(ctx->out, "done; it holds from the next boot on\n");
		return 0;
	}
	take_back(ctx, b, written);
	// It has been told what is no longer so.
	if (ran > 0 && written) {
		struct err why = {0};

		if (run_command(ctx, b->command, &why) < 0)
			fprintf(ctx->diag, "lifeboat: reset-crashkernel: note: %s\n", why.msg);
	}
	return rc;
}

int command_reset_crashkernel(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct bootconf *b = calloc(1, sizeof(*b));
	char value[BOOTCONF_VALUE_MAX];
	int rc;

	if (!b)
		return err_set(err, ERR_NOMEM, "no memory to reset");
	rc = choose_value(ctx, value, err);
	if (!rc)
		rc = bootconf_find(b, ctx->root, value, err);
	if (!rc && !b->n)
		fprintf(ctx->out, "crashkernel=%s is what the configuration asks for already\n",
			value);
	// A run that was cut off, or an edit, may have left the boot loader behind.
	if (!rc && !b->n && (!b->command[0] || !ctx->yes)) {
		if (b->command[0])
			fprintf(ctx->out,
				"`lifeboat --yes reset-crashkernel` tells the boot loader "
				"again\n");
		bootconf_free(b);
		return 0;
	}
	for (size_t i = 0; i < b->n && !rc; i++)
		print_file(ctx->out, &b->files[i]);
	if (!rc && !ctx->yes && b->command[0])
		print_command(ctx->out, b->command);
	for (size_t i = 0; i < b->nnotes && !rc; i++)
		fprintf(ctx->out, "note: %s\n", b->notes[i]);
	if (!rc && ctx->yes)
		rc = carry_out(ctx, b, value, err);
	else if (!rc)
		fprintf(ctx->out, "nothing was done; `lifeboat --yes reset-crashkernel` does it\n");
	bootconf_free(b);
	return rc;
}
