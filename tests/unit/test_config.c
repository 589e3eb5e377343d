// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration: golden files, limits, and both tempers of the parser. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "vmcore/config.h"

#define GOLDEN "tests/golden/config"

enum {
	TEXT_MAX = 32 << 10,
};

struct text {
	char s[TEXT_MAX];
	size_t n;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->s + t->n, sizeof(t->s) - t->n, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && (size_t)n < sizeof(t->s) - t->n);
	t->n += n;
}

static void add_setting(void *ctx, const char *key, const char *value)
{
	add(ctx, "%s %s\n", key, value);
}

static struct config *config_new(void)
{
	struct config *c = malloc(sizeof(*c));

	assert_non_null(c);
	return c;
}

static int parse(struct config *c, const char *text, bool strict, struct err *err)
{
	return config_parse(c, "c", text, strlen(text), strict, err);
}

/* All that a golden file says about @c. */
static void describe(const struct config *c, struct text *t)
{
	config_print(c, add_setting, t);
	for (size_t i = 0; i < c->nnotes && i < CONFIG_NOTES_MAX; i++)
		add(t, "note %u: %s\n", c->notes[i].line, c->notes[i].text);
	for (size_t i = 0; i < c->nunsupported && i < CONFIG_UNSUPPORTED_MAX; i++)
		add(t, "unsupported %u: %s\n", c->unsupported[i].line, c->unsupported[i].text);
}

/* What is printed must read back as the same, or the capture kernel would do other things. */
static void check_reads_back(const struct config *c)
{
	CLEANUP_FREE struct text *once = calloc(1, sizeof(*once));
	CLEANUP_FREE struct text *twice = calloc(1, sizeof(*twice));
	CLEANUP_FREE struct config *again = config_new();
	struct err err = {0};

	assert_non_null(once);
	assert_non_null(twice);
	config_print(c, add_setting, once);
	if (config_parse(again, "again", once->s, once->n, true, &err))
		fail_msg("%s", err.msg);
	config_print(again, add_setting, twice);
	assert_string_equal(once->s, twice->s);
	assert_int_equal(c->collect.nlevels, again->collect.nlevels);
	assert_memory_equal(c->collect.levels, again->collect.levels, sizeof(c->collect.levels));
	assert_string_equal(c->collect.codec, again->collect.codec);
	assert_int_equal(c->collect.codec_level, again->collect.codec_level);
	assert_int_equal(c->collect.threads, again->collect.threads);
	// dracut_args is not printed, so there may be less in the way, never more.
	assert_true(c->nunsupported || !again->nunsupported);
}

static void check_golden(const char *file)
{
	CLEANUP_FREE char *text = NULL, *expected = NULL;
	CLEANUP_FREE struct text *found = calloc(1, sizeof(*found));
	CLEANUP_FREE struct config *c = config_new();
	char path[300];
	struct err err = {0};
	size_t size;
	int rc;

	assert_non_null(found);
	snprintf(path, sizeof(path), GOLDEN "/%s", file);
	assert_int_equal(io_read_file(path, CONFIG_SIZE_MAX, &text, &size, &err), 0);
	strcpy(strrchr(path, '.'), ".expect");
	if (io_read_file(path, TEXT_MAX, &expected, NULL, &err))
		fail_msg("%s", err.msg);
	rc = config_parse(c, file, text, size, true, &err);
	if (rc)
		add(found, "%s\n", err.msg);
	else
		describe(c, found);
	if (strcmp(found->s, expected) != 0)
		fail_msg("%s\nexpected:\n%sfound:\n%s", path, expected, found->s);

	if (strncmp(file, "bad-", 4) == 0) {
		assert_int_equal(rc, ERR_USAGE);
		// The same file must not cost a dump.
		assert_int_equal(config_parse(c, file, text, size, false, &err), 0);
		assert_true(c->nnotes > 0);
	} else {
		assert_int_equal(rc, 0);
		assert_int_equal(config_check(c, file, &err),
				 strncmp(file, "unsupported-", 12) == 0 ? ERR_UNSUPPORTED : 0);
	}
	check_reads_back(c);
}

static void test_golden(void **state)
{
	DIR *dir = opendir(GOLDEN);
	struct dirent *e;
	unsigned int good = 0, bad = 0, unsupported = 0;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		const char *dot = strrchr(e->d_name, '.');

		if (!dot || strcmp(dot, ".conf") != 0)
			continue;
		good += strncmp(e->d_name, "good-", 5) == 0;
		bad += strncmp(e->d_name, "bad-", 4) == 0;
		unsupported += strncmp(e->d_name, "unsupported-", 12) == 0;
		check_golden(e->d_name);
	}
	closedir(dir);
	assert_true(good >= 8 && bad >= 16 && unsupported >= 5);
}

static void test_defaults(void **state)
{
	CLEANUP_FREE struct config *c = config_new();

	(void)state;
	config_default(c);
	assert_int_equal(c->targets[0].kind, CONFIG_TARGET_LOCAL);
	assert_string_equal(c->path, "/var/crash");
	assert_int_equal(c->collect.levels[0], 31);
	assert_string_equal(c->collect.codec, "auto");
	assert_int_equal(c->device_timeout, 30);
	assert_int_equal(c->nnotes, 0);
	check_reads_back(c);
}

/* Every key with every short value: nothing but the two answers, in both tempers. */
static void test_truncated_everywhere(void **state)
{
	static const char text[] =
		"ext4 UUID=1-2\npath /a/b\ncore_collector makedumpfile -l "
		"--message-level 7 -d 11,31\nfinal_action poweroff\n"
		"default dump_to_rootfs\ndevice_timeout 5\ncapture_cpus 2\nkernel /k\n"
		"cmdline_append a=b c\nforce_rebuild 1\n";
	CLEANUP_FREE struct config *c = config_new();
	struct err err;

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		// A copy of just that size, for the sanitizer to see a read behind it.
		CLEANUP_FREE char *copy = malloc(n ? n : 1);
		int rc;

		assert_non_null(copy);
		memcpy(copy, text, n);
		rc = config_parse(c, "c", copy, n, true, &err);
		assert_true(rc == 0 || rc == ERR_USAGE);
		assert_int_equal(config_parse(c, "c", copy, n, false, &err), 0);
		check_reads_back(c);
	}
}

static void test_line_and_value_limits(void **state)
{
	CLEANUP_FREE struct config *c = config_new();
	char text[CONFIG_LINE_MAX + 16];
	struct err err;

	(void)state;
	// The longest value there is, and one more.
	strcpy(text, "path /");
	memset(text + 6, 'p', CONFIG_VALUE_MAX - 2);
	text[5 + CONFIG_VALUE_MAX - 1] = '\0';
	assert_int_equal(parse(c, text, true, &err), 0);
	assert_int_equal(strlen(c->path), CONFIG_VALUE_MAX - 1);
	strcat(text, "p");
	assert_int_equal(parse(c, text, true, &err), ERR_LIMIT);
	assert_string_equal(err.msg, "c:1: path: longer than 1023 bytes");
	assert_int_equal(parse(c, text, false, &err), ERR_LIMIT);

	// The slash that a path is given must fit as well.
	memset(text + 5, 'p', CONFIG_VALUE_MAX - 1);
	text[5 + CONFIG_VALUE_MAX - 1] = '\0';
	assert_int_equal(parse(c, text, true, &err), ERR_LIMIT);
	text[5 + CONFIG_VALUE_MAX - 2] = '\0';
	assert_int_equal(parse(c, text, true, &err), 0);
	assert_int_equal(strlen(c->path), CONFIG_VALUE_MAX - 1);

	// The longest line, a comment, and one more; what stood before it holds.
	strcpy(text, "path /x\n");
	memset(text + 8, '#', CONFIG_LINE_MAX);
	text[8 + CONFIG_LINE_MAX - 1] = '\0';
	assert_int_equal(parse(c, text, true, &err), 0);
	text[8 + CONFIG_LINE_MAX - 1] = '#';
	text[8 + CONFIG_LINE_MAX] = '\0';
	assert_int_equal(parse(c, text, true, &err), ERR_LIMIT);
	assert_string_equal(err.msg, "c:2: the line is longer than 4095 bytes");
	assert_string_equal(c->path, "/x");
}

static void test_size_limit(void **state)
{
	CLEANUP_FREE struct config *c = config_new();
	CLEANUP_FREE char *text = malloc(CONFIG_SIZE_MAX + 1);
	struct err err;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', CONFIG_SIZE_MAX + 1);
	assert_int_equal(config_parse(c, "c", text, CONFIG_SIZE_MAX, true, &err), 0);
	assert_int_equal(config_parse(c, "c", text, CONFIG_SIZE_MAX + 1, true, &err), ERR_LIMIT);
	assert_int_equal(config_parse(c, "c", text, CONFIG_SIZE_MAX + 1, false, &err), ERR_LIMIT);
	assert_string_equal(c->path, "/var/crash");
}

static void test_more_notes_than_kept(void **state)
{
	CLEANUP_FREE struct config *c = config_new();
	char text[2048] = "";
	struct err err;

	(void)state;
	for (int i = 0; i < CONFIG_NOTES_MAX + 9; i++)
		strcat(text, "nonsense here\n");
	strcat(text, "path /after\n");
	assert_int_equal(parse(c, text, false, &err), 0);
	assert_int_equal(c->nnotes, CONFIG_NOTES_MAX + 9);
	assert_int_equal(c->notes[CONFIG_NOTES_MAX - 1].line, CONFIG_NOTES_MAX);
	assert_string_equal(c->path, "/after");
}

static void test_forgiving_keeps_the_rest(void **state)
{
	CLEANUP_FREE struct config *c = config_new();
	struct err err;

	(void)state;
	assert_int_equal(parse(c,
			       "ext4 /dev/vdb\nraw /dev/vdc\npth /x\ncore_collector makedumpfile "
			       "-d 99\nfinal_action halt\ndevice_timeout soon\n",
			       false, &err),
			 0);
	assert_int_equal(c->nnotes, 4);
	assert_int_equal(c->targets[0].kind, CONFIG_TARGET_FS);
	assert_string_equal(c->targets[0].where, "/dev/vdb");
	assert_string_equal(c->targets[0].fstype, "ext4");
	assert_int_equal(c->collect.levels[0], 31);
	assert_int_equal(c->final_action, CONFIG_ACTION_HALT);
	assert_int_equal(c->device_timeout, 30);
}

static void test_zero_bytes_and_noise(void **state)
{
	static const char zero[] = "path /a\0b\nfinal_action halt\n";
	CLEANUP_FREE struct config *c = config_new();
	struct err err;
	char noise[512];
	uint32_t seed = 1;

	(void)state;
	assert_int_equal(config_parse(c, "c", zero, sizeof(zero) - 1, true, &err), ERR_USAGE);
	assert_string_equal(err.msg, "c:1: a control character (byte 0x00); remove it");
	assert_int_equal(config_parse(c, "c", zero, sizeof(zero) - 1, false, &err), 0);
	assert_string_equal(c->path, "/var/crash");
	assert_int_equal(c->final_action, CONFIG_ACTION_HALT);
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(noise); i++) {
			seed = seed * 1664525 + 1013904223;
			noise[i] = seed >> 24;
		}
		assert_int_equal(config_parse(c, "c", noise, sizeof(noise), false, &err), 0);
		check_reads_back(c);
	}
}

static void test_makedumpfile_keeps_all_unless_told(void **state)
{
	CLEANUP_FREE struct config *c = config_new();
	struct err err;

	(void)state;
	assert_int_equal(parse(c, "core_collector makedumpfile -l\n", true, &err), 0);
	assert_int_equal(c->collect.nlevels, 1);
	assert_int_equal(c->collect.levels[0], 0);
	assert_int_equal(parse(c, "core_collector lifeboat-collect -l\n", true, &err), 0);
	assert_int_equal(c->collect.levels[0], 31);
}

static void test_unsupported_is_told_with_its_line(void **state)
{
	CLEANUP_FREE struct config *c = config_new();
	struct err err;

	(void)state;
	assert_int_equal(parse(c, "\ndracut_args --mount x\ncore_collector scp\n", true, &err), 0);
	assert_int_equal(c->nunsupported, 2);
	assert_int_equal(config_check(c, "/etc/lifeboat.conf", &err), ERR_UNSUPPORTED);
	assert_non_null(
		strstr(err.msg, "/etc/lifeboat.conf:2: dracut_args: --mount does not name"));
	assert_int_equal(config_check(c, "x", NULL), ERR_UNSUPPORTED);
	// Who goes on with it all the same gets a dump of the kind there is.
	assert_int_equal(
		parse(c, "raw /dev/vda\ncore_collector makedumpfile -E -d 17\n", false, &err), 0);
	assert_int_equal(c->collect.format, DUMP_FORMAT_KDUMP);
	assert_int_equal(c->collect.levels[0], 17);
}

static void test_files(void **state)
{
	CLEANUP_FREE struct config *c = config_new();
	struct err err;

	(void)state;
	assert_int_equal(config_load(c, "/nonexistent/lifeboat.conf", true, &err), ERR_SYS);
	assert_string_equal(c->path, "/var/crash");
	assert_int_equal(config_load(c, "/", true, &err), ERR_SYS);
	assert_int_equal(config_load(c, GOLDEN "/good-own-disk.conf", true, &err), 0);
	assert_string_equal(c->path, "/");
	assert_int_equal(config_load(c, GOLDEN "/bad-two-targets.conf", true, &err), ERR_USAGE);
	assert_non_null(strstr(err.msg, GOLDEN "/bad-two-targets.conf:3: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_truncated_everywhere),
		cmocka_unit_test(test_line_and_value_limits),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_more_notes_than_kept),
		cmocka_unit_test(test_forgiving_keeps_the_rest),
		cmocka_unit_test(test_zero_bytes_and_noise),
		cmocka_unit_test(test_makedumpfile_keeps_all_unless_told),
		cmocka_unit_test(test_unsupported_is_told_with_its_line),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
