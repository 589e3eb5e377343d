// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "tests/lib/mkcore.h"
#include "vmcore/sigbus.h"
#include "vmcore/vmcore.h"

enum {
	K = 1024,
	PATTERN_STEP = 8, /* each of these bytes of the patterned file differ from all others */
};

/* A core and its reader. */
struct dump {
	int fd;
	struct vmcore *vc;
};

static struct dump dump_open(const char *text)
{
	struct err err = {0};
	struct dump d = {.fd = mkcore_memfd(text, &err)};
	char path[MKCORE_PATH_MAX];

	if (d.fd < 0)
		fail_msg("%s: %s", text, err.msg);
	mkcore_path(d.fd, path);
	if (vmcore_open(path, &d.vc, &err))
		fail_msg("%s: %s", text, err.msg);
	return d;
}

static void dump_close(struct dump *d)
{
	vmcore_close(d->vc);
	close(d->fd);
}

// Fills the file data of all ranges with words that tell their physical address.
static void dump_pattern(const struct dump *d)
{
	const struct vmcore_info *info = vmcore_info(d->vc);

	for (size_t i = 0; i < info->nranges; i++) {
		const struct vmcore_range *r = &info->ranges[i];
		uint8_t *buf = malloc(r->filesz + 1);

		assert_non_null(buf);
		for (uint64_t k = 0; k < r->filesz; k++) {
			uint64_t at = r->paddr + k;

			buf[k] = (at / PATTERN_STEP * 0x9e3779b97f4a7c15ULL) >> (at % 8 * 8);
		}
		assert_int_equal(io_pwrite(d->fd, buf, r->filesz, r->offset, NULL), 0);
		free(buf);
	}
}

static uint8_t pattern_at(paddr_t at)
{
	return (at / PATTERN_STEP * 0x9e3779b97f4a7c15ULL) >> (at % 8 * 8);
}

// All that is given is right; returns how much it is.
static size_t get(struct vmcore_window *w, paddr_t paddr, size_t need, size_t ahead)
{
	struct err err = {0};
	const uint8_t *p;
	size_t len;

	if (vmcore_window_get(w, paddr, need, ahead, &p, &len, &err))
		fail_msg("%s", err.msg);
	assert_true(len >= need);
	for (size_t i = 0; i < len; i++)
		if (p[i] != pattern_at(paddr + i))
			fail_msg("%#llx: %02x", (unsigned long long)(paddr + i), p[i]);
	return len;
}

static int try_get(struct vmcore_window *w, paddr_t paddr, size_t need)
{
	const uint8_t *p;
	size_t len;

	return vmcore_window_get(w, paddr, need, need, &p, &len, NULL);
}

static bool inside(const struct vmcore_window *w, const uint8_t *map, size_t size)
{
	return w->data >= map && w->data < map + size;
}

static void test_moves(void **state)
{
	struct dump d = dump_open("load paddr=0x100000 size=1M\nload paddr=0x400000 size=64K\n");
	struct vmcore_window w;
	const uint8_t *before;

	(void)state;
	dump_pattern(&d);
	assert_int_equal(vmcore_window_init(&w, d.vc, 64 * K, NULL), 0);
	assert_null(w.data);
	assert_int_equal(get(&w, 0x100000, 4096, 64 * K), 64 * K);
	assert_true(inside(&w, w.map, w.map_size));

	// Inside: it does not move, and less is left.
	before = w.data;
	assert_int_equal(get(&w, 0x108000, 4096, 64 * K), 32 * K);
	assert_ptr_equal(w.data, before);
	assert_int_equal(w.paddr, 0x100000);
	// The last page of it, then one byte more than is left.
	assert_int_equal(get(&w, 0x10f000, 4096, 64 * K), 4096);
	assert_int_equal(w.paddr, 0x100000);
	assert_int_equal(get(&w, 0x10f001, 4096, 64 * K), 64 * K);
	assert_int_equal(w.paddr, 0x10f001);
	// Backwards, far away, and cut by ahead, by size_max and by the range.
	assert_int_equal(get(&w, 0x10f000, 1, 4096), 4096);
	assert_int_equal(get(&w, 0x400000, 4096, 4096), 4096);
	assert_int_equal(get(&w, 0x100000, 4096, 1024 * K), 64 * K);
	assert_int_equal(get(&w, 0x1fe000, 4096, 64 * K), 8192);
	assert_int_equal(get(&w, 0x1fff00, 1, 64 * K), 256);
	// need without ahead
	assert_int_equal(get(&w, 0x120000, 5000, 0), 5000);
	vmcore_window_deinit(&w);
	assert_int_equal(vmcore_read_errors(d.vc), 0);
	dump_close(&d);
}

static void test_ends(void **state)
{
	struct dump d = dump_open("load paddr=0x10000 size=64K filesz=0x2100\n"
				  "load paddr=0x30000 size=4K\nload paddr=0x31000 size=4K\n");
	struct vmcore_window w;

	(void)state;
	dump_pattern(&d);
	assert_int_equal(vmcore_window_init(&w, d.vc, 16 * K, NULL), 0);
	assert_int_equal(get(&w, 0x12000, 0x100, 16 * K), 0x100);
	assert_int_equal(get(&w, 0x120ff, 1, 16 * K), 1);
	assert_int_equal(try_get(&w, 0x12000, 0x101), ERR_NOTFOUND);
	assert_int_equal(try_get(&w, 0x12100, 1), ERR_NOTFOUND);
	assert_int_equal(try_get(&w, 0x1f000, 4096), ERR_NOTFOUND);
	assert_int_equal(try_get(&w, 0x20000, 1), ERR_NOTFOUND);
	assert_int_equal(try_get(&w, 0, 1), ERR_NOTFOUND);
	assert_int_equal(try_get(&w, UINT64_MAX, 1), ERR_NOTFOUND);
	assert_int_equal(try_get(&w, UINT64_MAX, 4096), ERR_NOTFOUND);
	assert_int_equal(try_get(&w, 0x10000, 16 * K + 1), ERR_LIMIT);
	assert_int_equal(try_get(&w, 0x10000, SIZE_MAX), ERR_LIMIT);
	// After a refusal it still works.
	assert_int_equal(get(&w, 0x10000, 0x2100, 16 * K), 0x2100);
	vmcore_window_deinit(&w);
	dump_close(&d);
}

// A refused request leaves what the window had.
static void test_refusal_keeps(void **state)
{
	struct dump d = dump_open("load paddr=0x10000 size=64K\n");
	struct vmcore_window w;
	const uint8_t *p;
	size_t len;

	(void)state;
	dump_pattern(&d);
	assert_int_equal(vmcore_window_init(&w, d.vc, 16 * K, NULL), 0);
	get(&w, 0x10000, 4096, 16 * K);
	p = w.data;
	assert_int_equal(try_get(&w, 0x90000, 1), ERR_NOTFOUND);
	assert_ptr_equal(w.data, p);
	assert_int_equal(vmcore_window_get(&w, 0x11000, 1, 1, &p, &len, NULL), 0);
	assert_ptr_equal(p, w.data + 0x1000);
	vmcore_window_deinit(&w);
	dump_close(&d);
}

/*
 * Places in the file that do not fit pages, as in cores that were filtered, or which another
 * machine with smaller pages wrote: from each start, with each need. Pages in the middle of a
 * range are still mapped.
 */
static void test_odd_offsets(void **state)
{
	static const unsigned int odd[] = {0, 1, 0x10, 0x2a8, 0x800, 0xfff};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		struct vmcore_window w;
		struct dump d;

		snprintf(text, sizeof(text), "load paddr=0x10000 size=0x5000 offset=%u\n",
			 0x3000 + odd[i]);
		d = dump_open(text);
		dump_pattern(&d);
		assert_int_equal(vmcore_window_init(&w, d.vc, 16 * K, NULL), 0);
		for (paddr_t at = 0x10000; at < 0x15000; at += 0x333) {
			size_t left = 0x15000 - at, most = left < 16 * K ? left : 16 * K;

			get(&w, at, 1, 1);
			get(&w, at, most, most);
			get(&w, at, most / 2, most);
			assert_int_equal(try_get(&w, at, left + 1),
					 left + 1 > 16 * K ? ERR_LIMIT : ERR_NOTFOUND);
		}
		get(&w, 0x11000, 4096, 8192);
		assert_true(inside(&w, w.map, w.map_size));
		vmcore_window_deinit(&w);
		dump_close(&d);
	}
}

// Forwards and backwards without order, checked against what vmcore_read() says.
static void test_walk(void **state)
{
	struct dump d =
		dump_open("load paddr=0x10300 size=0x20500\nload paddr=0x31000 size=0x4000\n"
			  "load paddr=0x36001 size=0x777\n");
	struct vmcore_window w;
	unsigned int seed = 1;
	unsigned int good = 0;

	(void)state;
	dump_pattern(&d);
	assert_int_equal(vmcore_window_init(&w, d.vc, 20 * K, NULL), 0);
	for (int i = 0; i < 5000; i++) {
		paddr_t at = 0x10000 + rand_r(&seed) % 0x27000;
		size_t need = 1 + rand_r(&seed) % 6000, ahead = rand_r(&seed) % (30 * K);
		const struct vmcore_range *r = vmcore_find(d.vc, at);

		if (r && at + need <= r->paddr + r->filesz) {
			get(&w, at, need, ahead);
			good++;
		} else {
			assert_int_equal(try_get(&w, at, need), ERR_NOTFOUND);
		}
	}
	assert_true(good > 1000);
	vmcore_window_deinit(&w);
	dump_close(&d);
}

// No address space, no window, and an error that says so; a file that cannot be mapped is read.
static void test_unmappable(void **state)
{
	struct dump d = dump_open("load paddr=0x10000 size=1M\n");
	struct vmcore_window w;

	(void)state;
	dump_pattern(&d);
	assert_int_equal(vmcore_window_init(&w, d.vc, 0, NULL), ERR_LIMIT);
	assert_int_equal(vmcore_window_init(&w, d.vc, SIZE_MAX, NULL), ERR_LIMIT);
	assert_int_equal(vmcore_window_init(&w, d.vc, SIZE_MAX / 8, NULL), ERR_NOMEM);
	vmcore_window_deinit(&w);

	assert_int_equal(vmcore_window_init(&w, d.vc, 64 * K, NULL), 0);
	// What is left after mappings failed too often.
	munmap(w.map, w.map_size);
	w.map = NULL;
	assert_int_equal(get(&w, 0x10000, 4096, 64 * K), 64 * K);
	assert_int_equal(get(&w, 0x50001, 1, 64 * K), 64 * K);
	assert_int_equal(get(&w, 0x10fffe, 2, 64 * K), 2);
	assert_true(inside(&w, w.bounce, w.size_max));
	assert_int_equal(try_get(&w, 0x10fffe, 3), ERR_NOTFOUND);
	vmcore_window_deinit(&w);
	dump_close(&d);
}

enum {
	NTHREADS = 8,
};

struct worker {
	pthread_t thread;
	struct vmcore *vc;
	unsigned int seed;
	unsigned int wrong;
};

// No assertions of cmocka in here: they are not for threads.
static void *work(void *arg)
{
	struct worker *me = arg;
	struct vmcore_window w;

	if (vmcore_window_init(&w, me->vc, 128 * K, NULL)) {
		me->wrong++;
		return NULL;
	}
	for (int i = 0; i < 1000; i++) {
		paddr_t at = 0x10000 + rand_r(&me->seed) % 0xff000;
		const uint8_t *p;
		size_t len;

		if (vmcore_window_get(&w, at, 4096, 1 + rand_r(&me->seed) % (128 * K), &p, &len,
				      NULL)) {
			me->wrong++;
			continue;
		}
		for (size_t k = 0; k < len; k += 61)
			me->wrong += p[k] != pattern_at(at + k);
	}
	vmcore_window_deinit(&w);
	return NULL;
}

static void run_threads(struct vmcore *vc)
{
	struct worker workers[NTHREADS] = {0};

	for (unsigned int i = 0; i < NTHREADS; i++) {
		workers[i].vc = vc;
		workers[i].seed = i;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (unsigned int i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
}

/* Where the page cache has it, it is read when the caller prefers that, and only then. */
static void test_copies(void **state)
{
	struct dump d = dump_open("load paddr=0x100000 size=1M\nload paddr=0x400000 size=0x1800\n");
	struct vmcore_window w;
	const uint8_t *p;
	size_t len;

	(void)state;
	dump_pattern(&d);
	assert_int_equal(vmcore_window_init(&w, d.vc, 512 * K, NULL), 0);
	get(&w, 0x100000, 4096, 4096);
	assert_false(vmcore_window_is_copy(&w));
	assert_true(vmcore_window_prefer_copy(&w));
	// What is there already stays; then as much as is asked for, up to a limit and the end.
	assert_int_equal(get(&w, 0x100000, 4096, 4096), 4096);
	assert_false(vmcore_window_is_copy(&w));
	assert_int_equal(get(&w, 0x101000, 4096, 64 * K), 64 * K);
	assert_true(vmcore_window_is_copy(&w));
	assert_int_equal(get(&w, 0x140000, 4096, 512 * K), 128 * K);
	assert_int_equal(get(&w, 0x150000, 200 * K, 4096), 200 * K);
	assert_int_equal(get(&w, 0x401000, 16, 4096), 0x800);
	assert_int_equal(try_get(&w, 0x401000, 4096), ERR_NOTFOUND);
	// A copy: what is written to the file later is not seen in it.
	assert_int_equal(get(&w, 0x100000, 4096, 4096), 4096);
	assert_int_equal(vmcore_window_get(&w, 0x100000, 1, 1, &p, &len, NULL), 0);
	assert_int_equal(io_pwrite(d.fd, "\0\0\0\0\0\0\0\0", 8, vmcore_find(d.vc, 0x100000)->offset,
				   NULL),
			 0);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(p[i], pattern_at(0x100000 + i));
	vmcore_window_deinit(&w);
	dump_close(&d);
}

static void test_threads(void **state)
{
	struct dump d = dump_open("load paddr=0x10000 size=1M\n");

	(void)state;
	dump_pattern(&d);
	run_threads(d.vc);
	dump_close(&d);
}

// The file loses its end while windows look at it: zeros, counted, and nobody dies.
static void test_guard_page(void **state)
{
	struct dump d = dump_open("load paddr=0x10000 size=64K\n");
	struct vmcore_window w;
	const uint8_t *p;
	size_t len;

	(void)state;
	dump_pattern(&d);
	assert_int_equal(sigbus_install(NULL), 0);
	assert_int_equal(sigbus_install(NULL), ERR_USAGE);
	assert_int_equal(vmcore_window_init(&w, d.vc, 64 * K, NULL), 0);
	assert_int_equal(vmcore_window_get(&w, 0x10000, 4096, 64 * K, &p, &len, NULL), 0);
	assert_int_equal(len, 64 * K);
	// The data begin at offset 0x1000; what is kept are the first three pages.
	assert_int_equal(ftruncate(d.fd, 0x4000), 0);
	errno = 4711;
	for (size_t i = 0; i < len; i++)
		if (*(volatile const uint8_t *)&p[i] != (i < 0x3000 ? pattern_at(0x10000 + i) : 0))
			fail_msg("%#zx: %02x", i, p[i]);
	assert_int_equal(errno, 4711);
	assert_int_equal(vmcore_read_errors(d.vc), 13);
	vmcore_window_deinit(&w);
	assert_int_equal(w.guard, -1);
	sigbus_remove();
	dump_close(&d);
}

// A signal as the kernel would send it, to this thread.
static void forge(int code, void *addr)
{
	siginfo_t si = {.si_signo = SIGBUS, .si_code = code};

	si.si_addr = addr;
	assert_int_equal(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &si), 0);
}

// x86_64 does not say which page it was: all of this thread's windows, and no other's.
static void test_guard_no_address(void **state)
{
	struct dump d = dump_open("load paddr=0x10000 size=64K\n");
	struct vmcore_window w, still;
	const uint8_t *p, *q;
	size_t len;

	(void)state;
	dump_pattern(&d);
	assert_int_equal(sigbus_install(NULL), 0);
	assert_int_equal(vmcore_window_init(&w, d.vc, 64 * K, NULL), 0);
	assert_int_equal(vmcore_window_init(&still, d.vc, 64 * K, NULL), 0);
	assert_int_equal(vmcore_window_get(&w, 0x10000, 4096, 64 * K, &p, &len, NULL), 0);

	// Bad, but nobody has touched it: nothing is done.
	forge(BUS_MCEERR_AO, (void *)p);
	assert_int_equal(p[8], pattern_at(0x10008));
	assert_int_equal(vmcore_read_errors(d.vc), 0);

	forge(SI_KERNEL, NULL);
	assert_int_equal(vmcore_read_errors(d.vc), 1);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(p[i], 0);
	// The next request maps anew, though it is for what the window has.
	get(&w, 0x11000, 4096, 32 * K);
	assert_int_equal(w.paddr, 0x11000);
	// Of a window that was never moved nothing was lost.
	assert_int_equal(vmcore_window_get(&still, 0x10000, 1, 1, &q, &len, NULL), 0);
	assert_int_equal(q[0], pattern_at(0x10000));

	// One page, told by its address.
	forge(BUS_MCEERR_AR, (void *)(w.data + 4096 + 5));
	assert_int_equal(vmcore_read_errors(d.vc), 2);
	assert_int_equal(w.data[4095], pattern_at(0x11fff));
	assert_int_equal(w.data[4096], 0);
	assert_int_equal(w.data[8191], 0);
	assert_int_equal(w.data[8192], pattern_at(0x13000));
	vmcore_window_deinit(&w);
	vmcore_window_deinit(&still);
	sigbus_remove();
	dump_close(&d);
}

// Runs @trap in a child with the guard; the signal that it died of.
static int dies_of(void (*trap)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		const struct rlimit no_core = {0, 0};

		setrlimit(RLIMIT_CORE, &no_core);
		signal(SIGBUS, SIG_DFL); // a sanitizer may have it
		if (!sigbus_install(NULL))
			trap();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void trap_elsewhere(void)
{
	int fd = memfd_create("trap", MFD_CLOEXEC);
	volatile const uint8_t *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	(void)p[0];
}

static void trap_sent(void)
{
	kill(getpid(), SIGBUS);
}

static void trap_unknown(void)
{
	siginfo_t si = {.si_signo = SIGBUS, .si_code = SI_KERNEL};

	syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &si);
	// As after a return to what trapped.
	syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGBUS, &si);
}

// What is not ours ends the process, as it would without a guard.
static void test_guard_not_ours(void **state)
{
	(void)state;
	assert_int_equal(dies_of(trap_elsewhere), SIGBUS);
	assert_int_equal(dies_of(trap_sent), SIGBUS);
	assert_int_equal(dies_of(trap_unknown), SIGBUS);
}

static volatile sig_atomic_t seen;

static void on_bus(int sig)
{
	(void)sig;
	seen++;
}

// A handler that was there before is asked, and comes back.
static void test_guard_chain(void **state)
{
	struct sigaction sa = {.sa_handler = on_bus}, old, now;

	(void)state;
	assert_int_equal(sigaction(SIGBUS, &sa, &old), 0);
	assert_int_equal(sigbus_install(NULL), 0);
	raise(SIGBUS);
	assert_int_equal(seen, 1);
	sigbus_remove();
	assert_int_equal(sigaction(SIGBUS, &old, &now), 0);
	assert_ptr_equal(now.sa_handler, on_bus);
}

// Windows come and go in some threads while others trap.
static void *trap_often(void *arg)
{
	struct worker *me = arg;

	for (int i = 0; i < 300; i++) {
		struct vmcore_window w;
		const uint8_t *p;
		size_t len;

		if (vmcore_window_init(&w, me->vc, 64 * K, NULL)) {
			me->wrong++;
			return NULL;
		}
		if (vmcore_window_get(&w, 0x10000, 4096, 64 * K, &p, &len, NULL))
			me->wrong++;
		else // the first page is there, the last one traps
			me->wrong += p[8] != pattern_at(0x10008) || p[len - 1] != 0;
		vmcore_window_deinit(&w);
	}
	return NULL;
}

static void test_guard_threads(void **state)
{
	struct dump d = dump_open("load paddr=0x10000 size=64K\n");
	struct worker workers[NTHREADS] = {0};

	(void)state;
	dump_pattern(&d);
	assert_int_equal(sigbus_install(NULL), 0);
	assert_int_equal(ftruncate(d.fd, 0x4000), 0);
	for (unsigned int i = 0; i < NTHREADS; i++) {
		workers[i].vc = d.vc;
		assert_int_equal(pthread_create(&workers[i].thread, NULL, trap_often, &workers[i]),
				 0);
	}
	for (unsigned int i = 0; i < NTHREADS; i++) {
		assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
		assert_int_equal(workers[i].wrong, 0);
	}
	assert_int_equal(vmcore_read_errors(d.vc), NTHREADS * 300);
	sigbus_remove();
	dump_close(&d);
}

// More windows than slots: those left over work, without a guard.
static void test_guard_full(void **state)
{
	struct dump d = dump_open("load paddr=0x10000 size=64K\n");
	struct vmcore_window *w = calloc(SIGBUS_SLOTS + 1, sizeof(*w));

	(void)state;
	assert_non_null(w);
	dump_pattern(&d);
	assert_int_equal(sigbus_install(NULL), 0);
	for (int i = 0; i <= SIGBUS_SLOTS; i++) {
		assert_int_equal(vmcore_window_init(&w[i], d.vc, 4 * K, NULL), 0);
		assert_int_equal(w[i].guard, i < SIGBUS_SLOTS ? i : -1);
	}
	get(&w[SIGBUS_SLOTS], 0x12000, 4096, 4096);
	for (int i = 0; i <= SIGBUS_SLOTS; i++)
		vmcore_window_deinit(&w[i]);
	sigbus_remove();
	free(w);
	dump_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moves),	       cmocka_unit_test(test_ends),
		cmocka_unit_test(test_refusal_keeps),  cmocka_unit_test(test_odd_offsets),
		cmocka_unit_test(test_walk),	       cmocka_unit_test(test_unmappable),
		cmocka_unit_test(test_copies),	       cmocka_unit_test(test_threads),
		cmocka_unit_test(test_guard_page),     cmocka_unit_test(test_guard_no_address),
		cmocka_unit_test(test_guard_not_ours), cmocka_unit_test(test_guard_chain),
		cmocka_unit_test(test_guard_threads),  cmocka_unit_test(test_guard_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
