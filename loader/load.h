/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load: puts the capture kernel in place of whatever is there, records what that was, and says so
 * on ctx->out; or takes it away. An older one is replaced in one step.
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

/*
 * The turn of turn.h that a load has while it is at work, and how long another one waits for it: a
 * reload that a change of the machine asked for must not look in the middle of it.
 */
#define LOAD_TURN "reload-works"

enum {
	LOAD_TURN_MS = 120 * 1000,
};

/* load_anew() when it is its turn; ERR_LIMIT. Where no turns can be taken it goes ahead. */
int load_in_turn(const struct context *ctx, const char *who, struct err *err);

/*
 * Takes away what is loaded, its record and the mark of this boot, and says so on ctx->out. The turn
 * is the caller's, who holds back signals, too (hold.h).
 */
int unload_now(const struct context *ctx, struct err *err);

#endif
