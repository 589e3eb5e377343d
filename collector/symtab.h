/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * symtab: where the kernel image has its own tables of symbols and types: kallsyms and BTF, of
 * the read-only image a third and more. Who opens a dump with a vmlinux has both in there, so of
 * the image they are worth the least.
 */
#ifndef COLLECTOR_SYMTAB_H
#define COLLECTOR_SYMTAB_H

#include "collector/order.h"

struct err;
struct kmem;

/*
 * Adds to @ret the frames that hold nothing else. BTF is looked for in the frames of @image.
 * What is not found, or cannot be believed, is not added. @km has vmcoreinfo and translation.
 * ERR_NOMEM, ERR_LIMIT when @ret is full, or what setting up a window said.
 */
int symtab_find(struct pfn_list *ret, const struct kmem *km, const struct pfn_list *image,
		struct err *err);

#endif
