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
	TEXT_MAX = 2048,
};

static uint64_t more_than(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

uint64_t measured_of_manifest(struct json_object *o, const char *images, unsigned int cpus)
{
	char theirs[MEASURED_IMAGES_MAX];
	uint64_t ram, low, peak, budget, n, used;

	if (!jsonread_string(o, "capture.images", theirs, sizeof(theirs)) ||
	    strcmp(theirs, images) != 0 || !jsonread_u64(o, "capture.memory_ram_kib", &ram) ||
	    !jsonread_u64(o, "capture.memory_low_kib", &low) || low >= ram || ram > 1ULL << 40)
		return 0;
	used = ram - low;
	// The collector takes more where there is more, and so does each further CPU.
	jsonread_u64(o, "capture.peak_memory_kib", &peak);
	jsonread_u64(o, "capture.budget_kib", &budget);
	used -= more_than(budget < peak ? budget : peak, NEED_COLLECTOR_KIB);
	if (!cpus && jsonread_u64(o, "capture.cpus", &n) && n > 1 && n < 1024)
		used = more_than(used, (n - 1) * CPUS_COST_MIB << 10);
	return used < ram ? used << 10 : 0;
}

static void look_at(struct measured *m, int at, const char *name, const struct place *place,
		    const struct config *c, const char *images)
{
	CLEANUP_CLOSE int dir = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct json_object *o = NULL;
	struct utsname un = {.nodename = ""};
	struct crashdir parts;
	char theirs[65];
	uint64_t need;

	if (dir < 0 || !crashdir_parse(name, &parts) ||
	    jsonread_file(dir, CRASHDIR_MANIFEST, &o, NULL))
		return;
	uname(&un);
	jsonread_string(o, "crash.nodename", theirs, sizeof(theirs));
	need = measured_of_manifest(o, images, c->capture_cpus);
	jsonread_free(o);
	// The one that took most: a later one that took less may have had less to do.
	if (need <= m->need || (place->shared && strcmp(theirs, un.nodename) != 0))
		return;
	m->need = need;
	m->time = parts.time;
	snprintf(m->source, sizeof(m->source), "the capture %.200s/%.120s", place->shown, name);
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

static bool read_calibration(struct measured *m, const char *root, const char *images)
{
	char path[FACTS_PATH_MAX], theirs[MEASURED_IMAGES_MAX], how[200];
	struct json_object *o = NULL;

	if (facts_path(path, sizeof(path), root, MEASURED_DIR "/" MEASURED_FILE, NULL) ||
	    jsonread_file(AT_FDCWD, path, &o, NULL))
		return false;
	jsonread_string(o, "images", theirs, sizeof(theirs));
	if (strcmp(theirs, images) == 0) {
		jsonread_u64(o, "need_bytes", &m->need);
		jsonread_u64(o, "time", &m->time);
		jsonread_string(o, "how", how, sizeof(how));
		snprintf(m->source, sizeof(m->source), "lifeboat calibrate: %s", how);
	}
	jsonread_free(o);
	return m->need != 0;
}

void measured_find(struct measured *m, const char *root, const struct config *c, const char *images)
{
	*m = (struct measured){.need = 0};
	if (!read_calibration(m, root, images) && c)
		look_at_places(m, root, c, images);
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
