// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of the capture kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "loader/cmdline.h"

static const struct cmdline_arch bare = {.machine = "test", .add = "panic=10", .max = 64};

static void builds(const char *running, const char *remove, const char *append,
		   const char *expected)
{
	const struct cmdline_parts p = {
		.arch = &bare,
		.running = running,
		.whole = "",
		.append = append,
		.remove = remove,
		.cpus = 1,
	};
	char buf[CMDLINE_MAX];
	struct err err = {0};

	if (cmdline_build(&p, buf, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(buf, expected);
}

static void test_takes_over_and_strips(void **state)
{
	(void)state;
	builds("BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 ro quiet crashkernel=256M\n", "", "",
	       "root=/dev/vda1 ro nr_cpus=1 panic=10");
	builds("console=tty0 console=ttyS0,115200", "", "",
	       "console=tty0 console=ttyS0,115200 nr_cpus=1 panic=10");
	builds("crashkernel=128M,low crashkernel=1G,high a", "", "", "a nr_cpus=1 panic=10");
	builds("hugepagesz=1G hugepages=4 hugetlb-cma=1G swiotlb=force b", "", "",
	       "b nr_cpus=1 panic=10");
	builds("rdinit=/bin/sh initrd=\\initrd panic_on_warn c", "", "", "c nr_cpus=1 panic=10");
	builds("", "", "", "nr_cpus=1 panic=10");
	builds(" \t\n ", " ", " ", "nr_cpus=1 panic=10");
}

static void test_like_names_stay(void **state)
{
	(void)state;
	builds("quietly cma_x=1 x=crashkernel=16M", "", "",
	       "quietly cma_x=1 x=crashkernel=16M nr_cpus=1 panic=10");
}

static void test_proven_replace_running(void **state)
{
	(void)state;
	builds("panic=1 nr_cpus=8 nr-cpus=4 x", "", "", "x nr_cpus=1 panic=10");
}

static void test_append_comes_last(void **state)
{
	(void)state;
	builds("a", "", "  panic=5   b  ", "a nr_cpus=1 panic=10 panic=5 b");
}

static void test_remove(void **state)
{
	(void)state;
	// A name takes all its words; a word with a value only that one.
	builds("rhgb rd.lvm=1 rd.lvm=2 console=tty0 console=ttyS0", "rhgb rd.lvm console=tty0", "",
	       "console=ttyS0 nr_cpus=1 panic=10");
	// The proven ones can go too.
	builds("a", "panic", "", "a nr_cpus=1");
	builds("a", "panic=11", "", "a nr_cpus=1 panic=10");
}

static void test_words_of_init_are_not_ours(void **state)
{
	(void)state;
	builds("a -- b --c", "", "d", "a nr_cpus=1 panic=10 d");
	builds("--a b", "", "", "--a b nr_cpus=1 panic=10");
}

static void test_quotes_hold_words_together(void **state)
{
	(void)state;
	builds("dyndbg=\"file a.c +p\" quiet x", "", "",
	       "dyndbg=\"file a.c +p\" x nr_cpus=1 panic=10");
	builds("\"quiet\" y=\"1 quiet", "", "", "y=\"1 quiet nr_cpus=1 panic=10");
	// The boot loader's way to quote.
	builds("\"crashkernel=1G\" \"dyndbg=file a +p\" x", "dyndbg", "", "x nr_cpus=1 panic=10");
	builds("\"\" \" =x", "", "", "\"\" \" =x nr_cpus=1 panic=10");
}

static void test_whole_is_taken_as_it_is(void **state)
{
	const struct cmdline_parts p = {.arch = &bare,
					.running = "a b",
					.whole = "quiet crashkernel=1M",
					.append = "z",
					.remove = "quiet"};
	char buf[CMDLINE_MAX];
	struct err err;

	(void)state;
	assert_int_equal(cmdline_build(&p, buf, &err), 0);
	assert_string_equal(buf, "quiet crashkernel=1M z");
}

static void test_limit(void **state)
{
	char running[70000];
	struct cmdline_parts p = {
		.arch = &bare,
		.running = running,
		.whole = "",
		.append = "",
		.remove = "",
		.cpus = 1,
	};
	size_t fixed = strlen(" nr_cpus=1 panic=10");
	char buf[CMDLINE_MAX];
	struct err err;

	(void)state;
	// Full to the last byte, the zero counted, and one more.
	memset(running, 'x', sizeof(running));
	running[bare.max - 1 - fixed] = '\0';
	assert_int_equal(cmdline_build(&p, buf, &err), 0);
	assert_int_equal(strlen(buf), bare.max - 1);
	running[bare.max - 1 - fixed] = 'x';
	running[bare.max - fixed] = '\0';
	assert_int_equal(cmdline_build(&p, buf, &err), ERR_LIMIT);
	assert_non_null(strstr(err.msg, "longer than the 63 bytes"));
	// Far longer than any buffer, in one word and in many.
	memset(running, 'x', sizeof(running));
	running[sizeof(running) - 1] = '\0';
	assert_int_equal(cmdline_build(&p, buf, NULL), ERR_LIMIT);
	for (size_t i = 1; i < sizeof(running) - 1; i += 2)
		running[i] = ' ';
	assert_int_equal(cmdline_build(&p, buf, NULL), ERR_LIMIT);
}

static const struct cmdline_arch like_x86 = {
	.machine = "test", .add = "panic=10", .max = CMDLINE_MAX, .spares_boot_cpu = true};

/* How many CPUs: ours unless @append or @remove say it. */
static void builds_cpus(unsigned int cpus, int64_t apicid, const char *append, const char *remove,
			bool said, const char *expected)
{
	const struct cmdline_parts p = {
		.arch = &like_x86,
		.running = "isolcpus=1-3 a maxcpus=8 nohz_full=1-3 lifeboat.cpus=9",
		.whole = "",
		.append = append,
		.remove = remove,
		.cpus = said ? 0 : cpus,
		.boot_apicid = apicid,
	};
	char buf[CMDLINE_MAX];

	assert_int_equal(cmdline_says_cpus(&p), said);
	assert_int_equal(cmdline_build(&p, buf, NULL), 0);
	assert_string_equal(buf, expected);
}

static void test_cpus(void **state)
{
	(void)state;
	builds_cpus(1, 0, "", "", false, "a nr_cpus=1 panic=10");
	builds_cpus(4, 2, "", "", false,
		    "a nr_cpus=4 maxcpus=1 lifeboat.cpus=4 disable_cpu_apicid=2 panic=10");
	builds_cpus(4, -1, "", "", false, "a nr_cpus=4 maxcpus=1 lifeboat.cpus=4 panic=10");
	builds_cpus(4, 0, "x_nr_cpus=2 disable_cpu_apicid=1", "", false,
		    "a nr_cpus=4 maxcpus=1 lifeboat.cpus=4 disable_cpu_apicid=0 panic=10 "
		    "x_nr_cpus=2 disable_cpu_apicid=1");
	// Of two nr_cpus= the smaller one would win, so that ours must not stand there.
	builds_cpus(4, 0, "nr_cpus=8", "", true, "a disable_cpu_apicid=0 panic=10 nr_cpus=8");
	builds_cpus(4, 0, "nr-cpus=8", "", true, "a disable_cpu_apicid=0 panic=10 nr-cpus=8");
	builds_cpus(4, 0, "maxcpus=2 b", "", true, "a disable_cpu_apicid=0 panic=10 maxcpus=2 b");
	builds_cpus(4, 0, "", "nr_cpus=1", true, "a disable_cpu_apicid=0 panic=10");
	builds_cpus(4, 0, "nosmp", "disable_cpu_apicid", true, "a panic=10 nosmp");
}

static void test_x86(void **state)
{
	const struct cmdline_arch *x86 = cmdline_arch("x86_64");
	struct cmdline_parts p = {
		.arch = x86,
		.running = "root=/dev/vda1",
		.whole = "",
		.append = "",
		.remove = "",
		.cpus = 1,
	};
	char buf[CMDLINE_MAX];
	struct err err;

	(void)state;
	assert_non_null(x86);
	// elfcorehdr= is put in front by the kernel and must fit as well.
	assert_true(x86->max <= CMDLINE_MAX - 30);
	assert_int_equal(cmdline_build(&p, buf, &err), 0);
	assert_non_null(strstr(buf, "root=/dev/vda1 nr_cpus=1 irqpoll reset_devices "));
	assert_non_null(strstr(buf, " novmcoredd"));
	// In place of what the running system allows.
	p.running = "nvme.max-host-mem-size-mb=64 nvme.io_timeout=9";
	assert_int_equal(cmdline_build(&p, buf, &err), 0);
	assert_non_null(strstr(buf, " nvme.max_host_mem_size_mb=0 "));
	assert_null(strstr(buf, "=64"));
	assert_non_null(strstr(buf, "nvme.io_timeout=9 "));
	assert_null(cmdline_arch("pdp11"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_takes_over_and_strips),
		cmocka_unit_test(test_like_names_stay),
		cmocka_unit_test(test_proven_replace_running),
		cmocka_unit_test(test_append_comes_last),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_words_of_init_are_not_ours),
		cmocka_unit_test(test_quotes_hold_words_together),
		cmocka_unit_test(test_whole_is_taken_as_it_is),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_cpus),
		cmocka_unit_test(test_x86),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
