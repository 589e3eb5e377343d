// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which kernel is to capture, of those on a machine that is laid out in a directory: the smallest with
 * the modules of disk, links and file system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "loader/choice.h"
#include "tests/lib/tree.h"
#include "vmcore/config.h"

#define RUNNING "6.1.0-30-amd64"
#define VM	"6.1.190-lifeboat-vm"
#define SERVER	"6.1.190-lifeboat-server"
#define PCI	"/sys/devices/pci0000:00/0000:00:01.0"
#define CARD	"/sys/devices/pci0000:00/0000:00:02.0"
/* Whatever the directory of this test is on. */
#define EVERY_FS                                                                   \
	"kernel/fs/ext4/ext4.ko\nkernel/fs/xfs/xfs.ko\nkernel/fs/btrfs/btrfs.ko\n" \
	"kernel/fs/f2fs/f2fs.ko\n"

static char root[64];
static struct config conf;

static void put(const char *path, const char *text)
{
	assert_true(tree_put(root, path, text, strlen(text)));
}

/* @path leads to @to, both below the root. */
static void put_link(const char *path, const char *to)
{
	char from[512], target[512];

	snprintf(from, sizeof(from), "%s%s", root, path);
	snprintf(target, sizeof(target), "%s%s", root, to);
	// For the directories on the way.
	put(path, "");
	assert_int_equal(unlink(from), 0);
	assert_int_equal(symlink(target, from), 0);
}

/* A bzImage that takes @memory MiB (Documentation/arch/x86/boot.rst: init_size at 0x260). */
static void put_kernel(const char *release, unsigned char memory)
{
	unsigned char file[1024] = {0};
	char path[128];

	memcpy(file + 0x202, "HdrS", 4);
	file[0x262] = memory << 4;
	snprintf(path, sizeof(path), "/boot/vmlinuz-%s", release);
	assert_true(tree_put(root, path, file, sizeof(file)));
}

static void put_modules(const char *release, const char *builtin, const char *dep)
{
	char path[128];

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.builtin", release);
	put(path, builtin);
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	put(path, dep);
}

static void put_driver(const char *device, const char *name)
{
	char path[256], module[128];

	snprintf(module, sizeof(module), "/sys/module/%s", name);
	snprintf(path, sizeof(path), "%s/x", module);
	put(path, "");
	snprintf(path, sizeof(path), "%s/driver/module", device);
	put_link(path, module);
}

/* The directory of the test lies on a disk of virtio behind a bridge whose driver is no module. */
static void put_machine(void)
{
	char path[64];
	struct stat st;

	assert_int_equal(stat(root, &st), 0);
	put("/proc/sys/kernel/osrelease", RUNNING "\n");
	put(PCI "/virtio0/block/vda/dev", "");
	put_driver(PCI "/virtio0", "virtio_blk");
	put_driver(PCI, "bridge_of_a_bus");
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	put_link(path, PCI "/virtio0/block/vda");
	put_driver(CARD, "e1000e");
	put(CARD "/net/eth0/operstate", "up\n");
	put_link("/sys/class/net/eth0", CARD "/net/eth0");
	put_link(CARD "/net/eth0/device", CARD);
	put_kernel(RUNNING, 15);
	put_modules(
		RUNNING, EVERY_FS,
		"kernel/drivers/block/virtio_blk.ko.xz:\n"
		"kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko: kernel/drivers/ptp/ptp.ko\n");
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, TREE_ROOT);
	if (!tree_make(root))
		return -1;
	put_machine();
	config_default(&conf);
	conf.ntargets = 1;
	conf.targets[0] = (struct config_target){.kind = CONFIG_TARGET_LOCAL, .path = "/"};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return tree_remove(root);
}

static void assert_choice(const char *release)
{
	char path[CONFIG_VALUE_MAX], expected[128] = "";

	if (release[0])
		snprintf(expected, sizeof(expected), "/boot/vmlinuz-%s", release);
	assert_int_equal(choice_kernel(&conf, root, path, sizeof(path), NULL), 0);
	assert_string_equal(path, expected);
}

static void test_alone(void **state)
{
	(void)state;
	assert_choice("");
}

static void test_smallest(void **state)
{
	(void)state;
	put_kernel(SERVER, 9);
	put_modules(SERVER, EVERY_FS "kernel/drivers/block/virtio_blk.ko\n", "");
	assert_choice(SERVER);
	put_kernel(VM, 7);
	put_modules(VM, EVERY_FS, "kernel/drivers/block/virtio-blk.ko: kernel/x.ko\n");
	assert_choice(VM);
	// One that takes more than the running one is no gain.
	put_kernel(VM, 15);
	put_kernel(SERVER, 14);
	assert_choice(SERVER);
	put_kernel(SERVER, 15);
	assert_choice("");
}

static void test_lacks(void **state)
{
	(void)state;
	put_kernel(VM, 7);
	assert_choice(""); // without modules
	put_modules(VM, EVERY_FS, "kernel/drivers/block/my_virtio_blk.ko:\nvirtio_blk.ko.xz:\n");
	assert_choice("");
	put_modules(VM, EVERY_FS, "kernel/drivers/block/virtio_blk.ko.xz:\n");
	assert_choice(VM);
	strcpy(conf.extra_modules, "sch_fq dm_mod");
	assert_choice("");
	put_modules(VM, EVERY_FS "kernel/drivers/block/virtio_blk.ko\nkernel/net/sch_fq.ko\n",
		    "kernel/drivers/md/dm-mod.ko:\n");
	assert_choice(VM);
}

static void test_network(void **state)
{
	(void)state;
	conf.targets[0] =
		(struct config_target){.kind = CONFIG_TARGET_NFS, .where = "server:/dumps"};
	put_kernel(VM, 7);
	put_modules(VM, "kernel/fs/nfs/nfs.ko\n", "");
	assert_choice("");
	put(CARD "/net/eth0/operstate", "down\n");
	assert_choice(VM);
	put(CARD "/net/eth0/operstate", "up\n");
	put_modules(VM, "kernel/fs/nfs/nfs.ko\n", "kernel/drivers/net/e1000e.ko:\n");
	assert_choice(VM);
	put("/sys/class/net/bond0/bonding/mode", "active-backup 1\n");
	assert_choice("");
	strcpy(conf.network, "none");
	assert_choice(VM);
	conf.failure_action = CONFIG_ACTION_DUMP_TO_ROOTFS;
	assert_choice("");
	conf.failure_action = CONFIG_ACTION_REBOOT;
	put_modules(VM, "", "kernel/drivers/net/e1000e.ko:\n");
	assert_choice("");
}

/* Of what nothing is known nobody can be said to have all. */
static void test_unknown(void **state)
{
	(void)state;
	put_kernel(VM, 7);
	put_modules(VM, EVERY_FS, "kernel/drivers/block/virtio_blk.ko.xz:\n");
	conf.targets[0] = (struct config_target){
		.kind = CONFIG_TARGET_FS, .fstype = "ext4", .where = "/dev/no-such-disk"};
	assert_choice("");
}

/* An update leaves the older one: of two that take the same the newer one. */
static void test_newer(void **state)
{
	static const char older[] = "6.1.99-lifeboat-vm";

	(void)state;
	put_kernel(VM, 7);
	put_modules(VM, EVERY_FS, "kernel/drivers/block/virtio_blk.ko.xz:\n");
	put_kernel(older, 7);
	put_modules(older, EVERY_FS, "kernel/drivers/block/virtio_blk.ko.xz:\n");
	assert_choice(VM);
}

/* Who loads goes by what an initrd was made for, whatever is there now. */
static void test_recorded(void **state)
{
	char path[CONFIG_VALUE_MAX];

	(void)state;
	put_kernel(VM, 7);
	put_modules(VM, EVERY_FS, "kernel/drivers/block/virtio_blk.ko.xz:\n");
	choice_recorded(root, path, sizeof(path));
	assert_string_equal(path, "");
	put(CHOICE_FILE, "/boot/vmlinuz-" VM "\n");
	choice_recorded(root, path, sizeof(path));
	assert_string_equal(path, "/boot/vmlinuz-" VM);
	put(CHOICE_FILE, "/boot/vmlinuz-that-was\n");
	choice_recorded(root, path, sizeof(path));
	assert_string_equal(path, "");
	put(CHOICE_FILE, "\n");
	choice_recorded(root, path, sizeof(path));
	assert_string_equal(path, "");
}

static void test_no_proc(void **state)
{
	char path[CONFIG_VALUE_MAX];
	struct err err;

	(void)state;
	assert_true(tree_drop(root, "/proc/sys/kernel/osrelease"));
	assert_true(choice_kernel(&conf, root, path, sizeof(path), &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smallest, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lacks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_network, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unknown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_proc, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
