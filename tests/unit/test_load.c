// SPDX-License-Identifier: GPL-2.0-or-later
/* lifeboat's commands on a machine laid out in a directory, with a system call of the test's. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/armed.h"
#include "loader/cmdline.h"
#include "loader/command.h"
#include "loader/state.h"
#include "loader/trust.h"
#include "tests/lib/mknewc.h"
#include "tests/lib/tree.h"

#define RELEASE "6.1.0-test"
#define BOOT_ID "0f0e0d0c-1111-2222-3333-444455556666"
#define LOADED	"/sys/kernel/kexec_crash_loaded"

/* The machine of the test that runs; the fake call has no other way to know it. */
static struct machine {
	char root[64];
	int fails_with; /* errno of the next calls, 0: they succeed */
	bool fails_once; /* only the next one */
	bool forgets; /* says yes and loads nothing */
	bool drops; /* frees the older image before it fails */
	unsigned int calls, segment_calls;
	unsigned long flags;
	char cmdline[CMDLINE_MAX];
	char *out, *diag; /* of the last command */
} m;

static void put_bytes(const char *path, const void *data, size_t size)
{
	assert_true(tree_put(m.root, path, data, size));
}

static void put(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

static void drop(const char *path)
{
	assert_true(tree_drop(m.root, path));
}

static bool there(const char *path)
{
	return tree_there(m.root, path);
}

/* A header as a bzImage has it: takes @init_size bytes, tells @release, and can what @flags say. */
static void put_bzimage(const char *path, const char *release, uint32_t init_size, uint16_t flags)
{
	uint8_t head[0x800] = {[0x1f1] = 1};

	memcpy(head + 0x202, "HdrS", 4);
	store_le16(head + 0x206, 0x020f);
	head[0x211] = 1;
	store_le32(head + 0x230, 2 << 20);
	head[0x234] = 1;
	store_le16(head + 0x236, flags);
	store_le32(head + 0x238, 2047);
	head[0x201] = 0x6a;
	store_le16(head + 0x20e, 0x100); // the version stands at 0x300
	memcpy(head + 0x300, release, strlen(release));
	memcpy(head + 0x300 + strlen(release), " (x) #1", 7);
	store_le32(head + 0x260, init_size);
	put_bytes(path, head, sizeof(head));
}

static void put_kernel(const char *path, const char *release, uint32_t init_size)
{
	put_bzimage(path, release, init_size, 0x7f);
}

/* An initrd with one file. */
static void put_cpio(const char *path)
{
	uint8_t data[320];
	struct mknewc m = {.data = data, .room = sizeof(data)};

	mknewc_add(&m, "init", S_IFREG | 0755, "#!/x", 4);
	mknewc_end(&m);
	put_bytes(path, data, m.n);
}

static long fake_kexec(int kernel_fd, int initrd_fd, unsigned long len, const char *cmdline,
		       unsigned long flags)
{
	m.calls++;
	m.flags = flags;
	if (m.drops)
		put(LOADED, "0\n");
	if (m.fails_with) {
		errno = m.fails_with;
		if (m.fails_once)
			m.fails_with = 0;
		return -1;
	}
	if (flags == (KEXECFILE_ON_CRASH | KEXECFILE_UNLOAD)) {
		put(LOADED, "0\n");
		return 0;
	}
	assert_true(kernel_fd >= 0 && initrd_fd >= 0);
	assert_int_equal(lseek(kernel_fd, 0, SEEK_CUR), 0);
	assert_int_equal(len, strlen(cmdline) + 1);
	strcpy(m.cmdline, cmdline);
	if (!m.forgets)
		put(LOADED, "1\n");
	return 0;
}

static long fake_segments(uint64_t entry, size_t n, const struct kexecload_segment *segments,
			  unsigned long flags)
{
	(void)entry;
	(void)segments;
	m.segment_calls++;
	assert_true(n && flags & KEXECLOAD_ON_CRASH);
	put(LOADED, "1\n");
	return 0;
}

static int run(command_run *command, struct err *err)
{
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
				    .kexec = fake_kexec,
				    .kexec_load = fake_segments};

	rc = command(&ctx, err);
	fclose(out);
	fclose(diag);
	return rc;
}

static int setup(void **state)
{
	(void)state;
	m = (struct machine){.root = TREE_ROOT};
	if (!tree_make(m.root))
		return -1;
	put("/proc/sys/kernel/osrelease", RELEASE "\n");
	put("/proc/sys/kernel/kexec_load_disabled", "0\n");
	put("/proc/cmdline", "root=/dev/vda1 console=ttyS0 quiet crashkernel=64M\n");
	put("/proc/self/status", "Name:\tx\nCapEff:\t000001ffffffffff\n");
	put("/sys/kernel/kexec_crash_size", "67108864\n");
	put(LOADED, "0\n");
	put_kernel("/boot/vmlinuz-" RELEASE, RELEASE, 40 << 20);
	put("/var/lib/lifeboat/initrd-" RELEASE ".img", "an initrd");
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

static void fails(command_run *command, int code, const char *part)
{
	struct err err;
	unsigned int calls = m.calls;

	assert_int_equal(run(command, &err), code);
	if (!strstr(err.msg, part))
		fail_msg("'%s' is not in '%s'", part, err.msg);
	// What can be known before is told before.
	assert_int_equal(m.calls, calls);
}

static void succeeds(command_run *command)
{
	struct err err;

	if (run(command, &err))
		fail_msg("%s", err.msg);
}

static void test_load_unload(void **state)
{
	char path[512];
	struct stat st;

	(void)state;
	succeeds(command_load);
	assert_int_equal(m.flags, KEXECFILE_ON_CRASH);
	assert_int_equal(strncmp(m.cmdline, "root=/dev/vda1 console=ttyS0 nr_cpus=1 irqpoll ", 47),
			 0);
	assert_string_equal(m.out,
			    "loaded /boot/vmlinuz-" RELEASE " and /var/lib/lifeboat/initrd-" RELEASE
			    ".img (41 MiB of the 64 MiB reserved)\n"
			    "1 CPU: how many this machine has can't be read\n"
			    "with kexec_file_load, the running kernel has it\n");
	assert_string_equal(m.diag, "");
	snprintf(path, sizeof(path), "%s%s", m.root, STATE_FILE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	succeeds(command_unload);
	assert_int_equal(m.flags, KEXECFILE_ON_CRASH | KEXECFILE_UNLOAD);
	assert_false(there(STATE_FILE));
}

/* Since 6.19 they are in a directory of their own. */
static void test_files_of_newer_kernels(void **state)
{
	(void)state;
	drop("/sys/kernel/kexec_crash_size");
	drop(LOADED);
	put("/sys/kernel/kexec/crash_size", "268435456\n");
	put("/sys/kernel/kexec/crash_loaded", "1\n");
	succeeds(command_load);
	assert_non_null(strstr(m.out, "of the 256 MiB reserved"));
}

/* Nothing else is to be loaded then until the next boot. */
static void test_lock(void **state)
{
	char path[512], *text = NULL;
	struct err err;

	(void)state;
	put(CONFIG_FILE, "lock_after_load yes\n");
	succeeds(command_load);
	assert_non_null(
		strstr(m.out, "\nlocked: nothing else can be loaded until the next boot\n"));
	snprintf(path, sizeof(path), "%s%s", m.root, LOAD_DISABLED_FILE);
	assert_int_equal(io_read_file(path, 64, &text, NULL, NULL), 0);
	assert_string_equal(text, "1\n");
	free(text);
	fails(command_load, ERR_SYS, "kexec_load_disabled is 1");
	// What cannot be locked is told; it is loaded all the same.
	drop(LOAD_DISABLED_FILE);
	assert_int_equal(run(command_load, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "lock_after_load: " LOAD_DISABLED_FILE));
}

static void set_mode(const char *path, mode_t mode)
{
	char full[512];

	snprintf(full, sizeof(full), "%s%s", m.root, path);
	assert_int_equal(chmod(full, mode), 0);
}

/* Who may write to one of them says what runs as root when this kernel dies. */
static void test_files_of_others(void **state)
{
	(void)state;
	put(CONFIG_FILE, "path /x\n");
	set_mode(CONFIG_FILE, 0622);
	fails(command_load, ERR_USAGE, CONFIG_FILE ": others than its owner may write to it");
	set_mode(CONFIG_FILE, 0600);
	set_mode("/boot/vmlinuz-" RELEASE, 0664);
	fails(command_load, ERR_USAGE, "chmod go-w /boot/vmlinuz-" RELEASE);
	set_mode("/boot/vmlinuz-" RELEASE, 0644);
	set_mode("/var/lib/lifeboat/initrd-" RELEASE ".img", 0646);
	fails(command_load, ERR_USAGE, ".img: others than its owner may write to it");
	set_mode("/var/lib/lifeboat/initrd-" RELEASE ".img", 0600);
	succeeds(command_load);
	// Nor to where they are, unless nobody can take away what is another's there.
	set_mode("/boot", 0777);
	fails(command_load, ERR_USAGE, "vmlinuz-" RELEASE ": anybody may put another file in its");
	set_mode("/boot", 01777);
	set_mode("/var/lib", 0757);
	fails(command_load, ERR_USAGE, "/var/lib is open to all (mode 0757): run `chmod o-w ");
	set_mode("/var/lib", 0775);
	succeeds(command_load);
	if (geteuid() != 0)
		return;
	char full[512];

	snprintf(full, sizeof(full), "%s%s", m.root, CONFIG_FILE);
	assert_int_equal(chown(full, 1234, 1234), 0);
	fails(command_load, ERR_USAGE, CONFIG_FILE ": belongs to user 1234");
}

/* Judged is what was opened, not what bears its name later. */
static void test_opened_file_of_others(void **state)
{
	CLEANUP_CLOSE int fd = -1;
	char full[512];
	struct err err = {0};

	(void)state;
	put("/k", "of others");
	set_mode("/k", 0666);
	snprintf(full, sizeof(full), "%s/k", m.root);
	fd = open(full, O_RDONLY);
	assert_true(fd >= 0);
	drop("/k");
	put("/k", "ours");
	assert_int_equal(trust_file(m.root, "/k", NULL), 0);
	assert_int_equal(trust_opened(fd, "/k", &err), ERR_USAGE);
	assert_non_null(strstr(err.msg, "/k: others than its owner may write to it (mode 0666)"));
}

static void test_machine_is_not_ready(void **state)
{
	(void)state;
	put("/sys/kernel/kexec_crash_size", "0\n");
	fails(command_load, ERR_NOTFOUND, "although crashkernel= was given");
	put("/proc/cmdline", "root=/dev/vda1\n");
	fails(command_load, ERR_NOTFOUND, "no memory is reserved: add crashkernel=256M");
	drop("/sys/kernel/kexec_crash_size");
	fails(command_load, ERR_NOTFOUND, "CONFIG_KEXEC_FILE");
	put("/proc/sys/kernel/kexec_load_disabled", "1\n");
	fails(command_load, ERR_SYS, "kexec_load_disabled is 1");
	put("/proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n");
	fails(command_load, ERR_SYS, "CAP_SYS_BOOT");
	fails(command_unload, ERR_SYS, "CAP_SYS_BOOT");
	drop("/proc/sys/kernel/osrelease");
	fails(command_load, ERR_NOTFOUND, "is /proc mounted?");
}

static void test_images(void **state)
{
	(void)state;
	drop("/var/lib/lifeboat/initrd-" RELEASE ".img");
	fails(command_load, ERR_NOTFOUND, "run lifeboat-mkinitrd");
	put("/var/lib/lifeboat/initrd-" RELEASE ".img", "");
	fails(command_load, ERR_CORRUPT, "is empty");
	put("/var/lib/lifeboat/initrd-" RELEASE ".img", "an initrd");
	put_kernel("/boot/vmlinuz-" RELEASE, RELEASE, 64 << 20);
	fails(command_load, ERR_LIMIT, "kernel and initrd need 65 MiB, and 64 MiB are reserved");
	drop("/boot/vmlinuz-" RELEASE);
	fails(command_load, ERR_NOTFOUND, "no kernel " RELEASE " in /boot");
	// Elsewhere, and by a call that the user wants: what it is is for the kernel to say.
	put("/usr/lib/modules/" RELEASE "/vmlinuz", "not a kernel");
	put(CONFIG_FILE, "load_with kexec_file_load\n");
	m.fails_with = ENOEXEC;
	m.calls = 0;
	struct err err;

	assert_int_equal(run(command_load, &err), ERR_SYS);
	assert_int_equal(m.calls, 1);
	assert_non_null(strstr(err.msg, "/usr/lib/modules/" RELEASE "/vmlinuz is not a kernel"));
}

#ifdef __x86_64__
/* What a load by segments reads. */
static void put_machine(void)
{
	put("/proc/iomem", "00001000-0009fbff : System RAM\n00100000-3ffd9fff : System RAM\n"
			   "  20000000-23ffffff : Crash kernel\n");
	put("/sys/devices/system/cpu/cpu0/crash_notes", "10001000\n");
	put("/sys/devices/system/cpu/cpu0/crash_notes_size", "368\n");
	put("/sys/kernel/vmcoreinfo", "0x0000000012345000 1024\n");
}

/* A kernel as large as @memory says, of the kind that kexec_file_load does not know. */
static void put_vmlinux(const char *path, uint64_t memory)
{
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr p;
		uint8_t code[64];
	} v = {.e = {.e_ident = ELFMAG,
		     .e_type = ET_EXEC,
		     .e_machine = EM_X86_64,
		     .e_entry = 16 << 20,
		     .e_phoff = sizeof(v.e),
		     .e_phentsize = sizeof(v.p),
		     .e_phnum = 1},
	       .p = {.p_type = PT_LOAD,
		     .p_offset = offsetof(typeof(v), code),
		     .p_paddr = 16 << 20,
		     .p_filesz = sizeof(v.code),
		     .p_memsz = memory}};

	v.e.e_ident[EI_CLASS] = ELFCLASS64;
	v.e.e_ident[EI_DATA] = ELFDATA2LSB;
	put_bytes(path, &v, sizeof(v));
}

/*
 * kexec_file_load frees what is loaded before it looks at a kernel: it is not asked for one that it
 * is known to refuse, and each call counts against kernel.kexec_load_limit_panic.
 */
static void test_kernels_of_other_kinds(void **state)
{
	static const char kernel[] = "/boot/vmlinuz-" RELEASE;

	(void)state;
	put_machine();
	succeeds(command_load);
	m.calls = 0;
	m.fails_with = ENOEXEC;
	m.drops = true;
	// No place for it: told as such, and the one that is loaded stays.
	put_vmlinux(kernel, 100 << 20);
	fails(command_load, ERR_LIMIT, "kernel: no place for");
	assert_true(there(STATE_FILE));
	put(kernel, "not a kernel");
	fails(command_load, ERR_UNSUPPORTED, "neither a bzImage nor an ELF vmlinux");
	assert_true(there(STATE_FILE));
	assert_int_equal(m.segment_calls, 0);
	put_vmlinux(kernel, 1 << 20);
	succeeds(command_load);
	assert_int_equal(m.calls, 0);
	assert_int_equal(m.segment_calls, 1);
	assert_non_null(
		strstr(m.out, "\nwith kexec_load, kexec_file_load does not know such a kernel: "));
	// Locked down the kernel would take no segments.
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	m.drops = false;
	struct err err;

	assert_int_equal(run(command_load, &err), ERR_SYS);
	assert_int_equal(m.calls, 1);
	assert_int_equal(m.segment_calls, 1);
}

/* The flag is there where the running kernel uses them. */
static void test_five_levels(void **state)
{
	static const char kernel[] = "/boot/vmlinuz-" RELEASE;

	(void)state;
	put_machine();
	put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu la57 rdpid\nbugs\t\t: x\n\n");
	succeeds(command_load);
	m.calls = 0;
	put_bzimage(kernel, RELEASE, 40 << 20, 3);
	fails(command_load, ERR_UNSUPPORTED, "page tables of five levels");
	put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu la57x\nbugs\t\t: la57\n\n");
	succeeds(command_load);
	assert_int_equal(m.calls, 1);
	assert_int_equal(m.segment_calls, 0);
}

/* The kernel alone knows why it does not take one that looks right; then both reasons are told. */
static void test_refused_by_both(void **state)
{
	struct err err;

	(void)state;
	m.fails_with = ENOEXEC;
	assert_int_equal(run(command_load, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "kexec_load: "));
	assert_non_null(strstr(err.msg, "; kexec_file_load: /boot/vmlinuz-" RELEASE " is not a"));
}
#endif

static void test_configured_images(void **state)
{
	(void)state;
	put(CONFIG_FILE, "kernel /k\ncmdline_append loglevel=7\ncmdline_remove console\n");
	fails(command_load, ERR_SYS, "/k: No such file");
	put_kernel("/k", "6.9-capture", 1 << 20);
	// The initrd belongs to the kernel that is loaded, not to the one that runs.
	fails(command_load, ERR_NOTFOUND, "/var/lib/lifeboat/initrd-6.9-capture.img");
	put("/var/lib/lifeboat/initrd-6.9-capture.img", "i");
	succeeds(command_load);
	assert_null(strstr(m.cmdline, "console"));
	assert_string_equal(m.cmdline + strlen(m.cmdline) - 11, " loglevel=7");
	put(CONFIG_FILE, "kernel /k\ninitrd /nowhere\n");
	fails(command_load, ERR_SYS, "/nowhere: No such file");
	put(CONFIG_FILE, "kernel /boot\n");
	fails(command_load, ERR_CORRUPT, "/boot: is not a plain file");
}

/* cpuinfo of @n CPUs; the boot CPU's ID is @id, the others have such that must not be taken. */
static void put_cpus(unsigned int n, const char *id)
{
	char present[16], info[512];

	snprintf(present, sizeof(present), "0-%u\n", n - 1);
	put("/sys/devices/system/cpu/present", present);
	snprintf(info, sizeof(info),
		 "processor\t: 0\nmodel name\t: x\napicid\t\t: 77\n%s%s\n\n"
		 "processor\t: 1\napicid\t\t: 78\ninitial apicid\t: 9\n\n",
		 id ? "initial apicid\t: " : "", id ? id : "");
	put("/proc/cpuinfo", info);
}

/* Loads; the command line has @words, and @why is told, also by the record. */
static void has_cpus(const char *words, const char *why)
{
	CLEANUP_FREE struct state *s = malloc(sizeof(*s));

	succeeds(command_load);
	if (!strstr(m.cmdline, words))
		fail_msg("'%s' is not in '%s'", words, m.cmdline);
	if (!strstr(m.out, why))
		fail_msg("'%s' is not in '%s'", why, m.out);
	assert_int_equal(state_read(s, m.root, NULL), 0);
	if (strncmp(s->cpus, why, strcspn(why, "\n")) != 0)
		fail_msg("'%s' is not in '%s'", why, s->cpus);
}

#ifdef __x86_64__
static void test_cpus(void **state)
{
	(void)state;
	put("/sys/kernel/kexec_crash_size", "268435456\n");
	has_cpus(" nr_cpus=1 irqpoll ", "1 CPU: how many this machine has can't be read\n");
	put_cpus(4, "2");
	has_cpus(" nr_cpus=4 maxcpus=1 lifeboat.cpus=4 disable_cpu_apicid=2 irqpoll ",
		 "4 CPUs: 4 present, 256 MiB reserved, 41 MiB of them for kernel and initrd, "
		 "3 MiB each\n");
	put_cpus(64, "2");
	has_cpus(" nr_cpus=17 maxcpus=1 ", "17 CPUs: 64 present, 256 MiB reserved");
	put("/sys/devices/system/cpu/present", "0-1,4,6-7\n");
	has_cpus(" nr_cpus=5 ", "5 CPUs: 5 present");
	put("/sys/devices/system/cpu/present", "\n");
	has_cpus(" nr_cpus=1 ", "1 CPU: how many");
	put_cpus(4, NULL);
	has_cpus(" nr_cpus=1 irqpoll ", "1 CPU: 4 present, but which of them");
	put_cpus(1, NULL);
	has_cpus(" nr_cpus=1 irqpoll ", "1 CPU: 1 present, 256 MiB");
	put_cpus(4, "0");
	put("/sys/kernel/kexec_crash_size", "46137344\n");
	has_cpus(" nr_cpus=1 irqpoll ", "1 CPU: 4 present, 44 MiB reserved");
	put(CONFIG_FILE, "capture_cpus 3\n");
	has_cpus(" nr_cpus=3 maxcpus=1 lifeboat.cpus=3 ",
		 "3 CPUs: 4 present, capture_cpus says 3\n");
	put(CONFIG_FILE, "capture_cpus 5\n");
	has_cpus(" nr_cpus=4 ", "4 CPUs: 4 present, capture_cpus says 5\n");
	put(CONFIG_FILE, "capture_cpus 1\n");
	has_cpus(" nr_cpus=1 irqpoll ", "1 CPU: capture_cpus says so\n");
	put(CONFIG_FILE, "capture_cpus 3\ncmdline_append nr_cpus=2\n");
	has_cpus(" disable_cpu_apicid=0 irqpoll ", "CPUs: what the command line of the ");
	assert_null(strstr(m.cmdline, "lifeboat.cpus"));
}
#endif

static void test_configuration(void **state)
{
	(void)state;
	put(CONFIG_FILE, "path /x\nfrobnicate yes\n");
	fails(command_load, ERR_USAGE, CONFIG_FILE ":2: frobnicate: no such key");
	fails(command_config, ERR_USAGE, CONFIG_FILE ":2: ");
	put(CONFIG_FILE, "core_collector scp\n");
	fails(command_load, ERR_USAGE, CONFIG_FILE ":1: core_collector: 'scp' is never run");
	put(CONFIG_FILE, "kdump_post /x\nlink_delay 5\n");
	succeeds(command_load);
	assert_non_null(strstr(m.diag, "lifeboat: load: note: "));
	assert_non_null(strstr(m.diag, CONFIG_FILE ":2: link_delay: deprecated"));
	succeeds(command_config);
	assert_non_null(strstr(m.out, "kdump_post /x\n"));
	assert_non_null(strstr(m.out, "path /var/crash\n"));
}

/* A boot with a capture kernel is marked until the kernel is taken away or the boot ends in order. */
static void test_mark(void **state)
{
	struct armed marks[ARMED_MAX];

	(void)state;
	put("/proc/sys/kernel/random/boot_id", BOOT_ID "\n");
	put(CONFIG_FILE, "ext4 LABEL=dump\n");
	succeeds(command_load);
	assert_non_null(strstr(m.cmdline, " lifeboat.boot_id=" BOOT_ID));
	assert_true(there(ARMED_DIR "/" BOOT_ID));
	assert_int_equal(armed_list(m.root, BOOT_ID, marks), 0);
	assert_int_equal(armed_list(m.root, "another", marks), 1);
	assert_string_equal(marks[0].boot_id, BOOT_ID);
	assert_string_equal(marks[0].cmdline, m.cmdline);
	assert_true(identity_known(&marks[0].identity));
	assert_string_equal(marks[0].release, RELEASE);
	assert_int_equal(marks[0].ntargets, 1);
	assert_string_equal(marks[0].targets[0], "ext4 LABEL=dump");
	assert_true(marks[0].time > 0);
	succeeds(command_unload);
	assert_false(there(ARMED_DIR "/" BOOT_ID));
}

static void test_refused_loads_and_the_record(void **state)
{
	struct err err;

	(void)state;
	succeeds(command_load);
	// At the door: the older image is still there, and so is its record.
	m.fails_with = EBUSY;
	assert_int_equal(run(command_reload, &err), ERR_SYS);
	assert_non_null(strstr(err.msg, "another program"));
	assert_true(there(STATE_FILE));
	// Later: the kernel has dropped it.
	m.fails_with = ENOEXEC;
	m.drops = true;
	assert_int_equal(run(command_reload, &err), ERR_SYS);
	assert_false(there(STATE_FILE));
}

/* Dropped by the kernel for one that it does not take: what worked before is put back. */
static void test_disarmed(void **state)
{
	CLEANUP_FREE struct state *s = malloc(sizeof(*s));
	struct err err;

	(void)state;
	put("/proc/sys/kernel/random/boot_id", BOOT_ID "\n");
	succeeds(command_load);
	put(CONFIG_FILE, "cmdline_append loglevel=7\n");
	m.drops = true;
	m.fails_with = ENOEXEC;
	m.fails_once = true;
	assert_int_equal(run(command_reload, &err), ERR_SYS);
	assert_non_null(strstr(m.diag, "note: what was loaded before is loaded again\n"));
	assert_null(strstr(err.msg, "NOT armed"));
	assert_null(strstr(m.cmdline, "loglevel"));
	assert_int_equal(state_read(s, m.root, NULL), 0);
	assert_string_equal(s->cmdline, m.cmdline);
	assert_true(there(ARMED_DIR "/" BOOT_ID));
	// Nor is another file loaded in its place; then nothing is, and nobody is to believe so.
	put("/var/lib/lifeboat/initrd-" RELEASE ".img", "another initrd");
	m.fails_with = ENOEXEC;
	m.calls = 0;
	assert_int_equal(run(command_reload, &err), ERR_SYS);
	assert_int_equal(m.calls, 1);
	assert_non_null(strstr(m.diag, "have changed since"));
	assert_non_null(strstr(err.msg, "this machine is NOT armed"));
	assert_false(there(STATE_FILE));
	assert_false(there(ARMED_DIR "/" BOOT_ID));
}

/* What is loaded is known as long as it is. */
static void test_refused_unload(void **state)
{
	struct err err;

	(void)state;
	put("/proc/sys/kernel/random/boot_id", BOOT_ID "\n");
	succeeds(command_load);
	put("/proc/sys/kernel/kexec_load_disabled", "1\n");
	fails(command_unload, ERR_SYS, "kexec_load_disabled is 1");
	put("/proc/sys/kernel/kexec_load_disabled", "0\n");
	put("/proc/sys/kernel/kexec_load_limit_panic", "0\n");
	fails(command_unload, ERR_SYS, "kexec_load_limit_panic is 0");
	drop("/proc/sys/kernel/kexec_load_limit_panic");
	m.fails_with = EBUSY;
	assert_int_equal(run(command_unload, &err), ERR_SYS);
	assert_true(there(STATE_FILE));
	assert_true(there(ARMED_DIR "/" BOOT_ID));
}

/* Written to as the command goes on: by the time that the size is told, all else must be done. */
static ssize_t write_diag(void *cookie, const char *text, size_t n)
{
	CLEANUP_FREE char *locked = NULL;
	char path[512];

	(void)text;
	snprintf(path, sizeof(path), "%s%s", m.root, LOAD_DISABLED_FILE);
	assert_int_equal(io_read_file(path, 64, &locked, NULL, NULL), 0);
	*(bool *)cookie = there(STATE_FILE) && there(ARMED_DIR "/" BOOT_ID) &&
			  strcmp(locked, "1\n") == 0;
	return n;
}

static void test_size_is_told_last(void **state)
{
	bool all_done = false;
	struct err err = {0};
	FILE *out = fopen("/dev/null", "w");
	FILE *diag = fopencookie(&all_done, "w", (cookie_io_functions_t){.write = write_diag});
	const struct context ctx = {.root = m.root,
				    .config = CONFIG_FILE,
				    .out = out,
				    .diag = diag,
				    .kexec = fake_kexec};

	(void)state;
	assert_true(out && diag);
	setvbuf(diag, NULL, _IONBF, 0);
	put("/proc/sys/kernel/random/boot_id", BOOT_ID "\n");
	put(CONFIG_FILE, "lock_after_load yes\n");
	put_cpio("/var/lib/lifeboat/initrd-" RELEASE ".img");
	put("/sys/kernel/kexec_crash_size", "44040192\n");
	if (command_load(&ctx, &err))
		fail_msg("%s", err.msg);
	fclose(out);
	fclose(diag);
	assert_true(all_done);
}

static void test_reload_keeps_what_works(void **state)
{
	(void)state;
	succeeds(command_load);
	put(CONFIG_FILE, "pth /x\n");
	fails(command_reload, ERR_USAGE, "is 'path' meant?");
	assert_true(there(STATE_FILE));
	put(CONFIG_FILE, "path /x\n");
	m.calls = 0;
	succeeds(command_reload);
	// One call: an unload would count against kernel.kexec_load_limit_panic.
	assert_int_equal(m.calls, 1);
}

static void test_said_yes_and_did_nothing(void **state)
{
	struct err err;

	(void)state;
	m.forgets = true;
	assert_int_equal(run(command_load, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.msg, "says that none is loaded"));
	assert_false(there(STATE_FILE));
}

static void test_record_that_cant_be_kept(void **state)
{
	(void)state;
	put("/run/lifeboat", "a file where the directory should be");
	succeeds(command_load);
	assert_non_null(strstr(m.diag, "note: status will know nothing of this load: "));
}

static void test_state_truncated_everywhere(void **state)
{
	static const char text[] = "version 2\ntime 12\nkernel 10 0000abcd /k with space\n"
				   "initrd 20 0000abcd /i\nrelease r\ncmdline a b c\n"
				   "machine ef01 2 3 4096\nparams 0x12000\n";
	struct state s;

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		int rc;

		put_bytes(STATE_FILE, text, n);
		rc = state_read(&s, m.root, NULL);
		assert_true(rc == 0 || rc == ERR_CORRUPT);
	}
	put(STATE_FILE, text);
	assert_int_equal(state_read(&s, m.root, NULL), 0);
	assert_string_equal(s.kernel.path, "/k with space");
	assert_string_equal(s.kernel.digest, "0000abcd");
	assert_string_equal(s.machine.digest, "ef01");
	assert_int_equal(s.machine.memory, 4096);
	assert_int_equal(s.params, 0x12000);
	assert_string_equal(s.cmdline, "a b c");
	put(STATE_FILE, "version 3\nkernel 1 00000000 /k\n");
	assert_int_equal(state_read(&s, m.root, NULL), ERR_CORRUPT);
	put(STATE_FILE, "version 2\nkernel 99999999999999999999999 zz /k\n");
	assert_int_equal(state_read(&s, m.root, NULL), ERR_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_load_unload),
		TEST(test_lock),
		TEST(test_files_of_others),
		TEST(test_opened_file_of_others),
		TEST(test_files_of_newer_kernels),
		TEST(test_machine_is_not_ready),
		TEST(test_images),
		TEST(test_configured_images),
#ifdef __x86_64__
		TEST(test_kernels_of_other_kinds),
		TEST(test_five_levels),
		TEST(test_refused_by_both),
		TEST(test_cpus),
#endif
		TEST(test_configuration),
		TEST(test_mark),
		TEST(test_refused_loads_and_the_record),
		TEST(test_disarmed),
		TEST(test_refused_unload),
		TEST(test_size_is_told_last),
		TEST(test_reload_keeps_what_works),
		TEST(test_said_yes_and_did_nothing),
		TEST(test_record_that_cant_be_kept),
		TEST(test_state_truncated_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
