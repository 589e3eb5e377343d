// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/crashmem.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "crashnotes/elfcorehdr.h"
#include "loader/bootparams.h"
#include "loader/facts.h"
#include "loader/iomem.h"
#include "loader/kernel.h"
#include "vmcore/vmcore.h"

enum {
	PAGE = BOOTPARAMS_SIZE,
	CHUNK = 256 * PAGE,
	HEAD = 64, /* bytes by which a kernel is looked for */
};

static bool is_reserved(const struct iomem_range *r)
{
	return strcmp(r->name, "Crash kernel") == 0;
}

int crashmem_open(const char *root, struct vmcore **ret, struct err *err)
{
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), root, "/proc/kcore", err);

	if (!rc)
		rc = vmcore_open(path, ret, err);
	if (rc)
		err_prepend(err, "/proc/kcore");
	return rc;
}

/* Steps over "NAME0xNUMBER ". */
static const char *skip_word(const char *s, const char *name, uint64_t *ret)
{
	int end = 0;

	if (strncmp(s, name, strlen(name)) != 0 ||
	    sscanf(s + strlen(name), "0x%" SCNx64 "%n", ret, &end) != 1)
		return s;
	s += strlen(name) + end;
	return s + (*s == ' ');
}

/* The first word is put there by who loads; dmcryptkeys= by kernels from 6.16 on. */
static void take_cmdline(struct crashmem *a, const char *line)
{
	uint64_t keys;

	line = skip_word(line, "elfcorehdr=", &a->corehdr);
	line = skip_word(line, "dmcryptkeys=", &keys);
	snprintf(a->cmdline, sizeof(a->cmdline), "%s", line);
}

/*
 * Both loaders put the command line right behind the page, and the page says so: no other page of
 * memory points at its own end.
 */
static bool is_params(const uint8_t *page, uint64_t paddr, struct bootparams_view *view)
{
	return bootparams_read(page, view) && view->cmdline == paddr + BOOTPARAMS_SIZE;
}

int crashmem_read(struct crashmem *a, struct vmcore *kcore, uint64_t params, struct err *err)
{
	uint8_t page[BOOTPARAMS_SIZE];
	char line[CRASHMEM_CMDLINE_MAX];
	struct bootparams_view view;
	int rc = vmcore_read(kcore, params, page, sizeof(page), err);

	if (rc)
		return rc;
	if (!is_params(page, params, &view))
		return err_set(err, ERR_NOTFOUND, "no boot_params at %#" PRIx64, params);
	rc = vmcore_read(kcore, view.cmdline, line, sizeof(line), err);
	if (rc)
		return rc;
	line[sizeof(line) - 1] = '\0';
	*a = (struct crashmem){
		.params = params,
		.initrd = view.initrd,
		.initrd_size = view.initrd_size,
	};
	take_cmdline(a, line);
	return 0;
}

/* A search, with the best that it has found so far. */
struct search {
	struct vmcore *kcore;
	const struct crashmem_want *want;
	uint8_t *buf; /* CHUNK bytes */
	struct crashmem *best;
	bool any;
};

/* 1 when it is what is wanted. */
static int take_params(struct search *s, uint64_t params, struct err *err)
{
	CLEANUP_FREE struct crashmem *m = malloc(sizeof(*m));
	bool wanted;
	int rc = m ? crashmem_read(m, s->kcore, params, err)
		   : err_set(err, ERR_NOMEM, "no memory to look at what is loaded");

	if (rc)
		return rc;
	wanted = m->initrd_size == s->want->initrd_size &&
		 strcmp(m->cmdline, s->want->cmdline) == 0;
	if (wanted || !s->any)
		*s->best = *m;
	s->any = true;
	return wanted;
}

/* From above: there both loaders put it. 1 when it was found. */
static int find_in(struct search *s, const struct iomem_range *r, struct err *err)
{
	uint64_t start = (r->start + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	uint64_t end = r->end & ~(uint64_t)(PAGE - 1);

	while (end > start) {
		uint64_t n = end - start < CHUNK ? end - start : CHUNK;
		int rc = vmcore_read(s->kcore, end - n, s->buf, n, err);

		end -= n;
		for (uint64_t i = 0; i < n && !rc; i += PAGE) {
			struct bootparams_view view;

			if (is_params(s->buf + i, end + i, &view))
				rc = take_params(s, end + i, err);
		}
		if (rc)
			return rc;
	}
	return 0;
}

int crashmem_find(struct crashmem *m, struct vmcore *kcore, const struct iomem *iomem,
		  const struct crashmem_want *want, struct err *err)
{
	CLEANUP_FREE uint8_t *buf = malloc(CHUNK);
	struct search s = {.kcore = kcore, .want = want, .buf = buf, .best = m};

	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory to look at what is loaded");
	for (size_t i = 0; i < iomem->n; i++) {
		int rc = is_reserved(&iomem->ranges[i]) ? find_in(&s, &iomem->ranges[i], err) : 0;

		if (rc)
			return rc < 0 ? rc : 0;
	}
	if (s.any)
		return 0;
	return err_set(err, ERR_NOTFOUND, "no kernel that this loader knows is in reserved memory");
}

static int compare_piece(struct vmcore *kcore, uint64_t paddr, const uint8_t *data, uint64_t at,
			 uint64_t size, struct err *err)
{
	uint8_t page[PAGE];
	uint64_t n = size - at < PAGE ? size - at : PAGE;
	int rc = vmcore_read(kcore, paddr + at, page, n, err);

	if (!rc && memcmp(page, data + at, n) != 0)
		rc = err_set(err, ERR_CORRUPT, "differs in the page at %#" PRIx64, paddr + at);
	return rc;
}

int crashmem_compare(struct vmcore *kcore, uint64_t paddr, const void *data, uint64_t size,
		     uint64_t step, struct err *err)
{
	int rc = 0;

	if (!size)
		return 0;
	if (step < PAGE)
		step = PAGE;
	for (uint64_t at = 0; at < size && !rc; at += step)
		rc = compare_piece(kcore, paddr, data, at, size, err);
	return rc ? rc
		  : compare_piece(kcore, paddr, data, (size - 1) & ~(uint64_t)(PAGE - 1), size,
				  err);
}

static int compare_parts(struct vmcore *kcore, uint64_t base, const struct kernel *k, uint64_t step,
			 struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < k->nparts && !rc; i++)
		rc = crashmem_compare(kcore, base + k->parts[i].at, k->data + k->parts[i].offset,
				      k->parts[i].size, step, err);
	return rc;
}

/* Whether the kernel could begin at @base: by its first bytes. */
static bool begins_at(struct vmcore *kcore, uint64_t base, const struct kernel *k)
{
	const struct kernel_part *part = &k->parts[0];
	size_t n = part->size < HEAD ? part->size : HEAD;
	uint8_t head[HEAD];

	return n && !vmcore_read(kcore, base + part->at, head, n, NULL) &&
	       memcmp(head, k->data + part->offset, n) == 0;
}

int crashmem_kernel(struct vmcore *kcore, const struct iomem *iomem, const struct kernel *k,
		    uint64_t step, struct err *err)
{
	for (size_t i = 0; i < iomem->n; i++) {
		const struct iomem_range *r = &iomem->ranges[i];
		uint64_t at = (r->start + k->align - 1) & ~(k->align - 1);

		if (!is_reserved(r))
			continue;
		for (; at < r->end && k->memory <= r->end - at; at += k->align)
			if (begins_at(kcore, at, k))
				return compare_parts(kcore, at, k, step, err);
	}
	return err_set(err, ERR_NOTFOUND, "it is nowhere in reserved memory");
}

int crashmem_corehdr(struct vmcore *kcore, const struct crashmem *a,
		     struct elfcorehdr_segment **ret, size_t *n, struct err *err)
{
	CLEANUP_FREE struct elfcorehdr_segment *list = NULL;
	CLEANUP_FREE uint8_t *data = NULL;
	uint8_t head[ELFCOREHDR_HEAD];
	size_t size = 0;
	int rc = a->corehdr ? vmcore_read(kcore, a->corehdr, head, sizeof(head), err)
			    : err_set(err, ERR_NOTFOUND, "the command line has no elfcorehdr=");

	if (!rc)
		rc = elfcorehdr_extent(head, &size, err);
	if (rc)
		return rc;
	data = malloc(size);
	list = calloc(CRASHMEM_SEGMENTS_MAX, sizeof(*list));
	if (!data || !list)
		return err_set(err, ERR_NOMEM, "no memory for an elfcorehdr of %zu bytes", size);
	rc = vmcore_read(kcore, a->corehdr, data, size, err);
	if (!rc)
		rc = elfcorehdr_parse(data, size, list, CRASHMEM_SEGMENTS_MAX, n, err);
	if (!rc)
		*ret = STEAL_PTR(list);
	return rc;
}
