// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a small dead kernel to a dump and back: pipeline, writer and the ladder of levels, with a
 * sink in memory that fails wherever a test wants it to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "collector/dump.h"
#include "collector/log.h"
#include "collector/pipeline.h"
#include "collector/plan.h"
#include "collector/sink.h"
#include "crashnotes/elfnote.h"
#include "tests/lib/mkcore.h"
#include "tests/lib/mkkernel.h"
#include "tests/lib/rdump.h"
#include "vmcore/codec.h"
#include "vmcore/dumpopts.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	FAKE_MAX = 32 << 20,
	INCOMPLETE = 8, /* of the header's status */
	NEVER = -1,
};

/* Which call fails, as one of all calls of its kind, from 0 on; NEVER, or all from that on. */
struct faults {
	int write, sync, commit, keep, read, restart, reserve;
	int code; /* with which the writes fail */
};

static const struct faults no_faults = {NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, 0};

/* Bytes of a stream that are still on their way. */
struct late {
	uint8_t *bytes;
	size_t size;
	uint64_t offset;
};

enum {
	LATE_MAX = 64,
};

/* A sink in memory; the first member is what the collector sees. */
struct fake {
	struct sink sink;
	uint8_t *mem;
	size_t size, room; /* room: what the target can hold */
	struct faults faults;
	int writes, syncs, commits, keeps, reads, restarts, reserves;
	bool committed, kept;
	/* Of one that writes a stream behind the caller's back: */
	bool is_late;
	size_t streamed; /* bytes of a stream that have arrived end here */
	uint64_t descs, descs_end; /* where the descriptors are */
	struct late late[LATE_MAX];
	size_t nlate, delay; /* how many may be on their way at a time */
	int late_rc;
};

static int fail_at(int *count, int when, int code, struct err *err)
{
	return *count >= when && when != NEVER ? err_set(err, code, "made to fail (%d)", (*count)++)
					       : ((*count)++, 0);
}

/* Whoever stops here leaves no descriptor behind that points at nothing. */
static void check_descs(const struct fake *f, const uint8_t *buf, size_t size, uint64_t offset)
{
	if (!f->is_late || offset < f->descs || offset >= f->descs_end)
		return;
	assert_int_equal((offset - f->descs) % 24, 0);
	for (size_t i = 0; i + 24 <= size; i += 24)
		assert_true(load_le64(buf + i) + load_le32(buf + i + 8) <= f->streamed);
}

static int fake_write(struct sink *s, const void *buf, size_t size, uint64_t offset,
		      struct err *err)
{
	struct fake *f = (struct fake *)s;
	int rc = fail_at(&f->writes, f->faults.write, f->faults.code, err);

	if (rc)
		return rc;
	if (offset > f->room || size > f->room - offset)
		return err_set(err, ERR_NOSPC, "full");
	check_descs(f, buf, size, offset);
	memcpy(f->mem + offset, buf, size);
	if (offset + size > f->size)
		f->size = offset + size;
	return 0;
}

/* The oldest of what is on its way arrives, as far as there is room, unless one failed before. */
static void arrive(struct fake *f)
{
	struct late *l = &f->late[0];
	size_t n = l->offset > f->room		   ? 0
		   : f->room - l->offset < l->size ? f->room - l->offset
						   : l->size;

	if (!f->late_rc) {
		memcpy(f->mem + l->offset, l->bytes, n);
		f->streamed = l->offset + n;
		f->size = f->streamed > f->size ? f->streamed : f->size;
		f->late_rc = n < l->size ? ERR_NOSPC : 0;
	}
	free(l->bytes);
	memmove(f->late, f->late + 1, --f->nlate * sizeof(*l));
}

static int fake_drain(struct sink *s, struct err *err)
{
	struct fake *f = (struct fake *)s;

	while (f->nlate)
		arrive(f);
	return f->late_rc ? err_set(err, f->late_rc, "full, late") : 0;
}

static int late_stream(struct sink *s, const void *buf, size_t size, uint64_t offset,
		       struct err *err)
{
	struct fake *f = (struct fake *)s;
	struct late *l = &f->late[f->nlate];

	if (f->late_rc)
		return err_set(err, f->late_rc, "full, late");
	*l = (struct late){malloc(size ? size : 1), size, offset};
	assert_non_null(l->bytes);
	memcpy(l->bytes, buf, size);
	f->nlate++;
	while (f->nlate > f->delay)
		arrive(f);
	return 0;
}

static uint64_t late_written(struct sink *s)
{
	const struct fake *f = (struct fake *)s;

	return f->nlate || f->late_rc ? f->streamed : UINT64_MAX;
}

static int fake_read(struct sink *s, void *buf, size_t size, uint64_t offset, struct err *err)
{
	struct fake *f = (struct fake *)s;
	int rc = fail_at(&f->reads, f->faults.read, ERR_SYS, err);

	if (rc)
		return rc;
	assert_true(offset <= f->size && size <= f->size - offset);
	memcpy(buf, f->mem + offset, size);
	return 0;
}

static int fake_reserve(struct sink *s, uint64_t start, uint64_t end, struct err *err)
{
	struct fake *f = (struct fake *)s;
	int rc = fail_at(&f->reserves, f->faults.reserve, ERR_NOSPC, err);

	assert_true(start <= end);
	if (rc)
		return rc;
	if (end > f->room)
		return err_set(err, ERR_NOSPC, "full");
	memset(f->mem, 0, f->room);
	f->size = f->streamed = end;
	f->descs = start;
	f->descs_end = end;
	return 0;
}

static int fake_sync(struct sink *s, struct err *err)
{
	struct fake *f = (struct fake *)s;

	return fail_at(&f->syncs, f->faults.sync, ERR_SYS, err);
}

static int fake_commit(struct sink *s, struct err *err)
{
	struct fake *f = (struct fake *)s;
	int rc = fail_at(&f->commits, f->faults.commit, ERR_SYS, err);

	assert_int_equal(f->nlate, 0);
	f->committed = !rc;
	return rc;
}

static int fake_keep(struct sink *s, struct err *err)
{
	struct fake *f = (struct fake *)s;
	int rc = fail_at(&f->keeps, f->faults.keep, ERR_SYS, err);

	assert_int_equal(f->nlate, 0);
	f->kept = !rc;
	return rc;
}

static int fake_restart(struct sink *s, struct err *err)
{
	struct fake *f = (struct fake *)s;

	fake_drain(s, NULL);
	f->size = 0;
	f->late_rc = 0;
	return fail_at(&f->restarts, f->faults.restart, ERR_SYS, err);
}

static const struct sink_ops fake_ops = {
	.name = "fake",
	.write_at = fake_write,
	.read_at = fake_read,
	.reserve = fake_reserve,
	.sync = fake_sync,
	.commit = fake_commit,
	.keep = fake_keep,
	.restart = fake_restart,
};

static const struct sink_ops late_ops = {
	.name = "late",
	.write_at = fake_write,
	.read_at = fake_read,
	.stream_at = late_stream,
	.written = late_written,
	.drain = fake_drain,
	.reserve = fake_reserve,
	.sync = fake_sync,
	.commit = fake_commit,
	.keep = fake_keep,
	.restart = fake_restart,
};

/* A dead kernel, open, and what a dump of it needs. */
struct bench {
	int fd;
	struct vmcore *vc;
	struct kmem km;
	struct log log;
	struct dumpopts opts;
	struct plan plan;
	struct manifest m;
	struct fake fake;
	size_t delay; /* 0: the sink writes at once, else so many pieces may be on their way */
	struct err err;
};

#define SMALL                                                                            \
	"ram 16M 8M\nnoise 0x1480 300\ntext 0x1600 300\nanon 0x1490 16\nfree 0x1600 5\n" \
	"cache 0x1650 9\n"

static void bench_open(struct bench *b, const char *text)
{
	char path[MKCORE_PATH_MAX];

	memset(b, 0, sizeof(*b));
	b->fd = mkkernel_memfd(text, &b->err);
	if (b->fd < 0)
		fail_msg("%s", b->err.msg);
	mkcore_path(b->fd, path);
	if (vmcore_open(path, &b->vc, &b->err))
		fail_msg("%s", b->err.msg);
	assert_int_equal(kmem_init(&b->km, b->vc, NULL, &b->err), 0);
	log_init(&b->log, -1, 0);
	dumpopts_default(&b->opts);
	strcpy(b->opts.codec, "lzo");
	b->fake.mem = malloc(FAKE_MAX);
	assert_non_null(b->fake.mem);
}

static void bench_close(struct bench *b)
{
	free(b->fake.mem);
	kmem_deinit(&b->km);
	vmcore_close(b->vc);
	close(b->fd);
}

/* One dump into a fresh fake; the caller is done with the plan by plan_deinit(). */
static int bench_dump(struct bench *b, const struct faults *faults, size_t room)
{
	struct dump d = {
		.km = &b->km,
		.opts = &b->opts,
		.log = &b->log,
		.sink = &b->fake.sink,
		.plan = &b->plan,
		.m = &b->m,
	};
	uint8_t *mem = b->fake.mem;
	int rc;

	b->fake = (struct fake){.mem = mem, .room = room, .faults = *faults};
	b->fake.is_late = b->delay;
	b->fake.delay = b->delay;
	b->fake.sink.ops = b->delay ? &late_ops : &fake_ops;
	memset(mem, 0xa5, FAKE_MAX);
	b->m = (struct manifest){0};
	memset(&b->err, 0, sizeof(b->err));
	rc = dump_run(&d, &b->err);
	assert_true(d.planned);
	dump_report(&d);
	return rc;
}

/* Bytes of a page of the core, zeros where it has none. */
static void true_page(const struct bench *b, pfn_t pfn, uint8_t page[4096])
{
	const struct vmcore_info *info = vmcore_info(b->vc);
	uint64_t start = pfn << 12, end = start + 4096;

	memset(page, 0, 4096);
	for (size_t i = 0; i < info->nranges; i++) {
		const struct vmcore_range *r = &info->ranges[i];
		uint64_t from = r->paddr > start ? r->paddr : start;
		uint64_t to = r->paddr + r->filesz < end ? r->paddr + r->filesz : end;

		if (from < to)
			assert_int_equal(vmcore_read(b->vc, from, page + (from - start), to - from,
						     NULL),
					 0);
	}
}

/* Holds the dump in the sink against plan and core; returns how many of its pages are lost. */
static uint64_t check_dump(const struct bench *b, struct rdump *rd)
{
	uint64_t lost = 0, offset, zero = 0;
	uint8_t got[4096], want[4096];
	struct err err = {0};

	if (rdump_init(rd, b->fake.mem, b->fake.size, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(rd->max_pfn, b->plan.max_pfn);
	assert_int_equal(rd->ndescs, b->plan.kept_pages);
	assert_int_equal(rd->dump_level, b->plan.level);
	for (pfn_t pfn = 0; pfn < rd->max_pfn; pfn++) {
		int rc = rdump_page(rd, pfn, got, &offset, &err);

		if (rc < 0)
			fail_msg("page 0x%llx: %s", (unsigned long long)pfn, err.msg);
		assert_int_equal(rc != RDUMP_ABSENT, bitmap_test(&b->plan.kept, pfn));
		assert_true(rc == RDUMP_ABSENT || rdump_is_ram(rd, pfn));
		lost += rc == RDUMP_LOST;
		if (rc != RDUMP_THERE)
			continue;
		true_page(b, pfn, want);
		assert_memory_equal(got, want, 4096);
		// All pages of zeros are one, at the level that says so.
		if (!(b->plan.level & DUMP_LEVEL_ZERO) || !page_is_zero(want, 4096))
			continue;
		assert_true(!zero || zero == offset);
		zero = offset;
	}
	return lost;
}

static const char *const codecs[] = {"none", "zlib", "lzo", "zstd"};

/* Any number of workers, any codec: the same pages with the same bytes. */
static void test_round_trip(void **state)
{
	static const unsigned int workers[] = {1, 2, 8}, levels[] = {0, 1, 31};
	struct bench b;
	struct rdump rd;

	(void)state;
	bench_open(&b, SMALL "ram 32M 5000\nram 0x2102080 0x1000 0x800\n");
	for (size_t i = 0; i < ARRAY_SIZE(codecs) * 9; i++) {
		unsigned int level = levels[i % 3];

		b.opts.levels[0] = level;
		b.opts.threads = workers[i / 3 % 3];
		strcpy(b.opts.codec, codecs[i / 9]);
		b.opts.codec_level = codec_by_name(codecs[i / 9])->level_default;
		if (bench_dump(&b, &no_faults, FAKE_MAX))
			fail_msg("%s", b.err.msg);
		assert_int_equal(b.m.status, MANIFEST_COMPLETE);
		assert_true(b.fake.committed);
		assert_int_equal(check_dump(&b, &rd), 0);
		assert_int_equal(rd.status, codec_by_name(codecs[i / 9])->flag);
		assert_int_equal(b.m.pages.pages, b.plan.kept_pages);
		assert_int_equal(b.m.pages.workers, b.opts.threads);
		assert_int_equal(b.m.result.size, b.fake.size);
		assert_int_equal(b.m.result.index_size, rd.index_size);
		assert_int_equal(b.m.pages.zero_pages != 0, level & 1);
		assert_true(i < 9 || b.m.pages.raw_pages > 0);
		plan_deinit(&b.plan);
	}
	bench_close(&b);
}

/* The same input gives the same digests of the index when one worker makes it. */
static void test_deterministic(void **state)
{
	struct bench b;
	uint64_t index, data;

	(void)state;
	bench_open(&b, SMALL);
	b.opts.threads = 1;
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	index = b.m.result.index_digest;
	data = b.m.result.data_digest;
	assert_true(index && data);
	plan_deinit(&b.plan);
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	assert_int_equal(b.m.result.index_digest, index);
	assert_int_equal(b.m.result.data_digest, data);
	plan_deinit(&b.plan);
	bench_close(&b);
}

/* With an order, the whole file is the same whatever the number of workers. */
static void test_ordered(void **state)
{
	static const char *const names[] = {"auto", "none", "zlib", "lzo", "zstd"};
	static const unsigned int workers[] = {1, 2, 8};
	struct bench b;
	struct rdump rd;

	(void)state;
	bench_open(&b, SMALL "ram 32M 16M\nnoise 0x2000 2000\ntext 0x2800 2000\n");
	b.opts.ordered = true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint8_t *first = NULL;
		size_t size = 0;

		strcpy(b.opts.codec, names[i]);
		b.opts.codec_level = i ? codec_by_name(names[i])->level_default : 0;
		for (size_t k = 0; k < ARRAY_SIZE(workers); k++) {
			b.opts.threads = workers[k];
			b.opts.levels[0] = 1;
			assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
			assert_int_equal(check_dump(&b, &rd), 0);
			plan_deinit(&b.plan);
			if (first) {
				assert_int_equal(b.fake.size, size);
				assert_memory_equal(b.fake.mem, first, size);
				continue;
			}
			size = b.fake.size;
			first = malloc(size);
			assert_non_null(first);
			memcpy(first, b.fake.mem, size);
		}
		free(first);
	}
	bench_close(&b);
}

/* Codecs may mix: every page says its own, and the dump's header names one of them. */
static void test_auto(void **state)
{
	static const char *const names[] = {"auto", "auto:none"};
	struct bench b;
	struct rdump rd;

	(void)state;
	bench_open(&b, SMALL "ram 32M 16M\nnoise 0x2000 2000\ntext 0x2800 2000\n");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		uint64_t packed = 0;

		strcpy(b.opts.codec, names[i]);
		b.opts.codec_level = 0;
		b.opts.threads = 2;
		assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
		assert_int_equal(check_dump(&b, &rd), 0);
		assert_int_equal(rd.status, CODEC_FLAG_LZO);
		for (size_t k = 0; k < LADDER_RUNGS_MAX; k++)
			packed += b.m.pages.rung_pages[k];
		assert_int_equal(packed + b.m.pages.raw_pages + b.m.pages.zero_pages,
				 b.m.pages.pages);
		plan_deinit(&b.plan);
	}
	bench_close(&b);
}

/* What must hold after any failure. */
static void check_failure(const struct bench *b, int rc)
{
	struct rdump rd;

	assert_true(rc < 0);
	assert_true(b->err.msg[0]);
	assert_int_not_equal(b->m.status, MANIFEST_COMPLETE);
	assert_false(b->fake.committed);
	assert_int_equal(b->fake.kept, b->m.status == MANIFEST_INCOMPLETE);
	if (!b->fake.kept)
		return;
	check_dump(b, &rd);
	assert_true(rd.status & INCOMPLETE);
}

/* Every single write fails in turn, once for a full target and once for a broken one. */
static void test_write_fails(void **state)
{
	static const int codes[] = {ERR_NOSPC, ERR_SYS};
	unsigned int kept = 0;
	struct bench b;

	(void)state;
	bench_open(&b, "ram 16M 8M\nnoise 0x1480 800\n");
	b.opts.threads = 2;
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	plan_deinit(&b.plan);
	for (int last = b.fake.writes, i = 0; i < 2 * last; i++) {
		struct faults faults = no_faults;
		int rc;

		faults.write = i / 2;
		faults.code = codes[i % 2];
		rc = bench_dump(&b, &faults, FAKE_MAX);
		assert_int_equal(rc, codes[i % 2]);
		check_failure(&b, rc);
		kept += b.fake.kept;
		plan_deinit(&b.plan);
	}
	assert_true(kept > 4);
	bench_close(&b);
}

/* A target of any size: what fits is saved, with zero descriptors for the rest. */
static void test_full(void **state)
{
	unsigned int kept = 0;
	struct bench b;
	size_t whole;

	(void)state;
	bench_open(&b, SMALL);
	b.opts.threads = 2;
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	whole = b.fake.size;
	plan_deinit(&b.plan);
	for (size_t room = 0; room < whole; room += whole / 37) {
		int rc = bench_dump(&b, &no_faults, room);
		struct rdump rd;

		assert_int_equal(rc, ERR_NOSPC);
		check_failure(&b, rc);
		if (b.fake.kept) {
			assert_true(check_dump(&b, &rd) > 0);
			assert_int_equal(rd.ndescs - check_dump(&b, &rd), b.m.result.pages);
			kept++;
		}
		plan_deinit(&b.plan);
	}
	assert_true(kept > 3);
	assert_int_equal(bench_dump(&b, &no_faults, whole), 0);
	plan_deinit(&b.plan);
	bench_close(&b);
}

/* The same where data arrives later than it was handed over, and a failure with it. */
static void test_full_late(void **state)
{
	static const size_t delays[] = {1, 2, 7, LATE_MAX - 1};
	struct bench b;

	(void)state;
	bench_open(&b, SMALL "ram 32M 24M\nfree 0x2000 6000\nnoise 0x3000 900\n");
	b.opts.threads = 2;
	b.opts.levels[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		unsigned int kept = 0;
		size_t whole, index;
		struct rdump rd;

		b.delay = delays[i];
		assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
		assert_int_equal(check_dump(&b, &rd), 0);
		assert_int_equal(b.m.result.pages, b.plan.kept_pages);
		whole = b.fake.size;
		index = b.m.result.index_size;
		plan_deinit(&b.plan);
		for (size_t room = index; room < whole; room += (whole - index) / 11) {
			int rc = bench_dump(&b, &no_faults, room);

			assert_int_equal(rc, ERR_NOSPC);
			check_failure(&b, rc);
			if (b.fake.kept) {
				assert_int_equal(rd.ndescs - check_dump(&b, &rd), b.m.result.pages);
				kept++;
			}
			plan_deinit(&b.plan);
		}
		assert_true(kept > 3);
	}
	bench_close(&b);
}

/* A level that does not fit is known only when all its pages were handed over. */
static void test_ladder_late(void **state)
{
	struct rdump rd;
	struct bench b;
	size_t small;

	(void)state;
	bench_open(&b, "ram 16M 8M\nnoise 0x1480 800\nanon 0x1480 700\n");
	b.delay = LATE_MAX - 1;
	b.opts.levels[0] = 31;
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	small = b.fake.size;
	plan_deinit(&b.plan);
	b.opts.levels[0] = 0;
	b.opts.levels[1] = 31;
	b.opts.nlevels = 2;
	assert_int_equal(bench_dump(&b, &no_faults, small), 0);
	assert_int_equal(b.fake.restarts, 1);
	assert_int_equal(b.plan.level, 31);
	assert_int_equal(check_dump(&b, &rd), 0);
	plan_deinit(&b.plan);
	bench_close(&b);
}

/* What fails behind the last page takes the mark of completeness back. */
static void test_end_fails(void **state)
{
	struct faults faults;
	struct rdump rd;
	struct bench b;

	(void)state;
	bench_open(&b, SMALL);
	faults = no_faults;
	faults.sync = 0;
	check_failure(&b, bench_dump(&b, &faults, FAKE_MAX));
	assert_true(b.fake.kept);
	plan_deinit(&b.plan);
	faults = no_faults;
	faults.commit = 0;
	check_failure(&b, bench_dump(&b, &faults, FAKE_MAX));
	assert_true(b.fake.kept);
	assert_int_equal(check_dump(&b, &rd), 0);
	plan_deinit(&b.plan);
	// The index cannot be read back: no digest, but no reason to throw all away.
	faults = no_faults;
	faults.read = 0;
	check_failure(&b, bench_dump(&b, &faults, FAKE_MAX));
	assert_true(b.fake.kept);
	plan_deinit(&b.plan);
	faults.keep = 0;
	check_failure(&b, bench_dump(&b, &faults, FAKE_MAX));
	assert_false(b.fake.kept);
	assert_int_equal(b.m.status, MANIFEST_FAILED);
	plan_deinit(&b.plan);
	faults = no_faults;
	faults.reserve = 0;
	check_failure(&b, bench_dump(&b, &faults, FAKE_MAX));
	assert_false(b.fake.kept);
	plan_deinit(&b.plan);
	bench_close(&b);
}

/* A full target: a smaller level, and an incomplete dump behind the last one. */
static void test_ladder(void **state)
{
	struct faults faults = no_faults;
	struct rdump rd;
	struct bench b;
	size_t small;

	(void)state;
	bench_open(&b, "ram 16M 8M\nnoise 0x1480 800\nanon 0x1480 700\n");
	b.opts.levels[0] = 31;
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	small = b.fake.size;
	plan_deinit(&b.plan);
	b.opts.levels[0] = 0;
	b.opts.levels[1] = 31;
	b.opts.nlevels = 2;
	assert_int_equal(bench_dump(&b, &no_faults, small), 0);
	assert_int_equal(b.fake.restarts, 1);
	assert_int_equal(b.plan.level, 31);
	assert_int_equal(check_dump(&b, &rd), 0);
	plan_deinit(&b.plan);
	check_failure(&b, bench_dump(&b, &no_faults, small - 4096));
	assert_true(b.fake.kept);
	assert_int_equal(b.plan.level, 31);
	plan_deinit(&b.plan);
	// Another error than a full target is not tried again, and keeps what there is.
	faults.write = 20;
	faults.code = ERR_SYS;
	check_failure(&b, bench_dump(&b, &faults, FAKE_MAX));
	assert_true(b.fake.kept);
	assert_int_equal(b.fake.restarts, 0);
	assert_int_equal(b.plan.level, 0);
	plan_deinit(&b.plan);
	faults = no_faults;
	faults.restart = 0;
	check_failure(&b, bench_dump(&b, &faults, small));
	plan_deinit(&b.plan);
	bench_close(&b);
}

static void test_dry_run(void **state)
{
	struct bench b;

	(void)state;
	bench_open(&b, SMALL);
	b.opts.dry_run = true;
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	assert_int_equal(b.fake.writes + b.fake.reserves + b.fake.commits, 0);
	assert_int_equal(b.m.status, MANIFEST_FAILED);
	assert_true(b.plan.kept_pages > 0);
	plan_deinit(&b.plan);
	bench_close(&b);
}

/* The notes of a dump, and which of them is the vmcoreinfo. */
static void check_notes(const struct bench *b, const char *const *names, size_t n)
{
	struct elfnote_iter it;
	struct elfnote note;
	struct rdump rd;
	size_t i = 0;

	check_dump(b, &rd);
	elfnote_iter_init(&it, rd.data + rd.notes, rd.notes_size);
	for (; elfnote_next(&it, &note, NULL) > 0; i++) {
		assert_true(i < n);
		assert_string_equal(note.name, names[i]);
		if (strcmp(note.name, "VMCOREINFO") != 0)
			continue;
		assert_int_equal(note.desc - rd.data, rd.vmcoreinfo);
		assert_int_equal(note.descsz, rd.vmcoreinfo_size);
		assert_memory_equal(note.desc, "OSRELEASE=6.1.0-test\n", 21);
		assert_non_null(memmem(note.desc, note.descsz, "CRASHTIME=1700000000\n", 21));
	}
	assert_int_equal(i, n);
}

/* A vmcore that has lost its VMCOREINFO note gives a dump that has one. */
static void test_notes(void **state)
{
	static const char *const found[] = {"VMCOREINFO", "CORE"};
	static const char *const plain[] = {"CORE", "VMCOREINFO"};
	struct bench b;

	(void)state;
	bench_open(&b, SMALL);
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	check_notes(&b, plain, 2);
	plan_deinit(&b.plan);
	bench_close(&b);
	bench_open(&b, "hidden\n" SMALL);
	assert_int_equal(b.km.source, KMEM_FROM_SCAN);
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	check_notes(&b, found, 2);
	plan_deinit(&b.plan);
	bench_close(&b);
}

/* Without any vmcoreinfo there is a dump all the same, of everything. */
static void test_no_vmcoreinfo(void **state)
{
	char path[MKCORE_PATH_MAX];
	struct rdump rd;
	struct bench b;

	(void)state;
	bench_open(&b, SMALL);
	kmem_deinit(&b.km);
	vmcore_close(b.vc);
	close(b.fd);
	b.fd = mkcore_memfd("load paddr=16M size=64K\nprstatus\ndata 0x1002000 \"words\"\n",
			    &b.err);
	mkcore_path(b.fd, path);
	assert_int_equal(vmcore_open(path, &b.vc, &b.err), 0);
	assert_int_equal(kmem_init(&b.km, b.vc, NULL, &b.err), ERR_NOTFOUND);
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	assert_int_equal(check_dump(&b, &rd), 0);
	assert_int_equal(rd.vmcoreinfo_size, 0);
	assert_int_equal(rd.ndescs, 16);
	assert_int_equal(b.plan.nnotes, 1);
	plan_deinit(&b.plan);
	bench_close(&b);
}

/* The bitmaps before far memory are a hole: not one byte of it is written. */
static void test_far(void **state)
{
	struct bench b;
	struct rdump rd;

	(void)state;
	bench_open(&b, SMALL "ram 0x400000000 4K\n");
	assert_int_equal(bench_dump(&b, &no_faults, FAKE_MAX), 0);
	assert_int_equal(check_dump(&b, &rd), 0);
	assert_int_equal(rd.max_pfn, 0x400001);
	plan_deinit(&b.plan);
	bench_close(&b);
}

static void test_zero(void **state)
{
	static _Alignas(64) uint8_t page[4096];

	(void)state;
	assert_true(page_is_zero(page, sizeof(page)));
	for (size_t i = 0; i < sizeof(page); i++) {
		page[i] = 0x80;
		assert_false(page_is_zero(page, sizeof(page)));
		page[i] = 0;
	}
}

static void test_threads(void **state)
{
	struct dumpopts o;

	(void)state;
	dumpopts_default(&o);
	o.threads = 4;
	assert_int_equal(dump_threads(&o), 4);
	o.threads = 1 << 20;
	assert_int_equal(dump_threads(&o), DUMP_THREADS_MAX);
}

/* With an argument, only the tests that it is a pattern of. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_deterministic),
		cmocka_unit_test(test_ordered),	      cmocka_unit_test(test_auto),
		cmocka_unit_test(test_write_fails),   cmocka_unit_test(test_full),
		cmocka_unit_test(test_full_late),     cmocka_unit_test(test_ladder_late),
		cmocka_unit_test(test_end_fails),     cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_dry_run),	      cmocka_unit_test(test_notes),
		cmocka_unit_test(test_no_vmcoreinfo), cmocka_unit_test(test_far),
		cmocka_unit_test(test_zero),	      cmocka_unit_test(test_threads),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
