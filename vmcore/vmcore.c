// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/vmcore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "vmcore/flattened.h"
#include "vmcore/source.h"
#include "vmcore/vmcore_priv.h"

enum {
	BAD_PAGE_SIZE = 4096, /* step by which a failed read is tried again */
};

// Probed in this order.
static const struct vmcore_format *const formats[] = {
	&vmcore_format_elf,
	&vmcore_format_kdump,
};

void vmcore_warn(struct vmcore *vc, const char *fmt, ...)
{
	struct vmcore_info *info = &vc->info;
	va_list ap;

	if (info->nwarnings < VMCORE_WARNINGS_MAX) {
		va_start(ap, fmt);
		vsnprintf(info->warnings[info->nwarnings], VMCORE_WARNING_MAX, fmt, ap);
		va_end(ap);
	}
	info->nwarnings++;
}

static int find_format(struct vmcore *vc, struct err *err)
{
	CLEANUP_FREE uint8_t *head = malloc(VMCORE_PROBE_SIZE);
	ssize_t size;

	if (!head)
		return err_set(err, ERR_NOMEM, "no memory for %d bytes", VMCORE_PROBE_SIZE);
	size = source_pread(&vc->srcs[0], head, VMCORE_PROBE_SIZE, 0, err);
	if (size < 0)
		return size;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (!formats[i]->probe(head, size))
			continue;
		vc->format = formats[i];
		vc->info.format = formats[i]->name;
		return 0;
	}
	return err_set(err, ERR_UNSUPPORTED,
		       "not a dump in a known format: an ELF core begins with 7f 45 4c 46, a "
		       "kdump-compressed dump with 4b 44 55 4d, this with %02x %02x %02x %02x",
		       head[0], size > 1 ? head[1] : 0, size > 2 ? head[2] : 0,
		       size > 3 ? head[3] : 0);
}

static int open_sources(struct vmcore *vc, const char *const *paths, size_t n, struct err *err)
{
	if (!n || n > VMCORE_FILES_MAX)
		return err_set(err, ERR_LIMIT, "%zu files, expected 1 to %d", n, VMCORE_FILES_MAX);
	vc->srcs = calloc(n, sizeof(*vc->srcs));
	if (!vc->srcs)
		return err_set(err, ERR_NOMEM, "%s: no memory for %zu files", paths[0], n);
	for (; vc->nsrcs < n; vc->nsrcs++) {
		struct source *s = &vc->srcs[vc->nsrcs];
		int rc = source_open(s, paths[vc->nsrcs], err);

		if (rc) {
			source_close(s);
			return rc;
		}
		vc->info.file_size += s->size;
		if (!s->flat)
			continue;
		vc->info.flattened = true;
		if (flattened_cut(s->flat)) {
			vc->info.truncated = true;
			vmcore_warn(vc, "the flattened file ends without its end mark");
		}
	}
	return 0;
}

static int open_format(struct vmcore *vc, struct err *err)
{
	int rc = find_format(vc, err);

	if (!rc && vc->nsrcs > 1 && !vc->format->sets)
		rc = err_set(err, ERR_USAGE, "a dump of format %s is one file, %zu are given",
			     vc->info.format, vc->nsrcs);
	return rc ? rc : vc->format->open(vc, err);
}

int vmcore_open_set(const char *const *paths, size_t n, struct vmcore **ret, struct err *err)
{
	struct vmcore *vc = calloc(1, sizeof(*vc));
	int rc;

	if (!vc)
		return err_set(err, ERR_NOMEM, "%s: no memory for %zu bytes", paths[0],
			       sizeof(*vc));
	vc->info.dump_level = -1;
	rc = open_sources(vc, paths, n, err);
	if (!rc) {
		rc = open_format(vc, err);
		if (rc)
			err_prepend(err, "%s", paths[0]);
	}
	if (rc) {
		vmcore_close(vc);
		return rc;
	}
	vc->info.notes = vc->notes;
	vc->info.ranges = vc->ranges;
	*ret = vc;
	return 0;
}

int vmcore_open(const char *path, struct vmcore **ret, struct err *err)
{
	return vmcore_open_set(&path, 1, ret, err);
}

void vmcore_close(struct vmcore *vc)
{
	if (!vc)
		return;
	if (vc->format && vc->format->close)
		vc->format->close(vc);
	for (size_t i = 0; i < vc->nsrcs; i++)
		source_close(&vc->srcs[i]);
	free(vc->srcs);
	free(vc->notes);
	free(vc->ranges);
	free(vc);
}

const struct vmcore_info *vmcore_info(const struct vmcore *vc)
{
	return &vc->info;
}

size_t vmcore_first(const struct vmcore *vc, paddr_t paddr)
{
	size_t low = 0, high = vc->info.nranges;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct vmcore_range *r = &vc->ranges[mid];

		if (paddr >= r->paddr && paddr - r->paddr >= r->memsz)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct vmcore_range *vmcore_find(const struct vmcore *vc, paddr_t paddr)
{
	size_t i = vmcore_first(vc, paddr);

	if (i == vc->info.nranges || paddr < vc->ranges[i].paddr)
		return NULL;
	return &vc->ranges[i];
}

uint64_t vmcore_run(const struct vmcore *vc, const struct vmcore_range *range, uint64_t skip,
		    uint64_t max, bool *there)
{
	uint64_t len;

	if (vc->format->run)
		return vc->format->run(vc, range, skip, max, there);
	*there = skip < range->filesz;
	len = (*there ? range->filesz : range->memsz) - skip;
	return len < max ? len : max;
}

bool vmcore_next_span(const struct vmcore *vc, paddr_t paddr, struct vmcore_span *ret)
{
	for (size_t i = vmcore_first(vc, paddr); i < vc->info.nranges; i++) {
		const struct vmcore_range *r = &vc->ranges[i];
		uint64_t skip = paddr > r->paddr ? paddr - r->paddr : 0, len;
		bool there;

		for (; skip < r->memsz; skip += len) {
			len = vmcore_run(vc, r, skip, r->memsz - skip, &there);
			if (!there)
				continue;
			*ret = (struct vmcore_span){r->paddr + skip, r->paddr + skip + len};
			return true;
		}
	}
	return false;
}

int vmcore_pread(struct vmcore *vc, uint64_t offset, void *buf, size_t size, struct err *err)
{
	struct err why;
	ssize_t n = source_pread(&vc->srcs[0], buf, size, offset, &why);
	size_t step = size;

	// A bad page fails the whole read: go on in steps so that only its own bytes are lost.
	for (size_t done = 0; done < size; done += step) {
		uint8_t *to = (uint8_t *)buf + done;

		if (n < 0 || done) {
			step = BAD_PAGE_SIZE - (offset + done) % BAD_PAGE_SIZE;
			if (step > size - done)
				step = size - done;
			n = source_pread(&vc->srcs[0], to, step, offset + done, &why);
		}
		if (n < 0 && (why.sys == EIO || why.sys == EFAULT)) {
			memset(to, 0, step);
			atomic_fetch_add_explicit(&vc->read_errors, 1, memory_order_relaxed);
		} else if (n < 0) {
			if (err)
				*err = why;
			return n;
		} else if ((size_t)n < step) {
			return err_set(err, ERR_NODATA,
				       "offset %llu: %zu bytes wanted, the file ends after %zd; it "
				       "was longer when it was opened",
				       (unsigned long long)(offset + done), step, n);
		}
	}
	return 0;
}

int vmcore_read_file(struct vmcore *vc, uint64_t offset, void *buf, size_t size, struct err *err)
{
	if (vc->nsrcs > 1)
		return err_set(err, ERR_UNSUPPORTED, "the input is %zu files and not one",
			       vc->nsrcs);
	return vmcore_pread(vc, offset, buf, size, err);
}

int vmcore_read(struct vmcore *vc, paddr_t paddr, void *buf, size_t size, struct err *err)
{
	uint8_t *to = buf;

	while (size) {
		const struct vmcore_range *r = vmcore_find(vc, paddr);
		uint64_t skip, n;
		int rc;

		if (!r)
			return err_set(err, ERR_NOTFOUND,
				       "physical address %#llx is not in the dump",
				       (unsigned long long)paddr);
		skip = paddr - r->paddr;
		n = r->memsz - skip < size ? r->memsz - skip : size;
		if (skip < r->filesz) {
			if (n > r->filesz - skip)
				n = r->filesz - skip;
			rc = vc->format->read(vc, r, skip, to, n, err);
			if (rc) {
				err_prepend(err, "physical address %#llx",
					    (unsigned long long)paddr);
				return rc;
			}
		} else {
			memset(to, 0, n);
		}
		to += n;
		size -= n;
		paddr += n; // Cannot wrap into a range: the formats refuse those that end at 2^64.
	}
	return 0;
}

void vmcore_count_lost(struct vmcore *vc)
{
	atomic_fetch_add_explicit(&vc->read_errors, 1, memory_order_relaxed);
}

uint64_t vmcore_read_errors(const struct vmcore *vc)
{
	return atomic_load_explicit(&((struct vmcore *)vc)->read_errors, memory_order_relaxed);
}
