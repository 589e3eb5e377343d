// SPDX-License-Identifier: GPL-2.0-or-later
/* The checks of what has been proven: the last rehearsal, the last test, the last crash. */
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "loader/checkup.h"
#include "loader/command.h"
#include "loader/jsonread.h"
#include "loader/sizing.h"

/* The result that `lifeboat rehearse` left. */
struct proof {
	uint64_t time;
	char result[16], reason[RECEIPT_LINE_MAX];
	char images[MEASURED_IMAGES_MAX]; /* identity of kernel and initrd */
	char config[IMAGE_DIGEST_LEN]; /* "": there was none */
};

enum {
	PROOF_FRESH_S = 90 * 86400, /* what is around the machine changes, too */
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
	jsonread_string(o, "images", p->images, sizeof(p->images));
	jsonread_string(o, "config", p->config, sizeof(p->config));
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

/* Whether it was of the kernel, initrd and configuration of now, by the digests that rehearse leaves. */
static bool is_of_now(const struct checkup *c, const struct proof *p)
{
	char images[MEASURED_IMAGES_MAX];

	sizing_images(&c->plan->kernel, &c->plan->initrd, images);
	return strcmp(p->images, images) == 0 &&
	       strcmp(p->config, c->plan->config_file.digest) == 0;
}

static bool is_fresh(const struct checkup *c, const struct proof *p)
{
	return p->time <= c->now && c->now - p->time <= PROOF_FRESH_S;
}

bool check_rehearsed(const struct checkup *c)
{
	struct proof p;

	return !read_rehearsal(c, &p, NULL) && is_of_now(c, &p) && is_fresh(c, &p) &&
	       (strcmp(p.result, "ok") == 0 || strcmp(p.result, "warn") == 0);
}

void check_rehearsal(struct checkup *c)
{
	static const char remedy[] = "run `lifeboat rehearse`";
	char date[CHECK_DATE_LEN];
	struct err why = {0};
	struct proof p;
	int rc = read_rehearsal(c, &p, &why);

	check_date(p.time, date);
	if (rc == ERR_NOTFOUND)
		check_warn(c, remedy, "there was no rehearsal yet");
	else if (rc)
		check_fail(c, remedy, "%s", why.msg);
	else if (strcmp(p.result, "ok") != 0 && strcmp(p.result, "warn") != 0)
		check_fail(c, remedy, "the last rehearsal, %s, failed: %s", date,
			   p.reason[0] ? p.reason : p.result);
	else if (!is_of_now(c, &p))
		check_warn(c, remedy,
			   "the last rehearsal, %s, was of another kernel, initrd or configuration",
			   date);
	else if (!is_fresh(c, &p))
		check_warn(c, remedy, "the last rehearsal, %s, is not one of the last 90 days",
			   date);
	else if (strcmp(p.result, "warn") == 0)
		check_warn(c, remedy, "the last rehearsal, %s: %s", date, p.reason);
	else
		check_ok(c, "the last rehearsal, %s, went well", date);
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

/* `lifeboat test` crashes the machine, and leaves a receipt that says so. */
void check_test(struct checkup *c)
{
	static const char remedy[] = "run `lifeboat test`, which crashes this machine";
	const struct receipt *r = NULL;
	char date[CHECK_DATE_LEN];

	for (size_t i = 0; i < c->receipts.n && !r; i++)
		if (c->receipts.rows[i].test)
			r = &c->receipts.rows[i];
	if (c->receipts_err.code)
		check_fail(c, NULL, "%s", c->receipts_err.msg);
	else if (!r)
		check_warn(c, remedy, "there was no test with a real crash yet");
	else if (!is_good(r))
		check_fail(c, remedy, "the last test, %s: %s", check_date(time_of(r), date),
			   r->summary);
	else if (time_of(r) < newest_part(c))
		check_warn(c, remedy,
			   "the last test, %s, was of another kernel, initrd or configuration",
			   check_date(time_of(r), date));
	else
		check_ok(c, "the last test, %s: %s", check_date(time_of(r), date), r->summary);
}

/* Since then a rehearsal may have proven that it works now. */
static bool proven_since(const struct checkup *c, uint64_t time)
{
	struct proof p;

	return !read_rehearsal(c, &p, NULL) && strcmp(p.result, "ok") == 0 && p.time > time &&
	       is_of_now(c, &p);
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
