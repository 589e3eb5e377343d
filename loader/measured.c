// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/measured.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "loader/cpus.h"
#include "loader/jsonread.h"
#include "loader/need.h"
#include "loader/store.h"
#include "vmcore/crashdir.h"

enum {
	ENTRIES_MAX = 1 << 16,
	TEXT_MAX = 4096,
	/* A cgroup charges in batches: that near to its limit it has reached it. */
	LIMIT_REACHED = 256 << 10,
};

static uint64_t more_than(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* Of a dump of that much memory: what the collector takes more of where there is more. */
static uint64_t least_collector(struct json_object *o)
{
	uint64_t pages, page_size;

	if (!jsonread_u64(o, "pages.memory", &pages) ||
	    !jsonread_u64(o, "dump.page_size", &page_size) || pages > 1ULL << 40 ||
	    page_size > 1 << 20)
		return NEED_COLLECTOR_KIB;
	return NEED_COLLECTOR_KIB + NEED_COLLECTOR_TIB_KIB * (pages * page_size >> 30) / 1024;
}

static bool ran_out(struct json_object *o)
{
	size_t n = jsonread_count(o, "attempts");
	char outcome[32];

	for (size_t i = 0; i < n; i++) {
		jsonread_string(jsonread_object_at(o, "attempts", i), "outcome", outcome,
				sizeof(outcome));
		if (strcmp(outcome, "out-of-memory") == 0)
			return true;
	}
	return false;
}

bool measured_of_manifest(struct json_object *o, const char *images, unsigned int cpus,
			  struct measured_run *ret)
{
	char theirs[MEASURED_IMAGES_MAX], status[16];
	uint64_t ram, low, peak, budget, least, n, used;

	*ret = (struct measured_run){.bytes = 0};
	if (!jsonread_string(o, "capture.images", theirs, sizeof(theirs)) ||
	    strcmp(theirs, images) != 0 || !jsonread_u64(o, "capture.memory_ram_kib", &ram) ||
	    !ram || ram > 1ULL << 40)
		return false;
	jsonread_string(o, "status", status, sizeof(status));
	ret->complete = strcmp(status, "complete") == 0;
	if (ran_out(o)) {
		// How much more nobody knows; the least MemAvailable is only what was seen.
		ret->complete = false;
		ret->bytes = (((ram + 1023) >> 10) + 1) << 20;
		return true;
	}
	if (!jsonread_u64(o, "capture.memory_low_kib", &low) || low >= ram)
		return false;
	used = ram - low;
	least = least_collector(o);
	if (!jsonread_u64(o, "capture.cpus", &n) || !n || n >= 1024)
		n = 1;
	// With as many CPUs as are configured their workers are needed, too.
	if (cpus)
		least += (n - 1) * CPUS_WORKER_KIB;
	// The collector, its workers among it, takes more where there is more.
	jsonread_u64(o, "capture.peak_memory_kib", &peak);
	jsonread_u64(o, "capture.budget_kib", &budget);
	used -= more_than(budget < peak ? budget : peak, least);
	if (!cpus)
		used = more_than(used, (n - 1) * CPUS_KERNEL_KIB);
	ret->bytes = used < ram ? used << 10 : 0;
	return ret->bytes != 0;
}

/* The one that took most: a later one that took less may have had less to do. */
static void take(struct measured_run *best, const struct measured_run *run)
{
	if (run->bytes > best->bytes)
		*best = *run;
}

static void look_at(struct measured *m, int at, const char *name, const struct place *place,
		    const struct config *c, const char *images)
{
	CLEANUP_CLOSE int dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct json_object *o = NULL;
	struct utsname un = {.nodename = ""};
	struct measured_run run;
	struct crashdir parts;
	char theirs[65];
	bool good;

	if (dir < 0 || !crashdir_parse(name, &parts) ||
	    jsonread_file(dir, CRASHDIR_MANIFEST, &o, NULL))
		return;
	uname(&un);
	jsonread_string(o, "crash.nodename", theirs, sizeof(theirs));
	good = measured_of_manifest(o, images, c->capture_cpus, &run);
	jsonread_free(o);
	if (!good || (place->shared && strcmp(theirs, un.nodename) != 0))
		return;
	run.time = parts.time;
	snprintf(run.source, sizeof(run.source), "the capture %.200s/%.120s", place->shown, name);
	take(run.complete ? &m->whole : &m->least, &run);
}

static void look_at_places(struct measured *m, const char *root, const struct config *c,
			   const char *images)
{
	CLEANUP_FREE struct places *p = malloc(sizeof(*p));

	if (!p)
		return;
	places_find(p, root, c);
	for (size_t i = 0; i < p->n; i++) {
		DIR *d = p->rows[i].dir[0] ? opendir(p->rows[i].dir) : NULL;
		struct dirent *e;

		for (int k = 0; d && k < ENTRIES_MAX && (e = readdir(d)); k++)
			look_at(m, dirfd(d), e->d_name, &p->rows[i], c, images);
		if (d)
			closedir(d);
	}
	places_release(p);
}

/* A rehearsal has the digests as a whole, as sizing_images() begins with them. */
static bool is_of(struct json_object *o, const char *images)
{
	char theirs[MEASURED_IMAGES_MAX], kernel[9], initrd[9];

	if (!jsonread_string(o, "images", theirs, sizeof(theirs))) {
		jsonread_string(o, "identity.kernel", kernel, sizeof(kernel));
		jsonread_string(o, "identity.initrd", initrd, sizeof(initrd));
		snprintf(theirs, sizeof(theirs), "%s-%s", kernel, initrd);
	}
	return strcmp(theirs, images) == 0;
}

/* @name below @root, if it is of these images. */
static struct json_object *open_kept(const char *root, const char *name, const char *images)
{
	char path[FACTS_PATH_MAX];
	struct json_object *o = NULL;

	if (facts_path(path, sizeof(path), root, name, NULL) ||
	    jsonread_file(AT_FDCWD, path, &o, NULL))
		return NULL;
	if (is_of(o, images))
		return o;
	jsonread_free(o);
	return NULL;
}

/* ---- captures, as they were when the targets were last looked at ---- */

static void read_run(struct measured *m, struct json_object *o)
{
	struct measured_run run = {.bytes = 0};

	if (!o || !jsonread_u64(o, "bytes", &run.bytes))
		return;
	jsonread_u64(o, "time", &run.time);
	jsonread_bool(o, "complete", &run.complete);
	jsonread_string(o, "source", run.source, sizeof(run.source));
	take(run.complete ? &m->whole : &m->least, &run);
}

static void read_captures(struct measured *m, const char *root, const struct config *c,
			  const char *images)
{
	struct json_object *o = open_kept(root, MEASURED_DIR "/" MEASURED_CAPTURES, images);
	uint64_t cpus;

	// What was taken off for CPUs depends on how many are configured.
	if (o && jsonread_u64(o, "capture_cpus", &cpus) && cpus == c->capture_cpus)
		for (size_t i = 0; i < jsonread_count(o, "captures"); i++)
			read_run(m, jsonread_object_at(o, "captures", i));
	jsonread_free(o);
}

static void put_run(struct json *j, const struct measured_run *run)
{
	if (!run->bytes)
		return;
	json_object(j, NULL);
	json_bool(j, "complete", run->complete);
	json_u64(j, "bytes", run->bytes);
	json_u64(j, "time", run->time);
	json_string(j, "source", run->source);
	json_object_end(j);
}

/* A dump that is removed later has been measured all the same. Whoever may not write does not. */
static void store_captures(const struct measured *m, const char *root, const struct config *c,
			   const char *images)
{
	char text[TEXT_MAX];
	struct json j;

	json_init(&j, text, sizeof(text));
	json_object(&j, NULL);
	json_u64(&j, "captures_version", 1);
	json_string(&j, "images", images);
	json_u64(&j, "capture_cpus", c->capture_cpus);
	json_array(&j, "captures");
	put_run(&j, &m->whole);
	put_run(&j, &m->least);
	json_array_end(&j);
	json_object_end(&j);
	if (!j.overflow)
		store_write(root, MEASURED_DIR, MEASURED_CAPTURES, text, j.used, NULL);
}

/* ---- calibrations, rehearsals ---- */

static void read_calibration(struct measured *m, const char *root, const char *images)
{
	struct json_object *o = open_kept(root, MEASURED_DIR "/" MEASURED_FILE, images);
	struct measured_run run = {.complete = true, .anywhere = true};
	char how[200];

	if (!o)
		return;
	jsonread_u64(o, "need_bytes", &run.bytes);
	jsonread_u64(o, "time", &run.time);
	jsonread_string(o, "how", how, sizeof(how));
	snprintf(run.source, sizeof(run.source), "lifeboat calibrate: %s", how);
	jsonread_free(o);
	// It has not the devices of this machine, which a capture had.
	take(&m->whole, &run);
}

static void read_rehearsal(struct measured *m, const char *root, const char *images)
{
	struct json_object *o = open_kept(root, MEASURED_DIR "/" MEASURED_REHEARSAL, images);
	uint64_t peak, limit;
	bool killed;

	if (!o)
		return;
	jsonread_u64(o, "peak_memory_bytes", &peak);
	jsonread_u64(o, "memory_limit_bytes", &limit);
	jsonread_bool(o, "killed", &killed);
	jsonread_free(o);
	// Full to the limit, and nobody killed: that is the page cache, which makes do with any.
	if (peak >= more_than(limit, LIMIT_REACHED) && !killed)
		return;
	m->rehearsed = peak < limit ? peak : limit;
	m->rehearsed_limit = limit;
}

void measured_find(struct measured *m, const char *root, const struct config *c, const char *images,
		   bool targets)
{
	struct measured kept;

	*m = (struct measured){.rehearsed = 0};
	read_captures(m, root, c, images);
	kept = *m;
	if (targets)
		look_at_places(m, root, c, images);
	if (m->whole.bytes != kept.whole.bytes || m->least.bytes != kept.least.bytes)
		store_captures(m, root, c, images);
	read_calibration(m, root, images);
	read_rehearsal(m, root, images);
	m->need = m->whole.bytes;
}

int measured_store(const char *root, const char *images, uint64_t need, const char *how,
		   struct err *err)
{
	char text[TEXT_MAX];
	struct json j;

	json_init(&j, text, sizeof(text));
	json_object(&j, NULL);
	json_u64(&j, "calibration_version", 1);
	json_string(&j, "images", images);
	json_u64(&j, "need_bytes", need);
	json_u64(&j, "time", time(NULL));
	json_string(&j, "how", how);
	json_object_end(&j);
	if (j.overflow)
		return err_set(err, ERR_LIMIT, MEASURED_FILE ": its text is too long");
	return store_write(root, MEASURED_DIR, MEASURED_FILE, text, j.used, err);
}
