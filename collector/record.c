// SPDX-License-Identifier: GPL-2.0-or-later
#include "collector/record.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "collector/calltrace.h"
#include "collector/log.h"
#include "crashnotes/elfnote.h"
#include "crashnotes/prstatus.h"
#include "crashnotes/vmcoreinfo.h"
#include "vmcore/kmem.h"
#include "vmcore/vmcore.h"

enum {
	TEXT_LINE_MAX = 320, // of the record, its end included
	REGS_A_LINE = 4,
	SIGNATURE_FRAMES = 6, // functions that count where no place is known
	BLANK_HEX = 8, // so many digits are an address though no 0x is before them
	TAIL_ROOM = 2 * RECORD_SIZE_MAX,
	KEY_MAX = 1024, // more than release, reason and functions can be
};

/* The end of the log: whole lines. */
struct tail {
	size_t used;
	uint64_t lines; // that went in
	char text[TAIL_ROOM];
};

/* Everything that the record is made of. */
struct facts {
	const struct kmem *km; // NULL: nothing at all
	const struct prstatus_arch *arch;
	struct dmesg dmesg;
	struct calltrace trace;
	struct tail tail;
	char log_trouble[ERR_MSG_MAX]; // why there is no log, or not all of it
	bool has_cpu; // the one that brought the machine down is known ...
	uint32_t cpu;
	const char *cpu_source; // ... from there
	bool has_regs;
	struct prstatus regs;
	unsigned int note, nnotes; // of which note, counted from 1
};

/* What is no printable ASCII character is shown as '?', a tabulator as a blank. */
static char plain(char c)
{
	if (c == '\t')
		return ' ';
	return c >= ' ' && c <= '~' ? c : '?';
}

/* Adds a line, if there is room for all of it. */
__attribute__((format(printf, 2, 3))) static void put(struct record *r, const char *fmt, ...)
{
	char line[TEXT_LINE_MAX];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	len = strlen(line);
	if (len + 1 > RECORD_SIZE_MAX - r->size)
		return;
	for (size_t i = 0; i < len; i++)
		r->text[r->size++] = plain(line[i]);
	r->text[r->size++] = '\n';
}

static void put_field(struct record *r, const char *name, const char *value)
{
	if (value[0])
		put(r, "%s: %s", name, value);
	else
		put(r, "missing: %s", name);
}

/* ---- what is known ---- */

static void tail_add(struct tail *t, const char *line)
{
	size_t len = strlen(line);

	if (len >= RECORD_SIZE_MAX)
		len = RECORD_SIZE_MAX - 1;
	if (t->used + len + 1 > sizeof(t->text)) {
		memmove(t->text, t->text + t->used - RECORD_SIZE_MAX, RECORD_SIZE_MAX);
		t->used = RECORD_SIZE_MAX;
	}
	for (size_t i = 0; i < len; i++)
		t->text[t->used++] = plain(line[i]);
	t->text[t->used++] = '\n';
	t->lines++;
}

static void take_line(void *ctx, const char *line, bool reason)
{
	struct facts *f = ctx;

	tail_add(&f->tail, line);
	calltrace_line(&f->trace, dmesg_behind_stamp(line), reason);
}

static void read_log(struct facts *f)
{
	struct err err = {0};

	if (dmesg_lines(f->km, take_line, f, &f->dmesg, &err))
		snprintf(f->log_trouble, sizeof(f->log_trouble), "%s", err.msg);
}

/*
 * Which CPU it was: the kernel's own variable where vmcoreinfo has it (crashing_cpu of
 * arch/x86/kernel/reboot.c; an int, -1 before the crash), else what the log says.
 */
static void find_cpu(struct facts *f)
{
	uint64_t va;
	uint32_t cpu;

	if (f->km->vi && f->km->xlat && vmcoreinfo_symbol(f->km->vi, "crashing_cpu", &va) &&
	    !kmem_read_u32(f->km, va, &cpu, NULL) && cpu <= INT32_MAX) {
		f->cpu = cpu;
		f->cpu_source = "crashing_cpu";
	} else if (f->trace.block.found) {
		f->cpu = f->trace.block.cpu;
		f->cpu_source = "the log";
	}
	f->has_cpu = f->cpu_source != NULL;
}

static bool is_prstatus(const struct elfnote *n)
{
	return n->type == PRSTATUS_NT && strcmp(n->name, "CORE") == 0;
}

/*
 * How well a note fits, more is better: it has the task of the log; it stands where the CPU should
 * be; it is the first. Notes have no number of their own, and a CPU that did not stop has none.
 */
static unsigned int fits(const struct facts *f, const struct prstatus *ps, unsigned int index)
{
	bool same_task = f->trace.block.found && ps->pid == f->trace.block.pid;
	bool same_place = f->has_cpu && f->cpu == index;

	// All idle tasks have the number 0.
	if (same_task && same_place)
		return 4;
	if (same_task && ps->pid)
		return 3;
	if (same_place)
		return 2;
	return index == 0;
}

static void find_registers(struct facts *f)
{
	const struct vmcore_info *info = vmcore_info(f->km->vc);
	struct elfnote_iter it;
	struct elfnote n;
	unsigned int best = 0;

	if (!f->arch)
		return;
	elfnote_iter_init(&it, info->notes, f->km->notes_sound);
	while (elfnote_next(&it, &n, NULL) == 1) {
		struct prstatus ps;
		unsigned int fit;

		if (!is_prstatus(&n))
			continue;
		f->nnotes++;
		if (prstatus_parse(f->arch, n.desc, n.descsz, &ps, NULL))
			continue;
		fit = fits(f, &ps, f->nnotes - 1);
		if (f->has_regs && fit <= best)
			continue;
		best = fit;
		f->regs = ps;
		f->note = f->nnotes;
		f->has_regs = true;
	}
}

/* ---- the signature ---- */

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* A word that is a number of some kind: it begins with a digit, or is an address. */
static bool is_number(const char *word, size_t len)
{
	size_t hex = strspn(word, "0123456789abcdefABCDEF");

	return isdigit((unsigned char)word[0]) || (len >= BLANK_HEX && hex >= len);
}

/* Copies @s to the @room bytes at @to with one N for each number. */
static void blank(char *to, size_t room, const char *s)
{
	size_t n = 0;

	while (*s && n + 1 < room) {
		size_t len = 0;

		while (in_word(s[len]))
			len++;
		if (!len) {
			to[n++] = *s++;
		} else if (is_number(s, len)) {
			to[n++] = 'N';
			s += len;
		} else {
			// "CPU1" and "CPU2" are the same, too.
			while (len-- && n + 1 < room) {
				bool digit = isdigit((unsigned char)*s);

				if (!digit || to[n - 1] != 'N')
					to[n++] = digit ? 'N' : *s;
				s++;
			}
		}
	}
	to[n] = '\0';
}

/* What the signature is the hash of: lines, cut if there are too many. */
struct key {
	size_t used;
	char text[KEY_MAX];
};

static void key_add(struct key *k, const char *text, size_t len)
{
	size_t room = sizeof(k->text) - k->used - 1;

	if (len > room)
		len = room;
	memcpy(k->text + k->used, text, len);
	k->used += len;
	k->text[k->used++] = '\n';
	if (k->used == sizeof(k->text))
		k->used--;
}

/* Where it was: by name, else by how it got there, else by address as it was linked. */
static bool key_add_place(struct key *k, const struct facts *f)
{
	const struct calltrace_block *b = &f->trace.block;
	uint64_t moved;
	char pc[17];

	for (size_t i = 0; !b->where[0] && i < b->nframes && i < SIGNATURE_FRAMES; i++)
		key_add(k, b->frames[i], strcspn(b->frames[i], "+"));
	if (b->where[0])
		key_add(k, b->where, strcspn(b->where, "/"));
	if (b->where[0] || b->nframes)
		return true;
	if (!f->has_regs || !f->km->vi || !vmcoreinfo_kerneloffset(f->km->vi, &moved))
		return false;
	snprintf(pc, sizeof(pc), "%" PRIx64, f->regs.reg[f->arch->pc] - moved);
	key_add(k, pc, strlen(pc));
	return true;
}

static void sign(struct record *r, const struct facts *f)
{
	char reason[DMESG_PANIC_MAX];
	struct key k = {0};

	blank(reason, sizeof(reason), r->panic);
	key_add(&k, f->km->uts.release, strnlen(f->km->uts.release, KMEM_UTS_LEN));
	key_add(&k, reason, strlen(reason));
	if (key_add_place(&k, f) || reason[0])
		snprintf(r->signature, sizeof(r->signature), "%016" PRIx64,
			 (uint64_t)XXH64(k.text, k.used, 0));
}

/* ---- the text ---- */

static void put_head(struct record *r, const struct facts *f)
{
	const struct kmem *km = f->km;
	time_t when = (time_t)km->crashtime;
	char stamp[40] = "";
	struct tm tm;

	put_field(r, "release", km->uts.release);
	put_field(r, "version", km->uts.version);
	put_field(r, "machine",
		  km->uts.machine[0] ? km->uts.machine
		  : f->arch	     ? f->arch->name
				     : "");
	put_field(r, "node", km->uts.nodename);
	// A forged one may be beyond what a year can be.
	if (km->crashtime && when > 0 && gmtime_r(&when, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S UTC", &tm);
	put_field(r, "time", stamp);
	put_field(r, "panic", r->panic);
	put_field(r, "signature", r->signature);
}

static void put_task(struct record *r, const struct facts *f)
{
	const struct calltrace_block *b = &f->trace.block;

	if (f->has_cpu)
		put(r, "cpu: %" PRIu32 ", by %s", f->cpu, f->cpu_source);
	else
		put(r, "missing: cpu; the first note is taken");
	if (b->found)
		put(r, "task: %" PRIu32 " %s", b->pid, b->comm);
	if (b->taint[0])
		put(r, "taint: %s", b->taint);
	if (b->where[0])
		put(r, "at: %s", b->where);
}

static void put_registers(struct record *r, const struct facts *f)
{
	char line[TEXT_LINE_MAX] = "";
	size_t used = 0;

	if (!f->has_regs) {
		put(r, "missing: registers");
		return;
	}
	put(r, "registers: note %u of %u, task %" PRIu32, f->note, f->nnotes, f->regs.pid);
	for (unsigned int i = 0; i < f->arch->nregs; i++) {
		used += snprintf(line + used, sizeof(line) - used, " %s %016" PRIx64,
				 f->arch->reg_names[i], f->regs.reg[i]);
		if (i % REGS_A_LINE == REGS_A_LINE - 1 || i + 1 == f->arch->nregs) {
			put(r, "%s", line);
			used = 0;
		}
	}
}

static void put_trace(struct record *r, const struct facts *f)
{
	const struct calltrace_block *b = &f->trace.block;

	if (!b->nframes) {
		put(r, "missing: trace");
		return;
	}
	put(r, "trace:");
	for (size_t i = 0; i < b->nframes; i++)
		put(r, " %s", b->frames[i]);
}

/* As many of the last lines as there is room for. */
static void put_log(struct record *r, const struct tail *t)
{
	static const char title[] = "log: the last 18446744073709551615 of 18446744073709551615\n";
	size_t room = RECORD_SIZE_MAX - r->size, start, lines = 0;

	if (!t->used || room <= sizeof(title))
		return;
	room -= sizeof(title);
	start = t->used > room ? t->used - room : 0;
	// Begins with a whole line; the last byte of all is the end of one.
	while (start && t->text[start - 1] != '\n')
		start++;
	if (start == t->used)
		return;
	for (size_t i = start; i < t->used; i++)
		lines += t->text[i] == '\n';
	put(r, "log: the last %zu of %" PRIu64, lines, t->lines);
	memcpy(r->text + r->size, t->text + start, t->used - start);
	r->size += t->used - start;
}

void record_make(struct record *ret, const struct kmem *km, const char *trouble)
{
	struct facts f = {.km = km};

	*ret = (struct record){0};
	put(ret, "Lifeboat panic record");
	if (!km) {
		put(ret, "missing: the memory of the dead kernel%s%s", trouble ? ": " : "",
		    trouble ? trouble : "");
		ret->text[ret->size] = '\0';
		return;
	}
	f.arch = prstatus_arch(vmcore_info(km->vc)->machine);
	read_log(&f);
	find_cpu(&f);
	find_registers(&f);
	snprintf(ret->panic, sizeof(ret->panic), "%s", f.dmesg.panic);
	sign(ret, &f);
	put_head(ret, &f);
	put_task(ret, &f);
	put_registers(ret, &f);
	put_trace(ret, &f);
	if (trouble)
		put(ret, "missing: %s", trouble);
	if (f.log_trouble[0])
		put(ret, "missing: log: %s", f.log_trouble);
	put_log(ret, &f.tail);
	ret->text[ret->size] = '\0';
}

const char *record_signature(const struct record *r)
{
	return r->signature;
}

void record_print(const struct record *r, struct log *log)
{
	if (log->fd >= 0)
		log_text(log, r->text, r->size);
}
