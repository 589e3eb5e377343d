/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dumpopts: how a dump is to be made, from command-line words.
 *
 * The same words stand on lifeboat-collect's command line and behind core_collector in the
 * configuration, and are makedumpfile's own with makedumpfile's meaning (makedumpfile(8)),
 * plus long names of ours. Both programs read them here, so that what `lifeboat load` accepts
 * is what the collector does.
 */
#ifndef VMCORE_DUMPOPTS_H
#define VMCORE_DUMPOPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	DUMP_LEVEL_ZERO = 1, /* pages of zeros */
	DUMP_LEVEL_CACHE = 2, /* page cache without private data */
	DUMP_LEVEL_PRIVATE = 4, /* page cache with private data */
	DUMP_LEVEL_USER = 8, /* anonymous and hugetlb pages */
	DUMP_LEVEL_FREE = 16, /* pages of the buddy allocator */
	DUMP_LEVEL_MAX = 31,
	DUMP_LEVELS_MAX = 8, /* entries of -d N,N,... */
	DUMP_THREADS_MAX = 256,
	DUMP_PARTS_MAX = 64, /* files of a split dump */
	DUMP_WORDS_MAX = 64, /* of core_collector */
	DUMP_WORDS_SIZE_MAX = 1024, /* and its bytes, the zero included */
};

enum dump_format {
	DUMP_FORMAT_KDUMP, /* kdump-compressed, the default */
	DUMP_FORMAT_ELF, /* -E */
	DUMP_FORMAT_FLATTENED, /* -F */
	DUMP_FORMAT_RAW,
};

struct dumpopts {
	unsigned int levels[DUMP_LEVELS_MAX]; /* in the order to try; nlevels >= 1 */
	size_t nlevels;
	char codec[16]; /* "auto", "auto:none", or a name of codec.h */
	int codec_level; /* the codec's default unless said */
	enum dump_format format;
	bool flattened_elf; /* with DUMP_FORMAT_FLATTENED: -E too, an ELF core in records */
	unsigned int threads; /* 0: one a CPU; never above DUMP_THREADS_MAX */
	uint64_t memory; /* --memory, bytes; 0: from what is free */
	int message_level; /* --message-level, makedumpfile's bits; 7 by default */
	bool dump_dmesg; /* --dump-dmesg: only the log, as text */
	bool record; /* --record: only the panic record, as text */
	bool mini; /* --mini: only what backtraces, tasks and the log take */
	bool force; /* -f: overwrite the output */
	bool dry_run; /* --dry-run: plan and count, write nothing */
	bool show_stats; /* --show-stats */
	bool ordered; /* --ordered: the same file whatever the number of threads */
	bool compat; /* --compat makedumpfile: its pages, where ours would be others */
	bool split; /* --split: the operands behind INPUT are the files of one dump */
	bool vtop; /* --vtop ADDRESS: only print where it is in physical memory */
	uint64_t vtop_address;
	bool show_version; /* -v, --version */
	bool show_help; /* -h, --help */
	bool appliance; /* --appliance: the capture kernel's own run; never in core_collector */
	int act; /* --act CODE: only carry out the action for that exit code; -1 if not */
	const char *config; /* --config FILE; points into argv */
	const char *network; /* --network FILE: only bring the network up; points into argv */
	bool rehearse; /* --rehearse: try the targets with the running kernel's memory */
	bool reassemble; /* --reassemble: put a split dump together, filter nothing */
	bool rearrange; /* -R: standard input, which is flattened, to OUTPUT, the only operand */
	const char *operands[1 + DUMP_PARTS_MAX]; /* INPUT, OUTPUT ...; point into argv */
	size_t noperands;
	/* All INPUTs. operands[0] is the first of them, and behind it there are OUTPUTs only. */
	const char *inputs[DUMP_PARTS_MAX];
	size_t ninputs;
};

/* Level 31, codec auto, kdump-compressed, one thread a CPU. */
void dumpopts_default(struct dumpopts *o);

/*
 * Reads @argc words from @argv[1] on (argv[0] is the program's name). @o is to be set to
 * defaults before; a later word overrides an earlier one; on failure it is left as it was.
 * ERR_USAGE with the word in the text; ERR_UNSUPPORTED for an option of makedumpfile's that
 * we know and do not have. What is only understood and of no effect here (-X on a machine
 * without Xen, -x where the dump brings its vmcoreinfo, --num-threads with -F) is accepted as
 * makedumpfile accepts it. How many operands are right is for the caller to say.
 */
int dumpopts_parse(struct dumpopts *o, int argc, char **argv, struct err *err);

/*
 * The words behind core_collector: "makedumpfile -l --message-level 7 -d 31" or
 * "lifeboat-collect ...". Another program's name is ERR_UNSUPPORTED (told with that name),
 * operands are ERR_USAGE. Behind the name makedumpfile no -d means level 0, as it does there;
 * what else is not said keeps the value it has in @o.
 */
int dumpopts_parse_string(struct dumpopts *o, const char *words, struct err *err);

/*
 * Whether a dump of that kind can go to a bare block device (@device) or to a file: 0, or
 * ERR_UNSUPPORTED with what can't. Both programs ask.
 */
int dumpopts_check(const struct dumpopts *o, bool device, struct err *err);

/* Usage text of all options, for --help and the man page's check. */
const char *dumpopts_help(void);

#endif
