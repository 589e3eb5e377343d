/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crashdir: the directory of one crash on a target, HOST-YYYY-MM-DD-HH:MM:SS[.N], and the names
 * of what is in it. The name is kdump's, as its users' scripts expect it: the address of the
 * machine (127.0.0.1 on its own disks) and the time of the crash in UTC. FAT and its kin know no
 * colon in a name: there it is HOST-YYYY-MM-DD-HH-MM-SS[.N].
 */
#ifndef VMCORE_CRASHDIR_H
#define VMCORE_CRASHDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define CRASHDIR_TIME_LAST UINT64_C(253402300799) /* 9999-12-31 23:59:59: no later one has a name */

#define CRASHDIR_LOCAL_HOST "127.0.0.1"

/* In the order in which they are made. */
#define CRASHDIR_PANIC	  "panic.txt"
#define CRASHDIR_DMESG	  "vmcore-dmesg.txt"
#define CRASHDIR_MINI	  "vmcore-mini"
#define CRASHDIR_DUMP	  "vmcore"
#define CRASHDIR_FLAT	  "vmcore.flat"
#define CRASHDIR_TEMP	  "vmcore-incomplete" /* what the dump is called until it is complete */
#define CRASHDIR_MANIFEST "manifest.json"
#define CRASHDIR_LOG	  "collect.log"
/* Behind one of these names while the file is not whole. */
#define CRASHDIR_INCOMPLETE "-incomplete"

enum {
	CRASHDIR_NAME_MAX = 128, /* its zero included */
	CRASHDIR_STAMP_LEN = 19, /* 2026-11-21-03:44:59 */
	CRASHDIR_NTH_MAX = 100, /* directories of one second */
};

/* A name taken apart. */
struct crashdir {
	size_t host_len; /* the name begins with so many bytes of host */
	uint64_t time; /* of the crash, seconds since 1970 */
	unsigned int nth; /* 0, or the number behind the last dot */
};

/*
 * Writes the name for a crash of @host at @time into @buf; @nth > 0 tells it from others of the
 * same second. ERR_LIMIT when it would not fit, or when @nth is not below CRASHDIR_NTH_MAX;
 * ERR_USAGE for a host that would not read back.
 */
int crashdir_name(char *buf, size_t size, const char *host, uint64_t time, unsigned int nth,
		  struct err *err);

/* "2026-11-21-03:44:59" of @time, in UTC; years beyond 9999 as 9999. */
void crashdir_stamp(char buf[static CRASHDIR_STAMP_LEN + 1], uint64_t time);

/* Makes of @name the one for a file system that knows no colons. */
void crashdir_plain(char *name);

/* Whether @name (any bytes) is one that these two could have made; then *@ret is set. */
bool crashdir_parse(const char *name, struct crashdir *ret);

/* Whether @name is that of a file this program leaves in such a directory, whole or not. */
bool crashdir_is_file(const char *name);

#endif
