/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * retention: which older crash directories go so that a new dump has its place. The decision is
 * a pure function of a list; the rest makes that list of a directory and carries it out. It is
 * for whoever keeps dumps: the collector on its own targets, lifeboat-receive on the far side.
 *
 * What is never touched: the newest complete dump, whatever the limits say; a directory whose name
 * is not that of a crash (vmcore/crashdir.h), or in which there is anything but plain files of
 * names we give; what a symbolic link leads to.
 */
#ifndef COLLECTOR_RETENTION_H
#define COLLECTOR_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmcore/crashdir.h"

struct err;
struct watch;

enum {
	RETENTION_DUMPS_MAX = 1024, /* looked at; what there is beyond stays */
	RETENTION_FILES_MAX = 64, /* in a crash directory; one with more is not ours */
};

/* 0: no such limit. */
struct retention_limits {
	uint64_t keep_dumps; /* crash directories, the new one included */
	uint64_t keep_bytes; /* of all of them, the new one included */
	uint64_t keep_days; /* older ones go */
	uint64_t min_free; /* bytes to be left on the file system when the new one is there */
};

/* What the limits are applied to. */
struct retention_ask {
	uint64_t now; /* seconds since 1970 */
	/*
	 * The name of this machine in a directory that many machines use: only its own are looked at,
	 * and none that somebody writes to. NULL: all there are are its own.
	 */
	const char *host;
	bool incoming; /* a dump is about to be written, which is not in the list yet */
	uint64_t need; /* bytes that it will take; 0 where nobody knows */
	/* A complete dump that counts as the newest whatever its time says; NULL: none. */
	const char *stays;
	uint64_t held; /* bytes of dumps that are not in the list and stay */
	uint64_t free; /* bytes free on the file system */
	struct watch *watch; /* hears of each file that is removed; borrowed, may be NULL */
};

/* A crash directory. */
struct retention_dump {
	char name[CRASHDIR_NAME_MAX];
	uint64_t time; /* of the crash, seconds since 1970, as its name says */
	unsigned int nth; /* among those of one second */
	uint64_t bytes; /* that go with it */
	bool complete; /* there is a whole dump in it */
	bool remove; /* the verdict */
};

/* At most some 150 KiB; allocated by whoever runs it. */
struct retention {
	size_t n;
	struct retention_dump dumps[RETENTION_DUMPS_MAX];
};

/*
 * Sorts the @n dumps newest first and sets `remove` of each. The oldest go first, as many as the
 * limits ask for. Where there would be no room for ask->need even if all went that may, none goes
 * for its sake: whoever said so may be wrong, or lie. Where min_free cannot be reached without it
 * either, those that could help go all the same. Returns how many go.
 */
size_t retention_decide(struct retention_dump *dumps, size_t n, const struct retention_limits *l,
			const struct retention_ask *ask);

/*
 * Fills @r with the crash directories in the directory open at @at, @except (a name in it, or
 * NULL) left out. ERR_SYS when it cannot be read; a directory in it that can't be read is not
 * ours.
 */
int retention_scan(struct retention *r, int at, const char *except, struct err *err);

/*
 * Removes the crash directory @name in @at, file by file, none that is not ours, and makes that
 * durable. ERR_USAGE for one that is not of ours alone, ERR_SYS.
 */
int retention_remove(int at, const char *name, struct err *err);

/*
 * What @l and @ask say by the clock of a kernel that died, with memory that anything may have
 * happened to: it is never later than @clock, this machine's own, and where the two are more than
 * a day apart nothing is old.
 */
void retention_heed_clock(struct retention_limits *l, struct retention_ask *ask, uint64_t clock);

/*
 * All three: makes room in @at within @l. ask->free is set here. Returns how many were removed,
 * or the first error; the others were tried all the same.
 */
int retention_run(struct retention *r, int at, const char *except, const struct retention_limits *l,
		  struct retention_ask *ask, struct err *err);

#endif
