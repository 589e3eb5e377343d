// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs of the user's around a dump: which run, in which order, and what their end means. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/hooks.h"
#include "collector/log.h"
#include "vmcore/config.h"

static struct machine {
	char dir[64];
	struct config config;
	struct log log;
	struct hooks hooks;
} m;

static int prepare(void **state)
{
	(void)state;
	strcpy(m.dir, "/tmp/test_hooks.XXXXXX");
	if (!mkdtemp(m.dir))
		return -1;
	config_default(&m.config);
	log_init(&m.log, open("/dev/null", O_WRONLY | O_CLOEXEC), LOG_COMMON);
	m.hooks = (struct hooks){
		.config = &m.config, .dir = m.dir, .limit_ms = HOOKS_LIMIT_MS, .log = &m.log};
	return 0;
}

static int clean_up(void **state)
{
	char command[96];

	(void)state;
	close(m.log.fd);
	snprintf(command, sizeof(command), "rm -rf %s", m.dir);
	return system(command);
}

/* A shell script @name below the directory; its name in @path. */
static void script(const char *name, mode_t mode, const char *text, char path[static 128])
{
	CLEANUP_CLOSE int fd = -1;

	snprintf(path, 128, "%s/%s", m.dir, name);
	for (char *p = path + strlen(m.dir) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		mkdir(path, 0755);
		*p = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, "#!/bin/sh\n", 10, NULL), 0);
	assert_int_equal(io_write(fd, text, strlen(text), NULL), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

/* How often, and where first, the log has @text. */
static unsigned int logged(const char *text, size_t *where)
{
	unsigned int n = 0;

	m.log.kept[m.log.used] = '\0';
	for (const char *p = m.log.kept; (p = strstr(p, text)); p += strlen(text)) {
		if (!n++ && where)
			*where = p - m.log.kept;
	}
	return n;
}

static void test_order(void **state)
{
	char path[128];
	size_t a = 0, b = 0, c = 0;

	(void)state;
	script("mine", 0700, "echo third $#\n", path);
	snprintf(m.config.kdump_pre, sizeof(m.config.kdump_pre), "%s", path);
	script("pre.d/20-b", 0700, "echo second\necho aside >&2\n", path);
	script("pre.d/10-a", 0700, "echo first\n", path);
	script("pre.d/15-not", 0600, "echo never\n", path);
	script("pre.d/.hidden", 0700, "echo never\n", path);
	script("post.d/x", 0700, "echo never\n", path);
	assert_int_equal(hooks_run(&m.hooks, HOOKS_PRE, 0, NULL), 0);
	assert_int_equal(logged(": first", &a), 1);
	assert_int_equal(logged(": second", &b), 1);
	assert_int_equal(logged(": third 0", &c), 1);
	assert_true(a < b && b < c);
	assert_int_equal(logged(": aside", NULL), 1);
	assert_int_equal(logged("never", NULL), 0);
}

static void test_refusal(void **state)
{
	struct err err = {0};
	char path[128];

	(void)state;
	script("pre.d/10-no", 0700, "exit 3\n", path);
	script("pre.d/20-yes", 0700, "echo behind\n", path);
	assert_int_equal(hooks_run(&m.hooks, HOOKS_PRE, 0, &err), ERR_STOPPED);
	assert_non_null(strstr(err.msg, "10-no: it ended with exit code 3"));
	assert_int_equal(logged(": behind", NULL), 0);
	assert_int_equal(unlink(strcat(strcpy(path, m.dir), "/pre.d/10-no")), 0);
	// One that is not there, cannot be run, or dies of a signal says nothing against a dump.
	script("pre.d/10-odd", 0700, "kill -9 $$\n", path);
	strcpy(m.config.kdump_pre, "/nowhere/at/all");
	assert_int_equal(hooks_run(&m.hooks, HOOKS_PRE, 0, &err), 0);
	assert_int_equal(logged("warning: kdump_pre: /nowhere/at/all", NULL), 1);
	assert_int_equal(logged("ended with signal 9", NULL), 1);
}

static void test_status(void **state)
{
	char path[128];

	(void)state;
	script("post.d/10", 0700, "echo \"got $1 of $#\"; exit 1\n", path);
	script("post.d/20", 0700, "kill -9 $$\n", path);
	script("mine", 0700, "echo \"mine $1\"\n", path);
	snprintf(m.config.kdump_post, sizeof(m.config.kdump_post), "%s", path);
	snprintf(m.config.kdump_emergency, sizeof(m.config.kdump_emergency), "%s", path);
	assert_int_equal(hooks_run(&m.hooks, HOOKS_POST, 3, NULL), 0);
	assert_int_equal(logged("got 3 of 1", NULL), 1);
	assert_int_equal(logged("warning: kdump_post: ", NULL), 2);
	assert_int_equal(logged("ended with exit code 1", NULL), 1);
	assert_int_equal(logged("ended with signal 9", NULL), 1);
	assert_int_equal(logged("mine 3", NULL), 1);
	assert_int_equal(hooks_run(&m.hooks, HOOKS_EMERGENCY, 1, NULL), 0);
	assert_int_equal(logged("mine 1", NULL), 1);
}

static void test_limits(void **state)
{
	struct err err = {0};
	char path[128];

	(void)state;
	m.hooks.limit_ms = 1000;
	script("pre.d/hangs", 0700, "echo before; sleep 1000\n", path);
	assert_int_equal(hooks_run(&m.hooks, HOOKS_PRE, 0, &err), 0);
	assert_int_equal(logged("did not end within 1 s", NULL), 1);
	assert_int_equal(logged(": before", NULL), 1);
	assert_int_equal(unlink(path), 0);
	m.hooks.limit_ms = HOOKS_LIMIT_MS;
	// Whom it leaves behind does not hold up the dump; the child is ended with the test.
	script("pre.d/leaves", 0700, "sleep 5 & echo left\n", path);
	assert_int_equal(hooks_run(&m.hooks, HOOKS_PRE, 0, &err), 0);
	assert_int_equal(logged(": left", NULL), 1);
	assert_int_equal(unlink(path), 0);
	m.log.used = 0;
	script("pre.d/talks", 0700, "yes 0123456789 | head -n 100000\n", path);
	assert_int_equal(hooks_run(&m.hooks, HOOKS_PRE, 0, &err), 0);
	assert_int_equal(logged(": 0123456789", NULL), HOOKS_OUTPUT_MAX / 11);
	assert_int_equal(logged("says more", NULL), 1);
	assert_int_equal(unlink(path), 0);
	// Nor does one that never stops to complain.
	script("pre.d/complains", 0700, "timeout 20 yes >&2 & sleep 1\n", path);
	assert_int_equal(hooks_run(&m.hooks, HOOKS_PRE, 0, &err), 0);
	assert_int_equal(logged("complains: y", NULL) > 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, prepare, clean_up),
		cmocka_unit_test_setup_teardown(test_refusal, prepare, clean_up),
		cmocka_unit_test_setup_teardown(test_status, prepare, clean_up),
		cmocka_unit_test_setup_teardown(test_limits, prepare, clean_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
