/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trial: what a capture does with one target, done with the running kernel's memory: the target
 * opened, the small files, the mini-core and a sample of the dump written and made durable, read
 * back, and all of it removed. It is the work of a process of its own (rehearse.h), for any of it
 * may hang. What one that died in it left behind is the work of another process (trial_clean()).
 *
 * Nothing that is there already is touched: no older dump goes, a raw device is written with what
 * it holds, and to lifeboat-receive, which never gives anything back, nothing is sent.
 */
#ifndef COLLECTOR_TRIAL_H
#define COLLECTOR_TRIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collector/manifest.h"

struct config;
struct log;
struct watch;

enum {
	TRIAL_LEVELS = 5, /* dump levels whose size is predicted */
	TRIAL_TEXT_MAX = 400,
	TRIAL_NOTES_MAX = 6,
};

enum trial_result {
	TRIAL_OK,
	TRIAL_WARN, /* it would work, but */
	TRIAL_FAILED,
};

/* What a dump of a level would be. */
struct trial_level {
	unsigned int level;
	uint64_t pages, bytes;
	uint64_t ms; /* on this target, as fast as the sample was; 0: not known */
};

/* In memory that the process shares with who started it; zeroed to begin with. */
struct trial_report {
	enum trial_result result;
	enum manifest_stage stage; /* in which it is, or ended */
	bool ended; /* it has said all that it had to say */
	bool left; /* a directory of it may be on the target */
	bool done[STAGES]; /* stages of which the target has taken what they write */
	char target[128]; /* "ext4 LABEL=dump" */
	char reason[TRIAL_TEXT_MAX]; /* why it failed */
	char notes[TRIAL_NOTES_MAX][TRIAL_TEXT_MAX]; /* what else is to be known */
	size_t nnotes;
	uint64_t ms[STAGES]; /* stage times, as in a manifest; commit: read back and removed */
	uint64_t sample_max; /* bytes of memory that the sample may be of; 0: no such limit */
	uint64_t sample_bytes; /* of memory that the sample was made of */
	uint64_t sample_written, sample_ms;
	uint64_t read_back; /* bytes that were read back and found right */
	bool has_space;
	uint64_t free; /* bytes on the target */
	struct trial_level levels[TRIAL_LEVELS]; /* the first is the configured one */
	size_t nlevels;
	uint64_t peak_kib; /* VmHWM of the process */
	uint64_t budget; /* bytes that the collector means to take at most */
};

struct trial_job {
	const struct config *config;
	unsigned int target; /* index in it */
	const char *input; /* /proc/kcore */
	struct log *log;
	struct watch *watch; /* by which the sample is ended */
	uint64_t
		memory; /* bytes that would be free in the capture kernel; 0: as much as there is */
	uint64_t end_ms; /* no wait goes on beyond it */
	pid_t owner; /* who the name of the directory says it is of (remains.h) */
	struct trial_report *report;
};

/* Does it; the result is in the report. */
void trial_run(const struct trial_job *job);

/*
 * Takes away what a trial with the same target and owner left behind when it was ended; the report
 * says in ->left whether something still is. Of the job no input, memory or watch is used.
 */
void trial_clean(const struct trial_job *job);

#endif
