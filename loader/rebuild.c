// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat rebuild: builds the capture initrd anew with lifeboat-mkinitrd, and loads it. */
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "loader/command.h"
#include "loader/facts.h"
#include "loader/load.h"

/* It says itself what is wrong, and may take as long as it needs: the user waits for it. */
static int build(const struct context *ctx, struct err *err)
{
	const char *argv[] = {"lifeboat-mkinitrd", "-c", ctx->config, NULL};
	int status = 0;
	pid_t pid;

	fflush(ctx->out);
	// Without a configuration of the user's own the builder knows the defaults as well.
	if (!ctx->config_said)
		argv[1] = NULL;
	errno = posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)argv, environ);
	if (errno)
		return err_sys(err, "%s cannot be run", argv[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "%s", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(err, ERR_STOPPED, "%s has built no initrd; what was loaded is still there",
		       argv[0]);
}

int command_rebuild(const struct context *ctx, struct err *err)
{
	struct facts f;
	int rc = facts_gather(&f, ctx->root, err);

	if (!rc)
		rc = build(ctx, err);
	// As kdumpctl: what is not armed is not armed by this.
	if (!rc && f.crash_loaded == 1)
		rc = load_in_turn(ctx, "rebuild", err);
	return rc;
}
