// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat reset-crashkernel and test on machines that are laid out in a directory. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/armed.h"
#include "loader/bootconf.h"
#include "loader/command.h"
#include "loader/state.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/tree.h"

#define BOOT_ID "01234567-89ab-cdef-0123-456789abcdef"

static struct machine {
	char root[64];
	char *out; /* of the last command */
	bool refuses; /* to load */
	int signal; /* that comes while kexec is at work; 0: none */
	unsigned int calls; /* of kexec, a digit each: 1 unload, 2 load */
} m;

static const char *full(const char *path)
{
	static char buf[512];

	snprintf(buf, sizeof(buf), "%s%s", m.root, path);
	return buf;
}

static void put(const char *path, const char *text)
{
	char name[512];
	CLEANUP_CLOSE int fd = -1;

	snprintf(name, sizeof(name), "%s", full(path));
	for (char *p = name + strlen(m.root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		assert_true(mkdir(name, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, strlen(text), NULL), 0);
}

static void holds(const char *path, const char *text)
{
	CLEANUP_FREE char *got = NULL;

	assert_int_equal(io_read_file(full(path), 1 << 16, &got, NULL, NULL), 0);
	assert_string_equal(got, text);
}

static long fake_kexec(int kernel_fd, int initrd_fd, unsigned long len, const char *cmdline,
		       unsigned long flags);

static int run(command_run *command, bool yes, const char *to, struct err *err)
{
	char *words[] = {"--to", (char *)to};
	size_t n;
	int rc;

	free(m.out);
	m.out = NULL;
	*err = (struct err){0};
	FILE *out = open_memstream(&m.out, &n);
	const struct context ctx = {
		.root = m.root,
		.config = CONFIG_FILE,
		.yes = yes,
		.out = out,
		.diag = out,
		.kexec = fake_kexec,
		.words = words,
		.nwords = to ? 2 : 0,
	};

	rc = command(&ctx, err);
	fclose(out);
	return rc;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	m = (struct machine){.root = TREE_ROOT};
	return mkdtemp(m.root) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(m.out);
	return nftw(m.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- words ---- */

static void test_words(void **state)
{
	static const struct {
		const char *was, *value, *will;
	} rows[] = {
		{"", "96M", "crashkernel=96M"},
		{"quiet", "96M", "quiet crashkernel=96M"},
		{"quiet  ", "96M", "quiet crashkernel=96M"},
		{"crashkernel=256M quiet", "96M", "crashkernel=96M quiet"},
		{"a crashkernel=2G-64G:256M,64G-:512M b", "96M", "a crashkernel=96M b"},
		{"a crashkernel=256M b", "2G-:96M", "a crashkernel=2G-:96M b"},
		// One that is high stays so, and what is beside it stays.
		{"crashkernel=256M,high crashkernel=72M,low x", "96M",
		 "crashkernel=96M,high crashkernel=72M,low x"},
		{"crashkernel=1G,cma crashkernel=256M", "96M",
		 "crashkernel=1G,cma crashkernel=96M"},
		{"crashkernel=256M,high", "96M,high", "crashkernel=96M,high"},
		// Of two the kernel takes the last one.
		{"crashkernel=1M x crashkernel=2M y", "96M", "crashkernel=96M x y"},
		// No word of its own.
		{"notcrashkernel=1M", "96M", "notcrashkernel=1M crashkernel=96M"},
		{"crashkernel=96M", "96M", "crashkernel=96M"},
	};
	char buf[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(bootconf_words(rows[i].was, strlen(rows[i].was), rows[i].value, buf,
					   sizeof(buf)));
		assert_string_equal(buf, rows[i].will);
	}
	for (size_t room = 1; room < 22; room++)
		assert_false(bootconf_words("quiet", 5, "96M", buf, room));
	assert_true(bootconf_words("quiet", 5, "96M", buf, 22));
}

/* ---- boot loaders ---- */

/* Told first, done with --yes; done twice, there is nothing left to do. */
static void test_grub(void **state)
{
	static const char was[] = "GRUB_DEFAULT=0\n"
				  "# GRUB_CMDLINE_LINUX=\"crashkernel=1M\"\n"
				  "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet crashkernel=256M\"\n"
				  "GRUB_CMDLINE_LINUX=''\n";
	struct stat st;
	struct err err;

	(void)state;
	put("/etc/default/grub", was);
	put("/etc/default/grub.d/kdump-tools.cfg",
	    "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=384M-:128M\"\n");
	put("/etc/default/grub.d/other.cfg", "GRUB_CMDLINE_LINUX=\"splash\"\n");
	put("/etc/default/grub.d/README", "crashkernel=1M\n");
	put("/usr/sbin/update-grub", "#!/bin/sh\n");
	assert_int_equal(run(command_reset_crashkernel, false, "96M", &err), 0);
	assert_non_null(strstr(m.out, "- GRUB_CMDLINE_LINUX_DEFAULT=\"quiet crashkernel=256M\"\n"));
	assert_non_null(strstr(m.out, "+ GRUB_CMDLINE_LINUX_DEFAULT=\"quiet crashkernel=96M\"\n"));
	assert_non_null(strstr(m.out, "run: /usr/sbin/update-grub\n"));
	assert_non_null(strstr(m.out, "nothing was done"));
	holds("/etc/default/grub", was);
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	holds("/etc/default/grub", "GRUB_DEFAULT=0\n"
				   "# GRUB_CMDLINE_LINUX=\"crashkernel=1M\"\n"
				   "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet crashkernel=96M\"\n"
				   "GRUB_CMDLINE_LINUX=''\n");
	holds("/etc/default/grub.d/kdump-tools.cfg",
	      "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=96M\"\n");
	holds("/etc/default/grub.d/other.cfg", "GRUB_CMDLINE_LINUX=\"splash\"\n");
	assert_int_equal(stat(full("/etc/default/grub"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(access(full("/etc/default/grub.lifeboat-new"), F_OK), -1);
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	// The boot loader may have been left behind.
	assert_non_null(strstr(m.out, "asks for already"));
	assert_non_null(strstr(m.out, "run: /usr/sbin/update-grub\n"));
	assert_int_equal(run(command_reset_crashkernel, false, "96M", &err), 0);
	assert_non_null(strstr(m.out, "tells the boot loader again"));
	assert_null(strstr(m.out, "run:"));
}

/* Nobody asks for a reservation yet. */
static void test_grub_new(void **state)
{
	struct err err;

	(void)state;
	put("/usr/bin/grub-mkconfig", "");
	put("/etc/default/grub",
	    "GRUB_CMDLINE_LINUX=\"quiet\"\nGRUB_CMDLINE_LINUX_DEFAULT=splash\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	holds("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet crashkernel=96M\"\n"
				   "GRUB_CMDLINE_LINUX_DEFAULT=splash\n");
	assert_non_null(strstr(m.out, "run: /usr/bin/grub-mkconfig -o /boot/grub/grub.cfg"));
	// Where there is a directory for it, in a file of its own.
	put("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet\"\n");
	put("/etc/default/grub.d/x.cfg", "\n");
	put("/usr/sbin/grub2-mkconfig", "");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	holds("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet\"\n");
	holds("/etc/default/grub.d/zz-lifeboat-size.cfg",
	      "# Written by lifeboat reset-crashkernel.\n"
	      "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=96M\"\n");
	assert_non_null(strstr(m.out, "run: /usr/sbin/grub2-mkconfig -o /boot/grub2/grub.cfg"));
	assert_int_equal(run(command_reset_crashkernel, true, "100M", &err), 0);
	holds("/etc/default/grub.d/zz-lifeboat-size.cfg",
	      "# Written by lifeboat reset-crashkernel.\n"
	      "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=100M\"\n");
}

/* What the boot loader was not told the files do not say. */
static void test_grub_fails(void **state)
{
	static const char was[] = "GRUB_CMDLINE_LINUX=\"quiet\"\n";
	static const char ours[] = "/etc/default/grub.d/zz-lifeboat-size.cfg";
	struct err err;

	(void)state;
	put("/etc/default/grub", was);
	put("/usr/sbin/update-grub", "#!/bin/sh\necho no disk >&2\nexit 3\n");
	assert_int_equal(chmod(full("/usr/sbin/update-grub"), 0755), 0);
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "update-grub ended with 3: no disk"));
	assert_non_null(strstr(m.out, "the files are as they were"));
	holds("/etc/default/grub", was);
	put("/etc/default/grub.d/x.cfg", "\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), ERR_SYS);
	assert_int_equal(access(full(ours), F_OK), -1);
	put("/usr/sbin/update-grub", "#!/bin/sh\nexit 0\n");
	put("/boot/grub/grub.cfg", "menuentry x {\n\tlinux /vmlinuz ro crashkernel=96M\n}\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	assert_int_equal(access(full(ours), F_OK), 0);
}

/* What the boot loader makes of it counts. */
static void test_grub_menu(void **state)
{
	static const char was[] = "GRUB_CMDLINE_LINUX=\"crashkernel=1G\"\n";
	static const char menu[] = "/boot/grub/grub.cfg";
	static const struct {
		const char *menu, *why;
	} rows[] = {
		{"\tlinux /a ro crashkernel=96M\n linux16 /b single\n", NULL},
		{"linuxefi /a crashkernel=96M,high crashkernel=72M,low\n", NULL},
		{"linux /a crashkernel=96M\n### BEGIN /etc/grub.d/30_os-prober ###\n"
		 "linux /b crashkernel=1G\n### END /etc/grub.d/30_os-prober ###\n",
		 NULL},
		{"linux /a crashkernel=96M\nlinux /b crashkernel=96M crashkernel=512M\n",
		 "an entry that asks for crashkernel=512M"},
		{"linux /a crashkernel=96MB\n", "an entry that asks for crashkernel=96MB"},
		{"linux /a ro\n", "no entry of /boot/grub/grub.cfg asks for crashkernel=96M"},
		{"blscfg\n", "no entry of /boot/grub/grub.cfg asks for crashkernel=96M"},
		{"# linux /a crashkernel=96M\n", "no entry of"},
	};
	struct err err;

	(void)state;
	put("/usr/sbin/update-grub", "#!/bin/sh\n");
	assert_int_equal(chmod(full("/usr/sbin/update-grub"), 0755), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put("/etc/default/grub", was);
		put(menu, rows[i].menu);
		assert_int_equal(run(command_reset_crashkernel, true, "96M", &err),
				 rows[i].why ? ERR_CORRUPT : 0);
		if (!rows[i].why)
			continue;
		assert_non_null(strstr(err.msg, rows[i].why));
		assert_non_null(strstr(m.out, "the files are as they were"));
		holds("/etc/default/grub", was);
	}
	// Entries of their own, which blscfg reads.
	put("/boot/loader/entries/x.conf", "options ro\n");
	put(menu, "blscfg\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	holds("/boot/loader/entries/x.conf", "options ro crashkernel=96M\n");
	// Another boot loader than it says made the entries anew.
	put("/etc/default/grub", was);
	put("/usr/sbin/update-grub",
	    "#!/bin/sh\necho options ro >${0%/usr/*}/boot/loader/entries/x.conf\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "x.conf does not ask for crashkernel=96M"));
}

/* Reads the files as grub-mkconfig does; the package's, which it has an eye on, by the test's root. */
static const char grub_script[] =
	"#!/bin/sh\n"
	"cd \"${0%/usr/*}\" && . ./etc/default/grub || exit 1\n"
	"for f in etc/default/grub.d/*.cfg; do\n"
	"	sed \"s|-x /usr|-x $PWD/usr|\" \"$f\" >now && . ./now || exit 1\n"
	"done\n"
	"echo linux x $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT >boot/grub/grub.cfg\n";

/* What the Debian package asks for by a program is left alone, and what is asked for behind it wins. */
static void test_grub_package(void **state)
{
	static const char program[] = "/etc/default/grub.d/lifeboat.cfg";
	static const char menu[] = "/boot/grub/grub.cfg";
	static const char other[] = "GRUB_CMDLINE_LINUX=\"crashkernel=512M\"\n";
	CLEANUP_FREE char *text = NULL;
	struct err err;

	(void)state;
	assert_int_equal(io_read_file("debian/lifeboat.cfg", 1 << 16, &text, NULL, NULL), 0);
	put("/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n");
	put(program, text);
	put(menu, "");
	put("/usr/sbin/lifeboat", "");
	assert_int_equal(chmod(full("/usr/sbin/lifeboat"), 0755), 0);
	put("/usr/sbin/update-grub", grub_script);
	assert_int_equal(chmod(full("/usr/sbin/update-grub"), 0755), 0);
	if (run(command_reset_crashkernel, true, "96M", &err))
		fail_msg("%s", err.msg);
	holds(program, text);
	holds(menu, "linux x quiet crashkernel=160M crashkernel=96M\n");
	// One who asks before it is heard, and it asks for nothing.
	put("/etc/default/grub", other);
	assert_int_equal(unlink(full("/etc/default/grub.d/zz-lifeboat-size.cfg")), 0);
	assert_int_equal(run(command_reset_crashkernel, true, "100M", &err), 0);
	holds(menu, "linux x crashkernel=100M\n");
	// One who asks behind it, and yet stands before it in the line: that is seen, and taken back.
	put("/etc/default/grub", "");
	put("/etc/default/grub.d/x.cfg", other);
	assert_int_equal(run(command_reset_crashkernel, true, "100M", &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "an entry that asks for crashkernel=160M"));
	holds("/etc/default/grub.d/x.cfg", other);
}

/* A GRUB that is gone has left its configuration. */
static void test_grub_gone(void **state)
{
	static const char was[] = "GRUB_CMDLINE_LINUX=\"$(x)\"\n";
	struct err err;

	(void)state;
	put("/etc/default/grub", was);
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "GRUB is not installed"));
	put("/boot/efi/loader/entries/one.conf", "options ro\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	assert_non_null(strstr(m.out, "note: /etc/default/grub is left alone: GRUB is not"));
	assert_null(strstr(m.out, "run:"));
	holds("/boot/efi/loader/entries/one.conf", "options ro crashkernel=96M\n");
	holds("/etc/default/grub", was);
}

/* As the shell reads it. */
static void test_grub_forms(void **state)
{
	struct err err;

	(void)state;
	put("/usr/sbin/update-grub", "");
	put("/etc/default/grub", "GRUB_CMDLINE_LINUX=quiet # as ever\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	holds("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet crashkernel=96M\" # as ever\n");
	put("/etc/default/grub", "GRUB_CMDLINE_LINUX=\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	holds("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"crashkernel=96M\"\n");
	// A line that goes on is left alone.
	put("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet \\\n splash\"\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), ERR_UNSUPPORTED);
	assert_non_null(strstr(err.msg, "/etc/default/grub, line 1: "));
	put("/etc/default/grub", "GRUB_CMDLINE_LINUX=a'b c'\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), ERR_UNSUPPORTED);
	holds("/etc/default/grub", "GRUB_CMDLINE_LINUX=a'b c'\n");
}

static void test_systemd_boot(void **state)
{
	struct err err;

	(void)state;
	put("/etc/kernel/cmdline", "root=/dev/vda1 quiet\n");
	put("/boot/efi/loader/entries/one.conf",
	    "title Linux\nlinux /vmlinuz\noptions root=/dev/vda1 crashkernel=1G,high\n");
	put("/boot/efi/loader/entries/two.conf", "title Linux\noptions\troot=/dev/vda1\n");
	put("/boot/efi/loader/entries/two.conf.bak", "options x\n");
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), 0);
	holds("/etc/kernel/cmdline", "root=/dev/vda1 quiet crashkernel=96M\n");
	holds("/boot/efi/loader/entries/one.conf",
	      "title Linux\nlinux /vmlinuz\noptions root=/dev/vda1 crashkernel=96M,high\n");
	holds("/boot/efi/loader/entries/two.conf",
	      "title Linux\noptions\troot=/dev/vda1 crashkernel=96M\n");
	holds("/boot/efi/loader/entries/two.conf.bak", "options x\n");
	assert_null(strstr(m.out, "run:"));
}

static void test_refused(void **state)
{
	static const char *const bad[] = {"",	  "x",	   "96M\n", "96M x",   "96M\"",
					  "$(x)", "1G-2G", "96MB",  "1.5G",    "0",
					  "4",	  "96",	   "15M",   "96M,low", "96M,cma"};
	struct err err;

	(void)state;
	assert_int_equal(run(command_reset_crashkernel, true, "96M", &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "add crashkernel=96M to the kernel command line by hand"));
	put("/etc/kernel/cmdline", "quiet\n");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(run(command_reset_crashkernel, true, bad[i], &err), ERR_USAGE);
	holds("/etc/kernel/cmdline", "quiet\n");
}

/* ---- test ---- */

static void lay_out_machine(const char *loaded)
{
	put("/proc/sys/kernel/osrelease", "6.1.0-test\n");
	put("/proc/sys/kernel/random/boot_id", BOOT_ID "\n");
	put("/proc/cmdline", "crashkernel=64M\n");
	put("/sys/kernel/kexec_crash_size", "67108864\n");
	put("/sys/kernel/kexec_crash_loaded", loaded);
	put("/proc/sysrq-trigger", "");
}

static void test_test(void **state)
{
	struct armed a = {.boot_id = BOOT_ID, .time = 5, .release = "6.1.0-test", .needs = 7};
	struct err err;

	(void)state;
	lay_out_machine("0\n");
	assert_int_equal(run(command_test, true, NULL, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "lifeboat load"));
	holds("/proc/sysrq-trigger", "");
	lay_out_machine("1\n");
	assert_int_equal(armed_write(&a, m.root, NULL), 0);
	assert_int_equal(run(command_test, true, NULL, &err), 0);
	holds("/proc/sysrq-trigger", "c");
	assert_int_equal(armed_read(&a, m.root, BOOT_ID, NULL), 0);
	assert_true(a.test);
	assert_int_equal(a.time, 5);
	assert_int_equal(a.needs, 7);
	// What cannot be done leaves no mark that a later crash would be told by.
	assert_int_equal(unlink(full("/proc/sysrq-trigger")), 0);
	assert_int_equal(run(command_test, true, NULL, &err), ERR_SYS);
	assert_int_equal(armed_read(&a, m.root, BOOT_ID, NULL), 0);
	assert_false(a.test);
}

static void test_test_asks(void **state)
{
	CLEANUP_CLOSE int kept = dup(STDIN_FILENO), fd = -1;
	struct err err;

	(void)state;
	lay_out_machine("1\n");
	put("/answer", "y\n");
	fd = open(full("/answer"), O_RDONLY);
	assert_true(kept >= 0 && dup2(fd, STDIN_FILENO) >= 0);
	assert_int_equal(run(command_test, false, NULL, &err), ERR_USAGE);
	dup2(kept, STDIN_FILENO);
	clearerr(stdin);
	assert_non_null(strstr(m.out, "This crashes the machine NOW"));
	holds("/proc/sysrq-trigger", "");
}

/* ---- shrink ---- */

static long fake_kexec(int kernel_fd, int initrd_fd, unsigned long len, const char *cmdline,
		       unsigned long flags)
{
	(void)kernel_fd, (void)initrd_fd, (void)len, (void)cmdline;
	if (m.signal)
		raise(m.signal);
	if (m.refuses && !(flags & KEXECFILE_UNLOAD)) {
		errno = ENOEXEC;
		return -1;
	}
	put("/sys/kernel/kexec_crash_loaded", flags & KEXECFILE_UNLOAD ? "0\n" : "1\n");
	m.calls = m.calls * 10 + (flags & KEXECFILE_UNLOAD ? 1 : 2);
	return 0;
}

/* A kernel that takes 40 MiB, and an initrd with one file. */
static void put_images(void)
{
	char head[0x400] = {0};
	char initrd[1024];
	int n = snprintf(initrd, sizeof(initrd),
			 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08xinit%c%c", 1,
			 0100755, 0, 0, 1, 0, 4, 0, 0, 0, 0, 5, 0, 0, 0);
	CLEANUP_CLOSE int fd = -1;

	memcpy(head + 0x202, "HdrS", 4);
	memcpy(head + 0x206, (char[]){0x0f, 0x02}, 2);
	head[0x211] = 1;
	head[0x236] = 0x7f;
	head[0x262] = 0x80;
	head[0x263] = 0x02;
	put("/boot/vmlinuz-6.1.0-test", "");
	fd = open(full("/boot/vmlinuz-6.1.0-test"), O_WRONLY);
	assert_int_equal(io_write(fd, head, sizeof(head), NULL), 0);
	close(steal_fd(&fd));
	n += snprintf(initrd + n, sizeof(initrd) - n, "#!/x");
	n += snprintf(initrd + n, sizeof(initrd) - n,
		      "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08xTRAILER!!!%c", 0,
		      0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0, 0);
	put("/var/lib/lifeboat/initrd-6.1.0-test.img", "");
	fd = open(full("/var/lib/lifeboat/initrd-6.1.0-test.img"), O_WRONLY);
	assert_int_equal(io_write(fd, initrd, n, NULL), 0);
}

static void lay_out_shrink(void)
{
	lay_out_machine("0\n");
	put("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
	put("/proc/iomem", "00100000-7fffffff : System RAM\n  70000000-77ffffff : Crash kernel\n");
	put("/run/x", "");
	put("/sys/kernel/kexec_crash_size", "134217728\n");
	put_images();
}

static void test_shrink(void **state)
{
	struct err err;

	(void)state;
	lay_out_shrink();
	assert_int_equal(run(command_load, false, NULL, &err), 0);
	m.calls = 0;
	// Told; then done: unloaded, shrunk, loaded again.
	assert_int_equal(run(command_shrink, false, NULL, &err), 0);
	assert_non_null(strstr(m.out, "of the 128 MiB reserved go back"));
	assert_non_null(strstr(m.out, "nothing was done"));
	holds("/sys/kernel/kexec_crash_size", "134217728\n");
	assert_int_equal(m.calls, 0);
	assert_int_equal(run(command_shrink, true, "100M", &err), 0);
	holds("/sys/kernel/kexec_crash_size", "104857600");
	assert_int_equal(m.calls, 12);
	holds("/sys/kernel/kexec_crash_loaded", "1\n");
	assert_non_null(strstr(m.out, "reserved: 100 MiB, until the next boot"));
	// Never below what is needed, nor above what there is; nothing else is unloaded for that.
	assert_int_equal(run(command_shrink, true, "32M", &err), ERR_USAGE);
	assert_non_null(strstr(err.msg, "32 MiB would be too small"));
	assert_int_equal(run(command_shrink, true, "200M", &err), 0);
	assert_non_null(strstr(m.out, "nothing to give back"));
	assert_int_equal(run(command_shrink, true, "x", &err), ERR_USAGE);
	assert_int_equal(m.calls, 12);
	// What could not be loaded again is not unloaded.
	put("/proc/sys/kernel/kexec_load_limit_panic", "1\n");
	assert_int_equal(run(command_shrink, true, NULL, &err), ERR_LIMIT);
	assert_non_null(strstr(err.msg, "kexec_load_limit_panic is 1, and 2 are needed"));
	put("/proc/sys/kernel/kexec_load_limit_panic", "2\n");
	put(CONFIG_FILE, "path /x\n");
	assert_int_equal(chmod(full(CONFIG_FILE), 0666), 0);
	assert_int_equal(run(command_shrink, true, NULL, &err), ERR_USAGE);
	assert_non_null(strstr(err.msg, "nothing was done"));
	assert_int_equal(unlink(full(CONFIG_FILE)), 0);
	// Which of two areas shrinks depends on the kernel.
	put("/proc/iomem", "00100000-7fffffff : System RAM\n  10000000-17ffffff : Crash kernel\n"
			   "100000000-1bfffffff : System RAM\n"
			   "  1b0000000-1b7ffffff : Crash kernel\n");
	assert_int_equal(run(command_shrink, true, NULL, &err), ERR_UNSUPPORTED);
	put("/proc/iomem", "00100000-7fffffff : System RAM\n  70000000-77ffffff : Crash kernel\n");
	assert_int_equal(m.calls, 12);
	holds("/sys/kernel/kexec_crash_size", "104857600");
	// A load that fails all the same is told as what it is.
	m.refuses = true;
	assert_int_equal(run(command_shrink, true, NULL, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "this machine is NOT armed"));
	m.refuses = false;
	m.calls = 12;
	// The next boot is to have less than is needed: that is said.
	put("/etc/kernel/cmdline", "quiet\n");
	assert_int_equal(run(command_reset_crashkernel, false, "16M", &err), 0);
	assert_non_null(strstr(m.out, "warning: crashkernel=16M is 16 MiB on this machine, and "));
	assert_int_equal(run(command_reset_crashkernel, false, "4G", &err), 0);
	assert_null(strstr(m.out, "warning: "));
	// Without one in place none is loaded.
	put("/sys/kernel/kexec_crash_loaded", "0\n");
	assert_int_equal(run(command_shrink, true, NULL, &err), 0);
	assert_int_equal(m.calls, 12);
	put("/sys/kernel/kexec_crash_size", "0\n");
	assert_int_equal(run(command_shrink, true, NULL, &err), ERR_NOTFOUND);
}

/* Another program's kernel is not replaced unasked. */
static void test_shrink_other(void **state)
{
	char core[MKCORE_PATH_MAX];
	struct err err;
	int fd;

	(void)state;
	lay_out_shrink();
	put("/sys/kernel/kexec_crash_loaded", "1\n");
	assert_int_equal(run(command_shrink, true, NULL, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "may be another program's"));
	assert_int_equal(m.calls, 0);
	// One that was loaded after ours is seen in memory: there is nothing as we lay it out.
	assert_int_equal(run(command_load, false, NULL, &err), 0);
	fd = mkcore_memfd("load paddr=0x70000000 size=128M\n", NULL);
	assert_true(fd >= 0);
	mkcore_path(fd, core);
	assert_int_equal(symlink(core, full("/proc/kcore")), 0);
	m.calls = 0;
	assert_int_equal(run(command_shrink, true, NULL, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.msg, "may be another program's"));
	assert_int_equal(m.calls, 0);
	holds("/sys/kernel/kexec_crash_size", "134217728\n");
	close(fd);
}

/* Ends by the signal, and not before all is done: the machine armed, or nothing left that says so. */
static void ends_by(int signal, command_run *command, bool yes, bool armed)
{
	struct err err;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		m.signal = signal;
		run(command, yes, NULL, &err);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == signal);
	holds("/sys/kernel/kexec_crash_loaded", armed ? "1\n" : "0\n");
	assert_int_equal(access(full(STATE_FILE), F_OK), armed ? 0 : -1);
	assert_int_equal(access(full(ARMED_DIR "/" BOOT_ID), F_OK), armed ? 0 : -1);
}

static void test_signals(void **state)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		lay_out_shrink();
		ends_by(signals[i], command_load, false, true);
		ends_by(signals[i], command_shrink, true, true);
		ends_by(signals[i], command_unload, false, false);
	}
	assert_int_equal(run(command_shrink, true, NULL, &err), 0);
	assert_non_null(strstr(m.out, "nothing to give back"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test_setup_teardown(test_grub, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grub_new, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grub_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grub_menu, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grub_package, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grub_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grub_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_systemd_boot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_test, setup, teardown),
		cmocka_unit_test_setup_teardown(test_test_asks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shrink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shrink_other, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
