// SPDX-License-Identifier: GPL-2.0-or-later
#include "crashnotes/prstatus.h"

#include <elf.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"

/* In the order of struct user_regs_struct, arch/x86/include/asm/user_64.h. */
static const char *const x86_64_regs[] = {
	"r15",	  "r14", "r13", "r12",	   "rbp",     "rbx", "r11",	 "r10", "r9",
	"r8",	  "rax", "rcx", "rdx",	   "rsi",     "rdi", "orig_rax", "rip", "cs",
	"eflags", "rsp", "ss",	"fs_base", "gs_base", "ds",  "es",	 "fs",	"gs",
};

/* In the order of struct user_pt_regs, arch/arm64/include/uapi/asm/ptrace.h. */
static const char *const aarch64_regs[] = {
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",	 "x7",	"x8",  "x9",	 "x10", "x11",
	"x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",	 "x22", "x23",
	"x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",	"pc",  "pstate",
};

/*
 * In front of the registers of a 64-bit kernel stand siginfo (12 bytes), cursig, two signal
 * masks, four pids from 32 on and four times of 16 bytes: 112. Behind them stands fpvalid,
 * 4 bytes padded to 8.
 */
enum {
	LP64_PID_OFFSET = 32,
	LP64_REG_OFFSET = 112,
	LP64_TAIL = 8,
};

#define LP64_SIZE(regs) (LP64_REG_OFFSET + 8 * ARRAY_SIZE(regs) + LP64_TAIL)

static const struct prstatus_arch arches[] = {
	{
		.name = "x86_64",
		.machine = EM_X86_64,
		.size = LP64_SIZE(x86_64_regs),
		.pid_offset = LP64_PID_OFFSET,
		.reg_offset = LP64_REG_OFFSET,
		.nregs = ARRAY_SIZE(x86_64_regs),
		.pc = 16,
		.sp = 19,
		.reg_names = x86_64_regs,
	},
	{
		.name = "aarch64",
		.machine = EM_AARCH64,
		.size = LP64_SIZE(aarch64_regs),
		.pid_offset = LP64_PID_OFFSET,
		.reg_offset = LP64_REG_OFFSET,
		.nregs = ARRAY_SIZE(aarch64_regs),
		.pc = 32,
		.sp = 31,
		.reg_names = aarch64_regs,
	},
};

_Static_assert(ARRAY_SIZE(x86_64_regs) <= PRSTATUS_REGS_MAX, "no room for x86_64");
_Static_assert(ARRAY_SIZE(aarch64_regs) <= PRSTATUS_REGS_MAX, "no room for aarch64");

const struct prstatus_arch *prstatus_arch(uint16_t machine)
{
	for (size_t i = 0; i < ARRAY_SIZE(arches); i++)
		if (arches[i].machine == machine)
			return &arches[i];
	return NULL;
}

int prstatus_reg(const struct prstatus_arch *arch, const char *name)
{
	for (unsigned int i = 0; i < arch->nregs; i++)
		if (!strcmp(arch->reg_names[i], name))
			return i;
	return -1;
}

int prstatus_parse(const struct prstatus_arch *arch, const void *desc, size_t size,
		   struct prstatus *ret, struct err *err)
{
	struct cursor c = cursor_init(desc, size, 0);
	struct prstatus ps = {.nregs = arch->nregs};
	int rc;

	if (size < arch->size)
		return err_set(err, ERR_NODATA, "NT_PRSTATUS of %s: %zu bytes wanted, %zu there",
			       arch->name, arch->size, size);
	rc = cursor_seek(&c, arch->pid_offset, err);
	if (!rc)
		rc = cursor_u32(&c, &ps.pid, err);
	if (!rc)
		rc = cursor_seek(&c, arch->reg_offset, err);
	for (unsigned int i = 0; !rc && i < arch->nregs; i++)
		rc = cursor_u64(&c, &ps.reg[i], err);
	if (rc) {
		err_prepend(err, "NT_PRSTATUS of %s", arch->name);
		return rc;
	}
	*ret = ps;
	return 0;
}

void prstatus_build(const struct prstatus_arch *arch, const struct prstatus *ps, void *desc)
{
	uint8_t *p = desc;

	memset(p, 0, arch->size);
	store_le32(p + arch->pid_offset, ps->pid);
	for (unsigned int i = 0; i < arch->nregs; i++)
		store_le64(p + arch->reg_offset + 8 * i, ps->reg[i]);
}
