/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * grubline: a line of /etc/default/grub, which grub-mkconfig reads as a script of the shell. What
 * is understood here is much less than what the shell does: a plain assignment to one of the two
 * variables that make the command line of each Linux entry. Everything else that has to do with them
 * is strange, and not to be touched.
 */
#ifndef LOADER_GRUBLINE_H
#define LOADER_GRUBLINE_H

#include <stdbool.h>

enum grubline_kind {
	GRUBLINE_OTHER, /* nothing about the command line */
	GRUBLINE_PLAIN,
	GRUBLINE_STRANGE,
};

struct grubline {
	const char *from, *end; /* the value, without its quotes */
	bool bare; /* it has none */
	bool usual; /* of GRUB_CMDLINE_LINUX_DEFAULT, which entries for recovery do not get */
};

/*
 * Reads the line [@line, @stop), without its end; fills @ret when it is plain. *@open is what the
 * lines before left open, and this one leaves open: a quote, a backslash; 0 in the first line.
 */
enum grubline_kind grubline_read(const char *line, const char *stop, char *open,
				 struct grubline *ret);

#endif
