/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * upkeep: what is done on a target that keeps dumps in directories, before a new one is made and
 * after: the governor says how much of this crash is wanted, and older dumps make room. Where that
 * is the business of another machine nothing is done. A directory that many machines use, over NFS
 * or virtiofs, is looked at as far as it is this machine's: by the name that its own crashes have
 * there.
 */
#ifndef COLLECTOR_UPKEEP_H
#define COLLECTOR_UPKEEP_H

#include <stdint.h>

#include "collector/governor.h"

struct record;
struct target;

/*
 * Judges the crash of @time (seconds since 1970) that @r is the record of, and notes it on the
 * open target @t. Of @verdict_before, of an earlier target, and this one the stricter counts. What
 * fails is logged; then everything is kept.
 */
void upkeep_judge(struct target *t, const struct record *r, uint64_t time,
		  enum governor_verdict verdict_before, struct governor_result *ret);

/*
 * Removes older dumps by keep_dumps, keep_bytes, keep_days and min_free; what fails is logged. @now
 * (seconds since 1970) is what the dead kernel says, and is not believed where it makes dumps old.
 */
void upkeep_make_room(struct target *t, uint64_t now);

/*
 * The same when the dump in the crash directory @dir is complete, which stays: the one that was
 * the newest complete one until then may have to go only now.
 */
void upkeep_trim(struct target *t, uint64_t now, const char *dir);

#endif
