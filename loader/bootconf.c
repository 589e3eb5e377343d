// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/bootconf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/replace.h"
#include "loader/grubline.h"

#define WORD	    "crashkernel="
#define GRUB_FILE   "/etc/default/grub"
#define GRUB_DIR    "/etc/default/grub.d"
#define GRUB_DEB    GRUB_DIR "/lifeboat.cfg" /* the package's own */
#define GRUB_OURS   GRUB_DIR "/zz-lifeboat-size.cfg" /* behind the package's own, and others' */
#define KERNEL_FILE "/etc/kernel/cmdline"

#define ENTRIES_END ".conf"

enum {
	NAMES_MAX = 4096, /* of a directory */
	PARTS_MAX = 256, /* lines of a file that have to do with the command line */
	LINKS_MAX = 16,
	MENU_MAX = 4 << 20, /* bytes of a grub.cfg */
};

/* ---- words ---- */

/* Ends a word: a blank, or the quote of the line that it stands in. */
static bool ends_word(char c)
{
	return !c || strchr(" \t\n\"'", c);
}

/* The next crashkernel= in [@from, @end), at the beginning of a word; NULL. */
static const char *find_word(const char *from, const char *end)
{
	for (const char *p = from; (p = memmem(p, end - p, WORD, sizeof(WORD) - 1));
	     p += sizeof(WORD) - 1)
		if (p == from || strchr(" \t\"'=", p[-1]))
			return p;
	return NULL;
}

static const char *end_of_word(const char *p, const char *end)
{
	while (p < end && !ends_word(*p))
		p++;
	return p;
}

static bool has_suffix(const char *word, const char *end, const char *suffix)
{
	size_t len = strlen(suffix);

	return (size_t)(end - word) > len && memcmp(end - len, suffix, len) == 0;
}

/* Another kind of reservation, which is beside the one that counts. */
static bool is_beside(const char *word, const char *end)
{
	return has_suffix(word, end, ",low") || has_suffix(word, end, ",cma");
}

struct out {
	char *buf;
	size_t used, room;
	bool overflow;
};

static void put(struct out *o, const char *text, size_t len)
{
	if (o->overflow || len >= o->room - o->used) {
		o->overflow = true;
		return;
	}
	memcpy(o->buf + o->used, text, len);
	o->used += len;
	o->buf[o->used] = '\0';
}

static void put_value(struct out *o, const char *value, bool high)
{
	put(o, WORD, sizeof(WORD) - 1);
	put(o, value, strlen(value));
	if (high && !strchr(value, ','))
		put(o, ",high", 5);
}

/*
 * The words with crashkernel=@value in the place of the one that they have, or behind all of them;
 * without any when @value is NULL.
 */
static void put_words(struct out *o, const char *text, const char *end, const char *value)
{
	const char *at = text, *p;
	size_t base = o->used;

	while ((p = find_word(at, end))) {
		const char *stop = end_of_word(p, end);

		put(o, at, p - at);
		if (is_beside(p, stop)) {
			put(o, p, stop - p);
		} else if (value) {
			put_value(o, value, has_suffix(p, stop, ",high"));
			value = NULL;
		} else {
			// The last one would win; it goes, with the blank before it.
			while (o->used > base && o->buf[o->used - 1] == ' ')
				o->buf[--o->used] = '\0';
		}
		at = stop;
	}
	put(o, at, end - at);
	if (!value)
		return;
	while (o->used > base && strchr(" \t", o->buf[o->used - 1]))
		o->buf[--o->used] = '\0';
	if (o->used > base)
		put(o, " ", 1);
	put_value(o, value, false);
}

bool bootconf_words(const char *text, size_t len, const char *value, char *ret, size_t room)
{
	struct out o = {.buf = ret, .room = room};

	ret[0] = '\0';
	put_words(&o, text, text + len, value);
	return !o.overflow;
}

/* The kernel finds the word everywhere, in the middle of others and in quotes: one that is not plain. */
static bool has_odd_word(const char *from, const char *end)
{
	for (const char *p = from; (p = memmem(p, end - p, WORD, sizeof(WORD) - 1));) {
		const char *value = p + sizeof(WORD) - 1;

		if (p != from && !strchr(" \t\n", p[-1]))
			return true;
		for (p = value; p < end && !strchr(" \t\n", *p); p++)
			if (!isalnum((unsigned char)*p) && !strchr(",:@-", *p))
				return true;
	}
	return false;
}

/* A word that is beside no other. */
static const char *find_main(const char *from, const char *end)
{
	const char *p = from, *stop;

	for (; (p = find_word(p, end)); p = stop) {
		stop = end_of_word(p, end);
		if (!is_beside(p, stop))
			return p;
	}
	return NULL;
}

/* ---- a file ---- */

enum part_change {
	PART_KEEP,
	PART_SET,
	PART_DROP, /* what it asks for another line asks for */
};

/* A command line, or a piece of one, in the text of a file. */
struct part {
	const char *from, *end;
	bool bare; /* gets quotes when it changes: it may be two words then */
	bool usual; /* as of struct grubline */
	enum part_change change;
};

struct text {
	const char *path;
	char *was; /* owned */
	struct part parts[PARTS_MAX];
	size_t n;
};

/* What is to be done by hand where nothing is done here. */
static int refuse(const struct text *t, const char *line, const char *value, struct err *err)
{
	unsigned int number = 1;

	for (const char *p = t->was; p < line; p++)
		number += *p == '\n';
	return err_set(err, ERR_UNSUPPORTED,
		       "%s, line %u: `%.*s` is not of a form that is changed here; nothing was "
		       "done: have that line ask for " WORD "%s, or for none, by hand",
		       t->path, number,
		       (int)strcspn(line, "\n") > 160 ? 160 : (int)strcspn(line, "\n"), line,
		       value);
}

static int add_part(struct text *t, const struct part *p, struct err *err)
{
	if (t->n == PARTS_MAX)
		return err_set(err, ERR_LIMIT, "%s: more than %d lines of a command line", t->path,
			       PARTS_MAX);
	t->parts[t->n++] = *p;
	return 0;
}

/* Takes a line apart: the parts that it has, if any. */
typedef int line_reader(struct text *t, const char *line, const char *stop, char *open,
			const char *value, struct err *err);

static int read_grub(struct text *t, const char *line, const char *stop, char *open,
		     const char *value, struct err *err)
{
	struct grubline g;

	switch (grubline_read(line, stop, open, &g)) {
	case GRUBLINE_OTHER:
		return 0;
	case GRUBLINE_PLAIN:
		if (!has_odd_word(g.from, g.end))
			return add_part(t,
					&(struct part){.from = g.from,
						       .end = g.end,
						       .bare = g.bare,
						       .usual = g.usual},
					err);
		break;
	case GRUBLINE_STRANGE:
		break;
	}
	return refuse(t, line, value, err);
}

static int read_options(struct text *t, const char *line, const char *stop, char *open,
			const char *value, struct err *err)
{
	(void)open;
	line += strspn(line, " \t");
	if (stop - line < 8 || memcmp(line, "options", 7) != 0 || !strchr(" \t", line[7]))
		return 0;
	if (has_odd_word(line + 8, stop))
		return refuse(t, line, value, err);
	return add_part(t, &(struct part){.from = line + 8, .end = stop}, err);
}

/*
 * systemd's kernel-install makes one line of all words of the file, of comments, too; other makers
 * of unified kernel images leave those out. So nothing that counts may stand in one.
 */
static int read_kernel(struct text *t, const char *line, const char *stop, char *open,
		       const char *value, struct err *err)
{
	const char *first = line + strspn(line, " \t");

	(void)open;
	if (has_odd_word(line, stop) || (*first == '#' && find_word(line, stop)))
		return refuse(t, line, value, err);
	if (first == stop || *first == '#')
		return 0;
	return add_part(t, &(struct part){.from = line, .end = stop}, err);
}

/* 1 when the file is there, and then text_free(); 0 when not. */
static int text_read(struct text *t, const char *root, const char *path, line_reader *read,
		     const char *value, struct err *err)
{
	char full[FACTS_PATH_MAX], open = 0;
	struct err why = {0};
	size_t size = 0;
	int rc = facts_path(full, sizeof(full), root, path, &why);

	*t = (struct text){.path = path};
	if (!rc)
		rc = io_read_file(full, BOOTCONF_TEXT_MAX, &t->was, &size, &why);
	if (rc && (why.sys == ENOENT || why.sys == ENOTDIR))
		return 0;
	if (rc)
		return err_set(err, rc, "%s", why.msg);
	if (strlen(t->was) != size)
		rc = err_set(err, ERR_CORRUPT, "%s: is no text", path);
	for (const char *line = t->was, *stop; !rc && *line; line = stop + (*stop != '\0')) {
		stop = line + strcspn(line, "\n");
		rc = read(t, line, stop, &open, value, err);
	}
	if (rc)
		free(t->was);
	return rc ? rc : 1;
}

/* What it will be with the changes of its parts, and @tail behind it; NULL: it has no place. */
static char *text_changed(const struct text *t, const char *value, const char *tail)
{
	CLEANUP_FREE char *buf = malloc(BOOTCONF_TEXT_MAX + BOOTCONF_LINE_MAX);
	struct out o = {.buf = buf, .room = BOOTCONF_TEXT_MAX + BOOTCONF_LINE_MAX};
	const char *at = t->was;

	if (!buf)
		return NULL;
	buf[0] = '\0';
	for (size_t i = 0; i < t->n; i++) {
		const struct part *p = &t->parts[i];

		if (p->change == PART_KEEP)
			continue;
		put(&o, at, p->from - at);
		put(&o, "\"", p->bare);
		put_words(&o, p->from, p->end, p->change == PART_SET ? value : NULL);
		put(&o, "\"", p->bare);
		at = p->end;
	}
	put(&o, at, strlen(at));
	if (*tail && o.used && buf[o.used - 1] != '\n')
		put(&o, "\n", 1);
	put(&o, tail, strlen(tail));
	return o.overflow ? NULL : STEAL_PTR(buf);
}

/* The parts are lines of one command line: it has the word once, in the first place there was one. */
static void change_joined(struct text *t)
{
	bool found = false;

	for (size_t i = 0; i < t->n; i++) {
		if (!find_main(t->parts[i].from, t->parts[i].end))
			continue;
		t->parts[i].change = found ? PART_DROP : PART_SET;
		found = true;
	}
	if (!found && t->n)
		t->parts[t->n - 1].change = PART_SET;
}

/* A later line of the file gives the variable another value, without this one in it. */
static bool is_overridden(const struct text *t, size_t i)
{
	for (size_t k = i + 1; k < t->n; k++) {
		const struct part *p = &t->parts[k];

		if (p->usual == t->parts[i].usual && !memchr(p->from, '$', p->end - p->from))
			return true;
	}
	return false;
}

/* Each part that has the word, by itself: how many that count. */
static unsigned int change_each(struct text *t)
{
	unsigned int n = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (!find_main(t->parts[i].from, t->parts[i].end))
			continue;
		t->parts[i].change = PART_SET;
		n += !is_overridden(t, i);
	}
	return n;
}

/* ---- files ---- */

/* Takes @was and @will, which may be the same: then it is right already. */
static int add_file(struct bootconf *b, const char *path, char *was, char *will, struct err *err)
{
	struct bootconf_file *f = &b->files[b->n];
	int rc = 0;

	if (!will)
		rc = err_set(err, ERR_LIMIT, "%s: no room for the change", path);
	else if (was && strcmp(was, will) == 0)
		b->right++;
	else if (b->n == BOOTCONF_FILES_MAX)
		rc = err_set(err, ERR_LIMIT,
			     "more than %d files would have to change; nothing was done",
			     BOOTCONF_FILES_MAX);
	else
		rc = 1;
	if (rc != 1) {
		free(was);
		free(will);
		return rc;
	}
	*f = (struct bootconf_file){.was = was, .will = will};
	snprintf(f->path, sizeof(f->path), "%s", path);
	b->n++;
	return 0;
}

static int add_text(struct bootconf *b, struct text *t, const char *value, const char *tail,
		    struct err *err)
{
	char *will = text_changed(t, value, tail);

	return add_file(b, t->path, STEAL_PTR(t->was), will, err);
}

/* A file of a directory: 1 when it was taken. */
typedef int file_reader(struct bootconf *b, const char *root, const char *path, const char *value,
			struct err *err);

/* All files of a directory whose name ends so: how many were taken. */
static int read_dir(struct bootconf *b, const char *root, const char *dir, const char *end,
		    file_reader *read, const char *value, struct err *err)
{
	char path[FACTS_PATH_MAX];
	struct dirent *e;
	int rc = facts_path(path, sizeof(path), root, dir, err), n = 0;
	DIR *d = rc ? NULL : opendir(path);

	if (rc || (!d && (errno == ENOENT || errno == ENOTDIR)))
		return rc;
	if (!d)
		return err_sys(err, "%s", dir);
	for (int i = 0; rc >= 0 && (e = readdir(d)); i++) {
		size_t len = strlen(e->d_name);

		if (i == NAMES_MAX) {
			rc = err_set(err, ERR_LIMIT, "%s: more than %d files", dir, NAMES_MAX);
			break;
		}
		if (e->d_name[0] == '.' || len <= strlen(end) ||
		    strcmp(e->d_name + len - strlen(end), end) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		rc = read(b, root, path, value, err);
		n += rc > 0;
	}
	closedir(d);
	return rc < 0 ? rc : n;
}

/* What cannot be looked at is there, and told when it is read. */
static bool is_there(const char *root, const char *path)
{
	char full[FACTS_PATH_MAX];

	return !facts_path(full, sizeof(full), root, path, NULL) &&
	       (access(full, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR));
}

/* ---- GRUB ---- */

/* What makes the menu, of all distributions, and where the menu is. */
static const struct maker {
	const char *program, *option, *menu;
} makers[] = {
	{"/usr/sbin/update-grub", NULL, "/boot/grub/grub.cfg"},
	{"/usr/sbin/grub2-mkconfig", "-o", "/boot/grub2/grub.cfg"},
	{"/usr/bin/grub2-mkconfig", "-o", "/boot/grub2/grub.cfg"},
	{"/usr/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg"},
	{"/usr/bin/grub-mkconfig", "-o", "/boot/grub/grub.cfg"},
};

static const struct maker *find_maker(const char *root)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (is_there(root, makers[i].program))
			return &makers[i];
	return NULL;
}

static int take_grub(struct bootconf *b, const char *root, const char *path, const char *value,
		     struct err *err)
{
	struct text t;
	int rc;

	// A program, which asks for something where nothing else does; what stands behind it wins.
	if (strcmp(path, GRUB_DEB) == 0)
		return 0;
	rc = text_read(&t, root, path, read_grub, value, err);
	if (rc <= 0)
		return rc;
	if (change_each(&t)) {
		rc = add_text(b, &t, value, "", err);
		return rc ? rc : 1;
	}
	free(t.was);
	return 0;
}

/* Where the assignment counts: the last one, and rather of the variable that all entries get. */
static struct part *choose_part(struct text *t)
{
	struct part *p = NULL;

	for (size_t i = 0; i < t->n; i++)
		if (!p || !t->parts[i].usual || p->usual)
			p = &t->parts[i];
	return p;
}

/* Nobody asks yet: a file of our own, read behind all that are there, by the order of their names. */
static int add_grub(struct bootconf *b, const char *root, const char *value, struct err *err)
{
	struct text t;
	struct part *p;
	char *will;
	int rc;

	if (is_there(root, GRUB_DIR)) {
		if (asprintf(&will,
			     "# Written by lifeboat reset-crashkernel.\n"
			     "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT " WORD
			     "%s\"\n",
			     value) < 0)
			return err_set(err, ERR_NOMEM, "no memory to reset");
		return add_file(b, GRUB_OURS, NULL, will, err);
	}
	rc = text_read(&t, root, GRUB_FILE, read_grub, value, err);
	if (rc < 0)
		return rc;
	p = rc ? choose_part(&t) : NULL;
	if (p) {
		p->change = PART_SET;
		return add_text(b, &t, value, "", err);
	}
	free(t.was);
	return err_set(err, ERR_UNSUPPORTED,
		       GRUB_FILE " has no line GRUB_CMDLINE_LINUX=: add "
				 "GRUB_CMDLINE_LINUX=\"" WORD "%s\" by hand",
		       value);
}

/* 1 when GRUB is here. */
static int find_grub(struct bootconf *b, const char *root, const char *value, struct err *err)
{
	const struct maker *m = find_maker(root);
	int found, rc;

	if (!is_there(root, GRUB_FILE))
		return 0;
	if (!m) {
		b->notes[b->nnotes++] = GRUB_FILE
			" is left alone: GRUB is not installed, there is neither "
			"update-grub nor grub-mkconfig";
		return 0;
	}
	rc = take_grub(b, root, GRUB_FILE, value, err);
	if (rc < 0)
		return rc;
	found = rc;
	rc = read_dir(b, root, GRUB_DIR, ".cfg", take_grub, value, err);
	if (rc >= 0 && !(found + rc))
		rc = add_grub(b, root, value, err);
	if (rc < 0)
		return rc;
	b->command[0] = m->program;
	b->command[1] = m->option;
	b->command[2] = m->option ? m->menu : NULL;
	b->menu = m->menu;
	return 1;
}

/* ---- others ---- */

static int take_entry(struct bootconf *b, const char *root, const char *path, const char *value,
		      struct err *err)
{
	struct text t;
	int rc = text_read(&t, root, path, read_options, value, err);

	if (rc <= 0)
		return rc;
	// An entry that starts no kernel has none.
	if (!t.n) {
		free(t.was);
		return 0;
	}
	change_joined(&t);
	rc = add_text(b, &t, value, "", err);
	return rc ? rc : 1;
}

/* How many there are. */
static int find_entries(struct bootconf *b, const char *root, const char *value, struct err *err)
{
	static const char *const dirs[] = {"/boot/loader/entries", "/boot/efi/loader/entries",
					   "/efi/loader/entries"};
	int found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int rc = read_dir(b, root, dirs[i], ENTRIES_END, take_entry, value, err);

		if (rc < 0)
			return rc;
		found += rc;
	}
	return found;
}

static int find_kernel(struct bootconf *b, const char *root, const char *value, struct err *err)
{
	char line[BOOTCONF_VALUE_MAX + sizeof(WORD) + 1];
	struct text t;
	int rc = text_read(&t, root, KERNEL_FILE, read_kernel, value, err);

	if (rc <= 0)
		return rc;
	change_joined(&t);
	snprintf(line, sizeof(line), WORD "%s\n", value);
	rc = add_text(b, &t, value, t.n ? "" : line, err);
	b->notes[b->nnotes++] = "unified kernel images have it only when kernel-install(8) has "
				"made them anew";
	return rc ? rc : 1;
}

int bootconf_find(struct bootconf *b, const char *root, const char *value, struct err *err)
{
	int found = 0, rc;

	*b = (struct bootconf){.n = 0};
	rc = find_grub(b, root, value, err);
	found += rc;
	if (rc >= 0)
		rc = find_kernel(b, root, value, err);
	found += rc;
	if (rc >= 0)
		rc = find_entries(b, root, value, err);
	found += rc;
	if (rc < 0)
		return rc;
	if (found)
		return 0;
	return err_set(err, ERR_NOTFOUND,
		       "no configuration of a boot loader is known here (" GRUB_FILE
		       ", " KERNEL_FILE ", loader/entries): add " WORD
		       "%s to the kernel command line by hand%s%s",
		       value, b->nnotes ? "; " : "", b->nnotes ? b->notes[0] : "");
}

void bootconf_free(struct bootconf *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->files[i].was);
		free(b->files[i].will);
	}
	b->n = 0;
}

/* ---- what came of it ---- */

/* A line of grub.cfg that starts a kernel. */
static bool starts_kernel(const char *line, const char *stop)
{
	static const char *const names[] = {"linux", "linux16", "linuxefi"};
	size_t len = strcspn(line, " \t\n");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (len == strlen(names[i]) && line + len < stop &&
		    memcmp(line, names[i], len) == 0)
			return true;
	return false;
}

static bool asks_for(const char *word, const char *end, const char *value)
{
	size_t len = strlen(value);

	word += sizeof(WORD) - 1;
	if ((size_t)(end - word) < len || memcmp(word, value, len) != 0)
		return false;
	return word + len == end || (end - word - len == 5 && memcmp(end - 5, ",high", 5) == 0);
}

/* 1: it asks for that, 0: for nothing. */
static int check_line(const char *path, const char *line, const char *stop, const char *value,
		      struct err *err)
{
	const char *last = NULL, *p = line, *end;

	for (; (p = find_main(p, stop)); p = end_of_word(p, stop))
		last = p;
	if (!last)
		return 0;
	end = end_of_word(last, stop);
	if (asks_for(last, end, value))
		return 1;
	return err_set(err, ERR_CORRUPT,
		       "%s has an entry that asks for %.*s: a file that is not changed here has "
		       "its say; find it (" GRUB_DIR ", /etc/grub.d) and change it by hand",
		       path, (int)(end - last) > 64 ? 64 : (int)(end - last), last);
}

/* How many entries of GRUB's menu ask for it; those of other systems count for nothing. */
static int check_menu(const char *text, const char *path, const char *value, bool *bls,
		      struct err *err)
{
	static const char others[] = "### BEGIN /etc/grub.d/30_os-prober ###";
	static const char end[] = "### END ";
	bool skip = false;
	int rc = 0, n = 0;

	for (const char *stop; *text && rc >= 0; text = stop + (*stop != '\0')) {
		stop = text + strcspn(text, "\n");
		text += strspn(text, " \t");
		if (strncmp(text, others, sizeof(others) - 1) == 0)
			skip = true;
		else if (strncmp(text, end, sizeof(end) - 1) == 0)
			skip = false;
		if (strncmp(text, "blscfg", 6) == 0)
			*bls = true;
		rc = !skip && starts_kernel(text, stop) ? check_line(path, text, stop, value, err)
							: 0;
		n += rc > 0;
	}
	return rc < 0 ? rc : n;
}

/* The command may have written them anew. */
static int check_entries(const char *root, const char *value, struct err *err)
{
	struct bootconf *now = calloc(1, sizeof(*now));
	int n = now ? find_entries(now, root, value, err)
		    : err_set(err, ERR_NOMEM, "no memory to check");

	if (n > 0 && now->n)
		n = err_set(err, ERR_CORRUPT, "%s does not ask for " WORD "%s", now->files[0].path,
			    value);
	if (now)
		bootconf_free(now);
	free(now);
	return n;
}

int bootconf_check(const struct bootconf *b, const char *root, const char *value, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	char full[FACTS_PATH_MAX];
	bool bls = false;
	int asks, entries = check_entries(root, value, err), rc;

	if (entries < 0 || !b->menu)
		return entries < 0 ? entries : 0;
	rc = facts_path(full, sizeof(full), root, b->menu, err);
	if (!rc)
		rc = io_read_file(full, MENU_MAX, &text, NULL, err);
	if (rc)
		return rc;
	asks = check_menu(text, b->menu, value, &bls, err);
	if (asks < 0)
		return asks;
	if (asks || (bls && entries))
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "no entry of %s asks for " WORD "%s, though " GRUB_FILE
		       " does: something else makes the command line (see /etc/grub.d)",
		       b->menu, value);
}

/* ---- writing ---- */

/* Where the file @full really is, through links that may begin at @root. In place. */
static int follow(char full[static FACTS_PATH_MAX], const char *root, struct err *err)
{
	char link[FACTS_PATH_MAX], to[FACTS_PATH_MAX];

	for (int i = 0; i < LINKS_MAX; i++) {
		ssize_t n = readlink(full, link, sizeof(link) - 1);
		char *slash = strrchr(full, '/');
		int rc;

		// No link, or nothing there yet.
		if (n < 0)
			return errno == EINVAL || errno == ENOENT ? 0 : err_sys(err, "%s", full);
		link[n] = '\0';
		slash[1] = '\0';
		rc = facts_path(to, sizeof(to), link[0] == '/' ? root : full, link, err);
		if (rc)
			return rc;
		memcpy(full, to, sizeof(to));
	}
	return err_set(err, ERR_LIMIT, "%s: too many links", full);
}

static int write_text(const char *path, const char *text, const char *root, struct err *err)
{
	char full[FACTS_PATH_MAX];
	int rc = facts_path(full, sizeof(full), root, path, err);

	if (!rc)
		rc = follow(full, root, err);
	return rc ? rc : replace_file(full, text, strlen(text), REPLACE_KEEP, err);
}

int bootconf_write(const struct bootconf_file *f, const char *root, struct err *err)
{
	return write_text(f->path, f->will, root, err);
}

int bootconf_restore(const struct bootconf_file *f, const char *root, struct err *err)
{
	char full[FACTS_PATH_MAX];
	int rc;

	if (f->was)
		return write_text(f->path, f->was, root, err);
	rc = facts_path(full, sizeof(full), root, f->path, err);
	if (!rc && unlink(full) && errno != ENOENT)
		rc = err_sys(err, "%s", f->path);
	return rc;
}
