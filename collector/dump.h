/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dump: one dump of an open vmcore to an open sink, or split over several: plan, pages, commit; with a smaller level
 * when the target is full and the options name one, and an incomplete but valid dump when
 * there is none left.
 */
#ifndef COLLECTOR_DUMP_H
#define COLLECTOR_DUMP_H

#include <stdbool.h>
#include <stddef.h>

#include "collector/budget.h"
#include "collector/manifest.h"

struct dumpopts;
struct err;
struct kmem;
struct log;
struct plan;
struct sink;
struct watch;

struct dump {
	const struct kmem *km;
	const struct dumpopts *opts;
	struct log *log;
	struct sink *sink; /* opened by the caller, NULL with dry_run; closed by the caller */
	uint64_t sink_kept; /* its row's kept, for a plan that is made before it is opened */
	size_t nsinks; /* of them, one behind the other: the dump is split; 0 is 1 */
	struct plan *plan; /* storage of the caller; valid after dump_run() when planned */
	bool planned;
	unsigned int workers; /* asked for, or those that pay: of dump_plan() */
	struct budget budget; /* the same */
	struct watch *watch; /* is told how far it came, and may ask for an end; NULL: nobody */
	bool within; /* a stage that the caller told the watch: none is told here */
	struct manifest *m; /* filled: status, reason, plan, pages, result, stage times */
};

/*
 * Makes plan and budget for the first level of the options, as dump_run() does where that was
 * not done. The caller calls plan_deinit() when planned is set.
 */
int dump_plan(struct dump *d, struct err *err);

/* Whether the pages go into the file one by one, packed, as the plan has them. */
bool dump_is_kdump(const struct dumpopts *o);

/*
 * Makes the dump. 0: complete and committed (or with dry_run: planned). A negative code with
 * m->status MANIFEST_INCOMPLETE: what could be written is kept under the incomplete name.
 * Otherwise nothing of use was written. The caller calls plan_deinit() when planned is set.
 */
int dump_run(struct dump *d, struct err *err);

/*
 * Bytes that the last try of dump_run() still wanted to write, told by a sample of the pages and
 * rather too many than too few; UINT64_MAX where that cannot be told.
 */
uint64_t dump_missing(const struct dump *d);

/* Lines of the report: pages kept and dropped by class, sizes, times. */
void dump_report(const struct dump *d);

/* Threads wanted: what the options say, else the CPUs. The budget may hold fewer. */
unsigned int dump_threads(const struct dumpopts *o);

/* How many workers pay on @cpus CPUs, see collector/crosscall.h; a line to the log if not all. */
unsigned int dump_workers(struct log *log, unsigned int cpus);

#endif
