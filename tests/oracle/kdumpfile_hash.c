// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kdumpfile_hash: the content of a dump as libkdumpfile reads it, in one line.
 *
 * Every PFN is read; the hash goes over the number and the bytes of each page that is there. Two
 * dumps with equal lines hold the same pages with the same content, in the eyes of a third party.
 * The files of a split dump are one dump.
 * Exit: 0; 1 when a page is neither read nor excluded; 2 when the dump does not open, or usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libkdumpfile/kdumpfile.h>

#define PAGE_SIZE_MAX 65536U
#define PRINTED_MAX   20U
#define FILES_MAX     16

struct sum {
	uint64_t pages, excluded, failed;
	uint64_t hash;
};

/* FNV-1a, by words: pages are whole words, and two gigabytes should not take long. */
static void hash_words(uint64_t *hash, const void *p, size_t len)
{
	for (size_t i = 0; i < len; i += sizeof(uint64_t)) {
		uint64_t w;

		memcpy(&w, (const char *)p + i, sizeof(w));
		*hash = (*hash ^ w) * UINT64_C(0x100000001b3);
		*hash ^= *hash >> 32;
	}
}

static void add_page(kdump_ctx_t *ctx, uint64_t pfn, size_t page_size, struct sum *s)
{
	static uint8_t page[PAGE_SIZE_MAX];
	size_t len = page_size;
	kdump_status st = kdump_read(ctx, KDUMP_MACHPHYSADDR, pfn * page_size, page, &len);

	if (st == KDUMP_OK && len == page_size) {
		s->pages++;
		hash_words(&s->hash, &pfn, sizeof(pfn));
		hash_words(&s->hash, page, page_size);
		return;
	}
	if (st == KDUMP_ERR_NODATA) {
		s->excluded++;
		return;
	}
	if (s->failed++ < PRINTED_MAX)
		fprintf(stderr, "kdumpfile_hash: pfn %#" PRIx64 ": %s\n", pfn,
			st == KDUMP_OK ? "short read" : kdump_get_err(ctx));
}

static int trouble(const char *what, const char *why)
{
	fprintf(stderr, "kdumpfile_hash: %s: %s\n", what, why);
	return 2;
}

static int hash_dump(kdump_ctx_t *ctx, const char *path, unsigned int n, const int *fds)
{
	kdump_num_t page_size, max_pfn;
	const char *release;
	struct sum s = {.hash = UINT64_C(0xcbf29ce484222325)};

	if (kdump_open_fdset(ctx, n, fds) != KDUMP_OK ||
	    kdump_get_number_attr(ctx, KDUMP_ATTR_PAGE_SIZE, &page_size) != KDUMP_OK ||
	    kdump_get_number_attr(ctx, "max_pfn", &max_pfn) != KDUMP_OK ||
	    kdump_get_string_attr(ctx, "linux.uts.release", &release) != KDUMP_OK)
		return trouble(path, kdump_get_err(ctx));
	if (page_size == 0 || page_size > PAGE_SIZE_MAX || max_pfn > UINT64_MAX / page_size)
		return trouble(path, "absurd size of pages or memory");
	for (uint64_t pfn = 0; pfn < max_pfn; pfn++)
		add_page(ctx, pfn, page_size, &s);
	printf("release %s pfns %" PRIu64 " pages %" PRIu64 " excluded %" PRIu64 " failed %" PRIu64
	       " hash %016" PRIx64 "\n",
	       release, (uint64_t)max_pfn, s.pages, s.excluded, s.failed, s.hash);
	return s.failed || s.pages == 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	int fds[FILES_MAX], n = argc - 1;

	if (n < 1 || n > FILES_MAX) {
		fputs("usage: kdumpfile_hash DUMP...\n", stderr);
		return 2;
	}
	for (int i = 0; i < n; i++) {
		fds[i] = open(argv[i + 1], O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			return trouble(argv[i + 1], strerror(errno));
	}
	kdump_ctx_t *ctx = kdump_new();

	if (!ctx)
		return trouble(argv[1], "out of memory");
	int ret = hash_dump(ctx, argv[1], (unsigned int)n, fds);

	kdump_free(ctx);
	for (int i = 0; i < n; i++)
		close(fds[i]);
	return ret;
}
