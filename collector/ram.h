/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ram: which page frames are memory, and which of them the input has. A frame of which only a
 * part is memory counts: too much beats too little.
 */
#ifndef COLLECTOR_RAM_H
#define COLLECTOR_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collector/order.h"

struct kmem;

/* Frames of which at least one byte lies in [@start, @end), which is not empty. */
struct pfn_range ram_frames(const struct kmem *km, paddr_t start, paddr_t end);

/* Frames of range @i of vmcore_info(). */
struct pfn_range ram_range(const struct kmem *km, size_t i);

/* Does the input have any byte of frame @pfn? */
bool ram_is_there(const struct kmem *km, pfn_t pfn);

/* Sets or clears in @words the bits of frames [@start, @start + 64 * @nwords) that are memory, none
 * from @max_pfn on. @start is a multiple of 64. */
void ram_words(const struct kmem *km, pfn_t max_pfn, pfn_t start, uint64_t *words, size_t nwords);

#endif
