/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_priv: what the files of config.h share: its keys, and how far reading has come. Lines and
 * values are read in config.c, targets in config_target.c, and config_print.c prints.
 */
#ifndef VMCORE_CONFIG_PRIV_H
#define VMCORE_CONFIG_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "vmcore/config.h"

enum {
	CONFIG_WAIT_MAX = 3600, /* seconds: nothing waits without a limit */
	CONFIG_DEADLINE_MAX = 7 * 86400, /* seconds */
	CONFIG_COUNT_MAX = 1000000,
	CONFIG_METHODS = CONFIG_METHOD_RECEIVE + 1,
	CONFIG_CALLS = CONFIG_CALL_SEGMENTS + 1,
	CONFIG_ACTIONS = CONFIG_ACTION_DUMP_TO_ROOTFS + 1,
	CONFIG_FALLBACKS_MAX = CONFIG_TARGETS_MAX - 1,
};

enum key_kind {
	KEY_TARGET,
	KEY_FALLBACK,
	KEY_TEXT, /* any text, kept as it is */
	KEY_FILE, /* an absolute path, kept as it is */
	KEY_PATH,
	KEY_COLLECTOR,
	KEY_FINAL_ACTION,
	KEY_FAILURE_ACTION,
	KEY_NUMBER,
	KEY_SIZE, /* bytes, with K, M, G or T behind them */
	KEY_CRASH_LOOP,
	KEY_METHOD,
	KEY_WATCHDOG,
	KEY_CALL,
	KEY_CPUS,
	KEY_ZERO_ONE,
	KEY_YES_NO, /* checked, and nothing to keep */
	KEY_FLAG, /* yes or no, kept */
	KEY_FENCE,
	KEY_DRACUT,
	KEY_NOTED, /* nothing to keep; the note says why */
};

struct config_key {
	const char *name;
	enum key_kind kind;
	size_t offset; /* in struct config, of KEY_TEXT, KEY_FILE, KEY_NUMBER, KEY_SIZE, KEY_FLAG */
	enum config_target_kind target; /* of KEY_TARGET */
	const char *word; /* of KEY_FILE, may stand instead of a path; or NULL */
	const char *note; /* told whenever the key stands, or NULL */
	unsigned int min, max; /* of KEY_NUMBER */
	const char *unit; /* of KEY_NUMBER, what it counts */
};

extern const struct config_key config_keys[];
extern const size_t config_nkeys;

/* The words that stand for values of an enum, which is the index. */
extern const char *const config_call_names[CONFIG_CALLS];
extern const char *const config_method_names[CONFIG_METHODS];
extern const char *const config_action_names[CONFIG_ACTIONS];

/* A further target, until all lines are known. */
struct config_fallback {
	struct config_target target;
	unsigned int line;
	bool method_said, limit_said;
};

struct config_reader {
	struct config *c;
	const char *name; /* of the file, for messages */
	bool strict;
	unsigned int line;
	unsigned int target_line; /* 0: none yet */
	unsigned int collector_line;
	struct config_fallback fallbacks[CONFIG_FALLBACKS_MAX];
	size_t nfallbacks;
};

/*
 * A line that is wrong: the end when strict, ERR_USAGE; else only a note, 0, and the line does not
 * count.
 */
int config_wrong(struct config_reader *p, unsigned int line, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

bool config_is_space(char ch);

/* The word "plain" or "receive"; false: neither. */
bool config_read_method(const char *value, enum config_method *ret);

/*
 * A directory on a target into the CONFIG_VALUE_MAX bytes at @out: as config_wrong(), or ERR_LIMIT
 * where the slash that is put in front does not fit.
 */
int config_take_path(struct config_reader *p, const char *value, char *out, struct err *err);

/* fence_kdump_args, and what stands for them. */
int config_take_fence(struct config_reader *p, const char *value, struct err *err);
void config_fence_text(const struct config_fence *f, char *buf, size_t room);

/* The value of a target's own line, of a line with fallback, and what both take from other keys. */
int config_take_target(struct config_reader *p, const struct config_key *key, const char *value,
		       struct err *err);
int config_take_fallback(struct config_reader *p, const char *value, struct err *err);
int config_finish_targets(struct config_reader *p, struct err *err);

#endif
