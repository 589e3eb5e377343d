/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkcrash: a machine that said something before it crashed: 8 MiB with page tables, names and a
 * log (log_buf), as an ELF core. For tests of what is told from log and notes.
 */
#ifndef TESTS_LIB_MKCRASH_H
#define TESTS_LIB_MKCRASH_H

#include <stddef.h>

struct err;

enum {
	MKCRASH_LOG_MAX = 1 << 16, /* bytes of log_buf; lines that do not fit are left out */
};

/*
 * A memfd, which the caller closes, or a negative code. @notes is in mkcore's language: notes, and
 * memory if need be. The @size bytes of @log are a record for each line. @more are further lines
 * of vmcoreinfo; NULL: there is none at all.
 */
int mkcrash_memfd(const char *notes, const char *log, size_t size, const char *more,
		  struct err *err);

#endif
