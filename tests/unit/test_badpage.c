// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that cannot be mapped and pages that cannot be read, which no file of this machine
 * has: a seccomp filter answers in the kernel's place. It stays for the life of a process, so
 * each test runs in a child, which ends with the line that failed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "tests/lib/mkcore.h"
#include "vmcore/vmcore.h"

enum {
	K = 1024,
	BAD = 0x5000, /* offset of the page that cannot be read */
	SIZE = 64 * K,
};

#define ARG(n)	    (offsetof(struct seccomp_data, args) + (n)*8) /* its low half */
#define LOAD(at)    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
#define ANSWER(val) BPF_STMT(BPF_RET | BPF_K, val)

static int filter(const struct sock_filter *code, size_t n)
{
	struct sock_fprog prog = {.len = n, .filter = (struct sock_filter *)code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

// A private file mapping over reserved space, which only windows make, is refused.
static int refuse_maps(void)
{
	static const struct sock_filter code[] = {
		LOAD(offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
		LOAD(ARG(3)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAP_PRIVATE | MAP_FIXED, 0, 1),
		ANSWER(SECCOMP_RET_ERRNO | ENODEV),
		ANSWER(SECCOMP_RET_ALLOW),
	};

	return filter(code, ARRAY_SIZE(code));
}

// A pread() that touches the bad page is refused, as /proc/vmcore does it.
static int refuse_page(int error)
{
	const struct sock_filter code[] = {
		LOAD(offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pread64, 0, 7),
		LOAD(ARG(3)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, BAD + 4096, 5, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		LOAD(ARG(2)),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, BAD, 0, 1),
		ANSWER(SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
		ANSWER(SECCOMP_RET_ALLOW),
	};

	return filter(code, ARRAY_SIZE(code));
}

// In the child: the line that failed is what the parent gets to see.
#define MUST(cond)                                                           \
	do {                                                                 \
		if (!(cond)) {                                               \
			fprintf(stderr, "# line %d: %s\n", __LINE__, #cond); \
			_exit(1);                                            \
		}                                                            \
	} while (0)

// Its data are at 0x1000 of the file and all ones.
static struct vmcore *open_ones(void)
{
	char path[MKCORE_PATH_MAX];
	struct vmcore *vc = NULL;
	int fd = mkcore_memfd("load paddr=0x10000 size=64K\ndata 0x10000 01 *65536\n", NULL);

	MUST(fd >= 0);
	mkcore_path(fd, path);
	MUST(!vmcore_open(path, &vc, NULL));
	close(fd);
	return vc;
}

static bool all(const uint8_t *p, size_t size, uint8_t value)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != value)
			return false;
	return true;
}

static void in_child(void (*run)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid) {
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void run_unmappable(void)
{
	struct vmcore *vc = open_ones();
	struct vmcore_window w;
	const uint8_t *p;
	size_t len;

	MUST(!vmcore_window_init(&w, vc, 16 * K, NULL));
	MUST(!refuse_maps());
	for (unsigned int i = 0; i < 20; i++) {
		MUST(!vmcore_window_get(&w, 0x10000 + i % 4 * 16 * K, 4096, 16 * K, &p, &len,
					NULL));
		MUST(len >= 4096 && all(p, len, 1));
	}
	// It does not go on trying, and reads more at once since then.
	MUST(!w.map && len == 16 * K);
	vmcore_window_deinit(&w);
	vmcore_close(vc);
}

static void test_unmappable(void **state)
{
	(void)state;
	in_child(run_unmappable);
}

static void check_bad_page(int error)
{
	struct vmcore *vc = open_ones();
	static uint8_t buf[SIZE];
	struct err err = {0};

	MUST(!refuse_page(error));
	// The page at BAD of the file is 0x14000 of the memory.
	MUST(!vmcore_read(vc, 0x10000, buf, SIZE, NULL));
	MUST(all(buf, 0x4000, 1) && all(buf + 0x4000, 4096, 0));
	MUST(all(buf + 0x5000, SIZE - 0x5000, 1));
	MUST(vmcore_read_errors(vc) == 1);
	// Parts of it, with bytes around.
	memset(buf, 0xff, sizeof(buf));
	MUST(!vmcore_read(vc, 0x13ff0, buf, 0x20, &err));
	MUST(all(buf, 0x10, 1) && all(buf + 0x10, 0x10, 0) && buf[0x20] == 0xff);
	MUST(!vmcore_read(vc, 0x14ff0, buf, 0x20, &err));
	MUST(all(buf, 0x10, 0) && all(buf + 0x10, 0x10, 1));
	MUST(vmcore_read_errors(vc) == 3);
	vmcore_close(vc);
}

static void run_eio(void)
{
	check_bad_page(EIO);
}

static void run_efault(void)
{
	check_bad_page(EFAULT);
}

// What is no word about the page is an error.
static void run_other(void)
{
	struct vmcore *vc = open_ones();
	struct err err = {0};
	uint8_t buf[64];

	MUST(!refuse_page(EPERM));
	MUST(vmcore_read(vc, 0x14000, buf, sizeof(buf), &err) == ERR_SYS);
	MUST(err.sys == EPERM && vmcore_read_errors(vc) == 0);
	MUST(vmcore_read(vc, 0x14000, buf, sizeof(buf), NULL) == ERR_SYS);
	vmcore_close(vc);
}

static void test_bad_page(void **state)
{
	(void)state;
	in_child(run_eio);
	in_child(run_efault);
	in_child(run_other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unmappable),
		cmocka_unit_test(test_bad_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
