/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command: what every subcommand of `lifeboat` is, one a file.
 */
#ifndef LOADER_COMMAND_H
#define LOADER_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "loader/kexecfile.h"
#include "loader/kexecload.h"
#include "vmcore/config.h"

struct err;

/* Where a command works; a test gives it a machine of its own. */
struct context {
	const char *root; /* before every path; "" */
	const char *config; /* path of the configuration, below root */
	bool yes; /* questions are answered so */
	bool config_said; /* named by the user: then it must be there */
	FILE *out; /* answers */
	FILE *diag; /* notes that are no failure */
	kexecfile_call *kexec;
	kexecload_call *kexec_load;
	char *const *words; /* what stands behind the command */
	size_t nwords;
	void (*syslog)(int priority, const char *text); /* the system's log */
	bool generic; /* --generic: for another machine than this one */
};

/*
 * Runs the command: 0, a negative enum err_code with @err filled for main() to tell, or a
 * positive exit code whose cause was the answer itself (status: 1 a warning, 2 a failure).
 */
typedef int command_run(const struct context *ctx, struct err *err);

command_run command_calibrate;
command_run command_config;
command_run command_estimate;
command_run command_import;
command_run command_load;
command_run command_mark_clean;
command_run command_receipts;
command_run command_savecore;
command_run command_propagate;
command_run command_network;
command_run command_rehearse;
command_run command_reload;
command_run command_reset_crashkernel;
command_run command_shrink;
command_run command_rebuild;
command_run command_showmem;
command_run command_status;
command_run command_test;
command_run command_unload;

/*
 * Reads the configuration, strictly. Where no file was named and the usual one is not there,
 * the defaults. ERR_USAGE for whatever is wrong with it; notes go to ctx->diag after @who.
 */
int command_read_config(const struct context *ctx, const char *who, struct config *c,
			struct err *err);

#endif
