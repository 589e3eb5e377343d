// SPDX-License-Identifier: GPL-2.0-or-later
/* An ELF core as a file, opened, and its memory read both ways. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "crashnotes/elfnote.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/mkcore.h"
#include "vmcore/vmcore.h"

enum {
	RANGES_READ = 64, /* of each core, so that one of thousands is not slow */
	WINDOW = 8192,
};

static void check_info(const struct vmcore_info *info, size_t size)
{
	paddr_t end = 0;

	FUZZ_CHECK(info->file_size == size);
	FUZZ_CHECK(info->notes_size <= ELFNOTE_SEGMENT_MAX);
	FUZZ_CHECK(info->notes_size % ELFNOTE_ALIGN == 0);
	for (size_t i = 0; i < info->nranges; i++) {
		const struct vmcore_range *r = &info->ranges[i];

		FUZZ_CHECK(r->memsz > 0 && r->filesz <= r->memsz);
		FUZZ_CHECK(r->paddr >= end && r->paddr + r->memsz > r->paddr);
		FUZZ_CHECK(!r->filesz || r->offset <= size);
		FUZZ_CHECK(!r->filesz || r->filesz <= size - r->offset);
		end = r->paddr + r->memsz;
	}
	for (size_t i = 0; i < info->nwarnings && i < VMCORE_WARNINGS_MAX; i++)
		FUZZ_CHECK(info->warnings[i][0] &&
			   memchr(info->warnings[i], '\0', VMCORE_WARNING_MAX));
}

/* What a window and a read give of the last bytes of the data is what the file has there. */
static void check_range(struct vmcore *vc, struct vmcore_window *w, const struct vmcore_range *r,
			const uint8_t *data)
{
	uint64_t n = r->filesz < WINDOW ? r->filesz : WINDOW;
	paddr_t at = r->paddr + (r->filesz - n);
	const uint8_t *seen;
	uint8_t buf[WINDOW];
	size_t len;

	FUZZ_CHECK(vmcore_find(vc, r->paddr) == r);
	FUZZ_CHECK(vmcore_find(vc, r->paddr + r->memsz - 1) == r);
	FUZZ_CHECK(!vmcore_read(vc, at, buf, n, NULL));
	FUZZ_CHECK(!n || !memcmp(buf, data + r->offset + (r->filesz - n), n));
	if (n) {
		FUZZ_CHECK(!vmcore_window_get(w, at, n, WINDOW, &seen, &len, NULL));
		FUZZ_CHECK(len >= n && !memcmp(seen, buf, n));
	}
	FUZZ_CHECK(vmcore_window_get(w, r->paddr + r->filesz, 1, 1, &seen, &len, NULL) < 0 ||
		   vmcore_find(vc, r->paddr + r->filesz) != r);
	if (r->filesz < r->memsz) {
		FUZZ_CHECK(!vmcore_read(vc, r->paddr + r->memsz - 1, buf, 1, NULL));
		FUZZ_CHECK(buf[0] == 0);
	}
}

static void check_memory(struct vmcore *vc, const uint8_t *data)
{
	const struct vmcore_info *info = vmcore_info(vc);
	struct vmcore_window w;

	FUZZ_CHECK(!vmcore_window_init(&w, vc, WINDOW, NULL));
	for (size_t i = 0; i < info->nranges && i < RANGES_READ; i++)
		check_range(vc, &w, &info->ranges[i], data);
	FUZZ_CHECK(!vmcore_read_errors(vc));
	vmcore_window_deinit(&w);
}

int fuzz_verdict(const uint8_t *data, size_t size)
{
	char path[MKCORE_PATH_MAX];
	struct vmcore *vc = NULL;
	struct err err = {0};
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	int rc;

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(!io_write(fd, data, size, NULL));
	mkcore_path(fd, path);
	rc = vmcore_open(path, &vc, &err);
	FUZZ_CHECK(rc == err.code && (rc == 0) == (vc != NULL));
	FUZZ_CHECK(!rc || (err.msg[0] && rc != ERR_SYS));
	if (!rc) {
		check_info(vmcore_info(vc), size);
		check_memory(vc, data);
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
