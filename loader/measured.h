/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * measured: what this machine's own runs say of the memory that a capture takes: those of the same
 * kernel and the same initrd only. A run of `lifeboat calibrate` counts before a capture, which saw
 * only what it had, and both before a computation.
 */
#ifndef LOADER_MEASURED_H
#define LOADER_MEASURED_H

#include <stdint.h>

#include "loader/places.h"

struct config;
struct err;

#define MEASURED_DIR  "/var/lib/lifeboat"
#define MEASURED_FILE "calibration.json"

enum {
	MEASURED_IMAGES_MAX = 24, /* "0123abcd-89ef4567": of the digests of kernel and initrd */
	MEASURED_SOURCE_MAX = 400,
};

struct measured {
	uint64_t need; /* bytes of reservation; 0: nothing was measured */
	uint64_t time; /* seconds since 1970 */
	char source[MEASURED_SOURCE_MAX];
};

/*
 * Fills @ret from what lies below @root and on the targets of @c (NULL: none) that can be seen from
 * here: a calibration of these images, else the capture with them that took most memory.
 */
void measured_find(struct measured *ret, const char *root, const struct config *c,
		   const char *images);

/*
 * What a manifest says of it: bytes that its reservation would have had to have, as far as the collector
 * could see it. 0 where it is of other images than @images, or says nothing. @cpus: the
 * configuration's capture_cpus.
 */
struct json_object;
uint64_t measured_of_manifest(struct json_object *o, const char *images, unsigned int cpus);

/* Keeps the result of a calibration. */
int measured_store(const char *root, const char *images, uint64_t need, const char *how,
		   struct err *err);

#endif
