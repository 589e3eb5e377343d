/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkkernel: a small dead kernel from text, as an ELF core: vmcoreinfo of a chosen era, page
 * tables, the memory model, an array of struct pages, and contents. On top of mkcore and mkpgt;
 * the core is good enough for makedumpfile.
 *
 * The language, one statement a line; numbers are decimal, 0x..., or end in K, M, G or T:
 *
 *   # ...                      a comment
 *   era NAME                   4.4 4.16 5.10 6.1 6.3 6.6 6.9 6.10 6.12 6.16 7.1; default 6.1
 *   levels N                   of page tables, 4 (the default) or 5
 *   model extreme|sparse|flat  SPARSEMEM_EXTREME (the default); SPARSEMEM with one table of all
 *                              sections, up to 128 GiB with section-bits 23; FLATMEM
 *   section-bits N             default 23: sections of 2048 pages
 *   leaves 4K|2M               by which the vmemmap is mapped; default 2M
 *   ram PADDR SIZE [FILESZ]    a PT_LOAD; the first must hold 16M to 24M, where the image is
 *   chunks N                   struct pages of N times 32768 frames, 2 MiB each, have room;
 *                              default 3. The first ram must hold 18M + N * 2M
 *   share PFN N OF             the struct pages of N frames from PFN on, multiples of 32768, are
 *                              those of the 32768 frames that OF is one of, again and again: the
 *                              same memory, mapped many times. So 1 TiB fits in a small file.
 *   hidden                     no VMCOREINFO note, only its page in memory
 *   key KEY=VALUE              a further line of vmcoreinfo; of two, the last counts
 *   section NR VALUE           section_mem_map of a section, whatever it should be
 *   root NR VALUE              pointer to the entries of a root, whatever it should be; with
 *                              model flat that of 0 is mem_map
 *   unmap PFN                  the page of the vmemmap that holds the struct page of PFN
 *
 * What pages are; all others are in no list and kept. N pages, or 2^ORDER of them:
 *
 *   anon PFN N   cache PFN N   private PFN N   swapcache PFN N   reserved PFN N
 *   hwpoison PFN N   offline PFN N   unaccepted PFN   free PFN ORDER   slab PFN ORDER
 *   thp PFN ORDER   folio PFN ORDER   hugetlb PFN ORDER
 *   folded PFN ORDER                hugetlb whose vmemmap is one page of 64 struct pages, mapped
 *                                   again and again: every 64th frame looks like a head. Wants
 *                                   leaves 4K
 *   poke PFN OFFSET WIDTH VALUE     bytes of a struct page
 *
 * And what is in them; all others are zero:
 *
 *   text PFN N     shrinks well, differs from page to page
 *   noise PFN N    does not shrink
 *   word PADDR VALUE      8 bytes of it
 *
 * And what is mapped where, beside all memory, the image and the struct pages:
 *
 *   map VADDR PFN N       N pages, by leaves of 4 KiB
 *   readonly PFN N        pages of the image that the kernel may not write to
 */
#ifndef TESTS_LIB_MKKERNEL_H
#define TESTS_LIB_MKKERNEL_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	MKKERNEL_INFO_MAX = 4096,
	MKKERNEL_IMAGE_PFN = 0x1000, /* the image: 512 pages, reserved */
	MKKERNEL_IMAGE_PAGES = 512,
};

/* Writes the core that the @size bytes of @text describe to the empty file @fd. ERR_USAGE with
 * @name and the line for a text that is not in the language. */
int mkkernel_write(const char *name, const char *text, size_t size, int fd, struct err *err);

/* The zero-terminated @text as a memfd, which the caller closes, or a negative code. */
int mkkernel_memfd(const char *text, struct err *err);

/* The lines of vmcoreinfo that tell struct pages of @era; NULL for one that is not known. */
const char *mkkernel_info(const char *era, char buf[static MKKERNEL_INFO_MAX]);

/* Era @i, from 0 on; NULL behind the last. */
const char *mkkernel_era(size_t i);

#endif
