// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/unwrap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"

/* The PE header of an EFI program, as far as it leads to the sections. */
enum {
	PE_AT = 0x3c, /* offset of the PE header, 4 bytes */
	PE_SECTIONS = 6,
	PE_OPTIONAL_SIZE = 20,
	PE_HEADER_SIZE = 24,
	PE_SECTION_SIZE = 40,
	PE_SECTIONS_MAX = 96, /* of the format */
	PE_S_VIRTUAL_SIZE = 8,
	PE_S_RAW_SIZE = 16,
	PE_S_RAW_AT = 20,
};

/* zboot-header.S: "MZ", 2 bytes, "zimg", offset and size of the payload, 8 bytes, its type. */
enum {
	ZBOOT_MAGIC_AT = 4,
	ZBOOT_OFFSET_AT = 8,
	ZBOOT_SIZE_AT = 12,
	ZBOOT_TYPE_AT = 24,
	ZBOOT_HEADER_SIZE = 56,
};

struct bytes {
	const uint8_t *p;
	size_t n;
};

/* A layer: whether it is there, and how it is taken away. */
struct layer {
	const char *name;
	int (*take)(struct bytes in, size_t max, struct bytes *ret, uint8_t **owned,
		    struct err *err);
	const char *magic;
	size_t magic_size;
	size_t magic_at;
};

/* The length that gzip tells at its end is only its last 32 bits, and not to be believed. */
static int take_gzip(struct bytes in, size_t max, struct bytes *ret, uint8_t **owned,
		     struct err *err)
{
	z_stream z = {.next_in = (uint8_t *)in.p, .avail_in = in.n};
	size_t room = in.n < max / 4 ? in.n * 4 : max;
	uint8_t *out = NULL;
	int got = inflateInit2(&z, 16 + MAX_WBITS) == Z_OK ? Z_OK : Z_MEM_ERROR;

	while (got == Z_OK) {
		uint8_t *more = realloc(out, room);

		if (!more) {
			got = Z_MEM_ERROR;
			break;
		}
		out = more;
		z.next_out = out + z.total_out;
		z.avail_out = room - z.total_out;
		got = inflate(&z, Z_NO_FLUSH);
		if (got == Z_BUF_ERROR && z.avail_in)
			got = Z_OK;
		if (got != Z_OK || z.avail_out)
			continue;
		if (room == max)
			break;
		room = room < max / 2 ? room * 2 : max;
	}
	*ret = (struct bytes){.p = out, .n = z.total_out};
	inflateEnd(&z);
	if (got == Z_STREAM_END) {
		*owned = out;
		return 0;
	}
	free(out);
	if (got == Z_OK)
		return err_set(err, ERR_LIMIT, "unpacked it has more than %zu MiB", max >> 20);
	if (got == Z_MEM_ERROR)
		return err_set(err, ERR_NOMEM, "no memory to unpack it");
	return err_set(err, ERR_CORRUPT, "damaged at its byte %zu", in.n - z.avail_in);
}

static int take_zstd(struct bytes in, size_t max, struct bytes *ret, uint8_t **owned,
		     struct err *err)
{
	CLEANUP_FREE uint8_t *out = NULL;
	unsigned long long size = ZSTD_getFrameContentSize(in.p, in.n);
	size_t n;

	if (size == ZSTD_CONTENTSIZE_ERROR)
		return err_set(err, ERR_CORRUPT, "no frame of zstd");
	// A stream does not say; then it may be as large as is allowed.
	if (size == ZSTD_CONTENTSIZE_UNKNOWN)
		size = max;
	if (size > max)
		return err_set(err, ERR_LIMIT, "unpacked it has more than %zu MiB", max >> 20);
	out = malloc(size ? size : 1);
	if (!out)
		return err_set(err, ERR_NOMEM, "no memory to unpack it");
	n = ZSTD_decompress(out, size, in.p, in.n);
	if (ZSTD_isError(n))
		return err_set(err, ERR_CORRUPT, "damaged: %s", ZSTD_getErrorName(n));
	*ret = (struct bytes){.p = out, .n = n};
	*owned = STEAL_PTR(out);
	return 0;
}

static int part_of(struct bytes in, uint64_t at, uint64_t size, const char *what, struct bytes *ret,
		   struct err *err)
{
	if (at > in.n || size > in.n - at)
		return err_set(err, ERR_CORRUPT,
			       "%s: %" PRIu64 " bytes at %" PRIu64 " of a file of %zu", what, size,
			       at, in.n);
	*ret = (struct bytes){.p = in.p + at, .n = size};
	return 0;
}

static int take_zboot(struct bytes in, size_t max, struct bytes *ret, uint8_t **owned,
		      struct err *err)
{
	struct bytes payload;
	char type[8] = "";
	int rc;

	if (in.n < ZBOOT_HEADER_SIZE)
		return err_set(err, ERR_CORRUPT, "ends in its header");
	rc = part_of(in, load_le32(in.p + ZBOOT_OFFSET_AT), load_le32(in.p + ZBOOT_SIZE_AT),
		     "payload", &payload, err);
	if (rc)
		return rc;
	memcpy(type, in.p + ZBOOT_TYPE_AT, sizeof(type) - 1);
	if (strcmp(type, "gzip") == 0)
		return take_gzip(payload, max, ret, owned, err);
	if (strcmp(type, "zstd") == 0 || strcmp(type, "zstd22") == 0)
		return take_zstd(payload, max, ret, owned, err);
	return err_set(err, ERR_UNSUPPORTED, "packed with '%s', expected gzip or zstd", type);
}

/* Any EFI program; a kernel of its own is one as well, and has no section .linux. */
static int take_pe(struct bytes in, size_t max, struct bytes *ret, uint8_t **owned, struct err *err)
{
	struct bytes header = {0}, sections = {0};
	uint64_t pe, n;

	(void)max;
	(void)owned;
	if (in.n < PE_AT + 4)
		return 0;
	pe = load_le32(in.p + PE_AT);
	if (part_of(in, pe, PE_HEADER_SIZE, "header", &header, NULL) ||
	    memcmp(header.p, "PE\0\0", 4) != 0)
		return 0;
	n = load_le16(header.p + PE_SECTIONS);
	if (n > PE_SECTIONS_MAX ||
	    part_of(in, pe + PE_HEADER_SIZE + load_le16(header.p + PE_OPTIONAL_SIZE),
		    n * PE_SECTION_SIZE, "sections", &sections, NULL))
		return 0;
	for (; n; n--, sections.p += PE_SECTION_SIZE) {
		uint32_t size = load_le32(sections.p + PE_S_RAW_SIZE);
		uint32_t real = load_le32(sections.p + PE_S_VIRTUAL_SIZE);

		// In the file it is filled up to a multiple of the file's alignment.
		if (memcmp(sections.p, ".linux\0\0", 8) == 0)
			return part_of(in, load_le32(sections.p + PE_S_RAW_AT),
				       real && real < size ? real : size, "section .linux", ret,
				       err);
	}
	return 0;
}

static const struct layer layers[] = {
	{"gzip", take_gzip, "\x1f\x8b\x08", 3, 0},
	{"zstd", take_zstd, "\x28\xb5\x2f\xfd", 4, 0},
	{"EFI zboot image", take_zboot, "zimg", 4, ZBOOT_MAGIC_AT},
	{"EFI program", take_pe, "MZ", 2, 0},
};

int unwrap(const uint8_t *data, size_t size, size_t max, const uint8_t **ret, size_t *size_ret,
	   uint8_t **owned_ret, struct err *err)
{
	struct bytes in = {.p = data, .n = size}, out = {0};

	*owned_ret = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
		const struct layer *l = &layers[i];
		int rc;

		if (size < l->magic_at + l->magic_size ||
		    memcmp(data + l->magic_at, l->magic, l->magic_size) != 0)
			continue;
		rc = l->take(in, max, &out, owned_ret, err);
		if (rc) {
			err_prepend(err, "%s", l->name);
			return rc;
		}
		break;
	}
	*ret = out.p;
	*size_ret = out.p ? out.n : 0;
	return 0;
}
