// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/sigbus.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

/*
 * One guarded stretch. A writer makes @seq odd, changes the rest and makes it even again; the
 * handler, which may run meanwhile in another thread, passes over a slot whose seq is odd or
 * changed while it looked. Its own thread's windows stand still while it is in the handler,
 * so it never passes over what it looks for.
 */
struct slot {
	atomic_bool used;
	atomic_uint seq;
	atomic_uintptr_t start, end;
	_Atomic(atomic_ullong *) count;
	atomic_int owner; /* thread that moved it last */
	atomic_bool spoiled;
};

static struct guard {
	atomic_bool installed;
	size_t page_size; // these two do not change while it is installed
	struct sigaction before;
	struct slot slots[SIGBUS_SLOTS];
} guard;

struct view {
	uintptr_t start, end;
	atomic_ullong *count;
	int owner;
};

static bool slot_view(struct slot *s, struct view *ret)
{
	unsigned int seq = atomic_load_explicit(&s->seq, memory_order_acquire);

	if (seq % 2 || !atomic_load_explicit(&s->used, memory_order_relaxed))
		return false;
	ret->start = atomic_load_explicit(&s->start, memory_order_relaxed);
	ret->end = atomic_load_explicit(&s->end, memory_order_relaxed);
	ret->count = atomic_load_explicit(&s->count, memory_order_relaxed);
	ret->owner = atomic_load_explicit(&s->owner, memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&s->seq, memory_order_relaxed) == seq;
}

static void slot_write(struct slot *s, uintptr_t start, uintptr_t end, atomic_ullong *count)
{
	unsigned int seq = atomic_load_explicit(&s->seq, memory_order_relaxed);

	atomic_store_explicit(&s->seq, seq + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&s->start, start, memory_order_relaxed);
	atomic_store_explicit(&s->end, end, memory_order_relaxed);
	atomic_store_explicit(&s->count, count, memory_order_relaxed);
	atomic_store_explicit(&s->owner, 0, memory_order_relaxed);
	atomic_store_explicit(&s->spoiled, false, memory_order_relaxed);
	atomic_store_explicit(&s->seq, seq + 2, memory_order_release);
}

// mmap() is not on POSIX's list of what a handler may call, but on Linux it is a bare system call.
static bool put_zeros(uintptr_t start, uintptr_t end)
{
	return mmap((void *)start, end - start, PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

static bool absorb_page(uintptr_t addr)
{
	uintptr_t page = addr & ~(uintptr_t)(guard.page_size - 1);
	struct view v;

	for (size_t i = 0; i < SIGBUS_SLOTS; i++) {
		if (!slot_view(&guard.slots[i], &v) || addr < v.start || addr >= v.end)
			continue;
		if (!put_zeros(page, page + guard.page_size))
			return false;
		atomic_fetch_add_explicit(v.count, 1, memory_order_relaxed);
		return true;
	}
	return false;
}

// The address is not known: all that this thread may be reading. A trap after everything was
// replaced already comes from elsewhere, and is not ours to hide.
static bool absorb_windows(void)
{
	int self = gettid();
	bool some = false;
	struct view v;

	for (size_t i = 0; i < SIGBUS_SLOTS; i++) {
		struct slot *s = &guard.slots[i];

		if (!slot_view(s, &v) || v.owner != self ||
		    atomic_load_explicit(&s->spoiled, memory_order_relaxed))
			continue;
		if (!put_zeros(v.start, v.end))
			return false;
		atomic_store_explicit(&s->spoiled, true, memory_order_relaxed);
		atomic_fetch_add_explicit(v.count, 1, memory_order_relaxed);
		some = true;
	}
	return some;
}

static bool absorb(const siginfo_t *si)
{
	if (si->si_code <= 0) // kill(), sigqueue(): nobody trapped
		return false;
	// News of a bad page that nobody has touched: its owner may be moving the window.
	if (si->si_code == BUS_MCEERR_AO)
		return true;
	if (si->si_code == SI_KERNEL || !si->si_addr)
		return absorb_windows();
	return absorb_page((uintptr_t)si->si_addr);
}

// What would have happened without the guard. The default is put back: a true trap comes
// again at once and ends the process with the core that it deserves.
static void pass_on(int sig, siginfo_t *si, void *context)
{
	const struct sigaction *before = &guard.before;

	if (before->sa_flags & SA_SIGINFO) {
		before->sa_sigaction(sig, si, context);
	} else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
		before->sa_handler(sig);
	} else if (before->sa_handler == SIG_DFL || si->si_code > 0) {
		struct sigaction dfl = {.sa_handler = SIG_DFL};

		sigaction(sig, &dfl, NULL);
		if (si->si_code <= 0)
			raise(sig);
	}
}

static void on_sigbus(int sig, siginfo_t *si, void *context)
{
	int saved = errno;

	if (!absorb(si))
		pass_on(sig, si, context);
	errno = saved;
}

int sigbus_install(struct err *err)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (atomic_load(&guard.installed))
		return err_set(err, ERR_USAGE, "the SIGBUS guard is installed already");
	guard.page_size = sysconf(_SC_PAGESIZE);
	sigemptyset(&sa.sa_mask);
	// Known before the handler can run: both calls are made by main() alone.
	if (sigaction(SIGBUS, NULL, &guard.before) < 0 || sigaction(SIGBUS, &sa, NULL) < 0)
		return err_sys(err, "sigaction of SIGBUS");
	atomic_store(&guard.installed, true);
	return 0;
}

void sigbus_remove(void)
{
	if (!atomic_exchange(&guard.installed, false))
		return;
	sigaction(SIGBUS, &guard.before, NULL);
}

int sigbus_add(void *start, size_t size, atomic_ullong *count)
{
	if (!atomic_load(&guard.installed))
		return -1;
	for (int i = 0; i < SIGBUS_SLOTS; i++) {
		bool used = false;

		if (!atomic_compare_exchange_strong(&guard.slots[i].used, &used, true))
			continue;
		slot_write(&guard.slots[i], (uintptr_t)start, (uintptr_t)start + size, count);
		return i;
	}
	return -1;
}

void sigbus_drop(int slot)
{
	if (slot < 0)
		return;
	slot_write(&guard.slots[slot], 0, 0, NULL);
	atomic_store(&guard.slots[slot].used, false);
}

void sigbus_moved(int slot)
{
	if (slot < 0)
		return;
	atomic_store_explicit(&guard.slots[slot].owner, gettid(), memory_order_relaxed);
	atomic_store_explicit(&guard.slots[slot].spoiled, false, memory_order_relaxed);
}

bool sigbus_spoiled(int slot)
{
	return slot >= 0 && atomic_load_explicit(&guard.slots[slot].spoiled, memory_order_relaxed);
}
