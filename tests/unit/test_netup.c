// SPDX-License-Identifier: GPL-2.0-or-later
/* The capture kernel's side: leases, and the files by which names become addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/netlease.h"
#include "collector/netnames.h"
#include "vmcore/netconf.h"

enum {
	FILE_MAX = 4096,
};

static void test_lease(void **state)
{
	char text[NETCONF_ADDRESS_TEXT_MAX];
	struct netlease l;

	(void)state;
	assert_int_equal(netlease_parse("ip=192.0.2.100\nmask=24\nrouter=192.0.2.1 192.0.2.2\n"
					"dns=192.0.2.3 junk 192.0.2.4\ndomain=example.org\n",
					&l, NULL),
			 0);
	assert_string_equal(netconf_ip_text(&l.ip, text), "192.0.2.100");
	assert_int_equal(l.prefix, 24);
	assert_int_equal(l.nroutes, 1);
	assert_int_equal(l.routes[0].prefix, 0);
	assert_string_equal(netconf_ip_text(&l.routes[0].via, text), "192.0.2.1");
	assert_int_equal(l.nservers, 2);
	assert_string_equal(l.search, "example.org");
}

/* RFC 3442: the router does not count beside them, and 0.0.0.0 is no gateway. */
static void test_static_routes(void **state)
{
	char text[NETCONF_ADDRESS_TEXT_MAX];
	struct netlease l;

	(void)state;
	assert_int_equal(netlease_parse("ip=192.0.2.100\nmask=24\nrouter=192.0.2.1\n"
					"staticroutes=10.0.0.0/8 192.0.2.9 192.0.3.0/24 0.0.0.0\n",
					&l, NULL),
			 0);
	assert_int_equal(l.nroutes, 2);
	assert_string_equal(netconf_ip_text(&l.routes[0].via, text), "192.0.2.9");
	assert_int_equal(l.routes[0].prefix, 8);
	assert_int_equal(l.routes[1].via.family, 0);
	assert_false(l.routes[1].onlink);
}

/* What is forged is passed over; without an address there is no lease. */
static void test_forged(void **state)
{
	struct netlease l;

	(void)state;
	assert_int_equal(netlease_parse("ip=192.0.2.100\nmask=24\nsearch=a;reboot\n"
					"router=::1\nnonsense\n",
					&l, NULL),
			 0);
	assert_int_equal(l.nroutes, 0);
	assert_string_equal(l.search, "");
	assert_int_equal(netlease_parse("mask=24\n", &l, NULL), ERR_CORRUPT);
	assert_int_equal(netlease_parse("ip=192.0.2.1\nmask=33\n", &l, NULL), ERR_CORRUPT);
	assert_int_equal(netlease_parse("ip=::1\nmask=24\n", &l, NULL), ERR_CORRUPT);
}

// ---- names ----

static void file_is(const char *dir, const char *name, const char *expected)
{
	CLEANUP_FREE char *text = NULL;
	char path[256];
	struct err err = {0};

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (io_read_file(path, FILE_MAX, &text, NULL, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(text, expected);
	unlink(path);
}

static struct netconf described(const char *text)
{
	struct netconf n;
	struct err err = {0};

	if (netconf_parse(&n, "text", text, strlen(text), &err))
		fail_msg("%s", err.msg);
	return n;
}

static void test_names(void **state)
{
	struct netconf by_dns = described("dns 192.0.2.2\nsearch example.org\n"
					  "host vault.example.org dns 192.0.2.9 2001:db8::9\n"
					  "host 192.0.2.7 files 192.0.2.7\n");
	struct netconf by_file = described("dns 192.0.2.2\nhost vault files 192.0.2.9\n");
	struct netconf alone = described("host vault dns 192.0.2.9\n");
	struct netlease lease;
	char dir[] = "/tmp/test_netup.XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(netlease_parse("ip=10.0.0.5\nmask=8\ndns=10.0.0.3 192.0.2.2\nsearch=lan\n",
					&lease, NULL),
			 0);
	assert_int_equal(netnames_write(&by_dns, &lease, 1, dir, NULL), 0);
	file_is(dir, "resolv.conf",
		"search example.org\nnameserver 10.0.0.3\nnameserver 192.0.2.2\n"
		"options timeout:2 attempts:2\n");
	file_is(dir, "hosts",
		"127.0.0.1 localhost\n::1 localhost\n192.0.2.9 vault.example.org\n"
		"2001:db8::9 vault.example.org\n");
	file_is(dir, "nsswitch.conf", "passwd: files\ngroup: files\nhosts: dns files\n");

	assert_int_equal(netnames_write(&by_file, NULL, 0, dir, NULL), 0);
	file_is(dir, "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
	assert_int_equal(netnames_write(&alone, NULL, 0, dir, NULL), 0);
	file_is(dir, "nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
	file_is(dir, "hosts", "127.0.0.1 localhost\n::1 localhost\n192.0.2.9 vault\n");
	file_is(dir, "resolv.conf", "options timeout:2 attempts:2\n");
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_static_routes),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("netup", tests, NULL, NULL);
}
