// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is carried over of a host's network, from the kernel's own words about it: recorded links
 * and addresses (tests/fuzz/corpus/netstate), and answers about ways that each test makes up.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/netdrift.h"
#include "loader/netgather.h"
#include "loader/nettext.h"
#include "tests/lib/blob.h"
#include "vmcore/netconf.h"
#include "vmcore/netstate.h"

#define RECORD "tests/fuzz/corpus/netstate/good-stack.txt"

enum {
	PROTO_BOOT = 3,
	PROTO_DHCP = 16,
};

/* A machine: what its kernel says, and files of it in a directory. */
struct machine {
	struct netstate state;
	char root[64];
	struct netstate_route way;
	int way_rc;
	struct netconf conf;
	char notes[2048];
	struct netgather g;
};

static int answer(void *ctx, const struct netconf_ip *to, struct netstate_route *ret,
		  struct err *err)
{
	struct machine *m = ctx;

	if (m->way_rc)
		return err_set(err, m->way_rc, "Network is unreachable");
	*ret = m->way;
	if (!ret->to.family) {
		ret->to = *to;
		memset(ret->to.bytes, 0, sizeof(ret->to.bytes));
	}
	return 0;
}

static void note(void *ctx, const char *text)
{
	struct machine *m = ctx;
	size_t used = strlen(m->notes);

	snprintf(m->notes + used, sizeof(m->notes) - used, "%s\n", text);
}

static void put_file(const struct machine *m, const char *path, const char *text)
{
	char full[256], command[300];
	FILE *f;

	snprintf(full, sizeof(full), "%s/%s", m->root, path);
	snprintf(command, sizeof(command), "mkdir -p $(dirname %s)", full);
	assert_int_equal(system(command), 0);
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The device of a card, with its driver, as sysfs has it. */
static void put_card(const struct machine *m, const char *name, const char *path)
{
	char command[1024];

	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p sys%s sys/bus/virtio/drivers/virtio_net sys/class/net/%s && "
		 "ln -s \"$PWD\"/sys%s sys/class/net/%s/device && "
		 "ln -s \"$PWD\"/sys/bus/virtio/drivers/virtio_net sys%s/driver",
		 m->root, path, name, path, name, path);
	assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));
	CLEANUP_FREE uint8_t *data = NULL;
	struct err err = {0};
	size_t size;

	snprintf(m->root, sizeof(m->root), "/tmp/test_network.XXXXXX");
	assert_non_null(mkdtemp(m->root));
	assert_int_equal(blob_load(RECORD, &data, &size, &err), 0);
	assert_int_equal(netlink_walk(data, size, netstate_take, &m->state, &err), 0);
	m->g = (struct netgather){
		.state = &m->state,
		.way = answer,
		.ctx = m,
		.root = m->root,
		.note = note,
		.note_ctx = m,
	};
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct machine *m = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", m->root);
	assert_int_equal(system(command), 0);
	netstate_clear(&m->state);
	free(m);
	return 0;
}

static struct netconf_ip ip(const char *text)
{
	struct netconf_ip ret = {0};

	assert_int_equal(netconf_parse_ip(text, &ret, NULL), 0);
	return ret;
}

static struct netconf_host host(const char *name, const char *address)
{
	struct netconf_host h = {.nips = 1};

	snprintf(h.name, sizeof(h.name), "%s", name);
	h.ips[0] = ip(address);
	return h;
}

static void says(const struct netconf *n, const char *expected)
{
	char text[NETCONF_TEXT_MAX];

	assert_int_equal(netconf_print(n, text, sizeof(text), NULL), 0);
	assert_string_equal(text, expected);
}

static int index_of(const struct machine *m, const char *name)
{
	const struct netstate_link *l = netstate_named(&m->state, name);

	assert_non_null(l);
	return l->index;
}

// ---- what the kernel said ----

static void test_links(void **state)
{
	static const uint8_t second[] = {0x52, 0x54, 0x00, 0x11, 0x22, 0x44};
	struct machine *m = *state;
	const struct netstate_link *card = netstate_named(&m->state, "enp4s0");
	const struct netstate_link *bond = netstate_named(&m->state, "uplink");
	const struct netstate_link *vlan = netstate_named(&m->state, "uplink.7");
	const struct netstate_link *bridge = netstate_named(&m->state, "br7");

	assert_non_null(card);
	assert_true(netstate_is_nic(card));
	assert_int_equal(card->master, bond->index);
	assert_true(card->has_perm);
	assert_memory_equal(card->perm, second, sizeof(second));
	// It carries the address of the bond, that of the other card.
	assert_memory_not_equal(card->mac, second, sizeof(second));
	assert_string_equal(bond->kind, "bond");
	assert_int_equal(bond->bond.mode, 4);
	assert_int_equal(bond->bond.miimon, 100);
	assert_int_equal(bond->bond.lacp_rate, 1);
	assert_int_equal(bond->bond.xmit_hash_policy, 1);
	assert_false(netstate_is_nic(bond));
	assert_int_equal(vlan->vlan_id, 7);
	assert_false(vlan->vlan_ad);
	assert_int_equal(vlan->lower, bond->index);
	assert_int_equal(vlan->master, bridge->index);
	assert_false(bridge->stp);
	assert_false(netstate_is_nic(netstate_named(&m->state, "lo")));
}

static const struct netstate_address *find_address(const struct machine *m, const char *text)
{
	struct netconf_ip want = ip(text);

	for (size_t i = 0; i < m->state.naddresses; i++)
		if (netconf_ip_equal(&m->state.addresses[i].ip, &want))
			return &m->state.addresses[i];
	return NULL;
}

static void test_addresses(void **state)
{
	struct machine *m = *state;
	const struct netstate_address *forever = find_address(m, "192.0.2.5");
	const struct netstate_address *leased = find_address(m, "198.51.100.77");

	assert_int_equal(forever->prefix, 24);
	assert_int_equal(forever->valid, NETSTATE_FOREVER);
	assert_int_equal(leased->valid, 597);
	assert_int_equal(find_address(m, "2001:db8::d")->prefix, 128);
}

// ---- what is carried over ----

#define CARD "/devices/pci0000:00/0000:00:02.0/virtio0"
#define STACK(nic1, nic2)                                                             \
	"link enp3s0 nic mac=52:54:00:11:22:33" nic1 " mtu=1500\n"                    \
	"link enp4s0 nic mac=52:54:00:11:22:44" nic2 " mtu=1500\n"                    \
	"link uplink bond mac=52:54:00:11:22:33 mode=802.3ad miimon=100 lacp_rate=1 " \
	"ad_select=0 xmit_hash_policy=1 fail_over_mac=0 mtu=1500\n"                   \
	"link uplink.7 vlan mac=52:54:00:11:22:33 id=7 proto=802.1Q over=uplink mtu=1500\n"

static void test_stack(void **state)
{
	struct machine *m = *state;
	struct netconf_host h = host("vault.example.org", "192.0.2.9");
	struct err err = {0};

	put_card(m, "enp3s0", CARD);
	m->way = (struct netstate_route){
		.link = index_of(m, "br7"),
		.to = ip("192.0.2.0"),
		.prefix = 24,
		.from = ip("192.0.2.5"),
	};
	assert_int_equal(netgather_host(&m->g, &m->conf, &h, &err), 0);
	// The other card has no device here, so it stays away, and so does the virtual machine's
	// port.
	says(&m->conf,
	     "link enp3s0 nic mac=52:54:00:11:22:33 path=" CARD " driver=virtio_net mtu=1500\n"
	     "link uplink bond mac=52:54:00:11:22:33 mode=802.3ad miimon=100 lacp_rate=1 "
	     "ad_select=0 xmit_hash_policy=1 fail_over_mac=0 mtu=1500\n"
	     "link uplink.7 vlan mac=52:54:00:11:22:33 id=7 proto=802.1Q over=uplink mtu=1500\n"
	     "link br7 bridge mac=46:a1:ee:b6:e1:1a stp=off mtu=1500\n"
	     "port uplink enp3s0\n"
	     "port br7 uplink.7\n"
	     "address br7 192.0.2.5/24 static\n"
	     "host vault.example.org dns 192.0.2.9\n");
}

/* A node of a cluster is told apart from a target, on the way there and back. */
static void test_node(void **state)
{
	static const char text[] = "host a.example.org node 192.0.2.9\n"
				   "host b.example.org dns 192.0.2.8\n";
	struct machine *m = *state;
	struct err err = {0};

	assert_int_equal(netconf_parse(&m->conf, "text", text, strlen(text), &err), 0);
	assert_true(m->conf.hosts[0].node);
	assert_false(m->conf.hosts[1].node);
	says(&m->conf, text);
}

static void test_two_cards(void **state)
{
	struct machine *m = *state;
	struct err err = {0};
	int link;

	put_card(m, "enp3s0", CARD);
	put_card(m, "enp4s0", "/devices/pci0000:00/0000:00:03.0/virtio1");
	assert_int_equal(netgather_link(&m->g, &m->conf, index_of(m, "uplink.7"), &link, &err), 0);
	assert_int_equal(link, 3);
	says(&m->conf,
	     STACK(" path=" CARD " driver=virtio_net",
		   " path=/devices/pci0000:00/0000:00:03.0/virtio1 driver=virtio_net") "port uplink enp3s0\n"
										       "port uplink enp4s0\n");
}

static void gathers(struct machine *m, const char *address, const char *expected)
{
	struct netconf_host h = host(address, address);
	struct err err = {0};
	char text[NETCONF_TEXT_MAX], *from;

	h.files = true;
	if (netgather_host(&m->g, &m->conf, &h, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(netconf_print(&m->conf, text, sizeof(text), NULL), 0);
	from = strstr(text, "port br7 vnet0\n");
	assert_non_null(from);
	assert_string_equal(from + strlen("port br7 vnet0\n"), expected);
}

/* By DHCP, from a client that does not say that the route is its own. */
static void test_dhcp(void **state)
{
	struct machine *m = *state;

	m->way = (struct netstate_route){
		.link = index_of(m, "br7"),
		.via = ip("198.51.100.1"),
		.from = ip("198.51.100.77"),
		.protocol = PROTO_BOOT,
		.metric = 7,
	};
	gathers(m, "203.0.113.9",
		"dhcp br7\n"
		"address br7 198.51.100.77/24 dhcp\n"
		"route br7 0.0.0.0/0 dhcp via=198.51.100.1 metric=7\n"
		"host 203.0.113.9 files 203.0.113.9\n");
}

/* The gateway is in the network of the other address, which goes along. */
static void test_covering_address(void **state)
{
	struct machine *m = *state;

	m->way = (struct netstate_route){
		.link = index_of(m, "br7"),
		.via = ip("198.51.100.1"),
		.from = ip("192.0.2.5"),
	};
	gathers(m, "203.0.113.9",
		"dhcp br7\n"
		"address br7 192.0.2.5/24 static\n"
		"address br7 198.51.100.77/24 dhcp\n"
		"route br7 0.0.0.0/0 static via=198.51.100.1 from=192.0.2.5\n"
		"host 203.0.113.9 files 203.0.113.9\n");
}

static void test_gateway_elsewhere(void **state)
{
	struct machine *m = *state;

	m->way = (struct netstate_route){
		.link = index_of(m, "br7"),
		.via = ip("10.0.0.1"),
		.from = ip("192.0.2.5"),
	};
	gathers(m, "203.0.113.9",
		"address br7 192.0.2.5/24 static\n"
		"route br7 0.0.0.0/0 static via=10.0.0.1 from=192.0.2.5 onlink=yes\n"
		"host 203.0.113.9 files 203.0.113.9\n");
}

static void test_dhcp6_and_auto6(void **state)
{
	struct machine *m = *state;

	m->way = (struct netstate_route){
		.link = index_of(m, "br7"),
		.via = ip("fe80::1"),
		.from = ip("2001:db8::d"),
		.protocol = 9,
	};
	gathers(m, "2001:db8:9::9",
		"address br7 2001:db8::d/128 dhcp6\n"
		"route br7 ::/0 auto6 via=fe80::1\n"
		"host 2001:db8:9::9 files 2001:db8:9::9\n");
	memset(&m->conf, 0, sizeof(m->conf));
	m->way.from = ip("2001:db8::77");
	gathers(m, "2001:db8:9::9",
		"auto6 br7\n"
		"address br7 2001:db8::77/64 auto6\n"
		"route br7 ::/0 auto6 via=fe80::1\n"
		"host 2001:db8:9::9 files 2001:db8:9::9\n");
}

static void refuses(struct machine *m, int code, const char *words)
{
	struct netconf_host h = host("vault", "192.0.2.9");
	struct err err = {0};

	assert_int_equal(netgather_host(&m->g, &m->conf, &h, &err), code);
	if (!strstr(err.msg, words))
		fail_msg("not in it: '%s': %s", words, err.msg);
	// Nothing of it stays.
	assert_int_equal(m->conf.nlinks + m->conf.naddresses + m->conf.nhosts, 0);
}

static void test_refusals(void **state)
{
	struct machine *m = *state;

	m->way_rc = ERR_SYS;
	refuses(m, ERR_NOTFOUND, "vault cannot be reached now: 192.0.2.9: Network is unreachable");
	m->way_rc = 0;
	m->way = (struct netstate_route){.link = index_of(m, "lo"), .local = true};
	refuses(m, ERR_UNSUPPORTED, "this machine itself");
	m->way = (struct netstate_route){.link = index_of(m, "lo")};
	refuses(m, ERR_UNSUPPORTED, "cannot be set up");
	m->way = (struct netstate_route){.link = 4711};
	refuses(m, ERR_NOTFOUND, "4711");
	m->way = (struct netstate_route){.link = index_of(m, "br7"), .via = ip("fe80::1")};
	refuses(m, ERR_UNSUPPORTED, "by an IPv6 gateway");
}

/* A ring of links that could only be forged, or half read. */
static void test_ring(void **state)
{
	struct machine *m = *state;
	int link;

	for (size_t i = 0; i < m->state.nlinks; i++)
		if (strcmp(m->state.links[i].name, "uplink.7") == 0)
			m->state.links[i].lower = index_of(m, "br7");
	assert_int_equal(netgather_link(&m->g, &m->conf, index_of(m, "br7"), &link, NULL),
			 ERR_NOTFOUND);
}

static void test_servers(void **state)
{
	struct machine *m = *state;

	m->way = (struct netstate_route){
		.link = index_of(m, "br7"),
		.to = ip("192.0.2.0"),
		.prefix = 24,
		.from = ip("192.0.2.5"),
	};
	put_file(m, "etc/resolv.conf", "# stub\nnameserver 127.0.0.53\nsearch example.org\n");
	put_file(m, "run/systemd/resolve/resolv.conf",
		 "nameserver 192.0.2.2\nnameserver 127.0.0.1\nsearch example.org example.net\n");
	netgather_servers(&m->g, &m->conf);
	assert_int_equal(m->conf.nservers, 1);
	assert_true(
		netconf_ip_equal(&m->conf.servers[0],
				 &(struct netconf_ip){.family = AF_INET, .bytes = {192, 0, 2, 2}}));
	assert_string_equal(m->conf.search, "example.org example.net");
	assert_non_null(strstr(m->notes, "127.0.0.1 runs on this machine"));
}

// ---- the user's own words ----

static void understands(const struct netgather *g, const char *text, const char *expected)
{
	struct netconf n = {.nlinks = 0};
	struct err err = {0};

	if (nettext_parse(g, &n, text, &err))
		fail_msg("%s: %s", text, err.msg);
	says(&n, expected);
}

static void test_text(void **state)
{
	struct machine *m = *state;

	understands(NULL, "any:dhcp any:auto6", "link any nic match=any\ndhcp any\nauto6 any\n");
	understands(NULL, "52:54:00:12:34:56:192.0.2.5/24,gw=192.0.2.1,dns=192.0.2.2,mtu=9000",
		    "link nic nic mac=52:54:00:12:34:56 mtu=9000\n"
		    "address nic 192.0.2.5/24 static\n"
		    "route nic 0.0.0.0/0 static via=192.0.2.1\n"
		    "dns 192.0.2.2\n");
	understands(NULL, "eth0:192.0.2.5/32,gw=10.0.0.1",
		    "link eth0 nic match=name\n"
		    "address eth0 192.0.2.5/32 static\n"
		    "route eth0 0.0.0.0/0 static via=10.0.0.1 onlink=yes\n");
	understands(NULL, "eth0+eth1:dhcp,bond=1,vlan=5 eth0+eth1:auto6,bond=1,vlan=5",
		    "link eth0 nic match=name\n"
		    "link eth1 nic match=name\n"
		    "link bond bond mode=active-backup miimon=100 lacp_rate=0 ad_select=0 "
		    "xmit_hash_policy=0 fail_over_mac=0\n"
		    "link vlan5 vlan id=5 proto=802.1Q over=bond\n"
		    "port bond eth0\n"
		    "port bond eth1\n"
		    "dhcp vlan5\n"
		    "auto6 vlan5\n");
	understands(NULL, "a:2001:db8::5/64,gw=fe80::1",
		    "link a nic match=name\n"
		    "address a 2001:db8::5/64 static\n"
		    "route a ::/0 static via=fe80::1\n");
	// Here a name is looked up, and known by its address then.
	understands(&m->g, "uplink:dhcp",
		    "link enp3s0 nic mac=52:54:00:11:22:33 mtu=1500\n"
		    "link enp4s0 nic mac=52:54:00:11:22:44 mtu=1500\n"
		    "link uplink bond mac=52:54:00:11:22:33 mode=802.3ad miimon=100 lacp_rate=1 "
		    "ad_select=0 xmit_hash_policy=1 fail_over_mac=0 mtu=1500\n"
		    "port uplink enp3s0\n"
		    "port uplink enp4s0\n"
		    "dhcp uplink\n");
}

static void test_bad_text(void **state)
{
	static const char *const bad[] = {
		"",
		"eth0",
		"eth0:",
		":dhcp",
		"eth0:dchp",
		"eth0:192.0.2.5",
		"eth0:192.0.2.5/33",
		"eth0:dhcp,gw",
		"eth0:dhcp,gw=x",
		"eth0:dhcp,vlan=4095",
		"eth0:dhcp,mtu=1",
		"eth0:dhcp,colour=red",
		"eth0+eth1:dhcp",
		"eth0+eth1:dhcp,bond=best",
		"+:dhcp,bond=active-backup",
		"a-name-that-is-too-long:dhcp",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct netconf n = {.nlinks = 0};
		struct err err = {0};

		if (nettext_parse(NULL, &n, bad[i], &err) != ERR_USAGE)
			fail_msg("'%s' was understood", bad[i]);
		assert_non_null(strstr(err.msg, "network"));
	}
}

// ---- what has changed since ----

#define NIC	 "link eth0 nic mac=52:54:00:11:22:33"
#define ADDRESS	 "address eth0 192.0.2.5/24 static\n"
#define ROUTE	 "route eth0 0.0.0.0/0 static via=192.0.2.1 from=192.0.2.5\n"
#define SERVERS	 "dns 192.0.2.53\nsearch example.org\n"
#define HOST	 "host vault dns 198.51.100.9 198.51.100.10\n"
#define STATIC	 NIC "\n" ADDRESS ROUTE SERVERS HOST
#define LEASED	 NIC "\ndhcp eth0\n"
#define BOND(of) "link bond0 bond mode=active-backup miimon=100" of "\nport bond0 eth0\n"

/* @says: NULL where that does not matter to the capture kernel. */
static void test_drift(void **state)
{
	static const struct {
		const char *then, *now, *says;
	} cases[] = {
		{STATIC, STATIC, NULL},
		{STATIC, NIC "\naddress eth0 192.0.2.6/24 static\n" ROUTE SERVERS HOST,
		 "the initrd has 'address eth0 192.0.2.5/24 static', and the network now 'address "
		 "eth0 192.0.2.6/24 static'"},
		{STATIC, NIC "\n" ADDRESS SERVERS HOST,
		 "via=192.0.2.1 from=192.0.2.5', and the network now has nothing like it"},
		{NIC "\n" ADDRESS HOST, NIC "\n" ADDRESS ROUTE HOST,
		 "the network now has 'route eth0 0.0.0.0/0 static via=192.0.2.1 from=192.0.2.5', and "
		 "the initrd nothing like it"},
		{STATIC, NIC "\n" ADDRESS ROUTE "dns 192.0.2.54\nsearch example.org\n" HOST,
		 "the initrd has 'dns 192.0.2.53', and the network now 'dns 192.0.2.54'"},
		{STATIC, NIC "\n" ADDRESS ROUTE "dns 192.0.2.53\nsearch example.net\n" HOST,
		 "'search example.org', and the network now 'search example.net'"},
		{STATIC, NIC "\n" ADDRESS ROUTE SERVERS "host vault dns 198.51.100.9\n",
		 "'host vault dns 198.51.100.9 198.51.100.10', and the network now 'host vault dns "
		 "198.51.100.9'"},
		{STATIC, "link eth0 nic mac=52:54:00:11:22:44\n" ADDRESS ROUTE SERVERS HOST,
		 "'link eth0 nic mac=52:54:00:11:22:33', and the network now 'link eth0 nic "
		 "mac=52:54:00:11:22:44'"},
		{STATIC, NIC " mtu=9000\n" ADDRESS ROUTE SERVERS HOST,
		 "nic mac=52:54:00:11:22:33 mtu=9000'"},
		{NIC "\n" BOND("") HOST,
		 NIC "\nlink bond0 bond mode=802.3ad miimon=100\nport bond0 eth0\n" HOST,
		 "and the network now 'link bond0 bond mode=802.3ad"},
		{NIC "\nlink eth1 nic mac=52:54:00:11:22:44\n" BOND("") "port bond0 eth1\n" HOST,
		 NIC "\n" BOND("") HOST,
		 "'link eth1 nic mac=52:54:00:11:22:44', and the network now has nothing"},
		{LEASED HOST, NIC "\n" ADDRESS HOST,
		 "'dhcp eth0', and the network now has nothing like it"},
		// What is asked for anew: another lease, another router's prefix, what came with them.
		{LEASED
		 "address eth0 192.0.2.77/24 dhcp\nroute eth0 0.0.0.0/0 dhcp via=192.0.2.1\n" SERVERS
			 HOST,
		 LEASED
		 "address eth0 192.0.2.78/24 dhcp\nroute eth0 0.0.0.0/0 dhcp via=192.0.2.2\ndns 192.0.2.9\n" HOST,
		 NULL},
		{NIC "\nauto6 eth0\naddress eth0 2001:db8::1/64 auto6\n" HOST,
		 NIC "\nauto6 eth0\naddress eth0 2001:db8::2/64 auto6\n" HOST, NULL},
		// DHCPv6 is not asked.
		{NIC "\naddress eth0 2001:db8::1/128 dhcp6\n" HOST,
		 NIC "\naddress eth0 2001:db8::2/128 dhcp6\n" HOST, "2001:db8::1/128 dhcp6'"},
		// The order of things, what a card is called, and what drives it.
		{STATIC,
		 NIC "\n" ADDRESS ROUTE SERVERS "host vault dns 198.51.100.10 198.51.100.9\n",
		 NULL},
		{NIC "\nlink eth1 nic mac=52:54:00:11:22:44\n" ADDRESS HOST,
		 "link eth0 nic mac=52:54:00:11:22:44\nlink eth1 nic mac=52:54:00:11:22:33\n"
		 "address eth1 192.0.2.5/24 static\n" HOST,
		 NULL},
		{NIC " driver=e1000\n" HOST, NIC " driver=e1000e\n" HOST, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[NETDRIFT_TEXT_MAX];
		struct netconf then, now;
		bool differs;

		assert_int_equal(netconf_parse(&then, "then", cases[i].then, strlen(cases[i].then),
					       NULL),
				 0);
		assert_int_equal(
			netconf_parse(&now, "now", cases[i].now, strlen(cases[i].now), NULL), 0);
		differs = netdrift_differs(&then, &now, text);
		if (differs != !!cases[i].says || (differs && !strstr(text, cases[i].says)))
			fail_msg("case %zu: expected '%s', found '%s'", i,
				 cases[i].says ? cases[i].says : "", text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_links, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stack, setup, teardown),
		cmocka_unit_test_setup_teardown(test_node, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_cards, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dhcp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_covering_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gateway_elsewhere, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dhcp6_and_auto6, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(test_servers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_drift),
	};

	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
