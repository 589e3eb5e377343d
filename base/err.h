/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * err: what failed, where and why, carried upwards without allocating.
 *
 * A fallible function returns an int: 0 (or a documented positive value) on success, one of
 * enum err_code on failure, and takes a caller-owned struct err as its last parameter. The
 * spot that fails fills it; callers on the way up prepend where they were. A NULL struct err
 * is allowed everywhere and loses the text only, never the code.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ERR_MSG_MAX = 512, /* bytes of text, the terminating zero included */
};

enum err_code {
	ERR_NOMEM = -1, /* an allocation failed */
	ERR_SYS = -2, /* a system call failed, err.sys has its errno */
	ERR_CORRUPT = -3, /* foreign data contradicts itself or its format */
	ERR_UNSUPPORTED = -4, /* understood, but not something this build can do */
	ERR_NOTFOUND = -5, /* a file, key, symbol or page that is not there */
	ERR_NODATA = -6, /* the data ends before it should: truncated */
	ERR_LIMIT = -7, /* a named limit was exceeded */
	ERR_USAGE = -8, /* the command line or the configuration is wrong */
	ERR_NOSPC = -9, /* the target is full (ENOSPC, EDQUOT, EFBIG) */
	ERR_STOPPED = -10, /* given up because another thread or the user said so */
	ERR_BROKEN = -11, /* a connection failed or broke: another try may help */
};

struct err {
	int code; /* enum err_code, 0 when nothing failed */
	int sys; /* errno where code is ERR_SYS or ERR_NOSPC, else 0 */
	char msg[ERR_MSG_MAX];
};

/* Fills @err (may be NULL) with @code and the text; replaces what was there. Returns @code. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/*
 * Fills @err from the current errno: the text, then ": " and the system's word for it.
 * Returns ERR_NOSPC for ENOSPC, EDQUOT and EFBIG, ERR_NOMEM for ENOMEM, else ERR_SYS.
 */
int err_sys(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts the text and ": " in front of what @err says; the tail is cut if it grows too long. */
void err_prepend(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The name of a code, for logs and JSON: "corrupt", "truncated" ...; never NULL. */
const char *err_name(int code);

#endif
