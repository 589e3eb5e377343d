// SPDX-License-Identifier: GPL-2.0-or-later
/* The check of whether what is reserved is enough for the whole of a capture. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "loader/armed.h"
#include "loader/checkup.h"
#include "loader/command.h"
#include "loader/sizing.h"

/* What load has found to be needed, for these very files; 0: it did not, or they are others. */
static uint64_t needed_at_load(const struct checkup *c)
{
	CLEANUP_FREE struct armed *a = malloc(sizeof(*a));

	if (!a || c->state_err.code || c->initrd_err.code || !c->plan->boot_id[0] ||
	    strcmp(c->plan->kernel.digest, c->state.kernel.digest) != 0 ||
	    strcmp(c->plan->initrd.digest, c->state.initrd.digest) != 0 ||
	    armed_read(a, c->ctx->root, c->plan->boot_id, NULL))
		return 0;
	return a->needs;
}

/* An initrd must be unpacked for it, which takes longer than all other checks. */
static uint64_t needed_now(const struct checkup *c, struct err *err)
{
	CLEANUP_FREE struct sizing *s = malloc(sizeof(*s));

	if (!s) {
		err_set(err, ERR_NOMEM, "no memory to estimate");
		return 0;
	}
	return sizing_gather(s, c->ctx->root, &c->plan->config, NULL, err) ? 0 : s->bytes;
}

void check_need(struct checkup *c)
{
	int64_t reserved = c->plan->facts.crash_size;
	struct err why = {0};
	uint64_t need;

	if (c->initrd_err.code) {
		check_fail(c, NULL, "%s", c->initrd_err.msg);
		return;
	}
	need = needed_at_load(c);
	if (!need)
		need = needed_now(c, &why);
	if (!need)
		check_warn(c, "run `lifeboat rehearse`, which tries it",
			   "how much a capture takes cannot be told: %s", why.msg);
	else if (reserved < 0 || need > (uint64_t)reserved)
		check_fail(c, "run `lifeboat reset-crashkernel`, and reboot",
			   "a capture is to need %llu MiB, and %llu are reserved: see `lifeboat "
			   "estimate`",
			   facts_mib(need), facts_mib(reserved > 0 ? reserved : 0));
	else
		check_ok(c, "a capture is to need %llu of the %llu MiB reserved", facts_mib(need),
			 facts_mib(reserved));
}
