// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lifeboat status on a forged machine: all is well to begin with; then, for each line, what makes
 * it warn or fail, and the words that say so.
 */
#include "tests/unit/forged.h"

#include <time.h>
#include <utime.h>

#include "base/json.h"
#include "loader/armed.h"
#include "loader/corehdr.h"
#include "loader/identity.h"
#include "loader/iomem.h"
#include "loader/loadplan.h"
#include "loader/receipt.h"

#define SSH_CONF "load_with kexec_load\nssh kdump@vault\npath /var/crash\n"

static void put_time(const char *path, int64_t seconds)
{
	struct utimbuf t = {.actime = seconds, .modtime = seconds};
	char full[FORGED_PATH_MAX];

	assert_int_equal(utime(forged_path(path, full), &t), 0);
}

/* What would be loaded now. */
static struct identity identity_now(void)
{
	const struct context ctx = {.root = m.root, .config = CONFIG_FILE};
	struct loadplan *p = loadplan_create();
	struct identity id;

	assert_non_null(p);
	if (loadplan_facts(p, &ctx, &m.err) || loadplan_config(p, &ctx, NULL, &m.err) ||
	    loadplan_kernel(p, &ctx, &m.err) || loadplan_initrd(p, &ctx, &m.err) ||
	    loadplan_cmdline(p, &ctx, &m.err))
		fail_msg("%s", m.err.msg);
	identity_of(&id, p);
	loadplan_destroy(p);
	return id;
}

/* As rehearse leaves it, of the files that are there. */
static void put_proof(const char *file, int64_t age, const char *result, const char *reason)
{
	struct identity id = identity_now();
	char text[1024];
	struct json j;

	json_init(&j, text, sizeof(text));
	json_object(&j, NULL);
	json_u64(&j, "time", time(NULL) - age);
	json_string(&j, "result", result);
	json_string(&j, "reason", reason);
	identity_put(&id, &j);
	json_object_end(&j);
	assert_false(j.overflow);
	put(file, text);
}

#define REHEARSAL "/var/lib/lifeboat/rehearsal.json"
#define REACHED	  "/var/lib/lifeboat/reached.json"

static void put_receipt_of(const struct identity *id, enum receipt_outcome outcome, int64_t age,
			   bool test)
{
	char name[RECEIPT_NAME_MAX];
	struct receipt r = {
		.identity = *id,
		.outcome = outcome,
		.summary = "that is what became of it",
		.crash_time = time(NULL) - age,
		.told_time = time(NULL) - age,
		.test = test,
	};

	assert_int_equal(receipt_store(&r, m.root, name, NULL), 0);
}

static void put_receipt(enum receipt_outcome outcome, int64_t age, bool test)
{
	struct identity id = identity_now();

	put_receipt_of(&id, outcome, age, test);
}

static void no_receipts(void)
{
	char full[FORGED_PATH_MAX];

	assert_int_equal(
		nftw(forged_path(RECEIPT_DIR, full), forged_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* A machine of which all was proven. */
static int setup(void **state)
{
	int rc = forged_setup(state);

	if (rc)
		return rc;
	// Files are older than what proves them.
	put_time(CONFIG_FILE, time(NULL) - 100);
	put_time(kernel_file(), time(NULL) - 100);
	put_time(initrd_file(), time(NULL) - 50);
	put_proof(REHEARSAL, 10, "ok", "");
	put_receipt(RECEIPT_CAPTURED, 10, true);
	loads();
	return 0;
}

/*
 * The finding of check @name in what status printed: "ok    name        text", to the line's end.
 */
static bool find_line(const char *name, char *line, size_t size)
{
	for (const char *s = m.out; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		size_t len = strlen(name);

		if (strlen(s) < 6 || strncmp(s + 6, name, len) != 0 || s[6 + len] != ' ')
			continue;
		snprintf(line, size, "%.*s", (int)strcspn(s, "\n"), s);
		return true;
	}
	return false;
}

static void expect(const char *name, const char *verdict, const char *says)
{
	char line[1024];

	if (!find_line(name, line, sizeof(line)))
		fail_msg("there is no line '%s' in\n%s", name, m.out);
	if (strncmp(line, verdict, strlen(verdict)) != 0 || !strstr(line, says))
		fail_msg("expected %s '%s', found '%s'", verdict, says, line);
}

static void test_all_is_well(void **state)
{
	(void)state;
	if (run(command_status, "") != 0)
		fail_msg("%s\n%s", m.err.msg, m.out);
	assert_null(strstr(m.out, "warn  "));
	assert_null(strstr(m.out, "fail  "));
	assert_null(strstr(m.out, "-> "));
	assert_non_null(strstr(m.out, "\narmed, and all of it proven\n"));
	assert_string_equal(m.diag, "");
	expect("image", "ok", "as they should, by samples");
	assert_int_equal(run(command_status, "--full"), 0);
	expect("image", "ok", "as they should, every byte");
}

/* ---- what makes a line warn or fail ---- */

static void no_reservation(void)
{
	put("/sys/kernel/kexec_crash_size", "0\n");
}

static void small_reservation(void)
{
	put("/sys/kernel/kexec_crash_size", "4194304\n");
}

static void tight_reservation(void)
{
	put("/sys/kernel/kexec_crash_size", "8388608\n");
}

/* Neither what load found counts for it, nor can it be found again. */
static void odd_initrd(void)
{
	put(initrd_file(), "070701 and no more");
}

static void no_crash_size(void)
{
	drop("/sys/kernel/kexec_crash_size");
}

static void no_proc(void)
{
	drop("/proc/sys/kernel/osrelease");
}

static void not_loaded(void)
{
	put(FORGED_LOADED, "0\n");
}

static void loaded_unknown(void)
{
	drop(FORGED_LOADED);
}

static void no_record(void)
{
	drop(STATE_FILE);
}

static void broken_record(void)
{
	put(STATE_FILE, "nonsense\n");
}

static void new_config(void)
{
	put(CONFIG_FILE, "load_with kexec_load\npath /var/crash2\n");
	put_time(CONFIG_FILE, time(NULL) - 100);
}

static void no_config(void)
{
	drop(CONFIG_FILE);
}

static void bad_config(void)
{
	put(CONFIG_FILE, "pfad /var/crash\n");
}

static void unfit_config(void)
{
	put(CONFIG_FILE, "core_collector makedumpfile -p -d 31\ndracut_args --mount x\n");
}

static void writable_config(void)
{
	set_mode(CONFIG_FILE, 0664);
}

static void foreign_config(void)
{
	char full[FORGED_PATH_MAX];

	// Only root can give a file away; who runs this as another user has one that is not root's.
	if (geteuid() == 0)
		assert_int_equal(chown(forged_path(CONFIG_FILE, full), 1234, 1234), 0);
	else
		set_mode(CONFIG_FILE, 0666);
}

static void change_byte(const char *path)
{
	char full[FORGED_PATH_MAX], byte;
	CLEANUP_CLOSE int fd = open(forged_path(path, full), O_RDWR);

	assert_int_equal(io_pread(fd, &byte, 1, 4242, NULL), 1);
	byte ^= 1;
	assert_int_equal(io_pwrite(fd, &byte, 1, 4242, NULL), 0);
}

static void new_kernel(void)
{
	change_byte(kernel_file());
}

static void other_kernel(void)
{
	put_kernel("/boot/other");
	put(CONFIG_FILE, "load_with kexec_load\npath /var/crash\nkernel /boot/other\n");
}

static void no_kernel(void)
{
	drop(kernel_file());
}

static void new_initrd(void)
{
	change_byte(initrd_file());
}

static void old_initrd(void)
{
	put_time(CONFIG_FILE, time(NULL) - 20);
}

/* An initrd with one text file in it, loaded. */
static void load_with(const char *path, const char *text)
{
	CLEANUP_FREE uint8_t *d = calloc(1, FORGED_INITRD_SIZE + 4096);
	size_t at, size = strlen(text), end;

	assert_non_null(d);
	at = put_entry(d, 0, "bin/data", FORGED_INITRD_SIZE);
	end = put_entry(d, at, path, size);
	memcpy(d + end - (size + 3) / 4 * 4, text, size);
	at = put_entry(d, end, "TRAILER!!!", 0);
	put_bytes(initrd_file(), d, at);
	put_time(initrd_file(), time(NULL) - 50);
	loads();
}

/*
 * One that says what it was made of; then a file of it is another, with a time that is older than the
 * initrd's.
 */
static void load_of(const char *list)
{
	load_with("etc/lifeboat/sources", list);
}

/* The digest of "x\n", of which hook and configuration are. */
#define OF_X "73cb3858a687a8494ca3323053016282f3dad39d42cf62ca4e79dda2aac7d9ac"

static void load_of_files(void)
{
	char list[2 * FORGED_PATH_MAX], now[FORGED_PATH_MAX];
	CLEANUP_FREE char *sum = NULL;
	FILE *f;

	put("/etc/hook", "x\n");
	snprintf(list, sizeof(list), "sha256sum < %s", forged_path(CONFIG_FILE, now));
	sum = malloc(128);
	f = popen(list, "r");
	assert_true(f && fscanf(f, "%64s", sum) == 1);
	pclose(f);
	snprintf(list, sizeof(list), "config %s /some/where\nfile " OF_X " /etc/hook\nfile - /no\n",
		 sum);
	load_of(list);
}

static void hook_came(void)
{
	load_of_files();
	put("/etc/kdump/pre.d/new", "#!/bin/sh\n");
	set_mode("/etc/kdump/pre.d/new", 0755);
}

static void hook_changed(void)
{
	load_of_files();
	put("/etc/hook", "y\n");
	put_time("/etc/hook", time(NULL) - 1000);
}

static void file_came(void)
{
	load_of_files();
	put("/no", "x\n");
}

/* Loaded anew, but not built anew. */
static void config_moved(void)
{
	load_of_files();
	put(CONFIG_FILE, "load_with kexec_load\npath /var/crash2\n");
	put_time(CONFIG_FILE, time(NULL) - 1000);
	loads();
}

static void odd_sources(void)
{
	load_of("config\n");
}

static void no_initrd(void)
{
	drop(initrd_file());
}

static void new_cmdline(void)
{
	put("/proc/cmdline", "root=/dev/vdb1 console=ttyS0 crashkernel=32M\n");
}

static void unknown_cmdline(void)
{
	drop("/proc/cmdline");
}

/* Where in memory the record says that boot_params are. */
static uint64_t params_at(void)
{
	CLEANUP_FREE struct state *s = malloc(sizeof(*s));

	assert_int_equal(state_read(s, m.root, NULL), 0);
	assert_true(s->params);
	return s->params;
}

static void other_words_in_memory(void)
{
	char line[256];

	forged_memory(params_at() + 4096, line, sizeof(line), false);
	memcpy(strstr(line, "root=/dev/vda1"), "root=/dev/vdx1", 14);
	poke(params_at() + 4096, line, sizeof(line));
}

static void other_initrd_in_memory(void)
{
	uint8_t page[4096];
	uint64_t at;

	forged_memory(params_at(), page, sizeof(page), false);
	at = load_le32(page + 0x218);
	poke(at, "x", 1);
}

static void other_kernel_in_memory(void)
{
	// The kernel lies as low as it may: at the first multiple of 2 MiB.
	poke(0x3000000, "xxxxxxxx", 8);
}

static void nothing_in_memory(void)
{
	static const uint8_t zeros[4096];

	poke(params_at(), zeros, sizeof(zeros));
}

/* Of an earlier load something may still lie about, higher up. */
static void stale_params(void)
{
	uint8_t page[8192];
	uint64_t at = 0x4fe0000;
	CLEANUP_FREE struct state *s = malloc(sizeof(*s));

	forged_memory(params_at(), page, sizeof(page), false);
	store_le32(page + 0x228, at + 4096);
	memcpy(strstr((char *)page + 4096, "root=/dev/vda1"), "root=/dev/vdx1", 14);
	poke(at, page, sizeof(page));
	// Then it must be looked for.
	assert_int_equal(state_read(s, m.root, NULL), 0);
	s->params = 0;
	assert_int_equal(state_write(s, m.root, NULL), 0);
}

static void no_kcore(void)
{
	drop("/proc/kcore");
}

static void cpu_without_note(void)
{
	put("/sys/devices/system/cpu/present", "0-2\n");
}

static void cpu_came(void)
{
	put("/sys/devices/system/cpu/present", "0-2\n");
	put_cpu(2);
}

static void cpu_came_unseen(void)
{
	cpu_came();
	no_kcore();
}

static void cpus_unknown(void)
{
	drop("/sys/devices/system/cpu/present");
}

static void no_notes(void)
{
	drop("/sys/devices/system/cpu/cpu0/crash_notes");
	drop("/sys/devices/system/cpu/cpu1/crash_notes");
}

static void memory_came(void)
{
	put("/proc/iomem", FORGED_IOMEM "100000000-13fffffff : System RAM\n");
}

static void memory_came_unseen(void)
{
	memory_came();
	no_kcore();
}

static void memory_went(void)
{
	put("/proc/iomem", "00001000-0009fbff : System RAM\n"
			   "00100000-057fffff : System RAM\n"
			   "  03000000-04ffffff : Crash kernel\n");
}

static void memory_unknown(void)
{
	put("/proc/iomem", "00000000-00000000 : System RAM\n");
}

static void broken_corehdr(void)
{
	char line[64];
	uint64_t at;

	forged_memory(params_at() + 4096, line, sizeof(line), false);
	assert_int_equal(sscanf(line, "elfcorehdr=0x%lx", &at), 1);
	poke(at, "xELF", 4);
}

static void no_vmcoreinfo(void)
{
	drop("/sys/kernel/vmcoreinfo");
}

static void broken_vmcoreinfo(void)
{
	static const uint8_t zeros[32 << 10];

	poke(FORGED_NOTE_AT, zeros, m.note_size);
}

/* The note is in another place since the load, as of another kernel. */
static void vmcoreinfo_moved(void)
{
	uint8_t note[32 << 10];

	forged_memory(FORGED_NOTE_AT, note, m.note_size, false);
	poke(FORGED_NOTE_AT + 0x40000, note, m.note_size);
	putf("/sys/kernel/vmcoreinfo", "0x%016x %zx\n", FORGED_NOTE_AT + 0x40000,
	     (size_t)m.note_size);
}

/* Neither at the load could memory be looked at. */
static void never_seen(void)
{
	CLEANUP_FREE struct state *s = malloc(sizeof(*s));
	struct corehdr h = {.size = 0};
	struct iomem map;

	no_kcore();
	assert_int_equal(state_read(s, m.root, NULL), 0);
	assert_int_equal(iomem_read(&map, m.root, NULL), 0);
	assert_true(corehdr_build(&h, m.root, &map, NULL) >= 0);
	image_digest(h.data, h.size, s->machine.digest);
	assert_int_equal(state_write(s, m.root, NULL), 0);
	iomem_free(&map);
	corehdr_deinit(&h);
}

/* The kernel says that it sees to it, and nobody can look. */
static void hotplug_unseen(void)
{
	put("/sys/devices/system/cpu/crash_hotplug", "1\n");
	put("/sys/devices/system/memory/crash_hotplug", "1\n");
	no_kcore();
}

static void other_release(void)
{
	put("/proc/sys/kernel/osrelease", "6.1.0-other\n");
}

static void no_page_size(void)
{
	change_note("SIZE(page)=", "XIZE(page)=");
}

static void no_memory_model(void)
{
	change_note("SYMBOL(mem_section)=", "SYMBOL(men_section)=");
}

static void wrong_addresses(void)
{
	change_note("SYMBOL(init_uts_ns)=ffffffff811f0000", "SYMBOL(init_uts_ns)=ffffffff811f4000");
}

static void no_log(void)
{
	change_note("SYMBOL(prb)=", "SYMBOL(pry)=");
}

static void no_free_pages(void)
{
	change_note("OFFSET(page.private)=", "OFFSET(page.privatx)=");
}

static void no_room(void)
{
	put("/proc/meminfo", "MemTotal: 9999999999999 kB\n");
}

static void room_unknown(void)
{
	drop("/proc/meminfo");
}

static void no_device(void)
{
	put(CONFIG_FILE, "ext4 /dev/lifeboat-is-not-there\n");
}

/* ---- the way to another machine; where the configuration says it, this one's does not matter ---- */

#define ANY_WAY "link any nic match=any\ndhcp any\n"

static void say_network(const char *host, const char *network)
{
	putf(CONFIG_FILE, "load_with kexec_load\nssh kdump@%s\n%s", host, network);
	put_time(CONFIG_FILE, time(NULL) - 100);
}

static void network_same(void)
{
	say_network("192.0.2.9", "network any:dhcp\n");
	load_with("etc/lifeboat/network", ANY_WAY "host 192.0.2.9 files 192.0.2.9\n");
}

static void network_other_way(void)
{
	say_network("192.0.2.9", "network any:192.0.2.6/24\n");
	load_with("etc/lifeboat/network",
		  "link any nic match=any\naddress any 192.0.2.5/24 static\n"
		  "host 192.0.2.9 files 192.0.2.9\n");
}

static void network_other_host(void)
{
	say_network("192.0.2.8", "network any:dhcp\n");
	load_with("etc/lifeboat/network", ANY_WAY "host 192.0.2.9 files 192.0.2.9\n");
}

static void network_broken(void)
{
	say_network("192.0.2.9", "network any:dhcp\n");
	load_with("etc/lifeboat/network", ANY_WAY "adress any 192.0.2.5/24 static\n");
}

static void network_absent(void)
{
	say_network("192.0.2.9", "");
	loads();
}

static void network_absent_named(void)
{
	char line[FORGED_PATH_MAX];

	snprintf(line, sizeof(line), "initrd %s\n", initrd_file());
	say_network("192.0.2.9", line);
	loads();
}

static void network_by_hook(void)
{
	say_network("192.0.2.9", "network none\n");
	loads();
}

/* Made by --generic: what it has is what that makes now. */
static void network_generic(void)
{
	say_network("192.0.2.9", "");
	load_with("etc/lifeboat/network", ANY_WAY "auto6 any\nhost 192.0.2.9 files 192.0.2.9\n");
}

/* No way leads there that a capture kernel could go, on any machine. */
static void network_untold(void)
{
	say_network("127.0.0.1", "");
	load_with("etc/lifeboat/network",
		  "link eth0 nic mac=52:54:00:12:34:56\nhost 127.0.0.1 files 127.0.0.1\n");
}

static void network_unreadable(void)
{
	say_network("192.0.2.9", "network any:dhcp\n");
	odd_initrd();
}

static void ssh_without_key(void)
{
	put(CONFIG_FILE, SSH_CONF);
}

static void run_tool(const char *command)
{
	char line[1024];

	snprintf(line, sizeof(line), command, m.root);
	assert_int_equal(system(line), 0);
}

static void ssh_key(void)
{
	put(CONFIG_FILE, SSH_CONF);
	run_tool("ssh-keygen -q -t ed25519 -N '' -f %s/var/lib/lifeboat/id_ed25519");
}

static void ssh_open_key(void)
{
	ssh_key();
	set_mode("/var/lib/lifeboat/id_ed25519", 0640);
}

static void ssh_secret_key(void)
{
	put(CONFIG_FILE, SSH_CONF);
	run_tool("ssh-keygen -q -t ed25519 -N sesame -f %s/var/lib/lifeboat/id_ed25519");
}

static void ssh_other_host(void)
{
	ssh_key();
	run_tool("sed 's/^/elsewhere /' %1$s/var/lib/lifeboat/id_ed25519.pub > "
		 "%1$s/var/lib/lifeboat/known_hosts");
}

static void ssh_known(void)
{
	ssh_key();
	run_tool("sed 's/^/vault /' %1$s/var/lib/lifeboat/id_ed25519.pub > "
		 "%1$s/var/lib/lifeboat/known_hosts");
}

static void put_reached(const char *name, const char *result, int64_t age)
{
	putf(REACHED,
	     "{\"targets\": [{\"name\": \"%s\", \"time\": %lld, \"result\": \"%s\", "
	     "\"reason\": \"so it was\"}]}\n",
	     name, (long long)time(NULL) - age, result);
}

static void ssh_reached(const char *result, int64_t age)
{
	ssh_known();
	put_reached("ssh kdump@vault path=/var/crash key=/var/lib/lifeboat/id_ed25519 "
		    "hostkeys=/var/lib/lifeboat/known_hosts method=plain",
		    result, age);
}

/* Answers of the same machine, to another question. */
static void ssh_other_path(void)
{
	ssh_known();
	put_reached("ssh kdump@vault path=/srv key=/var/lib/lifeboat/id_ed25519 "
		    "hostkeys=/var/lib/lifeboat/known_hosts method=plain",
		    "ok", 5);
}

static void ssh_other_key(void)
{
	ssh_known();
	put_reached("ssh kdump@vault path=/var/crash key=/etc/key "
		    "hostkeys=/var/lib/lifeboat/known_hosts method=plain",
		    "ok", 5);
}

static void ssh_other_method(void)
{
	ssh_known();
	put_reached("ssh kdump@vault path=/var/crash key=/var/lib/lifeboat/id_ed25519 "
		    "hostkeys=/var/lib/lifeboat/known_hosts method=receive",
		    "ok", 5);
}

static void nfs_rehearsed(void)
{
	put(CONFIG_FILE, "load_with kexec_load\nnfs 127.0.0.1:/crash\npath /\n");
	put_time(CONFIG_FILE, time(NULL) - 100);
	loads();
	put_reached("nfs 127.0.0.1:/crash path=/", "ok", 5);
	put_proof(REHEARSAL, 5, "ok", "");
}

static void nfs_listens(void)
{
	nfs_rehearsed();
	drop(REHEARSAL);
}

static void ssh_failed(void)
{
	ssh_reached("failed", 5);
}

static void ssh_keeps(void)
{
	put(CONFIG_FILE, SSH_CONF "keep_dumps 3\n");
}

static void ssh_keeps_here_too(void)
{
	put(CONFIG_FILE, SSH_CONF "keep_dumps 3\nfallback ext4 /dev/lifeboat-is-not-there\n");
}

static void ssh_old(void)
{
	ssh_reached("ok", 30 * 86400);
}

static void ssh_well(void)
{
	ssh_reached("ok", 86400);
}

static void ssh_young_key(void)
{
	ssh_known();
	put_time(CONFIG_FILE, time(NULL) - 100);
	loads();
	put_time("/var/lib/lifeboat/known_hosts", time(NULL) - 100);
	put_time("/var/lib/lifeboat/id_ed25519", time(NULL) - 5);
}

static void oops_goes_on(void)
{
	put("/proc/sys/kernel/panic_on_oops", "0\n");
}

/* Panics that are asked for, of detectors that are switched off. */
static void detectors_off(void)
{
	put("/proc/sys/kernel/hung_task_panic", "1\n");
	put("/proc/sys/kernel/hung_task_timeout_secs", "0\n");
	put("/proc/sys/kernel/softlockup_panic", "1\n");
	put("/proc/sys/kernel/soft_watchdog", "0\n");
	put("/proc/sys/kernel/watchdog", "1\n");
	put("/proc/sys/kernel/hardlockup_panic", "1\n");
	put("/proc/sys/kernel/nmi_watchdog", "0\n");
}

static void detectors_on(void)
{
	detectors_off();
	put("/proc/sys/kernel/hung_task_timeout_secs", "120\n");
	put("/proc/sys/kernel/soft_watchdog", "1\n");
	put("/proc/sys/kernel/nmi_watchdog", "1\n");
}

static void watchdogs_off(void)
{
	detectors_on();
	put("/proc/sys/kernel/watchdog", "0\n");
}

static void oops_unknown(void)
{
	drop("/proc/sys/kernel/panic_on_oops");
}

static void notifiers_first(void)
{
	put("/sys/module/kernel/parameters/crash_kexec_post_notifiers", "Y\n");
}

static void not_root(void)
{
	put("/proc/self/status", "Name:\tx\nCapEff:\t0000000000000000\n");
}

static void load_disabled(void)
{
	put("/proc/sys/kernel/kexec_load_disabled", "1\n");
}

static void load_unknown(void)
{
	drop("/proc/sys/kernel/kexec_load_disabled");
}

static void load_limit(void)
{
	put("/proc/sys/kernel/kexec_load_limit_panic", "0\n");
}

static void locked_down(void)
{
	put("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
}

static void lock_wanted(void)
{
	put(CONFIG_FILE, "load_with kexec_load\nlock_after_load yes\n");
}

static void lock_made(void)
{
	lock_wanted();
	load_disabled();
}

static void open_directory(void)
{
	set_mode("/var/lib/lifeboat", 0755);
}

static void open_record(void)
{
	set_mode(STATE_FILE, 0644);
}

static void writable_hook(void)
{
	put("/etc/hook", "#!/bin/sh\n");
	set_mode("/etc/hook", 0777);
	put(CONFIG_FILE, "load_with kexec_load\npath /var/crash\nkdump_post /etc/hook\n");
}

static void open_initrd_with_key(void)
{
	ssh_known();
	set_mode(initrd_file(), 0644);
}

static void never_rehearsed(void)
{
	drop(REHEARSAL);
}

static void rehearsal_failed(void)
{
	put_proof(REHEARSAL, 5, "failed", "no module for the disk");
}

static void rehearsal_warned(void)
{
	put_proof(REHEARSAL, 5, "warn", "little memory was left");
}

static void rehearsal_old(void)
{
	put_proof(REHEARSAL, 91 * 86400, "ok", "");
}

/* With a time that is older than the rehearsal. */
static void rehearsal_of_other_config(void)
{
	put(CONFIG_FILE, "load_with kexec_load\npath /var/crash2\n");
	put_time(CONFIG_FILE, time(NULL) - 100);
	loads();
}

/* As they were before the digests. */
static void rehearsal_untold(void)
{
	putf(REHEARSAL, "{\"time\": %lld, \"result\": \"ok\", \"images\": \"01234567-89abcdef\"}\n",
	     (long long)time(NULL) - 5);
}

static void rehearsal_broken(void)
{
	put(REHEARSAL, "{\"result\": \"ok\"}\n");
}

static void never_tested(void)
{
	no_receipts();
}

static void test_failed(void)
{
	put_receipt(RECEIPT_FAILED, 5, true);
}

/* The files that make the difference are older than what was proven with those before them. */
static void kernel_swapped(void)
{
	new_kernel();
	put_time(kernel_file(), time(NULL) - 1000);
}

static void initrd_swapped(void)
{
	new_initrd();
	put_time(initrd_file(), time(NULL) - 1000);
}

static void kernel_and_cmdline_other(void)
{
	kernel_swapped();
	new_cmdline();
}

/* The same bytes, written anew since; and the boot is another one. */
static void files_touched(void)
{
	put_time(kernel_file(), time(NULL));
	put_time(initrd_file(), time(NULL));
	put("/proc/sys/kernel/random/boot_id", "11234567-89ab-cdef-0123-456789abcdef\n");
	loads();
}

static void failures_of_other_config(void)
{
	rehearsal_failed();
	test_failed();
	rehearsal_of_other_config();
}

static void test_untold(void)
{
	no_receipts();
	put_receipt_of(&(struct identity){.kernel = ""}, RECEIPT_CAPTURED, 10, true);
}

static void test_failed_untold(void)
{
	put_receipt_of(&(struct identity){.kernel = ""}, RECEIPT_FAILED, 5, true);
}

static void crash_lost(void)
{
	put_receipt(RECEIPT_FAILED, 5, false);
}

static void crash_in_part(void)
{
	put_receipt(RECEIPT_PARTIAL, 5, false);
}

static void crash_lost_long_ago(void)
{
	no_receipts();
	put_receipt(RECEIPT_FAILED, 5000, false);
}

static void crash_captured(void)
{
	put_receipt(RECEIPT_CAPTURED, 5, false);
}

static void receipts_unreadable(void)
{
	no_receipts();
	put(RECEIPT_DIR, "");
}

static const struct scenario {
	void (*forge)(void);
	const char *check, *verdict, *says;
} scenarios[] = {
	{no_reservation, "reserved", "fail", "although crashkernel= was given"},
	{small_reservation, "reserved", "fail", "need 5 MiB, and 4 MiB are reserved"},
	{no_crash_size, "reserved", "fail", "has no /sys/kernel/kexec_crash_size"},
	{no_proc, "reserved", "fail", "is /proc mounted?"},
	{tight_reservation, "need", "fail", "and 8 are reserved"},
	{odd_initrd, "need", "warn", "how much a capture takes cannot be told"},
	{no_initrd, "need", "fail", "there is no initrd for the capture kernel yet"},
	{not_loaded, "loaded", "fail", "no capture kernel is in place"},
	{loaded_unknown, "loaded", "fail", "does not tell whether one is in place"},
	{no_proc, "loaded", "fail", "is /proc mounted?"},
	{no_record, "record", "fail", "there is no record of a load"},
	{broken_record, "record", "fail", "can't be understood"},
	{not_loaded, "record", "fail", "is gone"},
	{new_config, "config", "fail", CONFIG_FILE " has changed since the load"},
	{no_config, "config", "fail", "no file counts now, " CONFIG_FILE " did when it was loaded"},
	{bad_config, "config", "fail", "pfad: no such key"},
	{unfit_config, "config", "fail", "--mount does not name a target here"},
	{writable_config, "config", "fail", "others than its owner may write to it"},
	{foreign_config, "config", "fail", CONFIG_FILE ": "},
	{no_record, "config", "fail", "whether what is loaded has it is not known"},
	{new_kernel, "kernel", "fail", "has changed since the load"},
	{other_kernel, "kernel", "fail", "/boot/other is to be loaded, /boot/vmlinuz-"},
	{no_kernel, "kernel", "fail", "no kernel 6.1.0-test in /boot"},
	{bad_config, "kernel", "fail", "pfad: no such key"},
	{no_record, "kernel", "fail", "whether it was is not known"},
	{new_initrd, "initrd", "fail", "has changed since the load"},
	{load_of_files, "initrd", "ok", "built of the files of now"},
	{hook_came, "initrd", "fail", "was built before hook /etc/kdump/pre.d/new came"},
	{hook_changed, "initrd", "fail", "was built of another /etc/hook than there is now"},
	{file_came, "initrd", "fail", "was built of another /no than"},
	{config_moved, "initrd", "fail", "was built of another " CONFIG_FILE " than there is now"},
	{odd_sources, "initrd", "fail", "has a line that is none: 'config'"},
	{old_initrd, "initrd", "fail", "was built before " CONFIG_FILE " was changed"},
	{ssh_young_key, "initrd", "fail",
	 "was built before /var/lib/lifeboat/id_ed25519 was changed"},
	{no_initrd, "initrd", "fail", "there is no initrd for the capture kernel yet"},
	{no_record, "initrd", "fail", "whether it was is not known"},
	{new_cmdline, "cmdline", "fail", "it would be another one now: root=/dev/vdb1"},
	{unknown_cmdline, "cmdline", "fail", "/proc/cmdline: No such file"},
	{no_record, "cmdline", "fail", "is not known"},
	{other_words_in_memory, "image", "fail", "the command line is another one: root=/dev/vdx1"},
	{other_initrd_in_memory, "image", "fail", "the initrd: differs in the page at 0x"},
	{other_kernel_in_memory, "image", "fail", "the kernel: it is nowhere in reserved memory"},
	{stale_params, "image", "ok", "by samples"},
	{stale_params, "memory", "ok", "are in what is loaded"},
	{nothing_in_memory, "image", "fail", "another program may have loaded another one"},
	{not_loaded, "image", "fail", "nothing is loaded"},
	{no_record, "image", "fail", "has nothing to be held against"},
	{no_kcore, "image", "warn", "cannot be looked at: /proc/kcore"},
	{memory_unknown, "image", "warn", "cannot be looked at: /proc/iomem shows no addresses"},
	{cpu_without_note, "cpus", "fail", "CPU 2 is present, and the kernel keeps no note"},
	{cpu_came, "cpus", "fail", "the notes of 1 CPUs, the first of them CPU 2"},
	{cpu_came_unseen, "cpus", "fail", "notes of CPUs may have changed since the load"},
	{never_seen, "cpus", "warn",
	 "notes of CPUs are those of the load; what is loaded cannot be"},
	{hotplug_unseen, "cpus", "warn",
	 "keeps notes of CPUs up to date; that cannot be looked at"},
	{cpus_unknown, "cpus", "warn", "which CPUs are present cannot be read"},
	{no_notes, "cpus", "fail", "no CPU has a crash note"},
	{nothing_in_memory, "cpus", "fail", "no notes of CPUs that can be found"},
	{broken_corehdr, "cpus", "fail", "expected a little-endian ELF64 header"},
	{memory_came, "memory", "fail", "1024 MiB of memory, from 0x100000000 on"},
	{memory_came_unseen, "memory", "fail", "ranges of memory may have changed since the load"},
	{never_seen, "memory", "warn", "ranges of memory are those of the load; what is loaded"},
	{hotplug_unseen, "memory", "warn", "keeps ranges of memory up to date; that cannot be"},
	{memory_went, "memory", "fail", "8 MiB at 0x5800000 are not memory any more"},
	{memory_unknown, "memory", "fail", "/proc/iomem shows no addresses"},
	{broken_corehdr, "memory", "fail", "expected a little-endian ELF64 header"},
	{no_vmcoreinfo, "vmcoreinfo", "fail", "expected an address and a size"},
	{broken_vmcoreinfo, "vmcoreinfo", "fail", "there is no such note at 0x2400000"},
	{vmcoreinfo_moved, "vmcoreinfo", "fail", "the note at 0x2440000 is not in what is loaded"},
	{other_release, "vmcoreinfo", "fail",
	 "it is of Linux 6.1.0-test, and 6.1.0-other is running"},
	{no_page_size, "vmcoreinfo", "fail", "vmcoreinfo has no SIZE(page)"},
	{no_memory_model, "vmcoreinfo", "fail", "it has neither mem_section nor mem_map"},
	{wrong_addresses, "vmcoreinfo", "fail", "addresses cannot be translated by it"},
	{no_log, "vmcoreinfo", "fail", "neither SYMBOL(prb) nor SYMBOL(log_buf)"},
	{no_free_pages, "vmcoreinfo", "warn", "no OFFSET(page.private)"},
	{no_kcore, "vmcoreinfo", "warn", "it cannot be looked at: /proc/kcore"},
	{no_room, "target 1", "fail", "too little"},
	{room_unknown, "target 1", "warn", "how much a dump needs is not known"},
	{no_device, "target 1", "fail", "there is no such device"},
	{ssh_without_key, "target 1", "fail", "id_ed25519: is not there"},
	{ssh_open_key, "target 1", "fail", "others than its owner may get at it"},
	{ssh_secret_key, "target 1", "fail", "is no private key without a passphrase"},
	{ssh_key, "target 1", "fail", "known_hosts: is not there"},
	{ssh_other_host, "target 1", "fail", "has no host key of vault"},
	{ssh_known, "target 1", "warn", "whether it answers was never tried"},
	{ssh_failed, "target 1", "fail", "so it was"},
	{ssh_old, "target 1", "warn", "the last answer is too old"},
	{ssh_well, "target 1", "ok", "so it was"},
	{ssh_other_path, "target 1", "warn", "whether it answers was never tried"},
	{ssh_other_key, "target 1", "warn", "whether it answers was never tried"},
	{ssh_other_method, "target 1", "warn", "whether it answers was never tried"},
	{nfs_rehearsed, "target 1", "ok", "so it was; the last rehearsal wrote to it"},
	{nfs_listens, "target 1", "warn", "so it was; only the port was tried"},
	{bad_config, "target", "fail", "pfad: no such key"},
	{ssh_known, "upkeep", "ok", "crash_loop does nothing"},
	{ssh_keeps, "upkeep", "warn", "keep_dumps, keep_bytes and keep_days do nothing"},
	{ssh_keeps_here_too, "upkeep", "ok", "can be seen on a target"},
	{bad_config, "upkeep", "fail", "pfad: no such key"},
	{oops_goes_on, "triggers", "warn", "no dump, and the machine goes on: an oops, "},
	{detectors_off, "triggers", "warn",
	 "no dump of a task that hangs (hung_task_timeout_secs is 0), a soft lockup "
	 "(soft_watchdog is 0), a hard lockup (nmi_watchdog is 0)"},
	{watchdogs_off, "triggers", "warn",
	 "no dump of a soft lockup (watchdog is 0), a hard lockup (watchdog is 0)"},
	{detectors_on, "triggers", "ok",
	 "a panic, an oops, a task that hangs, a soft lockup, a hard lockup: a dump; "},
	{oops_unknown, "triggers", "warn", "cannot be read in /proc/sys/kernel/panic_on_oops"},
	{notifiers_first, "triggers", "warn", "panic notifiers run before the capture kernel"},
	{not_root, "reload", "fail", "this process may load nothing"},
	{load_disabled, "reload", "fail", "kexec_load_disabled is 1"},
	{load_unknown, "reload", "warn", "cannot be read"},
	{load_limit, "reload", "fail", "kexec_load_limit_panic is used up"},
	{locked_down, "reload", "fail", "locked down (integrity) and takes nothing by kexec_load"},
	{lock_wanted, "reload", "fail", "the kernel still lets another one be loaded"},
	{lock_made, "reload", "ok", "as lock_after_load wants it"},
	{open_directory, "files", "fail", "/var/lib/lifeboat: others than its owner may get at it"},
	{open_record, "files", "fail", STATE_FILE ": others than its owner may get at it"},
	{writable_hook, "files", "fail", "/etc/hook: others than its owner may write to it"},
	{network_same, "network", "ok", "as the initrd says"},
	{network_by_hook, "network", "ok", "none is needed, or a hook sees to it"},
	{network_generic, "network", "ok", "as the initrd says"},
	{network_other_way, "network", "fail",
	 "it has changed since the initrd was built: the initrd has 'address any 192.0.2.5/24 static', "
	 "and the network now 'address any 192.0.2.6/24 static'"},
	{network_other_host, "network", "fail",
	 "the initrd has 'host 192.0.2.9 files 192.0.2.9', and the network now 'host 192.0.2.8 "
	 "files 192.0.2.8'"},
	{network_broken, "network", "fail", "the initrd's /etc/lifeboat/network:3: "},
	{network_absent, "network", "fail", "does not say how targets are reached"},
	{network_absent_named, "network", "warn", "that cannot be told"},
	{network_untold, "network", "warn",
	 "cannot be told: 127.0.0.1 cannot be reached now: 127.0.0.1: that is this machine itself"},
	{network_unreadable, "network", "warn", "cannot be looked at"},
	{bad_config, "network", "fail", "pfad"},
	{open_initrd_with_key, "files", "fail", ".img: others than its owner may get at it"},
	{never_rehearsed, "rehearsal", "warn", "there was no rehearsal yet"},
	{rehearsal_failed, "rehearsal", "fail", "failed: no module for the disk"},
	{rehearsal_warned, "rehearsal", "warn", "little memory was left"},
	{rehearsal_old, "rehearsal", "warn", "is not one of the last 90 days"},
	{rehearsal_of_other_config, "rehearsal", "warn", "was of another configuration"},
	{kernel_swapped, "rehearsal", "warn", "was of another kernel"},
	{initrd_swapped, "rehearsal", "warn", "was of another initrd"},
	{new_cmdline, "rehearsal", "warn", "was of another command line"},
	{kernel_and_cmdline_other, "rehearsal", "warn", "was of another kernel and command line"},
	{files_touched, "rehearsal", "ok", "went well"},
	{failures_of_other_config, "rehearsal", "warn",
	 "was of another configuration; it failed: no module for the disk"},
	{rehearsal_untold, "rehearsal", "warn", "has no record of which kernel, initrd, "},
	{no_kernel, "rehearsal", "warn", "cannot be held against what would be loaded now"},
	{rehearsal_broken, "rehearsal", "fail", "has no time and result"},
	{never_tested, "test", "warn", "there was no test with a real crash yet"},
	{test_failed, "test", "fail", "the last test, "},
	{rehearsal_of_other_config, "test", "warn", "was of another configuration"},
	{kernel_swapped, "test", "warn", "was of another kernel"},
	{initrd_swapped, "test", "warn", "was of another initrd"},
	{new_cmdline, "test", "warn", "was of another command line"},
	{files_touched, "test", "ok", "that is what became of it"},
	{failures_of_other_config, "test", "warn",
	 "was of another configuration; it failed: that is what became of it"},
	{test_untold, "test", "warn", "has no record of which kernel, initrd, "},
	{test_failed_untold, "test", "fail", "that is what became of it"},
	{no_kernel, "test", "warn", "cannot be held against what would be loaded now"},
	{receipts_unreadable, "test", "fail", "receipts"},
	{crash_lost, "receipts", "fail", "that is what became of it"},
	{crash_in_part, "receipts", "warn", "that is what became of it"},
	{crash_lost_long_ago, "receipts", "ok", "since then it was proven that it works"},
	{crash_captured, "receipts", "ok", "that is what became of it"},
	{receipts_unreadable, "receipts", "fail", "receipts"},
};

static void test_scenario(void **state)
{
	const struct scenario *s = *state;
	void *none = NULL;
	int worst, rc;

	assert_int_equal(setup(&none), 0);
	s->forge();
	rc = run(command_status, "");
	expect(s->check, s->verdict, s->says);
	worst = strstr(m.out, "fail  ") ? 2 : strstr(m.out, "warn  ") ? 1 : 0;
	assert_int_equal(rc, worst);
	assert_int_equal(forged_teardown(&none), 0);
}

/* Each line that status has can be made to fail or to warn by one of them. */
static void test_each_line_has_one(void **state)
{
	size_t lines = 0;

	(void)state;
	assert_int_equal(run(command_status, ""), 0);
	for (const char *s = m.out; strncmp(s, "ok ", 3) == 0; s = strchr(s, '\n') + 1) {
		bool found = false;

		for (size_t i = 0; i < ARRAY_SIZE(scenarios) && !found; i++) {
			size_t len = strlen(scenarios[i].check);

			found = strncmp(s + 6, scenarios[i].check, len) == 0 && s[6 + len] == ' ' &&
				strcmp(scenarios[i].verdict, "ok") != 0;
		}
		if (!found)
			fail_msg("nothing makes this fail: %.*s", (int)strcspn(s, "\n"), s);
		lines++;
	}
	assert_int_equal(lines, 21);
}

/* ---- the other forms of the answer ---- */

static void test_json(void **state)
{
	(void)state;
	assert_int_equal(run(command_status, "--json"), 0);
	assert_non_null(strstr(m.out, "\"status\": \"ok\",\n"));
	never_tested();
	assert_int_equal(run(command_status, "--json"), 1);
	assert_non_null(strstr(m.out, "\"status\": \"warn\",\n\t\"checks\": ["));
	assert_non_null(strstr(m.out,
			       "\"name\": \"test\",\n\t\t\t\"status\": \"warn\",\n\t\t\t\"text\": "
			       "\"there was no test with a real crash yet\",\n\t\t\t\"remedy\": "
			       "\"run `lifeboat test`, which"));
	not_loaded();
	assert_int_equal(run(command_status, "--json"), 2);
	assert_non_null(strstr(m.out, "\"status\": \"fail\",\n\t\"checks\": ["));
}

static char *read_file(const char *path)
{
	char full[FORGED_PATH_MAX], *text = NULL;

	assert_int_equal(io_read_file(forged_path(path, full), 1 << 20, &text, NULL, NULL), 0);
	return text;
}

static void test_prometheus(void **state)
{
	char words[FORGED_PATH_MAX];
	CLEANUP_FREE char *text = NULL, *later = NULL;
	struct stat st;

	(void)state;
	snprintf(words, sizeof(words), "--prometheus %s/run/lifeboat.prom", m.root);
	assert_int_equal(run(command_status, words), 0);
	text = read_file("/run/lifeboat.prom");
	assert_non_null(strstr(text, "\nlifeboat_check{check=\"image\"} 0\n"));
	assert_non_null(strstr(text, "# TYPE lifeboat_check gauge\n"));
	assert_non_null(strstr(text, "\nlifeboat_status 0\n"));
	assert_non_null(strstr(text, "\nlifeboat_loaded 1\n"));
	assert_non_null(strstr(text, "\nlifeboat_reserved_bytes 33554432\n"));
	assert_non_null(strstr(text, "\nlifeboat_load_time_seconds "));
	not_loaded();
	crash_lost();
	assert_int_equal(run(command_status, words), 2);
	later = read_file("/run/lifeboat.prom");
	assert_non_null(strstr(later, "\nlifeboat_check{check=\"loaded\"} 2\n"));
	assert_non_null(strstr(later, "\nlifeboat_status 2\n"));
	assert_non_null(strstr(later, "\nlifeboat_loaded 0\n"));
	assert_non_null(strstr(later, "\nlifeboat_receipts 2\n"));
	snprintf(words, sizeof(words), "%s/run/lifeboat.prom", m.root);
	assert_int_equal(stat(words, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	snprintf(words, sizeof(words), "--prometheus=%s/no/such/directory/x", m.root);
	// What could not be written does not hide what was found, and is not well either.
	assert_int_equal(run(command_status, words), 2);
	assert_non_null(strstr(m.diag, "/no/such/directory/x"));
	put(FORGED_LOADED, "1\n");
	no_receipts();
	put_receipt(RECEIPT_CAPTURED, 10, true);
	assert_int_equal(run(command_status, words), 1);
	assert_non_null(strstr(m.out, "armed, and all of it proven"));
}

static void test_words(void **state)
{
	(void)state;
	assert_int_equal(run(command_status, "--jason"), ERR_USAGE);
	assert_non_null(strstr(m.err.msg, "'--jason': expected --json, --network, --full"));
	assert_int_equal(run(command_status, "--prometheus"), ERR_USAGE);
}

/* What a rehearsal leaves is of this machine's configuration and memory only. */
static void test_rehearsal_kept(void **state)
{
	CLEANUP_FREE char *text = NULL;

	(void)state;
	drop(REHEARSAL);
	run(command_rehearse, "/some/vmcore");
	assert_non_null(strstr(m.out, "that is not kept"));
	assert_false(there(REHEARSAL));
	run(command_rehearse, "");
	assert_null(strstr(m.out, "that is not kept"));
	text = read_file(REHEARSAL);
	assert_non_null(strstr(text, "\"identity\": {\n\t\t\"kernel\": \""));
	run(command_status, "");
	assert_null(strstr(m.out, "was of another"));
	assert_null(strstr(m.out, "has no record of which"));
	new_cmdline();
	run(command_status, "");
	assert_non_null(strstr(m.out, "was of another command line"));
}

/* Nobody listens there: told at once, kept, and told again without asking. */
static void test_network(void **state)
{
	(void)state;
	put(CONFIG_FILE, "load_with kexec_load\nnfs 127.0.0.1:/crash\npath /\nnetwork none\n");
	put_time(CONFIG_FILE, time(NULL) - 100);
	loads();
	assert_int_equal(run(command_status, ""), 1);
	expect("target 1", "warn", "nfs 127.0.0.1:/crash: whether it answers was never tried");
	assert_int_equal(run(command_status, "--network"), 2);
	expect("target 1", "fail", "port 2049: Connection refused");
	assert_true(there(REACHED));
	assert_int_equal(run(command_status, ""), 2);
	expect("target 1", "fail", "port 2049: Connection refused");
}

/* A rehearsal says the same, and fails by it. */
static void test_rehearsed_network(void **state)
{
	(void)state;
	network_same();
	run(command_rehearse, "");
	assert_non_null(strstr(m.out, "ok: the network is as the initrd says\n"));
	network_other_way();
	assert_int_equal(run(command_rehearse, ""), 1);
	assert_non_null(strstr(m.out,
			       "failed: the network has changed since the initrd was built: the "
			       "initrd has 'address any 192.0.2.5/24 static', and the network now "
			       "'address any 192.0.2.6/24 static': run lifeboat-mkinitrd and"));
	network_untold();
	run(command_rehearse, "");
	assert_non_null(strstr(m.out,
			       "warn: whether the network is still as the initrd says cannot be "
			       "told: 127.0.0.1"));
	put(CONFIG_FILE, "load_with kexec_load\npath /var/crash\n");
	run(command_rehearse, "");
	assert_null(strstr(m.out, "the network"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, forged_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_is_well), TEST(test_each_line_has_one), TEST(test_json),
		TEST(test_prometheus),	TEST(test_rehearsal_kept),    TEST(test_words),
		TEST(test_network),	TEST(test_rehearsed_network),
	};
	struct CMUnitTest each[ARRAY_SIZE(scenarios)];
	char names[ARRAY_SIZE(scenarios)][80];
	int failed;

	for (size_t i = 0; i < ARRAY_SIZE(scenarios); i++) {
		snprintf(names[i], sizeof(names[i]), "%s: %.60s", scenarios[i].check,
			 scenarios[i].says);
		each[i] = (struct CMUnitTest){.name = names[i],
					      .test_func = test_scenario,
					      .initial_state = (void *)&scenarios[i]};
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed + cmocka_run_group_tests(each, NULL, NULL);
}
