// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat rehearse on a forged machine, with a collector that is a script and answers what the
 * test wants: what is told of it, and that nothing is called good that was not tried.
 */
#include "tests/unit/forged.h"

#include "tests/lib/tree.h"

#define PROGRAM "/bin/lifeboat-collect"
#define LEVELS	"\"levels\": [{\"level\": 31, \"pages\": 9, \"bytes\": 9000000, \"seconds\": 1.0}]"

static char path_was[4096];

static int setup(void **state)
{
	const char *was = getenv("PATH");
	char path[sizeof(path_was) + 128];

	snprintf(path_was, sizeof(path_was), "%s", was ? was : "");
	if (forged_setup(state))
		return -1;
	snprintf(path, sizeof(path), "%s/bin:%s", m.root, path_was);
	return setenv("PATH", path, 1);
}

static int teardown(void **state)
{
	setenv("PATH", path_was, 1);
	return forged_teardown(state);
}

static void put_collector(const char *text)
{
	assert_true(tree_put(m.root, PROGRAM, text, strlen(text)));
}

/* One target, with what the collector says of it. */
static void rehearses(const char *target)
{
	char text[4096];

	snprintf(text, sizeof(text),
		 "#!/bin/sh\ncat << 'END'\n{\"targets\": [{%s, " LEVELS "}]}\nEND\n", target);
	put_collector(text);
	if (run(command_rehearse, "") < 0)
		fail_msg("%s", m.err.msg);
}

static void says(const char *text)
{
	if (!strstr(m.out, text))
		fail_msg("'%s' is not in '%s'", text, m.out);
}

static void says_not(const char *text)
{
	if (strstr(m.out, text))
		fail_msg("'%s' is in '%s'", text, m.out);
}

static void test_all_of_it(void **state)
{
	(void)state;
	rehearses("\"target\": \"local /x\", \"result\": \"ok\", \"stage\": \"commit\", "
		  "\"took\": [\"record\", \"dmesg\", \"mini\", \"pages\"], \"notes\": []");
	says("\nok: target local /x took record, log, mini-core, sample\n");
}

static void test_some_of_it(void **state)
{
	(void)state;
	rehearses("\"target\": \"local /x\", \"result\": \"warn\", \"stage\": \"commit\", "
		  "\"took\": [\"record\", \"mini\", \"pages\"], "
		  "\"notes\": [\"the log cannot be saved: why\"]");
	says("\nwarn: target local /x: the log cannot be saved: why\n");
	says("\nwarn: target local /x took record, mini-core, sample, but not log\n");
	says_not("ok: target");
}

/* A device, of which only the last block is tried, and a server that was only logged in to. */
static void test_none_of_it(void **state)
{
	(void)state;
	rehearses("\"target\": \"raw /dev/x\", \"result\": \"warn\", \"stage\": \"plan\", "
		  "\"took\": [], \"notes\": [\"its last block was read, written and read again\"]");
	says("\nwarn: target raw /dev/x: its last block was read, written and read again\n");
	says("\nwarn: target raw /dev/x: nothing of a dump was written there: no record, log, "
	     "mini-core, sample\n");
	says_not("ok: target");
}

/* Whoever says that all is well without saying of what is not believed. */
static void test_not_said(void **state)
{
	(void)state;
	rehearses(
		"\"target\": \"local /x\", \"result\": \"ok\", \"stage\": \"commit\", \"notes\": []");
	says("\nwarn: target local /x: nothing of a dump was written there");
	says_not("ok: target");
}

/* There is no cgroup: that memory ran out is not known, and not said. */
static void test_killed(void **state)
{
	(void)state;
	put_collector("#!/bin/sh\nkill -KILL $$\n");
	assert_int_equal(run(command_rehearse, ""), 1);
	says("\nfailed: lifeboat-collect ended with -1");
	says_not("out of memory");
	rehearses("\"target\": \"local /x\", \"result\": \"failed\", \"stage\": \"mini\", "
		  "\"reason\": \"killed in stage 'mini'\", \"took\": [\"record\"], \"notes\": []");
	says("\nfailed: killed in stage 'mini'\n");
	says_not("out of memory");
}

/* What is not known is not kept as 0. */
static void test_peak_not_known(void **state)
{
	CLEANUP_FREE char *text = NULL;
	char path[FORGED_PATH_MAX];

	test_all_of_it(state);
	snprintf(path, sizeof(path), "%s/var/lib/lifeboat/rehearsal.json", m.root);
	assert_int_equal(io_read_file(path, 1 << 16, &text, NULL, NULL), 0);
	assert_non_null(strstr(text, "\"memory_limit_bytes\""));
	assert_null(strstr(text, "peak_memory_bytes"));
	assert_non_null(strstr(text, "\"killed\": false"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_some_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_none_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_said, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_peak_not_known, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
