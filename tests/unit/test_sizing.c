// SPDX-License-Identifier: GPL-2.0-or-later
/* What of a machine goes into the size of its reservation, as files of it tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/sizing.h"
#include "tests/lib/mknewc.h"
#include "tests/lib/tree.h"
#include "vmcore/config.h"
#include "vmcore/crashdir.h"

#define MIB (1ULL << 20)

struct machine {
	char root[sizeof(TREE_ROOT)];
	struct config config;
	struct sizing sizing;
};

static void put(struct machine *m, const char *path, const char *text)
{
	assert_true(tree_put(m->root, path, text, strlen(text)));
}

static void configure(struct machine *m, const char *text)
{
	assert_int_equal(config_parse(&m->config, "c", text, strlen(text), true, NULL), 0);
}

/* A header of a kernel that takes 40 MiB. */
static void put_kernel(struct machine *m)
{
	char head[0x400] = {0};

	memcpy(head + 0x202, "HdrS", 4);
	head[0x262] = 0x80;
	head[0x263] = 0x02;
	assert_true(tree_put(m->root, "/boot/vmlinuz", head, sizeof(head)));
}

/* An initrd with the driver of one kind of card. */
static void put_initrd(struct machine *m)
{
	uint8_t data[1024];
	struct mknewc archive = {.data = data, .room = sizeof(data)};

	mknewc_add(&archive, "lib/modules/x/ice.ko", 0100644, "module", 6);
	mknewc_end(&archive);
	assert_true(tree_put(m->root, "/boot/initrd", data, archive.n));
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	if (!m)
		return -1;
	*state = m;
	memcpy(m->root, TREE_ROOT, sizeof(TREE_ROOT));
	if (!tree_make(m->root))
		return -1;
	put_kernel(m);
	put_initrd(m);
	put(m, "/proc/sys/kernel/osrelease", "6.1.0-test\n");
	put(m, "/sys/kernel/kexec_crash_size", "134217728\n");
	put(m, "/proc/iomem",
	    "00100000-7fffffff : System RAM\n  70000000-77ffffff : Crash kernel\n");
	configure(m, "path /var/crash\nkernel /boot/vmlinuz\ninitrd /boot/initrd\n");
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;
	int rc = tree_remove(m->root);

	free(m);
	return rc;
}

static const struct need_line *gather(struct machine *m, const char *name)
{
	struct err err = {0};

	if (sizing_gather(&m->sizing, m->root, &m->config, NULL, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < m->sizing.need.n; i++)
		if (strcmp(m->sizing.need.lines[i].name, name) == 0)
			return &m->sizing.need.lines[i];
	return NULL;
}

/* A card, as /sys has it. */
static void put_card(struct machine *m, const char *name, const char *driver)
{
	char path[256], full[512], to[256];

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/x", name);
	put(m, path, "");
	snprintf(full, sizeof(full), "%s/sys/class/net/%s/device/driver", m->root, name);
	snprintf(to, sizeof(to), "../../../../bus/pci/drivers/%s", driver);
	assert_int_equal(symlink(to, full), 0);
}

/* Those count whose driver the capture kernel will have. */
static void test_cards(void **state)
{
	struct machine *m = *state;
	const struct need_line *l;

	put_card(m, "eth0", "ice");
	put_card(m, "eth1", "ice");
	put_card(m, "eth2", "mlx5_core");
	put_card(m, "eth3", "e1000e");
	put(m, "/sys/class/net/lo/type", "772\n");
	l = gather(m, "ice");
	assert_non_null(l);
	assert_non_null(strstr(l->source, "2 network cards"));
	assert_null(gather(m, "mlx5_core"));
}

/* The root file system, which has the dumps, of @fstype on a device of @tib TiB. */
static void put_disk(struct machine *m, const char *fstype, unsigned int tib)
{
	char path[256], text[256];
	struct stat st;

	assert_int_equal(stat(m->root, &st), 0);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/size", major(st.st_dev),
		 minor(st.st_dev));
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)tib << (40 - 9));
	put(m, path, text);
	snprintf(text, sizeof(text),
		 "22 1 9999:1 / /boot rw - vfat /dev/sda1 rw\n"
		 "23 1 %u:%u / / rw shared:1 - %s /dev/sda2 rw\n",
		 major(st.st_dev), minor(st.st_dev), fstype);
	put(m, "/proc/self/mountinfo", text);
}

/* A large ext4 costs by its size; what others take is not known. */
static void test_file_system(void **state)
{
	struct machine *m = *state;
	const struct need_line *l;

	assert_null(gather(m, "file system"));
	put_disk(m, "ext4", 8);
	l = gather(m, "file system");
	assert_non_null(l);
	assert_int_equal(l->bytes, 17 * MIB);
	put_disk(m, "xfs", 8);
	assert_null(gather(m, "file system"));
	put_disk(m, "ext3", 1);
	assert_int_equal(gather(m, "file system")->bytes, 8192 * NEED_EXT_GROUP);
}

static void test_encrypted(void **state)
{
	static const struct {
		const char *flags, *cmdline;
		bool yes;
	} rows[] = {
		{"fpu sme sev", "quiet", false}, // of a host, where guests may have it
		{"fpu sme sev", "quiet mem_encrypt=on", true},
		{"fpu sme sev", "quiet mem_encrypt=off", false},
		{"fpu sev", "mem_encrypt=on", false},
		{"fpu hypervisor sev", "quiet", true},
		{"fpu hypervisor sev_es", "quiet", false},
		{"fpu hypervisor tdx_guest", "quiet", true},
		{"fpu hypervisor", "quiet", false},
	};
	struct machine *m = *state;
	char text[256];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(text, sizeof(text), "processor\t: 0\nflags\t\t: %s\nbugs\t\t: sev\n",
			 rows[i].flags);
		put(m, "/proc/cpuinfo", text);
		put(m, "/proc/cmdline", rows[i].cmdline);
		assert_int_equal(gather(m, "swiotlb") != NULL, rows[i].yes);
	}
	put(m, "/sys/class/misc/sev-guest/dev", "10:1\n");
	assert_int_equal(gather(m, "swiotlb")->bytes, 64 * MIB);
	configure(m, "path /var/crash\nkernel /boot/vmlinuz\ninitrd /boot/initrd\n"
		     "cmdline_append swiotlb=8192,force\n");
	assert_int_equal(gather(m, "swiotlb")->bytes, 16 * MIB);
}

/* What load may see, which does not look at targets, comes to what estimate says. */
static void test_same_sum(void **state)
{
	struct machine *m = *state;
	CLEANUP_FREE struct sizing *here = calloc(1, sizeof(*here));
	char text[512];

	assert_non_null(here);
	gather(m, "kernel");
	snprintf(text, sizeof(text),
		 "{\"status\":\"complete\",\"capture\":{\"images\":\"%s\","
		 "\"memory_ram_kib\":131068,\"memory_low_kib\":80000}}",
		 m->sizing.images);
	put(m, "/var/crash/127.0.0.1-2026-01-01-00:00:00/" CRASHDIR_MANIFEST, text);
	// Of a target that was never looked at nothing is known.
	assert_int_equal(sizing_gather_here(here, m->root, &m->config, NULL), 0);
	assert_int_equal(here->measured.need, 0);
	assert_int_equal(here->bytes, here->need.total);
	gather(m, "kernel");
	assert_int_equal(m->sizing.measured.need >> 10, 131068 - 80000);
	assert_int_equal(sizing_gather_here(here, m->root, &m->config, NULL), 0);
	assert_int_equal(here->bytes, m->sizing.bytes);
	assert_true(here->bytes != here->need.total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cards, setup, teardown),
		cmocka_unit_test_setup_teardown(test_file_system, setup, teardown),
		cmocka_unit_test_setup_teardown(test_encrypted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_sum, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
