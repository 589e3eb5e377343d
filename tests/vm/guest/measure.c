/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * measure: runs a program and prints what it took, on one line:
 *
 *     measure LABEL PROGRAM [ARGUMENT]...
 *     measure: LABEL exit=0 wall_ms=N durable_ms=N user_ms=N system_ms=N hwm_kib=N maxrss_kib=N
 *
 * wall_ms ends with the program, durable_ms when all it wrote is on the disk as well (sync(2)): a
 * program that leaves its data to the page cache is not faster than one that waits for the
 * disk. hwm_kib is VmHWM, read when the program exits and its memory is still there. maxrss_kib
 * is ru_maxrss of wait4(2): the same, but counted to the end (kernels before 6.2 keep up to 64
 * pages a thread that are not in VmHWM yet) and never less than measure itself, which is small.
 *
 * Output of the program goes where measure's own goes, its errors as well.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_NOT_RUN = 127, EXIT_TROUBLE = 125 };

static void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(EXIT_TROUBLE);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t ms_of(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

/* VmHWM of @pid in KiB; -1 if the kernel does not tell. */
static long hwm_of(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmHWM: %ld kB", &kib) == 1)
			break;
	}
	fclose(f);
	return kib;
}

/* Starts the program, held back until a byte comes through @go. */
static pid_t start(char **argv, int go[2])
{
	pid_t pid = fork();
	char byte;

	if (pid)
		return pid;
	close(go[1]);
	if (read(go[0], &byte, 1) != 1)
		_exit(EXIT_TROUBLE);
	execvp(argv[0], argv);
	fprintf(stderr, "measure: %s: %s\n", argv[0], strerror(errno));
	_exit(EXIT_NOT_RUN);
}

/*
 * Waits for the end of @pid. It stops twice: before it gives its memory back (traced for that
 * event alone, so that nothing else of it is slowed down), and when it is gone. A signal that
 * stops it on the way is passed on.
 */
static int wait_for(pid_t pid, struct rusage *use, long *hwm)
{
	int status;

	for (;;) {
		if (wait4(pid, &status, __WALL, use) != pid)
			die("wait4");
		if (!WIFSTOPPED(status))
			return status;
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8)) {
			*hwm = hwm_of(pid);
			ptrace(PTRACE_CONT, pid, NULL, NULL);
		} else {
			ptrace(PTRACE_CONT, pid, NULL, (long)WSTOPSIG(status));
		}
	}
}

int main(int argc, char **argv)
{
	int64_t from, wall, durable;
	struct rusage use = {0};
	long hwm = -1;
	int go[2], status;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: measure LABEL PROGRAM [ARGUMENT]...\n");
		return EXIT_TROUBLE;
	}
	if (pipe(go))
		die("pipe");
	fflush(NULL);
	pid = start(argv + 2, go);
	if (pid < 0)
		die("fork");
	if (ptrace(PTRACE_SEIZE, pid, NULL, (long)PTRACE_O_TRACEEXIT))
		die("PTRACE_SEIZE");
	from = now_ms();
	if (write(go[1], "", 1) != 1)
		die("pipe");
	status = wait_for(pid, &use, &hwm);
	wall = now_ms() - from;
	sync();
	durable = now_ms() - from;
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	printf("measure: %s exit=%d wall_ms=%lld durable_ms=%lld user_ms=%lld system_ms=%lld "
	       "hwm_kib=%ld maxrss_kib=%ld\n",
	       argv[1], status, (long long)wall, (long long)durable,
	       (long long)ms_of(&use.ru_utime), (long long)ms_of(&use.ru_stime), hwm,
	       use.ru_maxrss);
	return status;
}
