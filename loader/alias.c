// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/alias.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * status, reload, rebuild, propagate, estimate, test, showmem and reset-crashkernel of kdumpctl,
 * and load, unload, reload, status and propagate of kdump-config, are called so here, too.
 */
static const struct alias aliases[] = {
	{NULL, "start", "load", NULL, NULL},
	{NULL, "stop", "unload", NULL, NULL},
	{NULL, "restart", "reload", NULL, NULL},
	// kdump-config's looks only; kdumpctl's crashes the machine, as ours does.
	{"kdump-config", "test", "status", NULL, NULL},
	{NULL, "show", "status", NULL, NULL},
	{NULL, "try-reload", "reload", "--if-changed", NULL},
	{NULL, "condreload", "reload", "--if-changed", NULL},
	{NULL, "symlinks", NULL, NULL,
	 "kernel and initrd are found by the running kernel's release: there are no links to make"},
};

const struct alias *alias_find(const char *argv0, const char *name)
{
	const char *slash = strrchr(argv0, '/');
	const char *program = slash ? slash + 1 : argv0;

	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		const struct alias *a = &aliases[i];

		if (strcmp(a->name, name) == 0 && (!a->program || strcmp(a->program, program) == 0))
			return a;
	}
	return NULL;
}
