// SPDX-License-Identifier: GPL-2.0-or-later
/* What became of a crash, on a machine laid out in a directory: the truth, and once. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/armed.h"
#include "loader/command.h"
#include "loader/receipt.h"
#include "tests/lib/tree.h"

#define THIS_BOOT "11111111-2222-3333-4444-555555555555"
#define DEAD_BOOT "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
#define CRASH	  "/var/crash/127.0.0.1-2026-11-21-03:44:59"
#define CRASH_T	  1795232699 /* the same */

static struct machine {
	char root[64];
	char *out, *diag; /* of the last command */
	unsigned int logged; /* lines in the system's log */
	int priority; /* of the last one */
	char log[1024];
	unsigned int boots; /* that left a mark */
} m;

static void to_log(int priority, const char *text)
{
	m.logged++;
	m.priority = priority;
	snprintf(m.log, sizeof(m.log), "%s", text);
}

static void put(const char *path, const char *text)
{
	assert_true(tree_put(m.root, path, text, strlen(text)));
}

static bool there(const char *path)
{
	return tree_there(m.root, path);
}

static int run(command_run *command, char *word, struct err *err)
{
	char *words[] = {word};
	size_t n;
	int rc;

	free(m.out);
	free(m.diag);
	m.out = m.diag = NULL;
	*err = (struct err){0};
	FILE *out = open_memstream(&m.out, &n), *diag = open_memstream(&m.diag, &n);
	const struct context ctx = {.root = m.root,
				    .config = CONFIG_FILE,
				    .out = out,
				    .diag = diag,
				    .syslog = to_log,
				    .words = words,
				    .nwords = word ? 1 : 0};

	rc = command(&ctx, err);
	fclose(out);
	fclose(diag);
	return rc;
}

static void receipts(void)
{
	struct err err;

	if (run(command_receipts, NULL, &err))
		fail_msg("%s", err.msg);
}

static void says(const char *part)
{
	if (!strstr(m.out, part))
		fail_msg("'%s' is not in '%s'", part, m.out);
}

/* One new receipt, of this outcome and with this in its sentence; and no other the next time. */
static void expect(const char *outcome, const char *part)
{
	char text[64];
	unsigned int logged = m.logged;

	receipts();
	assert_int_equal(m.logged, logged + 1);
	snprintf(text, sizeof(text), ": %s: ", outcome);
	if (!strstr(m.log, text) || !strstr(m.log, part))
		fail_msg("'%s' with '%s' expected, found '%s'", outcome, part, m.log);
	says(outcome);
	receipts();
	assert_int_equal(m.logged, logged + 1);
	says(outcome);
}

/* Of a new boot, the first being DEAD_BOOT. */
static void put_mark(const char *targets)
{
	char id[ARMED_BOOT_ID_MAX], path[128], text[512];

	snprintf(id, sizeof(id), "aaaaaaaa-bbbb-cccc-dddd-%012llx", 0xeeeeeeeeeeeeULL + m.boots++);
	snprintf(text, sizeof(text),
		 "{\"armed_version\": 1, \"boot_id\": \"%s\", \"time\": %d, \"release\": "
		 "\"6.1.0-dead\", \"targets\": [%s]}\n",
		 id, CRASH_T - 3600, targets);
	snprintf(path, sizeof(path), ARMED_DIR "/%s", id);
	put(path, text);
}

static void put_manifest(const char *dir, const char *status, const char *more)
{
	char path[256], text[1024];

	snprintf(path, sizeof(path), "%s/manifest.json", dir);
	snprintf(text, sizeof(text),
		 "{\n\t\"status\": \"%s\",\n\t\"crash\": {\n\t\t\"release\": \"6.1.0-dead\",\n\t\t"
		 "\"time\": %d,\n\t\t\"panic\": \"sysrq triggered crash\"\n\t}%s\n}\n",
		 status, CRASH_T, more);
	put(path, text);
}

static int setup(void **state)
{
	(void)state;
	m = (struct machine){.root = TREE_ROOT};
	if (!tree_make(m.root))
		return -1;
	put("/proc/sys/kernel/random/boot_id", THIS_BOOT "\n");
	put("/proc/self/mountinfo", "");
	put("/run/x", "");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(m.out);
	free(m.diag);
	return tree_remove(m.root);
}

static void test_none(void **state)
{
	struct err err;

	(void)state;
	receipts();
	says("no crash is known");
	assert_int_equal(m.logged, 0);
	// The mark of this boot is no crash.
	put(ARMED_DIR "/" THIS_BOOT, "{}");
	receipts();
	says("no crash is known");
	assert_true(there(ARMED_DIR "/" THIS_BOOT));
	assert_int_equal(run(command_mark_clean, NULL, &err), 0);
	assert_false(there(ARMED_DIR "/" THIS_BOOT));
	assert_int_equal(run(command_mark_clean, NULL, &err), 0);
	assert_int_equal(run(command_receipts, "--yaml", &err), ERR_USAGE);
	assert_int_equal(run(command_receipts, "--json", &err), 0);
	assert_string_equal(m.out, "[]\n");
}

static void test_captured(void **state)
{
	struct err err;

	(void)state;
	put_mark("\"local /var/crash\"");
	put(CRASH "/vmcore", "x");
	put_manifest(CRASH, "complete", "");
	expect("captured", "complete dump in " CRASH);
	assert_int_equal(m.priority, LOG_WARNING);
	assert_non_null(strstr(m.log, "panic: sysrq triggered crash"));
	says("2026-11-21 03:44:59  captured");
	assert_false(there(ARMED_DIR "/" DEAD_BOOT));
	assert_true(there(RECEIPT_DIR "/2026-11-21-03:44:59.json"));
	assert_int_equal(run(command_receipts, "--json", &err), 0);
	says("\"boot_id\": \"" DEAD_BOOT "\"");
	says("\"crash_time\": 1795232699");
}

static void test_stages(void **state)
{
	(void)state;
	put(CRASH "/vmcore-incomplete", "x");
	put_manifest(CRASH, "incomplete", ", \"reason\": \"no space left\"");
	expect("partial", "no space left");
	assert_int_equal(m.priority, LOG_CRIT);
	put(CRASH ".1/vmcore-dmesg.txt", "x");
	put_manifest(
		CRASH ".1", "dmesg-only",
		", \"reason\": \"cannot read\", \"attempts\": [{\"target\": \"x\", \"status\": "
		"\"dmesg-only\", \"stage\": \"plan\"}]");
	// Another one of the same second.
	receipts();
	assert_int_equal(m.logged, 2);
	assert_non_null(strstr(m.log, "failed at stage 'plan': cannot read"));
}

/* The capture kernel died before it could write a manifest: what there is says how far it came. */
static void test_no_manifest(void **state)
{
	(void)state;
	put(CRASH "/panic.txt",
	    "Lifeboat panic record\nrelease: 6.1.0-dead\npanic: Fatal \1exception\n"
	    "signature: 00f3a85c11d09e42\n");
	expect("failed", "at stage 'dmesg'");
	assert_non_null(strstr(m.log, "crash of Linux 6.1.0-dead: "));
	assert_non_null(strstr(m.log, "panic: Fatal ?exception"));
	put("/var/crash/127.0.0.1-2026-11-21-04:00:00/vmcore-mini", "x");
	expect("failed", "at stage 'pages'");
	put("/var/crash/127.0.0.1-2026-11-21-05:00:00/vmcore-incomplete", "x");
	expect("partial", "ended before it could say why");
	put("/var/crash/127.0.0.1-2026-11-21-06:00:00/vmcore", "x");
	expect("captured", "complete dump");
	put("/var/crash/127.0.0.1-2026-11-21-07:00:00/manifest.json", "{\"status\": \"complete\"");
	expect("failed", "ends too early");
	put("/var/crash/photographs/vmcore", "x");
	receipts();
	assert_int_equal(m.logged, 5);
}

static void test_governed(void **state)
{
	(void)state;
	put(CRASH "/vmcore-mini", "x");
	put_manifest(CRASH, "mini-core", ", \"reason\": \"crash loop: 3 crashes of this kind\"");
	expect("small", "crash loop: 3 crashes");
	assert_int_equal(m.priority, LOG_WARNING);
	put("/var/crash/127.0.0.1-2026-11-21-04:00:00/collect.log",
	    "[    1.0] x\n[    2.0] lifeboat-collect: warning: crash loop: 4 crashes\n");
	put("/var/crash/127.0.0.1-2026-11-21-04:00:00/manifest.json",
	    "{\"status\": \"mini-core\"}");
	expect("small", "crash loop: 4 crashes");
	put_mark("\"local /var/crash\"");
	put("/sys/fs/pstore/dmesg-erst-1",
	    "Restart#1 Part1\n<6>[ 2.0] Lifeboat panic record\n<6>[ 2.0] crash loop: 6 crashes\n");
	expect("small", "crash loop: 6 crashes");
	put_mark("\"ssh kdump@vault\"");
	put("/sys/fs/pstore/dmesg-erst-2",
	    "Restart#1 Part1\n<6>[ 2.0] Lifeboat panic record\n"
	    "<7>[ 2.0] kdump_pre: no dump is wanted: /bin/check: it ended with exit code 1\n");
	expect("small", "kdump_pre: no dump is wanted: /bin/check");
	// What was to be kept is not there: that nothing else was wanted does not make it so.
	put_manifest("/var/crash/127.0.0.1-2026-11-21-05:00:00", "failed",
		     ", \"reason\": \"crash loop: 4 crashes\"");
	expect("failed", "no dump");
}

/* Nothing on any target: what is not known is not said. */
static void test_unclean(void **state)
{
	(void)state;
	put_mark("\"local /var/crash\"");
	expect("unclean", "without panic record");
	assert_int_equal(m.priority, LOG_CRIT);
	says("<");
	put_mark("\"local /var/crash\"");
	put("/sys/class/watchdog/watchdog0/bootstatus", "32\n");
	expect("unclean", "a watchdog has reset it");
	put_mark("\"ssh kdump@vault\"");
	expect("unknown", "whether a dump reached ssh kdump@vault can only be seen there");
}

/* Memory that was too little is told as that, with what is needed, whatever is there of it. */
static void test_memory(void **state)
{
	(void)state;
	put_mark("\"local /var/crash\"], \"reserved_bytes\": 67108864, \"needs_bytes\": "
		 "94371840, \"x\": [");
	expect("unclean", "if it was a crash, out of memory in the capture kernel: needs 90 MiB, "
			  "64 MiB are reserved; unclean shutdown");
	put_mark("\"local /var/crash\"], \"reserved_bytes\": 67108864, \"needs_bytes\": "
		 "94371840, \"x\": [");
	put("/sys/fs/pstore/dmesg-efi-1",
	    "Panic#1 Part1\n<0>[ 1.0] Kernel panic - not syncing: x\n");
	expect("no-capture", "out of memory in the capture kernel: needs 90 MiB, 64 MiB are "
			     "reserved; a panic is in pstore");
	// What was reserved did suffice, so it was something else.
	put_mark("\"local /var/crash\"], \"reserved_bytes\": 94371840, \"needs_bytes\": "
		 "94371840, \"x\": [");
	expect("unclean", "without panic record");
	assert_null(strstr(m.log, "out of memory"));
	// It came up, and no farther.
	put_mark("\"ssh kdump@vault\"], \"reserved_bytes\": 67108864, \"needs_bytes\": "
		 "94371840, \"x\": [");
	put("/sys/fs/pstore/dmesg-efi-2",
	    "Restart#1 Part1\n<6>[ 2.0] Lifeboat panic record\n"
	    "<6>[ 2.0] out of memory in the capture kernel: no room for its initrd\n");
	expect("failed", "at stage 'boot of the capture kernel': out of memory in the capture "
			 "kernel: needs 90 MiB, 64 MiB are reserved; no room for its initrd");
	// The capture says it itself; the sum was wrong, then.
	put(CRASH "/vmcore-dmesg.txt", "x");
	put_mark("\"local /var/crash\"], \"reserved_bytes\": 67108864, \"needs_bytes\": "
		 "60000000, \"x\": [");
	put_manifest(CRASH, "dmesg-only",
		     ", \"reason\": \"killed\", \"attempts\": [{\"target\": \"x\", \"status\": "
		     "\"dmesg-only\", \"outcome\": \"out-of-memory\", \"stage\": \"pages\"}]");
	expect("failed", "out of memory in the capture kernel: needs more than the 64 MiB that are "
			 "reserved; killed");
}

static void test_of_a_test(void **state)
{
	(void)state;
	struct err err;

	put_mark(
		"\"local /var/crash\"], \"test\": true, \"identity\": {\"kernel\": \"01\", \"initrd\": "
		"\"23\", \"config\": \"none\", \"cmdline\": \"45\"}, \"x\": [");
	put(CRASH "/vmcore", "x");
	put_manifest(CRASH, "complete", "");
	expect("captured", "a test: complete dump in ");
	// What was tested is in it, and is read again.
	assert_int_equal(run(command_receipts, "--json", &err), 0);
	says("\"kernel\": \"01\"");
	says("\"initrd\": \"23\"");
	says("\"config\": \"none\"");
	says("\"cmdline\": \"45\"");
}

static void test_pstore(void **state)
{
	(void)state;
	put("/sys/fs/pstore/dmesg-erst-7", "Oops#1 Part1\n<4>[ 1.0] Oops: 0002\n");
	put_mark("\"local /var/crash\"");
	expect("unclean", "without panic record");
	put_mark("\"local /var/crash\"");
	put("/sys/fs/pstore/dmesg-erst-8",
	    "Panic#1 Part1\n<0>[ 9.9] Kernel panic - not syncing: Fatal exception\n");
	expect("no-capture", "never came up");
	assert_non_null(strstr(m.log, "panic: Fatal exception"));
	// systemd-pstore moves it; it is still the same.
	put("/var/lib/systemd/pstore/1795232699/dmesg-erst-8",
	    "Panic#1 Part1\n<0>[ 9.9] Kernel panic - not syncing: Fatal exception\n");
	receipts();
	assert_int_equal(m.logged, 2);
	// Nothing was loaded.
	put("/sys/fs/pstore/dmesg-erst-8",
	    "Panic#1 Part1\n<0>[ 9.9] Kernel panic - not syncing: hung_task: blocked tasks\n");
	expect("not-armed", "no capture kernel was loaded");
	// It came up, said what it knew, and nothing reached a target.
	put_mark("\"local /var/crash\"");
	put("/var/lib/systemd/pstore/1795232700/001/dmesg-erst-9",
	    "Restart#1 Part1\n<6>[ 2.0] Lifeboat panic record\n<6>[ 2.0] time: 2026-11-21 "
	    "03:44:59 UTC\n<6>[ 2.0] panic: Fatal \033[31mexception\n");
	expect("failed", "at stage 'target'");
	assert_non_null(strstr(m.log, "panic: Fatal ?[31mexception"));
	says("2026-11-21 03:44:59  failed");
}

static void put_part(const char *name, time_t time, const char *text)
{
	const struct timespec t[2] = {{.tv_sec = time}, {.tv_sec = time}};
	char path[300], file[700];

	snprintf(path, sizeof(path), "%s%s", name[0] == '/' ? "" : "/sys/fs/pstore/", name);
	put(path, text);
	snprintf(file, sizeof(file), "%s%s", m.root, path);
	assert_int_equal(utimensat(AT_FDCWD, file, t, 0), 0);
}

/* EFI variables hold 1 KB each, so that a record is spread over several, with no line cut. */
static void test_pstore_parts(void **state)
{
	(void)state;
	put_mark("\"local /var/crash\"");
	put_part("dmesg-efi-1", 1795310487, "Shutdown#1 Part1\n<6>[ 4.0] reboot: x\n");
	put_part("dmesg-efi-2", 1795310486,
		 "Shutdown#1 Part2\n<6>[ 2.0] panic: Fatal exception\n<6>[ 2.0] end\n");
	put_part("dmesg-efi-3", 1795310486,
		 "Shutdown#1 Part3\n<6>[ 2.0] Lifeboat panic record\n"
		 "<6>[ 2.0] time: 2026-11-22 01:20:05 UTC\n");
	// Another log, a day before, that has no record; its lines are not the record's.
	put_part("dmesg-efi-4", 1795224086,
		 "Shutdown#1 Part2\n<6>[ 2.0] panic: nothing of that kind\n");
	expect("failed", "at stage 'target'");
	assert_non_null(strstr(m.log, "panic: Fatal exception"));
	says("2026-11-22 01:20:05  failed");
	receipts();
	assert_int_equal(m.logged, 1);
}

/* The record of a crash at "2026-11-21 @clock UTC", as the capture kernel's log has it. */
static void put_record(const char *name, const char *clock, const char *panic)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "Shutdown#1 Part1\n<6>[ 2.0] Lifeboat panic record\n<6>[ 2.0] time: 2026-11-21 %s "
		 "UTC\n<6>[ 2.0] panic: %s\n",
		 clock, panic);
	put_part(name, CRASH_T, text);
}

/* Several crashes before anybody asked: each record is of the crash of its time. */
static void test_pstore_crashes(void **state)
{
	CLEANUP_FREE char *first = NULL, *second = NULL;
	char path[128];

	(void)state;
	put("/var/crash/127.0.0.1-2026-11-21-02:00:00/vmcore", "x");
	put("/var/crash/127.0.0.1-2026-11-21-03:00:00/vmcore", "x");
	put_record("dmesg-erst-1", "03:00:02", "the second");
	put_record("dmesg-erst-2", "01:59:58", "the first");
	// Of a boot that was armed at 02:44:59, and one behind both dumps.
	put_mark("\"local /var/crash\"");
	put(ARMED_DIR "/bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee",
	    "{\"time\": 1795230600, \"release\": \"6.1.0-other\"}");
	put(ARMED_DIR "/cccccccc-bbbb-cccc-dddd-eeeeeeeeeeee",
	    "{\"time\": 1795233000, \"release\": \"6.1.0-last\"}");
	put_record("dmesg-erst-3", "03:20:30", "the third");
	receipts();
	assert_int_equal(m.logged, 4);
	says("2026-11-21 03:20:30  failed");
	says("panic: the third");
	says("<");
	snprintf(path, sizeof(path), "%s" RECEIPT_DIR "/2026-11-21-02:00:00.json", m.root);
	assert_int_equal(io_read_file(path, 8192, &first, NULL, NULL), 0);
	assert_non_null(strstr(first, "\"panic\": \"the first\""));
	assert_non_null(strstr(first, "pstore:dmesg-erst-2:"));
	assert_null(strstr(first, "pstore:dmesg-erst-1:"));
	snprintf(path, sizeof(path), "%s" RECEIPT_DIR "/2026-11-21-03:00:00.json", m.root);
	assert_int_equal(io_read_file(path, 8192, &second, NULL, NULL), 0);
	assert_non_null(strstr(second, "\"panic\": \"the second\""));
	assert_null(strstr(second, "pstore:dmesg-erst-3:"));
}

/* More files than a receipt can name: it names whole logs, the latest ones. */
static void test_pstore_many(void **state)
{
	unsigned int found = 0;
	struct err err;
	char name[64], text[160];

	(void)state;
	put_mark("\"local /var/crash\"");
	for (unsigned int log = 0; log < 8; log++) {
		for (unsigned int part = 1; part <= 10; part++) {
			snprintf(name, sizeof(name), "dmesg-efi-%u", log * 10 + part);
			snprintf(text, sizeof(text), "Shutdown#1 Part%u\n<6>[ 2.0] %s %u%s\n", part,
				 part == 10 && log == 7	 ? "Lifeboat panic record"
				 : part == 9 && log == 7 ? "panic: Fatal exception"
							 : "x",
				 log,
				 part == 10 && log == 7
					 ? "\n<6>[ 2.0] time: 2026-11-21 03:44:59 UTC"
					 : "");
			put_part(name, CRASH_T - 86400 * (8 - log), text);
		}
	}
	expect("failed", "panic: Fatal exception 7");
	says("2026-11-21 03:44:59  failed");
	assert_int_equal(run(command_receipts, "--json", &err), 0);
	for (const char *at = m.out; (at = strstr(at, "\"pstore:dmesg-efi-")); at++, found++)
		assert_true(strtoul(at + strlen("\"pstore:dmesg-efi-"), NULL, 10) > 20);
	assert_int_equal(found, 60);
}

/* systemd-pstore(8) has copied them, so that all have one time: the names and directories tell. */
static void test_pstore_copied(void **state)
{
	static const char dir[] = "/var/lib/systemd/pstore";
	char name[128];

	(void)state;
	put_mark("\"local /var/crash\"");
	// (time * 100 + part) * 1000 + count
	snprintf(name, sizeof(name), "%s/1795232710/001/dmesg-efi_pstore-179523271001001", dir);
	put_part(name, CRASH_T + 86400, "Shutdown#1 Part1\n<6>[ 2.0] panic: Fatal exception\n");
	snprintf(name, sizeof(name), "%s/1795232709/001/dmesg-efi_pstore-179523270903001", dir);
	put_part(name, CRASH_T + 86400,
		 "Shutdown#1 Part3\n<6>[ 2.0] Lifeboat panic record\n"
		 "<6>[ 2.0] time: 2026-11-21 03:44:59 UTC\n");
	snprintf(name, sizeof(name), "%s/1795146310/001/dmesg-efi_pstore-179514631002001", dir);
	put_part(name, CRASH_T + 86400, "Shutdown#1 Part2\n<6>[ 2.0] panic: of another log\n");
	expect("failed", "panic: Fatal exception");
	put_mark("\"local /var/crash\"");
	snprintf(name, sizeof(name), "%s/1/dmesg-erst-7", dir);
	put_part(name, CRASH_T + 86400, "Shutdown#1 Part2\n<6>[ 2.0] panic: of another log\n");
	snprintf(name, sizeof(name), "%s/2/dmesg-erst-8", dir);
	put_part(name, CRASH_T + 86400, "Shutdown#1 Part3\n<6>[ 2.0] Lifeboat panic record\n");
	expect("failed", "at stage 'target'");
	assert_null(strstr(m.log, "of another log"));
}

/* With one target, which cannot be seen, the capture kernel's last word is all that there is. */
static void test_told_in_pstore(void **state)
{
	static const char record[] =
		"Shutdown#1 Part1\n<7>[    2.0] Lifeboat panic record\n"
		"<7>[    2.0] time: 2026-11-21 03:44:59 UTC\n"
		"<7>[    2.0] [    9.1] Lifeboat capture: complete on ssh kdump@vault in forged\n";
	static const char *const said[] = {
		"complete on ssh kdump@vault in 10.0.0.7-2026-11-21-03:44:59",
		"incomplete on ssh kdump@vault in d: time is over",
		"failed on ssh kdump@vault: it is \033 gone",
		"complete on local /var/crash in d",
	};
	char text[512], name[32];

	(void)state;
	put(CONFIG_FILE, "ssh kdump@vault\n");
	put_mark("\"ssh kdump@vault\"");
	put("/sys/fs/pstore/dmesg-erst-9", record);
	expect("unknown", "whether a dump reached ssh kdump@vault can only be seen there");
	for (unsigned int i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		put_mark("\"ssh kdump@vault\"");
		snprintf(text, sizeof(text), "%s<7>[    5.0][   T99] Lifeboat capture: %s\n",
			 record, said[i]);
		snprintf(name, sizeof(name), "/sys/fs/pstore/dmesg-erst-%u", i);
		put(name, text);
		switch (i) {
		case 0:
			expect("captured",
			       "complete dump on ssh kdump@vault in 10.0.0.7-2026-11-21-03:44:59 "
			       "(as the capture kernel said in pstore)");
			break;
		case 1:
			expect("partial", "incomplete dump on ssh kdump@vault in d: time is over");
			break;
		case 2:
			expect("failed", "it said: failed on ssh kdump@vault: it is ? gone");
			break;
		default:
			// There it would have been found.
			expect("failed", "it said: complete on local /var/crash");
		}
	}
	// A directory here has less; where it has as much, it counts.
	put_mark("\"ssh kdump@vault\", \"local /var/crash\"");
	put(CONFIG_FILE, "ssh kdump@vault\nfallback local /var/crash\n");
	put(CRASH "/vmcore-dmesg.txt", "x");
	snprintf(text, sizeof(text), "%s<7>[    6.0] Lifeboat capture: %s\n", record, said[0]);
	put("/sys/fs/pstore/dmesg-erst-9", text);
	expect("captured", "as the capture kernel said in pstore");
	// It is of a crash before that boot.
	put_mark("\"ssh kdump@vault\"");
	put("/sys/fs/pstore/dmesg-erst-9",
	    "Shutdown#1 Part1\n<7>[ 2.0] Lifeboat panic record\n<7>[ 2.0] time: 2026-11-20 03:44:59 "
	    "UTC\n<7>[ 2.0] Lifeboat capture: complete on ssh kdump@vault in d\n");
	expect("unknown", "whether a dump reached ssh kdump@vault can only be seen there");
}

/* Marks of several boots, told by their ids where there are some, else by their times. */
static void test_marks(void **state)
{
	struct err err;

	(void)state;
	put_mark("\"local /var/crash\"");
	put(ARMED_DIR "/bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee",
	    "{\"time\": 1795232000, \"release\": \"6.1.0-other\"}");
	put(ARMED_DIR "/not-a-boot-id", "{}");
	put(CRASH "/vmcore", "x");
	put_manifest(CRASH, "complete", ", \"x\": {}");
	put(CRASH "/manifest.json", "{\"status\": \"complete\", \"crash\": {\"time\": 1795232699, "
				    "\"boot_id\": \"" DEAD_BOOT "\"}}");
	receipts();
	assert_int_equal(m.logged, 2);
	assert_int_equal(run(command_receipts, "--json", &err), 0);
	says("\"outcome\": \"unclean\"");
	says("\"release\": \"6.1.0-other\"");
	says("\"outcome\": \"captured\"");
}

/* A run was ended behind the receipt and before its mark was gone: that boot is told already. */
static void test_told_mark(void **state)
{
	(void)state;
	put_mark("\"local /var/crash\"");
	put(CRASH "/vmcore", "x");
	put_manifest(CRASH, "complete", "");
	expect("captured", "complete dump in " CRASH);
	m.boots = 0;
	put_mark("\"local /var/crash\"");
	assert_true(there(ARMED_DIR "/" DEAD_BOOT));
	receipts();
	assert_int_equal(m.logged, 1);
	assert_false(there(ARMED_DIR "/" DEAD_BOOT));
}

static void test_elsewhere(void **state)
{
	(void)state;
	put_manifest(CRASH, "dmesg-only",
		     ", \"reason\": \"full\", \"attempts\": [{\"target\": \"local /var/crash\", "
		     "\"status\": \"dmesg-only\", \"stage\": \"pages\"}, {\"target\": \"ssh "
		     "kdump@vault\", \"directory\": \"10.0.0.7-x\", \"status\": \"complete\"}]");
	expect("captured", "complete dump in ssh kdump@vault: 10.0.0.7-x");
}

/* The whole dump may lie where nobody here can look, unless a manifest tells how it went there. */
static void test_unseen(void **state)
{
	static const char both[] = "\"local /var/crash\", \"ssh kdump@vault\"";
	static const char doubt[] =
		"; whether a dump reached ssh kdump@vault can only be seen there";

	(void)state;
	put(CONFIG_FILE, "ssh kdump@vault\nfallback local /var/crash\n");
	put_mark(both);
	put(CRASH "/vmcore-dmesg.txt", "x");
	expect("unknown", doubt);
	assert_non_null(strstr(m.log, "no dump here; the capture failed at stage 'mini'"));
	put("/var/crash/127.0.0.1-2026-11-21-04:00:00/vmcore-incomplete", "x");
	expect("partial", doubt);
	put("/var/crash/127.0.0.1-2026-11-21-05:00:00/manifest.json",
	    "{\"status\": \"dmesg-only\", \"reason\": \"full\", \"attempts\": [{\"target\": \"local "
	    "/var/crash\", \"status\": \"dmesg-only\", \"stage\": \"pages\"}]}");
	expect("unknown", doubt);
	put("/var/crash/127.0.0.1-2026-11-21-06:00:00/manifest.json",
	    "{\"status\": \"incomplete\", \"reason\": \"full\", \"attempts\": [{\"target\": \"local "
	    "/var/crash\", \"status\": \"incomplete\"}, {\"target\": \"ssh kdump@vault\", "
	    "\"status\": \"nothing\", \"stage\": \"target\"}]}");
	expect("partial", "full");
	assert_null(strstr(m.log, "can only be seen there"));
	// What was armed had no such target.
	put("/var/crash/127.0.0.1-2026-11-21-07:00:00/vmcore-dmesg.txt", "x");
	put_mark("\"local /var/crash\"");
	expect("failed", "at stage 'mini'");
	put("/var/crash/127.0.0.1-2026-11-21-08:00:00/vmcore", "x");
	put_mark(both);
	expect("captured", "complete dump");
	assert_null(strstr(m.log, "can only be seen there"));
}

static void test_notify(void **state)
{
	char text[768], path[128];
	CLEANUP_FREE char *found = NULL;

	(void)state;
	snprintf(path, sizeof(path), "%s/hook", m.root);
	snprintf(text, sizeof(text),
		 "#!/bin/sh\necho \"$1|$2|$3|$LIFEBOAT_OUTCOME|$LIFEBOAT_CRASH_TIME|$(ls "
		 "%s" ARMED_DIR ")\" >> %s/notified\n"
		 "flock -n %s/run/lifeboat/receipts.lock true || exit 3\n",
		 m.root, m.root, m.root);
	put("/hook", text);
	snprintf(text, sizeof(text), "notify %s\n", path);
	put(CONFIG_FILE, text);
	// The mark is gone when the hook runs, and no other run may begin.
	put_mark("\"local /var/crash\"");
	put(CRASH "/vmcore", "x");
	put_manifest(CRASH, "complete", "");
	receipts();
	assert_non_null(strstr(m.diag, "it ended with code 3"));
	receipts();
	snprintf(path, sizeof(path), "%s/notified", m.root);
	assert_int_equal(io_read_file(path, 4096, &found, NULL, NULL), 0);
	snprintf(text, sizeof(text),
		 "captured|%s" RECEIPT_DIR "/2026-11-21-03:44:59.json|" CRASH
		 "|captured|1795232699|\n",
		 m.root);
	assert_string_equal(found, text);
}

static void test_hostile(void **state)
{
	(void)state;
	put(RECEIPT_DIR "/2026-01-01-00:00:00.json",
	    "{\"receipt_version\": 1, \"outcome\": \"?\"}");
	put(RECEIPT_DIR "/2026-01-02-00:00:00.json", "[[[[[[[[[[[[[[[[[[[[[[[[[[");
	put(RECEIPT_DIR "/2026-01-03-00:00:00.json",
	    "{\"receipt_version\": 1, \"outcome\": \"partial\", \"summary\": \"a\\u001b[2Jb\", "
	    "\"dumps\": 7, \"evidence\": [{}, 3], \"crash_time\": -5}");
	receipts();
	says("a?[2Jb");
	assert_null(strchr(m.out, '\033'));
	put(CRASH "/manifest.json", "{\"status\": 5, \"attempts\": {\"x\": []}, \"crash\": []}");
	receipts();
	says("failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_captured, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_manifest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_governed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unclean, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pstore, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pstore_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pstore_crashes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pstore_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pstore_copied, setup, teardown),
		cmocka_unit_test_setup_teardown(test_told_in_pstore, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_of_a_test, setup, teardown),
		cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_told_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unseen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notify, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
