// SPDX-License-Identifier: GPL-2.0-or-later
/* What a capture kernel needs, what others would ask for, and what runs have measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "collector/budget.h"
#include "collector/ladder.h"
#include "loader/blockdev.h"
#include "loader/cpus.h"
#include "loader/jsonread.h"
#include "loader/measured.h"
#include "loader/need.h"
#include "loader/peers.h"
#include "loader/sizing.h"
#include "tests/lib/tree.h"
#include "vmcore/config.h"
#include "vmcore/crashdir.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)
#define TIB (1ULL << 40)

static struct need_facts plain(void)
{
	return (struct need_facts){
		.kernel = 50 * MIB,
		.kernel_source = "init_size",
		.initrd_packed = 3 * MIB,
		.initrd_first = 6 * MIB,
		.initrd_unpacked = 8 * MIB,
		.initrd_window = 8 * MIB,
		.initrd_codec = "zstd",
		.modules = MIB,
		.nmodules = 10,
		.memory = 2 * GIB,
		.notes = 2,
		.ranges = 2,
		.area_start = 0x74000000,
		.area_end = 0x7e000000,
		.disk = true,
	};
}

static const struct need_line *line(const struct need *n, const char *name)
{
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->lines[i].name, name) == 0)
			return &n->lines[i];
	return NULL;
}

static uint64_t bytes(const struct need *n, const char *name)
{
	const struct need_line *l = line(n, name);

	return l ? l->bytes : 0;
}

/* The total is the sum of its lines, at the worse of the two moments. */
static void test_sum(void **state)
{
	struct need_facts f = plain();
	struct need n;
	uint64_t sums[3] = {0};

	(void)state;
	need_compute(&n, &f);
	for (size_t i = 0; i < n.n; i++) {
		sums[n.lines[i].when] += n.lines[i].bytes;
		assert_true(n.lines[i].source[0]);
	}
	assert_int_equal(sums[NEED_ALWAYS], n.always);
	assert_int_equal(sums[NEED_AT_BOOT], n.boot);
	assert_int_equal(sums[NEED_AT_WORK], n.work);
	assert_true(n.total >= n.always + n.boot && n.total >= n.always + n.work);
	assert_int_equal(n.total % MIB, 0);
	assert_true(n.total - (n.always + (n.boot > n.work ? n.boot : n.work)) < MIB);
	assert_int_equal(bytes(&n, "kernel"), 50 * MIB);
	assert_null(line(&n, "ssh"));
	assert_null(line(&n, "LUKS"));
	assert_null(line(&n, "CPUs"));
	// A large initrd: then the moment at which it is unpacked is the worse one.
	f.initrd_packed = 60 * MIB;
	need_compute(&n, &f);
	assert_true(n.boot > n.work);
	assert_int_equal(n.total, (n.always + n.boot + MIB - 1) / MIB * MIB);
}

/* Each wish costs, and more of it costs more. */
static void test_wishes(void **state)
{
	struct need_facts f = plain();
	struct need n, more;

	(void)state;
	need_compute(&n, &f);
	f.network = f.ssh = true;
	need_compute(&more, &f);
	assert_int_equal(more.work, n.work + ((NEED_SSH_KIB + NEED_NETWORK_KIB) << 10));
	assert_true(line(&more, "ssh") && line(&more, "network"));
	f.luks = true;
	f.luks_memory = GIB;
	need_compute(&n, &f);
	assert_true(n.work >= more.work + GIB && n.total > more.total + GIB / 2);
	f = plain();
	f.cpus = 4;
	f.present = 8;
	f.may_start = true;
	need_compute(&n, &f);
	assert_int_equal(bytes(&n, "CPUs"), 9 * MIB);
	// By itself as many as there is room for, and none where the machine has no more.
	f.cpus = 0;
	need_compute(&n, &f);
	assert_true(bytes(&n, "CPUs") > 0 && bytes(&n, "CPUs") < 7 * 3 * MIB);
	f.present = 1;
	need_compute(&n, &f);
	assert_null(line(&n, "CPUs"));
	f = plain();
	f.memory = TIB;
	need_compute(&more, &f);
	need_compute(&n, &(struct need_facts){.kernel_source = ""});
	assert_int_equal(bytes(&more, "collector") - bytes(&n, "collector"),
			 (uint64_t)NEED_COLLECTOR_TIB_KIB << 10);
}

/* Struct pages by the sections that the reservation really touches. */
static void test_sections(void **state)
{
	struct need_facts f = plain();
	struct need n;

	(void)state;
	f.area_start = 0x70000000;
	f.area_end = 0x78000000;
	need_compute(&n, &f);
	assert_int_equal(bytes(&n, "struct pages"), 2 * NEED_SECTION_MAP);
	f.area_start = 0x74000000;
	need_compute(&n, &f);
	assert_int_equal(bytes(&n, "struct pages"), 3 * NEED_SECTION_MAP);
	// In the first section there is no other one for the low megabyte.
	f.area_start = 0x1000000;
	need_compute(&n, &f);
	assert_int_equal(bytes(&n, "struct pages"), NEED_SECTION_MAP);
	// Nobody knows where it will be: across a border, and not where the low megabyte is.
	f.area_start = f.area_end = 0;
	need_compute(&n, &f);
	assert_int_equal(bytes(&n, "struct pages"), 3 * NEED_SECTION_MAP);
	assert_int_equal(n.elsewhere, 0);
	// A size at which they reach into one more section by themselves ends, too.
	f.kernel = 512 * GIB;
	need_compute(&n, &f);
	assert_true(bytes(&n, "struct pages") >= 512ULL * 8 * NEED_SECTION_MAP);
}

/* What is written for the next boot is enough wherever that puts it. */
static void test_elsewhere(void **state)
{
	struct need_facts f = plain();
	struct need now, then;

	(void)state;
	for (f.kernel = 16 * MIB; f.kernel < 400 * MIB; f.kernel += 7 * MIB) {
		for (uint64_t was = 0; was < 3 * NEED_SECTION; was += NEED_ALIGN) {
			f.area_start = was;
			f.area_end = was + MIB;
			need_compute(&now, &f);
			for (uint64_t is = 0; is < 3 * NEED_SECTION; is += NEED_ALIGN) {
				f.area_start = is;
				f.area_end = is + MIB;
				need_compute(&then, &f);
				assert_true(now.total + now.elsewhere >= then.total);
			}
		}
	}
}

/* Whole steps, and one more: a margin of 4 to 8 MiB. */
static void test_reserve(void **state)
{
	(void)state;
	assert_int_equal(need_reserve(1), 8 * MIB);
	assert_int_equal(need_reserve(92 * MIB), 96 * MIB);
	assert_int_equal(need_reserve(93 * MIB), 100 * MIB);
}

/* What few machines have: heavy cards, encrypted memory. */
static void test_devices(void **state)
{
	struct need_facts f = plain();
	struct need n, more;

	(void)state;
	need_compute(&n, &f);
	assert_null(line(&n, "swiotlb"));
	assert_int_equal(n.not_in_lab, 0);
	f.swiotlb = NEED_SWIOTLB;
	need_compute(&more, &f);
	assert_true(more.always >= n.always + 64 * MIB);
	assert_int_equal(more.not_in_lab, 64 * MIB);
	assert_int_equal(need_nic("e1000e"), -1);
	f = plain();
	// kdump-utils' number is for the machine, the others are for a card.
	f.nics[need_nic("mlx5_core")] = 4;
	f.nics[need_nic("ice")] = 4;
	need_compute(&more, &f);
	assert_int_equal(bytes(&more, "mlx5_core"), 150 * MIB);
	assert_int_equal(bytes(&more, "ice"), 4 * 32 * MIB);
	assert_int_equal(more.work - n.work, (150 + 4 * 32) * MIB);
	assert_int_equal(more.not_in_lab, more.work - n.work);
	assert_non_null(strstr(line(&more, "ice")->source, "a guess"));
	assert_non_null(strstr(line(&more, "mlx5_core")->source, "4 network cards"));
	// Those of Hyper-V take what they take in any kernel.
	f.nics[need_nic("hv_netvsc")] = 2;
	need_compute(&more, &f);
	assert_int_equal(bytes(&more, "hv_netvsc"), 2 * 18 * MIB);
	assert_non_null(strstr(line(&more, "hv_netvsc")->source, "no less for a dump"));
}

/* A large ext4 takes memory for each of its groups; what a small one takes was measured. */
static void test_file_system(void **state)
{
	struct need_facts f = plain();
	struct need n, more;

	(void)state;
	need_compute(&n, &f);
	f.ext = 400 * GIB;
	need_compute(&more, &f);
	assert_null(line(&more, "file system"));
	assert_int_equal(more.total, n.total);
	f.ext = 16 * TIB;
	need_compute(&more, &f);
	assert_int_equal(bytes(&more, "file system"), 34 * MIB);
	assert_int_equal(more.work, n.work + 34 * MIB);
	assert_int_equal(more.not_in_lab, 34 * MIB);
	assert_int_equal(more.collector, n.collector);
	assert_non_null(strstr(line(&more, "file system")->source, "16384 GiB"));
}

/* A rehearsal raises the collector's part, where it had no more than it will have. */
static void test_rehearsed(void **state)
{
	struct need_facts f = plain();
	struct need n, more;

	(void)state;
	need_compute(&n, &f);
	f.rehearsed_limit = n.collector + 4 * MIB;
	f.rehearsed = n.collector + 3 * MIB;
	need_compute(&more, &f);
	assert_int_equal(bytes(&more, "rehearsal"), 3 * MIB);
	assert_int_equal(more.collector, n.collector + 3 * MIB);
	assert_int_equal(more.work, n.work + 3 * MIB);
	f.rehearsed = n.collector;
	need_compute(&more, &f);
	assert_null(line(&more, "rehearsal"));
	assert_int_equal(more.total, n.total);
	// With 200 MiB it took what there was.
	f.rehearsed_limit = 200 * MIB;
	f.rehearsed = 50 * MIB;
	need_compute(&more, &f);
	assert_int_equal(more.total, n.total);
}

/* What is counted for the collector is what it takes when there is nothing to be had. */
static void test_collector(void **state)
{
	struct ladder ladder;

	(void)state;
	assert_int_equal(ladder_make(&ladder, "auto", 0, false, NULL), 0);
	for (uint64_t tib = 0; tib <= 16; tib++) {
		uint64_t memory = tib ? tib * TIB : 2 * GIB;
		struct budget_need need = {
			.memory = 1,
			.threads = 1,
			.page_size = 4096,
			.bitmap = memory / 4096 / 8,
			.ladder = &ladder,
			.nsinks = 1,
		};
		struct budget b;

		budget_make(&b, &need);
		assert_true(b.used <= ((uint64_t)NEED_COLLECTOR_KIB << 10) +
					      tib * ((uint64_t)NEED_COLLECTOR_TIB_KIB << 10));
	}
}

/* ---- others ---- */

static void test_crashkernel(void **state)
{
	static const struct {
		const char *value;
		uint64_t memory, want; /* MiB */
	} good[] = {
		{"128M", 1024, 128},
		{"0x10000000", 1024, 256},
		{"256M@16M", 1024, 256},
		{"256M,high", 1024, 256},
		{"384M-:128M", 256, 0},
		{"96M@16M", 384, 96},
		{"96M,high", 384, 96},
		{"96m,cma", 384, 96},
		{"384M-:128M@16M", 384, 128},
		{"384M-:128M", 384, 128},
		{"384M-:128M", 1 << 20, 128},
		{"2G-64G:256M,64G-:512M", 1024, 0},
		{"2G-64G:256M,64G-:512M", 2047, 256}, // firmware has some of the 2 GiB
		{"2G-64G:256M,64G-:512M", 65535, 512},
		{"2G-64G:256M,64G-:512M", 32 << 10, 256},
		{"2G-64G:256M,64G-:512M", 64 << 10, 512},
	};
	static const char *const bad[] = {"", "x", "384M-", "384M-:", "384M-1G:", "1G-2G;1M", "-1M",
					  "99999999999999P",
					  // What the kernel would take in part, or not at all.
					  "96MB", "96Mfoo", "1.5G", "96M ", "2G-:96M x",
					  "2G-4G:96M,4G-:128Mx", "96M,higher", "96M@", "96M,128M",
					  "2G-:96M,128M"};
	uint64_t got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(peers_crashkernel(good[i].value, good[i].memory * MIB, &got));
		assert_int_equal(got, good[i].want * MIB);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(peers_crashkernel(bad[i], GIB, &got));
}

static void test_peers(void **state)
{
	struct peers_facts f = {.memory = 16 * GIB, .kernel = 50 * MIB, .initrd = 30 * MIB};
	struct peer p[PEERS_MAX];
	uint64_t most = 0;
	size_t n;

	(void)state;
	n = peers_ask(&f, p);
	assert_int_equal(n, 5);
	assert_int_equal(p[0].bytes, 256 * MIB);
	assert_int_equal(p[1].bytes, 128 * MIB);
	assert_int_equal(p[2].bytes, 512 * MIB);
	assert_int_equal(p[3].bytes, 256 * MIB); // the table: the sum is 156 MiB
	assert_in_range(p[4].bytes, 128 * MIB, 160 * MIB);
	f.luks = GIB;
	n = peers_ask(&f, p);
	for (size_t i = 0; i < n; i++)
		most = p[i].bytes > most ? p[i].bytes : most;
	assert_true(most > GIB);
}

/* ---- LUKS ---- */

static size_t header(uint8_t *buf, size_t room, unsigned int version, const char *json)
{
	memset(buf, 0, room);
	memcpy(buf, "LUKS\xba\xbe", 6);
	buf[7] = version;
	buf[14] = 0x40; // 16 KiB of header and JSON
	strcpy((char *)buf + 4096, json);
	return 0x4000;
}

static void test_luks(void **state)
{
	static const char two[] = "{\"keyslots\":{\"0\":{\"kdf\":{\"type\":\"pbkdf2\"}},"
				  "\"1\":{\"kdf\":{\"type\":\"argon2id\",\"memory\":1048576}},"
				  "\"31\":{\"kdf\":{\"type\":\"argon2i\",\"memory\":65536}}}}";
	uint8_t buf[0x4000];
	uint64_t memory;
	size_t size;

	(void)state;
	size = header(buf, sizeof(buf), 2, two);
	assert_int_equal(blockdev_luks_memory(buf, size, &memory, NULL), 0);
	assert_int_equal(memory, GIB);
	header(buf, sizeof(buf), 1, "");
	assert_int_equal(blockdev_luks_memory(buf, size, &memory, NULL), 0);
	assert_int_equal(memory, 0);
	header(buf, sizeof(buf), 2, "{\"keyslots\":{\"0\":{\"kdf\":{\"memory\":-5}}}}");
	assert_int_equal(blockdev_luks_memory(buf, size, &memory, NULL), 0);
	assert_int_equal(memory, 0);
	// What is cut, lies about its size, or is none.
	header(buf, sizeof(buf), 2, two);
	assert_int_equal(blockdev_luks_memory(buf, size - 1, &memory, NULL), ERR_CORRUPT);
	buf[8] = 0xff;
	assert_int_equal(blockdev_luks_memory(buf, size, &memory, NULL), ERR_CORRUPT);
	header(buf, sizeof(buf), 2, "{\"keyslots\":");
	assert_int_equal(blockdev_luks_memory(buf, size, &memory, NULL), ERR_CORRUPT);
	buf[0] = 0;
	assert_int_equal(blockdev_luks_memory(buf, size, &memory, NULL), ERR_CORRUPT);
	assert_int_equal(blockdev_luks_memory(buf, 100, &memory, NULL), ERR_CORRUPT);
}

/* ---- measured ---- */

static struct measured_run run_of(const char *text, const char *images, unsigned int cpus)
{
	struct json_object *o;
	struct measured_run run;

	assert_int_equal(jsonread_parse("test", text, strlen(text), &o, NULL), 0);
	if (!measured_of_manifest(o, images, cpus, &run))
		assert_int_equal(run.bytes, 0);
	jsonread_free(o);
	return run;
}

static uint64_t measure(const char *text, const char *images, unsigned int cpus)
{
	return run_of(text, images, cpus).bytes >> 10;
}

static void test_measured(void **state)
{
	static const char text[] = "{\"status\":\"complete\",\"capture\":{\"images\":\"a-b\","
				   "\"cpus\":3,\"memory_ram_kib\":160000,\"memory_low_kib\":60000,"
				   "\"peak_memory_kib\":9216,\"budget_kib\":12288}}";
	uint64_t used = 100000 - (9216 - NEED_COLLECTOR_KIB);

	(void)state;
	assert_true(run_of(text, "a-b", 3).complete);
	// The workers of the CPUs that are configured stay, those of the others go with them.
	assert_int_equal(measure(text, "a-b", 3), used + 2 * CPUS_WORKER_KIB);
	assert_int_equal(measure(text, "a-b", 0), used - 2 * CPUS_KERNEL_KIB);
	// Of other images, or of an older collector, nothing is known.
	assert_int_equal(measure(text, "a-c", 0), 0);
	assert_int_equal(measure("{\"capture\":{\"images\":\"a-b\"}}", "a-b", 0), 0);
	assert_int_equal(measure("{}", "a-b", 0), 0);
	// What contradicts itself.
	assert_int_equal(measure("{\"capture\":{\"images\":\"a-b\",\"memory_ram_kib\":5,"
				 "\"memory_low_kib\":6}}",
				 "a-b", 0),
			 0);
	assert_int_equal(measure("{\"capture\":{\"images\":\"a-b\",\"memory_ram_kib\":1000,"
				 "\"memory_low_kib\":999,\"peak_memory_kib\":900000,"
				 "\"budget_kib\":900000}}",
				 "a-b", 0),
			 0);
}

/* A worker is in the collector's peak: it is taken off once. */
static void test_workers_once(void **state)
{
	static const char text[] = "{\"status\":\"complete\",\"capture\":{\"images\":\"a-b\","
				   "\"cpus\":8,\"memory_ram_kib\":160000,\"memory_low_kib\":60000,"
				   "\"peak_memory_kib\":13211,\"budget_kib\":16384}}";

	(void)state;
	// 2.8 MiB for each of seven: 20070 KiB.
	assert_in_range(measure(text, "a-b", 0), 79900, 79960);
	assert_int_equal(measure(text, "a-b", 8), 100000);
}

/* The bitmap of a large machine is no surplus. */
static void test_large_machine(void **state)
{
	static const char text[] = "{\"status\":\"complete\",\"dump\":{\"page_size\":4096},"
				   "\"pages\":{\"memory\":1073741824},"
				   "\"capture\":{\"images\":\"a-b\",\"memory_ram_kib\":160000,"
				   "\"memory_low_kib\":60000,\"peak_memory_kib\":20000,"
				   "\"budget_kib\":20000}}";
	uint64_t least = NEED_COLLECTOR_KIB + 4 * NEED_COLLECTOR_TIB_KIB;

	(void)state;
	assert_int_equal(measure(text, "a-b", 0), 100000 - (20000 - least));
}

/* What was cut short does not tell what is enough. */
static void test_failed_capture(void **state)
{
	static const char killed[] = "{\"status\":\"dmesg-only\",\"reason\":\"killed\","
				     "\"attempts\":[{\"outcome\":\"failed\"},"
				     "{\"outcome\":\"out-of-memory\"}],"
				     "\"capture\":{\"images\":\"a-b\",\"memory_ram_kib\":28668,"
				     "\"memory_low_kib\":9000}}";
	static const char full[] =
		"{\"status\":\"incomplete\",\"attempts\":[{\"outcome\":\"no-room\"}],"
		"\"capture\":{\"images\":\"a-b\",\"memory_ram_kib\":28668,"
		"\"memory_low_kib\":9000}}";
	struct measured_run run;

	(void)state;
	run = run_of(killed, "a-b", 0);
	assert_false(run.complete);
	assert_true(run.bytes > 28 * MIB);
	run = run_of(full, "a-b", 0);
	assert_false(run.complete);
	assert_int_equal(run.bytes >> 10, 28668 - 9000);
}

#define DAY(n) "127.0.0.1-2026-01-0" #n "-00:00:00"

/* A machine whose captures are of the images "a-b". */
struct lab {
	char root[sizeof(TREE_ROOT)];
	struct config config;
};

static void put_capture(struct lab *l, const char *name, const char *status, unsigned int low)
{
	char path[256], text[256];

	snprintf(path, sizeof(path), "/var/crash/%s/" CRASHDIR_MANIFEST, name);
	snprintf(text, sizeof(text),
		 "{\"status\":\"%s\",\"capture\":{\"images\":\"a-b\",\"memory_ram_kib\":160000,"
		 "\"memory_low_kib\":%u,\"peak_memory_kib\":1,\"budget_kib\":1}}",
		 status, low);
	assert_true(tree_put(l->root, path, text, strlen(text)));
}

static int lab_setup(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));

	if (!l || config_parse(&l->config, "c", "path /var/crash\n", 16, true, NULL))
		return -1;
	memcpy(l->root, TREE_ROOT, sizeof(TREE_ROOT));
	*state = l;
	return tree_make(l->root) ? 0 : -1;
}

static int lab_teardown(void **state)
{
	struct lab *l = *state;
	int rc = tree_remove(l->root);

	free(l);
	return rc;
}

static struct measured look(struct lab *l, const char *images, bool targets)
{
	struct measured m;

	measured_find(&m, l->root, &l->config, images, targets);
	return m;
}

/* A capture with little to do says nothing of the next one, nor does one that failed. */
static void test_most_counts(void **state)
{
	struct lab *l = *state;
	struct measured m;

	put_capture(l, DAY(1), "complete", 60000);
	put_capture(l, DAY(2), "complete", 40000);
	put_capture(l, DAY(3), "complete", 90000);
	put_capture(l, DAY(4), "mini-core", 10000);
	m = look(l, "a-b", true);
	assert_int_equal(m.need, 120000ULL << 10);
	assert_non_null(strstr(m.whole.source, DAY(2)));
	assert_int_equal(m.least.bytes, 150000ULL << 10);
	assert_non_null(strstr(m.least.source, DAY(4)));
}

/* What was found on the targets is known where they may not be looked at, and when it is gone. */
static void test_captures_kept(void **state)
{
	struct lab *l = *state;
	struct measured m;

	put_capture(l, DAY(1), "complete", 60000);
	put_capture(l, DAY(2), "failed", 90000);
	m = look(l, "a-b", false);
	assert_int_equal(m.need, 0);
	m = look(l, "a-b", true);
	assert_int_equal(m.need, 100000ULL << 10);
	assert_true(tree_drop(l->root, "/var/crash/" DAY(1) "/" CRASHDIR_MANIFEST));
	for (int targets = 0; targets < 2; targets++) {
		m = look(l, "a-b", targets);
		assert_int_equal(m.need, 100000ULL << 10);
		assert_int_equal(m.least.bytes, 70000ULL << 10);
		assert_non_null(strstr(m.whole.source, DAY(1)));
	}
	// Not of another kernel or initrd, nor with another number of CPUs.
	assert_int_equal(look(l, "a-c", false).need, 0);
	l->config.capture_cpus = 2;
	assert_int_equal(look(l, "a-b", false).need, 0);
}

/* QEMU has not the devices of this machine: a calibration hides no capture. */
static void test_calibration(void **state)
{
	struct lab *l = *state;
	struct measured m;

	put_capture(l, DAY(1), "complete", 60000);
	assert_int_equal(measured_store(l->root, "a-b", 64 * MIB, "in QEMU", NULL), 0);
	m = look(l, "a-b", true);
	assert_int_equal(m.need, 100000ULL << 10);
	assert_false(m.whole.anywhere);
	assert_int_equal(measured_store(l->root, "a-b", 128 * MIB, "in QEMU", NULL), 0);
	m = look(l, "a-b", true);
	assert_int_equal(m.need, 128 * MIB);
	assert_true(m.whole.anywhere);
	assert_string_equal(m.whole.source, "lifeboat calibrate: in QEMU");
	assert_int_equal(look(l, "a-c", false).need, 0);
}

static struct measured rehearse(struct lab *l, unsigned int peak, unsigned int limit, bool killed)
{
	char text[320];

	snprintf(text, sizeof(text),
		 "{\"identity\":{\"kernel\":\"0123abcd4567\",\"initrd\":\"89ef4567cdef\"},"
		 "\"reason\":\"no module for the disk\",\"killed\":%s,"
		 "\"peak_memory_bytes\":%llu,\"memory_limit_bytes\":%llu}",
		 killed ? "true" : "false", peak * MIB, limit * MIB);
	assert_true(tree_put(l->root, "/var/lib/lifeboat/rehearsal.json", text, strlen(text)));
	return look(l, "0123abcd-89ef4567", false);
}

static void test_rehearsal_read(void **state)
{
	struct lab *l = *state;
	struct measured m = rehearse(l, 9, 10, false);

	assert_int_equal(m.rehearsed, 9 * MIB);
	assert_int_equal(m.rehearsed_limit, 10 * MIB);
	assert_int_equal(m.need, 0);
	assert_int_equal(look(l, "0123abcd-89ef4568", false).rehearsed, 0);
	// Full of page cache, or of what was killed.
	assert_int_equal(rehearse(l, 10, 10, false).rehearsed, 0);
	assert_int_equal(rehearse(l, 10, 10, true).rehearsed, 10 * MIB);
}

/* ---- what is made of both ---- */

static void test_settle(void **state)
{
	CLEANUP_FREE struct sizing *s = calloc(1, sizeof(*s));
	struct need_facts f = plain();
	uint64_t boot;

	(void)state;
	assert_non_null(s);
	f.area_start = 0x70000000;
	f.area_end = 0x78000000;
	need_compute(&s->need, &f);
	s->facts.crash_size = s->need.total;
	boot = s->need.always + s->need.boot;
	sizing_settle(s);
	assert_int_equal(s->bytes, s->need.total);
	assert_int_equal(s->next, s->need.total + NEED_SECTION_MAP);
	// What failed for want of memory raises it, what failed with little to do does not lower it.
	s->measured.least.bytes = 30 * MIB;
	sizing_settle(s);
	assert_int_equal(s->bytes, s->need.total);
	s->measured.least.bytes = s->need.total + 5 * MIB;
	sizing_settle(s);
	assert_int_equal(s->bytes, s->need.total + 5 * MIB);
	// A whole one lowers it, not below what the other moment takes.
	s->measured.least.bytes = 0;
	s->measured.need = s->measured.whole.bytes = boot + MIB;
	sizing_settle(s);
	assert_int_equal(s->bytes, (boot + 2 * MIB - 1) / MIB * MIB);
	s->measured.need = s->measured.whole.bytes = 30 * MIB;
	sizing_settle(s);
	assert_int_equal(s->bytes, (boot + MIB - 1) / MIB * MIB);
	s->measured.whole.anywhere = true;
	sizing_settle(s);
	assert_int_equal(s->next, s->bytes);
}

/* A reservation by measurement leaves the collector what it needs. */
static void test_left(void **state)
{
	CLEANUP_FREE struct sizing *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	s->need = (struct need){
		.always = 20 * MIB, .work = 17 * MIB, .total = 37 * MIB, .collector = 8 * MIB};
	s->measured.need = s->measured.whole.bytes = 32 * MIB;
	s->facts.crash_size = 32 * MIB;
	sizing_settle(s);
	assert_int_equal(s->bytes, 32 * MIB);
	assert_int_equal(s->left, 8 * MIB);
	s->facts.crash_size = 36 * MIB;
	sizing_settle(s);
	assert_int_equal(s->left, 12 * MIB);
	s->facts.crash_size = 0;
	sizing_settle(s);
	assert_int_equal(s->left, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sum),
		cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_file_system),
		cmocka_unit_test(test_rehearsed),
		cmocka_unit_test(test_collector),
		cmocka_unit_test(test_crashkernel),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_luks),
		cmocka_unit_test(test_measured),
		cmocka_unit_test(test_workers_once),
		cmocka_unit_test(test_large_machine),
		cmocka_unit_test(test_failed_capture),
		cmocka_unit_test_setup_teardown(test_most_counts, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_captures_kept, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_calibration, lab_setup, lab_teardown),
		cmocka_unit_test_setup_teardown(test_rehearsal_read, lab_setup, lab_teardown),
		cmocka_unit_test(test_settle),
		cmocka_unit_test(test_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
