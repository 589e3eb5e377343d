// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/netdrift.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "loader/initrd.h"
#include "loader/netplan.h"
#include "vmcore/config.h"
#include "vmcore/netconf.h"

/* Without the slash that names in an initrd do not begin with. */
#define DESCRIPTION (&NETCONF_FILE[1])

enum {
	LINES_MAX = NETCONF_TEXT_MAX / 8,
	SHOWN_MAX = 200, /* of a line */
};

/* Two descriptions, too much for a stack. */
struct pair {
	struct netconf then, now;
};

/* A description as lines. */
struct lines {
	char text[NETCONF_TEXT_MAX];
	const char *rows[LINES_MAX];
	size_t n;
};

/* ---- what does not count ---- */

static bool is_asked_for(enum netconf_source source)
{
	return source == NETCONF_DHCP || source == NETCONF_AUTO6;
}

static void drop_asked_for(struct netconf *n)
{
	size_t naddresses = 0, nroutes = 0;

	for (size_t i = 0; i < n->naddresses; i++)
		if (!is_asked_for(n->addresses[i].source))
			n->addresses[naddresses++] = n->addresses[i];
	for (size_t i = 0; i < n->nroutes; i++)
		if (!is_asked_for(n->routes[i].source))
			n->routes[nroutes++] = n->routes[i];
	n->naddresses = naddresses;
	n->nroutes = nroutes;
	for (size_t i = 0; i < n->nlinks; i++) {
		if (n->links[i].dhcp) {
			n->nservers = 0;
			n->search[0] = '\0';
		}
		// For the reader only; drivers are looked for by the path.
		n->links[i].driver[0] = '\0';
	}
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct netconf_ip));
}

/* A name server answers in an order that it changes. */
static void sort_hosts(struct netconf *n)
{
	for (size_t i = 0; i < n->nhosts; i++)
		qsort(n->hosts[i].ips, n->hosts[i].nips, sizeof(n->hosts[i].ips[0]), by_bytes);
}

static bool same_card(const struct netconf_link *a, const struct netconf_link *b)
{
	return a->kind == NETCONF_NIC && b->kind == NETCONF_NIC && a->has_mac && b->has_mac &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

/* In the capture kernel a card is known by its address, and its name is a label. */
static void take_names(struct netconf *now, const struct netconf *then)
{
	for (size_t i = 0; i < now->nlinks; i++)
		for (size_t k = 0; k < then->nlinks; k++)
			if (same_card(&now->links[i], &then->links[k]))
				memcpy(now->links[i].name, then->links[k].name,
				       sizeof(now->links[i].name));
}

/* ---- what does ---- */

static int split(struct lines *l, const struct netconf *n, struct err *err)
{
	char *save = NULL;
	int rc = netconf_print(n, l->text, sizeof(l->text), err);

	for (char *p = rc ? NULL : strtok_r(l->text, "\n", &save); p && l->n < LINES_MAX;
	     p = strtok_r(NULL, "\n", &save))
		l->rows[l->n++] = p;
	return rc;
}

static bool has_line(const struct lines *l, const char *line)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->rows[i], line) == 0)
			return true;
	return false;
}

/* Bytes of the first @words words. */
static size_t head_of(const char *line, int words)
{
	size_t len = 0;

	for (int i = 0; i < words && line[len]; i++) {
		len += line[len] == ' ';
		len += strcspn(line + len, " ");
	}
	return len;
}

/* The line of @b that stands for @line there: of the same thing by name, else of the same kind. */
static const char *counterpart(const struct lines *a, const struct lines *b, const char *line)
{
	for (int words = 2; words; words--) {
		size_t len = head_of(line, words);

		for (size_t i = 0; i < b->n; i++)
			if (head_of(b->rows[i], words) == len &&
			    strncmp(b->rows[i], line, len) == 0 && !has_line(a, b->rows[i]))
				return b->rows[i];
	}
	return NULL;
}

static bool tell_first(const struct lines *then, const struct lines *now, char *text)
{
	for (size_t i = 0; i < then->n; i++) {
		const char *line = then->rows[i], *other;

		if (has_line(now, line))
			continue;
		other = counterpart(then, now, line);
		snprintf(text, NETDRIFT_TEXT_MAX, "the initrd has '%.*s', and %s%.*s%s", SHOWN_MAX,
			 line, other ? "the network now '" : "the network now has nothing like it",
			 SHOWN_MAX, other ? other : "", other ? "'" : "");
		return true;
	}
	for (size_t i = 0; i < now->n; i++) {
		if (has_line(then, now->rows[i]))
			continue;
		snprintf(text, NETDRIFT_TEXT_MAX,
			 "the network now has '%.*s', and the initrd nothing like it", SHOWN_MAX,
			 now->rows[i]);
		return true;
	}
	return false;
}

bool netdrift_differs(struct netconf *then, struct netconf *now,
		      char text[static NETDRIFT_TEXT_MAX])
{
	CLEANUP_FREE struct lines *a = calloc(1, sizeof(*a)), *b = calloc(1, sizeof(*b));
	struct err why = {0};

	text[0] = '\0';
	take_names(now, then);
	drop_asked_for(then);
	drop_asked_for(now);
	sort_hosts(then);
	sort_hosts(now);
	if (a && b && !split(a, then, &why) && !split(b, now, &why))
		return tell_first(a, b, text);
	// What cannot be compared is not the same.
	snprintf(text, NETDRIFT_TEXT_MAX, "%.300s", why.code ? why.msg : "no memory to compare it");
	return true;
}

/* ---- of an initrd ---- */

/* Whether it was made for another machine: by names, or with what `auto` is for any machine. */
static bool is_generic(const struct netconf *then, const struct config *c)
{
	bool by_kernel = !c->network[0] || strcmp(c->network, "auto") == 0;

	for (size_t i = 0; i < then->nlinks; i++)
		if (then->links[i].match == NETCONF_MATCH_NAME ||
		    (by_kernel && then->links[i].match == NETCONF_MATCH_ANY))
			return true;
	return false;
}

/* What it does not carry over was told when the initrd was built. */
static void no_note(void *ctx, const char *text)
{
	(void)ctx, (void)text;
}

static int compare(struct pair *p, const struct initrd_file *f, const struct netplan *plan,
		   bool ask, char *text, struct err *err)
{
	struct netplan again = *plan;
	struct err why = {0};
	int rc = netconf_parse(&p->then, "the initrd's " NETCONF_FILE, (const char *)f->data,
			       f->size, &why);

	if (rc) {
		snprintf(text, NETDRIFT_TEXT_MAX, "%.400s", why.msg);
		return NETDRIFT_DIFFERS;
	}
	again.generic = is_generic(&p->then, plan->config);
	again.known = ask ? NULL : &p->then;
	rc = netplan_make(&again, &p->now, &why);
	if (rc == ERR_NODATA && again.known) {
		snprintf(text, NETDRIFT_TEXT_MAX, "%.400s", why.msg);
		return NETDRIFT_DIFFERS;
	}
	if (rc < 0) {
		*err = why;
		return rc;
	}
	if (rc != NETPLAN_MADE)
		return NETDRIFT_UNWANTED;
	return netdrift_differs(&p->then, &p->now, text) ? NETDRIFT_DIFFERS : NETDRIFT_SAME;
}

bool netdrift_wanted(const struct config *c)
{
	return netplan_wanted(&(struct netplan){.config = c});
}

int netdrift_check(const struct initrd *r, const char *root, const struct config *c, bool ask,
		   char text[static NETDRIFT_TEXT_MAX], struct err *err)
{
	const struct netplan plan = {.root = root, .config = c, .note = no_note};
	const struct initrd_file *f;
	struct pair *p;
	int rc;

	text[0] = '\0';
	if (!netdrift_wanted(c))
		return NETDRIFT_UNWANTED;
	f = initrd_find(r, DESCRIPTION);
	if (!f)
		return NETDRIFT_ABSENT;
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, ERR_NOMEM, "no memory for the network's description");
	rc = compare(p, f, &plan, ask, text, err);
	free(p);
	return rc;
}
