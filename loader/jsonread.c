// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/jsonread.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

enum {
	MEMBER_MAX = 64, /* bytes of the name of one, its zero included */
};

int jsonread_parse(const char *name, const char *text, size_t size, struct json_object **ret,
		   struct err *err)
{
	struct json_tokener *tok;
	struct json_object *o;
	enum json_tokener_error why;

	if (size > JSONREAD_SIZE_MAX)
		return err_set(err, ERR_LIMIT, "%s: longer than %d bytes", name, JSONREAD_SIZE_MAX);
	tok = json_tokener_new_ex(JSONREAD_DEPTH_MAX);
	if (!tok)
		return err_set(err, ERR_NOMEM, "%s: no memory", name);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, text, size);
	why = json_tokener_get_error(tok);
	json_tokener_free(tok);
	if (o && json_object_is_type(o, json_type_object)) {
		*ret = o;
		return 0;
	}
	json_object_put(o);
	if (why == json_tokener_continue)
		return err_set(err, ERR_CORRUPT, "%s: ends too early", name);
	return err_set(err, ERR_CORRUPT, "%s: is not a JSON object%s%s", name, why ? ": " : "",
		       why ? json_tokener_error_desc(why) : "");
}

int jsonread_file(int at, const char *name, struct json_object **ret, struct err *err)
{
	CLEANUP_CLOSE int fd = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_FREE char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? err_set(err, ERR_NOTFOUND, "%s: is not there", name)
				       : err_sys(err, "%s", name);
	if (fstat(fd, &st))
		return err_sys(err, "%s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CORRUPT, "%s: is not a file", name);
	text = malloc(JSONREAD_SIZE_MAX + 1);
	if (!text)
		return err_set(err, ERR_NOMEM, "%s: no memory", name);
	n = io_read(fd, text, JSONREAD_SIZE_MAX + 1, err);
	if (n < 0) {
		err_prepend(err, "%s", name);
		return n;
	}
	return jsonread_parse(name, text, n, ret, err);
}

void jsonread_free(struct json_object *o)
{
	json_object_put(o);
}

static struct json_object *find(struct json_object *o, const char *path)
{
	while (o && *path) {
		size_t len = strcspn(path, ".");
		char member[MEMBER_MAX];

		if (len >= sizeof(member) || !json_object_is_type(o, json_type_object))
			return NULL;
		memcpy(member, path, len);
		member[len] = '\0';
		if (!json_object_object_get_ex(o, member, &o))
			return NULL;
		path += len + (path[len] == '.');
	}
	return o;
}

static bool text_of(struct json_object *o, char *buf, size_t size)
{
	buf[0] = '\0';
	if (!json_object_is_type(o, json_type_string))
		return false;
	snprintf(buf, size, "%s", json_object_get_string(o));
	for (char *p = buf; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	}
	return true;
}

bool jsonread_string(struct json_object *o, const char *path, char *buf, size_t size)
{
	return text_of(find(o, path), buf, size);
}

bool jsonread_u64(struct json_object *o, const char *path, uint64_t *ret)
{
	struct json_object *v = find(o, path);

	*ret = 0;
	if (!json_object_is_type(v, json_type_int) || json_object_get_int64(v) < 0)
		return false;
	*ret = json_object_get_uint64(v);
	return true;
}

bool jsonread_double(struct json_object *o, const char *path, double *ret)
{
	struct json_object *v = find(o, path);

	*ret = json_object_is_type(v, json_type_double) || json_object_is_type(v, json_type_int)
		       ? json_object_get_double(v)
		       : 0;
	return v != NULL;
}

bool jsonread_bool(struct json_object *o, const char *path, bool *ret)
{
	struct json_object *v = find(o, path);

	*ret = json_object_is_type(v, json_type_boolean) && json_object_get_boolean(v);
	return json_object_is_type(v, json_type_boolean);
}

size_t jsonread_count(struct json_object *o, const char *path)
{
	struct json_object *v = find(o, path);

	return json_object_is_type(v, json_type_array) ? json_object_array_length(v) : 0;
}

bool jsonread_string_at(struct json_object *o, const char *path, size_t i, char *buf, size_t size)
{
	buf[0] = '\0';
	return i < jsonread_count(o, path) &&
	       text_of(json_object_array_get_idx(find(o, path), i), buf, size);
}

struct json_object *jsonread_object_at(struct json_object *o, const char *path, size_t i)
{
	struct json_object *v = NULL;

	if (i < jsonread_count(o, path))
		v = json_object_array_get_idx(find(o, path), i);
	return json_object_is_type(v, json_type_object) ? v : NULL;
}
