/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot: the first process of the capture kernel, where the initrd comes in two parts (base/newc.h).
 *
 * The kernel unpacks an initrd when its memory is shortest: the packed one is still there, and what
 * it gives back of itself it gives back later. So the first part is little more than this program and
 * the configuration. The second part is unpacked from here, and if memory does not suffice for that,
 * the panic record is told all the same and the machine comes back.
 */
#ifndef COLLECTOR_BOOT_H
#define COLLECTOR_BOOT_H

#include <stdbool.h>

struct log;

/* How a line begins that says why there is no dump, for who tells of it after the next boot. */
#define BOOT_NO_MEMORY "out of memory in the capture kernel: "

/* Is this the first process, with a part of the initrd left to it? */
bool boot_is_due(void);

/* Unpacks it and becomes the /init that was in it, or resets the machine. Does not return. */
void boot_run(struct log *log) __attribute__((noreturn));

#endif
