/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peerconf: configurations of other crash-dump services, as lines of lifeboat.conf, and in words
 * what of them could not be taken over. No file is read or written here.
 */
#ifndef LOADER_PEERCONF_H
#define LOADER_PEERCONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct err;

enum {
	PEERCONF_SIZE_MAX = 256 << 10, /* of a file */
	PEERCONF_VALUE_MAX = 1024,
	PEERCONF_NAME_MAX = 64,
};

enum peerconf_kind {
	PEERCONF_KDUMP_CONF, /* /etc/kdump.conf of Fedora and its kin: the grammar of lifeboat.conf */
	PEERCONF_ASSIGNMENTS, /* NAME="value": kdump-tools, sysconfig of SUSE and of Fedora */
};

struct peerconf {
	FILE *conf; /* takes lines of lifeboat.conf */
	FILE *notes; /* takes "NAME:LINE: KEY: why", a line each */
	size_t taken, left; /* settings that were taken over, and that were not */
	/* private: what is put together of several lines */
	const char *name;
	unsigned int line;
	size_t targets;
	char level[16], format[16], options[PEERCONF_VALUE_MAX];
	char coredir[PEERCONF_VALUE_MAX], ssh[PEERCONF_VALUE_MAX], nfs[PEERCONF_VALUE_MAX];
};

/* What a file called @path is, by its name. */
enum peerconf_kind peerconf_kind_of(const char *path);

/*
 * Takes the @size bytes of @text, called @name in notes. A secret in it, such as a password, is
 * told of and never repeated. ERR_LIMIT, ERR_CORRUPT for what is no text.
 */
int peerconf_take(struct peerconf *p, enum peerconf_kind kind, const char *name, const char *text,
		  size_t size, struct err *err);

/* Behind the last file: lines that are made of several settings. */
void peerconf_finish(struct peerconf *p);

#endif
