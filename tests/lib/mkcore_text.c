// SPDX-License-Identifier: GPL-2.0-or-later
/* mkcore_text: the language of mkcore.h. */
#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "crashnotes/prstatus.h"
#include "crashnotes/vmcoreinfo.h"
#include "tests/lib/blob.h"
#include "tests/lib/mkcore_priv.h"

enum {
	WORD_MAX = 128,
};

struct parser {
	struct mkcore *mk;
	const char *name;
	unsigned int line; /* of the statement */
	unsigned int next_line;
	char *pos; /* the next line; the text is zero-terminated and ours */
	char *args; /* what is left of the statement's line */
	struct err *err;
};

__attribute__((format(printf, 2, 3))) static int bad(struct parser *p, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(p->err, ERR_USAGE, "%s:%u: %s", p->name, p->line, what);
}

// The next line, zero-terminated, or NULL at the end.
static char *next_line(struct parser *p)
{
	char *line = p->pos, *end;

	if (!*line)
		return NULL;
	end = strchr(line, '\n');
	p->pos = end ? end + 1 : line + strlen(line);
	if (end)
		*end = '\0';
	p->next_line++;
	return line;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

// The next word of the statement; "" at its end or where a comment begins.
static int next_word(struct parser *p, char word[static WORD_MAX])
{
	size_t n = 0;

	while (blank(*p->args))
		p->args++;
	if (*p->args == '#')
		p->args += strlen(p->args);
	for (; *p->args && !blank(*p->args); p->args++) {
		if (n == WORD_MAX - 1)
			return bad(p, "a word is longer than %d characters", WORD_MAX - 1);
		word[n++] = *p->args;
	}
	word[n] = '\0';
	return 0;
}

static int to_number(struct parser *p, const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit && !errno && end > text) {
		unsigned int shift = 10 * (unit - units + 1);

		if (*ret > UINT64_MAX >> shift)
			errno = ERANGE;
		*ret <<= shift;
		end++;
	}
	if (end == text || *end || errno || *text == '-')
		return bad(p, "'%s' is not a number", text);
	return 0;
}

static int next_number(struct parser *p, uint64_t *ret)
{
	char word[WORD_MAX];
	int rc = next_word(p, word);

	return rc ? rc : to_number(p, word, ret);
}

// KEY=VALUE -> 1, with args behind it; 0, with args where they were, when no such word is next.
static int next_pair(struct parser *p, char key[static WORD_MAX], char **value)
{
	char *before = p->args;
	int rc = next_word(p, key);
	char *eq;

	if (rc)
		return rc;
	eq = strchr(key, '=');
	if (!eq || !isalpha((unsigned char)key[0])) {
		p->args = before;
		return 0;
	}
	*eq = '\0';
	*value = eq + 1;
	return 1;
}

// What follows: the rest of the line, or the lines up to WORD behind <<WORD. Zero-terminated.
static int rest(struct parser *p, char **ret, bool lines_only)
{
	char word[WORD_MAX], *start, *line;
	int rc;

	while (blank(*p->args))
		p->args++;
	if (strncmp(p->args, "<<", 2)) {
		*ret = p->args;
		return lines_only ? bad(p, "<<WORD expected") : 0;
	}
	p->args += 2;
	rc = next_word(p, word);
	if (rc)
		return rc;
	start = p->pos;
	while ((line = next_line(p))) {
		if (!strcmp(line, word)) {
			*line = '\0';
			*ret = start;
			return 0;
		}
		// Part of the text: its newline comes back.
		if (p->pos[-1] == '\0')
			p->pos[-1] = '\n';
	}
	return bad(p, "no line '%s' ends what begins here", word);
}

static int rest_bytes(struct parser *p, uint8_t **ret, size_t *size)
{
	struct err why;
	char *text;
	int rc = rest(p, &text, false);

	if (rc)
		return rc;
	if (blob_compile(text, strlen(text), ret, size, &why))
		return bad(p, "%s", why.msg);
	return 0;
}

static int do_machine(struct parser *p)
{
	char word[WORD_MAX];
	uint64_t n;
	int rc = next_word(p, word);

	if (rc)
		return rc;
	if (!strcmp(word, "x86_64"))
		n = EM_X86_64;
	else if (!strcmp(word, "aarch64"))
		n = EM_AARCH64;
	else
		rc = to_number(p, word, &n);
	if (!rc)
		mkcore_machine(p->mk, n);
	return rc;
}

static int do_load(struct parser *p)
{
	struct mkcore_load load = {0};
	uint64_t count = 1, stride = 0;
	bool filesz = false;
	char key[WORD_MAX], *value;
	int rc;

	while ((rc = next_pair(p, key, &value)) > 0) {
		uint64_t *to = !strcmp(key, "paddr")	? &load.paddr
			       : !strcmp(key, "size")	? &load.memsz
			       : !strcmp(key, "filesz") ? &load.filesz
			       : !strcmp(key, "vaddr")	? &load.vaddr
			       : !strcmp(key, "offset") ? &load.offset
			       : !strcmp(key, "count")	? &count
			       : !strcmp(key, "stride") ? &stride
							: NULL;

		if (!to)
			return bad(p, "load has no '%s'", key);
		filesz |= to == &load.filesz;
		rc = to_number(p, value, to);
		if (rc)
			return rc;
	}
	if (!filesz)
		load.filesz = load.memsz;
	for (uint64_t i = 0; !rc && i < count; i++) {
		rc = mkcore_load(p->mk, &load, p->err);
		load.paddr += stride;
	}
	return rc;
}

static int do_note(struct parser *p)
{
	CLEANUP_FREE uint8_t *bytes = NULL;
	char name[WORD_MAX] = "", key[WORD_MAX], *value;
	uint64_t type = 0;
	size_t size;
	int rc;

	while ((rc = next_pair(p, key, &value)) > 0) {
		rc = 0;
		if (!strcmp(key, "name"))
			memcpy(name, value, strlen(value) + 1);
		else if (!strcmp(key, "type"))
			rc = to_number(p, value, &type);
		else
			return bad(p, "note has no '%s'", key);
		if (rc)
			return rc;
	}
	if (!rc)
		rc = rest_bytes(p, &bytes, &size);
	return rc ? rc : mkcore_note(p->mk, name, type, bytes, size, p->err);
}

static int do_prstatus(struct parser *p)
{
	const struct prstatus_arch *arch = prstatus_arch(p->mk->machine);
	CLEANUP_FREE void *desc = NULL;
	struct prstatus ps = {0};
	char key[WORD_MAX], *value;
	uint64_t n;
	int rc;

	if (!arch)
		return bad(p, "the registers of machine %u are not known", p->mk->machine);
	ps.nregs = arch->nregs;
	while ((rc = next_pair(p, key, &value)) > 0) {
		int reg = prstatus_reg(arch, key);

		rc = to_number(p, value, &n);
		if (rc)
			return rc;
		if (!strcmp(key, "pid"))
			ps.pid = n;
		else if (reg >= 0)
			ps.reg[reg] = n;
		else
			return bad(p, "%s has no register '%s'", arch->name, key);
	}
	if (rc)
		return rc;
	desc = malloc(arch->size);
	if (!desc)
		return err_set(p->err, ERR_NOMEM, "no memory for a note");
	prstatus_build(arch, &ps, desc);
	return mkcore_note(p->mk, "CORE", PRSTATUS_NT, desc, arch->size, p->err);
}

static int do_vmcoreinfo(struct parser *p)
{
	char *text;
	int rc = rest(p, &text, true);

	return rc ? rc : mkcore_note(p->mk, VMCOREINFO_NOTE_NAME, 0, text, strlen(text), p->err);
}

static int do_segment(struct parser *p)
{
	p->mk->new_segment = true;
	return 0;
}

static int do_rawnote(struct parser *p)
{
	CLEANUP_FREE uint8_t *bytes = NULL;
	size_t size;
	int rc = rest_bytes(p, &bytes, &size);

	return rc ? rc : mkcore_rawnote(p->mk, bytes, size, p->err);
}

static int do_data(struct parser *p)
{
	CLEANUP_FREE uint8_t *bytes = NULL;
	uint64_t where;
	size_t size;
	int rc = next_number(p, &where);

	if (!rc)
		rc = rest_bytes(p, &bytes, &size);
	return rc ? rc : mkcore_data(p->mk, where, bytes, size, p->err);
}

static int do_at(struct parser *p)
{
	CLEANUP_FREE uint8_t *bytes = NULL;
	uint64_t where;
	size_t size;
	int rc = next_number(p, &where);

	if (!rc)
		rc = rest_bytes(p, &bytes, &size);
	return rc ? rc : mkcore_add_bytes(&p->mk->ats, &p->mk->nats, where, bytes, size, p->err);
}

static int do_override(struct parser *p)
{
#define EH(f)                                                                    \
	{                                                                        \
#f, offsetof(Elf64_Ehdr, f), sizeof(((Elf64_Ehdr *)0)->f), false \
	}
#define PH(f)                                                                   \
	{                                                                       \
#f, offsetof(Elf64_Phdr, f), sizeof(((Elf64_Phdr *)0)->f), true \
	}
	static const struct {
		const char *name;
		size_t offset, size;
		bool phdr;
	} fields[] = {
		{"ei_class", EI_CLASS, 1, false},
		{"ei_data", EI_DATA, 1, false},
		{"ei_version", EI_VERSION, 1, false},
		EH(e_type),
		EH(e_machine),
		EH(e_version),
		EH(e_phoff),
		EH(e_shoff),
		EH(e_flags),
		EH(e_ehsize),
		EH(e_phentsize),
		EH(e_phnum),
		EH(e_shentsize),
		EH(e_shnum),
		PH(p_type),
		PH(p_flags),
		PH(p_offset),
		PH(p_vaddr),
		PH(p_paddr),
		PH(p_filesz),
		PH(p_memsz),
		PH(p_align),
	};
#undef EH
#undef PH
	struct mkcore_override *o, new = {.phdr = -1};
	char key[WORD_MAX], *value, *field = key;
	int rc = next_pair(p, key, &value);

	if (rc <= 0)
		return rc ? rc : bad(p, "FIELD=N expected");
	rc = to_number(p, value, &new.value);
	if (rc)
		return rc;
	if (!strncmp(key, "ph", 2) && isdigit((unsigned char)key[2])) {
		new.phdr = strtol(key + 2, &field, 10);
		field += *field == '.';
	}
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		if (strcmp(field, fields[i].name) || fields[i].phdr != (new.phdr >= 0))
			continue;
		o = mkcore_grow(&p->mk->overrides, &p->mk->noverrides, sizeof(*o), p->err);
		if (!o)
			return ERR_NOMEM;
		new.offset = fields[i].offset;
		new.size = fields[i].size;
		*o = new;
		return 0;
	}
	return bad(p, "no field '%s'", key);
}

static int do_xnum(struct parser *p)
{
	char word[WORD_MAX];
	int rc = next_word(p, word);

	p->mk->xnum = true;
	return rc || !*word ? rc : to_number(p, word, &p->mk->xnum_count);
}

static int do_truncate(struct parser *p)
{
	p->mk->truncate = true;
	return next_number(p, &p->mk->truncate_to);
}

static const struct {
	const char *name;
	int (*run)(struct parser *p);
	bool bytes; /* takes the rest of its line itself */
} statements[] = {
	{"machine", do_machine, false},
	{"load", do_load, false},
	{"note", do_note, true},
	{"prstatus", do_prstatus, false},
	{"vmcoreinfo", do_vmcoreinfo, true},
	{"segment", do_segment, false},
	{"rawnote", do_rawnote, true},
	{"data", do_data, true},
	{"at", do_at, true},
	{"override", do_override, false},
	{"xnum", do_xnum, false},
	{"truncate", do_truncate, false},
};

static int parse_line(struct parser *p)
{
	char word[WORD_MAX];
	int rc = next_word(p, word);

	if (rc || !*word)
		return rc;
	for (size_t i = 0; i < ARRAY_SIZE(statements); i++) {
		if (strcmp(word, statements[i].name))
			continue;
		rc = statements[i].run(p);
		if (rc || statements[i].bytes)
			return rc;
		rc = next_word(p, word);
		return rc || !*word ? rc : bad(p, "'%s' is too much", word);
	}
	return bad(p, "no statement '%s'", word);
}

int mkcore_parse(struct mkcore *mk, const char *name, const char *text, size_t size,
		 struct err *err)
{
	CLEANUP_FREE char *copy = malloc(size + 1);
	struct parser p = {.mk = mk, .name = name, .pos = copy, .err = err};
	int rc = 0;

	if (!copy)
		return err_set(err, ERR_NOMEM, "no memory for %zu bytes", size);
	memcpy(copy, text, size);
	copy[size] = '\0';
	while (!rc && (p.args = next_line(&p))) {
		p.line = p.next_line;
		rc = parse_line(&p);
	}
	return rc;
}
