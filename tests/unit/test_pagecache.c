// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/io.h"
#include "tests/lib/mkcore.h"
#include "vmcore/pagecache.h"
#include "vmcore/vmcore.h"

enum {
	FIRST = 0x100000, /* of the memory ... */
	PAGES = 200, /* ... more pages than the cache has */
	TAIL = 100, /* ... and some bytes of one more */
	THREADS = 4,
};

struct dump {
	int fd;
	struct vmcore *vc;
	struct pagecache *pc;
	uint64_t offset; // of FIRST in the file
};

static uint64_t word_at(paddr_t at)
{
	return at * 0x9e3779b97f4a7c15ULL;
}

static int setup(void **state)
{
	struct dump *d = calloc(1, sizeof(*d));
	struct err err = {0};
	char path[MKCORE_PATH_MAX];

	assert_non_null(d);
	d->fd = mkcore_memfd("load paddr=0x100000 size=0xc8064\n", &err);
	if (d->fd < 0)
		fail_msg("%s", err.msg);
	mkcore_path(d->fd, path);
	if (vmcore_open(path, &d->vc, &err) || pagecache_create(d->vc, &d->pc, &err))
		fail_msg("%s", err.msg);
	d->offset = vmcore_info(d->vc)->ranges[0].offset;
	for (paddr_t at = FIRST; at + 8 <= FIRST + PAGES * 4096 + TAIL; at += 8) {
		uint64_t w = word_at(at);

		assert_int_equal(io_pwrite(d->fd, &w, 8, d->offset + at - FIRST, NULL), 0);
	}
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct dump *d = *state;

	pagecache_destroy(d->pc);
	vmcore_close(d->vc);
	close(d->fd);
	free(d);
	return 0;
}

/* Any word, in an order that evicts, is the one of its address. */
static void *read_words(void *arg)
{
	struct dump *d = arg;
	uint64_t bad = 0;

	for (uint64_t i = 0; i < 20000; i++) {
		paddr_t at = FIRST + i * 0x5deece66dULL % (PAGES * 512) * 8;
		uint64_t w = 0;

		if (pagecache_read(d->pc, at, &w, sizeof(w), NULL) || w != word_at(at))
			bad++;
	}
	return (void *)(uintptr_t)bad;
}

static void test_words(void **state)
{
	assert_null(read_words(*state));
}

static void test_threads(void **state)
{
	pthread_t ids[THREADS];
	void *bad;

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, read_words, *state), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(ids[i], &bad);
		assert_null(bad);
	}
}

/* A second read of a page does not go to the file: what changed there is not seen. */
static void test_kept(void **state)
{
	struct dump *d = *state;
	uint64_t w, other = 42;

	assert_int_equal(pagecache_read(d->pc, FIRST, &w, 8, NULL), 0);
	assert_int_equal(io_pwrite(d->fd, &other, 8, d->offset + 8, NULL), 0);
	assert_int_equal(pagecache_read(d->pc, FIRST + 8, &w, 8, NULL), 0);
	assert_int_equal(w, word_at(FIRST + 8));
	// A whole page goes past it.
	uint8_t page[PAGECACHE_PAGE];

	assert_int_equal(pagecache_read(d->pc, FIRST, page, sizeof(page), NULL), 0);
	assert_memory_equal(page + 8, &other, 8);
}

static void test_edges(void **state)
{
	struct dump *d = *state;
	paddr_t tail = FIRST + PAGES * 4096;
	uint8_t two[16];
	struct err err = {0};
	uint64_t w;

	// Across two pages, and in a page of which only the head is memory.
	assert_int_equal(pagecache_read(d->pc, FIRST + 4096 - 8, two, 16, NULL), 0);
	w = word_at(FIRST + 4096);
	assert_memory_equal(two + 8, &w, 8);
	assert_int_equal(pagecache_read(d->pc, tail + 8, &w, 8, NULL), 0);
	assert_int_equal(w, word_at(tail + 8));
	assert_int_equal(pagecache_read(d->pc, tail + TAIL, &w, 8, &err), ERR_NOTFOUND);
	assert_int_equal(pagecache_read(d->pc, 0, &w, 8, &err), ERR_NOTFOUND);
	assert_int_equal(pagecache_read(d->pc, UINT64_MAX - 3, &w, 8, &err), ERR_NOTFOUND);
	// A failure leaves nothing behind that a later read could take for memory.
	assert_int_equal(pagecache_read(d->pc, tail + TAIL, &w, 8, &err), ERR_NOTFOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_words, setup, teardown),
		cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_edges, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
