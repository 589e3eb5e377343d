// SPDX-License-Identifier: GPL-2.0-or-later
/* A kdump-compressed dump as a file, opened, and its memory read in every way. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "crashnotes/elfnote.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/mkcore.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	SPANS = 32, /* looked at of each dump, so that one of thousands is not slow */
	PAGES = 8, /* of each span */
	WINDOW = 64 << 10,
};

static void check_info(const struct vmcore_info *info)
{
	paddr_t end = 0;

	FUZZ_CHECK(info->notes_size <= ELFNOTE_SEGMENT_MAX);
	FUZZ_CHECK(info->notes_size % ELFNOTE_ALIGN == 0);
	FUZZ_CHECK(info->dump_level >= -1 && info->dump_level <= 31);
	for (size_t i = 0; i < info->nranges; i++) {
		const struct vmcore_range *r = &info->ranges[i];

		FUZZ_CHECK(r->memsz > 0 && r->filesz <= r->memsz);
		FUZZ_CHECK(r->paddr >= end && r->paddr + r->memsz > r->paddr);
		end = r->paddr + r->memsz;
	}
	FUZZ_CHECK(!info->memory_end || end <= info->memory_end);
}

/* What is said to be there can be read, the same way whole, in part and by a window. */
static void check_span(struct vmcore *vc, struct vmcore_window *w, const struct vmcore_span *s)
{
	static uint8_t page[WINDOW], part[64];

	FUZZ_CHECK(s->start < s->end && vmcore_find(vc, s->start));
	FUZZ_CHECK(vmcore_find(vc, s->end - 1) == vmcore_find(vc, s->start));
	for (int i = 0; i < PAGES; i++) {
		uint64_t at = s->start + i * 4096ULL;
		uint64_t n = s->end - at < 4096 ? s->end - at : 4096;
		const uint8_t *seen;
		size_t len;

		if (at >= s->end)
			break;
		FUZZ_CHECK(!vmcore_read(vc, at, page, n, NULL));
		if (n > sizeof(part))
			FUZZ_CHECK(!vmcore_read(vc, at + 1, part, sizeof(part), NULL) &&
				   !memcmp(part, page + 1, sizeof(part)));
		FUZZ_CHECK(!vmcore_window_get(w, at, n, WINDOW, &seen, &len, NULL));
		FUZZ_CHECK(len >= n && !memcmp(seen, page, n));
	}
}

static void check_memory(struct vmcore *vc)
{
	struct vmcore_span span = {0, 0};
	struct vmcore_window w;
	paddr_t end = 0;

	FUZZ_CHECK(!vmcore_window_init(&w, vc, WINDOW, NULL));
	for (int i = 0; i < SPANS && vmcore_next_span(vc, span.end, &span); i++) {
		FUZZ_CHECK(span.start >= end);
		check_span(vc, &w, &span);
		end = span.end;
	}
	vmcore_window_deinit(&w);
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	char path[MKCORE_PATH_MAX];
	struct vmcore *vc = NULL;
	struct err err = {0};
	struct kmem km;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	int rc;

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(!io_write(fd, data, size, NULL));
	mkcore_path(fd, path);
	rc = vmcore_open(path, &vc, &err);
	FUZZ_CHECK(rc == err.code && (rc == 0) == (vc != NULL));
	FUZZ_CHECK(!rc || (err.msg[0] && rc != ERR_SYS));
	if (!rc) {
		check_info(vmcore_info(vc));
		check_memory(vc);
		kmem_init(&km, vc, NULL, NULL);
		kmem_deinit(&km);
	}
	vmcore_close(vc);
	close(fd);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_verdict(data, size);
	return 0;
}
