// SPDX-License-Identifier: GPL-2.0-or-later
#include "crashnotes/vmcoreinfo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

enum {
	KEY_LOOKUP_MAX = 256, /* longest KIND(name) that is looked up */
};

/* A line, in the copy of the text, where '=' and the end of the line have become zeroes. */
struct entry {
	const char *key, *value;
};

/*
 * Sorted, not hashed: the text may be forged, and a sorted table has no bad case to forge.
 */
struct vmcoreinfo {
	char *text; /* cut up */
	char *whole; /* as it was: size bytes, in the same allocation */
	size_t size;
	size_t count;
	size_t bad_lines;
	struct entry entries[]; /* sorted by key, each key once */
};

/* By key, and equal keys in the order in which they stand in the text. */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order)
		return order;
	return x->key < y->key ? -1 : x->key > y->key;
}

/* Cuts the text into entries; returns how many. There is room for one an '='. */
static size_t cut_lines(struct vmcoreinfo *vi, size_t size)
{
	char *line = vi->text, *end = line + size;
	size_t n = 0;

	while (line < end) {
		char *newline = memchr(line, '\n', end - line);
		char *stop = newline ? newline : end;
		char *equals = memchr(line, '=', stop - line);

		*stop = '\0';
		if (equals && equals > line) {
			*equals = '\0';
			vi->entries[n++] = (struct entry){.key = line, .value = equals + 1};
		} else {
			vi->bad_lines++;
		}
		line = stop + 1;
	}
	return n;
}

/* Of equal neighbours keeps the last. */
static size_t drop_older(struct entry *entries, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || strcmp(entries[i].key, entries[i + 1].key))
			entries[kept++] = entries[i];
	return kept;
}

/* Lines that have an '=', so at least as many as there will be entries. */
static size_t count_keys(const char *text, size_t size)
{
	const char *end = text + size;
	size_t n = 0;

	while (text < end) {
		const char *newline = memchr(text, '\n', end - text);
		const char *stop = newline ? newline : end;

		n += memchr(text, '=', stop - text) != NULL;
		text = stop + 1;
	}
	return n;
}

int vmcoreinfo_create(const void *text, size_t size, struct vmcoreinfo **ret, struct err *err)
{
	struct vmcoreinfo *vi;
	size_t keys, len = size ? strnlen(text, size) : 0;

	if (!len)
		return err_set(err, ERR_NODATA, "vmcoreinfo is empty");
	if (len > VMCOREINFO_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "vmcoreinfo of %zu bytes, at most %d are taken", len,
			       VMCOREINFO_SIZE_MAX);
	keys = count_keys(text, len);
	if (keys > VMCOREINFO_KEYS_MAX)
		return err_set(err, ERR_LIMIT, "vmcoreinfo of %zu keys, at most %d are taken", keys,
			       VMCOREINFO_KEYS_MAX);
	vi = calloc(1, sizeof(*vi) + keys * sizeof(vi->entries[0]));
	if (vi)
		vi->text = malloc(2 * len + 1);
	if (!vi || !vi->text) {
		vmcoreinfo_destroy(vi);
		return err_set(err, ERR_NOMEM, "no memory for a vmcoreinfo of %zu bytes", len);
	}
	memcpy(vi->text, text, len);
	vi->text[len] = '\0';
	vi->whole = memcpy(vi->text + len + 1, text, len);
	vi->size = len;
	vi->count = cut_lines(vi, len);
	qsort(vi->entries, vi->count, sizeof(vi->entries[0]), compare_entries);
	vi->count = drop_older(vi->entries, vi->count);
	*ret = vi;
	return 0;
}

void vmcoreinfo_destroy(struct vmcoreinfo *vi)
{
	if (!vi)
		return;
	free(vi->text);
	free(vi);
}

static int compare_key(const void *key, const void *entry)
{
	return strcmp(key, ((const struct entry *)entry)->key);
}

const char *vmcoreinfo_get(const struct vmcoreinfo *vi, const char *key)
{
	const struct entry *e =
		bsearch(key, vi->entries, vi->count, sizeof(vi->entries[0]), compare_key);

	return e ? e->value : NULL;
}

/* The value of KIND(@name), or NULL. */
static const char *get_kind(const struct vmcoreinfo *vi, const char *kind, const char *name)
{
	char key[KEY_LOOKUP_MAX];
	int len = snprintf(key, sizeof(key), "%s(%s)", kind, name);

	if (len < 0 || (size_t)len >= sizeof(key))
		return NULL;
	return vmcoreinfo_get(vi, key);
}

static unsigned int digit_value(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return 16;
}

/*
 * The whole of @text as digits, and nothing else. strtoull() would take blanks and signs,
 * and turn -1 into the largest number there is.
 */
static bool parse_unsigned(const char *text, unsigned int base, uint64_t *ret)
{
	uint64_t v = 0;

	if (!text || !*text)
		return false;
	for (; *text; text++) {
		unsigned int digit = digit_value(*text);

		if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return false;
	}
	*ret = v;
	return true;
}

static bool parse_signed(const char *text, int64_t *ret)
{
	bool negative;
	uint64_t v;

	if (!text)
		return false;
	// Addresses are printed so, as arm64 does NUMBER(kimage_voffset): all 64 bits count.
	if (!strncmp(text, "0x", 2)) {
		if (!parse_unsigned(text + 2, 16, &v))
			return false;
		*ret = (int64_t)v;
		return true;
	}
	negative = *text == '-';
	if (!parse_unsigned(text + negative, 10, &v) || v > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = (int64_t)(negative ? -v : v);
	return true;
}

bool vmcoreinfo_symbol(const struct vmcoreinfo *vi, const char *name, uint64_t *ret)
{
	return parse_unsigned(get_kind(vi, "SYMBOL", name), 16, ret);
}

bool vmcoreinfo_sizeof(const struct vmcoreinfo *vi, const char *name, uint64_t *ret)
{
	return parse_unsigned(get_kind(vi, "SIZE", name), 10, ret);
}

bool vmcoreinfo_offset(const struct vmcoreinfo *vi, const char *name, uint64_t *ret)
{
	return parse_unsigned(get_kind(vi, "OFFSET", name), 10, ret);
}

bool vmcoreinfo_length(const struct vmcoreinfo *vi, const char *name, uint64_t *ret)
{
	return parse_unsigned(get_kind(vi, "LENGTH", name), 10, ret);
}

bool vmcoreinfo_number(const struct vmcoreinfo *vi, const char *name, int64_t *ret)
{
	return parse_signed(get_kind(vi, "NUMBER", name), ret);
}

bool vmcoreinfo_plain(const struct vmcoreinfo *vi, const char *key, uint64_t *ret)
{
	return parse_unsigned(vmcoreinfo_get(vi, key), 10, ret);
}

bool vmcoreinfo_kerneloffset(const struct vmcoreinfo *vi, uint64_t *ret)
{
	return parse_unsigned(vmcoreinfo_get(vi, "KERNELOFFSET"), 16, ret);
}

const char *vmcoreinfo_text(const struct vmcoreinfo *vi, size_t *size_ret)
{
	*size_ret = vi->size;
	return vi->whole;
}

size_t vmcoreinfo_count(const struct vmcoreinfo *vi)
{
	return vi->count;
}

size_t vmcoreinfo_bad_lines(const struct vmcoreinfo *vi)
{
	return vi->bad_lines;
}
