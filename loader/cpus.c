// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/cpus.h"

#include <stdarg.h>
#include <stdio.h>

static void __attribute__((format(printf, 3, 4)))
choose(struct cpus_choice *c, unsigned int n, const char *fmt, ...)
{
	int used = snprintf(c->why, sizeof(c->why), "%u CPU%s: ", n, n == 1 ? "" : "s");
	va_list ap;

	c->n = n;
	va_start(ap, fmt);
	vsnprintf(c->why + used, sizeof(c->why) - used, fmt, ap);
	va_end(ap);
}

/* What the reservation has room for; one CPU has no price. */
static unsigned int affordable(const struct cpus_facts *f)
{
	uint64_t room = f->reserved > f->images ? f->reserved - f->images : 0;
	uint64_t n = (room / CPUS_SHARE >> 20) / CPUS_COST_MIB;

	if (n > CPUS_MAX)
		n = CPUS_MAX;
	return n ? n : 1;
}

void cpus_choose(const struct cpus_facts *f, struct cpus_choice *c)
{
	unsigned int n = affordable(f);

	if (f->words) {
		c->n = 0;
		snprintf(c->why, sizeof(c->why),
			 "CPUs: what the command line of the "
			 "configuration says");
	} else if (f->wish == 1) {
		choose(c, 1, "capture_cpus says so");
	} else if (!f->present) {
		choose(c, 1, "how many this machine has can't be read");
	} else if (f->present > 1 && !f->may_start) {
		choose(c, 1,
		       "%u present, but which of them the firmware starts, and no other CPU may, "
		       "can't be read in /proc/cpuinfo",
		       f->present);
	} else if (f->wish) {
		choose(c, f->wish < f->present ? f->wish : f->present,
		       "%u present, capture_cpus says %u", f->present, f->wish);
	} else {
		choose(c, n < f->present ? n : f->present,
		       "%u present, %llu MiB reserved, %llu MiB of them for kernel and initrd, "
		       "%d MiB each",
		       f->present, (unsigned long long)(f->reserved >> 20),
		       (unsigned long long)((f->images + (1 << 20) - 1) >> 20), CPUS_COST_MIB);
	}
}
