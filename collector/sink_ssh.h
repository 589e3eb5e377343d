/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sink_ssh: a file on another machine that a shell there writes: bytes go through one
 * connection, the first block once more through another one at the end, where length and digest
 * are checked before the file gets its name.
 *
 * No place of it is ever given two contents, but the first block: the shell of a connection that
 * broke may still have bytes on their way when the next connection writes. So who goes on sends the
 * same bytes to the same places, and who gives up writes behind all that was ever sent.
 */
#ifndef COLLECTOR_SINK_SSH_H
#define COLLECTOR_SINK_SSH_H

struct err;
struct shell;
struct sink;

enum {
	/*
	 * Bytes kept until they are surely over there. On their way can be: our pipe, 1 MiB; what
	 * the window of a channel of ssh holds, 2 MiB; the pipe of the shell there.
	 */
	SINK_SSH_KEPT = 4 << 20,
};

/*
 * A file @name in directory @dir of the far side, called @temp until it is committed, mode 0600.
 * @sh is borrowed. Its first bytes make the file.
 */
int sink_ssh_open(struct sink *s, struct shell *sh, const char *dir, const char *name,
		  const char *temp, struct err *err);

#endif
