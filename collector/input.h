/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * input: opens what is to be dumped, and tells the log once what is odd about it.
 */
#ifndef COLLECTOR_INPUT_H
#define COLLECTOR_INPUT_H

#include "vmcore/kmem.h"

struct err;
struct log;
struct vmcore;

struct input {
	struct vmcore *vc;
	struct kmem km;
};

/*
 * Opens the dump in the @n files @paths, more than one when it was split. Only what is no
 * core fails: without vmcoreinfo, or without address
 * translation, km says so and a dump of all pages can still be made. The caller closes @in
 * in any case.
 */
int input_open(struct input *in, const char *const *paths, size_t n, struct log *log,
	       struct err *err);
void input_close(struct input *in);

#endif
