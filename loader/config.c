// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat config: the configuration as it was understood, for people and for the builder. */
#include "loader/command.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/choice.h"

#define CONFIG_COMMAND "config"

/*
 * The builder of the initrd asks by `lifeboat config`, and leaves its choice; all others go by that, or they
 * would load one that it has made no initrd for.
 */
static int choose(const struct context *ctx, const char *who, struct config *c, struct err *err)
{
	if (c->initrd[0])
		return err_set(
			err, ERR_USAGE,
			"%s: `kernel auto` and `initrd %s`: the initrd is called by the kernel that "
			"is chosen; say one of them",
			ctx->config, c->initrd);
	if (who && strcmp(who, CONFIG_COMMAND) == 0)
		return choice_kernel(c, ctx->root, c->kernel, sizeof(c->kernel), err);
	choice_recorded(ctx->root, c->kernel, sizeof(c->kernel));
	return 0;
}

int command_read_config(const struct context *ctx, const char *who, struct config *c,
			struct err *err)
{
	char full[FACTS_PATH_MAX];
	struct err why = {0};
	int rc = facts_path(full, sizeof(full), ctx->root, ctx->config, err);

	if (rc)
		return rc;
	rc = config_load(c, full, true, &why);
	if (rc == ERR_SYS && why.sys == ENOENT && !ctx->config_said) {
		config_default(c);
		return 0;
	}
	if (rc)
		// Whatever the cause, it is the configuration that is to be mended.
		return err_set(err, ERR_USAGE, "%s", why.msg);
	for (size_t i = 0; who && i < c->nnotes && i < CONFIG_NOTES_MAX; i++)
		fprintf(ctx->diag, "lifeboat: %s: note: %s:%u: %s\n", who, full, c->notes[i].line,
			c->notes[i].text);
	return strcmp(c->kernel, CONFIG_KERNEL_AUTO) == 0 ? choose(ctx, who, c, err) : 0;
}

static void print(void *out, const char *key, const char *value)
{
	fprintf(out, "%s %s\n", key, value);
}

int command_config(const struct context *ctx, struct err *err)
{
	CLEANUP_FREE struct config *c = malloc(sizeof(*c));
	int rc;

	if (!c)
		return err_set(err, ERR_NOMEM, "no memory for the configuration");
	rc = command_read_config(ctx, CONFIG_COMMAND, c, err);
	if (rc)
		return rc;
	config_print(c, print, ctx->out);
	return 0;
}
