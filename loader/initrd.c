// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/initrd.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/io.h"
#include "base/newc.h"
#include "loader/facts.h"
#include "loader/unwrap.h"

enum {
	PAGE = 4096,
	INODE = 1024, /* of an inode and its name in tmpfs: shmem_inode_cache and dentry, 6.1 */
	TOOL_MS = 60000,
	XZ_WINDOW = 8 << 20, /* the dictionary of xz -6, where the header does not tell */
	XZ_BLOCK_AT = 12, /* of a stream: the first block header; The .xz File Format, 2.1.1, 3.1 */
	XZ_FILTERS = 3, /* bits of the flags: their number, less one */
	XZ_SIZES = 0xc0, /* of the flags, each: a size comes before the filters */
	XZ_INTEGER_MAX = 9, /* bytes */
	XZ_LZMA2 = 0x21, /* ID of the filter */
	XZ_DICT_MAX = 40,
	GZIP_WINDOW = 64 << 10,
	ZSTD_DESCRIPTOR_AT = 4, /* of a frame, RFC 8878 */
	ZSTD_WINDOW_AT = 5,
	ZSTD_SINGLE_SEGMENT = 1 << 5,
	LZ4_WINDOW = 8 << 20, /* lib/decompress_unlz4.c, LZ4_DEFAULT_UNCOMPRESSED_CHUNK_SIZE */
	OTHER_WINDOW = 4 << 20,
};

static const struct codec_kind {
	const char *name, *magic;
	size_t magic_size;
	uint64_t window; /* bytes, at most; of zstd and xz the header tells */
	const char *tool; /* NULL: unwrap() knows it */
} kinds[] = {
	{"gzip", "\x1f\x8b", 2, GZIP_WINDOW, NULL},
	{"zstd", "\x28\xb5\x2f\xfd", 4, 0, NULL},
	{"xz",
	 "\xfd"
	 "7zXZ",
	 5, XZ_WINDOW, "xz"},
	{"lz4", "\x02\x21\x4c\x18", 4, LZ4_WINDOW, "lz4"},
	{"bzip2", "BZh", 3, OTHER_WINDOW, "bzip2"},
	{"lzop", "\x89LZO", 4, OTHER_WINDOW, "lzop"},
};

static uint64_t whole_pages(uint64_t size)
{
	return (size + PAGE - 1) / PAGE * PAGE;
}

static int add_file(struct initrd *r, const struct initrd_file *f, struct err *err)
{
	if (r->n == INITRD_FILES_MAX)
		return err_set(err, ERR_LIMIT, "more than %d files", INITRD_FILES_MAX);
	// Room grows by doubling: at the powers of two.
	if (!(r->n & (r->n - 1)) || !r->files) {
		size_t room = r->n ? r->n * 2 : 1;
		struct initrd_file *more = realloc(r->files, room * sizeof(*more));

		if (!more)
			return err_set(err, ERR_NOMEM, "no memory for a list of files");
		r->files = more;
	}
	r->files[r->n++] = *f;
	r->unpacked += whole_pages(f->size) + INODE;
	return 0;
}

/* One archive, up to its trailer; the cursor is left behind it. */
static int read_archive(struct initrd *r, struct cursor *c, struct err *err)
{
	for (;;) {
		struct initrd_file f = {0};
		const uint8_t *header, *name;
		uint64_t at = c->pos;
		struct newc newc;
		int rc = cursor_bytes(c, NEWC_SIZE, &header, err);

		if (rc)
			return rc;
		if (!newc_read(header, &newc))
			return err_set(err, ERR_CORRUPT, "no header of a cpio archive at %" PRIu64,
				       at);
		rc = cursor_bytes(c, newc.name_size, &name, err);
		if (rc)
			return rc;
		cursor_align(c, NEWC_ALIGN);
		rc = cursor_bytes(c, newc.size, &f.data, err);
		if (rc)
			return rc;
		cursor_align(c, NEWC_ALIGN);
		f.path = (const char *)name;
		f.path_len = strnlen(f.path, newc.name_size);
		f.mode = newc.mode;
		f.size = newc.size;
		if (f.path_len == strlen(NEWC_TRAILER) &&
		    memcmp(f.path, NEWC_TRAILER, f.path_len) == 0)
			return 0;
		rc = add_file(r, &f, err);
		if (rc)
			return rc;
	}
}

/* All that the tool says of what is in @fd. */
static int read_tool(struct child *c, uint8_t **ret, size_t *size_ret, struct err *err)
{
	size_t used = 0, room = 1 << 20;
	CLEANUP_FREE uint8_t *buf = malloc(room);
	ssize_t n = 1;
	int rc;

	while (buf && n) {
		n = child_read(c, buf + used, room - used, TOOL_MS, err);
		if (n < 0)
			return n;
		used += n;
		if (used == room) {
			uint8_t *more;

			if (room >= INITRD_SIZE_MAX)
				return err_set(err, ERR_LIMIT, "unpacked it has more than %d MiB",
					       INITRD_SIZE_MAX >> 20);
			room *= 2;
			more = realloc(buf, room);
			if (!more)
				return err_set(err, ERR_NOMEM, "no memory to unpack it");
			buf = more;
		}
	}
	if (!buf)
		return err_set(err, ERR_NOMEM, "no memory to unpack it");
	rc = child_wait(c, TOOL_MS, err);
	if (!rc && child_code(c))
		rc = err_set(err, ERR_CORRUPT, "damaged: %.200s", c->said);
	if (rc)
		return rc;
	*size_ret = used;
	*ret = STEAL_PTR(buf);
	return 0;
}

static int run_tool(const struct codec_kind *k, const uint8_t *data, size_t size, uint8_t **ret,
		    size_t *size_ret, struct err *err)
{
	CLEANUP_CLOSE int fd = memfd_create("initrd", MFD_CLOEXEC);
	struct child c = CHILD_NONE;
	char path[64];
	int rc;

	if (fd < 0)
		return err_sys(err, "memory to unpack it");
	rc = io_write(fd, data, size, err);
	// By this name the tool can open it, and may seek.
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	if (!rc)
		rc = child_start(&c, (const char *const[]){k->tool, "-dcf", path, NULL}, err);
	if (rc == ERR_NOTFOUND)
		return err_set(err, rc, "there is no %s here to unpack it", k->tool);
	if (rc)
		return rc;
	child_close_in(&c);
	rc = read_tool(&c, ret, size_ret, err);
	child_end(&c);
	return rc;
}

/* What the frame asks for; one of a single segment is unpacked in as much as its content is. */
static uint64_t zstd_window(const uint8_t *data, size_t size, size_t content)
{
	uint64_t base;

	if (size <= ZSTD_WINDOW_AT || data[ZSTD_DESCRIPTOR_AT] & ZSTD_SINGLE_SEGMENT)
		return content;
	base = 1ULL << (10 + (data[ZSTD_WINDOW_AT] >> 3));
	return base + base / 8 * (data[ZSTD_WINDOW_AT] & 7);
}

/* One of variable length, The .xz File Format, 1.2. */
static int xz_integer(struct cursor *c, uint64_t *ret)
{
	uint8_t byte;
	int rc;

	*ret = 0;
	for (int i = 0; i < XZ_INTEGER_MAX; i++) {
		rc = cursor_u8(c, &byte, NULL);
		if (rc)
			return rc;
		*ret |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (!(byte & 0x80))
			return 0;
	}
	return ERR_CORRUPT;
}

uint64_t initrd_xz_window(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_init(data, size, 0);
	uint64_t id, props, skipped;
	uint8_t flags, dict;

	// The first byte of a block header is its size.
	if (cursor_seek(&c, XZ_BLOCK_AT + 1, NULL) || cursor_u8(&c, &flags, NULL))
		return XZ_WINDOW;
	for (int sizes = flags & XZ_SIZES; sizes; sizes &= sizes - 1)
		if (xz_integer(&c, &skipped))
			return XZ_WINDOW;
	for (int i = 0; i <= (flags & XZ_FILTERS); i++) {
		if (xz_integer(&c, &id) || xz_integer(&c, &props))
			return XZ_WINDOW;
		if (id == XZ_LZMA2)
			return props != 1 || cursor_u8(&c, &dict, NULL) || dict > XZ_DICT_MAX
				       ? XZ_WINDOW
				       : (2ULL | (dict & 1)) << (dict / 2 + 11);
		if (cursor_skip(&c, props, NULL))
			return XZ_WINDOW;
	}
	return XZ_WINDOW;
}

static uint64_t window_of(const struct codec_kind *k, const uint8_t *data, size_t size,
			  size_t content)
{
	if (strcmp(k->name, "zstd") == 0)
		return zstd_window(data, size, content);
	return strcmp(k->name, "xz") == 0 ? initrd_xz_window(data, size) : k->window;
}

static int take_packed(struct initrd *r, const uint8_t *data, size_t size, struct err *err)
{
	const struct codec_kind *k = NULL;
	const uint8_t *inner = NULL;
	size_t inner_size = 0;
	struct cursor c;
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(kinds) && !k; i++)
		if (size > kinds[i].magic_size &&
		    memcmp(data, kinds[i].magic, kinds[i].magic_size) == 0)
			k = &kinds[i];
	if (!k)
		return err_set(err, ERR_UNSUPPORTED,
			       "neither a cpio archive nor packed in a known way");
	r->codec = k->name;
	if (k->tool) {
		rc = run_tool(k, data, size, &r->owned, &inner_size, err);
		inner = r->owned;
	} else {
		rc = unwrap(data, size, INITRD_SIZE_MAX, &inner, &inner_size, &r->owned, err);
	}
	if (rc) {
		err_prepend(err, "%s", k->name);
		return rc;
	}
	r->window = window_of(k, data, size, inner_size);
	c = cursor_init(inner, inner_size, 0);
	return read_archive(r, &c, err);
}

static int read_archives(struct initrd *r, size_t size, struct err *err)
{
	struct cursor c = cursor_init(r->file, size, 0);

	r->codec = "none";
	for (;;) {
		int rc;

		// What fills up an archive to a block.
		while (cursor_left(&c) && !r->file[c.pos])
			c.pos++;
		if (!cursor_left(&c))
			break;
		if (cursor_left(&c) < 6 || memcmp(r->file + c.pos, "07070", 5) != 0)
			return take_packed(r, r->file + c.pos, cursor_left(&c), err);
		rc = read_archive(r, &c, err);
		if (rc)
			return rc;
	}
	return r->n ? 0 : err_set(err, ERR_NODATA, "there is no file in it");
}

/* What is left to the first process; the file that holds it is gone when it is done. */
static int read_rest(struct initrd *r, struct err *err)
{
	const struct initrd_file *f = initrd_find(r, NEWC_REST);
	const uint8_t *data = NULL;
	size_t size = 0;
	struct cursor c;
	int rc;

	r->first = r->unpacked;
	if (!f)
		return 0;
	r->unpacked -= whole_pages(f->size) + INODE;
	rc = unwrap(f->data, f->size, INITRD_SIZE_MAX, &data, &size, &r->rest, err);
	if (!rc) {
		c = cursor_init(data, size, 0);
		rc = read_archive(r, &c, err);
	}
	if (rc)
		err_prepend(err, NEWC_REST);
	return rc;
}

static int parse(struct initrd *r, size_t size, struct err *err)
{
	int rc = read_archives(r, size, err);

	return rc ? rc : read_rest(r, err);
}

int initrd_parse(struct initrd *r, const uint8_t *data, size_t size, struct err *err)
{
	*r = (struct initrd){.packed = size};
	r->file = malloc(size ? size : 1);
	if (!r->file)
		return err_set(err, ERR_NOMEM, "no memory to read it");
	memcpy(r->file, data, size);
	return parse(r, size, err);
}

int initrd_open(struct initrd *r, const char *root, const char *path, struct err *err)
{
	char full[FACTS_PATH_MAX];
	char *text = NULL;
	size_t size = 0;
	int rc = facts_path(full, sizeof(full), root, path, err);

	*r = (struct initrd){0};
	if (!rc)
		rc = io_read_file(full, INITRD_SIZE_MAX, &text, &size, err);
	if (rc)
		return rc;
	r->file = (uint8_t *)text;
	r->packed = size;
	rc = parse(r, size, err);
	if (rc)
		err_prepend(err, "%s", path);
	return rc;
}

void initrd_close(struct initrd *r)
{
	free(r->files);
	free(r->file);
	free(r->owned);
	free(r->rest);
	*r = (struct initrd){0};
}

const struct initrd_file *initrd_find(const struct initrd *r, const char *path)
{
	size_t len = strlen(path);

	// What is unpacked later takes the place of what was there.
	for (size_t i = r->n; i--;) {
		const struct initrd_file *f = &r->files[i];
		size_t skip = f->path_len > 2 && memcmp(f->path, "./", 2) == 0 ? 2 : 0;

		if (f->path_len - skip == len && memcmp(f->path + skip, path, len) == 0)
			return f;
	}
	return NULL;
}

/* The name of a module in "lib/modules/x-y.ko.xz": "x-y"; 0: it is none. */
static size_t module_name(const struct initrd_file *f, const char **ret)
{
	const char *end = f->path + f->path_len, *s = end, *dot;

	while (s > f->path && s[-1] != '/')
		s--;
	dot = memmem(s, end - s, ".ko", 3);
	if (!dot || (dot + 3 != end && dot[3] != '.') || !S_ISREG(f->mode))
		return 0;
	*ret = s;
	return dot - s;
}

const struct initrd_file *initrd_module(const struct initrd *r, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < r->n; i++) {
		const char *s;
		size_t k = 0;

		if (module_name(&r->files[i], &s) != len)
			continue;
		while (k < len &&
		       (s[k] == name[k] || (strchr("-_", s[k]) && strchr("-_", name[k]))))
			k++;
		if (k == len)
			return &r->files[i];
	}
	return NULL;
}

/* What stays of an ELF object when it is loaded: its sections with SHF_ALLOC. */
static uint64_t loaded_size(const struct initrd_file *f)
{
	const uint8_t *d = f->data;
	uint64_t at, n, size = 0;

	// One that is packed is unpacked by who loads it; its size then is a guess.
	if (f->size < sizeof(Elf64_Ehdr) || memcmp(d, ELFMAG, SELFMAG) != 0 ||
	    d[EI_CLASS] != ELFCLASS64)
		return f->size * 3;
	at = load_le64(d + offsetof(Elf64_Ehdr, e_shoff));
	n = load_le16(d + offsetof(Elf64_Ehdr, e_shnum));
	if (at > f->size || n > (f->size - at) / sizeof(Elf64_Shdr))
		return f->size;
	for (; n; n--, at += sizeof(Elf64_Shdr)) {
		if (load_le64(d + at + offsetof(Elf64_Shdr, sh_flags)) & SHF_ALLOC)
			size += load_le64(d + at + offsetof(Elf64_Shdr, sh_size)) &
				(INITRD_SIZE_MAX - 1);
	}
	return size;
}

uint64_t initrd_modules(const struct initrd *r, size_t *count_ret)
{
	enum {
		LAYOUT = 3 * PAGE, /* text, constants and data begin on pages of their own */
	};
	uint64_t sum = 0;
	size_t count = 0;

	for (size_t i = 0; i < r->n; i++) {
		const char *s;

		if (!module_name(&r->files[i], &s))
			continue;
		sum += whole_pages(loaded_size(&r->files[i])) + LAYOUT;
		count++;
	}
	*count_ret = count;
	return sum;
}
