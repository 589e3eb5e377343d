// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * wreck: what no shell can do to a capture kernel.
 *
 *   wreck init   lets process 1 die of a fault of its own, since it takes no signal
 *   wreck hog    takes all memory, and what is given back as long as it lives
 *   wreck freeze stops every process, this one too: process 1, which takes no signal, as a debugger
 *                does
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PIECE = 1 << 20,
};

/* It has stopped when this returns. */
static int stop_init(void)
{
	int status;

	if (!ptrace(PTRACE_ATTACH, 1, NULL, NULL) && waitpid(1, &status, __WALL) == 1)
		return 0;
	perror("wreck: init");
	return 1;
}

static int wreck_init(void)
{
	struct user_regs_struct regs;

	if (stop_init())
		return 1;
	if (ptrace(PTRACE_GETREGS, 1, NULL, &regs)) {
		perror("wreck: init");
		return 1;
	}
	regs.rip = 0;
	regs.orig_rax = -1; // or the system call that it waits in would be started anew
	if (ptrace(PTRACE_SETREGS, 1, NULL, &regs) || ptrace(PTRACE_DETACH, 1, NULL, NULL)) {
		perror("wreck: init");
		return 1;
	}
	return 0;
}

/* Each piece by a child, so that the killer of those who have too much is called again and again. */
static void hog(void)
{
	for (;;) {
		pid_t pid = fork();

		if (pid < 0) {
			usleep(10000);
			continue;
		}
		while (!pid) {
			char *piece = malloc(PIECE);

			if (piece)
				memset(piece, 1, PIECE);
			else
				usleep(10000);
		}
		waitpid(pid, NULL, 0);
	}
}

/* Whoever stops here keeps init stopped, too: it would run again if its tracer went away. */
static int freeze(void)
{
	if (stop_init() || kill(-1, SIGSTOP)) {
		perror("wreck: freeze");
		return 1;
	}
	return raise(SIGSTOP);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "init") == 0)
		return wreck_init();
	if (argc == 2 && strcmp(argv[1], "hog") == 0)
		hog();
	if (argc == 2 && strcmp(argv[1], "freeze") == 0)
		return freeze();
	fprintf(stderr, "usage: wreck init|hog|freeze\n");
	return 2;
}
