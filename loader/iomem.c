// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/iomem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "loader/facts.h"

enum {
	INDENT = 2, /* spaces a level, r_show() in kernel/resource.c */
	CMA_SIZE_MAX = 64 << 10,
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

/* One line of crash_cma_ranges_show() in kernel/kexec_core.c, "start-end", the end inclusive. */
static int parse_cma(struct iomem_range *r, const char *line, size_t len, struct err *err)
{
	unsigned long long start, end;
	int n = 0;

	if (sscanf(line, "%llx-%llx%n", &start, &end, &n) != 2 || (size_t)n != len || end < start ||
	    end == UINT64_MAX)
		return err_set(err, ERR_CORRUPT,
			       "crash_cma_ranges: expected 'start-end', found '%.*s'",
			       (int)(len < 80 ? len : 80), line);
	*r = (struct iomem_range){.start = start, .end = end + 1, .depth = 1, .name = IOMEM_CMA};
	return 0;
}

/* Kernels before 6.19 have the file elsewhere, or not at all. */
static int add_cma(struct iomem *m, const char *root, struct err *err)
{
	static const char *const names[] = {"/sys/kernel/kexec/crash_cma_ranges",
					    "/sys/kernel/kexec_crash_cma_ranges"};
	CLEANUP_FREE char *text = NULL;
	struct iomem_range *grown;
	char path[FACTS_PATH_MAX];
	int rc = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !text; i++)
		if (facts_path(path, sizeof(path), root, names[i], NULL) ||
		    io_read_file(path, CMA_SIZE_MAX, &text, NULL, NULL))
			text = NULL;
	if (!text || !count_lines(text))
		return 0;
	grown = realloc(m->ranges, (m->n + count_lines(text)) * sizeof(*grown));
	if (!grown)
		return err_set(err, ERR_NOMEM, "crash_cma_ranges: no memory for them");
	m->ranges = grown;
	for (const char *line = text, *end; (end = strchr(line, '\n')) && !rc; line = end + 1) {
		rc = parse_cma(&grown[m->n], line, end - line, err);
		m->n += !rc;
	}
	return rc;
}

static bool has_addresses(const struct iomem *m)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->ranges[i].end > 1)
			return true;
	return false;
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
	if (has_addresses(m)) {
		rc = add_cma(m, root, err);
	} else {
		errno = EPERM;
		rc = err_sys(err, "/proc/iomem shows no addresses; run it as root");
	}
	if (rc)
		iomem_free(m);
	return rc;
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
