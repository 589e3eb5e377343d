/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kexecfile: the system call kexec_file_load(2), and its errors in words.
 */
#ifndef LOADER_KEXECFILE_H
#define LOADER_KEXECFILE_H

#include <stddef.h>

#include "loader/facts.h"
#include "loader/image.h"

struct err;

/* Flags of the call (linux/kexec.h). */
enum {
	KEXECFILE_UNLOAD = 1,
	KEXECFILE_ON_CRASH = 2,
};

/* The call itself, or what stands for it in a test: 0, or -1 and errno. */
typedef long kexecfile_call(int kernel_fd, int initrd_fd, unsigned long cmdline_len,
			    const char *cmdline, unsigned long flags);

kexecfile_call kexecfile_syscall;

/* What was to be loaded; NULL images where it was an unload. */
struct kexecfile_request {
	const struct image *kernel, *initrd;
	size_t cmdline_len;
};

/*
 * Fills @err with what the errno @sys of the call means on this machine: the cause and the
 * remedy, in one sentence. Returns the code. Reads nothing but its arguments.
 */
int kexecfile_explain(int sys, const struct facts *facts, const struct kexecfile_request *req,
		      struct err *err);

#endif
