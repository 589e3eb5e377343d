// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/orphans.h"

#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "collector/log.h"

enum {
	ORPHANS_MS = 1000, // for all of them to be gone
	ORPHANS_STEP_MS = 10,
	STAT_MAX = 4096,
};

/* The parent of process @name, as /proc has it: "7 (ssh) S 1 ..."; -1: it is none, or gone. */
static pid_t parent_of(const char *name)
{
	CLEANUP_FREE char *text = NULL;
	char path[300];
	const char *s;
	int ppid;

	snprintf(path, sizeof(path), "/proc/%s/stat", name);
	if (io_read_file(path, STAT_MAX, &text, NULL, NULL))
		return -1;
	// The name may have any characters in it.
	s = strrchr(text, ')');
	return s && sscanf(s, ") %*c %d", &ppid) == 1 ? ppid : -1;
}

/* Ends all children of this process; how many there were. */
static unsigned int end_children(void)
{
	DIR *d = opendir("/proc");
	unsigned int n = 0;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		pid_t pid = isdigit((unsigned char)e->d_name[0]) ? atoi(e->d_name) : 0;

		if (!pid || parent_of(e->d_name) != getpid())
			continue;
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, WNOHANG);
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

void orphans_end(void)
{
	uint64_t end = log_now_ms() + ORPHANS_MS;

	// Each may leave more behind; one that hangs in the kernel is left there, the others are not.
	while (end_children() && log_now_ms() < end)
		poll(NULL, 0, ORPHANS_STEP_MS);
}
