// SPDX-License-Identifier: GPL-2.0-or-later
/* fence_kdump_args: the words that fence_kdump_send(8) takes, hosts apart. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/number.h"
#include "vmcore/config_priv.h"

enum {
	PORT_MAX = 65535,
};

static bool take_family(const char *word, unsigned int *ret)
{
	if (strcmp(word, "ipv4") == 0)
		*ret = 4;
	else if (strcmp(word, "ipv6") == 0)
		*ret = 6;
	else if (strcmp(word, "auto") == 0)
		*ret = 0;
	else
		return false;
	return true;
}

/* An option, and its value where it has one. */
static bool take_option(struct config_fence *f, const char *option, const char *value)
{
	switch (option[1]) {
	case 'p':
		return number_read(value, PORT_MAX, &f->port) && f->port;
	case 'i':
		return number_read(value, CONFIG_WAIT_MAX, &f->interval) && f->interval;
	case 'c':
		return number_read(value, CONFIG_COUNT_MAX, &f->count);
	case 'f':
		return take_family(value, &f->family);
	}
	return false;
}

int config_take_fence(struct config_reader *p, const char *value, struct err *err)
{
	struct config_fence f = {.port = CONFIG_FENCE_PORT, .interval = CONFIG_FENCE_INTERVAL};
	char line[CONFIG_VALUE_MAX], *save;

	snprintf(line, sizeof(line), "%s", value);
	for (char *word = strtok_r(line, " \t\r\v\f", &save); word;
	     word = strtok_r(NULL, " \t\r\v\f", &save)) {
		const char *next;

		// Says more on its way; there is a log.
		if (strcmp(word, "-v") == 0)
			continue;
		next = word[0] == '-' && word[1] && word[2] ? word + 2
							    : strtok_r(NULL, " \t\r\v\f", &save);
		if (word[0] != '-' || !next || !take_option(&f, word, next))
			return config_wrong(
				p, p->line, err,
				"fence_kdump_args: expected -p PORT, -f auto|ipv4|ipv6, "
				"-c COUNT, -i SECONDS or -v, found '%.64s'",
				word);
	}
	p->c->fence = f;
	return 0;
}

void config_fence_text(const struct config_fence *f, char *buf, size_t room)
{
	snprintf(buf, room, "-p %u -f %s -c %u -i %u", f->port,
		 f->family == 4	  ? "ipv4"
		 : f->family == 6 ? "ipv6"
				  : "auto",
		 f->count, f->interval);
}
