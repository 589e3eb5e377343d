// SPDX-License-Identifier: GPL-2.0-or-later
/* The small parts of the collector: bitmap, lists of ranges, log, progress, manifest, dmesg. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "collector/bitmap.h"
#include "collector/course.h"
#include "collector/log.h"
#include "collector/manifest.h"
#include "collector/order.h"
#include "collector/plan.h"
#include "collector/progress.h"
#include "vmcore/kmem.h"
#include "vmcore/pageclass.h"

enum {
	BITS = 3 * BITMAP_BLOCK + 77,
};

/* A bitmap as a bool each. */
struct model {
	bool *bits;
	uint64_t n;
};

static uint64_t model_set(struct model *m, uint64_t start, uint64_t end, bool value)
{
	uint64_t changed = 0;

	for (uint64_t i = start; i < end && i < m->n; i++) {
		changed += m->bits[i] != value;
		m->bits[i] = value;
	}
	return changed;
}

static void compare(const struct bitmap *bm, const struct model *m, uint64_t start, uint64_t end)
{
	uint64_t count = 0, first = end;

	for (uint64_t i = start; i < end && i < m->n; i++) {
		assert_int_equal(bitmap_test(bm, i), m->bits[i]);
		if (m->bits[i] && first == end)
			first = i;
		count += m->bits[i];
	}
	assert_int_equal(bitmap_count(bm, start, end), count);
	assert_int_equal(bitmap_next(bm, start, end), first);
}

/* Ranges at every kind of edge, against the model. */
static void test_bitmap(void **state)
{
	static const uint64_t edges[] = {0,
					 1,
					 63,
					 64,
					 65,
					 128,
					 4095,
					 BITMAP_BLOCK - 1,
					 BITMAP_BLOCK,
					 BITMAP_BLOCK + 1,
					 2 * BITMAP_BLOCK,
					 BITS - 78,
					 BITS - 1,
					 BITS,
					 BITS + 1,
					 BITS + 64,
					 UINT64_MAX};
	struct model m = {calloc(BITS, sizeof(bool)), BITS};
	struct bitmap bm;

	(void)state;
	assert_int_equal(bitmap_init(&bm, BITS, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(edges); k++) {
			bool value = (i + k) % 3;
			uint64_t changed = value ? bitmap_set_range(&bm, edges[i], edges[k])
						 : bitmap_clear_range(&bm, edges[i], edges[k]);

			assert_int_equal(changed, model_set(&m, edges[i], edges[k], value));
		}
		compare(&bm, &m, 0, BITS);
		compare(&bm, &m, edges[i], BITS + 100);
	}
	assert_false(bitmap_test(&bm, BITS));
	assert_false(bitmap_test(&bm, UINT64_MAX));
	bitmap_deinit(&bm);
	free(m.bits);
}

static void test_bitmap_blocks(void **state)
{
	struct bitmap bm;

	(void)state;
	assert_int_equal(bitmap_init(&bm, 1ULL << 36, NULL), 0);
	assert_true(bitmap_untouched(&bm, 0, bm.nwords));
	assert_int_equal(bitmap_next(&bm, 0, 1ULL << 36), 1ULL << 36);
	assert_int_equal(bitmap_clear_range(&bm, 0, UINT64_MAX), 0);
	assert_int_equal(bitmap_set_range(&bm, (1ULL << 36) - 1, UINT64_MAX), 1);
	assert_int_equal(bitmap_next(&bm, 5, 1ULL << 36), (1ULL << 36) - 1);
	assert_int_equal(bitmap_count(&bm, 0, UINT64_MAX), 1);
	assert_true(bitmap_untouched(&bm, 0, bm.nwords - 512));
	assert_false(bitmap_untouched(&bm, 0, bm.nwords - 511));
	assert_false(bitmap_untouched(&bm, bm.nwords - 1, UINT64_MAX));
	bitmap_deinit(&bm);
	bitmap_deinit(&bm);
	assert_int_equal(bitmap_init(&bm, 0, NULL), 0);
	assert_int_equal(bitmap_count(&bm, 0, 64), 0);
	assert_int_equal(bitmap_set_range(&bm, 0, 64), 0);
	bitmap_deinit(&bm);
	assert_int_equal(bitmap_init(&bm, UINT64_MAX, NULL), ERR_NOMEM);
	bitmap_deinit(&bm);
}

static void add(struct pfn_list *list, const struct pfn_range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(pfn_list_add(list, ranges[i].start, ranges[i].end, NULL), 0);
}

static void expect_list(const struct pfn_list *list, const struct pfn_range *ranges, size_t n)
{
	assert_int_equal(list->n, n);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(list->ranges[i].start, ranges[i].start);
		assert_int_equal(list->ranges[i].end, ranges[i].end);
	}
}

static void test_lists(void **state)
{
	static const struct pfn_range in[] = {{10, 20}, {20, 25}, {7, 7},  {9, 3},
					      {5, 12},	{40, 50}, {41, 42}};
	static const struct pfn_range merged[] = {{5, 25}, {40, 50}};
	static const struct pfn_range less[] = {{0, 6}, {8, 9}, {24, 41}, {49, 60}};
	static const struct pfn_range rest[] = {{6, 8}, {9, 24}, {41, 49}};
	struct pfn_list list = {0}, minus = {0};

	(void)state;
	pfn_list_normalise(&list);
	add(&list, in, ARRAY_SIZE(in));
	assert_int_equal(list.n, 4);
	pfn_list_normalise(&list);
	expect_list(&list, merged, ARRAY_SIZE(merged));
	add(&minus, less, ARRAY_SIZE(less));
	assert_int_equal(pfn_list_subtract(&list, &minus, NULL), 0);
	expect_list(&list, rest, ARRAY_SIZE(rest));
	pfn_list_append(&minus, &list);
	assert_int_equal(minus.n, 7);
	pfn_list_deinit(&list);
	pfn_list_deinit(&minus);
}

/* Walks the order; every bit of @kept comes once, and in the wanted order of ranges. */
static void walk(const struct pfn_list *order, const struct bitmap *kept, size_t step)
{
	struct order_walk w = {.order = order};
	uint64_t indices[64], out = 0;
	pfn_t pfns[64];
	struct rank rank;
	size_t n;

	assert_int_equal(rank_init(&rank, kept, NULL), 0);
	w.rank = &rank;
	while ((n = order_next(&w, step, pfns, indices))) {
		assert_true(n <= step);
		for (size_t i = 0; i < n; i++) {
			assert_true(bitmap_test(kept, pfns[i]));
			assert_int_equal(indices[i], bitmap_count(kept, 0, pfns[i]));
		}
		out += n;
	}
	assert_int_equal(out, bitmap_count(kept, 0, kept->nbits));
	rank_deinit(&rank);
}

static void test_near(void **state)
{
	static const struct pfn_range want[] = {{10, 27}, {28, 30}, {40, 41}, {42, 43}, {5, 6}};
	static const struct pfn_range squeezed[] = {{5, 6}, {10, 30}, {40, 43}};
	static const struct pfn_range all[] = {{5, 43}};
	struct pfn_list list = {0};

	(void)state;
	assert_int_equal(pfn_list_add_near(&list, 10, 20, 5, 0, NULL), 0);
	assert_int_equal(pfn_list_add_near(&list, 15, 16, 5, 0, NULL), 0); // in it
	assert_int_equal(pfn_list_add_near(&list, 25, 27, 5, 10, NULL), 0); // over the gap
	assert_int_equal(pfn_list_add_near(&list, 28, 30, 5, 11, NULL), 0); // under the floor
	assert_int_equal(pfn_list_add_near(&list, 40, 41, 9, 0, NULL), 0); // too far
	assert_int_equal(pfn_list_add_near(&list, 42, 43, 0, 0, NULL), 0);
	assert_int_equal(pfn_list_add_near(&list, 43, 43, 0, 0, NULL), 0);
	assert_int_equal(pfn_list_add_near(&list, 5, 6, 100, 0, NULL), 0); // backwards
	expect_list(&list, want, ARRAY_SIZE(want));
	pfn_list_squeeze(&list, 5);
	assert_int_equal(list.n, 5);
	pfn_list_squeeze(&list, 4);
	expect_list(&list, squeezed, ARRAY_SIZE(squeezed));
	pfn_list_squeeze(&list, 1);
	expect_list(&list, all, 1);
	// Gaps of any size.
	assert_int_equal(pfn_list_add(&list, UINT64_MAX - 1, UINT64_MAX, NULL), 0);
	pfn_list_squeeze(&list, 1);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.ranges[0].end, UINT64_MAX);
	pfn_list_deinit(&list);
	pfn_list_squeeze(&list, 1);
	assert_int_equal(list.n, 0);
}

/* Two sections of which one ends where the other begins, by one thread and by one each: the same. */
static void test_near_sections(void **state)
{
	static const struct pfn_range want[] = {{90, 112}};
	static const struct pfn_range second[] = {{100, 104}, {108, 112}};
	struct pfn_list lists[2] = {0};

	(void)state;
	for (size_t threads = 1; threads <= 2; threads++) {
		struct pfn_list all = {0}, *other = &lists[threads - 1];

		assert_int_equal(pfn_list_add_near(&lists[0], 90, 100, 4, 0, NULL), 0);
		for (size_t i = 0; i < ARRAY_SIZE(second); i++)
			assert_int_equal(pfn_list_add_near(other, second[i].start, second[i].end, 4,
							   100, NULL),
					 0);
		pfn_list_append(&all, other);
		if (threads == 2)
			pfn_list_append(&all, &lists[0]);
		pfn_list_normalise(&all);
		expect_list(&all, want, ARRAY_SIZE(want));
		pfn_list_deinit(&all);
		pfn_list_deinit(&lists[0]);
		pfn_list_deinit(&lists[1]);
	}
}

/* Of a page in several lists the first counts, and the others have their place among them. */
static void test_order_of_many(void **state)
{
	static const struct pfn_range a[] = {{50, 60}}, b[] = {{10, 20}, {55, 70}},
				      c[] = {{0, 12}, {90, 200}}, d[] = {{0, 100}};
	static const struct pfn_range want[] = {{50, 60},  {10, 20}, {60, 70}, {0, 10},
						{90, 100}, {20, 50}, {70, 90}};
	static const struct pfn_range mid[] = {{50, 60}, {10, 20}, {60, 70}, {20, 50},
					       {70, 90}, {0, 10},  {90, 100}};
	struct pfn_list in[5] = {0}, order;
	struct pfn_list *const lists[] = {&in[0], &in[1], &in[2], &in[3], &in[4]};

	(void)state;
	add(&in[0], a, ARRAY_SIZE(a));
	add(&in[1], b, ARRAY_SIZE(b));
	add(&in[3], c, ARRAY_SIZE(c));
	add(&in[4], d, ARRAY_SIZE(d));
	// What is in the last list only is what is in no other.
	assert_int_equal(order_make(lists, 5, 4, 100, &order, NULL), 0);
	expect_list(&order, want, ARRAY_SIZE(want));
	pfn_list_deinit(&order);
	assert_int_equal(order_make(lists, 4, 4, 100, &order, NULL), 0);
	expect_list(&order, want, ARRAY_SIZE(want));
	pfn_list_deinit(&order);
	assert_int_equal(order_make(lists, 4, 3, 100, &order, NULL), 0);
	expect_list(&order, mid, ARRAY_SIZE(mid));
	pfn_list_deinit(&order);
	assert_int_equal(order_make(NULL, 0, 0, 100, &order, NULL), 0);
	expect_list(&order, d, 1);
	pfn_list_deinit(&order);
	for (size_t i = 0; i < ARRAY_SIZE(in); i++)
		pfn_list_deinit(&in[i]);
}

static void test_order(void **state)
{
	static const struct pfn_range firsts[] = {{300, 400}, {90, 110}, {9000, 20000}};
	static const struct pfn_range lasts[] = {{100, 200}, {395, 405}, {9990, 30000}};
	static const struct pfn_range want[] = {{90, 110},  {300, 400},	 {9000, 10000}, {0, 90},
						{200, 300}, {405, 9000}, {110, 200},	{400, 405}};
	struct pfn_list first = {0}, last = {0}, order;
	struct pfn_list *const lists[] = {&first, &last};
	struct bitmap kept;

	(void)state;
	add(&first, firsts, 3);
	add(&last, lasts, 3);
	assert_int_equal(order_make(lists, 2, 1, 10000, &order, NULL), 0);
	expect_list(&order, want, ARRAY_SIZE(want));
	assert_int_equal(bitmap_init(&kept, 10000, NULL), 0);
	for (pfn_t pfn = 0; pfn < 10000; pfn += 1 + pfn % 7)
		bitmap_set_range(&kept, pfn, pfn + 1);
	walk(&order, &kept, 1);
	walk(&order, &kept, 64);
	bitmap_set_range(&kept, 0, 10000);
	walk(&order, &kept, 63);
	bitmap_clear_range(&kept, 0, 10000);
	walk(&order, &kept, 8);
	pfn_list_deinit(&order);
	pfn_list_deinit(&first);
	last.n = 0;
	assert_int_equal(order_make(lists, 2, 1, 10000, &order, NULL), 0);
	assert_int_equal(order.n, 1);
	walk(&order, &kept, 8);
	pfn_list_deinit(&order);
	pfn_list_deinit(&last);
	bitmap_deinit(&kept);
}

/* Ranks are counted on from the range before: over chunks, and back. */
static void test_order_of_chunks(void **state)
{
	enum { C = RANK_CHUNK };
	static const struct pfn_range ranges[] = {
		{C - 300, C - 200}, {C - 100, C + 100}, {C + 150, C + 160}, {C + 300, 3 * C - 10},
		{C + 200, C + 250}, {0, C - 300},	{C - 200, C - 100}, {C + 100, C + 150},
		{C + 160, C + 200}, {C + 250, C + 300}, {3 * C - 10, 4 * C}};
	struct pfn_list order = {0};
	struct bitmap kept;

	(void)state;
	add(&order, ranges, ARRAY_SIZE(ranges));
	assert_int_equal(bitmap_init(&kept, 3 * C, NULL), 0);
	for (pfn_t pfn = 0; pfn < 3 * C; pfn += 50 + pfn % 7)
		bitmap_set_range(&kept, pfn, pfn + 1);
	bitmap_set_range(&kept, C - 150, C + 350);
	walk(&order, &kept, 1);
	walk(&order, &kept, 64);
	pfn_list_deinit(&order);
	bitmap_deinit(&kept);
}

/* Lists that are full have an order all the same. */
static void test_long_lists(void **state)
{
	struct pfn_list first = {0}, last = {0}, order;
	struct pfn_list *const lists[] = {&first, &last};
	struct bitmap kept;

	(void)state;
	for (pfn_t i = 0; i < PFN_LIST_MAX; i++) {
		assert_int_equal(pfn_list_add(&first, i * 10, i * 10 + 3, NULL), 0);
		assert_int_equal(pfn_list_add(&last, i * 10 + 5, i * 10 + 8, NULL), 0);
	}
	assert_int_equal(pfn_list_add(&first, 0, 1, NULL), ERR_LIMIT);
	assert_int_equal(pfn_list_add(&first, 1, 1, NULL), 0);
	assert_int_equal(pfn_list_add(&first, (PFN_LIST_MAX - 1) * 10 + 3, PFN_LIST_MAX * 10, NULL),
			 0);
	pfn_list_append(&first, &last);
	assert_int_equal(first.n, PFN_LIST_MAX);
	assert_int_equal(order_make(lists, 2, 1, PFN_LIST_MAX * 10, &order, NULL), 0);
	assert_int_equal(bitmap_init(&kept, PFN_LIST_MAX * 10, NULL), 0);
	for (size_t i = 0; i < order.n; i++)
		assert_int_equal(bitmap_set_range(&kept, order.ranges[i].start,
						  order.ranges[i].end),
				 order.ranges[i].end - order.ranges[i].start);
	assert_int_equal(bitmap_count(&kept, 0, UINT64_MAX), PFN_LIST_MAX * 10);
	assert_int_equal(pfn_list_subtract(&first, &last, NULL), 0);
	bitmap_deinit(&kept);
	pfn_list_deinit(&order);
	pfn_list_deinit(&first);
	pfn_list_deinit(&last);
}

static void test_rank(void **state)
{
	struct bitmap kept;
	struct rank rank;

	(void)state;
	assert_int_equal(bitmap_init(&kept, 2 * RANK_CHUNK, NULL), 0);
	bitmap_set_range(&kept, 3, 2 * RANK_CHUNK - 1);
	assert_int_equal(rank_init(&rank, &kept, NULL), 0);
	assert_int_equal(rank_of(&rank, 0), 0);
	assert_int_equal(rank_of(&rank, 4), 1);
	assert_int_equal(rank_of(&rank, RANK_CHUNK - 1), RANK_CHUNK - 4);
	assert_int_equal(rank_of(&rank, RANK_CHUNK), RANK_CHUNK - 3);
	assert_int_equal(rank_of(&rank, 2 * RANK_CHUNK), 2 * RANK_CHUNK - 4);
	assert_int_equal(rank_of(&rank, UINT64_MAX), 2 * RANK_CHUNK - 4);
	rank_deinit(&rank);
	rank_deinit(&rank);
	bitmap_deinit(&kept);
}

/* What the log printed into a memfd. */
static const char *printed(int fd, char buf[static LOG_KEPT_MAX])
{
	ssize_t n = pread(fd, buf, LOG_KEPT_MAX - 1, 0);

	assert_true(n >= 0);
	buf[n] = '\0';
	return buf;
}

static void test_log(void **state)
{
	static struct log log;
	static char buf[LOG_KEPT_MAX], many[2 * LOG_LINE_MAX];
	int fd = memfd_create("log", MFD_CLOEXEC);

	(void)state;
	log_init(&log, fd, LOG_COMMON);
	log_line(&log, LOG_DEBUG, "not this");
	log_line(&log, LOG_ERROR, "kept, not printed");
	log_line(&log, LOG_COMMON, "a\033[2Jb\nc\x7f\xc3\xa4%d", 7);
	log_progress(&log, "not this either");
	assert_string_equal(printed(fd, buf), "lifeboat-collect: a?[2Jb?c?\xc3\xa4"
					      "7\n");
	assert_non_null(memmem(log.kept, log.used, "] kept, not printed\n", 20));
	assert_null(memmem(log.kept, log.used, "not this", 8));
	log.level |= LOG_PROGRESS;
	memset(many, 'x', sizeof(many) - 1);
	log_progress(&log, many);
	log_line(&log, LOG_COMMON, "%s", many);
	assert_true(strlen(printed(fd, buf)) < 2 * LOG_LINE_MAX + 50);
	// A log that is full keeps whole lines only.
	for (int i = 0; i < 1000; i++)
		log_line(&log, LOG_ERROR, "%s", many);
	assert_true(log.used <= LOG_KEPT_MAX);
	assert_int_equal(log.kept[log.used - 1], '\n');
	close(fd);
}

static void test_progress(void **state)
{
	static struct log log;
	static char buf[LOG_KEPT_MAX];
	struct progress p;
	int fd = memfd_create("log", MFD_CLOEXEC);

	(void)state;
	log_init(&log, fd, LOG_PROGRESS);
	progress_init(&p, &log, 1ULL << 36, 65536);
	progress_show(&p, 1);
	assert_string_equal(printed(fd, buf), "");
	p.last_ms -= 1000;
	p.start_ms -= 1000;
	progress_show(&p, 0);
	p.last_ms -= 1000;
	progress_show(&p, 1ULL << 35);
	progress_show(&p, 1ULL << 36);
	printed(fd, buf);
	assert_non_null(strstr(buf, "  0 %, 0 of 68719476736 pages, 0.0 MB/s, 0:00 left\n"));
	assert_non_null(strstr(buf, " 50 %, "));
	assert_non_null(strstr(buf, "100 %, 68719476736 of 68719476736 pages"));
	// No pages at all are all pages.
	progress_init(&p, &log, 0, 4096);
	progress_show(&p, 0);
	printed(fd, buf);
	assert_non_null(strstr(buf, "100 %, 0 of 0 pages"));
	close(fd);
}

static void test_json(void **state)
{
	char buf[256];
	struct json j;

	(void)state;
	json_init(&j, buf, sizeof(buf));
	json_object(&j, NULL);
	json_string(&j, "a\"b", "\\\n\x01\xff");
	json_u64(&j, "n", UINT64_MAX);
	json_array(&j, "l");
	json_bool(&j, NULL, true);
	json_ms(&j, NULL, 12003);
	json_array_end(&j);
	json_object(&j, "o");
	json_object_end(&j);
	json_hex64(&j, "h", 0xabc);
	json_object_end(&j);
	assert_false(j.overflow);
	assert_string_equal(buf,
			    "{\n\t\"a\\\"b\": \"\\\\\\u000a\\u0001\\u00ff\",\n"
			    "\t\"n\": 18446744073709551615,\n\t\"l\": [\n\t\ttrue,\n\t\t12.003\n"
			    "\t],\n\t\"o\": {},\n\t\"h\": \"0000000000000abc\"\n}\n");
	for (size_t room = 1; room <= strlen(buf); room++) {
		char small[256];

		memset(small, 0x55, sizeof(small));
		json_init(&j, small, room);
		json_object(&j, NULL);
		json_string(&j, "a\"b", "\\\n\x01\xff");
		json_array(&j, "l");
		json_string(&j, NULL,
			    "words and words and words and words and words and words, "
			    "and words and words and words and words and words");
		json_array_end(&j);
		json_object_end(&j);
		assert_int_equal(small[room], 0x55);
		assert_true(strlen(small) < room);
	}
}

/* A manifest whose every string is the worst there can be fits. */
static void test_manifest(void **state)
{
	static char text[MANIFEST_TEXT_MAX], body[MANIFEST_SIZE_MAX], reason[MANIFEST_REASON_MAX];
	static struct attempt attempts[COURSE_ATTEMPTS_MAX];
	enum tier_state tiers[TIERS] = {[TIER_DMESG] = TIER_COMMITTED, [TIER_DUMP] = TIER_BEGUN};
	struct manifest_head head = {.status = MANIFEST_INCOMPLETE, .reason = "", .tiers = tiers};
	struct manifest m = {0};
	struct kmem km = {.crashtime = UINT64_MAX};
	struct plan plan = {.model = "sparsemem_extreme", .nnotes = PLAN_NOTES_MAX};

	(void)state;
	assert_true(manifest_body(&m, body, sizeof(body)) > 0);
	assert_true(manifest_text(&head, body, text, sizeof(text)) > 0);
	assert_non_null(strstr(text, "\"status\": \"incomplete\""));
	assert_non_null(strstr(text, "\"dmesg\": \"committed\""));
	assert_non_null(strstr(text, "\"dump\": \"begun\""));
	assert_non_null(strstr(text, "\"attempts\": [],\n\t\"crash\": {"));
	assert_null(strstr(text, "\"digest\""));
	// Without what a worker knows there is still how it came out.
	assert_true(manifest_text(&head, "", text, sizeof(text)) > 0);
	assert_null(strstr(text, "\"crash\""));
	assert_string_equal(text + strlen(text) - 5, "[]\n}\n");
	memset(m.panic, 1, sizeof(m.panic) - 1);
	memset(km.uts.release, 2, KMEM_UTS_LEN - 1);
	memset(km.uts.version, 2, KMEM_UTS_LEN - 1);
	memset(km.uts.nodename, 2, KMEM_UTS_LEN - 1);
	memset(km.uts.machine, 2, KMEM_UTS_LEN - 1);
	for (size_t i = 0; i < PLAN_NOTES_MAX; i++)
		memset(plan.notes[i], 3, PLAN_NOTE_MAX - 1);
	memset(&plan.counts, 0xff, sizeof(plan.counts));
	m.km = &km;
	m.plan = &plan;
	m.total_ms = UINT64_MAX;
	m.commit_time = 1700000001;
	assert_true(manifest_body(&m, body, sizeof(body)) > 12 << 10);
	memset(reason, 0xff, sizeof(reason) - 1);
	head.reason = reason;
	memset(attempts, 0xff, sizeof(attempts));
	for (size_t i = 0; i < COURSE_ATTEMPTS_MAX; i++)
		attempts[i].name[63] = attempts[i].dir[127] =
			attempts[i].reason[MANIFEST_REASON_MAX - 1] = '\0';
	head.attempts = attempts;
	head.nattempts = COURSE_ATTEMPTS_MAX;
	assert_true(manifest_text(&head, body, text, sizeof(text)) > 64 << 10);
	assert_non_null(strstr(text, "\"free\": 18446744073709551615"));
	assert_null(strstr(text, "panic_to_commit"));
	assert_int_equal(manifest_text(&head, body, text, 1000), 0);
	assert_true(manifest_peak_kib() > 0);
}

/* Nobody reads what the terminal shows: lines are lost there, kept here, and it goes on. */
static void test_log_on_a_terminal_that_is_stopped(void **state)
{
	CLEANUP_FREE struct log *log = calloc(1, sizeof(*log));
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	int slave;

	(void)state;
	assert_non_null(log);
	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	log_init(log, slave, LOG_ERROR);
	assert_true(log->tty && log->quick >= 0);
	// A terminal holds some 4 KiB; a test that hangs here has failed.
	alarm(120);
	for (int i = 0; i < 200; i++)
		log_line(log, LOG_ERROR, "line %d %0*d", i, 100, i);
	alarm(0);
	assert_true(log->silent_until > 0);
	assert_non_null(memmem(log->kept, log_used(log), "line 199 ", 9));
	close(log->quick);
	close(slave);
	close(master);
}

/* Two processes fill the log that they share: no line goes behind its end. */
static void test_log_shared(void **state)
{
	struct log *log = mmap(NULL, 2 * sizeof(*log), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, null = open("/dev/null", O_WRONLY);
	pid_t pid;

	(void)state;
	assert_true(log != MAP_FAILED && null >= 0);
	log_init(log, null, LOG_ERROR);
	pid = fork();
	for (int i = 0; i < 3000; i++)
		log_line(log, LOG_ERROR, "a line of some length, number %d", i);
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(log->used <= LOG_KEPT_MAX);
	assert_int_equal(log->kept[log->used - 1], '\n');
	for (size_t i = 0; i < sizeof(*log); i++)
		assert_int_equal(((const char *)(log + 1))[i], 0);
	log->used = SIZE_MAX;
	log_line(log, LOG_ERROR, "nothing");
	assert_int_equal(log_used(log), LOG_KEPT_MAX);
	munmap(log, 2 * sizeof(*log));
	close(null);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_on_a_terminal_that_is_stopped),
		cmocka_unit_test(test_log_shared),
		cmocka_unit_test(test_bitmap),
		cmocka_unit_test(test_bitmap_blocks),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_near_sections),
		cmocka_unit_test(test_order_of_many),
		cmocka_unit_test(test_order_of_chunks),
		cmocka_unit_test(test_long_lists),
		cmocka_unit_test(test_rank),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
