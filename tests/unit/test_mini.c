// SPDX-License-Identifier: GPL-2.0-or-later
/* The mini-core: its pages are those of the first classes, and the large dump goes on as if it
 * had not been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/dump.h"
#include "collector/log.h"
#include "collector/mini.h"
#include "collector/plan.h"
#include "collector/sink.h"
#include "tests/lib/rdump.h"
#include "tests/unit/dead.h"
#include "vmcore/dumpopts.h"

enum {
	FILE_MAX = 32 << 20,
};

/* Pages of several classes, one of them in a block of its own; 0x2000 and behind are another. */
static const char kernel[] =
	"section-bits 27\n"
	"chunks 2\n"
	"ram 1M 200M\n"
	"reserved 0x360 9\n"
	"readonly 0x1000 16\n"
	"map 0xffffc90000000000 0x600 4\n"
	"map 0xffffc90000005000 0x8100 2\n"
	"word 0x700000 0x7274735f6b736174\n" // "task_struct"
	"word 0x700008 0x746375\n"
	"word 0x700010 0x7972746e6564\n" // "dentry"
	"word 0x700018 0\n"
	"word 0x700020 0x2d636f6c6c616d6b\n" // "kmalloc-1k"
	"word 0x700028 0x6b31\n"
	"word 0x700030 0x2d636f6c6c616d6b\n" // "kmalloc-192"
	"word 0x700038 0x323931\n"
	"word 0x701060 0xffff888000700000\n"
	"word 0x701160 0xffff888000700010\n"
	"word 0x701260 0xffff888000700020\n"
	"word 0x701360 0xffff888000700030\n"
	"slab 0x800 3\n"
	"poke 0x800 24 8 0xffff888000701000\n"
	"slab 0x810 2\n"
	"poke 0x810 24 8 0xffff888000701100\n"
	"slab 0x820 2\n"
	"poke 0x820 24 8 0xffff888000701200\n"
	"slab 0x830 2\n"
	"poke 0x830 24 8 0xffff888000701300\n"
	"slab 0x9000 1\n"
	"poke 0x9000 24 8 0xffff888000701000\n"
	"text 0x360 9\ntext 0x600 4\ntext 0x800 0x40\ntext 0x8100 2\nnoise 0x9000 2\n"
	"anon 0x200 16\n"
	"free 0x400 8\n";

struct fixture {
	struct dead dead;
	struct log log;
	struct dumpopts opts;
	struct plan plan;
	struct manifest m;
	struct dump dump;
	struct sink sink;
	char dir[32], path[64], temp[64];
	uint8_t *bytes;
	size_t size;
	struct rdump rd;
	struct err err;
};

static void open_text(struct fixture *f, const char *text)
{
	memset(f, 0, sizeof(*f));
	dead_open(&f->dead, text);
	log_init(&f->log, -1, 0);
	dumpopts_default(&f->opts);
	f->opts.threads = 1;
	f->dump = (struct dump){
		.km = &f->dead.km,
		.opts = &f->opts,
		.log = &f->log,
		.plan = &f->plan,
		.m = &f->m,
	};
	strcpy(f->dir, "/tmp/test_mini.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/mini", f->dir);
	snprintf(f->temp, sizeof(f->temp), "%s/mini-incomplete", f->dir);
}

static void shut(struct fixture *f)
{
	if (f->dump.planned)
		plan_deinit(&f->plan);
	unlink(f->path);
	unlink(f->temp);
	assert_int_equal(rmdir(f->dir), 0);
	free(f->bytes);
	dead_close(&f->dead);
}

/* Reads the dump in the file. */
static void load(struct fixture *f)
{
	char *text = NULL;

	free(f->bytes);
	assert_int_equal(io_read_file(f->path, FILE_MAX, &text, &f->size, &f->err), 0);
	f->bytes = (uint8_t *)text;
	if (rdump_init(&f->rd, f->bytes, f->size, &f->err))
		fail_msg("%s", f->err.msg);
}

static int run(struct fixture *f, struct mini *mini)
{
	int rc;

	unlink(f->path);
	assert_int_equal(sink_file_open(&f->sink, f->path, f->temp, false, &f->err), 0);
	rc = mini_run(&f->dump, &f->sink, mini, &f->err);
	sink_close(&f->sink);
	return rc;
}

static bool has(struct fixture *f, pfn_t pfn)
{
	uint8_t got[4096], want[4096];
	uint64_t offset;
	int rc = rdump_page(&f->rd, pfn, got, &offset, &f->err);

	if (rc == RDUMP_ABSENT)
		return false;
	assert_int_equal(rc, RDUMP_THERE);
	assert_int_equal(vmcore_read(f->dead.vc, pfn << 12, want, sizeof(want), NULL), 0);
	assert_memory_equal(got, want, sizeof(got));
	return true;
}

static const struct pages {
	pfn_t start, end;
	bool there;
} pages[] = {
	{0x1000, 0x1010, true}, // the image: 512 pages
	{0x1010, 0x1200, true},	 {0x360, 0x369, true}, // set aside at boot
	{0x600, 0x604, true}, // areas
	{0x8100, 0x8102, true},	 {0x800, 0x808, true}, // tasks
	{0x830, 0x834, true}, // and what may be PIDs
	{0x9000, 0x9002, true},	 {0x810, 0x814, false}, // names
	{0x820, 0x824, false}, // kmalloc
	{0x8000, 0x8100, false}, // others of the kernel
	{0x200, 0x210, false}, // user
	{0x400, 0x500, false}, // free
};

static uint64_t check_pages(struct fixture *f)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		for (pfn_t pfn = pages[i].start; pfn < pages[i].end; pfn++)
			if (has(f, pfn) != pages[i].there)
				fail_msg("page 0x%llx", (unsigned long long)pfn);
	for (pfn_t pfn = 0; pfn < f->rd.max_pfn; pfn++)
		n += has(f, pfn);
	return n;
}

/* With all of the bitmap, and where its blocks are made when they are asked for. */
static void test_pages(void **state)
{
	const struct plan_wish made = {.level = 31, .threads = 1, .bitmap = 1};
	struct fixture f;
	struct mini mini;
	uint64_t n[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
		open_text(&f, kernel);
		if (i) {
			assert_int_equal(dump_plan(&f.dump, &f.err), 0);
			plan_deinit(&f.plan);
			assert_int_equal(plan_init_wish(&f.plan, &f.dead.km, &made, &f.err), 0);
		}
		if (run(&f, &mini))
			fail_msg("%s", f.err.msg);
		assert_true(f.dump.planned);
		assert_int_equal(f.plan.keep != NULL, i);
		load(&f);
		n[i] = check_pages(&f);
		assert_int_equal(mini.status, MANIFEST_COMPLETE);
		assert_int_equal(n[i], mini.pages);
		assert_int_equal(f.size, mini.bytes);
		assert_int_equal(f.rd.ndescs, mini.pages);
		assert_true(mini.pages < f.plan.kept_pages / 2);
		assert_int_equal(f.rd.status, 2); // LZO, the first of the ladder
		shut(&f);
	}
	assert_int_equal(n[0], n[1]);
}

/* The large dump is what it would have been, and does not plan again. */
static void test_dump_after(void **state)
{
	struct fixture f;
	struct mini mini;
	uint64_t kept, digest, planned;

	(void)state;
	open_text(&f, kernel);
	strcpy(f.opts.codec, "lzo");
	assert_int_equal(sink_file_open(&f.sink, f.path, f.temp, false, &f.err), 0);
	f.dump.sink = &f.sink;
	assert_int_equal(dump_run(&f.dump, &f.err), 0);
	sink_close(&f.sink);
	kept = f.m.pages.pages;
	digest = f.m.result.data_digest;
	plan_deinit(&f.plan);
	f.dump.planned = false;
	f.m = (struct manifest){0};

	if (run(&f, &mini))
		fail_msg("%s", f.err.msg);
	load(&f);
	assert_int_equal(f.rd.status, 2); // LZO, as the options say
	assert_true(f.dump.planned);
	assert_int_equal(f.m.pages.pages, 0);
	assert_int_equal(f.m.result.size, 0);
	assert_int_equal(f.m.status, MANIFEST_FAILED);
	planned = f.plan.counts.scanned;
	f.plan.nnotes = 1;
	strcpy(f.plan.notes[0], "not planned again");
	unlink(f.path);
	assert_int_equal(sink_file_open(&f.sink, f.path, f.temp, false, &f.err), 0);
	f.dump.sink = &f.sink;
	assert_int_equal(dump_run(&f.dump, &f.err), 0);
	sink_close(&f.sink);
	assert_int_equal(f.m.status, MANIFEST_COMPLETE);
	assert_int_equal(f.m.pages.pages, kept);
	assert_int_equal(f.m.result.data_digest, digest);
	assert_string_equal(f.plan.notes[0], "not planned again");
	assert_int_equal(f.plan.counts.scanned, planned);
	shut(&f);
}

/* A dump that keeps more, or is of another format, tells nothing of what belongs to this one. */
static void test_own_plan(void **state)
{
	static const struct {
		unsigned int level;
		enum dump_format format;
		bool shared;
	} cases[] = {
		{31, DUMP_FORMAT_KDUMP, true},	   {30, DUMP_FORMAT_KDUMP, true},
		{31, DUMP_FORMAT_FLATTENED, true}, {0, DUMP_FORMAT_KDUMP, false},
		{17, DUMP_FORMAT_KDUMP, false},	   {31, DUMP_FORMAT_ELF, false},
		{31, DUMP_FORMAT_RAW, false},
	};
	struct fixture f;
	struct mini mini;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		open_text(&f, kernel);
		f.opts.levels[0] = cases[i].level;
		f.opts.format = cases[i].format;
		if (cases[i].format == DUMP_FORMAT_ELF)
			strcpy(f.opts.codec, "none");
		if (run(&f, &mini))
			fail_msg("%s", f.err.msg);
		assert_int_equal(f.dump.planned, cases[i].shared);
		load(&f);
		assert_int_equal(check_pages(&f), mini.pages);
		shut(&f);
	}
}

/* No file of that name is left where nothing is known, or there is no room. */
static void test_fails(void **state)
{
	struct fixture f;
	struct mini mini;
	struct stat st;

	(void)state;
	open_text(&f, "ram 1M 39M\nkey SIZE(page)=0\n");
	assert_int_equal(run(&f, &mini), ERR_NOTFOUND);
	assert_non_null(strstr(f.err.msg, "no mini-core"));
	assert_int_equal(mini.pages, 0);
	assert_int_equal(mini.status, MANIFEST_FAILED);
	assert_int_equal(stat(f.path, &st), -1);
	shut(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_dump_after),
		cmocka_unit_test(test_own_plan),
		cmocka_unit_test(test_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
