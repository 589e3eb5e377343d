// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat import: makes a configuration of what another crash-dump service was told, and says line
 * by line what could not be taken over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/replace.h"
#include "loader/command.h"
#include "loader/peerconf.h"

enum {
	EXIT_IN_PART = 1,
	FILES_MAX = 2,
};

/* Where the others have theirs; Fedora has two. The first row of which a file is there counts. */
static const char *const usual[][FILES_MAX] = {
	{"/etc/kdump.conf", "/etc/sysconfig/kdump"},
	{"/etc/sysconfig/kdump", NULL},
	{"/etc/default/kdump-tools", NULL},
};

static bool is_there(const struct context *ctx, const char *path)
{
	char full[FACTS_PATH_MAX];

	return !facts_path(full, sizeof(full), ctx->root, path, NULL) && access(full, F_OK) == 0;
}

static int take_file(struct peerconf *p, const struct context *ctx, const char *path,
		     struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	char full[FACTS_PATH_MAX];
	size_t size = 0;
	int rc = facts_path(full, sizeof(full), ctx->root, path, err);

	if (!rc)
		rc = io_read_file(full, PEERCONF_SIZE_MAX, &text, &size, err);
	if (rc)
		return rc;
	fprintf(p->conf, "\n# of %s\n", path);
	return peerconf_take(p, peerconf_kind_of(path), path, text, size, err);
}

/* The files that were named, or those that are found. */
static int take_all(struct peerconf *p, const struct context *ctx, char *const *files, size_t n,
		    struct err *err)
{
	size_t row = 0;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		rc = take_file(p, ctx, files[i], err);
	if (n)
		return rc;
	while (row < ARRAY_SIZE(usual) && !is_there(ctx, usual[row][0]))
		row++;
	if (row == ARRAY_SIZE(usual))
		return err_set(err, ERR_NOTFOUND,
			       "there is neither /etc/kdump.conf nor /etc/sysconfig/kdump nor "
			       "/etc/default/kdump-tools: name a file");
	for (size_t i = 0; i < FILES_MAX && !rc; i++)
		if (usual[row][i] && is_there(ctx, usual[row][i]))
			rc = take_file(p, ctx, usual[row][i], err);
	return rc;
}

/* What is replaced stays beside it: it may have been written by hand. */
static int keep_old(const char *path, struct err *err)
{
	char old[FACTS_PATH_MAX];
	int rc = facts_path(old, sizeof(old), path, ".old", err);

	if (rc)
		return rc;
	if (unlink(old) && errno != ENOENT)
		return err_sys(err, "%s", old);
	return link(path, old) && errno != ENOENT ? err_sys(err, "%s", old) : 0;
}

/* Whole or not at all; for root alone, since nobody else needs it. */
static int write_conf(const struct context *ctx, const char *text, size_t size, struct err *err)
{
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), ctx->root, ctx->config, err);

	if (!rc && !ctx->yes && access(path, F_OK) == 0)
		rc = err_set(err, ERR_USAGE,
			     "%s is there already: --yes replaces it, --print shows "
			     "what would be written",
			     ctx->config);
	if (!rc)
		rc = keep_old(path, err);
	return rc ? rc : replace_file(path, text, size, 0600, err);
}

/*
 * What has come of it, as load would read it: lines that are right one by one may not go together.
 */
static int check_conf(const struct context *ctx, const char *text, size_t size, struct err *err)
{
	CLEANUP_FREE struct config *c = malloc(sizeof(*c));
	int rc;

	if (!c)
		return err_set(err, ERR_NOMEM, "no memory for a configuration");
	rc = config_parse(c, ctx->config, text, size, true, err);
	return rc ? rc : config_check(c, ctx->config, err);
}

/* Whether a configuration that could be loaded is there already. */
static bool replaces_good(const struct context *ctx)
{
	CLEANUP_FREE char *text = NULL;
	char path[FACTS_PATH_MAX];
	size_t size = 0;

	return !facts_path(path, sizeof(path), ctx->root, ctx->config, NULL) &&
	       !io_read_file(path, PEERCONF_SIZE_MAX, &text, &size, NULL) &&
	       !check_conf(ctx, text, size, NULL);
}

static int import(const struct context *ctx, char *const *files, size_t n, bool print,
		  struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	struct peerconf p = {.notes = ctx->diag};
	struct err why = {0};
	size_t size = 0;
	int rc, broken;

	p.conf = open_memstream(&text, &size);
	if (!p.conf)
		return err_set(err, ERR_NOMEM, "no memory for a configuration");
	fprintf(p.conf, "# Made by lifeboat import; see lifeboat.conf(5).\n");
	rc = take_all(&p, ctx, files, n, err);
	if (!rc)
		peerconf_finish(&p);
	if (fclose(p.conf) && !rc)
		rc = err_set(err, ERR_NOMEM, "no memory for a configuration");
	if (rc)
		return rc;
	broken = check_conf(ctx, text, size, &why);
	if (print)
		fwrite(text, 1, size, ctx->out);
	else if (broken && replaces_good(ctx))
		rc = err_set(err, ERR_USAGE,
			     "%.400s; %s, which is right, stays as it is: --print shows what would "
			     "be written",
			     why.msg, ctx->config);
	else
		rc = write_conf(ctx, text, size, err);
	if (rc)
		return rc;
	if (!print)
		fprintf(ctx->out, "%s: %zu settings taken over, %zu not\n", ctx->config, p.taken,
			p.left);
	if (broken) {
		fprintf(ctx->diag, "%s: it must be mended before it can be loaded\n", why.msg);
		p.left++;
	}
	return p.left ? EXIT_IN_PART : 0;
}

int command_import(const struct context *ctx, struct err *err)
{
	char *files[FILES_MAX];
	bool print = false;
	size_t n = 0;

	for (size_t i = 0; i < ctx->nwords; i++) {
		if (strcmp(ctx->words[i], "--print") == 0)
			print = true;
		else if (ctx->words[i][0] == '-' || n == FILES_MAX)
			return err_set(err, ERR_USAGE,
				       "'%.64s': expected --print, or two files at most",
				       ctx->words[i]);
		else
			files[n++] = ctx->words[i];
	}
	return import(ctx, files, n, print, err);
}
