// SPDX-License-Identifier: GPL-2.0-or-later
#include "loader/receipt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "loader/jsonread.h"
#include "loader/store.h"
#include "vmcore/crashdir.h"

#define SUFFIX ".json"

enum {
	RECEIPT_VERSION = 1,
	TEXT_MAX = JSONREAD_SIZE_MAX,
	ENTRIES_MAX = 16 * RECEIPTS_MAX,
};

static const char *const outcome_names[RECEIPT_OUTCOMES] = {
	[RECEIPT_CAPTURED] = "captured",   [RECEIPT_PARTIAL] = "partial",
	[RECEIPT_SMALL] = "small",	   [RECEIPT_FAILED] = "failed",
	[RECEIPT_UNKNOWN] = "unknown",	   [RECEIPT_NO_CAPTURE] = "no-capture",
	[RECEIPT_NOT_ARMED] = "not-armed", [RECEIPT_UNCLEAN] = "unclean",
};

const char *receipt_outcome_name(enum receipt_outcome outcome)
{
	return outcome_names[outcome];
}

bool receipt_add_evidence(struct receipt *r, const char *evidence)
{
	if (r->nevidence == RECEIPT_EVIDENCE_MAX)
		return false;
	snprintf(r->evidence[r->nevidence++], RECEIPT_EVIDENCE_LEN, "%s", evidence);
	return true;
}

static void put_utc(struct json *j, const char *key, uint64_t seconds)
{
	char stamp[CRASHDIR_STAMP_LEN + 1];

	if (!seconds)
		return;
	crashdir_stamp(stamp, seconds);
	stamp[10] = 'T';
	json_string(j, key, stamp);
}

size_t receipt_text(const struct receipt *r, char *buf, size_t room)
{
	struct json j;

	json_init(&j, buf, room);
	json_object(&j, NULL);
	json_u64(&j, "receipt_version", RECEIPT_VERSION);
	json_string(&j, "outcome", receipt_outcome_name(r->outcome));
	json_string(&j, "summary", r->summary);
	json_u64(&j, "crash_time", r->crash_time);
	put_utc(&j, "crash_time_utc", r->crash_time);
	json_u64(&j, "not_before", r->not_before);
	json_u64(&j, "not_after", r->not_after);
	json_u64(&j, "told_time", r->told_time);
	put_utc(&j, "told_time_utc", r->told_time);
	json_string(&j, "boot_id", r->boot_id);
	json_string(&j, "release", r->release);
	json_string(&j, "panic", r->panic);
	json_string(&j, "signature", r->signature);
	json_string(&j, "stage", r->stage);
	json_string(&j, "reason", r->reason);
	json_bool(&j, "test", r->test);
	json_bool(&j, "out_of_memory", r->nomem);
	identity_put(&r->identity, &j);
	json_u64(&j, "reserved_bytes", r->reserved);
	json_u64(&j, "needs_bytes", r->needs);
	json_array(&j, "dumps");
	for (size_t i = 0; i < r->ndumps; i++) {
		json_object(&j, NULL);
		json_string(&j, "path", r->dumps[i].path);
		json_string(&j, "status", r->dumps[i].status);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_array(&j, "targets");
	for (size_t i = 0; i < r->ntargets; i++)
		json_string(&j, NULL, r->targets[i]);
	json_array_end(&j);
	json_array(&j, "evidence");
	for (size_t i = 0; i < r->nevidence; i++)
		json_string(&j, NULL, r->evidence[i]);
	json_array_end(&j);
	json_object_end(&j);
	return j.overflow ? 0 : j.used;
}

static bool read_outcome(struct json_object *o, enum receipt_outcome *ret)
{
	char name[32];

	jsonread_string(o, "outcome", name, sizeof(name));
	for (int i = 0; i < RECEIPT_OUTCOMES; i++) {
		if (strcmp(name, outcome_names[i]) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

int receipt_read(struct receipt *r, struct json_object *o, struct err *err)
{
	struct json_object *dump;
	uint64_t version;

	*r = (struct receipt){.ndumps = 0};
	if (!jsonread_u64(o, "receipt_version", &version) || version != RECEIPT_VERSION ||
	    !read_outcome(o, &r->outcome))
		return err_set(err, ERR_CORRUPT, "is no receipt");
	jsonread_string(o, "summary", r->summary, sizeof(r->summary));
	jsonread_u64(o, "crash_time", &r->crash_time);
	jsonread_u64(o, "not_before", &r->not_before);
	jsonread_u64(o, "not_after", &r->not_after);
	jsonread_u64(o, "told_time", &r->told_time);
	jsonread_string(o, "boot_id", r->boot_id, sizeof(r->boot_id));
	jsonread_string(o, "release", r->release, sizeof(r->release));
	jsonread_string(o, "panic", r->panic, sizeof(r->panic));
	jsonread_string(o, "signature", r->signature, sizeof(r->signature));
	jsonread_string(o, "stage", r->stage, sizeof(r->stage));
	jsonread_string(o, "reason", r->reason, sizeof(r->reason));
	jsonread_bool(o, "test", &r->test);
	jsonread_bool(o, "out_of_memory", &r->nomem);
	identity_read(&r->identity, o);
	jsonread_u64(o, "reserved_bytes", &r->reserved);
	jsonread_u64(o, "needs_bytes", &r->needs);
	while (r->ndumps < RECEIPT_DUMPS_MAX &&
	       (dump = jsonread_object_at(o, "dumps", r->ndumps))) {
		struct receipt_dump *d = &r->dumps[r->ndumps++];

		jsonread_string(dump, "path", d->path, sizeof(d->path));
		jsonread_string(dump, "status", d->status, sizeof(d->status));
	}
	while (r->ntargets < CONFIG_TARGETS_MAX &&
	       jsonread_string_at(o, "targets", r->ntargets, r->targets[r->ntargets],
				  ARMED_TARGET_MAX))
		r->ntargets++;
	while (r->nevidence < RECEIPT_EVIDENCE_MAX &&
	       jsonread_string_at(o, "evidence", r->nevidence, r->evidence[r->nevidence],
				  RECEIPT_EVIDENCE_LEN))
		r->nevidence++;
	return 0;
}

static int open_dir(const char *root, int *fd, struct err *err)
{
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), root, RECEIPT_DIR, err);

	if (rc)
		return rc;
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return errno == ENOENT ? err_set(err, ERR_NOTFOUND, "%s: is not there", path)
				       : err_sys(err, "%s", path);
	return 0;
}

/* As receipt_store() names them: a stamp, perhaps a number, and the end of the name. */
static bool is_name(const char *name)
{
	size_t len = strlen(name), end = strlen(SUFFIX);

	return name[0] >= '0' && name[0] <= '9' && len > end && len < RECEIPT_NAME_MAX &&
	       strcmp(name + len - end, SUFFIX) == 0;
}

static int names_newest_first(const void *a, const void *b)
{
	return strcmp(b, a);
}

/* The names of all of them, newest first; to be freed. */
static int list_names(int at, char (**ret)[RECEIPT_NAME_MAX], size_t *n, struct err *err)
{
	char(*names)[RECEIPT_NAME_MAX] = calloc(ENTRIES_MAX, RECEIPT_NAME_MAX);
	int fd = dup(at);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	*n = 0;
	if (!names || !d) {
		free(names);
		if (d)
			closedir(d);
		else if (fd >= 0)
			close(fd);
		return err_set(err, ERR_NOMEM, RECEIPT_DIR ": no memory");
	}
	rewinddir(d);
	while (*n < ENTRIES_MAX && (e = readdir(d))) {
		if (is_name(e->d_name))
			strcpy(names[(*n)++], e->d_name);
	}
	closedir(d);
	qsort(names, *n, sizeof(*names), names_newest_first);
	*ret = names;
	return 0;
}

static void remove_oldest(const char *root)
{
	CLEANUP_CLOSE int at = -1;
	char(*names)[RECEIPT_NAME_MAX];
	size_t n;

	if (open_dir(root, &at, NULL) || list_names(at, &names, &n, NULL))
		return;
	while (n > RECEIPTS_MAX)
		unlinkat(at, names[--n], 0);
	free(names);
}

int receipt_store(const struct receipt *r, const char *root, char name[static RECEIPT_NAME_MAX],
		  struct err *err)
{
	CLEANUP_FREE char *text = malloc(TEXT_MAX);
	char stamp[CRASHDIR_STAMP_LEN + 1], path[FACTS_PATH_MAX];
	size_t len = text ? receipt_text(r, text, TEXT_MAX) : 0;
	int rc = 0;

	if (!len)
		return err_set(err, ERR_NOMEM, "no room for a receipt");
	crashdir_stamp(stamp, r->crash_time ? r->crash_time : r->told_time);
	for (unsigned int i = 0; !rc; i++) {
		if (i == CRASHDIR_NTH_MAX)
			return err_set(err, ERR_LIMIT, RECEIPT_DIR "/%s: there are %u already",
				       stamp, i);
		// A zero in front: the order of names is that of time.
		snprintf(name, RECEIPT_NAME_MAX, i ? "%s.%02u" SUFFIX : "%s" SUFFIX, stamp, i);
		rc = facts_path(path, sizeof(path), root, RECEIPT_DIR "/", err);
		if (!rc && strlen(path) + strlen(name) >= sizeof(path))
			rc = err_set(err, ERR_LIMIT, "%s: name too long", path);
		if (!rc && access(strcat(path, name), F_OK))
			break;
	}
	if (!rc)
		rc = store_write(root, RECEIPT_DIR, name, text, len, err);
	if (!rc)
		remove_oldest(root);
	return rc;
}

int receipts_load(struct receipts *rs, const char *root, struct err *err)
{
	CLEANUP_CLOSE int at = -1;
	char(*names)[RECEIPT_NAME_MAX];
	size_t n;
	int rc = open_dir(root, &at, err);

	*rs = (struct receipts){.n = 0};
	if (rc)
		return rc == ERR_NOTFOUND ? 0 : rc;
	rc = list_names(at, &names, &n, err);
	if (rc)
		return rc;
	rs->names = names;
	n = n < RECEIPTS_MAX ? n : RECEIPTS_MAX;
	rs->rows = calloc(n ? n : 1, sizeof(*rs->rows));
	if (!rs->rows) {
		receipts_free(rs);
		return err_set(err, ERR_NOMEM, RECEIPT_DIR ": no memory");
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = NULL;

		if (jsonread_file(at, names[i], &o, NULL))
			continue;
		if (receipt_read(&rs->rows[rs->n], o, NULL) == 0) {
			memmove(names[rs->n], names[i], RECEIPT_NAME_MAX);
			rs->n++;
		}
		jsonread_free(o);
	}
	return 0;
}

void receipts_free(struct receipts *rs)
{
	free(rs->rows);
	free(rs->names);
	*rs = (struct receipts){.n = 0};
}

bool receipts_have(const struct receipts *rs, const char *evidence)
{
	for (size_t i = 0; i < rs->n; i++) {
		for (size_t k = 0; k < rs->rows[i].nevidence; k++) {
			if (strcmp(rs->rows[i].evidence[k], evidence) == 0)
				return true;
		}
	}
	return false;
}
