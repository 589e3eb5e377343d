// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

enum {
	STATE_MAX = 4 * FACTS_PATH_MAX,
	STATE_VERSION = 2,
};

#define DIGEST_FORMAT "%32[0-9a-f]"

static int format_file(char *buf, size_t size, const char *name, const struct state_file *f)
{
	return snprintf(buf, size, "%s %" PRIu64 " %s %s\n", name, f->size, f->digest, f->path);
}

/* The text of the record; its length, or 0 when a path would break its lines. */
static size_t format(const struct state *s, char *buf, size_t size)
{
	const struct state_file *files[] = {&s->kernel, &s->initrd, &s->config};
	static const char *const names[] = {"kernel", "initrd", "config"};
	size_t n = snprintf(buf, size, "version %d\ntime %" PRIu64 "\n", STATE_VERSION, s->time);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (strchr(files[i]->path, '\n'))
			return 0;
		if (files[i]->path[0] && n < size)
			n += format_file(buf + n, size - n, names[i], files[i]);
	}
	if (n < size)
		n += snprintf(buf + n, size - n, "release %s\ncmdline %s\ncpus %s\ncall %s\n",
			      s->release, s->cmdline, s->cpus, s->call);
	if (n < size && s->machine.digest[0])
		n += snprintf(buf + n, size - n, "machine %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
			      s->machine.digest, s->machine.cpus, s->machine.ranges,
			      s->machine.memory);
	if (n < size)
		n += snprintf(buf + n, size - n, "params %#" PRIx64 "\n", s->params);
	return n < size && !strchr(s->cmdline, '\n') ? n : 0;
}

int state_write(const struct state *s, const char *root, struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	char dir[FACTS_PATH_MAX], file[FACTS_PATH_MAX], temp[FACTS_PATH_MAX];
	char text[STATE_MAX];
	size_t n = format(s, text, sizeof(text));
	int rc;

	if (!n)
		return err_set(err, ERR_LIMIT, STATE_FILE ": a path or line of it has no place");
	rc = facts_path(dir, sizeof(dir), root, STATE_DIR, err);
	if (!rc)
		rc = facts_path(file, sizeof(file), root, STATE_FILE, err);
	if (!rc)
		rc = facts_path(temp, sizeof(temp), root, STATE_FILE ".new", err);
	if (rc)
		return rc;
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(err, "%s", dir);
	if (unlink(temp) < 0 && errno != ENOENT)
		return err_sys(err, "%s", temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", temp);
	rc = io_write(fd, text, n, err);
	if (rc) {
		err_prepend(err, "%s", temp);
		return rc;
	}
	// /run does not outlive a crash, so there is nothing to sync.
	if (rename(temp, file) < 0)
		return err_sys(err, "%s", file);
	return 0;
}

static bool parse_file(const char *value, struct state_file *f)
{
	int at = 0;

	if (sscanf(value, "%" SCNu64 " " DIGEST_FORMAT " %n", &f->size, f->digest, &at) != 2 || !at)
		return false;
	return (size_t)snprintf(f->path, sizeof(f->path), "%s", value + at) < sizeof(f->path) &&
	       f->path[0] == '/';
}

static bool parse_machine(const char *value, struct machine_facts *m)
{
	return sscanf(value, DIGEST_FORMAT " %" SCNu64 " %" SCNu64 " %" SCNu64, m->digest, &m->cpus,
		      &m->ranges, &m->memory) == 4;
}

static bool parse_text(const char *value, char *ret, size_t size)
{
	return (size_t)snprintf(ret, size, "%s", value) < size;
}

/* "key value"; keys of a later version are passed over. */
static bool parse_line(struct state *s, char *line, bool *version_seen)
{
	char *value = strchr(line, ' ');
	unsigned int version;

	if (!value)
		return false;
	*value++ = '\0';
	if (strcmp(line, "version") == 0) {
		*version_seen = sscanf(value, "%9u", &version) == 1 && version == STATE_VERSION;
		return *version_seen;
	}
	if (strcmp(line, "time") == 0)
		return sscanf(value, "%" SCNu64, &s->time) == 1;
	if (strcmp(line, "kernel") == 0)
		return parse_file(value, &s->kernel);
	if (strcmp(line, "initrd") == 0)
		return parse_file(value, &s->initrd);
	if (strcmp(line, "config") == 0)
		return parse_file(value, &s->config);
	if (strcmp(line, "machine") == 0)
		return parse_machine(value, &s->machine);
	if (strcmp(line, "params") == 0)
		return sscanf(value, "%" SCNx64, &s->params) == 1;
	if (strcmp(line, "release") == 0)
		return parse_text(value, s->release, sizeof(s->release));
	if (strcmp(line, "cmdline") == 0)
		return parse_text(value, s->cmdline, sizeof(s->cmdline));
	if (strcmp(line, "call") == 0)
		return parse_text(value, s->call, sizeof(s->call));
	if (strcmp(line, "cpus") == 0)
		return parse_text(value, s->cpus, sizeof(s->cpus));
	return true;
}

int state_read(struct state *s, const char *root, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	char file[FACTS_PATH_MAX];
	struct err why = {0};
	char *rest = NULL;
	bool version_seen = false;
	int rc = facts_path(file, sizeof(file), root, STATE_FILE, err);

	if (rc)
		return rc;
	rc = io_read_file(file, STATE_MAX, &text, NULL, &why);
	if (rc == ERR_SYS && why.sys == ENOENT)
		return err_set(err, ERR_NOTFOUND, "%s: there is no record of a load", STATE_FILE);
	if (rc) {
		if (err)
			*err = why;
		return rc;
	}
	*s = (struct state){.time = 0};
	for (char *l = strtok_r(text, "\n", &rest); l; l = strtok_r(NULL, "\n", &rest)) {
		if (!parse_line(s, l, &version_seen))
			return err_set(err, ERR_CORRUPT,
				       "%s: can't be understood ('%.32s'); load again", STATE_FILE,
				       l);
	}
	if (!version_seen || !s->kernel.path[0])
		return err_set(err, ERR_CORRUPT, "%s: is not whole; load again", STATE_FILE);
	return 0;
}

int state_remove(const char *root, struct err *err)
{
	char file[FACTS_PATH_MAX];
	int rc = facts_path(file, sizeof(file), root, STATE_FILE, err);

	if (rc)
		return rc;
	if (unlink(file) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(err, "%s", STATE_FILE);
	return 0;
}
