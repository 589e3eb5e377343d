/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture: one attempt to save a crash on one target: the panic record, the log, the mini-core,
 * the dump, then the manifest and the collector's own log, each made durable before the next
 * begins. It is the work of a process of its own, which captain.h starts and watches: what this
 * one does may hang or die.
 */
#ifndef COLLECTOR_CAPTURE_H
#define COLLECTOR_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/course.h"
#include "collector/governor.h"

struct config;
struct log;
struct lowwater;
struct watch;

struct capture_job {
	const struct config *config;
	const char *input; /* /proc/vmcore */
	struct log *log; /* shared with the supervisor */
	struct watch *watch; /* the same: the result is left here */
	struct lowwater *low; /* the same; NULL: nobody keeps it */
	struct step step; /* what is to be done */
	uint64_t run; /* random, the same for all attempts on this crash */
	uint64_t
		time; /* seconds since 1970, the same for all attempts: when the dead kernel has none */
	const char *refused; /* why no dump is wanted, and the panic record is all; NULL: one is */
	uint64_t memory; /* bytes, of a budget that was halved; 0: as configured */
	uint64_t end_ms; /* of log_now_ms(): no wait goes on beyond it; 0: none */
	const struct watch *before; /* of the last attempt on this target, NULL: there was none */
	enum governor_verdict verdict; /* on this crash, as far as it was judged */
	bool appliance; /* the machine is ours: its console and its pstore, too */
	bool bring_up_cpus; /* nobody has tried yet */
	unsigned int workers; /* that pay, as an earlier attempt has found; 0: not known */
	bool tell_record; /* the same, of the panic record on the console and in pstore */
	/* Of all attempts, with this one at the end: filled by this process in its own copy. */
	struct attempt *attempts;
	size_t nattempts;
};

/* Does it. 0 or a code of base/err.h, with the reason in the watch, where all the rest is, too. */
int capture_run(const struct capture_job *job);

/*
 * Writes manifest and log anew in the crash directory @head is about, with what became known
 * since: @body is its manifest_body(), or "". The job's target and @dir say which one. Nothing is
 * done where a target cannot go back to a directory.
 */
int capture_report(const struct capture_job *job, const struct manifest_head *head,
		   const char *body, const char *dir);

#endif
