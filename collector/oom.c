// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/oom.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum {
	VMSTAT_MAX = 64 << 10,
	PATH_ROOM = 512,
};

void oom_set_score(int score)
{
	CLEANUP_CLOSE int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	char text[16];

	if (fd < 0)
		return;
	snprintf(text, sizeof(text), "%d\n", score);
	// Without the right to it there is nothing to be done.
	(void)io_write(fd, text, strlen(text), NULL);
}

bool oom_kills(const char *root, uint64_t *ret)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_ROOM], *save = NULL;

	snprintf(path, sizeof(path), "%s/proc/vmstat", root);
	if (io_read_file(path, VMSTAT_MAX, &text, NULL, NULL))
		return false;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "oom_kill %" SCNu64, ret) == 1)
			return true;
	return false;
}
