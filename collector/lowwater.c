// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/lowwater.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum {
	HEAD_SIZE = 512, /* MemAvailable is the third line */
	IOMEM_MAX = 1 << 20,
};

#define LOW_MEMORY (1ULL << 20)

void lowwater_sample(struct lowwater *w)
{
	CLEANUP_CLOSE int fd = w ? open("/proc/meminfo", O_RDONLY | O_CLOEXEC) : -1;
	char head[HEAD_SIZE];
	ssize_t n = fd >= 0 ? io_read(fd, head, sizeof(head) - 1, NULL) : -1;
	uint64_t kib;
	const char *p;

	if (n <= 0)
		return;
	head[n] = '\0';
	p = strstr(head, "MemAvailable:");
	// One that has nothing left at all is told from one that was never looked at.
	if (!p || sscanf(p, "MemAvailable: %" SCNu64, &kib) != 1)
		return;
	kib = kib ? kib : 1;
	// Two that look at once may lose the smaller by a hair; the next look finds it.
	if (!w->kib || kib < w->kib)
		w->kib = kib;
}

/* "00100000-07ffffff : System RAM", not indented. */
uint64_t lowwater_ram_kib(void)
{
	CLEANUP_FREE char *text = NULL;
	uint64_t sum = 0;
	char *save = NULL;

	if (io_read_file("/proc/iomem", IOMEM_MAX, &text, NULL, NULL))
		return 0;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		uint64_t start, end;

		if (*l == ' ' || !strstr(l, ": System RAM") ||
		    sscanf(l, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		if (start < LOW_MEMORY)
			start = LOW_MEMORY;
		if (end > start)
			sum += end - start + 1;
	}
	return sum >> 10;
}
