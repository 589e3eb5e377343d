// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/facts.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/numlist.h"

enum {
	SMALL_FILE_MAX = 64 << 10,
	HEAD_SIZE = 16 << 10, /* more than the lines of one CPU in /proc/cpuinfo */
	CAP_SYS_BOOT_BIT = 22, /* linux/capability.h */
};

int facts_path(char *buf, size_t size, const char *root, const char *path, struct err *err)
{
	if ((size_t)snprintf(buf, size, "%s%s", root, path) < size)
		return 0;
	return err_set(err, ERR_LIMIT, "%.64s...: a path longer than %zu bytes", path, size - 1);
}

/* The text of a small file, or NULL; the caller frees. */
static char *read_text(const char *root, const char *path)
{
	char full[FACTS_PATH_MAX];
	char *text;

	if (facts_path(full, sizeof(full), root, path, NULL) ||
	    io_read_file(full, SMALL_FILE_MAX, &text, NULL, NULL))
		return NULL;
	return text;
}

/* The beginning of a file that may be long, zero-terminated, or NULL; the caller frees. */
static char *read_head(const char *root, const char *path)
{
	CLEANUP_CLOSE int fd = -1;
	char full[FACTS_PATH_MAX];
	ssize_t n = -1;
	char *text;

	if (!facts_path(full, sizeof(full), root, path, NULL))
		fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	text = malloc(HEAD_SIZE + 1);
	if (text)
		n = io_read(fd, text, HEAD_SIZE, NULL);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

int64_t facts_number(const char *root, const char *path)
{
	CLEANUP_FREE char *text = read_text(root, path);
	long long v;

	if (!text || sscanf(text, "%19lld", &v) != 1 || v < 0)
		return -1;
	return v;
}

/* Since 6.19 the files are in a directory of their own; the old names lead there, for now. */
static int64_t read_kexec(const char *root, const char *name)
{
	char path[64];
	int64_t v;

	snprintf(path, sizeof(path), "/sys/kernel/kexec/%s", name);
	v = facts_number(root, path);
	if (v >= 0)
		return v;
	snprintf(path, sizeof(path), "/sys/kernel/kexec_%s", name);
	return facts_number(root, path);
}

static bool read_capability(const char *root)
{
	CLEANUP_FREE char *text = read_text(root, "/proc/self/status");
	const char *line = text ? strstr(text, "\nCapEff:") : NULL;
	unsigned long long caps;

	return line && sscanf(line, "\nCapEff: %llx", &caps) == 1 && caps >> CAP_SYS_BOOT_BIT & 1;
}

/* "none [integrity] confidentiality": the one in brackets holds. */
static void read_lockdown(struct facts *f, const char *root)
{
	CLEANUP_FREE char *text = read_text(root, "/sys/kernel/security/lockdown");
	const char *open = text ? strchr(text, '[') : NULL;
	const char *close = open ? strchr(open, ']') : NULL;

	f->lockdown[0] = '\0';
	if (close)
		snprintf(f->lockdown, sizeof(f->lockdown), "%.*s", (int)(close - open - 1),
			 open + 1);
}

/*
 * Processor 0 of /proc/cpuinfo is the one that the firmware started, and its lines come first.
 * Offline (possible before 6.5) it has none. Documentation/admin-guide/kernel-parameters.txt
 * wants the initial APIC ID for disable_cpu_apicid=.
 */
static int64_t read_boot_apicid(const char *root)
{
	CLEANUP_FREE char *text = read_head(root, "/proc/cpuinfo");
	static const char key[] = "\ninitial apicid";
	const char *end, *p;
	unsigned int cpu = 1, id;

	if (!text || sscanf(text, "processor : %9u", &cpu) != 1 || cpu)
		return -1;
	end = strstr(text, "\n\n");
	p = strstr(text, key);
	if (!p || !end || p > end || sscanf(p + sizeof(key) - 1, " : %10u", &id) != 1)
		return -1;
	return id;
}

/*
 * The kernel takes the flag away where it does not use them (early_identify_cpu() of
 * arch/x86/kernel/cpu/common.c).
 */
static bool read_five_levels(const char *root)
{
	CLEANUP_FREE char *text = read_head(root, "/proc/cpuinfo");
	char *flags = text ? strstr(text, "\nflags") : NULL;

	if (!flags)
		return false;
	flags[1 + strcspn(flags + 1, "\n")] = '\0';
	for (char *word = flags; (word = strstr(word, " la57")); word++)
		if (!word[5] || word[5] == ' ')
			return true;
	return false;
}

static void read_cpus(struct facts *f, const char *root)
{
	CLEANUP_FREE char *present = read_text(root, "/sys/devices/system/cpu/present");

	f->cpus = present ? numlist_count(present) : 0;
	f->boot_apicid = read_boot_apicid(root);
	f->five_levels = read_five_levels(root);
}

void facts_refresh_loaded(struct facts *f, const char *root)
{
	f->crash_loaded = read_kexec(root, "crash_loaded");
}

int facts_gather(struct facts *f, const char *root, struct err *err)
{
	CLEANUP_FREE char *release = read_text(root, "/proc/sys/kernel/osrelease");
	CLEANUP_FREE char *cmdline = read_text(root, "/proc/cmdline");
	struct utsname uts;

	if (!release)
		return err_set(err, ERR_NOTFOUND,
			       "%s/proc/sys/kernel/osrelease can't be read; is /proc mounted?",
			       root);
	if (uname(&uts) < 0)
		return err_sys(err, "uname");
	*f = (struct facts){.crash_loaded = -1};
	snprintf(f->release, sizeof(f->release), "%.*s", (int)strcspn(release, "\n"), release);
	snprintf(f->machine, sizeof(f->machine), "%.64s", uts.machine);
	f->may_load = read_capability(root);
	f->crash_size = read_kexec(root, "crash_size");
	facts_refresh_loaded(f, root);
	f->load_disabled = facts_number(root, LOAD_DISABLED_FILE);
	f->load_limit = facts_number(root, "/proc/sys/kernel/kexec_load_limit_panic");
	read_lockdown(f, root);
	// As the kernel looks for it: anywhere in the line.
	f->asked = cmdline && strstr(cmdline, "crashkernel=");
	read_cpus(f, root);
	return 0;
}

int facts_check_reservation(const struct facts *f, uint64_t need, struct err *err)
{
	if (f->crash_size < 0)
		return err_set(
			err, ERR_NOTFOUND,
			"this kernel has no /sys/kernel/kexec_crash_size: it was built without "
			"CONFIG_KEXEC_FILE and CONFIG_CRASH_DUMP; boot one that has them");
	if (!f->crash_size && f->asked)
		return err_set(
			err, ERR_NOTFOUND,
			"no memory is reserved although crashkernel= was given: the kernel "
			"found no room for it or did not like its form; see `dmesg | grep -i "
			"crashkernel`, change the size and reboot");
	if (!f->crash_size)
		return err_set(err, ERR_NOTFOUND,
			       "no memory is reserved: add crashkernel=256M to the kernel command "
			       "line and reboot");
	if (need > (uint64_t)f->crash_size)
		return err_set(err, ERR_LIMIT,
			       "kernel and initrd need %llu MiB, and %llu MiB are reserved: give "
			       "crashkernel= a larger size and reboot, or make the initrd smaller",
			       facts_mib(need), facts_mib(f->crash_size));
	return 0;
}
