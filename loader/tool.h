/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tool: runs a program of openssh that answers at once.
 */
#ifndef LOADER_TOOL_H
#define LOADER_TOOL_H

#include <stddef.h>

struct err;

/*
 * Runs @argv, which reads @input (NULL: nothing): its answer, zero-terminated, in the @room bytes
 * at @out, its exit code in @code_ret. ERR_NOTFOUND without the program, ERR_LIMIT when it takes
 * too long or says too much.
 */
int tool_run(const char *const argv[], const char *input, char *out, size_t room, int *code_ret,
	     struct err *err);

#endif
