// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/remote.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/err.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

enum {
	PORT_MAX = 65535,
};

static const char user_letters[] = LETTERS "._-";
static const char name_letters[] = LETTERS "._-";
static const char address_letters[] = "0123456789abcdefABCDEF:.";

/* Copies @len bytes, all of them in @letters; false if they are not, or too many or none. */
static bool take(char *ret, size_t room, const char *s, size_t len, const char *letters)
{
	if (!len || len >= room || s[0] == '-')
		return false;
	memcpy(ret, s, len);
	ret[len] = '\0';
	return strspn(ret, letters) == len;
}

/* An address of IPv6, with or without "%link". */
static bool take_address(struct remote *r, const char *s, size_t len)
{
	const char *percent = memchr(s, '%', len);
	size_t bare = percent ? (size_t)(percent - s) : len;
	char link[REMOTE_HOST_MAX];

	if (len >= sizeof(r->host) || !take(r->host, sizeof(r->host), s, bare, address_letters))
		return false;
	if (percent && !take(link, sizeof(link), percent + 1, len - bare - 1, name_letters))
		return false;
	memcpy(r->host, s, len);
	r->host[len] = '\0';
	return true;
}

static bool take_port(struct remote *r, const char *s)
{
	unsigned int port = 0;

	if (!*s || strlen(s) > 5 || s[strspn(s, "0123456789")])
		return false;
	for (; *s; s++)
		port = port * 10 + (*s - '0');
	r->port = port;
	return port && port <= PORT_MAX;
}

/* Host and, where @ret_rest is what comes behind it, a colon and more. */
static bool take_host(struct remote *r, const char *s, const char **ret_rest)
{
	const char *colon = strchr(s, ':');
	const char *end;

	*ret_rest = NULL;
	if (s[0] == '[') {
		end = strchr(s, ']');
		if (!end || !take_address(r, s + 1, end - s - 1))
			return false;
		if (end[1] == ':')
			*ret_rest = end + 2;
		return *ret_rest || !end[1];
	}
	// Two colons: an address of IPv6, which has no port without brackets.
	if (colon && strchr(colon + 1, ':') && colon[1] != '/')
		return take_address(r, s, strlen(s));
	if (colon)
		*ret_rest = colon + 1;
	return take(r->host, sizeof(r->host), s, colon ? (size_t)(colon - s) : strlen(s),
		    name_letters);
}

int remote_parse_ssh(struct remote *r, const char *text, struct err *err)
{
	const char *at = strchr(text, '@');
	const char *port;

	*r = (struct remote){0};
	if (at && take(r->user, sizeof(r->user), text, at - text, user_letters) &&
	    take_host(r, at + 1, &port) && (!port || take_port(r, port)))
		return 0;
	return err_set(err, ERR_USAGE, "expected user@host or user@host:port, found '%.64s'", text);
}

int remote_parse_nfs(struct remote *r, const char *text, struct err *err)
{
	const char *path;

	*r = (struct remote){0};
	if (take_host(r, text, &path) && path && path[0] == '/' && strlen(path) < sizeof(r->path)) {
		memcpy(r->path, path, strlen(path) + 1);
		return 0;
	}
	return err_set(err, ERR_USAGE, "expected host:/export, found '%.64s'", text);
}
