// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/number.h"
#include "vmcore/remote.h"

enum {
	/* Seconds. */
	DEVICE_TIMEOUT_DEFAULT = 30,
	NETWORK_TIMEOUT_DEFAULT = 60,
	CAPTURE_DEADLINE_DEFAULT = 7200,
	TIER_LIMIT_DEFAULT = 60,
	STALL_TIME_DEFAULT = 60,
	STALL_RATE_DEFAULT = 64 << 10, /* bytes a second */
	CRASH_LOOP_COUNT_DEFAULT = 3,
	CRASH_LOOP_SECONDS_DEFAULT = 3600,
	WAIT_MAX = 3600, /* nothing waits without a limit */
	DEADLINE_MAX = 7 * 86400,
	COUNT_MAX = 1000000,
	CAPTURE_CPUS_MAX = 8192, /* the largest CONFIG_NR_CPUS */
	KEY_MAX = 32, /* bytes of a key, its zero included; all keys are shorter */
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
	KEY_YES_NO,
	KEY_DRACUT,
	KEY_NOTED, /* nothing to keep; the note says why */
};

struct key {
	const char *name;
	enum key_kind kind;
	size_t offset; /* in struct config, of KEY_TEXT, KEY_FILE, KEY_NUMBER, KEY_SIZE */
	enum config_target_kind target; /* of KEY_TARGET */
	const char *note; /* told whenever the key stands, or NULL */
	unsigned int min, max; /* of KEY_NUMBER */
	const char *unit; /* of KEY_NUMBER, what it counts */
};

#define AT(member)    .offset = offsetof(struct config, member)
#define TEXT(member)  .kind = KEY_TEXT, AT(member)
#define FILE_(member) .kind = KEY_FILE, AT(member)
#define SIZE(member)  .kind = KEY_SIZE, AT(member)
#define TARGET(which) .kind = KEY_TARGET, .target = CONFIG_TARGET_##which
#define NOTED(text)   .kind = KEY_NOTED, .note = text
#define PLAIN(which)  .kind = which
#define NUMBER(member, least, most) \
	.kind = KEY_NUMBER, AT(member), .min = least, .max = most, .unit = "a number"
#define SECONDS(member, most) \
	.kind = KEY_NUMBER, AT(member), .max = most, .unit = "a number of seconds"

#define NO_FENCE   "fence_kdump messages are not sent by this version"
#define DEPRECATED "deprecated in kdump.conf, has no effect; remove it"

/* Keys of kdump.conf(5), then ours. */
static const struct key keys[] = {
	{"ext2", TARGET(FS)},
	{"ext3", TARGET(FS)},
	{"ext4", TARGET(FS)},
	{"xfs", TARGET(FS)},
	{"btrfs", TARGET(FS)},
	{"minix", TARGET(FS)},
	{"virtiofs", TARGET(FS)},
	{"vfat", TARGET(FS)},
	{"raw", TARGET(RAW)},
	{"nfs", TARGET(NFS)},
	{"ssh", TARGET(SSH)},
	{"sshkey", FILE_(sshkey)},
	{"path", PLAIN(KEY_PATH)},
	{"core_collector", PLAIN(KEY_COLLECTOR)},
	{"kdump_pre", FILE_(kdump_pre)},
	{"kdump_post", FILE_(kdump_post)},
	{"kdump_emergency", FILE_(kdump_emergency)},
	{"extra_bins", TEXT(extra_bins)},
	{"extra_modules", TEXT(extra_modules)},
	{"failure_action", PLAIN(KEY_FAILURE_ACTION)},
	{"default", PLAIN(KEY_FAILURE_ACTION)},
	{"final_action", PLAIN(KEY_FINAL_ACTION)},
	{"force_rebuild", PLAIN(KEY_ZERO_ONE)},
	{"force_no_rebuild", PLAIN(KEY_ZERO_ONE)},
	{"dracut_args", PLAIN(KEY_DRACUT)},
	{"fence_kdump_args", NOTED(NO_FENCE)},
	{"fence_kdump_nodes", NOTED(NO_FENCE)},
	{"auto_reset_crashkernel", PLAIN(KEY_YES_NO)},
	{"net", NOTED(DEPRECATED)},
	{"options", NOTED(DEPRECATED)},
	{"link_delay", NOTED(DEPRECATED)},
	{"disk_timeout", NOTED(DEPRECATED)},
	{"debug_mem_level", NOTED(DEPRECATED)},
	{"blacklist", NOTED(DEPRECATED)},

	{"load_with", PLAIN(KEY_CALL)},
	{"kernel", FILE_(kernel)},
	{"initrd", FILE_(initrd)},
	{"cmdline", TEXT(cmdline)},
	{"cmdline_append", TEXT(cmdline_append)},
	{"cmdline_remove", TEXT(cmdline_remove)},
	{"device_timeout", SECONDS(device_timeout, WAIT_MAX)},
	{"capture_cpus", PLAIN(KEY_CPUS)},
	{"fallback", PLAIN(KEY_FALLBACK)},
	{"targets_wanted", NUMBER(targets_wanted, 1, CONFIG_TARGETS_MAX)},
	{"target_limit", SECONDS(target_limit, DEADLINE_MAX)},
	{"ssh_method", PLAIN(KEY_METHOD)},
	{"ssh_hostkeys", FILE_(ssh_hostkeys)},
	{"capture_deadline", SECONDS(capture_deadline, DEADLINE_MAX)},
	{"tier_limit", SECONDS(tier_limit, WAIT_MAX)},
	{"stall_rate", SIZE(stall_rate)},
	{"stall_time", SECONDS(stall_time, WAIT_MAX)},
	{"watchdog", PLAIN(KEY_WATCHDOG)},
	{"crash_loop", PLAIN(KEY_CRASH_LOOP)},
	{"keep_dumps", NUMBER(keep_dumps, 0, COUNT_MAX)},
	{"keep_bytes", SIZE(keep_bytes)},
	{"keep_days", NUMBER(keep_days, 0, COUNT_MAX)},
	{"min_free", SIZE(min_free)},
	{"network", TEXT(network)},
	{"network_timeout", SECONDS(network_timeout, WAIT_MAX)},
	{"notify", FILE_(notify)},
};

static const char *const call_names[] = {
	[CONFIG_CALL_AUTO] = "auto",
	[CONFIG_CALL_FILE] = "kexec_file_load",
	[CONFIG_CALL_SEGMENTS] = "kexec_load",
};

static const char *const method_names[] = {
	[CONFIG_METHOD_PLAIN] = "plain",
	[CONFIG_METHOD_RECEIVE] = "receive",
};

static const char *const action_names[] = {
	[CONFIG_ACTION_REBOOT] = "reboot",
	[CONFIG_ACTION_HALT] = "halt",
	[CONFIG_ACTION_POWEROFF] = "poweroff",
	[CONFIG_ACTION_SHELL] = "shell",
	[CONFIG_ACTION_DUMP_TO_ROOTFS] = "dump_to_rootfs",
};

enum {
	FALLBACKS_MAX = CONFIG_TARGETS_MAX - 1,
	FALLBACK_WORDS = 96, /* bytes of a printed line beside place, path and key */
};

/* A further target, until all lines are known. */
struct fallback {
	struct config_target target;
	unsigned int line;
	bool method_said, limit_said;
};

struct parse {
	struct config *c;
	const char *name; /* of the file, for messages */
	bool strict;
	unsigned int line;
	unsigned int target_line; /* 0: none yet */
	unsigned int collector_line;
	struct fallback fallbacks[FALLBACKS_MAX];
	size_t nfallbacks;
};

const char *config_action_name(enum config_action action)
{
	return action_names[action];
}

void config_default(struct config *c)
{
	*c = (struct config){
		.targets = {{.kind = CONFIG_TARGET_LOCAL, .path = "/var/crash"}},
		.ntargets = 1,
		.targets_wanted = 1,
		.path = "/var/crash",
		.final_action = CONFIG_ACTION_REBOOT,
		.failure_action = CONFIG_ACTION_REBOOT,
		.device_timeout = DEVICE_TIMEOUT_DEFAULT,
		.capture_deadline = CAPTURE_DEADLINE_DEFAULT,
		.tier_limit = TIER_LIMIT_DEFAULT,
		.stall_time = STALL_TIME_DEFAULT,
		.stall_rate = STALL_RATE_DEFAULT,
		.watchdog = "auto",
		.crash_loop_count = CRASH_LOOP_COUNT_DEFAULT,
		.crash_loop_seconds = CRASH_LOOP_SECONDS_DEFAULT,
		.network = "auto",
		.network_timeout = NETWORK_TIMEOUT_DEFAULT,
	};
	dumpopts_default(&c->collect);
}

static void note_in(struct config_note *notes, size_t max, size_t *count, unsigned int line,
		    const char *text)
{
	if (*count < max) {
		notes[*count].line = line;
		snprintf(notes[*count].text, sizeof(notes[*count].text), "%.*s",
			 CONFIG_NOTE_MAX - 1, text);
	}
	++*count;
}

static void add_note(struct parse *p, unsigned int line, const char *text)
{
	note_in(p->c->notes, CONFIG_NOTES_MAX, &p->c->nnotes, line, text);
}

static void add_unsupported(struct parse *p, unsigned int line, const char *text)
{
	note_in(p->c->unsupported, CONFIG_UNSUPPORTED_MAX, &p->c->nunsupported, line, text);
}

/* A line that is wrong: the end when strict, else only a note, and the line does not count. */
static int __attribute__((format(printf, 4, 5)))
wrong(struct parse *p, unsigned int line, struct err *err, const char *fmt, ...)
{
	char text[CONFIG_NOTE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (p->strict)
		return err_set(err, ERR_USAGE, "%s:%u: %s", p->name, line, text);
	add_note(p, line, text);
	return 0;
}

static bool is_space(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\v' || ch == '\f';
}

static bool is_control(char ch)
{
	return ((unsigned char)ch < 0x20 && !is_space(ch)) || ch == 0x7f;
}

static bool starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static bool is_device(const char *s)
{
	return s[0] == '/' || (starts_with(s, "LABEL=") && s[6]) ||
	       (starts_with(s, "UUID=") && s[5]) || (starts_with(s, "PARTLABEL=") && s[10]) ||
	       (starts_with(s, "PARTUUID=") && s[9]);
}

/* What is wrong with @value as the place of a target of @key; NULL when nothing is. */
static const char *wrong_place(const struct key *key, const char *value)
{
	struct remote r;

	if (strcmp(key->name, "virtiofs") != 0) {
		if (key->target == CONFIG_TARGET_SSH && remote_parse_ssh(&r, value, NULL))
			return "user@host or user@host:port";
		if (key->target == CONFIG_TARGET_NFS && remote_parse_nfs(&r, value, NULL))
			return "host:/export";
		if (key->target == CONFIG_TARGET_FS && !is_device(value))
			return "a device under /dev, LABEL=... or UUID=...";
		if (key->target == CONFIG_TARGET_RAW && !is_device(value))
			return "a device under /dev";
	}
	return strpbrk(value, " \t\r\v\f") ? "one word" : NULL;
}

static void fill_target(const struct key *key, const char *value, struct config_target *t)
{
	t->kind = key->target;
	t->fstype[0] = '\0';
	if (t->kind == CONFIG_TARGET_FS)
		snprintf(t->fstype, sizeof(t->fstype), "%s", key->name);
	snprintf(t->where, sizeof(t->where), "%s", value);
}

static int take_target(struct parse *p, const struct key *key, const char *value, struct err *err)
{
	const char *expected = wrong_place(key, value);

	if (p->target_line)
		return wrong(
			p, p->line, err,
			"%s: a second target, the first is in line %u; write 'fallback %s' for "
			"one that is tried when the first fails",
			key->name, p->target_line, key->name);
	if (expected)
		return wrong(p, p->line, err, "%s: expected %s, found '%.64s'", key->name, expected,
			     value);
	p->target_line = p->line;
	fill_target(key, value, &p->c->targets[0]);
	return 0;
}

/* Relative to the target, so always absolute here: one slash in front, none twice or last. */
static int take_path(struct parse *p, const char *value, char *out, struct err *err)
{
	const char *end = value + strlen(value);
	size_t n = 0;

	for (const char *s = value; s < end;) {
		size_t len = strcspn(s, "/");

		if (len == 2 && s[0] == '.' && s[1] == '.')
			return wrong(p, p->line, err,
				     "path: must not contain '..', which could lead off the "
				     "target");
		s += len + 1;
	}
	// The slash put in front is the one byte that may not fit.
	if (value[0] != '/' && strlen(value) + 1 >= CONFIG_VALUE_MAX)
		return err_set(err, ERR_LIMIT, "%s:%u: path: longer than %d bytes", p->name,
			       p->line, CONFIG_VALUE_MAX - 2);
	out[n++] = '/';
	for (const char *s = value; *s; s++) {
		if (*s != '/' || out[n - 1] != '/')
			out[n++] = *s;
	}
	// Behind a last slash may stand spaces, which no line of the grammar can end in.
	while (n > 1 && (out[n - 1] == '/' || is_space(out[n - 1])))
		n--;
	out[n] = '\0';
	return 0;
}

static int take_action(struct parse *p, const struct key *key, const char *value,
		       enum config_action last, enum config_action *ret, struct err *err)
{
	char names[80] = "";
	size_t used = 0;

	for (enum config_action a = 0; a <= last; a++) {
		if (strcmp(value, action_names[a]) == 0) {
			*ret = a;
			return 0;
		}
		used += snprintf(names + used, sizeof(names) - used, "%s%s",
				 !a ? "" : (a == last ? " or " : ", "), action_names[a]);
	}
	return wrong(p, p->line, err, "%s: expected %s, found '%.64s'", key->name, names, value);
}

static int take_cpus(struct parse *p, const struct key *key, const char *value, struct err *err)
{
	unsigned int v = 0;

	if (strcmp(value, "auto") != 0 && (!number_read(value, CAPTURE_CPUS_MAX, &v) || !v))
		return wrong(p, p->line, err,
			     "%s: expected auto or a number from 1 to %d, found '%.64s'", key->name,
			     CAPTURE_CPUS_MAX, value);
	p->c->capture_cpus = v;
	return 0;
}

static int take_number(struct parse *p, const struct key *key, const char *value, struct err *err)
{
	unsigned int v = 0;

	if (!number_read(value, key->max, &v) || v < key->min)
		return wrong(p, p->line, err, "%s: expected %s from %u to %u, found '%.64s'",
			     key->name, key->unit, key->min, key->max, value);
	*(unsigned int *)((char *)p->c + key->offset) = v;
	return 0;
}

static int take_size(struct parse *p, const struct key *key, const char *value, struct err *err)
{
	uint64_t *ret = (uint64_t *)((char *)p->c + key->offset);

	if (number_size(value, ret))
		return 0;
	return wrong(p, p->line, err,
		     "%s: expected a number of bytes, or one with K, M, G or T behind it, found "
		     "'%.64s'",
		     key->name, value);
}

static int take_crash_loop(struct parse *p, const struct key *key, const char *value,
			   struct err *err)
{
	unsigned int count, seconds = 0;
	char word[16];
	size_t len = strcspn(value, " \t");

	if (len < sizeof(word)) {
		memcpy(word, value, len);
		word[len] = '\0';
		value += len;
		value += strspn(value, " \t");
		if (number_read(word, COUNT_MAX, &count) &&
		    (*value ? number_read(value, DEADLINE_MAX, &seconds) : !count) &&
		    !count == !seconds) {
			p->c->crash_loop_count = count;
			p->c->crash_loop_seconds = seconds;
			return 0;
		}
		value -= len;
	}
	return wrong(
		p, p->line, err,
		"%s: expected how many crashes and in how many seconds, such as '3 3600', or 0",
		key->name);
}

static bool read_method(const char *value, enum config_method *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(method_names); i++) {
		if (strcmp(value, method_names[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static int take_method(struct parse *p, const struct key *key, const char *value, struct err *err)
{
	if (read_method(value, &p->c->ssh_method))
		return 0;
	return wrong(p, p->line, err, "%s: expected plain or receive, found '%.64s'", key->name,
		     value);
}

static int take_call(struct parse *p, const struct key *key, const char *value, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(call_names); i++) {
		if (strcmp(value, call_names[i]) == 0) {
			p->c->load_with = i;
			return 0;
		}
	}
	return wrong(p, p->line, err,
		     "%s: expected auto, kexec_file_load or kexec_load, found '%.64s'", key->name,
		     value);
}

static int take_watchdog(struct parse *p, const struct key *key, const char *value, struct err *err)
{
	if (strcmp(value, "auto") != 0 && strcmp(value, "no") != 0 && value[0] != '/')
		return wrong(p, p->line, err, "%s: expected auto, no or a device, found '%.64s'",
			     key->name, value);
	snprintf(p->c->watchdog, sizeof(p->c->watchdog), "%s", value);
	return 0;
}

/* "name=value" behind the place of a fallback target. */
static int take_target_option(struct parse *p, char *word, struct fallback *f, struct err *err)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (!value || !*value)
		return wrong(p, p->line, err, "fallback: expected name=value, found '%.64s'", word);
	if (strcmp(word, "path") == 0)
		return take_path(p, value, f->target.path, err);
	if (strcmp(word, "sshkey") == 0 && value[0] == '/') {
		snprintf(f->target.sshkey, sizeof(f->target.sshkey), "%s", value);
		return 0;
	}
	if (strcmp(word, "method") == 0 && read_method(value, &f->target.method)) {
		f->method_said = true;
		return 0;
	}
	if (strcmp(word, "limit") == 0 && number_read(value, DEADLINE_MAX, &f->target.limit)) {
		f->limit_said = true;
		return 0;
	}
	return wrong(p, p->line, err,
		     "fallback: expected path=DIRECTORY, sshkey=FILE, method=plain, method=receive "
		     "or limit=SECONDS, found '%.32s=%.64s'",
		     word, value);
}

/* "KIND WHERE [name=value]...". */
static int take_fallback(struct parse *p, const char *value, struct err *err)
{
	struct fallback f = {.line = p->line};
	const struct key *key = NULL;
	const char *where, *expected;
	char line[CONFIG_VALUE_MAX];
	char *word, *save;

	if (p->nfallbacks == FALLBACKS_MAX)
		return wrong(p, p->line, err, "fallback: more than %d targets in all",
			     CONFIG_TARGETS_MAX);
	snprintf(line, sizeof(line), "%s", value);
	word = strtok_r(line, " \t\r\v\f", &save);
	for (size_t i = 0; word && i < ARRAY_SIZE(keys); i++)
		if (keys[i].kind == KEY_TARGET && strcmp(keys[i].name, word) == 0)
			key = &keys[i];
	where = strtok_r(NULL, " \t\r\v\f", &save);
	if (!key || !where)
		return wrong(p, p->line, err,
			     "fallback: expected a target as in a line of its own, such as 'ext4 "
			     "LABEL=crash', found '%.64s'",
			     value);
	expected = wrong_place(key, where);
	if (expected)
		return wrong(p, p->line, err, "fallback %s: expected %s, found '%.64s'", key->name,
			     expected, where);
	while ((word = strtok_r(NULL, " \t\r\v\f", &save))) {
		int rc = take_target_option(p, word, &f, err);

		if (rc)
			return rc;
	}
	fill_target(key, where, &f.target);
	p->fallbacks[p->nfallbacks++] = f;
	return 0;
}

/* Words of dracut mean nothing to the builder of our initrd; one of them names a target. */
static void take_dracut(struct parse *p, const char *value)
{
	if (strstr(value, "--mount"))
		add_unsupported(p, p->line,
				"dracut_args: --mount does not name a target here; write "
				"\"<fstype> <device>\" instead");
	else
		add_note(p, p->line, "dracut_args: dracut does not make this initrd, no effect");
}

static int one_of(struct parse *p, const struct key *key, const char *value, const char *a,
		  const char *b, struct err *err)
{
	if (strcmp(value, a) == 0 || strcmp(value, b) == 0)
		return 0;
	return wrong(p, p->line, err, "%s: expected %s or %s, found '%.64s'", key->name, a, b,
		     value);
}

/* @value is never empty and shorter than CONFIG_VALUE_MAX. */
static int take(struct parse *p, const struct key *key, const char *value, struct err *err)
{
	char note[CONFIG_NOTE_MAX];

	if (key->note) {
		snprintf(note, sizeof(note), "%s: %s", key->name, key->note);
		add_note(p, p->line, note);
	}
	switch (key->kind) {
	case KEY_TARGET:
		return take_target(p, key, value, err);
	case KEY_FALLBACK:
		return take_fallback(p, value, err);
	case KEY_FILE:
		if (value[0] != '/')
			return wrong(p, p->line, err,
				     "%s: expected a path that begins with '/', found '%.64s'",
				     key->name, value);
		// fall through
	case KEY_TEXT:
		snprintf((char *)p->c + key->offset, CONFIG_VALUE_MAX, "%s", value);
		return 0;
	case KEY_PATH:
		return take_path(p, value, p->c->path, err);
	case KEY_COLLECTOR:
		snprintf(p->c->core_collector, sizeof(p->c->core_collector), "%s", value);
		p->collector_line = p->line;
		return 0;
	case KEY_FINAL_ACTION:
		return take_action(p, key, value, CONFIG_ACTION_POWEROFF, &p->c->final_action, err);
	case KEY_FAILURE_ACTION:
		return take_action(p, key, value, CONFIG_ACTION_DUMP_TO_ROOTFS,
				   &p->c->failure_action, err);
	case KEY_NUMBER:
		return take_number(p, key, value, err);
	case KEY_SIZE:
		return take_size(p, key, value, err);
	case KEY_CRASH_LOOP:
		return take_crash_loop(p, key, value, err);
	case KEY_METHOD:
		return take_method(p, key, value, err);
	case KEY_CALL:
		return take_call(p, key, value, err);
	case KEY_WATCHDOG:
		return take_watchdog(p, key, value, err);
	case KEY_CPUS:
		return take_cpus(p, key, value, err);
	case KEY_ZERO_ONE:
		return one_of(p, key, value, "0", "1", err);
	case KEY_YES_NO:
		return one_of(p, key, value, "yes", "no", err);
	case KEY_DRACUT:
		take_dracut(p, value);
		return 0;
	case KEY_NOTED:
		return 0;
	}
	return 0;
}

/* How many letters must be changed, added or taken away to make @b of @a. */
static size_t distance(const char *a, const char *b)
{
	size_t row[KEY_MAX];
	size_t lb = strlen(b);

	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < lb; j++) {
			size_t best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (diagonal + 1 < best)
				best = diagonal + 1;
			row[j + 1] = best;
		}
	}
	return row[lb];
}

static int unknown_key(struct parse *p, const char *name, struct err *err)
{
	const struct key *near = NULL;
	size_t best = 3; // farther than two letters is another word

	for (size_t i = 0; strlen(name) < KEY_MAX && i < ARRAY_SIZE(keys); i++) {
		size_t d = distance(name, keys[i].name);

		if (d < best) {
			best = d;
			near = &keys[i];
		}
	}
	if (near)
		return wrong(p, p->line, err, "%s: no such key; is '%s' meant?", name, near->name);
	return wrong(p, p->line, err, "%.64s: no such key; lifeboat.conf(5) lists them", name);
}

/* One line of @len bytes without its end. */
static int take_line(struct parse *p, const char *line, size_t len, struct err *err)
{
	char name[CONFIG_LINE_MAX], value[CONFIG_VALUE_MAX];
	const char *comment, *end;
	size_t n = 0;

	if (len > CONFIG_LINE_MAX - 1)
		return err_set(err, ERR_LIMIT, "%s:%u: the line is longer than %d bytes", p->name,
			       p->line, CONFIG_LINE_MAX - 1);
	comment = memchr(line, '#', len);
	end = comment ? comment : line + len;
	while (line < end && is_space(*line))
		line++;
	while (end > line && is_space(end[-1]))
		end--;
	if (line == end)
		return 0;
	for (const char *s = line; s < end; s++) {
		if (is_control(*s))
			return wrong(p, p->line, err,
				     "a control character (byte 0x%02x); remove it",
				     (unsigned char)*s);
	}
	while (line < end && !is_space(*line))
		name[n++] = *line++;
	name[n] = '\0';
	while (line < end && is_space(*line))
		line++;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(name, keys[i].name) != 0)
			continue;
		if (line == end)
			return wrong(p, p->line, err,
				     "%s: a value is missing; add one or remove the line", name);
		if (end - line > CONFIG_VALUE_MAX - 1)
			return err_set(err, ERR_LIMIT, "%s:%u: %s: longer than %d bytes", p->name,
				       p->line, name, CONFIG_VALUE_MAX - 1);
		memcpy(value, line, end - line);
		value[end - line] = '\0';
		return take(p, &keys[i], value, err);
	}
	return unknown_key(p, name, err);
}

/* A target that its line leaves open in part takes the rest from the keys, wherever they stand. */
static int finish_targets(struct parse *p, struct err *err)
{
	struct config *c = p->c;
	struct config_target *t = &c->targets[0];

	memcpy(t->path, c->path, sizeof(t->path));
	memcpy(t->sshkey, c->sshkey, sizeof(t->sshkey));
	t->method = c->ssh_method;
	t->limit = c->target_limit;
	for (size_t i = 0; i < p->nfallbacks; i++) {
		const struct fallback *f = &p->fallbacks[i];

		t = &c->targets[c->ntargets];
		*t = f->target;
		if (!t->path[0])
			memcpy(t->path, c->path, sizeof(t->path));
		if (!t->sshkey[0])
			memcpy(t->sshkey, c->sshkey, sizeof(t->sshkey));
		if (!f->method_said)
			t->method = c->ssh_method;
		if (!f->limit_said)
			t->limit = c->target_limit;
		c->ntargets++;
		// Its line could not be printed again.
		if (strpbrk(t->path, " \t") || strpbrk(t->sshkey, " \t") ||
		    strlen(t->where) + strlen(t->path) + strlen(t->sshkey) + FALLBACK_WORDS >
			    CONFIG_VALUE_MAX) {
			int rc = wrong(p, f->line, err,
				       "fallback: path and sshkey must be short and without "
				       "spaces here");

			c->ntargets--;
			if (rc)
				return rc;
		}
	}
	if (c->targets_wanted > c->ntargets) {
		unsigned int wanted = c->targets_wanted;

		c->targets_wanted = c->ntargets;
		return wrong(p, p->line, err, "targets_wanted: %u, but there are only %zu targets",
			     wanted, c->ntargets);
	}
	return 0;
}

static bool has_raw(const struct config *c)
{
	for (size_t i = 0; i < c->ntargets; i++)
		if (c->targets[i].kind == CONFIG_TARGET_RAW)
			return true;
	return false;
}

/* The last core_collector line is the one that counts, so it is read when all are known. */
static int finish_collector(struct parse *p, struct err *err)
{
	struct config *c = p->c;
	struct err why = {0};
	int rc;

	if (!p->collector_line)
		return 0;
	rc = dumpopts_parse_string(&c->collect, c->core_collector, &why);
	if (!rc) {
		rc = dumpopts_check(&c->collect, has_raw(c), &why);
		if (!rc)
			return 0;
		err_prepend(&why, "core_collector");
	}
	if (rc == ERR_UNSUPPORTED) {
		// Who goes on all the same makes a dump of the kind that can be made.
		c->collect.format = DUMP_FORMAT_KDUMP;
		add_unsupported(p, p->collector_line, why.msg);
		return 0;
	}
	dumpopts_default(&c->collect);
	c->core_collector[0] = '\0';
	return wrong(p, p->collector_line, err, "%.200s", why.msg);
}

static int finish(struct parse *p, struct err *err)
{
	int rc = finish_targets(p, err);

	return rc ? rc : finish_collector(p, err);
}

int config_parse(struct config *c, const char *name, const char *text, size_t size, bool strict,
		 struct err *err)
{
	struct parse p = {.c = c, .name = name, .strict = strict};
	const char *end = text + size;

	config_default(c);
	if (size > CONFIG_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "%s: longer than %d bytes", name, CONFIG_SIZE_MAX);
	while (text < end) {
		const char *eol = memchr(text, '\n', end - text);
		size_t len = (eol ? eol : end) - text;
		int rc;

		p.line++;
		rc = take_line(&p, text, len, err);
		if (rc) {
			// What stood before the end holds.
			finish(&p, NULL);
			return rc;
		}
		text += len + (eol != NULL);
	}
	return finish(&p, err);
}

int config_load(struct config *c, const char *path, bool strict, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	int rc;

	config_default(c);
	rc = io_read_file(path, CONFIG_SIZE_MAX, &text, &size, err);
	if (rc)
		return rc;
	return config_parse(c, path, text, size, strict, err);
}

int config_check(const struct config *c, const char *name, struct err *err)
{
	if (!c->nunsupported)
		return 0;
	return err_set(err, ERR_UNSUPPORTED, "%s:%u: %s", name, c->unsupported[0].line,
		       c->unsupported[0].text);
}

const char *config_target_name(const struct config_target *t)
{
	switch (t->kind) {
	case CONFIG_TARGET_FS:
		return t->fstype;
	case CONFIG_TARGET_RAW:
		return "raw";
	case CONFIG_TARGET_NFS:
		return "nfs";
	case CONFIG_TARGET_SSH:
		return "ssh";
	case CONFIG_TARGET_LOCAL:
		break;
	}
	return "local";
}

typedef void (*print_fn)(void *ctx, const char *key, const char *value);

static void print_fallback(const struct config_target *t, print_fn out, void *ctx)
{
	char line[3 * CONFIG_VALUE_MAX + 64];

	snprintf(line, sizeof(line), "%s %s path=%s%s%s method=%s limit=%u", config_target_name(t),
		 t->where, t->path, t->sshkey[0] ? " sshkey=" : "", t->sshkey,
		 method_names[t->method], t->limit);
	out(ctx, "fallback", line);
}

static void print_numbers(const struct config *c, print_fn out, void *ctx)
{
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const void *value = (const char *)c + keys[i].offset;

		if (keys[i].kind == KEY_NUMBER)
			snprintf(text, sizeof(text), "%u", *(const unsigned int *)value);
		else if (keys[i].kind == KEY_SIZE)
			snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)value);
		else
			continue;
		out(ctx, keys[i].name, text);
	}
	snprintf(text, sizeof(text), "%u", c->capture_cpus);
	out(ctx, "capture_cpus", c->capture_cpus ? text : "auto");
	snprintf(text, sizeof(text), c->crash_loop_count ? "%u %u" : "%u", c->crash_loop_count,
		 c->crash_loop_seconds);
	out(ctx, "crash_loop", text);
}

void config_print(const struct config *c,
		  void (*out)(void *ctx, const char *key, const char *value), void *ctx)
{
	if (c->targets[0].kind != CONFIG_TARGET_LOCAL)
		out(ctx, config_target_name(&c->targets[0]), c->targets[0].where);
	out(ctx, "path", c->path);
	for (size_t i = 1; i < c->ntargets; i++)
		print_fallback(&c->targets[i], out, ctx);
	out(ctx, "core_collector",
	    c->core_collector[0] ? c->core_collector : "lifeboat-collect -d 31 --codec auto");
	out(ctx, "final_action", config_action_name(c->final_action));
	out(ctx, "failure_action", config_action_name(c->failure_action));
	out(ctx, "load_with", call_names[c->load_with]);
	out(ctx, "ssh_method", method_names[c->ssh_method]);
	out(ctx, "watchdog", c->watchdog);
	print_numbers(c, out, ctx);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *value = (const char *)c + keys[i].offset;

		if ((keys[i].kind == KEY_TEXT || keys[i].kind == KEY_FILE) && value[0])
			out(ctx, keys[i].name, value);
	}
}
