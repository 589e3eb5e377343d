// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmcore/crashdir.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"

static const char host_bytes[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:%-";

void crashdir_stamp(char buf[static CRASHDIR_STAMP_LEN + 1], uint64_t time)
{
	time_t t = time < CRASHDIR_TIME_LAST ? time : CRASHDIR_TIME_LAST;
	struct tm tm = {0};

	gmtime_r(&t, &tm);
	strftime(buf, CRASHDIR_STAMP_LEN + 1, "%Y-%m-%d-%H:%M:%S", &tm);
}

int crashdir_name(char *buf, size_t size, const char *host, uint64_t time, unsigned int nth,
		  struct err *err)
{
	char stamp[CRASHDIR_STAMP_LEN + 1], suffix[16] = "";
	size_t len = strlen(host);
	int n;

	if (!len || host[0] == '.' || host[0] == '-' || strspn(host, host_bytes) != len)
		return err_set(err, ERR_USAGE, "'%.64s': not the name of a host", host);
	crashdir_stamp(stamp, time);
	if (nth)
		snprintf(suffix, sizeof(suffix), ".%u", nth);
	n = snprintf(buf, size, "%s-%s%s", host, stamp, suffix);
	if (nth >= CRASHDIR_NTH_MAX)
		return err_set(err, ERR_LIMIT, "%s-%s: there are %u of that name already", host,
			       stamp, nth);
	if (n >= CRASHDIR_NAME_MAX || (size_t)n >= size)
		return err_set(err, ERR_LIMIT, "%.64s...: the name of the host is too long", host);
	return 0;
}

void crashdir_plain(char *name)
{
	for (; *name; name++) {
		if (*name == ':')
			*name = '-';
	}
}

/* @digits decimal digits at *@s, up to @max; steps over them and the byte @end behind them. */
static bool take_number(const char **s, int digits, char end, int max, int *ret)
{
	int v = 0;

	for (int i = 0; i < digits; i++, ++*s) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (**s - '0');
	}
	if (v > max || **s != end)
		return false;
	if (end)
		++*s;
	*ret = v;
	return true;
}

/* The stamp of CRASHDIR_STAMP_LEN bytes that @s is; a day that the month does not have is none. */
static bool parse_stamp(const char *s, uint64_t *ret)
{
	char colon = s[13] == '-' ? '-' : ':';
	struct tm tm = {0}, same;
	time_t t;

	if (!take_number(&s, 4, '-', 9999, &tm.tm_year) ||
	    !take_number(&s, 2, '-', 12, &tm.tm_mon) || !take_number(&s, 2, '-', 31, &tm.tm_mday) ||
	    !take_number(&s, 2, colon, 23, &tm.tm_hour) ||
	    !take_number(&s, 2, colon, 59, &tm.tm_min) ||
	    !take_number(&s, 2, '\0', 59, &tm.tm_sec) || tm.tm_year < 1970)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	same = tm;
	t = timegm(&tm);
	if (t < 0 || tm.tm_mday != same.tm_mday || tm.tm_mon != same.tm_mon)
		return false;
	*ret = t;
	return true;
}

/* The number behind the last dot, where it stands; @len is then what is left without it. */
static bool parse_nth(const char *name, size_t *len, unsigned int *ret)
{
	const char *dot = strrchr(name, '.');
	size_t digits = dot ? *len - (dot - name) - 1 : 0;
	int v;

	*ret = 0;
	if (!digits || digits > 2)
		return true;
	// As it is written: no zero in front, and not the last part of an address.
	if ((size_t)(dot - name) < CRASHDIR_STAMP_LEN + 2 || dot[1] == '0')
		return false;
	dot++;
	if (!take_number(&dot, digits, '\0', CRASHDIR_NTH_MAX - 1, &v))
		return false;
	*ret = v;
	*len -= digits + 1;
	return true;
}

bool crashdir_parse(const char *name, struct crashdir *ret)
{
	size_t len = strnlen(name, CRASHDIR_NAME_MAX);
	char stamp[CRASHDIR_STAMP_LEN + 1];
	struct crashdir d;

	if (len >= CRASHDIR_NAME_MAX || !parse_nth(name, &len, &d.nth) ||
	    len < CRASHDIR_STAMP_LEN + 2)
		return false;
	d.host_len = len - CRASHDIR_STAMP_LEN - 1;
	if (name[0] == '.' || name[0] == '-' || name[d.host_len] != '-' ||
	    strspn(name, host_bytes) < d.host_len)
		return false;
	memcpy(stamp, name + d.host_len + 1, CRASHDIR_STAMP_LEN);
	stamp[CRASHDIR_STAMP_LEN] = '\0';
	if (!parse_stamp(stamp, &d.time))
		return false;
	*ret = d;
	return true;
}

bool crashdir_is_file(const char *name)
{
	static const char *const names[] = {
		CRASHDIR_PANIC, CRASHDIR_DMESG, CRASHDIR_MINI,	   CRASHDIR_DUMP,
		CRASHDIR_FLAT,	CRASHDIR_TEMP,	CRASHDIR_MANIFEST, CRASHDIR_LOG,
	};
	size_t len = strlen(name), end = strlen(CRASHDIR_INCOMPLETE);

	// What sink_small_create() and a dump in the making are called, for one.
	if (len > end && strcmp(name + len - end, CRASHDIR_INCOMPLETE) == 0)
		len -= end;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strlen(names[i]) == len && strncmp(name, names[i], len) == 0)
			return true;
	}
	return strcmp(name, CRASHDIR_TEMP) == 0;
}
