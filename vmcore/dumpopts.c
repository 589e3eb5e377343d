// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/dumpopts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/codec.h"

enum opt {
	OPT_ACT,
	OPT_APPLIANCE,
	OPT_CODEC,
	OPT_COMPAT,
	OPT_CONFIG,
	OPT_DRY_RUN,
	OPT_DUMP_DMESG,
	OPT_FORCE,
	OPT_FORMAT,
	OPT_HELP,
	OPT_LEVEL,
	OPT_MEMORY,
	OPT_NETWORK,
	OPT_MESSAGE_LEVEL,
	OPT_MINI,
	OPT_ORDERED,
	OPT_REARRANGE,
	OPT_REASSEMBLE,
	OPT_RECORD,
	OPT_REHEARSE,
	OPT_SHOW_STATS,
	OPT_SPLIT,
	OPT_THREADS,
	OPT_VERSION,
	OPT_VTOP,
	OPT_NO_EFFECT, /* makedumpfile's; nothing to do about it here */
	OPT_UNSUPPORTED, /* makedumpfile's; asks for what we do not have */
};

/* One spelling of an option. */
struct row {
	char letter; /* 0: none */
	const char *name; /* NULL: none */
	bool takes; /* a value follows */
	enum opt opt;
	const char *text; /* the value a letter stands for, or why there is none of it here */
};

/* Letters and names of makedumpfile(8), then ours. */
static const struct row rows[] = {
	{'c', NULL, false, OPT_CODEC, "zlib"},
	{'l', NULL, false, OPT_CODEC, "lzo"},
	{'z', NULL, false, OPT_CODEC, "zstd"},
	{'p', NULL, false, OPT_UNSUPPORTED,
	 "snappy is read but not written; use -l, -z or neither"},
	{'d', NULL, true, OPT_LEVEL, NULL},
	{'E', NULL, false, OPT_FORMAT, "elf"},
	{'F', NULL, false, OPT_FORMAT, "flattened"},
	{'f', NULL, false, OPT_FORCE, NULL},
	{'h', "help", false, OPT_HELP, NULL},
	{'v', "version", false, OPT_VERSION, NULL},
	{0, "message-level", true, OPT_MESSAGE_LEVEL, NULL},
	{0, "num-threads", true, OPT_THREADS, NULL},
	{0, "dump-dmesg", false, OPT_DUMP_DMESG, NULL},
	{0, "dry-run", false, OPT_DRY_RUN, NULL},
	{'R', NULL, false, OPT_REARRANGE, NULL},
	{0, "reassemble", false, OPT_REASSEMBLE, NULL},
	{0, "show-stats", false, OPT_SHOW_STATS, NULL},
	{0, "split", false, OPT_SPLIT, NULL},
	{0, "vtop", true, OPT_VTOP, NULL},

	// How to find symbols (the dump brings them), and sizes of buffers we do not have.
	{'D', NULL, false, OPT_NO_EFFECT, NULL},
	{'X', "exclude-xen-user", false, OPT_NO_EFFECT, NULL},
	{'b', NULL, true, OPT_NO_EFFECT, NULL},
	{'i', NULL, true, OPT_NO_EFFECT, NULL},
	{'x', NULL, true, OPT_NO_EFFECT, NULL},
	{0, "cyclic-buffer", true, OPT_NO_EFFECT, NULL},
	{0, "non-cyclic", false, OPT_NO_EFFECT, NULL},
	{0, "non-mmap", false, OPT_NO_EFFECT, NULL},
	{0, "splitblock-size", true, OPT_NO_EFFECT, NULL},
	{0, "work-dir", true, OPT_NO_EFFECT, NULL},

	{'L', NULL, true, OPT_UNSUPPORTED, "the size of a dump can't be limited yet"},
	{'e', NULL, false, OPT_UNSUPPORTED, "unused struct pages can't be excluded yet"},
	{'g', NULL, true, OPT_UNSUPPORTED, "vmcoreinfo files are not generated"},
	{0, "check-params", false, OPT_UNSUPPORTED, "`lifeboat load` checks the configuration"},
	{0, "diskset", true, OPT_UNSUPPORTED, "sadump disk sets are not read"},
	{0, "eppic", true, OPT_UNSUPPORTED, "symbols can't be erased yet"},
	{0, "extension", true, OPT_UNSUPPORTED, "extensions can't be loaded"},
	{0, "mem-usage", false, OPT_UNSUPPORTED, "the running kernel can't be examined yet"},
	{0, "partial-dmesg", false, OPT_UNSUPPORTED, "the log is always written whole"},
	{0, "xen-syms", true, OPT_UNSUPPORTED, "Xen hosts can't be dumped yet"},
	{0, "xen-vmcoreinfo", true, OPT_UNSUPPORTED, "Xen hosts can't be dumped yet"},
	{0, "xen_phys_start", true, OPT_UNSUPPORTED, "Xen hosts can't be dumped yet"},

	{0, "act", true, OPT_ACT, NULL},
	{0, "appliance", false, OPT_APPLIANCE, NULL},
	{0, "codec", true, OPT_CODEC, NULL},
	{0, "compat", true, OPT_COMPAT, NULL},
	{0, "config", true, OPT_CONFIG, NULL},
	{0, "format", true, OPT_FORMAT, NULL},
	{0, "memory", true, OPT_MEMORY, NULL},
	{0, "mini", false, OPT_MINI, NULL},
	{0, "network", true, OPT_NETWORK, NULL},
	{0, "ordered", false, OPT_ORDERED, NULL},
	{0, "record", false, OPT_RECORD, NULL},
	{0, "rehearse", false, OPT_REHEARSE, NULL},
	{0, "threads", true, OPT_THREADS, NULL},
};

static const char *const format_names[] = {
	[DUMP_FORMAT_KDUMP] = "kdump",
	[DUMP_FORMAT_ELF] = "elf",
	[DUMP_FORMAT_FLATTENED] = "flattened",
	[DUMP_FORMAT_RAW] = "raw",
};

/* What one call has seen so far; the options themselves change only when all of it is well. */
struct scan {
	struct dumpopts o;
	bool in_config; /* words of core_collector, not of a command line */
	bool codec_said, format_said;
	bool elf_said, flattened_said; /* by letter, which add up */
};

void dumpopts_default(struct dumpopts *o)
{
	*o = (struct dumpopts){
		.levels = {DUMP_LEVEL_MAX},
		.nlevels = 1,
		.codec = "auto",
		.format = DUMP_FORMAT_KDUMP,
		.message_level = 7,
		.act = -1,
	};
}

/* A decimal number of digits only, at most @max; @len characters of @s. */
static bool number(const char *s, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return false;
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

static int take_levels(struct dumpopts *o, const char *opt, const char *value, struct err *err)
{
	const char *s = value;
	size_t n = 0;

	for (;;) {
		size_t len = strcspn(s, ",");
		uint64_t v;

		if (!number(s, len, DUMP_LEVEL_MAX, &v))
			return err_set(err, ERR_USAGE,
				       "%s %.64s: a dump level is a number from 0 to %d", opt,
				       value, DUMP_LEVEL_MAX);
		if (n == DUMP_LEVELS_MAX)
			return err_set(err, ERR_USAGE, "%s %.64s: more than %d dump levels", opt,
				       value, DUMP_LEVELS_MAX);
		o->levels[n++] = v;
		if (!s[len])
			break;
		s += len + 1;
	}
	o->nlevels = n;
	return 0;
}

static int take_codec(struct scan *s, const char *opt, const char *value, struct err *err)
{
	const struct codec *codec;
	const char *name = value;
	int level = 0;

	if (strcmp(value, "auto") != 0 && strcmp(value, "auto:none") != 0) {
		int rc = codec_parse(value, &codec, &level, err);

		if (rc) {
			err_prepend(err, "%s", opt);
			return rc;
		}
		name = codec->name;
	}
	snprintf(s->o.codec, sizeof(s->o.codec), "%s", name);
	s->o.codec_level = level;
	s->codec_said = true;
	return 0;
}

static int take_format(struct scan *s, const char *opt, const char *value, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_names); i++) {
		if (strcmp(value, format_names[i]) != 0)
			continue;
		// -E and -F together, in any order: an ELF core in flattened clothes.
		if (opt[1] == 'E')
			s->elf_said = true;
		else if (opt[1] == 'F')
			s->flattened_said = true;
		else
			s->elf_said = s->flattened_said = false;
		s->o.format = s->flattened_said ? DUMP_FORMAT_FLATTENED : (enum dump_format)i;
		s->o.flattened_elf = s->flattened_said && s->elf_said;
		s->format_said = true;
		return 0;
	}
	return err_set(err, ERR_USAGE, "%s %.64s: a format is kdump, elf, flattened or raw", opt,
		       value);
}

/* BYTES, or with K, M or G behind. */
static int take_memory(struct dumpopts *o, const char *opt, const char *value, struct err *err)
{
	static const char units[] = "KMG";
	size_t len = strlen(value);
	unsigned int shift = 0;
	uint64_t v;

	if (len) {
		const char *unit = strchr(units, value[len - 1]);

		if (unit && *unit) {
			shift = 10 * (unit - units + 1);
			len--;
		}
	}
	if (!number(value, len, UINT64_MAX >> shift, &v) || !v)
		return err_set(err, ERR_USAGE,
			       "%s %.64s: a size is a number of bytes above 0, or one with K, M or "
			       "G behind",
			       opt, value);
	o->memory = v << shift;
	return 0;
}

static int take_number(const char *opt, const char *value, uint64_t max, uint64_t *ret,
		       struct err *err)
{
	if (number(value, strlen(value), max, ret))
		return 0;
	return err_set(err, ERR_USAGE, "%s %.64s: expected a number from 0 to %llu", opt, value,
		       (unsigned long long)max);
}

/* Hexadecimal, with or without 0x, as kernel addresses are written everywhere. */
static int take_address(struct dumpopts *o, const char *opt, const char *value, struct err *err)
{
	const char *s = value[0] == '0' && (value[1] | 0x20) == 'x' ? value + 2 : value;
	size_t len = strlen(s);

	if (!len || len > 16 || strspn(s, "0123456789abcdefABCDEF") != len)
		return err_set(err, ERR_USAGE,
			       "%s %.64s: an address is up to 16 hexadecimal digits", opt, value);
	o->vtop_address = strtoull(s, NULL, 16);
	return 0;
}

/* The options that only make sense on a command line. */
static int take_cli(struct scan *s, const struct row *row, const char *opt, const char *value,
		    struct err *err)
{
	uint64_t v;
	int rc;

	if (s->in_config && row->opt == OPT_CONFIG)
		return err_set(err, ERR_UNSUPPORTED, "%s: symbols can't be erased yet", opt);
	if (s->in_config)
		return err_set(err, ERR_USAGE, "%s: has no place in core_collector; remove it",
			       opt);
	switch (row->opt) {
	case OPT_ACT:
		rc = take_number(opt, value, 255, &v, err);
		if (rc)
			return rc;
		s->o.act = v;
		return 0;
	case OPT_APPLIANCE:
		s->o.appliance = true;
		return 0;
	case OPT_CONFIG:
		s->o.config = value;
		return 0;
	case OPT_NETWORK:
		s->o.network = value;
		return 0;
	case OPT_HELP:
		s->o.show_help = true;
		return 0;
	case OPT_MINI:
		s->o.mini = true;
		return 0;
	case OPT_RECORD:
		s->o.record = true;
		return 0;
	case OPT_REHEARSE:
		s->o.rehearse = true;
		return 0;
	case OPT_SPLIT:
		s->o.split = true;
		return 0;
	case OPT_VTOP:
		s->o.vtop = true;
		return take_address(&s->o, opt, value, err);
	case OPT_REARRANGE:
		s->o.rearrange = true;
		return 0;
	case OPT_REASSEMBLE:
		s->o.reassemble = true;
		return 0;
	default:
		s->o.show_version = true;
		return 0;
	}
}

static int take(struct scan *s, const struct row *row, const char *opt, const char *value,
		struct err *err)
{
	uint64_t v;
	int rc;

	if (!row->takes)
		value = row->text;
	if (s->in_config && row->opt == OPT_DRY_RUN)
		return take_cli(s, row, opt, value, err);
	switch (row->opt) {
	case OPT_CODEC:
		return take_codec(s, opt, value, err);
	case OPT_COMPAT:
		if (strcmp(value, "makedumpfile") != 0)
			return err_set(err, ERR_USAGE, "%s %.64s: only makedumpfile is known", opt,
				       value);
		s->o.compat = true;
		return 0;
	case OPT_DRY_RUN:
		s->o.dry_run = true;
		return 0;
	case OPT_DUMP_DMESG:
		s->o.dump_dmesg = true;
		return 0;
	case OPT_FORCE:
		s->o.force = true;
		return 0;
	case OPT_FORMAT:
		return take_format(s, opt, value, err);
	case OPT_LEVEL:
		return take_levels(&s->o, opt, value, err);
	case OPT_MEMORY:
		return take_memory(&s->o, opt, value, err);
	case OPT_MESSAGE_LEVEL:
		rc = take_number(opt, value, 31, &v, err);
		if (!rc)
			s->o.message_level = v;
		return rc;
	case OPT_NO_EFFECT:
		return 0;
	case OPT_ORDERED:
		s->o.ordered = true;
		return 0;
	case OPT_SHOW_STATS:
		s->o.show_stats = true;
		return 0;
	case OPT_THREADS:
		// Scripts say $(nproc), which may be more than is of any use.
		rc = take_number(opt, value, INT_MAX, &v, err);
		if (!rc)
			s->o.threads = v < DUMP_THREADS_MAX ? v : DUMP_THREADS_MAX;
		return rc;
	case OPT_UNSUPPORTED:
		return err_set(err, ERR_UNSUPPORTED, "%s: %s", opt, row->text);
	default:
		return take_cli(s, row, opt, value, err);
	}
}

static int no_such(const char *word, struct err *err)
{
	return err_set(err, ERR_USAGE, "%.64s: no such option", word);
}

/* --NAME, --NAME VALUE or --NAME=VALUE at argv[*i]. */
static int long_word(struct scan *s, int argc, char **argv, int *i, struct err *err)
{
	const char *word = argv[*i];
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	const struct row *row = NULL;
	char opt[32];

	for (size_t r = 0; r < ARRAY_SIZE(rows) && !row; r++) {
		if (rows[r].name && strlen(rows[r].name) == len - 2 &&
		    memcmp(rows[r].name, word + 2, len - 2) == 0)
			row = &rows[r];
	}
	if (!row)
		return no_such(word, err);
	snprintf(opt, sizeof(opt), "--%s", row->name);
	if (!row->takes && value)
		return err_set(err, ERR_USAGE, "%s: takes no value, found '%.64s'", opt, value);
	if (row->takes && !value) {
		if (*i + 1 >= argc)
			return err_set(err, ERR_USAGE, "%s: needs a value", opt);
		value = argv[++*i];
	}
	return take(s, row, opt, value, err);
}

/* -c, -cf, -d 31, -d31 or -cd31 at argv[*i]. */
static int short_word(struct scan *s, int argc, char **argv, int *i, struct err *err)
{
	const char *word = argv[*i];

	for (const char *p = word + 1; *p; p++) {
		const struct row *row = NULL;
		const char opt[] = {'-', *p, '\0'};
		const char *value = NULL;
		int rc;

		for (size_t r = 0; r < ARRAY_SIZE(rows) && !row; r++) {
			if (rows[r].letter == *p)
				row = &rows[r];
		}
		if (!row)
			return no_such(word, err);
		if (row->takes) {
			value = p[1] ? p + 1 : *i + 1 < argc ? argv[++*i] : NULL;
			if (!value)
				return err_set(err, ERR_USAGE, "%s: needs a value", opt);
		}
		rc = take(s, row, opt, value, err);
		if (rc || value)
			return rc;
	}
	return 0;
}

static int operand(struct scan *s, const char *word, struct err *err)
{
	if (s->in_config)
		return err_set(err, ERR_USAGE,
			       "%.64s: core_collector takes options only; remove it", word);
	if (s->o.noperands == ARRAY_SIZE(s->o.operands))
		return err_set(err, ERR_USAGE, "%.64s: a dump is split into %d files at most", word,
			       DUMP_PARTS_MAX);
	s->o.operands[s->o.noperands++] = word;
	return 0;
}

/* All operands but the last, which is OUTPUT, are inputs, except with --split. */
static void sort_operands(struct dumpopts *o)
{
	o->ninputs = o->noperands > 1 ? o->noperands - 1 : o->noperands;
	if (o->split && o->ninputs)
		o->ninputs = 1;
	memcpy(o->inputs, o->operands, o->ninputs * sizeof(o->inputs[0]));
	if (o->noperands <= 2 || o->split)
		return;
	o->operands[1] = o->operands[o->noperands - 1];
	o->noperands = 2;
}

static int scan_words(struct scan *s, int argc, char **argv, struct err *err)
{
	bool options = true;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		int rc = 0;

		if (!options || word[0] != '-' || !word[1])
			rc = operand(s, word, err);
		else if (strcmp(word, "--") == 0)
			options = false;
		else if (word[1] == '-')
			rc = long_word(s, argc, argv, &i, err);
		else
			rc = short_word(s, argc, argv, &i, err);
		if (rc)
			return rc;
	}
	if (s->o.split && s->o.format != DUMP_FORMAT_KDUMP)
		return err_set(err, ERR_USAGE,
			       "--split: only kdump-compressed dumps can be split, not format %s",
			       format_names[s->o.format]);
	if (s->o.mini && (s->o.split || s->o.dry_run || s->o.format != DUMP_FORMAT_KDUMP))
		return err_set(err, ERR_USAGE,
			       "--mini: writes one kdump-compressed file; leave out %s",
			       s->o.split     ? "--split"
			       : s->o.dry_run ? "--dry-run"
					      : "the other format");
	sort_operands(&s->o);
	if (s->o.reassemble) {
		// What the parts were filtered at is the level of the whole.
		s->o.levels[0] = 0;
		s->o.nlevels = 1;
	}
	if (s->format_said && (s->o.format == DUMP_FORMAT_ELF || s->o.flattened_elf)) {
		if (s->codec_said && strcmp(s->o.codec, "none") != 0)
			return err_set(err, ERR_USAGE,
				       "-E: an ELF core is never compressed; remove -E or %s",
				       s->o.codec);
		snprintf(s->o.codec, sizeof(s->o.codec), "none");
		s->o.codec_level = 0;
	}
	return 0;
}

int dumpopts_parse(struct dumpopts *o, int argc, char **argv, struct err *err)
{
	struct scan s = {.o = *o};
	int rc = scan_words(&s, argc, argv, err);

	if (rc)
		return rc;
	*o = s.o;
	return 0;
}

/* Is @word, perhaps a path, a call of the program @name? */
static bool is_program(const char *word, const char *name)
{
	const char *slash = strrchr(word, '/');

	return strcmp(slash ? slash + 1 : word, name) == 0;
}

int dumpopts_parse_string(struct dumpopts *o, const char *words, struct err *err)
{
	struct scan s = {.o = *o, .in_config = true};
	char text[DUMP_WORDS_SIZE_MAX];
	char *argv[DUMP_WORDS_MAX + 1];
	char *rest = NULL;
	int argc = 0;
	int rc;

	if ((size_t)snprintf(text, sizeof(text), "%s", words) >= sizeof(text))
		return err_set(err, ERR_LIMIT, "core_collector: longer than %d bytes",
			       DUMP_WORDS_SIZE_MAX - 1);
	for (char *w = strtok_r(text, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest)) {
		if (argc == DUMP_WORDS_MAX)
			return err_set(err, ERR_LIMIT, "core_collector: more than %d words",
				       DUMP_WORDS_MAX);
		argv[argc++] = w;
	}
	if (!argc)
		return err_set(err, ERR_USAGE,
			       "core_collector: expected lifeboat-collect or makedumpfile and "
			       "options");
	argv[argc] = NULL;
	if (is_program(argv[0], "makedumpfile")) {
		s.o.levels[0] = 0;
		s.o.nlevels = 1;
	} else if (!is_program(argv[0], "lifeboat-collect")) {
		return err_set(err, ERR_UNSUPPORTED,
			       "core_collector: '%.64s' is never run; write lifeboat-collect or "
			       "makedumpfile and options",
			       argv[0]);
	}
	rc = scan_words(&s, argc, argv, err);
	if (rc) {
		err_prepend(err, "core_collector");
		return rc;
	}
	*o = s.o;
	return 0;
}

int dumpopts_check(const struct dumpopts *o, bool device, struct err *err)
{
	if (!device || o->dump_dmesg || o->format == DUMP_FORMAT_KDUMP ||
	    o->format == DUMP_FORMAT_FLATTENED)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "format %s: a device has no length and no holes; leave out -E and --format "
		       "for the kdump-compressed format",
		       format_names[o->format]);
}

const char *dumpopts_help(void)
{
	return "Usage: lifeboat-collect [OPTIONS] INPUT... OUTPUT\n"
	       "       lifeboat-collect -F [OPTIONS] INPUT [OUTPUT]\n"
	       "       lifeboat-collect --split [OPTIONS] INPUT OUTPUT OUTPUT...\n"
	       "       lifeboat-collect --dry-run | --vtop ADDRESS [OPTIONS] INPUT\n"
	       "       lifeboat-collect --mini | --record [OPTIONS] INPUT OUTPUT\n"
	       "       lifeboat-collect -R OUTPUT < FLATTENED\n"
	       "       lifeboat-collect [OPTIONS] --appliance\n"
	       "       lifeboat-collect --network FILE\n"
	       "       lifeboat-collect --rehearse [--config FILE] [--memory SIZE] [INPUT]\n"
	       "Filter, compress and save the memory of a dead kernel.\n"
	       "\n"
	       "What to keep and how, as in makedumpfile(8):\n"
	       "  -d LEVEL[,LEVEL...]   leave out: 1 zero pages, 2 page cache, 4 private page\n"
	       "                        cache, 8 user memory, 16 free pages; the sum of what is\n"
	       "                        wanted, 31 by default; further levels are tried in turn\n"
	       "                        when the target is full\n"
	       "  -c, -l, -z            compress with zlib, LZO or zstd\n"
	       "  -E                    write an ELF core\n"
	       "  -F                    write the flattened format, to standard output unless\n"
	       "                        there is an OUTPUT; with -E an ELF core in that format\n"
	       "  -f                    overwrite OUTPUT\n"
	       "  --num-threads N       the same as --threads\n"
	       "  --message-level N     what to print: 1 progress, 2 common, 4 errors, 8 debug,\n"
	       "                        16 report; their sum, 7 by default\n"
	       "  --dump-dmesg          write only the kernel's log, as text\n"
	       "  --split               share the pages out to several files\n"
	       "  --reassemble          put the INPUTs, which are one split dump, together again\n"
	       "  -R                    put a flattened dump from standard input together again\n"
	       "  --dry-run             plan, count and predict the size, write nothing\n"
	       "  --show-stats          print what was kept and dropped, whatever is printed else\n"
	       "  --vtop ADDRESS        print where that virtual address is in physical memory\n"
	       "\n"
	       "Ours:\n"
	       "  --codec NAME[:LEVEL]  none, zlib, lzo or zstd; auto, the default, chooses as the\n"
	       "                        target is fast, auto:none between that and no codec too\n"
	       "  --format FORMAT       kdump, elf, flattened or raw\n"
	       "  --compat makedumpfile leave out and keep what makedumpfile would\n"
	       "  --mini                write only what backtraces, tasks and the log take\n"
	       "  --record              write only the panic record, a page of text\n"
	       "  --ordered             the same file whatever the number of workers\n"
	       "  --threads N           workers; 0, the default: one a CPU\n"
	       "  --memory SIZE         use at most so many bytes (K, M, G) of memory\n"
	       "  --config FILE         read FILE instead of /etc/lifeboat.conf\n"
	       "  --appliance           the capture kernel's own run, by the configuration\n"
	       "  --act CODE            only carry out the action for that exit code\n"
	       "  --network FILE        only bring the network up, as FILE describes it\n"
	       "  --rehearse            try the targets with the running kernel's memory; see\n"
	       "                        lifeboat-rehearse(8)\n"
	       "  -h, --help            this text\n"
	       "  -v, --version         the version\n"
	       "\n"
	       "Exit codes: 0 complete, 1 failed, 2 usage or configuration, 3 incomplete but\n"
	       "usable dump kept.\n";
}
