/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the dying kernel jumps to (arch/x86/kernel/relocate_kernel_64.S): long mode, identity
 * mapping, no interrupts, no GDT, a stack that must not be read (above it nothing may be mapped).
 * What the 64-bit boot protocol wants of us: __BOOT_CS 0x10 and __BOOT_DS 0x18, flat, rsi at
 * boot_params (Documentation/arch/x86/boot.rst, "64-bit Boot Protocol").
 */
	.section .head, "ax"
	.code64
	.globl	purgatory_start
purgatory_start:
	jmp	1f
	.balign	16, 0x90

	.text
1:	cli
	cld
	leaq	stack_end(%rip), %rsp
	leaq	gdt(%rip), %rax
	movq	%rax, gdt_base(%rip)
	lgdt	gdt_pointer(%rip)
	movl	$0x18, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	pushq	$0x10
	leaq	2f(%rip), %rax
	pushq	%rax
	lretq
2:	call	purgatory_check
	movq	purgatory_info+8(%rip), %rax
	movq	purgatory_info+16(%rip), %rsi
	xorl	%ebx, %ebx
	xorl	%ebp, %ebp
	xorl	%edi, %edi
	jmpq	*%rax

	/* No way back: a fault without a handler resets the machine. */
	.globl	purgatory_fault
purgatory_fault:
	lidt	no_idt(%rip)
	int3
3:	hlt
	jmp	3b

	.data
	.balign	8
gdt:
	.quad	0
	.quad	0
	.quad	0x00af9a000000ffff
	.quad	0x00cf92000000ffff
gdt_end:
	.balign	8
	.skip	6
gdt_pointer:
	.word	gdt_end - gdt - 1
gdt_base:
	.quad	0
no_idt:
	.word	0
	.quad	0
	.balign	16
	.skip	4096
stack_end:
	.section .note.GNU-stack, "", @progbits
