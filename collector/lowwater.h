/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lowwater: how little memory the capture kernel had left at the worst moment. By that the machine
 * knows what its reservation must have, which `lifeboat estimate` tells.
 */
#ifndef COLLECTOR_LOWWATER_H
#define COLLECTOR_LOWWATER_H

#include <stdatomic.h>
#include <stdint.h>

/* In memory that all processes of the collector share. */
struct lowwater {
	_Atomic uint64_t kib; /* the least MemAvailable that was seen; 0: none was yet */
};

/* Looks once more; takes no memory. NULL for @w: nobody keeps it. */
void lowwater_sample(struct lowwater *w);

/* All memory that this kernel was given, above the first MiB, in KiB; 0 where it is not told. */
uint64_t lowwater_ram_kib(void);

#endif
