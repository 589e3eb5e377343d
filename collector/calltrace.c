// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/calltrace.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static bool begins(const char *s, const char *with)
{
	return strncmp(s, with, strlen(with)) == 0;
}

/* A decimal number at *@s, which is then behind it. */
static bool take_number(const char **s, uint32_t *ret)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; isdigit((unsigned char)(*s)[n]); n++) {
		v = v * 10 + (*s)[n] - '0';
		if (v > INT32_MAX)
			return false;
	}
	*s += n;
	*ret = v;
	return n != 0;
}

/* The bytes [@from, @end) to the @room bytes at @to, cut, without blanks at the end. */
static void copy(char *to, size_t room, const char *from, const char *end)
{
	while (end > from && end[-1] == ' ')
		end--;
	snprintf(to, room, "%.*s", (int)(end - from), from);
}

/*
 * "symbol+0x1/0x2", and " [module]" or " [module buildid]" behind it: its length, or 0. Symbols of
 * the compiler's making have dots in them.
 */
static size_t location(const char *s)
{
	static const char hex[] = "0123456789abcdef";
	size_t n = 0, digits;

	if (isdigit((unsigned char)s[0]))
		return 0;
	while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '.' || s[n] == '$')
		n++;
	if (!n || !begins(s + n, "+0x"))
		return 0;
	n += strlen("+0x");
	digits = strspn(s + n, hex);
	if (!digits || !begins(s + n + digits, "/0x"))
		return 0;
	n += digits + strlen("/0x");
	digits = strspn(s + n, hex);
	n += digits;
	if (digits && begins(s + n, " [") && strchr(s + n, ']'))
		n = strchr(s + n, ']') + 1 - s;
	return digits ? n : 0;
}

static void take_task(struct calltrace_block *b, const char *s)
{
	static const char *const words[] = {" Not tainted", " Tainted: "};
	static const char loaded[] = " Kdump: loaded"; // stands between (dump_stack.c)
	const char *comm = strstr(s, "Comm: ");

	if (!comm)
		return;
	comm += strlen("Comm: ");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const char *taint = strstr(comm, words[i]), *end;

		if (!taint)
			continue;
		copy(b->comm, sizeof(b->comm), comm,
		     strstr(comm, loaded) ? strstr(comm, loaded) : taint);
		// Letters with blanks between them, before the release (print_tainted()).
		end = taint + strlen(words[i]);
		while (i && (isupper((unsigned char)*end) || *end == ' '))
			end++;
		copy(b->taint, sizeof(b->taint), taint + 1, end);
		return;
	}
	copy(b->comm, sizeof(b->comm), comm, comm + strlen(comm));
}

/* "CPU: 0 PID: 1 Comm: sh Not tainted 6.1.0"; since 6.12 with a "UID: 0 " before PID. */
static bool begin_block(struct calltrace *t, const char *line)
{
	const char *s = line + strlen("CPU: "), *pid;
	struct calltrace_block b = {.found = true};

	if (!begins(line, "CPU: ") || !take_number(&s, &b.cpu))
		return false;
	pid = strstr(s, " PID: ");
	if (!pid)
		return false;
	pid += strlen(" PID: ");
	if (!take_number(&pid, &b.pid))
		return false;
	take_task(&b, pid);
	t->block = b;
	t->state = CALLTRACE_HEAD;
	return true;
}

/* Where it was, from the first of the lines that say so: later ones tell of user space. */
static void take_where(struct calltrace_block *b, const char *line)
{
	const char *s = NULL;

	if (begins(line, "RIP: "))
		s = strchr(line + strlen("RIP: "), ':');
	else if (begins(line, "pc : "))
		s = line + strlen("pc :");
	if (!s || b->where[0])
		return;
	s++;
	copy(b->where, sizeof(b->where), s, s + location(s));
}

static void take_frame(struct calltrace_block *b, const char *line)
{
	size_t len = location(line);

	// Those with a question mark are only words on the stack; then come registers, or code.
	if (len && b->nframes < CALLTRACE_FRAMES_MAX)
		copy(b->frames[b->nframes++], CALLTRACE_NAME_MAX, line, line + len);
}

static bool ends_block(const char *line)
{
	return begins(line, "---[ ") || begins(line, "Modules linked in") ||
	       begins(line, "Kernel panic") || begins(line, "</TASK>");
}

void calltrace_line(struct calltrace *t, const char *line, bool reason)
{
	if (reason) {
		t->reason = true;
		t->behind = false;
		t->state = CALLTRACE_OUTSIDE;
		return;
	}
	if (begins(line, "CPU: ") && !t->behind && begin_block(t, line)) {
		t->behind = t->reason;
		return;
	}
	if (t->state == CALLTRACE_OUTSIDE)
		return;
	// After the first block behind the reason the next one that begins is of another CPU.
	if (ends_block(line) || begins(line, "CPU: "))
		t->state = CALLTRACE_OUTSIDE;
	else if (begins(line, "Call Trace:") || begins(line, "Call trace:"))
		t->state = CALLTRACE_LIST;
	else if (t->state == CALLTRACE_HEAD)
		take_where(&t->block, line);
	else
		take_frame(&t->block, line);
}
