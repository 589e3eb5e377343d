// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/prstatus.h"

static const uint16_t machines[] = {EM_X86_64, EM_AARCH64};

static void test_rows(void **state)
{
	(void)state;
	assert_string_equal(prstatus_arch(EM_X86_64)->name, "x86_64");
	assert_int_equal(prstatus_arch(EM_X86_64)->size, 336);
	assert_int_equal(prstatus_arch(EM_X86_64)->nregs, 27);
	assert_string_equal(prstatus_arch(EM_AARCH64)->name, "aarch64");
	assert_int_equal(prstatus_arch(EM_AARCH64)->size, 392);
	assert_int_equal(prstatus_arch(EM_AARCH64)->nregs, 34);
	assert_null(prstatus_arch(EM_NONE));
	assert_null(prstatus_arch(EM_386));
	assert_null(prstatus_arch(0xffff));
}

#ifdef __x86_64__
/* The libc's own idea of the structure is a witness for the table. */
static void test_libc_agrees(void **state)
{
	(void)state;
	const struct prstatus_arch *arch = prstatus_arch(EM_X86_64);

	assert_int_equal(arch->size, sizeof(struct elf_prstatus));
	assert_int_equal(arch->pid_offset, offsetof(struct elf_prstatus, pr_pid));
	assert_int_equal(arch->reg_offset, offsetof(struct elf_prstatus, pr_reg));
	assert_int_equal(arch->nregs, ELF_NGREG);
#define SAME_PLACE(field, name) \
	assert_int_equal(offsetof(struct user_regs_struct, field) / 8, prstatus_reg(arch, name))
	SAME_PLACE(r15, "r15");
	SAME_PLACE(rbp, "rbp");
	SAME_PLACE(r8, "r8");
	SAME_PLACE(rax, "rax");
	SAME_PLACE(rdi, "rdi");
	SAME_PLACE(orig_rax, "orig_rax");
	SAME_PLACE(rip, "rip");
	SAME_PLACE(cs, "cs");
	SAME_PLACE(eflags, "eflags");
	SAME_PLACE(rsp, "rsp");
	SAME_PLACE(ss, "ss");
	SAME_PLACE(fs_base, "fs_base");
	SAME_PLACE(gs_base, "gs_base");
	SAME_PLACE(gs, "gs");
}
#endif

static void test_names(void **state)
{
	(void)state;
	const struct prstatus_arch *x86 = prstatus_arch(EM_X86_64);
	const struct prstatus_arch *arm = prstatus_arch(EM_AARCH64);

	assert_string_equal(x86->reg_names[x86->pc], "rip");
	assert_string_equal(x86->reg_names[x86->sp], "rsp");
	assert_string_equal(arm->reg_names[arm->pc], "pc");
	assert_string_equal(arm->reg_names[arm->sp], "sp");
	assert_int_equal(prstatus_reg(arm, "x30"), 30);
	assert_int_equal(prstatus_reg(arm, "pstate"), 33);
	assert_int_equal(prstatus_reg(x86, "RIP"), -1);
	assert_int_equal(prstatus_reg(x86, "ri"), -1);
	assert_int_equal(prstatus_reg(x86, ""), -1);
	assert_int_equal(prstatus_reg(x86, "x0"), -1);
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		const struct prstatus_arch *arch = prstatus_arch(machines[i]);

		// Which also shows that no name stands twice.
		for (unsigned int r = 0; r < arch->nregs; r++)
			assert_int_equal(prstatus_reg(arch, arch->reg_names[r]), r);
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		const struct prstatus_arch *arch = prstatus_arch(machines[i]);
		struct prstatus in = {.pid = 0x80000001, .nregs = arch->nregs}, out;
		uint8_t desc[1024];

		for (unsigned int r = 0; r < arch->nregs; r++)
			in.reg[r] = 0xffffffff81000000ULL + r * 0x0102030405060708ULL;
		memset(&out, 0xee, sizeof(out));
		memset(desc, 0xee, sizeof(desc));
		prstatus_build(arch, &in, desc);
		assert_int_equal(desc[arch->size], 0xee);
		assert_int_equal(load_le32(desc + 32), 0x80000001);
		assert_true(load_le64(desc + 112 + 8 * arch->pc) == in.reg[arch->pc]);
		for (size_t at = 0; at < arch->size; at++)
			if (at < 32 || (at >= 36 && at < 112) || at >= 112 + 8 * arch->nregs)
				assert_int_equal(desc[at], 0);
		assert_int_equal(prstatus_parse(arch, desc, arch->size, &out, NULL), 0);
		assert_memory_equal(&in, &out, sizeof(in));
		assert_int_equal(prstatus_parse(arch, desc, sizeof(desc), &out, NULL), 0);
		assert_memory_equal(&in, &out, sizeof(in));
	}
}

static void test_truncated_at_every_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
		const struct prstatus_arch *arch = prstatus_arch(machines[i]);

		for (size_t size = 0; size < arch->size; size++) {
			CLEANUP_FREE uint8_t *desc = calloc(1, size ? size : 1);
			struct prstatus out = {.pid = 42};
			struct err err = {0};

			assert_non_null(desc);
			assert_int_equal(prstatus_parse(arch, desc, size, &out, &err), ERR_NODATA);
			assert_int_equal(out.pid, 42);
			assert_non_null(strstr(err.msg, arch->name));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
#ifdef __x86_64__
		cmocka_unit_test(test_libc_agrees),
#endif
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_truncated_at_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
