/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * measured: what this machine's own runs say of the memory that a capture takes: those of the same
 * kernel and the same initrd only. Of the captures that came to a whole dump, and of a run of
 * `lifeboat calibrate`, the one that took most counts, before a computation. A capture that did not
 * may have been cut short: it tells the least. A rehearsal measures the collector alone.
 */
#ifndef LOADER_MEASURED_H
#define LOADER_MEASURED_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/places.h"

struct config;
struct err;

#define MEASURED_DIR  "/var/lib/lifeboat"
#define MEASURED_FILE "calibration.json"
/* What captures said when their targets were last looked at. */
#define MEASURED_CAPTURES  "captures.json"
#define MEASURED_REHEARSAL "rehearsal.json"

enum {
	MEASURED_IMAGES_MAX = 24, /* "0123abcd-89ef4567": of the digests of kernel and initrd */
	MEASURED_SOURCE_MAX = 400,
};

struct measured_run {
	uint64_t bytes; /* of reservation; 0: there is none */
	uint64_t time; /* seconds since 1970 */
	bool complete; /* a whole dump was made */
	bool anywhere; /* it holds wherever the reservation lies */
	char source[MEASURED_SOURCE_MAX];
};

struct measured {
	uint64_t need; /* bytes that were enough, those of @whole; 0: nothing was measured */
	struct measured_run whole; /* what was enough */
	struct measured_run
		least; /* what was not, or not seen to be: that much is needed at least */
	/* Bytes that a rehearsal took, and had; 0: none, or it tells nothing. */
	uint64_t rehearsed, rehearsed_limit;
};

/*
 * Fills @ret from what lies below @root, and with @targets from the targets of @c that can be seen
 * from here, which may mount them and wait for a server; what these say is kept below @root for
 * those that must not.
 */
void measured_find(struct measured *ret, const char *root, const struct config *c,
		   const char *images, bool targets);

/*
 * What a manifest says of it: bytes that its reservation would have had to have, as far as the collector
 * could see it; where it ran out of memory, a MiB more than it had. False where it is of other
 * images than @images, or says nothing. @cpus: the configuration's capture_cpus. Time and source
 * are the caller's.
 */
struct json_object;
bool measured_of_manifest(struct json_object *o, const char *images, unsigned int cpus,
			  struct measured_run *ret);

/* Keeps the result of a calibration. */
int measured_store(const char *root, const char *images, uint64_t need, const char *how,
		   struct err *err);

#endif
