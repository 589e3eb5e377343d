/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json: writes a JSON text into memory of the caller, one "key": value a line, indented, so
 * that a person and a line tool can read it too. It never allocates; what does not fit sets
 * `overflow` and is left out.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *buf; /* room bytes, always zero-terminated */
	size_t room;
	size_t used;
	unsigned int depth;
	bool first; /* nothing was written yet on this level */
	bool overflow; /* the text is cut: not to be used */
};

/* Starts with an empty text in the @room (> 0) bytes at @buf, borrowed. */
void json_init(struct json *j, char *buf, size_t room);

/* Members. @key is NULL inside an array and for the outermost value. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_string(struct json *j, const char *key, const char *value);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
/* Milliseconds as seconds with three decimals. */
void json_ms(struct json *j, const char *key, uint64_t ms);
/* A 64-bit word as a string of 16 hexadecimal digits: JSON numbers end at 2^53. */
void json_hex64(struct json *j, const char *key, uint64_t value);

/* The members of @object, a text that was made with these functions; of "" there are none. */
void json_members(struct json *j, const char *object);

#endif
