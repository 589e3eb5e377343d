// SPDX-License-Identifier: GPL-2.0-or-later
/* What a process leaves behind that is gone: all of it ends, whatever it has left itself. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "collector/orphans.h"

enum {
	CHILDREN = 5,
	LIFE_S = 30,
};

/* One with a child of its own, both in other groups, which end for nothing but a kill. */
static void be_stubborn(int said)
{
	// Where the test fails, they are not to stay.
	alarm(LIFE_S);
	for (int i = 0; i < 2; i++) {
		setpgid(0, 0);
		signal(SIGTERM, SIG_IGN);
		if (i == 0 && fork())
			break;
		alarm(LIFE_S);
	}
	if (write(said, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void test_all(void **state)
{
	char bytes[2 * CHILDREN];
	int said[2];

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe(said), 0);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			be_stubborn(said[1]);
	}
	close(said[1]);
	for (size_t n = 0; n < sizeof(bytes); n++)
		assert_int_equal(read(said[0], bytes, 1), 1);
	orphans_end();
	// Nobody holds the pipe any more, and there is nobody to be waited for.
	assert_int_equal(read(said[0], bytes, 1), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	close(said[0]);
}

static void test_none(void **state)
{
	(void)state;
	orphans_end();
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
