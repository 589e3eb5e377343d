// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * run: runs a command and prints what it cost, in one line:
 *
 *   WALL USER SYS PEAK STATUS        seconds, and KiB of the largest resident memory
 *
 *   run [-a] [-s FILE] [-t SECONDS] -l LOG COMMAND...
 *
 * What the command prints goes to LOG. -s: the time until FILE, which the command wrote, is on
 * the disk counts as well. -t: it is killed after that time, and STATUS is 124. -a: the processor
 * time of all that it started counts, and of what it leaves behind until that ends, too.
 *
 * A process takes over the peak of the one that it was before exec(2). So this must be a program
 * smaller than any that it measures, and nothing of a script's language.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_TIMEOUT = 124, EXIT_TROUBLE = 125 };

static volatile sig_atomic_t late;
static volatile pid_t child;

static void on_alarm(int nr)
{
	(void)nr;
	late = 1;
	kill(child, SIGKILL);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void start(const char *log, char **command)
{
	int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	/* Not left behind when the benchmark is stopped. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0) {
		perror(log);
		_exit(EXIT_TROUBLE);
	}
	close(fd);
	execvp(command[0], command);
	perror(command[0]);
	_exit(EXIT_TROUBLE);
}

static bool sync_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (!good)
		perror(path);
	if (fd >= 0)
		close(fd);
	return good;
}

/* Waits for what was left behind, and counts it all. */
static void count_all(struct rusage *used)
{
	while (wait(NULL) > 0 || errno == EINTR)
		;
	getrusage(RUSAGE_CHILDREN, used);
}

int main(int argc, char **argv)
{
	const char *log = NULL, *sync = NULL;
	struct rusage used;
	double from, took;
	bool all = false;
	int limit = 0, option, status;

	while ((option = getopt(argc, argv, "+al:s:t:")) != -1) {
		switch (option) {
		case 'a':
			all = true;
			break;
		case 'l':
			log = optarg;
			break;
		case 's':
			sync = optarg;
			break;
		case 't':
			limit = atoi(optarg);
			break;
		default:
			log = NULL;
			argc = 0;
		}
	}
	if (!log || optind >= argc) {
		fprintf(stderr, "usage: run [-a] [-s FILE] [-t SECONDS] -l LOG COMMAND...\n");
		return EXIT_TROUBLE;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_CHILD_SUBREAPER, all);
	signal(SIGALRM, on_alarm);
	from = now();
	child = fork();
	if (child < 0) {
		perror("fork");
		return EXIT_TROUBLE;
	}
	if (child == 0)
		start(log, argv + optind);
	alarm((unsigned int)limit);
	while (wait4(child, &status, 0, &used) < 0) {
		if (errno != EINTR) {
			perror("wait4");
			return EXIT_TROUBLE;
		}
	}
	alarm(0);
	if (sync && !late && !sync_file(sync))
		return EXIT_TROUBLE;
	took = now() - from;
	if (all)
		count_all(&used);
	printf("%.6f %.6f %.6f %ld %d\n", took, seconds(used.ru_utime), seconds(used.ru_stime),
	       used.ru_maxrss,
	       late		   ? EXIT_TIMEOUT
	       : WIFEXITED(status) ? WEXITSTATUS(status)
				   : 128 + WTERMSIG(status));
	return 0;
}
