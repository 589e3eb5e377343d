// SPDX-License-Identifier: GPL-2.0-or-later
/* The checks of what has been proven: the last rehearsal, the last test, the last crash. */
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "loader/checkup.h"
#include "loader/command.h"
#include "loader/identity.h"
#include "loader/jsonread.h"

/* The result that `lifeboat rehearse` left. */
struct proof {
	uint64_t time;
	char result[16], reason[RECEIPT_LINE_MAX];
	struct identity identity;
};

enum {
	PROOF_FRESH_S = 90 * 86400, /* what is around the machine changes, too */
	OF_MAX = IDENTITY_TEXT_MAX + 160,
};

/* Whether something was of what would be loaded now. */
enum of {
	OF_NOW,
	OF_ANOTHER,
	OF_UNTOLD, /* it does not say of which */
	OF_UNKNOWN, /* what would be loaded now is not known */
};

static int read_rehearsal(const struct checkup *c, struct proof *p, struct err *err)
{
	struct json_object *o = NULL;
	char path[FACTS_PATH_MAX];
	int rc = facts_path(path, sizeof(path), c->ctx->root, LIFEBOAT_DIR "/rehearsal.json", err);

	*p = (struct proof){.time = 0};
	if (!rc)
		rc = jsonread_file(AT_FDCWD, path, &o, err);
	if (rc)
		return rc;
	if (!jsonread_u64(o, "time", &p->time) ||
	    !jsonread_string(o, "result", p->result, sizeof(p->result)))
		rc = err_set(err, ERR_CORRUPT, "%s: has no time and result", path);
	jsonread_string(o, "reason", p->reason, sizeof(p->reason));
	identity_read(&p->identity, o);
	jsonread_free(o);
	return rc;
}

/* What it was of, by the digests that it has; in words, behind "the last test, DATE, ". */
static enum of of_which(const struct checkup *c, const struct identity *id,
			char text[static OF_MAX])
{
	char what[IDENTITY_TEXT_MAX];
	struct identity now;

	identity_of(&now, c->plan);
	text[0] = '\0';
	if (!identity_known(id)) {
		snprintf(text, OF_MAX,
			 "has no record of which kernel, initrd, configuration and command line it "
			 "was of; older versions left none");
		return OF_UNTOLD;
	}
	if (c->cmdline_err.code || !identity_known(&now)) {
		snprintf(text, OF_MAX,
			 "cannot be held against what would be loaded now, which is not known");
		return OF_UNKNOWN;
	}
	if (!identity_differs(id, &now, what))
		return OF_NOW;
	snprintf(text, OF_MAX, "was of another %s", what);
	return OF_ANOTHER;
}

static bool is_fresh(const struct checkup *c, const struct proof *p)
{
	return p->time <= c->now && c->now - p->time <= PROOF_FRESH_S;
}

static bool went_well(const struct proof *p)
{
	return strcmp(p->result, "ok") == 0 || strcmp(p->result, "warn") == 0;
}

bool check_rehearsed(const struct checkup *c)
{
	char text[OF_MAX];
	struct proof p;

	return !read_rehearsal(c, &p, NULL) && went_well(&p) && is_fresh(c, &p) &&
	       of_which(c, &p.identity, text) == OF_NOW;
}

/* One of another kernel, initrd, configuration or command line proves nothing of those of now. */
static void judge_rehearsal(struct checkup *c, const struct proof *p, const char *remedy)
{
	const char *reason = p->reason[0] ? p->reason : p->result;
	char date[CHECK_DATE_LEN], text[OF_MAX];
	enum of of = of_which(c, &p->identity, text);

	check_date(p->time, date);
	if (!went_well(p) && of == OF_ANOTHER)
		check_warn(c, remedy, "the last rehearsal, %s, %s; it failed: %s", date, text,
			   reason);
	else if (!went_well(p))
		check_fail(c, remedy, "the last rehearsal, %s, failed: %s", date, reason);
	else if (of != OF_NOW)
		check_warn(c, remedy, "the last rehearsal, %s, %s", date, text);
	else if (!is_fresh(c, p))
		check_warn(c, remedy, "the last rehearsal, %s, is not one of the last 90 days",
			   date);
	else if (strcmp(p->result, "warn") == 0)
		check_warn(c, remedy, "the last rehearsal, %s: %s", date, p->reason);
	else
		check_ok(c, "the last rehearsal, %s, went well", date);
}

void check_rehearsal(struct checkup *c)
{
	static const char remedy[] = "run `lifeboat rehearse`";
	struct err why = {0};
	struct proof p;
	int rc = read_rehearsal(c, &p, &why);

	if (rc == ERR_NOTFOUND)
		check_warn(c, remedy, "there was no rehearsal yet");
	else if (rc)
		check_fail(c, remedy, "%s", why.msg);
	else
		judge_rehearsal(c, &p, remedy);
}

static bool is_good(const struct receipt *r)
{
	return r->outcome == RECEIPT_CAPTURED || r->outcome == RECEIPT_SMALL;
}

/* When it was, or until when it must have been. */
static uint64_t time_of(const struct receipt *r)
{
	return r->crash_time ? r->crash_time : r->not_after;
}

static void judge_test(struct checkup *c, const struct receipt *r, const char *remedy)
{
	char date[CHECK_DATE_LEN], text[OF_MAX];
	enum of of = of_which(c, &r->identity, text);

	check_date(time_of(r), date);
	if (!is_good(r) && of == OF_ANOTHER)
		check_warn(c, remedy, "the last test, %s, %s; it failed: %s", date, text,
			   r->summary);
	else if (!is_good(r))
		check_fail(c, remedy, "the last test, %s: %s", date, r->summary);
	else if (of != OF_NOW)
		check_warn(c, remedy, "the last test, %s, %s", date, text);
	else
		check_ok(c, "the last test, %s: %s", date, r->summary);
}

/* `lifeboat test` crashes the machine, and leaves a receipt that says so. */
void check_test(struct checkup *c)
{
	static const char remedy[] = "run `lifeboat test`, which crashes this machine";
	const struct receipt *r = NULL;

	for (size_t i = 0; i < c->receipts.n && !r; i++)
		if (c->receipts.rows[i].test)
			r = &c->receipts.rows[i];
	if (c->receipts_err.code)
		check_fail(c, NULL, "%s", c->receipts_err.msg);
	else if (!r)
		check_warn(c, remedy, "there was no test with a real crash yet");
	else
		judge_test(c, r, remedy);
}

/* Since then a rehearsal may have proven that it works now. */
static bool proven_since(const struct checkup *c, uint64_t time)
{
	char text[OF_MAX];
	struct proof p;

	return !read_rehearsal(c, &p, NULL) && went_well(&p) && p.time > time &&
	       of_which(c, &p.identity, text) == OF_NOW;
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
	time = time_of(r);
	check_date(time, date);
	if (is_good(r))
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
