/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remains: names of the directories that rehearsals write to. A name says whose it is, so that what
 * one that was killed left behind is known for that at once: by no look at the clock, which another
 * machine may have set otherwise, and by nobody else's, who may be at work with the same target.
 *
 *   lifeboat-rehearsal-MACHINE-BOOT-PID-TIME
 *
 * MACHINE is a digest of /etc/machine-id, or of the host name where there is none; BOOT the first
 * digits of /proc/sys/kernel/random/boot_id; PID the process that rehearses.
 */
#ifndef COLLECTOR_REMAINS_H
#define COLLECTOR_REMAINS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define REMAINS_PREFIX "lifeboat-rehearsal-"

enum {
	REMAINS_NAME_MAX = 96, /* bytes of a name with the zero */
};

/* What the names of this machine begin with, REMAINS_PREFIX and MACHINE. */
void remains_prefix(char ret[static REMAINS_NAME_MAX]);

/* The name for a trial of process @owner at @time, seconds since 1970. */
void remains_name(char ret[static REMAINS_NAME_MAX], pid_t owner, uint64_t time);

/*
 * Whether a directory of that name is of this machine, and of nobody who is still at work: of another
 * boot, of a process that is gone, or of @owner itself.
 */
bool remains_are_stale(const char *name, pid_t owner);

#endif
