/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state: the record of what was loaded last, kept until the next boot (the kernel itself only
 * tells that something is). A line "key value" for each thing, 0600.
 */
#ifndef LOADER_STATE_H
#define LOADER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/cmdline.h"
#include "loader/cpus.h"
#include "loader/facts.h"
#include "loader/image.h"
#include "loader/machine.h"

struct err;

#define STATE_DIR  "/run/lifeboat"
#define STATE_FILE STATE_DIR "/state"

enum {
	STATE_CALL_MAX = 256,
};

struct state_file {
	char path[FACTS_PATH_MAX]; /* "": there was none */
	uint64_t size;
	char digest[IMAGE_DIGEST_LEN];
};

struct state {
	uint64_t time; /* of the load, seconds since 1970 */
	struct state_file kernel, initrd, config;
	char release[FACTS_WORD_MAX]; /* of the kernel; or "" */
	char cmdline[CMDLINE_MAX];
	char call[STATE_CALL_MAX]; /* how it was loaded and why so; or "" */
	char cpus[CPUS_WHY_MAX]; /* how many it will have and why; or "" */
	struct machine_facts machine; /* as it was then */
	uint64_t params; /* physical address of its boot_params, as found after the load; or 0 */
};

/* Writes the record below @root, whole or not at all. */
int state_write(const struct state *s, const char *root, struct err *err);

/* Reads it; ERR_NOTFOUND when there is none, ERR_CORRUPT when it can't be understood. */
int state_read(struct state *s, const char *root, struct err *err);

/* Takes it away, before what it tells is no longer so. No record is no error. */
int state_remove(const char *root, struct err *err);

#endif
