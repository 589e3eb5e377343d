// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of other machines: what they are made of, and what never gets to a command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/remote.h"

static const struct good_ssh {
	const char *text, *user, *host;
	unsigned int port;
} good_ssh[] = {
	{"kdump@vault", "kdump", "vault", 0},
	{"kdump@vault.example.org:2222", "kdump", "vault.example.org", 2222},
	{"root@192.0.2.1", "root", "192.0.2.1", 0},
	{"root@2001:db8::1", "root", "2001:db8::1", 0},
	{"root@[2001:db8::1]", "root", "2001:db8::1", 0},
	{"root@[2001:db8::1]:22", "root", "2001:db8::1", 22},
	{"root@fe80::1%eth0", "root", "fe80::1%eth0", 0},
	{"a.b-c_d@h:65535", "a.b-c_d", "h", 65535},
};

static const char *const bad_ssh[] = {
	"vault",	   "@vault",
	"kdump@",	   "kdump@vault:",
	"kdump@vault:0",   "kdump@vault:65536",
	"kdump@vault:22x", "kdump@vault:000022",
	"-o@vault",	   "kdump@-oProxyCommand=x",
	"kdump@a b",	   "kd ump@vault",
	"kdump@vault;id",  "kdump@$(id)",
	"kdump@[::1",	   "kdump@[::1]x",
	"kdump@[]",	   "kdump@[::1]:",
	"kdump@fe80::1%",  "kdump@fe80::1%a/b",
	"a@b@c",	   "kdump@vault\n",
};

static void test_ssh(void **state)
{
	struct remote r;
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good_ssh); i++) {
		const struct good_ssh *g = &good_ssh[i];

		if (remote_parse_ssh(&r, g->text, &err))
			fail_msg("%s", err.msg);
		assert_string_equal(r.user, g->user);
		assert_string_equal(r.host, g->host);
		assert_int_equal(r.port, g->port);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_ssh); i++)
		if (remote_parse_ssh(&r, bad_ssh[i], &err) != ERR_USAGE)
			fail_msg("%s was taken", bad_ssh[i]);
}

static void test_ssh_too_long(void **state)
{
	char text[REMOTE_HOST_MAX + 8];
	struct remote r;

	(void)state;
	snprintf(text, sizeof(text), "u@");
	memset(text + 2, 'h', REMOTE_HOST_MAX);
	text[2 + REMOTE_HOST_MAX] = '\0';
	assert_int_equal(remote_parse_ssh(&r, text, NULL), ERR_USAGE);
	text[1 + REMOTE_HOST_MAX] = '\0';
	assert_int_equal(remote_parse_ssh(&r, text, NULL), 0);
}

static void test_nfs(void **state)
{
	static const char *const bad[] = {"vault",    "vault:",	    "vault:export",
					  ":/export", "-v:/export", "va ult:/x"};
	struct remote r;

	(void)state;
	assert_int_equal(remote_parse_nfs(&r, "vault:/export/crash", NULL), 0);
	assert_string_equal(r.host, "vault");
	assert_string_equal(r.path, "/export/crash");
	assert_int_equal(remote_parse_nfs(&r, "[2001:db8::1]:/x", NULL), 0);
	assert_string_equal(r.host, "2001:db8::1");
	assert_string_equal(r.path, "/x");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (remote_parse_nfs(&r, bad[i], NULL) != ERR_USAGE)
			fail_msg("%s was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ssh),
		cmocka_unit_test(test_ssh_too_long),
		cmocka_unit_test(test_nfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
