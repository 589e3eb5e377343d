// SPDX-License-Identifier: GPL-2.0-or-later
/* What the kernel is told to mount from an NFS server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "collector/nfs.h"
#include "collector/target.h"
#include "vmcore/config.h"

static void expect(unsigned int version, const char *addr, const char *own, const char *fstype,
		   const char *options)
{
	char buf[NFS_OPTIONS_MAX];

	assert_string_equal(nfs_versions[version].fstype, fstype);
	nfs_options(buf, &nfs_versions[version], addr, own);
	assert_string_equal(buf, options);
}

static void test_options(void **state)
{
	char addr[NFS_ADDRESS_MAX], buf[NFS_OPTIONS_MAX];

	(void)state;
	expect(0, "10.0.2.2", "10.0.2.15", "nfs4",
	       "vers=4.2,addr=10.0.2.2,proto=tcp,soft,timeo=100,retrans=3,clientaddr=10.0.2.15");
	expect(2, "2001:db8::1", "", "nfs4",
	       "vers=4.0,addr=2001:db8::1,proto=tcp6,soft,timeo=100,retrans=3");
	expect(3, "fe80::1%eth0", "fe80::2", "nfs",
	       "vers=3,nolock,addr=fe80::1%eth0,proto=tcp6,soft,timeo=100,retrans=3,mountproto="
	       "tcp6");
	assert_null(nfs_versions[4].fstype);
	// The longest there can be is not cut.
	memset(addr, '1', sizeof(addr) - 1);
	addr[sizeof(addr) - 1] = '\0';
	for (const struct nfs_version *v = nfs_versions; v->fstype; v++) {
		nfs_options(buf, v, addr, addr);
		assert_true(strlen(buf) < NFS_OPTIONS_MAX - 1);
	}
}

static void test_names(void **state)
{
	struct config_target conf = {.kind = CONFIG_TARGET_NFS, .where = "server"};
	struct target t = {.conf = &conf};
	struct err err = {0};

	(void)state;
	assert_int_equal(nfs_mount(&t, "/nowhere", &err), ERR_USAGE);
	strcpy(conf.where, "-oport=1:/x");
	assert_int_equal(nfs_mount(&t, "/nowhere", &err), ERR_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
