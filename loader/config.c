// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat config: the configuration as it was understood, for people and for the builder. */
#include "loader/command.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/choice.h"

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
	// From here on, whoever reads the configuration sees the same one.
	if (strcmp(c->kernel, CONFIG_KERNEL_AUTO) == 0)
		return choice_kernel(c, ctx->root, c->kernel, sizeof(c->kernel), err);
	return 0;
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
	rc = command_read_config(ctx, "config", c, err);
	if (rc)
		return rc;
	config_print(c, print, ctx->out);
	return 0;
}
