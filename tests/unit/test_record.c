// SPDX-License-Identifier: GPL-2.0-or-later
/* The panic record: what it says of a machine that it knows all of, and of one it knows little of. */
#include <ctype.h>
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
#include "collector/log.h"
#include "collector/pstore.h"
#include "collector/record.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkcrash.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	TEXT_ROOM = 1 << 16,
};

#define TWO_CPUS                                             \
	"prstatus pid=0 rip=0xffffffff81000010 r15=0xdead\n" \
	"prstatus pid=77 rip=0xffffffff81000020 rsp=0xffffc90000001000\n"

#define BLOCK(cpu, pid, comm, at)                                                              \
	"CPU: " cpu " PID: " pid " Comm: " comm " Tainted: G        W  O      5.4.0-test #1\n" \
	"Hardware name: none\n"                                                                \
	"RIP: 0010:" at "\n"                                                                   \
	"RSP: 0018:ffffc90000013e10 EFLAGS: 00010246\n"                                        \
	"Call Trace:\n"                                                                        \
	" <TASK>\n"                                                                            \
	" ? die+0x1/0x20\n"                                                                    \
	" one+0x12/0x34\n"                                                                     \
	" two.cold+0x1/0x10 [mod]\n"                                                           \
	" RIP: 0033:0x7f0000000000\n"                                                          \
	" three+0x99/0x100\n"                                                                  \
	" </TASK>\n"                                                                           \
	"Modules linked in: mod\n"

struct fixture {
	int fd;
	struct vmcore *vc;
	struct kmem km;
	struct record r;
};

/* A record of a machine with these @notes, this @log, and @more in vmcoreinfo (NULL: it has none). */
static void make(struct fixture *f, const char *notes, const char *log, const char *more)
{
	char path[MKCORE_PATH_MAX];
	struct err err = {0};

	*f = (struct fixture){.fd = mkcrash_memfd(notes, log, strlen(log), more, &err)};
	if (f->fd < 0)
		fail_msg("%s", err.msg);
	mkcore_path(f->fd, path);
	if (vmcore_open(path, &f->vc, &err))
		fail_msg("%s", err.msg);
	kmem_init(&f->km, f->vc, NULL, &err);
	record_make(&f->r, &f->km, NULL);
	assert_int_equal(strlen(f->r.text), f->r.size);
	assert_true(f->r.size && f->r.size <= RECORD_SIZE_MAX);
	assert_int_equal(f->r.text[f->r.size - 1], '\n');
	for (size_t i = 0; i < f->r.size; i++)
		assert_true(f->r.text[i] == '\n' || isprint((unsigned char)f->r.text[i]));
}

static void drop(struct fixture *f)
{
	kmem_deinit(&f->km);
	vmcore_close(f->vc);
	close(f->fd);
}

/* The record has this very line. */
static bool has(const struct fixture *f, const char *line)
{
	size_t len = strlen(line);

	for (const char *s = f->r.text; *s; s += strcspn(s, "\n") + 1)
		if (!strncmp(s, line, len) && s[len] == '\n')
			return true;
	return false;
}

static void want(const struct fixture *f, const char *line)
{
	if (!has(f, line))
		fail_msg("no line '%s' in:\n%s", line, f->r.text);
}

static void test_oops(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, TWO_CPUS,
	     "Linux version 5.4.0\n"
	     "BUG: unable to handle page fault for address: ffff888123456789\n"
	     "Oops: 0002 [#1] SMP\n" BLOCK(
		     "1", "77", "a b",
		     "here+0x5/0x60") "Kernel panic - not syncing: Fatal exception in CPU7, 12 times\n"
				      "---[ end Kernel panic - not syncing ]---\n",
	     "");
	want(&f, "release: 5.4.0-test");
	want(&f, "version: #1 SMP");
	want(&f, "machine: x86_64");
	want(&f, "node: host??");
	want(&f, "time: 2023-11-14 22:13:20 UTC");
	want(&f, "panic: Kernel panic - not syncing: Fatal exception in CPU7, 12 times");
	want(&f, "cpu: 1, by the log");
	want(&f, "task: 77 a b");
	want(&f, "taint: Tainted: G        W  O");
	want(&f, "at: here+0x5/0x60");
	want(&f, "registers: note 2 of 2, task 77");
	assert_non_null(strstr(f.r.text, " rip ffffffff81000020 "));
	assert_non_null(strstr(f.r.text, "trace:\n one+0x12/0x34\n two.cold+0x1/0x10 [mod]\n"
					 " three+0x99/0x100\nlog: "));
	assert_non_null(strstr(f.r.text, "] Linux version 5.4.0\n"));
	assert_null(strstr(f.r.text, "missing"));
	assert_string_equal(f.r.panic,
			    "Kernel panic - not syncing: Fatal exception in CPU7, 12 times");
	drop(&f);
}

/* Behind a plain panic stands its own block; then others tell where they were. */
static void test_panic(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, TWO_CPUS,
	     "WARNING: something\n" BLOCK(
		     "0", "5", "early",
		     "early+0x1/0x2") "Kernel panic - not syncing: because\n"
				      "CPU: 1 UID: 0 PID: 77 Comm: late Kdump: loaded Not tainted 6.12.0\n"
				      "Call Trace:\n"
				      " panic+0x1/0x2\n"
				      " </TASK>\n" BLOCK("0", "6", "other", "other+0x1/0x2"),
	     "");
	want(&f, "cpu: 1, by the log");
	want(&f, "task: 77 late");
	want(&f, "taint: Not tainted");
	assert_non_null(strstr(f.r.text, "trace:\n panic+0x1/0x2\nlog:"));
	assert_null(strstr(f.r.text, "\nat: "));
	drop(&f);
}

/* Which note it is: by task, by place, by being the first. */
static void test_cpu(void **state)
{
	static const char three[] =
		"prstatus pid=0 rip=1\nprstatus pid=0 rip=2\nprstatus pid=9 rip=3\n";
	static const struct {
		const char *log, *more, *cpu, *note;
	} cases[] = {
		{BLOCK("1", "0", "x", "x"), "", "cpu: 1, by the log",
		 "registers: note 2 of 3, task 0"},
		{BLOCK("7", "9", "x", "x"), "", "cpu: 7, by the log",
		 "registers: note 3 of 3, task 9"},
		{BLOCK("2", "5", "x", "x"), "", "cpu: 2, by the log",
		 "registers: note 3 of 3, task 9"},
		{BLOCK("7", "0", "x", "x"), "", "cpu: 7, by the log",
		 "registers: note 1 of 3, task 0"},
		{"nothing\n", "", "missing: cpu; the first note is taken",
		 "registers: note 1 of 3, task 0"},
		{BLOCK("0", "0", "x", "x"), "SYMBOL(crashing_cpu)=ffffffff81000000\n",
		 "cpu: 2, by crashing_cpu", "registers: note 3 of 3, task 9"},
		{BLOCK("1", "0", "x", "x"), "SYMBOL(crashing_cpu)=ffffffff81000004\n",
		 "cpu: 1, by the log", "registers: note 2 of 3, task 0"},
	};
	char notes[256];

	(void)state;
	snprintf(notes, sizeof(notes), "%sdata 0x1000000 le32 2 le32 0xffffffff\n", three);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture f;

		make(&f, notes, cases[i].log, cases[i].more);
		want(&f, cases[i].cpu);
		want(&f, cases[i].note);
		drop(&f);
	}
}

static void sign(char sig[RECORD_SIGNATURE_SIZE], const char *notes, const char *log,
		 const char *more)
{
	struct fixture f;

	make(&f, notes, log, more);
	assert_ptr_equal(record_signature(&f.r), f.r.signature);
	strcpy(sig, f.r.signature);
	if (sig[0]) {
		char line[64];

		assert_int_equal(strspn(sig, "0123456789abcdef"), RECORD_SIGNATURE_SIZE - 1);
		snprintf(line, sizeof(line), "signature: %s", sig);
		want(&f, line);
	} else {
		want(&f, "missing: signature");
	}
	drop(&f);
}

#define PANIC(what) "Kernel panic - not syncing: " what "\n"

/* What makes two crashes the same, and what does not. */
static void test_signature(void **state)
{
	static const char first[] =
		PANIC("CPU3 lost 0xffff888000001000 of ffff88800000abcd after 17 s")
			BLOCK("1", "77", "sh", "here+0x5/0x60");
	static const char *const same[] = {
		PANIC("CPU21 lost 0x1 of ffffc90000000000 after 4 s")
			BLOCK("0", "1", "init", "here+0x5/0x60"),
		"more\n" PANIC("CPU3 lost 0xffff888000001000 of ffff88800000abcd after 17 s")
			BLOCK("1", "77", "sh", "here+0x5/0x70"),
	};
	static const char *const others[] = {
		PANIC("CPU3 found 0xffff888000001000 of ffff88800000abcd after 17 s")
			BLOCK("1", "77", "sh", "here+0x5/0x60"),
		PANIC("CPU3 lost 0xffff888000001000 of ffff88800000abcd after 17 s")
			BLOCK("1", "77", "sh", "here+0x6/0x60"),
		PANIC("CPU3 lost 0xffff888000001000 of ffff88800000abcd after 17 s")
			BLOCK("1", "77", "sh", "there+0x5/0x60"),
		PANIC("CPU3 lost 0xffff888000001000 of ffff88800000abcd after 17 s"),
	};
	char a[RECORD_SIGNATURE_SIZE], b[RECORD_SIGNATURE_SIZE];

	(void)state;
	sign(a, TWO_CPUS, first, "");
	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		sign(b, TWO_CPUS, same[i], "");
		assert_string_equal(a, b);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		sign(b, TWO_CPUS, others[i], "");
		assert_string_not_equal(a, b);
	}
	sign(b, TWO_CPUS, first, "OSRELEASE=5.4.1\nSYMBOL(init_uts_ns)=0\n");
	assert_string_not_equal(a, b);
	// Without a place in the log functions count, by name.
	sign(a, TWO_CPUS, PANIC("x") BLOCK("1", "77", "sh", "0x400000"), "");
	sign(b, TWO_CPUS,
	     PANIC("x") "CPU: 0 PID: 1 Comm: y Not tainted\nCall Trace:\n one+0x1/0x2\n"
			" two.cold+0x7/0x8\n three+0x1/0x2\n",
	     "");
	assert_string_equal(a, b);
	sign(b, TWO_CPUS,
	     PANIC("x") "CPU: 0 PID: 1 Comm: y Not tainted\nCall Trace:\n one+0x1/0x2\n", "");
	assert_string_not_equal(a, b);
	// Without both the address does, as it was linked.
	sign(a, "prstatus rip=0xffffffff81000010\n", "nothing\n", "");
	sign(b, "prstatus rip=0xffffffff82000010\n", "nothing\n", "KERNELOFFSET=2000000\n");
	assert_string_equal(a, b);
	sign(b, "prstatus rip=0xffffffff81000014\n", "nothing\n", "");
	assert_string_not_equal(a, b);
	sign(a, "", "nothing\n", "");
	assert_string_equal(a, "");
}

/* More of everything than there is room for. */
static void test_long(void **state)
{
	char *log = malloc(TEXT_ROOM), line[400];
	size_t used = 0;
	struct fixture f;

	(void)state;
	assert_non_null(log);
	used += snprintf(log, TEXT_ROOM, "%s%s", PANIC("x"),
			 "CPU: 0 PID: 1 Comm: y Not tainted\n"
			 "Call Trace:\n");
	for (int i = 0; i < 100; i++)
		used += snprintf(log + used, TEXT_ROOM - used, " function_%d_%0200d+0x1/0x2\n", i,
				 0);
	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (int i = 0; i < 30; i++)
		used += snprintf(log + used, TEXT_ROOM - used, "%d %s\n", i, line);
	make(&f, TWO_CPUS, log, "");
	// It is nearly full, and no line of the log lacks its begin.
	assert_true(f.r.size > RECORD_SIZE_MAX - 400);
	assert_non_null(strstr(f.r.text, "\nlog: the last "));
	for (const char *s = strchr(strstr(f.r.text, "\nlog: ") + 1, '\n') + 1; *s;
	     s = strchr(s, '\n') + 1)
		assert_int_equal(*s, '[');
	assert_non_null(strstr(f.r.text, "] 29 xxx"));
	drop(&f);
	free(log);
}

/* It says what is known, and what is not. */
static void test_missing(void **state)
{
	struct fixture f;
	static struct record r;

	(void)state;
	make(&f, TWO_CPUS, "", NULL);
	want(&f, "missing: release");
	want(&f, "missing: panic");
	want(&f, "missing: time");
	want(&f, "missing: trace");
	want(&f, "missing: log: the log cannot be found: no vmcoreinfo");
	want(&f, "registers: note 1 of 2, task 0");
	want(&f, "machine: x86_64");
	drop(&f);
	make(&f, "", "only this\n", "SYMBOL(log_buf)=ffffffff00000000\n");
	want(&f, "release: 5.4.0-test");
	want(&f, "missing: registers");
	assert_non_null(strstr(f.r.text, "missing: log: "));
	drop(&f);
	record_make(&r, NULL, "no such\x1b file");
	assert_string_equal(r.text, "Lifeboat panic record\n"
				    "missing: the memory of the dead kernel: no such? file\n");
	assert_string_equal(record_signature(&r), "");
	record_make(&r, NULL, NULL);
	assert_string_equal(r.text,
			    "Lifeboat panic record\nmissing: the memory of the dead kernel\n");
}

static void test_print(void **state)
{
	struct log *log = calloc(1, sizeof(*log));
	static struct record r;
	char got[256] = "";
	int fds[2];

	(void)state;
	assert_true(log && !pipe(fds));
	log_init(log, fds[1], 7);
	record_make(&r, NULL, "so");
	record_print(&r, log);
	assert_int_equal(read(fds[0], got, sizeof(got)), r.size);
	assert_memory_equal(got, r.text, r.size);
	log->fd = -1;
	record_print(&r, log);
	close(fds[0]);
	close(fds[1]);
	free(log);
}

/* ---- pstore ---- */

struct tree {
	char root[64];
};

static void put_file(const struct tree *t, const char *path, const char *text)
{
	char full[512];
	int fd;

	snprintf(full, sizeof(full), "%s%s", t->root, path);
	for (char *s = strchr(full + strlen(t->root) + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		mkdir(full, 0700);
		*s = '/';
	}
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, strlen(text), NULL), 0);
	close(fd);
}

static char *get_file(const struct tree *t, const char *path)
{
	char full[512], *text = NULL;

	snprintf(full, sizeof(full), "%s%s", t->root, path);
	assert_int_equal(io_read_file(full, TEXT_ROOM, &text, NULL, NULL), 0);
	return text;
}

#define BACKEND "/sys/module/pstore/parameters/backend"
#define ALWAYS	"/sys/module/printk/parameters/always_kmsg_dump"

static void test_pstore(void **state)
{
	struct tree t = {"/tmp/test_record.XXXXXX"};
	char text[RECORD_SIZE_MAX + 1] = "", command[128], *got;
	struct pstore ps;
	struct err err = {0};
	int records = 0;

	(void)state;
	assert_non_null(mkdtemp(t.root));
	for (int i = 0; i < 78; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%d %048d\n", i, 0);
	assert_int_equal(pstore_put(t.root, text, strlen(text), &ps, &err), ERR_NOTFOUND);
	put_file(&t, BACKEND, "(null)\n");
	put_file(&t, ALWAYS, "N");
	put_file(&t, "/dev/kmsg", "");
	assert_int_equal(pstore_put(t.root, text, strlen(text), &ps, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "no backend of pstore"));
	got = get_file(&t, ALWAYS);
	assert_string_equal(got, "N");
	free(got);

	put_file(&t, BACKEND, "erst\n");
	assert_int_equal(pstore_put(t.root, text, strlen(text), &ps, &err), 0);
	assert_string_equal(ps.backend, "erst");
	assert_false(ps.now);
	got = get_file(&t, ALWAYS);
	assert_string_equal(got, "Y");
	free(got);
	// All of the text in few records, each of which begins with a line.
	got = get_file(&t, "/dev/kmsg");
	for (char *s = got, *next; *s; s = next) {
		next = strstr(s + 1, "<7>");
		next = next ? next : s + strlen(s);
		assert_memory_equal(s, "<7>", 3);
		assert_true(next - s <= 3 + 900);
		assert_int_equal(next[-1], '\n');
		memmove(s, s + 3, strlen(s + 3) + 1);
		next -= 3;
		records++;
	}
	assert_string_equal(got, text);
	assert_true(records <= 10);
	free(got);

	put_file(&t, "/dev/pmsg0", "");
	assert_int_equal(pstore_put(t.root, text, strlen(text), &ps, &err), 0);
	assert_true(ps.now);
	got = get_file(&t, "/dev/pmsg0");
	assert_string_equal(got, text);
	free(got);
	snprintf(command, sizeof(command), "rm -r %s", t.root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oops),  cmocka_unit_test(test_panic),
		cmocka_unit_test(test_cpu),   cmocka_unit_test(test_signature),
		cmocka_unit_test(test_long),  cmocka_unit_test(test_missing),
		cmocka_unit_test(test_print), cmocka_unit_test(test_pstore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
