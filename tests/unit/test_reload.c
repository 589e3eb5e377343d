// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat reload --if-changed on a forged machine: when it loads, when it does not, one at a
 * time.
 */
#include "tests/unit/forged.h"

#include <sys/file.h>
#include <sys/wait.h>

#define QUIET "--if-changed --settle=0"

static int setup(void **state)
{
	int rc = forged_setup(state);

	if (rc)
		return rc;
	loads();
	assert_int_equal(m.loads, 1);
	return 0;
}

static void reloads(const char *says)
{
	unsigned int before = m.loads;

	if (run(command_reload, QUIET))
		fail_msg("%s", m.err.msg);
	if (!strstr(m.out, says))
		fail_msg("'%s' is not in '%s'", says, m.out);
	assert_int_equal(m.loads, before + 1);
}

static void stays(const char *says)
{
	unsigned int before = m.loads;

	if (run(command_reload, QUIET))
		fail_msg("%s", m.err.msg);
	assert_string_equal(m.out, says);
	assert_int_equal(m.loads, before);
}

static void test_nothing_changed(void **state)
{
	(void)state;
	stays("nothing has changed\n");
	stays("nothing has changed\n");
	// Without the word it loads in any case.
	assert_int_equal(run(command_reload, ""), 0);
	assert_int_equal(m.loads, 2);
}

static void test_files(void **state)
{
	(void)state;
	put(CONFIG_FILE, "load_with kexec_load\npath /var/crash\ncmdline_append loglevel=7\n");
	reloads("configuration: " CONFIG_FILE " has changed; command line\n");
	stays("nothing has changed\n");
	put(initrd_file(), "another one");
	reloads("initrd: /var/lib/lifeboat/initrd-6.1.0-test.img has changed; command line\n");
	put_kernel("/boot/other");
	put(CONFIG_FILE, "load_with kexec_load\nkernel /boot/other\n");
	reloads("kernel: /boot/other instead of /boot/vmlinuz-6.1.0-test; configuration: ");
	stays("nothing has changed\n");
}

static void test_machine(void **state)
{
	(void)state;
	put("/proc/iomem", FORGED_IOMEM "100000000-13fffffff : System RAM\n");
	reloads("CPUs and memory: 2 notes and 3 ranges of 1087 MiB, were 2, 2 and 63\n");
	stays("nothing has changed\n");
	put_cpu(2);
	reloads("CPUs and memory: 3 notes and 3 ranges of 1087 MiB, were 2, 3 and 1087\n");
	// A device came; that is no memory.
	put("/proc/iomem",
	    FORGED_IOMEM "100000000-13fffffff : System RAM\n200000000-2000fffff : 0000:00:03.0\n");
	stays("nothing has changed\n");
}

/* A kernel that keeps the list up to date itself is left alone. */
static void test_hotplug_of_the_kernel(void **state)
{
	(void)state;
	put("/sys/devices/system/cpu/crash_hotplug", "1\n");
	put("/sys/devices/system/memory/crash_hotplug", "1\n");
	put_cpu(2);
	stays("nothing has changed\n");
	// It says that it does not for what is loaded now.
	put("/sys/devices/system/memory/crash_hotplug", "0\n");
	reloads("CPUs and memory: 3 notes");
}

static void test_nothing_loaded(void **state)
{
	(void)state;
	put(FORGED_LOADED, "0\n");
	put_cpu(2);
	stays("nothing is loaded\n");
}

/* Another program's is not replaced. */
static void test_no_record(void **state)
{
	(void)state;
	drop(STATE_FILE);
	put_cpu(2);
	stays("what is loaded is not ours: " STATE_FILE ": there is no record of a load\n");
	assert_false(there(STATE_FILE));
	// Asked for it is.
	assert_int_equal(run(command_reload, ""), 0);
	stays("nothing has changed\n");
}

static void test_damaged_record(void **state)
{
	(void)state;
	put(STATE_FILE, "version 2\nkern");
	reloads("what is loaded is not known: ");
	stays("nothing has changed\n");
}

/* What cannot be loaded keeps what is there. */
static void test_refused(void **state)
{
	(void)state;
	put(CONFIG_FILE, "pfad /x\n");
	assert_int_equal(run(command_reload, QUIET), ERR_USAGE);
	assert_int_equal(m.loads, 1);
	put(CONFIG_FILE, "load_with kexec_load\n");
	put("/proc/sys/kernel/kexec_load_disabled", "1\n");
	assert_int_equal(run(command_reload, QUIET), ERR_SYS);
	assert_non_null(strstr(m.err.msg, "kexec_load_disabled is 1"));
	assert_non_null(strstr(m.out, "configuration: "));
	assert_int_equal(m.loads, 1);
}

static int hold(const char *path)
{
	char full[FORGED_PATH_MAX];
	int fd = open(forged_path(path, full), O_RDWR | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	return fd;
}

/* One waits already, and will look later than now. */
static void test_another_waits(void **state)
{
	int fd = hold("/run/lifeboat/reload-waits.lock");

	(void)state;
	put_cpu(2);
	stays("another one is about to look\n");
	close(fd);
	reloads("CPUs and memory: ");
}

/* One is at work: it is waited for, and then looked again. */
static void test_another_works(void **state)
{
	int fd = hold("/run/lifeboat/reload-works.lock");
	pid_t pid;

	(void)state;
	put_cpu(2);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		usleep(300000);
		_exit(0);
	}
	// The lock goes with the last who has it open.
	close(fd);
	reloads("CPUs and memory: ");
	waitpid(pid, NULL, 0);
}

/* It is not done before another one is. */
static void waits(command_run *command)
{
	int fd = hold("/run/lifeboat/reload-works.lock");
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		usleep(300000);
		put("/run/done", "");
		_exit(0);
	}
	close(fd);
	if (run(command, ""))
		fail_msg("%s", m.err.msg);
	assert_true(there("/run/done"));
	waitpid(pid, NULL, 0);
	drop("/run/done");
}

/* Each load and unload has its turn: none changes what another one is about to record. */
static void test_loads_wait(void **state)
{
	CLEANUP_FREE char *path = strdup(getenv("PATH"));
	char dir[FORGED_PATH_MAX];

	(void)state;
	waits(command_load);
	waits(command_reload);
	put("/bin/lifeboat-mkinitrd", "#!/bin/sh\n");
	set_mode("/bin/lifeboat-mkinitrd", 0755);
	setenv("PATH", forged_path("/bin", dir), 1);
	waits(command_rebuild);
	setenv("PATH", path, 1);
	waits(command_unload);
	// The fifth takes away what is there.
	assert_int_equal(m.loads, 5);
}

static void test_words(void **state)
{
	(void)state;
	assert_int_equal(run(command_reload, "--if-change"), ERR_USAGE);
	assert_int_equal(run(command_reload, "--if-changed --settle=61"), ERR_USAGE);
	assert_non_null(strstr(m.err.msg, "--settle=SECONDS up to 60"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, forged_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_changed), TEST(test_files),
		TEST(test_machine),	    TEST(test_hotplug_of_the_kernel),
		TEST(test_nothing_loaded),  TEST(test_no_record),
		TEST(test_damaged_record),  TEST(test_refused),
		TEST(test_another_waits),   TEST(test_another_works),
		TEST(test_words),	    TEST(test_loads_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
