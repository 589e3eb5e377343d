// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kdumpcmp: compares, checks and searches kdump-compressed dumps.
 *
 * Exit: 0 equal, sound or found; 1 different, unsound or not found; 2 not readable, or usage.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kdcheck.h"
#include "kdwalk.h"

#define PATTERN_MAX   1024
#define LIMIT_DEFAULT 20

enum { EXIT_SAME = 0, EXIT_OTHER = 1, EXIT_TROUBLE = 2 };

enum mode { MODE_COMPARE, MODE_CORE, MODE_INFO, MODE_PFN, MODE_GREP, MODE_CHECK };

struct options {
	enum mode mode;
	unsigned int threads, limit;
	bool lost_ok, ordered, holes;
	uint64_t pfn;
	const char *core;
	uint8_t pattern[PATTERN_MAX];
	size_t pattern_len;
};

static const char usage[] =
	"usage: kdumpcmp [OPTION]... A B           compare two dumps\n"
	"       kdumpcmp [OPTION]... --core VMCORE A  compare a dump with its ELF vmcore\n"
	"       kdumpcmp --info A                  headers and counts\n"
	"       kdumpcmp --pfn N A                 a page, in hex\n"
	"       kdumpcmp --grep HEX A              where a pattern stands in the kept pages\n"
	"       kdumpcmp --check A                 is the dump well formed\n"
	"  --limit N    findings printed (20)      --threads N  (2)\n"
	"  --lost-ok    pages that an incomplete dump lost are counted, no difference\n"
	"  --ordered    --check: data lies in the order of the PFNs\n"
	"  --holes      --check: an incomplete dump may lose pages in its middle, too\n";

static int trouble(const char *what, const char *why)
{
	fprintf(stderr, "kdumpcmp: %s: %s\n", what, why);
	return EXIT_TROUBLE;
}

/* A header field that must be the same; prints and counts it if not. */
static unsigned int differs(const char *name, uint64_t a, uint64_t b)
{
	if (a == b)
		return 0;
	printf("header: %s: %" PRIu64 " (%#" PRIx64 "), %" PRIu64 " (%#" PRIx64 ")\n", name, a, a,
	       b, b);
	return 1;
}

static unsigned int compare_uts(const struct kd_header *a, const struct kd_header *b)
{
	static const char *const names[] = {"sysname", "nodename", "release",
					    "version", "machine",  "domainname"};
	unsigned int n = 0;

	for (size_t i = 0; i < 6; i++) {
		if (memcmp(a->uts + i * 65, b->uts + i * 65, 65) == 0)
			continue;
		printf("header: utsname.%s: \"%.65s\", \"%.65s\"\n", names[i],
		       (const char *)a->uts + i * 65, (const char *)b->uts + i * 65);
		n++;
	}
	return n;
}

static unsigned int compare_headers(const struct kd *ka, const struct kd *kb, bool lost_ok)
{
	const struct kd_header *a = &ka->h, *b = &kb->h;
	uint32_t ignore = KD_ST_CODECS | (lost_ok ? KD_ST_INCOMPLETE : 0);
	unsigned int n = compare_uts(a, b);

	n += differs("block_size", a->block_size, b->block_size);
	n += differs("max_mapnr_64", a->max_mapnr, b->max_mapnr);
	n += differs("bitmap_blocks", a->bitmap_blocks, b->bitmap_blocks);
	n += differs("phys_base", a->phys_base, b->phys_base);
	n += differs("dump_level", a->dump_level, b->dump_level);
	n += differs("nr_cpus", a->nr_cpus, b->nr_cpus);
	n += differs("tv_sec", a->tv_sec, b->tv_sec);
	n += differs("tv_usec", a->tv_usec, b->tv_usec);
	n += differs("status without codec", a->status & ~ignore, b->status & ~ignore);
	n += differs("size_vmcoreinfo", a->size_vmcoreinfo, b->size_vmcoreinfo);
	n += differs("vmcoreinfo within the notes", a->offset_vmcoreinfo - a->offset_note,
		     b->offset_vmcoreinfo - b->offset_note);
	n += differs("size_note", a->size_note, b->size_note);
	if (a->size_note != b->size_note)
		return n;
	const uint8_t *na = ka->notes, *nb = kb->notes;

	for (uint64_t i = 0; i < a->size_note; i++) {
		if (na[i] == nb[i])
			continue;
		printf("notes differ from byte %" PRIu64 " on: %02x, %02x\n", i, na[i], nb[i]);
		return n + 1;
	}
	return n;
}

static void print_walk(struct walk *w)
{
	for (unsigned int i = 0; i < w->nfinds; i++)
		printf("pfn %#" PRIx64 ": %s\n", w->finds[i].pfn, w->finds[i].text);
	printf("pages %" PRIuFAST64 ", differences: bitmap1 %" PRIuFAST64 ", bitmap2 %" PRIuFAST64
	       ", content %" PRIuFAST64 ", unreadable %" PRIuFAST64 "; lost %" PRIuFAST64
	       ", partial %" PRIuFAST64 "\n",
	       w->tally[T_PAGES], w->tally[T_BITMAP1], w->tally[T_BITMAP2], w->tally[T_CONTENT],
	       w->tally[T_UNREADABLE], w->tally[T_LOST], w->tally[T_PARTIAL]);
}

static void walk_setup(struct walk *w, const struct options *o, const struct kd *a)
{
	*w = (struct walk){
		.threads = o->threads,
		.limit = o->limit,
		.lost_ok = o->lost_ok,
		.pattern = o->pattern,
		.pattern_len = o->pattern_len,
		.a = a,
	};
}

static int finish(struct walk *w, uint64_t others)
{
	uint64_t n = walk_differences(w) + others;

	print_walk(w);
	walk_free(w);
	puts(n ? "DIFFERENT" : "EQUAL");
	return n ? EXIT_OTHER : EXIT_SAME;
}

static int compare(const struct options *o, const struct kd *a, const char *path_b)
{
	char why[KD_WHY_MAX];
	struct kd b;
	struct walk w;
	int ret;

	if (kd_open(&b, path_b, why))
		return trouble(path_b, why);
	walk_setup(&w, o, a);
	w.mode = WALK_COMPARE;
	w.b = &b;
	unsigned int headers = compare_headers(a, &b, o->lost_ok);

	if (a->h.block_size != b.h.block_size) {
		puts("DIFFERENT");
		ret = EXIT_OTHER;
	} else if (walk_run(&w)) {
		walk_free(&w);
		ret = trouble(path_b, "out of memory or threads");
	} else {
		ret = finish(&w, headers);
	}
	kd_close(&b);
	return ret;
}

static int compare_core(const struct options *o, const struct kd *a)
{
	char why[CORE_WHY_MAX];
	struct core core;
	struct walk w;
	int ret;

	if (core_open(&core, o->core, why))
		return trouble(o->core, why);
	walk_setup(&w, o, a);
	w.mode = WALK_CORE;
	w.core = &core;
	if (walk_run(&w)) {
		walk_free(&w);
		ret = trouble(o->core, "out of memory or threads");
	} else {
		ret = finish(&w, 0);
	}
	core_close(&core);
	return ret;
}

static int grep(const struct options *o, const struct kd *a)
{
	struct walk w;

	walk_setup(&w, o, a);
	w.mode = WALK_GREP;
	if (walk_run(&w)) {
		walk_free(&w);
		return trouble(a->path, "out of memory or threads");
	}
	uint64_t hits = w.tally[T_HITS], bad = w.tally[T_UNREADABLE];

	for (unsigned int i = 0; i < w.nfinds; i++)
		printf("pfn %#" PRIx64 " %s\n", w.finds[i].pfn, w.finds[i].text);
	printf("pages %" PRIuFAST64 " hits %" PRIu64 "\n", w.tally[T_PAGES], hits);
	walk_free(&w);
	/* "Not there" can not be said of a dump that could not be read to the end. */
	if (bad)
		return trouble(a->path, "some pages are unreadable");
	return hits ? EXIT_SAME : EXIT_OTHER;
}

static uint64_t popcount(const struct kd *a, const uint8_t *bitmap)
{
	uint64_t n = 0;

	for (uint64_t pfn = 0; pfn < a->h.max_mapnr; pfn++)
		n += kd_bit(a, bitmap, pfn);
	return n;
}

static int info(const struct kd *a)
{
	static const char *const names[] = {"sysname", "nodename", "release",
					    "version", "machine",  "domainname"};
	const struct kd_header *h = &a->h;
	const struct {
		const char *name;
		uint64_t value;
	} row[] = {
		{"file_size", a->size},
		{"header_version", h->version},
		{"tv_sec", h->tv_sec},
		{"tv_usec", h->tv_usec},
		{"status", h->status},
		{"block_size", h->block_size},
		{"sub_hdr_size", h->sub_hdr_size},
		{"bitmap_blocks", h->bitmap_blocks},
		{"max_mapnr", h->max_mapnr_32},
		{"total_ram_blocks", h->total_ram_blocks},
		{"device_blocks", h->device_blocks},
		{"written_blocks", h->written_blocks},
		{"current_cpu", h->current_cpu},
		{"nr_cpus", h->nr_cpus},
		{"phys_base", h->phys_base},
		{"dump_level", h->dump_level},
		{"split", h->split},
		{"start_pfn", h->start_pfn},
		{"end_pfn", h->end_pfn},
		{"offset_vmcoreinfo", h->offset_vmcoreinfo},
		{"size_vmcoreinfo", h->size_vmcoreinfo},
		{"offset_note", h->offset_note},
		{"size_note", h->size_note},
		{"offset_eraseinfo", h->offset_eraseinfo},
		{"size_eraseinfo", h->size_eraseinfo},
		{"start_pfn_64", h->start_pfn_64},
		{"end_pfn_64", h->end_pfn_64},
		{"max_mapnr_64", h->max_mapnr},
		{"bitmap_offset", a->bitmap_off},
		{"desc_offset", a->desc_off},
		{"bitmap1_bits", popcount(a, a->bitmap1)},
		{"bitmap2_bits", a->ndesc},
	};

	for (size_t i = 0; i < 6; i++)
		printf("%-18s %.65s\n", names[i], (const char *)h->uts + i * 65);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		printf("%-18s %" PRIu64 " (%#" PRIx64 ")\n", row[i].name, row[i].value,
		       row[i].value);
	return EXIT_SAME;
}

static int print_page(const struct options *o, const struct kd *a)
{
	static uint8_t buf[KD_BLOCK_MAX];
	struct kd_codec codec;
	const char *why;

	if (!kd_bit(a, a->bitmap2, o->pfn)) {
		printf("pfn %#" PRIx64 ": bitmap1 %d, bitmap2 0\n", o->pfn,
		       kd_bit(a, a->bitmap1, o->pfn));
		return EXIT_OTHER;
	}
	if (kd_codec_init(&codec)) {
		kd_codec_free(&codec);
		return trouble(a->path, "out of memory");
	}
	struct kd_desc d = kd_desc_at(a, kd_index(a, o->pfn));
	bool ok = kd_page(a, &codec, &d, buf, &why);

	kd_codec_free(&codec);
	printf("pfn %#" PRIx64 ": offset %" PRIu64 " size %" PRIu32 " flags %#" PRIx32 "\n", o->pfn,
	       d.offset, d.size, d.flags);
	if (!ok)
		return trouble(a->path, why);
	for (uint32_t i = 0; i < a->h.block_size; i += 16) {
		printf("%04" PRIx32 ":", i);
		for (uint32_t k = 0; k < 16; k++)
			printf(" %02x", buf[i + k]);
		putchar('\n');
	}
	return EXIT_SAME;
}

static int check(const struct options *o, const struct kd *a)
{
	struct kdcheck_rules rules = {o->ordered, o->holes, o->limit};
	struct kdcheck c;
	struct walk w;

	walk_setup(&w, o, a);
	w.mode = WALK_DECODE;
	w.lost_ok = true;
	if (kdcheck_run(a, &rules, &c) || walk_run(&w)) {
		walk_free(&w);
		return trouble(a->path, "out of memory or threads");
	}
	for (unsigned int i = 0; i < w.nfinds; i++)
		printf("fault: pfn %#" PRIx64 ": %s\n", w.finds[i].pfn, w.finds[i].text);
	printf("pages %" PRIu64 " (raw %" PRIu64 ", zlib %" PRIu64 ", lzo %" PRIu64
	       ", zstd %" PRIu64 "), sharing data %" PRIu64 ", lost %" PRIu64
	       ", out of order %" PRIu64 ", bytes of data %" PRIu64 "\n",
	       c.pages, c.raw, c.zlib, c.lzo, c.zstd, c.shared, c.lost, c.out_of_order,
	       c.data_bytes);
	if (a->h.status & KD_ST_INCOMPLETE)
		puts("marked incomplete");
	bool sound = c.faults == 0 && w.tally[T_UNREADABLE] == 0;

	walk_free(&w);
	puts(sound ? "SOUND" : "UNSOUND");
	return sound ? EXIT_SAME : EXIT_OTHER;
}

static bool parse_number(const char *s, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	unsigned long long v = strtoull(s, &end, 0);

	if (errno || *s < '0' || *s > '9' || *end || v > max)
		return false;
	*ret = v;
	return true;
}

static bool parse_pattern(const char *s, struct options *o)
{
	size_t len = strlen(s);

	if (len == 0 || len % 2 || len / 2 > PATTERN_MAX ||
	    strspn(s, "0123456789abcdefABCDEF") != len)
		return false;
	for (size_t i = 0; i < len / 2; i++) {
		char pair[3] = {s[2 * i], s[2 * i + 1], 0};

		o->pattern[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	o->pattern_len = len / 2;
	return true;
}

enum { OPT_CORE = 1, OPT_INFO, OPT_PFN, OPT_GREP, OPT_CHECK, OPT_LIMIT, OPT_THREADS };
enum { OPT_LOST_OK = OPT_THREADS + 1, OPT_ORDERED, OPT_HOLES };

static const struct option long_options[] = {
	{"core", required_argument, NULL, OPT_CORE},
	{"info", no_argument, NULL, OPT_INFO},
	{"pfn", required_argument, NULL, OPT_PFN},
	{"grep", required_argument, NULL, OPT_GREP},
	{"check", no_argument, NULL, OPT_CHECK},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"threads", required_argument, NULL, OPT_THREADS},
	{"lost-ok", no_argument, NULL, OPT_LOST_OK},
	{"ordered", no_argument, NULL, OPT_ORDERED},
	{"holes", no_argument, NULL, OPT_HOLES},
	{0},
};

static bool set_mode(struct options *o, enum mode mode)
{
	if (o->mode != MODE_COMPARE)
		return false;
	o->mode = mode;
	return true;
}

static bool take_option(struct options *o, int opt)
{
	uint64_t n = 0;

	switch (opt) {
	case OPT_CORE:
		o->core = optarg;
		return set_mode(o, MODE_CORE);
	case OPT_INFO:
		return set_mode(o, MODE_INFO);
	case OPT_PFN:
		return parse_number(optarg, UINT64_MAX, &o->pfn) && set_mode(o, MODE_PFN);
	case OPT_GREP:
		return parse_pattern(optarg, o) && set_mode(o, MODE_GREP);
	case OPT_CHECK:
		return set_mode(o, MODE_CHECK);
	case OPT_LIMIT:
		if (!parse_number(optarg, WALK_FINDS_MAX, &n))
			return false;
		o->limit = (unsigned int)n;
		return true;
	case OPT_THREADS:
		if (!parse_number(optarg, WALK_THREADS_MAX, &n) || n == 0)
			return false;
		o->threads = (unsigned int)n;
		return true;
	case OPT_LOST_OK:
		return o->lost_ok = true;
	case OPT_ORDERED:
		return o->ordered = true;
	case OPT_HOLES:
		return o->holes = true;
	default:
		return false;
	}
}

static int run(const struct options *o, const struct kd *a, const char *path_b)
{
	switch (o->mode) {
	case MODE_COMPARE:
		return compare(o, a, path_b);
	case MODE_CORE:
		return compare_core(o, a);
	case MODE_INFO:
		return info(a);
	case MODE_PFN:
		return print_page(o, a);
	case MODE_GREP:
		return grep(o, a);
	case MODE_CHECK:
		return check(o, a);
	}
	return EXIT_TROUBLE;
}

int main(int argc, char **argv)
{
	struct options o = {.threads = 2, .limit = LIMIT_DEFAULT};
	char why[KD_WHY_MAX];
	struct kd a;
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (!take_option(&o, opt)) {
			fputs(usage, stderr);
			return EXIT_TROUBLE;
		}
	}
	if (argc - optind != (o.mode == MODE_COMPARE ? 2 : 1)) {
		fputs(usage, stderr);
		return EXIT_TROUBLE;
	}
	if (kd_open(&a, argv[optind], why))
		return trouble(argv[optind], why);
	int ret = run(&o, &a, argv[argc - 1]);

	kd_close(&a);
	if (fflush(stdout) || ferror(stdout))
		return trouble("standard output", strerror(errno));
	return ret;
}
