// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a block device stands on, whether the initrd has what the targets need, and where there is no
 * memory cgroup to be had: on machines that are laid out in a directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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
#include "base/io.h"
#include "loader/aboard.h"
#include "loader/blockdev.h"
#include "loader/initrd.h"
#include "loader/memcg.h"
#include "loader/sizing.h"
#include "vmcore/config.h"
#include "vmcore/ssh.h"
#include "tests/lib/tree.h"

#define PCI "/sys/devices/pci0000:00/0000:00:01.0"

static char root[64];

static const char *full(const char *path)
{
	static char buf[512];

	snprintf(buf, sizeof(buf), "%s%s", root, path);
	return buf;
}

static void make_parents(const char *path)
{
	char name[512];

	snprintf(name, sizeof(name), "%s", full(path));
	for (char *p = name + strlen(root) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		assert_true(mkdir(name, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
}

static void put(const char *path, const void *data, size_t size)
{
	CLEANUP_CLOSE int fd = -1;

	make_parents(path);
	fd = open(full(path), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, data, size, NULL), 0);
}

static void put_link(const char *path, const char *to)
{
	char target[512];

	snprintf(target, sizeof(target), "%s", full(to));
	make_parents(path);
	unlink(full(path));
	assert_int_equal(symlink(target, full(path)), 0);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	(void)state;
	strcpy(root, TREE_ROOT);
	return mkdtemp(root) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A disk on a virtio device on a PCI one; @dev is a partition of it. */
static void put_disk(dev_t dev)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(dev), minor(dev));
	put(PCI "/virtio0/block/vda/vda1/partition", "1\n", 2);
	put(PCI "/virtio0/driver/x", "", 0);
	put("/sys/module/virtio_blk/x", "", 0);
	put("/sys/module/virtio_pci/x", "", 0);
	unlink(full(PCI "/virtio0/driver/x"));
	put_link(PCI "/virtio0/driver/module", "/sys/module/virtio_blk");
	put_link(PCI "/driver/module", "/sys/module/virtio_pci");
	put_link(path, PCI "/virtio0/block/vda/vda1");
	put("/dev/vda1", "", 0);
	put("/dev/vdb1", "", 0);
	put_link("/dev/disk/by-uuid/1", "/dev/vda1");
	put_link("/dev/disk/by-uuid/2", "/dev/vdb1");
}

static void test_drivers(void **state)
{
	struct blockdev b;

	(void)state;
	put_disk(makedev(254, 1));
	assert_int_equal(blockdev_look(&b, root, makedev(254, 1), NULL), 0);
	assert_int_equal(b.ndrivers, 2);
	assert_string_equal(b.drivers[0], "virtio_blk");
	assert_string_equal(b.drivers[1], "virtio_pci");
	assert_false(b.luks);
	assert_int_equal(blockdev_look(&b, root, makedev(254, 2), NULL), ERR_NOTFOUND);
	blockdev_drivers(&b, root, "/devices/pci0000:00/0000:00:01.0");
	assert_int_equal(b.ndrivers, 1);
	assert_string_equal(b.drivers[0], "virtio_pci");
	blockdev_drivers(&b, root, "/devices/nowhere");
	assert_int_equal(b.ndrivers, 0);
}

/* A LUKS volume on that partition: the header is read there. */
static void test_luks(void **state)
{
	static uint8_t header[0x4000] = "LUKS\xba\xbe\0\2";
	struct blockdev b;

	(void)state;
	put_disk(makedev(254, 1));
	put("/sys/devices/virtual/block/dm-0/dm/uuid", "CRYPT-LUKS2-0123-x\n", 19);
	put_link("/sys/devices/virtual/block/dm-0/slaves/vda1", PCI "/virtio0/block/vda/vda1");
	put_link("/sys/dev/block/253:0", "/sys/devices/virtual/block/dm-0");
	assert_int_equal(blockdev_look(&b, root, makedev(253, 0), NULL), 0);
	assert_true(b.luks && b.luks_unknown);
	header[14] = 0x40;
	strcpy((char *)header + 4096, "{\"keyslots\":{\"3\":{\"kdf\":{\"memory\":1024}}}}");
	put("/dev/vda1", header, sizeof(header));
	assert_int_equal(blockdev_look(&b, root, makedev(253, 0), NULL), 0);
	assert_true(b.luks && !b.luks_unknown);
	assert_int_equal(b.luks_memory, 1 << 20);
	assert_int_equal(b.ndrivers, 2);
	// A device that stands on itself has an end.
	put_link("/sys/devices/virtual/block/dm-0/slaves/dm-0", "/sys/devices/virtual/block/dm-0");
	assert_int_equal(blockdev_look(&b, root, makedev(253, 0), NULL), 0);
}

/* ---- aboard ---- */

struct archive {
	char data[32 << 10];
	size_t n;
};

static void add(struct archive *a, const char *path, const char *text)
{
	a->n += snprintf(a->data + a->n, sizeof(a->data) - a->n,
			 "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x%s", 1,
			 0100644, 0, 0, 1, 0, strlen(text), 0, 0, 0, 0, strlen(path) + 1, 0, path) +
		1;
	a->n = (a->n + 3) / 4 * 4;
	memcpy(a->data + a->n, text, strlen(text));
	a->n = (a->n + strlen(text) + 3) / 4 * 4;
}

static void look(struct aboard *a, struct archive *files, const struct config *c,
		 const char *running)
{
	struct initrd r;

	add(files, "TRAILER!!!", "");
	assert_int_equal(initrd_parse(&r, (uint8_t *)files->data, files->n, NULL), 0);
	aboard_check(a, root, c, &r, "6.1", running);
	initrd_close(&r);
}

static bool has(char list[][ABOARD_TEXT_MAX], size_t n, const char *part)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(list[i], part))
			return true;
	return false;
}

static void test_disk(void **state)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	struct aboard a;
	struct archive files = {.n = 0};

	(void)state;
	config_default(c);
	strcpy(c->targets[0].path, "/crash");
	put_disk(sizing_device_of(root, "/crash"));
	// One is aboard, the other neither that nor built in.
	add(&files, "etc/lifeboat.conf", "ext4 UUID=1\n");
	add(&files, "lib/modules/virtio-pci.ko", "x");
	look(&a, &files, c, "6.1");
	assert_true(has(a.missing, a.nmissing, "no module virtio_blk, and target local /crash"));
	assert_false(has(a.missing, a.nmissing, "virtio_pci"));
	assert_true(has(a.missing, a.nmissing, "run lifeboat-mkinitrd"));
	// Of another kernel whose list is not here nobody knows.
	look(&a, &files, c, "6.2");
	assert_int_equal(a.nmissing, 0);
	assert_true(has(a.notes, a.nnotes, "cannot be told"));
	// Built in.
	put("/lib/modules/6.1/modules.builtin",
	    "kernel/drivers/block/virtio_blk.ko\nkernel/fs/ext4/ext4.ko\n", 58);
	look(&a, &files, c, "6.1");
	assert_false(has(a.missing, a.nmissing, "virtio_blk"));
	put("/lib/modules/6.1/modules.builtin", "kernel/x/virtio_blk_x.ko\nxvirtio_blk.ko\n", 40);
	look(&a, &files, c, "6.2");
	assert_true(has(a.missing, a.nmissing, "virtio_blk"));
}

/* The driver of a port is built in and has a name in /sys, but is no module of the running kernel. */
static void test_no_module(void **state)
{
	static const char dep[] = "kernel/drivers/block/virtio_blk.ko:\n";
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	struct archive files = {.n = 0};
	struct aboard a;

	(void)state;
	config_default(c);
	strcpy(c->targets[0].path, "/crash");
	put_disk(sizing_device_of(root, "/crash"));
	add(&files, "etc/lifeboat.conf", "ext4 UUID=1\n");
	look(&a, &files, c, "6.1");
	assert_true(has(a.missing, a.nmissing, "no module virtio_pci"));
	put("/lib/modules/6.1/modules.dep", dep, strlen(dep));
	look(&a, &files, c, "6.1");
	assert_true(has(a.missing, a.nmissing, "no module virtio_blk"));
	assert_false(has(a.missing, a.nmissing, "virtio_pci"));
}

/* A directory that is on another file system than when the initrd was built. */
static void test_moved(void **state)
{
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	struct archive here = {.n = 0}, other = {.n = 0}, gone = {.n = 0}, none = {.n = 0};
	struct aboard a;

	(void)state;
	config_default(c);
	strcpy(c->targets[0].path, "/crash");
	put_disk(sizing_device_of(root, "/crash"));
	add(&here, "etc/lifeboat.conf", "ext4 UUID=1\n");
	look(&a, &here, c, "6.2");
	assert_int_equal(a.nmissing, 0);
	add(&other, "etc/lifeboat.conf", "ext4 UUID=2\n");
	look(&a, &other, c, "6.2");
	assert_true(
		has(a.missing, a.nmissing,
		    "the initrd has UUID=2 for target local /crash, which is vdb1, and it is on "
		    "vda1 now: run lifeboat-mkinitrd"));
	add(&gone, "etc/lifeboat.conf", "ext4 UUID=no-such-one\n");
	look(&a, &gone, c, "6.2");
	assert_true(has(a.missing, a.nmissing, "which is no device of this machine"));
	add(&none, "etc/lifeboat.conf", "nfs server:/dumps\n");
	look(&a, &none, c, "6.2");
	assert_true(has(a.missing, a.nmissing, "does not know target local /crash"));
}

static void test_ssh(void **state)
{
	static const char text[] = "ssh u@h\nsshkey /k\nssh_hostkeys /h\n";
	CLEANUP_FREE struct config *c = calloc(1, sizeof(*c));
	struct archive old = {.n = 0}, whole = {.n = 0}, stale = {.n = 0};
	struct aboard a;

	(void)state;
	assert_int_equal(config_parse(c, "x", text, strlen(text), true, NULL), 0);
	put("/k", "key", 3);
	put("/h", "hosts", 5);
	put_disk(makedev(254, 1));
	// Built when the target was another one.
	add(&old, "etc/lifeboat.conf", "ext4 LABEL=dump\n");
	look(&a, &old, c, "6.1");
	assert_true(has(a.missing, a.nmissing, "does not know target ssh u@h"));
	assert_true(has(a.missing, a.nmissing, "does not say how to reach target ssh u@h"));
	assert_true(has(a.missing, a.nmissing, "has no ssh"));
	assert_true(has(a.missing, a.nmissing, "has no /k"));
	add(&whole, "etc/lifeboat.conf", text);
	add(&whole, "etc/lifeboat/network",
	    "link eth0 nic mac=1 path=/devices/pci0000:00/0000:00:01.0 driver=x\n");
	add(&whole, "bin/ssh", "x");
	add(&whole, "lib/modules/virtio_pci.ko", "x");
	add(&whole, "k", "key");
	add(&whole, "h", "hosts");
	look(&a, &whole, c, "6.1");
	assert_int_equal(a.nmissing, 0);
	assert_int_equal(a.nnotes, 0);
	// A key that was made anew; a card without its driver.
	add(&stale, "etc/lifeboat.conf", text);
	add(&stale, "etc/lifeboat/network",
	    "link eth0 nic mac=1 path=/devices/pci0000:00/0000:00:01.0 driver=x\n");
	add(&stale, "bin/ssh", "x");
	add(&stale, "k", "kex");
	add(&stale, "h", "hosts");
	look(&a, &stale, c, "6.1");
	assert_int_equal(a.nmissing, 2);
	assert_true(has(a.missing, a.nmissing, "/k has changed since the initrd was built"));
	assert_true(has(a.missing, a.nmissing, "no module virtio_pci, and eth0 needs it"));
}

/* ---- memory cgroups ---- */

static void test_no_cgroup(void **state)
{
	char own[64], path[96];
	struct memcg m;
	uint64_t peak;

	(void)state;
	assert_false(memcg_create(&m, root, 1 << 20));
	assert_string_equal(m.why, "this system has no memory cgroups");
	assert_false(memcg_peak(&m, &peak));
	assert_false(memcg_killed(&m));
	memcg_destroy(&m);
	// The files of a cgroup that cannot be written, as in a container.
	put("/sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n", 16);
	assert_false(memcg_create(&m, root, 1 << 20));
	assert_non_null(strstr(m.why, "hands no memory control down"));
	put("/sys/fs/cgroup/cgroup.subtree_control", "memory\n", 7);
	// One of a run that was killed has a peak of its own, and is not used again.
	assert_int_equal(mkdir(full("/sys/fs/cgroup/lifeboat-rehearse-7"), 0755), 0);
	assert_int_equal(mkdir(full("/sys/fs/cgroup/others"), 0755), 0);
	snprintf(own, sizeof(own), "lifeboat-rehearse-%d/memory.max", (int)getpid());
	assert_false(memcg_create(&m, root, 1 << 20));
	assert_non_null(strstr(m.why, own));
	assert_int_equal(access(full("/sys/fs/cgroup/lifeboat-rehearse-7"), F_OK), -1);
	assert_int_equal(access(full("/sys/fs/cgroup/others"), F_OK), 0);
	*strchr(own, '/') = '\0';
	snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", own);
	assert_int_equal(access(full(path), F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_drivers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_luks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_module, setup, teardown),
		cmocka_unit_test_setup_teardown(test_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ssh, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_cgroup, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
