/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mini: the mini-core, a kdump-compressed dump of only what a reader needs for the backtraces of
 * the CPUs, the list of tasks and the log: the first classes of docs/dump-format.md's order. Some
 * megabytes, whatever the memory: it is safe when the large dump is still on its way.
 */
#ifndef COLLECTOR_MINI_H
#define COLLECTOR_MINI_H

#include <stdint.h>

struct dump;
struct err;
struct sink;

#define MINI_NAME      "vmcore-mini"
#define MINI_TEMP_NAME "vmcore-mini-incomplete"

struct mini {
	uint64_t pages; /* written */
	uint64_t bytes; /* of the file */
	uint64_t ms; /* it took, the plan included if it was made here */
};

/*
 * Writes the mini-core of the dump @d to @sink, opened by the caller and closed by the caller,
 * and commits it. @d is as for dump_run(), which is to be called next with the same @d if there
 * is to be a dump: @d->plan, if @d->planned, is made here when it was not, and dump_run() then
 * does without a second scan. d->sink, d->m->pages and d->m->result are not touched. Takes no
 * more memory than d->budget. Options say how many threads, how much memory and which codec; codec
 * auto is zstd here. The caller calls plan_deinit() when d->planned is set, also after a failure.
 *
 * ERR_NOTFOUND when nothing tells which pages belong to it (no vmcoreinfo), else as dump_run(): then
 * nothing has the name of @sink.
 */
int mini_run(struct dump *d, struct sink *sink, struct mini *ret, struct err *err);

#endif
