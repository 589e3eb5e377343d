// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/wire.h"

#include <ctype.h>
#include <string.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/err.h"

enum {
	DIGESTED = 32, // bytes of the header before its digest
};

/* What may be in a frame of a type. */
struct rule {
	const char *name; // NULL: there is none
	uint32_t min, max; // bytes of payload
	uint16_t flags;
	bool has_offset;
};

static const struct rule rules[] = {
	[WIRE_OPEN] = {"open", 1, WIRE_NAME_MAX, WIRE_F_REPLACE, true},
	[WIRE_CHUNK] = {"chunk", 1, WIRE_PAYLOAD_MAX, WIRE_F_STREAM, true},
	[WIRE_SIZE] = {"size", 0, 0, 0, true},
	[WIRE_RESERVE] = {"reserve", 8, 8, 0, true},
	[WIRE_SYNC] = {"sync", 0, 0, 0, false},
	[WIRE_COMMIT] = {"commit", WIRE_COMMIT_SIZE, WIRE_COMMIT_SIZE, 0, true},
	[WIRE_KEEP] = {"keep", 0, 0, 0, false},
	[WIRE_ABANDON] = {"abandon", 0, 0, WIRE_F_WHOLE, false},
	[WIRE_HELLO] = {"hello", WIRE_HELLO_MIN, WIRE_HELLO_MAX, WIRE_F_RESUME, false},
	[WIRE_READ] = {"read", 4, 4, 0, true},
	[WIRE_SPACE] = {"space", 0, 0, 0, false},
	[WIRE_BYE] = {"bye", 0, 0, 0, false},
	[WIRE_WELCOME] = {"welcome", WIRE_WELCOME_SIZE, WIRE_WELCOME_SIZE, WIRE_F_RESUME, false},
	[WIRE_ACK] = {"ack", 0, 0, 0, true},
	[WIRE_DATA] = {"data", 1, WIRE_READ_MAX, 0, true},
	[WIRE_ROOM] = {"room", 0, 0, 0, true},
	[WIRE_ERROR] = {"error", WIRE_ERROR_MIN, WIRE_ERROR_MAX, WIRE_F_FATAL, true},
	[WIRE_BUSY] = {"busy", 0, 0, 0, false},
};

static const struct rule *rule_of(uint16_t type)
{
	return type < ARRAY_SIZE(rules) && rules[type].name ? &rules[type] : NULL;
}

const char *wire_name(uint16_t type)
{
	const struct rule *r = rule_of(type);

	return r ? r->name : "frame";
}

bool wire_counted(uint16_t type)
{
	return type >= WIRE_OPEN && type <= WIRE_LAST_COUNTED;
}

static uint64_t digest(const uint8_t *header, const void *payload, size_t size)
{
	return XXH64(payload, size, XXH64(header, DIGESTED, 0));
}

uint64_t wire_chain(uint64_t chain, uint64_t digest)
{
	uint8_t bytes[8];

	store_le64(bytes, digest);
	return XXH64(bytes, sizeof(bytes), chain);
}

void wire_seal(struct wire_frame *f, const void *payload, uint8_t header[static WIRE_HEADER])
{
	store_le32(header, WIRE_MAGIC);
	store_le16(header + 4, f->type);
	store_le16(header + 6, f->flags);
	store_le32(header + 8, f->size);
	store_le32(header + 12, 0);
	store_le64(header + 16, f->seq);
	store_le64(header + 24, f->offset);
	f->digest = digest(header, payload, f->size);
	store_le64(header + 32, f->digest);
}

/* What a client may not say of a file that ends at WIRE_FILE_MAX. */
static int check_offset(const struct wire_frame *f, struct err *err)
{
	uint64_t room = f->offset <= WIRE_FILE_MAX ? WIRE_FILE_MAX - f->offset : 0;

	if (f->offset <= WIRE_FILE_MAX && (f->type != WIRE_CHUNK || f->size <= room))
		return 0;
	return err_set(err, ERR_LIMIT, "%s: %u bytes at offset %llu: a file ends at %llu",
		       wire_name(f->type), f->size, (unsigned long long)f->offset, WIRE_FILE_MAX);
}

int wire_header(const uint8_t header[static WIRE_HEADER], bool from_client, struct wire_frame *ret,
		struct err *err)
{
	struct wire_frame f = {
		.type = load_le16(header + 4),
		.flags = load_le16(header + 6),
		.size = load_le32(header + 8),
		.seq = load_le64(header + 16),
		.offset = load_le64(header + 24),
		.digest = load_le64(header + 32),
	};
	const struct rule *r = rule_of(f.type);

	if (load_le32(header) != WIRE_MAGIC || load_le32(header + 12))
		return err_set(err, ERR_CORRUPT, "no frame begins with %08x", load_le32(header));
	if (!r || (f.type < WIRE_WELCOME) != from_client)
		return err_set(err, ERR_UNSUPPORTED, "a frame of type %u may not come here",
			       f.type);
	if (f.size < r->min || f.size > r->max)
		return err_set(err, ERR_LIMIT, "%s: %u bytes, not %u to %u", r->name, f.size,
			       r->min, r->max);
	if (f.flags & ~r->flags)
		return err_set(err, ERR_CORRUPT, "%s: flags 0x%x", r->name, f.flags);
	if (f.offset && !r->has_offset)
		return err_set(err, ERR_CORRUPT, "%s: it has no offset", r->name);
	if (from_client && wire_counted(f.type) != (f.seq != 0))
		return err_set(err, ERR_CORRUPT, "%s: number %llu", r->name,
			       (unsigned long long)f.seq);
	if (from_client) {
		int rc = check_offset(&f, err);

		if (rc)
			return rc;
	}
	*ret = f;
	return 0;
}

int wire_check(const struct wire_frame *f, const uint8_t header[static WIRE_HEADER],
	       const void *payload, struct err *err)
{
	uint64_t is = digest(header, payload, f->size);

	if (is == f->digest)
		return 0;
	return err_set(err, ERR_CORRUPT, "%s %llu: digest %016llx, not %016llx", wire_name(f->type),
		       (unsigned long long)f->seq, (unsigned long long)is,
		       (unsigned long long)f->digest);
}

size_t wire_put_hello(const struct wire_hello *h, uint8_t buf[static WIRE_HELLO_MAX])
{
	size_t len = strnlen(h->name, WIRE_NAME_MAX);

	store_le32(buf, h->version);
	store_le32(buf + 4, h->capabilities);
	store_le64(buf + 8, h->room);
	memcpy(buf + 16, h->id, WIRE_ID);
	memcpy(buf + 16 + WIRE_ID, h->name, len);
	return 16 + WIRE_ID + len;
}

int wire_get_hello(const uint8_t *payload, size_t size, struct wire_hello *ret, struct err *err)
{
	struct cursor c = cursor_init(payload, size, 0);
	struct wire_hello h;
	const uint8_t *id, *name;
	size_t len;
	int rc;

	rc = cursor_u32(&c, &h.version, err);
	if (!rc)
		rc = cursor_u32(&c, &h.capabilities, err);
	if (!rc)
		rc = cursor_u64(&c, &h.room, err);
	if (!rc)
		rc = cursor_bytes(&c, WIRE_ID, &id, err);
	if (rc)
		return rc;
	memcpy(h.id, id, WIRE_ID);
	len = cursor_left(&c);
	rc = cursor_bytes(&c, len, &name, err);
	if (!rc)
		rc = wire_get_name(name, len, h.name, err);
	if (!rc)
		*ret = h;
	return rc;
}

size_t wire_put_welcome(const struct wire_welcome *w, uint8_t buf[static WIRE_WELCOME_SIZE])
{
	store_le32(buf, w->version);
	store_le32(buf + 4, w->capabilities);
	store_le64(buf + 8, w->seq);
	store_le64(buf + 16, w->room);
	store_le64(buf + 24, w->refusal.seq);
	store_le64(buf + 32, w->refusal.bad);
	store_le32(buf + 40, w->refusal.code);
	store_le32(buf + 44, 0);
	return WIRE_WELCOME_SIZE;
}

void wire_get_welcome(const uint8_t payload[static WIRE_WELCOME_SIZE], struct wire_welcome *ret)
{
	*ret = (struct wire_welcome){
		.version = load_le32(payload),
		.capabilities = load_le32(payload + 4),
		.seq = load_le64(payload + 8),
		.room = load_le64(payload + 16),
		.refusal = {.seq = load_le64(payload + 24),
			    .bad = load_le64(payload + 32),
			    .code = load_le32(payload + 40)},
	};
}

size_t wire_put_commit(const struct wire_commit *c, uint8_t buf[static WIRE_COMMIT_SIZE])
{
	store_le64(buf, c->chain);
	store_le64(buf + 8, c->start);
	store_le64(buf + 16, c->size);
	store_le64(buf + 24, c->digest);
	return WIRE_COMMIT_SIZE;
}

void wire_get_commit(const uint8_t payload[static WIRE_COMMIT_SIZE], struct wire_commit *ret)
{
	*ret = (struct wire_commit){
		.chain = load_le64(payload),
		.start = load_le64(payload + 8),
		.size = load_le64(payload + 16),
		.digest = load_le64(payload + 24),
	};
}

size_t wire_put_error(enum wire_code code, const char *text, uint8_t buf[static WIRE_ERROR_MAX])
{
	size_t len = strnlen(text, WIRE_TEXT_MAX);

	store_le32(buf, code);
	memcpy(buf + WIRE_ERROR_MIN, text, len);
	return WIRE_ERROR_MIN + len;
}

void wire_get_error(const uint8_t *payload, size_t size, uint32_t *code,
		    char text[static WIRE_TEXT_MAX + 1])
{
	size_t len = size - WIRE_ERROR_MIN;

	*code = load_le32(payload);
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = payload[WIRE_ERROR_MIN + i];

		text[i] = isprint(byte) ? (char)byte : '?';
	}
	text[len] = '\0';
}

int wire_code_err(uint32_t code)
{
	switch (code) {
	case WIRE_E_VERSION:
		return ERR_UNSUPPORTED;
	case WIRE_E_NAME:
	case WIRE_E_EXISTS:
		return ERR_USAGE;
	case WIRE_E_BUSY:
		return ERR_STOPPED;
	case WIRE_E_LOST:
		return ERR_NOTFOUND;
	case WIRE_E_SPACE:
		return ERR_NOSPC;
	case WIRE_E_PROTOCOL:
	case WIRE_E_DIGEST:
		return ERR_CORRUPT;
	default:
		return ERR_SYS;
	}
}

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

int wire_get_name(const void *name, size_t size, char ret[static WIRE_NAME_MAX + 1],
		  struct err *err)
{
	const uint8_t *from = name;

	if (!size || size > WIRE_NAME_MAX)
		return err_set(err, ERR_USAGE, "a name of %zu bytes: 1 to %d are allowed", size,
			       WIRE_NAME_MAX);
	for (size_t i = 0; i < size; i++)
		if (!is_letter(from[i]) && (!i || !from[i] || !strchr("._:+-", from[i])))
			return err_set(err, ERR_USAGE,
				       "a name with the character 0x%02x at %zu: letters, digits "
				       "and ._:+- are allowed, the first a letter or a digit",
				       from[i], i);
	memcpy(ret, from, size);
	ret[size] = '\0';
	return 0;
}
