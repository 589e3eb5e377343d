// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of a dump: makedumpfile's and ours, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/dumpopts.h"

enum {
	ARGS_MAX = 100,
};

/* Parses @line, cut at spaces, as a command line behind the program's name. */
static int cli(struct dumpopts *o, const char *line, struct err *err)
{
	static char text[1024]; // operands point into it
	char *argv[ARGS_MAX] = {(char *)"lifeboat-collect"};
	char *rest = NULL;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *w = strtok_r(text, " ", &rest); w && argc < ARGS_MAX;
	     w = strtok_r(NULL, " ", &rest))
		argv[argc++] = w;
	dumpopts_default(o);
	return dumpopts_parse(o, argc, argv, err);
}

/* Not memcmp(): there are gaps between the members. */
static void same(const struct dumpopts *a, const struct dumpopts *b)
{
	assert_memory_equal(a->levels, b->levels, sizeof(a->levels));
	assert_int_equal(a->nlevels, b->nlevels);
	assert_string_equal(a->codec, b->codec);
	assert_int_equal(a->codec_level, b->codec_level);
	assert_int_equal(a->format, b->format);
	assert_int_equal(a->threads, b->threads);
	assert_int_equal(a->memory, b->memory);
	assert_int_equal(a->message_level, b->message_level);
	assert_int_equal(a->dump_dmesg, b->dump_dmesg);
	assert_int_equal(a->force, b->force);
	assert_int_equal(a->dry_run, b->dry_run);
	assert_int_equal(a->mini, b->mini);
	assert_int_equal(a->record, b->record);
	assert_int_equal(a->show_stats, b->show_stats);
	assert_int_equal(a->ordered, b->ordered);
	assert_int_equal(a->show_version, b->show_version);
	assert_int_equal(a->show_help, b->show_help);
	assert_int_equal(a->appliance, b->appliance);
	assert_int_equal(a->act, b->act);
	assert_ptr_equal(a->config, b->config);
	assert_int_equal(a->noperands, b->noperands);
}

static void good(struct dumpopts *o, const char *line)
{
	struct err err = {0};

	if (cli(o, line, &err))
		fail_msg("%s: %s", line, err.msg);
}

static void test_makedumpfile_words(void **state)
{
	struct dumpopts o;

	(void)state;
	good(&o, "-l --message-level 7 -d 31 /proc/vmcore out");
	assert_string_equal(o.codec, "lzo");
	assert_int_equal(o.message_level, 7);
	assert_int_equal(o.nlevels, 1);
	assert_int_equal(o.levels[0], 31);
	assert_int_equal(o.noperands, 2);
	assert_string_equal(o.operands[0], "/proc/vmcore");
	assert_string_equal(o.operands[1], "out");

	good(&o, "-cfd11,31 in --num-threads=4 out");
	assert_string_equal(o.codec, "zlib");
	assert_true(o.force);
	assert_int_equal(o.nlevels, 2);
	assert_int_equal(o.levels[0], 11);
	assert_int_equal(o.levels[1], 31);
	assert_int_equal(o.threads, 4);
	assert_int_equal(o.noperands, 2);

	good(&o, "-z -F -X -x vmlinux -i info -D -b 4 --non-mmap --cyclic-buffer 1024 "
		 "--work-dir /tmp --num-threads 2");
	assert_string_equal(o.codec, "zstd");
	assert_int_equal(o.format, DUMP_FORMAT_FLATTENED);
	assert_int_equal(o.noperands, 0);

	good(&o, "-E -d 0 in out");
	assert_int_equal(o.format, DUMP_FORMAT_ELF);
	assert_string_equal(o.codec, "none");
	assert_int_equal(o.levels[0], 0);

	good(&o, "--compat makedumpfile in out");
	assert_true(o.compat);
	good(&o, "--compat=makedumpfile in out");
	good(&o, "--dump-dmesg --dry-run --show-stats in");
	assert_true(o.dump_dmesg && o.dry_run && o.show_stats);
	good(&o, "--mini in out");
	assert_true(o.mini && !o.record);
	good(&o, "--record -f in out");
	assert_true(o.record && o.force && !o.mini);
	good(&o, "-v");
	assert_true(o.show_version);
	good(&o, "--help");
	assert_true(o.show_help);
	// A flattened ELF core, in either order.
	good(&o, "-F -E in");
	assert_int_equal(o.format, DUMP_FORMAT_FLATTENED);
	good(&o, "-E -F in");
	assert_int_equal(o.format, DUMP_FORMAT_FLATTENED);
}

/* The parts of a split dump are all words but the last. */
static void test_many_inputs(void **state)
{
	char words[1024] = "--reassemble";
	struct dumpopts o;
	struct err err = {0};

	(void)state;
	good(&o, "a b c -d 1 d");
	assert_int_equal(o.ninputs, 3);
	assert_string_equal(o.inputs[0], "a");
	assert_string_equal(o.inputs[2], "c");
	assert_int_equal(o.noperands, 2);
	assert_string_equal(o.operands[0], "a");
	assert_string_equal(o.operands[1], "d");
	assert_false(o.reassemble);
	good(&o, "a b");
	assert_int_equal(o.ninputs, 1);
	good(&o, "--dry-run a");
	assert_int_equal(o.ninputs, 1);
	assert_string_equal(o.inputs[0], "a");
	good(&o, "-v");
	assert_int_equal(o.ninputs, 0);
	// It filters no further, whatever level is said.
	good(&o, "-d 31 --reassemble a b c");
	assert_true(o.reassemble);
	assert_int_equal(o.nlevels, 1);
	assert_int_equal(o.levels[0], 0);
	good(&o, "-R out");
	assert_true(o.rearrange);
	for (int i = 0; i < DUMP_PARTS_MAX + 1; i++)
		strcat(words, " p");
	good(&o, words);
	assert_int_equal(o.ninputs, DUMP_PARTS_MAX);
	strcat(words, " p");
	assert_int_equal(cli(&o, words, &err), ERR_USAGE);
	assert_non_null(strstr(err.msg, "64 files"));
}

static void test_our_words(void **state)
{
	struct dumpopts o;

	(void)state;
	good(&o, "--codec zstd:3 --threads 2 --memory 16M --config /c --format kdump a b");
	assert_string_equal(o.codec, "zstd");
	assert_int_equal(o.codec_level, 3);
	assert_int_equal(o.threads, 2);
	assert_int_equal(o.memory, 16 << 20);
	assert_string_equal(o.config, "/c");
	good(&o, "--appliance --act 3");
	assert_true(o.appliance);
	assert_int_equal(o.act, 3);
	good(&o, "--act=0");
	assert_int_equal(o.act, 0);
	good(&o, "--codec zlib --codec auto");
	assert_string_equal(o.codec, "auto");
	assert_false(o.ordered);
	good(&o, "--codec auto:none --ordered");
	assert_string_equal(o.codec, "auto:none");
	assert_true(o.ordered);
	good(&o, "--format elf --format kdump");
	assert_int_equal(o.format, DUMP_FORMAT_KDUMP);
	good(&o, "--format flattened --format elf");
	assert_int_equal(o.format, DUMP_FORMAT_ELF);
	good(&o, "--memory 1");
	assert_int_equal(o.memory, 1);
	good(&o, "--threads 0");
	assert_int_equal(o.threads, 0);
	good(&o, "--num-threads 4096");
	assert_int_equal(o.threads, DUMP_THREADS_MAX);
	good(&o, "-- -d 31");
	assert_int_equal(o.noperands, 2);
	assert_string_equal(o.operands[0], "-d");
	good(&o, "in -");
	assert_string_equal(o.operands[1], "-");
}

static void test_bad_words(void **state)
{
	static const struct {
		const char *line;
		int code;
		const char *msg;
	} cases[] = {
		{"-d 32", ERR_USAGE, "-d 32: a dump level is a number from 0 to 31"},
		{"--compat crash", ERR_USAGE, "--compat crash: only makedumpfile is known"},
		{"-d -1", ERR_USAGE, "-d -1: a dump level is a number from 0 to 31"},
		{"-d 31,", ERR_USAGE, "-d 31,: a dump level is a number from 0 to 31"},
		{"-d ,31", ERR_USAGE, "-d ,31: a dump level is a number from 0 to 31"},
		{"-d 99999999999999999999999", ERR_USAGE,
		 "-d 99999999999999999999999: a dump level is a number from 0 to 31"},
		{"-d 1,2,3,4,5,6,7,8,9", ERR_USAGE,
		 "-d 1,2,3,4,5,6,7,8,9: more than 8 dump levels"},
		{"-d", ERR_USAGE, "-d: needs a value"},
		{"-fd", ERR_USAGE, "-d: needs a value"},
		{"-q", ERR_USAGE, "-q: no such option"},
		{"-cq", ERR_USAGE, "-cq: no such option"},
		{"--nope", ERR_USAGE, "--nope: no such option"},
		{"--nope=1", ERR_USAGE, "--nope=1: no such option"},
		{"--=", ERR_USAGE, "--=: no such option"},
		{"--dry-run=yes", ERR_USAGE, "--dry-run: takes no value, found 'yes'"},
		{"--threads", ERR_USAGE, "--threads: needs a value"},
		{"--threads many", ERR_USAGE,
		 "--threads many: expected a number from 0 to 2147483647"},
		{"--threads 2147483648", ERR_USAGE,
		 "--threads 2147483648: expected a number from 0 to 2147483647"},
		{"--message-level 32", ERR_USAGE,
		 "--message-level 32: expected a number from 0 to 31"},
		{"--act 256", ERR_USAGE, "--act 256: expected a number from 0 to 255"},
		{"--format qcow2", ERR_USAGE,
		 "--format qcow2: a format is kdump, elf, flattened or raw"},
		{"--memory 0", ERR_USAGE,
		 "--memory 0: a size is a number of bytes above 0, or one with K, M or G behind"},
		{"--memory 17179869184G", ERR_USAGE,
		 "--memory 17179869184G: a size is a number of bytes above 0, or one with K, M or G "
		 "behind"},
		{"--memory K", ERR_USAGE,
		 "--memory K: a size is a number of bytes above 0, or one with K, M or G behind"},
		{"--memory=", ERR_USAGE,
		 "--memory : a size is a number of bytes above 0, or one with K, M or G behind"},
		{"-E -l a b", ERR_USAGE, "-E: an ELF core is never compressed; remove -E or lzo"},
		{"-p", ERR_UNSUPPORTED,
		 "-p: snappy is read but not written; use -l, -z or neither"},
		{"-L 1000", ERR_UNSUPPORTED, "-L: the size of a dump can't be limited yet"},
		{"--split -E a b c", ERR_USAGE,
		 "--split: only kdump-compressed dumps can be split, not format elf"},
		{"--split -F a b c", ERR_USAGE,
		 "--split: only kdump-compressed dumps can be split, not format flattened"},
		{"--mini -F a", ERR_USAGE,
		 "--mini: writes one kdump-compressed file; leave out the other format"},
		{"--mini --dry-run a", ERR_USAGE,
		 "--mini: writes one kdump-compressed file; leave out --dry-run"},
		{"--split a b c --mini", ERR_USAGE,
		 "--mini: writes one kdump-compressed file; leave out --split"},
		{"--vtop 0x a", ERR_USAGE, "--vtop 0x: an address is up to 16 hexadecimal digits"},
		{"--vtop 11111111111111111 a", ERR_USAGE,
		 "--vtop 11111111111111111: an address is up to 16 hexadecimal digits"},
		{"--vtop -1 a", ERR_USAGE, "--vtop -1: an address is up to 16 hexadecimal digits"},
		{"--vtop 0xg a", ERR_USAGE,
		 "--vtop 0xg: an address is up to 16 hexadecimal digits"},
		{"--xen-syms f", ERR_UNSUPPORTED, "--xen-syms: Xen hosts can't be dumped yet"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dumpopts o, before;
		struct err err = {0};

		assert_int_equal(cli(&o, cases[i].line, &err), cases[i].code);
		assert_string_equal(err.msg, cases[i].msg);
		// What failed has changed nothing.
		dumpopts_default(&before);
		same(&o, &before);
		assert_int_equal(cli(&o, cases[i].line, NULL), cases[i].code);
	}
}

static void test_codec_errors(void **state)
{
	struct dumpopts o;
	struct err err = {0};

	(void)state;
	assert_int_equal(cli(&o, "--codec lz4", &err), ERR_USAGE);
	assert_int_equal(strncmp(err.msg, "--codec: ", 9), 0);
	assert_int_equal(cli(&o, "--codec=", &err), ERR_USAGE);
	assert_int_equal(cli(&o, "--codec auto:lzo", &err), ERR_USAGE);
	assert_int_equal(cli(&o, "--codec snappysnappysnappysnappy:1", &err), ERR_USAGE);
}

static void test_core_collector(void **state)
{
	struct dumpopts o;
	struct err err = {0};

	(void)state;
	dumpopts_default(&o);
	assert_int_equal(dumpopts_parse_string(&o, "makedumpfile -l -d 17,31", &err), 0);
	assert_string_equal(o.codec, "lzo");
	assert_int_equal(o.nlevels, 2);
	dumpopts_default(&o);
	assert_int_equal(dumpopts_parse_string(&o, " /usr/sbin/makedumpfile\t-c ", &err), 0);
	assert_int_equal(o.levels[0], 0);
	dumpopts_default(&o);
	assert_int_equal(dumpopts_parse_string(&o, "lifeboat-collect --threads 1", &err), 0);
	assert_int_equal(o.levels[0], 31);
	assert_int_equal(o.threads, 1);
}

static void test_core_collector_errors(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *msg;
	} cases[] = {
		{"", ERR_USAGE,
		 "core_collector: expected lifeboat-collect or makedumpfile and options"},
		{" \t ", ERR_USAGE,
		 "core_collector: expected lifeboat-collect or makedumpfile and options"},
		{"scp", ERR_UNSUPPORTED,
		 "core_collector: 'scp' is never run; write lifeboat-collect or makedumpfile and "
		 "options"},
		{"/bin/dd bs=512", ERR_UNSUPPORTED,
		 "core_collector: '/bin/dd' is never run; write lifeboat-collect or makedumpfile "
		 "and options"},
		{"makedumpfile/", ERR_UNSUPPORTED,
		 "core_collector: 'makedumpfile/' is never run; write lifeboat-collect or "
		 "makedumpfile and options"},
		{"makedumpfile -l /proc/vmcore", ERR_USAGE,
		 "core_collector: /proc/vmcore: core_collector takes options only; remove it"},
		{"lifeboat-collect --appliance", ERR_USAGE,
		 "core_collector: --appliance: has no place in core_collector; remove it"},
		{"lifeboat-collect --act 0", ERR_USAGE,
		 "core_collector: --act: has no place in core_collector; remove it"},
		{"makedumpfile --dry-run", ERR_USAGE,
		 "core_collector: --dry-run: has no place in core_collector; remove it"},
		{"makedumpfile -h", ERR_USAGE,
		 "core_collector: -h: has no place in core_collector; remove it"},
		{"makedumpfile --config f", ERR_UNSUPPORTED,
		 "core_collector: --config: symbols can't be erased yet"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct dumpopts o, before;
		struct err err = {0};

		dumpopts_default(&o);
		dumpopts_default(&before);
		assert_int_equal(dumpopts_parse_string(&o, cases[i].words, &err), cases[i].code);
		assert_string_equal(err.msg, cases[i].msg);
		same(&o, &before);
	}
}

static void test_core_collector_limits(void **state)
{
	char words[DUMP_WORDS_SIZE_MAX + 1] = "makedumpfile";
	struct dumpopts o;
	struct err err;

	(void)state;
	dumpopts_default(&o);
	for (int i = 1; i < DUMP_WORDS_MAX; i++)
		strcat(words, " -f");
	assert_int_equal(dumpopts_parse_string(&o, words, &err), 0);
	strcat(words, " -f");
	assert_int_equal(dumpopts_parse_string(&o, words, &err), ERR_LIMIT);
	memset(words, ' ', DUMP_WORDS_SIZE_MAX);
	memcpy(words, "makedumpfile", 12);
	words[DUMP_WORDS_SIZE_MAX - 1] = '\0';
	assert_int_equal(dumpopts_parse_string(&o, words, &err), 0);
	words[DUMP_WORDS_SIZE_MAX - 1] = ' ';
	words[DUMP_WORDS_SIZE_MAX] = '\0';
	assert_int_equal(dumpopts_parse_string(&o, words, &err), ERR_LIMIT);
}

static void test_formats_that_can_be_written(void **state)
{
	struct dumpopts o;
	struct err err;

	(void)state;
	// A file takes all of them, a device those that need neither holes nor a length.
	good(&o, "a b");
	assert_int_equal(dumpopts_check(&o, false, &err), 0);
	assert_int_equal(dumpopts_check(&o, true, &err), 0);
	good(&o, "-E a b");
	assert_int_equal(dumpopts_check(&o, false, &err), 0);
	assert_int_equal(dumpopts_check(&o, true, &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "format elf"));
	good(&o, "-F a");
	assert_int_equal(dumpopts_check(&o, false, &err), 0);
	assert_int_equal(dumpopts_check(&o, true, &err), 0);
	good(&o, "--format raw a b");
	assert_int_equal(dumpopts_check(&o, false, NULL), 0);
	assert_int_equal(dumpopts_check(&o, true, NULL), ERR_UNSUPPORTED);
	// The log is text whatever the format.
	good(&o, "--dump-dmesg -E a b");
	assert_int_equal(dumpopts_check(&o, true, &err), 0);
}

static void test_flattened_elf(void **state)
{
	struct dumpopts o;

	(void)state;
	good(&o, "-E -F a");
	assert_int_equal(o.format, DUMP_FORMAT_FLATTENED);
	assert_true(o.flattened_elf);
	assert_string_equal(o.codec, "none");
	good(&o, "-FE a");
	assert_int_equal(o.format, DUMP_FORMAT_FLATTENED);
	assert_true(o.flattened_elf);
	good(&o, "-F -l a");
	assert_false(o.flattened_elf);
	// A name says all of it, and the last one counts.
	good(&o, "-E -F --format kdump a b");
	assert_int_equal(o.format, DUMP_FORMAT_KDUMP);
	assert_false(o.flattened_elf);
	good(&o, "--format raw -E a b");
	assert_int_equal(o.format, DUMP_FORMAT_ELF);
}

static void test_split(void **state)
{
	char words[DUMP_PARTS_MAX * 4 + 64] = "a";
	struct dumpopts o;

	(void)state;
	good(&o, "--split a b c d");
	assert_true(o.split);
	assert_int_equal(o.noperands, 4);
	assert_string_equal(o.operands[3], "d");
	good(&o, "a b c --split");
	assert_true(o.split);
	for (int i = 0; i < DUMP_PARTS_MAX; i++)
		strcat(words, " b");
	strcat(words, " --split");
	good(&o, words);
	assert_int_equal(o.noperands, 1 + DUMP_PARTS_MAX);
}

static void test_vtop(void **state)
{
	struct dumpopts o;

	(void)state;
	good(&o, "--vtop ffffffff81000000 a");
	assert_true(o.vtop);
	assert_int_equal(o.vtop_address, 0xffffffff81000000);
	good(&o, "--vtop=0XfF a");
	assert_int_equal(o.vtop_address, 0xff);
	good(&o, "--vtop 10 a");
	assert_int_equal(o.vtop_address, 0x10);
}

static void test_help_names_every_option(void **state)
{
	static const char *const names[] = {
		"-d",
		"-c",
		"-l",
		"-z",
		"-E",
		"-F",
		"-f",
		"-h, --help",
		"-v, --version",
		"--num-threads",
		"--message-level",
		"--split",
		"--vtop",
		"--dump-dmesg",
		"--dry-run",
		"--show-stats",
		"--codec",
		"--compat",
		"--format",
		"--threads",
		"--memory",
		"--mini",
		"--record",
		"--rehearse",
		"--config",
		"--appliance",
		"--act",
		"Exit codes",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(strstr(dumpopts_help(), names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_makedumpfile_words),
		cmocka_unit_test(test_many_inputs),
		cmocka_unit_test(test_our_words),
		cmocka_unit_test(test_bad_words),
		cmocka_unit_test(test_codec_errors),
		cmocka_unit_test(test_core_collector),
		cmocka_unit_test(test_core_collector_errors),
		cmocka_unit_test(test_core_collector_limits),
		cmocka_unit_test(test_formats_that_can_be_written),
		cmocka_unit_test(test_flattened_elf),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_vtop),
		cmocka_unit_test(test_help_names_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
