// SPDX-License-Identifier: GPL-2.0-or-later
/* The check of what lies in reserved memory: that it is what the record says, byte for byte. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "loader/checkup.h"
#include "loader/command.h"
#include "loader/kernel.h"

#define RELOAD "run `lifeboat reload`"

static int compare_initrd(struct checkup *c, uint64_t step, struct err *err)
{
	char path[FACTS_PATH_MAX];
	CLEANUP_FREE char *data = NULL;
	size_t size = 0;
	int rc = facts_path(path, sizeof(path), c->ctx->root, c->plan->initrd.path, err);

	if (!rc)
		rc = io_read_file(path, KERNEL_SIZE_MAX, &data, &size, err);
	if (!rc && size != c->crashmem.initrd_size)
		rc = err_set(err, ERR_CORRUPT, "has %" PRIu64 " bytes there, and %zu in its file",
			     c->crashmem.initrd_size, size);
	if (!rc)
		rc = crashmem_compare(c->kcore, c->crashmem.initrd, data, size, step, err);
	if (rc)
		err_prepend(err, "the initrd");
	return rc;
}

static int compare_kernel(struct checkup *c, uint64_t step, struct err *err)
{
	char path[FACTS_PATH_MAX];
	CLEANUP_FREE char *data = NULL;
	struct kernel k = {0};
	size_t size = 0;
	int rc = facts_path(path, sizeof(path), c->ctx->root, c->plan->kernel.path, err);

	if (!rc)
		rc = io_read_file(path, KERNEL_SIZE_MAX, &data, &size, err);
	if (!rc)
		rc = kernel_parse(&k, (uint8_t *)data, size, err);
	if (!rc)
		rc = crashmem_kernel(c->kcore, &c->iomem, &k, step, err);
	kernel_free(&k);
	if (rc)
		err_prepend(err, "the kernel");
	return rc;
}

/*
 * Byte for byte, as far as it is to be fast; the running kernel's word that something is loaded is
 * no word on what.
 */
void check_image(struct checkup *c)
{
	uint64_t step = c->full ? 1 : CRASHMEM_STEP;
	struct err why = {0};

	if (c->plan->facts.crash_loaded != 1) {
		check_fail(c, "run `lifeboat load`", "nothing is loaded that could be looked at");
		return;
	}
	if (c->kcore_err.code || c->iomem_err.code) {
		check_warn(c, NULL, "what is loaded cannot be looked at: %s", c->crashmem_err.msg);
		return;
	}
	if (c->crashmem_err.code) {
		check_fail(c, RELOAD, "%s: another program may have loaded another one",
			   c->crashmem_err.msg);
		return;
	}
	if (c->state_err.code || c->initrd_err.code) {
		check_fail(c, RELOAD, "what lies there has nothing to be held against");
		return;
	}
	if (strcmp(c->crashmem.cmdline, c->state.cmdline) != 0)
		check_fail(c, RELOAD, "in reserved memory the command line is another one: %s",
			   c->crashmem.cmdline);
	else if (compare_initrd(c, step, &why) || compare_kernel(c, step, &why))
		check_fail(c, RELOAD, "in reserved memory %s", why.msg);
	else
		check_ok(
			c,
			"kernel, initrd and command line lie in reserved memory as they should, %s",
			c->full ? "every byte" : "by samples");
}
