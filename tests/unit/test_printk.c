// SPDX-License-Identifier: GPL-2.0-or-later
/* The log as text: what a whole ring says, and what is left of a damaged one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "crashnotes/vmcoreinfo.h"
#include "tests/lib/mkprintk.h"
#include "vmcore/printk.h"

enum {
	OUT_MAX = 1 << 20,
	READS_MAX = 400000, /* more is no longer "bounded" for any ring of these tests */
	MANY = 2000,
};

/* A log, and what came out of it. */
struct fixture {
	struct mkprintk mk;
	char *text; /* OUT_MAX bytes, zero-terminated */
	size_t used;
	struct printk_stats stats;
	struct err err;
	int out_fails_after; /* calls of out; negative: never */
	uint64_t hole, hole_size; /* offsets in memory that cannot be read */
	int hole_rc;
	unsigned long reads;
};

static int read_mem(void *ctx, vaddr_t va, void *buf, size_t size, struct err *err)
{
	struct fixture *f = ctx;
	uint64_t at = va - MKPRINTK_VA;

	assert_true(++f->reads < READS_MAX);
	if (f->hole_size && at < f->hole + f->hole_size && f->hole < at + size)
		return err_set(err, f->hole_rc, "a hole");
	return mkprintk_read(&f->mk, va, buf, size, err);
}

static int take_text(void *ctx, const char *text, size_t size, struct err *err)
{
	struct fixture *f = ctx;

	if (!f->out_fails_after--)
		return err_set(err, ERR_NOSPC, "the target is full");
	assert_true(size > 0 && size < OUT_MAX - f->used);
	memcpy(f->text + f->used, text, size);
	f->used += size;
	f->text[f->used] = '\0';
	return 0;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f)
		f->text = calloc(1, OUT_MAX);
	*state = f;
	return f && f->text ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	mkprintk_deinit(&f->mk);
	free(f->text);
	free(f);
	return 0;
}

static int dump(struct fixture *f)
{
	struct printk_io io = {read_mem, f, take_text, f};
	struct vmcoreinfo *vi;
	int rc;

	if (vmcoreinfo_create(f->mk.vmcoreinfo, strlen(f->mk.vmcoreinfo), &vi, &f->err))
		fail_msg("%s", f->err.msg);
	memset(&f->stats, 0xff, sizeof(f->stats));
	f->used = 0;
	f->text[0] = '\0';
	f->reads = 0;
	rc = printk_dump(vi, &io, &f->stats, &f->err);
	vmcoreinfo_destroy(vi);
	assert_int_equal(f->stats.bytes, f->used);
	return rc;
}

static void check_dump(struct fixture *f, const char *want, uint64_t records, uint64_t lost)
{
	f->out_fails_after = -1;
	if (dump(f))
		fail_msg("%s", f->err.msg);
	assert_string_equal(f->text, want);
	assert_int_equal(f->stats.records, records);
	assert_int_equal(f->stats.lost, lost);
}

static void check_refused(struct fixture *f, int code, const char *says)
{
	f->out_fails_after = -1;
	assert_int_equal(dump(f), code);
	if (!strstr(f->err.msg, says))
		fail_msg("'%s' does not say '%s'", f->err.msg, says);
}

static const struct mkprintk_opts small = {.count_bits = 4, .size_bits = 10};

static const struct mkprintk_rec three[] = {
	{.ts_nsec = 0, .text = "Linux version 6.1"},
	{.ts_nsec = UINT64_C(1234567890), .text = "second", .caller = 1},
	{.ts_nsec = UINT64_C(99999999999999), .text = "third", .caller = 0x80000003},
};

#define THREE "[    0.000000] Linux version 6.1\n[    1.234567] second\n[99999.999999] third\n"

static void make_three(struct fixture *f, bool prb)
{
	mkprintk_deinit(&f->mk);
	(prb ? mkprintk_prb : mkprintk_logbuf)(&f->mk, &small, three, ARRAY_SIZE(three));
}

static void test_empty(void **state)
{
	struct fixture *f = *state;

	mkprintk_prb(&f->mk, &small, NULL, 0);
	check_dump(f, "", 0, 0);
	mkprintk_deinit(&f->mk);
	mkprintk_logbuf(&f->mk, &small, NULL, 0);
	check_dump(f, "", 0, 0);
}

static void test_plain(void **state)
{
	struct fixture *f = *state;

	make_three(f, true);
	check_dump(f, THREE, 3, 0);
	make_three(f, false);
	check_dump(f, THREE, 3, 0);
}

struct places {
	vaddr_t va[4];
	uint64_t size[4];
	size_t n, most; // where it says that it is enough
};

static int take_place(void *ctx, vaddr_t va, uint64_t size, struct err *err)
{
	struct places *p = ctx;

	if (p->n == p->most)
		return err_set(err, ERR_STOPPED, "enough");
	p->va[p->n] = va;
	p->size[p->n++] = size;
	return 0;
}

static int find_places(struct fixture *f, struct places *p)
{
	struct printk_io io = {.read = read_mem, .read_ctx = f};
	struct vmcoreinfo *vi;
	int rc;

	assert_int_equal(vmcoreinfo_create(f->mk.vmcoreinfo, strlen(f->mk.vmcoreinfo), &vi, NULL),
			 0);
	rc = printk_places(vi, &io, take_place, p, &f->err);
	vmcoreinfo_destroy(vi);
	return rc;
}

/* Where the parts of the log lie, in both layouts. */
static void test_places(void **state)
{
	struct fixture *f = *state;
	struct places p = {.most = 4};

	make_three(f, true);
	assert_int_equal(find_places(f, &p), 0);
	assert_int_equal(p.n, 3);
	assert_int_equal(p.va[0], MKPRINTK_VA + MKPRINTK_ARRAYS);
	assert_int_equal(p.size[0], 16 * MKPRINTK_DESC_SIZE);
	assert_int_equal(p.size[1], 16 * MKPRINTK_INFO_SIZE);
	assert_int_equal(p.size[2], 1024);
	p = (struct places){.most = 1};
	assert_int_equal(find_places(f, &p), ERR_STOPPED);
	assert_int_equal(p.n, 1);
	make_three(f, false);
	p = (struct places){.most = 4};
	assert_int_equal(find_places(f, &p), 0);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.va[0], MKPRINTK_VA + MKPRINTK_ARRAYS);
	assert_int_equal(p.size[0], 1024);
	strcpy(f->mk.vmcoreinfo, "PAGESIZE=4096\n");
	assert_int_equal(find_places(f, &p), ERR_NOTFOUND);
}

static void test_old_name(void **state)
{
	const struct mkprintk_opts opts = {.size_bits = 10, .old_name = true};
	struct fixture *f = *state;

	mkprintk_logbuf(&f->mk, &opts, three, ARRAY_SIZE(three));
	check_dump(f, THREE, 3, 0);
}

static void test_caller(void **state)
{
	const struct mkprintk_opts opts = {.size_bits = 10, .caller = true};
	static const struct mkprintk_rec recs[] = {
		{.text = "a\nb", .caller = 1},
		{.text = "c", .caller = 0x80000003},
		{.text = "d", .caller = 4194304},
		{.text = "e", .caller = 0xffffffff},
	};
	struct fixture *f = *state;

	mkprintk_logbuf(&f->mk, &opts, recs, ARRAY_SIZE(recs));
	check_dump(f,
		   "[    0.000000][    T1] a\n                       b\n"
		   "[    0.000000][    C3] c\n"
		   "[    0.000000][T4194304] d\n"
		   "[    0.000000][C2147483647] e\n",
		   4, 0);
}

static const struct mkprintk_rec odd[] = {
	{.ts_nsec = 1999, .text = "two\nlines\n"},
	{.ts_nsec = UINT64_C(123456000000000), .text = "wide\nprefix"},
	{.text = "\x01\x1b[0m\x7f \xc3\xa9 \\ \t\v\f\r.\0!", .len = 19},
	{.ts_nsec = UINT64_MAX, .text = "end of time"},
};

#define ODD                                                                 \
	"[    0.000001] two\n               lines\n               \n"       \
	"[123456.000000] wide\n                prefix\n"                    \
	"[    0.000000] \\x01\\x1b[0m\\x7f \\xc3\\xa9 \\ \t\v\f\r.\\x00!\n" \
	"[18446744073.709551] end of time\n"

static void test_odd_text(void **state)
{
	struct fixture *f = *state;

	mkprintk_prb(&f->mk, &small, odd, ARRAY_SIZE(odd));
	check_dump(f, ODD, 4, 0);
	mkprintk_deinit(&f->mk);
	mkprintk_logbuf(&f->mk, &small, odd, ARRAY_SIZE(odd));
	check_dump(f, ODD, 4, 0);
}

static void test_states(void **state)
{
	static const struct mkprintk_rec recs[] = {
		{.text = "finalized"},
		{.text = "committed", .state = MKPRINTK_COMMITTED},
		{.text = "reserved", .state = MKPRINTK_RESERVED},
		{.text = ""},
		{.text = "failed", .state = MKPRINTK_FAILED},
		{.text = "last"},
	};
	struct fixture *f = *state;

	mkprintk_prb(&f->mk, &small, recs, ARRAY_SIZE(recs));
	check_dump(f, "[    0.000000] finalized\n[    0.000000] committed\n[    0.000000] last\n",
		   3, 0);
}

/* A block whose text was taken back: the prefix stands alone. */
static void test_blank(void **state)
{
	struct fixture *f = *state;

	make_three(f, true);
	store_le16(f->mk.mem + f->mk.infos + MKPRINTK_INFO_SIZE + 16, 0);
	check_dump(f, "[    0.000000] Linux version 6.1\n[    1.234567] \n[99999.999999] third\n",
		   3, 0);
	mkprintk_deinit(&f->mk);
	mkprintk_logbuf(&f->mk, &small, &(struct mkprintk_rec){.text = ""}, 1);
	check_dump(f, "[    0.000000] \n", 1, 0);
}

/* Many records of all lengths through a small ring: the last ones must come out, in order. */
static void check_many(struct fixture *f, const struct mkprintk_opts *opts, bool prb, size_t step)
{
	CLEANUP_FREE struct mkprintk_rec *recs = calloc(MANY, sizeof(*recs));
	CLEANUP_FREE char *all = calloc(1, OUT_MAX);
	static char filler[300];
	char *at = all;

	assert_true(recs && all);
	memset(filler, 'x', sizeof(filler));
	for (size_t n = 0; n <= MANY; n += step) {
		at = all;
		for (size_t i = 0; i < n; i++) {
			recs[i].ts_nsec = i * 1000;
			recs[i].text = filler;
			recs[i].len = 1 + i * 7 % 199;
			at += sprintf(at, "[    0.%06zu] %.*s\n", i, (int)recs[i].len, filler);
		}
		mkprintk_deinit(&f->mk);
		(prb ? mkprintk_prb : mkprintk_logbuf)(&f->mk, opts, recs, n);
		f->out_fails_after = -1;
		assert_int_equal(dump(f), 0);
		assert_int_equal(f->stats.lost, 0);
		assert_in_range(f->used, 0, at - all);
		assert_string_equal(f->text, at - f->used);
		assert_true(n == 0 || f->stats.records > 0);
		// More than half of what the ring can hold must have come out of a full one.
		assert_true(n < 100 || f->stats.records >= 10);
	}
}

static void test_full_descs(void **state)
{
	const struct mkprintk_opts opts = {.count_bits = 4, .size_bits = 14};

	check_many(*state, &opts, true, 1);
}

static void test_full_data(void **state)
{
	struct mkprintk_opts opts = {.count_bits = 10, .size_bits = 11};

	check_many(*state, &opts, true, 1);
	opts.fill_to_end = true;
	check_many(*state, &opts, true, 1);
}

static void test_full_logbuf(void **state)
{
	struct mkprintk_opts opts = {.size_bits = 11};

	check_many(*state, &opts, false, 1);
	opts.size_bits = 15;
	check_many(*state, &opts, false, 97);
}

/* Blocks of 64 bytes in 256: the fourth ends with the ring, or is at its start. */
static void test_block_at_end(void **state)
{
	static const struct mkprintk_rec recs[] = {
		{.text = "1", .len = 1}, {.text = "2", .len = 1}, {.text = "3", .len = 1}};
	struct mkprintk_opts opts = {.count_bits = 3, .size_bits = 8};
	struct mkprintk_rec long_recs[4];
	struct fixture *f = *state;
	char text[57];

	memset(text, 'y', sizeof(text));
	for (int i = 0; i < 4; i++)
		long_recs[i] = (struct mkprintk_rec){.text = text, .len = 56};
	mkprintk_prb(&f->mk, &opts, long_recs, 4);
	// The old way: the fourth stands at index 0, where the first one was.
	assert_memory_equal(f->mk.mem + f->mk.data + 192 + 8, "\0\0", 2);
	f->out_fails_after = -1;
	assert_int_equal(dump(f), 0);
	assert_int_equal(f->stats.records, 3);
	assert_int_equal(f->stats.lost, 0);

	mkprintk_deinit(&f->mk);
	opts.fill_to_end = true;
	mkprintk_prb(&f->mk, &opts, long_recs, 4);
	assert_memory_equal(f->mk.mem + f->mk.data + 192 + 8, "yy", 2);
	assert_int_equal(dump(f), 0);
	assert_int_equal(f->stats.records, 4);
	assert_int_equal(f->stats.lost, 0);
	assert_int_equal(f->used, 4 * (15 + 56 + 1));

	mkprintk_deinit(&f->mk);
	mkprintk_prb(&f->mk, &opts, recs, 3);
	check_dump(f, "[    0.000000] 1\n[    0.000000] 2\n[    0.000000] 3\n", 3, 0);
}

/* Each key that is needed, taken away alone, is named. */
static void check_missing(struct fixture *f, const char *const *keys, size_t n, bool prb)
{
	for (size_t i = 0; i < n; i++) {
		char *line;

		make_three(f, prb);
		line = strstr(f->mk.vmcoreinfo, keys[i]);
		assert_non_null(line);
		*strchr(line, '=') = '~';
		check_refused(f, ERR_NOTFOUND, keys[i]);
	}
}

static void test_missing_keys(void **state)
{
	static const char *const prb_keys[] = {
		"SYMBOL(prb)",
		"OFFSET(printk_ringbuffer.desc_ring)",
		"OFFSET(printk_ringbuffer.text_data_ring)",
		"OFFSET(prb_desc_ring.count_bits)",
		"OFFSET(prb_desc_ring.descs)",
		"OFFSET(prb_desc_ring.infos)",
		"OFFSET(prb_desc_ring.head_id)",
		"OFFSET(prb_desc_ring.tail_id)",
		"OFFSET(prb_data_ring.size_bits)",
		"OFFSET(prb_data_ring.data)",
		"SIZE(prb_desc)",
		"OFFSET(prb_desc.state_var)",
		"OFFSET(prb_desc.text_blk_lpos)",
		"OFFSET(prb_data_blk_lpos.begin)",
		"OFFSET(prb_data_blk_lpos.next)",
		"SIZE(printk_info)",
		"OFFSET(printk_info.ts_nsec)",
		"OFFSET(printk_info.text_len)",
		"SIZE(atomic_long_t)",
		"OFFSET(atomic_long_t.counter)",
	};
	static const char *const log_keys[] = {
		"SYMBOL(log_buf)",	  "SYMBOL(log_buf_len)",
		"SYMBOL(log_first_idx)",  "SYMBOL(log_next_idx)",
		"SIZE(printk_log)",	  "OFFSET(printk_log.ts_nsec)",
		"OFFSET(printk_log.len)", "OFFSET(printk_log.text_len)",
	};

	check_missing(*state, prb_keys, ARRAY_SIZE(prb_keys), true);
	check_missing(*state, log_keys, ARRAY_SIZE(log_keys), false);
}

/* Puts @value behind @key. */
static void forge_key(struct fixture *f, const char *key, const char *value)
{
	char *line = strstr(f->mk.vmcoreinfo, key), *forged;

	assert_non_null(line);
	line += strlen(key);
	assert_true(asprintf(&forged, "%.*s=%s%s", (int)(line - f->mk.vmcoreinfo), f->mk.vmcoreinfo,
			     value, strchr(line, '\n')) > 0);
	free(f->mk.vmcoreinfo);
	f->mk.vmcoreinfo = forged;
}

static void test_forged_keys(void **state)
{
	static const struct {
		const char *key, *value;
		int code;
	} cases[] = {
		{"OFFSET(printk_info.caller_id)", "99", 0}, // not used
		{"SIZE(prb_desc)", "23", ERR_CORRUPT},
		{"SIZE(prb_desc)", "00", ERR_CORRUPT},
		{"OFFSET(prb_desc.text_blk_lpos)", "9", ERR_CORRUPT},
		{"OFFSET(prb_data_blk_lpos.next)", "9", ERR_CORRUPT},
		{"SIZE(printk_info)", "17", ERR_CORRUPT},
		{"OFFSET(printk_info.text_len)", "87", ERR_CORRUPT},
		{"OFFSET(printk_info.ts_nsec)", "18446744073709551615", ERR_CORRUPT},
		{"OFFSET(prb_desc_ring.head_id)", "4097", ERR_CORRUPT},
		{"SIZE(atomic_long_t)", "4", ERR_UNSUPPORTED},
		{"SYMBOL(prb)", "00000000", ERR_NOTFOUND},
		{"SIZE(prb_desc)", "99999999", ERR_CORRUPT},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_three(f, true);
		forge_key(f, cases[i].key, cases[i].value);
		f->out_fails_after = -1;
		assert_int_equal(dump(f), cases[i].code);
	}
	make_three(f, false);
	forge_key(f, "SIZE(printk_log)", "11");
	check_refused(f, ERR_CORRUPT, "printk_log");
	make_three(f, false);
	forge_key(f, "OFFSET(printk_log.text_len)", "15");
	check_refused(f, ERR_CORRUPT, "printk_log");
}

static void test_forged_prb(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
		int code;
		const char *says;
	} cases[] = {
		{MKPRINTK_COUNT_BITS, 25, ERR_CORRUPT, "count_bits"},
		{MKPRINTK_COUNT_BITS, 63, ERR_CORRUPT, "count_bits"},
		{MKPRINTK_COUNT_BITS, 64, ERR_CORRUPT, "count_bits"},
		{MKPRINTK_COUNT_BITS, UINT32_MAX, ERR_CORRUPT, "count_bits"},
		{MKPRINTK_COUNT_BITS, 0, ERR_CORRUPT, "do not fit"},
		{MKPRINTK_SIZE_BITS, 29, ERR_CORRUPT, "size_bits"},
		{MKPRINTK_SIZE_BITS, 64, ERR_CORRUPT, "size_bits"},
		{MKPRINTK_SIZE_BITS, 3, ERR_CORRUPT, "size_bits"},
		{MKPRINTK_DESCS + 4, UINT32_MAX, 0, NULL},
		{MKPRINTK_VARS + 4, 0, ERR_NOTFOUND, "count_bits"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		make_three(f, true);
		store_le32(f->mk.mem + cases[i].at, cases[i].value);
		if (cases[i].says)
			check_refused(f, cases[i].code, cases[i].says);
		else
			assert_int_equal(dump(f), cases[i].code);
	}
	// An array that would wrap around the address space.
	make_three(f, true);
	store_le64(f->mk.mem + MKPRINTK_DESCS, UINT64_MAX - 8);
	check_refused(f, ERR_CORRUPT, "cannot be");
}

/* IDs from the newest to the oldest would go around almost for ever. */
static void test_looping_ids(void **state)
{
	struct fixture *f = *state;

	make_three(f, true);
	store_le64(f->mk.mem + MKPRINTK_HEAD_ID, f->mk.tail_id - 1);
	check_refused(f, ERR_CORRUPT, "do not fit");
	store_le64(f->mk.mem + MKPRINTK_HEAD_ID, f->mk.tail_id + 16);
	check_refused(f, ERR_CORRUPT, "do not fit");
	// As many as there are is believed; those of another round are not.
	store_le64(f->mk.mem + MKPRINTK_HEAD_ID, f->mk.tail_id + 15);
	check_dump(f, THREE, 3, 12);
	// State bits where only an ID belongs are not looked at.
	store_le64(f->mk.mem + MKPRINTK_HEAD_ID, f->mk.head_id | 3ULL << 62);
	check_dump(f, THREE, 3, 0);
}

/* The most descriptors there can be, none of them there: an end within bounds. */
static void test_huge_and_absent(void **state)
{
	struct fixture *f = *state;

	make_three(f, true);
	store_le32(f->mk.mem + MKPRINTK_COUNT_BITS, 24);
	store_le64(f->mk.mem + MKPRINTK_DESCS, UINT64_C(0xffff800000000000));
	store_le64(f->mk.mem + MKPRINTK_HEAD_ID, f->mk.tail_id + (1 << 24) - 1);
	check_dump(f, "", 0, 1 << 24);
}

/* The second record's descriptor, or block, with a word changed. */
static void check_forged_record(struct fixture *f, size_t at, uint64_t value, bool lost)
{
	make_three(f, true);
	store_le64(f->mk.mem + at, value);
	if (lost)
		check_dump(f, "[    0.000000] Linux version 6.1\n[99999.999999] third\n", 2, 1);
	else
		check_dump(f, "[    0.000000] Linux version 6.1\n[99999.999999] third\n", 2, 0);
}

static void test_forged_records(void **state)
{
	struct fixture *f = *state;
	uint64_t begin, next, state_var;
	size_t desc;

	make_three(f, true);
	desc = f->mk.descs + MKPRINTK_DESC_SIZE;
	state_var = load_le64(f->mk.mem + desc);
	begin = load_le64(f->mk.mem + desc + 8);
	next = load_le64(f->mk.mem + desc + 16);

	check_forged_record(f, desc, state_var + 1, true);
	check_forged_record(f, desc, 0, true);
	check_forged_record(f, desc, state_var & UINT64_MAX >> 2, false);
	check_forged_record(f, desc, state_var | 3ULL << 62, false);
	check_forged_record(f, desc + 8, begin + 1, true);
	check_forged_record(f, desc + 8, begin + 8, true);
	check_forged_record(f, desc + 8, next, true);
	check_forged_record(f, desc + 8, next + 8, true);
	check_forged_record(f, desc + 8, next - 1024, true);
	check_forged_record(f, desc + 8, 1, true);
	check_forged_record(f, desc + 16, next + 1, true);
	check_forged_record(f, desc + 16, begin - 8, true);
	check_forged_record(f, desc + 16, begin + 1024, true);
	// Wrapped, it would stand at the start of the ring, where the first one is.
	check_forged_record(f, desc + 16, 8, true);
	// The block belongs to another record.
	check_forged_record(f, f->mk.data + begin % 1024, 5, true);
	// One position says that there is no text, the other where it is.
	check_forged_record(f, desc + 16, 3, true);
}

/* A length beyond the block ends with the block. */
static void test_forged_length(void **state)
{
	struct fixture *f = *state;

	make_three(f, true);
	store_le16(f->mk.mem + f->mk.infos + MKPRINTK_INFO_SIZE + 16, UINT16_MAX);
	check_dump(f,
		   "[    0.000000] Linux version 6.1\n[    1.234567] second\\x00\\x00\n"
		   "[99999.999999] third\n",
		   3, 0);
}

/* Every descriptor claims the whole ring; what comes out is no more than the ring holds. */
static void test_overlapping_blocks(void **state)
{
	const struct mkprintk_opts opts = {.count_bits = 6, .size_bits = 10};
	struct mkprintk_rec recs[60];
	struct fixture *f = *state;
	uint64_t id;

	for (size_t i = 0; i < ARRAY_SIZE(recs); i++)
		recs[i] = (struct mkprintk_rec){.text = "1234567"};
	mkprintk_prb(&f->mk, &opts, recs, ARRAY_SIZE(recs));
	for (size_t i = 0; i < ARRAY_SIZE(recs); i++) {
		uint8_t *desc = f->mk.mem + f->mk.descs + i * MKPRINTK_DESC_SIZE;
		uint64_t begin = load_le64(desc + 8);

		id = load_le64(desc) & UINT64_MAX >> 2;
		assert_int_equal(load_le64(f->mk.mem + f->mk.data + begin % 1024), id);
		store_le64(desc + 16, (begin / 1024 + 1) * 1024);
		store_le16(f->mk.mem + f->mk.infos + i * MKPRINTK_INFO_SIZE + 16, UINT16_MAX);
	}
	f->out_fails_after = -1;
	assert_int_equal(dump(f), 0);
	assert_true(f->stats.records > 0 && f->stats.lost > 0);
	assert_int_equal(f->stats.records + f->stats.lost, ARRAY_SIZE(recs));
	assert_true(f->used <= 4 * 1024 + ARRAY_SIZE(recs) * 16);
}

/* log_buf of @n one-letter records of 20 bytes each. */
static void make_letters(struct fixture *f, const struct mkprintk_opts *opts, size_t n)
{
	struct mkprintk_rec recs[26];
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < n; i++)
		recs[i] = (struct mkprintk_rec){.text = letters + i, .len = 1};
	mkprintk_deinit(&f->mk);
	mkprintk_logbuf(&f->mk, opts, recs, n);
}

static void test_forged_logbuf(void **state)
{
	static const struct mkprintk_opts opts = {.size_bits = 8};
	struct fixture *f = *state;
	uint8_t *log;

	// 0 a 20 b 40 c, and then a size that cannot be.
	for (uint16_t len = 0; len < 64; len++) {
		make_letters(f, &opts, 3);
		store_le16(f->mk.mem + f->mk.data + 20 + 8, len);
		f->out_fails_after = -1;
		assert_int_equal(dump(f), 0);
		// 40 is believable: it swallows c.
		if (len == 20 || len == 40)
			assert_int_equal(f->stats.lost, 0);
		else
			assert_in_range(f->stats.lost, 1, 2);
		assert_in_range(f->stats.records, 1, len == 20 ? 3 : 2);
	}
	// Text that is longer than its record: only this one is lost.
	make_letters(f, &opts, 3);
	store_le16(f->mk.mem + f->mk.data + 20 + 10, 5);
	check_dump(f, "[    0.000000] a\n[    0.000000] c\n", 2, 1);
	// Wrapped: the newest ones begin at 0, whatever happened to the older ones.
	make_letters(f, &opts, 14);
	log = f->mk.mem + f->mk.data;
	assert_int_equal(load_le32(f->mk.mem + MKPRINTK_LOG_NEXT), 40);
	assert_int_equal(load_le32(f->mk.mem + MKPRINTK_LOG_FIRST), 60);
	store_le16(log + 120 + 8, 3);
	check_dump(f,
		   "[    0.000000] d\n[    0.000000] e\n[    0.000000] f\n"
		   "[    0.000000] m\n[    0.000000] n\n",
		   5, 1);
}

static void test_forged_logbuf_vars(void **state)
{
	struct fixture *f = *state;

	make_three(f, false);
	store_le32(f->mk.mem + MKPRINTK_LOG_LEN, UINT32_MAX);
	check_refused(f, ERR_CORRUPT, "log_buf_len");
	store_le32(f->mk.mem + MKPRINTK_LOG_LEN, 15);
	check_refused(f, ERR_CORRUPT, "log_buf_len");
	make_three(f, false);
	store_le32(f->mk.mem + MKPRINTK_LOG_FIRST, 1025);
	check_refused(f, ERR_CORRUPT, "log_first_idx");
	make_three(f, false);
	store_le32(f->mk.mem + MKPRINTK_LOG_NEXT, UINT32_MAX);
	check_refused(f, ERR_CORRUPT, "log_next_idx");
	// next goes on into what was never written: the walk ends there.
	make_three(f, false);
	store_le32(f->mk.mem + MKPRINTK_LOG_NEXT, 1024);
	check_dump(f, THREE, 3, 1);
	make_three(f, false);
	// first is ahead of next by nothing that is there: the records of the start remain.
	store_le32(f->mk.mem + MKPRINTK_LOG_FIRST, 1024);
	check_dump(f, THREE, 3, 0);
	store_le32(f->mk.mem + MKPRINTK_LOG_FIRST, 1020);
	check_dump(f, THREE, 3, 1);
}

static void test_out_fails(void **state)
{
	const struct mkprintk_opts opts = {.count_bits = 8, .size_bits = 16};
	struct mkprintk_rec recs[200];
	struct fixture *f = *state;
	char text[101] = "";

	memset(text, 'z', sizeof(text) - 1);
	for (size_t i = 0; i < ARRAY_SIZE(recs); i++)
		recs[i] = (struct mkprintk_rec){.text = text};
	for (int prb = 0; prb < 2; prb++) {
		mkprintk_deinit(&f->mk);
		(prb ? mkprintk_prb : mkprintk_logbuf)(&f->mk, &opts, recs, ARRAY_SIZE(recs));
		for (int after = 0; after < 5; after++) {
			f->out_fails_after = after;
			assert_int_equal(dump(f), ERR_NOSPC);
			assert_string_equal(f->err.msg, "the target is full");
			assert_int_equal(!f->used, !after);
			assert_in_range(f->stats.records, f->used / 116, f->used / 116 + 1);
			// Not called again after it failed.
			assert_int_equal(f->out_fails_after, -1);
		}
	}
}

/* Each page in turn cannot be read. */
static void test_holes(void **state)
{
	const struct mkprintk_opts opts = {.count_bits = 8, .size_bits = 15};
	struct mkprintk_rec recs[200];
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(recs); i++)
		recs[i] = (struct mkprintk_rec){.text = "some text of a record or other",
						.ts_nsec = i};
	f->out_fails_after = -1;
	for (int prb = 0; prb < 2; prb++) {
		mkprintk_deinit(&f->mk);
		(prb ? mkprintk_prb : mkprintk_logbuf)(&f->mk, &opts, recs, ARRAY_SIZE(recs));
		f->hole_size = 4096;
		f->hole_rc = ERR_NODATA;
		f->hole = 0;
		assert_int_equal(dump(f), ERR_NODATA);
		for (f->hole = 4096; f->hole < f->mk.size; f->hole += 4096) {
			assert_int_equal(dump(f), 0);
			assert_true(f->stats.records + f->stats.lost <= ARRAY_SIZE(recs) + 1);
			// Descriptors are 170 to a page; a hole in log_buf hides what follows.
			assert_true(f->stats.records >= (prb ? 29 : 0));
		}
		f->hole = f->mk.data + 256;
		f->hole_size = 1;
		assert_int_equal(dump(f), 0);
		assert_true(f->stats.lost > 0);
		f->hole_rc = ERR_STOPPED;
		assert_int_equal(dump(f), ERR_STOPPED);
		f->hole_size = 0;
		assert_int_equal(dump(f), 0);
		assert_int_equal(f->stats.records, ARRAY_SIZE(recs));
	}
}

/* Random damage, many times: whatever is said, it is said in bounds. */
static void test_damage(void **state)
{
	const struct mkprintk_opts opts = {.count_bits = 5, .size_bits = 11, .caller = true};
	struct fixture *f = *state;
	struct mkprintk_rec recs[100];
	uint32_t seed = 1;

	for (size_t i = 0; i < ARRAY_SIZE(recs); i++)
		recs[i] = (struct mkprintk_rec){.text = "damaged or not", .ts_nsec = i};
	for (int round = 0; round < 4000; round++) {
		mkprintk_deinit(&f->mk);
		(round & 1 ? mkprintk_prb : mkprintk_logbuf)(&f->mk, &opts, recs, ARRAY_SIZE(recs));
		for (int i = 0; i < 1 + round % 8; i++) {
			seed = seed * 1664525 + 1013904223;
			f->mk.mem[(seed >> 8) % f->mk.size] = (uint8_t)seed >> 3;
		}
		f->out_fails_after = -1;
		dump(f);
		assert_true(f->used < 64 * 1024);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),	    TEST(test_plain),
		TEST(test_places),	    TEST(test_old_name),
		TEST(test_caller),	    TEST(test_odd_text),
		TEST(test_states),	    TEST(test_blank),
		TEST(test_full_descs),	    TEST(test_full_data),
		TEST(test_full_logbuf),	    TEST(test_block_at_end),
		TEST(test_missing_keys),    TEST(test_forged_keys),
		TEST(test_forged_prb),	    TEST(test_looping_ids),
		TEST(test_huge_and_absent), TEST(test_forged_records),
		TEST(test_forged_length),   TEST(test_overlapping_blocks),
		TEST(test_forged_logbuf),   TEST(test_forged_logbuf_vars),
		TEST(test_out_fails),	    TEST(test_holes),
		TEST(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
