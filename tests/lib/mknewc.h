/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mknewc: cpio archives in the format newc (base/newc.h), made in memory.
 */
#ifndef TESTS_LIB_MKNEWC_H
#define TESTS_LIB_MKNEWC_H

#include <stddef.h>
#include <stdint.h>

struct mknewc {
	uint8_t *data;
	size_t n, room; /* bytes of the archive so far, and what it may have */
	unsigned int links; /* names that the next files say they have; 0: one */
};

/* A file called @path at the end of the archive; @mode as of stat(2). It must have room. */
void mknewc_add(struct mknewc *m, const char *path, uint32_t mode, const void *data, size_t size);

/* The trailer. Another archive may follow. */
void mknewc_end(struct mknewc *m);

#endif
