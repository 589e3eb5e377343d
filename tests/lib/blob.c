// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/lib/blob.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

struct compiler {
	const char *p, *end; /* what is left of the text */
	unsigned int line;
	uint8_t *buf; /* the blob so far; the caller of compile() frees it */
	size_t size, room;
	bool has_item; /* there is something that '*' can repeat */
	size_t item; /* where that something begins in buf */
	size_t groups[BLOB_DEPTH_MAX]; /* where each open group begins */
	unsigned int depth;
};

/* One word of the text, up to white space, '(' , ')', '#' or '"'. */
struct word {
	const char *p;
	size_t len;
};

static int room_for(struct compiler *c, uint64_t more, struct err *err)
{
	uint8_t *grown;
	size_t room;

	if (more > BLOB_SIZE_MAX - c->size)
		return err_set(err, ERR_LIMIT, "the blob grows beyond %d bytes", BLOB_SIZE_MAX);
	if (more <= c->room - c->size)
		return 0;
	room = c->size + more + c->room;
	grown = realloc(c->buf, room);
	if (!grown)
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes", room);
	c->buf = grown;
	c->room = room;
	return 0;
}

static int put(struct compiler *c, const void *data, size_t size, struct err *err)
{
	int rc = room_for(c, size, err);

	if (rc)
		return rc;
	if (size)
		memcpy(c->buf + c->size, data, size);
	c->size += size;
	return 0;
}

static int put_zeroes(struct compiler *c, uint64_t size, struct err *err)
{
	int rc = room_for(c, size, err);

	if (rc)
		return rc;
	if (size)
		memset(c->buf + c->size, 0, size);
	c->size += size;
	return 0;
}

static void begin_item(struct compiler *c)
{
	c->item = c->size;
	c->has_item = true;
}

static void skip_space(struct compiler *c)
{
	for (; c->p < c->end; c->p++) {
		if (*c->p == '#')
			while (c->p + 1 < c->end && c->p[1] != '\n')
				c->p++;
		else if (*c->p == '\n')
			c->line++;
		else if (!isspace((unsigned char)*c->p))
			return;
	}
}

static struct word next_word(struct compiler *c)
{
	struct word w = {.p = c->p};

	while (c->p < c->end && !isspace((unsigned char)*c->p) && !strchr("()#\"", *c->p))
		c->p++;
	w.len = c->p - w.p;
	return w;
}

static int hex_digit(char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	if (ch >= 'A' && ch <= 'F')
		return ch - 'A' + 10;
	return -1;
}

/* A number that fits @bits bits, signed or unsigned, as its two's complement. */
static int parse_number(struct word w, unsigned int bits, uint64_t *ret, struct err *err)
{
	uint64_t max = UINT64_MAX >> (64 - bits), v;
	bool negative = w.len && *w.p == '-';
	char text[32], *end;

	if (w.len >= sizeof(text) || !w.len)
		return err_set(err, ERR_CORRUPT, "a number is missing or too long");
	memcpy(text, w.p, w.len);
	text[w.len] = '\0';
	errno = 0;
	// strtoull() would also take blanks and signs.
	if (!isdigit((unsigned char)text[negative]))
		return err_set(err, ERR_CORRUPT, "'%s' is not a number", text);
	v = strtoull(text + negative, &end, strncmp(text + negative, "0x", 2) ? 10 : 16);
	if (*end || errno)
		return err_set(err, ERR_CORRUPT, "'%s' is not a number", text);
	if (v > (negative ? max / 2 + 1 : max))
		return err_set(err, ERR_CORRUPT, "%s does not fit %u bits", text, bits);
	*ret = negative ? -v & max : v;
	return 0;
}

/* The integers of the language. */
static const struct int_word {
	const char *name;
	unsigned int bytes;
	bool big_endian;
} int_words[] = {
	{"u8", 1, false},  {"le16", 2, false}, {"le32", 4, false}, {"le64", 8, false},
	{"be16", 2, true}, {"be32", 4, true},  {"be64", 8, true},
};

static const struct int_word *find_int_word(struct word w)
{
	for (size_t i = 0; i < ARRAY_SIZE(int_words); i++)
		if (w.len == strlen(int_words[i].name) && !memcmp(w.p, int_words[i].name, w.len))
			return &int_words[i];
	return NULL;
}

static int compile_int(struct compiler *c, const struct int_word *kind, struct err *err)
{
	uint8_t bytes[8];
	uint64_t v;
	int rc;

	skip_space(c);
	rc = parse_number(next_word(c), kind->bytes * 8, &v, err);
	if (rc)
		return rc;
	for (unsigned int i = 0; i < kind->bytes; i++)
		bytes[kind->big_endian ? kind->bytes - 1 - i : i] = v >> (8 * i);
	return put(c, bytes, kind->bytes, err);
}

static int compile_hex(struct compiler *c, struct word w, struct err *err)
{
	for (size_t i = 0; i < w.len; i += 2) {
		int high = hex_digit(w.p[i]), low = i + 1 < w.len ? hex_digit(w.p[i + 1]) : -1;
		uint8_t byte;
		int rc;

		if (high < 0 || low < 0)
			return err_set(err, ERR_CORRUPT,
				       "'%.*s' is no word and no pairs of hex digits",
				       (int)(w.len < 40 ? w.len : 40), w.p);
		byte = high << 4 | low;
		rc = put(c, &byte, 1, err);
		if (rc)
			return rc;
	}
	return 0;
}

/* What stands behind a backslash; steps over it. */
static int compile_escape(struct compiler *c, char *ret, struct err *err)
{
	static const char names[] = "nrt0\\\"", values[] = "\n\r\t\0\\\"";
	const char *found;

	if (c->p < c->end && *c->p == 'x') {
		int high = c->end - c->p > 2 ? hex_digit(c->p[1]) : -1;
		int low = high >= 0 ? hex_digit(c->p[2]) : -1;

		if (low < 0)
			return err_set(err, ERR_CORRUPT, "\\x wants two hex digits");
		*ret = high << 4 | low;
		c->p += 3;
		return 0;
	}
	found = c->p < c->end && *c->p ? strchr(names, *c->p) : NULL;
	if (!found)
		return err_set(err, ERR_CORRUPT, "unknown escape in a string");
	*ret = values[found - names];
	c->p++;
	return 0;
}

static int compile_string(struct compiler *c, struct err *err)
{
	c->p++;
	while (c->p < c->end && *c->p != '\n') {
		char ch = *c->p++;
		int rc;

		if (ch == '"')
			return 0;
		if (ch == '\\') {
			rc = compile_escape(c, &ch, err);
			if (rc)
				return rc;
		}
		rc = put(c, &ch, 1, err);
		if (rc)
			return rc;
	}
	return err_set(err, ERR_CORRUPT, "a string does not end on its line");
}

static int compile_repeat(struct compiler *c, uint64_t times, struct err *err)
{
	uint64_t size = c->size - c->item, total;
	int rc;

	if (!c->has_item)
		return err_set(err, ERR_CORRUPT, "'*' with nothing before it to repeat");
	c->has_item = false;
	if (!times || !size) {
		c->size = c->item;
		return 0;
	}
	if (__builtin_mul_overflow(size, times - 1, &total))
		return err_set(err, ERR_LIMIT, "the blob grows beyond %d bytes", BLOB_SIZE_MAX);
	rc = room_for(c, total, err);
	if (rc)
		return rc;
	for (uint64_t i = 1; i < times; i++)
		memcpy(c->buf + c->item + i * size, c->buf + c->item, size);
	c->size += total;
	return 0;
}

static int compile_pad_to(struct compiler *c, uint64_t offset, struct err *err)
{
	if (offset < c->size)
		return err_set(err, ERR_CORRUPT, "@%llu: the blob has %zu bytes already",
			       (unsigned long long)offset, c->size);
	c->has_item = false;
	return put_zeroes(c, offset - c->size, err);
}

static int compile_align(struct compiler *c, uint64_t multiple, struct err *err)
{
	if (!multiple)
		return err_set(err, ERR_CORRUPT, "%%0: there is no multiple of 0");
	c->has_item = false;
	return put_zeroes(c, c->size % multiple ? multiple - c->size % multiple : 0, err);
}

static int compile_bracket(struct compiler *c, struct err *err)
{
	if (*c->p++ == '(') {
		if (c->depth == BLOB_DEPTH_MAX)
			return err_set(err, ERR_LIMIT, "groups more than %d deep", BLOB_DEPTH_MAX);
		c->groups[c->depth++] = c->size;
		c->has_item = false;
		return 0;
	}
	if (!c->depth)
		return err_set(err, ERR_CORRUPT, "')' without '('");
	c->item = c->groups[--c->depth];
	c->has_item = true;
	return 0;
}

static int compile_mark(struct compiler *c, struct word w, struct err *err)
{
	uint64_t n;
	int rc = parse_number((struct word){w.p + 1, w.len - 1}, 63, &n, err);

	if (rc)
		return rc;
	if (w.p[1] == '-')
		return err_set(err, ERR_CORRUPT, "a negative number behind '%c'", *w.p);
	if (*w.p == '*')
		return compile_repeat(c, n, err);
	return *w.p == '@' ? compile_pad_to(c, n, err) : compile_align(c, n, err);
}

static int compile_one(struct compiler *c, struct err *err)
{
	const struct int_word *kind;
	struct word w;

	if (*c->p == '(' || *c->p == ')')
		return compile_bracket(c, err);
	if (*c->p == '"') {
		begin_item(c);
		return compile_string(c, err);
	}
	w = next_word(c);
	if (!w.len)
		return err_set(err, ERR_CORRUPT, "a zero byte in the text");
	if (*w.p == '*' || *w.p == '@' || *w.p == '%')
		return compile_mark(c, w, err);
	begin_item(c);
	kind = find_int_word(w);
	return kind ? compile_int(c, kind, err) : compile_hex(c, w, err);
}

static int compile(struct compiler *c, struct err *err)
{
	for (;;) {
		unsigned int line;
		int rc;

		skip_space(c);
		if (c->p == c->end)
			break;
		line = c->line;
		rc = compile_one(c, err);
		if (rc) {
			err_prepend(err, "line %u", line);
			return rc;
		}
	}
	if (c->depth)
		return err_set(err, ERR_CORRUPT, "line %u: a group is still open", c->line);
	return 0;
}

int blob_compile(const char *text, size_t size, uint8_t **ret, size_t *size_ret, struct err *err)
{
	struct compiler c = {.p = text, .end = text + size, .line = 1};
	uint8_t *exact;
	int rc;

	if (size > BLOB_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "a text of more than %d bytes", BLOB_TEXT_MAX);
	rc = compile(&c, err);
	if (!rc) {
		exact = realloc(c.buf, c.size ? c.size : 1);
		if (exact) {
			*ret = exact;
			*size_ret = c.size;
			return 0;
		}
		rc = err_set(err, ERR_NOMEM, "no memory for %zu bytes", c.size);
	}
	free(c.buf);
	return rc;
}

int blob_load(const char *path, uint8_t **ret, size_t *size_ret, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	size_t size, len = strlen(path);
	int rc = io_read_file(path, BLOB_TEXT_MAX, &text, &size, err);

	if (rc)
		return rc;
	if (len >= 4 && !strcmp(path + len - 4, ".raw")) {
		// Without the zero behind it, for the sanitizer's sake.
		uint8_t *exact = realloc(text, size ? size : 1);

		if (!exact)
			return err_set(err, ERR_NOMEM, "%s: no memory for %zu bytes", path, size);
		STEAL_PTR(text);
		*ret = exact;
		*size_ret = size;
		return 0;
	}
	rc = blob_compile(text, size, ret, size_ret, err);
	if (rc)
		err_prepend(err, "%s", path);
	return rc;
}

/* How the dump is laid out; shorter runs are plain hex bytes. */
enum {
	DUMP_BYTES_PER_LINE = 16,
	DUMP_REPEAT_MIN = 8,
	DUMP_STRING_MIN = 4,
	DUMP_STRING_MAX = 72,
};

static size_t run_of_same(const uint8_t *p, size_t left)
{
	size_t n = 1;

	while (n < left && p[n] == p[0])
		n++;
	return n;
}

static size_t run_of_text(const uint8_t *p, size_t left)
{
	size_t n = 0;

	while (n < left && n < DUMP_STRING_MAX && ((p[n] >= ' ' && p[n] <= '~') || p[n] == '\n'))
		n++;
	return n;
}

static void dump_string(const uint8_t *p, size_t size, FILE *out)
{
	fputc('"', out);
	for (size_t i = 0; i < size; i++) {
		if (p[i] == '\n')
			fputs("\\n", out);
		else if (p[i] == '"' || p[i] == '\\')
			fprintf(out, "\\%c", p[i]);
		else
			fputc(p[i], out);
	}
	fputs("\"\n", out);
}

void blob_dump(const uint8_t *data, size_t size, FILE *out)
{
	unsigned int column = 0;

	for (size_t pos = 0; pos < size;) {
		size_t same = run_of_same(data + pos, size - pos);
		size_t text = run_of_text(data + pos, size - pos);
		bool plain = same < DUMP_REPEAT_MIN && text < DUMP_STRING_MIN;

		if (column && (!plain || column == DUMP_BYTES_PER_LINE)) {
			fputc('\n', out);
			column = 0;
		}
		if (same >= DUMP_REPEAT_MIN) {
			fprintf(out, "%02x *%zu\n", data[pos], same);
			pos += same;
		} else if (!plain) {
			dump_string(data + pos, text, out);
			pos += text;
		} else {
			fprintf(out, "%s%02x", column++ ? " " : "", data[pos++]);
		}
	}
	if (column)
		fputc('\n', out);
}
