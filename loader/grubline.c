// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/grubline.h"

#include <stddef.h>
#include <string.h>

#define NAME  "GRUB_CMDLINE_LINUX"
#define USUAL "_DEFAULT"

static bool is_name(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Where a comment begins, or @stop; and what stays open behind the line. */
static const char *end_of_code(const char *line, const char *stop, char *open)
{
	char quote = *open == '\\' ? 0 : *open;
	const char *p = line;

	*open = 0;
	for (; p < stop; p++) {
		if (*p == '\\' && quote != '\'') {
			if (++p == stop) {
				*open = quote ? quote : '\\';
				return stop;
			}
		} else if (quote) {
			quote = *p == quote ? 0 : quote;
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '#' && (p == line || is_blank(p[-1]))) {
			return p;
		}
	}
	*open = quote;
	return p;
}

/* The length of one of the two names at @p, 0: it is another. */
static size_t name_len(const char *p, const char *end)
{
	size_t len = sizeof(NAME) - 1;

	if ((size_t)(end - p) < len || memcmp(p, NAME, len) != 0)
		return 0;
	if ((size_t)(end - p) - len >= sizeof(USUAL) - 1 &&
	    memcmp(p + len, USUAL, sizeof(USUAL) - 1) == 0)
		len += sizeof(USUAL) - 1;
	return p + len < end && is_name(p[len]) ? 0 : len;
}

/*
 * It asks for a reservation, or does something to one of the variables but to read it. What the Xen
 * hypervisor is to reserve is its own matter.
 */
static bool concerns(const char *line, const char *end)
{
	static const char word[] = "crashkernel=", xen[] = "GRUB_CMDLINE_XEN";
	bool hypervisor = (size_t)(end - line) > sizeof(xen) &&
			  memcmp(line, xen, sizeof(xen) - 1) == 0;

	if (!hypervisor && memmem(line, end - line, word, sizeof(word) - 1))
		return true;
	for (const char *p = line; p < end; p++)
		if ((p == line || !(is_name(p[-1]) || p[-1] == '$' || p[-1] == '{')) &&
		    name_len(p, end))
			return true;
	return false;
}

/* Behind "$NAME" or "${NAME}" at @p; NULL: what begins there is more. */
static const char *skip_variable(const char *p, const char *stop)
{
	bool brace = ++p < stop && *p == '{';
	const char *from = p += brace;

	while (p < stop && is_name(*p))
		p++;
	if (p == from || (brace && (p == stop || *p != '}')))
		return NULL;
	return p + brace;
}

/* The closing quote of the value that begins at @p; NULL: there is none, or too much between. */
static const char *closing(const char *p, const char *stop, char quote)
{
	while (p && p < stop && *p != quote) {
		if (quote == '\'')
			p++;
		else if (*p == '`')
			return NULL;
		else if (*p == '$')
			p = skip_variable(p, stop);
		else
			p += *p == '\\' ? 2 : 1;
	}
	return p && p < stop ? p : NULL;
}

/* The end of a value without quotes; NULL: it is more than letters and variables. */
static const char *bare_end(const char *p, const char *stop)
{
	while (p && p < stop && !is_blank(*p)) {
		if (strchr("\"'`\\;&|<>()*?[~\r", *p))
			return NULL;
		p = *p == '$' ? skip_variable(p, stop) : p + 1;
	}
	return p;
}

static bool only_comment(const char *p, const char *stop)
{
	const char *from = p;

	while (p < stop && is_blank(*p))
		p++;
	return p == stop || (*p == '#' && p > from);
}

static bool read_plain(const char *line, const char *stop, struct grubline *ret)
{
	size_t len = name_len(line, stop);
	const char *p = line + len, *behind;

	if (!len || p == stop || *p++ != '=')
		return false;
	ret->usual = len > sizeof(NAME) - 1;
	ret->bare = p == stop || (*p != '"' && *p != '\'');
	ret->from = p + !ret->bare;
	ret->end = ret->bare ? bare_end(p, stop) : closing(p + 1, stop, *p);
	if (!ret->end)
		return false;
	behind = ret->end + !ret->bare;
	return only_comment(behind, stop);
}

enum grubline_kind grubline_read(const char *line, const char *stop, char *open,
				 struct grubline *ret)
{
	bool inside = *open;
	const char *end = end_of_code(line, stop, open);

	if (!concerns(line, end))
		return GRUBLINE_OTHER;
	if (inside || *open || !read_plain(line, stop, ret))
		return GRUBLINE_STRANGE;
	return GRUBLINE_PLAIN;
}
