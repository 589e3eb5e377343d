// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/bootconf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

#define WORD	    "crashkernel="
#define GRUB_FILE   "/etc/default/grub"
#define GRUB_DIR    "/etc/default/grub.d"
#define GRUB_OURS   GRUB_DIR "/zz-lifeboat-size.cfg" /* behind the package's own, and others' */
#define KERNEL_FILE "/etc/kernel/cmdline"

enum {
	ENTRIES_MAX = 256,
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

bool bootconf_words(const char *text, size_t len, const char *value, char *ret, size_t room)
{
	const char *end = text + len, *at = text, *p;
	struct out o = {.buf = ret, .room = room};
	bool done = false;

	ret[0] = '\0';
	while ((p = find_word(at, end))) {
		const char *stop = end_of_word(p, end);

		put(&o, at, p - at);
		if (is_beside(p, stop)) {
			put(&o, p, stop - p);
		} else if (!done) {
			put_value(&o, value, has_suffix(p, stop, ",high"));
			done = true;
		} else {
			// The last one would win; it goes, with the blank before it.
			while (o.used && ret[o.used - 1] == ' ')
				ret[--o.used] = '\0';
		}
		at = stop;
	}
	put(&o, at, end - at);
	if (done)
		return !o.overflow;
	while (o.used && strchr(" \t", ret[o.used - 1]))
		ret[--o.used] = '\0';
	if (o.used)
		put(&o, " ", 1);
	put_value(&o, value, false);
	return !o.overflow;
}

/* ---- files ---- */

static struct bootconf_file *new_file(struct bootconf *b, const char *path)
{
	struct bootconf_file *f = b->n < BOOTCONF_FILES_MAX ? &b->files[b->n] : NULL;

	if (!f)
		return NULL;
	*f = (struct bootconf_file){.was = NULL};
	snprintf(f->path, sizeof(f->path), "%s", path);
	return f;
}

/* Takes it in when it changes. */
static void take_file(struct bootconf *b, struct bootconf_file *f)
{
	if (f->was && strcmp(f->was, f->will) == 0) {
		b->right++;
		free(f->was);
		free(f->will);
		return;
	}
	b->n++;
}

static char *read_file(const char *root, const char *path)
{
	char full[FACTS_PATH_MAX];
	char *text;

	if (facts_path(full, sizeof(full), root, path, NULL) ||
	    io_read_file(full, BOOTCONF_TEXT_MAX, &text, NULL, NULL))
		return NULL;
	return text;
}

/* Where in a line the command line is: [*from, *end); false: it has none. */
typedef bool line_kind(const char *line, const char *stop, const char **from, const char **end);

/*
 * GRUB_CMDLINE_LINUX_DEFAULT="...", also without quotes: then it is one word of the shell. One that
 * goes on in the next line is none that can be changed here.
 */
static bool grub_line(const char *line, const char *stop, const char **from, const char **end)
{
	static const char name[] = "GRUB_CMDLINE_LINUX";
	const char *eq = memchr(line, '=', stop - line);

	if ((size_t)(stop - line) < sizeof(name) || memcmp(line, name, sizeof(name) - 1) != 0 ||
	    !eq || stop[-1] == '\\')
		return false;
	*from = eq + 1;
	*end = *from + strcspn(*from, " \t\n;&#");
	if (*from < stop && strchr("\"'", **from)) {
		const char *close = memrchr(*from + 1, **from, stop - *from - 1);

		(*from)++;
		*end = close ? close : stop;
		return close;
	}
	// Joined from pieces: too clever for us.
	return !memchr(*from, '"', *end - *from) && !memchr(*from, '\'', *end - *from) &&
	       !memchr(*from, '`', *end - *from) && !memchr(*from, '\\', *end - *from);
}

static bool options_line(const char *line, const char *stop, const char **from, const char **end)
{
	if (stop - line < 8 || memcmp(line, "options", 7) != 0 || !strchr(" \t", line[7]))
		return false;
	*from = line + 8;
	*end = stop;
	return true;
}

static bool first_line(const char *line, const char *stop, const char **from, const char **end)
{
	*from = line;
	*end = stop;
	return line != stop;
}

/*
 * The text with all its command lines changed; with @only_there only those that ask for a
 * reservation already. NULL: there is none to be changed, or it does not fit.
 */
static char *change(const char *text, line_kind *kind, bool only_there, bool once,
		    const char *value)
{
	CLEANUP_FREE char *buf = malloc(BOOTCONF_TEXT_MAX + BOOTCONF_LINE_MAX);
	CLEANUP_FREE char *line = malloc(BOOTCONF_LINE_MAX);
	struct out o = {.buf = buf, .room = BOOTCONF_TEXT_MAX + BOOTCONF_LINE_MAX};
	bool found = false;

	if (!buf || !line)
		return NULL;
	buf[0] = '\0';
	while (*text) {
		const char *stop = text + strcspn(text, "\n"), *from, *end;
		const char *next = *stop ? stop + 1 : stop;

		if (!(once && found) && kind(text, stop, &from, &end) &&
		    (!only_there || find_word(from, end)) &&
		    bootconf_words(from, end - from, value, line, BOOTCONF_LINE_MAX)) {
			// Two words now, where there may have been one.
			bool quote = kind == grub_line && from[-1] == '=';

			put(&o, text, from - text);
			put(&o, "\"", quote);
			put(&o, line, strlen(line));
			put(&o, "\"", quote);
			put(&o, end, next - end);
			found = true;
		} else {
			put(&o, text, next - text);
		}
		text = next;
	}
	return found && !o.overflow ? STEAL_PTR(buf) : NULL;
}

/* ---- the boot loaders ---- */

static bool try_file(struct bootconf *b, const char *root, const char *path, line_kind *kind,
		     bool only_there, bool once, const char *value)
{
	struct bootconf_file *f = new_file(b, path);

	if (!f)
		return false;
	f->was = read_file(root, path);
	f->will = f->was ? change(f->was, kind, only_there, once, value) : NULL;
	if (f->will) {
		take_file(b, f);
		return true;
	}
	free(f->was);
	return false;
}

/* Each entry of a directory whose name ends so. */
static unsigned int try_dir(struct bootconf *b, const char *root, const char *dir, const char *end,
			    line_kind *kind, bool only_there, const char *value)
{
	char path[FACTS_PATH_MAX];
	struct dirent *e;
	unsigned int n = 0;
	DIR *d;

	if (facts_path(path, sizeof(path), root, dir, NULL))
		return 0;
	d = opendir(path);
	for (int i = 0; d && i < ENTRIES_MAX && (e = readdir(d)); i++) {
		size_t len = strlen(e->d_name);

		if (e->d_name[0] == '.' || len <= strlen(end) ||
		    strcmp(e->d_name + len - strlen(end), end) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		n += try_file(b, root, path, kind, only_there, false, value);
	}
	if (d)
		closedir(d);
	return n;
}

static bool is_there(const char *root, const char *path)
{
	char full[FACTS_PATH_MAX];

	return !facts_path(full, sizeof(full), root, path, NULL) && access(full, F_OK) == 0;
}

/* A file of our own, read behind all that are there: by the order of their names, or nearly. */
static void add_grub(struct bootconf *b, const char *root, const char *value)
{
	struct bootconf_file *f;

	if (!is_there(root, GRUB_DIR)) {
		try_file(b, root, GRUB_FILE, grub_line, false, true, value);
		return;
	}
	f = new_file(b, GRUB_OURS);
	if (f && asprintf(&f->will,
			  "# Written by lifeboat reset-crashkernel.\n"
			  "GRUB_CMDLINE_LINUX_DEFAULT=\"$GRUB_CMDLINE_LINUX_DEFAULT " WORD "%s\"\n",
			  value) > 0)
		take_file(b, f);
}

static void add_command(struct bootconf *b, const char *program, const char *option,
			const char *file)
{
	if (b->ncommands == BOOTCONF_COMMANDS_MAX)
		return;
	b->commands[b->ncommands][0] = program;
	b->commands[b->ncommands][1] = option;
	b->commands[b->ncommands][2] = file;
	b->ncommands++;
}

static bool find_grub(struct bootconf *b, const char *root, const char *value)
{
	unsigned int found;

	if (!is_there(root, GRUB_FILE))
		return false;
	found = try_dir(b, root, GRUB_DIR, ".cfg", grub_line, true, value);
	found += try_file(b, root, GRUB_FILE, grub_line, true, false, value);
	if (!found)
		add_grub(b, root, value);
	if (is_there(root, "/usr/sbin/update-grub"))
		add_command(b, "/usr/sbin/update-grub", NULL, NULL);
	else if (is_there(root, "/boot/grub2/grub.cfg"))
		add_command(b, "grub2-mkconfig", "-o", "/boot/grub2/grub.cfg");
	else
		add_command(b, "grub-mkconfig", "-o", "/boot/grub/grub.cfg");
	return true;
}

static bool find_entries(struct bootconf *b, const char *root, const char *value)
{
	static const char *const dirs[] = {"/boot/loader/entries", "/boot/efi/loader/entries",
					   "/efi/loader/entries"};
	unsigned int found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		found += try_dir(b, root, dirs[i], ".conf", options_line, false, value);
	return found;
}

static bool find_kernel(struct bootconf *b, const char *root, const char *value)
{
	if (!try_file(b, root, KERNEL_FILE, first_line, false, true, value))
		return false;
	snprintf(b->note, sizeof(b->note),
		 "unified kernel images have it only when kernel-install(8) has made them anew");
	return true;
}

int bootconf_find(struct bootconf *b, const char *root, const char *value, struct err *err)
{
	bool found;

	*b = (struct bootconf){.n = 0};
	found = find_grub(b, root, value);
	found = find_kernel(b, root, value) || found;
	found = find_entries(b, root, value) || found;
	if (found && (b->n || b->right))
		return 0;
	if (found)
		return err_set(err, ERR_NOTFOUND,
			       GRUB_FILE
			       " has no line GRUB_CMDLINE_LINUX= of a plain form that can "
			       "be changed: add " WORD "%s to it by hand",
			       value);
	return err_set(err, ERR_NOTFOUND,
		       "no configuration of a boot loader is known here (" GRUB_FILE
		       ", " KERNEL_FILE ", loader/entries): add " WORD
		       "%s to the kernel command line by hand",
		       value);
}

void bootconf_free(struct bootconf *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->files[i].was);
		free(b->files[i].will);
	}
	b->n = 0;
}

/* ---- writing ---- */

/* As the old one was; a file system without owners has none to be kept. */
static int keep_mode(int fd, const char *full, struct err *err)
{
	struct stat st;

	if (stat(full, &st))
		return fchmod(fd, 0644) ? err_sys(err, "mode") : 0;
	if (fchown(fd, st.st_uid, st.st_gid) && errno != EPERM)
		return err_sys(err, "owner");
	return fchmod(fd, st.st_mode & 07777) && errno != EPERM ? err_sys(err, "mode") : 0;
}

static int write_text(const char *path, const char *text, const char *root, struct err *err)
{
	CLEANUP_CLOSE int fd = -1;
	char full[FACTS_PATH_MAX], temp[FACTS_PATH_MAX], *slash;
	int rc = facts_path(full, sizeof(full), root, path, err);

	if (!rc)
		rc = facts_path(temp, sizeof(temp), full, ".lifeboat-new", err);
	if (rc)
		return rc;
	if (unlink(temp) && errno != ENOENT)
		return err_sys(err, "%s", temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, "%s", temp);
	rc = io_write(fd, text, strlen(text), err);
	if (!rc)
		rc = keep_mode(fd, full, err);
	if (!rc && fsync(fd))
		rc = err_sys(err, "fsync");
	if (!rc && rename(temp, full))
		rc = err_sys(err, "rename");
	if (rc) {
		unlink(temp);
		err_prepend(err, "%s", path);
		return rc;
	}
	slash = strrchr(full, '/');
	*slash = '\0';
	return io_sync_dir(full, err);
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
