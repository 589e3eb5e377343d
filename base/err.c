// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	err->sys = 0;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return code;
}

static int code_of_errno(int sys)
{
	switch (sys) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return ERR_NOSPC;
	case ENOMEM:
		return ERR_NOMEM;
	default:
		return ERR_SYS;
	}
}

int err_sys(struct err *err, const char *fmt, ...)
{
	int sys = errno;
	int code = code_of_errno(sys);
	size_t used;
	va_list ap;

	if (!err)
		return code;
	err->code = code;
	err->sys = sys;
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", strerror(sys));
	return code;
}

void err_prepend(struct err *err, const char *fmt, ...)
{
	char old[ERR_MSG_MAX];
	size_t used;
	va_list ap;

	if (!err)
		return;
	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	used = strlen(err->msg);
	// The cut at the end is meant: where it happened matters more than the last words.
	snprintf(err->msg + used, sizeof(err->msg) - used, ": %.*s",
		 (int)(sizeof(err->msg) - used - 1), old);
}

const char *err_name(int code)
{
	switch (code) {
	case 0:
		return "ok";
	case ERR_NOMEM:
		return "out of memory";
	case ERR_SYS:
		return "system call failed";
	case ERR_CORRUPT:
		return "corrupt";
	case ERR_UNSUPPORTED:
		return "unsupported";
	case ERR_NOTFOUND:
		return "not found";
	case ERR_NODATA:
		return "truncated";
	case ERR_LIMIT:
		return "limit exceeded";
	case ERR_USAGE:
		return "usage";
	case ERR_NOSPC:
		return "no space";
	case ERR_STOPPED:
		return "stopped";
	case ERR_BROKEN:
		return "connection broken";
	default:
		return "unknown error";
	}
}
