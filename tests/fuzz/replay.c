// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * replay: main() of a fuzz target without a fuzzer. Arguments are fixtures, or directories of
 * them; each is one line of TAP. Every input runs in a child of its own, so that one that
 * crashes, leaks or hangs does not hide the others.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/blob.h"

enum {
	HANG_SECONDS = 120, /* then an input counts as a hang, not as a slow machine */
	EXIT_VERDICT = 3, /* the child's word that the parser's answer does not fit the name */
};

struct tally {
	unsigned int run, failed;
};

/* Does the answer @rc of the parser fit what the name of the fixture says? */
static bool verdict_fits(const char *name, int rc)
{
	if (!strncmp(name, "good-", 5))
		return rc == 0;
	if (!strncmp(name, "unsupported-", 12))
		return rc == ERR_UNSUPPORTED;
	if (!strncmp(name, "bad-", 4))
		return rc < 0 && rc != ERR_UNSUPPORTED;
	return true;
}

static void run_child(const char *name, const uint8_t *data, size_t size)
{
	alarm(HANG_SECONDS);
	LLVMFuzzerTestOneInput(data, size);
	if (fuzz_verdict) {
		int rc = fuzz_verdict(data, size);

		if (!verdict_fits(name, rc)) {
			fprintf(stderr, "# %s: the parser answers %d (%s)\n", name, rc,
				err_name(rc));
			exit(EXIT_VERDICT);
		}
	}
}

/* Runs the input; the status that wait() gives, or -1. */
static int run_input(const char *name, uint8_t *data, size_t size)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		run_child(name, data, size);
		free(data);
		// By way of exit(), where the sanitizer looks for leaks.
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static void replay_file(struct tally *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *shown = strstr(path, "corpus/");
	CLEANUP_FREE uint8_t *data = NULL;
	struct err err = {0};
	size_t size;
	int status;

	t->run++;
	if (!shown)
		shown = path;
	if (blob_load(path, &data, &size, &err)) {
		t->failed++;
		printf("not ok %u - %s\n# %s\n", t->run, shown, err.msg);
		return;
	}
	status = run_input(slash ? slash + 1 : path, data, size);
	if (status)
		t->failed++;
	printf("%sok %u - %s\n", status ? "not " : "", t->run, shown);
	if (status > 0 && WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
}

/* Fixtures, not READMEs, editors' leavings or hidden files. */
static int is_fixture(const struct dirent *d)
{
	size_t len = strlen(d->d_name);

	return d->d_name[0] != '.' && len > 4 &&
	       (!strcmp(d->d_name + len - 4, ".txt") || !strcmp(d->d_name + len - 4, ".raw"));
}

static void replay_dir(struct tally *t, const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, is_fixture, alphasort);

	if (n < 0) {
		t->run++;
		t->failed++;
		printf("not ok %u - %s\n# the directory cannot be read\n", t->run, path);
		return;
	}
	for (int i = 0; i < n; i++) {
		CLEANUP_FREE char *file = NULL;

		if (asprintf(&file, "%s/%s", path, names[i]->d_name) < 0)
			abort();
		replay_file(t, file);
		free(names[i]);
	}
	free(names);
}

int main(int argc, char **argv)
{
	struct tally t = {0};

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (!stat(argv[i], &st) && S_ISDIR(st.st_mode))
			replay_dir(&t, argv[i]);
		else
			replay_file(&t, argv[i]);
	}
	if (!t.run) {
		printf("Bail out! no fixtures to replay\n");
		return 2;
	}
	printf("1..%u\n", t.run);
	return t.failed ? 1 : 0;
}
