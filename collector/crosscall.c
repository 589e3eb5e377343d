// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/crosscall.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

enum {
	CALLS = 15,
	LIMIT_NS = 20000000, // for all calls, and for the threads to come
};

struct crowd {
	atomic_uint here; // threads that have begun
	atomic_bool over;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static long membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

/* Keeps a CPU busy, in user space, so that only a call disturbs it. */
static void *busy(void *arg)
{
	struct crowd *crowd = arg;

	atomic_fetch_add(&crowd->here, 1);
	while (!atomic_load_explicit(&crowd->over, memory_order_relaxed))
		;
	return NULL;
}

/* More of them than CPUs that run never all begin in time: that is an answer, too. */
static void wait_for_all(struct crowd *crowd, unsigned int n)
{
	uint64_t start = now_ns();

	while (atomic_load(&crowd->here) < n && now_ns() - start < LIMIT_NS)
		;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t call_all(void)
{
	uint64_t took[CALLS], start = now_ns(), before = start;
	unsigned int n = 0;

	while (n < CALLS && before - start < LIMIT_NS) {
		uint64_t after;

		if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
			return 0;
		after = now_ns();
		took[n++] = after - before;
		before = after;
	}
	qsort(took, n, sizeof(took[0]), by_size);
	return took[n / 2];
}

uint64_t crosscall_ns(unsigned int n)
{
	CLEANUP_FREE pthread_t *threads = n > 1 ? calloc(n - 1, sizeof(*threads)) : NULL;
	struct crowd crowd = {0};
	unsigned int started = 0;
	uint64_t ns = 0;

	if (!threads || membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED))
		return 0;
	while (started < n - 1 && !pthread_create(&threads[started], NULL, busy, &crowd))
		started++;
	if (started == n - 1) {
		wait_for_all(&crowd, started);
		ns = call_all();
	}
	atomic_store(&crowd.over, true);
	while (started)
		pthread_join(threads[--started], NULL);
	return ns;
}

unsigned int crosscall_workers(unsigned int n, uint64_t (*measure)(unsigned int n),
			       uint64_t *ns_ret)
{
	uint64_t ns;

	*ns_ret = ns = n > 1 ? measure(n) : 0;
	while (n > 1 && ns > CROSSCALL_SLOW_NS) {
		n = (n + 1) / 2;
		ns = n > 1 ? measure(n) : 0;
	}
	return n ? n : 1;
}
