/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sizing: what this machine has, wants and measured, gathered for a decision on the size of its
 * reservation: estimate, load, rehearse, shrink and reset-crashkernel all ask here.
 */
#ifndef LOADER_SIZING_H
#define LOADER_SIZING_H

#include <stdint.h>
#include <sys/types.h>

#include "loader/facts.h"
#include "loader/image.h"
#include "loader/measured.h"
#include "loader/need.h"

struct config;
struct context;
struct err;
struct initrd;

struct sizing {
	struct facts facts;
	struct image kernel, initrd;
	char images[MEASURED_IMAGES_MAX]; /* identity of both */
	struct need_facts need_facts;
	struct need need; /* computed */
	struct measured measured;
	char kernel_source[NEED_SOURCE_MAX]; /* private: need_facts points to it */
	/*
	 * Bytes that must be reserved, where the reservation lies now: of what was measured where
	 * there is that, else computed.
	 */
	uint64_t bytes;
	uint64_t next; /* the same for a reservation that the next boot makes, wherever it does */
	/* What kernel, drivers and initrd leave of the reservation to the collector; 0: nothing. */
	uint64_t left;
	char note[FACTS_PATH_MAX]; /* what could not be found out; "" */
};

/*
 * Gathers all of it for the kernel and initrd that @c names, below @root. @contents, which may be NULL,
 * is filled with the initrd; the caller closes it in any case. ERR_NOTFOUND when one of the two
 * is not there.
 */
int sizing_gather(struct sizing *s, const char *root, const struct config *c,
		  struct initrd *contents, struct err *err);

/*
 * The same, with what captures measured as it was when sizing_gather() last looked at the targets:
 * no device is mounted, and no server waited for.
 */
int sizing_gather_here(struct sizing *s, const char *root, const struct config *c, struct err *err);

/* Decides @bytes, @next and @left by all that is above them. */
void sizing_settle(struct sizing *s);

/* The identity of two images: "0123abcd-89ef4567". */
void sizing_images(const struct image *kernel, const struct image *initrd,
		   char ret[static MEASURED_IMAGES_MAX]);

/* The device of the file system that @path, or the nearest directory above it, is on; 0: unknown. */
dev_t sizing_device_of(const char *root, const char *path);

#endif
