// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/iomem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/facts.h"

enum {
	INDENT = 2, /* spaces a level, r_show() in kernel/resource.c */
};

/* 1: a range; 0: none of interest; -1: no line of this file. */
static int parse_line(struct iomem_range *r, const char *line, size_t len)
{
	size_t indent = strspn(line, " ");
	unsigned long long start, end;
	int name = 0;
	size_t n;

	if (sscanf(line, " %llx-%llx :%n", &start, &end, &name) != 2 || !name ||
	    (size_t)name > len || end < start)
		return -1;
	name += line[name] == ' ';
	if ((size_t)name >= len || end == UINT64_MAX)
		return 0;
	*r = (struct iomem_range){.start = start, .end = end + 1, .depth = indent / INDENT};
	n = len - name;
	if (n >= sizeof(r->name))
		n = sizeof(r->name) - 1;
	memcpy(r->name, line + name, n);
	return 1;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

int iomem_parse(struct iomem *m, const char *text, struct err *err)
{
	size_t lines = count_lines(text);

	*m = (struct iomem){0};
	if (lines > IOMEM_RANGES_MAX)
		return err_set(err, ERR_LIMIT, "iomem: more than %d lines", IOMEM_RANGES_MAX);
	m->ranges = calloc(lines ? lines : 1, sizeof(*m->ranges));
	if (!m->ranges)
		return err_set(err, ERR_NOMEM, "iomem: no memory for %zu lines", lines);
	for (; lines; lines--) {
		size_t len = strcspn(text, "\n");
		int got = parse_line(&m->ranges[m->n], text, len);

		if (got < 0) {
			iomem_free(m);
			return err_set(err, ERR_CORRUPT,
				       "iomem: expected 'start-end : name', found '%.*s'",
				       (int)(len < 80 ? len : 80), text);
		}
		m->n += got;
		text += len + 1;
	}
	return 0;
}

int iomem_read(struct iomem *m, const char *root, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), root, "/proc/iomem", err);

	if (!rc)
		rc = io_read_file(path, IOMEM_SIZE_MAX, &text, NULL, err);
	if (!rc)
		rc = iomem_parse(m, text, err);
	if (rc)
		return rc;
	for (size_t i = 0; i < m->n; i++)
		if (m->ranges[i].end > 1)
			return 0;
	iomem_free(m);
	errno = EPERM;
	return err_sys(err, "/proc/iomem shows no addresses; run it as root");
}

void iomem_free(struct iomem *m)
{
	free(m->ranges);
	*m = (struct iomem){0};
}

const struct iomem_range *iomem_highest(const struct iomem *m, const char *name)
{
	const struct iomem_range *best = NULL;

	for (size_t i = 0; i < m->n; i++) {
		const struct iomem_range *r = &m->ranges[i];

		if (strcmp(r->name, name) == 0 && (!best || r->start > best->start))
			best = r;
	}
	return best;
}
