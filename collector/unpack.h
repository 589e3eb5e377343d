/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unpack: a cpio archive (base/newc.h), packed by zstd, into a directory: the part of the initrd that
 * the kernel leaves to the first process. It comes in small pieces, and the memory of what is
 * read is given back at once, so that it is never there twice.
 */
#ifndef COLLECTOR_UNPACK_H
#define COLLECTOR_UNPACK_H

#include <stdint.h>

struct err;

enum {
	UNPACK_WINDOW_LOG = 23, /* of the zstd frame, at most: 8 MiB */
};

/*
 * Unpacks what @fd holds below the directory @dirfd: directories, symbolic links, files with one
 * name; a file that is there is replaced. Names that lead above @dirfd are refused; the archive's own
 * links are followed, for it is as trusted as the kernel beside it. Holes are punched in @fd as it is
 * read, where its file system can. Stops with ERR_NOMEM when less than @spare bytes of memory are free: of a
 * ramfs nothing else does. ERR_CORRUPT with the offset in the archive, ERR_UNSUPPORTED, ERR_NOSPC, ERR_SYS.
 */
int unpack(int fd, int dirfd, uint64_t spare, struct err *err);

#endif
