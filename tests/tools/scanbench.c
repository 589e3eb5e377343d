// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * scanbench CORE [THREADS [TIMES]]: how long it takes to plan a dump of CORE at level 31: a line
 * with nanoseconds of CPU time (user and system) and of the clock per page of memory, the best
 * of TIMES (default 5).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/err.h"
#include "collector/plan.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

static double seconds(struct timeval tv)
{
	return tv.tv_sec + tv.tv_usec / 1e6;
}

static double cpu_now(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return seconds(ru.ru_utime) + seconds(ru.ru_stime);
}

static double wall_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int measure(const struct kmem *km, unsigned int threads, int times, struct err *err)
{
	double best_cpu = 1e9, best_wall = 1e9;
	uint64_t pages = 0, scanned = 0, kept = 0;

	while (times--) {
		double cpu = cpu_now(), wall = wall_now();
		struct plan plan = {0};
		int rc = plan_init(&plan, km, 31, threads, err);

		cpu = cpu_now() - cpu;
		wall = wall_now() - wall;
		if (rc)
			return rc;
		best_cpu = cpu < best_cpu ? cpu : best_cpu;
		best_wall = wall < best_wall ? wall : best_wall;
		pages = plan.ram_pages;
		scanned = plan.counts.scanned;
		kept = plan.kept_pages;
		plan_deinit(&plan);
	}
	printf("%u threads, %" PRIu64 " pages, %" PRIu64 " looked at, %" PRIu64
	       " kept: %.3f ns CPU, %.3f ns wall a page\n",
	       threads, pages, scanned, kept, best_cpu * 1e9 / pages, best_wall * 1e9 / pages);
	return 0;
}

int main(int argc, char **argv)
{
	struct vmcore *vc = NULL;
	struct kmem km;
	struct err err = {0}, why;
	int rc;

	if (argc < 2) {
		fprintf(stderr, "usage: scanbench CORE [THREADS [TIMES]]\n");
		return 2;
	}
	rc = vmcore_open(argv[1], &vc, &err);
	if (!rc)
		rc = kmem_init(&km, vc, &why, &err);
	if (!rc)
		rc = measure(&km, argc > 2 ? atoi(argv[2]) : 1, argc > 3 ? atoi(argv[3]) : 5, &err);
	if (rc)
		fprintf(stderr, "scanbench: %s\n", err.msg);
	return rc ? 1 : 0;
}
