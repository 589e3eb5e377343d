// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void json_init(struct json *j, char *buf, size_t room)
{
	*j = (struct json){.buf = buf, .room = room, .first = true};
	buf[0] = '\0';
}

static void put(struct json *j, const char *text, size_t len)
{
	if (j->overflow || len >= j->room - j->used) {
		j->overflow = true;
		return;
	}
	memcpy(j->buf + j->used, text, len);
	j->used += len;
	j->buf[j->used] = '\0';
}

static void put_str(struct json *j, const char *text)
{
	put(j, text, strlen(text));
}

static void put_quoted(struct json *j, const char *s)
{
	put(j, "\"", 1);
	for (; *s; s++) {
		unsigned char c = *s;
		char esc[8];

		if (c == '"' || c == '\\')
			snprintf(esc, sizeof(esc), "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			// Bytes of the dead kernel are no UTF-8: as Latin-1, which every reader takes.
			snprintf(esc, sizeof(esc), "\\u%04x", c);
		else
			snprintf(esc, sizeof(esc), "%c", c);
		put_str(j, esc);
	}
	put(j, "\"", 1);
}

static void new_line(struct json *j)
{
	put(j, "\n", 1);
	for (unsigned int i = 0; i < j->depth; i++)
		put(j, "\t", 1);
}

static void start_value(struct json *j, const char *key)
{
	if (!j->first)
		put(j, ",", 1);
	if (j->depth)
		new_line(j);
	j->first = false;
	if (key) {
		put_quoted(j, key);
		put_str(j, ": ");
	}
}

static void open_level(struct json *j, const char *key, const char *bracket)
{
	start_value(j, key);
	put_str(j, bracket);
	j->depth++;
	j->first = true;
}

static void close_level(struct json *j, const char *bracket)
{
	bool empty = j->first;

	j->depth--;
	if (!empty)
		new_line(j);
	put_str(j, bracket);
	j->first = false;
	if (j->depth == 0)
		put(j, "\n", 1);
}

void json_object(struct json *j, const char *key)
{
	open_level(j, key, "{");
}

void json_object_end(struct json *j)
{
	close_level(j, "}");
}

void json_array(struct json *j, const char *key)
{
	open_level(j, key, "[");
}

void json_array_end(struct json *j)
{
	close_level(j, "]");
}

void json_string(struct json *j, const char *key, const char *value)
{
	start_value(j, key);
	put_quoted(j, value);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	start_value(j, key);
	put_str(j, text);
}

void json_bool(struct json *j, const char *key, bool value)
{
	start_value(j, key);
	put_str(j, value ? "true" : "false");
}

void json_ms(struct json *j, const char *key, uint64_t ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%03u", ms / 1000, (unsigned int)(ms % 1000));
	start_value(j, key);
	put_str(j, text);
}

void json_hex64(struct json *j, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%016" PRIx64, value);
	json_string(j, key, text);
}

void json_members(struct json *j, const char *object)
{
	const char *end = strrchr(object, '}');

	if (!end)
		return;
	while (end > object + 1 && (end[-1] == '\n' || end[-1] == '\t'))
		end--;
	object++;
	if (object == end)
		return;
	if (!j->first)
		put(j, ",", 1);
	put(j, object, end - object);
	j->first = false;
}
