// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/kexecfile.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"

#define USE_SIGNED                                                                                 \
	"name a kernel signed by a key this machine trusts (the distribution's own) with the key " \
	"kernel"

struct sentence {
	int sys;
	int code;
	const char *text;
};

/* The errors that mean the same on every machine. */
static const struct sentence sentences[] = {
	{EBUSY, ERR_SYS,
	 "another program is loading or unloading a kernel at this moment, or a crash is under "
	 "way; try again"},
	{ENOSYS, ERR_UNSUPPORTED,
	 "this kernel has no kexec_file_load(2): it was built without CONFIG_KEXEC_FILE; boot one "
	 "that has it"},
	{ENOKEY, ERR_SYS, "the capture kernel is signed by a key that is not trusted; " USE_SIGNED},
	{EKEYREJECTED, ERR_SYS,
	 "the signature of the capture kernel was rejected: the key is not one for kernels or the "
	 "file was changed after it was signed; " USE_SIGNED},
	{EKEYEXPIRED, ERR_SYS, "the key that signed the capture kernel has expired; " USE_SIGNED},
	{EKEYREVOKED, ERR_SYS, "the key that signed the capture kernel was revoked; " USE_SIGNED},
	{EBADMSG, ERR_SYS,
	 "the signature of the capture kernel can't be read; install the kernel's package again, "
	 "or " USE_SIGNED},
	{ENODATA, ERR_SYS, "the capture kernel is not signed, and must be here; " USE_SIGNED},
	{ELIBBAD, ERR_SYS,
	 "the capture kernel is not a signed EFI program, or a damaged one, and must be signed "
	 "here; " USE_SIGNED},
	{ENOPKG, ERR_SYS,
	 "this kernel lacks the algorithm that the capture kernel was signed with; " USE_SIGNED},
	{ETXTBSY, ERR_SYS,
	 "the kernel or the initrd is being written at this moment; load again when that is done"},
	{EIO, ERR_SYS,
	 "the kernel or the initrd can't be read from its disk; see the kernel's log, install it "
	 "again"},
	{EFBIG, ERR_SYS,
	 "the kernel or the initrd is larger than the kernel ever reads; make it smaller"},
	{EFAULT, ERR_SYS,
	 "the kernel could not read the command line; this is a fault of lifeboat"},
	{EBADF, ERR_SYS, "a file was not open; this is a fault of lifeboat"},
	{EINTR, ERR_SYS, "a signal came in between; load again"},
	{ENOENT, ERR_SYS,
	 "the kernel has nothing of the kind that was asked for: it may be too old; see its log"},
};

long kexecfile_syscall(int kernel_fd, int initrd_fd, unsigned long cmdline_len, const char *cmdline,
		       unsigned long flags)
{
	return syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, cmdline_len, cmdline, flags);
}

static int set(struct err *err, int sys, int code, const char *text)
{
	err_set(err, code, "%s", text);
	if (err)
		err->sys = code == ERR_SYS ? sys : 0;
	return code;
}

/* Many gates answer EPERM; the facts tell which one is shut. */
static int explain_eperm(const struct facts *f, struct err *err)
{
	if (!f->may_load)
		return set(err, EPERM, ERR_SYS,
			   "only root may load a kernel (CAP_SYS_BOOT is missing); run it as root");
	if (f->load_disabled == 1)
		return set(
			err, EPERM, ERR_SYS,
			"kernel.kexec_load_disabled is 1, and stays so until the next boot: "
			"load before it is set (by lock_after_load of the configuration, or where "
			"`grep -r kexec_load_disabled /etc/sysctl*` tells), and reboot");
	if (f->load_limit == 0)
		return set(err, EPERM, ERR_SYS,
			   "kernel.kexec_load_limit_panic is 0: this boot has had all its loads; "
			   "reboot, or set a higher limit early in the boot");
	if (f->lockdown[0] && strcmp(f->lockdown, "none") != 0) {
		err_set(err, ERR_SYS,
			"the kernel is locked down (%s): the capture kernel must be signed; "
			"" USE_SIGNED,
			f->lockdown);
		if (err)
			err->sys = EPERM;
		return ERR_SYS;
	}
	return set(err, EPERM, ERR_SYS,
		   "refused although root: a security module or a container's filter forbids it; "
		   "see the audit log, run it on the host");
}

static int explain_room(int sys, const struct facts *f, const struct kexecfile_request *r,
			struct err *err)
{
	uint64_t need = (r->kernel ? r->kernel->memory : 0) + (r->initrd ? r->initrd->memory : 0);
	int rc = facts_check_reservation(f, need, err);

	if (rc)
		return rc;
	return err_set(err, ERR_LIMIT,
		       "kernel and initrd (%llu MiB) and what goes with them %s in the %llu MiB "
		       "reserved, which may be split or taken in part: give crashkernel= a larger "
		       "size and reboot, or make the initrd smaller",
		       facts_mib(need), sys == ENOMEM ? "find no memory" : "find no place",
		       facts_mib(f->crash_size));
}

static int explain_einval(const struct facts *f, const struct kexecfile_request *r, struct err *err)
{
	if (!r->kernel)
		return set(err, EINVAL, ERR_SYS,
			   "this kernel does not know how to unload a capture kernel");
	err_set(err, ERR_SYS,
		"kernel %s does not take %s with %zu bytes of command line: it may not suit this "
		"machine (page size, size of the command line); see `dmesg | grep -i kexec`",
		f->release, r->kernel->path, r->cmdline_len);
	if (err)
		err->sys = EINVAL;
	return ERR_SYS;
}

static int explain_enoexec(const struct facts *f, const struct kexecfile_request *r,
			   struct err *err)
{
	err_set(err, ERR_SYS,
		"%s is not a kernel that can be loaded here: %s is needed; name one with the key "
		"kernel",
		r->kernel ? r->kernel->path : "the file",
		strcmp(f->machine, "x86_64") == 0
			? "a bzImage for 64 bits (boot protocol 2.12 or later)"
			: "an Image for this machine");
	if (err)
		err->sys = ENOEXEC;
	return ERR_SYS;
}

int kexecfile_explain(int sys, const struct facts *f, const struct kexecfile_request *r,
		      struct err *err)
{
	switch (sys) {
	case EPERM:
	case EACCES:
		return explain_eperm(f, err);
	case EADDRNOTAVAIL:
	case ENOMEM:
		return explain_room(sys, f, r, err);
	case EINVAL:
		return explain_einval(f, r, err);
	case ENOEXEC:
		return explain_enoexec(f, r, err);
	default:
		break;
	}
	for (size_t i = 0; i < ARRAY_SIZE(sentences); i++) {
		if (sentences[i].sys == sys)
			return set(err, sys, sentences[i].code, sentences[i].text);
	}
	errno = sys;
	return err_sys(err, "the kernel refused (errno %d); `dmesg | grep -i kexec` may tell why",
		       sys);
}
