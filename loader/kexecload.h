/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kexecload: the system call kexec_load(2): the segments are made here, not by the kernel, and
 * with them a purgatory that tells when one of them was damaged.
 */
#ifndef LOADER_KEXECLOAD_H
#define LOADER_KEXECLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loader/kexecfile.h"
#include "loader/segment.h"

struct err;

/* As the call takes it, struct kexec_segment of linux/kexec.h. */
struct kexecload_segment {
	const void *buf;
	size_t bufsz;
	uint64_t mem;
	size_t memsz;
};

/* Flags of the call (linux/kexec.h). */
enum {
	KEXECLOAD_ON_CRASH = 1,
	KEXECLOAD_UPDATE_ELFCOREHDR = 4, /* 6.6: the kernel keeps the elfcorehdr up to date */
	KEXECLOAD_HOTPLUG_SUPPORT = 8, /* 6.10: any segment that is not in the digest */
	KEXECLOAD_X86_64 = 62 << 16, /* KEXEC_ARCH_X86_64 */
};

/* The call itself, or what stands for it in a test: 0, or -1 and errno. */
typedef long kexecload_call(uint64_t entry, size_t n, const struct kexecload_segment *segments,
			    unsigned long flags);

kexecload_call kexecload_syscall;

struct kexecload_request {
	int kernel_fd, initrd_fd; /* plain files, read from their start wherever they stand */
	const char *kernel_path, *initrd_path; /* for messages */
	const char *cmdline; /* elfcorehdr= is added */
	const char *running_cmdline; /* of the running kernel: where its serial console is */
	bool five_levels; /* it runs with page tables of five levels, and is left in that mode */
};

/* All segments of a load, and what they are made of. */
struct kexecload {
	struct segments segments;
	size_t notes, ranges; /* of the elfcorehdr */
	uint64_t params; /* physical address of its boot_params */
	uint64_t serial; /* port the purgatory talks to, 0: none */
	int hotplug; /* the kernel will keep the elfcorehdr up to date */
	struct kexecload_parts *parts; /* owned */
};

/*
 * Reads both files and the machine below @root, and lays all segments out. Nothing is loaded
 * yet. Whatever is wrong with a file or does not fit is told here, before any system call:
 * ERR_CORRUPT, ERR_UNSUPPORTED, ERR_LIMIT, ERR_NOTFOUND, ERR_SYS. kexecload_deinit() in any case.
 */
int kexecload_prepare(struct kexecload *l, const char *root, const struct kexecload_request *req,
		      struct err *err);

/*
 * Fills @err with what the errno @sys of the call means on this machine. Returns the code.
 * Whatever is not particular to this call is kexecfile_explain()'s.
 */
int kexecload_explain(int sys, const struct facts *facts, const struct kexecfile_request *req,
		      struct err *err);

/* Hands them to @call: 0, or -1 and errno as the call left it. */
int kexecload_run(struct kexecload *l, kexecload_call *call);

void kexecload_deinit(struct kexecload *l);

#endif
