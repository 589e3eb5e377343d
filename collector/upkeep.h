/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upkeep: what the dumps of before mean for this one, on a target that is open: how much of this
 * crash is worth keeping there (governor.h), and which of them go (retention.h). Of a target whose
 * directories this machine cannot see, raw or remote, nothing is known, and all is kept.
 *
 * In this order: target_open(), upkeep_judge(), upkeep_make_room(incoming), make_dir(), the dump,
 * and when it is complete, upkeep_make_room(not incoming). They allocate, so they come before the
 * plan is made, and after the dump has let go of its memory.
 */
#ifndef COLLECTOR_UPKEEP_H
#define COLLECTOR_UPKEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "collector/governor.h"

struct err;
struct target;

/*
 * The verdict on the crash at @time (seconds since 1970, 0: now) with @signature, 16 hexadecimal
 * digits or "". It is logged when it is another than GOVERNOR_FULL. Asked again for the same crash
 * it is the same. *@ret is set in any case; an error is one for the log, and keeps nobody from a
 * dump.
 */
int upkeep_judge(struct target *t, uint64_t time, const char *signature,
		 struct governor_result *ret, struct err *err);

/*
 * Removes what the limits of the configuration want removed, and logs how many. @incoming: a dump
 * of @need bytes (0: unknown) is about to come; else one has, and t->dir counts as any other.
 */
int upkeep_make_room(struct target *t, bool incoming, uint64_t need, struct err *err);

#endif
