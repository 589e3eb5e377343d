// SPDX-License-Identifier: GPL-2.0-or-later
/* Every errno of kexec_file_load(2) in words, and the reservation. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/kexecfile.h"

/* A machine on which nothing is in the way. */
static struct facts fine(void)
{
	return (struct facts){
		.release = "6.1.0-30-amd64",
		.machine = "x86_64",
		.may_load = true,
		.crash_size = 256 << 20,
		.load_disabled = 0,
		.load_limit = -1,
		.lockdown = "none",
	};
}

static const struct image kernel = {.path = "/boot/vmlinuz-x", .memory = 50 << 20};
static const struct image initrd = {.path = "/i", .memory = 10 << 20};
static const struct kexecfile_request request = {
	.kernel = &kernel, .initrd = &initrd, .cmdline_len = 321};

static void says(int sys, const struct facts *f, int code, const char *part)
{
	struct err err = {0};

	assert_int_equal(kexecfile_explain(sys, f, &request, &err), code);
	assert_int_equal(err.code, code);
	if (!strstr(err.msg, part))
		fail_msg("errno %d: '%s' is not in '%s'", sys, part, err.msg);
	// One line, and never so long that its end is lost.
	assert_null(strchr(err.msg, '\n'));
	assert_true(strlen(err.msg) > 30 && strlen(err.msg) < ERR_MSG_MAX - 60);
	assert_int_equal(kexecfile_explain(sys, f, &request, NULL), code);
}

static void test_permission_names_the_gate(void **state)
{
	struct facts f = fine();

	(void)state;
	says(EPERM, &f, ERR_SYS, "security module");
	snprintf(f.lockdown, sizeof(f.lockdown), "integrity");
	says(EPERM, &f, ERR_SYS, "locked down (integrity)");
	f.load_limit = 0;
	says(EPERM, &f, ERR_SYS, "kexec_load_limit_panic is 0");
	f.load_disabled = 1;
	says(EPERM, &f, ERR_SYS, "kexec_load_disabled is 1");
	f.may_load = false;
	says(EPERM, &f, ERR_SYS, "CAP_SYS_BOOT");
	says(EACCES, &f, ERR_SYS, "CAP_SYS_BOOT");
	// A limit that still has loads left, or is not there, is not the gate.
	f = fine();
	f.load_limit = 3;
	f.load_disabled = -1;
	f.lockdown[0] = '\0';
	says(EPERM, &f, ERR_SYS, "security module");
}

static void test_room(void **state)
{
	struct facts f = fine();

	(void)state;
	says(EADDRNOTAVAIL, &f, ERR_LIMIT,
	     "(60 MiB) and what goes with them find no place in the "
	     "256 MiB");
	says(ENOMEM, &f, ERR_LIMIT, "find no memory in the 256 MiB");
	f.crash_size = (59 << 20) + 1;
	says(EADDRNOTAVAIL, &f, ERR_LIMIT, "kernel and initrd need 60 MiB, and 60 MiB are");
	f.crash_size = 32 << 20;
	says(ENOMEM, &f, ERR_LIMIT, "kernel and initrd need 60 MiB, and 32 MiB are reserved");
	f.crash_size = 0;
	says(EADDRNOTAVAIL, &f, ERR_NOTFOUND, "add crashkernel=256M to the kernel command line");
	says(ENOMEM, &f, ERR_NOTFOUND, "add crashkernel=256M");
	f.asked = true;
	says(EADDRNOTAVAIL, &f, ERR_NOTFOUND, "although crashkernel= was given");
	f.crash_size = -1;
	says(EADDRNOTAVAIL, &f, ERR_NOTFOUND, "CONFIG_KEXEC_FILE");
}

static void test_every_other_errno(void **state)
{
	static const struct {
		int sys, code;
		const char *part;
	} cases[] = {
		{EBUSY, ERR_SYS, "another program is loading"},
		{EINVAL, ERR_SYS,
		 "kernel 6.1.0-30-amd64 does not take /boot/vmlinuz-x with 321 bytes"},
		{ENOEXEC, ERR_SYS,
		 "/boot/vmlinuz-x is not a kernel that can be loaded here: a bzImage"},
		{ENOSYS, ERR_UNSUPPORTED, "CONFIG_KEXEC_FILE"},
		{ENOKEY, ERR_SYS, "a key that is not trusted"},
		{EKEYREJECTED, ERR_SYS, "was rejected"},
		{EKEYEXPIRED, ERR_SYS, "expired"},
		{EKEYREVOKED, ERR_SYS, "revoked"},
		{EBADMSG, ERR_SYS, "signature of the capture kernel can't be read"},
		{ENODATA, ERR_SYS, "is not signed"},
		{ELIBBAD, ERR_SYS, "not a signed EFI program"},
		{ENOPKG, ERR_SYS, "algorithm"},
		{ENOENT, ERR_SYS, "too old"},
		{ETXTBSY, ERR_SYS, "being written"},
		{EIO, ERR_SYS, "can't be read"},
		{EFBIG, ERR_SYS, "larger than"},
		{EFAULT, ERR_SYS, "fault of lifeboat"},
		{EBADF, ERR_SYS, "fault of lifeboat"},
		{EINTR, ERR_SYS, "signal"},
		{EXDEV, ERR_SYS, "dmesg"}, // in no table
	};
	struct facts f = fine();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = {0};

		says(cases[i].sys, &f, cases[i].code, cases[i].part);
		kexecfile_explain(cases[i].sys, &f, &request, &err);
		assert_int_equal(err.sys, cases[i].code == ERR_SYS ? cases[i].sys : 0);
	}
	snprintf(f.machine, sizeof(f.machine), "aarch64");
	says(ENOEXEC, &f, ERR_SYS, "an Image for this machine");
}

static void test_unload_has_no_images(void **state)
{
	const struct kexecfile_request none = {0};
	struct facts f = fine();
	struct err err;

	(void)state;
	for (int sys = 1; sys < 134; sys++)
		assert_true(kexecfile_explain(sys, &f, &none, &err) < 0);
	kexecfile_explain(EINVAL, &f, &none, &err);
	assert_non_null(strstr(err.msg, "unload"));
}

static void test_reservation(void **state)
{
	struct facts f = fine();
	struct err err;

	(void)state;
	assert_int_equal(facts_check_reservation(&f, 256 << 20, &err), 0);
	assert_int_equal(facts_check_reservation(&f, (256 << 20) + 1, &err), ERR_LIMIT);
	assert_string_equal(err.msg,
			    "kernel and initrd need 257 MiB, and 256 MiB are reserved: give "
			    "crashkernel= a larger size and reboot, or make the initrd smaller");
	assert_int_equal(facts_check_reservation(&f, UINT64_MAX, &err), ERR_LIMIT);
	f.crash_size = 0;
	assert_int_equal(facts_check_reservation(&f, 0, &err), ERR_NOTFOUND);
	assert_string_equal(err.msg, "no memory is reserved: add crashkernel=256M to the kernel "
				     "command line and reboot");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_permission_names_the_gate),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_every_other_errno),
		cmocka_unit_test(test_unload_has_no_images),
		cmocka_unit_test(test_reservation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
