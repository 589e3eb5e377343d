/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * crosscall: how soon CPUs answer each other.
 *
 * Threads of one process make their CPUs call each other: to take a mapping away, to wake who
 * waits. The caller stands still until the last one has answered, which takes a microsecond
 * where each CPU really runs. CPUs of a virtual machine that has more of them than its host can
 * run at a time answer when it is their turn again, after milliseconds, and then more workers are
 * slower than fewer.
 */
#ifndef COLLECTOR_CROSSCALL_H
#define COLLECTOR_CROSSCALL_H

#include <stdint.h>

enum {
	/* Where fewer are better: far above a call between CPUs that run (1 us, emulated 15 us). */
	CROSSCALL_SLOW_NS = 200000,
};

/*
 * The median time, in ns, that this thread takes to call the CPUs of @n - 1 others that are kept
 * busy meanwhile; 0 when there are no others, or when this cannot be told: the kernel has no
 * membarrier(2), a thread cannot be started. Takes 40 ms or so at most. Never where a CPU hangs on its
 * way up: the kernel then waits for that for ever.
 */
uint64_t crosscall_ns(unsigned int n);

/*
 * How many of @n workers pay: @n, or a half, a fourth ... of it, until their CPUs answer soon;
 * 1 at least. @ns_ret is what it took with @n of them. @measure is crosscall_ns(), or a test's.
 */
unsigned int crosscall_workers(unsigned int n, uint64_t (*measure)(unsigned int n),
			       uint64_t *ns_ret);

#endif
