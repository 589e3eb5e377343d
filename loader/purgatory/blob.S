/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The linked purgatory as data of the loader. */
	.section .rodata
	.balign	16
	.globl	purgatory_image
purgatory_image:
	.incbin	PURGATORY_BIN
	.globl	purgatory_image_end
purgatory_image_end:
	.section .note.GNU-stack, "", @progbits
