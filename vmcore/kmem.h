/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kmem: the dead kernel's own view of its memory: an open vmcore, its vmcoreinfo and the
 * translation between them, set up in one call, and reads by kernel virtual address.
 */
#ifndef VMCORE_KMEM_H
#define VMCORE_KMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crashnotes/addr.h"

struct err;
struct pagecache;
struct vmcore;
struct vmcoreinfo;
struct xlat;

enum {
	KMEM_UTS_LEN = 65, /* struct new_utsname: six fields of 65 bytes */
	KMEM_DAMAGE_MAX = 256,
};

/* Where the vmcoreinfo came from. */
enum kmem_source {
	KMEM_FROM_NOTE, /* the VMCOREINFO note, as it should be */
	KMEM_FROM_SCAN, /* no usable note: found by looking through memory for its page */
};

struct kmem_uts {
	char sysname[KMEM_UTS_LEN], nodename[KMEM_UTS_LEN], release[KMEM_UTS_LEN];
	char version[KMEM_UTS_LEN], machine[KMEM_UTS_LEN], domainname[KMEM_UTS_LEN];
};

struct kmem {
	struct vmcore *vc; /* borrowed */
	struct vmcoreinfo *vi; /* owned */
	struct pagecache *pages; /* owned; what is read in small pieces */
	struct xlat *xlat; /* owned; NULL when it could not be set up */
	enum kmem_source source;
	uint64_t page_size; /* of the dead kernel */
	unsigned int page_shift;
	struct kmem_uts uts; /* of init_uts_ns; release from OSRELEASE when it cannot be read */
	uint64_t crashtime; /* seconds since 1970, 0 when not said */
	/* The descriptor of the VMCOREINFO note inside vmcore_info()->notes; size 0 if none. */
	uint64_t vmcoreinfo_offset, vmcoreinfo_size;
	unsigned int ncpus; /* NT_PRSTATUS notes */
	/* Bytes of vmcore_info()->notes that are sound records, and what is wrong behind them, in
	 * words; "" when nothing is. Notes behind the damage, of other CPUs perhaps, are lost. */
	size_t notes_sound;
	char notes_damage[KMEM_DAMAGE_MAX];
};

/*
 * Finds vmcoreinfo in the notes of @vc (borrowed, must outlive @km), or failing that by
 * scanning memory for the page the kernel keeps it in, and sets up the translation.
 * ERR_NOTFOUND when there is none at all: then @km still has the page size of the
 * architecture, ncpus, and vi and xlat NULL, and kmem_deinit() is to be called all the same.
 * A translation that cannot be set up is no error here: xlat is NULL and @why (may be NULL)
 * says why.
 */
int kmem_init(struct kmem *km, struct vmcore *vc, struct err *why, struct err *err);
void kmem_deinit(struct kmem *km);

/*
 * The same by a vmcoreinfo that is at hand, the @size bytes at @text, whatever the notes of @vc say:
 * ERR_CORRUPT and the codes of vmcoreinfo_create() when it is not usable.
 */
int kmem_init_text(struct kmem *km, struct vmcore *vc, const void *text, size_t size,
		   struct err *why, struct err *err);

/* Did the translation lead to the very release that vmcoreinfo names? Then both are right. */
bool kmem_proven(const struct kmem *km);

/* Reads @size bytes at kernel virtual address @va; may cross pages. Safe from any thread. */
int kmem_read(const struct kmem *km, vaddr_t va, void *buf, size_t size, struct err *err);

/* One 64-bit or 32-bit little-endian word. */
int kmem_read_u64(const struct kmem *km, vaddr_t va, uint64_t *ret, struct err *err);
int kmem_read_u32(const struct kmem *km, vaddr_t va, uint32_t *ret, struct err *err);

#endif
