/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kernel: the file of a kernel, taken apart as far as loading it asks for. A kind of file is a row of
 * a table. What the file says is not believed: every size is held against what is there.
 *
 * bzImage: Documentation/arch/x86/boot.rst, protocol 2.12 and later, its 64-bit entry.
 * vmlinux: an ELF64 executable whose program headers have physical addresses.
 * Wrapped in: gzip, zstd, the EFI zboot header (drivers/firmware/efi/libstub/zboot-header.S), a
 * unified kernel image (a PE file with a section .linux, UAPI group's specification).
 */
#ifndef LOADER_KERNEL_H
#define LOADER_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	KERNEL_SIZE_MAX = 512 << 20, /* of a file, and of what is in it */
	KERNEL_PARTS_MAX = 8,
	KERNEL_HEAD_SIZE = 0x264, /* of a bzImage: up to here the setup header has what decides */
};

/* A piece of the file and where it goes, counted from where the kernel is put. */
struct kernel_part {
	uint64_t offset; /* in data */
	uint64_t size;
	uint64_t at, memsz;
};

struct kernel {
	const char *format; /* "bzImage", "vmlinux" */
	const uint8_t *data; /* the file, or what was in it */
	size_t size;
	struct kernel_part parts[KERNEL_PARTS_MAX];
	size_t nparts;
	uint64_t memory; /* bytes it needs from where it is put on, to unpack itself too */
	uint64_t align; /* of where it is put, a power of two */
	uint64_t entry; /* from where it is put */
	uint32_t cmdline_max; /* bytes without the zero */
	uint64_t initrd_max; /* highest address of the initrd's last byte */
	bool above_4g, five_levels; /* may lie there; knows page tables of five levels */
	const uint8_t *setup; /* header of a bzImage, from 0x1f1 on; NULL: there is none */
	size_t setup_size;
	uint8_t *owned; /* what was unpacked, or NULL */
};

/*
 * Takes apart the @size bytes at @data, which must outlive @k. ERR_CORRUPT with the offset and what
 * is wrong there, ERR_UNSUPPORTED for a kernel that cannot be entered in 64-bit mode or a
 * wrapping that is not known. kernel_free() in any case.
 */
int kernel_parse(struct kernel *k, const uint8_t *data, size_t size, struct err *err);

/*
 * Whether kexec_file_load(2) of x86_64 takes a file that begins with the @size bytes at @head; more
 * than KERNEL_HEAD_SIZE are not looked at. It asks this (bzImage64_probe() of
 * arch/x86/kernel/kexec-bzimage64.c) only after it has freed what was loaded before. @five_levels:
 * the running kernel has page tables of five levels.
 */
bool kernel_file_loadable(const uint8_t *head, size_t size, bool five_levels);

void kernel_free(struct kernel *k);

#endif
