// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/config.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/number.h"
#include "vmcore/config_priv.h"

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
	CAPTURE_CPUS_MAX = 8192, /* the largest CONFIG_NR_CPUS */
	KEY_MAX = 32, /* bytes of a key, its zero included; all keys are shorter */
};

const char *config_action_name(enum config_action action)
{
	return config_action_names[action];
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
		.fence = {.port = CONFIG_FENCE_PORT, .interval = CONFIG_FENCE_INTERVAL},
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

static void add_note(struct config_reader *p, unsigned int line, const char *text)
{
	note_in(p->c->notes, CONFIG_NOTES_MAX, &p->c->nnotes, line, text);
}

static void add_unsupported(struct config_reader *p, unsigned int line, const char *text)
{
	note_in(p->c->unsupported, CONFIG_UNSUPPORTED_MAX, &p->c->nunsupported, line, text);
}

int config_wrong(struct config_reader *p, unsigned int line, struct err *err, const char *fmt, ...)
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

bool config_is_space(char ch)
{
	return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\v' || ch == '\f';
}

static bool is_control(char ch)
{
	return ((unsigned char)ch < 0x20 && !config_is_space(ch)) || ch == 0x7f;
}

static int take_action(struct config_reader *p, const struct config_key *key, const char *value,
		       enum config_action last, enum config_action *ret, struct err *err)
{
	char names[80] = "";
	size_t used = 0;

	for (enum config_action a = 0; a <= last; a++) {
		if (strcmp(value, config_action_names[a]) == 0) {
			*ret = a;
			return 0;
		}
		used += snprintf(names + used, sizeof(names) - used, "%s%s",
				 !a ? "" : (a == last ? " or " : ", "), config_action_names[a]);
	}
	return config_wrong(p, p->line, err, "%s: expected %s, found '%.64s'", key->name, names,
			    value);
}

static int take_cpus(struct config_reader *p, const struct config_key *key, const char *value,
		     struct err *err)
{
	unsigned int v = 0;

	if (strcmp(value, "auto") != 0 && (!number_read(value, CAPTURE_CPUS_MAX, &v) || !v))
		return config_wrong(p, p->line, err,
				    "%s: expected auto or a number from 1 to %d, found '%.64s'",
				    key->name, CAPTURE_CPUS_MAX, value);
	p->c->capture_cpus = v;
	return 0;
}

static int take_number(struct config_reader *p, const struct config_key *key, const char *value,
		       struct err *err)
{
	unsigned int v = 0;

	if (!number_read(value, key->max, &v) || v < key->min)
		return config_wrong(p, p->line, err, "%s: expected %s from %u to %u, found '%.64s'",
				    key->name, key->unit, key->min, key->max, value);
	*(unsigned int *)((char *)p->c + key->offset) = v;
	return 0;
}

static int take_size(struct config_reader *p, const struct config_key *key, const char *value,
		     struct err *err)
{
	uint64_t *ret = (uint64_t *)((char *)p->c + key->offset);

	if (number_size(value, ret))
		return 0;
	return config_wrong(
		p, p->line, err,
		"%s: expected a number of bytes, or one with K, M, G or T behind it, found "
		"'%.64s'",
		key->name, value);
}

static int take_crash_loop(struct config_reader *p, const struct config_key *key, const char *value,
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
		if (number_read(word, CONFIG_COUNT_MAX, &count) &&
		    (*value ? number_read(value, CONFIG_DEADLINE_MAX, &seconds) : !count) &&
		    !count == !seconds) {
			p->c->crash_loop_count = count;
			p->c->crash_loop_seconds = seconds;
			return 0;
		}
		value -= len;
	}
	return config_wrong(
		p, p->line, err,
		"%s: expected how many crashes and in how many seconds, such as '3 3600', or 0",
		key->name);
}

static int take_method(struct config_reader *p, const struct config_key *key, const char *value,
		       struct err *err)
{
	if (config_read_method(value, &p->c->ssh_method))
		return 0;
	return config_wrong(p, p->line, err, "%s: expected plain or receive, found '%.64s'",
			    key->name, value);
}

static int take_call(struct config_reader *p, const struct config_key *key, const char *value,
		     struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(config_call_names); i++) {
		if (strcmp(value, config_call_names[i]) == 0) {
			p->c->load_with = i;
			return 0;
		}
	}
	return config_wrong(p, p->line, err,
			    "%s: expected auto, kexec_file_load or kexec_load, found '%.64s'",
			    key->name, value);
}

static int take_watchdog(struct config_reader *p, const struct config_key *key, const char *value,
			 struct err *err)
{
	if (strcmp(value, "auto") != 0 && strcmp(value, "no") != 0 && value[0] != '/')
		return config_wrong(p, p->line, err,
				    "%s: expected auto, no or a device, found '%.64s'", key->name,
				    value);
	snprintf(p->c->watchdog, sizeof(p->c->watchdog), "%s", value);
	return 0;
}

/* Words of dracut mean nothing to the builder of our initrd; one of them names a target. */
static void take_dracut(struct config_reader *p, const char *value)
{
	if (strstr(value, "--mount"))
		add_unsupported(p, p->line,
				"dracut_args: --mount does not name a target here; write "
				"\"<fstype> <device>\" instead");
	else
		add_note(p, p->line, "dracut_args: dracut does not make this initrd, no effect");
}

static int one_of(struct config_reader *p, const struct config_key *key, const char *value,
		  const char *a, const char *b, struct err *err)
{
	if (strcmp(value, a) == 0 || strcmp(value, b) == 0)
		return 0;
	return config_wrong(p, p->line, err, "%s: expected %s or %s, found '%.64s'", key->name, a,
			    b, value);
}

static int take_flag(struct config_reader *p, const struct config_key *key, const char *value,
		     struct err *err)
{
	bool *ret = (bool *)((char *)p->c + key->offset);
	bool yes = strcmp(value, "yes") == 0;

	if (yes || strcmp(value, "no") == 0)
		*ret = yes;
	return one_of(p, key, value, "yes", "no", err);
}

/* @value is never empty and shorter than CONFIG_VALUE_MAX. */
static int take(struct config_reader *p, const struct config_key *key, const char *value,
		struct err *err)
{
	char note[CONFIG_NOTE_MAX];

	if (key->note) {
		snprintf(note, sizeof(note), "%s: %s", key->name, key->note);
		add_note(p, p->line, note);
	}
	switch (key->kind) {
	case KEY_TARGET:
		return config_take_target(p, key, value, err);
	case KEY_FALLBACK:
		return config_take_fallback(p, value, err);
	case KEY_FILE:
		if (value[0] != '/' && !(key->word && strcmp(value, key->word) == 0))
			return config_wrong(
				p, p->line, err,
				"%s: expected %s%sa path that begins with '/', found '%.64s'",
				key->name, key->word ? key->word : "", key->word ? " or " : "",
				value);
		// fall through
	case KEY_TEXT:
		snprintf((char *)p->c + key->offset, CONFIG_VALUE_MAX, "%s", value);
		return 0;
	case KEY_PATH:
		return config_take_path(p, value, p->c->path, err);
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
	case KEY_FLAG:
		return take_flag(p, key, value, err);
	case KEY_FENCE:
		return config_take_fence(p, value, err);
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

static int unknown_key(struct config_reader *p, const char *name, struct err *err)
{
	const struct config_key *near = NULL;
	size_t best = 3; // farther than two letters is another word

	for (size_t i = 0; strlen(name) < KEY_MAX && i < config_nkeys; i++) {
		size_t d = distance(name, config_keys[i].name);

		if (d < best) {
			best = d;
			near = &config_keys[i];
		}
	}
	if (near)
		return config_wrong(p, p->line, err, "%s: no such key; is '%s' meant?", name,
				    near->name);
	return config_wrong(p, p->line, err, "%.64s: no such key; lifeboat.conf(5) lists them",
			    name);
}

/* One line of @len bytes without its end. */
static int take_line(struct config_reader *p, const char *line, size_t len, struct err *err)
{
	char name[CONFIG_LINE_MAX], value[CONFIG_VALUE_MAX];
	const char *comment, *end;
	size_t n = 0;

	if (len > CONFIG_LINE_MAX - 1)
		return err_set(err, ERR_LIMIT, "%s:%u: the line is longer than %d bytes", p->name,
			       p->line, CONFIG_LINE_MAX - 1);
	comment = memchr(line, '#', len);
	end = comment ? comment : line + len;
	while (line < end && config_is_space(*line))
		line++;
	while (end > line && config_is_space(end[-1]))
		end--;
	if (line == end)
		return 0;
	for (const char *s = line; s < end; s++) {
		if (is_control(*s))
			return config_wrong(p, p->line, err,
					    "a control character (byte 0x%02x); remove it",
					    (unsigned char)*s);
	}
	while (line < end && !config_is_space(*line))
		name[n++] = *line++;
	name[n] = '\0';
	while (line < end && config_is_space(*line))
		line++;
	for (size_t i = 0; i < config_nkeys; i++) {
		if (strcmp(name, config_keys[i].name) != 0)
			continue;
		if (line == end)
			return config_wrong(p, p->line, err,
					    "%s: a value is missing; add one or remove the line",
					    name);
		if (end - line > CONFIG_VALUE_MAX - 1)
			return err_set(err, ERR_LIMIT, "%s:%u: %s: longer than %d bytes", p->name,
				       p->line, name, CONFIG_VALUE_MAX - 1);
		memcpy(value, line, end - line);
		value[end - line] = '\0';
		return take(p, &config_keys[i], value, err);
	}
	return unknown_key(p, name, err);
}

static bool has_raw(const struct config *c)
{
	for (size_t i = 0; i < c->ntargets; i++)
		if (c->targets[i].kind == CONFIG_TARGET_RAW)
			return true;
	return false;
}

/* The last core_collector line is the one that counts, so it is read when all are known. */
static int finish_collector(struct config_reader *p, struct err *err)
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
	return config_wrong(p, p->collector_line, err, "%.200s", why.msg);
}

static int finish(struct config_reader *p, struct err *err)
{
	int rc = config_finish_targets(p, err);

	return rc ? rc : finish_collector(p, err);
}

int config_parse(struct config *c, const char *name, const char *text, size_t size, bool strict,
		 struct err *err)
{
	struct config_reader p = {.c = c, .name = name, .strict = strict};
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
