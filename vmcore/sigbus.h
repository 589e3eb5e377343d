/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sigbus: an opt-in guard against old memory that traps. Touching a page of a window whose
 * memory is bad (hwpoison), or which the file lost since it was opened (truncated), raises
 * SIGBUS. With the guard, zeros take the place of what trapped, the trap is counted in
 * vmcore_read_errors(), and the thread goes on.
 *
 * A signal handler is a thing of the whole process and cannot be handed a context: the table
 * in sigbus.c is the one exception to "no mutable globals". It is a fixed number of slots
 * written with atomics only; nothing in here locks or allocates. Only main() installs it: a
 * library must not take a signal from its program unasked.
 *
 * What is replaced: where the kernel says the address, the page there. x86_64 says none when
 * the bad page is not its own memory, which is so for all old memory (kill_me_maybe() ->
 * force_sig(SIGBUS) in arch/x86/kernel/cpu/mce/core.c, after memory_failure() refused the
 * page): then all windows that the thread moved last are replaced whole, and each is mapped
 * anew by the next vmcore_window_get(), so that what is lost is what the caller had in hand.
 */
#ifndef VMCORE_SIGBUS_H
#define VMCORE_SIGBUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

enum {
	SIGBUS_SLOTS = 1024, /* windows guarded at once; those beyond go unguarded */
};

/* Takes SIGBUS for the process. Before the first window is made and once; a second is ERR_USAGE. */
int sigbus_install(struct err *err);

/* Gives SIGBUS back; no window may be left. */
void sigbus_remove(void);

/*
 * The rest is for vmcore/window.c. sigbus_add() guards @size bytes at @start, both multiples
 * of the page size, and counts traps in @count, which must live until sigbus_drop(). A slot,
 * or -1 when there is no guard or no slot is left; the calls below ignore -1.
 */
int sigbus_add(void *start, size_t size, atomic_ullong *count);
void sigbus_drop(int slot);

/* The calling thread has just mapped anew what the slot guards, and will be the one to read. */
void sigbus_moved(int slot);

/* Whether the whole of it was replaced by zeros since it was moved. */
bool sigbus_spoiled(int slot);

#endif
