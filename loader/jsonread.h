/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jsonread: reads back the JSON files that both programs write (base/json.h). They lie where
 * anybody may have written, so that nothing in them is believed: a file has a limit, so has its
 * depth, and a member that is not there or of another kind is simply not there.
 */
#ifndef LOADER_JSONREAD_H
#define LOADER_JSONREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct json_object; /* of json-c */

enum {
	JSONREAD_SIZE_MAX = 128 << 10, /* bytes of text */
	JSONREAD_DEPTH_MAX = 16,
};

/* The object in the @size bytes at @text, called @name in messages, to be freed with
 * jsonread_free(). ERR_CORRUPT when it is not one, ERR_LIMIT. */
int jsonread_parse(const char *name, const char *text, size_t size, struct json_object **ret,
		   struct err *err);

/* The same of a file, which is not followed if it is a link, nor waited for if it is a pipe. */
int jsonread_file(int at, const char *name, struct json_object **ret, struct err *err);

void jsonread_free(struct json_object *o); /* takes NULL */

/*
 * The member that @path names, "status" or "crash.time". The string is cut to fit and has no
 * control characters, for it will be printed; false, and "", 0 or false, where there is none of that kind.
 */
bool jsonread_string(struct json_object *o, const char *path, char *buf, size_t size);
bool jsonread_u64(struct json_object *o, const char *path, uint64_t *ret);
bool jsonread_double(struct json_object *o, const char *path, double *ret);
bool jsonread_bool(struct json_object *o, const char *path, bool *ret);

/* How many elements the array @path has, 0 for what is none; and one of them as a string, or a
 * borrowed object, NULL where it is none. */
size_t jsonread_count(struct json_object *o, const char *path);
bool jsonread_string_at(struct json_object *o, const char *path, size_t i, char *buf, size_t size);
struct json_object *jsonread_object_at(struct json_object *o, const char *path, size_t i);

#endif
