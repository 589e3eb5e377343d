/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mini: the mini-core, a kdump-compressed dump of only what a reader needs for the backtraces of
 * the CPUs, the list of tasks and the log: the first classes of docs/dump-format.md's order. Some
 * megabytes, whatever the memory: it is safe when the large dump is still on its way.
 */
#ifndef COLLECTOR_MINI_H
#define COLLECTOR_MINI_H

#include <stdint.h>

#include "collector/manifest.h"

struct dump;
struct err;
struct sink;

struct mini {
	/* MANIFEST_COMPLETE, MANIFEST_INCOMPLETE where a part is there under the name that it has
	 * until it is committed, or MANIFEST_FAILED. Of the others only ms is set unless complete. */
	enum manifest_status status;
	uint64_t pages; /* written */
	uint64_t bytes; /* of the file */
	uint64_t ms; /* it took, the plan included if it was made here */
};

/*
 * Writes the mini-core of the dump @d to @sink, which the caller opens and closes, and commits
 * it. @d is as for dump_run(), which may be called next with the same @d: where the first level
 * leaves out all that can be (30 or 31) and the format is kdump or flattened, @d is planned here,
 * and dump_run() does without a second scan of the struct pages. Else a plan is made for the
 * mini-core alone. d->sink, d->m->pages and d->m->result are not touched. Takes no more memory
 * than the dump. Options say how many threads, how much memory and which codec; auto is zstd
 * here. The caller calls plan_deinit() when d->planned is set, also after a failure.
 *
 * ERR_NOTFOUND when nothing tells which pages belong to it (no vmcoreinfo; the input is no more
 * than a filtered dump), else as dump_run(): then nothing has the name of @sink.
 */
int mini_run(struct dump *d, struct sink *sink, struct mini *ret, struct err *err);

#endif
