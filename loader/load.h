/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load: puts the capture kernel in place of whatever is there, records what that was, and says so
 * on ctx->out. An older one is replaced in one step.
 */
#ifndef LOADER_LOAD_H
#define LOADER_LOAD_H

struct context;
struct err;
struct loadplan;

/* Loads what @plan, which loadplan_make() made, says. @who is the command, for notes. */
int load_carry_out(const struct context *ctx, const char *who, struct loadplan *plan,
		   struct err *err);

/* Makes the plan, too: 0, or what is wrong with its remedy, and nothing was changed. */
int load_anew(const struct context *ctx, const char *who, struct err *err);

#endif
