// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat showmem: how much memory is reserved for the capture kernel, as kdumpctl showmem tells
 * it.
 */
#include "base/err.h"
#include "loader/command.h"
#include "loader/facts.h"

int command_showmem(const struct context *ctx, struct err *err)
{
	struct facts f;
	int rc = facts_gather(&f, ctx->root, err);

	if (!rc)
		rc = facts_check_reservation(&f, 0, err);
	if (!rc)
		fprintf(ctx->out, "%llu MiB reserved for the capture kernel\n",
			facts_mib(f.crash_size));
	return rc;
}
