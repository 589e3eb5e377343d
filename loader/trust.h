/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trust: who may have written a file. What says or is what runs as root when the kernel dies must
 * be root's; what is secret must be for root's eyes.
 */
#ifndef LOADER_TRUST_H
#define LOADER_TRUST_H

struct err;

/*
 * 0 when the file @path below @root is a plain one of root, or of who runs this, that nobody else
 * may write to. ERR_NOTFOUND when it is not there, ERR_USAGE with what to do, ERR_SYS.
 */
int trust_file(const char *root, const char *path, struct err *err);

/*
 * The same of the file that is open as @fd, whatever has become of its name @path since; nor may
 * everybody write to a directory above it, but one with the sticky bit.
 */
int trust_opened(int fd, const char *path, struct err *err);

/* As trust_file(), of a file or directory that nobody else may even read. */
int trust_secret(const char *root, const char *path, struct err *err);

#endif
