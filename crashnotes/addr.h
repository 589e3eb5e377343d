/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * addr: the quantities of the dead kernel. Always 64 bits wide, whatever this program runs
 * on: never unsigned long or off_t.
 */
#ifndef CRASHNOTES_ADDR_H
#define CRASHNOTES_ADDR_H

#include <stdint.h>

typedef uint64_t paddr_t; /* physical address in the dead machine */
typedef uint64_t vaddr_t; /* kernel virtual address in the dead kernel */
typedef uint64_t pfn_t; /* page frame number: paddr >> page shift of the dead kernel */

#endif
