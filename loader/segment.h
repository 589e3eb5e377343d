/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment: what is put where in the reserved memory, before any system call. The rules are
 * those of the kernel (sanity_check_segment_list() in kernel/kexec_core.c), told with the
 * numbers that break them: inside the area, on pages, none over another, the entry in one of them.
 */
#ifndef LOADER_SEGMENT_H
#define LOADER_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	SEGMENTS_MAX = 16, /* KEXEC_SEGMENT_MAX */
};

struct segment {
	const char *name; /* for messages, and for the purgatory's */
	const void *data; /* borrowed */
	uint64_t size; /* of data; the rest up to memsz is zeros */
	uint64_t start, memsz; /* physical, whole pages */
};

struct segments {
	struct segment list[SEGMENTS_MAX];
	size_t n;
	uint64_t area_start, area_end; /* reserved: [start, end) */
	uint64_t page_size;
	uint64_t entry; /* where the kernel jumps to */
};

enum segment_end {
	SEGMENT_LOW, /* as low as it goes */
	SEGMENT_HIGH,
};

/*
 * Adds one where it finds room, at a multiple of @align (a power of two, at least a page): @memsz
 * is rounded up to pages. *@ret is where it lies. ERR_LIMIT when there is no room left, with
 * what is free.
 */
int segments_place(struct segments *s, const struct segment *what, uint64_t align,
		   enum segment_end from, uint64_t *ret, struct err *err);

/*
 * All rules, for whatever the list says. ERR_CORRUPT with the segment's name, the numbers and
 * the rule.
 */
int segments_check(const struct segments *s, struct err *err);

/* Bytes of the area that no segment takes; the kernel needs some for its page tables. */
uint64_t segments_free(const struct segments *s);

#endif
