/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bootconf: where the command line of the next boot is kept, and what of it changes so that it asks
 * for another crashkernel=. Found and planned here, written by bootconf_write(): whole files, under
 * a new name first.
 *
 * GRUB: /etc/default/grub and grub.d of it (grubline.h, then update-grub or grub-mkconfig).
 * kernel-install(8), systemd-boot, unified kernel images: /etc/kernel/cmdline.
 * Boot Loader Specification: `options` in loader/entries/ of the boot partitions.
 *
 * What is not understood is refused, with the line and what is to be done by hand: a mistake here
 * could leave a machine that does not boot, or one that reserves nothing and says it does.
 */
#ifndef LOADER_BOOTCONF_H
#define LOADER_BOOTCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/facts.h"

struct err;

enum {
	BOOTCONF_FILES_MAX = 256,
	BOOTCONF_TEXT_MAX = 256 << 10, /* of a file */
	BOOTCONF_LINE_MAX = 8 << 10,
	BOOTCONF_VALUE_MAX = 256,
	BOOTCONF_NOTES_MAX = 2,
	BOOTCONF_WORDS_MAX = 4, /* of a command, its end included */
};

/* A file with its text as it is and as it is to be. */
struct bootconf_file {
	char path[FACTS_PATH_MAX]; /* without the root */
	char *was; /* owned; NULL: it is to be made */
	char *will; /* owned */
};

struct bootconf {
	struct bootconf_file files[BOOTCONF_FILES_MAX];
	size_t n;
	unsigned int right; /* files that ask for it already */
	/* What must be run when the files are written: a program and its arguments; or NULL. */
	const char *command[BOOTCONF_WORDS_MAX];
	const char *menu; /* what that makes: a grub.cfg */
	const char *notes[BOOTCONF_NOTES_MAX]; /* what is not done here */
	size_t nnotes;
};

/*
 * Looks below @root for what has to change for crashkernel=@value. ERR_NOTFOUND when no
 * configuration of a boot loader is known here, ERR_UNSUPPORTED when one has a line that is not
 * understood, ERR_LIMIT when there are more files or lines than there is room for. bootconf_free()
 * in any case.
 */
int bootconf_find(struct bootconf *b, const char *root, const char *value, struct err *err);

/*
 * When all is written and the command has been run: whether the entries of the boot loader ask for
 * crashkernel=@value now. ERR_CORRUPT with the first that asks for another, or when none asks.
 */
int bootconf_check(const struct bootconf *b, const char *root, const char *value, struct err *err);
void bootconf_free(struct bootconf *b);

/*
 * Writes file @f: durable, its owner and mode kept, or as it was. Where it is a link, what that
 * leads to is written.
 */
int bootconf_write(const struct bootconf_file *f, const char *root, struct err *err);

/* Takes that back: the file has its old text again, or is gone where there was none. */
int bootconf_restore(const struct bootconf_file *f, const char *root, struct err *err);

/*
 * @text, a command line of @len bytes, with crashkernel=@value in the place of the one that it
 * has, and behind all words where it has none. What is reserved in other kinds beside it
 * (",low", ",cma") stays; where the old one ends with ",high", the new one does. False when it does not fit in
 * the @room bytes at @ret.
 */
bool bootconf_words(const char *text, size_t len, const char *value, char *ret, size_t room);

#endif
