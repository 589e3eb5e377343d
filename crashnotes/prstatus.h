/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prstatus: the NT_PRSTATUS note, one per CPU: the registers at the crash.
 *
 * The layout is struct elf_prstatus (include/linux/elfcore.h), whose register part differs
 * by architecture: a const table has a row for each. Name of the note: "CORE", type 1.
 */
#ifndef CRASHNOTES_PRSTATUS_H
#define CRASHNOTES_PRSTATUS_H

#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	PRSTATUS_NT = 1, /* n_type */
	PRSTATUS_REGS_MAX = 64 /* more than any row of the table has */
};

/* A row of the table: where the kernel of one architecture puts things. */
struct prstatus_arch {
	const char *name; /* utsname's machine: "x86_64", "aarch64" */
	uint16_t machine; /* ELF e_machine */
	size_t size; /* of the descriptor */
	size_t pid_offset; /* pr_pid, 32 bits */
	size_t reg_offset; /* pr_reg: nregs words of 64 bits */
	unsigned int nregs;
	unsigned int pc, sp; /* index of program counter and stack pointer */
	const char *const *reg_names; /* nregs names, lower case as the kernel prints them */
};

struct prstatus {
	uint32_t pid; /* of the task that was running */
	unsigned int nregs;
	uint64_t reg[PRSTATUS_REGS_MAX];
};

/* The row for an ELF e_machine, or NULL. */
const struct prstatus_arch *prstatus_arch(uint16_t machine);

/* Index of a register by name in the row, or -1. */
int prstatus_reg(const struct prstatus_arch *arch, const char *name);

/* Descriptor -> @ret. ERR_NODATA when shorter than the architecture's; longer is allowed. */
int prstatus_parse(const struct prstatus_arch *arch, const void *desc, size_t size,
		   struct prstatus *ret, struct err *err);

/* @ps -> the arch->size bytes at @desc, everything else in them zero. */
void prstatus_build(const struct prstatus_arch *arch, const struct prstatus *ps, void *desc);

#endif
