// SPDX-License-Identifier: GPL-2.0-or-later
/* The targets of the configuration: where each is, and what its line leaves open. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "vmcore/config_priv.h"
#include "vmcore/remote.h"

/* A directory of the running system: as such only behind "fallback", else it is what `path` names. */
static const struct config_key local_key = {
	.name = "local",
	.kind = KEY_TARGET,
	.target = CONFIG_TARGET_LOCAL,
};

enum {
	FALLBACK_WORDS = 96, /* bytes of a printed line beside place, path and key */
};

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
static const char *wrong_place(const struct config_key *key, const char *value)
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
		if (key->target == CONFIG_TARGET_LOCAL && value[0] != '/')
			return "a directory of this system, which begins with '/'";
	}
	return strpbrk(value, " \t\r\v\f") ? "one word" : NULL;
}

static void fill_target(const struct config_key *key, const char *value, struct config_target *t)
{
	t->kind = key->target;
	t->fstype[0] = '\0';
	if (t->kind == CONFIG_TARGET_FS)
		snprintf(t->fstype, sizeof(t->fstype), "%s", key->name);
	snprintf(t->where, sizeof(t->where), "%s", value);
}

int config_take_target(struct config_reader *p, const struct config_key *key, const char *value,
		       struct err *err)
{
	const char *expected = wrong_place(key, value);

	if (p->target_line)
		return config_wrong(
			p, p->line, err,
			"%s: a second target, the first is in line %u; write 'fallback %s' for "
			"one that is tried when the first fails",
			key->name, p->target_line, key->name);
	if (expected)
		return config_wrong(p, p->line, err, "%s: expected %s, found '%.64s'", key->name,
				    expected, value);
	p->target_line = p->line;
	fill_target(key, value, &p->c->targets[0]);
	return 0;
}

/* Relative to the target, so always absolute here: one slash in front, none twice or last. */
int config_take_path(struct config_reader *p, const char *value, char *out, struct err *err)
{
	const char *end = value + strlen(value);
	size_t n = 0;

	for (const char *s = value; s < end;) {
		size_t len = strcspn(s, "/");

		if (len == 2 && s[0] == '.' && s[1] == '.')
			return config_wrong(p, p->line, err,
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
	while (n > 1 && (out[n - 1] == '/' || config_is_space(out[n - 1])))
		n--;
	out[n] = '\0';
	return 0;
}

bool config_read_method(const char *value, enum config_method *ret)
{
	for (size_t i = 0; i < CONFIG_METHODS; i++) {
		if (strcmp(value, config_method_names[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* "name=value" behind the place of a fallback target. */
static int take_target_option(struct config_reader *p, char *word, struct config_fallback *f,
			      struct err *err)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	if (!value || !*value)
		return config_wrong(p, p->line, err, "fallback: expected name=value, found '%.64s'",
				    word);
	if (strcmp(word, "path") == 0 && f->target.kind != CONFIG_TARGET_LOCAL)
		return config_take_path(p, value, f->target.path, err);
	if (strcmp(word, "sshkey") == 0 && value[0] == '/') {
		snprintf(f->target.sshkey, sizeof(f->target.sshkey), "%s", value);
		return 0;
	}
	if (strcmp(word, "method") == 0 && config_read_method(value, &f->target.method)) {
		f->method_said = true;
		return 0;
	}
	if (strcmp(word, "limit") == 0 &&
	    number_read(value, CONFIG_DEADLINE_MAX, &f->target.limit)) {
		f->limit_said = true;
		return 0;
	}
	return config_wrong(
		p, p->line, err,
		"fallback: expected path=DIRECTORY, sshkey=FILE, method=plain, method=receive "
		"or limit=SECONDS, found '%.32s=%.64s'",
		word, value);
}

static const struct config_key *target_key(const char *name)
{
	for (size_t i = 0; i < config_nkeys; i++)
		if (config_keys[i].kind == KEY_TARGET && strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	return strcmp(name, local_key.name) == 0 ? &local_key : NULL;
}

/* Of a local one the place is its path, and nothing else may name one. */
static int fill_fallback(struct config_reader *p, const struct config_key *key, const char *where,
			 struct config_target *t, struct err *err)
{
	fill_target(key, where, t);
	if (key != &local_key)
		return 0;
	t->where[0] = '\0';
	return config_take_path(p, where, t->path, err);
}

/* "KIND WHERE [name=value]...". */
int config_take_fallback(struct config_reader *p, const char *value, struct err *err)
{
	struct config_fallback f = {.line = p->line};
	const struct config_key *key = NULL;
	const char *where, *expected;
	char line[CONFIG_VALUE_MAX];
	char *word, *save;
	int rc;

	if (p->nfallbacks == CONFIG_FALLBACKS_MAX)
		return config_wrong(p, p->line, err, "fallback: more than %d targets in all",
				    CONFIG_TARGETS_MAX);
	snprintf(line, sizeof(line), "%s", value);
	word = strtok_r(line, " \t\r\v\f", &save);
	if (word)
		key = target_key(word);
	where = strtok_r(NULL, " \t\r\v\f", &save);
	if (!key || !where)
		return config_wrong(
			p, p->line, err,
			"fallback: expected a target as in a line of its own, such as 'ext4 "
			"LABEL=crash', found '%.64s'",
			value);
	expected = wrong_place(key, where);
	if (expected)
		return config_wrong(p, p->line, err, "fallback %s: expected %s, found '%.64s'",
				    key->name, expected, where);
	rc = fill_fallback(p, key, where, &f.target, err);
	while (!rc && (word = strtok_r(NULL, " \t\r\v\f", &save)))
		rc = take_target_option(p, word, &f, err);
	// What was wrong with it is a note where it is no error; a directory is needed all the same.
	if (rc || (key == &local_key && !f.target.path[0]))
		return rc;
	p->fallbacks[p->nfallbacks++] = f;
	return 0;
}

/* A target that its line leaves open in part takes the rest from the keys, wherever they stand. */
int config_finish_targets(struct config_reader *p, struct err *err)
{
	struct config *c = p->c;
	struct config_target *t = &c->targets[0];

	memcpy(t->path, c->path, sizeof(t->path));
	memcpy(t->sshkey, c->sshkey, sizeof(t->sshkey));
	t->method = c->ssh_method;
	t->limit = c->target_limit;
	for (size_t i = 0; i < p->nfallbacks; i++) {
		const struct config_fallback *f = &p->fallbacks[i];

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
			int rc = config_wrong(p, f->line, err,
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
		return config_wrong(p, p->line, err,
				    "targets_wanted: %u, but there are only %zu targets", wanted,
				    c->ntargets);
	}
	return 0;
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
