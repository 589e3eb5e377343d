// SPDX-License-Identifier: GPL-2.0-or-later
/* The checks of what has been proven: the last rehearsal, the last test, the last crash. */
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "loader/checkup.h"
#include "loader/command.h"
#include "loader/jsonread.h"

/* A result that `lifeboat rehearse` or `lifeboat test` left. */
struct proof {
	uint64_t time;
	char result[16], reason[RECEIPT_LINE_MAX];
};

static int read_proof(const struct checkup *c, const char *file, struct proof *p, struct err *err)
{
	struct json_object *o = NULL;
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), c->ctx->root, file, err);

	*p = (struct proof){.time = 0};
	if (!rc)
		rc = jsonread_file(AT_FDCWD, path, &o, err);
	if (rc)
		return rc;
	if (!jsonread_u64(o, "time", &p->time) ||
	    !jsonread_string(o, "result", p->result, sizeof(p->result)))
		rc = err_set(err, ERR_CORRUPT, "%s: has no time and result", path);
	jsonread_string(o, "reason", p->reason, sizeof(p->reason));
	jsonread_free(o);
	return rc;
}

/* When the newest of what would take part in a capture was written. */
static uint64_t newest_part(const struct checkup *c)
{
	const struct image *parts[] = {&c->plan->kernel, &c->plan->initrd, &c->plan->config_file};
	int64_t newest = 0;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (parts[i]->path[0] && parts[i]->written > newest)
			newest = parts[i]->written;
	return newest;
}

static void check_proof(struct checkup *c, const char *file, const char *what, const char *remedy)
{
	char date[CHECK_DATE_LEN];
	struct err why = {0};
	struct proof p;
	int rc = read_proof(c, file, &p, &why);

	if (rc == ERR_NOTFOUND)
		check_warn(c, remedy, "there was no %s yet", what);
	else if (rc)
		check_fail(c, remedy, "%s", why.msg);
	else if (strcmp(p.result, "ok") != 0 && strcmp(p.result, "warn") != 0)
		check_fail(c, remedy, "the last %s, %s, failed: %s", what, check_date(p.time, date),
			   p.reason[0] ? p.reason : p.result);
	else if (p.time < newest_part(c))
		check_warn(c, remedy,
			   "the last %s, %s, was of an older kernel, initrd or configuration", what,
			   check_date(p.time, date));
	else if (strcmp(p.result, "warn") == 0)
		check_warn(c, remedy, "the last %s, %s: %s", what, check_date(p.time, date),
			   p.reason);
	else
		check_ok(c, "the last %s, %s, went well", what, check_date(p.time, date));
}

void check_rehearsal(struct checkup *c)
{
	check_proof(c, LIFEBOAT_DIR "/rehearsal.json", "rehearsal", "run `lifeboat rehearse`");
}

void check_test(struct checkup *c)
{
	check_proof(c, LIFEBOAT_DIR "/test.json", "test with a real crash", "run `lifeboat test`");
}

/* Since then something else may have proven that it works now. */
static bool proven_since(const struct checkup *c, uint64_t time)
{
	static const char *const files[] = {LIFEBOAT_DIR "/rehearsal.json",
					    LIFEBOAT_DIR "/test.json"};
	struct proof p;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!read_proof(c, files[i], &p, NULL) && strcmp(p.result, "ok") == 0 &&
		    p.time > time)
			return true;
	return false;
}

void check_receipts(struct checkup *c)
{
	const struct receipt *r = c->receipts.rows;
	char date[CHECK_DATE_LEN];
	uint64_t time;

	if (c->receipts_err.code) {
		check_fail(c, NULL, "%s", c->receipts_err.msg);
		return;
	}
	if (!c->receipts.n) {
		check_ok(c, "no crash is known");
		return;
	}
	time = r->crash_time ? r->crash_time : r->not_after;
	check_date(time, date);
	if (r->outcome == RECEIPT_CAPTURED || r->outcome == RECEIPT_SMALL)
		check_ok(c, "the last crash, %s: %s", date, r->summary);
	else if (proven_since(c, time))
		check_ok(c, "the last crash, %s: %s; since then it was proven that it works", date,
			 r->summary);
	else if (r->outcome == RECEIPT_PARTIAL || r->outcome == RECEIPT_UNKNOWN ||
		 r->outcome == RECEIPT_UNCLEAN)
		check_warn(c, "see `lifeboat receipts`", "the last crash, %s: %s", date,
			   r->summary);
	else
		check_fail(c,
			   "see `lifeboat receipts`; when that is mended, run `lifeboat rehearse`",
			   "the last crash, %s: %s", date, r->summary);
}
