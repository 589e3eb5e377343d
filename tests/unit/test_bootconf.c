// SPDX-License-Identifier: GPL-2.0-or-later
/* What becomes of the files of boot loaders, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/bootconf.h"
#include "tests/lib/tree.h"

#define GRUB  "/etc/default/grub"
#define ENTRY "/boot/loader/entries/"

static struct machine {
	char root[64];
	struct bootconf b;
} m;

static void put(const char *path, const char *text)
{
	assert_true(tree_put(m.root, path, text, strlen(text)));
}

static int setup(void **state)
{
	(void)state;
	memcpy(m.root, TREE_ROOT, sizeof(TREE_ROOT));
	return tree_make(m.root) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(m.root);
}

/* How @path will be; NULL: refused. What is right already is @text itself. */
static void becomes(const char *path, const char *text, const char *will)
{
	struct err err = {0};
	int rc;

	put(path, text);
	rc = bootconf_find(&m.b, m.root, "96M", &err);
	if (!will && rc != ERR_UNSUPPORTED)
		fail_msg("not refused: %s", text);
	if (!will && (!strstr(err.msg, path) || !strstr(err.msg, "by hand")))
		fail_msg("%s", err.msg);
	if (will && rc)
		fail_msg("%s: %s", text, err.msg);
	if (will)
		assert_string_equal(m.b.n ? m.b.files[0].will : text, will);
	bootconf_free(&m.b);
}

struct row {
	const char *was, *will;
};

static void test_grub_lines(void **state)
{
	static const struct row rows[] = {
		// The value ends with the first quote of its kind.
		{"GRUB_CMDLINE_LINUX=\"quiet\" # was \"crashkernel=512M\"\n",
		 "GRUB_CMDLINE_LINUX=\"quiet crashkernel=96M\" # was \"crashkernel=512M\"\n"},
		{"GRUB_CMDLINE_LINUX=\"a crashkernel=1G\" # \"b\"\n",
		 "GRUB_CMDLINE_LINUX=\"a crashkernel=96M\" # \"b\"\n"},
		{"GRUB_CMDLINE_LINUX=\"dyndbg=\\\"file x +p\\\" quiet\"\n",
		 "GRUB_CMDLINE_LINUX=\"dyndbg=\\\"file x +p\\\" quiet crashkernel=96M\"\n"},
		{"GRUB_CMDLINE_LINUX='a=\"b c\"'\n",
		 "GRUB_CMDLINE_LINUX='a=\"b c\" crashkernel=96M'\n"},
		{"GRUB_CMDLINE_LINUX=\"$A ${B} x\"\n",
		 "GRUB_CMDLINE_LINUX=\"$A ${B} x crashkernel=96M\"\n"},
		{"GRUB_CMDLINE_LINUX=quiet", "GRUB_CMDLINE_LINUX=\"quiet crashkernel=96M\""},
		{"GRUB_CMDLINE_LINUX=\"quiet\"; GRUB_TERMINAL=\"console\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"quiet\"GRUB=\"x\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"quiet\" splash\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"quiet\"#splash\n", NULL},
		{"GRUB_CMDLINE_LINUX=quiet splash\n", NULL},
		{"GRUB_CMDLINE_LINUX=$(cat /etc/cmdline)\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"$(cat /etc/cmdline)\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=`cat /etc/cmdline`\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"`cat /etc/cmdline`\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"${A:-\"x\"}\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"quiet \\\nsplash\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"quiet\nsplash\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"quiet\\\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=quiet\\\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"quiet\"\r\n", NULL},
		// A word that cannot be replaced without harm.
		{"GRUB_CMDLINE_LINUX=\"a=\\\"b crashkernel=512M\\\"\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"crashkernel=$SIZE\"\n", NULL},
		{"GRUB_CMDLINE_LINUX=\"quiet mycrashkernel=1M\"\n", NULL},
	};

	(void)state;
	put("/usr/sbin/update-grub", "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		becomes(GRUB, rows[i].was, rows[i].will);
}

/* One line that is read may not hide another that is not. */
static void test_grub_others(void **state)
{
	static const char good[] = "GRUB_CMDLINE_LINUX=\"crashkernel=512M\"\n";
	static const char done[] = "GRUB_CMDLINE_LINUX=\"crashkernel=96M\"\n";
	static const struct row rows[] = {
		{"export GRUB_CMDLINE_LINUX=\"crashkernel=1G\"\n", NULL},
		{"  GRUB_CMDLINE_LINUX_DEFAULT=\"crashkernel=1G\"\n", NULL},
		{"GRUB_CMDLINE_LINUX_DEFAULT=\"quiet \\\ncrashkernel=1G\"\n", NULL},
		{"GRUB_CMDLINE_LINUX+=\" crashkernel=1G\"\n", NULL},
		{"GRUB_CMDLINE_LINUX_XEN_REPLACE=\"crashkernel=1G\"\n", NULL},
		{"A=\"crashkernel=1G\"\nGRUB_CMDLINE_LINUX_DEFAULT=\"$A\"\n", NULL},
		{"A=\"\nGRUB_CMDLINE_LINUX_DEFAULT=x\n\"\n", NULL},
		{"GRUB_CMDLINE_LINUX_RECOVERY=\"single\"\n", ""},
		// The hypervisor's, as installers write it.
		{"GRUB_CMDLINE_XEN_DEFAULT=\"vga=1 crashkernel=202M\\<4G\"\n", ""},
		{"GRUB_DISTRIBUTOR=\"$(sed 's, release .*$,,g' /etc/system-release)\"\n", ""},
		{"# export GRUB_CMDLINE_LINUX=\"crashkernel=1G\"\n", ""},
		{"GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo \"it's\"` # don't\n",
		 ""},
		{"GRUB_TIMEOUT=5 # crashkernel=1G\nA=\"b\nc\"\n", ""},
	};
	char was[256], will[256];

	(void)state;
	put("/usr/sbin/update-grub", "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(was, sizeof(was), "%s%s", good, rows[i].was);
		snprintf(will, sizeof(will), "%s%s", done, rows[i].was);
		becomes(GRUB, was, rows[i].will ? will : NULL);
	}
	// In another file as well.
	put(GRUB, good);
	becomes(GRUB ".d/x.cfg", "GRUB_CMDLINE_LINUX=$(x)\n", NULL);
}

/* The assignment that counts is the last one, of a variable that all entries get. */
static void test_grub_which(void **state)
{
	static const struct row rows[] = {
		{"GRUB_CMDLINE_LINUX_XEN_REPLACE=\"x\"\nGRUB_CMDLINE_LINUX_RECOVERY=\"y\"\n"
		 "GRUB_CMDLINE_LINUX_DEFAULT=\"z\"\n",
		 "GRUB_CMDLINE_LINUX_XEN_REPLACE=\"x\"\nGRUB_CMDLINE_LINUX_RECOVERY=\"y\"\n"
		 "GRUB_CMDLINE_LINUX_DEFAULT=\"z crashkernel=96M\"\n"},
		{"GRUB_CMDLINE_LINUX=\"a\"\nGRUB_CMDLINE_LINUX=\"b\"\n"
		 "GRUB_CMDLINE_LINUX_DEFAULT=\"c\"\n",
		 "GRUB_CMDLINE_LINUX=\"a\"\nGRUB_CMDLINE_LINUX=\"b crashkernel=96M\"\n"
		 "GRUB_CMDLINE_LINUX_DEFAULT=\"c\"\n"},
		// A line that asks, and another that takes it back.
		{"GRUB_CMDLINE_LINUX=\"crashkernel=1G\"\nGRUB_CMDLINE_LINUX=\"b\"\n",
		 "GRUB_CMDLINE_LINUX=\"crashkernel=1G\"\n"
		 "GRUB_CMDLINE_LINUX=\"b crashkernel=96M\"\n"},
		{"GRUB_CMDLINE_LINUX=\"crashkernel=1G\"\n"
		 "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX b\"\n",
		 "GRUB_CMDLINE_LINUX=\"crashkernel=96M\"\n"
		 "GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX b\"\n"},
	};

	(void)state;
	put("/usr/sbin/update-grub", "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		becomes(GRUB, rows[i].was, rows[i].will);
}

/* kernel-install makes one line of them all. */
static void test_kernel(void **state)
{
	static const struct row rows[] = {
		{"root=/dev/vda\nquiet\ncrashkernel=512M\n",
		 "root=/dev/vda\nquiet\ncrashkernel=96M\n"},
		{"crashkernel=1M a\nb\nquiet crashkernel=512M\n", "crashkernel=96M a\nb\nquiet\n"},
		{"# by me\nquiet\n", "# by me\nquiet crashkernel=96M\n"},
		{"quiet\nro\n# end\n", "quiet\nro crashkernel=96M\n# end\n"},
		{"crashkernel=72M,low\nro\n", "crashkernel=72M,low\nro crashkernel=96M\n"},
		{"crashkernel=96M\nro\n", "crashkernel=96M\nro\n"},
		{"# none\n", "# none\ncrashkernel=96M\n"},
		{"# was crashkernel=512M\nquiet\n", NULL},
		{"a=\"b crashkernel=512M\"\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		becomes("/etc/kernel/cmdline", rows[i].was, rows[i].will);
}

/* Options may stand in more than one line of an entry. */
static void test_entry(void **state)
{
	static const struct row rows[] = {
		{"title x\noptions a\noptions b\n",
		 "title x\noptions a\noptions b crashkernel=96M\n"},
		{"options a crashkernel=1M\noptions b crashkernel=512M\n",
		 "options a crashkernel=96M\noptions b\n"},
		{"linux /x\noptions $kernelopts\n",
		 "linux /x\noptions $kernelopts crashkernel=96M\n"},
		{"options a=\"crashkernel=1M\"\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		becomes(ENTRY "x.conf", rows[i].was, rows[i].will);
}

/* As many as there are, or none of them. */
static void test_many(void **state)
{
	struct err err = {0};
	char path[64];

	(void)state;
	for (int i = 0; i < 70; i++) {
		snprintf(path, sizeof(path), ENTRY "%d.conf", i);
		put(path, "options a\n");
	}
	assert_int_equal(bootconf_find(&m.b, m.root, "96M", &err), 0);
	assert_int_equal(m.b.n, 70);
	bootconf_free(&m.b);
	for (int i = 70; i < 257; i++) {
		snprintf(path, sizeof(path), ENTRY "%d.conf", i);
		put(path, "options a\n");
	}
	assert_int_equal(bootconf_find(&m.b, m.root, "96M", &err), ERR_LIMIT);
	assert_non_null(strstr(err.msg, "more than 256 files"));
	bootconf_free(&m.b);
}

/* What is there and cannot be read is no file that asks for nothing. */
static void test_unread(void **state)
{
	CLEANUP_FREE char *big = calloc(1, BOOTCONF_TEXT_MAX + 2);
	struct err err = {0};

	(void)state;
	assert_non_null(big);
	memset(big, '\n', BOOTCONF_TEXT_MAX + 1);
	put(ENTRY "a.conf", "options a\n");
	put(ENTRY "b.conf", big);
	assert_int_equal(bootconf_find(&m.b, m.root, "96M", &err), ERR_LIMIT);
	bootconf_free(&m.b);
	assert_true(tree_put(m.root, ENTRY "b.conf", "options a\0\noptions b\n", 21));
	assert_int_equal(bootconf_find(&m.b, m.root, "96M", &err), ERR_CORRUPT);
	bootconf_free(&m.b);
}

/* What a link leads to is written, and the link stays. */
static void test_link(void **state)
{
	CLEANUP_FREE char *link = NULL, *second = NULL, *file = NULL, *text = NULL;
	struct err err = {0};
	struct stat st;

	(void)state;
	put("/usr/sbin/update-grub", "");
	put("/etc/default/x", "");
	put("/srv/grub", "GRUB_CMDLINE_LINUX=quiet\n");
	assert_true(asprintf(&link, "%s" GRUB, m.root) > 0 &&
		    asprintf(&second, "%s/srv/link", m.root) > 0 &&
		    asprintf(&file, "%s/srv/grub", m.root) > 0);
	assert_int_equal(chmod(file, 0604), 0);
	assert_int_equal(symlink("../../srv/link", link), 0);
	assert_int_equal(symlink("grub", second), 0);
	assert_int_equal(bootconf_find(&m.b, m.root, "96M", &err), 0);
	// As an absolute link it leads to the same only below the root.
	assert_int_equal(unlink(second), 0);
	assert_int_equal(symlink("/srv/grub", second), 0);
	assert_int_equal(bootconf_write(&m.b.files[0], m.root, &err), 0);
	assert_true(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
	assert_true(lstat(second, &st) == 0 && S_ISLNK(st.st_mode));
	assert_int_equal(io_read_file(file, 256, &text, NULL, NULL), 0);
	assert_string_equal(text, "GRUB_CMDLINE_LINUX=\"quiet crashkernel=96M\"\n");
	assert_true(lstat(file, &st) == 0 && (st.st_mode & 0777) == 0604);
	bootconf_free(&m.b);
	// Links that lead round are no place to write to.
	assert_int_equal(unlink(second), 0);
	assert_int_equal(symlink("link", second), 0);
	put("/etc/kernel/cmdline", "quiet\n");
	assert_int_not_equal(bootconf_find(&m.b, m.root, "96M", &err), 0);
	bootconf_free(&m.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_grub_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grub_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grub_which, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kernel, setup, teardown),
		cmocka_unit_test_setup_teardown(test_entry, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
