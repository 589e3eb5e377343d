// SPDX-License-Identifier: GPL-2.0-or-later
/* How a target that is not mounted is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/places.h"

/* Read-only alone has the kernel replay a journal, which writes. */
static void test_journal_stays(void **state)
{
	(void)state;
	assert_string_equal(places_look_only("ext4"), "noload");
	assert_string_equal(places_look_only("ext3"), "noload");
	assert_string_equal(places_look_only("xfs"), "norecovery");
	assert_string_equal(places_look_only("btrfs"), "rescue=nologreplay,subvolid=5");
	// What has none knows no such word.
	assert_string_equal(places_look_only("ext2"), "");
	assert_string_equal(places_look_only("vfat"), "");
}

/* The kernel sets a flag when it mounts one, and clears it when it is unmounted in order. */
static void test_needs_replay(void **state)
{
	// Of the super block of an ext4: s_magic, and s_feature_incompat.
	static const unsigned char magic[] = {0x53, 0xef};
	static const unsigned char clean[] = {0xc2, 0x02, 0, 0}, left[] = {0xc6, 0x02, 0, 0};
	char path[] = "/tmp/test_places.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_false(places_needs_replay(path));
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(pwrite(fd, left, 4, 1024 + 0x60), 4);
	assert_false(places_needs_replay(path));
	assert_int_equal(pwrite(fd, magic, 2, 1024 + 0x38), 2);
	assert_true(places_needs_replay(path));
	assert_int_equal(pwrite(fd, clean, 4, 1024 + 0x60), 4);
	assert_false(places_needs_replay(path));
	close(fd);
	unlink(path);
	assert_false(places_needs_replay(path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal_stays),
		cmocka_unit_test(test_needs_replay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
