// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "collector/sink.h"
#include "vmcore/dumpopts.h"

static int open_file(struct sink *s, const char *path, bool force, struct err *err)
{
	char temp[SINK_PATH_MAX];

	if (snprintf(temp, sizeof(temp), "%s-incomplete", path) >= (int)sizeof(temp))
		return err_set(err, ERR_LIMIT, "%s: name too long", path);
	return sink_file_open(s, path, temp, force, err);
}

/* A place where bytes go one behind the other. */
static int open_pipe(struct output *out, struct sink *s, const char *path, struct err *err)
{
	out->fd = open(path, O_WRONLY | O_CLOEXEC);
	if (out->fd < 0) {
		out->fd = 0;
		return err_sys(err, "%s", path);
	}
	return sink_pipe_open(s, out->fd, path, err);
}

static int open_one(struct output *out, struct sink *s, const struct dumpopts *o, const char *path,
		    struct err *err)
{
	bool flat = o->format == DUMP_FORMAT_FLATTENED;
	struct stat st = {0};
	int rc;

	if (!path) {
		rc = sink_pipe_open(s, STDOUT_FILENO, "standard output", err);
	} else {
		bool there = !stat(path, &st);
		bool device = there && S_ISBLK(st.st_mode);

		rc = dumpopts_check(o, device, err);
		if (rc)
			return rc;
		if (device)
			rc = sink_raw_open(s, path, err);
		else if (flat && there && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
			rc = open_pipe(out, s, path, err);
		else
			rc = open_file(s, path, o->force, err);
	}
	return rc || !flat ? rc : sink_flatten(s, err);
}

/* Two files of one dump under one name: the later one would take the place of the other. */
static int check_names(const struct dumpopts *o, struct err *err)
{
	for (size_t i = 1; i < o->noperands; i++)
		for (size_t k = i + 1; k < o->noperands; k++)
			if (!strcmp(o->operands[i], o->operands[k]))
				return err_set(err, ERR_USAGE, "%s is named twice", o->operands[i]);
	return 0;
}

int output_open(struct output *out, const struct dumpopts *o, struct err *err)
{
	size_t n = o->split ? o->noperands - 1 : 1;
	int rc = check_names(o, err);

	if (rc)
		return rc;
	*out = (struct output){.sinks = calloc(n, sizeof(*out->sinks)), .n = n};
	if (!out->sinks)
		return err_set(err, ERR_NOMEM, "no memory for %zu outputs", n);
	for (size_t i = 0; i < n && !rc; i++)
		rc = open_one(out, &out->sinks[i], o,
			      o->noperands > i + 1 ? o->operands[i + 1] : NULL, err);
	if (rc)
		output_close(out);
	return rc;
}

void output_close(struct output *out)
{
	for (size_t i = 0; i < out->n && out->sinks; i++)
		sink_close(&out->sinks[i]);
	free(out->sinks);
	if (out->fd > 0)
		close(out->fd);
	*out = (struct output){0};
}
