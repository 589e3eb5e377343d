/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * identity: of which kernel, initrd, configuration and command line something was: a load, and the
 * crash that ended it; a rehearsal. By digests: times of files prove nothing.
 */
#ifndef LOADER_IDENTITY_H
#define LOADER_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/image.h"

struct json;
struct json_object;
struct loadplan;

enum {
	IDENTITY_TEXT_MAX = 64, /* "kernel, initrd, configuration and command line" */
};

/* "": not known. */
struct identity {
	char kernel[IMAGE_DIGEST_LEN], initrd[IMAGE_DIGEST_LEN];
	char config[IMAGE_DIGEST_LEN]; /* "none" where there is no file */
	/* Without the words that name the boot and, once more, the images. */
	char cmdline[IMAGE_DIGEST_LEN];
};

/* As far as @p was made: what is missing there is not known. */
void identity_of(struct identity *id, const struct loadplan *p);

/* All of it is known. */
bool identity_known(const struct identity *id);

/* Whether the two, both known, are not the same; @text says which parts. */
bool identity_differs(const struct identity *a, const struct identity *b,
		      char text[static IDENTITY_TEXT_MAX]);

/* As a member "identity" of the object that is open in @j, and from there. */
void identity_put(const struct identity *id, struct json *j);
void identity_read(struct identity *id, struct json_object *o);

#endif
