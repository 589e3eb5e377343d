// SPDX-License-Identifier: GPL-2.0-or-later
/* How a target that is not mounted is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
