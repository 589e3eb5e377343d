/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * io: whole reads and writes. Each call goes on over EINTR and short counts until all is
 * done, the file ends or an error comes.
 */
#ifndef BASE_IO_H
#define BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* Read up to @size bytes; the count read (less only at the end of the file) or a negative code. */
ssize_t io_read(int fd, void *buf, size_t size, struct err *err);
ssize_t io_pread(int fd, void *buf, size_t size, uint64_t offset, struct err *err);

/* Write all @size bytes; 0 or a negative code (ERR_NOSPC when the target is full). */
int io_write(int fd, const void *buf, size_t size, struct err *err);
int io_pwrite(int fd, const void *buf, size_t size, uint64_t offset, struct err *err);

/*
 * Reads a whole small file, such as one of /proc or /sys, into a fresh zero-terminated buffer
 * that the caller frees; *@size_ret (may be NULL) is its length without that zero.
 * ERR_LIMIT when it is longer than @max bytes.
 */
int io_read_file(const char *path, size_t max, char **ret, size_t *size_ret, struct err *err);

/*
 * Opens /dev/null as each of the three standard descriptors that is closed: else the next file that is
 * opened gets that number, and what is printed is written into it. Nothing happens without /dev/null.
 */
void io_hold_standard_fds(void);

/* fsync() of the directory @path, which makes names created or renamed in it durable. */
int io_sync_dir(const char *path, struct err *err);

#endif
