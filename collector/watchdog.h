/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watchdog: the hardware that resets the machine when nobody feeds it, as
 * Documentation/watchdog/watchdog-api.rst has it. Once opened it runs, also when this process is
 * gone: a collector that dies or hangs does not keep the machine from coming back.
 */
#ifndef COLLECTOR_WATCHDOG_H
#define COLLECTOR_WATCHDOG_H

#include <stdbool.h>

struct err;

#define WATCHDOG_DEVICE "/dev/watchdog"

enum {
	WATCHDOG_LEAST_S = 30, /* asked for at least: what a busy machine may need to come round */
	WATCHDOG_NAME_MAX = 33, /* struct watchdog_info's identity and a zero */
};

struct watchdog {
	int fd; /* -1: there is none */
	unsigned int seconds; /* that it waits; 0: it does not say */
	char name[WATCHDOG_NAME_MAX]; /* what it calls itself */
};

/*
 * @which is "auto", "no" or a device. Arms it for @seconds; what it can do nearest to that is in
 * @w->seconds. 0 also where there is none and none was named. ERR_NOTFOUND for a device that was
 * named and is not there, ERR_SYS when it cannot be opened (such as by EBUSY: somebody has it).
 */
int watchdog_open(struct watchdog *w, const char *which, unsigned int seconds, struct err *err);

/* From now on it waits its time anew. */
void watchdog_feed(struct watchdog *w);

/* Feeds it for the last time, for @seconds more: what follows is to be done by then. */
void watchdog_leave(struct watchdog *w, unsigned int seconds);

/* Stops it. A driver that is built or told not to (nowayout) goes on. */
void watchdog_disarm(struct watchdog *w);

#endif
